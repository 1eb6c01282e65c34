"""Work that comes round: expiry, ledgers, sweeps. One holder a job in the whole installation, by a lease in Redis."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError

from weir.foundation.clock import now_s
from weir.foundation.ids import new_id

log = structlog.get_logger("periodic")
LAST_SUCCESS = Gauge("weir_job_last_success_seconds", "When the job last succeeded, seconds since the epoch.", ["job"])


@dataclass(frozen=True)
class Job:
    """`run` must be safe to repeat: a holder may die in the middle and another begins again."""

    name: str
    every_s: float
    run: Callable[[], Awaitable[None]]


class Periodic:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._holder = new_id("ses")

    async def run(self, job: Job) -> None:
        """Runs until cancelled; give each job a task of its own."""
        while True:
            await asyncio.sleep(job.every_s * random.uniform(0.9, 1.0))
            try:
                if await self._hold(job):
                    await job.run()
                    LAST_SUCCESS.labels(job.name).set(now_s())
            except (RedisError, OSError) as error:
                log.warning("job.waits", job=job.name, error=str(error))
            except Exception:
                log.exception("job.failed", job=job.name)

    async def _hold(self, job: Job) -> bool:
        """True for the one process that has, or now takes, the lease (three periods, at least 5 s)."""
        key, lease_ms = f"weir:job:{job.name}", max(5000, int(job.every_s * 3000))
        if await self._redis.set(key, self._holder, nx=True, px=lease_ms):
            return True
        if await self._redis.get(key) == self._holder.encode():
            await self._redis.pexpire(key, lease_ms)
            return True
        return False
