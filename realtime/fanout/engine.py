"""The Engine.IO server: fast sockets for plain WebSockets, python-engineio's own for everything else. [door]"""

import asyncio
import contextlib
from functools import partial
from typing import Any

import engineio
import orjson

from realtime.fanout import stock_socket
from realtime.fanout.fast_socket import CLOSE, MESSAGE, PONG, FastSocket
from realtime.fanout.library_check import fits
from realtime.fanout.protocol import RAW, RawProtocol
from realtime.fanout.ws_frames import binary_frame, text_frame

BEAT_S = 1.0
NORMAL = 1000


class EngineServer(engineio.AsyncServer):  # type: ignore[misc]
    """The fast path is switched off, with a warning, when the libraries are not those that it was written
    for."""

    start_service_task: bool

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lean = fits()

    async def handle_request(self, scope: Any, receive: Any, send: Any) -> Any:
        """A POST to a polling session that has just ended is answered as a bad request; the library would
        raise."""
        try:
            return await super().handle_request(scope, receive, send)
        except KeyError:
            if scope["type"] != "http":
                raise
            await send(
                {"type": "http.response.start", "status": 400, "headers": [(b"content-type", b"text/plain")]}
            )
            await send({"type": "http.response.body", "body": b"This session has ended."})

    async def _handle_connect(
        self, environ: dict[str, Any], transport: str, jsonp_index: int | None = None
    ) -> Any:
        protocol = environ["asgi.scope"].get("extensions", {}).get(RAW)
        if transport != "websocket" or protocol is None or not self._lean:
            return await super()._handle_connect(environ, transport, jsonp_index)
        if self.start_service_task:
            self.start_service_task = False
            self.service_task_handle = self.start_background_task(self._service_task)
        return await self._serve(environ, protocol)

    def _get_socket(self, sid: str) -> Any:
        socket = super()._get_socket(sid)
        if not isinstance(socket, FastSocket):
            socket.handle_post_request = partial(stock_socket.take, socket)
        return socket

    async def _serve(self, environ: dict[str, Any], protocol: RawProtocol) -> str:
        """One connection from its first byte to its last. ASGI messages still pass the guard in front."""
        sid = self.generate_id()
        await environ["asgi.send"]({"type": "websocket.accept"})
        due = asyncio.get_running_loop().time() + self.ping_interval
        socket = self.sockets[sid] = FastSocket(sid, protocol, due, self._told_closed)
        reason = self.reason.TRANSPORT_ERROR
        try:
            socket.send_frame(text_frame(b"0" + orjson.dumps(self._greeting(sid))))
            await self._trigger_event("connect", sid, environ, run_async=False)
            reason = await self._read(socket, environ["asgi.receive"])
            if reason == self.reason.CLIENT_DISCONNECT:
                with contextlib.suppress(OSError):  # it may not have waited
                    await environ["asgi.send"]({"type": "websocket.close", "code": NORMAL})
        finally:
            await socket.close(wait=False, abort=True, reason=socket.reason or reason)
            self.sockets.pop(sid, None)
        return ""

    def _greeting(self, sid: str) -> dict[str, Any]:
        return {
            "sid": sid,
            "upgrades": [],
            "pingTimeout": int(self.ping_timeout * 1000),
            "pingInterval": int(self.ping_interval * 1000),
            "maxPayload": self.max_http_buffer_size,
        }

    async def _read(self, socket: FastSocket, receive: Any) -> str:
        """Handles the client's packets until it disconnects; returns why."""
        clock = asyncio.get_running_loop().time
        while (message := await receive())["type"] == "websocket.receive":
            text = message.get("text")
            if text is None:
                await self._trigger_event("message", socket.sid, message["bytes"], run_async=False)
            elif not text:
                break
            elif text[0] == MESSAGE:
                await self._trigger_event("message", socket.sid, text[1:], run_async=False)
            elif text[0] == PONG:
                socket.pong(clock(), self.ping_interval)
            elif text[0] == CLOSE:
                return str(self.reason.CLIENT_DISCONNECT)
        return str(self.reason.TRANSPORT_CLOSE)

    async def _told_closed(self, sid: str, reason: str | None) -> None:
        await self._trigger_event("disconnect", sid, reason or self.reason.SERVER_DISCONNECT, run_async=False)

    async def send(self, sid: str, data: str | bytes) -> None:
        socket = self.sockets.get(sid)
        if isinstance(socket, FastSocket):
            socket.send_frame(
                binary_frame(data) if isinstance(data, bytes) else text_frame(b"4" + data.encode())
            )
        else:
            await super().send(sid, data)

    async def _service_task(self) -> None:
        """Checks all sockets once a second (0.1 µs each), in place of a timer and a task for each."""
        self.service_task_event = asyncio.Event()
        while True:
            try:
                await asyncio.wait_for(self.service_task_event.wait(), BEAT_S)
                return
            except TimeoutError:
                await self._beat(asyncio.get_running_loop().time())

    async def _beat(self, now: float) -> None:
        for socket in list(self.sockets.values()):
            if isinstance(socket, FastSocket):
                if not socket.beat(now, self.ping_timeout):
                    socket.reason = self.reason.PING_TIMEOUT
                    socket.abort()
            elif socket.closed:
                self.sockets.pop(socket.sid, None)
            elif not socket.closing:
                await socket.check_ping_timeout()
