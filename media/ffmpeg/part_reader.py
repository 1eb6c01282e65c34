"""Reads one FFmpeg's output pipe and returns its parts."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from media.ffmpeg.fmp4 import Fmp4Parser, InitSegment
from media.ffmpeg.process import PIPE_BYTES, OutputPipe
from media.ffmpeg.segmenter import CutPart, Segmenter
from media.ladder.rules import AUDIO_BIT_RATE, Cadence, Rendition
from weir.foundation.clock import monotonic

# A part needs nearly all of its duration to come: so long the pipe is left alone once the part before is cut,
# then it is looked into now and then. That finds a part 12 ms late at the median and wakes the loop twice a
# part instead of once a frame and rendition; with .96 and 6 ms it is 4 ms late and the packager takes 10 %
# more.
REST, LOOK_S, LONGEST_REST_S = 0.985, 0.010, 0.33


@dataclass(frozen=True)
class EncodedPart:
    """A part of every rendition. `inits` are the run's initialisation segments, in the ladder's order."""

    cut: CutPart
    inits: tuple[InitSegment, ...]


async def read_parts(
    output: OutputPipe, renditions: Sequence[Rendition], cadence: Cadence, *, live: bool
) -> AsyncGenerator[EncodedPart, None]:
    """`output` has all renditions with a picture, and the sound. A file is read as fast as FFmpeg writes;
    pauses between polls would slow it down. Errors: BoxError, OSError."""
    parser, cutter = Fmp4Parser(), None
    inits: tuple[InitSegment, ...] = ()
    longest_s = _longest_rest_s(renditions) if live and output.room >= PIPE_BYTES else 0.0
    look_s, due = LOOK_S if longest_s else 0.0, 0.0
    while data := await output.read(look_s):
        for item in parser.feed(data):
            if isinstance(item, InitSegment):
                cutter, inits = Segmenter(item, renditions, cadence), _inits(item, renditions)
            elif cutter is not None:
                for cut in cutter.add(item):
                    due = monotonic() + REST * cadence.part_s
                    yield EncodedPart(cut, inits)
        if longest_s:
            await asyncio.sleep(min(max(due - monotonic(), look_s), longest_s))
    for cut in cutter.flush() if cutter else ():
        yield EncodedPart(cut, inits)


def _longest_rest_s(renditions: Sequence[Rendition]) -> float:
    """Half the time in which the pipe fills: a full one stops FFmpeg."""
    bits_a_second = sum(rendition.bit_rate for rendition in renditions) + AUDIO_BIT_RATE
    return min(LONGEST_REST_S, PIPE_BYTES / 2 * 8 / bits_a_second)


def _inits(init: InitSegment, renditions: Sequence[Rendition]) -> tuple[InitSegment, ...]:
    pictures = iter(init.pictures)
    return tuple(init.only(next(pictures) if rendition.height else None) for rendition in renditions)
