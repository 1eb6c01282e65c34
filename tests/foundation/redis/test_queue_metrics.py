"""What waits is seen, by how long; what another process measures is not shown here."""

import asyncio
from typing import Any

from prometheus_client import REGISTRY

from weir.foundation.clock import now_ms
from weir.foundation.events import AppDeleted, Event
from weir.foundation.ids import new_id
from weir.foundation.redis import queue_metrics
from weir.foundation.redis.bus import STREAM
from weir.foundation.redis.periodic import Job, Periodic
from weir.foundation.services import Services
from weir.foundation.tenancy.collections import APPS


def age(queue: str) -> float | None:
    return REGISTRY.get_sample_value("weir_queue_age_seconds", {"queue": queue})


def fact(seconds_ago: float) -> AppDeleted:
    return AppDeleted(app=new_id("app"), at=now_ms() - int(seconds_ago * 1000))


async def test_the_oldest_of_each_queue_is_told(services: Services) -> None:
    """An outbox that no process publishes; a fact that a group has not read, or has read and not done."""
    job = queue_metrics.job(services.bus, services.relay)
    await job.run()
    assert (age("outbox"), age("bus.slow")) == (0, None)
    await services.store.operator().insert(
        APPS, {"id": new_id("app"), "account": "", "created": 1}, emit=[fact(90), fact(30)]
    )
    failed = asyncio.Event()

    async def done(_event: Event) -> None:
        return

    async def fail(_event: Event) -> None:
        failed.set()
        raise RuntimeError("no")

    redis: Any = services.redis
    await redis.xadd(STREAM, {"e": fact(0).model_dump_json()}, id=f"{now_ms() - 50_000}-1")
    working = [asyncio.create_task(services.bus.consume(*one)) for one in (("quick", done), ("slow", fail))]
    async with asyncio.timeout(10):
        await failed.wait()
        while (await services.bus.ages()).get("quick") != 0:
            await asyncio.sleep(0.02)
    await redis.xgroup_create(STREAM, "absent", id="0")
    await job.run()
    for queue, seconds in (("outbox", 90), ("bus.quick", 0), ("bus.slow", 50), ("bus.absent", 50)):
        shown = age(queue)
        assert shown is not None and seconds <= shown < seconds + 20, queue
    assert job.let_go is not None
    job.let_go()
    assert (age("outbox"), age("bus.slow")) == (None, None)
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)


async def test_a_process_that_does_not_hold_a_job_lets_its_figures_go(services: Services) -> None:
    """So the sum over processes is right after the job has moved."""
    done, gone = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        done.set()

    tasks = [
        asyncio.create_task(Periodic(services.redis).run(Job("look", 0.02, run, gone.set))) for _ in range(2)
    ]
    async with asyncio.timeout(10):
        await done.wait()
        await gone.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
