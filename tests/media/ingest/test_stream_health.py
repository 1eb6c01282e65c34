"""The figures of an encoder and its transcoder, counted from its packets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ingest.stream_health import AUDIO, VIDEO, HealthSample, StreamHealth


def told(health: StreamHealth, now: float, **given: Any) -> HealthSample:
    return health.sample(
        now, 0, **{"sent_s": 0, "dropped": 0, "duplicated": 0, "heights": (720, 360), "left_out": 0, **given}
    )


def test_a_steady_encoder() -> None:
    """25 frames a second of 5,000 bytes, a key frame each 2 s, sound 40 ms ahead: as it is, whenever it
    comes."""
    health = StreamHealth()
    for n in range(125):
        health.frame(VIDEO, n * 40, 5000, n % 50 == 0, n * 0.04)
        health.frame(AUDIO, n * 40 + 40, 200, True, n * 0.04)
    sample = told(health, 5)
    assert sample.bitrate == pytest.approx(5200 * 25 * 8, rel=0.01)
    assert sample.frame_rate == pytest.approx(25, abs=0.2)
    assert sample.keyframe_s == 2
    assert sample.av_drift_ms == pytest.approx(20, abs=25)
    assert (sample.speed, sample.behind_s, sample.renditions, sample.left_out) == (None, None, (720, 360), ())


def test_a_transcoder_that_falls_behind() -> None:
    """Its speed over the last seconds, and what it has not made; rungs that are left out are named."""
    health = StreamHealth()
    for second in range(10):
        health.done(second * 0.8, second)
    sample = told(health, 9, sent_s=9, left_out=1)
    assert (sample.speed, sample.behind_s) == (0.8, pytest.approx(1.8))
    assert (sample.renditions, sample.left_out) == ((360,), (720,))


def test_what_is_old_is_forgotten() -> None:
    """An encoder that has fallen silent sends nothing."""
    health = StreamHealth()
    health.frame(VIDEO, 0, 5000, True, 0)
    health.frame(VIDEO, 40, 5000, False, 0)
    assert told(health, 0).bitrate > 0
    assert (told(health, 60).bitrate, told(health, 60).frame_rate) == (0, 0)


FRAME = st.tuples(
    st.sampled_from((VIDEO, AUDIO)), st.integers(0, 1 << 40), st.integers(0, 1 << 24), st.booleans()
)


@given(st.lists(FRAME, max_size=20), st.lists(st.floats(0, 100), max_size=5))
def test_whatever_comes_is_survived(frames: list[tuple[int, int, int, bool]], done: list[float]) -> None:
    """Times that jump, frames without bytes, progress that goes back."""
    health = StreamHealth()
    for number, frame in enumerate(frames):
        health.frame(*frame, number)
    for number, seconds in enumerate(done):
        health.done(seconds, number)
    sample = told(health, 10)
    assert sample.bitrate >= 0
    assert sample.frame_rate >= 0
