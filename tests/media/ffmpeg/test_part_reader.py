"""From what a pipe brings to parts."""

import asyncio
import fcntl
import os
from struct import pack

import pytest

from media.ffmpeg.fmp4 import BoxError, Fmp4Parser, MediaSample, fragment, timed_run
from media.ffmpeg.part_reader import LONGEST_REST_S, LOOK_S, REST, EncodedPart, _longest_rest_s, read_parts
from media.ffmpeg.process import PIPE_BYTES, OutputPipe
from media.ladder.rules import Rendition, cadence

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
        fragment(number, [timed_run(track, 0, 1000, [MediaSample(0, 0 if number % 60 == 0 else 0x10000, 0, b"%d" % number)])
                          for track in range(1, tracks + 1)])
        for number in range(first, first + count)
    )  # fmt: skip


def piped(data: bytes) -> OutputPipe:
    """A pipe as wide as FFmpeg's that holds `data` and has ended."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    os.write(write, data)
    os.close(write)
    return OutputPipe(read)


async def collected(data: bytes, *, live: bool = True) -> list[EncodedPart]:
    output = piped(data)
    try:
        return [piece async for piece in read_parts(output, LADDER, RHYTHM, live=live)]
    finally:
        output.close()


def test_the_invented_initialisation_is_a_real_one() -> None:
    """What the other tests feed is what the parser takes."""
    (found,) = Fmp4Parser().feed(init())
    assert found.codecs == "avc1.64001e,avc1.64001e"  # type: ignore[union-attr]


async def test_every_piece_has_all_renditions() -> None:
    """All of them list the same parts, so rendition reports are always true; the last is shorter."""
    found = await collected(init() + frames(0, 25))
    assert [(piece.cut.part, piece.cut.frames, piece.cut.last) for piece in found] == [
        (0, 10, False),
        (1, 10, False),
        (2, 5, True),
    ]
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


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each sleep would have been."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return found


async def test_the_pipe_rests_between_parts(slept: list[float]) -> None:
    """Most of a part once one is cut, a moment otherwise."""
    await collected(init() + frames(0, 10))
    await collected(init() + frames(0, 9))
    rest_s, look_s = slept
    assert look_s == LOOK_S
    assert LOOK_S < rest_s <= REST * RHYTHM.part_s


async def test_a_film_does_not_rest(slept: list[float]) -> None:
    """It is transcoded as fast as the machine can."""
    assert len(await collected(init() + frames(0, 30), live=False)) == 3
    assert not slept


async def test_a_long_part_is_read_meanwhile(slept: list[float]) -> None:
    """Where a segment is one part of two seconds, the pipe would fill before it is whole."""
    output = piped(init() + frames(0, 60))
    assert [
        piece.cut.frames async for piece in read_parts(output, LADDER, cadence(30, None, 2), live=True)
    ] == [60]
    assert slept == [LONGEST_REST_S]
    output.close()


@pytest.mark.parametrize("bit_rate", [800_000, 5_200_000, 20_000_000])
def test_a_resting_pipe_never_fills(bit_rate: int) -> None:
    """A full pipe would stop FFmpeg, so a faster ladder gets shorter rests; none is longer than a part."""
    rest_s = _longest_rest_s([Rendition(360, (640, 360), bit_rate)] * 4)
    assert rest_s * bit_rate * 4 / 8 <= PIPE_BYTES / 2
    assert rest_s < RHYTHM.part_s
