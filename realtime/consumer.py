"""Facts of the bus, to the services of the room that they concern. [work]"""

from collections.abc import Sequence
from typing import Any

import orjson

from realtime.chat.service import Chat
from realtime.log.app_log import AppLog, entry_of
from realtime.log.app_log_forwarder import AppLogForwarder, event_of
from realtime.places.devices import Devices
from realtime.places.service import Places
from realtime.protocol.envelope import envelope
from realtime.redis.client import RedisConnection
from realtime.viewers import OCCUPANCY_UPDATE, Count, ViewerCounter, updates
from weir.foundation.clock import now_ms
from weir.foundation.documents import Collection, Store
from weir.foundation.events import (
    AppDeleted,
    Event,
    EventsWanted,
    InboundEvent,
    InboundReading,
    PlaceEvent,
    PlaybackHeartbeat,
    SpaceRemoved,
    SpaceStateChanged,
    StreamEvent,
    StreamOffline,
    ViewersCounted,
    type_of,
)
from weir.foundation.ids import derived_id, new_id
from weir.foundation.redis.bus import Bus
from weir.foundation.tenancy.directory import Directory

CATCH_UP_S = 5.0


class Consumer:
    """Facts come at least once, so what they cause is known by their ids. `collections` are the room's own: the documents of a
    deleted app go from all of them."""

    def __init__(
        self,
        connection: RedisConnection,
        chat: Chat,
        viewers: ViewerCounter,
        forwarder: AppLogForwarder,
        apps: AppLog,
        places: Places,
        collections: Sequence[Collection[Any]],
        *,
        store: Store,
        bus: Bus,
        directory: Directory,
    ) -> None:
        self._store = store
        self._bus = bus
        self._directory = directory
        self._connection = connection
        self._chat = chat
        self._viewer_counter = viewers
        self._forwarder = forwarder
        self._apps = apps
        self._places = places
        self._collections = collections

    async def on_event(self, event: Event) -> None:
        if isinstance(event, StreamEvent) and event.public:
            await self._connection.up(CATCH_UP_S)
            told = await self._chat.append_stream_event(event)
            await self._forwarder.append_stream_event(event, told.seq)
            await self._count(event)
        elif isinstance(event, PlaceEvent):
            await self._on_place(event)
        elif isinstance(event, EventsWanted):
            await self._connection.up(CATCH_UP_S)
            await self._apps.mark_followed(event.app)
        elif isinstance(event, AppDeleted):
            for collection in self._collections:
                await self._store.operator().delete(collection, {"app": event.app})
        elif event.public and event.app:
            await self._connection.up(CATCH_UP_S)
            if event.ephemeral:
                await self._apps.publish_ephemeral(
                    event.app,
                    type_of(event),
                    envelope(event.id, type_of(event), event.at, **event.to_public()),
                )
            else:
                await self._apps.append_once(event.app, event.id, event_of(event))
        elif isinstance(event, PlaybackHeartbeat):
            await self._viewer_counter.on_heartbeat(event)

    async def _on_place(self, event: PlaceEvent) -> None:
        await self._places.on_event(event)
        await self._connection.up(CATCH_UP_S)
        await self._forwarder.append_event(event, event.source, event.number)
        if not isinstance(event, SpaceStateChanged | SpaceRemoved):
            return
        counts = await self._places.count(event.app, event.place)
        if counts is not None:
            shown = {name: counts[name] for name in ("total", "occupied", "available", "peak")}
            body = envelope(
                new_id("evt"), OCCUPANCY_UPDATE, now_ms(), subject="place", place=event.place, **shown
            )
            await self._apps.publish_ephemeral(event.app, OCCUPANCY_UPDATE, body)

    async def _count(self, event: StreamEvent) -> None:
        """A broadcast's audience. The bus gets its acknowledgement after the publish, so a crash in between
        repeats it."""
        if not isinstance(event, StreamOffline):
            await self._viewer_counter.begin_broadcast(event.channel, event.broadcast)
            return
        counted = await self._viewer_counter.end_broadcast(event.channel, event.broadcast)
        if counted is not None:
            counts = ViewersCounted(
                id=derived_id("evt", event.broadcast, "viewers"),
                app=event.app,
                stream=event.stream,
                broadcast=event.broadcast,
                peak=counted.peak,
                total=counted.total,
            )
            await self._bus.publish(counts)

    async def tell_followers(self, channel: str, count: Count) -> None:
        """A changed count, to programs that follow the app; by one node."""
        app = await self._forwarder.follower_of(channel)
        if app is None or not await self._viewer_counter.news(channel, count):
            return
        stream = await self._directory.stream_by_channel(channel)
        for kind, body in updates(channel, stream["id"] if stream else "", count):
            await self._apps.publish_ephemeral(app, kind, body)


class InboundConsumer:
    """What comes from partners and sensors, in a group of its own: thousands of readings at once must not
    hold up the facts of streams."""

    def __init__(self, connection: RedisConnection, apps: AppLog, devices: Devices) -> None:
        self._connection = connection
        self._apps = apps
        self._devices = devices

    async def on_event(self, event: Event) -> None:
        if isinstance(event, InboundEvent):
            await self._connection.up(CATCH_UP_S)
            told = {"data": orjson.loads(event.data)}
            if not event.kind.startswith("custom."):  # those are as the app's own
                told["source"] = event.source
            await self._apps.append_once(event.app, event.id, entry_of(event.id, event.kind, event.at, told))
        elif isinstance(event, InboundReading):
            await self._devices.hear(event)
