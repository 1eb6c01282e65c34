"""One life of an encoder: its pipes read side by side, its parts handed on when every rendition has them."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace

from media.boxes import Init, Parser
from media.cutter import Cut, Cutter
from media.ladder import Cadence, Rendition, sound_of
from media.process import Output

READ_BYTES = 1 << 18
# How much of a part's duration its pipe may rest once the part before is cut: a part needs all of it to come, so nothing is
# late, and three of four wake-ups (one a frame and rendition) are spared. At most what 16 Mb/s need to fill half a pipe.
REST, LONGEST_REST_S = 0.75, 0.25
QUEUED = 64


@dataclass(frozen=True)
class Piece:
    """The same part of every rendition, in the ladder's order. `inits` are the run's initialisation segments."""

    cuts: tuple[Cut, ...]
    inits: tuple[Init, ...]

    @property
    def cut(self) -> Cut:
        """Any one: position, frames and end are the same in all."""
        return self.cuts[0]


Found = tuple[int, Init | Cut | Exception | None]


async def pieces(outputs: Sequence[Output], renditions: Sequence[Rendition], cadence: Cadence) -> AsyncGenerator[Piece, None]:
    """Each output is one rendition with a picture; sound alone is taken out of the last one's. Ends when every output has ended.
    Errors: BoxError."""
    sound = sound_of(renditions)
    found: asyncio.Queue[Found] = asyncio.Queue(QUEUED)
    # Held here: asyncio drops a task that nobody refers to, and the stream would freeze.
    readers = [
        asyncio.create_task(_read(number, output, _Cut(rendition, cadence, sound and number == len(outputs) - 1), found))
        for number, (output, rendition) in enumerate(zip(outputs, renditions, strict=False))
    ]
    inits: dict[int, Init] = {}
    waiting: list[deque[Cut]] = [deque() for _ in outputs]
    running = len(outputs)
    try:
        while running:
            number, item = await found.get()
            if item is None:
                running -= 1
            elif isinstance(item, Exception):
                raise item
            elif isinstance(item, Init):
                inits[number] = item
            else:
                waiting[number].append(item)
            while all(waiting):
                cuts = tuple(one.popleft() for one in waiting)
                if len({cut.frames * one.every for cut, one in zip(cuts, renditions, strict=False)}) > 1:
                    return  # the torn ends of a killed encoder
                yield _piece(cuts, [inits[index] for index in range(len(outputs))], sound)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


def _piece(cuts: tuple[Cut, ...], inits: list[Init], sound: bool) -> Piece:
    if not sound:
        return Piece(cuts, tuple(inits))
    return Piece((*cuts, replace(cuts[-1], data=cuts[-1].sound, independent=True)), (*inits, inits[-1].sound()))


@dataclass(frozen=True)
class _Cut:
    """How one output is cut."""

    rendition: Rendition
    cadence: Cadence
    sound: bool

    def cutter(self, init: Init) -> Cutter:
        return Cutter(init, self.cadence.divided(self.rendition.every), sound=self.sound, copied=self.rendition.copied)


async def _read(number: int, output: Output, cut: _Cut, found: asyncio.Queue[Found]) -> None:
    parser, cutter = Parser(), None
    try:
        while data := await output.read(READ_BYTES):
            for item in parser.feed(data):
                if isinstance(item, Init):
                    cutter = cut.cutter(item)
                    await found.put((number, item))
                elif cutter is not None:
                    for part in cutter.add(item):
                        await found.put((number, part))
                        output.rest(min(REST * cut.cadence.part_s, LONGEST_REST_S))
        for part in cutter.rest() if cutter else ():
            await found.put((number, part))
        await found.put((number, None))
    except (ValueError, OSError) as error:
        await found.put((number, error))
