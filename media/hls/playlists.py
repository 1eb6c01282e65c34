"""HLS playlists as text (RFC 8216bis), from a timeline. All URIs are relative, so a token in the path applies
to them too.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from media.hls.encryption import SegmentKeys
from media.hls.timeline import LISTED_PARTS_SEGMENTS, Segment, Timeline
from media.ladder.rules import AUDIO_BIT_RATE, Rendition
from weir.foundation.clock import rfc3339

# Encoded peaks over one segment against the rate that was asked for, and fragment headers.
PEAK = 1.2
SKIP_TARGETS = 6  # the least that RFC 8216bis §4.4.3.8 allows
LONG_WINDOW_S = 60
ROUNDED_S = 0.001  # players add up durations of six decimals


@dataclass(frozen=True)
class Variant:
    """One line of the master playlist; `codecs` are those of the initialisation segment."""

    rendition: Rendition
    codecs: str


@dataclass(frozen=True)
class Choice:
    """A sound or subtitle track to choose. `language` is a BCP 47 tag or empty, `list` its playlist's name."""

    name: str
    language: str
    list: str
    shown: bool = False
    forced: bool = False


def init_name(run: str, rendition: str) -> str:
    return f"init_{run}_{rendition}.mp4"


def segment_name(run: str, rendition: str, msn: int) -> str:
    return f"s_{run}_{rendition}_{msn}.m4s"


def part_name(run: str, rendition: str, msn: int, part: int) -> str:
    return f"p_{run}_{rendition}_{msn}_{part}.m4s"


