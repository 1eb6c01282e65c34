"""The rules of RFC 8216bis that players rely on, as a check of one media playlist against the one served
before it.

Section numbers in the texts are those of draft-pantos-hls-rfc8216bis-15.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')


@dataclass
class ListedPart:
    uri: str
    duration: float


@dataclass
class ListedSegment:
    """`uri` is empty for the segment that is still growing."""

    msn: int
    uri: str = ""
    duration: float = 0.0
    discontinuity: int = 0
    map: str = ""
    key: str = ""
    gap: bool = False
    date_ms: float | None = None
    parts: list[ListedPart] = field(default_factory=list)


@dataclass
class Listed:
    """A media playlist as a player reads it."""

    target: int = 0
    part_target: float = 0.0
    hold_back: float = 0.0
    hint: str = ""
    ended: bool = False
    skip_until: float = 0.0
    skipped: int = 0
    first_discontinuity: int = 0
    segments: list[ListedSegment] = field(default_factory=list)
    reports: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def last(self) -> tuple[int, int]:
        """(MSN, part) of the newest part; part −1 when a complete segment lists none."""
        return (self.segments[-1].msn, len(self.segments[-1].parts) - 1) if self.segments else (-1, -1)

    def completed(self, before: "Listed") -> "Listed":
        """A delta update together with what the player had. Errors: ValueError when that does not reach."""
        if not self.skipped:
            return self
        first, after = self.segments[0].msn - self.skipped, self.segments[0].msn
        known = [segment for segment in before.segments if first <= segment.msn < after]
        if [segment.msn for segment in known] != list(range(first, after)) or not all(
            segment.uri for segment in known
        ):
            raise ValueError("the delta update leaves out what the player does not have (§6.2.5.1)")
        offset = known[-1].discontinuity - self.first_discontinuity
        new = [replace(segment, discontinuity=segment.discontinuity + offset) for segment in self.segments]
        return replace(self, segments=[*(replace(segment, parts=[]) for segment in known), *new], skipped=0)


def parse(text: str) -> Listed:
    """Errors: ValueError for what is no media playlist."""
    lines = text.splitlines()
    if not lines or lines[0] != "#EXTM3U":
        raise ValueError("a playlist begins with #EXTM3U")
    reading = _Reading(Listed())
    for line in lines[1:]:
        if line.startswith("#"):
            tag, _, value = line.partition(":")
            given = {name: quoted.strip('"') for name, quoted in _ATTRIBUTE.findall(value)}
            if not reading.tag(tag, value, given):
                _head(reading.listed, tag, value, given)
        else:
            reading.uri(line)
    return reading.listed


@dataclass
class _Reading:
    listed: Listed
    msn: int = 0
    discontinuity: int = 0
    map: str = ""
    key: str = ""
    current: ListedSegment | None = None

    def tag(self, tag: str, value: str, given: dict[str, str]) -> bool:
        """True when the tag speaks of where we are or of the segment to come."""
        if tag == "#EXT-X-MEDIA-SEQUENCE":
            self.msn = int(value)
        elif tag == "#EXT-X-DISCONTINUITY-SEQUENCE":
            self.listed.first_discontinuity = self.discontinuity = int(value)
        elif tag == "#EXT-X-DISCONTINUITY":
            self.discontinuity += 1
        elif tag == "#EXT-X-MAP":
            if self.key:
                raise ValueError("an initialisation segment would be read as encrypted (§4.4.4.4)")
            self.map = given["URI"]
        elif tag == "#EXT-X-KEY":
            self.key = given.get("URI", "")
        elif tag == "#EXT-X-SKIP":
            self.listed.skipped = int(given["SKIPPED-SEGMENTS"])
            self.msn += self.listed.skipped
        elif tag == "#EXT-X-PROGRAM-DATE-TIME":
            self._segment().date_ms = datetime.fromisoformat(value).timestamp() * 1000
        elif tag == "#EXT-X-PART":
            self._segment().parts.append(ListedPart(given["URI"], float(given["DURATION"])))
        elif tag == "#EXT-X-GAP":
            self._segment().gap = True
        elif tag == "#EXTINF":
            self._segment().duration = float(value.rstrip(","))
        else:
            return False
        return True

    def uri(self, uri: str) -> None:
        self._segment().uri = uri
        self.current, self.msn = None, self.msn + 1

    def _segment(self) -> ListedSegment:
        if self.current is None:
            self.current = ListedSegment(
                self.msn, discontinuity=self.discontinuity, map=self.map, key=self.key
            )
            self.listed.segments.append(self.current)
        return self.current


def _head(listed: Listed, tag: str, value: str, given: dict[str, str]) -> None:
    if tag == "#EXT-X-TARGETDURATION":
        listed.target = int(value)
    elif tag == "#EXT-X-PART-INF":
        listed.part_target = float(given["PART-TARGET"])
    elif tag == "#EXT-X-SERVER-CONTROL":
        listed.hold_back = float(given.get("PART-HOLD-BACK") or given["HOLD-BACK"])
        listed.skip_until = float(given.get("CAN-SKIP-UNTIL", 0))
    elif tag == "#EXT-X-PRELOAD-HINT":
        listed.hint = given["URI"]
    elif tag == "#EXT-X-RENDITION-REPORT":
        listed.reports[given["URI"]] = (int(given["LAST-MSN"]), int(given.get("LAST-PART", -1)))
    elif tag == "#EXT-X-ENDLIST":
        listed.ended = True


def violations(now: Listed, before: Listed | None = None) -> list[str]:
    """One sentence for each broken rule; empty when `now` may be served after `before`."""
    return [*_alone(now), *(_after(now, before) if before else ())]


def _alone(now: Listed) -> Iterator[str]:
    if now.hold_back < 3 * now.part_target - 1e-6:
        yield "PART-HOLD-BACK is below three part targets (§4.4.3.8)"
    if not now.part_target and now.hold_back < 3 * now.target:
        yield "HOLD-BACK is below three target durations (§4.4.3.8)"
    if now.skip_until and now.skip_until < 6 * now.target:
        yield "CAN-SKIP-UNTIL is below six target durations (§4.4.3.8)"
    if (
        now.skipped
        and sum(segment.duration or sum(part.duration for part in segment.parts) for segment in now.segments)
        < now.skip_until
    ):
        yield "the delta update skips beyond the skip boundary (§6.2.5.1)"
    if now.ended and now.hint:
        yield "a preload hint stands beside ENDLIST (§4.4.5.3)"
    for segment in now.segments:
        if segment.uri and int(segment.duration + 0.5) > now.target:
            yield f"segment {segment.msn} is longer than the target duration (§4.4.3.1)"
        if not segment.map and not segment.gap:
            yield f"segment {segment.msn} has no EXT-X-MAP (§4.4.4.5)"
        if segment.date_ms is None:
            yield f"segment {segment.msn} has no date"
        if (
            segment.uri
            and segment.parts
            and abs(sum(part.duration for part in segment.parts) - segment.duration) > 1e-3
        ):
            yield f"the parts of segment {segment.msn} do not add up to it (§4.4.4.9)"
        yield from _parts(now, segment)
    for one, other in zip(now.segments, now.segments[1:], strict=False):
        yield from _neighbours(one, other)


def _parts(now: Listed, segment: ListedSegment) -> Iterator[str]:
    for number, part in enumerate(segment.parts):
        final = bool(segment.uri) and number == len(segment.parts) - 1
        if part.duration > now.part_target + 1e-6:
            yield f"part {segment.msn}.{number} is longer than PART-TARGET (§4.4.4.9)"
        if not final and part.duration < 0.85 * now.part_target:
            yield f"part {segment.msn}.{number} is shorter than 85 % of PART-TARGET (§4.4.4.9)"


def _neighbours(one: ListedSegment, other: ListedSegment) -> Iterator[str]:
    if not one.uri:
        yield f"segment {one.msn} still grows and is not the last"
    if one.map != other.map and one.discontinuity == other.discontinuity:
        yield f"segment {other.msn} changes EXT-X-MAP without a discontinuity"
    if one.date_ms is None or other.date_ms is None:
        return
    step = other.date_ms - one.date_ms - one.duration * 1000
    if one.discontinuity == other.discontinuity and abs(step) > 2:
        yield f"the date of segment {other.msn} jumps by {step:.0f} ms inside a discontinuity (§6.2.1)"
    if step < -2:
        yield f"the date of segment {other.msn} goes back"


def _after(now: Listed, before: Listed) -> Iterator[str]:
    if (now.target, now.part_target) != (before.target, before.part_target):
        yield "a target duration has changed (§4.4.3.1)"
    if before.ended and now != before:
        yield "the playlist has changed after ENDLIST (§4.4.3.4)"
    if not before.segments or not now.segments:
        return
    if now.segments[0].msn < before.segments[0].msn or now.last[0] < before.last[0]:
        yield "the media sequence goes back (§6.2.2)"
    if now.segments[0].msn > before.segments[-1].msn + 1:
        yield "segments have been skipped (§6.2.2)"
    if now.first_discontinuity < before.first_discontinuity:
        yield "the discontinuity sequence goes back (§6.2.2)"
    known = {segment.msn: segment for segment in before.segments}
    for segment in now.segments:
        old = known.get(segment.msn)
        if old is not None:
            yield from _changed(segment, old)


def _changed(segment: ListedSegment, old: ListedSegment) -> Iterator[str]:
    if old.uri and (segment.uri, segment.duration) != (old.uri, old.duration):
        yield f"segment {segment.msn} has become another one (§6.2.1)"
    if (segment.map, segment.key, segment.date_ms, segment.discontinuity) != (
        old.map,
        old.key,
        old.date_ms,
        old.discontinuity,
    ):
        yield f"map, key, date or discontinuity of segment {segment.msn} has changed (§6.2.1)"
    if segment.parts and segment.parts[: len(old.parts)] != old.parts:
        yield f"parts of segment {segment.msn} have changed (§6.2.1)"
