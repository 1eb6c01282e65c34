"""The picture of a stream or recording for whoever may watch it: on the watch page, in lists, where links unfold.

`service` chooses the picture, `api` is the REST door. Called by browsers and by the programs that unfold links,
through the web server, which keeps public pictures some seconds. Promises: FFmpeg draws at most one picture a
stream in ten seconds, however many ask; nothing of a signed stream is shown without a token that plays it.
"""
