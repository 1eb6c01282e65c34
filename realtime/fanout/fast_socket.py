"""An Engine.IO socket without tasks and queues: what is sent is written to the transport before the call
returns. [hands]

The stock socket costs two tasks, two queues and three wake-ups a packet. This one has the part of its
interface that the servers use, and one bound: a client with more than 256 messages or 1 MB unread is
disconnected.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Any, Protocol

import structlog

from realtime.fanout.protocol import RawProtocol
from realtime.fanout.ws_frames import binary_frame, text_frame

MOST_BEHIND = 256
MOST_BEHIND_BYTES = 1024 * 1024
FAREWELL_S = 10.0
CLOSE, PING, PONG, MESSAGE = "1", "2", "3", "4"
BUSY = -1
log = structlog.get_logger("realtime.fanout")


class Membership(Protocol):
    """A room, as its member sees it."""

    pending: list[bytes]

    def catch_up(self, member: "FastSocket") -> None:
        """Writes the frames that wait for this member."""

    def remove(self, member: "FastSocket") -> None:
        """Removes the member."""

    def share(self, member: "FastSocket") -> None:
        """The member joins a second room."""

    def unshare(self, member: "FastSocket") -> None:
        """The member is in this room only again, and its outbox is empty."""

    def turn(self, member: "FastSocket") -> None:
        """The member's `descriptor` has changed."""


class FastSocket:
    """`descriptor` is all that the fan-out needs of a member: the kernel's, as long as frames may be written
    to it directly, else BUSY. It belongs to this connection until `ended`: both event loops report the end
    before they close it."""

    __slots__ = (
        "_behind",
        "_own",
        "_transport",
        "closed",
        "closing",
        "connected",
        "descriptor",
        "due",
        "greetings",
        "on_close",
        "outbox",
        "over",
        "reason",
        "rooms",
        "session",
        "sid",
        "unanswered",
        "upgraded",
        "upgrading",
    )

    def __init__(self, sid: str, protocol: RawProtocol, due: float, on_close: Callable[..., Any]) -> None:
        self.sid = sid
        self.on_close = on_close
        self.session: dict[str, Any] = {}
        self.connected = self.upgraded = True
        self.upgrading = self.closing = self.closed = False
        self.due = due
        self.unanswered = False
        self.greetings = 0
        self.reason: str | None = None
        self.rooms: tuple[Membership, ...] = ()
        self.outbox: list[bytes] = []
        self._behind = 0
        self.over = False
        self._transport: asyncio.Transport = protocol.attach_writer(self)
        self._own: int = self._transport.get_extra_info("socket").fileno()
        self.descriptor = BUSY if self.buffered() else self._own

    # -- writing

    def send_frame(self, frame: bytes) -> None:
        """Writes a frame for this client alone, after everything that its rooms hold for it."""
        if self.outbox:
            self.empty_outbox()
        else:
            for room in self.rooms:
                if room.pending:
                    room.catch_up(self)
        self.write(frame, 1)

    def empty_outbox(self) -> None:
        if self.outbox:
            frames, self.outbox = self.outbox, []
            self.write(b"".join(frames), len(frames))

    def write(self, data: bytes, count: int) -> None:
        """Writes `count` whole frames; directly to the kernel when nothing waits before them."""
        if self.over or self._transport.is_closing():
            return
        if self.descriptor == BUSY:
            self._wait(data, count)
            return
        try:
            sent = os.write(self.descriptor, data)
        except OSError:
            sent = 0
        if sent != len(data):
            self.write_rest(data, sent, count)

    def write_rest(self, data: bytes, sent: int, count: int) -> None:
        """The kernel took only `sent` bytes: the loop writes the others, and reports an error."""
        self._behind = count
        self._transport.write(data[sent:])

    def _wait(self, data: bytes, count: int) -> None:
        self._behind += count
        if self._behind > MOST_BEHIND or self.buffered() + len(data) > MOST_BEHIND_BYTES:
            log.warning(
                "fanout.slow_reader", connection=self.sid, messages=self._behind, bytes=self.buffered()
            )
            self.abort()
        else:
            self._transport.write(data)

    def buffered(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size()

    def keeps_up(self) -> bool:
        return not self.over and not self._transport.is_closing() and self._behind <= MOST_BEHIND

    def abort(self) -> None:
        """Aborts the connection without a close frame and frees its buffer: a close would wait for the client
        to read it."""
        self.over = True
        self._turn(BUSY)
        self._transport.abort()

    # -- calls by the protocol

    def clogged(self) -> None:
        self._turn(BUSY)

    def drained(self) -> None:
        self._behind = 0
        if not self.over:
            self._turn(self._own)

    def _turn(self, descriptor: int) -> None:
        self.descriptor = descriptor
        for room in self.rooms:
            room.turn(self)

    def ended(self) -> None:
        self.over = True
        self.descriptor = BUSY
        self.outbox = []
        for room in self.rooms:
            room.remove(self)

    # -- what Engine.IO wants of a socket

    async def send(self, packet: Any) -> None:
        encoded = packet.encode()
        self.send_frame(binary_frame(encoded) if isinstance(encoded, bytes) else text_frame(encoded.encode()))

    def beat(self, now: float, timeout: float) -> bool:
        """Sends a ping when it is due; False when the last one was not answered in time. `now` in the loop's
        seconds."""
        if now < self.due:
            return True
        if self.unanswered:
            return False
        self.unanswered = True
        self.due = now + timeout
        self.send_frame(text_frame(PING.encode()))
        return True

    def pong(self, now: float, interval: float) -> None:
        if self.unanswered:
            self.unanswered = False
            self.due = now + interval

    async def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        """Tells the application once. Then sends a close packet, unless the connection is lost or not being
        read."""
        if self.closed or self.closing:
            return
        self.closing = True
        await self.on_close(self.sid, reason)
        if not abort:
            self.send_frame(text_frame(CLOSE.encode()))
            asyncio.get_running_loop().call_later(FAREWELL_S, self.abort)
        self.closed = True
