"""Which renditions a source gets: decided once a broadcast, so that its playlists keep one shape over reconnects."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

NTSC = (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001))
FASTEST = 60
AUDIO_BIT_RATE = 128_000


@dataclass(frozen=True)
class Source:
    """What the encoder sends: pixels, frames a second (0 when unknown), and whether there is sound."""

    width: int
    height: int
    frame_rate: float
    audio: bool


@dataclass(frozen=True)
class Rendition:
    """`height` is the rung's name: the short side, so a portrait picture of 720×1280 is rung 720. Bits a second."""

    height: int
    size: tuple[int, int]
    bit_rate: int

    @property
    def name(self) -> str:
        return f"v{self.height}"


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

    @property
    def low_latency(self) -> bool:
        """False where a segment is one part, so that none are listed."""
        return self.part_frames < self.segment_frames

    @property
    def parts_per_segment(self) -> int:
        return -(-self.segment_frames // self.part_frames)


def ladder(source: Source, rungs: Sequence[int]) -> list[Rendition]:
    """The rungs at or below the source, highest first; never upscaled. A source below all rungs is its own rung."""
    short, long = sorted((source.width, source.height))
    heights = sorted({_even(rung) for rung in rungs if rung <= short}, reverse=True) or [_even(short)]
    return [Rendition(height, _size(source, height, long / short), _bit_rate(height, source.frame_rate)) for height in heights]


def cadence(frame_rate: float, part_s: float | None, segment_s: float) -> Cadence:
    """Whole frames for parts and segments, as near to the wanted durations as the frame rate allows; without parts, a segment
    is one.

    25 frames/s with .333 s and 2 s: 50 frames in six parts of 9 (the last has 5), where 8 would leave a seventh stub.
    """
    rate = exact_rate(frame_rate)
    segment_frames = max(1, round(segment_s * rate))
    parts = max(1, round(segment_s / part_s)) if part_s else 1
    return Cadence(rate, -(-segment_frames // parts), segment_frames)


def exact_rate(frame_rate: float) -> Fraction:
    """The standard rate behind a rounded one (29.97 is 30000/1001); 30 when unknown, at most 60."""
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
