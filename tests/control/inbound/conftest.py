"""A source over HTTP, and what it has put on the bus."""

from typing import Any

import orjson
import pytest

from tests.support.control_room import Headers, World, bearer
from weir.foundation.events import Event, InboundEvent, InboundReading

ECHO = {
    "id": "body.id",
    "rules": [{"event": {"type": "partner.test.echo", "data": {"n": 'get("body.n")'}}}],
}


class Desk:
    """An app's owner who makes sources."""

    def __init__(self, world: World, app: str, key: Headers) -> None:
        self.world, self.app, self.key = world, app, key

    async def source(self, **fields: Any) -> dict[str, Any]:
        body = {"name": "Test", "auth": {"kind": "token"}, "mapping": ECHO, **fields}
        made: dict[str, Any] = await self.world.done("POST", "/v1/sources", self.key, body)
        return made

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        reply = await self.world.ask(method, path, {**self.key, **headers}, body)
        return reply.status_code, (reply.json() if reply.content else None)

    async def post(
        self, source: dict[str, Any], body: Any, query: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """As the partner: with its token, unless other headers are given."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = headers if headers is not None else {"Authorization": f"Bearer {source['secret']}"}
        reply = await self.world.http.post(f"/v1/inbound/{source['id']}{query}", content=raw, headers=sent)
        return reply.status_code, reply.json()

    async def facts(self) -> list[Event]:
        """What waits in the outboxes of deliveries."""
        found = [events async for _, _, events in self.world.services.store.pending(1000)]
        return [one for events in found for one in events if isinstance(one, InboundEvent | InboundReading)]


@pytest.fixture
async def desk(world: World) -> Desk:
    owner = await world.owner()
    app = (await world.app(owner))["id"]
    key = (await world.key(owner, app))["api_key"]
    return Desk(world, app, bearer(key))
