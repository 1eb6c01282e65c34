"""Which renditions a source gets: decided once for each broadcast, so that its playlists keep one shape over
reconnects.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

NTSC = (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001))
FASTEST = 60
MOST_RUNGS = 6
AUDIO_BIT_RATE = 128_000


@dataclass(frozen=True)
class Source:
    """What the encoder sends: square pixels, frames a second (0 when unknown), and whether there is sound.
    `square`: its own pixels are square; `plain`: 8 bit 4:2:0; `interlaced`: it may have fields. `alone`:
    sound with a still picture of ours. `high`: high dynamic range (PQ or HLG)."""

    width: int
    height: int
    frame_rate: float
    audio: bool
    square: bool = True
    plain: bool = True
    interlaced: bool = False
    alone: bool = False
    high: bool = False


@dataclass(frozen=True)
class Rung:
    """What a profile asks for one rendition: `height` of the short side, bits a second, most frames a second,
    x264's preset."""

    height: int
    bit_rate: int | None = None
    frame_rate: int | None = None
    preset: str | None = None


@dataclass(frozen=True)
class Profile:
    """`copy_top`: a source that fits is the highest rendition without being encoded again. `audio_only`: with
    a rendition of sound alone."""

    rungs: tuple[Rung, ...]
    audio_only: bool = False
    copy_top: bool = False


SOUND_ALONE = Profile((Rung(360, 100_000, preset="ultrafast"),), audio_only=True)
"""What sound without a picture of its own gets: a still one, and a rendition of the sound."""


@dataclass(frozen=True)
class Rendition:
    """`height` is the rung's name: the short side, so a portrait picture of 720×1280 is rung 720; 0 has sound
    alone. Bits a second. It has every `every`-th frame of the cadence. `copied` from the encoder as it is."""

    height: int
    size: tuple[int, int]
    bit_rate: int
    every: int = 1
    preset: str | None = None
    copied: bool = False

    @property
    def name(self) -> str:
        return f"v{self.height}" if self.height else "audio"


def sound_of(renditions: Sequence[Rendition]) -> bool:
    """True when the last one is sound alone."""
    return bool(renditions) and renditions[-1].height == 0


