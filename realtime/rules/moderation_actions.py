"""What a moderation action is, changes and publishes. [decision]

A channel's moderation state consists of facets (`ban:UID`, `slow`, `pin`, …). Each action gives one facet
a value for its turn, or None to take it away; turns of a facet are numbered, so the highest turn is what
holds, in documents and in Redis, in whatever order the two learn of it. An undo is an action too: it gives
the facet back the value from before.

An action whose `channel` is an app's id holds in all channels of the app.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict

import orjson

from realtime.protocol.event_types import (
    BANNED,
    CLEARED,
    MESSAGE_DELETED,
    MESSAGE_UPDATED,
    MUTED,
    NEW_MESSAGE,
    SETTINGS_UPDATED,
    UNBANNED,
    UNMUTED,
)
from realtime.protocol.log_names import of_app
from realtime.rules.commands import Command
from weir.foundation.clock import rfc3339

Change = tuple[str, str, str | int]
Value = str | int | None


class Place(TypedDict):
    epoch: str
    seq: int


# What a ban of a guest also bans: the browser's device id; the hash of the address
# (realtime.log.redis_keys), which is forgotten at `until` and holds for guests who came after `from` (ms).
Marks = TypedDict("Marks", {"device": str, "address": str, "until": int, "from": int}, total=False)


class Before(TypedDict):
    """What the facet had before the action."""

    value: Value
    expires: int | None
    cleared_to: NotRequired[int]


class ActionDoc(TypedDict):
    """A moderation action as it is stored. `message` is an id, `said` the message's JSON as text, `card` the
    author of an announcement; `cleared_to` is the seq below which the action hides messages; `due` is its end
    until the end has been published; `also` is the action in the channel that belongs to one in the whole
    app; `freed` are the marks of the facet's action before this one; `undoes` and `undone` are ids of
    actions. Times are milliseconds."""

    id: str
    app: str
    channel: str
    kind: str
    facet: str
    value: Value
    expires: int | None
    actor: Any
    reason: str
    at: int
    current: bool
    applied: bool
    turn: NotRequired[int]
    before: NotRequired[Before]
    by: NotRequired[dict[str, Any]]
    target: NotRequired[Any]
    marks: NotRequired[Marks | None]
    freed: NotRequired[Marks | None]
    message: NotRequired[str]
    place: NotRequired[Place]
    said: NotRequired[str]
    card: NotRequired[Any]
    undoes: NotRequired[str]
    undone: NotRequired[str]
    cleared_to: NotRequired[int]
    due: NotRequired[int | None]
    also: NotRequired[str]


USER_FACETS = {
    "ban": "ban",
    "unban": "ban",
    "timeout": "mute",
    "untimeout": "mute",
    "mute": "mute",
    "unmute": "mute",
    "shadowban": "shadow",
    "unshadowban": "shadow",
    "mod": "role",
    "unmod": "role",
    "vip": "role",
    "unvip": "role",
}
MODES = ("slow", "guestwait", "guestsread", "subscribers", "followers", "emoteonly", "lockdown")
TIMED_MODES = ("slow", "guestwait")
LIFTS = {
    "unban": "banned",
    "untimeout": "muted",
    "unmute": "muted",
    "unshadowban": "shadow-banned",
    "unpin": "pinned",
}
ROLES: dict[str, Literal["moderator", "vip", "member"]] = {
    "mod": "moderator",
    "unmod": "member",
    "vip": "vip",
    "unvip": "member",
}
_FIELDS = {"ban": "b:", "mute": "m:", "shadow": "s:", "role": "r:", "lockdown": "lock"}
_USER_EVENTS = {"ban": (BANNED, UNBANNED), "mute": (MUTED, UNMUTED)}
ASIDE = ("shadow", "warn")
"""Kinds of facets that are in no log, because not all members may know them."""


def mode_of(name: str) -> str | None:
    """The channel mode that a command switches."""
    return next((mode for mode in MODES if name in (mode, mode + "off")), None)


def facet_of(command: Command, action_id: str, target: str) -> str:
    """`target` is the user's id, or the message's, or empty."""
    name = command.name
    if name in USER_FACETS:
        return f"{USER_FACETS[name]}:{target}"
    if name in ("pin", "unpin"):
        return "pin"
    if name == "delete":
        return f"message:{target}"
    if name == "clear":
        return f"clear:{target}" if target else "clear"
    return mode_of(name) or f"{name}:{action_id}"


def value_of(command: Command, target: str) -> Value:
    name = command.name
    if name in ROLES:
        return ROLES[name]
    if name in LIFTS or name.endswith("off"):
        return None
    if name in TIMED_MODES:
        return command.seconds
    return target if name == "pin" else 1


def standing(action: ActionDoc | None, now_ms: int) -> tuple[Value, int | None]:
    """The value and end that a facet's latest action gives it now; an expired one gives nothing."""
    if action is None or (action["expires"] is not None and action["expires"] <= now_ms):
        return None, None
    return action["value"], action["expires"]


