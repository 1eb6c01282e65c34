"""Outboxes reach the bus: in order, all of a burst at once, and again when the bus was away."""

import asyncio
from collections.abc import Sequence
from typing import Any

from weir.foundation.errors import Unavailable
from weir.foundation.events import AppDeleted, Event, InboundEvent
from weir.foundation.ids import new_id
from weir.foundation.redis.bus import BULK, PAGE, STREAM, TAKE_OVER_MS, Bus, Relay
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


async def test_bulk_facts_have_a_stream_of_their_own_which_what_is_done_leaves(services: Services) -> None:
    """One that fails stays, and comes again; no group of the other stream sees any of them."""
    facts = [InboundEvent(app="app_1", source="src_1", kind="partner.x", data=str(n)) for n in range(120)]
    await services.bus.publish(*facts, AppDeleted(app="app_1"))
    assert (await services.redis.xlen(STREAM), await services.bus.bulk()) == (1, 120)
    bus, seen, failed = Bus(services.redis, BULK), list[str](), list[str]()

    async def apply(event: Event) -> None:
        if event.id == facts[7].id and not failed:
            failed.append(event.id)
            raise RuntimeError("no")
        seen.append(event.id)

    running = asyncio.create_task(bus.consume("bulk", apply))
    try:
        async with asyncio.timeout(10):
            while await bus.bulk() > 1:
                await asyncio.sleep(0.02)
        redis: Any = services.redis
        (left,) = await redis.xpending_range(BULK, "bulk", "-", "+", 10)
        await redis.xclaim(BULK, "bulk", left["consumer"], 0, [left["message_id"]], idle=TAKE_OVER_MS + 1)
        async with asyncio.timeout(10):
            while await bus.bulk():
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
    assert sorted(seen) == sorted(one.id for one in facts)
    assert (await services.bus.ages())["bulk"] == 0
