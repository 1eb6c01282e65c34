"""What readers may see of an entry: deleted, cleared and personal entries. [decision]"""

from dataclasses import dataclass, field
from typing import Any

import orjson

from realtime.protocol.envelope import Entry, author
from realtime.protocol.event_types import (
    CLEARED,
    MESSAGE_DELETED,
    MESSAGE_UPDATED,
    MODERATION,
    NEW_MESSAGE,
    PERSONAL,
    RESTORED,
    SETTINGS_UPDATED,
    UNBANNED,
    WARNED,
)


@dataclass(frozen=True, slots=True)
class Deletion:
    """The place of a message that an entry deletes or, with `deleted` False, restores."""

    epoch: str
    seq: int
    deleted: bool


def deletion(entry: Entry) -> Deletion | None:
    """What an entry of type chat.message.deleted or chat.message.updated says about another entry."""
    data = orjson.loads(entry.body)
    target = data.get("target")
    if target is None or "deleted" not in data:
        return None
    return Deletion(target["epoch"], target["seq"], data["deleted"])


def tombstone(entry: Entry) -> Entry:
    """The replacement of a deleted message: its seq, time and id, without the text and the author."""
    data = orjson.loads(entry.body)
    kept = {name: data[name] for name in ("seq", "epoch", "at", "id", "channel")}
    body = orjson.dumps({**kept, "type": MESSAGE_DELETED, "message": data["id"], "deleted": True})
    return Entry(entry.seq, entry.prev, entry.epoch, MESSAGE_DELETED, body)


@dataclass(frozen=True, slots=True)
class Redactions:
    """What readers must not see of a log: deleted seqs, and by facet (clear, clear:UID, ban:UID) the seq of a
    clearing."""

    gone: frozenset[int] = frozenset()
    clearings: dict[str, int] = field(default_factory=dict)

    def apply(self, entries: list[Entry]) -> list[Entry]:
        """The entries with tombstones where messages were."""
        if not self.gone and not self.clearings:
            return entries
        return [self._shown(entry) for entry in entries]

    def _shown(self, entry: Entry) -> Entry:
        if entry.type == NEW_MESSAGE:
            hidden = self.hides(entry.seq, author(entry) if self.clearings else "")
            return tombstone(entry) if hidden else entry
        if entry.type in (MESSAGE_UPDATED, RESTORED):
            return self._still_restored(entry)
        return entry

    def _still_restored(self, entry: Entry) -> Entry:
        """An entry that shows messages again, without those that have been taken away since."""
        data = orjson.loads(entry.body)
        back = shown_again(entry)
        kept = [one for one in back if not self.hides(one["seq"], one["user"]["id"])]
        if len(kept) == len(back):
            return entry
        if entry.type == RESTORED:
            data["messages"] = kept
        else:
            del data["restored"]
        return Entry(entry.seq, entry.prev, entry.epoch, entry.type, orjson.dumps(data))

    def hides(self, seq: int, uid: str) -> bool:
        """Whether a message at this place by this user is taken away."""
        if seq in self.gone:
            return True
        return seq < max(self.clearings.get(facet, 0) for facet in ("clear", "clear:" + uid, "ban:" + uid))


def shown_again(entry: Entry) -> list[dict[str, Any]]:
    """The messages that an entry gives back."""
    if entry.type not in (MESSAGE_UPDATED, RESTORED):
        return []
    data = orjson.loads(entry.body)
    return [one for one in (data.get("restored"), *data.get("messages", ())) if one is not None]


def marked(body: bytes) -> bytes:
    """A shadow-banned user's message as moderators see it: without a seq of its own, with that of the entry
    before it, and marked."""
    data = orjson.loads(body)
    after_seq = data.pop("seq")
    return orjson.dumps({**data, "after_seq": after_seq, "shadow": True})


def redactions(entry: Entry) -> Redactions | None:
    """What an entry, once it is in the sequence, hides of the entries before it."""
    if entry.type == CLEARED:
        user = orjson.loads(entry.body).get("user")
        return Redactions(clearings={f"clear:{user['id']}" if user else "clear": entry.seq})
    target = deletion(entry) if entry.type == MESSAGE_DELETED else None
    return Redactions(frozenset({target.seq})) if target is not None else None


def restores(entry: Entry) -> bool:
    """True when an entry may show again what was hidden; then only the log knows what is to be seen."""
    return entry.type in (MESSAGE_UPDATED, UNBANNED, RESTORED) or (
        entry.type == MODERATION and b'"undoes":' in entry.body
    )


def public(entry: Entry, uid: str = "", *, moderates: bool = False) -> Entry | None:
    """An entry as this user may see it: who acted and why is for moderators, what happened to oneself comes
    with the reason. None for what is not for them at all."""
    if entry.type not in PERSONAL and entry.type not in (
        MODERATION,
        CLEARED,
        MESSAGE_DELETED,
        MESSAGE_UPDATED,
        SETTINGS_UPDATED,
    ):
        return entry
    if moderates:
        return entry
    data = orjson.loads(entry.body)
    concerned = entry.type in PERSONAL and data["user"]["id"] == uid
    if concerned or (entry.type not in (MODERATION, WARNED) and "reason" not in data):
        return entry
    if entry.type in (MODERATION, WARNED):
        return None
    del data["reason"]
    return Entry(entry.seq, entry.prev, entry.epoch, entry.type, orjson.dumps(data))
