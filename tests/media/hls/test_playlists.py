"""Playlists over whole invented histories keep the rules that players rely on."""

import m3u8
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from media.hls import playlists
from media.hls.encryption import SegmentKeys
from media.hls.playlists import Variant
from media.hls.timeline import Timeline
from media.ladder.rules import Cadence, Rendition, cadence
from tests.support import hls_conformance

RHYTHM = cadence(30, 1 / 3, 2)
PART_S = RHYTHM.part_s
# A history: runs with how late each began (ms) and how many parts it gave before it died.
HISTORIES = st.lists(
    st.tuples(st.integers(-3000, 60_000), st.integers(1, 40), st.booleans()), min_size=1, max_size=6
)


def run(
    timeline: Timeline, number: int, epoch_ms: float, parts: int, keys: SegmentKeys | None = None
) -> list[str]:
    """What v360.m3u8 said after each part of one run."""
    timeline.begin_run(f"run{number}", epoch_ms, ["v360"])
    texts, rhythm = [], timeline.cadence
    for part in range(parts):
        last = part % rhythm.parts_per_segment == rhythm.parts_per_segment - 1
        timeline.add(
            part // rhythm.parts_per_segment, rhythm.part_s, part % rhythm.parts_per_segment == 0, last
        )
        if last:
            timeline.trim()
        texts.append(playlists.media(timeline, "v360", ["v720"], keys))
    return texts


@given(
    HISTORIES,
    st.integers(6, 40),
    st.sampled_from([RHYTHM, cadence(25, 0.2, 2), cadence(30, None, 2)]),
    st.sampled_from([0, 1, 4]),
)
@settings(max_examples=120, deadline=None)
def test_every_history_keeps_the_rules(
    history: list[tuple[int, int, bool]], window: int, rhythm: Cadence, rotation: int
) -> None:
    """Whatever dies whenever, in every mode: MSN never goes back, dates are frozen inside a discontinuity,
    parts fit PART-TARGET, initialisation segments stay clear, no segment changes its key."""
    timeline, epoch, texts = Timeline(rhythm, window, 1000), 1_700_000_000_000.0, []
    keys = SegmentKeys(b"s", "brd_1", rotation) if rotation else None
    for number, (late_ms, parts, announce_end) in enumerate(history):
        epoch += late_ms
        texts += run(timeline, number, epoch, parts, keys)
        if timeline.end_run():
            timeline.trim()
        if announce_end:
            texts.append(playlists.media(timeline, "v360", ["v720"], keys))
        epoch += parts * rhythm.part_s * 1000
    timeline.end()
    texts.append(playlists.media(timeline, "v360", ["v720"], keys))
    lists = [hls_conformance.parse(text) for text in texts]
    for before, now in zip([None, *lists], lists, strict=False):
        assert hls_conformance.violations(now, before) == []
    assert lists[-1].ended
    assert sum(bool(one.uri) for one in lists[-1].segments) <= window


@example([(0, 1, False), (0, 1, False), (0, 19, False)], 31, 0, 1)  # 12 s of them are 11.999998 s in the list
@given(HISTORIES, st.integers(31, 60), st.sampled_from([0, 3]), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_a_delta_update_and_the_old_list_make_the_whole(
    history: list[tuple[int, int, bool]], window: int, rotation: int, every: int
) -> None:
    """A player that asks for deltas only knows the same segments, keys and discontinuities as one that asks
    for everything."""
    timeline, epoch = Timeline(RHYTHM, window, 1000), 1_700_000_000_000.0
    keys = SegmentKeys(b"s", "brd_1", rotation) if rotation else None
    player: hls_conformance.Listed | None = None
    for number, (late_ms, parts, _) in enumerate(history * 3):
        epoch += late_ms
        timeline.begin_run(f"run{number}", epoch, ["v360"])
        for part in range(parts):
            timeline.add(part // 6, PART_S, part % 6 == 0, part % 6 == 5)
            timeline.trim()
            if part % every == 0:
                whole = hls_conformance.parse(playlists.media(timeline, "v360", [], keys))
                delta = hls_conformance.parse(
                    playlists.media(timeline, "v360", [], keys, delta=player is not None)
                )
                player = delta.completed(player) if player is not None else whole
                assert hls_conformance.violations(player) == hls_conformance.violations(delta) == []
                assert _known(player) == _known(whole)
        timeline.end_run()
        epoch += parts * PART_S * 1000


def _known(listed: hls_conformance.Listed) -> list[tuple[object, ...]]:
    return [
        (one.msn, one.uri, one.duration, one.discontinuity, one.map, one.key, one.date_ms)
        for one in listed.segments
    ]


def test_a_long_window_is_skipped_and_a_short_one_is_not() -> None:
    """With a window of two hours, an update has the newest segments only; the 24 s of an ordinary live stream
    come whole."""
    long, short = Timeline(RHYTHM, 3600, 0), Timeline(RHYTHM, 12, 0)
    for timeline in (long, short):
        run(timeline, 0, 0, 1200)
    assert "CAN-SKIP-UNTIL" not in playlists.media(short, "v360", [], delta=True)
    text = playlists.media(long, "v360", [], delta=True)
    assert hls_conformance.parse(text).skipped == 200 - 7
    assert len(text) < 4000 < len(playlists.media(long, "v360", []))


def test_whole_segments_only_where_nobody_needs_parts() -> None:
    """The standard latency has no parts, no part hints, and the hold-back of ordinary players."""
    timeline = Timeline(cadence(30, None, 2), 12, 0)
    text = run(timeline, 0, 0, 5)[-1]
    assert "PART" not in text
    assert hls_conformance.parse(text).hold_back == 6
    assert hls_conformance.parse(text).segments[-1].uri


@given(st.integers(1, 60))
def test_the_hint_names_the_next_part(parts: int) -> None:
    """What is hinted is what comes, across the end of a segment too (research trap: eager close)."""
    texts = run(Timeline(RHYTHM, 6, 0), 0, 0, parts + 1)
    hinted = hls_conformance.parse(texts[-2]).hint
    newest = hls_conformance.parse(texts[-1]).segments[-1].parts[-1]
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
    listed = hls_conformance.parse(run(timeline, 0, 0, 50)[-1])
    assert [bool(segment.parts) for segment in listed.segments] == [False] * 5 + [True] * 4


def test_the_discontinuity_sequence_counts_what_has_left() -> None:
    """A discontinuity that leaves the window moves into EXT-X-DISCONTINUITY-SEQUENCE."""
    timeline = Timeline(RHYTHM, 6, 0)
    run(timeline, 0, 0, 6)
    timeline.end_run()
    listed = hls_conformance.parse(run(timeline, 1, 90_000, 60)[-1])
    assert listed.first_discontinuity == 1
    assert {segment.discontinuity for segment in listed.segments} == {1}


def test_blocking_positions() -> None:
    """A part after a segment's last means the next segment's first; far ahead is refused."""
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
    read = m3u8.loads(
        playlists.master([Variant(top, "avc1.64001f,mp4a.40.2"), Variant(low, "avc1.64001e")], 30.0)
    )
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
    damaged = hls_conformance.parse(texts[-1].replace(*change))
    assert any(
        broken in sentence
        for sentence in hls_conformance.violations(damaged, hls_conformance.parse(texts[-8]))
    )
