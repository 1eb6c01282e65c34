"""Playlists over whole invented histories keep the rules that players rely on."""

import m3u8
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import playlists
from media.ladder import Rendition, cadence
from media.playlists import Variant
from media.timeline import Timeline
from tests.media import rules

RHYTHM = cadence(30, 1 / 3, 2)
PART_S = RHYTHM.part_s
# A history: runs with how late each began (ms) and how many parts it gave before it died.
HISTORIES = st.lists(st.tuples(st.integers(-3000, 60_000), st.integers(1, 40), st.booleans()), min_size=1, max_size=6)


def run(timeline: Timeline, number: int, epoch_ms: float, parts: int) -> list[str]:
    """What v360.m3u8 said after each part of one run."""
    timeline.begin_run(f"run{number}", epoch_ms)
    texts = []
    for part in range(parts):
        last = part % 6 == 5
        timeline.add(part // 6, PART_S, part % 6 == 0, last)
        if last:
            timeline.trim()
        texts.append(playlists.media(timeline, "v360", ["v720"]))
    return texts


@given(HISTORIES, st.integers(6, 12))
@settings(max_examples=80, deadline=None)
def test_every_history_keeps_the_rules(history: list[tuple[int, int, bool]], window: int) -> None:
    """Whatever dies whenever: MSN never goes back, dates are frozen inside a discontinuity, parts fit PART-TARGET."""
    timeline, epoch, texts = Timeline(RHYTHM, window, 1000), 1_700_000_000_000.0, []
    for number, (late_ms, parts, announce_end) in enumerate(history):
        epoch += late_ms
        texts += run(timeline, number, epoch, parts)
        if timeline.end_run():
            timeline.trim()
        if announce_end:
            texts.append(playlists.media(timeline, "v360", ["v720"]))
        epoch += parts * PART_S * 1000
    timeline.end()
    texts.append(playlists.media(timeline, "v360", ["v720"]))
    lists = [rules.parse(text) for text in texts]
    for before, now in zip([None, *lists], lists, strict=False):
        assert rules.violations(now, before) == []
    assert lists[-1].ended
    assert sum(bool(one.uri) for one in lists[-1].segments) <= window


@given(st.integers(1, 60))
def test_the_hint_names_the_next_part(parts: int) -> None:
    """What is hinted is what comes, across the end of a segment too (research trap: eager close)."""
    texts = run(Timeline(RHYTHM, 6, 0), 0, 0, parts + 1)
    hinted = rules.parse(texts[-2]).hint
    newest = rules.parse(texts[-1]).segments[-1].parts[-1]
    assert hinted == newest.uri


def test_an_independent_reader_understands_it() -> None:
    """The m3u8 library reads the same segments, dates and discontinuities."""
    timeline = Timeline(RHYTHM, 12, 7)
    run(timeline, 0, 1_700_000_000_000, 15)
    timeline.end_run()
    read = m3u8.loads(run(timeline, 1, 1_700_000_090_000, 8)[-1])
    assert read.media_sequence == 7
    assert read.server_control.can_block_reload == "YES"
    assert [segment.duration for segment in read.segments if segment.uri] == [2.0, 2.0, 1.0, 2.0]
    assert [bool(segment.discontinuity) for segment in read.segments][:4] == [False, False, False, True]


def test_only_the_newest_segments_list_parts() -> None:
    """Parts of the last three whole segments and of the growing one; older ones are fetched whole."""
    timeline = Timeline(RHYTHM, 12, 0)
    listed = rules.parse(run(timeline, 0, 0, 50)[-1])
    assert [bool(segment.parts) for segment in listed.segments] == [False] * 5 + [True] * 4


def test_the_discontinuity_sequence_counts_what_has_left() -> None:
    """A discontinuity that leaves the window moves into EXT-X-DISCONTINUITY-SEQUENCE."""
    timeline = Timeline(RHYTHM, 6, 0)
    run(timeline, 0, 0, 6)
    timeline.end_run()
    listed = rules.parse(run(timeline, 1, 90_000, 60)[-1])
    assert listed.first_discontinuity == 1
    assert {segment.discontinuity for segment in listed.segments} == {1}


def test_blocking_positions() -> None:
    """A part behind a segment's last means the next segment's first; far ahead is refused."""
    timeline = Timeline(RHYTHM, 6, 10)
    run(timeline, 0, 0, 8)
    assert timeline.reached(10, None)
    assert timeline.reached(11, 1)
    assert not timeline.reached(11, 2)
    assert not timeline.reached(11, None)
    assert timeline.wanted(11, 6) == (12, 0)
    assert not timeline.too_far(13, 0)
    assert timeline.too_far(14, 0)
    assert timeline.too_far(11, 99)


def test_the_master_promises_what_the_streams_hold() -> None:
    """Sound counts only where the initialisation segment has it."""
    top, low = Rendition(720, (1280, 720), 2_600_000), Rendition(360, (640, 360), 800_000)
    read = m3u8.loads(playlists.master([Variant(top, "avc1.64001f,mp4a.40.2"), Variant(low, "avc1.64001e")], RHYTHM.rate))
    assert [one.uri for one in read.playlists] == ["v720.m3u8", "v360.m3u8"]
    assert [one.stream_info.average_bandwidth for one in read.playlists] == [2_728_000, 800_000]
    assert read.playlists[0].stream_info.resolution == (1280, 720)


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (("PART-HOLD-BACK=1.000", "PART-HOLD-BACK=0.500"), "PART-HOLD-BACK"),
        (("EXT-X-MEDIA-SEQUENCE:0", "EXT-X-MEDIA-SEQUENCE:3"), "skipped"),
        (("DURATION=0.333333", "DURATION=0.500000"), "longer"),
        (("T00:00:02.000Z", "T00:00:02.400Z"), "jumps"),
        (("EXT-X-TARGETDURATION:2", "EXT-X-TARGETDURATION:3"), "changed"),
    ],
)
def test_the_rules_notice(change: tuple[str, str], broken: str) -> None:
    """The checker itself finds each kind of damage."""
    texts = run(Timeline(RHYTHM, 6, 0), 0, 0, 14)
    damaged = rules.parse(texts[-1].replace(*change))
    assert any(broken in sentence for sentence in rules.violations(damaged, rules.parse(texts[-8])))
