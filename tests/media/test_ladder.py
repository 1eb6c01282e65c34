"""Which renditions, and how many frames a part has."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ladder import Source, cadence, exact_rate, ladder

RUNGS = [1080, 720, 480, 360]


def shapes(width: int, height: int) -> list[tuple[int, tuple[int, int]]]:
    return [(one.height, one.size) for one in ladder(Source(width, height, 30, True), RUNGS)]


def test_a_full_source_gets_the_whole_ladder() -> None:
    """1080p has every rung, the first at its own size."""
    assert shapes(1920, 1080) == [(1080, (1920, 1080)), (720, (1280, 720)), (480, (852, 480)), (360, (640, 360))]


def test_portrait_is_measured_by_its_short_side() -> None:
    """A phone held upright gets upright renditions."""
    assert shapes(720, 1280) == [(720, (720, 1280)), (480, (480, 852)), (360, (360, 640))]


def test_a_small_source_is_its_own_rung() -> None:
    """Below the ladder nothing is scaled up; odd sizes become even."""
    assert shapes(321, 181) == [(180, (318, 180))]


@given(st.integers(16, 4096), st.integers(16, 4096), st.sampled_from([0, 24, 29.97, 30, 60]))
def test_never_upscaled_and_always_even(width: int, height: int, rate: float) -> None:
    """No rendition is larger than its source; encoders get even sizes and a bit rate that falls with the rung."""
    made = ladder(Source(width, height, rate, False), RUNGS)
    assert made
    for one in made:
        assert max(one.size) <= max(width, height)
        assert min(one.size) <= min(width, height)
        assert all(side % 2 == 0 for side in one.size)
    assert [one.bit_rate for one in made] == sorted({one.bit_rate for one in made}, reverse=True)


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
    ("rate", "frames"), [(30, (10, 60)), (60, (20, 120)), (25, (9, 50)), (24, (8, 48)), (29.97, (10, 60)), (50, (17, 100))]
)
def test_parts_are_whole_frames(rate: float, frames: tuple[int, int]) -> None:
    """Part and segment have whole numbers of frames at every usual rate (research trap: PART-TARGET must be constant)."""
    made = cadence(rate, 1 / 3, 2)
    assert (made.part_frames, made.segment_frames) == frames
    assert made.parts_per_segment == 6


@given(st.floats(1, 240), st.floats(0.1, 1), st.floats(1, 10))
def test_a_segment_is_near_what_was_asked_for(rate: float, part_s: float, segment_s: float) -> None:
    """At any rate and any setting the cadence stays within one frame of the wanted segment."""
    made = cadence(rate, part_s, segment_s)
    assert 0 < made.part_frames <= made.segment_frames
    assert abs(made.segment_s - segment_s) <= float(1 / made.rate)
