"""Channels as their members use them: join, leave, send, history; and events about streams in the channel.
[work]
"""

import asyncio
from typing import Any

import orjson
import structlog

from realtime.chat.bans import Bans
from realtime.chat.before_message import BeforeMessage
from realtime.chat.client import Client
from realtime.chat.held_messages import HeldMessages
from realtime.chat.history import HistoryReader, merged
from realtime.chat.local_members import LocalMembers
from realtime.chat.moderation import Actor, Moderation
from realtime.chat.presence import PresenceTracker
from realtime.chat.users import GUEST_KNOWN_S, ChannelUser, ChannelUsers, UserStanding, muting, warning
from realtime.fanout import Fanout
from realtime.log.channel_log import Appended, ChannelLog
from realtime.log.follower import Followed, Follower
from realtime.log.recovery import Recovery
from realtime.protocol.envelope import envelope, fragments, tail
from realtime.protocol.event_types import BANNED, NEW_MESSAGE
from realtime.protocol.messages import (
    Commands,
    Delete,
    History,
    Join,
    Leave,
    Order,
    Original,
    PresenceList,
    Send,
)
from realtime.protocol.redaction import public
from realtime.rules.commands import allowed, parse
from realtime.rules.moderation_actions import NO_MORE, Barred, holds, public_action
from realtime.rules.permissions import NO_RATE, RANK, Rate, check_role, may_send
from realtime.viewers import Count, ViewerCounter
from weir.foundation.audit import By
from weir.foundation.clock import monotonic, now_ms, now_s
from weir.foundation.errors import (
    Forbidden,
    Invalid,
    NotFound,
    QuotaExceeded,
    RateLimited,
    Refused,
    Unavailable,
)
from weir.foundation.events import StreamEvent, type_of
from weir.foundation.ids import new_id
from weir.foundation.services import Tasks
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import StreamDoc
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.message_quota import MessageQuota
from weir.foundation.tenancy.tokens import LEEWAY_S

MOST_CHANNELS = 50
MOST_FIELDS = 500
TAKEN = "{} is the name of somebody who belongs to this chat. You are shown as {}; choose another name."
log = structlog.get_logger("realtime.chat")


