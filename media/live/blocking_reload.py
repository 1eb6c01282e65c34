"""Which blocking reloads a web server may hold by itself, and what it answers them with. [work]

A file `next/MSN.PART` among a stream's parts tells nginx that it may hold requests for that position: the
next one, and for a moment those just before, whose playlists nginx still has. nginx passes all other requests
to the origin, which knows the answer: no request waits for a part of the past or for one that will never
come.
"""

from collections import deque
from collections.abc import Callable, Mapping

from media.hls.segment_files import SegmentFiles
from media.live.nchan import NchanPublisher

# 2 s with parts of .333 s: a player that is late because the core is busy must not make the application busy
# as well.
BEHIND = 6
Lists = Callable[[], Mapping[str, bytes]]


class HeldReloads:
    """`lists` renders the playlists of all renditions."""

    def __init__(self, edge: NchanPublisher, files: SegmentFiles, playback: str, lists: Lists) -> None:
        self._nchan = edge
        self._files = files
        self._playback = playback
        self._lists = lists
        self._awaited: str | None = None
        self._behind: deque[str] = deque()

    def release_all(self) -> None:
        """Answers requests that a dead process had nginx hold with the present playlist; players then ask
        again."""
        for position in self._files.awaited():
            self._nchan.post(self._playback, position, self._lists())
            self._files.stop_awaiting(position)

    def advance(self, hint: tuple[str, int, int] | None) -> None:
        """Called after each change of the timeline. nginx may hold the next position before any player knows
        of it."""
        awaited = f"{hint[1]}.{hint[2]}" if hint else None
        if awaited == self._awaited:
            return
        if awaited is not None:
            self._files.await_next(awaited)
        come, self._awaited = self._awaited, awaited
        if come is not None:
            self._nchan.post(self._playback, come, self._lists())
            self._behind.append(come)
        while len(self._behind) > (BEHIND if awaited is not None else 0):
            self._files.stop_awaiting(self._behind.popleft())
