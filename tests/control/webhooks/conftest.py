"""An app with webhooks, its log, and a receiver."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from unittest.mock import AsyncMock

import pytest

from control.webhooks.composition import WebhookServices
from realtime.log.app_log import AppLog
from realtime.redis.client import address_of, connect
from tests.support.control_room import Headers, World
from tests.support.webhook_receiver import Receiver
from weir.foundation.errors import Unavailable
from weir.foundation.ids import new_id
from weir.foundation.services import Services, Tasks


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = await Receiver().start()
    yield made
    await made.stop()


async def nobody(_channel: str) -> int:
    return 0


class Hooks:
    """One app's webhooks with a running dispatcher."""

    def __init__(self, world: World, app: str, token: Headers, log: AppLog) -> None:
        self.world, self.app, self.token, self.log = world, app, token, log
        self.services: WebhookServices = world.room._webhooks

    def die(self) -> None:
        """The dispatcher stops at once and leaves everything as it is, like a killed process."""
        dispatcher = self.services.dispatcher
        dispatcher._reader = AsyncMock(**{"after.side_effect": Unavailable("gone")})
        dispatcher._share = AsyncMock()
        for dispatch in dispatcher._apps.values():
            for worker in dispatch._workers.values():
                worker.stopped = True

    async def make(self, url: str, *types: str, **more: Any) -> dict[str, Any]:
        body = {"url": url, "types": list(types) or ["*"], **more}
        made = await self.world.done("POST", "/v1/webhooks", self.token, body)
        return dict(made)

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        return await self.world.done(method, f"/v1/{path}", self.token, body)

    async def publish(self, kind: str = "custom.plate", **data: Any) -> str:
        """The id of an event of the app's own."""
        event_id = new_id("evt")
        await self.log.publish(self.app, event_id, kind, {"data": data or {"n": 1}, **data})
        return event_id


@pytest.fixture
async def hooks(world: World, services: Services, setting: Callable[..., None]) -> AsyncIterator[Hooks]:
    setting(egress_allow=["127.0.0.0/8"], webhook_timeout_s=3, webhook_retry_s=[0, 0.2, 0.2, 0.2, 0.2, 0.2])
    services.__dict__.pop("egress", None)
    world.__init__(services)  # its room with these settings
    owner = await world.owner()
    app = str((await world.app(owner))["id"])
    connection = connect(address_of(services.settings, services.vault))
    tasks = Tasks()
    tasks.start(connection.run(), "log")
    made = Hooks(world, app, await world.token(owner, app), AppLog(connection))
    tasks.start(services.bus.watch(made.services.dispatcher.on_event), "changes")
    running = tasks.start(made.services.dispatcher.run(), "dispatcher")
    await connection.up(5)
    yield made
    running.cancel()
    await tasks.stop()
    await made.services.close()
    await services.egress.close()
