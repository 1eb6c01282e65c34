"""A small picture of each live stream, redrawn from its newest segment. [work]"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from media.ffmpeg import args
from media.ffmpeg.process import run_to_end
from media.hls.segment_files import SegmentFiles
from media.hls.timeline import SegmentData
from media.ladder.rules import BroadcastShape
from weir.foundation.clock import monotonic
from weir.foundation.services import Tasks

THUMBNAIL = "thumbnail.jpg"
HEIGHT, SNAPSHOT_HEIGHT = 360, 720
WITHIN_S = 10.0
log = structlog.get_logger("media")


class Thumbnailer:
    """Decodes one key frame a picture: .09 s of a core each 10 s."""

    def __init__(self, files: SegmentFiles, every_s: float, made: Callable[[], None]) -> None:
        self._files = files
        self._every_s = every_s
        self._made = made
        self._next = 0.0
        self._newest: tuple[BroadcastShape, SegmentData] | None = None
        self._snapshot: tuple[int, bytes] | None = None
        self._drawn_at = 0.0
        self._one = asyncio.Lock()
        self._tasks = Tasks()

    def add_segment(self, shape: BroadcastShape, whole: SegmentData) -> None:
        self._newest = shape, whole
        if self._every_s and monotonic() >= self._next:
            self._next = monotonic() + self._every_s
            self._tasks.start(self._make(shape, whole), "thumbnail")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def snapshot(self, age_s: float = 0) -> bytes | None:
        """A JPEG of the newest segment's first frame, at most 720 high. Drawn once a segment, on request, and
        no oftener than each `age_s`; None before the first segment."""
        async with self._one:
            if self._newest is None:
                return None
            if self._snapshot is not None and monotonic() < self._drawn_at + age_s:
                return self._snapshot[1]
            shape, whole = self._newest
            if self._snapshot is None or self._snapshot[0] != whole.segment.msn:
                picture = self._files.scratch("snapshot.new.jpg")
                if not await self._drawn(
                    whole, _index(shape, SNAPSHOT_HEIGHT), self._files.scratch("snapshot.mp4"), picture
                ):
                    return self._snapshot[1] if self._snapshot else None
                self._snapshot = whole.segment.msn, await asyncio.to_thread(picture.read_bytes)
                self._drawn_at = monotonic()
            return self._snapshot[1]

    async def _make(self, shape: BroadcastShape, whole: SegmentData) -> None:
        picture = self._files.scratch("thumbnail.new.jpg")
        if await self._drawn(whole, _index(shape, HEIGHT), self._files.scratch("thumbnail.mp4"), picture):
            picture.rename(self._files.scratch(THUMBNAIL))
            self._made()

    async def _drawn(self, whole: SegmentData, index: int, source: Path, picture: Path) -> bool:
        """The first frame of one rendition's segment."""
        try:
            await asyncio.to_thread(
                source.write_bytes, b"".join((whole.inits[index].data, *whole.bodies[index]))
            )
            failed = await run_to_end(args.poster(source, 0, picture), WITHIN_S, picture.parent)
        except OSError as error:
            failed = str(error)
        finally:
            source.unlink(missing_ok=True)
        if failed:
            log.warning("thumbnail.failed", reason=failed)
        return not failed


def _index(shape: BroadcastShape, height: int) -> int:
    """The smallest rendition that is large enough."""
    return max((number for number, one in enumerate(shape.renditions) if one.height >= height), default=0)
