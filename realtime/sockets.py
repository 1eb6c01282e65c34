"""The Socket.IO door: decides who may connect, and maps each request to its verb and back to an ack. [door]"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import socketio
import structlog
from prometheus_client import Gauge
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.types import ASGIApp

from realtime.app_events.subscriptions import EventSubscription, EventSubscriptions
from realtime.chat.bans import Bans
from realtime.chat.bans import refusal as refusal_of_ban
from realtime.chat.client import Client
from realtime.chat.moderator_view import ModeratorView
from realtime.chat.service import Chat
from realtime.chat.typing_reactions import TypingReactions
from realtime.fanout import NAMESPACE, EngineServer, Fanout, Packet
from realtime.fanout.packet_guard import LONGEST_FRAME, POLICY, RESTART, TRY_AGAIN, PacketGuard
from realtime.log.redis_keys import origin
from realtime.protocol.envelope import envelope
from realtime.protocol.messages import (
    ActionList,
    Ask,
    CardOf,
    Commands,
    Delete,
    HeldDecision,
    HeldList,
    History,
    Join,
    Leave,
    OneMessage,
    Order,
    Original,
    PresenceList,
    React,
    Restrictions,
    Send,
    Subscribe,
    Typing,
    Unsubscribe,
    check,
    refusal,
)
from realtime.rules.moderation_actions import address_field, device_field, holds, user_field
from realtime.rules.permissions import RateWindow
from weir.foundation.clock import monotonic, now_ms, now_s
from weir.foundation.errors import (
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    Refused,
    Unauthenticated,
    Unavailable,
)
from weir.foundation.events import AppBan, Event, Revoked
from weir.foundation.ids import new_id
from weir.foundation.services import Tasks
from weir.foundation.settings import Settings
from weir.foundation.tenancy.auth import Authenticator
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.tokens import KEY_PREFIX, LEEWAY_S, MAX_TOKEN_CHARS, Tokens, UserClaims

CONNECTED = Gauge("weir_sockets", "Signed-in Socket.IO connections of this process.")
AUTHENTICATE_S = 10.0
MOST_WAITING = 64
MOST_GREETINGS = 10
PACKETS_A_REQUEST = (
    10  # packets above the requests allowed are answered as too many; ten times as many end the connection
)
LONGEST_TIMER_S = 86_400.0
CREDENTIAL_S = 10.0
NOTICE = "system.notice"
READING = ("channel.join", "channel.leave", "chat.history")
SUBSCRIBE, UNSUBSCRIBE = "events.subscribe", "events.unsubscribe"
Verb = Callable[[Client, Any], Awaitable[dict[str, Any]]]
log = structlog.get_logger("realtime.sockets")


class Auth(BaseModel):
    """What a client sends on connecting: a user token, and its player's token if it has one; or an API key or
    an app token."""

    model_config = ConfigDict(extra="ignore", strict=True)
    token: str = Field(max_length=MAX_TOKEN_CHARS)
    playback: str | None = Field(None, max_length=MAX_TOKEN_CHARS)


@dataclass(frozen=True, slots=True)
class Program:
    """One of an app's own programs, recognised by the header that its credential would be in."""

    feed: EventSubscription
    credential: str
    address: str


def is_page(origin: str | None, _environ: dict[str, Any]) -> bool:
    """True when a web page of some origin opens this connection. The page's app is known only when a token
    names it (`Pages`): a connection without a token can do nothing, and cookies do not count here."""
    return origin is not None and origin.startswith(("http://", "https://"))


