"""One life of an encoder: its pipe read, its parts handed on."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from media.boxes import Init, Parser
from media.cutter import Cut, Cutter
from media.ladder import AUDIO_BIT_RATE, Cadence, Rendition
from media.process import PIPE_BYTES, Output

READ_BYTES = 1 << 18
# How much of a part's duration the pipe may rest once the part before is cut: a part needs all of it to come, so nothing is
# late, and nine of ten wake-ups (one a frame and rendition) are spared. At most what the ladder needs to fill half a pipe.
REST, LONGEST_REST_S = 0.92, 0.31


@dataclass(frozen=True)
class Piece:
    """A part of every rendition. `inits` are the run's initialisation segments, in the ladder's order."""

    cut: Cut
    inits: tuple[Init, ...]


async def pieces(output: Output, renditions: Sequence[Rendition], cadence: Cadence, *, live: bool) -> AsyncGenerator[Piece, None]:
    """`output` has all renditions with a picture, and the sound. What is not live is made as fast as it goes, and a rest would hold
    it up. Errors: BoxError, OSError."""
    parser, cutter = Parser(), None
    inits: tuple[Init, ...] = ()
    rest_s = _rest_s(renditions, cadence)
    while data := await output.read(READ_BYTES):
        for item in parser.feed(data):
            if isinstance(item, Init):
                cutter, inits = Cutter(item, renditions, cadence), _inits(item, renditions)
            elif cutter is not None:
                for cut in cutter.add(item):
                    if live:
                        output.rest(rest_s)
                    yield Piece(cut, inits)
    for cut in cutter.rest() if cutter else ():
        yield Piece(cut, inits)


def _rest_s(renditions: Sequence[Rendition], cadence: Cadence) -> float:
    bits_a_second = sum(rendition.bit_rate for rendition in renditions) + AUDIO_BIT_RATE
    return min(REST * cadence.part_s, LONGEST_REST_S, PIPE_BYTES / 2 * 8 / bits_a_second)


def _inits(init: Init, renditions: Sequence[Rendition]) -> tuple[Init, ...]:
    pictures = iter(init.pictures)
    return tuple(init.only(next(pictures) if rendition.height else None) for rendition in renditions)
