"""REST for channels, with an API key or an app token: read, write, moderate. [door]

An app's owner and admins act as the channel's owner, its editors as moderators, an API key with
`chat:moderate` as owner.
"""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field
from starlette.routing import BaseRoute

from realtime.chat.held_messages import HeldMessages, shown_held
from realtime.chat.history import HistoryReader, Sought
from realtime.chat.moderation import Actor, Moderation, Outcome
from realtime.chat.moderator_view import HeldDecisions
from realtime.chat.presence import PresenceTracker
from realtime.chat.service import Chat
from realtime.chat.users import ChannelUser as Known
from realtime.chat.users import ChannelUsers, UserStanding
from realtime.log.archive import Actions
from realtime.log.channel_log import ChannelLog
from realtime.protocol.answers import CommandForm
from realtime.protocol.event_schemas import Action, Message, Person
from realtime.protocol.log_names import of_app
from realtime.protocol.messages import LONGEST_CID, MessageId, checked_text
from realtime.rules.commands import (
    EVERYWHERE,
    ID_ONLY,
    LONGEST_GUEST_WAIT_S,
    LONGEST_REASON,
    LONGEST_TIMEOUT_S,
    TIMEOUT_S,
    Command,
    about,
    parse,
)
from realtime.rules.moderation_actions import (
    MODES,
    TIMED_MODES,
    USER_FACETS,
    ActionDoc,
    public_action,
    split,
    standing,
)
from realtime.rules.permissions import NO_RATE, Role
from weir.foundation.audit import By, by
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.errors import Conflict, Forbidden, Invalid, NotFound
from weir.foundation.http.listing import ms_of
from weir.foundation.http.routing import (
    Answer,
    Body,
    Call,
    Cursor,
    Door,
    Listed,
    Paging,
    Row,
    bind,
    content_etag,
)
from weir.foundation.tenancy.auth import Tenant
from weir.foundation.tenancy.collections import StreamDoc
from weir.foundation.tenancy.directory import Directory
from weir.foundation.texts import Line, PersonName

Viewers = Callable[[str], Awaitable[int]]
USER = r'^[^"\x00-\x1f\x7f]{1,128}$'
ROLES: dict[str | None, Role] = {None: "owner", "owner": "owner", "admin": "owner", "editor": "moderator"}


class Sender(Body):
    """In whose name a backend writes."""

    id: Line = Field(min_length=1, max_length=128)
    name: PersonName = Field("", max_length=80)
    role: Literal["owner", "moderator", "vip", "member", "guest"] = "member"
    badges: list[Annotated[Line, Field(max_length=40)]] = Field([], max_length=20)
    avatar: str | None = Field(None, max_length=500, pattern=r"^https://")


class MessageFilter(Paging):
    """`since` ≤ the time of a message < `until`; `q` is a part of its text, in small or capital letters;
    `user` the id of its author."""

    user: str | None = Field(None, min_length=1, max_length=128)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    q: str | None = Field(None, min_length=1, max_length=100)

    def sought(self) -> Sought:
        return Sought(self.user, ms_of(self.since), ms_of(self.until), self.q)


class NewMessage(Body):
    user: Sender
    text: Annotated[str, AfterValidator(checked_text)]
    cid: str | None = Field(None, min_length=1, max_length=LONGEST_CID)
    reply_to: MessageId | None = None
    picture_time: int | None = Field(None, ge=0, le=2**53)


class NewCommand(Body):
    text: Annotated[str, AfterValidator(checked_text)]


class NewRestriction(Body):
    """`user` is an id, also of a user who was never in the channel."""

    user: str = Field(pattern=USER)
    reason: Line = Field("", max_length=LONGEST_REASON)


class NewBan(NewRestriction):
    """Of a guest who is known here also the device and, for a day, the address are shut out, for guests
    alone, unless `id_only`. `expires_s`: for a while."""

    expires_s: int | None = Field(None, ge=1, le=LONGEST_TIMEOUT_S)
    id_only: bool = False


class NewAppBan(NewBan):
    """`channel`: the user is named, and a guest's device and address are found, as they are known there."""

    channel: str | None = Field(None, max_length=64)


class BanFilter(Paging):
    """Of this user; of those `everywhere` only, or of the others only."""

    user: str | None = Field(None, pattern=USER)
    everywhere: bool | None = None


class NewTimeout(NewRestriction):
    expires_s: int = Field(TIMEOUT_S, ge=1, le=LONGEST_TIMEOUT_S)


