"""Events of an app for programs: subscribe over sockets, read and publish over REST.

`api` is the REST and WebSocket door, `subscriptions` keeps what each connection follows.
Promises: events arrive in order and can be resumed from any position that the log still has.
"""
