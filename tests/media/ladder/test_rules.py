"""Which renditions, and how many frames a part has."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ladder.rules import Profile, Rendition, Rung, Source, cadence, choose_cadence, exact_rate, ladder

RUNGS = Profile(tuple(Rung(height) for height in (1080, 720, 480, 360)))


def made(source: Source, profile: Profile = RUNGS) -> tuple[Rendition, ...]:
    return ladder(source, profile, choose_cadence(source, profile, 1 / 3, 2))


def shapes(width: int, height: int) -> list[tuple[int, tuple[int, int]]]:
    return [(one.height, one.size) for one in made(Source(width, height, 30, True))]


def test_a_full_source_gets_the_whole_ladder() -> None:
    """1080p has every rung, the first at its own size."""
    assert shapes(1920, 1080) == [
        (1080, (1920, 1080)),
        (720, (1280, 720)),
        (480, (852, 480)),
        (360, (640, 360)),
    ]


def test_portrait_is_measured_by_its_short_side() -> None:
    """A phone held upright gets upright renditions."""
    assert shapes(720, 1280) == [(720, (720, 1280)), (480, (480, 852)), (360, (360, 640))]


def test_a_small_source_is_its_own_rung() -> None:
    """Below the ladder nothing is scaled up; odd sizes become even."""
    assert shapes(321, 181) == [(180, (318, 180))]


@given(st.integers(16, 4096), st.integers(16, 4096), st.sampled_from([0, 24, 29.97, 30, 60]))
def test_never_upscaled_and_always_even(width: int, height: int, rate: float) -> None:
    """No rendition is larger than its source; encoders get even sizes and a bit rate that falls with the
    rung."""
    found = made(Source(width, height, rate, False))
    assert found
    for one in found:
        assert max(one.size) <= max(width, height)
        assert min(one.size) <= min(width, height)
        assert all(side % 2 == 0 for side in one.size)
    assert [one.bit_rate for one in found] == sorted({one.bit_rate for one in found}, reverse=True)


def test_a_rung_may_cap_its_frames() -> None:
    """60 frames a second above, every second one below, with the same parts; 50 become 25, never an uneven
    30."""
    profile = Profile(
        (Rung(720), Rung(480, frame_rate=30), Rung(360, bit_rate=500_000, frame_rate=30, preset="veryfast"))
    )
    source = Source(1280, 720, 60, True)
    assert [(one.height, one.every, one.preset) for one in made(source, profile)] == [
        (720, 1, None),
        (480, 2, None),
        (360, 2, "veryfast"),
    ]
    assert made(source, profile)[2].bit_rate == 500_000
    assert made(Source(1280, 720, 30, True), profile)[1].every == 1
    rhythm = choose_cadence(Source(1280, 720, 50, True), profile, 1 / 3, 2)
    assert (rhythm.rate, rhythm.part_frames, rhythm.segment_frames) == (50, 18, 100)
    assert (rhythm.divided(2).rate, rhythm.divided(2).part_frames) == (25, 9)
    capped = Profile((Rung(720, frame_rate=30),))
    assert choose_cadence(source, capped, 1 / 3, 2).rate == 30
    assert made(source, capped)[0].every == 1


def test_sound_alone_needs_sound() -> None:
    """The last rendition has no picture, where there is sound."""
    profile = replace(RUNGS, audio_only=True)
    assert [one.name for one in made(Source(640, 360, 30, True), profile)] == ["v360", "audio"]
    assert [one.name for one in made(Source(640, 360, 30, False), profile)] == ["v360"]


def test_only_what_fits_is_copied() -> None:
    """The source must be the top rung exactly, at its own frame rate."""
    profile = replace(RUNGS, copy_top=True)
    assert [one.copied for one in made(Source(1280, 720, 30, True), profile)] == [True, False, False]
    assert not any(one.copied for one in made(Source(1280, 700, 30, True), profile))
    slow = Profile((Rung(720, frame_rate=30), Rung(360)), copy_top=True)
    assert not any(one.copied for one in made(Source(1280, 720, 60, True), slow))


@pytest.mark.parametrize(
    ("told", "exact"),
    [
        (0, 30),
        (29.97, Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (25, 25),
        (1000, 60),
        (1, 5),
    ],
)
def test_the_exact_rate_behind_a_rounded_one(told: float, exact: Fraction) -> None:
    """Encoders round their rate; parts need the exact one."""
    assert exact_rate(told) == exact


@pytest.mark.parametrize(
    ("rate", "frames"),
    [(30, (10, 60)), (60, (20, 120)), (25, (9, 50)), (24, (8, 48)), (29.97, (10, 60)), (50, (17, 100))],
)
def test_parts_are_whole_frames(rate: float, frames: tuple[int, int]) -> None:
    """Part and segment have whole numbers of frames at every usual rate (research trap: PART-TARGET must be
    constant)."""
    made = cadence(rate, 1 / 3, 2)
    assert (made.part_frames, made.segment_frames) == frames
    assert made.parts_per_segment == 6


@given(st.floats(1, 240), st.floats(0.1, 1), st.floats(1, 10))
def test_a_segment_is_near_what_was_asked_for(rate: float, part_s: float, segment_s: float) -> None:
    """At any rate and any setting the cadence stays within one frame of the wanted segment."""
    made = cadence(rate, part_s, segment_s)
    assert 0 < made.part_frames <= made.segment_frames
    assert abs(made.segment_s - segment_s) <= float(1 / made.rate)
