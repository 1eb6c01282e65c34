"""The files of one recording: what the packager cut, appended, and an index that never names what is not on
disk.

Folder `recordings/<recording id>/` in the data folder. Each life of an encoder is a run of its own, with one
fragmented MP4 a rendition (`v720_0.mp4`: initialisation segment, then segments). Index entries: a run's head
(`run`, `id`, `rate`, `codecs`, `renditions`, `inits` by length), then one a segment (`run`, `msn`,
`start_ms`, `duration_s`, `at` by rendition: offset and length). kill -9 at any point costs the segment that
was growing, 2 s; bytes of a file after the last ones that the index names are not read.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from media.hls.segment_files import DISK_FULL, INDEX, append_line, private, read_lines
from media.hls.segment_index import renditions_of
from media.hls.timeline import SegmentData
from media.ladder.rules import BroadcastShape, Rendition
from weir.foundation.settings import Settings

Extent = tuple[int, int]


def run_file(rendition: str, run: int) -> str:
    return f"{rendition}_{run}.mp4"


@dataclass(frozen=True)
class RecordedRun:
    """One life of an encoder; `inits` are lengths by rendition name."""

    number: int
    frame_rate: float
    codecs: tuple[str, ...]
    renditions: tuple[Rendition, ...]
    inits: dict[str, int]

    @property
    def sounds(self) -> bool:
        return any("mp4a" in codecs for codecs in self.codecs)


@dataclass(frozen=True)
class StoredSegment:
    """A recorded segment; `at` is (offset, length) by rendition name."""

    run: int
    msn: int
    start_ms: int
    duration_s: float
    at: dict[str, Extent]


class RecordingFiles:
    """Errors of the verbs that write: OSError. All verbs block; call them from a thread."""

    def __init__(self, settings: Settings, recording: str) -> None:
        self.folder = settings.data / "recordings" / recording
        self._run = ""
        self._number = -1
        self._ends: dict[str, int] = {}

    def open(self) -> None:
        private(self.folder)
        self._number = max((run.number for run in self.runs()), default=-1)

    def add(self, shape: BroadcastShape, whole: SegmentData) -> bool:
        """Appends a segment. True when it is on disk; False when the disk is full, and then nothing of it
        stays."""
        if whole.segment.run != self._run and not self._begin(shape, whole):
            return False
        at: dict[str, Extent] = {}
        for name, body in zip(shape.names, whole.bodies, strict=True):
            if not self._append(name, *body):
                return self._undo()
            at[name] = (self._ends[name], sum(map(len, body)))
        segment = whole.segment
        entry = {
            "run": self._number,
            "msn": segment.msn,
            "start_ms": segment.start_ms,
            "duration_s": segment.duration_s,
            "at": at,
        }
        if not append_line(self.folder / INDEX, entry, sync=True):
            return self._undo()
        for name, (offset, length) in at.items():
            self._ends[name] = offset + length
        return True

    def _begin(self, shape: BroadcastShape, whole: SegmentData) -> bool:
        """A new run: codec parameters may differ, and the end of a file that a crash has torn stays as it is."""
        number = self._number + 1
        inits = {name: init.data for name, init in zip(shape.names, whole.inits, strict=True)}
        ends = self._ends
        self._number = number
        self._ends = dict.fromkeys(inits, 0)
        head = {
            "run": number,
            "id": whole.segment.run,
            "rate": float(shape.cadence.rate),
            "codecs": [init.codecs for init in whole.inits],
            "renditions": [asdict(one) for one in shape.renditions],
            "inits": {name: len(data) for name, data in inits.items()},
        }
        if not (
            all(self._append(name, data) for name, data in inits.items())
            and append_line(self.folder / INDEX, head, sync=True)
        ):
            for name in inits:
                (self.folder / run_file(name, number)).unlink(missing_ok=True)
            self._number = number - 1
            self._ends = ends
            return False
        self._run = whole.segment.run
        self._ends = {name: len(data) for name, data in inits.items()}
        return True

    def _append(self, name: str, *data: bytes) -> bool:
        end = self._ends[name]
        descriptor = os.open(self.folder / run_file(name, self._number), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if (
                os.fstat(descriptor).st_size != end
            ):  # to cut nothing off takes as long as to write a small rendition
                os.ftruncate(descriptor, end)
            written = os.pwritev(descriptor, data, end)
            os.fdatasync(descriptor)
            return written == sum(map(len, data))
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            return False
        finally:
            os.close(descriptor)

    def _undo(self) -> bool:
        """Deletes what was written of a segment that did not fit."""
        for name, end in self._ends.items():
            os.truncate(self.folder / run_file(name, self._number), end)
        return False

    def runs(self) -> list[RecordedRun]:
        return [
            RecordedRun(
                row["run"], row["rate"], tuple(row["codecs"]), renditions_of(row["renditions"]), row["inits"]
            )
            for row in self._rows()
            if "inits" in row
        ]

    def segments(self) -> list[StoredSegment]:
        """Segments in order, only those whose bytes are complete."""
        sizes = {path.name: path.stat().st_size for path in self.folder.glob("*_*.mp4")}
        return [one for one in map(_taped, (row for row in self._rows() if "at" in row)) if _held(one, sizes)]

    def trim(self) -> None:
        """Cuts off what the index does not name: the torn end of a killed process."""
        known = {
            run_file(name, run.number): length for run in self.runs() for name, length in run.inits.items()
        }
        for one in self.segments():
            known |= {run_file(name, one.run): offset + length for name, (offset, length) in one.at.items()}
        for path in self.folder.glob("*_*.mp4"):
            os.truncate(path, known.get(path.name, 0))

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _rows(self) -> Iterator[dict[str, Any]]:
        return read_lines(self.folder / INDEX)


def _taped(row: dict[str, Any]) -> StoredSegment:
    at = {name: (offset, length) for name, (offset, length) in row["at"].items()}
    return StoredSegment(row["run"], row["msn"], row["start_ms"], row["duration_s"], at)


def _held(one: StoredSegment, sizes: dict[str, int]) -> bool:
    return all(
        sizes.get(run_file(name, one.run), 0) >= offset + length for name, (offset, length) in one.at.items()
    )


def recordings(settings: Settings) -> set[str]:
    """Ids of recordings that have a folder here."""
    root: Path = settings.data / "recordings"
    return {entry.name for entry in root.iterdir()} if root.is_dir() else set()
