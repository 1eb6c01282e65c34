"""Recordings: what was on air, kept as HLS and MP4, on disk or in a bucket.

`service` writes a recording while the stream is live, `recording_files` holds the bytes, `finalizer` makes
playlist, MP4 and pictures, `store` the documents, `s3` and `sigv4` the bucket, `bucket_origin` reads from it;
`api` is the REST door. Called by live broadcasts and uploads. Promises: what was recorded before a crash is
playable after it.
"""
