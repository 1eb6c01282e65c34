"""The room's collections for channels: archived logs, and moderation. [store]

An archived entry is the log's entry as a document; its body stays text, because users choose its contents.
Its id is its position (channel, epoch, seq), so storing it twice stores it once. Seqs grow over all epochs
of a channel, since an emptied Redis is opened above the archive's top; so (channel, seq) sorts all of a
channel's past.
"""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import orjson

from realtime.protocol.envelope import PAGE_EVENTS, Entry
from realtime.protocol.event_types import NEW_MESSAGE
from realtime.protocol.log_names import of_app
from realtime.protocol.redaction import tombstone
from realtime.rules.moderation_actions import ActionDoc, standing
from weir.foundation.clock import now_ms
from weir.foundation.documents import Between, Collection, Index, OneOf, Page, Sieve, Store


class ArchivedDoc(TypedDict):
    """An entry of a channel's log; `body` is its JSON as text, `entry` the id in it. `user` of a shadowed
    message, `deleted` of one that was removed."""

    id: str
    channel: str
    seq: int
    prev: int
    epoch: str
    type: str
    entry: str
    at: int
    body: str
    app: NotRequired[str]
    user: NotRequired[str]
    deleted: NotRequired[bool]


MESSAGES = Collection[ArchivedDoc](
    "messages",
    {"channel": "str", "seq": "int", "epoch": "str", "entry": "str", "at": "int"},
    (
        Index(("channel", "seq", "epoch"), unique=True),
        Index(("channel", "entry")),
        Index(("channel", "at")),
        Index(("at",)),
    ),
)
MODERATION = Collection[ActionDoc](
    "moderation",
    {
        "channel": "str",
        "facet": "str",
        "turn": "int",
        "kind": "str",
        "current": "bool",
        "applied": "bool",
        "actor.id": "str",
        "target.id": "str",
        "at": "int",
        "due": "int",
    },
    (
        Index(("channel", "facet", "turn"), unique=True),
        Index(("channel", "current", "id")),
        Index(("channel", "id")),
        Index(("channel", "actor.id", "id")),
        Index(("channel", "target.id", "id")),
        Index(("applied", "at")),
        Index(("due",)),
        Index(("app", "current", "id")),
        Index(("app", "facet", "current", "id")),
    ),
)
SHADOWED = Collection[ArchivedDoc](
    "shadowed",
    {"channel": "str", "seq": "int", "user": "str", "at": "int"},
    (Index(("channel", "seq")), Index(("channel", "user", "seq")), Index(("at",))),
)
"""Messages of shadow-banned users, which have no seq: `seq` is that of the entry before them."""
COLLECTIONS: tuple[Collection[Any], ...] = (MESSAGES, MODERATION, SHADOWED)


def place(channel: str, epoch: str, seq: int) -> str:
    """Document id of an archived entry."""
    return f"{channel}.{epoch}.{seq}"


def document(app: str, channel: str, entry: Entry, at_ms: int) -> ArchivedDoc:
    return {
        "id": place(channel, entry.epoch, entry.seq),
        "app": app,
        "channel": channel,
        "seq": entry.seq,
        "prev": entry.prev,
        "epoch": entry.epoch,
        "type": entry.type,
        "entry": str(orjson.loads(entry.body)["id"]),
        "at": at_ms,
        "body": entry.body.decode(),
    }


def entry_of(doc: ArchivedDoc) -> Entry:
    return Entry(doc["seq"], doc["prev"], doc["epoch"], doc["type"], doc["body"].encode())


def shown(doc: ArchivedDoc) -> Entry:
    """The entry as readers may see it: a deleted message is a tombstone."""
    return tombstone(entry_of(doc)) if doc.get("deleted") else entry_of(doc)


