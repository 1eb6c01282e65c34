"""Outboxes reach the bus: in order, all of a burst at once, and again when the bus was away."""

import asyncio
from collections.abc import Sequence
from typing import Any

from weir.foundation.errors import Unavailable
from weir.foundation.events import AppDeleted, Event
from weir.foundation.ids import new_id
from weir.foundation.redis.bus import PAGE, STREAM, Bus, Relay
from weir.foundation.services import Services
from weir.foundation.tenancy.collections import APPS

NEVER_S = 3600.0


async def outboxes(services: Services, count: int) -> list[str]:
    """Apps with a fact each, one after the other; the ids of the facts."""
    facts = [AppDeleted(app=new_id("app"), at=1_000 + n) for n in range(count)]
    for fact in facts:
        await services.store.operator().insert(
            APPS, {"id": fact.app, "account": "", "created": 1}, emit=[fact]
        )
    return [fact.id for fact in facts]


async def published(services: Services, count: int) -> list[str]:
    async with asyncio.timeout(20):
        while await services.redis.xlen(STREAM) < count or [one async for one in services.store.pending(1)]:
            await asyncio.sleep(0.02)
    redis: Any = services.redis
    raw = await redis.xrange(STREAM)
    return [AppDeleted.model_validate_json(fields[b"e"]).id for _, fields in raw]


async def test_a_burst_goes_out_in_order_without_waiting_for_the_next_sweep(services: Services) -> None:
    """Also what a dead process has left: one nudge is enough for all of it."""
    written = await outboxes(services, PAGE * 2 + 10)
    relay = Relay(services.store, services.bus, sweep_s=NEVER_S)
    running = asyncio.create_task(relay.run())
    relay.nudge()
    try:
        assert await published(services, len(written)) == written
    finally:
        running.cancel()


class Away(Bus):
    """Publishes so many facts and is then away, once."""

    left = 5

    async def publish(self, *events: Event) -> None:
        self.left -= 1
        if self.left == 0:
            raise Unavailable("The event bus is not reachable.")
        await super().publish(*events)


async def test_what_could_not_be_published_goes_out_when_the_bus_is_back(services: Services) -> None:
    written: Sequence[str] = await outboxes(services, 10)
    relay = Relay(services.store, Away(services.redis), sweep_s=0.01)
    running = asyncio.create_task(relay.run())
    try:
        assert set(await published(services, len(written))) == set(written)
    finally:
        running.cancel()
