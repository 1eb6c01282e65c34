"""Who changed what, from where, and how it was before and after – without secrets.

An entry travels in the outbox of the document that it is about, in the same write as the change: a process that dies before it
has written the entry down loses none. What leaves no document behind is noted before it is done (`before_it`); a process that
dies in between leaves the entry of something that did not happen.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.documents import Between, Doc, Page
from weir.foundation.envelope import REQUEST
from weir.foundation.errors import Refused, Unavailable
from weir.foundation.events import AuditNoted, Event
from weir.foundation.ground import Ground
from weir.foundation.ids import body
from weir.foundation.routing import Call, address_of

KEPT_MS = 400 * 86_400_000
PLATFORM = "platform"
"""The app of entries that belong to none: accounts and the operator's acts."""
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
    """A document as the audit log may keep it."""
    return {name: value for name, value in doc.items() if not any(hidden in name for hidden in _HIDDEN) and not name.startswith("_")}


def changes(before: Doc | None, after: Doc | None) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """What differs, on both sides; a side that is missing stays None."""
    if before is None or after is None:
        return (None if before is None else shown(before)), (None if after is None else shown(after))
    old, new = shown(before), shown(after)
    differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {name: old.get(name) for name in differing}, {name: new.get(name) for name in differing}


def public_view(entry: Doc) -> dict[str, Any]:
    kept = ("id", "actor", "address", "request", "action", "target", "before", "after")
    return {**{name: entry[name] for name in kept}, "at": rfc3339(entry["at"])}


class Audit:
    def __init__(self, ground: Ground) -> None:
        self._store = ground.store

    def entry(self, app: str, by: By, action: str, target: str, before: Doc | None = None, after: Doc | None = None) -> AuditNoted:
        """To be emitted with the change, and written down after it."""
        old, new = changes(before, after)
        about = {"actor": by.actor, "address": by.address, "request": by.request}
        return AuditNoted(app=app, action=action, target=target, before=old, after=new, **about)

    async def write(self, noted: AuditNoted, collection: str, doc_id: str) -> None:
        """Writes down an entry that the outbox of this document carries, and takes it out there. Safe to repeat."""
        await self.heard(noted)
        await self._store.settle(collection, doc_id, [noted.id])

    async def heard(self, event: Event) -> None:
        """Of entries whose process has died; give it to the bus' consumer."""
        if isinstance(event, AuditNoted):
            await self._store.app(event.app).insert_many("audit", [_document(event)])

    @asynccontextmanager
    async def before_it(self, app: str, by: By, action: str, target: str, before: Doc | None = None) -> AsyncIterator[None]:
        """Do inside of it what leaves no document behind; when it is refused there is no entry."""
        noted = self.entry(app, by, action, target, before, None)
        await self.heard(noted)
        try:
            yield
        except Refused as refusal:
            if not isinstance(refusal, Unavailable):  # then it may have been done
                await self._store.app(app).delete("audit", {"id": _document(noted)["id"]})
            raise

    async def page(self, app: str, where: Mapping[str, Any], limit: int, cursor: str | None) -> Page:
        """Newest first. `where`: actor, action, target, at."""
        return await self._store.app(app).find("audit", where, sort="at", descending=True, limit=limit, cursor=cursor)

    async def forget_old(self) -> None:
        """Periodic: entries older than 400 days."""
        await self._store.operator().delete("audit", {"at": Between(below=now_ms() - KEPT_MS)})


def _document(noted: AuditNoted) -> Doc:
    fields = noted.model_dump(exclude={"id", "app", "type"})
    return {"id": f"act_{body(noted.id)}", **fields}
