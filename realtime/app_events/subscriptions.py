"""An app's events for its own programs: filters, positions and delivery of each subscription. [work]

A subscription is one subscriber on this node. Its position is one in the app's log, whatever its filter;
resuming works like joining a channel. Delivery is a function that must not wait.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import orjson
import structlog

from realtime.log.app_log import AppLog, kind_of
from realtime.log.follower import Followed, Follower
from realtime.log.recovery import Recovery
from realtime.protocol.envelope import Entry, envelope
from realtime.protocol.event_schemas import EVENTS
from realtime.protocol.messages import Subscribe
from weir.foundation.clock import now_ms
from weir.foundation.errors import Invalid, NotFound, RateLimited, Unavailable
from weir.foundation.events import EventsWanted
from weir.foundation.ids import new_id
from weir.foundation.redis.bus import Bus
from weir.foundation.tenancy.directory import Directory

MOST_FEEDS = 100
POSITION_S = 30.0
WANT_S = 600.0
NOTICE = "system.notice"
Send = Callable[[str, bytes], None]
log = structlog.get_logger("realtime.feeds")


@dataclass(frozen=True, slots=True)
class SubscriptionFilter:
    """What a subscriber gets: types (`stream.live`, `stream.*`, none for all), and of which stream, channel
    or place. Events about a stream also match its channel, and the other way round."""

    types: tuple[str, ...] = ()
    stream: str | None = None
    channel: str | None = None
    place: str | None = None

    def matches(self, kind: str, body: bytes) -> bool:
        if self.types and not any(
            kind == one or (one.endswith(".*") and kind.startswith(one[:-1])) or one == "*"
            for one in self.types
        ):
            return False
        if self.stream is None and self.channel is None and self.place is None:
            return True
        data = orjson.loads(body)
        if self.place is not None and data.get("place") != self.place:
            return False
        return (self.stream is None and self.channel is None) or self._about(data)

    def _about(self, data: dict[str, Any]) -> bool:
        by_channel = self.channel is not None and data.get("channel") == self.channel
        return by_channel or (self.stream is not None and data.get("stream") == self.stream)


def check_type(kind: str) -> None:
    """Errors: Invalid for a filter that matches no event, with the nearest that does."""
    known = [*EVENTS, *{f"{one[: at.start()]}.*" for one in EVENTS for at in re.finditer(r"\.", one)}]
    if kind == "*" or kind in known or kind.startswith(("custom.", "partner.")):
        return
    near = get_close_matches(kind, [one for one in known if "<" not in one], n=1, cutoff=0.5)
    guess = f" Did you mean {near[0]}?" if near else " docs/events.md lists them."
    raise Invalid(
        f"types: no event is of the type {kind}.{guess}",
        fields=[{"field": "types", "detail": f"no event is of the type {kind}"}],
    )


class EventSubscription:
    def __init__(self, app: str, send: Send) -> None:
        self.app = app
        self.send = send
        self.filter = SubscriptionFilter()
        self.followed: Followed | None = None
        self.live = False
        self.over = False


class EventSubscriptions:
    """Errors of the verbs: NotFound (a stream, channel or place that is not this app's), RateLimited,
    Unavailable."""

    def __init__(
        self, apps: AppLog, follower: Follower, resume: Recovery, directory: Directory, bus: Bus
    ) -> None:
        self._apps = apps
        self._follower = follower
        self._resume = resume
        self._directory = directory
        self._bus = bus
        self._subscriptions: dict[str, set[EventSubscription]] = {}

    async def subscribe(self, feed: EventSubscription, request: Subscribe) -> dict[str, Any]:
        """Answers missed events, a page at a time. Live delivery starts exactly after the last page. Nothing
        may be awaited between this and the ack. Asking again replaces the filter."""
        feed.live = False
        feed.filter = await self.filter_of(feed.app, request)
        await self.mark_followed(feed.app)
        followed = await self._enter(feed)
        missed = await self._resume.missed_entries(followed, request.epoch, request.seq)
        answer = {"ok": True, "epoch": followed.epoch}
        if missed is None:
            feed.live = not feed.over
            return {**answer, "seq": followed.last, "recovered": False}
        entries, more = missed
        feed.live = not (more or feed.over)
        return {
            **answer,
            "seq": entries[-1].seq if entries else request.seq,
            "recovered": True,
            "more": more,
            "events": [
                orjson.Fragment(entry.body)
                for entry in entries
                if feed.filter.matches(kind_of(entry), entry.body)
            ],
        }

    async def mark_followed(self, app: str) -> None:
        if await self._apps.mark_followed(app):
            await self._bus.publish(EventsWanted(app=app))

    def close(self, feed: EventSubscription) -> None:
        """The subscriber has disconnected."""
        feed.over = True
        self.pause(feed)

    def pause(self, feed: EventSubscription) -> None:
        """Sends nothing more until it subscribes again."""
        feed.live = False
        self._drop(feed)
        if feed.followed is not None:
            self._follower.close(feed.followed)
            feed.followed = None

    async def filter_of(self, app: str, request: Subscribe) -> SubscriptionFilter:
        """Errors: NotFound, also for another app's stream or channel; Invalid for a type that no event has."""
        for kind in request.types:
            check_type(kind)
        stream = channel = None
        if request.stream is not None:
            stream = await self._directory.stream(request.stream)
        elif request.channel is not None:
            channel = request.channel
            stream = await self._directory.stream_by_channel(channel)
        if (request.stream or request.channel) and (stream is None or stream["app"] != app):
            raise NotFound("There is no such stream or channel.")
        about = {"stream": stream["id"], "channel": stream["channel"]} if stream is not None else {}
        return SubscriptionFilter(tuple(request.types), place=request.place, **about)

    async def _enter(self, feed: EventSubscription) -> Followed:
        if feed.followed is not None:
            await self._follower.settled(feed.followed)
            return feed.followed
        feeds = self._subscriptions.setdefault(feed.app, set())
        if len(feeds) >= MOST_FEEDS:
            raise RateLimited(f"An app may have {MOST_FEEDS} subscribers at one server.", retry_after=10)
        feeds.add(feed)
        try:
            followed = await self._follower.open(feed.app)
        except BaseException:
            self._drop(feed)
            raise
        if feed.over:
            self._follower.close(followed)
            raise Unavailable("This connection has ended.")
        feed.followed = followed
        return followed

    def _drop(self, feed: EventSubscription) -> None:
        feeds = self._subscriptions.get(feed.app, set())
        feeds.discard(feed)
        if not feeds:
            self._subscriptions.pop(feed.app, None)

    # -- delivery

    def deliver(self, app: str, entry: Entry) -> None:
        """Sends one entry of the log, or an ephemeral event, to the subscribers whose filter matches."""
        kind = kind_of(entry)
        for feed in self._live(app):
            if feed.filter.matches(kind, entry.body):
                feed.send(kind, entry.body)

    def resync(self, app: str) -> None:
        """Asks all subscribers to subscribe again, because the log no longer exists."""
        body = envelope(new_id("evt"), NOTICE, now_ms(), code="resync", message="Subscribe again.")
        for feed in self._live(app):
            feed.live = False
            feed.send(NOTICE, body)

    def _live(self, app: str) -> Iterable[EventSubscription]:
        return [feed for feed in self._subscriptions.get(app, ()) if feed.live]

    async def run_position_updates(self) -> None:
        """Runs until cancelled. Sends positions to subscribers whose filter matches little, and keeps the app
        marked as followed."""
        rounds = 0
        while True:
            await asyncio.sleep(POSITION_S)
            rounds += 1
            for app in list(self._subscriptions):
                for feed in self._live(app):
                    if feed.followed is not None and feed.followed.live:
                        where = {"epoch": feed.followed.epoch, "seq": feed.followed.last}
                        feed.send(NOTICE, envelope(new_id("evt"), NOTICE, now_ms(), code="position", **where))
                if rounds % int(WANT_S / POSITION_S) == 0:
                    try:
                        await self.mark_followed(app)
                    except Unavailable:
                        log.warning("feeds.want_waits", app=app)