def master(
    variants: Sequence[Variant],
    frame_rate: float,
    sounds: Sequence[Choice] = (),
    texts: Sequence[Choice] = (),
) -> str:
    """The master playlist. Every variant gets the same `sounds` and `texts`."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:9", "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines += [_choice("AUDIO", "sounds", one) for one in sounds] + [
        _choice("SUBTITLES", "texts", one) for one in texts
    ]
    groups = (',AUDIO="sounds"' if sounds else "") + (',SUBTITLES="texts"' if texts else "")
    for variant in variants:
        width, height = variant.rendition.size
        average = variant.rendition.bit_rate + (AUDIO_BIT_RATE if "," in variant.codecs else 0)
        picture = (
            f",RESOLUTION={width}x{height},FRAME-RATE={frame_rate / variant.rendition.every:.3f}"
            if height
            else ""
        )
        lines += [
            f"#EXT-X-STREAM-INF:BANDWIDTH={round(average * PEAK)},AVERAGE-BANDWIDTH={average},"
            f'CODECS="{variant.codecs}"{picture}{groups},CLOSED-CAPTIONS=NONE',
            f"{variant.rendition.name}.m3u8",
        ]
    return "\n".join(lines) + "\n"


def _choice(kind: str, group: str, one: Choice) -> str:
    """A subtitle is shown only when the viewer chooses it."""
    language = f',LANGUAGE="{one.language}"' if one.language else ""
    more = ',CHANNELS="2"' if kind == "AUDIO" else ",FORCED=YES" if one.forced else ""
    shown = f"DEFAULT={'YES' if one.shown else 'NO'},AUTOSELECT=YES"
    return f'#EXT-X-MEDIA:TYPE={kind},GROUP-ID="{group}",NAME="{one.name}"{language},{shown}{more},URI="{one.list}"'


def text(file: str, duration_s: float) -> str:
    """The media playlist of one WebVTT file."""
    return "\n".join(
        [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            f"#EXT-X-TARGETDURATION:{math.ceil(duration_s)}",
            "#EXT-X-MEDIA-SEQUENCE:0",
            "#EXT-X-PLAYLIST-TYPE:VOD",
            f"#EXTINF:{duration_s:.6f},",
            file,
            "#EXT-X-ENDLIST",
            "",
        ]
    )


def media(
    timeline: Timeline,
    rendition: str,
    others: Sequence[str],
    keys: SegmentKeys | None = None,
    *,
    delta: bool = False,
    base: str = "",
) -> str:
    """The media playlist of one rendition; `others` get a rendition report. `delta` leaves out what the
    player knows already (RFC 8216bis §6.2.5.1), where there is anything to leave out. `base` precedes the
    names of segments and parts."""
    skipped = _skippable(timeline) if delta else 0
    body = _body(timeline, rendition, keys, skipped, base)
    return "\n".join([*_head(timeline), *body, *_tail(timeline, rendition, others, base)]) + "\n"


def _target_s(timeline: Timeline) -> int:
    return max(1, math.floor(timeline.cadence.segment_s + 0.5))


def _skip_until_s(timeline: Timeline) -> int:
    """Delta updates save bytes only where the window is long; 0 where it is short."""
    return (
        SKIP_TARGETS * _target_s(timeline)
        if timeline.window * timeline.cadence.segment_s > LONG_WINDOW_S
        else 0
    )


def _skippable(timeline: Timeline) -> int:
    """How many of the first segments lie before the skip boundary."""
    until_s, behind_s = _skip_until_s(timeline), 0.0
    if not until_s:
        return 0
    for after, segment in enumerate(reversed(timeline.segments)):
        if behind_s > until_s + ROUNDED_S:
            return len(timeline.segments) - after
        behind_s += segment.duration_s
    return 0


def _head(timeline: Timeline) -> Iterator[str]:
    part_s, target_s = timeline.cadence.part_s, _target_s(timeline)
    hold_back = (
        f"PART-HOLD-BACK={math.ceil(part_s * 3000) / 1000:.3f}"
        if timeline.cadence.low_latency
        else f"HOLD-BACK={3 * target_s}.0"
    )
    skip = f",CAN-SKIP-UNTIL={_skip_until_s(timeline)}.0" if _skip_until_s(timeline) else ""
    yield "#EXTM3U"
    yield "#EXT-X-VERSION:9"
    yield f"#EXT-X-TARGETDURATION:{target_s}"
    yield f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,{hold_back}{skip}"
    if timeline.cadence.low_latency:
        yield f"#EXT-X-PART-INF:PART-TARGET={part_s:.6f}"
    yield f"#EXT-X-MEDIA-SEQUENCE:{timeline.segments[0].msn if timeline.segments else timeline.next_msn}"
    yield f"#EXT-X-DISCONTINUITY-SEQUENCE:{timeline.discontinuity_sequence}"
    yield "#EXT-X-INDEPENDENT-SEGMENTS"


def _body(
    timeline: Timeline, rendition: str, keys: SegmentKeys | None, skipped: int, base: str
) -> Iterator[str]:
    """A key in force would also apply to the initialisation segment of the next run, which is not encrypted."""
    if skipped:
        yield f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}"
    run, number = "", None
    with_parts = timeline.segments[-1].msn - LISTED_PARTS_SEGMENTS if timeline.segments else 0
    for segment in islice(timeline.segments, skipped, None):
        if segment.discontinuity and segment is not timeline.segments[0]:
            yield "#EXT-X-DISCONTINUITY"
        if segment.run != run and rendition in segment.names:
            if number is not None:
                yield "#EXT-X-KEY:METHOD=NONE"
            run, number = segment.run, None
            yield f'#EXT-X-MAP:URI="{base}{init_name(run, rendition)}"'
        if keys is not None and keys.number(segment.msn) != number:
            number = keys.number(segment.msn)
            yield f'#EXT-X-KEY:METHOD=AES-128,URI="{keys.name(number)}"'
        yield from (
            _segment(segment, rendition, base)
            if segment.msn >= with_parts
            else [_settled(segment, rendition, base)]
        )


def _segment(segment: Segment, rendition: str, base: str, with_parts: bool = True) -> Iterator[str]:
    """A segment that this rendition does not have, because it came or came back later, is a gap (RFC 8216bis
    §4.4.4.7)."""
    yield f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(segment.start_ms)}"
    if rendition not in segment.names:
        yield "#EXT-X-GAP"
    elif with_parts:
        yield from _parts(segment, rendition, base)
    if segment.complete:
        yield f"#EXTINF:{segment.duration_s:.6f},"
        yield base + segment_name(segment.stem, rendition, segment.msn)


def _settled(segment: Segment, rendition: str, base: str) -> str:
    """Segments are rendered once: a window of hours has thousands that never change again."""
    text = segment.settled.get(rendition)
    if text is None:
        text = segment.settled[rendition] = "\n".join(_segment(segment, rendition, base, with_parts=False))
    return text


def _parts(segment: Segment, rendition: str, base: str) -> Iterator[str]:
    for number, part in enumerate(segment.parts):
        independent = ",INDEPENDENT=YES" if part.independent else ""
        uri = base + part_name(segment.stem, rendition, segment.msn, number)
        yield f'#EXT-X-PART:DURATION={part.duration_s:.6f},URI="{uri}"{independent}'


def _tail(timeline: Timeline, rendition: str, others: Sequence[str], base: str) -> Iterator[str]:
    if timeline.ended:
        yield "#EXT-X-ENDLIST"
        return
    if timeline.hint:
        stem, msn, part = timeline.hint
        yield f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{base}{part_name(stem, rendition, msn, part)}"'
    if timeline.segments and (timeline.segments[-1].parts or not timeline.cadence.low_latency):
        last = timeline.segments[-1]
        newest = f",LAST-PART={len(last.parts) - 1}" if timeline.cadence.low_latency else ""
        for other in others:
            yield f'#EXT-X-RENDITION-REPORT:URI="{other}.m3u8",LAST-MSN={last.msn}{newest}'


@dataclass(frozen=True)
class Extent:
    """A range of a file: `file` is relative, bytes from `offset`."""

    file: str
    offset: int
    length: int

    @property
    def byterange(self) -> str:
        return f"{self.length}@{self.offset}"


@dataclass(frozen=True)
class RecordedSegment:
    """A segment of a finished recording; `init` is the initialisation segment of its encoder run."""

    duration_s: float
    start_ms: int
    init: Extent
    body: Extent
    continues: bool


def recorded_playlist(segments: Sequence[RecordedSegment]) -> str:
    """The media playlist of one rendition of a finished recording, as byte ranges of few files."""
    longest = max(segment.duration_s for segment in segments)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, math.floor(longest + 0.5))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    init: Extent | None = None
    for segment in segments:
        if init is not None and not segment.continues:
            lines.append("#EXT-X-DISCONTINUITY")
        if segment.init != init:
            init = segment.init
            lines.append(f'#EXT-X-MAP:URI="{init.file}",BYTERANGE="{init.byterange}"')
        lines += [
            f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(segment.start_ms)}",
            f"#EXTINF:{segment.duration_s:.6f},",
            f"#EXT-X-BYTERANGE:{segment.body.byterange}",
            segment.body.file,
        ]
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"
