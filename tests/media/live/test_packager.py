"""When parts become visible, and when a run's first frame was."""

import asyncio
from pathlib import Path

import pytest

from media.ffmpeg.fmp4 import InitSegment, Track
from media.ffmpeg.part_reader import EncodedPart
from media.ffmpeg.segmenter import CutPart
from media.hls.segment_files import SegmentFiles
from media.ladder.delivery_options import DeliveryOptions
from media.ladder.rules import BroadcastShape, Rendition, cadence
from media.live import packager as module
from media.live.packager import ClockJumped, EncoderRun, Packager
from tests.support import hls_conformance
from weir.foundation.settings import Settings

SHAPE = BroadcastShape((Rendition(360, (640, 360), 800_000),), cadence(30, 1 / 3, 2))
INIT = InitSegment(b"init", (Track(1, "video", 30000, "avc1.64001e", (640, 360), (0, 0, 0)),))


def piece(number: int, frames: int = 10) -> EncodedPart:
    cut = CutPart(
        number // 6,
        number % 6,
        frames,
        number % 6 == 0,
        number % 6 == 5,
        (number * 10 + frames) / 30,
        (b"part%d" % number,),
    )
    return EncodedPart(cut, (INIT,))


class Clock:
    """The wall clock that the packager reads."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "now_s", made)
    return made


def opened(tmp_path: Path, broadcast: str = "brd_1", base: str = "") -> Packager:
    files = SegmentFiles(Settings(data_dir=tmp_path / "d", live_dir=tmp_path / "l"), "ply_1")
    made = Packager(files, broadcast, DeliveryOptions(1 / 3, 2.0, 12, 0), b"s" * 32, base=base)
    made.open()
    made.begin_run(1, SHAPE)
    return made


async def fed(
    packager: Packager, clock: Clock, run: EncoderRun, pieces: int, late: list[float] | None = None
) -> float:
    """Pieces arrive at their time, some of them late; returns when the first frame was."""
    epoch = clock.now
    for number in range(pieces):
        one = piece(number)
        clock.now = epoch + one.cut.end_s + (late[number] if late and number < len(late) else 0.0)
        await packager.add_part(run, one)
    return epoch


def listed(packager: Packager) -> hls_conformance.Listed:
    return hls_conformance.parse(packager.media("v360").decode())


async def test_nothing_is_listed_before_a_whole_segment(tmp_path: Path, clock: Clock) -> None:
    """The first segment is held, then everything of it is there at once, playable for ordinary players too."""
    packager, run = opened(tmp_path), EncoderRun("r", 1, SHAPE)
    await fed(packager, clock, run, 5)
    assert packager.master == b""
    assert await packager.add_part(run, piece(5))
    assert listed(packager).segments[0].uri
    assert not await packager.add_part(run, piece(6))


async def test_the_date_is_that_of_the_least_late_part_and_never_moves(tmp_path: Path, clock: Clock) -> None:
    """First parts arrive 1.2–1.7 s late; a date from them would be wrong by that (research trap 2)."""
    packager, run = opened(tmp_path), EncoderRun("r", 1, SHAPE)
    epoch = await fed(packager, clock, run, 20, late=[1.6, 1.4, 0.9, 0.2, 0.04, 0.05, 0.0, 0.0, 2.0])
    assert listed(packager).segments[0].date_ms == round((epoch + 0.04) * 1000)
    assert listed(packager).segments[2].date_ms == round((epoch + 4.04) * 1000)


async def test_a_run_that_dies_in_its_first_segment_is_not_shown(tmp_path: Path, clock: Clock) -> None:
    """No number of the media sequence is used up by it, and none of its files stay."""
    packager, run = opened(tmp_path), EncoderRun("r", 1, SHAPE)
    await fed(packager, clock, run, 3)
    packager.end_run(run)
    assert packager.master == b""
    assert not list((tmp_path / "l/hls/ply_1").iterdir())


async def test_a_broken_run_closes_its_segment_and_the_next_continues(tmp_path: Path, clock: Clock) -> None:
    """What was listed stays, the short segment's file holds exactly its parts, dates go forward."""
    packager = opened(tmp_path)
    await fed(packager, clock, first := EncoderRun("one", 1, SHAPE), 8)
    before = listed(packager)
    packager.end_run(first)
    closed = listed(packager)
    assert hls_conformance.violations(closed, before) == []
    assert closed.segments[1].duration == pytest.approx(0.666667)
    assert packager._files.read(closed.segments[1].uri) == b"part6part7"
    clock.now -= 10  # a clock that was set back must not turn dates back
    await fed(packager, clock, EncoderRun("two", 1, SHAPE), 7)
    after = listed(packager)
    assert hls_conformance.violations(after, closed) == []
    assert after.segments[2].discontinuity == 1


