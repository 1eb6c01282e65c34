"""A broadcast: one media sequence over all publishes of its encoder and all lives of FFmpeg.

publish ─► FFmpeg runs ─► packager: parts, playlists          FFmpeg dies ─► again after a pause (discontinuity)
  gone ─► playlists stay as they are, without a hint, until the next publish (discontinuity) or the end (ENDLIST)
"""

import asyncio
import contextlib
import functools
from collections.abc import Callable
from dataclasses import replace
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
from media.ladder.overload import OverloadDetector, distance_s
from media.ladder.rules import SOUND_ALONE, BroadcastShape, Cadence, Profile, Source, choose_cadence, ladder
from media.live.blocking_reload import HeldReloads
from media.live.nchan import NchanPublisher
from media.live.packager import ClockJumped, EncoderRun, Packager
from media.live.restart_backoff import RestartBackoff
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
from weir.foundation.ids import derived_id, new_id, new_secret
from weir.foundation.redis.play_tickets import PlayTickets
from weir.foundation.settings import Settings

APPEARS_WITHIN_S, STILL_THERE_S = 10.0, 1.0
WATCH_S, STALLED_S, AGAIN_S = 2.0, 6.0, 1.0
RENEWED_WITHIN_S = 4.0
SLOW_S = 0.75  # a transcoder that is only slow tells of progress each half second; one that stands still is no strain
DRAIN_S = 3.0
STARVED = "The transcoder needs more memory for this than a stream may take. Send a smaller picture, or make fewer renditions."
STARTS = Counter(
    "weir_ffmpeg_starts",
    "Starts of FFmpeg, by why: a publish, a restart after it ended, another ladder.",
    ["why"],
)
log = structlog.get_logger("media")


