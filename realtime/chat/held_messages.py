"""Messages that an app's server wants a moderator to see first: kept, approved or rejected. [work]

A held message is in no log. When it is approved it is appended like a new one, in its author's name and with
its own `cid`, so that a repeat of either is the same message.
"""

from typing import Any, Literal, NotRequired, TypedDict

from realtime.log.app_log import AppLog, entry_of
from weir.foundation.audit import Audit, By
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.documents import Between, Collection, DuplicateKey, Index, Page, Store
from weir.foundation.errors import Conflict, NotFound
from weir.foundation.ids import derived_id

KEPT_MS = 30 * 86_400_000
MOST_HELD = 10_000
HELD_EVENT = "chat.message.held"


class HeldDoc(TypedDict):
    """`user` is the author's card as it would be stored, `data` the message's own fields."""

    id: str
    channel: str
    uid: str
    cid: str
    user: dict[str, Any]
    data: dict[str, Any]
    reason: str
    created: int
    app: NotRequired[str]


HELD = Collection[HeldDoc](
    "held_messages",
    {"channel": "str", "created": "int"},
    (Index(("app", "channel", "created")), Index(("created",))),
)


class HeldMessages:
    """Errors of all verbs: Unavailable."""

    def __init__(self, store: Store, apps: AppLog, audit: Audit) -> None:
        self._audit = audit
        self._store = store
        self._apps = apps

    async def hold(
        self,
        app: str,
        channel: str,
        uid: str,
        cid: str,
        user: dict[str, Any],
        data: dict[str, Any],
        reason: str,
    ) -> str:
        """The id of the held message; a repeat is the same. Errors: Conflict when too many wait."""
        handle, message = self._store.app(app), derived_id("msg", channel, uid, cid)
        if await handle.count(HELD, {"channel": channel}) >= MOST_HELD:
            raise Conflict("Too many messages wait for a moderator here; try again later.")
        known = {name: value for name, value in data.items() if value is not None}
        doc: HeldDoc = {
            "id": message, "channel": channel, "uid": uid, "cid": cid, "user": user, "data": known, "reason": reason,
            "created": now_ms(),
        }  # fmt: skip
        try:
            await handle.insert(HELD, doc)
        except DuplicateKey:
            return message
        told = entry_of(
            derived_id("evt", message, "held"), HELD_EVENT, doc["created"],
            {"channel": channel, "message": message, "user": user, "text": known["text"], "reason": reason},
        )  # fmt: skip
        await self._apps.append_once(app, derived_id("evt", message, "held"), told)
        return message

    async def page(self, app: str, channel: str, limit: int, cursor: str | None) -> Page[HeldDoc]:
        """Oldest first."""
        return await self._store.app(app).find(
            HELD, {"channel": channel}, sort="created", limit=limit, cursor=cursor
        )

    async def get(self, app: str, channel: str, message: str) -> HeldDoc:
        """Errors: NotFound."""
        found = await self._store.app(app).get(HELD, message)
        if found is None or found["channel"] != channel:
            raise NotFound("There is no such held message; another moderator may have decided on it.")
        return found

    async def drop(
        self, doc: HeldDoc, by: By, action: Literal["message.approved", "message.rejected"]
    ) -> None:
        """It waits no longer; the audit log says who decided, and how."""
        await self._audit.count(doc["app"], by, action, doc["id"])
        await self._store.operator().delete(HELD, {"id": doc["id"]})

    async def forget_old(self) -> None:
        """Periodic: what nobody decided on within 30 days."""
        await self._store.operator().delete(HELD, {"created": Between(None, now_ms() - KEPT_MS)})


def shown_held(doc: HeldDoc) -> dict[str, Any]:
    return {
        "id": doc["id"], "user": doc["user"], "text": doc["data"]["text"], "reason": doc["reason"] or None,
        "created": rfc3339(doc["created"]),
    }  # fmt: skip
