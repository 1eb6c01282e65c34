"""FFmpeg: its arguments, its processes, and what comes out of its pipes.

`args` builds command lines, `process` starts, watches and ends children in a sandbox, `part_reader` reads
fragmented MP4 (`fmp4`), `segmenter` cuts parts at exact times, `probe` reads what a file or stream is.
Called by live broadcasts, recordings and uploads. Promises: a child ends with its parent; a child has no
network and sees only the files it is given.
"""
