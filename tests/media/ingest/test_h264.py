"""What a parameter set says, against x264's options."""

import subprocess
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ingest import flv
from media.ingest.h264 import Sps, parse, sps_of
from media.ingest.rtmp import VIDEO


def made(size: str, rate: str, *options: str) -> Sps:
    picture = f"testsrc2=s={size}:r={rate}" + (",setsar=16/15" if "wide" in options else "")
    argv = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", picture, "-frames:v", "2", "-c:v", "libx264",
            *(one for one in options if one != "wide"), "-f", "flv", "pipe:1"]  # fmt: skip
    file = subprocess.run(argv, capture_output=True, check=True, timeout=60).stdout
    pictures = [flv.picture(body) for kind, _, body in flv.tags(file) if kind == VIDEO]
    return next(sps_of(one.data) for one in pictures if one is not None and one.part == "header")


@pytest.mark.parametrize(("size", "rate", "options", "told"), [
    ("640x360", "30", (), Sps(640, 360, rate=Fraction(30))),
    ("1920x1080", "30000/1001", ("-profile:v", "high", "-pix_fmt", "yuv420p"), Sps(1920, 1080, rate=Fraction(30000, 1001))),
    ("720x576", "25", ("wide",), Sps(720, 576, Fraction(16, 15), Fraction(25))),
    ("578x324", "60", ("-pix_fmt", "yuv444p"), Sps(578, 324, rate=Fraction(60), plain=False)),
    ("640x360", "50", ("-pix_fmt", "yuv422p10le"), Sps(640, 360, rate=Fraction(50), plain=False)),
    ("720x576", "25", ("-flags", "+ildct+ilme", "-pix_fmt", "yuv420p"), Sps(720, 576, rate=Fraction(25), fields=True)),
    ("64x36", "24000/1001", ("-profile:v", "baseline", "-pix_fmt", "yuv420p"), Sps(64, 36, rate=Fraction(24000, 1001))),
    ("360x640", "15", ("-x264-params", "scenecut=0:cqm=jvt", "-pix_fmt", "yuv420p"), Sps(360, 640, rate=Fraction(15))),
])  # fmt: skip
def test_what_x264_was_told(size: str, rate: str, options: tuple[str, ...], told: Sps) -> None:
    """Size without the rows that only fill a macroblock, shape of a pixel, exact rate, colour, fields."""
    assert made(size, rate, *options) == told


@given(st.binary(max_size=60))
def test_any_bytes_are_survived(data: bytes) -> None:
    """A set, or a ValueError."""
    for read in (
        sps_of,
        lambda one: parse(b"\x67" + one),
        lambda one: sps_of(b"\1\0\0\0\xff\xe1\0" + bytes((len(one),)) + b"\x67" + one),
    ):
        try:
            found = read(data)
        except ValueError:
            continue
        assert found.width > 0
        assert found.height > 0


@pytest.mark.parametrize(
    ("across", "down", "told"), [(16, 15, Fraction(16, 15)), (1, 65535, 1), (65535, 1, 1), (40, 1, 1)]
)
def test_pixels_of_an_unbelievable_shape_are_square(across: int, down: int, told: Fraction) -> None:
    """A picture without width has no ladder, and one of millions of columns has one that fills the memory."""
    shape = f"1{255:08b}{across:016b}{down:016b}000000"
    bits = (
        f"{66:08b}{0:08b}{40:08b}"
        + "1" * 4
        + "010"
        + "0"
        + "00000101000"
        + "000010111"
        + "110"
        + "1"
        + shape
        + "1"
    )
    bits += "0" * (-len(bits) % 8)
    found = parse(b"\x67" + int(bits, 2).to_bytes(len(bits) // 8, "big"))
    assert (found.width, found.height, found.aspect) == (640, 368, told)
