"""The control room inside a process."""

import hmac

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.accounts import Accounts
from control.api.accounts import AccountRoutes
from control.api.streams import StreamRoutes, Viewers
from control.apps import Apps
from control.console import Console
from control.hls_access import HlsAccess
from control.rtmp_hooks import RtmpHooks
from control.streams import Streams
from control.usage import Usage
from control.watch import Watch
from weir.foundation.errors import NotFound
from weir.foundation.ground import Ground, Tasks
from weir.foundation.periodic import Job
from weir.foundation.routing import bind

GROUP = "control"


class ControlRoom:
    """`viewers` answers how many watch a channel now (the realtime room knows, or asks Redis)."""

    def __init__(self, ground: Ground, viewers: Viewers) -> None:
        self._ground = ground
        self._tasks = Tasks()
        self._secret = ground.settings.hook_secret or ground.vault.text_key("internal")
        self.streams, self._usage, self._accounts = Streams(ground), Usage(ground), Accounts(ground)
        self._access = HlsAccess(ground, self._secret)
        self._console = Console(ground)
        self._api = [
            *AccountRoutes(self._accounts, Apps(ground)).rows(),
            *StreamRoutes(ground, self.streams, Watch(ground), self._usage, viewers).rows(),
        ]

    def routes(self) -> list[BaseRoute]:
        hooks = RtmpHooks(self.streams, self._secret, self._ground.settings.hook_allow)
        return [
            *hooks.routes(),
            *self._access.routes(),
            Route("/internal/card", self._card, methods=["POST"]),
            *(bind(row, self._ground.door) for row in self._api),
        ]

    async def _card(self, request: Request) -> Response:
        """For the supervisor, which knows the internal secret; the web server has no way here."""
        if not hmac.compare_digest(request.headers.get("x-internal-secret", "").encode(), self._secret.encode()):
            raise NotFound("There is nothing here.")
        asked = orjson.loads(await request.body() or b"{}")
        return Response(orjson.dumps(await self._console.card(asked.get("app", "My app"), asked.get("title", "My stream"))))

    async def start(self) -> None:
        periodic = self._ground.periodic
        self._tasks.start(self._ground.bus.consume(GROUP, self.streams.heard), "control.bus")
        self._tasks.start(self._access.tell(), "control.heartbeats")
        for job in (
            Job("streams.end_overdue", 0.5, self.streams.end_overdue),
            Job("streams.reconcile", 2.0, self.streams.reconcile),
            Job("usage.collect", 5.0, self._usage.collect),
            Job("accounts.forget", 3600.0, self._accounts.forget_expired),
        ):
            self._tasks.start(periodic.run(job), job.name)

    async def stop(self) -> None:
        await self._tasks.stop()
