"""Real Redis, real nodes, real clients; only the directory of apps and streams is faked."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import socketio
import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette

from realtime.composition import COLLECTIONS, RealtimeRoom
from realtime.fanout import RawProtocol
from realtime.log.channel_log import ArchivedState
from realtime.protocol.answers import ANSWERS
from realtime.protocol.event_schemas import form_of
from realtime.viewers import LeaseTimes
from weir.foundation.documents.factory import open_store
from weir.foundation.http.idempotency import REPEATS
from weir.foundation.http.problems import HANDLERS
from weir.foundation.ids import new_id
from weir.foundation.redis.bus import Bus, Relay
from weir.foundation.redis.client import connect_redis, disconnect
from weir.foundation.redis.periodic import Periodic
from weir.foundation.services import Services
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import AUDIT
from weir.foundation.tenancy.quotas import USED_UP
from weir.foundation.tenancy.tokens import Tokens
from weir.foundation.vault import Vault


async def eventually(true: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Polls until `true()` holds. The bound is for failure only and counts looks: a machine that is suspended
    uses none."""
    for _ in range(round(seconds / 0.02)):
        if value := true():
            return value
        await asyncio.sleep(0.02)
    raise AssertionError("this never came true")


async def nothing_known(channel: str) -> ArchivedState:
    """Replaces the documents of a channel that was never used."""
    return ArchivedState()


