"""Who changed what, from where, and how it was before and after – without secrets. An entry is written after its change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.documents import Between, Doc, Page
from weir.foundation.envelope import REQUEST
from weir.foundation.ground import Ground
from weir.foundation.ids import new_id
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

    async def note(self, app: str, by: By, action: str, target: str, before: Doc | None = None, after: Doc | None = None) -> None:
        old, new = changes(before, after)
        await self._store.app(app).insert("audit", {
            "id": new_id("act"), "at": now_ms(), "actor": by.actor, "address": by.address, "request": by.request, "action": action,
            "target": target, "before": old, "after": new,
        })  # fmt: skip

    async def page(self, app: str, where: Mapping[str, Any], limit: int, cursor: str | None) -> Page:
        """Newest first. `where`: actor, action, target, at."""
        return await self._store.app(app).find("audit", where, sort="at", descending=True, limit=limit, cursor=cursor)

    async def forget_old(self) -> None:
        """Periodic: entries older than 400 days."""
        await self._store.operator().delete("audit", {"at": Between(below=now_ms() - KEPT_MS)})
