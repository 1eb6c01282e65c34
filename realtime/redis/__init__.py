"""A Redis client for the log: pipelining, one connection per node, cluster slots, Pub/Sub.

`client` is what others use, `connection` speaks RESP, `node` and `cluster` find the right server, `pubsub`
keeps subscriptions. Promises: a command that was sent is answered or fails as unknown; it is never sent
twice.
"""
