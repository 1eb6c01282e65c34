"""Users present in a channel, however many tabs each has; gone within 45 s when a node or client dies. [work]

A user is present while any of their sockets holds a lease (45 s, renewed every 15 s, released when the
socket leaves). Changes are published once a second, in one event with at most 50 users; a user who came
and left in the same second is left out. Ephemeral: at most once, no seq.
"""

import asyncio
import random
from collections import defaultdict
from typing import Any

import structlog

from realtime.chat.users import ChannelUsers
from realtime.log.channel_log import ChannelLog
from realtime.log.redis_keys import keys_of
from realtime.protocol.envelope import envelope
from realtime.redis.client import RedisConnection, load_script
from realtime.viewers import LeaseTimes
from weir.foundation.clock import now_ms
from weir.foundation.errors import Invalid, Unavailable
from weir.foundation.ids import new_id

PRESENCE = load_script("presence")
BATCH = 200
TELL_S = 1.0
MOST_TOLD = 50
PAGE = 100
ONLINE, OFFLINE = "user.online", "user.offline"
log = structlog.get_logger("realtime.presence")


class PresenceTracker:
    """Errors of the verbs: Unavailable."""

    def __init__(
        self, connection: RedisConnection, entries: ChannelLog, people: ChannelUsers, leases: LeaseTimes
    ) -> None:
        self._connection = connection
        self._log = entries
        self._users = people
        self._leases = leases
        self._held: defaultdict[str, set[str]] = defaultdict(set)
        self._moves: defaultdict[str, dict[str, bool]] = defaultdict(dict)

    async def enter(self, channel: str, uid: str, socket: str) -> None:
        """Takes a lease. It is renewed from now on, even when this first call fails."""
        self._held[channel].add(f"{uid}|{socket}")
        await self._run(channel, "beat", [f"{uid}|{socket}"])

    async def leave(self, channel: str, uid: str, socket: str) -> None:
        self._held[channel].discard(f"{uid}|{socket}")
        if not self._held[channel]:
            del self._held[channel]
        await self._run(channel, "leave", [f"{uid}|{socket}"])

    async def page(self, channel: str, cursor: str | None) -> dict[str, Any]:
        """About 100 users: {users, total, next}. Users who come or leave meanwhile may be on no page. Errors:
        Invalid."""
        if cursor is not None and not (
            cursor.isascii() and cursor.isdecimal() and len(cursor) <= 20 and int(cursor) < 2**64
        ):
            raise Invalid("cursor: this is not a cursor of this list.")
        total = await self._run(channel, "sweep", [])
        link, keys = self._connection.link(), keys_of(channel)
        following, found = await link.ask("HSCAN", keys.present, cursor or "0", "COUNT", PAGE)
        uids = [raw.decode() for raw in found[::2]]
        people = await asyncio.gather(*(self._users.get(channel, uid) for uid in uids))
        users = [
            {"id": uid, "name": person.name if person else uid, "role": person.role if person else "member"}
            for uid, person in zip(uids, people, strict=True)
        ]
        return {"users": users, "total": total, "next": following.decode() if following != b"0" else None}

    async def run_lease_renewal(self) -> None:
        """Runs until cancelled. Renews this node's leases, and ends those of dead nodes."""
        while True:
            await asyncio.sleep(self._leases.beat_s * random.uniform(0.8, 1))
            try:
                await asyncio.gather(*(self._renew(channel) for channel in list(self._held)))
            except Unavailable as error:
                log.warning("presence.beat_waits", error=error.detail)

    async def _renew(self, channel: str) -> None:
        members = list(self._held.get(channel, ()))
        for start in range(0, len(members), BATCH):
            still = [
                member for member in members[start : start + BATCH] if member in self._held.get(channel, ())
            ]
            if still:
                await self._run(channel, "beat", still)

    async def run_announcements(self) -> None:
        """Runs until cancelled. Publishes to all nodes the changes that this node made."""
        while True:
            await asyncio.sleep(TELL_S)
            moves, self._moves = self._moves, defaultdict(dict)
            for channel, users in moves.items():
                for kind, online in ((ONLINE, True), (OFFLINE, False)):
                    moved = [uid for uid, came in users.items() if came is online]
                    if moved:
                        await self._tell(channel, kind, moved)

    async def _tell(self, channel: str, kind: str, uids: list[str]) -> None:
        try:
            people = await asyncio.gather(*(self._users.get(channel, uid) for uid in uids[:MOST_TOLD]))
            users = [
                {"id": uid, "name": person.name if person else uid}
                for uid, person in zip(uids, people, strict=False)
            ]
            body = envelope(new_id("evt"), kind, now_ms(), channel=channel, users=users, count=len(uids))
            await self._log.publish_ephemeral(channel, kind, body)
        except Unavailable:
            log.warning("presence.untold", channel=channel)

    async def _run(self, channel: str, verb: str, members: list[str]) -> int:
        keys = keys_of(channel)
        lease_ms = int(self._leases.socket_s * 1000)
        users, came, gone = await self._connection.link().run(
            PRESENCE, (keys.presence, keys.present), verb, lease_ms, *members
        )
        for raws, online in ((came, True), (gone, False)):
            for raw in raws:
                self._move(self._moves[channel], raw.decode(), online)
        return int(users)

    def _move(self, moves: dict[str, bool], uid: str, online: bool) -> None:
        if moves.get(uid, online) is online:
            moves[uid] = online
        else:
            del moves[uid]
