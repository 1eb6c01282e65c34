"""Redis for all rooms: the client, the event bus, periodic tasks, leases, rate limits.

`client` connects, `bus` delivers events at least once, `periodic` runs a task on one process at a time,
`rate_limits` is GCRA, `stream_owner` names the worker of a stream, `play_tickets` are one-time permissions
to pull, `scripts` reads Lua.
"""
