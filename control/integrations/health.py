"""How a partner is doing: counts in Redis that all processes add to, for the health page and the metrics."""

from typing import Any, Literal

import structlog
from prometheus_client import Counter, Histogram
from redis.asyncio import Redis
from redis.exceptions import RedisError

from weir.foundation.clock import now_ms

Outcome = Literal["ok", "refused", "throttled", "failed", "timeout", "held_back"]
KEPT_S = 90 * 86_400
CALLS = Counter("weir_partner_calls_total", "Calls to partners.", ["kind", "operation", "outcome"])
SECONDS = Histogram(
    "weir_partner_seconds", "Duration of calls to partners, with all tries.", ["kind"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)  # fmt: skip
log = structlog.get_logger("partners")


class PartnerHealth:
    """One Redis hash for each connection: `calls`, `failures`, `ms`, `ok_at`, `error_at`, `error`, and of each
    operation `calls/NAME`, `failures/NAME`, `cents/NAME`. It is gone 90 days after the last call."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its reply types are unions that fit no single command

    async def note(
        self, integration: str, kind: str, operation: str, outcome: Outcome, ms: int, error: str, cents: int
    ) -> None:
        """A call that has ended; `error` is a sentence, empty when the partner answered."""
        CALLS.labels(kind, operation, outcome).inc()
        SECONDS.labels(kind).observe(ms / 1000)
        counts = {"calls": 1, f"calls/{operation}": 1, "ms": ms}
        said: dict[str, str | int] = {"ok_at": now_ms()}
        if error:
            counts |= {"failures": 1, f"failures/{operation}": 1}
            said = {"error_at": now_ms(), "error": error[:500]}
        elif cents and outcome == "ok":
            counts |= {f"cents/{operation}": cents}
        await self._write(_key(integration), counts, said)

    async def well(self, integration: str) -> None:
        """A test was answered: whatever failed before works again. It is no call."""
        await self._write(_key(integration), {}, {"ok_at": now_ms()})

    async def _write(self, key: str, counts: dict[str, int], said: dict[str, str | int]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for name, count in counts.items():
            pipe.hincrby(key, name, count)
        pipe.hset(key, mapping=said)
        pipe.expire(key, KEPT_S)
        try:
            await pipe.execute()
        except (RedisError, OSError) as failure:
            log.warning("partner.not_counted", error=str(failure))

    async def read(self, integration: str) -> dict[str, str]:
        """Errors: RedisError, OSError."""
        found = await self._redis.hgetall(_key(integration))
        return {name.decode(): value.decode() for name, value in found.items()}

    async def forget(self, integration: str) -> None:
        try:
            await self._redis.delete(_key(integration))
        except (RedisError, OSError):
            return  # it expires


def _key(integration: str) -> str:
    return f"weir:partner:{integration}"
