"""Messages of a channel: from the log, then from the archive, without what moderation removed. [work]"""

from dataclasses import dataclass
from hashlib import blake2b
from operator import itemgetter

import orjson

from realtime.chat.users import UserStanding
from realtime.log.archive import Actions, Archive, shown
from realtime.log.channel_log import ChannelLog
from realtime.log.follower import Followed
from realtime.protocol.envelope import PAGE_EVENTS, Entry, author, cursor, newest_page, parse_cursor
from realtime.protocol.event_types import NEW_MESSAGE
from realtime.protocol.redaction import Redactions, marked
from realtime.rules.permissions import RANK
from weir.foundation.clock import rfc3339
from weir.foundation.errors import Invalid

MOST_READS = 10
CLOCKS_MS = 60_000
ALL = 2**53


@dataclass(frozen=True, slots=True)
class Sought:
    """A query for messages: of a user, within a time (ms; `until` is not included), with a text. Times are
    those that a message can have (1970 to 9999)."""

    user: str | None = None
    since: int | None = None
    until: int | None = None
    q: str | None = None

    def wants(self, body: bytes) -> bool:
        said = orjson.loads(body)
        return (
            (self.user is None or said["user"]["id"] == self.user)
            and (self.since is None or said["at"] >= rfc3339(self.since))
            and (self.until is None or said["at"] < rfc3339(self.until))
            and (self.q is None or self.q.casefold() in said["text"].casefold())
        )

    @property
    def mark(self) -> str:
        """A part of cursors, which are bound to their query; empty for all messages."""
        return "" if self == EVERYTHING else "q" + blake2b(repr(self).encode(), digest_size=6).hexdigest()


EVERYTHING = Sought()


@dataclass(frozen=True, slots=True)
class HistoryPosition:
    """The position below which reading continues."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Messages, oldest first. `below` continues the reading; None at the channel's beginning."""

    messages: list[Entry]
    below: HistoryPosition | None


