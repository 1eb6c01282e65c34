"""The realtime room, put together."""

import asyncio
from urllib.parse import urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from realtime.app_events.api import EventRoutes
from realtime.app_events.subscriptions import EventSubscriptions
from realtime.chat.api import ChannelRoutes
from realtime.chat.bans import Bans
from realtime.chat.before_message import BeforeMessage
from realtime.chat.held_messages import HELD, HeldMessages
from realtime.chat.history import HistoryReader
from realtime.chat.moderation import Moderation
from realtime.chat.moderator_view import HeldDecisions, ModeratorView
from realtime.chat.presence import PresenceTracker
from realtime.chat.service import Chat
from realtime.chat.typing_reactions import TypingReactions
from realtime.chat.users import ChannelUsers
from realtime.consumer import Consumer, InboundConsumer
from realtime.fanout import Fanout
from realtime.log import archive
from realtime.log.app_log import AppLog
from realtime.log.app_log_forwarder import AppLogForwarder
from realtime.log.archive import Actions, Archive
from realtime.log.archiver import Archiver
from realtime.log.channel_log import ArchivedState, ChannelLog
from realtime.log.follower import Follower
from realtime.log.recovery import Recovery
from realtime.places import store as place_store
from realtime.places.api import PlaceRoutes
from realtime.places.devices import Devices
from realtime.places.service import Places
from realtime.protocol import asyncapi
from realtime.protocol.envelope import Entry
from realtime.protocol.log_names import of_app
from realtime.redis.client import address_of, connect
from realtime.sockets import Sockets
from realtime.viewers import LeaseTimes, ViewerCounter
from weir import __version__
from weir.foundation.redis.bus import BULK, Bus
from weir.foundation.redis.periodic import Job
from weir.foundation.services import Services, Tasks
from weir.foundation.settings import Settings

GROUP, INBOUND_GROUP = "realtime", "realtime.inbound"
COLLECTIONS = (*archive.COLLECTIONS, *place_store.COLLECTIONS, HELD)
CUT_OFF_S = 9.0
LOOK_S = 0.25


