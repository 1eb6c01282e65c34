"""Acquires streams that control has admitted, one worker each, and runs their broadcasts. [work]"""

import asyncio
from collections import defaultdict
from functools import partial
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from media.facts import FactPublisher
from media.ffmpeg.process import cores_here
from media.hls.segment_files import SegmentFiles, playbacks
from media.ingest.source import PublishSource
from media.ladder.admission import LadderDemand, rungs_to_drop
from media.ladder.delivery_options import delivery_options
from media.ladder.rules import Profile
from media.ladder.service import Profiles
from media.leases import RENEW_S, StreamLeases
from media.live.broadcast import LiveBroadcast
from media.live.health_store import EVERY_S, HealthStore
from media.live.nchan import NchanPublisher
from media.live.packager import Packager
from media.live.restart_backoff import RestartBackoff
from media.live.thumbnails import THUMBNAIL
from media.recordings.service import Recordings
from media.uploads.service import Uploads
from weir.foundation.clock import monotonic
from weir.foundation.documents import Store
from weir.foundation.errors import Unavailable
from weir.foundation.events import (
    AppDeleted,
    DirectoryChanged,
    Event,
    PublishDone,
    PublishStarted,
    RecordingStarted,
    RecordingStopped,
    StreamEvent,
    StreamOffline,
)
from weir.foundation.ingest_client import IngestClient
from weir.foundation.redis.play_tickets import PlayTickets
from weir.foundation.services import Tasks
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import STREAMS, StreamDoc
from weir.foundation.tenancy.directory import Directory
from weir.foundation.vault import Vault

SWEEP_S, TAKE_OVER_S, FIRST_SWEEP_AGAIN_S = 5.0, 2.5, 0.5
KEEP_ENDED_S = 300.0
LADDER_DEPENDS_ON = ("profiles", "streams", "apps")
TELL_AGAIN_S = 1.0
POSTER_AGE_S = 10.0
log = structlog.get_logger("media")


