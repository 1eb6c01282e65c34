"""Webhooks: events of an app, delivered to addresses that it names (Standard Webhooks). `api` is the door,
`service` its verbs; `dispatcher` shares apps between processes, `app_dispatch` reads an app's log,
`endpoint_worker` sends. Promises: each event of the log reaches each endpoint that wants it at least once,
under one `webhook-id`, whichever process dies; an endpoint that fails or hangs holds up no other.
"""
