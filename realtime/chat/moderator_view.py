"""What a moderator's page reads over its socket: the queue, actions, who is restricted, one user. [work]

The same lists as the routes of realtime.chat.api, for people who have a user token and no key. Every verb
asks for the role that counts in the channel, each time.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from realtime.chat.client import Client
from realtime.chat.held_messages import HeldDoc, HeldMessages, shown_held
from realtime.chat.history import HistoryReader, Sought
from realtime.chat.moderation import Moderation
from realtime.chat.service import Chat
from realtime.chat.users import ChannelUsers, UserStanding
from realtime.log.archive import Actions
from realtime.log.channel_log import Appended
from realtime.protocol.messages import (
    ActionList,
    CardOf,
    HeldDecision,
    HeldList,
    OneMessage,
    Restrictions,
)
from realtime.rules.moderation_actions import ActionDoc, public_action, split, standing
from realtime.rules.permissions import NO_RATE, check_role
from weir.foundation.audit import By
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.errors import Forbidden, NotFound
from weir.foundation.tenancy.collections import StreamDoc
from weir.foundation.tenancy.directory import Directory

CARD_MESSAGES, CARD_ACTIONS = 20, 20
MOST_RESTRICTIONS = 500
_KINDS = {"ban": "ban", "shadow": "shadowban"}
StandingOf = Callable[[Client, str], Awaitable[UserStanding]]


class HeldDecisions:
    """Approves and rejects held messages, for the API and for moderators' pages."""

    def __init__(self, held: HeldMessages, chat: Chat) -> None:
        self._held = held
        self._chat = chat

    async def approve(self, stream: StreamDoc, message: str, by: By) -> Appended:
        """It is appended as its author wrote it; bans of its author hold. Errors: NotFound; Forbidden when the
        author is banned or muted by now: then it waits on."""
        one = await self._held.get(stream["app"], stream["channel"], message)
        await self._held.decide(one, "message.approved", by)
        try:
            stored = await self._chat.append(
                stream, one["uid"], one["cid"], one["user"], NO_RATE, one["data"]
            )
        except Forbidden:
            await self._held.undecide(one)
            raise
        await self._held.drop(one)
        return stored

    async def reject(self, stream: StreamDoc, message: str, by: By) -> None:
        """Errors: NotFound."""
        one = await self._held.get(stream["app"], stream["channel"], message)
        await self._held.decide(one, "message.rejected", by)
        await self._held.drop(one)


class ModeratorView:
    """Errors of the verbs: NotFound (missing, or another app's channel), Forbidden (no moderator),
    Unavailable."""

    def __init__(
        self,
        *,
        directory: Directory,
        chat: Chat,
        held: HeldMessages,
        decisions: HeldDecisions,
        actions: Actions,
        moderation: Moderation,
        people: ChannelUsers,
        reader: HistoryReader,
    ) -> None:
        self._directory = directory
        self._chat = chat
        self._held = held
        self._decisions = decisions
        self._actions = actions
        self._moderation = moderation
        self._users = people
        self._reader = reader

    async def message(self, member: Client, request: OneMessage) -> dict[str, Any]:
        """One message that everybody here may read, for instance the one that an answer quotes."""
        await self._chat.standing_of(member, request.channel)
        entry = await self._moderation.find(request.channel, request.id)
        if not await self._reader.visible(entry):
            raise NotFound("There is no such message.")
        return {"ok": True, "message": orjson.Fragment(entry.body)}

    async def waiting(self, member: Client, request: HeldList) -> dict[str, Any]:
        """Held messages, oldest first."""
        stream = await self._moderated(member, request.channel)
        page = await self._held.page(stream["app"], request.channel, request.limit, request.cursor)
        return {"ok": True, "held": [_held(one) for one in page.data], "next_cursor": page.next}

    async def decide(self, member: Client, request: HeldDecision) -> dict[str, Any]:
        """Lets a held message through, or rejects it."""
        stream = await self._moderated(member, request.channel)
        by = By(member.user.by or member.user.sub)
        if not request.approve:
            await self._decisions.reject(stream, request.id, by)
            return {"ok": True, "id": request.id}
        stored = await self._decisions.approve(stream, request.id, by)
        return {"ok": True, "id": stored.id, "seq": stored.seq}

    async def actions(self, member: Client, request: ActionList) -> dict[str, Any]:
        """What moderators did here, newest first."""
        await self._moderated(member, request.channel)
        page = await self._actions.page(request.channel, request.limit, request.cursor)
        return {"ok": True, "actions": [public_action(one) for one in page.data], "next_cursor": page.next}

    async def restrictions(self, member: Client, request: Restrictions) -> dict[str, Any]:
        """Who is banned, muted, timed out or shadow-banned here now, newest first, 500 at most."""
        await self._moderated(member, request.channel)
        latest: dict[str, ActionDoc] = {}
        for action in sorted(await self._actions.current(request.channel), key=lambda one: int(one["turn"])):
            if split(action["facet"])[0] in ("ban", "mute", "shadow") and action.get("target"):
                latest[action["facet"]] = action
        shown = [one for action in latest.values() if (one := _restriction(action)) is not None]
        shown.sort(key=lambda one: str(one["at"]), reverse=True)
        return {"ok": True, "restrictions": shown[:MOST_RESTRICTIONS]}

    async def card(self, member: Client, request: CardOf) -> dict[str, Any]:
        """One user: role, restrictions, actions about them, their newest messages. `messages_found` counts what
        stands among the newest 2,000 entries; `more` when there may be earlier ones. Errors: NotFound."""
        await self._moderated(member, request.channel)
        channel, uid = request.channel, request.user
        person = await self._users.get(channel, uid)
        about = await self._actions.about(channel, uid, CARD_ACTIONS)
        sees = UserStanding("moderator", None, None, None, False)
        found, following = await self._reader.page(channel, 200, None, "", sees, Sought(user=uid))
        if person is None and not about and not found:
            raise NotFound("There is no such user in this channel.")
        in_force = await self.restrictions(member, Restrictions(channel=channel))
        return {
            "ok": True,
            "user": {
                "id": uid,
                "name": person.name if person else uid,
                "role": person.role if person else "member",
            },
            "restrictions": [one for one in in_force["restrictions"] if one["user"]["id"] == uid],
            "actions": [public_action(one) for one in about],
            "messages": found[-CARD_MESSAGES:],
            "messages_found": len(found),
            "more": following is not None,
        }

    async def _moderated(self, member: Client, channel: str) -> StreamDoc:
        """The channel's stream, for a moderator of it."""
        check_role((await self._chat.standing_of(member, channel)).role, "moderator")
        stream = await self._directory.stream_by_channel(channel)
        if stream is None:
            raise NotFound("There is no such channel.")
        return stream


def _held(doc: HeldDoc) -> dict[str, Any]:
    return {name: value for name, value in shown_held(doc).items() if value is not None}


def _restriction(action: ActionDoc) -> dict[str, Any] | None:
    """A measure in force; None for one that was ended or is over."""
    value, ends = standing(action, now_ms())
    if value is None:
        return None
    facet = split(action["facet"])[0]
    kind = _KINDS.get(facet) or ("timeout" if ends is not None else "mute")
    return {
        "user": action["target"],
        "kind": kind,
        "action": action["id"],
        "actor": action["actor"],
        "at": rfc3339(action["at"]),
        **({"reason": action["reason"]} if action["reason"] else {}),
        **({"expires": rfc3339(action["expires"])} if action["expires"] else {}),
    }
