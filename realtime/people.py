"""Who has been in a channel: ids by name, and the roles that count. [store]

Names and roles come from tokens; they are noted in Redis when somebody joins or writes and forgotten after 30 days, guests an
hour after they have left: anybody may make guests without end. A role stored by moderation beats the token's.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import cast

import orjson

from realtime.connection import Connection
from realtime.judge import Role
from realtime.keys import keys_of
from realtime.log import Log
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.errors import Forbidden, Invalid

KNOWN_S, GUEST_KNOWN_S = 30 * 86_400, 3600
MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str
    role: Role

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a user stands in a channel. `role` is the one that counts, `stored` the one that moderation gave, if any. Ends are
    ms since the epoch, 0 for good, None for not at all."""

    role: Role
    stored: Role | None
    banned: int | None
    muted: int | None
    shadowed: bool

    def check_in(self) -> None:
        """Errors: Forbidden (banned)."""
        if self.banned is not None:
            left = max(0, self.banned - now_ms()) / 1000 if self.banned else None
            raise Forbidden("You are banned from this channel.", code="banned", retry_after=left)


class People:
    """Errors of all verbs: Unavailable."""

    def __init__(self, connection: Connection, entries: Log) -> None:
        self._connection, self._log = connection, entries

    async def note(self, channel: str, person: Person, *, guest: bool = False) -> None:
        """Somebody is here, under this name and with this role by their token. A guest must be noted again within the hour."""
        link, keys, known_s = self._connection.link(), keys_of(channel), GUEST_KNOWN_S if guest else KNOWN_S
        named = keys.named_guests(person.name) if guest else keys.named(person.name)
        await asyncio.gather(
            link.ask("SET", keys.person(person.id), orjson.dumps([person.name, person.role]), "EX", known_s),
            link.ask("SADD", named, person.id),
            link.ask("EXPIRE", named, known_s),
        )

    async def standing(self, channel: str, uid: str, claimed: Role = "member") -> Standing:
        role, banned, muted, shadowed = await self._log.state(channel, f"r:{uid}", f"b:{uid}", f"m:{uid}", f"s:{uid}")
        stored = cast(Role | None, role)
        return Standing(stored or claimed, stored, _holds(banned), _holds(muted), shadowed is not None)

    async def get(self, channel: str, uid: str) -> Person | None:
        """Somebody who has been here, with the role that counts."""
        raw = await self._connection.link().ask("GET", keys_of(channel).person(uid))
        stored = (await self.standing(channel, uid)).stored
        if raw is None:
            return None if stored is None else Person(uid, uid, stored)
        name, role = orjson.loads(raw)
        return Person(uid, name, stored or role)

    async def resolve(self, channel: str, subject: str) -> Person:
        """The person with this id, or else the one with this name; somebody never seen counts by id.

        Errors: Invalid with the ids when several have the name.
        """
        person = await self.get(channel, subject)
        if person is not None:
            return person
        ids = await self._named(channel, subject)
        if len(ids) > 1:
            raise Invalid(f"Several are called {subject}; use an id: {', '.join(ids)}.")
        found = await self.get(channel, ids[0]) if ids else None
        if found is None or found.name.casefold() == subject.casefold():
            return found or Person(subject, subject, "member")
        return replace(found, id=subject, name=subject, role="member")  # they have another name now

    async def _named(self, channel: str, name: str) -> list[str]:
        """Some of those who have this name, members first: a name may have been given to thousands of guests."""
        link, keys = self._connection.link(), keys_of(channel)
        found = await asyncio.gather(*(link.ask("SRANDMEMBER", key, MOST_NAMED) for key in (keys.named(name), keys.named_guests(name))))
        ids = [raw.decode() for some in found for raw in sorted(some)]
        return list(dict.fromkeys(ids))[:MOST_NAMED]


def muting(standing: Standing) -> dict[str, str | None] | None:
    """What somebody who joins must know: until when they may not write; an end of None means for good."""
    return None if standing.muted is None else {"until": rfc3339(standing.muted) if standing.muted else None}


def _holds(ends: str | None) -> int | None:
    """An end that has not come yet."""
    return None if ends is None or 0 < int(ends) <= now_ms() else int(ends)
