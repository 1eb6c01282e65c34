"""An app with partners: their sandboxes listen on loopback, which the installation allows here."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.support.control_room import Headers, World, opened
from tests.support.partners import SERVERS, PartnerServer, started
from weir.foundation.services import Services


@pytest.fixture
async def world(services: Services) -> AsyncIterator[World]:
    services.settings.__dict__.update(egress_allow=["127.0.0.0/8"])
    async with opened(services) as world:
        yield world
    await services.egress.close()


@dataclass
class Partners:
    """`waits` are the pauses between tries, which take no time here."""

    world: World
    headers: Headers
    app: str
    stack: AsyncExitStack
    waits: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def server(self, kind: str) -> PartnerServer:
        return await self.stack.enter_async_context(started(SERVERS[kind]))

    async def connected(self, kind: str, **more: Any) -> tuple[PartnerServer, str]:
        """A sandbox of this kind, and the path of the connection to it."""
        server = await self.server(kind)
        body = {"kind": kind, "name": f"My {kind}", "sandbox": endpoint(server), **more}
        made = await self.world.done("POST", "/v1/integrations", self.headers, body)
        return server, f"/v1/integrations/{made['id']}"

    async def ask(self, path: str, operation: str, data: Any, **headers: str) -> httpx.Response:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.world.ask("POST", f"{path}/calls", sent, {"operation": operation, "data": data})

    async def done(self, path: str, operation: str, data: Any, **headers: str) -> Any:
        reply = await self.ask(path, operation, data, **headers)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def health(self, path: str) -> Any:
        shown = await self.world.done("GET", "/v1/integrations/health", self.headers)
        return next(one for one in shown["integrations"] if path.endswith(one["id"]))


def endpoint(server: PartnerServer) -> dict[str, Any]:
    credentials = {
        name: value.replace("{url}", server.url) if isinstance(value, str) else value
        for name, value in server.credentials.items()
    }
    return {"url": server.url, "credentials": credentials}


@pytest.fixture
async def partners(world: World) -> AsyncIterator[Partners]:
    owner = await world.owner()
    app = str((await world.app(owner))["id"])
    async with AsyncExitStack() as stack:
        one = Partners(world, await world.token(owner, app), app, stack)
        world.room._integrations._calls._sleep = one.sleep
        yield one


Asking = Callable[..., Awaitable[Any]]
