"""A receiver of webhooks (with an OAuth2 token server at /token) that records what it gets and misbehaves as it is told."""

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

HANG, RESET = -1, -2
Answers = Callable[["Received"], tuple[int, dict[str, str]]]


@dataclass
class Received:
    """One request: lower-case headers, the raw body, and which with the same
    `webhook-id` at this path it was (from 1)."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    time: int = 1

    @property
    def id(self) -> str:
        return self.headers.get("webhook-id", "")


@dataclass
class Receiver:
    """`answer` gives status and headers for each request: HANG never answers, RESET closes the connection."""

    answer: Answers = lambda _: (200, {})
    got: list[Received] = field(default_factory=list)
    url: str = ""
    before: Callable[[Received], Awaitable[Any] | None] = lambda _: None
    says: Callable[[Received], Any] | None = None
    tokens: Callable[[], str] = lambda: "token"
    _runner: Any = None
    _times: Counter[str] = field(default_factory=Counter)

    async def start(self) -> "Receiver":
        app = web.Application(client_max_size=8 << 20)
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"
        return self

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if request.path == "/token":
            return web.json_response(
                {"access_token": self.tokens(), "token_type": "Bearer", "expires_in": 3600}
            )
        one = Received(request.path, headers, await request.read(), asyncio.get_running_loop().time())
        self._times[one.path + one.id] += 1
        one.time = self._times[one.path + one.id]
        self.got.append(one)
        if (waiting := self.before(one)) is not None:
            await waiting
        status, more = self.answer(one)
        if status == HANG:
            await asyncio.sleep(3600)
        if status == RESET:
            assert request.transport is not None
            request.transport.abort()
            status = 500
        if self.says is not None:
            return web.json_response(self.says(one), status=status, headers=more)
        return web.Response(status=status, headers=more, text="noted")

    def ids(self) -> list[str]:
        return [one.id for one in self.got]

    async def until(self, true: Callable[[list[Received]], Any], tries: int = 1500) -> Any:
        """Waits until `true(got)` holds."""
        for _ in range(tries):
            if value := true(self.got):
                return value
            await asyncio.sleep(0.02)
        raise AssertionError([(one.id, one.time, one.path) for one in self.got[-20:]])


@contextmanager
def receiver_in_thread(answer: Answers = lambda _: (200, {})) -> Iterator[Receiver]:
    """A receiver with an event loop of its own, for tests that are not asynchronous."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    receiver = asyncio.run_coroutine_threadsafe(Receiver(answer).start(), loop).result(10)
    try:
        yield receiver
    finally:
        asyncio.run_coroutine_threadsafe(receiver.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
