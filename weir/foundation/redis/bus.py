"""Facts between rooms, at least once, over one Redis Stream. Few and small: lifecycle, never chat. Facts of
which many come at a time (`Event.bulk`) have a stream of their own, so that they neither push others out nor
wake every process; what is done leaves it.

`consume(group)` shares the work of a room between its processes and acknowledges after the handler; what a
dead process left unacknowledged is taken over. `watch` shows every process every fact from now on, for
dropping caches. Handlers may see a fact twice and compare-and-set on what it says, so a repeat does
nothing.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from weir.foundation.clock import now_ms
from weir.foundation.documents import Store
from weir.foundation.errors import Unavailable
from weir.foundation.events import Event, decode
from weir.foundation.ids import new_id

STREAM, BULK = "weir:bus", "weir:bus:bulk"
KEPT = 100_000
TAKE_OVER_MS = 15_000
BLOCK_MS = 2_000
PAGE = 100
Handler = Callable[[Event], Awaitable[None]]
log = structlog.get_logger("bus")


class Bus:
    def __init__(self, redis: Redis, stream: str = STREAM) -> None:
        """`stream` is the one that is consumed; a fact is published where it belongs."""
        self._redis: Any = redis  # its reply types are unions that fit no single command
        self._stream = stream
        self._name = new_id("ses")

    async def publish(self, *events: Event) -> None:
        """Errors: Unavailable when Redis does not answer; then nothing or a part was published (at least
        once)."""
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for event in events:
                    stream, kept = (BULK, None) if event.bulk else (STREAM, KEPT)
                    pipe.xadd(
                        stream, {"e": event.model_dump_json(exclude_none=True)}, maxlen=kept, approximate=True
                    )
                await pipe.execute()
        except (RedisError, OSError) as error:
            raise Unavailable("The event bus is not reachable.") from error

    async def consume(self, group: str, handler: Handler, ready: asyncio.Event | None = None) -> None:
        """Runs until cancelled. A handler that raises leaves its fact unacknowledged; it comes again in 15 s."""
        while True:
            try:
                await self._join(group)
                if ready:
                    ready.set()
                while True:
                    await self._take_over(group, handler)
                    await self._read_new(group, handler)
            except (RedisError, OSError) as error:
                log.warning("bus.unreachable", group=group, error=str(error))
                await asyncio.sleep(0.5)

    async def watch(self, handler: Handler, ready: asyncio.Event | None = None) -> None:
        """Runs until cancelled; a handler's failure is logged and the next fact comes."""
        last: bytes | None = None
        while True:
            try:
                last = last or await self._newest()
                if ready:
                    ready.set()
                for _, entries in await self._redis.xread({self._stream: last}, count=100, block=BLOCK_MS):
                    for entry_id, fields in entries:
                        last = entry_id
                        with contextlib.suppress(_Skipped):
                            await _handle(handler, fields, "watch")
            except (RedisError, OSError) as error:
                log.warning("bus.unreachable", group="watch", error=str(error))
                await asyncio.sleep(0.5)

    async def ages(self) -> dict[str, float]:
        """By group of both streams, how many seconds its oldest fact has been waiting: not read yet, or read and
        not acknowledged."""
        return {**await self._ages(STREAM), **await self._ages(BULK)}

    async def _ages(self, stream: str) -> dict[str, float]:
        found: dict[str, float] = {}
        if not await self._redis.exists(stream):
            return found
        for group in await self._redis.xinfo_groups(stream):
            unread = await self._redis.xrange(stream, b"(" + group["last-delivered-id"], "+", count=1)
            pending = await self._redis.xpending(stream, group["name"])
            waiting = [entry_id for entry_id, _ in unread] + ([pending["min"]] if pending["pending"] else [])
            oldest = min((int(entry_id.split(b"-")[0]) for entry_id in waiting), default=now_ms())
            found[group["name"].decode()] = max(0, now_ms() - oldest) / 1000
        return found

    async def bulk(self) -> int:
        """How many bulk facts are not done yet. Errors: Unavailable."""
        try:
            return int(await self._redis.xlen(BULK))
        except (RedisError, OSError) as error:
            raise Unavailable("The event bus is not reachable.") from error

    async def _newest(self) -> bytes:
        newest: list[tuple[bytes, Any]] = await self._redis.xrevrange(self._stream, count=1)
        return newest[0][0] if newest else b"0-0"

    async def _join(self, group: str) -> None:
        try:
            await self._redis.xgroup_create(self._stream, group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _take_over(self, group: str, handler: Handler) -> None:
        reply = await self._redis.xautoclaim(self._stream, group, self._name, TAKE_OVER_MS, count=50)
        await self._handle_all(group, reply[1], handler)

    async def _read_new(self, group: str, handler: Handler) -> None:
        for _, entries in await self._redis.xreadgroup(
            group, self._name, {self._stream: ">"}, count=50, block=BLOCK_MS
        ):
            await self._handle_all(group, entries, handler)

    async def _handle_all(
        self, group: str, entries: list[tuple[bytes, dict[bytes, bytes]]], handler: Handler
    ) -> None:
        for entry_id, fields in entries:
            with contextlib.suppress(_Skipped):
                await _handle(handler, fields, group)
                await self._redis.xack(self._stream, group, entry_id)
                if self._stream == BULK:
                    await self._redis.xdel(BULK, entry_id)


class _Skipped(Exception):
    """The handler failed and the fact stays unacknowledged."""


async def _handle(handler: Handler, fields: dict[bytes, Any], group: str) -> None:
    try:
        event = decode(fields[b"e"])
    except (ValidationError, KeyError):
        log.error(
            "bus.unreadable", group=group
        )  # a newer version's fact; acknowledged, or it would come for ever
        return
    try:
        await handler(event)
    except Exception:
        log.exception("bus.handler_failed", group=group, event_id=event.id)
        raise _Skipped from None


class Relay:
    """Publishes outboxes: at once when nudged after a write, and by sweep for what a dead process left."""

    def __init__(self, store: Store, bus: Bus, sweep_s: float = 2.0) -> None:
        self._store = store
        self._bus = bus
        self._sweep_s = sweep_s
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        self._nudged.set()

    async def age(self) -> float:
        """How many seconds the oldest event of all outboxes has been waiting."""
        async for _, _, events in self._store.pending(limit=1):
            return max(0, now_ms() - events[0].at) / 1000
        return 0.0

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), self._sweep_s)
            self._nudged.clear()
            try:
                while await self._publish_page():
                    pass
            except Unavailable as error:
                log.warning("relay.waits", error=error.detail)
                await asyncio.sleep(0.5)

    async def _publish_page(self) -> bool:
        """Publishes the oldest outboxes in order; True when there may be more. They are emptied together, by
        few durable writes: with one for each, and a page a sweep, 2,000 took 40 s, and now 0.7 s."""
        found = [one async for one in self._store.pending(limit=PAGE)]
        for _, _, events in found:
            await self._bus.publish(*events)
        await asyncio.gather(
            *(
                self._store.settle(name, doc_id, [event.id for event in events])
                for name, doc_id, events in found
            )
        )
        return len(found) == PAGE