def split(facet: str) -> tuple[str, str]:
    """Kind of the facet and its subject: a user, a message, an action, or nothing."""
    kind, _, about = facet.partition(":")
    return kind, about


def field_of(facet: str, value: Value, expires: int | None) -> tuple[str, Value] | None:
    """The field of the channel's state in Redis and its value there; None for facets without a field."""
    kind, about = split(facet)
    if kind in ("ban", "mute"):
        return _FIELDS[kind] + about, None if value is None else expires or 0
    if kind in ("shadow", "role"):
        return _FIELDS[kind] + about, value
    if kind in TIMED_MODES:
        return kind, None if value is None else int(value) * 1000
    return (_FIELDS.get(kind, kind), value) if kind in (*MODES, "pin") else None


def fields_of(actions: list[ActionDoc], now_ms: int) -> dict[str, str | int]:
    """A channel's state for Redis, from the actions that may be current. Of several actions of a facet the
    highest turn counts."""
    fields: dict[str, str | int] = {}
    for facet, action in _latest(actions).items():
        fields["t:" + facet] = action["turn"]
        value, ends = standing(action, now_ms)
        given = field_of(facet, value, ends)
        if given is not None and given[1] is not None:
            fields[given[0]] = given[1]
    version, marked = marked_fields(actions, now_ms)
    fields |= {f"t:{mark_facet(name)}": version for name in marked}
    return fields | marked


def _latest(actions: Iterable[ActionDoc]) -> dict[str, ActionDoc]:
    """The action with the highest turn of each facet."""
    return {one["facet"]: one for one in sorted(actions, key=lambda one: int(one["turn"]))}


def user_field(uid: str) -> str:
    """Of a ban, in the state of a channel or app."""
    return "b:" + uid


def device_field(device: str) -> str:
    """The field, in the state of a channel or app, of a banned device. No user's id has this form."""
    return "b:@d:" + device


def address_field(address: str) -> str:
    return "b:@a:" + address


def mark_facet(field: str) -> str:
    """The facet under which the field of a device or address is written: several bans share one."""
    return f"mark:{field}"


def marked_fields(actions: Iterable[ActionDoc], now_ms: int) -> tuple[int, dict[str, str | int]]:
    """The fields of banned devices and addresses, from all actions of a channel or app that may be current:
    the latest end in ms of the bans in effect, 0 for good; of an address "end from", from the earliest on.
    With a version that grows with every ban that is added or lifted there."""
    bans = [one for facet, one in _latest(actions).items() if facet.startswith("ban:")]
    fields: dict[str, str | int] = {}
    for ban in bans:
        marks = ban.get("marks") or {}
        if standing(ban, now_ms)[0] is None:
            continue
        if marks.get("device"):
            name, ends = device_field(marks["device"]), ban["expires"] or 0
            fields[name] = _later(int(fields.get(name, ends)), ends)
        if marks.get("address") and marks["until"] > now_ms:
            name, ends = (
                address_field(marks["address"]),
                min(marks["until"], ban["expires"] or marks["until"]),
            )
            known, _, begins = str(fields.get(name, f"{ends} {marks['from']}")).partition(" ")
            fields[name] = f"{max(int(known), ends)} {min(int(begins), marks['from'])}"
    return sum(int(ban["turn"]) for ban in bans), fields


def _later(one: int, other: int) -> int:
    return 0 if 0 in (one, other) else max(one, other)


def names_of(action: ActionDoc) -> set[str]:
    """The fields of devices and addresses that an action may change: of its own marks, and of those that the
    facet's action before it had."""
    names: set[str] = set()
    for marks in (action.get("marks") or {}, action.get("freed") or {}):
        if marks.get("device"):
            names.add(device_field(marks["device"]))
        if marks.get("address"):
            names.add(address_field(marks["address"]))
    return names


def changes_of(action: ActionDoc) -> list[Change]:
    """What an action does to the channel's state in Redis, as append.lua takes it; Bans.write_marks does what
    concerns devices and addresses."""
    facet, value = action["facet"], action["value"]
    kind, _ = split(facet)
    changes: list[Change] = []
    given = field_of(facet, value, action["expires"])
    if given is not None:
        changes.append(("unset", given[0], "") if given[1] is None else ("set", given[0], given[1]))
    if kind in ("ban", "clear") and not of_app(action["channel"]):
        changes.append(
            ("unclear", facet, "") if value is None else ("clear", facet, action.get("cleared_to") or "")
        )
    if kind == "warn":
        field, warning = "w:" + action["target"]["id"], {"reason": action["reason"], "at": action["at"]}
        changes.append(
            ("unset", field, "") if value is None else ("set", field, orjson.dumps(warning).decode())
        )
    if kind == "message":
        changes.append(("back" if value is None else "gone", str(action["place"]["seq"]), ""))
    return changes