class Archive:
    """Errors of all verbs: Unavailable."""

    def __init__(self, store: Store) -> None:
        self._all = store.operator()

    async def add(self, app: str, channel: str, entries: Sequence[tuple[Entry, int]]) -> None:
        """Stores entries (with their time of storing, ms) that are not stored yet."""
        await self._all.insert_many(
            MESSAGES, [document(app, channel, entry, at_ms) for entry, at_ms in entries]
        )

    async def top(self, channel: str) -> int:
        """The highest seq of the channel; 0 when nothing is archived."""
        page = await self._all.find(MESSAGES, {"channel": channel}, sort="seq", descending=True, limit=1)
        return int(page.data[0]["seq"]) if page.data else 0

    async def below(self, channel: str, seq: int, count: int) -> list[ArchivedDoc]:
        """The newest `count` entries with a smaller seq, oldest first; deleted ones have `deleted`."""
        page = await self._all.find(
            MESSAGES,
            {"channel": channel, "seq": Between(None, seq)},
            sort="seq",
            descending=True,
            limit=count,
        )
        return page.data[::-1]

    async def begins(self, channel: str, at_ms: int) -> int | None:
        """The seq of the first archived entry that was stored at or after this time."""
        page = await self._all.find(
            MESSAGES, {"channel": channel, "at": Between(at_ms, None)}, sort="at", limit=1
        )
        return int(page.data[0]["seq"]) if page.data else None

    async def holds(self, channel: str, epoch: str, seq: int) -> bool:
        return (
            await self._all.find_one(MESSAGES, {"channel": channel, "seq": seq, "epoch": epoch}) is not None
        )

    async def message(self, channel: str, message: str) -> Entry | None:
        """The message with this id, or its tombstone."""
        found = await self._all.find_one(MESSAGES, {"channel": channel, "entry": message})
        return shown(found) if found is not None and found["type"] == NEW_MESSAGE else None

    async def entry(self, channel: str, epoch: str, seq: int) -> Entry | None:
        found = await self._all.get(MESSAGES, place(channel, epoch, seq))
        return entry_of(found) if found is not None else None

    async def original(self, channel: str, message: str) -> Entry | None:
        """The message with this id as it was written, also when it was removed."""
        found = await self._all.find_one(MESSAGES, {"channel": channel, "entry": message})
        return entry_of(found) if found is not None and found["type"] == NEW_MESSAGE else None

    async def blank(self, channel: str, epoch: str, seq: int) -> None:
        """Deletes the text of a removed message."""
        found = await self._all.get(MESSAGES, place(channel, epoch, seq))
        if found is not None and found.get("deleted"):
            await self._all.update(
                MESSAGES, found["id"], set={"body": tombstone(entry_of(found)).body.decode()}
            )

    async def mark(self, channel: str, epoch: str, seq: int, *, deleted: bool) -> None:
        """Deletes or restores an entry. One that is not archived yet is marked by the archiver when it
        reaches the deletion."""
        await self._all.update(MESSAGES, place(channel, epoch, seq), set={"deleted": deleted})

    async def add_shadowed(
        self, app: str, channel: str, messages: Sequence[tuple[str, str, Entry, int]]
    ) -> None:
        """Stores shadowed messages (stream id, user, message, time of storing in ms) that are not stored yet.
        Several may follow one seq; their ids keep their order."""
        docs: list[ArchivedDoc] = [
            {
                **document(app, channel, entry, at_ms),
                "id": f"{place(channel, entry.epoch, entry.seq)}.{redis_id.split('-')[1]:0>12}",
                "user": user,
            }
            for redis_id, user, entry, at_ms in messages
        ]
        await self._all.insert_many(SHADOWED, docs)

    async def shadowed(self, channel: str, low: int, high: int, user: str | None) -> list[Entry]:
        """Archived shadowed messages that follow low ≤ seq ≤ high, the newest 200, oldest first; of one user
        or all."""
        where: dict[str, Any] = {
            "channel": channel,
            "seq": Between(low, high + 1),
            **({"user": user} if user is not None else {}),
        }
        page = await self._all.find(SHADOWED, where, sort="seq", descending=True, limit=PAGE_EVENTS)
        return [entry_of(doc) for doc in reversed(page.data)]

    async def forget(self, before_ms: int) -> None:
        """Deletes entries stored before this time."""
        for collection in (MESSAGES, SHADOWED):
            await self._all.delete(collection, {"at": Between(None, before_ms)})


