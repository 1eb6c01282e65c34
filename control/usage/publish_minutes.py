"""Publish time: written to the ledger and checked against the plan's minutes of the month. A publisher
without minutes left is refused, and a running one is disconnected at its next update.

Measured every METER_S: the mark in the stream's document moves first (compare-and-set), then the ledger
counts. If the process dies between the two, one interval is not charged; none is charged twice.
"""

from control.usage.ledger import Ledger
from weir.foundation.clock import day_of, month_of, now_ms
from weir.foundation.documents import Store
from weir.foundation.tenancy.collections import STREAMS, StreamDoc
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.quotas import Quotas

METER_S = 10.0


class PublishMinutes:
    def __init__(self, ledger: Ledger, *, store: Store, directory: Directory, quotas: Quotas) -> None:
        self._directory = directory
        self._quotas = quotas
        self._ledger = ledger
        self._all = store.operator()

    async def check_publish(self, app_id: str) -> None:
        """Errors: QuotaExceeded when the month's publish minutes are used up."""
        quotas = self._quotas
        most = (await quotas.plan(app_id)).publish_minutes
        if most is not None and await self.published_s(app_id) // 60 >= most:
            await quotas.refuse(
                app_id, "publish_minutes", most, f"This month's {most:,} publish minutes are used up."
            )

    async def published_s(self, app_id: str) -> int:
        """Seconds published this month."""
        return await self._ledger.since(app_id, month_of(now_ms()) + "-01", "published_s")

    async def meter(self) -> None:
        """Periodic: adds what every present publisher has used since its mark."""
        for stream in await self._directory.live_streams():
            if stream.get("ingest"):
                await self.measure(stream, now_ms())

    async def measure(self, stream: StreamDoc, now: int) -> None:
        """Up to `now`, for a stream that has a publisher, or had one until now."""
        mark = stream.get("metered")
        ingest = stream.get("ingest")
        since = max(ingest["since"] if ingest else now, mark or 0)
        seconds = (now - since) // 1000
        if seconds < 1:
            return
        moved = await self._all.update(
            STREAMS, stream["id"], set={"metered": since + seconds * 1000}, expect={"metered": mark}
        )
        if moved is not None:
            await self._ledger.add_published(stream["app"], stream["id"], day_of(now), seconds)