class RealtimeRoom:
    """weir.foundation.services.Room: sockets, chat, viewer counts."""

    def __init__(self, services: Services, leases: LeaseTimes = LeaseTimes()) -> None:  # noqa: B008 - frozen
        address = address_of(services.settings, services.vault)
        self._services = services
        self._tasks = Tasks()
        self._fanout = Fanout()
        self._connection = connect(address)
        self._archive = Archive(services.store)
        actions = Actions(services.store)
        auth = services.door.auth
        self._apps = AppLog(self._connection, self._recall)
        self._forwarder = AppLogForwarder(self._apps, services.directory)
        self._log = ChannelLog(
            self._connection, services.settings.log_cap, self._recall, self._forwarder.on_append
        )
        reader = HistoryReader(self._log, self._archive, actions)
        people = ChannelUsers(self._connection, self._log)
        self._presence = PresenceTracker(self._connection, self._log, people, leases)
        bans = Bans(
            self._log,
            actions,
            self._apps,
            services.bus,
            services.audit,
            services.settings.guest_address_ban_h,
        )
        self._moderation = Moderation(
            self._log, people, actions, self._archive, self._apps, bans, services.settings.keep_removed_days
        )
        self._archiver = Archiver(
            self._connection, self._archive, services.directory, services.settings, self._forwarder
        )
        self._follower = Follower(address, self._log, self._deliver, self._resync)
        self._viewer_counter = ViewerCounter(self._connection, leases, self._forwarder.followed, self._apps)
        self._held = HeldMessages(services.store, self._apps, services.audit)
        self._chat = Chat(
            settings=services.settings,
            directory=services.directory,
            entries=self._log,
            follower=self._follower,
            fanout=self._fanout,
            occupancy=self._viewer_counter,
            reader=reader,
            people=people,
            moderation=self._moderation,
            presence=self._presence,
            messages=services.messages,
            bans=bans,
            before=BeforeMessage(services.egress, services.vault),
            held=self._held,
        )
        self._typing_reactions = TypingReactions(self._connection, self._log, self._chat.standing_of)
        decisions = HeldDecisions(self._held, self._chat)
        moderators = ModeratorView(
            directory=services.directory,
            chat=self._chat,
            held=self._held,
            decisions=decisions,
            actions=actions,
            moderation=self._moderation,
            people=people,
            reader=reader,
        )
        self._api = ChannelRoutes(
            directory=services.directory,
            entries=self._log,
            chat=self._chat,
            reader=reader,
            people=people,
            presence=self._presence,
            actions=actions,
            moderation=self._moderation,
            viewers=self.viewers,
            held=self._held,
            decisions=decisions,
        )
        self._subscriptions = EventSubscriptions(
            self._apps, self._follower, Recovery(self._log, self._follower), services.directory, services.bus
        )
        self._events = EventRoutes(auth, self._apps, self._subscriptions, self._log, self._archive)
        self._places = Places(
            services.store, services.relay, services.quotas, services.settings, services.audit
        )
        self.consumer = Consumer(
            self._connection,
            self._chat,
            self._viewer_counter,
            self._forwarder,
            self._apps,
            self._places,
            COLLECTIONS,
            store=services.store,
            bus=services.bus,
            directory=services.directory,
        )
        self._devices = Devices(services.store, self._places)
        self.inbound = InboundConsumer(self._connection, self._apps, self._devices)
        self._place_api = PlaceRoutes(services.store, self._places, self._devices)
        self._sockets = Sockets(
            settings=services.settings,
            tokens=services.tokens,
            auth=auth,
            directory=services.directory,
            chat=self._chat,
            moderators=moderators,
            signals=self._typing_reactions,
            fanout=self._fanout,
            feeds=self._subscriptions,
            bans=bans,
            address_key=services.vault.key("address"),
        )

    def routes(self) -> list[BaseRoute]:
        door = self._services.door
        return [
            Mount("/socket.io", app=self._sockets.application()),
            *self._events.socket(),
            described(self._services.settings),
            *self._api.routes(door),
            *self._events.routes(door),
            *self._place_api.routes(door),
        ]

    async def start(self) -> None:
        """Begins even while Redis is away; until it is reached, requests are answered `unavailable`."""
        for name, work in (
            ("log connection", self._connection.run()),
            ("guests", self._chat.run_guest_renewal()),
            ("follower", self._follower.run()),
            ("occupancy beat", self._viewer_counter.run_lease_renewal()),
            (
                "occupancy told",
                self._viewer_counter.run_updates(
                    self._channels, self._fanout.deliver, self.consumer.tell_followers
                ),
            ),
            ("presence beat", self._presence.run_lease_renewal()),
            ("presence told", self._presence.run_announcements()),
            ("reactions told", self._typing_reactions.run_reaction_updates()),
            ("cut off", self._watch_link()),
            ("bus facts", self._services.bus.consume(GROUP, self.consumer.on_event)),
            ("inbound facts", Bus(self._services.redis, BULK).consume(INBOUND_GROUP, self.inbound.on_event)),
            ("carrier", self._forwarder.run()),
            ("message counts", self._services.messages.run()),
            ("event positions", self._subscriptions.run_position_updates()),
            ("bus wishes", self._services.bus.watch(self._forwarder.on_follow)),
            ("bus revocations", self._services.bus.watch(self._sockets.revoked)),
            ("bus bans", self._services.bus.watch(self._sockets.banned)),
        ):
            self._tasks.start(work, name)
        viewers = self._viewer_counter.jobs(self._services.directory.live_streams)
        forget = Job("chat.forget_held", 3600.0, self._held.forget_old)
        for job in (
            forget,
            *self._archiver.jobs(),
            *self._moderation.jobs(),
            *self._places.jobs(),
            *self._devices.jobs(),
            *viewers,
        ):
            self._tasks.start(self._services.periodic.run(job), job.name)

    async def _watch_link(self) -> None:
        """Runs until cancelled: a node that has had no answer from Redis for CUT_OFF_S sends its clients to
        others."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            await asyncio.sleep(LOOK_S)
            silence = loop.time() - max(self._connection.heard(), began)
            await self._sockets.cut_off(silence > CUT_OFF_S)

    async def _recall(self, channel: str) -> ArchivedState:
        return await self._moderation.recall(channel)

    async def stop(self) -> None:
        await self._sockets.stop()
        await self._tasks.stop()
        await self._services.messages.close()

    async def viewers(self, channel: str) -> int:
        """Sessions that watch this channel now. Errors: Unavailable."""
        return (await self._viewer_counter.count(channel)).viewers

    def _deliver(self, log: str, entry: Entry) -> None:
        if of_app(log):
            self._subscriptions.deliver(log, entry)
        else:
            self._chat.roster.deliver(log, entry)

    def _resync(self, log: str) -> None:
        if of_app(log):
            self._subscriptions.resync(log)
        else:
            self._sockets.resync(log)

    def _channels(self) -> list[str]:
        """Channels with members here."""
        return [log for log in self._follower.channels() if not of_app(log)]


def described(settings: Settings) -> Route:
    """The document of the sockets, written once."""
    address = urlsplit(settings.base_url)
    written = orjson.dumps(
        asyncapi.document(__version__, address.netloc, "wss" if address.scheme == "https" else "ws")
    )

    async def asyncapi_json(_request: Request) -> Response:
        return Response(written, media_type="application/json")

    return Route("/v1/asyncapi.json", asyncapi_json)


class ViewerCountRoom:
    """weir.foundation.services.Room: only the counts, for a process that has no realtime room of its own."""

    def __init__(self, services: Services) -> None:
        self._tasks = Tasks()
        self._connection = connect(address_of(services.settings, services.vault))
        self._viewer_counter = ViewerCounter(self._connection)

    def routes(self) -> list[BaseRoute]:
        return []

    async def start(self) -> None:
        self._tasks.start(self._connection.run(), "count connection")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def viewers(self, channel: str) -> int:
        """Sessions that watch this channel now. Errors: Unavailable."""
        return (await self._viewer_counter.count(channel)).viewers
