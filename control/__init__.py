"""Control room: accounts, apps, keys, streams, publish hooks, playback access, usage."""
