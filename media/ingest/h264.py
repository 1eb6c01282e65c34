"""What an H.264 decoder configuration (14496-15 §5.3.3) and its sequence parameter set (H.264 §7.3.2.1) say
of the picture. [decision]"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

HIGH = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
ASPECTS = (
    (1, 1),
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
)
EXTENDED_SAR = 255
MOST_SIDE = 16_384
LARGEST_SET = 1024  # one with all of its scaling lists has 300 bytes; 64 KB take 15 ms
MOST_STRETCH = 10


@dataclass(frozen=True)
class Sps:
    """`width` and `height` in coded, cropped pixels; `aspect` of one pixel; `rate` frames a second as the
    encoder wrote it, None where it did not; `plain` is 8 bit 4:2:0, which every player takes; `fields`:
    some pictures may be interlaced."""

    width: int
    height: int
    aspect: Fraction = Fraction(1)
    rate: Fraction | None = None
    plain: bool = True
    fields: bool = False


class _Bits:
    """Reads beyond the end are zeros: a set that was cut short says what it can."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._length = len(data) * 8
        self._at = 0

    def take(self, count: int) -> int:
        self._at += count
        over = self._length - self._at
        shifted = self._value >> over if over >= 0 else self._value << -over
        return shifted & ((1 << count) - 1)

    def unsigned(self) -> int:
        """Exp-Golomb (§9.1)."""
        zeros = 0
        while self.take(1) == 0:
            zeros += 1
            if zeros > 32 or self._at > self._length:
                raise ValueError("SPS: a number is too long")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        number = self.unsigned()
        return (number + 1) // 2 if number & 1 else -(number // 2)


def sps_of(config: bytes) -> Sps:
    """Of an avcC record. Errors: ValueError."""
    if len(config) < 8 or config[0] != 1 or config[5] & 31 == 0:
        raise ValueError("avcC: no parameter set")
    length = int.from_bytes(config[6:8], "big")
    return parse(config[8 : 8 + length])


def parse(unit: bytes) -> Sps:
    """Of a NAL unit of type 7. Errors: ValueError."""
    if len(unit) < 4 or unit[0] & 31 != 7:
        raise ValueError("SPS: not one")
    bits = _Bits(unit[1:LARGEST_SET].replace(b"\0\0\3", b"\0\0"))
    profile = bits.take(8)
    bits.take(16)
    bits.unsigned()
    chroma, depth = 1, 0
    if profile in HIGH:
        chroma, depth = _high(bits)
    bits.unsigned()  # log2_max_frame_num
    _order(bits)
    bits.unsigned()
    bits.take(1)
    width, rows, frames_only = 16 * (bits.unsigned() + 1), bits.unsigned() + 1, bits.take(1)
    height = 16 * rows * (2 - frames_only)
    if not frames_only:
        bits.take(1)
    bits.take(1)
    if bits.take(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        across, down = (1, 1) if chroma in (0, 3) else (2, 2 if chroma == 1 else 1)
        width -= across * (left + right)
        height -= down * (2 - frames_only) * (top + bottom)
    if not (0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE):
        raise ValueError(f"SPS: a picture of {width}×{height}")
    aspect, rate = _vui(bits) if bits.take(1) else (Fraction(1), None)
    return Sps(width, height, aspect, rate, chroma == 1 and depth == 0, not frames_only)


def _high(bits: _Bits) -> tuple[int, int]:
    """(chroma_format_idc, most bits of depth above 8)."""
    chroma = bits.unsigned()
    if chroma == 3:
        bits.take(1)
    depth = max(bits.unsigned(), bits.unsigned())
    bits.take(1)
    if bits.take(1):
        for number in range(8 if chroma != 3 else 12):
            if bits.take(1):
                _scaling(bits, 16 if number < 6 else 64)
    return chroma, depth


def _scaling(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _order(bits: _Bits) -> None:
    kind = bits.unsigned()
    if kind == 0:
        bits.unsigned()
    elif kind == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(min(bits.unsigned(), 255)):
            bits.signed()


def _vui(bits: _Bits) -> tuple[Fraction, Fraction | None]:
    aspect = Fraction(1)
    if bits.take(1):
        index = bits.take(8)
        across, down = (
            (bits.take(16), bits.take(16))
            if index == EXTENDED_SAR
            else ASPECTS[index]
            if index < len(ASPECTS)
            else (1, 1)
        )
        aspect = stretch(Fraction(across, down)) if across and down else Fraction(1)
    if bits.take(1):
        bits.take(1)
    if bits.take(1):
        bits.take(4)
        if bits.take(1):
            bits.take(24)
    if bits.take(1):
        bits.unsigned()
        bits.unsigned()
    if not bits.take(1):
        return aspect, None
    ticks, scale = bits.take(32), bits.take(32)
    return aspect, Fraction(scale, 2 * ticks) if ticks and scale else None


def stretch(aspect: Fraction) -> Fraction:
    """Of one pixel, as it is believed: what makes a picture of nothing, or of a million columns, is none."""
    return aspect if Fraction(1, MOST_STRETCH) <= aspect <= MOST_STRETCH else Fraction(1)


def units(data: bytes, width: int = 4) -> Iterator[bytes]:
    """NAL units of a frame whose lengths have `width` bytes."""
    at = 0
    while at + width <= len(data):
        size = int.from_bytes(data[at : at + width], "big")
        yield data[at + width : at + width + size]
        at += width + size