class Pages:
    """Which web pages may open sockets: of the installation's own address, of the page's own host, the
    configured ones, and those of the token's app."""

    def __init__(self, settings: Settings, directory: Directory) -> None:
        self._listed = {settings.base_url, *settings.allowed_origins}
        self._directory = directory

    async def check(self, environ: dict[str, Any], app_id: str) -> None:
        """Programs send no Origin. Errors: Forbidden."""
        origin = environ.get("HTTP_ORIGIN")
        if origin is None or origin in self._listed or urlsplit(origin).netloc == environ.get("HTTP_HOST"):
            return
        app = await self._directory.app(app_id)
        if app is None or origin not in app.get("origins", ()):
            raise Forbidden(f"Pages of {origin} may not connect for this app; add it to the app's origins.")


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]
    """python-socketio with a deadline for the first connect packet, and an end for connections that send
    garbage."""

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        self._expect_greeting(eio_sid)

    async def _handle_disconnect(
        self, eio_sid: str, namespace: str | None, reason: str | None = None
    ) -> None:
        """A client may connect again on the same connection, within the same deadline."""
        await super()._handle_disconnect(eio_sid, namespace, reason)
        connection = self.eio.sockets.get(eio_sid)
        if connection is not None and not (connection.closing or connection.closed):
            self._expect_greeting(eio_sid)

    def _expect_greeting(self, eio_sid: str) -> None:
        asyncio.get_running_loop().call_later(AUTHENTICATE_S, self._greeted, eio_sid)

    def _greeted(self, eio_sid: str) -> None:
        if eio_sid in self.environ and self.manager.sid_from_eio_sid(eio_sid, NAMESPACE) is None:
            self.start_background_task(self.hang_up, eio_sid, POLICY, "Sign in within 10 seconds.")

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        if self.manager.sid_from_eio_sid(eio_sid, namespace or NAMESPACE) is not None:
            raise ValueError("connected twice")
        connection = self.eio.sockets[eio_sid]
        connection.greetings = getattr(connection, "greetings", 0) + 1
        if connection.greetings > MOST_GREETINGS:
            raise ValueError("too many attempts to sign in")
        if (namespace or NAMESPACE) not in self.handlers:
            told = {
                "message": "Invalid namespace"
            }  # the protocol's own words; python-socketio sends a bare text of its own
            await self._send_packet(
                eio_sid, self.packet_class(socketio.packet.CONNECT_ERROR, data=told, namespace=namespace)
            )
            return
        await super()._handle_connect(eio_sid, namespace, data)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            await super()._handle_eio_message(eio_sid, data)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            log.warning("socket.bad_packet", error=str(error))
            await self.hang_up(eio_sid, POLICY, "This is not a packet of this protocol.")

    async def _send_packet(self, eio_sid: str, pkt: Packet) -> None:
        if self.manager.can_queue(eio_sid):
            await super()._send_packet(eio_sid, pkt)

    async def hang_up(self, eio_sid: str, code: int, reason: str) -> None:
        """Ends a connection; its leases and rooms are released."""
        environ = self.environ.get(eio_sid)
        line = environ["asgi.scope"].get("weir.line") if environ else None
        if line is not None:
            await line.hang_up(code, reason)
        elif eio_sid in self.eio.sockets:  # a polling client reads its farewell when it asks next, if ever
            await self.eio.sockets[eio_sid].close(wait=False)


