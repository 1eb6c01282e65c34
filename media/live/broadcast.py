"""A broadcast: one media sequence over all publishes of its encoder and all lives of FFmpeg.

publish ─► FFmpeg runs ─► packager: parts, playlists          FFmpeg dies ─► again after a pause (discontinuity)
  gone ─► playlists stay as they are, without a hint, until the next publish (discontinuity) or the end (ENDLIST)
"""

import asyncio
import contextlib
import functools
from collections.abc import Callable
from typing import Any

import structlog
from prometheus_client import Counter

from media.ffmpeg import args
from media.ffmpeg.fmp4 import BoxError
from media.ffmpeg.part_reader import read_parts
from media.ffmpeg.process import FfmpegProcess, load_per_core, sandbox_for_pipe, spawn
from media.hls.segment_files import SegmentFiles
from media.hls.timeline import SegmentData
from media.ingest.source import FloodedSource, PublishSource, UnusableSource
from media.ingest.stream_health import HealthSample
from media.ladder.admission import LadderDemand, RunningLadder
from media.ladder.delivery_options import DeliveryOptions
from media.ladder.overload import OverloadDetector
from media.ladder.plan import LadderPlan, NoCapacity
from media.ladder.rules import BroadcastShape, Profile, Source
from media.live.blocking_reload import HeldReloads
from media.live.encoder_session import EncoderSession
from media.live.nchan import NchanPublisher
from media.live.packager import ClockJumped, EncoderRun, Packager
from media.live.restart_backoff import RestartBackoff
from media.live.state import BroadcastState
from media.live.thumbnails import THUMBNAIL, Thumbnailer
from weir.foundation.clock import monotonic, now_ms
from weir.foundation.events import (
    Event,
    MediaFailed,
    Playable,
    QualityDropped,
    QualityRecovered,
    StreamEvent,
    ThumbnailReady,
)
from weir.foundation.ids import derived_id, new_id
from weir.foundation.redis.play_tickets import PlayTickets
from weir.foundation.settings import Settings

APPEARS_WITHIN_S, STILL_THERE_S = 10.0, 1.0
DRAIN_S = 3.0
NO_CAPACITY = "This machine carries no further stream now. Publish again when another one has ended."
STARVED = "The transcoder needs more memory for this than a stream may take. Send a smaller picture, or make fewer renditions."
SILENT = (
    "The encoder is connected but sends no picture and no sound. "
    "Stop streaming in the encoder, check its video and audio settings, and start again."
)
STARTS = Counter(
    "weir_ffmpeg_starts",
    "Starts of FFmpeg, by why: a publish, a restart after it ended, another ladder.",
    ["why"],
)
log = structlog.get_logger("media")


