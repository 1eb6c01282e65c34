"""The control room over ASGI with the door as it is served: one table, the envelope, refusals as problems."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette

from control.accounts.mail import MailSender
from control.composition import ControlRoom
from realtime.protocol.event_examples import event_kinds
from weir.foundation.http.problems import HANDLERS
from weir.foundation.http.response_headers import Envelope
from weir.foundation.http.router import Front, tabled
from weir.foundation.services import Services

PASSWORD = "correct horse battery"
Headers = dict[str, str]


class Letters:
    """A mail sender that keeps what it is given."""

    delivers = True

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    async def send(self, to: str, subject: str, text: str, headers: Any = None) -> None:
        self.sent.append((to, text))

    async def arrived(self, count: int) -> None:
        """Until so many have been sent: some are sent after the answer."""
        async with asyncio.timeout(10):
            while len(self.sent) < count:
                await asyncio.sleep(0.01)

    def token(self, to: str) -> str:
        """That of the newest link mailed to this address."""
        text = next(text for address, text in reversed(self.sent) if address == to)
        return text.rpartition("=")[2]


class World:
    def __init__(self, services: Services, viewers: Any = None) -> None:
        async def nobody(_channel: str) -> int:
            return 0

        self.services, self.letters = services, Letters()
        self.room = ControlRoom(services, viewers or nobody, event_kinds())
        sender: MailSender = self.letters
        self.room._accounts._mail = self.room._teams._mail = sender
        table, *others = tabled(self.room.routes())
        starlette = Starlette(routes=others, exception_handlers=HANDLERS)
        starlette.router.redirect_slashes = False
        envelope = Envelope(starlette, services.settings.allowed_origins)
        envelope.directory = services.directory
        self.application = Front(envelope, envelope, table)
        self.http = self.client()

    def client(self, address: str = "192.0.2.9") -> httpx.AsyncClient:
        """Cookies of its own."""
        transport = httpx.ASGITransport(self.application, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url="https://weir.test")

    async def owner(self) -> Headers:
        """The operator, signed in."""
        token = await self.room._accounts.setup_token()
        return await self.register("owner@weir.example", setup=token)

    async def register(self, email: str, **more: Any) -> Headers:
        async with self.client() as http:
            reply = await http.post(
                "/v1/auth/register", json={"email": email, "password": PASSWORD, "name": email[:3], **more}
            )
            assert reply.status_code == 201, reply.text
            return bearer(reply.json()["access_token"])

    async def app(self, account: Headers, name: str = "Mine") -> dict[str, Any]:
        return await self.done("POST", "/v1/apps", account, {"name": name})

    async def token(self, account: Headers, app: str) -> Headers:
        return bearer((await self.done("POST", f"/v1/apps/{app}/session", account))["app_token"])

    async def key(self, account: Headers, app: str, **options: Any) -> dict[str, Any]:
        """All scopes unless some are named."""
        return await self.done("POST", f"/v1/apps/{app}/keys", account, {"scopes": ["*"], **options})

    async def ask(
        self, method: str, path: str, headers: Headers | None = None, body: Any = None
    ) -> httpx.Response:
        return await self.http.request(method, path, headers=headers, json=body)

    async def done(self, method: str, path: str, headers: Headers | None = None, body: Any = None) -> Any:
        """The answer of a request that must succeed."""
        reply = await self.ask(method, path, headers, body)
        assert reply.status_code < 300, (method, path, reply.status_code, reply.text)
        return reply.json() if reply.content else None


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def opened(services: Services, **options: Any) -> AsyncIterator[World]:
    world = World(services, **options)
    async with world.http:
        try:
            yield world
        finally:
            await world.room._evaluator.close()
