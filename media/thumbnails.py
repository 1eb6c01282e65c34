"""A small picture of each live stream, made anew from its newest segment. [work]"""

import asyncio
from collections.abc import Callable

import structlog

from media import graph
from media.history import Shape
from media.process import work
from media.store import Files
from media.timeline import Whole
from weir.foundation.clock import monotonic
from weir.foundation.ground import Tasks

THUMBNAIL = "thumbnail.jpg"
HEIGHT = 360
WITHIN_S = 10.0
log = structlog.get_logger("media")


class Thumbnailer:
    """One key frame a picture: .09 s of a core each 10 s."""

    def __init__(self, files: Files, every_s: float, made: Callable[[], None]) -> None:
        self._files, self._every_s, self._made = files, every_s, made
        self._next = 0.0
        self._tasks = Tasks()

    def keep(self, shape: Shape, whole: Whole) -> None:
        if self._every_s and monotonic() >= self._next:
            self._next = monotonic() + self._every_s
            self._tasks.start(self._make(shape, whole), "thumbnail")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def _make(self, shape: Shape, whole: Whole) -> None:
        """From the smallest rendition that is large enough."""
        index = max((number for number, one in enumerate(shape.renditions) if one.height >= HEIGHT), default=0)
        source, picture = self._files.scratch("thumbnail.mp4"), self._files.scratch("thumbnail.new.jpg")
        try:
            await asyncio.to_thread(source.write_bytes, whole.inits[index].data + whole.bodies[index])
            failed = await work(graph.poster(source, 0, picture), WITHIN_S)
            if failed:
                log.warning("thumbnail.failed", reason=failed)
                return
            picture.rename(self._files.scratch(THUMBNAIL))
            self._made()
        except OSError as error:
            log.warning("thumbnail.failed", reason=str(error))
        finally:
            source.unlink(missing_ok=True)
