"""What clients say and hear: requests, acks and envelopes of the socket contract. [decision]"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from weir.foundation.clock import rfc3339
from weir.foundation.errors import Invalid, Refused, TooLarge
from weir.foundation.ids import is_id
from weir.foundation.texts import message_text

LONGEST_TEXT = 4096
LONGEST_CID = 36
DEEPEST = 16
PAGE_EVENTS = 200
PAGE_BYTES = 256 * 1024
NEW_MESSAGE = "chat.message.new"
MESSAGE_DELETED = "chat.message.deleted"
MESSAGE_UPDATED = "chat.message.updated"
CLEARED = "chat.cleared"
MODERATION = "chat.moderation"
RESTORED = "chat.restored"
BANNED = "user.banned"
UNBANNED = "user.unbanned"
MUTED = "user.muted"
UNMUTED = "user.unmuted"
WARNED = "user.warned"
SETTINGS_UPDATED = "chat.settings.updated"
ROLE_CHANGED = "user.role.changed"
PERSONAL = frozenset({BANNED, UNBANNED, MUTED, UNMUTED, WARNED, ROLE_CHANGED})
"""Everybody is told what happened to somebody; why, only they and moderators."""


def _channel(text: str) -> str:
    if not is_id("chn", text):
        raise ValueError("this is not a channel id")
    return text


def _message(text: str) -> str:
    if not is_id("msg", text):
        raise ValueError("this is not a message id")
    return text


Seq = Annotated[int, Field(ge=0, le=2**53)]
ChannelId = Annotated[str, AfterValidator(_channel)]
EventType = Annotated[str, Field(max_length=80, pattern=r"^(\*|[a-z][a-z0-9_]*(\.[a-z0-9_-]+)*(\.\*)?)$")]
MessageId = Annotated[str, AfterValidator(_message)]


class Ask(BaseModel):
    """Unknown fields are refused, so a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Request(Ask):
    """Names its channel."""

    channel: ChannelId


class Join(Request):
    epoch: str | None = Field(None, max_length=64)
    seq: Seq | None = None


class Leave(Request):
    pass


class Send(Request):
    cid: str = Field(min_length=1, max_length=LONGEST_CID)
    text: str
    reply_to: MessageId | None = None
    picture_time: Seq | None = None


class Order(Request):
    """A command by its own request."""

    text: str = Field(min_length=1, max_length=LONGEST_TEXT)


class Commands(Request):
    pass


class Delete(Request):
    id: MessageId


class Original(Request):
    """A message that was removed, as it was written."""

    id: MessageId


class Typing(Request):
    pass


class React(Request):
    kind: str = Field(min_length=1, max_length=32, pattern=r"^[^\s\x00-\x1f]+$")


class PresenceList(Request):
    cursor: str | None = Field(None, max_length=20)


class History(Request):
    cursor: str | None = Field(None, max_length=100, validation_alias=AliasChoices("cursor", "before"))
    limit: int = Field(50, ge=1, le=PAGE_EVENTS)


class Unsubscribe(Ask):
    pass


class Subscribe(Ask):
    """`types` may end in `.*`; none means all. Of `stream`, `channel` and `place` only what is given is asked for."""

    types: list[EventType] = Field([], max_length=50)
    stream: str | None = Field(None, max_length=64)
    channel: str | None = Field(None, max_length=64)
    place: str | None = Field(None, max_length=64)
    epoch: str | None = Field(None, max_length=64)
    seq: Seq | None = None


R = TypeVar("R", bound=Ask)


def check(model: type[R], data: object) -> R:
    """The request in `data`. Errors: Invalid, which names the field; TooLarge for a text above 4 KB."""
    if not isinstance(data, dict):
        raise Invalid("A request is one JSON object.")
    if deeper_than(data, DEEPEST):
        raise Invalid(f"A request may be nested {DEEPEST} deep.")
    try:
        request = model.model_validate(data)
    except ValidationError as error:
        raise _invalid(error) from None
    if isinstance(request, Send | Order):
        text = checked_text(request.text)
        if text != request.text:
            return model.model_validate({**data, "text": text})
    return request


def _invalid(error: ValidationError) -> Invalid:
    fields = [{"field": ".".join(map(str, one["loc"])), "message": one["msg"].removeprefix("Value error, ")} for one in error.errors()]
    for one in fields:
        one["field"] = one["field"].encode(errors="replace").decode()  # half a character can't be answered
    return Invalid(f"{fields[0]['field']}: {fields[0]['message']}.", fields=fields)


def checked_text(text: str) -> str:
    """What is said, cleaned. Errors: TooLarge, Invalid."""
    try:
        if len(text.encode()) > LONGEST_TEXT:
            raise TooLarge(f"text: a message may have {LONGEST_TEXT} bytes.")
        return message_text(text)
    except UnicodeEncodeError:
        raise Invalid("text: half a character (a lone surrogate) is not taken.") from None
    except ValueError as error:
        raise Invalid(f"text: {error}.") from None