class MediaWorker:
    """The broadcasts of this process. Facts may come twice, late or not at all: handlers compare (broadcast, generation), and a sweep every
    5 s compares what runs here with the stream documents and the ingest."""

    def __init__(
        self,
        leases: StreamLeases,
        profiles: Profiles,
        recordings: Recordings,
        uploads: Uploads,
        health_store: HealthStore,
        nchan: NchanPublisher | None,
        facts: FactPublisher,
        *,
        settings: Settings,
        vault: Vault,
        store: Store,
        redis: Redis,
        directory: Directory,
        ingest: IngestClient,
    ) -> None:
        self.broadcasts: dict[str, LiveBroadcast] = {}
        self._vault = vault
        self._store = store
        self._directory = directory
        self._ingest = ingest
        self._settings = settings
        self._leases = leases
        self._profiles = profiles
        self._recordings = recordings
        self._uploads = uploads
        self._health_store = health_store
        self._nchan = nchan
        self._facts = facts
        self._tasks = Tasks()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._over: set[str] = set()
        # By stream: the newest publish that has begun, (broadcast, generation), and the publishes whose turn has not come.
        self._newest: dict[str, tuple[str, int]] = {}
        self._listening: dict[str, tuple[tuple[str, int], PublishSource]] = {}
        self._backoffs: defaultdict[str, RestartBackoff] = defaultdict(RestartBackoff)
        self._tickets = PlayTickets(redis)
        self._settled = False

    async def stop(self) -> None:
        """Stops every FFmpeg. The broadcasts continue in the worker that acquires them next."""
        await self._tasks.stop()
        for _, source in self._listening.values():
            source.close()
        await asyncio.gather(*(broadcast.close() for broadcast in self.broadcasts.values()))
        for playback in list(self.broadcasts):
            await self._let_go(playback)

    def packager(self, playback: str) -> Packager | None:
        """The packager of a stream of this worker. Errors: Unavailable before the first sweep, since a stream
        that is on air must not look as if it did not exist."""
        broadcast = self.broadcasts.get(playback)
        if broadcast is None and not self._settled:
            raise Unavailable("Streams are being taken up again; try again in a moment.", retry_after=1)
        return broadcast.packager if broadcast else None

    def _admit(self, playback: str, priority: str, wanted: LadderDemand) -> int | None:
        running = [one.running for of, one in self.broadcasts.items() if of != playback]
        cores = self._settings.media_cores or cores_here()
        return rungs_to_drop(wanted, [one for one in running if one is not None], cores, priority)

    async def snapshot(self, playback: str, age_s: float = 0) -> bytes | None:
        """A picture that is at most so old where there may be an older one; None without one."""
        broadcast = self.broadcasts.get(playback)
        return await broadcast.snapshot(age_s) if broadcast is not None and not broadcast.finished else None

    async def poster(self, playback: str) -> bytes | None:
        """For visitors: the picture that this worker draws, or the last one that another has left in the
        shared folder."""
        drawn = await self.snapshot(playback, POSTER_AGE_S)
        if drawn is not None:
            return drawn
        file = SegmentFiles(self._settings, playback).scratch(THUMBNAIL)
        try:
            return await asyncio.to_thread(file.read_bytes)
        except OSError:
            return None

    async def run_measurements(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            measured = {
                (one.fact.stream, one.fact.playback): one.health() for one in self.broadcasts.values()
            }
            try:
                await self._health_store.write_samples(
                    {key: sample for key, sample in measured.items() if sample is not None}
                )
                await self._health_store.write_trouble(
                    {one.fact.playback: one.trouble for one in self.broadcasts.values() if one.trouble}
                )
            except (RedisError, OSError) as error:
                log.warning("health.lost", error=str(error))

    def is_overloaded(self) -> bool:
        return any(broadcast.strained for broadcast in self.broadcasts.values())

    async def on_event(self, event: Event) -> None:
        """Returns at once: stopping one stream's FFmpeg takes seconds, and facts about other streams would
        wait. What a dying process leaves unfinished, the next one's sweep does. Only a deleted app is
        waited for, because no sweep does that."""
        if isinstance(event, PublishStarted | PublishDone | StreamOffline):
            if self._is_new(event):
                self._tasks.start(self._listen(event), f"listen to {event.playback}")
            self._tasks.start(self._follow(event), f"follow {event.playback}")
        elif isinstance(event, RecordingStarted | RecordingStopped) and event.playback in self.broadcasts:
            self._tasks.start(self._asked_to_record(event), f"record {event.playback}")
        elif isinstance(event, DirectoryChanged) and event.collection in LADDER_DEPENDS_ON:
            self._tasks.start(self._look_again(event.app), f"ladders of {event.app}")
        elif isinstance(event, AppDeleted):
            await self._recordings.forget(event.app)
            await self._profiles.forget(event.app)

    def _is_new(self, event: PublishStarted | PublishDone | StreamOffline) -> bool:
        """True when the publish is newer than all known ones; it is remembered as the newest."""
        told, newest = (event.broadcast, event.generation), self._newest.get(event.playback, ("", 0))
        if isinstance(event, PublishStarted) and told > newest:
            self._newest[event.playback] = told
            return True
        if isinstance(event, StreamOffline) and event.broadcast >= newest[0]:
            self._newest.pop(event.playback, None)
        return False

    async def _listen(self, event: StreamEvent) -> None:
        """The ingest delays an encoder until it is pulled, for a moment. The previous publish may need longer
        to end, so the new one is pulled first, and its messages are kept until its turn."""
        told, playback = (event.broadcast, event.generation), event.playback
        if not await self._leases.acquire(playback) or self._newest.get(playback) != told:
            return
        current = self.broadcasts.get(playback)
        if current is not None and (current.fact.broadcast, current.fact.generation) >= told:
            return
        self._listen_no_more(playback, told)
        intake = PublishSource(self._settings, self._tickets, event)
        self._listening[playback] = told, intake
        await intake.open()

    def _listen_no_more(self, playback: str, told: tuple[str, int]) -> None:
        """Closes the sources of this publish and of those before."""
        if playback in self._listening and self._listening[playback][0] <= told:
            self._listening.pop(playback)[1].close()

    async def _follow(self, event: PublishStarted | PublishDone | StreamOffline) -> None:
        """When an encoder reconnects faster than FFmpeg starts and ends, only its newest publish is run: each
        of the others would delay that one by three seconds."""
        async with self._locks[event.playback]:
            newest = self._newest.get(event.playback, ("", 0))
            if not isinstance(event, StreamOffline) and (event.broadcast, event.generation) < newest:
                return
            current = self.broadcasts.get(event.playback)
            same = current is not None and current.fact.broadcast == event.broadcast
            if isinstance(event, PublishStarted):
                await self._started(event, current)
                self._listen_no_more(event.playback, (event.broadcast, event.generation))
            elif current is not None and same and isinstance(event, StreamOffline):
                await self._offline(current)
            elif current is not None and same and event.generation == current.fact.generation:
                await current.publisher_gone()

    async def _profile(self, app: str, stream: StreamDoc) -> Profile:
        return await self._profiles.of_stream(app, stream.get("profile"), await self._directory.app(app))

    async def _look_again(self, app: str) -> None:
        """A profile or its assignment has changed. Reads from the store, because caches may be older."""
        for broadcast in [
            one for one in self.broadcasts.values() if one.fact.app == app and not one.finished
        ]:
            stream = await self._store.app(app).get(STREAMS, broadcast.fact.stream)
            if stream is not None:
                broadcast.change_ladder(await self._profile(app, stream))

    async def _asked_to_record(self, event: RecordingStarted | RecordingStopped) -> None:
        stream = await self._directory.stream(event.stream) or cast(StreamDoc, {})
        async with self._locks[event.playback]:
            current = self.broadcasts.get(event.playback)
            if current is not None and current.fact.broadcast == event.broadcast and not current.finished:
                await self._recordings.on_request(
                    event, event.recording, stream, begin=isinstance(event, RecordingStarted)
                )

    async def _started(self, fact: StreamEvent, current: LiveBroadcast | None) -> None:
        """Runs a publish. Broadcast ids sort by time, so a late fact of an older broadcast is recognised."""
        if current is not None:
            told, known = (fact.broadcast, fact.generation), (current.fact.broadcast, current.fact.generation)
            if (
                told < known
                or (told == known and not current.idle)
                or (told[0] == known[0] and current.finished)
            ):
                return
        if current is None or current.fact.broadcast != fact.broadcast:
            current = await self._take(fact)
        if current is not None:
            await current.close()
            told, listening = (fact.broadcast, fact.generation), self._listening.get(fact.playback)
            if listening is not None and listening[0] == told:
                del self._listening[fact.playback]
                await current.publish(fact, listening[1])
            else:
                await current.publish(fact)

    async def _take(self, fact: StreamEvent) -> LiveBroadcast | None:
        """Acquires a stream and restores what is left of its broadcast on disk; None when another worker has
        it."""
        if not await self._leases.acquire(fact.playback):
            return None
        await self._drop(fact.playback)
        stream = await self._directory.stream(fact.stream) or cast(StreamDoc, {})
        wanted, secret = delivery_options(stream, self._settings), self._vault.key("segments")
        profile = await self._profile(fact.app, stream)
        broadcast = LiveBroadcast(
            self._settings,
            fact,
            wanted,
            profile,
            secret,
            self._facts.publish,
            self._recordings.add_segment,
            partial(self._admit, fact.playback, stream.get("priority") or "normal"),
            self._tickets,
            self._nchan,
            self._backoffs[fact.playback],
        )
        broadcast.packager.open()
        await self._recordings.resume_or_start(fact, stream)
        self.broadcasts[fact.playback] = broadcast
        return broadcast

    async def _offline(self, broadcast: LiveBroadcast) -> None:
        if not broadcast.finished:
            await broadcast.finish()
            await self._recordings.broadcast_ended(broadcast.fact.playback)
            self._tasks.start(self._remove_later(broadcast), f"remove {broadcast.fact.playback}")

    async def _remove_later(self, broadcast: LiveBroadcast) -> None:
        """Removes an ended broadcast's files some minutes later, because players may still need the last
        segments."""
        await asyncio.sleep(KEEP_ENDED_S)
        playback = broadcast.fact.playback
        async with self._locks[playback]:
            if self.broadcasts.get(playback) is broadcast:
                broadcast.files.remove()
                await self._let_go(playback)

    async def run_lease_renewal(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            for playback in list(self.broadcasts):
                try:
                    kept = await self._leases.acquire(playback)
                except (RedisError, OSError) as error:
                    log.warning("lease.unknown", error=str(error))  # no other worker can take it either
                    break
                if not kept:
                    log.warning("lease.lost", playback=playback)
                    async with self._locks[playback]:
                        await self._drop(playback)

    async def _drop(self, playback: str) -> None:
        broadcast = self.broadcasts.pop(playback, None)
        if broadcast is not None:
            await broadcast.close()
            broadcast.packager.close()
            await self._recordings.release(playback)

    async def _let_go(self, playback: str) -> None:
        await self._drop(playback)
        try:
            await self._leases.release(playback)
        except (RedisError, OSError) as error:
            log.warning("lease.unknown", error=str(error))  # it runs out by itself

    async def clear_leftovers(self) -> None:
        """Removes files of streams that have ended and that no worker serves, and of recordings that were
        deleted."""
        await self._recordings.clear_leftovers()
        await self._uploads.clear_leftovers()
        listed = {doc["playback"] for doc in await self._directory.live_streams()}
        for playback in playbacks(self._settings) - listed:
            if not await self._leases.is_held(playback):
                SegmentFiles(self._settings, playback).remove()

    async def run_sweeps(self) -> None:
        while True:
            try:
                await self._sweep()
                self._settled = True
            except (Unavailable, RedisError, OSError) as error:
                log.warning("sweep.waits", error=str(error))
            usual = (
                TAKE_OVER_S if self._settings.redis_url else SWEEP_S
            )  # only where there may be other workers
            await asyncio.sleep(usual if self._settled else FIRST_SWEEP_AGAIN_S)

    async def _sweep(self) -> None:
        listed = {doc["playback"]: doc for doc in await self._directory.live_streams()}
        published = await self._ingest.published()
        for playback, doc in listed.items():
            async with self._locks[playback]:
                await self._adopt(doc, playback in published)
        over = {
            playback
            for playback, one in self.broadcasts.items()
            if not one.finished and _is_over(one, listed.get(playback))
        }
        for playback in over & self._over:  # twice in a row: the list may be older than a fact
            async with self._locks[playback]:
                if playback in self.broadcasts:
                    await self._offline(self.broadcasts[playback])
        self._over = over
        for playback in [
            one
            for one, backoff in self._backoffs.items()
            if one not in self.broadcasts and backoff.rests(monotonic())
        ]:
            del self._backoffs[playback]

    async def _adopt(self, doc: StreamDoc, publishing: bool) -> None:
        """Acquires a stream that no worker has, and starts FFmpeg where one should run."""
        current, fact = self.broadcasts.get(doc["playback"]), _fact(doc)
        if current is None or current.fact.broadcast < fact.broadcast:
            if not publishing and doc["state"] == "starting":
                return
            current = await self._take(fact)
            if current is None:
                return
        if publishing and not current.producing:
            await self._started(fact, current)


def _is_over(broadcast: LiveBroadcast, doc: StreamDoc | None) -> bool:
    return doc is None or bool(doc["broadcast"] != broadcast.fact.broadcast)


def _fact(doc: StreamDoc) -> StreamEvent:
    return StreamEvent(
        app=doc["app"],
        stream=doc["id"],
        playback=doc["playback"],
        channel=doc["channel"],
        broadcast=doc["broadcast"],
        generation=doc["generation"],
    )
