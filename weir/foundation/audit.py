"""Who changed what, from where, and the values before and after – without secrets.

An entry is in the outbox of the changed document, in the same write as the change, so it survives a crash
before it is written to the log. A change that leaves no document gets its entry first (`before_it`); a crash
in between leaves the entry of something that did not happen.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.documents import Between, Page, Store
from weir.foundation.errors import Refused, Unavailable
from weir.foundation.events import AuditNoted, Event
from weir.foundation.http.response_headers import REQUEST
from weir.foundation.http.routing import Call, address_of
from weir.foundation.ids import body, derived_id
from weir.foundation.tenancy.collections import AUDIT, AuditDoc

KEPT_MS = 400 * 86_400_000
HOUR_MS, COUNTS_KEPT_S = 3_600_000, 3 * 3600
MOST_COUNTED = 20_000  # different fields an hour; what comes above is counted together
PLATFORM = "platform"
"""The app of entries that belong to none: accounts and the operator's acts."""
log = structlog.get_logger("audit")
_HIDDEN = ("password", "hash", "sealed", "signing", "secret", "token")


@dataclass(frozen=True)
class By:
    """Who acts: an account, an API key or the command line; from which address, in which request."""

    actor: str
    address: str = ""
    request: str = ""


COMMAND_LINE = By("command line")


def by(call: Call) -> By:
    actor = call.tenant.actor if call.tenant else call.account.id if call.account else ""
    return By(actor, address_of(call.request), str(call.request.scope.get(REQUEST, "")))


def shown(doc: Mapping[str, Any]) -> dict[str, Any]:
    """A document as the audit log may contain it."""
    return {
        name: value
        for name, value in doc.items()
        if not any(hidden in name for hidden in _HIDDEN) and not name.startswith("_")
    }


def changes(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The differences, on both sides; a missing side stays None."""
    if before is None or after is None:
        return (None if before is None else shown(before)), (None if after is None else shown(after))
    old, new = shown(before), shown(after)
    differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {name: old.get(name) for name in differing}, {name: new.get(name) for name in differing}


def public_view(entry: AuditDoc) -> dict[str, Any]:
    kept = ("id", "actor", "address", "request", "action", "target", "before", "after")
    return {**{name: value for name, value in entry.items() if name in kept}, "at": rfc3339(entry["at"])}


class Audit:
    def __init__(self, store: Store, redis: Redis) -> None:
        self._store = store
        self._redis: Any = redis  # its reply types are unions that fit no single command
        self._written: dict[tuple[int, bytes], bytes] = {}

    def entry(
        self,
        app: str,
        by: By,
        action: str,
        target: str,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> AuditNoted:
        """An entry to emit with the change."""
        old, new = changes(before, after)
        about = {"actor": by.actor, "address": by.address, "request": by.request}
        return AuditNoted(app=app, action=action, target=target, before=old, after=new, **about)

    async def write(self, noted: AuditNoted, collection: str, doc_id: str) -> None:
        """Writes an entry from this document's outbox to the log, and removes it from there. Safe to repeat."""
        await self.on_event(noted)
        await self._store.settle(collection, doc_id, [noted.id])

    async def on_event(self, event: Event) -> None:
        """Writes entries of processes that died before they could; for the bus' consumer."""
        if isinstance(event, AuditNoted):
            await self._store.app(event.app).insert_many(AUDIT, [_document(event)])

    @asynccontextmanager
    async def before_it(
        self, app: str, by: By, action: str, target: str, before: Mapping[str, Any] | None = None
    ) -> AsyncIterator[None]:
        """Context for a change that leaves no document; when it is refused there is no entry."""
        noted = self.entry(app, by, action, target, before, None)
        await self.on_event(noted)
        try:
            yield
        except Refused as refusal:
            if not isinstance(refusal, Unavailable):  # then it may have been done
                await self._store.app(app).delete(AUDIT, {"id": _document(noted)["id"]})
            raise

    async def count(self, app: str, by: By, action: str, target: str = "") -> None:
        """For acts that are too frequent for an entry each: one entry per hour for the same actor, address,
        action and target, with `times` and the time of the last. Redis holds the counts until
        `write_counts` has stored them; if Redis loses them they are lost."""
        hour = now_ms() // HOUR_MS
        key, who = f"weir:audit:{hour}", [app, by.actor, by.address, action, target]
        try:
            if await self._redis.hlen(key) >= MOST_COUNTED:
                who = [app, "", "", action, ""]
            await self._redis.hincrby(key, orjson.dumps(who), 1)
            await self._redis.expire(key, COUNTS_KEPT_S)
        except (RedisError, OSError) as error:
            log.warning("audit.not_counted", action=action, app=app, error=str(error))

    async def write_counts(self) -> None:
        """Periodic. Safe to repeat: an entry's id follows from what it counts, and its `times` is the whole
        hour's count."""
        now = now_ms()
        for hour in (now // HOUR_MS - 1, now // HOUR_MS):
            for field, times in (await self._redis.hgetall(f"weir:audit:{hour}")).items():
                if self._written.get((hour, field)) != times:
                    await self._write_count(hour, field, int(times))
                    self._written[(hour, field)] = times
        self._written = {
            known: times for known, times in self._written.items() if known[0] >= now // HOUR_MS - 1
        }

    async def _write_count(self, hour: int, field: bytes, times: int) -> None:
        app, actor, address, action, target = orjson.loads(field)
        entry = {
            "actor": actor,
            "address": address,
            "request": "",
            "action": action,
            "target": target,
            "before": None,
        }
        entry_id = derived_id("act", str(hour), field.decode())
        await self._store.app(app).update(
            AUDIT,
            entry_id,
            set={**entry, "at": now_ms(), "after": {"times": times, "within": "an hour"}},
            upsert=True,
        )

    async def page(
        self, app: str, where: Mapping[str, Any], limit: int, cursor: str | None
    ) -> Page[AuditDoc]:
        """Newest first. `where`: actor, action, target, at."""
        return await self._store.app(app).find(
            AUDIT, where, sort="at", descending=True, limit=limit, cursor=cursor
        )

    async def forget_old(self) -> None:
        """Periodic: entries older than 400 days."""
        await self._store.operator().delete(AUDIT, {"at": Between(below=now_ms() - KEPT_MS)})


def _document(noted: AuditNoted) -> AuditDoc:
    fields = noted.model_dump(exclude={"id", "app", "type"})
    return cast(AuditDoc, {"id": f"act_{body(noted.id)}", **fields})