class RedisServer:
    """A redis-server of our own on a unix socket, with the durability of the embedded one."""

    def __init__(self, folder: Path, password: str) -> None:
        self.socket, self.folder, self._password = folder / "redis.sock", folder / "data", password
        self.folder.mkdir()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--requirepass", self._password,
             "--dir", str(self.folder), "--logfile", str(self.folder / "log"), "--save", "", "--maxmemory-policy", "noeviction",
             "--appendonly", "yes", "--appendfsync", "always", "--aof-load-truncated", "yes"],
        )  # fmt: skip
        deadline = time.monotonic() + 10
        while self.command("PING") != b"+PONG\r\n":
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def command(self, *arguments: str) -> bytes:
        """One command on a connection of its own; empty when the server is not there."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
            line.settimeout(5)
            line.connect(str(self.socket))
            for one in (("AUTH", self._password), arguments):
                line.sendall(
                    b"*%d\r\n" % len(one)
                    + b"".join(b"$%d\r\n%b\r\n" % (len(a.encode()), a.encode()) for a in one)
                )
                reply = line.recv(65536)
            return reply
        return b""

    def signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def cut_tail(self, count: int) -> None:
        """Takes bytes from the end of the append-only file, as a power cut may; only while the server is
        down."""
        newest = max(
            (self.folder / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime
        )
        os.truncate(newest, max(0, newest.stat().st_size - count))


@dataclass
class Directory:
    """Replaces foundation.directory: apps and streams in dicts."""

    apps: dict[str, dict[str, Any]] = field(default_factory=dict)
    streams: dict[str, dict[str, Any]] = field(default_factory=dict)
    revocations: set[tuple[str, str]] = field(default_factory=set)
    credentials: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def app(self, app_id: str) -> dict[str, Any] | None:
        return self.apps.get(app_id)

    async def credential(self, key_id: str) -> dict[str, Any] | None:
        return self.credentials.get(key_id)

    async def stream_by_channel(self, channel: str) -> dict[str, Any] | None:
        return self.streams.get(channel)

    async def stream(self, stream_id: str) -> dict[str, Any] | None:
        return next((one for one in self.streams.values() if one["id"] == stream_id), None)

    async def stream_by_playback(self, playback: str) -> dict[str, Any] | None:
        return next((one for one in self.streams.values() if one["playback"] == playback), None)

    async def live_streams(self) -> list[dict[str, Any]]:
        return [one for one in self.streams.values() if one["state"] == "live"]

    async def withdrawn(self, app: str, issued_s: float, **subjects: str | None) -> bool:
        return bool(
            self.revocations & {(kind, subject) for kind, subject in subjects.items() if subject is not None}
        )

    async def still_valid(self, by: str, app: str, issued_s: float) -> bool:
        return ("member", by) not in self.revocations

    def new_app(self, app: str) -> None:
        self.apps.setdefault(app, {"id": app, "guests": "read"})

    def new_stream(self, app: str, **more: Any) -> dict[str, Any]:
        self.new_app(app)
        made = {
            "id": new_id("str"),
            "app": app,
            "channel": new_id("chn"),
            "playback": new_id("ply"),
            "state": "idle",
            **more,
        }
        self.streams[made["channel"]] = made
        return made


class Node:
    """The room of one realtime process in uvicorn, in this event loop."""

    def __init__(self, services: Services, leases: LeaseTimes) -> None:
        self.services = services
        self.room = RealtimeRoom(services, leases)
        # asyncio switches Nagle's delay off only where the protocol number says TCP, and accepted sockets
        # inherit it
        self._port = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._port.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._port.getsockname()[1]}"
        application = Starlette(routes=self.room.routes(), exception_handlers=HANDLERS)
        config = uvicorn.Config(
            application,
            log_level="warning",
            lifespan="off",
            ws=RawProtocol,
            ws_max_size=65536,
            ws_per_message_deflate=False,
        )
        self._server = uvicorn.Server(config)
        self._serving: asyncio.Task[None] | None = None
        self._relay: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.room.start()
        self._relay = asyncio.create_task(self.services.relay.run())
        await self.room._connection.up(5)
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._port]))
        await eventually(lambda: self._server.started)

    async def stop(self) -> None:
        await self.room.stop()
        assert self._relay is not None
        self._relay.cancel()
        assert self._serving is not None
        self._server.should_exit = self._server.force_exit = True
        await self._serving
        await self.services.egress.close()
        await disconnect(self.services.redis)
        await self.services.store.close()

    async def crash(self) -> None:
        """Stops renewing and serving without a word, as a killed process does."""
        await self.room._tasks.stop()


@dataclass
class House:
    """What the tests start from: one Redis, any number of nodes on it, one directory."""

    settings: Settings
    vault: Vault
    redis: RedisServer
    directory: Any = field(default_factory=Directory)
    nodes: list[Node] = field(default_factory=list)
    clients: list["Client"] = field(default_factory=list)

    @property
    def tokens(self) -> Tokens:
        return Tokens(self.vault)

    async def node(self, leases: LeaseTimes = LeaseTimes()) -> Node:
        redis = connect_redis(self.settings, self.vault)
        store = await open_store(self.settings, [*COLLECTIONS, AUDIT, REPEATS, USED_UP])
        bus = Bus(redis)
        unused, directory, periodic = cast(Any, None), cast(Any, self.directory), Periodic(redis)
        services = Services(
            self.settings,
            self.vault,
            self.tokens,
            store,
            redis,
            bus,
            Relay(store, bus),
            directory,
            unused,
            periodic,
        )
        node = Node(services, leases)
        await node.start()
        self.nodes.append(node)
        return node

    async def client(
        self, node: Node, app: str, uid: str = "ann", *, playback: str | None = None, **claims: Any
    ) -> "Client":
        client = Client()
        self.clients.append(client)
        token = self.tokens.mint_user(uid, app, uid.title(), 600, **claims)
        await client.connect(node, {"token": token, **({"playback": playback} if playback else {})})
        return client


class Client:
    """A real python-socketio client that notes every event, and what in it the catalogue does not know."""

    def __init__(self) -> None:
        self.io = socketio.AsyncClient(reconnection=False)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.refused: list[Any] = []
        self.undocumented: list[str] = []
        self.io.on("*", self._took)
        self.io.on("connect_error", self._refused)

    async def _took(self, event: str, data: dict[str, Any]) -> None:
        self.events.append((event, data))
        form = form_of(event)
        try:
            assert form is not None, f"{event} is not in the catalogue"
            form.model.model_validate(data)
            assert data["type"] == event
            assert not (form.ephemeral and event != "system.notice" and {"seq", "epoch"} & data.keys())
        except (ValidationError, AssertionError) as error:
            self.undocumented.append(f"{event}: {error}")

    async def _refused(self, data: Any) -> None:
        self.refused.append(data)

    async def connect(self, node: Node, auth: Any) -> None:
        await self.io.connect(node.url, auth=auth, transports=["websocket"])

    async def call(self, event: str, **data: Any) -> dict[str, Any]:
        answer = cast(dict[str, Any], await self.io.call(event, data, timeout=15))
        if answer["ok"] and event in ANSWERS:
            try:
                ANSWERS[event].model_validate(answer)
            except ValidationError as error:
                self.undocumented.append(f"answer to {event}: {error}")
        return answer

    async def join(self, channel: str, **position: Any) -> dict[str, Any]:
        return await self.call("channel.join", channel=channel, **position)

    async def send(self, channel: str, cid: str, text: str = "hello", **more: Any) -> dict[str, Any]:
        return await self.call("chat.send", channel=channel, cid=cid, text=text, **more)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [data for event, data in self.events if event == kind]
