"""A lean Socket.IO client (Engine.IO 4 over RFC 6455) for crowds: no tasks, no queues, and nothing that a
test can't bend."""

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable
from typing import Any, cast

import orjson

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
ABNORMAL = 1006
OPENING = 10.0
Heard = Callable[[str, dict[str, Any]], None]


def next_frame(buffer: bytearray) -> tuple[int, bytes] | None:
    """Takes the first frame of a server (RFC 6455, not masked): (opcode, payload); None while it is not
    whole."""
    if len(buffer) < 2:
        return None
    size, start = buffer[1] & 0x7F, 2
    if size > 125:
        start = 4 if size == 126 else 10
        if len(buffer) < start:
            return None
        size = int.from_bytes(buffer[2:start], "big")
    if len(buffer) < start + size:
        return None
    opcode, payload = buffer[0] & 0x0F, bytes(buffer[start : start + size])
    del buffer[: start + size]
    return opcode, payload


class Refused(ConnectionError):
    """The server would not let us in; `data` is what it said."""

    def __init__(self, data: Any) -> None:
        super().__init__(str(data))
        self.data = data


class Line(asyncio.Protocol):
    """`heard` gets events as they come; `closed` has (code, reason) when it has ended, 1006 without a close
    frame."""

    def __init__(self, heard: Heard | None = None) -> None:
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[tuple[int, str]] = self._loop.create_future()
        self.opened: asyncio.Future[Any] = self._loop.create_future()
        self.greeted: asyncio.Future[Any] = self._loop.create_future()
        self.pings = 0
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._buffer = bytearray()
        self._upgraded = False
        self._why = (ABNORMAL, "")
        self.transport: asyncio.Transport = cast(Any, None)

    # -- sending

    def frame(self, payload: bytes, opcode: int = TEXT) -> None:
        """One whole frame; masked, as clients must, with zeros."""
        size = len(payload)
        if size < 126:
            head = bytes((0x80 | opcode, 0x80 | size))
        elif size < 65_536:
            head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
        else:
            head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
        self.transport.write(head + b"\0\0\0\0" + payload)

    def packet(self, text: str) -> None:
        self.frame(text.encode())

    async def call(self, event: str, data: Any, timeout: float = 5) -> Any:
        """The ack's value. Errors: ConnectionError when the line ends, TimeoutError."""
        if self.closed.done():
            raise ConnectionError(self.closed.result())
        self._number += 1
        number, answer = self._number, self._loop.create_future()
        self._calls[number] = answer
        self.frame(b"42%d%b" % (number, orjson.dumps([event, data])))
        try:
            async with asyncio.timeout(timeout):
                return await answer
        finally:
            self._calls.pop(number, None)

    async def sign_in(self, auth: Any) -> Any:
        """Errors: Refused, ConnectionError, TimeoutError."""
        self.frame(b"40" + orjson.dumps(auth))
        async with asyncio.timeout(OPENING):
            return await self.greeted

    def disconnect(self) -> None:
        """Says farewell and goes."""
        if not self.closed.done():
            self.packet("41")
            self.frame((1000).to_bytes(2, "big"), CLOSE)
            self.transport.close()

    def reset(self) -> None:
        """Goes without a word."""
        if not self.closed.done():
            self.transport.abort()

    # -- receiving

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(self._why)
        for waiting in (*self._calls.values(), self.opened, self.greeted):
            if not waiting.done():
                waiting.set_exception(ConnectionError(self._why))
            if not waiting.cancelled():
                waiting.exception()  # retrieved, also when no task awaits it

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            status = bytes(self._buffer[9:12])
            if status != b"101":
                self._why = (int(status), bytes(self._buffer[end + 4 :]).decode(errors="replace"))
                self.transport.close()
                return
            del self._buffer[: end + 4]
            self._upgraded = True
        while (frame := next_frame(self._buffer)) is not None:
            self._take(*frame)

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            self._why = (int.from_bytes(payload[:2], "big") or 1005, payload[2:].decode(errors="replace"))
            self.transport.close()
        elif opcode == PING:
            self.frame(payload, PONG)
        elif payload[:1] == b"0" and not self.opened.done():
            self.opened.set_result(orjson.loads(payload[1:]))
        elif payload[:1] == b"2":
            self.pings += 1
            self.packet("3")
        elif payload[:2] == b"42":
            event, data = orjson.loads(payload[payload.index(b"[") :])
            if self._heard is not None:
                self._heard(event, data)
        elif payload[:2] == b"43":
            start = payload.index(b"[")
            waiting = self._calls.get(int(payload[2:start]))
            if waiting is not None and not waiting.done():
                waiting.set_result(orjson.loads(payload[start:])[0])
        elif payload[:2] == b"40" and not self.greeted.done():
            self.greeted.set_result(orjson.loads(payload[2:]))
        elif payload[:2] == b"44" and not self.greeted.done():
            told = orjson.loads(payload[2:])
            self.greeted.set_exception(Refused(told.get("data", told)))
        elif payload[:2] == b"41":
            self.transport.close()


async def dial(port: int, heard: Heard | None = None, *, origin: str = "", host: str = "127.0.0.1") -> Line:
    """A WebSocket that the server has opened, not signed in. Errors: OSError, TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(OPENING):
        _, line = await loop.create_connection(lambda: Line(heard), host, port)
    extra = f"Origin: {origin}\r\n" if origin else ""
    key = b64encode(os.urandom(16)).decode()
    line.transport.write(
        f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{extra}\r\n".encode()
    )
    async with asyncio.timeout(OPENING):
        await line.opened
    return line


async def enter(port: int, auth: Any, heard: Heard | None = None) -> Line:
    """A line that is signed in. Errors: Refused, OSError, TimeoutError."""
    line = await dial(port, heard)
    try:
        await line.sign_in(auth)
    except BaseException:
        line.reset()
        raise
    return line
