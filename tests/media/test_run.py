"""From what a pipe brings to parts."""

from struct import pack

import pytest

from media.boxes import BoxError, Parser, Run, Sample, fragment
from media.ladder import Rendition, cadence
from media.process import PIPE_BYTES, Output
from media.run import Piece, _rest_s, pieces

RHYTHM = cadence(30, 1 / 3, 2)
LADDER = [Rendition(360, (640, 360), 1), Rendition(180, (320, 180), 1)]


def init(tracks: int = 2) -> bytes:
    """The smallest moov that the parser takes: AVC tracks of 30000 ticks a second."""

    def box(kind: bytes, *content: bytes) -> bytes:
        data = b"".join(content)
        return pack(">I4s", 8 + len(data), kind) + data

    entry = box(b"avc1", bytes(24), pack(">2H", 320, 180), bytes(50), box(b"avcC", bytes([1, 0x64, 0, 0x1E])))
    table = box(b"minf", box(b"stbl", box(b"stsd", bytes(4), pack(">I", 1), entry)))
    mdia = box(b"mdia", box(b"mdhd", bytes(12), pack(">I", 30000), bytes(8)), table)
    numbers = range(1, tracks + 1)
    traks = [box(b"trak", box(b"tkhd", bytes(12), pack(">I", number), bytes(60)), mdia) for number in numbers]
    trexes = [box(b"trex", bytes(4), pack(">5I", number, 1, 0, 0, 0)) for number in numbers]
    return box(b"ftyp", b"iso5") + box(b"moov", *traks, box(b"mvex", *trexes))


def frames(first: int, count: int, tracks: int = 2) -> bytes:
    return b"".join(
        fragment(number, [Run(track, 0, (Sample(1000, 0 if number % 60 == 0 else 0x10000, 0, b"%d" % number),))
                          for track in range(1, tracks + 1)])
        for number in range(first, first + count)
    )  # fmt: skip


async def collected(data: bytes) -> list[Piece]:
    output = Output()
    output.feed_data(data)
    output.feed_eof()
    return [piece async for piece in pieces(output, LADDER, RHYTHM, live=True)]


def test_the_invented_initialisation_is_a_real_one() -> None:
    """What the other tests feed is what the parser takes."""
    (found,) = Parser().feed(init())
    assert found.codecs == "avc1.64001e,avc1.64001e"  # type: ignore[union-attr]


async def test_every_piece_has_all_renditions() -> None:
    """All of them list the same parts, so rendition reports are always true; the last is shorter."""
    found = await collected(init() + frames(0, 25))
    assert [(piece.cut.part, piece.cut.frames, piece.cut.last) for piece in found] == [(0, 10, False), (1, 10, False), (2, 5, True)]
    assert {(len(piece.cut.bodies), len(piece.inits)) for piece in found} == {(2, 2)}
    assert [one.codecs for one in found[0].inits] == ["avc1.64001e"] * 2


async def test_torn_ends_are_left_out() -> None:
    """A killed encoder leaves half a fragment, or some renditions of a frame; only what all have is shown."""
    found = await collected(init() + frames(0, 14) + frames(14, 3, tracks=1) + frames(0, 1)[:-3])
    assert [piece.cut.frames for piece in found] == [10, 4]


async def test_nonsense_ends_the_run() -> None:
    """What is no MP4 makes the run an error, and so do fewer renditions than were asked for."""
    for nonsense in (init() + b"not an mp4 at all", init(tracks=1)):
        with pytest.raises(BoxError):
            await collected(nonsense)


@pytest.mark.parametrize(("live", "rests"), [(True, 3), (False, 0)])
async def test_only_what_is_live_rests(live: bool, rests: int) -> None:
    """One rest a whole part; a film is transcoded as fast as the machine can."""
    output, rested = Output(), list[float]()
    output.rest = rested.append  # type: ignore[method-assign]
    output.feed_data(init() + frames(0, 30))
    output.feed_eof()
    found = [piece async for piece in pieces(output, LADDER, RHYTHM, live=live)]
    assert (len(found), len(rested)) == (3, rests)


@pytest.mark.parametrize("bit_rate", [800_000, 5_200_000, 20_000_000])
def test_a_resting_pipe_never_fills(bit_rate: int) -> None:
    """A full pipe would stop FFmpeg, so a faster ladder gets shorter rests; none is longer than a part."""
    rest_s = _rest_s([Rendition(360, (640, 360), bit_rate)] * 4, RHYTHM)
    assert rest_s * bit_rate * 4 / 8 <= PIPE_BYTES / 2
    assert rest_s < RHYTHM.part_s
