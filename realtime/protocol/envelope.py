"""The envelope of an event: built, parsed and put into pages here. [decision]"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from weir.foundation.clock import rfc3339
from weir.foundation.errors import Invalid

PAGE_EVENTS = 200
PAGE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a channel's log: `body` is the envelope's JSON, ready for the wire; `prev` the seq before
    it."""

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


def author(entry: Entry) -> str:
    """The user id of a message."""
    return str(orjson.loads(entry.body).get("user", {}).get("id", ""))


def tail(entry_id: str, kind: str, channel: str, data: dict[str, Any]) -> bytes:
    """An envelope's JSON after the head (seq, epoch, at) that the log writes; without the opening brace."""
    full = {
        "id": entry_id,
        "type": kind,
        "channel": channel,
        **{name: value for name, value in data.items() if value is not None},
    }
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
        raise Invalid(
            f"{field}: this cursor is not from here.",
            fields=[{"field": field, "detail": "this cursor is not from here"}],
        )
    return epoch, int(seq)
