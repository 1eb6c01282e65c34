"""Which positions nginx may hold, and what is posted to those it holds."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from media.hls.segment_files import SegmentFiles
from media.live.blocking_reload import BEHIND, HeldReloads
from media.live.nchan import NchanPublisher
from weir.foundation.ids import new_id
from weir.foundation.settings import Settings

Posts = list[tuple[str, list[str]]]


class Posted(NchanPublisher):
    """Notes each post with the positions that nginx could hold at that moment."""

    def __init__(self, files: SegmentFiles) -> None:
        self.files, self.posts = files, list[Any]()

    def post(self, playback: str, position: str, lists: Any) -> None:
        self.posts.append((position, self.files.awaited()))


def desk(folder: Path) -> tuple[SegmentFiles, Posted, HeldReloads]:
    files = SegmentFiles(Settings(data_dir=folder / "d", live_dir=folder / "l"), new_id("ply"))
    files.open()
    edge = Posted(files)
    return files, edge, HeldReloads(edge, files, "ply", lambda: {"v360": b"list"})


def test_the_next_position_may_be_held_before_anybody_hears_of_it(tmp_path: Path) -> None:
    """A player that gets a playlist asks for its hint at once, and must find that nginx may hold it."""
    _, edge, held = desk(tmp_path)
    held.advance(("run", 7, 0))
    held.advance(("run", 7, 1))
    assert edge.posts == [("7.0", ["7.0", "7.1"])]


def test_the_same_hint_is_no_news(tmp_path: Path) -> None:
    """Rendering again, e.g. when a segment is closed, posts nothing twice."""
    _, edge, held = desk(tmp_path)
    for _ in range(3):
        held.advance(("run", 7, 0))
    assert edge.posts == []


def test_when_nothing_comes_those_who_wait_are_answered_and_nobody_else_is_held(tmp_path: Path) -> None:
    """An encoder that leaves, or the end of the broadcast."""
    files, edge, held = desk(tmp_path)
    for part in range(4):
        held.advance(("run", 7, part))
    held.advance(None)
    assert [position for position, _ in edge.posts] == ["7.0", "7.1", "7.2", "7.3"]
    assert files.awaited() == []


def test_what_a_dead_process_left_is_answered_and_taken_away(tmp_path: Path) -> None:
    """Its players would wait for a part that its process would have made."""
    files, edge, _ = desk(tmp_path)
    files.await_next("7.4")
    files.await_next("7.5")
    again = HeldReloads(edge, files, "ply", dict)
    again.release_all()
    assert [position for position, _ in edge.posts] == ["7.4", "7.5"]
    assert files.awaited() == []


@given(st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=30))
def test_every_position_that_was_held_is_answered_once_it_is_left(
    tmp_path_factory: Any, steps: list[int | None]
) -> None:
    """Whatever the timeline does (positions only grow): the next may be held, a few before it, each is posted
    when it is left."""
    files, edge, held = desk(tmp_path_factory.mktemp("held"))
    left, awaited, at = list[str](), "", 6
    for step in steps:
        at += step or 0
        hint = None if step is None else ("run", at // 6, at % 6)
        now = f"{at // 6}.{at % 6}" if hint else ""
        held.advance(hint)
        left += [awaited] if awaited and now != awaited else []
        awaited = now
        assert [position for position, _ in edge.posts] == left
        assert len(files.awaited()) <= (BEHIND + 1 if hint else 0)
        assert not awaited or awaited in files.awaited()
        at += step is None  # a run that has ended is followed by later positions
