"""Forwards channels' entries to the log of their app, usually within milliseconds. [work]

The node that appended an entry forwards it; the archiver forwards what a dead node left (about 3 s). A
message of an app that is not followed costs one dict lookup.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from realtime.log.app_log import AppLog, Event, OutOfOrder, entry_of
from realtime.protocol.envelope import Entry
from weir.foundation.clock import monotonic
from weir.foundation.errors import Unavailable
from weir.foundation.events import Event as Fact
from weir.foundation.events import EventsWanted, StreamEvent, type_of
from weir.foundation.tenancy.directory import Directory

KNOWN_S = 5.0
MOST_QUIET = 50_000
WAIT_S = 0.05
CUSTOM = "custom."
WAITS = 40
log = structlog.get_logger("realtime.carrier")


class AppLogForwarder:
    """Errors of the verbs: Unavailable."""

    def __init__(self, apps: AppLog, directory: Directory) -> None:
        self._apps = apps
        self._directory = directory
        self._quiet: dict[str, float] = {}
        self._wanted: dict[str, tuple[float, bool]] = {}
        self._pending: set[str] = set()
        self._nudged = asyncio.Event()

    def on_append(self, channel: str) -> None:
        """Called when this node has stored an entry in a channel's log."""
        if self._quiet.get(channel, 0.0) < monotonic():
            self._pending.add(channel)
            self._nudged.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await self._nudged.wait()
            self._nudged.clear()
            pending, self._pending = self._pending, set()
            await asyncio.gather(*(self._tried(self._carry(channel), channel) for channel in pending))

    async def _tried(self, work: Coroutine[Any, Any, None], channel: str) -> None:
        try:
            await work
        except Unavailable:
            log.warning("carrier.waits", channel=channel)  # the archiver brings it
        except Exception:
            log.exception("carrier.failed", channel=channel)

    async def _carry(self, channel: str) -> None:
        app = await self.follower_of(channel)
        if app is not None:
            await self._apps.forward(app, channel)
            return
        if len(self._quiet) >= MOST_QUIET:
            self._quiet.clear()
        self._quiet[channel] = monotonic() + KNOWN_S

    async def forward_channel(self, app: str, channel: str) -> None:
        """Forwards a channel's entries before they may leave its log."""
        if await self._is_wanted(app):
            await self._apps.forward(app, channel)

    async def keep(self, app: str, entries: Sequence[tuple[Entry, int]]) -> None:
        """Appends an app's own events (entries with their time of storing, ms) before they leave a channel's
        log; these are in the app's log whether it is followed or not."""
        for entry, stored_ms in entries:
            if entry.type.startswith(CUSTOM):
                await self._apps.keep(app, entry, stored_ms)

    async def followed(self, channel: str) -> tuple[str, str] | None:
        """The app and stream of a channel whose app is followed."""
        stream = await self._directory.stream_by_channel(channel)
        return (
            (stream["app"], stream["id"])
            if stream is not None and await self._is_wanted(stream["app"])
            else None
        )

    async def follower_of(self, channel: str) -> str | None:
        """The app of a channel, when it is followed."""
        found = await self.followed(channel)
        return found[0] if found is not None else None

    async def _is_wanted(self, app: str) -> bool:
        ends, wanted = self._wanted.get(app, (0.0, False))
        if ends < monotonic():
            if len(self._wanted) >= MOST_QUIET:
                self._wanted.clear()
            wanted = await self._apps.is_followed(app)
            self._wanted[app] = (monotonic() + KNOWN_S, wanted)
        return wanted

    async def on_follow(self, fact: Fact) -> None:
        """Handles the fact that an app is followed from now on; for Bus.watch."""
        if isinstance(fact, EventsWanted):
            self._wanted[fact.app] = (monotonic() + KNOWN_S, True)
            self._quiet.clear()

    async def append_stream_event(self, fact: StreamEvent, seq: int) -> None:
        """Appends an event about a stream that is in its channel under this seq, whether the app is followed
        or not."""
        if not await self._apps.pass_on(
            fact.app, fact.channel, seq, fact.id, event_of(fact, channel_seq=seq)
        ):
            await self._apps.forward(fact.app, fact.channel)

    async def append_event(self, fact: Fact, source: str, number: int) -> None:
        """Appends an event of another source after the earlier ones of that source. An earlier one that is
        missing is waited for 2 s."""
        for _ in range(WAITS):
            try:
                await self._apps.append_numbered(fact.app, source, number, fact.id, event_of(fact))
            except OutOfOrder:
                await asyncio.sleep(WAIT_S)
            else:
                return
        log.warning("carrier.gap", source=source, number=number)
        await self._apps.append_numbered(fact.app, source, number, fact.id, event_of(fact), early=True)


def event_of(fact: Fact, **more: Any) -> Event:
    """A bus event as an event of the app's log."""
    return entry_of(fact.id, type_of(fact), fact.at, {**fact.to_public(), **more})
