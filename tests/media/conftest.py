"""Real redis-server, nginx with the RTMP module and FFmpeg around one media room; every process is stopped by
its id."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
import uvicorn
from redis.asyncio import Redis
from starlette.applications import Starlette

from media.composition import MediaRoom
from tests.support.servers import free_port
from weir.foundation.documents import Store
from weir.foundation.documents.factory import open_store
from weir.foundation.events import Event, PublishDone, PublishStarted, StreamEvent, StreamOffline
from weir.foundation.http.idempotency import REPEATS
from weir.foundation.http.problems import HANDLERS
from weir.foundation.http.router import tabled
from weir.foundation.ids import new_id
from weir.foundation.ingest_client import IngestClient
from weir.foundation.redis.bus import Bus, Relay
from weir.foundation.redis.periodic import Periodic
from weir.foundation.services import Services, Tasks
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import COLLECTIONS, RECORDINGS
from weir.foundation.tenancy.quotas import USED_UP
from weir.foundation.tenancy.tokens import Tokens
from weir.foundation.vault import Vault

NGINX = """
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
{user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 64; }}
rtmp {{ server {{ listen 127.0.0.1:{port}; max_streams 128; application live {{
  live on; meta copy; wait_key off; interleave on; idle_streams on; drop_idle_publisher 8s; }} }} }}
http {{ access_log off;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen unix:{folder}/stat.sock; location /stat {{ rtmp_stat all; }} location /control {{ rtmp_control all; }} }} }}
"""


def until_exists(path: Path) -> None:
    for _ in range(200):
        if path.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"{path} did not appear")


def stopped(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[Path, int]]:
    """A short folder with `redis.sock` and `stat.sock`, and the RTMP port."""
    folder, port = Path(tempfile.mkdtemp(prefix="wm-")), free_port()
    (folder / "nginx.conf").write_text(
        NGINX.format(folder=folder, port=port, user="user root;" if os.getuid() == 0 else "")
    )
    redis = subprocess.Popen(
        [
            "redis-server",
            "--port",
            "0",
            "--unixsocket",
            f"{folder}/redis.sock",
            "--save",
            "",
            "--dir",
            str(folder),
        ],
        stdout=subprocess.DEVNULL,
    )
    nginx = subprocess.Popen(
        ["nginx", "-p", str(folder), "-e", f"{folder}/nginx.log", "-c", f"{folder}/nginx.conf"]
    )
    try:
        until_exists(folder / "redis.sock")
        until_exists(folder / "stat.sock")
        yield folder, port
    finally:
        stopped(nginx)
        stopped(redis)
        shutil.rmtree(folder)


@dataclass
class FakeDirectory:
    """`docs` are streams as control would have written them, `options` what their owners chose."""

    store: Store
    docs: list[dict[str, Any]] = field(default_factory=list)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    plan: str = ""
    stored: int = 0
    apps: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def live_streams(self) -> list[dict[str, Any]]:
        return [dict(doc) for doc in self.docs]

    async def stream(self, stream_id: str) -> dict[str, Any] | None:
        return self.options.get(stream_id)

    async def app(self, app_id: str) -> dict[str, Any] | None:
        return self.apps.get(app_id) or ({"id": app_id, "plan": self.plan} if self.plan else None)

    async def stored_bytes(self, app_id: str) -> int:
        return self.stored

    async def withdrawn(self, app: str, issued_s: float, **subjects: str | None) -> bool:
        return False

    async def still_valid(self, by: str, app: str, issued_s: float) -> bool:
        return True

    async def recording(self, recording_id: str) -> Any:
        return await self.store.operator().get(RECORDINGS, recording_id)


@dataclass
class Stage:
    """One media room with everything around it. `heard` collects the facts that the room publishes."""

    settings: Settings
    redis: Redis
    bus: Bus
    directory: FakeDirectory
    room: MediaRoom
    base: str
    http: aiohttp.ClientSession
    services: Services
    heard: list[Event] = field(default_factory=list)
    publishers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def stream(self) -> StreamEvent:
        return StreamEvent(
            app=new_id("app"),
            stream=new_id("str"),
            playback=new_id("ply"),
            channel=new_id("chn"),
            broadcast=new_id("brd"),
            generation=1,
        )

    def publish(
        self, fact: StreamEvent, *, size: str = "320x180", audio: bool = True, rate: str = "30", gop: int = 15
    ) -> "subprocess.Popen[bytes]":
        sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"] if audio else []
        process = subprocess.Popen([
            "ffmpeg", "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}", *sound,
            "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", str(gop), "-b:v", "300k",
            *(["-c:a", "aac"] if audio else []), "-f", "flv", f"{self.settings.pull_url}/{fact.playback}",
        ], stderr=subprocess.DEVNULL)  # fmt: skip
        self.publishers.append(process)
        return process

    async def tell(self, kind: type[StreamEvent], fact: StreamEvent, **changed: Any) -> StreamEvent:
        event = kind(**{**fact.model_dump(exclude={"id", "at", "type"}), **changed})
        await self.bus.publish(event)
        self.note(kind, event)
        return event

    def note(self, kind: type[StreamEvent], fact: StreamEvent) -> None:
        """What control would have written into the stream's document."""
        self.directory.docs[:] = [doc for doc in self.directory.docs if doc["playback"] != fact.playback]
        if kind is not StreamOffline:
            state = "interrupted" if kind is PublishDone else "live"
            self.directory.docs.append({
                "id": fact.stream, "app": fact.app, "playback": fact.playback, "channel": fact.channel, "state": state,
                "broadcast": fact.broadcast, "generation": fact.generation,
            })  # fmt: skip

    async def on_air(
        self, chosen: dict[str, Any] | None = None, **options: Any
    ) -> tuple[StreamEvent, "subprocess.Popen[bytes]"]:
        """`chosen` is what the stream's owner set, and perhaps the app that it is of."""
        fact = self.stream()
        if chosen and "app" in chosen:
            fact = fact.model_copy(update={"app": chosen["app"]})
        self.directory.options[fact.stream] = chosen or {}
        publisher = self.publish(fact, **options)
        await self.tell(PublishStarted, fact)
        await self.told("media.playable", fact)
        return fact, publisher

    async def told(self, kind: str, fact: StreamEvent, generation: int = 1) -> Any:
        def found() -> Event | None:
            return next(
                (
                    e
                    for e in self.heard
                    if getattr(e, "type", "") == kind
                    and isinstance(e, StreamEvent)
                    and (e.playback, e.generation) == (fact.playback, generation)
                ),
                None,
            )

        return await until(found)

    async def get(self, fact: StreamEvent, name: str) -> tuple[int, bytes]:
        async with self.http.get(f"{self.base}/origin/{fact.playback}/{name}") as reply:
            return reply.status, await reply.read()

    async def hear(self, event: Event) -> None:
        self.heard.append(event)


