"""What was used: bytes, minutes, messages, storage and viewers, by stream and day, and the list of
broadcasts.

`ledger` stores the rows, `web_log` reads nginx's log, `meters` drains counters, `publish_minutes` counts
minutes on air. Called by the stream verbs, by periodic tasks and by the analytics doors. Promises: a batch
counts once, also after kill -9 between two steps.
"""
