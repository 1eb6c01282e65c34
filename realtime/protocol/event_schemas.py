"""Every public event: what it carries and what it means. asyncapi.json and docs/events.md are written from
here. [decision]

An envelope is `{id, type, at, channel?, epoch?, seq?, …data}`. A model below is the data; unknown fields
are forbidden, and the tests hold every event that they receive against its model.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from weir.foundation import events
from weir.foundation.events import Event, type_of

Role = Literal["owner", "moderator", "vip", "member", "guest"]


class Told(BaseModel):
    """What every envelope has. `epoch` and `seq` are the place in the channel's log, or in the app's log for
    those who follow the app; there `channel_seq` is the channel's own. Ephemeral events have none of the
    three."""

    model_config = ConfigDict(extra="forbid", strict=True)
    id: str
    type: str
    at: str = Field(description="RFC 3339, UTC, milliseconds.")
    channel: str | None = None
    epoch: str | None = None
    seq: int | None = None
    channel_seq: int | None = None


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    name: str


class Author(Person):
    role: Role
    badges: list[str]
    avatar: str | None = None


class Action(BaseModel):
    """A moderation action. `undoes` and `undone` are ids of actions; `everywhere`: in all channels of the
    app."""

    model_config = ConfigDict(extra="forbid")
    id: str
    kind: str
    actor: dict[str, str]
    target: Person | None = None
    message: str | None = None
    reason: str | None = None
    at: str
    expires: str | None = None
    value: str | int | None = None
    undoes: str | None = None
    undone: str | None = None
    everywhere: bool | None = None


class Message(Told):
    """A message. `me`: says what its author does; `announcement`: highlighted. To moderators, messages of a
    shadow-banned user come with `shadow` and `after_seq` instead of a seq."""

    cid: str
    user: Author
    text: str
    reply_to: str | None = None
    picture_time: int | None = Field(
        None, description="Milliseconds since the epoch on the picture's own clock."
    )
    me: bool | None = None
    announcement: bool | None = None
    shadow: bool | None = None
    after_seq: int | None = None


class Place(BaseModel):
    model_config = ConfigDict(extra="forbid")
    epoch: str
    seq: int


class MessageDeleted(Told):
    """A message is gone; where it stood, those who come later find this in its place."""

    message: str
    deleted: bool
    target: Place | None = None
    action: str | None = None
    by: Literal["author", "moderator"] | None = None


class MessageHeld(Told):
    """A message waits for a moderator, because the app's server said so: `POST …/held/{message}/approve`, or
    `DELETE …/held/{message}`."""

    message: str
    user: Author
    text: str
    reason: str | None = None


class MessageUpdated(Told):
    """A message was pinned or unpinned, or is shown again (`restored`)."""

    message: str
    pinned: bool | None = None
    deleted: bool | None = None
    target: Place | None = None
    restored: dict[str, Any] | None = None
    action: str


class Restored(Told):
    """Messages that a ban or a clearing had hidden are shown again: here are all of them from `from_seq` on,
    oldest first, 50 and 64 KB at most. Who shows older ones joins again without a position. Without
    `user`, everybody's."""

    user: Person | None = None
    messages: list[dict[str, Any]]
    from_seq: int
    action: str


class Moderated(Told):
    """Any action, in full: to moderators, without a seq, and in the app's log. All other members get what
    changed for them by the events about users and messages."""

    action: Action


class Cleared(Told):
    """All messages up to here, or those of one user, are hidden."""

    action: str
    user: Person | None = None


class SettingsUpdated(Told):
    """A mode was switched: `slow` in seconds, the others true or false."""

    settings: dict[str, bool | int]
    action: str


class UserEvent(Told):
    """All members get it without a reason. Without a `channel`, it is a ban in all channels of the app, sent
    to those who follow the app. The user concerned gets it once more, without a seq and with the reason; the
    app's log has the reason."""

    user: Person
    action: str
    reason: str | None = None
    expires: str | None = None
    ended: bool | None = Field(None, description="True when time ended it, not a moderator.")


class RoleChanged(Told):
    """`source`: given in this channel, or by the user's token again."""

    user: Person
    role: Role
    source: Literal["channel", "token"]
    action: str
    reason: str | None = None


class Presence(Told):
    """Who came or went within a second; 50 of them at most, `count` says how many it were."""

    users: list[Person]
    count: int


class Typing(Told):
    user: Person
    expires_in: float | None = None


class Reactions(Told):
    """How many of each kind since the last update."""

    counts: dict[str, int]


class ViewerMoved(Told):
    """A viewing session came to a channel, or went from it: each once, in the app's log, from the first
    follower on. Above 50 comings and goings in a second they are one event of each kind, with their
    `count` and without a `session`. A session whose node or player died goes when its lease ends, within a
    minute. Of a viewer who was there before the first follower there is only the leaving."""

    stream: str
    count: int
    session: str | None = None


class ViewerCount(Told):
    """Sessions that watch now. `peak`: the most since the first session began."""

    count: int
    peak: int
    stream: str | None = None


class Occupancy(Told):
    """One shape for viewers of a channel and spaces of a place."""

    subject: Literal["channel", "place"]
    stream: str | None = None
    place: str | None = None
    total: int | None = None
    occupied: int
    available: int | None = None
    peak: int


