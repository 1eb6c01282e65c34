"""Finds the user that a command names, by name or id, among those who are or were in the channel. [store]

A command for an unknown user changes nothing: a word that is neither a name nor an id is refused with the
nearest names, and one that matches several users with a choice of them. Only `@id:ID` reaches users who have
never been in the channel.
"""

from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Any, cast

import orjson

from realtime.chat.users import ChannelUser, ChannelUsers, UserStanding
from realtime.log.archive import Actions
from realtime.log.channel_log import ChannelLog
from realtime.protocol.envelope import PAGE_EVENTS
from realtime.protocol.event_types import NEW_MESSAGE
from realtime.rules.commands import Command, Interpretation, interpretations, usage
from realtime.rules.moderation_actions import LIFTS, USER_FACETS, split, standing
from realtime.rules.permissions import Role
from weir.foundation.clock import now_ms
from weir.foundation.errors import Invalid, NotFound
from weir.foundation.texts import folded

MOST_TRIED = 4
MOST_OFFERED = 5
MOST_GUESSED = 3
NEAR = 0.7
RAISES = {"unmod": "moderator", "unvip": "vip"}


class Addressees:
    """Errors of the verbs: NotFound and Invalid with `choices` (`{id, name, role, text?}`: the same command
    about that person); Unavailable."""

    def __init__(self, entries: ChannelLog, people: ChannelUsers, actions: Actions) -> None:
        self._log = entries
        self._users = people
        self._actions = actions

    async def find(self, channel: str, command: Command) -> tuple[ChannelUser, Command]:
        """The one person who is meant, and the command about them."""
        possible = interpretations(command)
        if possible[0].by_id:
            return await self._by_id(channel, possible[0].names[0]), _sensible(command, possible[0])
        lifted = await self._lifted(channel, command, possible[0])
        if lifted is not None:
            return lifted, _sensible(command, possible[0])
        called = await self._users.find_by_name(channel, (name for one in possible for name in one.names))
        authors = await self._authors(channel)
        for reading in possible:
            found = _of(reading, called, authors)
            if len(found) > 1:
                raise _several(command, reading, found)
            if found:
                return found[0], _sensible(command, reading)
        raise _nobody(command, possible, [*authors.values(), *await self._users.recent(channel)])

    async def _by_id(self, channel: str, uid: str) -> ChannelUser:
        authors = await self._authors(channel)
        said = next(
            (one for (known, _), one in authors.items() if known == uid), ChannelUser(uid, uid, "member")
        )
        return await self._users.get(channel, uid) or said

    async def _authors(self, channel: str) -> dict[tuple[str, str], ChannelUser]:
        """Authors of the newest entries, by id and the name in the entry: also those who are no longer stored
        as users."""
        found: dict[tuple[str, str], ChannelUser] = {}
        for entry in (await self._log.newest(channel, PAGE_EVENTS)).entries:
            if entry.type == NEW_MESSAGE:
                user = orjson.loads(entry.body)["user"]
                found[user["id"], folded(user["name"])] = ChannelUser(user["id"], user["name"], user["role"])
        return found

    async def _lifted(self, channel: str, command: Command, reading: Interpretation) -> ChannelUser | None:
        """The one user of this name on whom the action that the command ends is in effect: another user who
        has taken the name since is not meant. None where there is none. Errors: Invalid for several."""
        kind = USER_FACETS.get(command.name, "") if command.name in LIFTS or command.name in RAISES else ""
        if not kind or reading.command is None:
            return None
        called = await self._users.find_by_name(channel, reading.names)
        found = [
            one
            for one in _of(reading, called, {})
            if _stands(kind, command, await self._users.standing(channel, one.id, one.role))
        ]
        if not found:
            found = await self._targets(channel, kind, command, {folded(name) for name in reading.names})
        if len(found) > 1:
            raise _several(command, reading, found)
        return found[0] if found else None

    async def _targets(self, channel: str, kind: str, command: Command, names: set[str]) -> list[ChannelUser]:
        """Those of these names to whom moderators did it, by the moderation log: guests are forgotten before
        their bans end."""
        now, found = now_ms(), dict[str, ChannelUser]()
        for action in sorted(await self._actions.current(channel), key=lambda one: int(one["turn"])):
            target = action.get("target")
            if target is None or split(action["facet"])[0] != kind or folded(target["name"]) not in names:
                continue
            value, _ = standing(action, now)
            found.pop(target["id"], None)
            if value is not None and RAISES.get(command.name, value) == value:
                found[target["id"]] = ChannelUser(
                    target["id"], target["name"], cast(Role, value) if kind == "role" else "member"
                )
        return list(found.values())


