"""The durable log of each channel: one sequence, assigned in Redis in the same atomic step that appends and
publishes. [store]

Promise: what `append` returns is in the log (fsynced, with appendfsync always); a seq is never given to
two entries, also when Redis loses the tail of its log; the same (user, cid) within 10 minutes is stored
once. Every entry names the seq before it, so a jump in the numbers is not a hole in the log.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from prometheus_client import Counter

from realtime.log.redis_keys import digest, keys_of
from realtime.protocol.envelope import PAGE_BYTES, PAGE_EVENTS, Entry, parse_entry
from realtime.protocol.redaction import Redactions, shown_again
from realtime.redis.client import INCARNATION, RedisConnection, load_script
from realtime.rules.commands import format_duration
from realtime.rules.moderation_actions import NO_MORE, Barred
from realtime.rules.permissions import Rate
from weir.foundation.clock import now_ms
from weir.foundation.errors import Conflict, Forbidden, RateLimited, Unavailable
from weir.foundation.ids import new_secret

STORED = Counter(
    "weir_channel_entries", "Messages and other entries stored in channels' logs, by type.", ["type"]
)
RESTRICTED = {
    "subscribers": "Only subscribers may write here now.",
    "followers": "Only followers may write here now.",
    "emoteonly": "Only emotes may be sent here now.",
    "guestsread": "Guests may only read here now. Sign in to take part.",
}
CROWDED = {
    "guests_of_address": "Too many messages by guests at your address; wait a moment, or sign in.",
    "guests": "Too many messages by guests here; wait a moment, or sign in.",
}
JUMP = 2**20
"""No lost tail can be this long, and 2**53 has room for 8.6e9 of them."""

APPEND, OPEN, RESUME, NEWEST, SET_STATE = (
    load_script(name) for name in ("append", "open", "resume", "newest", "set_state")
)


class Superseded(Conflict):
    """A later turn of this facet has changed the state already."""


@dataclass(frozen=True, slots=True)
class ArchivedState:
    """What is stored of a channel outside Redis: its highest seq, and fields of its state by name."""

    floor: int = 0
    fields: dict[str, str | int] = field(default_factory=dict)


Recall = Callable[[str], Awaitable[ArchivedState]]


async def nothing_known(_name: str) -> ArchivedState:
    return ArchivedState()


@dataclass(frozen=True, slots=True)
class Position:
    epoch: str
    top: int


@dataclass(frozen=True, slots=True)
class Appended:
    """`repeated` when this cid was stored before; then id and seq are those of the first time."""

    id: str
    seq: int
    epoch: str
    repeated: bool


@dataclass(frozen=True, slots=True)
class LogPage:
    """Entries in order. They are complete up to `position.top` when the last one has that seq."""

    position: Position
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class PositionLost:
    """A position cannot be continued; `reason` is epoch, ahead or gone."""

    position: Position
    reason: str


def _nobody(_channel: str) -> None:
    """Ignores the channel."""


class ChannelLog:
    """Errors of every verb: Unavailable (also storage_full) when Redis does not answer or takes no writes."""

    def __init__(
        self, connection: RedisConnection, cap: int, recall: Recall, appended: Callable[[str], None] = _nobody
    ) -> None:
        """`appended` is called with the channel of each entry that this node has stored."""
        self._connection = connection
        self._cap = cap
        self._recall = recall
        self._appended = appended

    async def open(self, channel: str) -> Position:
        """Creates the log where Redis has none, with numbers above everything stored outside Redis. Returns
        its position."""
        known = await self._recall(channel)
        link, pairs = self._connection.link(), [part for pair in known.fields.items() for part in pair]
        epoch, top = await link.run(
            OPEN, (keys_of(channel).meta,), new_secret(8), known.floor, JUMP, INCARNATION, *pairs
        )
        return Position(epoch.decode(), int(top))

    async def append(
        self,
        channel: str,
        *,
        kind: str,
        entry_id: str,
        cid: str,
        tail: bytes,
        uid: str = "",
        rate: Rate,
        at_ms: int = 0,
        facet: str = "",
        turn: float = 0,
        changes: Sequence[tuple[str, str, str | int]] = (),
        barred: Barred = NO_MORE,
    ) -> Appended:
        """Stores and publishes one entry, and changes the channel's state in the same step (lua/append.lua).
        `at_ms` 0 means Redis' own time. `barred`: fields of the state by which the sender may be banned
        besides the user id. A message of a shadow-banned user is acknowledged like any other, but stored
        outside the sequence.

        Errors: Forbidden (banned, muted, locked, forbidden), RateLimited (rate_limited, slow_mode,
        guest_wait), Unavailable; Superseded when a later turn of the facet has been stored."""
        flat, crowd = [part for change in changes for part in change], rate.crowd
        shared = (
            " ".join(map(str, (*crowd.address, *crowd.channel, crowd.since_ms, crowd.wait_ms)))
            if crowd is not None
            else ""
        )
        while True:
            link, keys = self._connection.link(), keys_of(channel)
            reply = await link.run(
                APPEND,
                keys.of_append(uid)
                if crowd is None
                else (*keys.of_append(uid), *keys.of_guests(crowd.origin)),
                INCARNATION,
                digest(uid, cid),
                uid,
                keys.shard,
                kind,
                tail,
                entry_id,
                at_ms,
                rate.interval_us,
                rate.burst_us,
                int(rate.exempt),
                JUMP,
                self._cap,
                rate.passes,
                facet,
                str(turn),
                shared,
                " ".join((str(barred.since_ms), *barred.fields)),
                *flat,
            )
            if reply[0] == b"stored":
                STORED.labels(kind).inc()
                self._appended(channel)
                return Appended(entry_id, int(reply[1]), reply[2].decode(), False)
            if reply[0] == b"repeated":
                return _repeated(reply[1], reply[2])
            if reply[0] != b"no_channel":
                _refuse(reply)
            await self.open(channel)

    async def appended_before(self, channel: str, uid: str, cid: str) -> Appended | None:
        """The entry that this (user, cid) stored within the last 10 minutes."""
        link, keys, name = self._connection.link(), keys_of(channel), digest(uid, cid)
        found, before, epoch = await asyncio.gather(
            link.ask("HGET", keys.seen, name),
            link.ask("HGET", keys.seen_before, name),
            link.ask("HGET", keys.meta, "epoch"),
        )
        return _repeated(found or before, epoch) if (found or before) and epoch else None

    async def entry(self, channel: str, seq: int) -> Entry | None:
        """The entry with this seq; None when the log does not have it any more."""
        found = await self._connection.link().ask("XRANGE", keys_of(channel).log, f"{seq}-0", f"{seq}-0")
        return parse_entry(found[0][1][1]) if found else None

    async def after(self, channel: str, epoch: str, seq: int) -> LogPage | PositionLost:
        """Up to 200 entries or 256 KB after a position."""
        keys = keys_of(channel)
        reply = await self._connection.link().run(
            RESUME, (keys.meta, keys.log, keys.gone, keys.clearings), epoch, seq, PAGE_EVENTS, PAGE_BYTES
        )
        if reply[0] == b"no_channel":
            return PositionLost(await self.open(channel), "epoch")
        position = Position(reply[1].decode(), int(reply[2]))
        if reply[0] == b"lost":
            return PositionLost(position, reply[3].decode())
        return LogPage(position, await self._readable(channel, reply[3], reply[4], reply[5]))

    async def newest(
        self,
        channel: str,
        count: int,
        below: int | None = None,
        lifted: tuple[str, int] | None = None,
        *,
        whole: bool = False,
    ) -> LogPage:
        """The newest entries, oldest first. `below`: only those with a smaller seq. `lifted`: as if this
        facet hid only what is below this seq. `whole`: removed entries too."""
        keys, start = keys_of(channel), "+" if below is None else f"({below}-0"
        while True:
            reply = await self._connection.link().run(
                NEWEST, (keys.meta, keys.log, keys.gone, keys.clearings), start, count
            )
            if reply[0] == b"read":
                payloads = reply[3][::-1]
                if whole:
                    entries = [parse_entry(payload) for payload in payloads]
                else:
                    entries = await self._readable(channel, payloads, reply[4], reply[5], lifted)
                return LogPage(Position(reply[1].decode(), int(reply[2])), entries)
            await self.open(channel)

    async def _readable(
        self,
        channel: str,
        payloads: list[bytes],
        gone: list[bytes],
        clearings: list[bytes],
        lifted: tuple[str, int] | None = None,
    ) -> list[Entry]:
        """Parses entries and leaves out what readers must not see. `gone` has the deleted seqs in their
        range; deletions of earlier entries that an entry names again are asked for."""
        entries, cleared = [parse_entry(payload) for payload in payloads], dict[str, int]()
        for facet, seq in zip(clearings[::2], clearings[1::2], strict=True):
            cleared[facet.decode()] = int(seq)
        if lifted is not None:
            cleared[lifted[0]] = lifted[1]
        back = [one["seq"] for entry in entries for one in shown_again(entry)]
        scores = await self._connection.link().ask("ZMSCORE", keys_of(channel).gone, *back) if back else []
        again = [seq for seq, score in zip(back, scores, strict=True) if score is not None]
        return Redactions(frozenset([*map(int, gone), *again]), cleared).apply(entries)

    async def tops(self, channels: list[str]) -> list[Position | None]:
        """The position of each log, in one round trip; None where Redis has none."""
        link = self._connection.link()
        replies = await asyncio.gather(
            *(link.ask("HMGET", keys_of(channel).meta, "epoch", "seq") for channel in channels)
        )
        return [_position(reply) for reply in replies]

    async def set_state(
        self,
        channel: str,
        facet: str,
        turn: float,
        changes: Sequence[tuple[str, str, str | int]],
        kind: str = "",
        body: bytes = b"",
    ) -> None:
        """Changes the state of a channel, or of an app, without an entry. With a `kind`, it also sends all
        nodes an event outside the sequence."""
        keys, payload = keys_of(channel), b"0 0 - %b %b" % (kind.encode(), body) if kind else b""
        flat = [part for change in changes for part in change]
        while (
            await self._connection.link().run(
                SET_STATE, (keys.meta,), facet, str(turn), keys.shard, payload, *flat
            )
            == b"no_channel"
        ):
            await self.open(channel)

    async def publish_ephemeral(self, channel: str, kind: str, body: bytes) -> None:
        """Sends all nodes an ephemeral event: at most once, without a seq."""
        await self._connection.link().ask(
            "SPUBLISH", keys_of(channel).shard, b"0 0 - %b %b" % (kind.encode(), body)
        )

    async def state(self, channel: str, *fields: str) -> list[str | None]:
        """Fields of the channel's state; restored from documents first when Redis was emptied."""
        while True:
            epoch, *values = await self._connection.link().ask(
                "HMGET", keys_of(channel).meta, "epoch", *fields
            )
            if epoch is not None:
                return [None if value is None else value.decode() for value in values]
            await self.open(channel)

    async def forget(self, channel: str, *fields: str) -> None:
        """Removes expired fields from the state."""
        await self._connection.link().ask("HDEL", keys_of(channel).meta, *fields)

    async def rules(self, channel: str) -> dict[str, Any]:
        """The settings that the script enforces (`slow` and `guestwait` in seconds), and the pinned message's
        id."""
        slow, lock, subscribers, followers, emotes, pin, wait, reads = await self.state(
            channel, "slow", "lock", "subscribers", "followers", "emoteonly", "pin", "guestwait", "guestsread"
        )
        return {
            "slow": int(slow or 0) // 1000,
            "guestwait": int(wait or 0) // 1000,
            "guestsread": reads is not None,
            "lockdown": lock == "1",
            "subscribers": subscribers is not None,
            "followers": followers is not None,
            "emoteonly": emotes is not None,
            "pinned": pin,
        }

    async def shadowed(self, channel: str, low: int, high: int) -> list[tuple[str, Entry]]:
        """Messages of shadow-banned users that follow the seqs low ≤ seq ≤ high, the newest 200: (user id,
        message), oldest first."""
        found = await self._connection.link().ask(
            "XREVRANGE", keys_of(channel).shadow, high, low, "COUNT", PAGE_EVENTS
        )
        return [(fields[3].decode(), parse_entry(fields[1])) for _, fields in reversed(found)]