class ChannelSettings(Body):
    """Only what is given changes. `slow` and `guestwait` (from when a guest came first until it may write) in
    seconds, 0 = off."""

    slow: int | None = Field(None, ge=0, le=6 * 3600)
    guestwait: int | None = Field(None, ge=0, le=LONGEST_GUEST_WAIT_S)
    guestsread: bool | None = None
    subscribers: bool | None = None
    followers: bool | None = None
    emoteonly: bool | None = None
    lockdown: bool | None = None


class Modes(BaseModel):
    """`slow` and `guestwait` in seconds; `pinned` is a message's id."""

    slow: int
    guestwait: int
    guestsread: bool
    lockdown: bool
    subscribers: bool
    followers: bool
    emoteonly: bool
    pinned: str | None


class ChannelView(BaseModel):
    id: str
    stream: str
    playback: str
    epoch: str
    seq: int
    viewers: int
    settings: Modes


class Written(BaseModel):
    """`removed`: readers no longer see it."""

    message: Message
    removed: bool


class Posted(BaseModel):
    id: str
    seq: int
    epoch: str


class HeldMessage(BaseModel):
    """A message that the app's server wants a moderator to see first, and why."""

    id: str
    user: dict[str, Any]
    text: str
    reason: str | None
    created: str


class Done(BaseModel):
    """A sentence, the action where one was taken (undo it by its id), and the commands where `/help` asked for them."""

    reply: str
    action: Action | None = None
    commands: list[CommandForm] | None = None


class Restriction(BaseModel):
    """`action` is what to undo."""

    user: Person
    action: str
    actor: dict[str, str]
    reason: str
    at: str
    expires: str | None


class Ban(Restriction):
    """Without a `channel`: in all of them."""

    channel: str | None


class Measure(BaseModel):
    action: str
    expires: str | None


class Standings(Person):
    role: str | None = None
    ban: Measure | None = None
    mute: Measure | None = None
    shadow: Measure | None = None


class Inhabitant(Person):
    role: str


class Present(Listed[Inhabitant]):
    total: int


