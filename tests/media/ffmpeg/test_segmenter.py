"""Parts of whole frames, the same in every rendition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ffmpeg.fmp4 import NON_SYNC, BoxError, Fmp4Parser, InitSegment, MediaSample, SampleRun, Track
from media.ffmpeg.segmenter import CutPart, Segmenter
from media.ladder.rules import Cadence, Rendition, cadence

VIDEO = Track(1, "video", 30000, "avc1.64001f", (320, 180), (0, 0, 0))
SMALL = Track(2, "video", 30000, "avc1.64001f", (160, 90), (0, 0, 0))
AUDIO = Track(3, "audio", 48000, "mp4a.40.2", (0, 0), (0, 0, 0))
FULL, HALF = Rendition(180, (320, 180), 1), Rendition(90, (160, 90), 1, every=2)
COPIED = Rendition(180, (320, 180), 1, copied=True)
SOUND = Rendition(0, (0, 0), 1)


def frame(number: int, gop: int, track: int = 1) -> SampleRun:
    """What FFmpeg reports of a frame; its time and duration are as wrong as FFmpeg's can be."""
    return SampleRun(
        track,
        640 + number * 1000,
        (MediaSample(0, 0 if number % gop == 0 else NON_SYNC, 0, bytes([number % 251])),),
    )


def packet() -> SampleRun:
    return SampleRun(3, 0, (MediaSample(1024, 0, 0, b"a"),))


def cuts(frames: int, rhythm: Cadence, sound_at: list[int] | None = None) -> list[CutPart]:
    cutter, found = Segmenter(InitSegment(b"", (VIDEO, AUDIO)), [FULL], rhythm), []
    for number in range(frames):
        found += list(cutter.add([packet()] * (sound_at or []).count(number)))
        found += list(cutter.add([frame(number, rhythm.segment_frames)]))
    return found + list(cutter.flush())


def read(body: bytes) -> list[SampleRun]:
    parser = Fmp4Parser()
    parser._tracks = {1: VIDEO, 2: AUDIO}
    return [run for item in parser.feed(body) for run in item]  # type: ignore[union-attr]


@given(st.sampled_from([24, 25, 29.97, 30, 50, 60]), st.integers(1, 400))
def test_parts_have_a_constant_length(rate: float, frames: int) -> None:
    """Every part but a segment's last has exactly the same frames (research trap: one burst part raised
    hold-back to 5.6 s)."""
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


@given(st.lists(st.integers(1, 25), max_size=12), st.randoms(use_true_random=False))
def test_how_frames_are_grouped_decides_nothing(groups: list[int], random: object) -> None:
    """One frame of each rendition a fragment, or many, or one rendition's first: the parts are the same."""
    rhythm, found, number = cadence(30, 1 / 3, 2), [], 0
    cutter = Segmenter(InitSegment(b"", (VIDEO, SMALL)), [FULL, Rendition(90, (160, 90), 1)], rhythm)
    for count in groups:
        both = [[frame(one, 60, track) for one in range(number, number + count)] for track in (1, 2)]
        random.shuffle(both)  # type: ignore[attr-defined]
        number += count
        for some in both:
            found += list(cutter.add(some))
    whole = found + list(cutter.flush())
    assert [cut.frames for cut in found] == [10] * (number // 10)
    assert sum(cut.frames for cut in whole) == number
    for index in (0, 1):
        samples = [
            bytes(sample.data)[0]
            for cut in whole
            for run in read(cut.bodies[index])
            for sample in run.samples
        ]
        assert samples == [one % 251 for one in range(number)]


def test_frames_are_timed_by_counting() -> None:
    """FFmpeg's own times of single frames are not used: they jitter by a whole frame."""
    runs = [run for cut in cuts(20, cadence(30, 1 / 3, 2)) for run in read(cut.bodies[0])]
    assert [run.time for run in runs] == [0, 10_000]
    assert {sample.duration for run in runs for sample in run.samples} == {1000}


def test_a_halved_rendition_has_the_same_parts() -> None:
    """Five frames of the slower one are the part that has ten in the other; what only one of them has at the
    end is left out."""
    cutter = Segmenter(InitSegment(b"", (VIDEO, SMALL)), [FULL, HALF], cadence(30, 1 / 3, 2))
    found = list(cutter.add([frame(number, 60) for number in range(35)]))
    assert found == []
    found = list(cutter.add([frame(number, 30, 2) for number in range(17)]))
    found += cutter.flush()
    assert [(cut.frames, cut.last) for cut in found] == [(10, False)] * 3 + [(4, True)]
    assert [len(read(cut.bodies[1])[0].samples) for cut in found] == [5, 5, 5, 2]
    assert [read(cut.bodies[1])[0].time for cut in found] == [0, 10_000, 20_000, 30_000]


def test_sound_is_in_every_rendition_and_alone() -> None:
    """The same packets, numbered the same, whether with a picture or without; those that come after a part's
    last frame are the next's."""
    cutter = Segmenter(InitSegment(b"", (VIDEO, SMALL, AUDIO)), [FULL, HALF, SOUND], cadence(30, 1 / 3, 2))
    fragments = [
        [frame(number, 60), *([frame(number // 2, 30, 2)] if number % 2 == 0 else []), packet()]
        for number in range(20)
    ]
    found = [cut for runs in fragments for cut in cutter.add(runs)]
    times = [[run.time for body in cut.bodies for run in read(body) if run.track == 2] for cut in found]
    assert times == [[0] * 3, [9 * 1024] * 3]
    assert [run.track for run in read(found[0].bodies[2])] == [2]


def test_a_segment_without_a_keyframe_is_an_error() -> None:
    """An encoder that has lost the beat is started anew instead of serving segments that don't decode."""
    cutter = Segmenter(InitSegment(b"", (VIDEO,)), [FULL], cadence(30, 1 / 3, 2))
    with pytest.raises(BoxError, match="keyframe"):
        list(cutter.add([frame(1, 60)]))


def test_a_copy_that_leaves_frames_out_is_an_error() -> None:
    """Counted frames would draw picture and sound apart."""
    cutter = Segmenter(InitSegment(b"", (VIDEO,)), [COPIED], cadence(30, 1 / 3, 2))
    with pytest.raises(BoxError, match="steady"):
        list(cutter.add([frame(0, 60), *(frame(number, 60) for number in range(5, 9))]))


def test_a_foreign_timescale_is_an_error() -> None:
    """Frame durations must be whole ticks, or they would drift."""
    with pytest.raises(BoxError, match="timescale"):
        Segmenter(
            InitSegment(b"", (Track(1, "video", 12345, "", (0, 0), (0, 0, 0)),)),
            [FULL],
            cadence(30, 1 / 3, 2),
        )


def test_a_rendition_too_few_is_an_error() -> None:
    """What the ladder promises, FFmpeg has to make."""
    with pytest.raises(BoxError, match="1 video tracks instead of 2"):
        Segmenter(InitSegment(b"", (VIDEO,)), [FULL, HALF], cadence(30, 1 / 3, 2))
