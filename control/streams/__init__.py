"""Streams: their settings, keys, states and playback tokens.

`service` holds the verbs, `rules` the pure state machine of a broadcast, `hooks` answers nginx-rtmp's
publish hooks, `api` is the REST door. Called by the REST door, by nginx-rtmp and by events of the media
room. Promises: one publish at a time for a key; a state change and its event are one write.
"""