class ChannelRoutes:
    def __init__(
        self,
        *,
        directory: Directory,
        entries: ChannelLog,
        chat: Chat,
        reader: HistoryReader,
        people: ChannelUsers,
        presence: PresenceTracker,
        actions: Actions,
        moderation: Moderation,
        viewers: Viewers,
        held: HeldMessages,
        decisions: HeldDecisions,
    ) -> None:
        self._directory = directory
        self._log = entries
        self._chat = chat
        self._reader = reader
        self._users = people
        self._presence = presence
        self._actions = actions
        self._moderation = moderation
        self._viewers = viewers
        self._held = held
        self._decisions = decisions

    def routes(self, door: Door) -> list[BaseRoute]:
        base = "/v1/channels/{channel}"
        read: dict[str, Any] = {"scope": "chat:read", "tag": "channels"}
        moderate: dict[str, Any] = {"scope": "chat:moderate", "tag": "channels"}
        refused = (Conflict, Forbidden, Invalid, NotFound)
        act: dict[str, Any] = {"answer": Done, "status": 201, "also": (200,), "errors": refused, **moderate}
        rows = [
            Row("GET", base, "tenant", self.channel, summary="Read a channel", answer=ChannelView, **read),
            Row("GET", base + "/messages", "tenant", self.messages, summary="Read messages, newest page first", query=MessageFilter,
                answer=Listed[Message], **read),
            Row("GET", base + "/messages/{message}", "tenant", self.message, summary="Read a message", answer=Message, **read),
            Row("POST", base + "/messages", "tenant", self.post, NewMessage, summary="Write a message in the name of a user",
                answer=Posted, status=201, also=(200,), errors=refused, **moderate),
            Row("GET", base + "/messages/{message}/original", "tenant", self.original, summary="Read a message, also a removed one",
                answer=Written, errors=(NotFound,), **moderate),
            Row("DELETE", base + "/messages/{message}", "tenant", self.delete, summary="Remove a message", **act),
            Row("GET", base + "/held", "tenant", self.held, summary="List messages that wait for a moderator, oldest first", query=Paging,
                answer=Listed[HeldMessage], **moderate),
            Row("POST", base + "/held/{message}/approve", "tenant", self.approve, summary="Let a held message through", answer=Posted,
                errors=refused, **moderate),
            Row("DELETE", base + "/held/{message}", "tenant", self.reject, summary="Reject a held message", status=204,
                errors=(NotFound,), **moderate),
            Row("POST", base + "/commands", "tenant", self.command, NewCommand, summary="Give a moderation command", **act),
            Row("GET", base + "/settings", "tenant", self.settings, summary="Read the channel's modes", answer=Modes, etag=True,
                **read),
            Row("PATCH", base + "/settings", "tenant", self.change, ChannelSettings, summary="Switch the channel's modes", answer=Modes,
                etag=True, errors=refused, **moderate),
            Row("GET", base + "/members", "tenant", self.members, summary="List who has a role, a ban or a mute here",
                answer=Listed[Standings], **moderate),
            Row("GET", base + "/presence", "tenant", self.present, summary="List who is here", query=Cursor, answer=Present, **read),
            Row("GET", base + "/moderation", "tenant", self.moderation, summary="List moderators' actions, newest first", query=Paging,
                answer=Listed[Action], **moderate),
            *self._restrictions(base, act, moderate),
            *self._bans(act, moderate),
            Row("POST", base + "/moderation/{act}/undo", "tenant", self.undo, summary="Undo an action", **act),
        ]  # fmt: skip
        return [bind(row, door) for row in rows]

    def _restrictions(self, base: str, act: dict[str, Any], moderate: dict[str, Any]) -> list[Row]:
        """Bans, timeouts and mutes as lists: the same actions as the commands of that name, with the same
        undo."""
        rows: list[Row] = []
        for path, kind, back, model, one in (
            ("/bans", "ban", "unban", NewBan, "ban"),
            ("/mutes", "mute", "unmute", NewRestriction, "mute"),
            ("/timeouts", "timeout", "untimeout", NewTimeout, "timeout"),
        ):
            rows += [
                Row("GET", base + path, "tenant", partial(self.restricted, kind), summary=f"List the channel's {one}s, newest first",
                    answer=Listed[Restriction], **moderate),
                Row("POST", base + path, "tenant", partial(self.restrict, kind), model, summary=f"Give a user a {one}", **act),
                Row("DELETE", base + path + "/{user}", "tenant", partial(self.release, back), summary=f"End a user's {one}", **act),
            ]  # fmt: skip
        return rows

    def _bans(self, act: dict[str, Any], moderate: dict[str, Any]) -> list[Row]:
        return [
            Row("GET", "/v1/bans", "tenant", self.bans, summary="List the bans of all channels, newest first", query=BanFilter,
                answer=Listed[Ban], **moderate),
            Row("POST", "/v1/bans", "tenant", self.ban, NewAppBan, summary="Ban a user in all channels", **act),
            Row("DELETE", "/v1/bans/{user}", "tenant", self.unban, summary="End a user's ban in all channels", **act),
        ]  # fmt: skip

    async def bans(self, call: Call) -> Answer:
        """Those in effect, in each channel and in all of them."""
        query: BanFilter = call.query
        page = await self._actions.bans(
            call.acting().app, query.user, query.everywhere, query.limit, query.cursor
        )
        shown = [
            {**_restriction(one), "channel": None if of_app(one["channel"]) else one["channel"]}
            for one in page.data
        ]
        return Answer({"data": shown, "next_cursor": page.next})

    async def ban(self, call: Call) -> Answer:
        """They can join, write and react in no channel of the app, and are disconnected at once. What they
        wrote stays: /clear hides it."""
        tenant, body = call.acting(), call.body
        if body.channel is not None:
            stream = await self._directory.stream_by_channel(body.channel)
            if stream is None or stream["app"] != tenant.app:
                raise NotFound("There is no such channel.")
        command = about(
            "ban", body.user, seconds=body.expires_s, text=body.reason, extent=_extent(body, EVERYWHERE)
        )
        return _outcome(
            await self._moderation.everywhere(
                tenant.app, body.channel or "", _actor(tenant, by(call)), command
            )
        )

    async def unban(self, call: Call) -> Answer:
        """Errors: Conflict for a user who is not banned from all channels."""
        tenant, command = call.acting(), about("unban", _user(call), extent=frozenset({EVERYWHERE}))
        return _outcome(await self._moderation.everywhere(tenant.app, "", _actor(tenant, by(call)), command))

    async def restricted(self, kind: str, call: Call) -> Answer:
        """The newest first."""
        _, stream = await self._access(call)
        facet, found = USER_FACETS[kind], dict[str, ActionDoc]()
        for action in sorted(
            await self._actions.current(stream["channel"]), key=lambda one: int(one["turn"])
        ):
            if split(action["facet"])[0] == facet and action.get("target"):
                found[action["target"]["id"]] = action
        shown = []
        for action in sorted(found.values(), key=lambda one: -int(one["at"])):
            value, ends = standing(action, now_ms())
            if value is not None and (facet == "ban" or (ends is not None) == (kind == "timeout")):
                shown.append(_restriction(action))
        return Answer({"data": shown, "next_cursor": None})

    async def restrict(self, kind: str, call: Call) -> Answer:
        tenant, stream = await self._access(call)
        body: NewRestriction = call.body
        seconds = body.expires_s if isinstance(body, NewTimeout | NewBan) else None
        command = about(kind, body.user, seconds=seconds, text=body.reason, extent=_extent(body))
        return _outcome(await self._moderation.run(tenant.app, stream["channel"], _actor(tenant), command))

    async def release(self, kind: str, call: Call) -> Answer:
        """Errors: Conflict for a user who is not in the list."""
        tenant, stream = await self._access(call)
        return _outcome(
            await self._moderation.run(
                tenant.app, stream["channel"], _actor(tenant), about(kind, _user(call))
            )
        )

    async def _access(self, call: Call) -> tuple[Tenant, StreamDoc]:
        """The caller and the channel's stream. Errors: Forbidden; NotFound, also for another app's."""
        tenant = call.acting()
        stream = await self._directory.stream_by_channel(call.path("channel"))
        if stream is None or stream["app"] != tenant.app:
            raise NotFound("There is no such channel.")
        return tenant, stream

    async def channel(self, call: Call) -> Answer:
        _, stream = await self._access(call)
        channel = stream["channel"]
        rules, position = await self._log.rules(channel), await self._log.open(channel)
        return Answer(
            {
                "id": channel,
                "stream": stream["id"],
                "playback": stream["playback"],
                "epoch": position.epoch,
                "seq": position.top,
                "viewers": await self._viewers(channel),
                "settings": rules,
            }
        )

    async def messages(self, call: Call) -> Answer:
        """Oldest first inside a page; the cursor leads to the page before it. With a filter 2,000 entries are
        looked at, so a page may hold fewer than `limit` and still have one before it."""
        tenant, stream = await self._access(call)
        role: Role = _actor(tenant).role if "chat:moderate" in tenant.scopes else "member"
        sees = UserStanding(role, None, None, None, False)
        asked: MessageFilter = call.query
        data, following = await self._reader.page(
            stream["channel"], asked.limit, asked.cursor, "", sees, asked.sought(), "cursor"
        )
        return Answer({"data": data, "next_cursor": following})

    async def message(self, call: Call) -> Answer:
        """Errors: NotFound, also for one that was deleted or hidden."""
        _, stream = await self._access(call)
        entry = await self._moderation.find(stream["channel"], call.path("message"))
        if not await self._reader.visible(entry):
            raise NotFound("There is no such message.")
        return Answer(entry.body)

    async def post(self, call: Call) -> Answer:
        """In the name of a user; bans, mutes and roles of that user hold, rates and modes do not. An
        Idempotency-Key, or a cid, makes a repeat within 10 minutes the same message."""
        _, stream = await self._access(call)
        body: NewMessage = call.body
        cid = body.cid or call.new_id("msg")
        standing = await self._users.standing(stream["channel"], body.user.id, body.user.role)
        card = {
            **body.user.model_dump(exclude_none=True),
            "name": body.user.name or body.user.id,
            "role": standing.role,
        }
        data = {"text": body.text, "reply_to": body.reply_to, "picture_time": body.picture_time}
        stored = await self._chat.append(stream, body.user.id, cid, card, NO_RATE, data)
        await self._users.remember_author(
            stream["channel"], Known(body.user.id, card["name"], body.user.role)
        )
        return Answer({"id": stored.id, "seq": stored.seq, "epoch": stored.epoch}, 201)

    async def held(self, call: Call) -> Answer:
        tenant, stream = await self._access(call)
        page = await self._held.page(tenant.app, stream["channel"], call.query.limit, call.query.cursor)
        return Answer({"data": [shown_held(one) for one in page.data], "next_cursor": page.next})

    async def approve(self, call: Call) -> Answer:
        """It is appended as its author wrote it; bans of its author hold."""
        _, stream = await self._access(call)
        stored = await self._decisions.approve(stream, call.path("message"), by(call))
        return Answer({"id": stored.id, "seq": stored.seq, "epoch": stored.epoch})

    async def reject(self, call: Call) -> Answer:
        _, stream = await self._access(call)
        await self._decisions.reject(stream, call.path("message"), by(call))
        return Answer(None, 204)

    async def original(self, call: Call) -> Answer:
        """What was removed can be read for `WEIR_KEEP_REMOVED_DAYS`; then its text is deleted."""
        _, stream = await self._access(call)
        entry, removed = await self._moderation.original(stream["channel"], call.path("message"))
        return Answer({"message": orjson.Fragment(entry.body), "removed": removed})

    async def delete(self, call: Call) -> Answer:
        tenant, stream = await self._access(call)
        return _outcome(
            await self._moderation.delete(tenant.app, stream["channel"], _actor(tenant), call.path("message"))
        )

    async def command(self, call: Call) -> Answer:
        tenant, stream = await self._access(call)
        command = parse(call.body.text)
        if command.name == "me":
            raise Invalid("/me is a message; POST it to messages.")
        return _outcome(await self._moderation.run(tenant.app, stream["channel"], _actor(tenant), command))

    async def settings(self, call: Call) -> Answer:
        _, stream = await self._access(call)
        rules = await self._log.rules(stream["channel"])
        return Answer(rules, etag=content_etag(rules))

    async def change(self, call: Call) -> Answer:
        """Each change is an action of its own, with its own undo."""
        tenant, stream = await self._access(call)
        call.expects(content_etag(await self._log.rules(stream["channel"])))
        for mode in MODES:
            value = getattr(call.body, mode)
            if value is not None:
                command = Command(
                    mode if value else mode + "off", seconds=value if mode in TIMED_MODES and value else None
                )
                await self._moderation.run(tenant.app, stream["channel"], _actor(tenant), command)
        rules = await self._log.rules(stream["channel"])
        return Answer(rules, etag=content_etag(rules))

    async def members(self, call: Call) -> Answer:
        """Users with a stored role, a ban, a mute or a shadow ban."""
        _, stream = await self._access(call)
        found: dict[str, dict[str, Any]] = {}
        for action in sorted(
            await self._actions.current(stream["channel"]), key=lambda one: int(one["turn"])
        ):
            kind, _ = split(action["facet"])
            if kind not in ("role", "ban", "mute", "shadow") or not action.get("target"):
                continue
            value, ends = standing(action, now_ms())
            member = found.setdefault(action["target"]["id"], dict(action["target"]))
            member.pop(kind, None)
            if value is not None:
                member[kind] = (
                    value
                    if kind == "role"
                    else {"action": action["id"], "expires": rfc3339(ends) if ends else None}
                )
        return Answer({"data": [member for member in found.values() if len(member) > 2], "next_cursor": None})

    async def present(self, call: Call) -> Answer:
        _, stream = await self._access(call)
        page = await self._presence.page(stream["channel"], call.query.cursor)
        return Answer({"data": page["users"], "total": page["total"], "next_cursor": page["next"]})

    async def moderation(self, call: Call) -> Answer:
        """The audit log, newest first."""
        _, stream = await self._access(call)
        page = await self._actions.page(stream["channel"], call.query.limit, call.query.cursor)
        return Answer({"data": [public_action(action) for action in page.data], "next_cursor": page.next})

    async def undo(self, call: Call) -> Answer:
        tenant, stream = await self._access(call)
        return _outcome(await self._moderation.undo(stream["channel"], _actor(tenant), call.path("act")))


def _actor(tenant: Tenant, origin: By | None = None) -> Actor:
    """Errors: none; who lacks `chat:moderate` was refused before."""
    return Actor(
        tenant.actor, tenant.actor, ROLES.get(tenant.role, "member"), tenant.app, staff=True, by=origin
    )


def _user(call: Call) -> str:
    user = call.path("user")
    if re.fullmatch(USER, user) is None:
        raise NotFound("There is no such user.")
    return user


def _extent(body: NewRestriction, *more: str) -> frozenset[str]:
    return frozenset((*more, *((ID_ONLY,) if isinstance(body, NewBan) and body.id_only else ())))


def _restriction(action: ActionDoc) -> dict[str, Any]:
    return {
        "user": action["target"],
        "action": action["id"],
        "actor": action["actor"],
        "reason": action["reason"],
        "at": rfc3339(action["at"]),
        "expires": rfc3339(action["expires"]) if action["expires"] else None,
    }


def _outcome(outcome: Outcome) -> Answer:
    action = {"action": public_action(outcome.action)} if outcome.action is not None else {}
    commands = {"commands": outcome.commands} if outcome.commands is not None else {}
    return Answer({**action, **commands, "reply": outcome.reply}, 201 if action else 200)