class LiveBroadcast:
    """`fact` is the newest publish's. `tell` must not block; it takes Playable and MediaFailed."""

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
        self.files = SegmentFiles(settings, fact.playback)
        held = functools.partial(HeldReloads, edge, self.files, fact.playback) if edge else None
        self.packager = Packager(
            self.files, fact.broadcast, wanted, secret, self._kept, held, settings.media_base(fact.playback)
        )
        self._wanted = wanted
        self._keep = keep
        self._admit = admit
        self._load: LadderDemand | None = None
        self.trouble: str | None = None
        self._tickets = tickets
        self._source = PublishSource(settings, tickets, fact)
        self._epoch: tuple[int, int, float] | None = None
        self._begins: tuple[int, int] | None = None
        self._input_ended = self._alone = False
        self._wanted_profile = self._profile = profile
        self._full: BroadcastShape | None = None
        self._planned_by: Profile | None = None
        self._dropped = 0
        self._never_had = 0
        self._overload = OverloadDetector()
        self._child: FfmpegProcess | None = None
        self._made: tuple[float, float] | None = None
        self._planned = False
        self._thumbnails = Thumbnailer(self.files, settings.thumbnail_every_s, self._pictured)
        self.finished = False
        self._settings = settings
        self._tell = tell
        self._backoff = backoff or RestartBackoff()
        self._gone = self._given_up = False
        self._told: set[int] = set()
        self._shown = False
        self._producer: asyncio.Task[None] | None = None

    @property
    def producing(self) -> bool:
        return self._producer is not None and not self._producer.done()

    @property
    def strained(self) -> bool:
        """The machine does not carry it easily."""
        return self.producing and (self._dropped > self._never_had or self._overload.is_strained)

    @property
    def running(self) -> RunningLadder | None:
        """What it takes of the machine; None when it takes nothing."""
        if self._load is None or self.finished:
            return None
        return RunningLadder(self._load.cores(self._dropped), self.strained)

    def health(self) -> HealthSample | None:
        """How it is doing now; None while nothing is transcoded."""
        child = self._child
        if child is None or self._full is None:
            return None
        return self._source.health.sample(
            monotonic(),
            now_ms(),
            sent_s=self._source.feed.fed_s,
            dropped=child.dropped,
            duplicated=child.duplicated,
            heights=tuple(one.height for one in self._full.pictured),
            left_out=self._dropped,
        )

    async def snapshot(self) -> bytes | None:
        """A JPEG of the newest segment."""
        return await self._thumbnails.snapshot()

    @property
    def idle(self) -> bool:
        """Nothing runs and nothing speaks against starting the present publish's FFmpeg."""
        return not (self.producing or self._gone or self._given_up or self.finished)

    async def publish(self, fact: StreamEvent, intake: PublishSource | None = None) -> None:
        """The encoder publishes (again): FFmpeg starts, after the end of the one before. One FFmpeg never
        spans two publishes: timestamps begin again at 0 and it would drop the picture. `intake` is that
        publish's, where it listens already."""
        await self.close()
        self.fact = fact
        self._gone = False
        self._given_up = False
        self.trouble = None
        self._source = intake or PublishSource(self._settings, self._tickets, fact)
        self._epoch = None
        self._producer = asyncio.create_task(self._produce(), name=f"produce {fact.playback}")

    async def publisher_gone(self) -> None:
        """FFmpeg sees the end of its input by itself and hands over what it still has; after 3 s it is
        stopped. Where none runs yet, there is nothing to wait for."""
        self._gone = True
        if self._producer is not None and self._child is not None:
            await asyncio.wait([self._producer], timeout=DRAIN_S)
        await self.close()

    async def finish(self) -> None:
        """The broadcast is over: ENDLIST."""
        await self.publisher_gone()
        self.finished = True
        self.packager.finish()

    async def close(self) -> None:
        """Stops FFmpeg; the playlists stay open. Returns when the child is reaped."""
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
            while (source := await self._source.source(patience)) is not None:
                if not self._backoff.start(monotonic(), why):
                    raise UnusableSource("The transcoder failed too often.")
                STARTS.labels(why).inc()
                self._planned = False
                reason = await self._run(source)
                log.info(
                    "encoder.ended",
                    playback=self.fact.playback,
                    generation=self.fact.generation,
                    reason=reason,
                )
                if self._gone:
                    return
                why = "ladder" if self._planned else "input" if self._input_ended else "restart"
                if why == "restart":
                    self._source.feed.forget()
                    await asyncio.sleep(self._backoff.pause_s(monotonic()))
                elif why == "input":
                    await asyncio.sleep(self._backoff.changed_pause_s(monotonic()))
                patience = STILL_THERE_S
        except UnusableSource as error:
            self._given_up = True
            self._load = None
            self.trouble = str(error)
            self._source.close()  # what goes on coming is read for nothing
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

    def _next_shape(self, source: Source) -> BroadcastShape:
        """The ladder of the next FFmpeg: the present one, unless it was changed; without the rungs that the
        machine can't carry."""
        known, profile = self.packager.shape, SOUND_ALONE if source.alone else self._profile
        if self._full is None or known is None:
            rhythm = (
                known.cadence
                if known
                else choose_cadence(source, profile, self._wanted.part_s, self._wanted.segment_s)
            )
            rotation = known.rotation if known else self._wanted.rotation
            self._full = BroadcastShape(ladder(source, profile, rhythm), rhythm, rotation)
            self._let_in(source, rhythm, known is not None, self._planned_by not in (None, profile))
            self._planned_by = profile
        return replace(self._full, renditions=self._full.renditions[self._dropped :])

    def _let_in(self, source: Source, rhythm: Cadence, on_air: bool, changed: bool) -> None:
        """A new ladder gets what the others leave; one that goes on after a restart keeps what it has, and a
        broadcast that is on air is never refused. Errors: Unusable."""
        assert self._full is not None
        wanted = LadderDemand(source, self._full.renditions, float(rhythm.rate), self._settings.x264_preset)
        left_out = self._dropped if on_air and not changed else self._admit(wanted)
        if left_out is None and on_air:
            left_out = len(self._full.pictured) - 1
        if left_out is None:
            self._full = None
            raise UnusableSource(
                "This machine carries no further stream now. Publish again when another one has ended."
            )
        for rung in self._full.pictured[self._dropped : left_out]:
            log.warning("ladder.reduced", playback=self.fact.playback, height=rung.height, reason="admission")
            self._tell(
                QualityDropped(
                    **{**self._about("quality"), "id": new_id("evt")}, height=rung.height, reason="admission"
                )
            )
        self._load = wanted
        self._dropped = left_out
        self._never_had = left_out

    async def _run(self, source: Source) -> str:
        """One life of FFmpeg; returns why it ended."""
        if source.alone != self._alone and self._full is not None:
            self._full = None
        self._alone = source.alone
        shape = self.packager.shape = self._next_shape(source)
        pictured = shape.pictured
        run, still = (
            EncoderRun(new_secret(22), self.fact.generation),
            await self._source.still() if source.alone else None,
        )
        try:
            child = await spawn(
                lambda pipes: args.transcode(
                    source,
                    pictured,
                    shape.cadence,
                    preset=self._settings.x264_preset,
                    output=pipes.output,
                    progress=pipes.progress,
                ),
                sandbox_for_pipe(),
                fed=True,
            )
        except OSError as error:
            return str(error)
        self._child = child
        self._made = None
        self._input_ended = False
        self._source.health.began()
        self._overload.started(monotonic())
        if self._source.begin_run(child.write_input, functools.partial(self._no_more, child), still):
            self._goes_on(run)
        else:
            self._no_more(child)
        watch = asyncio.create_task(self._watch(child))
        try:
            async with contextlib.aclosing(
                read_parts(child.output, shape.renditions, shape.cadence, live=True)
            ) as arriving:
                async for piece in arriving:
                    self._made = piece.cut.end_s, monotonic()
                    child.read_progress()
                    if await self.packager.add_part(run, piece):
                        self._playable(shape)
                    if run.begun and self._begins is not None:
                        self._epoch = (*self._begins, run.epoch_s)
            await asyncio.wait_for(child.wait(), DRAIN_S)
            if child.starved and self._made is None:
                raise UnusableSource(STARVED)
            return child.last_error
        except (BoxError, ClockJumped, OSError) as error:  # the brake ends the trying
            if any(rendition.copied for rendition in shape.renditions):
                self._encode_all()
            return str(error)
        finally:
            self._child = None
            if not self._input_ended:
                self._source.feed.stop()
                self._input_ended = False
            watch.cancel()
            await child.stop()
            with contextlib.suppress(OSError):
                self.packager.end_run(run)

    def _no_more(self, child: FfmpegProcess) -> None:
        """The feed has ended this run's input."""
        self._input_ended = True
        child.close_input()

    def _goes_on(self, run: EncoderRun) -> None:
        """Where a run begins on the encoder's clock says when its first frame was, by the run before."""
        zero = self._source.feed.zero
        if zero is not None and self._epoch is not None and self._epoch[0] == zero[0]:
            run.epoch_s, run.known = self._epoch[2] + (zero[1] - self._epoch[1]) / 1000, True
        self._begins = zero

    def _encode_all(self) -> None:
        """What the encoder sends does not keep a copy's conditions: from here on every rendition is made
        anew."""
        self._profile, self._full = replace(self._profile, copy_top=False), None

    async def _watch(self, child: FfmpegProcess) -> None:
        """Stops an FFmpeg that stands still while it is given frames; an encoder that falls silent is the
        ingest's business. One that falls behind gets fewer rungs."""
        fed_s: float | None = None
        feed = self._source.feed
        while True:
            await asyncio.sleep(WATCH_S if fed_s is None else AGAIN_S)
            child.read_progress()
            self._source.health.done(child.done_s, monotonic())
            still_s = monotonic() - child.progress_at
            if still_s < STALLED_S:
                fed_s = None
                if still_s < SLOW_S and self._made is not None:
                    self._relieve(child, *self._made)
                continue
            if fed_s is not None and feed.fed_s > fed_s:
                log.warning("encoder.stalled", playback=self.fact.playback)
                child.kill()
                return
            fed_s = feed.fed_s

    def _relieve(self, child: FfmpegProcess, made_s: float, made_at: float) -> None:
        assert self._full is not None
        rungs = self._full.pictured
        load = load_per_core() if self._may_raise() else float("inf")
        feed = self._source.feed
        behind_s = distance_s(feed.fed_s, feed.fed_at, made_s, made_at)
        verdict = self._overload.judge(monotonic(), behind_s, load, self._dropped, len(rungs))
        if verdict is None:
            return
        dropping = verdict == "drop"
        self._dropped += 1 if dropping else -1
        self._never_had = min(self._never_had, self._dropped)
        height = rungs[self._dropped - 1 if dropping else self._dropped].height
        log.warning(
            "ladder.reduced" if dropping else "ladder.restored", playback=self.fact.playback, height=height
        )
        about = {**self._about("quality"), "id": new_id("evt")}  # it may happen again in the same publish
        self._tell(
            QualityDropped(**about, height=height) if dropping else QualityRecovered(**about, height=height)
        )
        self._renew(child)

    def _may_raise(self) -> bool:
        if not self._dropped or self._load is None:
            return True
        left_out = self._admit(self._load)
        return left_out is not None and left_out < self._dropped

    def change_ladder(self, profile: Profile) -> None:
        """Another ladder from the next FFmpeg on, which begins at once; the broadcast goes on."""
        if profile != self._wanted_profile:
            self._wanted_profile = self._profile = profile
            self._full = None
            self._dropped = 0
            if self._child is not None:
                self._renew(self._child)

    def _renew(self, child: FfmpegProcess) -> None:
        """At the next key frame, so that nothing is missing; soon at any rate."""
        self._planned = True
        self._source.feed.renew()
        asyncio.get_running_loop().call_later(
            RENEWED_WITHIN_S, lambda: child.terminate() if child is self._child else None
        )

    def _kept(self, whole: SegmentData) -> None:
        assert self.packager.shape is not None
        self._keep(self.fact.playback, self.packager.shape, whole)
        self._thumbnails.add_segment(self.packager.shape, whole)

    def _pictured(self) -> None:
        """Told once a publish; afterwards the picture changes under the same name."""
        if not self._shown:
            self._shown = True
            self._tell(ThumbnailReady(**self._about("thumbnail"), file=THUMBNAIL))

    def _playable(self, shape: BroadcastShape) -> None:
        if self.fact.generation not in self._told:
            self._told.add(self.fact.generation)
            width, height = shape.renditions[0].size
            self._tell(
                Playable(**self._about("playable"), width=width, height=height, sound_alone=self._alone)
            )

    def _about(self, what: str) -> dict[str, Any]:
        """The id is derived, so that the same fact told after a restart is the same event."""
        fact = self.fact
        shared = fact.model_dump(include={"app", "stream", "playback", "channel", "broadcast", "generation"})
        return {"id": derived_id("evt", what, fact.broadcast, fact.generation), **shared}
