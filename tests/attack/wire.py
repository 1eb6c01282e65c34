"""A WebSocket as an attacker writes it: any frame, any pace, and nothing read unless asked."""

import contextlib
import json
import os
import select
import socket
import time
from base64 import b64encode
from typing import Any

from tests.support.tcp_proxy import next_frame

TEXT, CONT, PING, PONG, CLOSE = 1, 0, 9, 10, 8
OPENING_S = 15.0


def frame(payload: bytes = b"", opcode: int = TEXT, *, last: bool = True) -> bytes:
    """Masked with zeros, as clients must."""
    size = len(payload)
    head = (
        bytes(((0x80 if last else 0) | opcode, 0x80 | size))
        if size < 126
        else bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    )
    return head + b"\0\0\0\0" + payload


class Wire:
    """Errors: ConnectionError when the handshake is refused."""

    def __init__(
        self, port: int, path: str = "/socket.io/?EIO=4&transport=websocket", **headers: str
    ) -> None:
        self.line = socket.create_connection(("127.0.0.1", port), OPENING_S)
        self._buffer = bytearray()
        self.closed: tuple[int, str] | None = None
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.line.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\n{extra}\r\n".encode()
        )
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if b" 101 " not in head[:20]:
            raise ConnectionError(head[:100])
        self._buffer = bytearray(rest)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()

    def sign_in(self, token: str, **more: Any) -> dict[str, Any]:
        """The server's answer: `{sid}`, or what it refuses with."""
        self.send("40" + json.dumps({"token": token, **more}))
        while True:
            text = self.read()
            if text[:2] in ("40", "44"):
                return dict(json.loads(text[2:]))

    def send(self, text: str) -> None:
        self.line.sendall(frame(text.encode()))

    def call(self, event: str, **data: Any) -> dict[str, Any]:
        """The ack; events that come before it are dropped."""
        self.send(f'421["{event}",{json.dumps(data)}]')
        while not (text := self.read()).startswith("431["):
            pass
        return dict(json.loads(text[3:])[0])

    def read(self) -> str:
        """The next text frame. Errors: ConnectionError at the end; `closed` has the code and the reason then."""
        while True:
            if (one := next_frame(self._buffer)) is None:
                self._more()
                continue
            opcode, payload = one
            if opcode == CLOSE:
                self.closed = int.from_bytes(payload[:2], "big"), payload[2:].decode()
                raise ConnectionError(self.closed)
            if payload == b"2":
                self.send("3")
            elif opcode == TEXT:
                return payload.decode()

    def end(self) -> tuple[int, str] | None:
        """Reads to the end; the close frame's code and reason, None without one."""
        with contextlib.suppress(OSError):
            while True:
                self.read()
        return self.closed

    def pour(self, data: bytes, most: int, seconds: float = 20) -> int:
        """Writes `data` again and again without reading, until `most` bytes are sent or the other side
        closes; returns the bytes sent."""
        self.line.setblocking(False)
        sent, deadline, rest = 0, time.monotonic() + seconds, b""
        with contextlib.suppress(OSError):
            while sent < most and time.monotonic() < deadline:
                rest = rest or data
                _, writable, _ = select.select([], [self.line], [], 0.5)
                if not writable:
                    continue
                went = self.line.send(rest)
                sent, rest = sent + went, rest[went:]
        self.line.settimeout(OPENING_S)
        return sent

    def _more(self) -> None:
        data = self.line.recv(65536)
        if not data:
            raise ConnectionError("ended")
        self._buffer += data


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    with open(f"/proc/{pid}/statm") as told:
        return int(told.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
