"""Uploaded files: resumable upload (tus), checking, transcoding to HLS.

`service` accepts bytes, `staging` keeps them, `transcoder` probes and converts, `tus` reads the protocol's
headers, `api` is the door. Promises: an acknowledged offset is on disk; a file that is no video is refused
before it waits in line.
"""
