"""What is told of an encoder and its transcoder, counted from its packets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.vitals import Sample, Vitals

HEAD = b"#tb 0: 1/1000\n#media_type 0: video\n"


def video(time_ms: int, size: int, key: bool) -> bytes:
    return f"0, {time_ms:10}, {time_ms:10}, 33, {size:8}, 0x4e27209b{'' if key else ', F=0x0'}\n".encode()


def audio(time_ms: int, size: int = 200) -> bytes:
    return f"1, {time_ms:10}, {time_ms:10}, 23, {size:8}, 0x2c5b786a\n".encode()


def told(vitals: Vitals, now: float, **given: int) -> Sample:
    return vitals.sample(now, 0, **{"sent_s": 0, "dropped": 0, "duplicated": 0, "heights": (720, 360), "left_out": 0, **given})  # type: ignore[arg-type]


def test_a_steady_encoder() -> None:
    """25 frames a second of 5,000 bytes, a key frame each 2 s, sound 40 ms ahead: as it is, however the lines are cut."""
    vitals = Vitals()
    lines = HEAD + b"".join(video(n * 40, 5000, n % 50 == 0) + audio(n * 40 + 40) for n in range(125))
    for at in range(0, len(lines), 777):
        vitals.packets(lines[at : at + 777], at / len(lines) * 5)
    sample = told(vitals, 5)
    assert sample.bitrate == pytest.approx(5200 * 25 * 8, rel=0.01)
    assert sample.frame_rate == pytest.approx(25, abs=0.2)
    assert sample.keyframe_s == 2
    assert sample.av_drift_ms == pytest.approx(20, abs=25)
    assert (sample.speed, sample.behind_s, sample.renditions, sample.left_out) == (None, None, (720, 360), ())


def test_side_data_hides_no_key_frame() -> None:
    """FFmpeg names it behind the flags, which a key frame has none of."""
    vitals = Vitals()
    for n in range(5):
        line = video(n * 1000, 5000, n % 2 == 0).rstrip(b"\n")
        vitals.packets(line + b", S=1,        8\n", n)
    assert told(vitals, 4).keyframe_s == 2


def test_a_transcoder_that_falls_behind() -> None:
    """Its speed over the last seconds, and what it has not made; rungs that are left out are named."""
    vitals = Vitals()
    for second in range(10):
        vitals.done(second * 0.8, second)
    sample = told(vitals, 9, sent_s=9, left_out=1)
    assert (sample.speed, sample.behind_s) == (0.8, pytest.approx(1.8))
    assert (sample.renditions, sample.left_out) == ((360,), (720,))


def test_what_is_old_is_forgotten() -> None:
    """An encoder that has fallen silent sends nothing."""
    vitals = Vitals()
    vitals.packets(video(0, 5000, True) + video(40, 5000, False), 0)
    assert told(vitals, 0).bitrate > 0
    assert (told(vitals, 60).bitrate, told(vitals, 60).frame_rate) == (0, 0)


@given(st.lists(st.binary(max_size=60), max_size=10), st.lists(st.floats(0, 100), max_size=5))
def test_whatever_comes_is_survived(lines: list[bytes], done: list[float]) -> None:
    """Torn, mixed and senseless lines."""
    vitals = Vitals()
    for number, line in enumerate(lines):
        vitals.packets(line, number)
    for number, seconds in enumerate(done):
        vitals.done(seconds, number)
    sample = told(vitals, 10)
    assert sample.bitrate >= 0
    assert sample.frame_rate >= 0
