"""Bans from all channels of an app, and bans of guests by device and address. [work]

Such a ban is an action like a channel's, stored under the app's id (realtime.rules.moderation_actions),
and its state is in the app's own key. It is checked before a user joins, writes or reacts; a fact on the
bus closes open sockets.
"""

from typing import Any

from realtime.chat.client import Client
from realtime.chat.users import ChannelUser
from realtime.log.app_log import AppLog, entry_of
from realtime.log.archive import Actions
from realtime.log.channel_log import ChannelLog
from realtime.protocol.event_types import BANNED, MODERATION, UNBANNED
from realtime.rules import moderation_actions
from realtime.rules.moderation_actions import ActionDoc, Marks
from weir.foundation.audit import Audit, By
from weir.foundation.clock import monotonic, now_ms, rfc3339
from weir.foundation.errors import Forbidden, Unavailable
from weir.foundation.events import AppBan
from weir.foundation.ids import derived_id
from weir.foundation.redis.bus import Bus

HOUR_MS = 3_600_000
STORED_S = 1.0


class Bans:
    """Errors of all verbs: Unavailable."""

    def __init__(
        self, entries: ChannelLog, actions: Actions, apps: AppLog, bus: Bus, audit: Audit, address_h: int
    ) -> None:
        """`address_h`: hours for which a guest's address is banned too."""
        self._log = entries
        self._actions = actions
        self._apps = apps
        self._bus = bus
        self._audit = audit
        self._address_ms = address_h * HOUR_MS
        self._stored: dict[str, tuple[float, dict[str, str | int]]] = {}

    async def check_member(self, member: Client) -> None:
        """Errors: Forbidden (banned)."""
        await self.check(member.user.app, member.user.sub, member.barred)

    async def check(
        self, app: str, uid: str, barred: moderation_actions.Barred = moderation_actions.NO_MORE
    ) -> None:
        """Errors: Forbidden (banned)."""
        states = await self._state(app, moderation_actions.user_field(uid), *barred.fields)
        ends = moderation_actions.holds(states, now_ms(), barred.since_ms)
        if ends is not None:
            raise refusal(await self.reason(app, uid), ends)

    async def _state(self, app: str, *fields: str) -> list[str | None]:
        """Fields of the app's state. While the master that has it is down, they come from the stored actions,
        so that channels on other masters continue. Errors: Unavailable."""
        try:
            return await self._log.state(app, *fields)
        except Unavailable:
            until, known = self._stored.get(app, (0.0, {}))
            if until < monotonic():
                known = moderation_actions.fields_of(await self._actions.current(app), now_ms())
                self._stored[app] = (monotonic() + STORED_S, known)
            return [str(known[field]) if field in known else None for field in fields]

    async def reason(self, scope: str, uid: str) -> str:
        """The reason of the ban in force; empty without one."""
        latest = await self._actions.latest(scope, f"ban:{uid}")
        return str(latest["reason"]) if latest is not None and latest["value"] is not None else ""

    async def marks(self, scope: str, person: ChannelUser, at_ms: int) -> Marks:
        """Device and address that a guest's ban also applies to; empty for signed-in users, because others
        may share theirs. The address applies to guests who came after this ban, or after an earlier one on
        it."""
        marks: Marks = {"device": person.device} if person.device else {}
        if person.address and self._address_ms:
            state = (await self._log.state(scope, moderation_actions.address_field(person.address)))[0]
            end, _, begins = (state or "").partition(" ")
            since = int(begins) if begins and int(end) > at_ms else at_ms
            marks |= {"address": person.address, "until": at_ms + self._address_ms, "from": since}
        return marks

    async def write_marks(self, action: ActionDoc) -> None:
        """Writes the fields of the devices and addresses that an action may change, from all bans in effect
        in its channel or app. May be repeated; of several at once the one that saw the most bans counts."""
        scope, names = action["channel"], moderation_actions.names_of(action)
        if not names:
            return
        version, fields = moderation_actions.marked_fields(await self._actions.current(scope), now_ms())
        for name in sorted(names):
            change = ("set", name, fields[name]) if name in fields else ("unset", name, "")
            await self._log.set_state(scope, moderation_actions.mark_facet(name), version, [change])

    async def apply(self, action: ActionDoc) -> None:
        """Enforces and publishes a ban of the whole app; may be repeated."""
        app, event_id = action["app"], derived_id("evt", action["id"])
        await self._log.set_state(app, action["facet"], action["turn"], moderation_actions.changes_of(action))
        await self.write_marks(action)
        if action["value"] is not None:
            marks: Marks = action.get("marks") or {}
            await self._bus.publish(
                AppBan(
                    app=app,
                    user=action["target"]["id"],
                    device=marks.get("device"),
                    address=marks.get("address"),
                    since=marks.get("from"),
                    reason=action["reason"],
                    until=action["expires"],
                )
            )
        await self._apps.append_once(
            app,
            event_id,
            entry_of(
                event_id, MODERATION, action["at"], {"action": moderation_actions.public_action(action)}
            ),
        )
        kind = UNBANNED if action["value"] is None else BANNED
        told = derived_id("evt", action["id"], kind)
        await self._apps.append_once(app, told, entry_of(told, kind, action["at"], _said(action)))
        by = By(**action["by"]) if action.get("by") else By(action["actor"]["id"])
        noted = self._audit.entry(
            app,
            by,
            "ban.added" if kind == BANNED else "ban.lifted",
            action["target"]["id"],
            None,
            _noted(action),
        )
        await self._audit.on_event(
            noted.model_copy(update={"id": derived_id("evt", action["id"], "audit"), "at": action["at"]})
        )

    async def ended(self, action: ActionDoc) -> None:
        """Publishes the end of a ban of the whole app; may be repeated."""
        kind, data, changes = moderation_actions.ending(action)
        told = derived_id("evt", action["id"], "ended")
        latest = await self._actions.latest(action["app"], action["facet"])
        if latest is None or latest["id"] != action["id"]:
            return
        await self._log.set_state(action["app"], action["facet"], action["turn"] + 0.5, changes)
        await self._apps.append_once(
            action["app"], told, entry_of(told, kind, action["expires"] or now_ms(), data)
        )

    async def forget_addresses(self, action: ActionDoc) -> dict[str, Marks]:
        """Deletes the hashes of addresses of which an action may know no more; returns what it still knows, as
        fields of its document."""
        kept: dict[str, Marks] = {}
        for name, marks in (("marks", action.get("marks")), ("freed", action.get("freed"))):
            if not marks or not marks.get("address") or marks["until"] > now_ms():
                continue
            field = moderation_actions.address_field(marks["address"])
            state = (await self._log.state(action["channel"], field))[0]
            if state is None or int(state.partition(" ")[0]) <= now_ms():
                turn = f"t:{moderation_actions.mark_facet(field)}"
                await self._log.forget(action["channel"], field, turn)
            kept[name] = {"device": marks["device"]} if "device" in marks else {}
        return kept


def refusal(reason: str, ends: int) -> Forbidden:
    """The error for a ban. `ends` in ms, 0 for no end."""
    left_s = max(0, ends - now_ms()) / 1000 if ends else None
    return Forbidden(
        "You are banned from all channels here." + (f" Reason: {reason}" if reason else ""),
        code="banned",
        retry_after=left_s,
    )


def _said(action: ActionDoc) -> dict[str, Any]:
    told = {
        "user": action["target"],
        "action": action["id"],
        "reason": action["reason"] or None,
        "expires": rfc3339(action["expires"]) if action["expires"] else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _noted(action: ActionDoc) -> dict[str, Any]:
    return {
        "action": action["id"],
        "name": action["target"]["name"],
        "reason": action["reason"],
        "expires": action["expires"],
    }
