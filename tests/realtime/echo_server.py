"""Our server class with echo handlers, for the suites of both protocols: binary and polling on, two
namespaces, quick pings."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import socketio
import uvicorn

from realtime.fanout import Fanout, RawProtocol
from realtime.sockets import SocketServer
from tests.support.chat_nodes import eventually

PING_S, PONG_S = 0.3, 0.2
MAX_PAYLOAD = 1_000_000


class Echo:
    """`http` is a session for its address."""

    def __init__(self, **options: Any) -> None:
        self.io = SocketServer(
            client_manager=Fanout(), async_mode="asgi", cors_allowed_origins="*", ping_interval=PING_S, ping_timeout=PONG_S,
            max_http_buffer_size=MAX_PAYLOAD, **options,
        )  # fmt: skip
        for namespace in ("/", "/custom"):
            self.io.on("connect", self._connect_of(namespace), namespace=namespace)
            self.io.on("message", self._echo_of(namespace), namespace=namespace)
            self.io.on("message-with-ack", lambda _sid, *data: data, namespace=namespace)
            self.io.on("call-me", self._call_of(namespace), namespace=namespace)
        self.answers: list[Any] = []
        self._port = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._port.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._port.getsockname()[1]}"
        app = socketio.ASGIApp(self.io)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="critical",
                lifespan="off",
                ws=RawProtocol,
                ws_ping_interval=None,
                ws_per_message_deflate=False,
            )
        )
        self.http: aiohttp.ClientSession

    def _connect_of(self, namespace: str) -> Any:
        async def told(sid: str, auth: Any) -> None:
            await asyncio.sleep(0.01)  # a session must get nothing before its handler has accepted it
            await self.io.emit("auth", auth or {}, to=sid, namespace=namespace)

        async def connect(sid: str, _environ: Any, auth: Any = None) -> None:
            self.io.start_background_task(told, sid, auth)

        return connect

    def _echo_of(self, namespace: str) -> Any:
        async def echo(sid: str, *data: Any) -> None:
            await self.io.emit("message-back", data, to=sid, namespace=namespace)

        return echo

    def _call_of(self, namespace: str) -> Any:
        async def call(sid: str, data: Any) -> None:
            await self.io.emit(
                "asked",
                data,
                to=sid,
                namespace=namespace,
                callback=lambda *answer: self.answers.append(answer),
            )

        return call

    async def __aenter__(self) -> "Echo":
        self.http = aiohttp.ClientSession(f"http://{self.address}")
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._port]))
        await eventually(lambda: self._server.started)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        self._server.should_exit = self._server.force_exit = True
        await self._serving
        await self.io.shutdown()

    # -- polling

    async def get(self, **query: Any) -> tuple[int, str]:
        return await self.request("GET", **query)

    async def post(self, body: str | bytes, **query: Any) -> tuple[int, str]:
        return await self.request("POST", body, **query)

    async def request(self, method: str, body: str | bytes | None = None, **query: Any) -> tuple[int, str]:
        asked = {"EIO": "4", "transport": "polling", **query}
        async with self.http.request(
            method, "/socket.io/", params=asked, data=body, timeout=aiohttp.ClientTimeout(5)
        ) as answer:
            return answer.status, await answer.text()

    async def opened(self) -> str:
        """A polling session's id."""
        status, body = await self.get()
        assert status == 200
        return str(json.loads(body[1:])["sid"])

    # -- WebSocket

    @contextlib.asynccontextmanager
    async def line(self, **query: Any) -> AsyncIterator["Wire"]:
        """A raw WebSocket, before anything was read."""
        asked = {"EIO": "4", "transport": "websocket", **query}
        text = "&".join(f"{name}={value}" for name, value in asked.items())
        async with self.http.ws_connect(f"/socket.io/?{text}", max_msg_size=0, autoclose=True) as raw:
            yield Wire(raw)

    @contextlib.asynccontextmanager
    async def connected(self, auth: Any = None) -> AsyncIterator["Wire"]:
        """A WebSocket in the default namespace; the session's own events have been read."""
        async with self.line() as wire:
            assert (await wire.read())[0] == "0"
            await wire.send("40" + (json.dumps(auth) if auth is not None else ""))
            wire.sid = json.loads((await wire.packet())[2:])["sid"]
            assert (await wire.packet()).startswith('42["auth"')
            yield wire


class Wire:
    """`packet` answers pings on the way."""

    def __init__(self, raw: aiohttp.ClientWebSocketResponse) -> None:
        self.raw, self.sid = raw, ""

    async def send(self, what: str | bytes) -> None:
        await (self.raw.send_bytes(what) if isinstance(what, bytes) else self.raw.send_str(what))

    async def read(self) -> Any:
        """The next frame's text or bytes; None at the end."""
        message = await self.raw.receive(5)
        return message.data if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY) else None

    async def packet(self) -> Any:
        async with asyncio.timeout(5):
            while (what := await self.read()) == "2":
                await self.send("3")
            return what

    async def message(self) -> Any:
        """As `packet`, past NOOPs."""
        while (what := await self.packet()) == "6":
            pass
        return what

    async def ended(self) -> None:
        """Reads to the end. Errors: TimeoutError when it does not come."""
        async with asyncio.timeout(5):
            while await self.read() is not None:
                pass
