"""One ASGI application made of the rooms' applications, and the process that serves it."""

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import orjson
import prometheus_client
import structlog
import uvicorn
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.collections import COLLECTIONS as CONTROL_COLLECTIONS
from control.composition import ControlRoom
from control.migrations import migrate
from media.composition import MediaRoom
from realtime.composition import COLLECTIONS as REALTIME_COLLECTIONS
from realtime.composition import RealtimeRoom, ViewerCountRoom
from realtime.fanout import RawProtocol
from realtime.protocol.event_examples import event_kinds
from weir import __version__
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.documents.factory import open_store
from weir.foundation.errors import Unavailable
from weir.foundation.http import openapi
from weir.foundation.http.problems import HANDLERS
from weir.foundation.http.response_headers import Envelope
from weir.foundation.http.router import Front, mounted, tabled
from weir.foundation.http.routing import BoundRoute
from weir.foundation.ingest_client import IngestClient
from weir.foundation.redis.bus import Bus, Relay
from weir.foundation.redis.client import connect_redis, disconnect
from weir.foundation.redis.periodic import Periodic
from weir.foundation.services import Room, Services, Tasks
from weir.foundation.settings import Settings
from weir.foundation.telemetry import configure_logs
from weir.foundation.tenancy import collections as shared
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.tokens import Tokens
from weir.foundation.vault import open_vault

RoomName = Literal["control", "realtime", "media"]
ALL: tuple[RoomName, ...] = ("control", "realtime", "media")
COLLECTIONS = (*shared.COLLECTIONS, *CONTROL_COLLECTIONS, *REALTIME_COLLECTIONS)
PING_S = 2.0
OWNED: dict[RoomName, frozenset[str]] = {
    "control": frozenset(
        one.name
        for one in (
            *CONTROL_COLLECTIONS,
            shared.ACCOUNTS,
            shared.SIGN_INS,
            shared.APPS,
            shared.CREDENTIALS,
            shared.STREAMS,
            shared.REVOCATIONS,
            shared.AUDIT,
        )
    ),
    "media": frozenset((shared.RECORDINGS.name, shared.PROFILES.name)),
    "realtime": frozenset(one.name for one in REALTIME_COLLECTIONS),
}
"""What each room reads and writes; a collection has one room."""
READ: dict[RoomName, frozenset[str]] = {
    "control": frozenset((shared.RECORDINGS.name, shared.PROFILES.name)),
    "media": frozenset((shared.STREAMS.name,)),
    "realtime": frozenset(),
}
"""What each room reads of others', where the directory's cached copy is not new enough."""
log = structlog.get_logger("app")


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """What a process opens once. Errors: errors.Unavailable when the document store can't be opened."""
    vault = open_vault(settings)
    store = await open_store(settings, COLLECTIONS)
    redis = connect_redis(settings, vault)
    bus = Bus(redis)
    directory = Directory(store, vault)
    ingest = IngestClient(settings)
    tokens = Tokens(vault, directory.signing_key, stands=directory.still_valid)
    services = Services(
        settings, vault, tokens, store, redis, bus, Relay(store, bus), directory, ingest, Periodic(redis)
    )
    try:
        yield services
    finally:
        await services.egress.close()
        await ingest.close()
        await disconnect(redis)
        await store.close()


def check_store(settings: Settings) -> None:
    """Opens and closes a MongoDB, so that one that can't be used ends the start with a sentence instead of a
    traceback of the server's. Errors: errors.Unavailable."""

    async def check() -> None:
        await (await open_store(settings, COLLECTIONS)).close()

    if settings.mongodb_url:
        asyncio.run(check())


def build_rooms(services: Services, names: Sequence[RoomName]) -> list[Room]:
    """The rooms in the order of their start. Control answers with viewer counts, also where realtime runs
    elsewhere."""
    rooms: list[Room] = []
    of = {name: services.for_room(OWNED[name], READ[name]) for name in ALL}
    counts = RealtimeRoom(of["realtime"]) if "realtime" in names else ViewerCountRoom(of["realtime"])
    if "realtime" in names or "control" in names:
        rooms.append(counts)
    if "control" in names:
        rooms.append(ControlRoom(of["control"], counts.viewers, event_kinds()))
    if "media" in names:
        rooms.append(MediaRoom(of["media"]))
    return rooms


def tune_gc() -> None:
    """Makes the cyclic collector rare, once everything that lives as long as the process exists.

    Reference counts free nearly all we make; only ended connections leave cycles. With Python's defaults
    every 700 new containers start a collection, and each hundredth walks everything (docs/performance.md
    has the figures).
    """
    gc.collect()
    gc.freeze()  # the collector need not look at modules, schemas and routes again
    gc.set_threshold(20_000, 20, 50)