class HistoryReader:
    """Errors of the verbs: Unavailable."""

    def __init__(self, entries: ChannelLog, archive: Archive, actions: Actions) -> None:
        self._log = entries
        self._archive = archive
        self._actions = actions

    async def page(
        self,
        channel: str,
        limit: int,
        before: str | None,
        uid: str,
        standing: UserStanding,
        sought: Sought = EVERYTHING,
        field: str = "cursor",
    ) -> tuple[list[orjson.Fragment], str | None]:
        """A page of messages as this user may see them, oldest first, and the cursor of the page before it. A
        query reads at most 2,000 entries, so a page may be short and still have a cursor. `field` names
        the parameter that `before` came in. Errors: Invalid."""
        below: int | None = None
        if before is not None:
            epoch, below = _place(before, sought, field)
            position = (await self._log.tops([channel]))[0]
            if (position is None or position.epoch != epoch) and not await self._archive.holds(
                channel, epoch, below
            ):
                raise Invalid(f"{field}: this channel has begun anew; read it from its newest message.")
        elif sought.until is not None:
            below = await self._archive.begins(channel, sought.until + CLOCKS_MS)
        read = await self._below(channel, limit, below, sought)
        high = ALL if below is None else below - 1
        beside = await self.shadowed_between(
            channel, uid, standing, read.below.seq if read.below else 0, high
        )
        beside = beside if sought == EVERYTHING else [one for one in beside if sought.wants(one[1])]
        return merged(read.messages, beside), None if read.below is None else _cursor(read.below, sought)

    async def visible(self, entry: Entry) -> bool:
        """True when moderation has not hidden the message."""
        channel = str(orjson.loads(entry.body)["channel"])
        shown_now = Redactions(clearings=await self._actions.clearings(channel, {author(entry)})).apply(
            [entry]
        )
        return bool(shown_now) and shown_now[0].type == NEW_MESSAGE

    async def newest(self, followed: Followed, wanted: int) -> list[Entry]:
        """The newest messages up to `followed.last`, oldest first."""
        while True:
            held = list(followed.recent)
            messages = _messages(held)
            if len(messages) >= wanted or followed.whole:
                return newest_page(messages[-wanted:])
            epoch, end = followed.epoch, followed.last
            edge = held[0].seq if held else end + 1
            older = await self._below(followed.channel, wanted - len(messages), edge)
            newer = followed.since(end)
            if newer is not None and followed.epoch == epoch:
                return newest_page((older.messages + messages + _messages(newer))[-wanted:])

    async def shadowed_between(
        self, channel: str, uid: str, standing: UserStanding, low: int = 0, high: int = ALL
    ) -> list[tuple[int, bytes]]:
        """Messages of shadow-banned users among these seqs: for moderators all of them, marked; for their
        sender like any other."""
        moderates = RANK[standing.role] >= RANK["moderator"]
        if not moderates and not standing.shadowed:
            return []
        kept = [
            entry
            for writer, entry in await self._log.shadowed(channel, low, high)
            if moderates or writer == uid
        ]
        archived = await self._archive.shadowed(channel, low, high, None if moderates else uid)
        bodies = {
            entry.body: entry.seq for entry in [*archived, *kept]
        }  # one that was archived in between is in both
        return [(seq, marked(body) if moderates else body) for body, seq in bodies.items()][-PAGE_EVENTS:]

    async def _below(
        self, channel: str, wanted: int, below: int | None, sought: Sought = EVERYTHING
    ) -> HistoryPage:
        found: list[Entry] = []
        edge: HistoryPosition | None = None
        for _ in range(MOST_READS):
            entries = await self._entries_below(channel, below)
            found = [
                one for one in _messages(entries) if sought is EVERYTHING or sought.wants(one.body)
            ] + found
            kept = newest_page(found[-wanted:])
            if len(found) > len(kept):
                return HistoryPage(kept, HistoryPosition(kept[0].epoch, kept[0].seq))
            if not entries or entries[0].prev == 0 or _too_old(entries[-1], sought):
                return HistoryPage(found, None)
            below, edge = entries[0].seq, HistoryPosition(entries[0].epoch, entries[0].seq)
        return HistoryPage(found, edge)

    async def _entries_below(self, channel: str, below: int | None) -> list[Entry]:
        """Reads the log first, then the archive: a trim in between moves entries only from the one to the
        other."""
        answer = await self._log.newest(channel, PAGE_EVENTS, below)
        if answer.entries:
            return answer.entries
        archived = await self._archive.below(
            channel, answer.position.top + 1 if below is None else below, PAGE_EVENTS
        )
        entries = [shown(doc) for doc in archived]
        writers = {author(entry) for entry in entries if entry.type == NEW_MESSAGE}
        return (
            Redactions(clearings=await self._actions.clearings(channel, writers)).apply(entries)
            if writers
            else entries
        )


def merged(messages: list[Entry], beside: list[tuple[int, bytes]]) -> list[orjson.Fragment]:
    """Messages and shadowed ones, each of these after the seq that it follows."""
    placed = [*((entry.seq, 0, entry.body) for entry in messages), *((seq, 1, body) for seq, body in beside)]
    return [orjson.Fragment(body) for _, _, body in sorted(placed, key=itemgetter(0, 1))]


def _too_old(entry: Entry, sought: Sought) -> bool:
    """True when no earlier entry can match. Times follow the order except for clock differences between
    nodes."""
    return sought.since is not None and orjson.loads(entry.body)["at"] < rfc3339(sought.since - CLOCKS_MS)


def _cursor(edge: HistoryPosition, sought: Sought) -> str:
    return cursor(edge.epoch, edge.seq) + (f".{sought.mark}" if sought.mark else "")


def _place(text: str, sought: Sought, field: str) -> tuple[str, int]:
    """The position of a cursor. Errors: Invalid, also for a cursor of another query."""
    place = text.removesuffix(f".{sought.mark}") if sought.mark else text
    if sought.mark and place == text:
        raise Invalid("This cursor does not belong to this query.")
    return parse_cursor(place, field)


def _messages(entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.type == NEW_MESSAGE]