def _repeated(place: bytes, epoch: bytes) -> Appended:
    """`place` is what the script stored for this cid: seq and id of the first time."""
    seq, first_id = place.decode().split(" ")
    return Appended(first_id, int(seq), epoch.decode(), True)


def _left_s(ends: bytes) -> float | None:
    return max(0, int(ends) - now_ms()) / 1000 if int(ends) else None


def _position(reply: list[bytes | None]) -> Position | None:
    epoch, top = reply
    return Position(epoch.decode(), int(top)) if epoch is not None and top is not None else None


def _refuse(reply: list[Any]) -> NoReturn:
    """Raises what append.lua answers when it does not store."""
    code = reply[0].decode()
    if code == "banned":
        raise Forbidden("You are banned from this channel.", code="banned", retry_after=_left_s(reply[1]))
    if code == "muted":
        raise Forbidden("You may not write here for now.", code="muted", retry_after=_left_s(reply[1]))
    if code == "restricted":
        raise Forbidden(RESTRICTED[reply[1].decode()])
    if code == "superseded":
        raise Superseded("A later action is in effect.")
    if code == "locked":
        raise Forbidden("This channel is locked by its moderators.", code="locked")
    if code == "slow_mode":
        raise RateLimited(
            "Slow mode: wait before the next message.", code="slow_mode", retry_after=int(reply[1]) / 1000
        )
    if code == "too_fast":
        raise RateLimited("Too many messages; slow down.", retry_after=int(reply[1]) / 1000)
    if code == "guest_wait":
        left_s = int(reply[1]) / 1000
        raise RateLimited(
            f"New guests may write here after a while: in {format_duration(math.ceil(left_s))}.",
            code="guest_wait",
            retry_after=left_s,
        )
    if code in CROWDED:
        raise RateLimited(CROWDED[code], retry_after=int(reply[1]) / 1000)
    raise Unavailable("This channel's log is full.", code="storage_full")
