"""uvicorn's WebSocket protocol, opened for whoever writes ready-made frames. [door]

The ASGI way to send costs a dict, a coroutine, a wait and a new frame for each recipient (15 µs); a ready frame written
to the transport costs the kernel's send and 0.5 µs more. The protocol offers itself in `scope["extensions"][RAW]` where
frames may be written past uvicorn: never on TLS, never with compression.
"""

import asyncio
from typing import Protocol, cast

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import is_ssl
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

RAW = "weir.websocket.raw"


class Writer(Protocol):
    """Who writes frames to the transport, and what it must hear about it."""

    def drained(self) -> None:
        """Nothing is buffered any more."""

    def ended(self) -> None:
        """No frame may follow: a close frame has been sent, or the connection is lost."""


class RawProtocol(WebSocketsSansIOProtocol):
    """Give it to uvicorn as `ws=`. `writer` is None while frames go the ASGI way."""

    writer: Writer | None = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        scope = getattr(self, "scope", None)  # absent when the handshake was refused
        if scope is not None and not is_ssl(self.transport) and not self.conn.extensions:
            cast(dict[str, object], scope["extensions"])[RAW] = self

    def take(self, writer: Writer) -> asyncio.Transport:
        """Hands the transport over. Its buffer limit becomes 0: so the loop writes at once instead of at the tick's end,
        and `drained` means exactly that the client has taken everything."""
        self.transport.set_write_buffer_limits(high=0)
        self.writer = writer
        return self.transport

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.writer is not None:
            self.writer.drained()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.close_sent:
            self._end()

    def shutdown(self) -> None:
        super().shutdown()
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._end()

    def _end(self) -> None:
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.ended()
