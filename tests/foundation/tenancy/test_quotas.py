"""What plans bound, on a real Redis and a real store: never passed by a burst, reported once, counted
once."""

import asyncio
from typing import Any

import pytest

from realtime.places.store import PLACES
from weir.foundation.clock import month_of, now_ms
from weir.foundation.errors import Forbidden, QuotaExceeded, Unavailable
from weir.foundation.events import QuotaUsedUp
from weir.foundation.ids import new_id
from weir.foundation.plans import Plan
from weir.foundation.services import Services
from weir.foundation.tenancy.collections import APPS, RECORDINGS
from weir.foundation.tenancy.message_quota import COUNTED, MessageQuota, permits_key
from weir.foundation.tenancy.quotas import Quotas

PLANS = {"small": Plan(messages=2_000, places=3, storage_gb=1, analytics=False), "tiny": Plan(messages=5)}
STREAM = new_id("str")


@pytest.fixture
async def app(services: Services) -> str:
    doc = {"id": new_id("app"), "account": "a", "name": "x", "guests": "chat", "created": 1, "plan": "small"}
    return str((await services.store.operator().insert(APPS, doc))["id"])


def quotas(services: Services) -> Quotas:
    """One process' own."""
    return Quotas(services.store, services.directory, services.relay, PLANS)


async def told(services: Services) -> list[tuple[str, int]]:
    waiting = [event async for _, _, events in services.store.pending() for event in events]
    return [(event.quota, event.limit) for event in waiting if isinstance(event, QuotaUsedUp)]


async def write(messages: MessageQuota, app: str, times: int) -> int:
    """How many of `times` attempts at once were let through."""

    async def once() -> bool:
        try:
            async with messages.spend(app, STREAM) as receipt:
                await asyncio.sleep(0)
                receipt.stored = True
        except QuotaExceeded:
            return False
        return True

    return sum(await asyncio.gather(*(once() for _ in range(times))))


async def test_a_burst_of_messages_never_passes_the_month_s(services: Services, app: str) -> None:
    """Three processes at once; what one holds and does not need it gives back when it stops. The owner is
    notified once."""
    nodes = [MessageQuota(services.redis, quotas(services)) for _ in range(3)]
    given = sum(await asyncio.gather(*(write(node, app, 1_500) for node in nodes)))
    assert 2_000 - len(nodes) * 2 <= given <= 2_000
    for node in nodes[1:]:
        await node.close()
    nodes[0]._held.clear()  # a process that was killed keeps what it held
    given += await write(MessageQuota(services.redis, quotas(services)), app, 100)
    assert 2_000 - 2 <= given <= 2_000
    assert await told(services) == [("messages", 2_000)]


async def test_only_what_was_stored_takes_a_permit(services: Services, app: str) -> None:
    """A refused message and a repeated one give it back; one whose fate is unknown keeps it."""
    await services.store.operator().update(APPS, app, set={"plan": "tiny"})
    messages = MessageQuota(services.redis, quotas(services))
    for _ in range(10):
        async with messages.spend(app, STREAM):
            pass
        with pytest.raises(Forbidden):
            async with messages.spend(app, STREAM):
                raise Forbidden("muted")
    with pytest.raises(Unavailable):
        async with messages.spend(app, STREAM):
            raise Unavailable("perhaps")
    assert await write(messages, app, 10) == 4


async def test_counts_arrive_once(services: Services, app: str) -> None:
    """A batch whose answer was lost is sent again under its number and counts once."""
    messages = MessageQuota(services.redis, quotas(services))
    await write(messages, app, 7)
    lost: Any = services.redis.eval

    async def without_answer(*arguments: Any) -> Any:
        await lost(*arguments)
        raise ConnectionError("the answer was lost")

    services.redis.eval = without_answer  # type: ignore[assignment]
    await messages._tell()
    services.redis.eval = lost
    await write(messages, app, 2)
    await messages.close()
    assert [int(one) for one in (await services.redis.hgetall(COUNTED)).values()] == [9]


async def test_a_lost_count_is_restored(services: Services, app: str) -> None:
    """To what the ledger knows, never down from what Redis knows."""
    await services.store.operator().update(APPS, app, set={"plan": "tiny"})
    messages, month = MessageQuota(services.redis, quotas(services)), month_of(now_ms())
    await messages.restore(app, month, 3)
    await messages.restore(app, month, 2)
    assert await write(messages, app, 10) == 2
    assert int(await services.redis.get(permits_key(app, month)) or 0) == 5


async def test_without_redis_messages_are_not_bounded(services: Services, app: str) -> None:
    """Their log has a connection of its own, and refuses where that is away too."""
    await services.redis.aclose()
    services.redis.connection_pool.connection_kwargs["path"] = "/nowhere.sock"
    assert await write(MessageQuota(services.redis, quotas(services)), app, 20) == 20


async def test_things_are_made_one_after_another(services: Services, app: str) -> None:
    """So a burst finds exactly the room that there is; another app's is its own."""
    handle, process = services.store.app(app), quotas(services)

    async def make(wanted: int) -> bool:
        try:
            async with process.room_for(app, "places", lambda: handle.count(PLACES), wanted):
                places = [{"id": new_id("plc"), "created": 1} for _ in range(wanted)]
                return await handle.insert_many(PLACES, places) == wanted
        except QuotaExceeded:
            return False

    assert await make(4) is False
    assert sum(await asyncio.gather(*(make(1) for _ in range(10)))) == 3
    assert await handle.count(PLACES) == 3
    assert await told(services) == [("places", 3)]


async def test_storage_counts_recordings_and_announced_uploads(services: Services, app: str) -> None:
    """All files of a recording; of an older one its MP4; of an upload what was announced, until it fails."""
    handle, process = services.store.app(app), quotas(services)
    for state, size in (
        ("ready", {"bytes": 300_000_000, "size": 1}), ("ready", {"size": 300_000_000}), ("uploading", {"length": 300_000_000}),
        ("failed", {"length": 300_000_000}), ("recording", {}),
    ):  # fmt: skip
        await handle.insert(
            RECORDINGS, {"id": new_id("rec"), "stream": STREAM, "state": state, "started": 1, **size}
        )
    assert await services.directory.stored_bytes(app) == 900_000_000
    async with process.storage_for(app, 100_000_000):
        pass
    with pytest.raises(QuotaExceeded):
        async with process.storage_for(app, 100_000_001):
            pass
    assert await told(services) == [("storage_gb", 1)]


async def test_who_has_been_told_is_not_told_again(services: Services, app: str) -> None:
    """By no process, also long after the first fact was published."""
    await quotas(services).report_exceeded(app, "streams", 3)
    async for collection, doc, events in services.store.pending():
        await services.store.settle(collection, doc, [event.id for event in events])
    await quotas(services).report_exceeded(app, "streams", 3)
    assert await told(services) == []


async def test_the_operator_switches_a_feature_for_one_app(services: Services, app: str) -> None:
    """Else the plan says; an app without a plan has all."""
    process = quotas(services)
    with pytest.raises(QuotaExceeded):
        await process.check_feature(app, "analytics")
    doc = await services.store.operator().get(APPS, app)
    assert doc is not None
    assert process.features({**doc, "features": {"analytics": True}}) == {"analytics": True, "branding": True}
    assert process.features(None) == {"analytics": True, "branding": True}
