"""Viewers of a channel: exact, counted once for each viewing session, zero at the end. [work]

A session is counted while any of its sources holds a lease: each joined socket (45 s, renewed every 15 s,
released when it leaves) and its player (9 s, by playback heartbeats). A crashed node's sockets leave the
count when their leases expire. Counts are ephemeral: sent to local members each second when they changed.
While the app is followed, the counting script also records each join and leave, which are published once
(viewer.joined, viewer.left).
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from prometheus_client import Gauge

from realtime.log.app_log import AppLog
from realtime.log.redis_keys import keys_of, lease, viewed_in
from realtime.protocol.envelope import envelope
from realtime.redis.client import RedisConnection, load_script
from weir.foundation.clock import now_ms
from weir.foundation.errors import Unavailable
from weir.foundation.events import PlaybackHeartbeat
from weir.foundation.ids import is_id, new_id
from weir.foundation.redis.event_log import BUCKETS
from weir.foundation.redis.periodic import Job
from weir.foundation.tenancy.collections import StreamDoc

VIEWER_LEASES = load_script("viewer_leases")
BATCH = 200
TELL_S = 1.0
TOLD_MS = 86_400_000
COUNT_UPDATE = "viewer.count.update"
OCCUPANCY_UPDATE = "occupancy.update"
VIEWERS = Gauge("weir_viewers", "Sessions that watch streams on air now, each once a stream.")
COUNT_S, SWEEP_S = 5.0, 5.0
log = structlog.get_logger("realtime.occupancy")


@dataclass(frozen=True)
class LeaseTimes:
    """How long a source counts without renewal, and how often sockets renew, in seconds."""

    socket_s: float = 45.0
    beat_s: float = 15.0
    playback_s: float = 9.0


@dataclass(frozen=True, slots=True)
class Count:
    """`peak` is the highest count since the channel was last empty."""

    viewers: int
    peak: int


@dataclass(frozen=True, slots=True)
class Audience:
    """Of one broadcast: the highest number of viewers at a time, and the number of different sessions."""

    peak: int
    total: int


Notify = Callable[[str, Count], Awaitable[None]]
Follower = Callable[[str], Awaitable[tuple[str, str] | None]]
"""(app, stream) of a channel whose app is followed."""


async def nobody(_channel: str) -> tuple[str, str] | None:
    """No app is followed."""
    return None


class ViewerCounter:
    """Errors of the verbs: Unavailable."""

    def __init__(
        self,
        connection: RedisConnection,
        leases: LeaseTimes = LeaseTimes(),
        follower: Follower = nobody,
        apps: AppLog | None = None,
    ) -> None:
        self._connection = connection
        self._leases = leases
        self._follower = follower
        self._apps = apps or AppLog(connection)
        self._moved: set[str] = set()
        self._told: dict[str, Count] = {}
        self._held: dict[str, set[str]] = {}
        self._busy: set[str] = set()

    async def enter(self, channel: str, session: str, source: str) -> Count:
        """Counts one of this node's sockets until it leaves. Its lease is renewed even when this first call
        fails."""
        self._held.setdefault(channel, set()).add(lease(session, source))
        return await self._run(channel, "beat", self._leases.socket_s, [lease(session, source)])

    async def leave(self, channel: str, session: str, source: str) -> Count:
        held = self._held.get(channel, set())
        held.discard(lease(session, source))
        if not held:
            self._held.pop(channel, None)
        return await self._run(channel, "leave", 0, [lease(session, source)])

    async def count(self, channel: str) -> Count:
        return await self._run(channel, "count", 0, [])

    def jobs(self, on_air: Callable[[], Awaitable[list[StreamDoc]]]) -> list[Job]:
        """Periodic: counts all viewers as a metric, and publishes what dead nodes have left."""

        async def everybody() -> None:
            counts = await asyncio.gather(*(self.count(stream["channel"]) for stream in await on_air()))
            VIEWERS.set(sum(count.viewers for count in counts))

        return [
            Job("viewers.count", COUNT_S, everybody, lambda: VIEWERS.set(0)),
            Job("viewers.told", SWEEP_S, self.sweep),
        ]

    async def begin_broadcast(self, channel: str, broadcast: str) -> None:
        """Starts counting for a broadcast; may be repeated."""
        await self._ask(channel, "begin", broadcast)

    async def end_broadcast(self, channel: str, broadcast: str) -> Audience | None:
        """Ends counting and returns the result, also when called again; None when this broadcast was not
        counted."""
        *_, peak, total = await self._ask(channel, "end", broadcast)
        return None if peak < 0 else Audience(peak, total)

    async def on_heartbeat(self, event: PlaybackHeartbeat) -> None:
        """Counts players that were served just now. A late fact is ignored: its viewers may have left since."""
        if now_ms() - event.at > self._leases.playback_s * 1000:
            return
        watching: defaultdict[str, list[str]] = defaultdict(list)
        for channel, session in event.sessions:
            if is_id("chn", channel):
                watching[channel].append(lease(session, "hls"))
        for channel, start in _batches(watching):
            await self._run(
                channel, "beat", self._leases.playback_s, watching[channel][start : start + BATCH]
            )
            self._busy.add(channel)

    async def run_lease_renewal(self) -> None:
        """Runs until cancelled. Renews the leases of this node's sockets."""
        while True:
            await asyncio.sleep(self._leases.beat_s * random.uniform(0.8, 1))
            held = {channel: list(members) for channel, members in self._held.items()}
            work = [
                self._renew(channel, held[channel][start : start + BATCH])
                for channel, start in _batches(held)
            ]
            try:
                await asyncio.gather(*work)
            except Unavailable as error:
                log.warning("occupancy.beat_waits", error=error.detail)

    async def _renew(self, channel: str, members: list[str]) -> None:
        """Checks again which sockets are still there in the step that sends: a released lease must not be
        taken again."""
        held = self._held.get(channel, set())
        still = [member for member in members if member in held]
        if still:
            await self._run(channel, "beat", self._leases.socket_s, still)

    async def run_updates(
        self, channels: Callable[[], list[str]], deliver: Callable[[str, str, bytes], None], followed: Notify
    ) -> None:
        """Runs until cancelled. Sends changed counts to local members and to followers of the channel's app."""
        while True:
            await asyncio.sleep(TELL_S)
            present = set(channels())
            moved, self._moved = self._moved, set()
            watched = list(present | self._busy | moved)
            try:
                counts = await asyncio.gather(*(self.count(channel) for channel in watched))
                await asyncio.gather(*(self.tell_moves(channel) for channel in watched))
                before, self._told = self._told, dict(zip(watched, counts, strict=True))
                for channel, count in self._told.items():
                    if before.get(channel) == count:
                        continue
                    if channel in present:
                        deliver(channel, COUNT_UPDATE, _update(channel, count))
                    await followed(channel, count)
                self._busy = {channel for channel, count in self._told.items() if count.viewers}
            except Unavailable:
                continue

    async def tell_moves(self, channel: str) -> None:
        """Publishes joins and leaves since the last call, by whichever node is first."""
        follower = await self._follower(channel)
        while follower is not None and await self._apps.tell_moves(follower[0], channel, follower[1]):
            pass

    async def sweep(self) -> None:
        """Periodic, in one process: publishes what dead nodes have left."""
        link = self._connection.link()
        found = await asyncio.gather(*(link.ask("SMEMBERS", viewed_in(bucket)) for bucket in range(BUCKETS)))
        for channel in (raw.decode() for channels in found for raw in channels):
            await self.count(channel)
            await self.tell_moves(channel)

    async def news(self, channel: str, count: Count) -> bool:
        """True for the first node of the installation that publishes a change."""
        now = b"%d %d" % (count.viewers, count.peak)
        told = await self._connection.link().ask("SET", keys_of(channel).told, now, "PX", TOLD_MS, "GET")
        return bool(told != now)

    async def _run(self, channel: str, verb: str, lease_s: float, members: list[str]) -> Count:
        if verb == "leave":
            self._moved.add(channel)
        reply = await self._ask(channel, verb, int(lease_s * 1000), *members)
        return Count(reply[0], reply[1])

    async def _ask(self, channel: str, verb: str, about: str | int, *members: str) -> list[int]:
        keys, followed = keys_of(channel), "1" if await self._follower(channel) is not None else ""
        names = (
            keys.leases,
            keys.sessions,
            keys.peak,
            keys.broadcast,
            keys.audience,
            keys.moves,
            keys.followed,
            keys.viewed,
        )
        reply: list[int] = await self._connection.link().run(
            VIEWER_LEASES, names, verb, about, followed, *members
        )
        return reply


def _batches(members: dict[str, list[str]]) -> list[tuple[str, int]]:
    """(channel, first index) of each call of at most BATCH members."""
    return [(channel, start) for channel, held in members.items() for start in range(0, len(held), BATCH)]


def updates(channel: str, stream: str, count: Count) -> list[tuple[str, bytes]]:
    """A changed count for followers of the app: as viewers, and in the form that places have too."""
    viewers = {"channel": channel, "stream": stream, "count": count.viewers, "peak": count.peak}
    subject = {
        "subject": "channel",
        "channel": channel,
        "stream": stream,
        "occupied": count.viewers,
        "peak": count.peak,
    }
    return [
        (kind, envelope(new_id("evt"), kind, now_ms(), **data))
        for kind, data in ((COUNT_UPDATE, viewers), (OCCUPANCY_UPDATE, subject))
    ]


def _update(channel: str, count: Count) -> bytes:
    return envelope(
        new_id("evt"), COUNT_UPDATE, now_ms(), channel=channel, count=count.viewers, peak=count.peak
    )