class Process:
    """Serves the named rooms: their routes, their background work, health and metrics."""

    def __init__(self, settings: Settings, names: Sequence[RoomName]) -> None:
        self._settings = settings
        self._names = names
        self._services: Services | None = None
        starlette = Starlette(lifespan=self._lifespan, exception_handlers=HANDLERS)
        starlette.router.redirect_slashes = False
        self._envelope = Envelope(starlette, settings.allowed_origins)
        self.asgi = Front(self._envelope, self._envelope)

    @asynccontextmanager
    async def _lifespan(self, asgi: Starlette) -> AsyncIterator[None]:
        tasks = Tasks()
        async with open_services(self._settings) as services:
            self._services = services
            rooms = build_rooms(services, self._names)
            self._envelope.directory = services.directory
            routes = [route for room in rooms for route in room.routes()]
            table, *others = tabled(routes)
            self.asgi.table, self.asgi.mounts = table, mounted(routes)
            asgi.router.routes[:] = [*others, *self._health(), described(routes, self._settings)]
            tasks.start(services.bus.watch(services.directory.on_event), "directory")
            tasks.start(services.relay.run(), "relay")
            tasks.start(services.door.limits.run_exchange(services.door.auth.used), "limits")
            started: list[Room] = []
            try:
                if "control" in self._names:
                    await migrate(services.store)
                for room in rooms:
                    await room.start()
                    started.append(room)
                tune_gc()
                log.info("app.ready", rooms=list(self._names), pid=os.getpid())
                yield
            finally:
                for room in reversed(started):
                    await room.stop()
                await tasks.stop()

    def _health(self) -> list[BaseRoute]:
        return [
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
            Route(
                "/metrics",
                lambda _request: Response(
                    prometheus_client.generate_latest(), media_type="text/plain; version=0.0.4"
                ),
            ),
        ]

    async def _parts(self) -> dict[str, str]:
        assert self._services is not None
        parts = {"database": "ok", "redis": "ok"}
        try:
            await self._services.store.ping()
        except Unavailable:
            parts["database"] = "down"
        try:
            await asyncio.wait_for(self._services.redis.ping(), PING_S)
        except (RedisError, OSError, TimeoutError):
            parts["redis"] = "down"
        return parts

    async def _healthz(self, _request: Request) -> Response:
        """Says that the process is alive and which of its parts answer; always 200."""
        parts = await self._parts()
        status = "ok" if set(parts.values()) == {"ok"} else "degraded"
        return _json({"status": status, "timestamp": rfc3339(now_ms()), **parts})

    async def _readyz(self, _request: Request) -> Response:
        """200 only when requests can be served; 503 names the part that is down."""
        parts = await self._parts()
        ready = set(parts.values()) == {"ok"}
        return _json(
            {"status": "ok" if ready else "unavailable", "timestamp": rfc3339(now_ms()), **parts},
            200 if ready else 503,
        )


def described(routes: Sequence[BaseRoute], settings: Settings) -> Route:
    """The OpenAPI document of these routes, written once."""
    rows = [route.row for route in routes if isinstance(route, BoundRoute)]
    written = orjson.dumps(openapi.document(rows, __version__, settings.base_url))

    async def openapi_json(_request: Request) -> Response:
        return Response(written, media_type="application/json")

    return Route("/v1/openapi.json", openapi_json)


def _json(body: dict[str, str], status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")


def serve(settings: Settings, names: Sequence[RoomName], listen: str) -> None:
    """Runs until SIGTERM or SIGINT. `listen` is `unix:PATH` or `HOST:PORT`.

    uvicorn believes forwarded headers on a unix socket, to which only our nginx (which overwrites them)
    connects, and on TCP from the networks of the web servers. Frames are bounded to 64 KB and never
    compressed: deflate cost 61 instead of 13 µs a delivery and 78 KB a connection.
    """
    configure_logs(settings)
    path = listen.removeprefix("unix:") if listen.startswith("unix:") else None
    host, _, port = listen.rpartition(":")
    where = {"uds": path} if path else {"host": host or "127.0.0.1", "port": int(port)}
    config = uvicorn.Config(
        Process(settings, names).asgi,
        **where,
        log_config=None,
        access_log=False,
        lifespan="on",
        loop="uvloop",
        http="httptools",
        ws=RawProtocol,
        ws_max_size=65_536,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        proxy_headers=True,
        forwarded_allow_ips="*" if path else settings.web_servers,
        timeout_graceful_shutdown=5,
        server_header=False,
        backlog=4096,
    )
    os.umask(0o077)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run()
