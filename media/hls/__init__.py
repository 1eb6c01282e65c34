"""HLS as files and text: playlists, segment index, segment files, encryption, preview pictures.

`timeline` numbers parts and segments, `playlists` renders them, `segment_files` writes and removes them,
`segment_index` survives a crash. Called by live broadcasts, recordings and uploads. Promises: a playlist
names only files that exist; numbers never go back.
"""
