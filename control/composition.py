"""Builds the control room."""

import hmac

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.accounts.api import AccountRoutes
from control.accounts.service import Accounts
from control.apps.api import AppRoutes
from control.apps.api_keys import ApiKeys
from control.apps.operator_api import OperatorRoutes
from control.apps.service import Apps
from control.apps.teams import Teams
from control.local_admin import LocalAdmin
from control.playback.hls_access import HlsAccess, headers_of
from control.playback.viewer_limit import ViewerLimit
from control.playback.watch_sessions import WatchSessions
from control.streams.api import StreamRoutes
from control.streams.hooks import RtmpHooks
from control.streams.service import Streams, Viewers
from control.usage.broadcasts import Broadcasts
from control.usage.ledger import Ledger
from control.usage.meters import Meters
from control.usage.publish_minutes import METER_S, PublishMinutes
from control.usage.web_log import WebLog
from weir.foundation.errors import NotFound
from weir.foundation.events import Event
from weir.foundation.http.routing import bind
from weir.foundation.redis import queue_metrics
from weir.foundation.redis.periodic import Job
from weir.foundation.redis.play_tickets import PlayTickets
from weir.foundation.services import Services, Tasks

GROUP = "control"


class ControlRoom:
    """`viewers` returns how many watch a channel now (from the realtime room, or from Redis)."""

    def __init__(self, services: Services, viewers: Viewers) -> None:
        self._services = services
        self._viewers = viewers
        self._tasks = Tasks()
        self._secret = services.settings.hook_secret or services.vault.text_key("internal")
        self._audit = services.audit
        self._broadcasts = Broadcasts(services)
        self.streams = Streams(services, self._audit)
        self._usage = WebLog(services, self._broadcasts)
        self._ledger = Ledger(services.store)
        self._accounts = Accounts(services, self._audit)
        self._apps = Apps(services, self._audit)
        self._keys = ApiKeys(services, self._apps, self._audit)
        self._teams = Teams(services, self._accounts, self._apps, self._audit)
        seats = ViewerLimit(services.redis)
        self._access = HlsAccess(services, self._secret, seats)
        self._local_admin = LocalAdmin(services)
        self._api = [
            *AccountRoutes(self._accounts, self._teams, self._apps.adopt_orphans).rows(),
            *AppRoutes(self._accounts, self._apps, self._keys, self._teams, self._audit, self._ledger).rows(),
            *OperatorRoutes(self._accounts, self._apps, self._audit).rows(),
            *StreamRoutes(
                services,
                self.streams,
                WatchSessions(services, seats),
                self._ledger,
                self._broadcasts,
                viewers,
            ).rows(),
        ]

    def routes(self) -> list[BaseRoute]:
        hooks = RtmpHooks(
            self.streams, PlayTickets(self._services.redis), self._secret, self._services.settings.hook_allow
        )
        return [
            *hooks.routes(),
            *self._access.routes(),
            Route("/internal/card", self._card, methods=["POST"]),
            Route("/internal/overview", self._overview),
            *(bind(row, self._services.door) for row in self._api),
        ]

    async def _card(self, request: Request) -> Response:
        """For the supervisor, which knows the internal secret. The web server does not route here."""
        self._check_inside(request)
        asked = orjson.loads(await request.body() or b"{}")
        return Response(
            orjson.dumps(
                await self._local_admin.card(asked.get("app", "My app"), asked.get("title", "My stream"))
            )
        )

    async def _overview(self, request: Request) -> Response:
        self._check_inside(request)
        if headers_of(request.scope) is None:
            raise NotFound("There is nothing here.")
        return Response(orjson.dumps(await self._local_admin.overview(self._viewers)))

    def _check_inside(self, request: Request) -> None:
        if not hmac.compare_digest(
            request.headers.get("x-internal-secret", "").encode(), self._secret.encode()
        ):
            raise NotFound("There is nothing here.")

    async def _heard(self, event: Event) -> None:
        await self.streams.on_event(event)
        await self._broadcasts.on_event(event)
        await self._audit.on_event(event)

    async def start(self) -> None:
        await self._apps.adopt_orphans()  # of an owner whose process died behind the set-up
        periodic, counted = self._services.periodic, Meters(self._services, self._ledger)
        self._tasks.start(self._services.bus.consume(GROUP, self._heard), "control.bus")
        self._tasks.start(self._access.run_heartbeats(), "control.heartbeats")
        for job in (
            Job("streams.end_overdue", 0.5, self.streams.end_overdue, self.streams.release),
            Job("streams.reconcile", 2.0, self.streams.reconcile),
            Job("usage.collect", 5.0, self._usage.collect),
            Job("usage.messages", 5.0, counted.drain_messages),
            Job("usage.storage", 300.0, counted.measure_storage),
            Job("usage.publish", METER_S, PublishMinutes(self._services).meter),
            Job("apps.delete", 2.0, self._apps.delete_more),
            Job("keys.used", 30.0, self._keys.store_last_used),
            Job("accounts.forget", 3600.0, self._accounts.forget_expired),
            Job("invitations.forget", 3600.0, self._teams.forget_expired),
            Job("repeats.forget", 3600.0, self._services.door.repeats.forget_expired),
            Job("audit.counts", 20.0, self._audit.write_counts),
            Job("audit.forget", 86_400.0, self._audit.forget_old),
            queue_metrics.job(self._services.bus, self._services.relay),
        ):
            self._tasks.start(periodic.run(job), job.name)

    async def stop(self) -> None:
        await self._tasks.stop()
        await self._accounts.stop()
