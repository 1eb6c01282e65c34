"""One life of an encoder: its pipes read side by side, its parts handed on when every rendition has them."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from media.boxes import Init, Parser
from media.cutter import Cut, Cutter
from media.ladder import Cadence

READ_BYTES = 1 << 16
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


async def pieces(outputs: Sequence[asyncio.StreamReader], cadence: Cadence) -> AsyncGenerator[Piece, None]:
    """Ends when every output has ended. Errors: BoxError."""
    found: asyncio.Queue[Found] = asyncio.Queue(QUEUED)
    # Held here: asyncio drops a task that nobody refers to, and the stream would freeze.
    readers = [asyncio.create_task(_read(number, output, cadence, found)) for number, output in enumerate(outputs)]
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
                if len({cut.frames for cut in cuts}) > 1:
                    return  # the torn ends of a killed encoder
                yield Piece(cuts, tuple(inits[index] for index in range(len(outputs))))
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def _read(number: int, output: asyncio.StreamReader, cadence: Cadence, found: asyncio.Queue[Found]) -> None:
    parser, cutter = Parser(), None
    try:
        while data := await output.read(READ_BYTES):
            for item in parser.feed(data):
                if isinstance(item, Init):
                    cutter = Cutter(item, cadence)
                    await found.put((number, item))
                elif cutter is not None:
                    for cut in cutter.add(item):
                        await found.put((number, cut))
        for cut in cutter.rest() if cutter else ():
            await found.put((number, cut))
        await found.put((number, None))
    except (ValueError, OSError) as error:
        await found.put((number, error))
