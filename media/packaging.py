"""A broadcast: one media sequence over all publishes of its encoder and all lives of FFmpeg.

publish ─► FFmpeg runs ─► packager: parts, playlists          FFmpeg dies ─► again after a pause (discontinuity)
  gone ─► playlists stay as they are, without a hint, until the next publish (discontinuity) or the end (ENDLIST)
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

import structlog

from media import graph
from media.boxes import BoxError
from media.brake import Brake
from media.delivery import Delivery
from media.history import Shape
from media.ladder import Source, cadence, ladder
from media.packager import ClockJumped, Packager, Run
from media.process import Child, ask, spawn
from media.run import pieces
from media.store import Files
from media.thumbnails import THUMBNAIL, Thumbnailer
from media.timeline import Whole
from weir.foundation.clock import monotonic
from weir.foundation.errors import Unavailable
from weir.foundation.events import Event, MediaFailed, Playable, StreamEvent, ThumbnailReady
from weir.foundation.http import Ingest, Published
from weir.foundation.ids import derived_id, new_secret
from weir.foundation.settings import Settings

APPEARS_WITHIN_S, STILL_THERE_S = 10.0, 1.0
MEASURED_WITHIN_S, SOUND_WITHIN_S, POLL_S = 5.0, 0.4, 0.05
PROBE_S = 6.0
STALLED_S = 6.0
DRAIN_S = 3.0
log = structlog.get_logger("media")


class _Unusable(Exception):
    """What the encoder sends can't be shown; the message says why."""


