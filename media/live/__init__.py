"""Live broadcasts: one object a publish, from FFmpeg's start to the end of its playlist.

`broadcast` runs a publish, `packager` writes parts and playlists, `blocking_reload` holds requests for
parts to come, `origin` answers /hls requests, `nchan` publishes to nginx, `restart_backoff` limits
restarts, `health_store` and `api` show stream health. Called by the media room's worker. Promises: viewers
continue in the same playlist after a restart of FFmpeg or of the process.
"""
