"""How many messages an app writes: bounded by its plan's month, and counted for its ledger.

A process takes permits in advance – a thousandth of the month's, a hundred at most – and gives back what
it does not need when it stops; killed, it keeps them. Counts go to Redis each second, from where the
control room's ledger takes them: a process that is killed loses the last second's.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from weir.foundation.clock import day_of, monotonic, month_of, now_ms
from weir.foundation.errors import Refused, Unavailable
from weir.foundation.ids import new_id
from weir.foundation.redis.scripts import read_script
from weir.foundation.tenancy.quotas import Quotas

COUNTED = "{weir:usage}:messages"
"""A Redis hash: `app stream day` -> messages that the ledger has not got yet."""
KEPT_MS = 40 * 86_400_000
MOST_HELD = 100
TELL_EVERY_S = 1.0
ASK_AGAIN_S = 1.0
MOST_APPS = 20_000
log = structlog.get_logger("messages")


GRANT_PERMITS, RESTORE_PERMITS, COUNT_MESSAGES = (
    read_script("weir.foundation.tenancy", name)
    for name in ("grant_permits", "restore_permits", "count_messages")
)


@dataclass
class HeldPermits:
    """Permits of one app that this process has not spent; `none_until` on the monotonic clock."""

    month: str
    permits: int = 0
    none_until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class Receipt:
    """`stored` is set by the writer of a message that was not stored before."""

    stored: bool = False


class MessageQuota:
    def __init__(self, redis: Redis, quotas: Quotas) -> None:
        self._redis: Any = redis  # its reply types are unions that fit no single command
        self._quotas = quotas
        self._process = new_id("ses")
        self._held: dict[str, HeldPermits] = {}
        self._stored: Counter[str] = Counter()
        self._untold: tuple[int, dict[str, int]] = (0, {})

    @asynccontextmanager
    async def spend(self, app: str, stream: str) -> AsyncIterator[Receipt]:
        """Context for writing one message. Errors: QuotaExceeded when the month's messages are used up."""
        held, receipt = await self._take(app), Receipt()
        try:
            yield receipt
        except Refused as refusal:
            if held is not None and not isinstance(refusal, Unavailable):  # then it may have been stored
                held.permits += 1
            raise
        if receipt.stored:
            self._stored[f"{app} {stream} {day_of(now_ms())}"] += 1
        elif held is not None:
            held.permits += 1

    async def _take(self, app: str) -> HeldPermits | None:
        most = (await self._quotas.plan(app)).messages
        if most is None:
            return None
        held, month = self._held.get(app), month_of(now_ms())
        if held is None or held.month != month:
            if len(self._held) >= MOST_APPS:
                await self._give_back()
            held = self._held[app] = HeldPermits(month)
        if held.permits == 0:
            async with held.asking:  # a burst that all asks would take many times what it needs
                if held.permits == 0:
                    await self._refill(app, held, most)
                held.permits -= 1
        else:
            held.permits -= 1
        return held

    async def _refill(self, app: str, held: HeldPermits, most: int) -> None:
        """Errors: QuotaExceeded."""
        if monotonic() >= held.none_until:
            try:
                wanted = max(1, min(MOST_HELD, most // 1000))
                held.permits += await self._redis.eval(
                    GRANT_PERMITS, 1, permits_key(app, held.month), most, wanted, KEPT_MS
                )
            except (RedisError, OSError):
                held.permits += 1
            if held.permits:
                return
            held.none_until = monotonic() + ASK_AGAIN_S
        await self._quotas.refuse(app, "messages", most, f"This month's {most:,} messages are used up.")

    async def restore(self, app: str, month: str, used: int) -> None:
        """Restores permits from the ledger, which knows the month's messages also after Redis lost its data."""
        await self._redis.eval(RESTORE_PERMITS, 1, permits_key(app, month), used, KEPT_MS)

    async def run(self) -> None:
        """Runs until cancelled: writes the counts to Redis."""
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            await self._tell()

    async def _tell(self) -> None:
        """Sends a batch of counts. A batch of unknown outcome is sent again under its number, and counts
        once."""
        batch, untold = self._untold
        if not untold:
            untold, self._stored = dict(self._stored), Counter()
            batch += 1
            self._untold = batch, untold
        if not untold:
            return
        try:
            pairs = [part for pair in untold.items() for part in pair]
            await self._redis.eval(COUNT_MESSAGES, 2, COUNTED, f"{COUNTED}:{self._process}", batch, *pairs)
        except (RedisError, OSError) as error:
            log.warning("counts.wait", error=str(error))
            return
        self._untold = batch, {}

    async def close(self) -> None:
        """Writes the remaining counts, and returns the permits."""
        for _ in range(2):
            await self._tell()
        await self._give_back()

    async def _give_back(self) -> None:
        held, self._held = self._held, {}
        for app, one in held.items():
            if one.permits:
                try:
                    await self._redis.eval(
                        GRANT_PERMITS, 1, permits_key(app, one.month), 0, -one.permits, KEPT_MS
                    )
                except (RedisError, OSError):
                    return


def permits_key(app: str, month: str) -> str:
    return f"weir:permits:{app}:messages:{month}"