class Sockets:
    def __init__(
        self,
        *,
        settings: Settings,
        tokens: Tokens,
        auth: Authenticator,
        directory: Directory,
        chat: Chat,
        moderators: ModeratorView,
        signals: TypingReactions,
        fanout: Fanout,
        feeds: EventSubscriptions,
        bans: Bans,
        address_key: bytes,
    ) -> None:
        """`address_key` is the installation's key for hashes of client addresses."""
        self._pages = Pages(settings, directory)
        self._tokens = tokens
        self._directory = directory
        self._chat = chat
        self._typing_reactions = signals
        self._fanout = fanout
        self._auth = auth
        self._subscriptions = feeds
        self._bans = bans
        self._address_key = address_key
        self._requests_per_s = settings.socket_requests_per_s
        self._members: dict[str, Client] = {}
        CONNECTED.set_function(lambda: len(self._members))
        self._programs: dict[str, Program] = {}
        self._tasks = Tasks()
        self._stopping = self._cut_off = False
        self._verbs: dict[str, tuple[type[Ask], Verb]] = {
            "channel.join": (Join, chat.join),
            "channel.leave": (Leave, chat.leave),
            "chat.send": (Send, chat.send),
            "chat.command": (Order, chat.command),
            "chat.commands": (Commands, chat.commands),
            "chat.delete": (Delete, chat.delete),
            "chat.history": (History, chat.history),
            "chat.original": (Original, chat.original),
            "chat.message": (OneMessage, moderators.message),
            "held.list": (HeldList, moderators.waiting),
            "held.decide": (HeldDecision, moderators.decide),
            "moderation.actions": (ActionList, moderators.actions),
            "moderation.restrictions": (Restrictions, moderators.restrictions),
            "moderation.user": (CardOf, moderators.card),
            "typing.start": (Typing, signals.typing),
            "typing.stop": (Typing, signals.stopped),
            "reaction.send": (React, signals.react),
            "presence.list": (PresenceList, chat.present),
            SUBSCRIBE: (Subscribe, self._subscribe),
            UNSUBSCRIBE: (Unsubscribe, self._unsubscribe),
        }
        self._server = SocketServer(
            client_manager=fanout,
            serializer=Packet,
            async_mode="asgi",
            async_handlers=True,
            always_connect=False,
            cors_allowed_origins=is_page,
            transports=["websocket", "polling"] if settings.socket_polling else ["websocket"],
            max_http_buffer_size=LONGEST_FRAME,
            ping_interval=25,
            ping_timeout=20,
            http_compression=False,
        )
        self._server.on("connect", self._connect)
        self._server.on("disconnect", self._disconnect)
        self._server.on("*", self._request)

    def application(self) -> ASGIApp:
        """Serves `/socket.io`."""
        served = socketio.ASGIApp(self._server, socketio_path="socket.io")
        return PacketGuard(
            served, lambda: self._stopping or self._cut_off, PACKETS_A_REQUEST * self._requests_per_s
        )

    def resync(self, channel: str) -> None:
        """Asks the channel's members to join again, and delivers nothing to them until they do."""
        body = envelope(
            new_id("evt"),
            NOTICE,
            now_ms(),
            channel=channel,
            code="resync",
            message="Join this channel again.",
        )
        self._fanout.deliver(channel, NOTICE, body)
        self._chat.roster.empty(channel)

    async def revoked(self, event: Event) -> None:
        """Closes the sockets whose rights a fact withdraws; for Bus.watch."""
        if not isinstance(event, Revoked):
            return
        for member in list(self._members.values()):
            if event.app in ("", member.user.app) and member.holds(event.kind, event.subject, event.before):
                member.gone = True
                self._tasks.start(self._close(member, "These rights have been withdrawn."), "close revoked")

    async def banned(self, event: Event) -> None:
        """Closes the sockets of a user who was banned from all channels of the app; for Bus.watch."""
        if not isinstance(event, AppBan):
            return
        until, address = event.until or 0, f"{event.until or 0} {event.since}"
        marks = {
            user_field(event.user): str(until),
            device_field(event.device or ""): str(until),
            address_field(event.address or ""): address,
        }
        for member in list(self._members.values()):
            barred = member.barred
            held = (marks.get(field) for field in (user_field(member.user.sub), *barred.fields))
            if member.user.app == event.app and holds(held, now_ms(), barred.since_ms) is not None:
                member.gone = True
                told = refusal_of_ban(event.reason, until)
                more = {"retry_after": told.retry_after} if told.retry_after is not None else {}
                self._tasks.start(self._close(member, told.detail, told.code, **more), "close banned")

    async def cut_off(self, cut_off: bool) -> None:
        """Called when this node loses Redis, and when it has it again. Without Redis its clients are sent to
        other nodes."""
        if cut_off and not self._cut_off:
            log.warning("sockets.cut_off", clients=len(self._members))
            self._cut_off = True
            await self._send_away("unavailable", "This server is cut off; connect again.", TRY_AGAIN)
        self._cut_off = cut_off

    async def _send_away(self, why: str, message: str, code: int) -> None:
        """Asks all clients to connect again, to whichever node they reach then."""
        for member in list(self._members.values()):
            self._notice(member, why, message, retry_after=round(random.uniform(0.2, 3), 1))
        await asyncio.sleep(0.1)  # time for the notice to leave before the close
        for eio_sid in list(self._server.environ):
            self._tasks.start(self._server.hang_up(eio_sid, code, message), why)

    async def stop(self) -> None:
        """Asks every client to connect again, and releases its leases."""
        self._stopping = True
        await self._send_away("restart", "This server restarts; connect again.", RESTART)
        for _ in range(60):
            if not self._members:
                break
            await asyncio.sleep(0.05)
        await self._tasks.stop()
        await self._chat.stop()
        await self._server.shutdown()

    # -- connecting

    async def _connect(self, socket: str, environ: dict[str, Any], auth: object = None) -> None:
        try:
            await asyncio.wait_for(self._admit(socket, environ, auth), AUTHENTICATE_S)
        except Refused as refused:
            raise _refused(refused) from None
        except Exception:
            log.exception("socket.connect_failed")
            raise _refused(Unavailable("Signing in does not work now; try again.")) from None

    async def _admit(self, socket: str, environ: dict[str, Any], auth: object) -> None:
        if self._stopping:
            raise Unavailable("This server restarts; connect again.")
        try:
            given = Auth.model_validate(auth)
        except ValidationError:
            raise Unauthenticated("Connect with auth {token, playback?}.") from None
        client = environ["asgi.scope"].get("client")
        address = client[0] if client else ""
        if given.token.startswith(KEY_PREFIX) or self._tokens.claims_to_be(given.token, "weir:app"):
            await self._admit_program(socket, environ, f"Bearer {given.token}", address)
            return
        user = await self._tokens.user(given.token)
        await self._pages.check(environ, user.app)
        playback = await self._tokens.playback(given.playback) if given.playback else None
        if playback is not None and playback.app != user.app:
            raise Unauthenticated("The playback token is of another app.")
        left_s = user.exp + LEEWAY_S - now_s()
        if left_s <= 0:
            raise Unauthenticated("This token has expired.")
        member = Client(socket, user, playback, RateWindow(self._requests_per_s))
        member.origin, member.stream = origin(address, self._address_key), await self._watched(member)
        self._members[socket] = member
        try:
            await self._check_revoked(member)
        except BaseException:
            del self._members[socket]
            raise
        loop = asyncio.get_running_loop()
        member.expiry = loop.call_later(min(left_s, LONGEST_TIMER_S), self._expire, member)

    async def _admit_program(
        self, socket: str, environ: dict[str, Any], credential: str, address: str
    ) -> None:
        """Admits one of an app's own programs, which may only follow events."""
        tenant = await self._auth.tenant(credential, address)
        await self._pages.check(environ, tenant.app)
        claims = UserClaims(iss="weir", sub=tenant.actor, iat=0, exp=0, app=tenant.app)
        member = self._members[socket] = Client(socket, claims, None, RateWindow(self._requests_per_s))
        self._programs[socket] = Program(
            EventSubscription(tenant.app, partial(self._fanout.send_to, socket)), credential, address
        )
        self._tasks.start(self._watch_program(member), "watch program")

    async def _watch_program(self, member: Client) -> None:
        """Returns when the program has disconnected, or its key or token has ended or was withdrawn."""
        while (program := self._programs.get(member.socket)) is not None:
            try:
                await self._auth.tenant(program.credential, program.address)
            except (Unauthenticated, Forbidden):
                await self._close(member, "This credential has ended.")
                return
            except Refused:
                log.warning("socket.credential_unchecked")
            await asyncio.sleep(CREDENTIAL_S)

    async def _subscribe(self, member: Client, request: Subscribe) -> dict[str, Any]:
        program = self._programs.get(member.socket)
        if program is None:
            raise Forbidden(
                "Events are for an app's own programs: connect with an API key or an app token that has events:read."
            )
        (await self._auth.tenant(program.credential, program.address)).need("events:read")
        return await self._subscriptions.subscribe(program.feed, request)

    async def _unsubscribe(self, member: Client, _request: Unsubscribe) -> dict[str, Any]:
        """Ends the subscription; having none is no error."""
        program = self._programs.get(member.socket)
        if program is not None:
            self._subscriptions.pause(program.feed)
        return {"ok": True}

    async def _watched(self, member: Client) -> str | None:
        """The id of the stream that a member's playback token, or a guest's token, is for."""
        stream = None
        if member.playback is not None:
            stream = await self._directory.stream_by_playback(member.playback.sub)
        elif member.guest and member.only is not None:
            stream = await self._directory.stream_by_channel(member.only)
        return str(stream["id"]) if stream is not None and stream["app"] == member.user.app else None

    async def _check_revoked(self, member: Client) -> None:
        """The member is listed already, so a revocation that arrives meanwhile marks it `gone`."""
        user, playback, withdrawn = member.user, member.playback, self._directory.withdrawn
        gone = await withdrawn(
            user.app,
            user.iat,
            user=user.sub,
            session=user.sid,
            stream=member.stream if member.guest else None,
        )
        gone = gone or await withdrawn(user.app, user.iat, user=user.uid)
        if playback is not None and not gone:
            gone = await withdrawn(user.app, playback.iat, session=playback.sid, stream=member.stream)
        if gone:
            raise Unauthenticated("These rights have been withdrawn.")
        if user.overlay and not await self._directory.still_valid(user.by or "", user.app, user.iat):
            raise Unauthenticated("This overlay's link has been replaced or deleted.")
        await self._bans.check_member(member)
        if member.gone:
            raise Unauthenticated("These rights have been withdrawn.")

    def _expire(self, member: Client) -> None:
        self._tasks.start(self._close(member, "This token has expired."), "close expired")

    async def _close(self, member: Client, reason: str, code: str = "unauthenticated", **more: Any) -> None:
        """Closes for good: a Socket.IO client does not reconnect by itself after this."""
        self._notice(member, code, reason, **more)
        eio_sid = self._server.manager.eio_sid_from_sid(member.socket, NAMESPACE)
        await self._server.disconnect(member.socket)
        await asyncio.sleep(1)  # time for the farewell to be read
        if eio_sid is not None:
            await self._server.hang_up(eio_sid, POLICY, reason)

    def _notice(self, member: Client, code: str, message: str, **more: Any) -> None:
        self._fanout.send_to(
            member.socket,
            NOTICE,
            envelope(new_id("evt"), NOTICE, now_ms(), code=code, message=message, **more),
        )

    async def _disconnect(self, socket: str, reason: str) -> None:
        member = self._members.get(socket)
        if member is None:
            return
        member.gone = True
        program = self._programs.pop(socket, None)
        if program is not None:
            self._subscriptions.close(program.feed)
        if member.expiry is not None:
            member.expiry.cancel()
        try:
            async with member.turn:
                await self._chat.leave_all(member)
        finally:
            self._typing_reactions.forget_client(member)
            del self._members[socket]

    # -- requests

    async def _request(self, event: str, socket: str, *data: object) -> dict[str, Any]:
        """Runs requests of one client one after another, in order. Nothing is awaited after the verb, so what
        a verb does last happens right before its ack."""
        member = self._members.get(socket)
        if member is None or member.gone:
            return refusal(Unauthenticated("This connection has ended."))
        if member.waiting >= MOST_WAITING:
            return refusal(RateLimited("Too many requests at once.", retry_after=1))
        if not member.requests.allows(monotonic()):
            return refusal(RateLimited("Too many requests; slow down.", retry_after=1))
        if not self._fanout.keeps_up(socket):
            return refusal(RateLimited("Read your answers first.", retry_after=1))
        member.waiting += 1
        try:
            async with member.turn:
                return await self._answer(member, event, data)
        finally:
            member.waiting -= 1

    async def _answer(self, member: Client, event: str, data: tuple[object, ...]) -> dict[str, Any]:
        try:
            if event not in self._verbs:
                raise NotFound(f"There is no request {event[:64]!r}.")
            if len(data) != 1:
                raise Invalid("A request is one JSON object.")
            if member.gone:
                raise Unauthenticated("This connection has ended.")
            if event not in (SUBSCRIBE, UNSUBSCRIBE) and member.socket in self._programs:
                raise Forbidden(
                    "This connection only follows events: connect with a user token to take part in channels."
                )
            if member.user.overlay and event not in READING:
                raise Forbidden("An overlay only reads: it joins its channel and takes part in nothing.")
            model, verb = self._verbs[event]
            return await verb(member, check(model, data[0]))
        except Refused as refused:
            return refusal(refused)
        except Exception:
            log.exception("request.failed", request=event)
            return refusal(Unavailable("Something went wrong here; try again.", retry_after=1))


def _refused(refused: Refused) -> socketio.exceptions.ConnectionRefusedError:
    told: dict[str, Any] = {"code": refused.code, "message": refused.detail}
    if refused.retry_after is not None:
        told["retry_after"] = round(refused.retry_after, 3)
    return socketio.exceptions.ConnectionRefusedError(refused.detail, told)
