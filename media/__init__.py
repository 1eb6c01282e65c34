"""Media room: one FFmpeg per publish, the packager, playlists and parts."""
