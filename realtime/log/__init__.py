"""The ordered, durable log of each channel and of each app, in Redis, and its archive in the document store.

`channel_log` appends and reads, `follower` delivers new entries to this process, `recovery` answers a
resume, `archiver` moves old entries to `archive`, `app_log` and `app_log_forwarder` keep each app's own
log; `redis_keys` names all keys, `lua/` holds the scripts. Promises: an acknowledged entry is stored;
sequence numbers have no holes within an epoch; a client's id is stored once.
"""