def _stands(kind: str, command: Command, stands: UserStanding) -> bool:
    if kind == "role":
        return stands.role == RAISES[command.name]
    return {"ban": stands.banned is not None, "mute": stands.muted is not None, "shadow": stands.shadowed}[
        kind
    ]


def _of(
    reading: Interpretation, called: dict[str, list[ChannelUser]], authors: dict[tuple[str, str], ChannelUser]
) -> list[ChannelUser]:
    """All users that this reading may mean."""
    names = {folded(name) for name in reading.names}
    people = {one.id: one for name in reading.names for one in called[name]}
    for (uid, name), one in authors.items():
        if name in names:
            people.setdefault(uid, one)
    return list(people.values())


def _sensible(command: Command, reading: Interpretation) -> Command:
    """Errors: Invalid with the usage line."""
    if reading.command is None:
        raise Invalid(f"Usage: {usage(command.name)}")
    return reading.command


def _several(command: Command, reading: Interpretation, people: list[ChannelUser]) -> Invalid:
    offered = people[:MOST_OFFERED]
    shown = ", ".join(f"{_word(one)} ({one.name}, {one.role})" for one in offered)
    more = " and others" if len(people) > len(offered) else ""
    text = f"More than one person may be meant by {_shown(reading)}: {shown}{more}. Write the one you mean."
    return Invalid(text, choices=[_choice(command, reading, one) for one in offered])


def _nobody(command: Command, possible: list[Interpretation], known: Iterable[ChannelUser]) -> NotFound:
    """The error for the reading that is nearest to a known name; for the first word where none is near."""
    people = {one.id: one for one in known}.values()
    tried = [(_nearest(_shown(reading), people), reading) for reading in possible[-MOST_TRIED:][::-1]]
    near, reading = max(tried, key=lambda one: one[0][0][0] if one[0] else 0.0)
    if not near:
        text = f"Nobody here is called {_shown(reading)}. Somebody who was never here is named by their id: @id:ID."
        return NotFound(text)
    *others, last = [one.name for _, one in near]
    guess = f"{', '.join(others)} or {last}" if others else last
    return NotFound(
        f"Nobody here is called {_shown(reading)}. Did you mean {guess}?",
        choices=[_choice(command, reading, one) for _, one in near],
    )


def _nearest(word: str, people: Iterable[ChannelUser]) -> list[tuple[float, ChannelUser]]:
    """Whose names are like this word, the nearest first."""
    wanted, likely = folded(word), list[tuple[float, ChannelUser]]()
    matcher = SequenceMatcher(b=wanted, autojunk=False)
    for one in people:
        name = folded(one.name)
        matcher.set_seq1(name)
        ratio = matcher.ratio() if min(matcher.real_quick_ratio(), matcher.quick_ratio()) >= NEAR else 0.0
        if name.startswith(wanted) or ratio >= NEAR:
            likely.append((max(ratio, NEAR), one))
    return sorted(likely, key=lambda pair: -pair[0])[:MOST_GUESSED]


def _shown(reading: Interpretation) -> str:
    return min(reading.names, key=len)


def _word(person: ChannelUser) -> str:
    return f'@id:"{person.id}"' if " " in person.id else f"@id:{person.id}"


def _choice(command: Command, reading: Interpretation, person: ChannelUser) -> dict[str, Any]:
    choice = {"id": person.id, "name": person.name, "role": person.role}
    return (
        choice
        if reading.command is None
        else {**choice, "text": f"/{command.name} {_word(person)} {reading.rest}".rstrip()}
    )