async def test_a_jump_of_the_encoders_clock_ends_the_run(tmp_path: Path, clock: Clock) -> None:
    """FFmpeg would fill an hour's jump with repeated frames as fast as it can."""
    packager, run = opened(tmp_path), EncoderRun("r", 1, SHAPE)
    await fed(packager, clock, run, 6)
    for number in range(6, 20):
        await packager.add_part(run, piece(number))
    with pytest.raises(ClockJumped):
        await packager.add_part(run, piece(24))


async def test_waiting_players_share_one_future_and_all_wake(tmp_path: Path, clock: Clock) -> None:
    """A hundred players that wait for one part cost one entry."""
    packager, run = opened(tmp_path), EncoderRun("r", 1, SHAPE)
    await fed(packager, clock, run, 6)
    assert packager.timeline is not None
    msn = packager.timeline.segments[-1].msn + 1
    waiting = [asyncio.create_task(packager.reached(msn, 0, 5)) for _ in range(100)]
    await asyncio.sleep(0)
    assert len(packager._waiters) == 1
    clock.now += 1
    await packager.add_part(run, piece(6))
    assert await asyncio.gather(*waiting) == [True] * 100
    assert packager._waiters == {}


async def test_the_end_and_a_closing_worker_wake_everyone(tmp_path: Path, clock: Clock) -> None:
    """ENDLIST is an answer to every question; a worker that stops answers all waiting requests."""
    packager, run = opened(tmp_path), EncoderRun("r", 1, SHAPE)
    await fed(packager, clock, run, 6)
    assert packager.timeline is not None
    msn = packager.timeline.segments[-1].msn + 1
    waiting = asyncio.create_task(packager.reached(msn, 0, 5))
    await asyncio.sleep(0)
    packager.end_run(run)
    packager.finish()
    assert await waiting
    assert listed(packager).ended
    packager.close()
    assert not await packager.reached(msn, 0, 5)


@pytest.mark.parametrize("base", ["", "https://cdn.example/media/ply_1/"])
async def test_a_new_process_goes_on_behind_the_old_one(tmp_path: Path, clock: Clock, base: str) -> None:
    """The same broadcast continues its sequence from disk; another one starts with higher numbers, never
    lower."""
    packager = opened(tmp_path, base=base)
    await fed(packager, clock, EncoderRun("one", 1, SHAPE), 14)  # killed: its third segment was never closed
    old = listed(packager)
    again = opened(tmp_path, base=base)
    taken_up = listed(again)
    assert hls_conformance.violations(taken_up, old) == []
    assert taken_up.segments[2].duration == pytest.approx(0.666667)
    assert again._files.read(taken_up.segments[2].uri.removeprefix(base)) == b"part12part13"
    clock.now += 5
    await fed(again, clock, EncoderRun("two", 1, SHAPE), 6)
    assert hls_conformance.violations(listed(again), old) == []
    assert listed(again).segments[3].discontinuity == 1
    clock.now += 60
    other = opened(tmp_path, "brd_2", base)
    await fed(other, clock, EncoderRun("three", 1, SHAPE), 6)
    assert listed(other).segments[0].msn > old.segments[-1].msn


@pytest.mark.parametrize("base", ["", "https://cdn.example/media/ply_1/"])
async def test_old_files_leave_with_the_window(tmp_path: Path, clock: Clock, base: str) -> None:
    """Parts stay for six segments, segments for one more window after they leave it."""
    packager, run = opened(tmp_path, base=base), EncoderRun("r", 1, SHAPE)
    await fed(packager, clock, run, 40 * 6)
    assert len(list((tmp_path / "l/hls/ply_1").glob("p_*"))) == 7 * 6
    assert len(list((tmp_path / "d/hls/ply_1").glob("s_*"))) == 24
    for one in listed(packager).segments:
        assert packager._files.read(one.uri.removeprefix(base))
        assert all(packager._files.read(part.uri.removeprefix(base)) for part in one.parts)
