"""HLS playlists as text (RFC 8216bis), from a timeline. All URIs are relative, so a token in the path rides along."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from media.ladder import AUDIO_BIT_RATE, Rendition
from media.timeline import LISTED_PARTS_SEGMENTS, Segment, Timeline
from weir.foundation.clock import rfc3339

# Encoded peaks over one segment against the rate that was asked for, and fragment headers.
PEAK = 1.2


@dataclass(frozen=True)
class Variant:
    """One line of the master playlist; `codecs` stand in the initialisation segment."""

    rendition: Rendition
    codecs: str


def init_name(run: str, rendition: str) -> str:
    return f"init_{run}_{rendition}.mp4"


def segment_name(run: str, rendition: str, msn: int) -> str:
    return f"s_{run}_{rendition}_{msn}.m4s"


def part_name(run: str, rendition: str, msn: int, part: int) -> str:
    return f"p_{run}_{rendition}_{msn}_{part}.m4s"


def master(variants: Sequence[Variant], rate: Fraction) -> str:
    lines = ["#EXTM3U", "#EXT-X-VERSION:9", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for variant in variants:
        width, height = variant.rendition.size
        average = variant.rendition.bit_rate + (AUDIO_BIT_RATE if "," in variant.codecs else 0)
        lines += [
            f"#EXT-X-STREAM-INF:BANDWIDTH={round(average * PEAK)},AVERAGE-BANDWIDTH={average},"
            f'CODECS="{variant.codecs}",RESOLUTION={width}x{height},FRAME-RATE={float(rate):.3f},CLOSED-CAPTIONS=NONE',
            f"{variant.rendition.name}.m3u8",
        ]
    return "\n".join(lines) + "\n"


def media(timeline: Timeline, rendition: str, others: Sequence[str]) -> str:
    """The media playlist of one rendition; `others` get a rendition report."""
    return "\n".join([*_head(timeline), *_body(timeline, rendition), *_tail(timeline, rendition, others)]) + "\n"


def _head(timeline: Timeline) -> Iterator[str]:
    part_s = timeline.cadence.part_s
    yield "#EXTM3U"
    yield "#EXT-X-VERSION:9"
    yield f"#EXT-X-TARGETDURATION:{max(1, math.floor(timeline.cadence.segment_s + 0.5))}"
    yield f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={math.ceil(part_s * 3000) / 1000:.3f}"
    yield f"#EXT-X-PART-INF:PART-TARGET={part_s:.6f}"
    yield f"#EXT-X-MEDIA-SEQUENCE:{timeline.segments[0].msn if timeline.segments else timeline.next_msn}"
    yield f"#EXT-X-DISCONTINUITY-SEQUENCE:{timeline.discontinuity_sequence}"
    yield "#EXT-X-INDEPENDENT-SEGMENTS"


def _body(timeline: Timeline, rendition: str) -> Iterator[str]:
    run = ""
    with_parts = timeline.segments[-1].msn - LISTED_PARTS_SEGMENTS if timeline.segments else 0
    for segment in timeline.segments:
        if segment.discontinuity and segment is not timeline.segments[0]:
            yield "#EXT-X-DISCONTINUITY"
        if segment.run != run:
            run = segment.run
            yield f'#EXT-X-MAP:URI="{init_name(run, rendition)}"'
        yield f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(segment.start_ms)}"
        if segment.msn >= with_parts:
            yield from _parts(segment, rendition)
        if segment.complete:
            yield f"#EXTINF:{segment.duration_s:.6f},"
            yield segment_name(segment.run, rendition, segment.msn)


def _parts(segment: Segment, rendition: str) -> Iterator[str]:
    for number, part in enumerate(segment.parts):
        independent = ",INDEPENDENT=YES" if part.independent else ""
        yield f'#EXT-X-PART:DURATION={part.duration_s:.6f},URI="{part_name(segment.run, rendition, segment.msn, number)}"{independent}'


def _tail(timeline: Timeline, rendition: str, others: Sequence[str]) -> Iterator[str]:
    if timeline.ended:
        yield "#EXT-X-ENDLIST"
        return
    if timeline.hint:
        run, msn, part = timeline.hint
        yield f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{part_name(run, rendition, msn, part)}"'
    if timeline.segments and timeline.segments[-1].parts:
        last = timeline.segments[-1]
        for other in others:
            yield f'#EXT-X-RENDITION-REPORT:URI="{other}.m3u8",LAST-MSN={last.msn},LAST-PART={len(last.parts) - 1}'
