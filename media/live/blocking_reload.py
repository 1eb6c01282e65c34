"""Which position's reloads a web server may hold by itself, and what it gives to those it holds. [work]

A file `next/MSN.PART` among a stream's parts says that nginx may hold players who ask for that position:
the one that comes next, and for a moment those just before, whose playlists nginx still has. All other
questions nginx passes to the origin, which knows what to answer: nobody waits for a part that has been or
that will never come.
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
    """`lists` renders the playlists of all renditions as they are now."""

    def __init__(self, edge: NchanPublisher, files: SegmentFiles, playback: str, lists: Lists) -> None:
        self._nchan = edge
        self._files = files
        self._playback = playback
        self._lists = lists
        self._awaited: str | None = None
        self._behind: deque[str] = deque()

    def release_all(self) -> None:
        """Gives those who wait for what a dead process would have made the present playlist; they ask anew."""
        for position in self._files.awaited():
            self._nchan.post(self._playback, position, self._lists())
            self._files.stop_awaiting(position)

    def advance(self, hint: tuple[str, int, int] | None) -> None:
        """After each change of the timeline. The next position may be held before anybody hears of it."""
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
