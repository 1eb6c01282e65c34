"""Work that comes round has one holder in the whole installation."""

import asyncio
from unittest.mock import AsyncMock

import pytest

from weir.foundation.redis import periodic
from weir.foundation.redis.periodic import SURE_S, Job, Periodic
from weir.foundation.services import Services


async def test_one_process_at_a_time_does_a_job_and_another_takes_it_over(services: Services) -> None:
    """Two processes offer themselves; while the first renews its lease the second never runs, and it takes
    over when that ends."""
    done: list[str] = []

    def job(name: str) -> Job:
        async def run() -> None:
            done.append(name)

        return Job("count", 0.05, run)

    async with asyncio.timeout(30):
        first, second = Periodic(services.redis), Periodic(services.redis)
        holding = asyncio.create_task(first.run(job("first")))
        while not done:
            await asyncio.sleep(0.02)
        waiting = asyncio.create_task(second.run(job("second")))
        while len(done) < 8:
            await asyncio.sleep(0.02)
        assert set(done) == {"first"}
        holding.cancel()
        await services.redis.delete("weir:job:count")  # as if the dead holder's lease had run out
        while "second" not in done:
            await asyncio.sleep(0.02)
        waiting.cancel()
        await asyncio.gather(holding, waiting, return_exceptions=True)


async def test_a_holder_asks_now_and_then(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is sure for half of the shortest lease; afterwards what Redis says counts."""
    now = 100.0
    monkeypatch.setattr(periodic, "monotonic", lambda: now)
    one, job = Periodic(services.redis), Job("sure", 1.0, AsyncMock())
    assert await one._hold(job)
    await services.redis.set("weir:job:sure", "another")
    now += SURE_S - 0.01
    assert await one._hold(job)
    now += 0.02
    assert not await one._hold(job)
    await services.redis.delete("weir:job:sure")
    assert await one._hold(job)
