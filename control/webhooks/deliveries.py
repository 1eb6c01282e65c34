"""Deliveries in the document store, and pictures of events. [store]"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import structlog

from control.webhooks.documents import (
    CURSORS,
    DELIVERIES,
    PICTURES,
    WEBHOOKS,
    CursorDoc,
    DeliveryDoc,
    PictureDoc,
    WebhookDoc,
)
from weir.foundation.clock import now_ms
from weir.foundation.documents import Between, DuplicateKey, OneOf, Page, Store
from weir.foundation.errors import Unavailable

KEPT_ATTEMPTS = 20
DUE_AT_ONCE = 200
PICTURES_KEPT_MS = 4 * 86_400_000
FORGET_AT_ONCE = 2_000
log = structlog.get_logger("webhooks")


class Deliveries:
    """Errors of all verbs: Unavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._all = store.operator()

    async def add(self, app: str, docs: Sequence[DeliveryDoc]) -> None:
        """Stores those that are new."""
        await self._store.app(app).insert_many(DELIVERIES, docs)

    async def known(self, app: str, ids: Sequence[str]) -> set[str]:
        """Which of these deliveries exist."""
        if not ids:
            return set()
        found = await self._store.app(app).find(DELIVERIES, {"id": OneOf(ids)}, limit=len(ids))
        return {one["id"] for one in found.data}

    async def get(self, app: str, delivery: str) -> DeliveryDoc | None:
        return await self._store.app(app).get(DELIVERIES, delivery)

    async def change(self, doc: DeliveryDoc, **fields: Any) -> DeliveryDoc | None:
        """None when it is gone."""
        return await self._all.update(DELIVERIES, doc["id"], set=fields)

    async def due(self, webhook: str, now: int) -> list[DeliveryDoc]:
        """The first of those whose time has come."""
        page = await self._all.find(
            DELIVERIES,
            {"webhook": webhook, "state": "pending", "next_at": Between(None, now + 1)},
            sort="next_at",
            limit=DUE_AT_ONCE,
        )
        return page.data

    async def in_order(self, webhook: str) -> list[DeliveryDoc]:
        """The oldest that wait, in their order, whenever they are due."""
        page = await self._all.find(
            DELIVERIES, {"webhook": webhook, "state": "pending"}, sort="place", limit=DUE_AT_ONCE
        )
        return page.data

    async def next_due(self, webhook: str) -> int | None:
        """When the next one is due (ms); None when none waits."""
        page = await self._all.find(
            DELIVERIES, {"webhook": webhook, "state": "pending"}, sort="next_at", limit=1
        )
        return (page.data[0]["next_at"] or 0) if page.data else None

    async def page(
        self, app: str, where: Mapping[str, Any], limit: int, cursor: str | None, *, descending: bool = True
    ) -> Page[DeliveryDoc]:
        return await self._store.app(app).find(
            DELIVERIES, where, sort="created", descending=descending, limit=limit, cursor=cursor
        )

    async def each(self, app: str, where: Mapping[str, Any]) -> AsyncIterator[list[DeliveryDoc]]:
        """All of them, oldest first, a page at a time."""
        cursor: str | None = None
        while True:
            page = await self.page(app, where, 500, cursor, descending=False)
            if page.data:
                yield page.data
            if page.next is None:
                return
            cursor = page.next

    async def count(self, app: str, where: Mapping[str, Any]) -> int:
        return await self._store.app(app).count(DELIVERIES, where)

    async def remove_of(self, webhook: WebhookDoc) -> None:
        """Also called by the dispatcher when it has left a deleted webhook: what was under way goes, too."""
        await self._all.delete(DELIVERIES, {"app": webhook["app"], "webhook": webhook["id"]})

    async def exists(self, webhook: str) -> bool:
        return await self._all.get(WEBHOOKS, webhook) is not None

    async def forget_old(self, days: int) -> None:
        """Periodic. Deletes what was delivered, or failed, more than `days` ago, and pictures that no retry
        needs any more."""
        before = Between(None, now_ms() - days * 86_400_000)
        for state in ("delivered", "failed"):
            while True:
                page = await self._all.find(
                    DELIVERIES, {"state": state, "created": before}, sort="created", limit=FORGET_AT_ONCE
                )
                if page.data:
                    await self._all.delete(DELIVERIES, {"id": OneOf([one["id"] for one in page.data])})
                if page.next is None:
                    break
        await self._all.delete(PICTURES, {"created": Between(None, now_ms() - PICTURES_KEPT_MS)})

    # -- how far an app's events were taken over

    async def cursor(self, app: str) -> CursorDoc | None:
        return await self._store.app(app).get(CURSORS, app)

    async def begin_cursor(self, app: str, epoch: str, seq: int) -> None:
        """Where the first endpoint of an app begins."""
        doc: CursorDoc = {"id": app, "epoch": epoch, "seq": seq, "at": now_ms()}
        await self._store.app(app).insert_many(CURSORS, [doc])

    async def move_cursor(self, app: str, epoch: str, seq: int, at: int) -> None:
        await self._store.app(app).update(
            CURSORS, app, set={"epoch": epoch, "seq": seq, "at": at}, upsert=True
        )

    # -- pictures

    async def picture(self, app: str, event: str) -> bytes | None:
        """Event ids are an app's own: another app may have the same."""
        found = await self._all.get(PICTURES, f"{app}:{event}")
        return found["jpeg"] if found is not None else None

    async def keep_picture(self, app: str, event: str, jpeg: bytes) -> None:
        doc: PictureDoc = {"id": f"{app}:{event}", "created": now_ms(), "jpeg": jpeg}
        try:
            await self._store.app(app).insert(PICTURES, doc)
        except DuplicateKey:
            return


class DeliveryRecorder:
    """Writes deliveries of one app in groups; a caller's `done` is called once its own is durable."""

    GATHER_S, RETRY_S = 0.01, 0.5

    def __init__(self, deliveries: Deliveries, app: str) -> None:
        self._deliveries = deliveries
        self._app = app
        self._waiting: list[tuple[DeliveryDoc, Callable[[], None]]] = []
        self._nudged = asyncio.Event()

    def add(self, doc: DeliveryDoc, done: Callable[[], None]) -> None:
        self._waiting.append((doc, done))
        self._nudged.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await self._nudged.wait()
            self._nudged.clear()
            await asyncio.sleep(self.GATHER_S)
            while self._waiting:
                try:
                    await self.flush()
                except Unavailable as error:
                    log.warning("deliveries.wait", app=self._app, error=error.detail)
                    await asyncio.sleep(self.RETRY_S)

    async def flush(self) -> None:
        """Writes what waits. Errors: Unavailable; then it goes on waiting."""
        count = len(self._waiting)
        await self._deliveries.add(self._app, [doc for doc, _ in self._waiting[:count]])
        written, self._waiting = self._waiting[:count], self._waiting[count:]
        for _, done in written:
            done()
