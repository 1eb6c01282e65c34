"""Parts of whole frames, the same in every rendition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.boxes import NON_SYNC, BoxError, Init, Parser, Run, Sample, Track
from media.cutter import Cut, Cutter
from media.ladder import Cadence, cadence

VIDEO = Track(1, "video", 30000, "avc1.64001f", (320, 180), (0, 0, 0))
AUDIO = Track(2, "audio", 48000, "mp4a.40.2", (0, 0), (0, 0, 0))


def frame(number: int, gop: int) -> list[Run]:
    """One fragment of FFmpeg's; its time and duration are as wrong as FFmpeg's can be."""
    return [Run(1, 640 + number * 1000, (Sample(0, 0 if number % gop == 0 else NON_SYNC, 0, bytes([number % 251])),))]


def cuts(frames: int, rhythm: Cadence, sound_at: list[int] | None = None) -> list[Cut]:
    cutter, found = Cutter(Init(b"", (VIDEO, AUDIO)), rhythm), []
    for number in range(frames):
        for _ in range((sound_at or []).count(number)):
            found += list(cutter.add([Run(2, 0, (Sample(1024, 0, 0, b"a"),))]))
        found += list(cutter.add(frame(number, rhythm.segment_frames)))
    return found + list(cutter.rest())


@given(st.sampled_from([24, 25, 29.97, 30, 50, 60]), st.integers(1, 400))
def test_parts_have_a_constant_length(rate: float, frames: int) -> None:
    """Every part but a segment's last has exactly the same frames (research trap: one burst part raised hold-back to 5.6 s)."""
    rhythm = cadence(rate, 1 / 3, 2)
    if rhythm.rate.denominator != 1 or 30000 % rhythm.rate.numerator:
        return
    found = cuts(frames, rhythm)
    assert sum(cut.frames for cut in found) == frames
    for cut in found:
        assert cut.last or cut.frames == rhythm.part_frames
        assert cut.independent == (cut.part == 0)
    assert found[-1].end_s == pytest.approx(frames / rhythm.rate)


@given(st.lists(st.integers(0, 59), max_size=60))
def test_sound_never_moves_a_cut(sound_at: list[int]) -> None:
    """Where audio packets fall decides nothing (research trap: -frag_duration lets audio end a fragment)."""
    rhythm = cadence(30, 1 / 3, 2)
    assert [(cut.frames, cut.last) for cut in cuts(60, rhythm, sound_at)] == [(10, False)] * 5 + [(10, True)]


def test_frames_are_timed_by_counting() -> None:
    """FFmpeg's own times of single-frame fragments are not used: they jitter by a whole frame."""
    found = cuts(20, cadence(30, 1 / 3, 2))
    stream = b"".join(cut.data for cut in found)
    parser = Parser()
    parser._tracks = {1: VIDEO, 2: AUDIO}
    runs = [run for item in parser.feed(stream) for run in item]  # type: ignore[union-attr]
    assert [run.time for run in runs] == [0, 10_000]
    assert {sample.duration for run in runs for sample in run.samples} == {1000}


def test_a_segment_without_a_keyframe_is_an_error() -> None:
    """An encoder that has lost the beat is started anew instead of serving segments that don't decode."""
    cutter = Cutter(Init(b"", (VIDEO,)), cadence(30, 1 / 3, 2))
    with pytest.raises(BoxError, match="keyframe"):
        list(cutter.add(frame(1, 60)))


def test_a_foreign_timescale_is_an_error() -> None:
    """Frame durations must be whole ticks, or they would drift."""
    with pytest.raises(BoxError, match="timescale"):
        Cutter(Init(b"", (Track(1, "video", 12345, "", (0, 0), (0, 0, 0)),)), cadence(30, 1 / 3, 2))