class Broadcast:
    """`fact` is the newest publish's. `tell` must not block; it takes Playable and MediaFailed."""

    def __init__(
        self, settings: Settings, ingest: Ingest, fact: StreamEvent, wanted: Delivery, secret: bytes,
        tell: Callable[[Event], None], keep: Callable[[str, Shape, Whole], None],
    ) -> None:  # fmt: skip
        self.fact = fact
        self.files = Files(settings, fact.playback)
        self.packager = Packager(self.files, fact.broadcast, wanted, secret, self._kept)
        self._wanted, self._keep = wanted, keep
        self._thumbnails = Thumbnailer(self.files, settings.thumbnail_every_s, self._pictured)
        self.finished = False
        self._settings, self._ingest, self._tell = settings, ingest, tell
        self._brake = Brake()
        self._gone = self._given_up = False
        self._told: set[int] = set()
        self._shown = False
        self._producer: asyncio.Task[None] | None = None

    @property
    def producing(self) -> bool:
        return self._producer is not None and not self._producer.done()

    @property
    def idle(self) -> bool:
        """Nothing runs and nothing speaks against starting the present publish's FFmpeg."""
        return not (self.producing or self._gone or self._given_up or self.finished)

    async def publish(self, fact: StreamEvent) -> None:
        """The encoder publishes (again): FFmpeg starts, after the end of the one before. One FFmpeg never spans two
        publishes: timestamps begin again at 0 and it would drop the picture."""
        await self.close()
        if fact.generation != self.fact.generation:
            self._brake = Brake()
        self.fact, self._gone, self._given_up = fact, False, False
        self._producer = asyncio.create_task(self._produce(), name=f"produce {fact.playback}")

    async def publisher_gone(self) -> None:
        """FFmpeg sees the end of its input by itself and hands over what it still has; after 3 s it is stopped."""
        self._gone = True
        if self._producer is not None:
            await asyncio.wait([self._producer], timeout=DRAIN_S)
        await self.close()

    async def finish(self) -> None:
        """The broadcast is over: ENDLIST."""
        await self.publisher_gone()
        self.finished = True
        self.packager.end()

    async def close(self) -> None:
        """Stops FFmpeg; the playlists stay open. Returns when the child is reaped."""
        await self._thumbnails.stop()
        producer = self._producer
        if producer is None:
            return
        if not producer.cancelling():  # a second time would disturb it while it stops its FFmpeg
            producer.cancel()
        await asyncio.wait([producer])
        if self._producer is producer:
            self._producer = None

    async def _produce(self) -> None:
        patience = APPEARS_WITHIN_S
        try:
            while (source := await self._source(patience)) is not None:
                if not self._brake.start(monotonic()):
                    raise _Unusable("The transcoder failed too often.")
                reason = await self._run(source)
                log.info("encoder.ended", playback=self.fact.playback, generation=self.fact.generation, reason=reason)
                if self._gone:
                    return
                await asyncio.sleep(self._brake.pause_s(monotonic()))
                patience = STILL_THERE_S
        except _Unusable as error:
            self._given_up = True
            log.error("media.failed", playback=self.fact.playback, generation=self.fact.generation, reason=str(error))
            self._tell(MediaFailed(**self._about("failed"), reason=str(error)))

    async def _source(self, appears_within_s: float) -> Source | None:
        """What the encoder sends, by nginx's statistics (known .1–.3 s after its first bytes), else by ffprobe; None when
        nobody publishes."""
        began, measured_at = monotonic(), None
        while True:
            published = await self._published()
            waited = monotonic() - began
            if published is None and waited >= appears_within_s:
                return None
            if published is not None and published.width:
                measured_at = measured_at or monotonic()
                if published.audio_codec or monotonic() - measured_at >= SOUND_WITHIN_S:
                    return Source(published.width, published.height, published.frame_rate, bool(published.audio_codec))
            elif published is not None and waited >= MEASURED_WITHIN_S:
                return await self._probed()
            await asyncio.sleep(POLL_S)

    async def _published(self) -> Published | None:
        try:
            return (await self._ingest.published()).get(self.fact.playback)
        except Unavailable:
            return None

    async def _probed(self) -> Source:
        said = await ask(graph.probe(self._url), PROBE_S)
        streams: list[dict[str, Any]] = json.loads(said).get("streams", []) if said else []
        video = next((one for one in streams if one.get("codec_type") == "video" and one.get("width")), None)
        if video is None:
            raise _Unusable("The encoder sends no picture.")
        rate = [float(number) for number in str(video.get("avg_frame_rate", "0/1")).split("/")]
        audio = any(one.get("codec_type") == "audio" for one in streams)
        return Source(int(video["width"]), int(video["height"]), rate[0] / (rate[-1] or 1), audio)

    @property
    def _url(self) -> str:
        return f"{self._settings.pull_url}/{self.fact.playback}"

    def _shape(self, source: Source) -> Shape:
        rhythm = cadence(source.frame_rate, self._wanted.part_s, self._wanted.segment_s)
        return Shape(tuple(ladder(source, self._settings.ladder)), rhythm, self._wanted.rotation)

    async def _run(self, source: Source) -> str:
        """One life of FFmpeg; returns why it ended."""
        shape = self.packager.shape = self.packager.shape or self._shape(source)
        run = Run(new_secret(22), self.fact.generation)
        try:
            child = await spawn(
                lambda outputs, progress: graph.transcode(
                    self._url, shape.renditions, shape.cadence, audio=source.audio, preset=self._settings.x264_preset,
                    outputs=outputs, progress=progress,
                ),
                len(shape.renditions),
            )  # fmt: skip
        except OSError as error:
            return str(error)
        watch = asyncio.create_task(self._watch(child))
        try:
            async with contextlib.aclosing(pieces(child.outputs, shape.cadence)) as arriving:
                async for piece in arriving:
                    if await self.packager.take(run, piece):
                        self._playable(shape)
            await asyncio.wait_for(child.wait(), DRAIN_S)
            return child.last_words
        except (BoxError, ClockJumped, OSError) as error:  # a full disk ends the run; the brake ends the trying
            return str(error)
        finally:
            watch.cancel()
            await child.stop()
            with contextlib.suppress(OSError):
                self.packager.end_run(run)

    async def _watch(self, child: Child) -> None:
        """Stops an FFmpeg that stands still while bytes keep arriving; an encoder that falls silent is the ingest's business."""
        bytes_in: int | None = None
        while True:
            await asyncio.sleep(1)
            if monotonic() - child.progress_at < STALLED_S:
                bytes_in = None
                continue
            published = await self._published()
            if published is not None and bytes_in is not None and published.bytes_in > bytes_in:
                log.warning("encoder.stalled", playback=self.fact.playback)
                child.kill()
                return
            bytes_in = published.bytes_in if published is not None else None

    def _kept(self, whole: Whole) -> None:
        assert self.packager.shape is not None
        self._keep(self.fact.playback, self.packager.shape, whole)
        self._thumbnails.keep(self.packager.shape, whole)

    def _pictured(self) -> None:
        """Told once a publish; afterwards the picture changes under the same name."""
        if not self._shown:
            self._shown = True
            self._tell(ThumbnailReady(**self._about("thumbnail"), file=THUMBNAIL))

    def _playable(self, shape: Shape) -> None:
        if self.fact.generation not in self._told:
            self._told.add(self.fact.generation)
            width, height = shape.renditions[0].size
            self._tell(Playable(**self._about("playable"), width=width, height=height))

    def _about(self, what: str) -> dict[str, Any]:
        """The id is derived, so that the same fact told after a restart is the same event."""
        fact = self.fact
        shared = fact.model_dump(include={"app", "stream", "playback", "channel", "broadcast", "generation"})
        return {"id": derived_id("evt", what, fact.broadcast, fact.generation), **shared}