def deeper_than(value: object, limit: int) -> bool:
    """True when lists and objects are nested more than `limit` deep."""
    level: list[object] = [value]
    for _ in range(limit):
        level = [child for one in level for child in _children(one)]
        if not level:
            return False
    return any(isinstance(one, dict | list) for one in level)


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a channel's log: `body` is the envelope's JSON, ready for the wire; `prev` the seq before it."""

    seq: int
    prev: int
    epoch: str
    type: str
    body: bytes

    @property
    def aside(self) -> bool:
        """Not in the sequence: an ephemeral event, or a message of a shadow-banned user."""
        return self.seq == self.prev


def parse_entry(payload: bytes) -> Entry:
    """The entry in `seq prev epoch type JSON`, as the log stores and publishes it."""
    seq, prev, epoch, kind, body = payload.split(b" ", 4)
    return Entry(int(seq), int(prev), epoch.decode(), kind.decode(), body)


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
    """What stands in the place of a deleted message: its seq, time and id, nothing that was said or who said it."""
    data = orjson.loads(entry.body)
    kept = {name: data[name] for name in ("seq", "epoch", "at", "id", "channel")}
    body = orjson.dumps({**kept, "type": MESSAGE_DELETED, "message": data["id"], "deleted": True})
    return Entry(entry.seq, entry.prev, entry.epoch, MESSAGE_DELETED, body)


@dataclass(frozen=True, slots=True)
class Redactions:
    """What readers must not see of a log: deleted seqs, and by facet (clear, clear:UID, ban:UID) the seq of a clearing."""

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


def author(entry: Entry) -> str:
    """The user id of a message."""
    return str(orjson.loads(entry.body).get("user", {}).get("id", ""))


def marked(body: bytes) -> bytes:
    """A shadow-banned user's message as moderators see it: without a seq, behind which it stands, and marked."""
    data = orjson.loads(body)
    after_seq = data.pop("seq")
    return orjson.dumps({**data, "after_seq": after_seq, "shadow": True})


def redactions(entry: Entry) -> Redactions | None:
    """What an entry, once it stands in the sequence, hides of the entries before it."""
    if entry.type == CLEARED:
        user = orjson.loads(entry.body).get("user")
        return Redactions(clearings={f"clear:{user['id']}" if user else "clear": entry.seq})
    target = deletion(entry) if entry.type == MESSAGE_DELETED else None
    return Redactions(frozenset({target.seq})) if target is not None else None


def restores(entry: Entry) -> bool:
    """True when an entry may show again what was hidden; then only the log knows what is to be seen."""
    return entry.type in (MESSAGE_UPDATED, UNBANNED, RESTORED) or (entry.type == MODERATION and b'"undoes":' in entry.body)


def public(entry: Entry, uid: str = "", *, moderates: bool = False) -> Entry | None:
    """An entry as this user may see it: who acted and why is for moderators, what happened to oneself comes with the reason. None for
    what is not for them at all."""
    if entry.type not in PERSONAL and entry.type not in (MODERATION, CLEARED, MESSAGE_DELETED, MESSAGE_UPDATED, SETTINGS_UPDATED):
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


def tail(entry_id: str, kind: str, channel: str, data: dict[str, Any]) -> bytes:
    """An envelope's JSON behind the head (seq, epoch, at) that the log writes; without the opening brace."""
    full = {"id": entry_id, "type": kind, "channel": channel, **{name: value for name, value in data.items() if value is not None}}
    return orjson.dumps(full)[1:]


def envelope(event_id: str, kind: str, at_ms: int, **data: Any) -> bytes:
    """An ephemeral event's JSON: no epoch, no seq."""
    return orjson.dumps({"id": event_id, "type": kind, "at": rfc3339(at_ms), **data})


def page(entries: list[Entry]) -> list[Entry]:
    """As many of the first entries as one ack may carry, at least one."""
    size = 0
    for index, entry in enumerate(entries[:PAGE_EVENTS]):
        size += len(entry.body)
        if size > PAGE_BYTES and index:
            return entries[:index]
    return entries[:PAGE_EVENTS]


def newest_page(entries: list[Entry]) -> list[Entry]:
    """As many of the last entries as one ack may carry, at least one."""
    return page(entries[::-1])[::-1]


def fragments(entries: Iterable[Entry]) -> list[orjson.Fragment]:
    """Envelopes for an ack, without parsing them again."""
    return [orjson.Fragment(entry.body) for entry in entries]


def cursor(epoch: str, seq: int) -> str:
    return f"{epoch}.{seq}"


def parse_cursor(text: str, field: str = "cursor") -> tuple[str, int]:
    """Errors: Invalid for a cursor that is not ours."""
    epoch, dot, seq = text.rpartition(".")
    if not (dot and epoch and seq.isascii() and seq.isdigit() and len(seq) <= 16):
        raise Invalid(f"{field}: this cursor is not from here.", fields=[{"field": field, "detail": "this cursor is not from here"}])
    return epoch, int(seq)


def refusal(refused: Refused) -> dict[str, Any]:
    """The ack of a refused request."""
    error: dict[str, Any] = {"code": refused.code, "message": refused.detail}
    if refused.retry_after is not None:
        error["retry_after"] = round(refused.retry_after, 3)
    if refused.choices:
        error["choices"] = refused.choices
    return {"ok": False, "error": error}
