"""Typing indicators and reactions. Ephemeral: at most once, no seq. [work]"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from realtime.chat.client import Client
from realtime.chat.users import UserStanding
from realtime.log.channel_log import ChannelLog
from realtime.log.redis_keys import keys_of
from realtime.protocol.envelope import envelope
from realtime.protocol.messages import React, Request
from realtime.redis.client import RedisConnection, load_script
from realtime.rules.permissions import RateWindow, check_may_signal
from weir.foundation.clock import monotonic, now_ms
from weir.foundation.errors import RateLimited, Unavailable
from weir.foundation.ids import new_id

COUNT_REACTION = load_script("count_reaction")
TYPING_S = 6.0
AGAIN_S = 3.0
UPDATE_S = 0.2
REACTIONS_PER_S = 10
MOST_TYPING = 10
MOST_KINDS = 50
TYPING, STOPPED, REACTED = "typing.started", "typing.stopped", "reaction.sent"
Admitted = Callable[[Client, str], Awaitable[UserStanding]]
log = structlog.get_logger("realtime.signals")


class TypingReactions:
    """`admitted` returns a member's standing in a channel, or raises. Errors of the verbs: as Chat.send."""

    def __init__(self, connection: RedisConnection, entries: ChannelLog, admitted: Admitted) -> None:
        self._connection = connection
        self._log = entries
        self._admitted = admitted
        self._typing: dict[tuple[str, str], tuple[float, asyncio.TimerHandle]] = {}
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._paces: dict[str, RateWindow] = {}
        self._second = 0
        self._told = Counter[str]()
        self._telling: set[asyncio.Future[None]] = set()

    async def typing(self, member: Client, request: Request) -> dict[str, Any]:
        """Published at most every 3 s; ends by itself 6 s after the last call."""
        channel, now = request.channel, monotonic()
        standing = await self._admitted(member, channel)
        check_may_signal(standing.muted, now_ms())
        if standing.shadowed:
            return {"ok": True}
        key = (channel, member.user.sub)
        told, timer = self._typing.get(key, (0.0, None))
        if timer is not None:
            timer.cancel()
        if timer is None or now - told >= AGAIN_S:
            told = now
            await self._tell(member, channel, TYPING, expires_in=TYPING_S)
        self._typing[key] = (
            told,
            asyncio.get_running_loop().call_later(TYPING_S, self._over, member, channel),
        )
        return {"ok": True}

    async def stopped(self, member: Client, request: Request) -> dict[str, Any]:
        """Ends typing. It is no error when it was not started."""
        held = self._typing.pop((request.channel, member.user.sub), None)
        if held is not None:
            held[1].cancel()
            await self._tell(member, request.channel, STOPPED)
        return {"ok": True}

    def _over(self, member: Client, channel: str) -> None:
        self._typing.pop((channel, member.user.sub), None)
        telling = asyncio.ensure_future(self._tell(member, channel, STOPPED))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _tell(self, member: Client, channel: str, kind: str, **data: Any) -> None:
        """Publishes at most MOST_TYPING events a second and channel from this node: people can't read more,
        and each goes to all members."""
        second = int(monotonic())
        if second != self._second:
            self._second = second
            self._told = Counter()
        self._told[channel] += 1
        if self._told[channel] > MOST_TYPING:
            return
        user = {"id": member.user.sub, "name": member.name}
        try:
            await self._log.publish_ephemeral(
                channel, kind, envelope(new_id("evt"), kind, now_ms(), channel=channel, user=user, **data)
            )
        except Unavailable:
            log.warning("signals.untold", channel=channel)

    async def react(self, member: Client, request: React) -> dict[str, Any]:
        """Counts a reaction, which is published together with others. Errors: RateLimited above 10 a second."""
        standing = await self._admitted(member, request.channel)
        check_may_signal(standing.muted, now_ms())
        pace = self._paces.setdefault(member.socket, RateWindow(REACTIONS_PER_S))
        if not pace.allows(monotonic()):
            raise RateLimited("Too many reactions; slow down.", retry_after=1)
        counts = self._counts[request.channel]
        if not standing.shadowed and (request.kind in counts or len(counts) < MOST_KINDS):
            counts[request.kind] += 1
        return {"ok": True}

    def forget_client(self, member: Client) -> None:
        """Forgets a disconnected client."""
        self._paces.pop(member.socket, None)

    async def run_reaction_updates(self) -> None:
        """Runs until cancelled. Publishes at most five updates a second and channel, over all nodes."""
        waiting: set[str] = set()
        while True:
            await asyncio.sleep(UPDATE_S)
            counted, self._counts = self._counts, defaultdict(Counter)
            for channel in waiting | set(counted):
                try:
                    told = await self._tell_channel(channel, counted.get(channel, Counter()))
                except Unavailable:
                    told = True
                (waiting.discard if told else waiting.add)(channel)

    async def _tell_channel(self, channel: str, counts: Counter[str]) -> bool:
        """False when another update was published just now and these counts stay in Redis."""
        keys, given = keys_of(channel), [part for pair in counts.items() for part in pair]
        reply = await self._connection.link().run(
            COUNT_REACTION, (keys.reactions, keys.reacted), int(UPDATE_S * 1000), *given
        )
        if not reply:
            return not counts
        told = {kind.decode(): int(count) for kind, count in zip(reply[::2], reply[1::2], strict=True)}
        await self._log.publish_ephemeral(
            channel, REACTED, envelope(new_id("evt"), REACTED, now_ms(), channel=channel, counts=told)
        )
        return True