async def until(found: Callable[[], Any], within_s: float = 20.0) -> Any:
    for _ in range(int(within_s / 0.05)):
        result = found()
        if result:
            return result
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen")


@dataclass
class World:
    """Starts rooms over the same servers and folders, as processes would come and go."""

    folder: Path
    port: int
    data: Path
    tasks: Tasks = field(default_factory=Tasks)
    opened: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    async def stage(self, **options: Any) -> Stage:
        """Segments have one second, unless `options` say otherwise: half the waiting."""
        given: dict[str, Any] = {
            "data_dir": self.data / "data", "run_dir": self.folder, "live_dir": self.data / "live", "rtmp_port": self.port,
            "ingest_url": f"unix:{self.folder}/stat.sock", "ladder": [180], "x264_preset": "ultrafast", "segment_s": 1,
            **options,
        }  # fmt: skip
        settings = Settings(**given)
        redis = Redis(unix_socket_path=str(self.folder / "redis.sock"))
        store = await open_store(settings, [*COLLECTIONS, USED_UP, REPEATS])
        bus, directory, ingest = Bus(redis), FakeDirectory(store), IngestClient(settings)
        relay = Relay(store, bus, sweep_s=0.2)
        vault = Vault("x" * 32)
        services = Services(
            settings,
            vault,
            Tokens(vault),
            store,
            redis,
            bus,
            relay,
            cast(Any, directory),
            ingest,
            Periodic(redis),
        )
        room = MediaRoom(services)
        asgi = Starlette(routes=tabled(room.routes()), exception_handlers=HANDLERS)
        server = uvicorn.Server(uvicorn.Config(asgi, port=0, log_level="error", lifespan="off"))
        served = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        stage = Stage(
            settings,
            redis,
            bus,
            directory,
            room,
            f"http://127.0.0.1:{port}",
            aiohttp.ClientSession(),
            services,
        )
        ready = asyncio.Event()
        self.tasks.start(bus.watch(stage.hear, ready), "test hears")
        relaying = self.tasks.start(relay.run(), "relay")
        await ready.wait()

        async def close() -> None:
            for publisher in stage.publishers:
                if publisher.poll() is None:
                    publisher.send_signal(signal.SIGKILL)
                publisher.wait()
            await stage.room.stop()
            server.should_exit = True
            await stage.http.close()
            await served
            await ingest.close()
            relaying.cancel()
            await asyncio.wait([relaying])
            await store.close()

        self.opened.append(close)
        return stage


@pytest.fixture
async def world(servers: tuple[Path, int], tmp_path: Path) -> AsyncIterator[World]:
    folder, port = servers
    redis = Redis(unix_socket_path=str(folder / "redis.sock"))
    await redis.flushall()
    await redis.aclose()
    made = World(folder, port, tmp_path)
    yield made
    for close in reversed(made.opened):
        await close()
    await made.tasks.stop()


@pytest.fixture
async def stage(world: World) -> Stage:
    made = await world.stage()
    await made.room.start()
    return made
