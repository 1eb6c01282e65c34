"""What an app's plan allows, checked the same way in every room; `quota.exceeded` is published once per month
and quota.

Objects (streams, members, places …) are counted before one is created, one creation per app at a time in
this process: of several processes each may admit one in the same moment. Messages are spent from permits
that a process takes in advance from Redis, so the sum over all processes never exceeds the month's limit.
Without Redis they are not limited: what must be stored in Redis waits anyway, and the ledger restores a
lost count within seconds.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NoReturn, NotRequired, TypedDict
from weakref import WeakValueDictionary

import structlog

from weir.foundation.clock import month_of, now_ms
from weir.foundation.documents import Collection, DuplicateKey, Store
from weir.foundation.errors import QuotaExceeded, Unavailable
from weir.foundation.events import QuotaUsedUp
from weir.foundation.ids import derived_id
from weir.foundation.plans import Feature, Plan, Standing, plan_of
from weir.foundation.redis.bus import Relay
from weir.foundation.tenancy.collections import AppDoc
from weir.foundation.tenancy.directory import Directory


class UsedUpDoc(TypedDict):
    """A quota that was reached in a month; the id follows from both, so that it is published once."""

    id: str
    quota: str
    limit: int
    at: int
    app: NotRequired[str]


USED_UP = Collection[UsedUpDoc]("used_up", {}, ())
"""Which quotas were reported as used up: one document an app, quota and month, whose outbox carries the
fact."""
UNBOUNDED = Plan()
MOST_TOLD = 10_000
log = structlog.get_logger("quotas")


class Quotas:
    def __init__(self, store: Store, directory: Directory, relay: Relay, plans: dict[str, Plan]) -> None:
        self._store = store
        self._directory = directory
        self._relay = relay
        self._plans = plans
        self._told: set[str] = set()
        self._making: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def plan(self, app_id: str) -> Plan:
        """The app's plan; an app without one has no limits."""
        return self.plan_of(await self._directory.app(app_id))

    def plan_of(self, app: AppDoc | None) -> Plan:
        return self._plans.get(plan_of(app, now_ms()) if app else "", UNBOUNDED)

    def features(self, app: AppDoc | None) -> dict[Feature, bool]:
        """By the plan, unless the operator has switched one for this app."""
        plan, own = self.plan_of(app), (app.get("features") if app else None) or {}
        return {
            "analytics": own.get("analytics", plan.analytics),
            "branding": own.get("branding", plan.branding),
        }

    async def check_feature(self, app_id: str, feature: Feature) -> None:
        """Errors: QuotaExceeded where the plan does not include it."""
        if not self.features(await self._directory.app(app_id))[feature]:
            raise QuotaExceeded(f"This app's plan does not include {feature}.")

    @asynccontextmanager
    async def room_for(
        self, app_id: str, what: Standing, count: Callable[[], Awaitable[int]], wanted: int = 1
    ) -> AsyncIterator[None]:
        """Context for creating objects: others who want to create some wait and count them. Errors:
        QuotaExceeded."""
        most: int | None = getattr(await self.plan(app_id), what)
        if most is None:
            yield
            return
        async with self._lock(app_id, what):
            if await count() + wanted > most:
                await self.refuse(app_id, what, most, f"This app's plan has room for {most:,} {what}.")
            yield

    @asynccontextmanager
    async def storage_for(self, app_id: str, wanted: int = 1) -> AsyncIterator[None]:
        """The same for bytes: create the document of what will take `wanted` bytes inside of it. The length
        of a recording is not known in advance, so it needs room for one byte, and counts when it is
        finished. Errors: QuotaExceeded."""
        most = (await self.plan(app_id)).storage_gb
        if most is None:
            yield
            return
        async with self._lock(app_id, "storage_gb"):
            if await self._directory.stored_bytes(app_id) + wanted > most * 10**9:
                await self.refuse(
                    app_id,
                    "storage_gb",
                    most,
                    f"This app's plan has room for {most:,} GB of recordings and uploads.",
                )
            yield

    def _lock(self, app_id: str, what: str) -> asyncio.Lock:
        return self._making.setdefault((app_id, what), asyncio.Lock())

    async def refuse(self, app_id: str, quota: str, limit: int, sentence: str) -> NoReturn:
        """Raises QuotaExceeded after publishing that the quota is used up."""
        await self.report_exceeded(app_id, quota, limit)
        raise QuotaExceeded(sentence)

    async def report_exceeded(self, app_id: str, quota: str, limit: int) -> None:
        """Publishes once a month, in whichever process: the document is inserted once, and its outbox is
        published."""
        fact = QuotaUsedUp(
            id=derived_id("evt", app_id, quota, month_of(now_ms())), app=app_id, quota=quota, limit=limit
        )
        if fact.id in self._told:
            return
        try:
            doc: UsedUpDoc = {"id": fact.id, "quota": quota, "limit": limit, "at": fact.at}
            await self._store.app(app_id).insert(USED_UP, doc, emit=[fact])
            self._relay.nudge()
            log.info("quota.used_up", app=app_id, quota=quota, limit=limit)
        except DuplicateKey:
            pass
        except Unavailable:
            return  # the next refusal publishes it
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
        self._told.add(fact.id)
