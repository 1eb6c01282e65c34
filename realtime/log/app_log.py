"""One log for each app: every public event of the app, in one sequence. [store]

The same kind of Redis Stream as a channel's log, followed by the same code. It is a copy: channels'
entries are forwarded from the channels' logs, other events from documents' outboxes. For each source (a
channel, a place, a space) the log's state has a mark, which is moved in the step that appends. So events
of one source are in order and stored once, whichever process dies and however many forward at a time.

Chat is forwarded only while a program follows the app: from its first request until WANTED_MS after the
last.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from realtime.log.channel_log import JUMP, OPEN, Position, Recall, nothing_known
from realtime.log.redis_keys import keys_of
from realtime.protocol.envelope import PAGE_EVENTS, Entry, parse_entry
from realtime.redis.client import INCARNATION, RedisConnection, load_script
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.ids import derived_id, new_secret

APPEND_APP_EVENTS, MARK_FOLLOWED, READ_UNFORWARDED, TIDY = (
    load_script(name) for name in ("append_app_events", "mark_followed", "read_unforwarded", "tidy")
)
KEPT = 20_000
LOOKED_AT = 200
WANTED_MS = 86_400_000
ANYWHERE = "*"
VIEWERS = "viewers"
MOST_MOVES, MOST_TOLD = 1_000, 50
MARK = "+"
Event = tuple[str, bytes]
"""Type, and the envelope's JSON after the head (epoch, seq) that the log writes; without the opening
brace."""


class OutOfOrder(Exception):
    """Earlier events of this source are not stored yet."""


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """`repeated` when an event of this id was stored before; then position and time are those of the first
    time. `same`: its contents were the same."""

    epoch: str
    seq: int
    at_ms: int
    repeated: bool = False
    same: bool = True


class AppLog:
    """Errors of all verbs: Unavailable."""

    def __init__(self, connection: RedisConnection, recall: Recall = nothing_known) -> None:
        """`recall` returns the state to restore when Redis was emptied."""
        self._connection = connection
        self._recall = recall

    async def mark_followed(self, app: str) -> bool:
        """Marks the app as followed for WANTED_MS. True when it was not followed before."""
        while True:
            reply = await self._connection.link().run(
                MARK_FOLLOWED, (keys_of(app).meta,), new_secret(8), WANTED_MS
            )
            if reply[0] != b"no_log":
                return bool(reply[0] == b"new")
            await self._open(app)

    async def is_followed(self, app: str) -> bool:
        return await self._since(app) is not None

    async def forward(self, app: str, channel: str) -> None:
        """Appends all entries of a channel that are not in this log yet, in order. Does nothing while the app
        is not followed."""
        while (since := await self._since(app)) is not None:
            mark = await self._connection.link().ask("HGET", keys_of(app).meta, f"s:{channel}")
            stands = mark.decode() if mark is not None else ""
            keys = keys_of(channel)
            found = await self._connection.link().run(
                READ_UNFORWARDED, (keys.meta, keys.log), stands, since, LOOKED_AT
            )
            if not found:
                return
            entries = [parse_entry(payload) for payload in found[1:]]
            await self._put(app, channel, stands, int(found[0]), [carried(entry) for entry in entries])

    async def pass_on(self, app: str, channel: str, seq: int, event_id: str, event: Event) -> bool:
        """Appends one entry of a channel of an app that is not followed. False when the app is followed, so
        that all entries must be forwarded."""
        reply = await self._put(
            app, channel, ANYWHERE, seq, [event], unwanted=True, once=keys_of(app).once(event_id)
        )
        return bool(reply[0] != b"followed")

    async def keep(self, app: str, entry: Entry, stored_ms: int) -> None:
        """Appends an app's own event from a channel's log, for a process that died between the two writes.
        Events stored while the app was followed have been forwarded already."""
        since = await self._since(app)
        if since is None or stored_ms < since:
            await self._put(
                app, "", "", 0, [carried(entry)], once=keys_of(app).once(str(orjson.loads(entry.body)["id"]))
            )

    async def append_numbered(
        self, app: str, source: str, number: int, event_id: str, event: Event, *, early: bool = False
    ) -> None:
        """Appends the event with this number (from 1, without gaps) of a source. Errors: OutOfOrder when
        earlier ones are missing, unless `early`; those are then appended late, and once."""
        once = keys_of(app).once(event_id)
        before = str(number - 1) if number > 1 else ""
        reply = await self._put(app, source, ANYWHERE if early else before, number, [event], once=once)
        if reply[0] == b"elsewhere" and int(reply[1] or 0) < number:
            raise OutOfOrder
        if reply[0] == b"elsewhere":
            await self._put(app, source, ANYWHERE, number, [event], once=once)

    async def tell_moves(self, app: str, channel: str, stream: str) -> bool:
        """Appends joins and leaves of a channel's viewers, each once and in order. True when there may be
        more."""
        keys, link, source = keys_of(channel), self._connection.link(), f"{VIEWERS}:{channel}"
        mark = await self._connection.link().ask("HGET", keys_of(app).meta, f"s:{source}")
        start = "-" if mark is None else f"({_place(int(mark))}"
        found = await link.ask("XRANGE", keys.moves, start, "+", "COUNT", MOST_MOVES)
        if not found:
            return False
        last = found[-1][0].decode()
        events = moves(
            channel,
            stream,
            [(place.decode(), fields[0].decode(), fields[1].decode()) for place, fields in found],
        )
        reply = await self._put(app, source, "" if mark is None else mark.decode(), _number(last), events)
        if reply[0] == b"elsewhere":
            return False  # another node was first
        await link.ask("XTRIM", keys.moves, "MINID", _place(_number(last) + 1))
        if len(found) < MOST_MOVES:
            await link.run(TIDY, (keys.moves,))
        return len(found) == MOST_MOVES

    async def append_once(self, app: str, event_id: str, event: Event) -> None:
        """Appends an event of Weir's own that has no source; once within 24 hours."""
        await self._put(app, "", "", 0, [event], once=keys_of(app).once(event_id))

    async def publish(self, app: str, event_id: str, kind: str, data: dict[str, Any]) -> PublishedEvent:
        """Appends an app's own event, identified by its id and contents for 24 hours."""
        at_ms = now_ms()
        digest = sha256(orjson.dumps([kind, data], option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
        event, known = entry_of(event_id, kind, at_ms, data), f"{digest} {at_ms}"
        reply = await self._put(app, "", "", 0, [event], once=keys_of(app).once(event_id), known=known)
        if reply[0] != b"known":
            return PublishedEvent(reply[2].decode(), int(reply[1]), at_ms)
        epoch, seq, *before = reply[1].decode().split(" ")
        if len(before) < 2:  # Weir's own, or from before these were kept
            return PublishedEvent(epoch, int(seq), at_ms, repeated=True, same=not before)
        return PublishedEvent(epoch, int(seq), int(before[1]), repeated=True, same=before[0] == digest)

    async def publish_ephemeral(self, app: str, kind: str, body: bytes) -> None:
        """Sends an ephemeral event: at most once, no seq."""
        await self._connection.link().ask(
            "SPUBLISH", keys_of(app).shard, b"0 0 - %b %b" % (kind.encode(), body)
        )

    async def oldest(self, app: str) -> tuple[Position, list[Entry]]:
        """The position of the log, and its oldest entries."""
        keys, link = keys_of(app), self._connection.link()
        position, found = await asyncio.gather(
            link.ask("HMGET", keys.meta, "epoch", "seq"),
            link.ask("XRANGE", keys.log, "-", "+", "COUNT", PAGE_EVENTS),
        )
        if position[0] is None:
            return await self._open(app), []
        return Position(position[0].decode(), int(position[1])), [
            parse_entry(fields[1]) for _, fields in found
        ]

    async def _since(self, app: str) -> int | None:
        """Time in ms since when the app is followed; None when it is not."""
        since, until = await self._connection.link().ask("HMGET", keys_of(app).meta, "since", "until")
        return int(since) if since is not None and int(until) > now_ms() else None

    async def _put(
        self,
        app: str,
        source: str,
        stands: str,
        mark: int,
        events: Sequence[Event],
        *,
        unwanted: bool = False,
        once: str | None = None,
        known: str = "",
    ) -> Any:
        keys, pairs = keys_of(app), [part for event in events for part in event]
        names = (keys.meta, keys.log, *([once] if once is not None else []))
        while True:
            reply = await self._connection.link().run(
                APPEND_APP_EVENTS,
                names,
                INCARNATION,
                keys.shard,
                JUMP,
                KEPT,
                source,
                stands,
                mark,
                "1" if unwanted else "",
                known,
                *pairs,
            )
            if reply[0] != b"no_log":
                return reply
            await self._open(app)

    async def _open(self, app: str) -> Position:
        known = [part for pair in (await self._recall(app)).fields.items() for part in pair]
        epoch, top = await self._connection.link().run(
            OPEN, (keys_of(app).meta,), new_secret(8), 0, JUMP, INCARNATION, *known
        )
        return Position(epoch.decode(), int(top))


def moves(channel: str, stream: str, told: list[tuple[str, str, str]]) -> list[Event]:
    """Events for viewers that joined or left, from (place, joined or left, session). Above a bound, one event
    of each kind with a count."""
    if len(told) <= MOST_TOLD:
        return [_move(channel, stream, how, place, 1, session) for place, how, session in told]
    counts = Counter(how for _, how, _ in told)
    return [_move(channel, stream, how, told[-1][0], count) for how, count in counts.items()]


def _move(channel: str, stream: str, how: str, place: str, count: int, session: str | None = None) -> Event:
    kind, known = f"viewer.{how}", {"session": session} if session is not None else {}
    about = {"channel": channel, "stream": stream, **known, "count": count}
    return entry_of(derived_id("evt", channel, kind, place), kind, int(place.partition("-")[0]), about)


def _number(place: str) -> int:
    """A stream id of Redis as one number below 2**53; fewer than 4,096 fit in a millisecond."""
    ms, number = place.split("-")
    return int(ms) * 4096 + min(int(number), 4095)


def _place(number: int) -> str:
    return f"{number // 4096}-{number % 4096}"


def carried(entry: Entry) -> Event:
    """A channel's entry as an event of the app's log. `seq` is the app's position, `channel_seq` the
    channel's."""
    return marked(entry.type), b'"channel_seq":%d,%b' % (entry.seq, entry.body[entry.body.index(b'"at":') :])


def entry_of(event_id: str, kind: str, at_ms: int, data: dict[str, Any]) -> Event:
    """An event that is in no channel's log."""
    return marked(kind), orjson.dumps({"at": rfc3339(at_ms), "id": event_id, "type": kind, **data})[1:]


def marked(kind: str) -> str:
    """The type in the head of an entry. Deletions and clearings name seqs of their channel, so they must not
    be applied to this log."""
    return MARK + kind


def kind_of(entry: Entry) -> str:
    return entry.type.removeprefix(MARK)
