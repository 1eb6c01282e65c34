"""Members of channels on this node, and which of them an entry goes to. [work]

Entries of the sequence go to everyone in the channel, without reasons. Other events are addressed:
messages of shadow-banned users go to them and to moderators, actions to moderators, events about a user,
with the reason, to that user; other ephemeral events go to everyone.
"""

from collections import Counter
from collections.abc import Callable

import orjson

from realtime.chat.client import Client
from realtime.fanout import Fanout
from realtime.protocol.envelope import Entry, author
from realtime.protocol.event_types import (
    BANNED,
    CLEARED,
    MESSAGE_DELETED,
    MESSAGE_UPDATED,
    MODERATION,
    NEW_MESSAGE,
    PERSONAL,
    RESTORED,
    ROLE_CHANGED,
    SETTINGS_UPDATED,
)
from realtime.protocol.redaction import marked, public
from realtime.rules.permissions import RANK

CHANGING = frozenset(
    {BANNED, ROLE_CHANGED, SETTINGS_UPDATED, MESSAGE_UPDATED, MESSAGE_DELETED, CLEARED, RESTORED}
)
Expel = Callable[[Client, str], None]


class LocalMembers:
    """`expel` is called with a banned member, `banned` with the channel and the action's id, since guests may
    share a device or address."""

    def __init__(self, fanout: Fanout, expel: Expel, banned: Callable[[str, str], None]) -> None:
        self._fanout = fanout
        self._expel = expel
        self._banned = banned
        self._members: dict[str, set[Client]] = {}
        self._changes: Counter[str] = Counter()

    def add(self, member: Client, channel: str) -> None:
        """From now on the channel's entries keep the member's standing current."""
        self._members.setdefault(channel, set()).add(member)

    def has(self, member: Client, channel: str) -> bool:
        return member in self._members.get(channel, ())

    def guests(self) -> list[tuple[Client, str]]:
        """Each guest on this node, with one of its channels."""
        return [
            (member, channel)
            for channel, members in self._members.items()
            for member in members
            if member.guest
        ]

    def go_live(self, member: Client, channel: str) -> None:
        """From now on entries are delivered to the member, unless it was removed meanwhile."""
        if self.has(member, channel):
            self._fanout.enter(member.socket, channel)

    def changes(self, channel: str) -> int:
        """A counter that grows with each change of a user's restrictions or of a setting, so that a reader
        can tell whether its result is still current."""
        return self._changes[channel]

    def pause(self, member: Client, channel: str) -> None:
        self._fanout.leave(member.socket, channel)

    def remove(self, member: Client, channel: str) -> None:
        self._fanout.leave(member.socket, channel)
        present = self._members.get(channel, set())
        present.discard(member)
        member.stored.pop(channel, None)
        if not present:
            self._members.pop(channel, None)
            del self._changes[channel]

    def empty(self, channel: str) -> None:
        """Stops delivery to all members until they join again."""
        self._fanout.empty(channel)
        for member in self._members.get(channel, ()):
            member.stored.pop(channel, None)
            member.noted.discard(channel)

    def deliver(self, channel: str, entry: Entry) -> None:
        """Queues one entry for those who may see it, then applies what it changes about them."""
        if entry.aside and entry.type in (NEW_MESSAGE, MODERATION):
            self._tell_few(channel, entry)
            return
        if entry.type in PERSONAL and self._tell_personally(channel, entry):
            return
        shown = public(entry)
        self._fanout.deliver(channel, entry.type, entry.body if shown is None else shown.body)
        if entry.type in CHANGING:
            self._changes[channel] += 1
        if entry.type == BANNED:
            told = orjson.loads(entry.body)
            for member in self._of(channel, told["user"]["id"]):
                self._expel(member, channel)
            self._banned(channel, told["action"])
        elif entry.type == ROLE_CHANGED:
            told = orjson.loads(entry.body)
            for member in self._of(channel, told["user"]["id"]):
                member.stored[channel] = told["role"] if told["source"] == "channel" else None

    def _tell_personally(self, channel: str, entry: Entry) -> bool:
        """Sends an event about a user to that user with the reason, outside the sequence. True when no other
        user gets it."""
        told = orjson.loads(entry.body)
        if entry.aside or "reason" in told:
            body = orjson.dumps({name: value for name, value in told.items() if name not in ("seq", "epoch")})
            for member in self._of(channel, told["user"]["id"]):
                self._fanout.send_to(member.socket, entry.type, body)
        return entry.aside

    def _of(self, channel: str, uid: str) -> list[Client]:
        return [member for member in self._members.get(channel, ()) if member.user.sub == uid]

    def _tell_few(self, channel: str, entry: Entry) -> None:
        writer = author(entry) if entry.type == NEW_MESSAGE else None
        shown = marked(entry.body) if writer is not None else entry.body
        for member in self._members.get(channel, ()):
            if RANK[member.role(channel)] >= RANK["moderator"]:
                self._fanout.send_to(member.socket, entry.type, shown)
            elif member.user.sub == writer:
                self._fanout.send_to(member.socket, entry.type, entry.body)
