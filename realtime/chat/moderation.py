"""Carries out commands: checks who may do what to whom, stores the action, enforces it, undoes it. [work]

An action is stored in documents first, then published and enforced in one step of the channel's log, which
acts on all nodes at once. A process that dies in between leaves an action that is not `applied`; the sweep
carries it out. Each step may be repeated: turns order the actions of one facet, and entries are identified
by the action's id.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, cast

import orjson
import structlog

from realtime.chat.addressees import Addressees
from realtime.chat.bans import Bans
from realtime.chat.users import ChannelUser, ChannelUsers
from realtime.log.app_log import AppLog, entry_of
from realtime.log.archive import Actions, Archive
from realtime.log.channel_log import ArchivedState, ChannelLog, Superseded
from realtime.protocol.envelope import PAGE_EVENTS, Entry, author, envelope, tail
from realtime.protocol.event_types import MODERATION, NEW_MESSAGE, RESTORED, WARNED
from realtime.protocol.log_names import of_app
from realtime.rules import moderation_actions
from realtime.rules.commands import (
    DONE,
    EVERYWHERE,
    FORMS,
    ID_ONLY,
    Command,
    allowed,
    format_duration,
    help_text,
)
from realtime.rules.moderation_actions import ActionDoc, Before, Marks
from realtime.rules.permissions import NO_RATE, RANK, Role, check_hierarchy, check_role
from weir.foundation.audit import By
from weir.foundation.clock import now_ms
from weir.foundation.documents import DuplicateKey
from weir.foundation.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from weir.foundation.ids import derived_id, is_id, new_id
from weir.foundation.redis.periodic import Job

MOST_PAGES = 25
MOST_SEARCHED = 5
MOST_RESTORED, LARGEST_RESTORED = 50, 64 * 1024
MOST_TRIES = 5
SWEEP_S = 2.0
END_S = 1.0
LEFT_BEHIND_MS = 3_000
DAY_MS = 86_400_000
log = structlog.get_logger("realtime.moderation")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who gives a command, with the role that counts in this channel. `id` is a user, key or account. `staff`
    may ban in all channels of the app; `by` is their name in the app's audit log, where it is known."""

    id: str
    name: str
    role: Role
    app: str = ""
    staff: bool = False
    by: By | None = None

    def to_public(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "role": self.role}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer: a sentence, the action where one was taken, and the commands for `/help`."""

    reply: str
    action: ActionDoc | None = None
    commands: list[dict[str, str]] | None = None


class Moderation:
    """Errors of the verbs: Forbidden, NotFound, Invalid (usage, ambiguous names), Conflict, Unavailable."""

    def __init__(
        self,
        entries: ChannelLog,
        people: ChannelUsers,
        actions: Actions,
        archive: Archive,
        apps: AppLog,
        bans: Bans,
        removed_days: int = 30,
    ) -> None:
        self._log = entries
        self._users = people
        self._actions = actions
        self._archive = archive
        self._apps = apps
        self._bans = bans
        self._removed_ms = removed_days * DAY_MS
        self._addressees = Addressees(entries, people, actions)
        self._tellers: dict[str, Callable[[str, Actor, Command], Awaitable[str]]] = {
            "help": self._help,
            "mods": self._mods,
            "user": self._user,
        }

    def jobs(self) -> list[Job]:
        return [Job("moderation.apply", SWEEP_S, self.sweep), Job("moderation.end", END_S, self.end_expired)]

    async def run(self, app: str, channel: str, actor: Actor, command: Command) -> Outcome:
        """Carries out one command. `/me` is a message and not handled here."""
        check_role(actor.role, command.role)
        if command.name == "help" and not command.subject:
            return Outcome(help_text("", actor.role), commands=allowed(actor.role))
        if command.name in self._tellers:
            return Outcome(await self._tellers[command.name](channel, actor, command))
        if command.name == "undo":
            return await self.undo(channel, actor, command.subject)
        if command.name in ("delete", "pin"):
            return await self._on_message(app, channel, actor, command)
        if command.who:
            return await self._on_user(app, channel, actor, command)
        action = self._draft(app, channel, actor, command, "")
        if command.name == "announce":
            action["message"] = derived_id("msg", action["id"])
            action["card"] = {**actor.to_public(), "badges": []}
        return await self._take(action)

    async def delete(self, app: str, channel: str, actor: Actor, message: str) -> Outcome:
        """Removes a message: a moderator those of users below them, everybody their own."""
        return await self._on_message(app, channel, actor, Command("delete", message))

    async def undo(self, channel: str, actor: Actor, action_id: str) -> Outcome:
        """Restores the facet's value from before an action; by default the actor's newest action."""
        found = await self._undoable(channel, actor, action_id)
        check_role(actor.role, "moderator")
        if found["kind"] in FORMS:
            check_role(actor.role, FORMS[found["kind"]].role)
        if found["actor"]["id"] != actor.id and RANK[actor.role] < RANK[found["actor"]["role"]]:
            check_hierarchy(actor.role, found["actor"]["role"])
        if "said" in found and found["said"] is None:
            raise Conflict("What this message said has been deleted since.")
        if found.get("undone"):
            raise Conflict("This action has been undone already.")
        latest = await self._actions.latest(found["channel"], found["facet"])
        if latest is not None and latest["id"] != found["id"]:
            raise Conflict(f"A later action is in effect: {latest['id']}. Undo that one.")
        action: ActionDoc = {
            "id": new_id("act"),
            "app": found["app"],
            "channel": found["channel"],
            "kind": "undo",
            "facet": found["facet"],
            "value": found["before"]["value"],
            "expires": found["before"]["expires"],
            "actor": actor.to_public(),
            "reason": "",
            "at": now_ms(),
            "undoes": found["id"],
            "current": True,
            "applied": False,
        }
        _copy_subject(found, action)
        if action["value"] is not None and found["before"].get("cleared_to"):
            action["cleared_to"] = found["before"]["cleared_to"]
        if found["kind"] == "announce":
            place = await self.find(channel, found["message"])
            action["facet"], action["value"], action["expires"] = f"message:{found['message']}", 1, None
            _locate(action, place)
        outcome = await self._take(action, only_behind=None if found["kind"] == "announce" else found["turn"])
        await self._actions.update(found["id"], undone=action["id"])
        if (
            found.get("also")
            and (beside := await self._actions.get(channel, found["also"])) is not None
            and not beside.get("undone")
        ):
            with contextlib.suppress(Conflict):
                await self.undo(channel, actor, beside["id"])
        of = f" of {found['target']['name']}" if found.get("target") else ""
        return replace(outcome, reply=f"Taken back: {found['kind']}{of}.")

    async def _undoable(self, channel: str, actor: Actor, action_id: str) -> ActionDoc:
        """An action of this channel, by default the actor's newest; or one of the app's, for its staff.
        Errors: NotFound."""
        if not action_id:
            found = await self._actions.last_of(channel, actor.id)
            last = await self._actions.last_of(actor.app, actor.id) if actor.staff else None
            if found is None or (
                last is not None and (last.get("also") == found["id"] or last["id"] > found["id"])
            ):
                found = last
        else:
            found = await self._actions.get(channel, action_id)
            if found is None and actor.staff:
                found = await self._actions.get(actor.app, action_id)
        if found is None:
            raise NotFound(
                "There is no such action." if action_id else "You have taken no action that could be undone."
            )
        return found

    async def reason(self, channel: str, facet: str) -> str:
        """The reason of the ban or mute in force; empty without one."""
        latest = await self._actions.latest(channel, facet)
        return str(latest["reason"]) if latest is not None else ""

    async def recall(self, channel: str) -> ArchivedState:
        """The state to restore in Redis before a channel, or an app, is used again."""
        top = 0 if of_app(channel) else await self._archive.top(channel)
        return ArchivedState(
            top, moderation_actions.fields_of(await self._actions.current(channel), now_ms())
        )

    async def sweep(self) -> None:
        """Carries out actions that a process stored and did not apply before it died, or while Redis was
        away."""
        for action in await self._actions.unapplied(now_ms() - LEFT_BEHIND_MS):
            await self._apply(action)

    async def end_expired(self) -> None:
        """Publishes the ends of timeouts. Half a turn: after the action that has ended, before any later one,
        and only once."""
        for action in await self._actions.ended(now_ms()):
            await self._end(action)

    async def _end(self, action: ActionDoc) -> None:
        if moderation_actions.split(action["facet"])[0] == "message":
            await self._forget_said(action)
            return
        if kept := await self._bans.forget_addresses(action):
            due = self._due(cast(ActionDoc, {**action, **kept}))
            await self._actions.update(action["id"], **kept, due=due)
            return
        marks = action.get("marks") or {}
        if of_app(action["channel"]):
            await self._bans.ended(action)
        else:
            kind, data, changes = moderation_actions.ending(action)
            entry_id = derived_id("evt", action["id"], "ended")
            with contextlib.suppress(Superseded):
                await self._log.append(
                    action["channel"],
                    kind=kind,
                    entry_id=entry_id,
                    cid=f"{action['id']}:ended",
                    rate=NO_RATE,
                    tail=tail(entry_id, kind, action["channel"], data),
                    facet=action["facet"],
                    turn=action["turn"] + 0.5,
                    changes=changes,
                )
        known = (marks.get("until"), (action.get("freed") or {}).get("until"))
        await self._actions.update(action["id"], due=min((one for one in known if one), default=None))

    async def _forget_said(self, action: ActionDoc) -> None:
        """Deletes the texts of messages that were removed some time ago and not restored."""
        latest = await self._actions.latest(action["channel"], action["facet"])
        if latest is not None and latest["value"] is not None:
            await self._archive.blank(action["channel"], action["place"]["epoch"], action["place"]["seq"])
        await self._actions.update(action["id"], said=None, due=None)

    # -- commands by what they are about

    async def _on_user(self, app: str, channel: str, actor: Actor, command: Command) -> Outcome:
        person, command = await self._addressees.find(channel, command)
        check_hierarchy(actor.role, person.role)
        if (
            command.name in ("unmod", "unvip")
            and person.role != {"unmod": "moderator", "unvip": "vip"}[command.name]
        ):
            raise Conflict(f"{person.name} is no {command.name.removeprefix('un')}.")
        if command.name in ("ban", "unban") and EVERYWHERE in command.extent:
            return await self._everywhere(app, channel, actor, command, person)
        return await self._take(await self._on(app, channel, actor, command, person), person)

    async def _on(
        self, app: str, scope: str, actor: Actor, command: Command, person: ChannelUser
    ) -> ActionDoc:
        action = self._draft(app, scope, actor, command, person.id)
        action["target"] = person.to_public()
        if command.name == "ban" and ID_ONLY in command.extent:
            action["marks"] = {}
        elif command.name == "ban" and (marks := await self._bans.marks(scope, person, action["at"])):
            action["marks"] = marks
        return action

    async def _everywhere(
        self, app: str, channel: str, actor: Actor, command: Command, person: ChannelUser
    ) -> Outcome:
        """Acts on all channels of the app, and on this one as usual: what they wrote here is hidden, or shown
        again."""
        if not actor.staff:
            raise Forbidden("Only staff of the app may do this everywhere.")
        action = await self._on(app, app, actor, command, person)
        with contextlib.suppress(Conflict):
            here = await self._take(await self._on(app, channel, actor, command, person), person)
            action["also"] = here.action["id"] if here.action is not None else ""
        return await self._take(action, person)

    async def everywhere(self, app: str, channel: str, actor: Actor, command: Command) -> Outcome:
        """Bans or unbans a user id in all channels of the app. With a `channel`, the user is looked up there
        by name."""
        uid = command.who
        known = await self._users.get(channel, uid) if channel else None
        person = known or ChannelUser(uid, uid, "member")
        return await self._take(await self._on(app, app, actor, command, person), person)

    async def _on_message(self, app: str, channel: str, actor: Actor, command: Command) -> Outcome:
        if not is_id("msg", command.subject):
            raise Invalid("Name the message by its id, msg_….")
        entry = await self.find(channel, command.subject)
        writer = author(entry)
        if command.name == "delete" and writer != actor.id:
            check_role(actor.role, "moderator")
            person = await self._users.get(channel, writer)
            check_hierarchy(actor.role, person.role if person is not None else "member")
        action = self._draft(app, channel, actor, command, command.subject)
        action["message"] = command.subject
        _locate(action, entry)
        return await self._take(action)

    async def find(self, channel: str, message: str) -> Entry:
        """A message by its id, in the archive or among the newest entries of the log. Errors: NotFound, also
        when deleted."""
        entry = await self._archive.message(channel, message) or await self._logged(channel, message)
        if entry is None or entry.type != NEW_MESSAGE:
            raise NotFound("There is no such message.")
        return entry

    async def original(self, channel: str, message: str) -> tuple[Entry, bool]:
        """A message as it was written, and whether it was removed; for moderators. Errors: NotFound, also
        some time after its removal."""
        entry = await self._archive.original(channel, message) or await self._logged(
            channel, message, whole=True
        )
        try:
            await self.find(channel, message)
        except NotFound:
            if entry is None or "text" not in (told := orjson.loads(entry.body)):
                raise
            if datetime.fromisoformat(told["at"]).timestamp() * 1000 < now_ms() - self._removed_ms:
                raise
            return entry, True
        if entry is None:
            raise NotFound("There is no such message.")
        return entry, False

    async def _logged(self, channel: str, message: str, *, whole: bool = False) -> Entry | None:
        """A message among the newest entries of the log; `whole`: also a removed one."""
        below: int | None = None
        for _ in range(MOST_PAGES):
            entries = (await self._log.newest(channel, PAGE_EVENTS, below, whole=whole)).entries
            wanted = b'"id":"%b"' % message.encode()
            entry = next((one for one in entries if one.type == NEW_MESSAGE and wanted in one.body), None)
            if entry is not None or not entries:
                return entry
            below = entries[0].seq
        return None

    # -- taking an action

    def _draft(self, app: str, channel: str, actor: Actor, command: Command, target: str) -> ActionDoc:
        action_id, at = new_id("act"), now_ms()
        ends = at + command.seconds * 1000 if command.name in ("timeout", "ban") and command.seconds else None
        action: ActionDoc = {
            "id": action_id,
            "app": app,
            "channel": channel,
            "kind": command.name,
            "facet": moderation_actions.facet_of(command, action_id, target),
            "value": moderation_actions.value_of(command, target),
            "expires": ends,
            "actor": actor.to_public(),
            "reason": command.text,
            "at": at,
            "current": True,
            "applied": False,
        }
        if actor.by is not None:
            action["by"] = asdict(actor.by)
        return action

    async def _take(
        self, action: ActionDoc, person: ChannelUser | None = None, only_behind: int | None = None
    ) -> Outcome:
        """Stores the action as the facet's next turn, then carries it out."""
        for _ in range(MOST_TRIES):
            latest = await self._actions.latest(action["channel"], action["facet"])
            if only_behind is not None and latest is not None and latest["turn"] != only_behind:
                raise Conflict("Another action came in between.")
            value, ends = moderation_actions.standing(latest, action["at"])
            if value is None and action["kind"] in moderation_actions.LIFTS:
                raise Conflict(
                    f"{person.name if person else 'Nothing'} is not {moderation_actions.LIFTS[action['kind']]}."
                )
            before: Before = {"value": value, "expires": ends}
            if value is not None and latest is not None and latest.get("cleared_to"):
                before["cleared_to"] = latest["cleared_to"]
            if latest is not None and moderation_actions.split(action["facet"])[0] == "ban":
                action["freed"] = latest.get("marks") or {}
                if (
                    value is not None and action["value"] is not None
                ):  # banned again, by a record that no longer exists
                    action.setdefault("marks", action["freed"])
            action["turn"] = latest["turn"] + 1 if latest else 1
            action["before"], action["due"] = before, self._due(action)
            try:
                await self._actions.add(action)
            except DuplicateKey:
                continue
            if latest is not None:
                await self._actions.update(latest["id"], current=False)
            await self._apply(action)
            return Outcome("" if action["kind"] == "undo" else _reply(action), action)
        raise Unavailable("Too many act on this at once; try again.", retry_after=1)

    def _due(self, action: ActionDoc) -> int | None:
        """The time in ms at which this action ends, or something of it must be deleted."""
        if action.get("said") and moderation_actions.split(action["facet"])[0] == "message":
            return int(action["at"]) + self._removed_ms
        marks: Marks = action.get("marks") or {}
        freed: Marks = action.get("freed") or {}
        ends = (action["expires"], marks.get("until"), freed.get("until"))
        return min((one for one in ends if one), default=None)

    async def _apply(self, action: ActionDoc) -> None:
        """Enforces and publishes an action; may be repeated."""
        channel, facet = action["channel"], action["facet"]
        if of_app(channel):
            await self._bans.apply(action)
            await self._actions.update(action["id"], applied=True)
            return
        await self._bans.write_marks(action)
        done: dict[str, Any] = {"applied": True}
        umbrella = {"channel": channel, "action": moderation_actions.public_action(action)}
        body = envelope(derived_id("evt", action["id"]), MODERATION, action["at"], **umbrella)
        if moderation_actions.split(facet)[0] in moderation_actions.ASIDE:
            await self._log.set_state(
                channel, facet, action["turn"], moderation_actions.changes_of(action), MODERATION, body
            )
        else:
            try:
                done |= await self._tell(action)
            except Superseded:
                log.warning("moderation.superseded", action=action["id"])
            await self._log.publish_ephemeral(channel, MODERATION, body)
        await self._tell_app(action, derived_id("evt", action["id"]), MODERATION, umbrella)
        if facet.startswith("warn:") and action["value"] is not None:
            warned, data = derived_id("evt", action["id"], WARNED), moderation_actions.warning(action)
            await self._log.publish_ephemeral(
                channel, WARNED, envelope(warned, WARNED, action["at"], channel=channel, **data)
            )
            await self._tell_app(action, warned, WARNED, {"channel": channel, **data})
        if facet.startswith("message:"):
            await self._archive.mark(
                channel, action["place"]["epoch"], action["place"]["seq"], deleted=action["value"] is not None
            )
        await self._actions.update(action["id"], **done)

    async def _tell_app(self, action: ActionDoc, event_id: str, kind: str, data: dict[str, Any]) -> None:
        """Appends what is not for all members to the app's log, while the app is followed."""
        if await self._apps.is_followed(action["app"]):
            await self._apps.append_once(
                action["app"], event_id, entry_of(event_id, kind, action["at"], data)
            )

    async def _restored(self, action: ActionDoc, below: int) -> dict[str, Any]:
        """The newest messages that this action restores, at most 50 and 64 KB, and the seq from which they
        are complete."""
        facet, keeps = action["facet"], action.get("cleared_to") or 0
        _, user = moderation_actions.split(facet)
        found: list[Entry] = []
        size, edge = 0, below
        for _ in range(MOST_SEARCHED):
            page = (
                await self._log.newest(action["channel"], PAGE_EVENTS, edge, lifted=(facet, keeps))
            ).entries
            for entry in reversed(page):
                if entry.seq < keeps:
                    return {"messages": found[::-1], "from_seq": 0}
                if entry.type == NEW_MESSAGE and user in ("", author(entry)):
                    size += len(entry.body)
                    if len(found) == MOST_RESTORED or size > LARGEST_RESTORED:
                        return {"messages": found[::-1], "from_seq": found[-1].seq}
                    found.append(entry)
            if not page or page[0].prev == 0:
                return {"messages": found[::-1], "from_seq": edge if not page else 0}
            edge = page[0].seq
        return {"messages": found[::-1], "from_seq": edge}

    async def _tell(self, action: ActionDoc) -> dict[str, Any]:
        """Appends the action's entries; the first one changes the channel's state. Returns the seq at which a
        clearing ends."""
        channel, seqs = action["channel"], []
        told, below = moderation_actions.log_entries(action), moderation_actions.restored_below(action)
        if below is not None:
            back = await self._restored(action, below)
            messages = [orjson.Fragment(entry.body) for entry in back["messages"]]
            told.append(
                (
                    RESTORED,
                    {"action": action["id"], "user": action.get("target"), **back, "messages": messages},
                )
            )
        for number, (kind, data) in enumerate(told):
            entry_id = action["message"] if kind == NEW_MESSAGE else derived_id("evt", action["id"], kind)
            first: dict[str, Any] = {}
            if number == 0:
                first = {
                    "facet": action["facet"],
                    "turn": action["turn"],
                    "changes": moderation_actions.changes_of(action),
                }
            stored = await self._log.append(
                channel,
                kind=kind,
                entry_id=entry_id,
                cid=f"{action['id']}:{kind}",
                rate=NO_RATE,
                at_ms=action["at"],
                tail=tail(entry_id, kind, channel, data),
                **first,
            )
            seqs.append(stored.seq)
        clears = (
            moderation_actions.split(action["facet"])[0] in ("clear", "ban") and action["value"] is not None
        )
        return {"cleared_to": action.get("cleared_to") or seqs[0]} if clears else {}

    # -- commands that change nothing

    async def _help(self, _channel: str, actor: Actor, command: Command) -> str:
        return help_text(command.subject, actor.role)

    async def _mods(self, channel: str, _actor: Actor, _command: Command) -> str:
        current = await self._actions.current(channel)
        latest = {one["facet"]: one for one in sorted(current, key=lambda one: int(one["turn"]))}
        names = [
            one["target"]["name"]
            for one in latest.values()
            if one["value"] == "moderator" and one["facet"].startswith("role:")
        ]
        return (
            f"Moderators: {', '.join(sorted(names))}." if names else "No moderators were named here by /mod."
        )

    async def _user(self, channel: str, _actor: Actor, command: Command) -> str:
        person, _ = await self._addressees.find(channel, command)
        stands = await self._users.standing(channel, person.id)
        marks = [
            word
            for word, yes in (
                ("banned", stands.banned is not None),
                ("muted", stands.muted is not None),
                ("shadow-banned", stands.shadowed),
            )
            if yes
        ]
        return f"{person.name} ({person.id}): {', '.join([person.role, *marks])}."


