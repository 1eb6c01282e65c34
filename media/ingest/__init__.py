"""What an encoder sends: pulled over RTMP, parsed, put in order and handed to FFmpeg.

`puller` plays a stream from the ingest, `rtmp` and `flv` parse it, `source_feed` orders times and fills
gaps, `fmp4_writer` writes it for FFmpeg, `source` runs all of it for one publish; `stream_health` measures
frames, key frames and drift. Called by live broadcasts. Promises: times only grow; a flood of messages
ends this publish and nothing else.
"""
