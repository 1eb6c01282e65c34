"""Who may watch: viewing sessions, the decision on every /hls request, limits on viewers.

`watch_sessions` opens and renews sessions, `hls_access` answers nginx's auth requests, `viewer_limit` counts
sessions in Redis. Called by the player pages' REST routes and by nginx. Promises: a withdrawn token opens
nothing after some seconds; without Redis no viewer is refused for a limit.
"""
