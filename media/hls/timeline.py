"""The media sequence of one broadcast: which segments and parts exist, in order, over any number of encoder
runs.

A run is one life of an FFmpeg process. Media sequence numbers (MSN) only grow; a new run begins with a
discontinuity. All renditions have the same cuts, so there is one timeline for all of them.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from media.ffmpeg.fmp4 import InitSegment
from media.ladder.rules import Cadence

LISTED_PARTS_SEGMENTS = 3


@dataclass(frozen=True)
class Part:
    duration_s: float
    independent: bool


@dataclass
class Segment:
    """`start_ms` is its first frame's time on the PROGRAM-DATE-TIME line. A segment read back from disk has
    no parts. `names` are the renditions that have it, `stem` is in the names of its files (default: the
    run), `settled` its text by rendition, once it will not change any more."""

    msn: int
    run: str
    start_ms: int
    discontinuity: bool
    names: tuple[str, ...] = ()
    duration_s: float = 0.0
    complete: bool = False
    stem: str = ""
    parts: list[Part] = field(default_factory=list)
    settled: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.stem = self.stem or self.run

    @property
    def end_ms(self) -> int:
        return self.start_ms + round(self.duration_s * 1000)


@dataclass(frozen=True)
class SegmentData:
    """A finished segment, unencrypted: by rendition in the ladder's order, each as its parts (joining them
    costs as much as writing them)."""

    segment: Segment
    inits: tuple[InitSegment, ...]
    bodies: tuple[tuple[bytes, ...], ...]


class Timeline:
    def __init__(
        self,
        cadence: Cadence,
        window: int,
        first_msn: int,
        before: Iterable[Segment] = (),
        discontinuities: int = 0,
        stem: Callable[[str, int], str] = lambda run, _msn: run,
    ) -> None:
        """`before` are segments that a former process has left, `discontinuities` the discontinuity sequence
        of the first. `stem` names a run's segment."""
        self._stem = stem
        self.cadence = cadence
        self.segments = deque(before)
        self.discontinuity_sequence = discontinuities
        self.ended = False
        self.window = window
        self._next = self.segments[-1].msn + 1 if self.segments else first_msn
        self._run = ""
        self._base = 0
        self._epoch_ms = 0.0
        self._names: tuple[str, ...] = ()

    def begin_run(self, run: str, epoch_ms: float, names: Sequence[str]) -> None:
        """`epoch_ms` is the wall-clock time of the run's first frame. It never changes: players align by it,
        and one that sees it jump within a discontinuity stops loading (hls.js 1.7)."""
        previous_end = self.segments[-1].end_ms if self.segments else 0
        self._run = run
        self._base = self._next
        self._epoch_ms = max(epoch_ms, previous_end)
        self._names = tuple(names)

    def add(self, segment: int, duration_s: float, independent: bool, last: bool) -> Segment:
        """The run's next part, in its segment counted from 0; `last` closes the segment at once, so that the
        preload hint and the next blocking request name a part that will exist."""
        msn = self._base + segment
        if not self.segments or self.segments[-1].complete:
            start_ms = round(self._epoch_ms + segment * self.cadence.segment_s * 1000)
            discontinuity = bool(self.segments) and self.segments[-1].run != self._run
            self.segments.append(
                Segment(msn, self._run, start_ms, discontinuity, self._names, stem=self._stem(self._run, msn))
            )
        current = self.segments[-1]
        if self.cadence.low_latency:
            current.parts.append(Part(duration_s, independent))
        current.duration_s += duration_s
        if last:
            self._close(current)
        return current

    def end_run(self) -> Segment | None:
        """Closes the segment that was started; returns it if it is shorter than the others."""
        self._run = ""
        if self.segments and not self.segments[-1].complete:
            self._close(self.segments[-1])
            return self.segments[-1]
        return None

    def end(self) -> None:
        self.ended = True

    def trim(self) -> None:
        """Removes segments before the window from the playlists."""
        while sum(one.complete for one in self.segments) > self.window:
            self.segments.popleft()
            if self.segments[0].discontinuity:
                self.discontinuity_sequence += 1

    @property
    def next_msn(self) -> int:
        return self._next

    @property
    def playable(self) -> bool:
        return any(one.complete for one in self.segments)

    @property
    def hint(self) -> tuple[str, int, int] | None:
        """(stem, MSN, part) of the next part while an encoder runs."""
        if not (self._run and self.segments and self.cadence.low_latency):
            return None
        current = self.segments[-1]
        msn, part = (current.msn + 1, 0) if current.complete else (current.msn, len(current.parts))
        return self._stem(self._run, msn), msn, part

    def wanted(self, msn: int, part: int | None) -> tuple[int, int | None]:
        """A part after a segment's last one means part 0 of the next segment (RFC 8216bis §6.2.5.2)."""
        if part is not None and part >= self.cadence.parts_per_segment:
            return msn + 1, 0
        return msn, part

    def reached(self, msn: int, part: int | None) -> bool:
        if not self.segments:
            return False
        last = self.segments[-1]
        return last.msn > msn or (
            last.msn == msn and (last.complete or (part is not None and len(last.parts) > part))
        )

    def too_far(self, msn: int, part: int | None) -> bool:
        """True beyond two segments, or beyond the advance part limit (RFC 8216bis §6.2.5.2)."""
        last = self.segments[-1]
        limit = max(3, math.ceil(3 / self.cadence.part_s))
        return msn > last.msn + 2 or (part or 0) > self.cadence.parts_per_segment + limit

    def _close(self, segment: Segment) -> None:
        segment.complete = True
        self._next = segment.msn + 1