def public_action(action: ActionDoc) -> dict[str, Any]:
    """An action in its public form."""
    shown = {
        "id": action["id"],
        "kind": action["kind"],
        "actor": action["actor"],
        "target": action.get("target"),
        "message": action.get("message"),
        "reason": action["reason"] or None,
        "at": rfc3339(action["at"]),
        "expires": rfc3339(action["expires"]) if action["expires"] else None,
        "value": action["value"] if split(action["facet"])[0] in (*MODES, "role") else None,
        "undoes": action.get("undoes"),
        "undone": action.get("undone"),
        "everywhere": True if of_app(action["channel"]) else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def log_entries(action: ActionDoc) -> list[tuple[str, dict[str, Any]]]:
    """The entries that an action puts into the channel's sequence."""
    return _events(action, {"action": action["id"]})


def restored_below(action: ActionDoc) -> int | None:
    """The seq below which this action shows hidden messages again, all or some; None for any other action."""
    before = action["before"].get("cleared_to") if split(action["facet"])[0] in ("ban", "clear") else None
    if before is None or (action["value"] is not None and (action.get("cleared_to") or before) >= before):
        return None
    return int(before)


def warning(action: ActionDoc) -> dict[str, Any]:
    """The event for the warned user."""
    return {"action": action["id"], "user": action["target"], "reason": action["reason"]}


@dataclass(frozen=True, slots=True)
class Barred:
    """The fields of a state, besides the user's own, that may ban a user, and since when they are known
    (ms)."""

    fields: tuple[str, ...] = ()
    since_ms: int = 0


NO_MORE = Barred()


def holds(states: Iterable[str | None], now_ms: int, since_ms: int = 0) -> int | None:
    """The latest end, in ms, of the bans on a user who is known since then; 0 for no end, None where there is
    none."""
    ends: list[int] = []
    for one in states:
        end, _, begins = (one or "1").partition(" ")
        if (int(end) == 0 or int(end) > now_ms) and since_ms >= int(begins or 0):
            ends.append(int(end))
    return None if not ends else 0 if 0 in ends else max(ends)


def ending(action: ActionDoc) -> tuple[str, dict[str, Any], list[Change]]:
    """What is published, and changed in the channel's state, when a mute or ban ends: event type, its data,
    changes. What the ban has hidden stays hidden."""
    field, _ = field_of(action["facet"], None, None) or ("", None)
    return (
        _USER_EVENTS[split(action["facet"])[0]][1],
        {"action": action["id"], "user": action["target"], "ended": True},
        [("unset", field, "")],
    )


def _events(action: ActionDoc, common: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    kind, value = split(action["facet"])[0], action["value"]
    if kind == "clear":
        return (
            []
            if value is None or action.get("undoes")
            else [(CLEARED, {**common, "user": action.get("target")})]
        )
    if kind in ("ban", "mute", "role"):
        return _user_events(action, kind, {**common, "user": action.get("target")})
    if kind in ("message", "pin"):
        return [_message_event(action, kind, common)]
    if kind in MODES:
        setting = (value or 0) if kind in TIMED_MODES else value is not None
        return [(SETTINGS_UPDATED, {**common, "settings": {kind: setting}})]
    return [
        (
            NEW_MESSAGE,
            {"cid": action["id"], "user": action["card"], "text": action["reason"], "announcement": True},
        )
    ]


def _user_events(action: ActionDoc, kind: str, data: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    value = action["value"]
    said = {**data, "reason": action["reason"] or None}
    if kind == "role":
        return [
            (
                "user.role.changed",
                {**said, "role": value or "member", "source": "channel" if value else "token"},
            )
        ]
    ends = rfc3339(action["expires"]) if action["expires"] else None
    events = [(_USER_EVENTS[kind][value is None], {**said, "expires": ends})]
    return [*events, (CLEARED, data)] if kind == "ban" and value and not action.get("undoes") else events


def _message_event(action: ActionDoc, kind: str, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    about, value = split(action["facet"])[1], action["value"]
    if kind == "pin":
        return MESSAGE_UPDATED, {
            **data,
            "message": value or action["before"]["value"],
            "pinned": value is not None,
        }
    data = {**data, "message": about, "target": action["place"], "deleted": value is not None}
    own = bool(value) and orjson.loads(action["said"])["user"]["id"] == action["actor"]["id"]
    if value:
        return MESSAGE_DELETED, {**data, "by": "author" if own else "moderator"}
    return MESSAGE_UPDATED, {**data, "restored": orjson.Fragment(action["said"])}
