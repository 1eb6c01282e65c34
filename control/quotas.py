"""What an app's plan allows this month, held against the ledger, live: a publisher without minutes left is refused, and a
running one is cut at its next update. The owner hears `quota.exceeded` once a month and kind.

Publish time is measured every METER_S: the mark in the stream's document moves first (compare-and-set), then the ledger counts.
A process that dies between the two gives away one step; none is counted twice.
"""

from datetime import UTC, datetime

from weir.foundation.clock import now_ms
from weir.foundation.documents import Between, Doc
from weir.foundation.errors import QuotaExceeded, Unavailable
from weir.foundation.events import QuotaUsedUp
from weir.foundation.ground import Ground
from weir.foundation.ids import derived_id
from weir.foundation.plans import Plan

METER_S = 10.0


def day_of(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")


class Quotas:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._all = ground.store.operator()

    async def plan(self, app_id: str) -> Plan | None:
        app = await self._ground.directory.app(app_id)
        return self._ground.settings.plan_table.get((app or {}).get("plan") or "")

    async def check_publish(self, app_id: str) -> None:
        """Errors: QuotaExceeded when the month's publish minutes are used up."""
        plan = await self.plan(app_id)
        if plan is None or plan.publish_minutes is None:
            return
        used = await self.published_s(app_id) // 60
        if used >= plan.publish_minutes:
            await self.tell(app_id, "publish_minutes", plan.publish_minutes)
            raise QuotaExceeded(f"This month's {plan.publish_minutes} publish minutes are used up.")

    async def published_s(self, app_id: str) -> int:
        """Seconds published this month."""
        first = day_of(now_ms())[:8] + "01"
        total, cursor = 0, None
        while True:
            page = await self._ground.store.app(app_id).find(
                "usage", {"day": Between(at_least=first)}, sort="day", limit=1000, cursor=cursor
            )
            total += sum(int(row.get("published_s", 0)) for row in page.data)
            if page.next is None:
                return total
            cursor = page.next

    async def tell(self, app_id: str, quota: str, limit: int) -> None:
        """Once a month, by the event's id."""
        month = day_of(now_ms())[:7]
        fact = QuotaUsedUp(id=derived_id("evt", app_id, quota, month), app=app_id, quota=quota, limit=limit)
        try:
            await self._ground.bus.publish(fact)
        except Unavailable:
            return  # the next refusal tells it

    async def meter(self) -> None:
        """Periodic: adds what every present publisher has used since its mark."""
        for stream in await self._ground.directory.live_streams():
            if stream.get("ingest"):
                await self.measure(stream, now_ms())

    async def measure(self, stream: Doc, now: int) -> None:
        """Up to `now`, for a stream that has a publisher, or had one until now."""
        mark = stream.get("metered")
        since = max(stream["ingest"]["since"], mark or 0)
        seconds = (now - since) // 1000
        if seconds < 1:
            return
        moved = await self._all.update("streams", stream["id"], set={"metered": since + seconds * 1000}, expect={"metered": mark})
        if moved is not None:
            day = day_of(now)
            row = {"stream": stream["id"], "day": day}
            await self._ground.store.app(stream["app"]).update(
                "usage", f"{stream['id']}:{day}", set=row, inc={"published_s": seconds}, upsert=True
            )
