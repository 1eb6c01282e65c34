"""uvicorn's WebSocket protocol, opened for ready-made frames. [door]

Sending by ASGI costs a dict, a coroutine, a wait and a new frame for each recipient (15 µs); a ready frame
written to the transport costs the kernel's send and 0.5 µs more. The protocol offers itself in
`scope["extensions"][RAW]` where frames may be written past uvicorn: never on TLS, never with compression.

It also bounds what a client may make this process keep or do besides its messages: control frames, fragments,
and pongs that it does not read.
"""

import asyncio
from typing import Protocol, cast

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.utils import is_ssl
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from realtime.fanout.packet_guard import FAULT, POLICY, PerSecond

RAW = "weir.websocket.raw"
NOT_UTF_8 = (1007, "Text must be UTF-8.")
LINGER_S = 1.0
SLICE_BYTES = 4096  # read at once: 680 of the smallest frames
MOST_CONTROL = 20  # pings and pongs a second; clients that send any send one each 20 s or so
MOST_FRAGMENTS, FRAGMENTED_S = 128, 10.0  # of one message
MOST_UNTAKEN = 4096  # messages that wait for the application: only a burst of tiny ones gets there


class FrameWriter(Protocol):
    """Writes frames to the transport, and gets the state of its buffer."""

    def clogged(self) -> None:
        """Something is buffered: what is written now follows it."""

    def drained(self) -> None:
        """Nothing is buffered any more."""

    def ended(self) -> None:
        """No frame may follow: a close frame was sent, or the connection is lost."""


class RawProtocol(WebSocketsSansIOProtocol):
    """Pass it to uvicorn as `ws=`. `writer` is None while frames are sent by ASGI."""

    writer: FrameWriter | None = None
    discards = False
    _control: PerSecond | None = None
    _owed: bytes = b""
    _unfinished: asyncio.TimerHandle | None = None
    _overdue: asyncio.TimerHandle | None = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        scope = getattr(self, "scope", None)  # absent when the handshake was refused
        if scope is not None and not is_ssl(self.transport) and not self.conn.extensions:
            cast(dict[str, object], scope["extensions"])[RAW] = self

    def attach_writer(self, writer: FrameWriter) -> asyncio.Transport:
        """Hands the transport to `writer`. Its buffer limit becomes 0, so the loop writes at once instead of
        at the tick's end, `clogged` is called before a write returns that left something over, and
        `drained` means that the client has read everything."""
        self.transport.set_write_buffer_limits(high=0)
        self.writer = writer
        return self.transport

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.writer is not None:
            self.writer.clogged()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.writer is not None:
            self.writer.drained()
        owed, self._owed = self._owed, b""
        if owed and not self.close_sent:
            self.transport.write(owed)

    def data_received(self, data: bytes) -> None:
        """Parses in slices: a read may bring 256 KB, and all its frames would be parsed, and its pings
        answered, before a bound is checked."""
        for start in range(0, len(data), SLICE_BYTES):
            if self.discards:
                return
            super().data_received(data if len(data) <= SLICE_BYTES else data[start : start + SLICE_BYTES])

    def handle_ping(self) -> None:
        """While the client does not read, only its newest ping is answered (RFC 6455 §5.5.3 allows it): pongs
        would pile up."""
        pongs = self.conn.data_to_send()
        if self.close_sent or not self._few_control():
            return
        if self.writable.is_set():
            self.transport.write(b"".join(pongs))
        elif pongs:
            self._owed = pongs[-1]

    def handle_pong(self, event: Frame) -> None:
        if self._few_control():
            super().handle_pong(event)

    def _few_control(self) -> bool:
        """False when there were too many control frames; the connection is being ended."""
        if self._control is None:
            self._control = PerSecond(MOST_CONTROL)
        if self._control.allows(self.loop.time()):
            return True
        self.cut("Too many pings or pongs.")
        return False

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= MOST_FRAGMENTS:
            self.cut("Too many fragments of one message.")
            return
        if self._unfinished is None and not event.fin:
            self._unfinished = self.loop.call_later(
                FRAGMENTED_S, self.cut, "A message must be whole within 10 seconds."
            )
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Passes on a text that is not UTF-8 as a fault, so that it ends like other garbage. uvicorn would
        log a traceback for each, and send a close that the client may not read."""
        if self._unfinished is not None:
            self._unfinished.cancel()
            self._unfinished = None
        if self.queue.qsize() >= MOST_UNTAKEN:
            self.cut("Too many messages at once.")
            return
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()  # again in the base: 0.1 µs
            except UnicodeDecodeError:
                self.frames = []
                self.queue.put_nowait(
                    cast(ASGIReceiveEvent, {"type": "websocket.receive", "bytes": b"", FAULT: NOT_UTF_8})
                )
                return
        super().send_receive_event_to_app()

    def cut(self, reason: str) -> None:
        """Ends the connection because of what the client does. Errors: none, also when it has ended."""
        if self.close_sent or self.disconnected:
            return
        if not self.handshake_complete:
            self.discards = True
            self.transport.abort()
            return
        self.conn.data_to_send()  # pongs: no client waits for them now
        self.conn.fail(POLICY, reason)
        self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        """As uvicorn's, but what the client still sends is read and dropped for a while: closing a socket
        with unread bytes resets it, and a reset overtakes the close frame."""
        self.discards = True
        if self.close_sent or self.conn.close_sent is None:
            return
        close = self.conn.close_sent
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._end()
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LINGER_S, self.transport.abort)

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.close_sent:
            self._end()

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._end()

    def eof_received(self) -> None:
        self._end()
        super().eof_received()

    def shutdown(self) -> None:
        super().shutdown()
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._end()
        for timer in (self._unfinished, self._overdue):
            if timer is not None:
                timer.cancel()

    def _end(self) -> None:
        """Closing a transport waits until the client has read its buffer, which it may never do: an abort
        follows."""
        if self._overdue is None and not self.disconnected:
            self._overdue = self.loop.call_later(self.close_timeout + LINGER_S, self.transport.abort)
        self._owed = b""
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.ended()
