"""Messages that an app's server wants a moderator to see first: kept, approved or rejected. [work]

A held message is in no log. When it is approved it is appended like a new one, in its author's name and with
its own `cid`, so that a repeat of either is the same message.
"""

import contextlib
from typing import Any, Literal, NotRequired, TypedDict

from realtime.log.app_log import AppLog, entry_of
from weir.foundation.audit import Audit, By
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.documents import Between, Collection, DuplicateKey, Index, Page, Store
from weir.foundation.errors import Conflict, NotFound, RateLimited
from weir.foundation.ids import derived_id

KEPT_MS = 30 * 86_400_000
MOST_HELD, MOST_OF_ONE = 10_000, 20
GONE = "There is no such held message; another moderator may have decided on it."
HELD_EVENT = "chat.message.held"


Decided = Literal["message.approved", "message.rejected"]


class HeldDoc(TypedDict):
    """`user` is the author's card as it would be stored, `data` the message's own fields. `decided`: a moderator
    has, and it is being carried out."""

    id: str
    channel: str
    uid: str
    cid: str
    user: dict[str, Any]
    data: dict[str, Any]
    reason: str
    created: int
    decided: NotRequired[Decided | None]
    app: NotRequired[str]


HELD = Collection[HeldDoc](
    "held_messages",
    {"channel": "str", "uid": "str", "decided": "str", "created": "int"},
    (Index(("app", "channel", "decided", "created")), Index(("app", "channel", "uid")), Index(("created",))),
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
        if await handle.count(HELD, {"channel": channel, "uid": uid}) >= MOST_OF_ONE:
            raise RateLimited(
                "Your messages wait for a moderator; write again when they have been seen.", retry_after=30
            )
        known = {name: value for name, value in data.items() if value is not None}
        doc: HeldDoc = {
            "id": message, "channel": channel, "uid": uid, "cid": cid, "user": user, "data": known, "reason": reason,
            "created": now_ms(),
        }  # fmt: skip
        with contextlib.suppress(DuplicateKey):  # a repeat, whose event may not have been stored
            await handle.insert(HELD, doc)
        told = entry_of(
            derived_id("evt", message, "held"), HELD_EVENT, doc["created"],
            {"channel": channel, "message": message, "user": user, "text": known["text"], "reason": reason},
        )  # fmt: skip
        await self._apps.append_once(app, derived_id("evt", message, "held"), told)
        return message

    async def page(self, app: str, channel: str, limit: int, cursor: str | None) -> Page[HeldDoc]:
        """Oldest first."""
        return await self._store.app(app).find(
            HELD, {"channel": channel, "decided": None}, sort="created", limit=limit, cursor=cursor
        )

    async def get(self, app: str, channel: str, message: str) -> HeldDoc:
        """Errors: NotFound."""
        found = await self._store.app(app).get(HELD, message)
        if found is None or found["channel"] != channel:
            raise NotFound(GONE)
        return found

    async def decide(self, doc: HeldDoc, decision: Decided, by: By) -> None:
        """The first decision counts, and can be repeated until it is carried out. The audit log says who decided
        how. Errors: NotFound after another one."""
        taken = await self._store.operator().update(
            HELD, doc["id"], set={"decided": decision}, expect={"decided": None}
        )
        if taken is None:
            found = await self._store.operator().get(HELD, doc["id"])
            if found is None or found.get("decided") != decision:
                raise NotFound(GONE)
        await self._audit.count(str(doc["app"]), by, decision, doc["id"])

    async def undecide(self, doc: HeldDoc) -> None:
        """It could not be carried out: it waits again."""
        await self._store.operator().update(HELD, doc["id"], set={"decided": None})

    async def drop(self, doc: HeldDoc) -> None:
        await self._store.operator().delete(HELD, {"id": doc["id"]})

    async def forget_old(self) -> None:
        """Periodic: what nobody decided on within 30 days."""
        await self._store.operator().delete(HELD, {"created": Between(None, now_ms() - KEPT_MS)})


def shown_held(doc: HeldDoc) -> dict[str, Any]:
    return {
        "id": doc["id"], "user": doc["user"], "text": doc["data"]["text"], "reason": doc["reason"] or None,
        "created": rfc3339(doc["created"]),
    }  # fmt: skip
