"""Parts are handed on when every rendition has them."""

import asyncio
import gc
from struct import pack

import pytest

from media.boxes import BoxError, Parser, Run, Sample, fragment
from media.ladder import Rendition, cadence
from media.process import Output
from media.run import Piece, pieces

RHYTHM = cadence(30, 1 / 3, 2)


def init() -> bytes:
    """The smallest moov that the parser takes: one AVC track of 30000 ticks a second."""

    def box(kind: bytes, *content: bytes) -> bytes:
        data = b"".join(content)
        return pack(">I4s", 8 + len(data), kind) + data

    entry = box(b"avc1", bytes(24), pack(">2H", 320, 180), bytes(50), box(b"avcC", bytes([1, 0x64, 0, 0x1E])))
    table = box(b"minf", box(b"stbl", box(b"stsd", bytes(4), pack(">I", 1), entry)))
    mdhd = box(b"mdhd", bytes(12), pack(">I", 30000), bytes(8))
    trak = box(b"trak", box(b"tkhd", bytes(12), pack(">I", 1), bytes(60)), box(b"mdia", mdhd, table))
    return box(b"ftyp", b"iso5") + box(b"moov", trak, box(b"mvex", box(b"trex", bytes(4), pack(">5I", 1, 1, 0, 0, 0))))


def frames(first: int, count: int) -> bytes:
    return b"".join(
        fragment(number, [Run(1, 0, (Sample(1000, 0 if number % 60 == 0 else 0x10000, 0, b"%d" % number),))])
        for number in range(first, first + count)
    )


def test_the_invented_initialisation_is_a_real_one() -> None:
    """What the other tests feed is what the parser takes."""
    (found,) = Parser().feed(init())
    assert found.codecs == "avc1.64001e"  # type: ignore[union-attr]


async def collected(outputs: list[Output], every: int = 1) -> list[Piece]:
    renditions = [Rendition(360, (640, 360), 1), Rendition(180, (320, 180), 1, every=every)][: len(outputs)]
    return [piece async for piece in pieces(outputs, renditions, RHYTHM)]


async def test_a_part_waits_for_the_slowest_rendition() -> None:
    """All renditions list the same parts, so rendition reports are always true."""
    fast, slow = Output(), Output()
    gathered = asyncio.create_task(collected([fast, slow]))
    fast.feed_data(init() + frames(0, 25))
    slow.feed_data(init() + frames(0, 10))
    fast.feed_eof()
    await asyncio.sleep(0.01)
    gc.collect()  # readers are referred to: asyncio would drop them here otherwise
    slow.feed_data(frames(10, 15))
    slow.feed_eof()
    assert [(piece.cut.part, [cut.frames for cut in piece.cuts], piece.cut.last) for piece in await gathered] == [
        (0, [10, 10], False), (1, [10, 10], False), (2, [5, 5], True),
    ]  # fmt: skip


async def test_torn_ends_are_left_out() -> None:
    """A killed encoder leaves unequal ends; only what all renditions have is shown."""
    outputs = [Output(), Output()]
    for output, count in zip(outputs, (17, 14), strict=True):
        output.feed_data(init() + frames(0, count) + b"\0\0\1")
        output.feed_eof()
    assert [piece.cut.frames for piece in await collected(outputs)] == [10]


async def test_nonsense_from_one_rendition_ends_the_run() -> None:
    """One broken output makes the whole run an error."""
    outputs = [Output(), Output()]
    outputs[0].feed_data(init())
    outputs[1].feed_data(b"not an mp4 at all")
    with pytest.raises(BoxError):
        await collected(outputs)


async def test_a_halved_rendition_has_the_same_parts() -> None:
    """Five frames of the slower one are the part that has ten in the other."""
    full, half = Output(), Output()
    full.feed_data(init() + frames(0, 30))
    half.feed_data(init() + frames(0, 15))
    full.feed_eof()
    half.feed_eof()
    parts = await collected([full, half], every=2)
    assert [[cut.frames for cut in piece.cuts] for piece in parts] == [[10, 5], [10, 5], [10, 5]]
    assert len({piece.cuts[1].end_s for piece in parts} ^ {piece.cuts[0].end_s for piece in parts}) == 0