class Notice(Told):
    """From the server about this connection. `code`: resync (join or subscribe again), restart,
    unauthenticated; to followers of an app subscribed and position (their position). About a stream, and then
    in the channel's sequence: storage_full, storage_recovered."""

    code: str
    message: str | None = None
    retry_after: float | None = None
    recovered: bool | None = None
    stream: str | None = None
    playback: str | None = None
    broadcast: str | None = None


class Custom(Told):
    """Published by the app itself by POST /v1/events: for its programs, or for everybody in a channel
    (`deliver: channel`)."""

    data: dict[str, Any]
    stream: str | None = None
    place: str | None = None


class Partner(Told):
    """What a partner's webhook has become by the mapping of its source (docs/guides/inbound.md)."""

    source: str
    data: dict[str, Any]


@dataclass(frozen=True)
class EventSchema:
    """`ephemeral`: at most once, no seq."""

    model: type[Told]
    about: str
    ephemeral: bool = False


def _first_line(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def _of_fact(fact: type[Event]) -> EventSchema:
    hidden = {"id", "at", "app", "type", "generation", "source", "channel"}
    fields: dict[str, Any] = {
        name: (one.annotation, one) for name, one in fact.model_fields.items() if name not in hidden
    }
    name = "".join(part.title() for part in type_of(fact).replace(".", "_").split("_"))
    model = create_model(name, __base__=Told, __doc__=fact.__doc__, **fields)
    about = re.sub(
        r"^\w+ → [^:]*: *|\s*\w+ → .*$", "", _first_line(fact)
    )  # without the publisher and the listeners
    return EventSchema(model, about[:1].upper() + about[1:], fact.ephemeral)


EVENTS: dict[str, EventSchema] = {
    **{type_of(fact): _of_fact(fact) for fact in events.catalogue() if fact.public},
    "chat.message.new": EventSchema(Message, "A message."),
    "chat.message.held": EventSchema(MessageHeld, "A message waits for a moderator; in the app's log alone."),
    "chat.message.updated": EventSchema(
        MessageUpdated, "A message was pinned or unpinned, or is shown again."
    ),
    "chat.message.deleted": EventSchema(
        MessageDeleted, "A message was removed; later readers get this event in its place."
    ),
    "chat.cleared": EventSchema(Cleared, "All messages before it, or one user's, are hidden."),
    "chat.restored": EventSchema(Restored, "Messages that a ban or clearing had hidden are shown again."),
    "chat.moderation": EventSchema(
        Moderated, "Any action, with actor and reason: to moderators, without a seq, and in the app's log."
    ),
    "chat.settings.updated": EventSchema(SettingsUpdated, "A mode of the channel was switched."),
    "user.banned": EventSchema(UserEvent, "A user was banned."),
    "user.unbanned": EventSchema(UserEvent, "A ban was lifted."),
    "user.muted": EventSchema(UserEvent, "A user may not write, until `expires` or for good."),
    "user.unmuted": EventSchema(UserEvent, "A user may write again; `ended` when the time has expired."),
    "user.warned": EventSchema(
        UserEvent,
        "A warning, with its reason: to the one who is warned, without a seq, and in the app's log.",
    ),
    "user.role.changed": EventSchema(RoleChanged, "A user's role in the channel has changed."),
    "user.online": EventSchema(Presence, "Users came, coalesced to one event a second.", ephemeral=True),
    "user.offline": EventSchema(Presence, "Users went, coalesced to one event a second.", ephemeral=True),
    "typing.started": EventSchema(Typing, "A user is typing, for `expires_in` seconds.", ephemeral=True),
    "typing.stopped": EventSchema(Typing, "A user has stopped typing.", ephemeral=True),
    "reaction.sent": EventSchema(
        Reactions, "Reactions since the last update, at most five updates a second.", ephemeral=True
    ),
    "viewer.count.update": EventSchema(
        ViewerCount, "The number of viewers has changed, at most once a second.", ephemeral=True
    ),
    "viewer.joined": EventSchema(ViewerMoved, "A viewer came to a channel; in the app's log."),
    "viewer.left": EventSchema(ViewerMoved, "A viewer went from a channel; in the app's log."),
    "occupancy.update": EventSchema(
        Occupancy,
        "The occupation of a channel or place has changed; to those who follow the app.",
        ephemeral=True,
    ),
    "system.notice": EventSchema(
        Notice, "About this connection; or about a stream, and then with a `seq`.", ephemeral=True
    ),
    "custom.<name>": EventSchema(Custom, "Published by the app itself, for its programs or for a channel."),
    "partner.<name>": EventSchema(Partner, "A partner has told a source of the app something."),
}


def form_of(kind: str) -> EventSchema | None:
    """The form of an event's type; `custom.` and `partner.` are followed by any name."""
    own = next((one for one in ("custom.", "partner.") if kind.startswith(one)), None)
    return EVENTS.get(f"{own}<name>" if own else kind)


def data_of(form: EventSchema) -> list[tuple[str, bool]]:
    """Names of an event's own fields, and whether each is always there."""
    return [
        (name, one.is_required())
        for name, one in form.model.model_fields.items()
        if name not in Told.model_fields
    ]
