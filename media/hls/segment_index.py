"""What a broadcast has produced, on disk: enough for another process to continue it.

Index entries: first the shape (`broadcast`, `renditions`, `rate`, …), again when its renditions change,
then one per segment (`msn`, `run`, `generation`, `start_ms`, `duration_s`, `discontinuity`, `files` by
rendition). A segment's entry is written after its files, so what the index names exists.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from media.hls.playlists import part_name, segment_name
from media.hls.segment_files import SegmentFiles
from media.hls.timeline import Segment
from media.ladder.rules import BroadcastShape, Cadence, Rendition


@dataclass(frozen=True)
class IndexedSegments:
    """`segments` are the newest ones without a hole; `discontinuities` counts those before the first of them."""

    shape: BroadcastShape
    codecs: tuple[str, ...]
    segments: list[Segment]
    discontinuities: int


class SegmentIndex:
    def __init__(self, files: SegmentFiles, broadcast: str) -> None:
        self._files = files
        self._broadcast = broadcast
        self._with_segment: deque[Segment] = deque()
        self._with_parts: deque[Segment] = deque()

    def start(self, shape: BroadcastShape, codecs: Sequence[str]) -> None:
        self._files.append(
            {
                "broadcast": self._broadcast,
                "codecs": list(codecs),
                "renditions": [asdict(one) for one in shape.renditions],
                "rate": [shape.cadence.rate.numerator, shape.cadence.rate.denominator],
                "part_frames": shape.cadence.part_frames,
                "segment_frames": shape.cadence.segment_frames,
                "rotation": shape.rotation,
            }
        )

    def add(self, segment: Segment, generation: int) -> None:
        """Adds a complete segment whose files are written."""
        self._files.append(
            {
                "msn": segment.msn,
                "run": segment.run,
                "generation": generation,
                "start_ms": segment.start_ms,
                "duration_s": segment.duration_s,
                "discontinuity": segment.discontinuity,
                "files": {name: segment_name(segment.stem, name, segment.msn) for name in segment.names},
                **({"stem": segment.stem} if segment.stem != segment.run else {}),
            }
        )
        self._with_segment.append(segment)
        self._with_parts.append(segment)

    def forget(self, segments_below: int, parts_below: int) -> None:
        """Deletes the files of segments, and of parts, below these media sequence numbers."""
        while self._with_parts and self._with_parts[0].msn < parts_below:
            old = self._with_parts.popleft()
            self._files.drop(
                part_name(old.stem, name, old.msn, part)
                for name in old.names
                for part in range(len(old.parts))
            )
        while self._with_segment and self._with_segment[0].msn < segments_below:
            old = self._with_segment.popleft()
            self._files.drop(segment_name(old.stem, name, old.msn) for name in old.names)

    def read(self, window: int) -> IndexedSegments | None:
        """What a previous process has left of this broadcast, at most `window` segments; None when it belongs
        to another."""
        entries = list(self._files.index())
        if not entries or entries[0].get("broadcast") != self._broadcast:
            return None
        heads, rows = (
            [row for row in entries if "renditions" in row],
            [row for row in entries[1:] if "msn" in row],
        )
        head = heads[-1]
        shape = _shape(head)
        present = [row for row in rows if all(self._files.has(name) for name in row["files"].values())]
        self._with_segment.extend(map(_segment, present))
        kept: list[Segment] = []
        for segment in reversed(self._with_segment):
            if len(kept) == window or (kept and segment.msn != kept[0].msn - 1):
                break
            kept.insert(0, segment)
        before = [row for row in rows if not kept or row["msn"] <= kept[0].msn]
        return IndexedSegments(
            shape, tuple(head["codecs"]), kept, sum(row["discontinuity"] for row in before)
        )


def renditions_of(rows: Iterable[dict[str, Any]]) -> tuple[Rendition, ...]:
    """As `asdict` wrote them."""
    return tuple(Rendition(**{**row, "size": tuple(row["size"])}) for row in rows)


def _shape(head: dict[str, Any]) -> BroadcastShape:
    return BroadcastShape(
        renditions_of(head["renditions"]),
        Cadence(Fraction(*head["rate"]), head["part_frames"], head["segment_frames"]),
        head.get("rotation", 0),
    )


def _segment(row: dict[str, Any]) -> Segment:
    return Segment(
        row["msn"],
        row["run"],
        row["start_ms"],
        row["discontinuity"],
        tuple(row["files"]),
        row["duration_s"],
        complete=True,
        stem=row.get("stem", ""),
    )