@dataclass(frozen=True)
class Cadence:
    """Frames a second, a part and a segment. Every part but a segment's last has exactly `part_frames`."""

    rate: Fraction
    part_frames: int
    segment_frames: int

    @property
    def part_s(self) -> float:
        return float(self.part_frames / self.rate)

    @property
    def segment_s(self) -> float:
        return float(self.segment_frames / self.rate)

    def divided(self, every: int) -> "Cadence":
        """The cadence of a rendition with every `every`-th frame."""
        return Cadence(self.rate / every, self.part_frames // every, self.segment_frames // every)

    def divides(self, every: int) -> bool:
        return self.part_frames % every == 0 and self.segment_frames % every == 0

    @property
    def low_latency(self) -> bool:
        """False where a segment is one part, so that none are listed."""
        return self.part_frames < self.segment_frames

    @property
    def parts_per_segment(self) -> int:
        return -(-self.segment_frames // self.part_frames)


def ladder(source: Source, profile: Profile, rhythm: Cadence) -> tuple[Rendition, ...]:
    """The rungs at or below the source, highest first; never upscaled. A source below all rungs is its own
    rung."""
    rungs = _fitting(source, profile)
    found = [_rendition(source, rung, rhythm) for rung in rungs]
    top = found[0]
    copies = (
        profile.copy_top and source.square and source.plain and not source.interlaced and not source.alone
    )
    if (
        copies
        and (source.width, source.height) == top.size
        and top.every == 1
        and rhythm.rate == exact_rate(source.frame_rate)
    ):
        found[0] = replace(top, copied=True)
    if profile.audio_only and source.audio:
        found.append(Rendition(0, (0, 0), AUDIO_BIT_RATE))
    return tuple(found)


def choose_cadence(source: Source, profile: Profile, part_s: float | None, segment_s: float) -> Cadence:
    """The cadence of the fastest rendition, such that slower ones have whole frames in each part too."""
    rungs = _fitting(source, profile)
    rate = float(exact_rate(source.frame_rate))
    rates = [_capped(rate, rung.frame_rate) for rung in rungs]
    return cadence(max(rates), part_s, segment_s, multiple=round(max(rates) / min(rates)))


def _fitting(source: Source, profile: Profile) -> list[Rung]:
    short = min(source.width, source.height)
    fitting = {_even(rung.height): rung for rung in reversed(profile.rungs) if rung.height <= short}
    own = replace(min(profile.rungs, key=lambda rung: rung.height), height=_even(short), bit_rate=None)
    return [replace(fitting[height], height=height) for height in sorted(fitting, reverse=True)] or [own]


def _rendition(source: Source, rung: Rung, rhythm: Cadence) -> Rendition:
    short, long = sorted((source.width, source.height))
    rate = float(rhythm.rate)
    every = round(rate / _capped(rate, rung.frame_rate))
    every = every if rhythm.divides(every) else 1
    bit_rate = rung.bit_rate or _bit_rate(rung.height, rate / every)
    return Rendition(rung.height, _size(source, rung.height, long / short), bit_rate, every, rung.preset)


def _capped(rate: float, most: int | None) -> float:
    """Halved until it fits: every second frame is smooth, 50 frames shown as 30 are not."""
    while most and rate > most * 1.02:
        rate /= 2
    return rate


def cadence(frame_rate: float, part_s: float | None, segment_s: float, multiple: int = 1) -> Cadence:
    """Whole frames for parts and segments, as near to the wanted durations as the frame rate allows; without
    parts, a segment is one. Numbers of frames are multiples of `multiple`.

    25 frames/s with .333 s and 2 s: 50 frames in six parts of 9 (the last has 5), where 8 would leave a
    seventh stub.
    """
    rate = exact_rate(frame_rate)
    segment_frames = max(1, round(segment_s * rate / multiple)) * multiple
    parts = max(1, round(segment_s / part_s)) if part_s else 1
    return Cadence(rate, -(-segment_frames // (parts * multiple)) * multiple, segment_frames)


def exact_rate(frame_rate: float) -> Fraction:
    """The standard rate for a rounded one (29.97 is 30000/1001); 30 when unknown, at most 60."""
    if frame_rate <= 0:
        return Fraction(30)
    for rate in NTSC:
        if abs(frame_rate - float(rate)) < 0.015:
            return rate
    return Fraction(min(FASTEST, max(5, round(frame_rate))))


def _size(source: Source, height: int, aspect: float) -> tuple[int, int]:
    long = _even(round(height * aspect))
    return (height, long) if source.height > source.width else (long, height)


def _bit_rate(height: int, frame_rate: float) -> int:
    """5.2, 2.6, 1.3 and .8 Mb/s for 1080, 720, 480 and 360 at up to 30 frames/s; 40 % more above 40 frames/s."""
    motion = 1.4 if frame_rate > 40 else 1.0
    return max(1, round(8.0 * float((height / 360) ** 1.7) * motion)) * 100_000


def _even(pixels: int) -> int:
    return max(2, pixels - pixels % 2)


@dataclass(frozen=True)
class BroadcastShape:
    """Cadence and `rotation` (segments that a key lasts; 0: unencrypted) stay the same for a whole broadcast.
    So do the renditions, unless the profile changes or the machine falls behind: a source that returns
    with another size is scaled and padded."""

    renditions: tuple[Rendition, ...]
    cadence: Cadence
    rotation: int = 0

    @property
    def pictured(self) -> tuple[Rendition, ...]:
        return tuple(rendition for rendition in self.renditions if rendition.height)

    @property
    def names(self) -> list[str]:
        return [rendition.name for rendition in self.renditions]
