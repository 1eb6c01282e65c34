"""What requests over the socket are answered with when they succeed; asyncapi.json is written from here.
[decision]

The examples are what a test receives from a running node, with ids, times and epochs of every day put in
(tests/realtime/protocol/test_asyncapi.py).
"""

from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from realtime.protocol.event_schemas import Action, Message, Person, Role

EXAMPLES: dict[str, Any] = orjson.loads(Path(__file__).with_name("examples.json").read_bytes())


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    ok: Literal[True]


class Modes(BaseModel):
    """`slow` and `guestwait` in seconds; `pinned` is a message's id; `rate_per_s` and `burst` are what one
    user may write at all."""

    model_config = ConfigDict(extra="forbid")
    slow: int
    guestwait: int
    guestsread: bool
    lockdown: bool
    subscribers: bool
    followers: bool
    emoteonly: bool
    pinned: str | None
    rate_per_s: float
    burst: int


class Muted(BaseModel):
    """`until` null: for good."""

    model_config = ConfigDict(extra="forbid")
    until: str | None
    reason: str | None = None


class Warned(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: str
    at: str


class Newcomer(BaseModel):
    """`known_s`: for how long this guest has been known; `wait_s`: how long the app lets new ones wait before
    they write."""

    model_config = ConfigDict(extra="forbid")
    known_s: float
    wait_s: int


class Renamed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    message: str


class Joined(Answer):
    """`recovered`: `events` are those after the given position, in order; with `more`, join again from this
    `seq`, and live delivery begins with the last page. Otherwise `messages` are the newest ones, and `pinned`
    the pinned message, however old."""

    role: Role
    badges: list[str]
    viewers: int
    muted: Muted | None
    settings: Modes
    warned: Warned | None = None
    guest: Newcomer | None = None
    renamed: Renamed | None = None
    epoch: str
    seq: int
    recovered: bool
    events: list[dict[str, Any]] | None = None
    more: bool | None = None
    messages: list[Message] | None = None
    pinned: Message | None = None


class Done(Answer):
    """Nothing more is said."""


class CommandForm(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    usage: str
    about: str


class Sent(Answer):
    """The message is in the durable log. Its `seq` is that of the entry before it where its author is
    shadow-banned. `held`: it is in no log yet; a moderator sees it first, and it comes when it is approved. A
    text that was a command is answered as `chat.command` is."""

    id: str | None = None
    seq: int | None = None
    held: bool | None = None
    reply: str | None = None
    action: Action | None = None
    commands: list[CommandForm] | None = None


class Commanded(Answer):
    """`reply` is a sentence for the user who gave the command; `action` is what to undo, `commands` answers
    `/help`. A `/me` is a message and answered as one."""

    reply: str
    action: Action | None = None
    commands: list[CommandForm] | None = None
    id: str | None = None
    seq: int | None = None


class CommandList(Answer):
    commands: list[CommandForm]


class HistoryPage(Answer):
    """Oldest first; `next_cursor` is the `cursor` of the page before this one, `next` the same under its old
    name."""

    messages: list[Message]
    next_cursor: str | None
    next: str | None


class Written(Answer):
    """`removed`: readers no longer see it."""

    message: Message
    removed: bool


class OneRead(Answer):
    message: Message


class HeldOne(BaseModel):
    """A message that the app's server wants a moderator to see first, and why."""

    model_config = ConfigDict(extra="forbid")
    id: str
    user: dict[str, Any]
    text: str
    created: str
    reason: str | None = None


class HeldPage(Answer):
    """Oldest first."""

    held: list[HeldOne]
    next_cursor: str | None


class Decided(Answer):
    """`seq` of a message that was let through."""

    id: str
    seq: int | None = None


class ActionPage(Answer):
    """Newest first."""

    actions: list[Action]
    next_cursor: str | None


class InForce(BaseModel):
    """`action` is what to undo."""

    model_config = ConfigDict(extra="forbid")
    user: Person
    kind: Literal["ban", "mute", "timeout", "shadowban"]
    action: str
    actor: dict[str, str]
    at: str
    reason: str | None = None
    expires: str | None = None


class RestrictionList(Answer):
    """Newest first, 500 at most."""

    restrictions: list[InForce]


class Here(Person):
    role: str


class Card(Answer):
    """`messages` are the newest 20, oldest first; `messages_found` counts those among the newest entries of the
    channel, and `more` says that there may be earlier ones."""

    user: Here
    restrictions: list[InForce]
    actions: list[Action]
    messages: list[Message]
    messages_found: int
    more: bool


class PresencePage(Answer):
    """`next_cursor` is the `cursor` of the next page, `next` the same under its old name."""

    users: list[Here]
    total: int
    next_cursor: str | None
    next: str | None


class Subscribed(Answer):
    """`recovered`: `events` are what was missed; with `more`, subscribe again from this `seq`. Otherwise
    events begin here."""

    epoch: str
    seq: int
    recovered: bool
    events: list[dict[str, Any]] | None = Field(None)
    more: bool | None = None


ANSWERS: dict[str, type[Answer]] = {
    "channel.join": Joined,
    "channel.leave": Done,
    "chat.send": Sent,
    "chat.command": Commanded,
    "chat.commands": CommandList,
    "chat.delete": Done,
    "chat.history": HistoryPage,
    "chat.original": Written,
    "chat.message": OneRead,
    "held.list": HeldPage,
    "held.decide": Decided,
    "moderation.actions": ActionPage,
    "moderation.restrictions": RestrictionList,
    "moderation.user": Card,
    "typing.start": Done,
    "typing.stop": Done,
    "reaction.send": Done,
    "presence.list": PresencePage,
    "events.subscribe": Subscribed,
    "events.unsubscribe": Done,
}
