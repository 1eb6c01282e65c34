"""Which frame rate is believed."""

from itertools import accumulate, cycle, islice

import pytest

from media.ingest.frame_rate import frame_rate


def times(rate: float, count: int = 12) -> list[int]:
    return [round(number * 1000 / rate) for number in range(count)]


@pytest.mark.parametrize("rate", [24000 / 1001, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001, 60.0])
def test_two_that_agree_are_believed_at_once(rate: float) -> None:
    """The ordinary case waits for nothing."""
    assert frame_rate([rate, round(rate, 2)], []) == rate


def test_one_is_held_against_the_frames() -> None:
    """It takes a third of a second; NTSC is distinguished from 30 by the declared rate, since whole
    milliseconds can't."""
    assert frame_rate([29.97], times(30, 4)) is None
    assert frame_rate([29.97], times(30000 / 1001)) == 29.97
    assert frame_rate([30.0], times(30000 / 1001)) == 30.0


@pytest.mark.parametrize("said", [[1.0], [1000.0], [], [0.0], [90000.0, 1.0], [60.0], [15.0]])
def test_the_frames_win(said: list[float]) -> None:
    """Over a rate that was never kept, a wrong one, and none."""
    assert frame_rate(said, times(30)) == 30.0
    assert frame_rate(said, times(25)) == 25.0


def test_a_variable_rate_is_what_was_said() -> None:
    """A phone in the dark shows fewer frames now and then: its best rate is kept."""
    gaps = islice(cycle((33, 33, 66, 100)), 12)
    assert frame_rate([30.0], [0, *accumulate(gaps)]) == 30.0


def test_times_that_stand_still() -> None:
    """Nothing is divided by nothing."""
    assert frame_rate([30.0], [7] * 12) == 30.0
    assert frame_rate([], [7] * 12) is None