def _locate(action: ActionDoc, entry: Entry) -> None:
    """Notes the message that an action is about."""
    action["place"], action["said"] = {"epoch": entry.epoch, "seq": entry.seq}, entry.body.decode()


def _copy_subject(found: ActionDoc, action: ActionDoc) -> None:
    """An undo is about the same user or message as the action that it undoes."""
    if "target" in found:
        action["target"] = found["target"]
    if action["value"] is not None and ("freed" in found or "marks" in found):
        action["marks"] = found["freed"] if "freed" in found else found.get("marks")
    if "message" in found:
        action["message"] = found["message"]
    if "place" in found:
        action["place"] = found["place"]
    if "said" in found:
        action["said"] = found["said"]
    if "card" in found:
        action["card"] = found["card"]


def _lasts(action: ActionDoc) -> str:
    return format_duration(((action["expires"] or action["at"]) - action["at"]) // 1000)


def _reply(action: ActionDoc) -> str:
    target = action["target"]["name"] if action.get("target") else ""
    kind = action["kind"]
    if kind == "clear" and target:
        said = f"The messages of {target} are removed."
    elif kind == "timeout":
        said = f"{target} is timed out for {_lasts(action)}."
    elif kind == "ban" and (action["expires"] or of_app(action["channel"])):
        where = " in all channels" if of_app(action["channel"]) else ""
        lasts = f" for {_lasts(action)}" if action["expires"] else ""
        said = f"{target} is banned{where}{lasts}."
    elif kind == "unban" and of_app(action["channel"]):
        said = f"{target} is no longer banned in all channels."
    elif kind == "guestwait":
        said = f"New guests may write after {format_duration(int(action['value'] or 0))}."
    elif kind == "slow":
        said = f"Slow mode is on: one message every {format_duration(int(action['value'] or 0))}."
    else:
        said = DONE[kind].format(target)
    return said
