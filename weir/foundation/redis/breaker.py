"""A circuit breaker that all processes share: who fails again and again is left alone for a while.

Its rules are in breaker_rules; here the state is in Redis and changes by compare-and-swap on Redis' clock. If Redis
does not answer, calls pass: the breaker spares time, it protects nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from weir.foundation.ids import new_secret
from weir.foundation.redis.breaker_rules import CLOSED, BreakerRules, BreakerState, asked, failed, succeeded
from weir.foundation.redis.scripts import read_script

SWAP = read_script("weir.foundation.redis", "swap")
KEPT_MS = 86_400_000
TRIES = 20
log = structlog.get_logger("breaker")


@dataclass(frozen=True)
class Permit:
    """Whether a call may be made; `retry_after_s` when not. It is given back with the outcome."""

    allowed: bool
    caller: str = ""
    retry_after_s: float = 0.0


class Breaker:
    """`name` says what the subjects are: `webhook`, `integration`."""

    def __init__(self, redis: Redis, name: str, rules: BreakerRules | None = None) -> None:
        self._redis: Any = redis  # its reply types are unions that fit no single command
        self._name = name
        self._rules = rules or BreakerRules()

    async def ask(self, subject: str) -> Permit:
        """May the subject be called now?"""
        caller, allowed, wait_ms = new_secret(22), True, 0

        def step(now: BreakerState, at: int) -> BreakerState:
            nonlocal allowed, wait_ms
            after, allowed = asked(now, at, caller, self._rules)
            wait_ms = 0 if allowed else after.until - at
            return after

        await self._change(subject, step)
        return Permit(allowed, caller, wait_ms / 1000)

    async def tell(self, subject: str, permit: Permit, *, ok: bool) -> None:
        """The outcome of a permitted call. Call it exactly once; a call that had no outcome may stay untold."""
        if ok:
            await self._change(subject, lambda now, _at: succeeded(now, permit.caller))
        else:
            await self._change(subject, lambda now, at: failed(now, at, permit.caller, self._rules))

    async def reset(self, subject: str) -> None:
        """Closes it, for a subject that has been repaired or removed."""
        await self._change(subject, lambda _now, _at: CLOSED)

    async def states(self, subjects: Sequence[str]) -> list[BreakerState]:
        """Errors: RedisError, OSError."""
        return [_read(await self._redis.get(self._key(one))) for one in subjects]

    def _key(self, subject: str) -> str:
        return f"weir:breaker:{self._name}:{subject}"

    async def _change(self, subject: str, step: Callable[[BreakerState, int], BreakerState]) -> None:
        try:
            raw, at = await self._redis.eval(SWAP, 1, self._key(subject))
            for _ in range(TRIES):
                before = _read(raw)
                after = step(before, at)
                if after == before:
                    return
                written = b"" if after == CLOSED else orjson.dumps(astuple(after))
                done, raw, at = await self._redis.eval(SWAP, 1, self._key(subject), raw, written, KEPT_MS)
                if done:
                    if after.state != before.state:
                        log.info("breaker.changed", subject=subject, state=after.state)
                    return
        except (RedisError, OSError) as error:
            log.warning("breaker.unknown", subject=subject, error=str(error))


def _read(raw: bytes | None) -> BreakerState:
    return BreakerState(*orjson.loads(raw)) if raw else CLOSED