class Chat:
    """Errors of the verbs: NotFound (missing, or another app's), Forbidden, RateLimited, Invalid,
    Unavailable. The caller runs one request of a member at a time."""

    def __init__(
        self,
        *,
        settings: Settings,
        directory: Directory,
        entries: ChannelLog,
        follower: Follower,
        fanout: Fanout,
        occupancy: ViewerCounter,
        reader: HistoryReader,
        people: ChannelUsers,
        moderation: Moderation,
        presence: PresenceTracker,
        messages: MessageQuota,
        bans: Bans,
        before: BeforeMessage,
        held: HeldMessages,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._messages = messages
        self._bans = bans
        self._before = before
        self._held = held
        self._log = entries
        self._follower = follower
        self._viewer_counter = occupancy
        self._fanout = fanout
        self._reader = reader
        self._users = people
        self._moderation = moderation
        self._presence = presence
        self._resume = Recovery(entries, follower)
        self.roster = LocalMembers(fanout, self._expel, self._expel_marked)
        self._tasks = Tasks()

    async def stop(self) -> None:
        await self._tasks.stop()

    async def join(self, member: Client, request: Join) -> dict[str, Any]:
        """Answers a snapshot or the missed events. Live delivery starts exactly after the last page."""
        stream = await self._stream(member, request.channel)
        followed = await self._enter(member, stream)
        while True:
            changes = self.roster.changes(request.channel)
            answer, complete = await self._joined(member, request, followed)
            if changes == self.roster.changes(
                request.channel
            ):  # what was read still fits the position in the answer
                break
        if complete:
            self._go_live(member, followed)
        return answer

    async def _joined(self, member: Client, request: Join, followed: Followed) -> tuple[dict[str, Any], bool]:
        """The answer, and whether it reaches the newest entry."""
        channel = request.channel
        standing = await self._admit(member, channel)
        rules, count = await asyncio.gather(self._log.rules(channel), self._counted(member, channel))
        answer = {
            "ok": True,
            "role": standing.role,
            "viewers": count.viewers,
            "muted": await self._muting(channel, member, standing),
            "badges": member.user.badges,
            "settings": {
                **rules,
                "rate_per_s": self._settings.chat_rate_per_s,
                "burst": self._settings.chat_burst,
            },
        }
        warned, moderates = warning(standing), RANK[standing.role] >= RANK["moderator"]
        if warned is not None:
            answer["warned"] = warned
        if member.guest:
            app = await self._directory.app(member.user.app)
            known_s = max(0, now_ms() - member.since_ms) / 1000
            answer["guest"] = {"known_s": known_s, "wait_s": app.get("guest_wait_s", 0) if app else 0}
        if member.given_name:
            answer["renamed"] = {
                "name": member.given_name,
                "message": TAKEN.format(member.user.name, member.given_name),
            }
        missed = await self._resume.missed_entries(followed, request.epoch, request.seq)
        if missed is not None:
            events, more = missed
            seq = events[-1].seq if events else request.seq
            seen = [
                one
                for event in events
                if (one := public(event, member.user.sub, moderates=moderates)) is not None
            ]
            return {
                **answer,
                "epoch": followed.epoch,
                "seq": seq,
                "recovered": True,
                "events": fragments(seen),
                "more": more,
            }, not more
        beside = await self._reader.shadowed_between(channel, member.user.sub, standing)
        messages = await self._reader.newest(followed, self._settings.history_messages)
        low = messages[0].seq if messages and not followed.whole else 0
        shown = merged(messages, [one for one in beside if one[0] >= low])
        pinned = await self._pinned(followed, rules["pinned"]) if rules["pinned"] else None
        if pinned is not None:
            answer["pinned"] = orjson.Fragment(pinned)
        return {
            **answer,
            "epoch": followed.epoch,
            "seq": followed.last,
            "recovered": False,
            "messages": shown,
        }, True

    async def _counted(self, member: Client, channel: str) -> Count:
        """Lists the member as present and counts it as a viewer; an overlay is neither."""
        if member.user.overlay:
            return await self._viewer_counter.count(channel)
        count, _ = await asyncio.gather(
            self._viewer_counter.enter(channel, member.joined[channel], member.socket),
            self._presence.enter(channel, member.user.sub, member.socket),
        )
        return count

    async def _pinned(self, followed: Followed, message: str) -> bytes | None:
        """The pinned message, which may be older than the snapshot; looked up once by this node."""
        if followed.pinned is not None and followed.pinned[0] == message:
            return followed.pinned[1]
        last = followed.last
        try:
            body: bytes | None = (await self._moderation.find(followed.channel, message)).body
        except NotFound:
            body = None
        if followed.last == last:
            followed.pinned = message, body
        return body

    async def _muting(
        self, channel: str, member: Client, standing: UserStanding
    ) -> dict[str, str | None] | None:
        if standing.muted is None:
            return None
        return muting(standing, await self._moderation.reason(channel, f"mute:{member.user.sub}"))

    async def leave(self, member: Client, request: Leave) -> dict[str, Any]:
        """Leaves a channel. A channel that was not joined is no error."""
        await self._release(member, request.channel)
        return {"ok": True}

    async def leave_all(self, member: Client) -> None:
        """Leaves all channels of a disconnected client."""
        for channel in list(member.joined):
            await self._release(member, channel)

    async def send(self, member: Client, request: Send) -> dict[str, Any]:
        """Acknowledged when the message is in the durable log. A text that starts with a slash is a command."""
        stream = await self._stream(member, request.channel)
        if request.text.startswith("/"):
            return await self._command(member, stream, request.text, request.cid)
        data = {"text": request.text, "reply_to": request.reply_to, "picture_time": request.picture_time}
        return await self._say(member, stream, request.cid, data)

    async def command(self, member: Client, request: Order) -> dict[str, Any]:
        """Carries out a command, with its slash or without."""
        stream = await self._stream(member, request.channel)
        return await self._command(member, stream, request.text, new_id("msg"))

    async def commands(self, member: Client, request: Commands) -> dict[str, Any]:
        """The commands that this member may use."""
        return {"ok": True, "commands": allowed((await self.standing_of(member, request.channel)).role)}

    async def delete(self, member: Client, request: Delete) -> dict[str, Any]:
        stream = await self._stream(member, request.channel)
        actor = await self._actor(member, request.channel)
        await self._moderation.delete(stream["app"], request.channel, actor, request.id)
        return {"ok": True}

    async def original(self, member: Client, request: Original) -> dict[str, Any]:
        """A removed message, for moderators. Errors: NotFound, also when it is kept no longer."""
        standing = await self.standing_of(member, request.channel)
        check_role(standing.role, "moderator")
        entry, removed = await self._moderation.original(request.channel, request.id)
        return {"ok": True, "message": orjson.Fragment(entry.body), "removed": removed}

    async def _command(self, member: Client, stream: StreamDoc, text: str, cid: str) -> dict[str, Any]:
        command = parse(text)
        if command.name == "me":
            return {**await self._say(member, stream, cid, {"text": command.text, "me": True}), "reply": ""}
        channel: str = stream["channel"]
        if not member.commands.allows(monotonic()):
            raise RateLimited("Too many commands; slow down.", retry_after=1)
        outcome = await self._moderation.run(
            stream["app"], channel, await self._actor(member, channel), command
        )
        action = {"action": public_action(outcome.action)} if outcome.action is not None else {}
        commands = {"commands": outcome.commands} if outcome.commands is not None else {}
        return {"ok": True, **action, **commands, "reply": outcome.reply}

    async def _actor(self, member: Client, channel: str) -> Actor:
        """Errors: Forbidden when banned."""
        standing = await self._standing(member, channel)
        standing.check_in()
        user = member.user
        return Actor(user.sub, member.name, standing.role, user.app, user.staff, By(user.by or user.sub))

    async def _say(self, member: Client, stream: StreamDoc, cid: str, data: dict[str, Any]) -> dict[str, Any]:
        channel: str = stream["channel"]
        app = await self._directory.app(stream["app"])
        role = (
            member.role(channel) if channel in member.stored else (await self._standing(member, channel)).role
        )
        guests, origin = app.get("guests", "read") if app else "read", member.origin if member.guest else None
        rate = may_send(
            role,
            guests,
            self._settings,
            member.user.badges,
            data["text"],
            origin,
            member.since_ms,
            app.get("guest_wait_s", 0) if app else 0,
        )
        uid, card = member.user.sub, member.card(role)
        if app is not None and app.get("before_message"):
            await self._check_before_asking(member, channel)
        decision = await self._before.ask(app, channel, card, data)
        data = {**data, "text": decision.text}
        if decision.held:
            held = await self._held.hold(stream["app"], channel, uid, cid, card, data, decision.reason)
            return {"ok": True, "id": held, "held": True}
        stored = await self.append(stream, uid, cid, card, rate, data, member.barred)
        return {"ok": True, "id": stored.id, "seq": stored.seq}

    async def _check_before_asking(self, member: Client, channel: str) -> None:
        """Who may not write, or writes too fast, is no question to the app's server. Errors: Forbidden,
        RateLimited."""
        standing = await self._standing(member, channel)
        standing.check_in()
        if standing.muted is not None and (standing.muted == 0 or standing.muted > now_ms()):
            left_s = (standing.muted - now_ms()) / 1000 if standing.muted else None
            raise Forbidden("You may not write here for now.", code="muted", retry_after=left_s)
        if not member.asked.allows(monotonic()):
            raise RateLimited("Too many messages; slow down.", retry_after=1)

    async def append(
        self,
        stream: StreamDoc,
        uid: str,
        cid: str,
        card: dict[str, Any],
        rate: Rate,
        data: dict[str, Any],
        barred: Barred = NO_MORE,
    ) -> Appended:
        """Appends one message to the log. Errors: as ChannelLog.append; QuotaExceeded, except for a repeat of
        a stored message."""
        message_id, channel = new_id("msg"), stream["channel"]
        await self._bans.check(stream["app"], uid, barred)
        try:
            async with self._messages.spend(stream["app"], stream["id"]) as receipt:
                appended = await self._log.append(
                    channel,
                    kind=NEW_MESSAGE,
                    entry_id=message_id,
                    cid=cid,
                    uid=uid,
                    rate=rate,
                    barred=barred,
                    tail=tail(message_id, NEW_MESSAGE, channel, {"cid": cid, "user": card, **data}),
                )
                receipt.stored = not appended.repeated
        except QuotaExceeded:
            before = await self._log.appended_before(channel, uid, cid)
            if before is None:
                raise
            return before
        return appended

    async def present(self, member: Client, request: PresenceList) -> dict[str, Any]:
        """The users who are present, a page at a time."""
        await self.standing_of(member, request.channel)
        page = await self._presence.page(request.channel, request.cursor)
        return {"ok": True, **page, "next_cursor": page["next"]}

    async def standing_of(self, member: Client, channel: str) -> UserStanding:
        """A member's standing in a channel of its app. Errors: NotFound, Forbidden (banned)."""
        await self._stream(member, channel)
        standing = await self._standing(member, channel)
        standing.check_in()
        return standing

    async def history(self, member: Client, request: History) -> dict[str, Any]:
        """A page of messages, oldest first, and the cursor of the page before it."""
        channel = request.channel
        standing = await self.standing_of(member, channel)
        messages, following = await self._reader.page(
            channel, request.limit, request.cursor, member.user.sub, standing
        )
        return {"ok": True, "messages": messages, "next_cursor": following, "next": following}

    async def append_stream_event(self, event: StreamEvent) -> Appended:
        """Appends an event about a stream to its channel's sequence, once however often it is called."""
        kind = type_of(event)
        return await self._log.append(
            event.channel,
            kind=kind,
            entry_id=event.id,
            cid=event.id,
            rate=NO_RATE,
            at_ms=event.at,
            tail=tail(event.id, kind, event.channel, event.to_public()),
        )

    # -- who is where

    async def _stream(self, member: Client, channel: str) -> StreamDoc:
        """The channel's stream. Errors: NotFound, also for another app's and for a channel that this guest
        has no access to; Forbidden for a signed stream's."""
        stream = await self._directory.stream_by_channel(channel)
        if stream is None or stream["app"] != member.user.app or member.only not in (None, channel):
            raise NotFound("There is no such channel.")
        if stream.get("visibility") == "signed" and channel not in member.joined:
            await self._check_signed(member, stream)
        return stream

    async def _check_signed(self, member: Client, stream: StreamDoc) -> None:
        """Members with a role from the app or from moderation may take part, and those who may watch; a guest
        got access by a playback token. Checked until the member has joined, since a player's token is
        renewed independently of the socket. Errors: Forbidden."""
        channel, user, playback, withdrawn = (
            stream["channel"],
            member.user,
            member.playback,
            self._directory.withdrawn,
        )
        if member.guest:
            if not await withdrawn(user.app, user.iat, stream=stream["id"]):
                return
        elif channel in user.roles:
            return
        watches = (
            playback
            if playback is not None
            and playback.sub == stream["playback"]
            and playback.exp + LEEWAY_S > now_s()
            else None
        )
        if watches is not None and not await withdrawn(
            user.app, watches.iat, stream=stream["id"], session=watches.sid
        ):
            return
        if (await self._users.standing(channel, user.sub)).stored is None:
            raise Forbidden(
                "This stream is signed: its channel needs a role in it, or a playback token of the stream as `auth.playback`."
            )

    async def _standing(self, member: Client, channel: str) -> UserStanding:
        """The member's standing. Its stored role is cached where entries keep it current, and the member is
        added to the channel's users."""
        before = self.roster.changes(channel)
        standing, _ = await asyncio.gather(
            self._users.standing(channel, member.user.sub, member.token_role(channel), member.barred),
            self._bans.check_member(member),
        )
        if channel not in member.noted and not member.user.overlay:
            await self._note(member, channel)
            member.noted.add(channel)
        if self.roster.changes(channel) == before and self.roster.has(member, channel):
            member.stored[channel] = standing.stored
        return standing

    async def _note(self, member: Client, channel: str) -> None:
        if member.guest and channel not in member.noted:
            allowed = await self._users.claim_name(channel, member.user.sub, member.user.name)
            member.given_name = allowed if allowed != member.user.name else ""
        device, address = (member.user.device or "", member.origin) if member.guest else ("", "")
        person = ChannelUser(member.user.sub, member.name, member.token_role(channel), device, address)
        await self._users.remember(channel, person, guest=member.guest)

    async def run_guest_renewal(self) -> None:
        """Runs until cancelled. Refreshes the entries of guests who stay, before they expire."""
        while True:
            await asyncio.sleep(GUEST_KNOWN_S / 4)
            try:
                for member, channel in self.roster.guests():
                    await self._note(member, channel)
            except Unavailable:
                log.warning("chat.guests_wait")

    async def _admit(self, member: Client, channel: str) -> UserStanding:
        """Refuses a banned member. The channel is followed already, so a later ban arrives as an entry."""
        try:
            standing = await self._standing(member, channel)
            reason = (
                ""
                if standing.banned is None
                else await self._moderation.reason(channel, f"ban:{member.user.sub}")
            )
            standing.check_in(reason)
        except Refused:
            await self._release(member, channel)
            raise
        return standing

    def _expel_marked(self, channel: str, action: str) -> None:
        """After a ban: disconnects guests of the same device or address too."""
        self._tasks.start(self._look_for_marked(channel, action), "expel guests")

    async def _look_for_marked(self, channel: str, action: str) -> None:
        guests = [member for member, where in self.roster.guests() if where == channel]
        fields, held = (
            sorted({field for member in guests for field in member.barred.fields}),
            dict[str, str | None](),
        )
        for start in range(0, len(fields), MOST_FIELDS):
            asked = fields[start : start + MOST_FIELDS]
            held |= zip(asked, await self._log.state(channel, *asked), strict=True)
        for member in guests:
            barred = member.barred
            ends = holds((held[field] for field in barred.fields), now_ms(), barred.since_ms)
            if ends is not None and self.roster.has(member, channel):
                user = {"id": member.user.sub, "name": member.name}
                told = envelope(new_id("evt"), BANNED, now_ms(), channel=channel, user=user, action=action)
                self._fanout.send_to(member.socket, BANNED, told)
                self._expel(member, channel)

    def _expel(self, member: Client, channel: str) -> None:
        """After a ban: delivers nothing more to this member."""
        self.roster.remove(member, channel)
        self._tasks.start(self._leave_banned(member, channel), "leave banned")

    async def _leave_banned(self, member: Client, channel: str) -> None:
        async with member.turn:
            await self._release(member, channel)

    async def _enter(self, member: Client, stream: StreamDoc) -> Followed:
        """The channel's copy, complete. Live delivery to this member waits for the final page."""
        channel: str = stream["channel"]
        self.roster.pause(member, channel)
        held = self._follower.get(channel)
        if channel in member.joined and held is not None:
            await self._follower.settled(held)
            return held
        if len(member.joined) >= MOST_CHANNELS:
            raise Invalid(f"One connection may join {MOST_CHANNELS} channels.")
        followed = await self._follower.open(channel)
        member.joined[channel] = member.session(stream["playback"])
        self.roster.add(member, channel)
        return followed

    def _go_live(self, member: Client, followed: Followed) -> None:
        """Delivers to the member what follows `followed.last`. Nothing may be awaited between this and the
        ack."""
        if not member.gone:
            self.roster.go_live(member, followed.channel)

    async def _release(self, member: Client, channel: str) -> None:
        session = member.joined.pop(channel, None)
        if session is None:
            return
        self.roster.remove(member, channel)
        followed = self._follower.get(channel)
        if followed is not None:
            self._follower.close(followed)
        if member.user.overlay:
            return
        try:
            await asyncio.gather(
                self._viewer_counter.leave(channel, session, member.socket),
                self._presence.leave(channel, member.user.sub, member.socket),
            )
        except Unavailable:
            log.warning("chat.lease_left_to_end", channel=channel)
