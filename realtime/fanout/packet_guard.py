"""A guard in front of the Socket.IO application: refuses what is no packet, and can always end a connection.
[door]

python-engineio answers garbage with a traceback and leaves the connection open, and it cannot close a
WebSocket whose client ignores the close packet. Here each refusal is a close frame with a code (RFC 6455
§7.4) and a sentence.
"""

import contextlib
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weir.foundation.clock import monotonic

FAULT = "weir.websocket.fault"
LONGEST_FRAME = 64 * 1024
LONGEST_CONTROL = 8
MOST_UPGRADING = 8
UNSUPPORTED, POLICY, TOO_BIG, RESTART, TRY_AGAIN = 1003, 1008, 1009, 1012, 1013


def fault(message: Message) -> tuple[int, str] | None:
    """Why a received frame is refused: close code and sentence; None when it is a packet."""
    text = message.get("text")
    if text is None:
        refused: tuple[int, str] = message.get(FAULT, (UNSUPPORTED, "Binary frames are not taken."))
        return refused
    if len(text) > LONGEST_FRAME:
        return TOO_BIG, "A frame may have 64 KB."
    if text[:1] == "4":
        if text[1:2] in ("5", "6"):
            return UNSUPPORTED, "Binary events are not taken."
        return None if text[1:2] in ("0", "1", "2", "3", "4") else (POLICY, "This is not a Socket.IO packet.")
    if text[:1] in ("1", "2", "3", "5", "6") and len(text) <= LONGEST_CONTROL:
        return None
    return POLICY, "This is not an Engine.IO packet."


class PerSecond:
    """At most `most` within a second; seconds are passed in. It keeps two numbers where
    realtime.rules.permissions.RateWindow keeps a list."""

    __slots__ = ("_count", "_most", "_since")

    def __init__(self, most: int) -> None:
        self._most = most
        self._since = float("-inf")
        self._count = 0

    def allows(self, now_s: float) -> bool:
        if now_s - self._since >= 1:
            self._since = now_s
            self._count = 0
        self._count += 1
        return self._count <= self._most


class GuardedSocket:
    """One WebSocket between client and application, with at most `most` packets a second. Packets of an
    upgrade are bounded apart: the application answers each, however few of the answers are read."""

    __slots__ = ("_over", "_packets", "_receive", "_send", "_transport", "_upgrading")

    def __init__(self, receive: Receive, send: Send, most: int) -> None:
        self._receive = receive
        self._send = send
        self._packets = PerSecond(most)
        self._upgrading = 0
        self._over = False
        self._transport = getattr(getattr(receive, "__self__", None), "transport", None)

    async def receive(self) -> Message:
        message = {"type": "websocket.disconnect", "code": POLICY} if self._over else await self._receive()
        if message["type"] != "websocket.receive":
            return message
        refused = fault(message) or self._excess(str(message["text"]))
        if refused is None:
            return message
        await self.hang_up(*refused)
        return {"type": "websocket.disconnect", "code": refused[0]}

    def _excess(self, packet: str) -> tuple[int, str] | None:
        if not self._packets.allows(monotonic()):
            return POLICY, "Too many packets in one second."
        if packet[:1] in ("2", "5", "6"):
            self._upgrading += 1
            if self._upgrading > MOST_UPGRADING:
                return POLICY, "Too many packets of an upgrade."
        return None

    async def send(self, message: Message) -> None:
        if not self._over:
            self._over = message["type"] == "websocket.close"
            await self._send(message)

    async def hang_up(self, code: int, reason: str) -> None:
        """Ends the connection with a close frame that says why."""
        with contextlib.suppress(OSError):
            await self.send({"type": "websocket.close", "code": code, "reason": reason})

    def abort(self) -> None:
        """Aborts the connection without a close frame, which would queue after what the client does not read."""
        self._over = True
        if self._transport is not None:
            self._transport.abort()


class PacketGuard:
    """Puts each WebSocket's GuardedSocket into its scope as `weir.line`. While `shut()` is true, connections
    are refused with 503, after which a Socket.IO client tries again by itself; after a refusal in the
    protocol it would not. `most`: packets a second of one connection."""

    def __init__(self, app: ASGIApp, shut: Callable[[], bool], most: int) -> None:
        self._app = app
        self._shut = shut
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._shut() and scope["type"] in ("http", "websocket"):
            kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
            await send({"type": f"{kind}.start", "status": 503, "headers": [(b"retry-after", b"1")]})
            await send({"type": f"{kind}.body", "body": b""})
        elif scope["type"] != "websocket":
            await self._app(scope, receive, send)
        else:
            line = GuardedSocket(receive, send, self._most)
            await self._app({**scope, "weir.line": line}, line.receive, line.send)
