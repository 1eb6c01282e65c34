"""The base of partners' sandboxes: authentication, what was asked, and bad behaviour."""

import asyncio
import base64
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from aiohttp import BodyPartReader, web
from multidict import CIMultiDict

from control.integrations.envelope import seal, unseal

KEY = "sandbox-key-0123456789"


@dataclass
class Seen:
    """A request that arrived: JSON, or the parts of a form by name as (file name, type, bytes)."""

    method: str
    path: str
    headers: CIMultiDict[str]
    json: Any = None
    parts: list[tuple[str, str | None, str | None, bytes]] = field(default_factory=list)


class Wrong(Exception):
    """What the sandbox does not take, as its own answer."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.answer = web.json_response({"error": error}, status=status)


def need(condition: object, error: str, status: int = 422) -> None:
    if not condition:
        raise Wrong(status, error)


def need_fields(body: Any, *names: str) -> None:
    """Dotted names reach into objects."""
    for name in names:
        value = body
        for part in name.split("."):
            need(isinstance(value, dict) and part in value, f"{name} is missing")
            value = value[part]


class PartnerServer:
    """`behaviours` are taken one for each request: hang, reset, garbage, huge, empty, 500, 503, 429, 401, 302 …, or a
    number with Retry-After as `429:2`. `authorized` judges the headers; by default a key in X-Api-Key. With
    `encryption` (kid, key) every body must be an envelope, and answers are."""

    test_path: ClassVar[str] = "/health"
    credentials: ClassVar[dict[str, Any]] = {"kind": "api_key", "key": KEY}

    def __init__(self) -> None:
        self.behaviours: list[str] = []
        self.seen: list[Seen] = []
        self.encryption: tuple[str, bytes] | None = None
        self.hanging = asyncio.Event()
        self.freed = asyncio.Event()
        self.url = ""
        self.answered_with: bytes | None = None

    # -- what a kind says

    def authorized(self, headers: CIMultiDict[str]) -> bool:
        return hmac.compare_digest(headers.get("X-Api-Key", ""), KEY)

    def answer(self, seen: Seen) -> Any:
        """The JSON of a good answer. Raises Wrong."""
        raise NotImplementedError

    # -- the server

    async def handle(self, request: web.Request) -> web.StreamResponse:
        behaviour = self.behaviours.pop(0) if self.behaviours else ""
        seen = Seen(request.method, request.path_qs, CIMultiDict(request.headers))
        try:
            await self._read(request, seen)
            if request.path == self.test_path.partition("?")[0] and request.method == "GET":
                need(self.authorized(seen.headers), "unauthorized", 401)
                return await self._misbehave(request, behaviour) or web.json_response({"status": "up"})
            self.seen.append(seen)
            misbehaved = await self._misbehave(request, behaviour)
            if misbehaved is not None:
                return misbehaved
            need(self.authorized(seen.headers), "unauthorized", 401)
            return self._answered(seen, self.answer(seen))
        except Wrong as wrong:
            return wrong.answer

    def _answered(self, seen: Seen, body: Any) -> web.Response:
        if self.answered_with is not None:
            return web.Response(body=self.answered_with, content_type="application/json")
        if self.encryption is not None:
            body = seal(body, self.encryption[1], self.encryption[0], seen.headers["X-Request-Id"])
        return web.json_response(body)

    async def _read(self, request: web.Request, seen: Seen) -> None:
        if request.content_type == "multipart/form-data":
            async for part in await request.multipart():
                assert isinstance(part, BodyPartReader)
                content, kind = bytes(await part.read()), part.headers.get("Content-Type")
                seen.parts.append((part.name or "", part.filename, kind, content))
        elif request.body_exists:
            need(request.content_type == "application/json", "json", 415)
            seen.json = await request.json()
            if self.encryption is not None:
                kid, key = self.encryption
                seen.json = unseal(seen.json, key, kid, seen.headers["X-Request-Id"])

    async def _misbehave(self, request: web.Request, behaviour: str) -> web.StreamResponse | None:
        status, _, wait = behaviour.partition(":")
        if status.isdecimal():
            headers = {"Retry-After": wait} if wait else {}
            if status == "302":
                headers = {"Location": "http://127.0.0.1:1/"}
            return web.json_response({"error": f"asked for {status}"}, status=int(status), headers=headers)
        if behaviour == "hang":
            self.hanging.set()
            await self.freed.wait()
        if behaviour == "reset":
            assert request.transport is not None
            request.transport.abort()
        if behaviour == "garbage":
            return web.Response(body=b"<html>\xff", content_type="application/json")
        if behaviour == "huge":
            return web.Response(body=b'"' + b"x" * 5_000_000 + b'"', content_type="application/json")
        if behaviour == "empty":
            return web.Response(status=204)
        return None


def bearer(headers: CIMultiDict[str], token: str, scheme: str = "Bearer") -> bool:
    return hmac.compare_digest(headers.get("Authorization", ""), f"{scheme} {token}")


def basic(headers: CIMultiDict[str], name: str, password: str) -> bool:
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return bearer(headers, pair, "Basic")


class Custom(PartnerServer):
    """Any system of a customer's; it says what it got."""

    credentials: ClassVar[dict[str, Any]] = {"kind": "basic", "username": "weir", "password": KEY}

    def authorized(self, headers: CIMultiDict[str]) -> bool:
        return basic(headers, "weir", KEY)

    def answer(self, seen: Seen) -> Any:
        return {"method": seen.method, "path": seen.path, "body": seen.json}


@asynccontextmanager
async def started(kind: Callable[[], PartnerServer]) -> AsyncIterator[PartnerServer]:
    server = kind()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        server.freed.set()
        await runner.cleanup()