class Actions:
    """Moderation actions as documents; realtime.rules.moderation_actions defines an action. Errors of all
    verbs: Unavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._all = store.operator()

    async def add(self, action: ActionDoc) -> None:
        """Stores an action. Errors: DuplicateKey when this turn of the facet is taken."""
        await self._all.insert(MODERATION, action)

    async def get(self, channel: str, action_id: str) -> ActionDoc | None:
        found = await self._all.get(MODERATION, action_id)
        return found if found is not None and found["channel"] == channel else None

    async def latest(self, channel: str, facet: str) -> ActionDoc | None:
        """The action with the facet's highest turn."""
        page = await self._all.find(
            MODERATION, {"channel": channel, "facet": facet}, sort="turn", descending=True, limit=1
        )
        return page.data[0] if page.data else None

    async def last_of(self, channel: str, actor: str) -> ActionDoc | None:
        """The newest action of this actor that is no undo and not undone, among their last 100."""
        page = await self._all.find(
            MODERATION, {"channel": channel, "actor.id": actor}, descending=True, limit=100
        )
        return next(
            (action for action in page.data if not action.get("undoes") and not action.get("undone")), None
        )

    async def current(self, channel: str) -> list[ActionDoc]:
        """Every action that may be the latest of its facet."""
        found: list[ActionDoc] = []
        cursor: str | None = None
        while True:
            page = await self._all.find(
                MODERATION, {"channel": channel, "current": True}, limit=1000, cursor=cursor
            )
            found += page.data
            if page.next is None:
                return found
            cursor = page.next

    async def bans(
        self, app: str, user: str | None, everywhere: bool | None, limit: int, cursor: str | None
    ) -> Page[ActionDoc]:
        """Bans in force in an app, in a channel or everywhere, newest first. Errors: Invalid for a foreign
        cursor."""
        where: dict[str, Any] = {
            "current": True,
            "facet": Between("ban:", "ban;") if user is None else f"ban:{user}",
            **({"channel": app} if everywhere else {}),
        }
        now = now_ms()
        in_force = Sieve[ActionDoc](
            f"everywhere={everywhere}",
            lambda one: standing(one, now)[0] is not None and everywhere in (None, of_app(one["channel"])),
        )
        page = await self._store.app(app).find(
            MODERATION, where, descending=True, limit=limit, cursor=cursor, sieve=in_force
        )
        latest = await self._highest_turns(app, {one["facet"] for one in page.data})
        return Page(
            [one for one in page.data if latest[one["channel"], one["facet"]] == one["turn"]], page.next
        )

    async def _highest_turns(self, app: str, facets: set[str]) -> dict[tuple[str, str], int]:
        """By channel and facet. A process that died before it could say so may have left an earlier action
        that looks current."""
        turns: dict[tuple[str, str], int] = {}
        cursor: str | None = None
        while facets:
            asked = {"current": True, "facet": OneOf(sorted(facets))}
            page = await self._store.app(app).find(MODERATION, asked, limit=1000, cursor=cursor)
            for one in page.data:
                key = (one["channel"], one["facet"])
                turns[key] = max(turns.get(key, 0), one["turn"])
            if page.next is None:
                break
            cursor = page.next
        return turns

    async def page(self, channel: str, limit: int, cursor: str | None) -> Page[ActionDoc]:
        """The audit log, newest first. Errors: Invalid for a foreign cursor."""
        return await self._all.find(
            MODERATION, {"channel": channel}, descending=True, limit=limit, cursor=cursor
        )

    async def about(self, channel: str, user: str, limit: int) -> list[ActionDoc]:
        """The newest actions about a user in this channel, newest first."""
        page = await self._all.find(
            MODERATION, {"channel": channel, "target.id": user}, descending=True, limit=limit
        )
        return page.data

    async def clearings(self, channel: str, users: set[str]) -> dict[str, int]:
        """For each facet the seq below which messages are hidden, of these users and of all."""
        facets = ["clear", *(f"{kind}:{user}" for user in users for kind in ("clear", "ban"))]
        asked = {"channel": channel, "facet": OneOf(facets), "current": True}
        page = await self._all.find(MODERATION, asked, sort="turn", descending=True, limit=10_000)
        latest: dict[str, ActionDoc] = {}
        for action in page.data:
            latest.setdefault(action["facet"], action)
        return {
            facet: action.get("cleared_to") or 0
            for facet, action in latest.items()
            if action["value"] is not None
        }

    async def unapplied(self, before_ms: int) -> list[ActionDoc]:
        """Actions that a dead process stored but did not carry out, oldest first."""
        page = await self._all.find(
            MODERATION, {"applied": False, "at": Between(None, before_ms)}, sort="at", limit=200
        )
        return page.data

    async def ended(self, now_ms: int) -> list[ActionDoc]:
        """Expired actions whose end has not been published, the longest expired first."""
        page = await self._all.find(MODERATION, {"due": Between(1, now_ms + 1)}, sort="due", limit=200)
        return page.data

    async def update(self, action_id: str, **fields: Any) -> None:
        await self._all.update(MODERATION, action_id, set=fields)
