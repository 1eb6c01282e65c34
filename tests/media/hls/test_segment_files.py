"""Files appear whole and private, and the index tells another process where to continue."""

import os
from pathlib import Path

import pytest

from media.hls.segment_files import INDEX, SegmentFiles, playbacks
from media.hls.segment_index import SegmentIndex
from media.hls.timeline import Segment
from media.ladder.rules import BroadcastShape, Rendition, cadence
from weir.foundation.settings import Settings

SHAPE = BroadcastShape(
    (Rendition(360, (640, 360), 800_000), Rendition(240, (426, 240), 400_000)), cadence(29.97, 1 / 3, 2)
)
CODECS = ("avc1.64001e,mp4a.40.2", "avc1.640015,mp4a.40.2")


def files(tmp_path: Path, playback: str = "ply_1") -> SegmentFiles:
    made = SegmentFiles(Settings(data_dir=tmp_path / "d", live_dir=tmp_path / "l"), playback)
    made.open()
    return made


def segment(msn: int, discontinuity: bool = False) -> Segment:
    return Segment(msn, f"r{msn // 10}", 1000 * msn, discontinuity, tuple(SHAPE.names), 2.0, complete=True)


def filled(tmp_path: Path, numbers: range) -> SegmentIndex:
    store = files(tmp_path)
    history = SegmentIndex(store, "brd_1")
    history.start(SHAPE, CODECS)
    for msn in numbers:
        for name in SHAPE.names:
            store.write_segment(f"s_r{msn // 10}_{name}_{msn}.m4s", b"x")
        history.add(segment(msn, msn % 10 == 0), 1)
    return history


def test_only_our_user_can_read(tmp_path: Path) -> None:
    """Folders are 0700, files 0600, whatever the umask."""
    store = files(tmp_path)
    store.write_part("p_a_v360_1_0.m4s", b"x")
    store.write_segment("s_a_v360_1.m4s", b"x")
    store.append({"a": 1})
    for path in [*tmp_path.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    assert not list(tmp_path.rglob("*.new"))


def test_parts_lie_in_memory_and_segments_on_disk(tmp_path: Path) -> None:
    """The two folders are what the web server looks into."""
    store = files(tmp_path)
    store.write_part("p_a_v360_1_0.m4s", b"p")
    store.write_segment("s_a_v360_1.m4s", b"s")
    assert (tmp_path / "l/hls/ply_1/p_a_v360_1_0.m4s").read_bytes() == b"p"
    assert (tmp_path / "d/hls/ply_1/s_a_v360_1.m4s").read_bytes() == b"s"
    assert (store.read("p_a_v360_1_0.m4s"), store.read("s_a_v360_1.m4s"), store.read("s_a_v360_2.m4s")) == (
        b"p",
        b"s",
        None,
    )
    assert playbacks(Settings(data_dir=tmp_path / "d", live_dir=tmp_path / "l")) == {"ply_1"}
    store.remove()
    assert not list((tmp_path / "l/hls").iterdir())


def test_the_index_brings_back_the_window(tmp_path: Path) -> None:
    """Shape, codecs, newest segments and the number of discontinuities that went before them."""
    filled(tmp_path, range(5, 25))
    past = SegmentIndex(files(tmp_path), "brd_1").read(window=6)
    assert past is not None
    assert (past.shape, past.codecs) == (SHAPE, CODECS)
    assert [one.msn for one in past.segments] == [19, 20, 21, 22, 23, 24]
    assert past.segments[0] == segment(19)
    assert past.discontinuities == 1


def test_another_broadcast_begins_anew(tmp_path: Path) -> None:
    """Files of an older broadcast of the same playback id are not its past."""
    filled(tmp_path, range(3))
    assert SegmentIndex(files(tmp_path), "brd_2").read(6) is None


def test_a_torn_line_and_a_lost_file_are_passed_over(tmp_path: Path) -> None:
    """A crash in the middle of a write costs what was being written, not the rest."""
    filled(tmp_path, range(1, 9))
    with open(tmp_path / "d/hls/ply_1" / INDEX, "ab") as index:
        index.write(b'{"msn":9,"run":"r')
    os.unlink(tmp_path / "d/hls/ply_1/s_r0_v240_4.m4s")
    past = SegmentIndex(files(tmp_path), "brd_1").read(12)
    assert past is not None
    assert [one.msn for one in past.segments] == [5, 6, 7, 8]


def test_old_files_are_deleted(tmp_path: Path) -> None:
    """Below the bounds nothing is left, by another process's history too."""
    filled(tmp_path, range(10, 20))
    history = SegmentIndex(files(tmp_path), "brd_1")
    history.read(6)
    history.forget(segments_below=17, parts_below=17)
    left = {path.name for path in (tmp_path / "d/hls/ply_1").glob("s_*")}
    assert left == {f"s_r1_{name}_{msn}.m4s" for name in SHAPE.names for msn in (17, 18, 19)}


def test_a_segment_is_written_whole_however_little_a_call_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parts, in order, though each call of the kernel takes a few bytes only."""
    made, write = files(tmp_path), os.write
    monkeypatch.setattr(os, "writev", lambda descriptor, parts: write(descriptor, b"".join(parts)[:5]))
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    made.write_segment("s_1", b"abc", b"defgh", b"ijklm")
    assert made.read("s_1") == b"abcdefghijklm"
