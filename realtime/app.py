"""The realtime room, put together."""

import asyncio

from starlette.routing import BaseRoute, Mount

from realtime.api import ChannelRoutes
from realtime.applog import AppLog, entry_of
from realtime.archiver import Archiver
from realtime.carrier import Carrier
from realtime.chat import Chat
from realtime.connection import address_of, connect
from realtime.event_api import EventRoutes
from realtime.fanout import Fanout
from realtime.feeds import Feeds
from realtime.follow import Follower
from realtime.keys import of_app
from realtime.log import Known, Log
from realtime.moderation import Moderation
from realtime.occupancy import Leases, Occupancy
from realtime.people import People
from realtime.presence import Presence
from realtime.reading import Reader
from realtime.resume import Resume
from realtime.signals import Signals
from realtime.sockets import Sockets
from realtime.store import Actions, Archive
from realtime.wire import Entry
from weir.foundation.events import Event, PlaybackHeartbeat, QuotaUsedUp, StreamEvent, StreamOffline, ViewersCounted
from weir.foundation.ground import Ground, Tasks
from weir.foundation.ids import derived_id

GROUP = "realtime"
CATCH_UP_S = 5.0
CUT_OFF_S = 9.0
LOOK_S = 0.25


class RealtimeRoom:
    """weir.foundation.ground.Room: sockets, chat, viewer counts."""

    def __init__(self, ground: Ground, leases: Leases = Leases()) -> None:  # noqa: B008 - frozen
        address = address_of(ground.settings, ground.vault)
        self._ground = ground
        self._tasks = Tasks()
        self._fanout = Fanout()
        self._connection = connect(address)
        self._archive = Archive(ground.store)
        actions = Actions(ground.store)
        auth = ground.door.auth
        self._apps = AppLog(self._connection)
        self._carrier = Carrier(self._apps, ground.directory)
        self._log = Log(self._connection, ground.settings.log_cap, self._recall, self._carrier.appended)
        reader = Reader(self._log, self._archive, actions)
        people = People(self._connection, self._log)
        self._presence = Presence(self._connection, self._log, people, leases)
        self._moderation = Moderation(self._log, people, actions, self._archive)
        self._archiver = Archiver(self._connection, self._archive, ground.directory, ground.settings, self._carrier)
        self._follower = Follower(address, self._log, self._deliver, self._resync)
        self._occupancy = Occupancy(self._connection, leases)
        self._chat = Chat(
            settings=ground.settings, directory=ground.directory, entries=self._log, follower=self._follower,
            fanout=self._fanout, occupancy=self._occupancy, reader=reader, people=people,
            moderation=self._moderation, presence=self._presence,
        )  # fmt: skip
        self._signals = Signals(self._connection, self._log, self._chat.admitted)
        self._api = ChannelRoutes(
            directory=ground.directory, entries=self._log, chat=self._chat, reader=reader, people=people, presence=self._presence,
            actions=actions, moderation=self._moderation, viewers=self.viewers,
        )  # fmt: skip
        self._feeds = Feeds(self._apps, self._follower, Resume(self._log, self._follower), ground.directory, ground.bus)
        self._events = EventRoutes(auth, self._apps, self._feeds, self._log)
        self._sockets = Sockets(
            settings=ground.settings, tokens=ground.tokens, auth=auth, directory=ground.directory, chat=self._chat,
            signals=self._signals, fanout=self._fanout, feeds=self._feeds,
        )  # fmt: skip

    def routes(self) -> list[BaseRoute]:
        door = self._ground.door
        return [
            Mount("/socket.io", app=self._sockets.application()), self._events.socket(),
            *self._api.routes(door), *self._events.routes(door),
        ]  # fmt: skip

    async def start(self) -> None:
        """Begins even while Redis is away; until it is reached, requests are answered `unavailable`."""
        for name, work in (
            ("log connection", self._connection.run()),
            ("follower", self._follower.run()),
            ("occupancy beat", self._occupancy.beat()),
            ("occupancy told", self._occupancy.tell(self._channels, self._fanout.deliver)),
            ("presence beat", self._presence.beat()),
            ("presence told", self._presence.tell()),
            ("reactions told", self._signals.tell_reactions()),
            ("cut off", self._watch_link()),
            ("bus facts", self._ground.bus.consume(GROUP, self._heard)),
            ("carrier", self._carrier.run()),
            ("event positions", self._feeds.tell_positions()),
            ("bus wishes", self._ground.bus.watch(self._carrier.heard)),
            ("bus revocations", self._ground.bus.watch(self._sockets.revoked)),
        ):
            self._tasks.start(work, name)
        for job in (*self._archiver.jobs(), *self._moderation.jobs()):
            self._tasks.start(self._ground.periodic.run(job), job.name)

    async def _watch_link(self) -> None:
        """Runs until cancelled: a node that has heard nothing of Redis for CUT_OFF_S sends its clients to others."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            await asyncio.sleep(LOOK_S)
            silence = loop.time() - max(self._connection.heard(), began)
            await self._sockets.cut_off(silence > CUT_OFF_S)

    async def _recall(self, channel: str) -> Known:
        return Known() if of_app(channel) else await self._moderation.recall(channel)

    async def stop(self) -> None:
        await self._sockets.stop()
        await self._tasks.stop()

    async def viewers(self, channel: str) -> int:
        """Sessions that watch this channel now. Errors: Unavailable."""
        return (await self._occupancy.count(channel)).viewers

    async def _heard(self, event: Event) -> None:
        if isinstance(event, StreamEvent) and event.public:
            await self._connection.up(CATCH_UP_S)
            told = await self._chat.tell(event)
            await self._carrier.tell_stream(event, told.seq)
            await self._count(event)
        elif isinstance(event, PlaybackHeartbeat):
            await self._occupancy.heard(event)
        elif isinstance(event, QuotaUsedUp):
            await self._connection.up(CATCH_UP_S)
            await self._apps.publish(event.app, event.id, entry_of(event.id, event.type, event.at, event.shown()))

    async def _count(self, event: StreamEvent) -> None:
        """A broadcast's audience. Nothing is acknowledged to the bus before it is told, so a death in between repeats it."""
        if not isinstance(event, StreamOffline):
            await self._occupancy.begin(event.channel, event.broadcast)
            return
        counted = await self._occupancy.end(event.channel, event.broadcast)
        if counted is not None:
            counts = ViewersCounted(
                id=derived_id("evt", event.broadcast, "viewers"), app=event.app, stream=event.stream, broadcast=event.broadcast,
                peak=counted.peak, total=counted.total,
            )  # fmt: skip
            await self._ground.bus.publish(counts)

    def _deliver(self, log: str, entry: Entry) -> None:
        if of_app(log):
            self._feeds.deliver(log, entry)
        else:
            self._chat.roster.deliver(log, entry)

    def _resync(self, log: str) -> None:
        if of_app(log):
            self._feeds.resync(log)
        else:
            self._sockets.resync(log)

    def _channels(self) -> list[str]:
        """Channels with members here."""
        return [log for log in self._follower.channels() if not of_app(log)]


class ViewerCounts:
    """weir.foundation.ground.Room: only the counts, for a process that has no realtime room of its own."""

    def __init__(self, ground: Ground) -> None:
        self._tasks = Tasks()
        self._connection = connect(address_of(ground.settings, ground.vault))
        self._occupancy = Occupancy(self._connection)

    def routes(self) -> list[BaseRoute]:
        return []

    async def start(self) -> None:
        self._tasks.start(self._connection.run(), "count connection")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def viewers(self, channel: str) -> int:
        """Sessions that watch this channel now. Errors: Unavailable."""
        return (await self._occupancy.count(channel)).viewers
