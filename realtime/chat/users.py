"""Users of a channel: ids by name, and the roles that count. [store]

Names and roles come from tokens. They are stored in Redis when a user joins or writes, and expire after 30
days; guests expire an hour after they left, because anybody can create guests without end. A role stored
by moderation overrides the token's.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast
from zlib import crc32

import orjson

from realtime.log.channel_log import ChannelLog
from realtime.log.redis_keys import keys_of
from realtime.redis.client import RedisConnection
from realtime.rules.moderation_actions import NO_MORE, Barred, holds
from realtime.rules.permissions import RANK, Role
from weir.foundation.clock import now_ms, now_s, rfc3339
from weir.foundation.errors import Forbidden
from weir.foundation.lookalikes import skeleton
from weir.foundation.texts import folded

KNOWN_S, GUEST_KNOWN_S = 30 * 86_400, 3600
WARNED_MS = 3_600_000
MOST_NAMED = 200
MOST_LATELY = 200


@dataclass(frozen=True, slots=True)
class ChannelUser:
    """A guest also has its device and the hash of its address (realtime.log.redis_keys), for bans."""

    id: str
    name: str
    role: Role
    device: str = ""
    address: str = ""

    def to_public(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name}


@dataclass(frozen=True, slots=True)
class UserStanding:
    """A user's standing in a channel. `role` is the one that counts, `stored` the one that moderation gave,
    if any. Ends are ms since the epoch, 0 for no end, None for not at all. `warned`: the last warning, as
    JSON {reason, at}."""

    role: Role
    stored: Role | None
    banned: int | None
    muted: int | None
    shadowed: bool
    warned: str | None = None

    def check_in(self, reason: str = "") -> None:
        """Errors: Forbidden (banned)."""
        if self.banned is not None:
            left = max(0, self.banned - now_ms()) / 1000 if self.banned else None
            because = f" Reason: {reason}" if reason else ""
            raise Forbidden(f"You are banned from this channel.{because}", code="banned", retry_after=left)


class ChannelUsers:
    """Errors of all verbs: Unavailable."""

    def __init__(self, connection: RedisConnection, entries: ChannelLog) -> None:
        self._connection = connection
        self._log = entries

    async def remember(self, channel: str, person: ChannelUser, *, guest: bool = False) -> None:
        """Stores a user with name and role from the token. A guest must be stored again within the hour."""
        link, keys, known_s = self._connection.link(), keys_of(channel), GUEST_KNOWN_S if guest else KNOWN_S
        named = keys.named_guests(person.name) if guest else keys.named(person.name)
        ours = not guest or RANK[person.role] >= RANK["vip"]
        lately, now = keys.lately_guests if guest else keys.lately, int(now_s())
        noted = [person.name, person.role, *([person.device, person.address] if guest else [])]
        before = await link.ask("SET", keys.person(person.id), orjson.dumps(noted), "EX", known_s, "GET")
        old = orjson.loads(before)[0] if before is not None else person.name
        renamed = (
            []
            if folded(old) == folded(person.name)
            else [keys.named(old), keys.named_guests(old), keys.like(skeleton(old))]
        )
        like = keys.like(skeleton(person.name))
        await asyncio.gather(
            *(link.ask("SREM", key, person.id) for key in renamed),
            link.ask("SADD", named, person.id),
            link.ask("EXPIRE", named, known_s),
            link.ask("ZADD", lately, now, person.id),
            link.ask("ZREMRANGEBYSCORE", lately, "-inf", now - known_s),
            link.ask("ZREMRANGEBYRANK", lately, 0, -MOST_LATELY - 1),
            link.ask("EXPIRE", lately, known_s),
            *((link.ask("SADD", like, person.id), link.ask("EXPIRE", like, known_s)) if ours else ()),
        )

    async def claim_name(self, channel: str, uid: str, wanted: str) -> str:
        """The name that a guest gets who asks for `wanted`. Names of staff and of present members are
        refused: the guest then keeps its previous name, or gets a guest's default name."""
        if not await self._belongs(channel, uid, wanted):
            return wanted
        known = await self._noted(channel, [uid])
        if known and not await self._belongs(channel, uid, known[0].name):
            return known[0].name
        return f"Guest {crc32(uid.encode()) % 9000 + 1000}"

    async def _belongs(self, channel: str, uid: str, name: str) -> bool:
        """True when this name could be mistaken for that of staff, or of a present member."""
        link, keys, bones = self._connection.link(), keys_of(channel), skeleton(name)
        found = (
            [raw.decode() for raw in await link.ask("SRANDMEMBER", keys.like(bones), MOST_NAMED)]
            if bones
            else []
        )
        others = [
            one
            for one in await self._noted(channel, [one for one in found if one != uid])
            if skeleton(one.name) == bones
        ]
        if not others:
            return False
        stored = await self._log.state(channel, *(f"r:{one.id}" for one in others))
        if any(
            RANK[cast(Role, role or one.role)] >= RANK["vip"]
            for one, role in zip(others, stored, strict=True)
        ):
            return True
        here = await link.ask("HMGET", keys.present, *(one.id for one in others))
        return any(one is not None for one in here)

    async def remember_author(self, channel: str, person: ChannelUser) -> None:
        """Stores a user in whose name the app writes. A role that their token gave them stays."""
        known = await self._noted(channel, [person.id])
        if known and RANK[known[0].role] > RANK[person.role]:
            person = replace(person, role=known[0].role)
        await self.remember(channel, person)

    async def standing(
        self, channel: str, uid: str, claimed: Role = "member", barred: Barred = NO_MORE
    ) -> UserStanding:
        found = await self._log.state(channel, *(f"{field}:{uid}" for field in "rmswb"), *barred.fields)
        role, muted, shadowed, warned, *bans = found
        stored, now = cast(Role | None, role), now_ms()
        return UserStanding(
            stored or claimed,
            stored,
            holds(bans, now, barred.since_ms),
            holds([muted], now),
            shadowed is not None,
            warned,
        )

    async def get(self, channel: str, uid: str) -> ChannelUser | None:
        """A user who has been here, with the role that counts."""
        raw = await self._connection.link().ask("GET", keys_of(channel).person(uid))
        stored = (await self.standing(channel, uid)).stored
        if raw is None:
            return None if stored is None else ChannelUser(uid, uid, stored)
        known = ChannelUser(uid, *orjson.loads(raw))
        return replace(known, role=stored or known.role)

    async def find_by_name(self, channel: str, spellings: Iterable[str]) -> dict[str, list[ChannelUser]]:
        """Users with each of these names or ids, members first, with the roles that count."""
        wanted = list(dict.fromkeys(spellings))
        found = await asyncio.gather(*(self._bearers(channel, one) for one in wanted))
        return dict(zip(wanted, found, strict=True))

    async def recent(self, channel: str) -> list[ChannelUser]:
        """About a hundred users who were here last, the latest first, with the roles from their tokens."""
        link, keys = self._connection.link(), keys_of(channel)
        found = await asyncio.gather(
            *(link.ask("ZREVRANGE", key, 0, MOST_LATELY - 1) for key in (keys.lately, keys.lately_guests))
        )
        return await self._noted(channel, [raw.decode() for some in found for raw in some])

    async def _bearers(self, channel: str, spelling: str) -> list[ChannelUser]:
        """Users with this name. Also one with this id who is known only by moderation."""
        link, keys, wanted = self._connection.link(), keys_of(channel), folded(spelling)
        sets = (keys.named(spelling), keys.named_guests(spelling))
        some = await asyncio.gather(*(link.ask("SRANDMEMBER", key, MOST_NAMED) for key in sets))
        ids = [raw.decode() for raws in some for raw in sorted(raws)]
        noted = {one.id: one for one in await self._noted(channel, list(dict.fromkeys([spelling, *ids])))}
        bearing = [one for uid in ids if (one := noted.get(uid)) is not None and folded(one.name) == wanted]
        states = await self._log.state(channel, *(f"{field}:{spelling}" for field in "rbms"))
        if spelling in noted:
            bearing.append(noted[spelling])
        elif any(state is not None for state in states):
            bearing.append(ChannelUser(spelling, spelling, "member"))
        people = list({one.id: one for one in bearing}.values())
        roles = await self._log.state(channel, *(f"r:{one.id}" for one in people)) if people else []
        return [
            replace(one, role=cast(Role, role or one.role)) for one, role in zip(people, roles, strict=True)
        ]

    async def _noted(self, channel: str, ids: list[str]) -> list[ChannelUser]:
        """Those of these ids that are stored here."""
        if not ids:
            return []
        keys = keys_of(channel)
        raws = await self._connection.link().ask("MGET", *(keys.person(uid) for uid in ids))
        return [
            ChannelUser(uid, *orjson.loads(raw))
            for uid, raw in zip(ids, raws, strict=True)
            if raw is not None
        ]


def muting(standing: UserStanding, reason: str = "") -> dict[str, str | None] | None:
    """For a user who joins: until when they are muted, and why; an end of None means without end."""
    if standing.muted is None:
        return None
    return {
        "until": rfc3339(standing.muted) if standing.muted else None,
        **({"reason": reason} if reason else {}),
    }


def warning(standing: UserStanding) -> dict[str, str] | None:
    """The warning of the last hour, for a user who was away when it was given."""
    told = orjson.loads(standing.warned) if standing.warned is not None else None
    if told is None or told["at"] < now_ms() - WARNED_MS:
        return None
    return {"reason": told["reason"], "at": rfc3339(told["at"])}
