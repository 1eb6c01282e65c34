"""Sheets of previews and the text that finds a picture in them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.hls import storyboard


@given(st.floats(0.1, 40_000), st.sampled_from([(1920, 1080), (1280, 720), (720, 1280), (640, 480)]))
def test_every_second_has_its_picture(duration_s: float, picture: tuple[int, int]) -> None:
    """The cues cover the recording without a gap, and each names a place inside an existing sheet."""
    made = storyboard.plan_storyboard(duration_s, picture)
    text, edge = storyboard.webvtt(made, duration_s), 0.0
    for begin, end, name, x, y, width, height in re.findall(
        r"(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)", text
    ):
        assert seconds(begin) == edge
        edge = seconds(end)
        assert name in made.names
        assert int(x) + int(width) <= storyboard.COLUMNS * made.width
        assert int(y) + int(height) <= storyboard.ROWS * made.height
    assert edge == pytest.approx(
        max(duration_s, edge) if duration_s < made.every_s else duration_s, abs=made.every_s
    )
    assert max(made.width, made.height) == storyboard.WIDTH


def seconds(text: str) -> float:
    hours, minutes, rest = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def test_long_recordings_have_coarser_steps() -> None:
    """An hour takes four sheets, not eight."""
    assert storyboard.plan_storyboard(1800, (16, 9)).every_s == 5
    assert len(storyboard.plan_storyboard(3600, (16, 9)).names) == 4
