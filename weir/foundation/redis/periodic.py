"""Periodic jobs: expiry, ledgers, sweeps. A lease in Redis makes one process of the installation run each
job.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError

from weir.foundation.clock import monotonic, now_s
from weir.foundation.errors import Unavailable
from weir.foundation.ids import new_id

LEAST_LEASE_S = 5.0
# So long a holder is sure without asking: for jobs that come each second the questions were a quarter of what
# an idle installation does.
SURE_S = LEAST_LEASE_S / 2
_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
log = structlog.get_logger("periodic")
LAST_SUCCESS = Gauge(
    "weir_job_last_success_seconds", "When the job last succeeded, seconds since the epoch.", ["job"]
)


@dataclass(frozen=True)
class Job:
    """`run` must be safe to repeat: its process may die in the middle and another starts again. `let_go` is
    called when another process has the lease, for metrics that only its owner reports."""

    name: str
    every_s: float
    run: Callable[[], Awaitable[None]]
    let_go: Callable[[], None] | None = None


class Periodic:
    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its reply types are unions that fit no single command
        self._holder = new_id("ses")
        self._sure_until: dict[str, float] = {}

    async def run(self, job: Job) -> None:
        """Runs until cancelled. Give each job its own task."""
        while True:
            await asyncio.sleep(job.every_s * random.uniform(0.9, 1.0))
            try:
                if await self._hold(job):
                    await job.run()
                    LAST_SUCCESS.labels(job.name).set(now_s())
                elif job.let_go is not None:
                    job.let_go()
            except (RedisError, OSError, Unavailable) as error:
                log.warning("job.waits", job=job.name, error=str(error))
            except Exception:
                log.exception("job.failed", job=job.name)

    async def _hold(self, job: Job) -> bool:
        """True for the one process that has, or now takes, the lease (three periods, at least 5 s)."""
        asked_at = monotonic()
        if asked_at < self._sure_until.get(job.name, 0.0):
            return True
        lease_ms = int(max(LEAST_LEASE_S, job.every_s * 3) * 1000)
        held = bool(await self._redis.eval(_HOLD, 1, f"weir:job:{job.name}", self._holder, lease_ms))
        self._sure_until[job.name] = asked_at + SURE_S if held else 0.0
        return held
