"""Overlays for OBS: pages that show a stream's chat, viewers, alerts or reactions within its own picture.

`service` makes and ends the secret link of a stream's overlays and opens their sessions, `api` is the REST door.
Called by the studio and by the pages themselves. Promises: the link's key is shown once and stored as a hash;
what was opened with it only reads, counts as nobody, and ends within two seconds of the key.
"""