class LiveBroadcast:
    """One broadcast in this worker. `fact` is the newest publish, `trouble` the reason why nothing is made of
    it. `tell` must not block; it takes Playable, MediaFailed, QualityDropped, QualityRecovered and
    ThumbnailReady."""

    def __init__(
        self,
        settings: Settings,
        fact: StreamEvent,
        wanted: DeliveryOptions,
        profile: Profile,
        secret: bytes,
        tell: Callable[[Event], None],
        keep: Callable[[str, BroadcastShape, SegmentData], None],
        admit: Callable[[LadderDemand], int | None],
        tickets: PlayTickets,
        edge: NchanPublisher | None = None,
        backoff: RestartBackoff | None = None,
    ) -> None:
        self.fact = fact
        self.trouble: str | None = None
        self.files = SegmentFiles(settings, fact.playback)
        held = functools.partial(HeldReloads, edge, self.files, fact.playback) if edge else None
        self.packager = Packager(
            self.files, fact.broadcast, wanted, secret, self._kept, held, settings.media_base(fact.playback)
        )
        self._settings = settings
        self._tell = tell
        self._keep = keep
        self._admit = admit
        self._tickets = tickets
        self._state = BroadcastState.PUBLISHING
        self._plan = LadderPlan(wanted, profile, settings.x264_preset)
        self._overload = OverloadDetector()
        self._backoff = backoff or RestartBackoff()
        self._source = PublishSource(settings, tickets, fact)
        self._session: EncoderSession | None = None
        self._producer: asyncio.Task[None] | None = None
        # Where the newest run begins on the encoder's clock, (era, ms), and the wall-clock time of a run's begin.
        self._begins: tuple[int, int] | None = None
        self._epoch: tuple[int, int, float] | None = None
        self._thumbnails = Thumbnailer(self.files, settings.thumbnail_every_s, self._pictured)
        self._playable_told: set[int] = set()
        self._thumbnail_told = False

    @property
    def finished(self) -> bool:
        return self._state is BroadcastState.FINISHED

    @property
    def producing(self) -> bool:
        return self._producer is not None and not self._producer.done()

    @property
    def strained(self) -> bool:
        """True when this machine falls behind, or has dropped renditions."""
        return self.producing and (self._plan.reduced or self._overload.is_strained)

    @property
    def running(self) -> RunningLadder | None:
        """The load on this machine; None when there is none."""
        if self._plan.demand is None or self.finished:
            return None
        return RunningLadder(self._plan.demand.cores(self._plan.dropped), self.strained)

    def health(self) -> HealthSample | None:
        """Current measurements; None while nothing is transcoded."""
        session = self._session
        if session is None or not self._plan.pictures:
            return None
        return self._source.health.sample(
            monotonic(),
            now_ms(),
            sent_s=self._source.feed.fed_s,
            dropped=session.child.dropped,
            duplicated=session.child.duplicated,
            heights=tuple(one.height for one in self._plan.pictures),
            left_out=self._plan.dropped,
        )

    async def snapshot(self, age_s: float = 0) -> bytes | None:
        """A JPEG of the newest segment."""
        return await self._thumbnails.snapshot(age_s)

    @property
    def idle(self) -> bool:
        """True when no FFmpeg runs and one may be started for the present publish."""
        return self._state is BroadcastState.PUBLISHING and not self.producing

    async def publish(self, fact: StreamEvent, intake: PublishSource | None = None) -> None:
        """Starts FFmpeg for a new publish, after the previous FFmpeg has ended. One FFmpeg never spans two
        publishes: timestamps start again at 0, and it would drop frames. `intake` is this publish's source
        if it is being read already."""
        await self.close()
        self.fact = fact
        self._state = self._state.published()
        self.trouble = None
        self._source = intake or PublishSource(self._settings, self._tickets, fact)
        self._epoch = None
        self._producer = asyncio.create_task(self._produce(), name=f"produce {fact.playback}")

    async def publisher_gone(self) -> None:
        """The encoder disconnected. FFmpeg reaches the end of its input and flushes; after 3 s it is stopped."""
        self._state = self._state.left()
        if self._producer is not None and self._session is not None:
            await asyncio.wait([self._producer], timeout=DRAIN_S)
        await self.close()

    async def finish(self) -> None:
        """Ends the broadcast: the playlists get ENDLIST."""
        await self.publisher_gone()
        self._state = BroadcastState.FINISHED
        self.packager.finish()

    async def close(self) -> None:
        """Stops FFmpeg and keeps the playlists open. Returns when the process is reaped."""
        await self._thumbnails.stop()
        self._source.close()
        producer = self._producer
        if producer is None:
            return
        if not producer.cancelling():  # a second time would disturb it while it stops its FFmpeg
            producer.cancel()
        await asyncio.wait([producer])
        if self._producer is producer:
            self._producer = None

    async def _produce(self) -> None:
        patience, why = APPEARS_WITHIN_S, "publish"
        try:
            await self._source.open()  # its first key frame is kept while it waits
            await asyncio.sleep(self._backoff.publish_pause_s(monotonic()))
            while (source := await self._awaited(patience)) is not None:
                if not self._backoff.start(monotonic(), why):
                    raise UnusableSource("The transcoder failed too often.")
                STARTS.labels(why).inc()
                session, reason = await self._run(source)
                log.info(
                    "encoder.ended",
                    playback=self.fact.playback,
                    generation=self.fact.generation,
                    reason=reason,
                )
                if self._state is not BroadcastState.PUBLISHING:
                    return
                why = _why(session)
                if why == "restart":
                    self._source.feed.forget()
                    await asyncio.sleep(self._backoff.pause_s(monotonic()))
                elif why == "input":
                    await asyncio.sleep(self._backoff.changed_pause_s(monotonic()))
                patience = STILL_THERE_S
        except UnusableSource as error:
            self._state = self._state.failed()
            self._plan.refuse()
            self.trouble = str(error)
            self._source.close()  # the source would still be read, for nothing
            log.error(
                "media.failed",
                playback=self.fact.playback,
                generation=self.fact.generation,
                reason=str(error),
            )
            self._tell(
                MediaFailed(
                    **self._about("failed"), reason=str(error), flooded=isinstance(error, FloodedSource)
                )
            )

    async def _awaited(self, patience: float) -> Source | None:
        """What the encoder sends; None when it is gone. Errors: UnusableSource."""
        source = await self._source.source(patience, self._silent)
        if source is not None:
            self.trouble = None
        return source

    def _silent(self) -> None:
        """An encoder that is connected and sends nothing is reported. It is still used when it begins to send."""
        self.trouble = SILENT
        log.warning("encoder.silent", playback=self.fact.playback, generation=self.fact.generation)
        self._tell(MediaFailed(**self._about("silent"), reason=SILENT, silent=True))

    def _next_shape(self, source: Source) -> BroadcastShape:
        """Errors: UnusableSource when this machine carries no further stream."""
        try:
            shape, left_out = self._plan.next(source, self.packager.shape, self._admit)
        except NoCapacity:
            raise UnusableSource(NO_CAPACITY) from None
        for rung in left_out:
            log.warning("ladder.reduced", playback=self.fact.playback, height=rung.height, reason="admission")
            self._tell(QualityDropped(**self._about_quality(), height=rung.height, reason="admission"))
        return shape

    async def _run(self, source: Source) -> tuple[EncoderSession | None, str]:
        """Runs one FFmpeg. Returns its session, None when it could not be started, and the reason why it
        ended."""
        shape = self._next_shape(source)
        still = await self._source.still() if source.alone else None
        try:
            child = await self._spawn(source, shape)
        except OSError as error:
            return None, str(error)
        run = self.packager.begin_run(self.fact.generation, shape)
        session = self._session = EncoderSession(child, run, self._source)
        self._source.health.began()
        self._overload.started(monotonic())
        if self._source.begin_run(child.write_input, session.end_input, still):
            self._goes_on(session.run)
        else:
            session.end_input()
        watch = asyncio.create_task(self._watch(session))
        try:
            await self._read(session, shape)
            if child.starved and session.made is None:
                raise UnusableSource(STARVED)
            return session, child.last_error
        except (BoxError, ClockJumped, OSError) as error:  # the backoff bounds the attempts
            if any(rendition.copied for rendition in shape.renditions):
                self._plan.encode_all()
            return session, str(error)
        finally:
            self._session = None
            await self._ended(session, watch)

    async def _spawn(self, source: Source, shape: BroadcastShape) -> FfmpegProcess:
        """Errors: OSError."""
        return await spawn(
            lambda pipes: args.transcode(
                source,
                shape.pictured,
                shape.cadence,
                preset=self._settings.x264_preset,
                output=pipes.output,
                progress=pipes.progress,
            ),
            sandbox_for_pipe(),
            fed=True,
        )

    async def _read(self, session: EncoderSession, shape: BroadcastShape) -> None:
        """Packages FFmpeg's output until it ends. Errors: BoxError, ClockJumped, OSError."""
        parts = read_parts(session.child.output, shape.renditions, shape.cadence, live=True)
        async with contextlib.aclosing(parts) as arriving:
            async for piece in arriving:
                session.part_made(piece.cut.end_s)
                if await self.packager.add_part(session.run, piece):
                    self._playable(shape)
                if session.run.begun and self._begins is not None:
                    self._epoch = (*self._begins, session.run.epoch_s)
        await asyncio.wait_for(session.child.wait(), DRAIN_S)

    async def _ended(self, session: EncoderSession, watch: "asyncio.Task[None]") -> None:
        session.ended = True
        if not session.input_ended:
            self._source.feed.stop()
            session.input_ended = False
        watch.cancel()
        await session.child.stop()
        with contextlib.suppress(OSError):
            self.packager.end_run(session.run)

    def _goes_on(self, run: EncoderRun) -> None:
        """Computes the wall-clock time of the run's first frame from the previous run and the encoder's
        clock."""
        zero = self._source.feed.zero
        if zero is not None and self._epoch is not None and self._epoch[0] == zero[0]:
            run.epoch_s, run.known = self._epoch[2] + (zero[1] - self._epoch[1]) / 1000, True
        self._begins = zero

    async def _watch(self, session: EncoderSession) -> None:
        if await session.watch(lambda: self._relieve(session)):
            log.warning("encoder.stalled", playback=self.fact.playback)

    def _relieve(self, session: EncoderSession) -> None:
        """Drops a rendition when this machine falls behind; restores one when there is capacity."""
        behind_s = session.behind_s()
        if behind_s is None or not self._plan.pictures:  # a changed profile has no plan yet
            return
        load = load_per_core() if self._plan.may_restore(self._admit) else float("inf")
        verdict = self._overload.judge(
            monotonic(), behind_s, load, self._plan.dropped, len(self._plan.pictures)
        )
        if verdict is None:
            return
        if verdict == "drop":
            height = self._plan.drop().height
            log.warning("ladder.reduced", playback=self.fact.playback, height=height)
            self._tell(QualityDropped(**self._about_quality(), height=height))
        else:
            height = self._plan.restore().height
            log.warning("ladder.restored", playback=self.fact.playback, height=height)
            self._tell(QualityRecovered(**self._about_quality(), height=height))
        session.renew()

    def change_ladder(self, profile: Profile) -> None:
        """Ends the present FFmpeg and starts one with another ladder. The broadcast continues."""
        if self._plan.change_profile(profile) and self._session is not None:
            self._session.renew()

    def _kept(self, shape: BroadcastShape, whole: SegmentData) -> None:
        self._keep(self.fact.playback, shape, whole)
        self._thumbnails.add_segment(shape, whole)

    def _pictured(self) -> None:
        """Publishes ThumbnailReady once a publish; later pictures have the same name."""
        if not self._thumbnail_told:
            self._thumbnail_told = True
            self._tell(ThumbnailReady(**self._about("thumbnail"), file=THUMBNAIL))

    def _playable(self, shape: BroadcastShape) -> None:
        if self.fact.generation not in self._playable_told:
            self._playable_told.add(self.fact.generation)
            width, height = shape.renditions[0].size
            self._tell(
                Playable(**self._about("playable"), width=width, height=height, sound_alone=self._plan.alone)
            )

    def _about(self, what: str) -> dict[str, Any]:
        """Fields of a fact. Its id is derived, so the same fact published again after a restart is the same
        event."""
        fact = self.fact
        shared = fact.model_dump(include={"app", "stream", "playback", "channel", "broadcast", "generation"})
        return {"id": derived_id("evt", what, fact.broadcast, fact.generation), **shared}

    def _about_quality(self) -> dict[str, Any]:
        """As `_about`, with a new id: it may happen several times in one publish."""
        return {**self._about("quality"), "id": new_id("evt")}


def _why(session: EncoderSession | None) -> str:
    """Why the next FFmpeg starts, for metrics."""
    if session is None:
        return "restart"
    return "ladder" if session.renewed else "input" if session.input_ended else "restart"
