"""What each source did in an hour: received, repeated, rejected, refused. [store]

Each process counts in memory and writes every WRITE_S, because a write for each refusal would let a stranger fill the disk's queue. A
process that is killed loses what it has counted since; what was received is stored all the same.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import structlog
from prometheus_client import Counter

from control.inbound.store import INBOUND_HOURS, InboundHourDoc, Why
from weir.foundation.clock import now_ms
from weir.foundation.documents import Between, Store
from weir.foundation.errors import Unavailable

WRITE_S = 2.0
HOUR_MS = 3_600_000
SHOWN_HOURS, KEPT_HOURS = 24, 24 * 7
MOST_WAITING = 10_000
INBOUND = Counter("weir_inbound", "Deliveries of partners and sensors, by outcome.", ["outcome"])
log = structlog.get_logger("control.inbound")


@dataclass
class _Hour:
    counts: dict[Why, int] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)


class InboundCounts:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[tuple[str, str, int], _Hour] = {}

    def add(self, app: str, source: str, why: Why, reason: str = "") -> None:
        INBOUND.labels(why).inc()
        now = now_ms()
        key = (app, source, now // HOUR_MS)
        if key not in self._waiting and len(self._waiting) >= MOST_WAITING:
            return
        hour = self._waiting.setdefault(key, _Hour())
        hour.counts[why] = hour.counts.get(why, 0) + 1
        if why == "refused":
            hour.last |= {"last_refused": now, "last_reason": reason}
        elif why in ("received", "repeated"):
            hour.last |= {"last_received": now}

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await asyncio.sleep(WRITE_S)
            try:
                await self.write()
            except Unavailable as error:
                log.warning("inbound.counts_wait", error=error.detail)

    async def write(self) -> None:
        """Writes what was counted. Errors: Unavailable; what is not written then waits."""
        while self._waiting:
            (app, source, number), hour = key, _ = next(iter(self._waiting.items()))
            del self._waiting[key]
            about = {"source": source, "hour": number, **hour.last}
            try:
                await self._store.app(app).update(
                    INBOUND_HOURS,
                    f"{source}.{number}",
                    set=about,
                    inc={str(why): count for why, count in hour.counts.items()},
                    upsert=True,
                )
            except Unavailable:
                self._merge(key, hour)
                raise

    def _merge(self, key: tuple[str, str, int], hour: _Hour) -> None:
        since = self._waiting.setdefault(key, _Hour())
        for why, count in hour.counts.items():
            since.counts[why] = since.counts.get(why, 0) + count
        since.last = hour.last | since.last

    async def of(self, app: str, source: str) -> list[InboundHourDoc]:
        """The hours of the last week in which something came, newest first."""
        await self.write()
        since = Between(now_ms() // HOUR_MS - KEPT_HOURS + 1)
        page = await self._store.app(app).find(
            INBOUND_HOURS, {"source": source, "hour": since}, sort="hour", descending=True, limit=KEPT_HOURS
        )
        return page.data

    async def forget(self) -> None:
        await self._store.operator().delete(
            INBOUND_HOURS, {"hour": Between(below=now_ms() // HOUR_MS - KEPT_HOURS)}
        )
