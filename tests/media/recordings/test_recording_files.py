"""What a recording has written survives the death of its process."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.ffmpeg.fmp4 import InitSegment, Track
from media.hls.segment_files import INDEX
from media.hls.timeline import Segment, SegmentData
from media.ladder.rules import BroadcastShape, Rendition, cadence
from media.recordings.recording_files import RecordingFiles, recordings
from weir.foundation.settings import Settings

SHAPE = BroadcastShape(
    (Rendition(360, (640, 360), 800_000), Rendition(240, (426, 240), 400_000)), cadence(30, 1 / 3, 2)
)
INITS = tuple(
    InitSegment(b"init" * (number + 1), (Track(1, "video", 30000, "avc1.64001e", (640, 360), (0, 0, 0)),))
    for number in range(2)
)


def whole(msn: int, run: str = "a") -> SegmentData:
    segment = Segment(msn, run, msn * 2000, False, ("v360", "v240"), 2.0, complete=True)
    return SegmentData(segment, INITS, (_parted(b"%d-high;" % msn * 9), _parted(b"%d-low;" % msn * 5)))


def recording_files(folder: Path) -> RecordingFiles:
    made = RecordingFiles(Settings(data_dir=folder), "rec_1")
    made.open()
    return made


def _parted(body: bytes) -> tuple[bytes, ...]:
    return body[:4], body[4:9], body[9:]


def content(made: RecordingFiles) -> list[tuple[int, bytes]]:
    """(media sequence number, what the index says is the highest rendition's segment)."""
    found = []
    for one in made.segments():
        offset, length = one.at["v360"]
        found.append((one.msn, (made.folder / f"v360_{one.run}.mp4").read_bytes()[offset : offset + length]))
    return found


def test_segments_are_found_where_the_index_says(tmp_path: Path) -> None:
    """Each run of an encoder has its own files, beginning with its initialisation segment."""
    made = recording_files(tmp_path)
    assert all(made.add(SHAPE, one) for one in (whole(7), whole(8), whole(9, "b"), whole(10, "b")))
    assert content(made) == [(msn, b"".join(whole(msn).bodies[0])) for msn in (7, 8, 9, 10)]
    assert [run.inits for run in made.runs()] == [{"v360": 4, "v240": 8}] * 2
    assert (made.folder / "v240_1.mp4").read_bytes() == INITS[1].data + b"".join(
        whole(9).bodies[1] + whole(10).bodies[1]
    )
    assert recordings(Settings(data_dir=tmp_path)) == {"rec_1"}


@given(st.integers(0, 400), st.sampled_from(["v360_0.mp4", "v240_0.mp4", INDEX]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_torn_end_costs_what_was_torn(tmp_path: Path, lost: int, file: str) -> None:
    """Whatever kill -9 or a power cut leaves of the last writes: what is found is a beginning of the truth,
    and recording continues."""
    made = recording_files(tmp_path)
    for msn in range(4):
        made.add(SHAPE, whole(msn))
    path = made.folder / file
    os.truncate(path, max(0, path.stat().st_size - lost))
    again = recording_files(tmp_path)
    kept = content(again)
    assert kept == [(msn, b"".join(whole(msn).bodies[0])) for msn in range(len(kept))]
    assert again.add(SHAPE, whole(9, "b"))
    assert content(again) == [*kept, (9, b"".join(whole(9).bodies[0]))]
    again.trim()
    assert content(again) == [*kept, (9, b"".join(whole(9).bodies[0]))]
    again.remove()


@pytest.mark.parametrize(
    ("run", "call"),
    [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", 3), ("b", 4), ("b", 5), ("b", 6)],
)
def test_a_full_disk_leaves_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: str, call: int
) -> None:
    """The segment that does not fit is left out whole; once there is room again, the recording continues."""
    made = recording_files(tmp_path)
    assert made.add(SHAPE, whole(1))
    written = [0]

    def filling(real: Any) -> Any:
        def write(*given: Any) -> int:
            written[0] += 1
            if written[0] >= call:
                raise OSError(errno.ENOSPC, "full")
            return real(*given)

        return write

    for name in ("pwritev", "write"):
        monkeypatch.setattr(os, name, filling(getattr(os, name)))
    assert not made.add(SHAPE, whole(2, run))
    monkeypatch.undo()
    left = {path.name: path.stat().st_size for path in made.folder.iterdir()}
    made.trim()
    assert {path.name: path.stat().st_size for path in made.folder.iterdir()} == left
    assert made.add(SHAPE, whole(3, run))
    assert content(made) == [(1, b"".join(whole(1).bodies[0])), (3, b"".join(whole(3).bodies[0]))]
