"""What has been said in a channel: the log first, the archive below it, without what moderation took away. [work]"""

from dataclasses import dataclass
from operator import itemgetter

import orjson

from realtime.follow import Followed
from realtime.judge import RANK
from realtime.log import Log
from realtime.people import Standing
from realtime.store import Actions, Archive, shown
from realtime.wire import NEW_MESSAGE, PAGE_EVENTS, Entry, Redactions, author, cursor, marked, newest_page, parse_cursor
from weir.foundation.errors import Invalid

MOST_READS = 10
ALL = 2**53


@dataclass(frozen=True, slots=True)
class Edge:
    """The entry below which reading goes on."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Read:
    """Messages oldest first; `below` continues the reading, None at the channel's beginning."""

    messages: list[Entry]
    below: Edge | None


class Reader:
    """Errors of the verbs: Unavailable."""

    def __init__(self, entries: Log, archive: Archive, actions: Actions) -> None:
        self._log, self._archive, self._actions = entries, archive, actions

    async def page(
        self, channel: str, limit: int, before: str | None, uid: str, standing: Standing
    ) -> tuple[list[orjson.Fragment], str | None]:
        """A page of messages as this user may see them, oldest first, and the cursor of the page before it. Errors: Invalid."""
        below: int | None = None
        if before is not None:
            epoch, below = parse_cursor(before)
            position = (await self._log.tops([channel]))[0]
            if (position is None or position.epoch != epoch) and not await self._archive.holds(channel, epoch, below):
                raise Invalid("before: this channel has begun anew; read it from its newest message.")
        read = await self._below(channel, limit, below)
        high = ALL if below is None else below - 1
        beside = await self.beside(channel, uid, standing, read.below.seq if read.below else 0, high)
        return merged(read.messages, beside), None if read.below is None else cursor(read.below.epoch, read.below.seq)

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

    async def beside(self, channel: str, uid: str, standing: Standing, low: int = 0, high: int = ALL) -> list[tuple[int, bytes]]:
        """Messages of shadow-banned users among these seqs: to moderators all of them, marked; to their sender as any other."""
        moderates = RANK[standing.role] >= RANK["moderator"]
        if not moderates and not standing.shadowed:
            return []
        kept = [entry for writer, entry in await self._log.shadowed(channel, low, high) if moderates or writer == uid]
        archived = await self._archive.shadowed(channel, low, high, None if moderates else uid)
        bodies = {entry.body: entry.seq for entry in [*archived, *kept]}  # one that was archived in between is in both
        return [(seq, marked(body) if moderates else body) for body, seq in bodies.items()][-PAGE_EVENTS:]

    async def _below(self, channel: str, wanted: int, below: int | None) -> Read:
        found: list[Entry] = []
        edge: Edge | None = None
        for _ in range(MOST_READS):
            entries = await self._entries_below(channel, below)
            found = _messages(entries) + found
            kept = newest_page(found[-wanted:])
            if len(found) > len(kept):
                return Read(kept, Edge(kept[0].epoch, kept[0].seq))
            if not entries or entries[0].prev == 0:
                return Read(found, None)
            below, edge = entries[0].seq, Edge(entries[0].epoch, entries[0].seq)
        return Read(found, edge)

    async def _entries_below(self, channel: str, below: int | None) -> list[Entry]:
        """The log first, then the archive: a trim in between moves entries only from the one to the other."""
        answer = await self._log.newest(channel, PAGE_EVENTS, below)
        if answer.entries:
            return answer.entries
        archived = await self._archive.below(channel, answer.position.top + 1 if below is None else below, PAGE_EVENTS)
        entries = [shown(doc) for doc in archived]
        writers = {author(entry) for entry in entries if entry.type == NEW_MESSAGE}
        return Redactions(clearings=await self._actions.clearings(channel, writers)).apply(entries) if writers else entries


def merged(messages: list[Entry], beside: list[tuple[int, bytes]]) -> list[orjson.Fragment]:
    """Messages and those beside the log, each of these behind the seq it stands behind."""
    placed = [*((entry.seq, 0, entry.body) for entry in messages), *((seq, 1, body) for seq, body in beside)]
    return [orjson.Fragment(body) for _, _, body in sorted(placed, key=itemgetter(0, 1))]


def _messages(entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.type == NEW_MESSAGE]
