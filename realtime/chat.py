"""Channels as their members use them: join, leave, send, history; and facts about streams, told to the channel. [work]"""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog

from realtime.fanout import Fanout
from realtime.follow import Followed, Follower
from realtime.judge import NO_RATE, may_send
from realtime.log import Log, Lost
from realtime.member import Member
from realtime.occupancy import Occupancy
from realtime.store import Archive, shown
from realtime.wire import (
    NEW_MESSAGE,
    PAGE_EVENTS,
    Entry,
    History,
    Join,
    Leave,
    Send,
    cursor,
    fragments,
    newest_page,
    page,
    parse_cursor,
    tail,
)
from weir.foundation.directory import Directory
from weir.foundation.documents import Doc
from weir.foundation.errors import Invalid, NotFound, Unavailable
from weir.foundation.events import StreamError, StreamEvent, type_of
from weir.foundation.ids import new_id
from weir.foundation.settings import Settings

MOST_CHANNELS = 50
MOST_READS = 10
log = structlog.get_logger("realtime.chat")


class Chat:
    """Errors of the verbs: NotFound (missing, or another app's), Forbidden, RateLimited, Invalid, Unavailable. The caller
    lets one request of a member through at a time."""

    def __init__(
        self, *, settings: Settings, directory: Directory, entries: Log, follower: Follower, fanout: Fanout, occupancy: Occupancy,
        archive: Archive,
    ) -> None:  # fmt: skip
        self._settings, self._directory = settings, directory
        self._log, self._follower, self._fanout, self._occupancy = entries, follower, fanout, occupancy
        self._archive = archive

    async def join(self, member: Member, request: Join) -> dict[str, Any]:
        """Snapshot or missed events, and live delivery from exactly there on once the page is the last one."""
        stream = await self._stream(member, request.channel)
        followed = await self._enter(member, stream)
        rules, count = await asyncio.gather(
            self._log.rules(request.channel), self._occupancy.enter(request.channel, member.joined[request.channel], member.socket)
        )
        answer = {
            "ok": True, "role": member.role(request.channel), "viewers": count.viewers,
            "settings": {**rules, "rate_per_s": self._settings.chat_rate_per_s, "burst": self._settings.chat_burst},
        }  # fmt: skip
        missed = await self._missed(followed, request)
        if missed is None:
            messages = await self._newest(followed)
            self._go_live(member, followed)
            return {**answer, "epoch": followed.epoch, "seq": followed.last, "recovered": False, "messages": fragments(messages)}
        events, more = missed
        if not more:
            self._go_live(member, followed)
        seq = events[-1].seq if events else request.seq
        return {**answer, "epoch": followed.epoch, "seq": seq, "recovered": True, "events": fragments(events), "more": more}

    async def leave(self, member: Member, request: Leave) -> dict[str, Any]:
        """Leaving a channel that was not joined is fine."""
        await self._release(member, request.channel)
        return {"ok": True}

    async def leave_all(self, member: Member) -> None:
        """What a client that has gone leaves behind."""
        for channel in list(member.joined):
            await self._release(member, channel)

    async def send(self, member: Member, request: Send) -> dict[str, Any]:
        """Acknowledged when the message is in the durable log."""
        stream = await self._stream(member, request.channel)
        app = await self._directory.app(stream["app"])
        rate = may_send(member.role(request.channel), (app or {}).get("guests", "read"), self._settings)
        message_id = new_id("msg")
        data = {
            "cid": request.cid, "user": member.card(request.channel), "text": request.text,
            "reply_to": request.reply_to, "picture_time": request.picture_time,
        }  # fmt: skip
        stored = await self._log.append(
            request.channel, kind=NEW_MESSAGE, entry_id=message_id, cid=request.cid, uid=member.user.sub, rate=rate,
            tail=tail(message_id, NEW_MESSAGE, request.channel, data),
        )  # fmt: skip
        return {"ok": True, "id": stored.id, "seq": stored.seq}

    async def history(self, member: Member, request: History) -> dict[str, Any]:
        """A page of messages, oldest first, and the cursor of the page before it."""
        await self._stream(member, request.channel)
        below: int | None = None
        if request.before is not None:
            epoch, below = parse_cursor(request.before)
            position = (await self._log.tops([request.channel]))[0]
            if (position is None or position.epoch != epoch) and not await self._archive.holds(request.channel, epoch, below):
                raise Invalid("before: this channel has begun anew; read it from its newest message.")
        read = await self._messages_below(request.channel, request.limit, below)
        following = None if read.below is None else cursor(read.below.epoch, read.below.seq)
        return {"ok": True, "messages": fragments(read.messages), "next": following}

    async def tell(self, event: StreamEvent) -> None:
        """Puts a fact about a stream into its channel's sequence, once however often it is told."""
        data = {"stream": event.stream, "playback": event.playback, "broadcast": event.broadcast}
        if isinstance(event, StreamError):
            data["reason"] = event.reason
        kind = type_of(event)
        await self._log.append(
            event.channel, kind=kind, entry_id=event.id, cid=event.id, rate=NO_RATE, at_ms=event.at,
            tail=tail(event.id, kind, event.channel, data),
        )  # fmt: skip

    # -- who is where

    async def _stream(self, member: Member, channel: str) -> Doc:
        stream = await self._directory.stream_by_channel(channel)
        if stream is None or stream["app"] != member.user.app:
            raise NotFound("There is no such channel.")
        return stream

    async def _enter(self, member: Member, stream: Doc) -> Followed:
        """The channel's copy, complete; live delivery to this member rests until the final page."""
        channel: str = stream["channel"]
        self._fanout.leave(member.socket, channel)
        held = self._follower.get(channel)
        if channel in member.joined and held is not None:
            await self._follower.settled(held)
            return held
        if len(member.joined) >= MOST_CHANNELS:
            raise Invalid(f"One connection may join {MOST_CHANNELS} channels.")
        followed = await self._follower.open(channel)
        member.joined[channel] = member.session(stream["playback"])
        return followed

    def _go_live(self, member: Member, followed: Followed) -> None:
        """From here on the member gets what follows `followed.last`; nothing may be awaited between this and the ack."""
        if not member.gone:
            self._fanout.enter(member.socket, followed.channel)

    async def _release(self, member: Member, channel: str) -> None:
        session = member.joined.pop(channel, None)
        if session is None:
            return
        self._fanout.leave(member.socket, channel)
        followed = self._follower.get(channel)
        if followed is not None:
            self._follower.close(followed)
        try:
            await self._occupancy.leave(channel, session, member.socket)
        except Unavailable:
            log.warning("chat.lease_left_to_end", channel=channel)

    # -- what is read

    async def _missed(self, followed: Followed, request: Join) -> tuple[list[Entry], bool] | None:
        """The next page behind the client's position and whether more follow; None when it can't be continued."""
        if request.epoch is None or request.seq is None:
            return None
        if request.epoch == followed.epoch and request.seq > followed.last:
            await self._follower.catch_up(followed)  # the client was on a node that was ahead of this one
        held = followed.since(request.seq) if request.epoch == followed.epoch else None
        if held is None:
            answer = await self._log.after(request.channel, request.epoch, request.seq)
            if isinstance(answer, Lost) or request.epoch != followed.epoch:
                return None
            read = [entry for entry in answer.entries if entry.seq <= followed.last]
            later = followed.since(read[-1].seq if read else request.seq)
            if later is None:
                return (read, True) if read else None
            held = read + later
        events = page(held)
        return events, len(events) < len(held)

    async def _newest(self, followed: Followed) -> list[Entry]:
        """The newest messages up to `followed.last`, oldest first."""
        wanted = self._settings.history_messages
        while True:
            held = list(followed.recent)
            messages = _messages(held)
            if len(messages) >= wanted or followed.whole:
                return newest_page(messages[-wanted:])
            epoch, end = followed.epoch, followed.last
            edge = held[0].seq if held else end + 1
            older = await self._messages_below(followed.channel, wanted - len(messages), edge)
            newer = followed.since(end)
            if newer is not None and followed.epoch == epoch:
                return newest_page((older.messages + messages + _messages(newer))[-wanted:])

    async def _messages_below(self, channel: str, wanted: int, below: int | None) -> "_Read":
        found: list[Entry] = []
        edge: Edge | None = None
        for _ in range(MOST_READS):
            entries = await self._entries_below(channel, below)
            found = _messages(entries) + found
            kept = newest_page(found[-wanted:])
            if len(found) > len(kept):
                return _Read(kept, Edge(kept[0].epoch, kept[0].seq))
            if not entries or entries[0].prev == 0:
                return _Read(found, None)
            below, edge = entries[0].seq, Edge(entries[0].epoch, entries[0].seq)
        return _Read(found, edge)

    async def _entries_below(self, channel: str, below: int | None) -> list[Entry]:
        """The log first, then the archive: a trim in between moves entries only from the one to the other."""
        answer = await self._log.newest(channel, PAGE_EVENTS, below)
        if answer.entries:
            return answer.entries
        archived = await self._archive.below(channel, answer.position.top + 1 if below is None else below, PAGE_EVENTS)
        return [shown(doc) for doc in archived]


@dataclass(frozen=True, slots=True)
class Edge:
    """The entry below which reading goes on."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class _Read:
    """Messages oldest first; `below` continues the reading, None at the channel's beginning."""

    messages: list[Entry]
    below: Edge | None


def _messages(entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.type == NEW_MESSAGE]
