"""Builds the control room."""

import contextlib
import hmac
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.accounts.api import AccountRoutes
from control.accounts.mail import MailLimit, open_sender
from control.accounts.service import Accounts
from control.apps.api import AppRoutes
from control.apps.api_keys import ApiKeys
from control.apps.before_message import BeforeMessageRoutes
from control.apps.operator_api import OperatorRoutes
from control.apps.service import Apps
from control.apps.teams import Teams
from control.followers.api import FollowerRoutes
from control.followers.links import FollowerLinks
from control.followers.mails import FollowerMails
from control.followers.notices import Notices
from control.followers.push import PushMessages
from control.followers.service import Followers
from control.inbound.api import SourceRoutes
from control.inbound.counts import InboundCounts
from control.inbound.evaluator import MappingEvaluator
from control.inbound.receiver import Inbound
from control.inbound.service import Sources
from control.integrations.api import IntegrationRoutes
from control.integrations.calls import PartnerCalls
from control.integrations.endpoints import Endpoints
from control.integrations.health import PartnerHealth
from control.integrations.service import Integrations
from control.local_admin import LocalAdmin
from control.models import Viewers
from control.overlays.api import OverlayRoutes
from control.overlays.service import Overlays
from control.playback.api import WatchRoutes
from control.playback.hls_access import HlsAccess, headers_of
from control.playback.page_heads import PageHeads
from control.playback.viewer_limit import ViewerLimit
from control.playback.watch_sessions import WatchSessions
from control.streams.api import StreamRoutes
from control.streams.hooks import RtmpHooks
from control.streams.service import Streams
from control.usage.broadcasts import Broadcasts
from control.usage.ledger import Ledger
from control.usage.meters import Meters
from control.usage.publish_minutes import METER_S, PublishMinutes
from control.usage.web_log import WebLog
from control.webhooks.api import WebhookRoutes
from control.webhooks.composition import build_webhooks
from control.webhooks.service import EventKinds
from weir.foundation.egress import ClientCredentials
from weir.foundation.errors import NotFound, Unavailable
from weir.foundation.events import Event
from weir.foundation.http.routing import bind
from weir.foundation.redis import queue_metrics
from weir.foundation.redis.periodic import Job
from weir.foundation.redis.play_tickets import PlayTickets
from weir.foundation.services import Services, Tasks
from weir.foundation.tenancy.playback_rights import PlaybackRights

GROUP = "control"


@dataclass(frozen=True)
class ControlServices:
    """What the room's doors and jobs share: each made once a process."""

    ledger: Ledger
    minutes: PublishMinutes
    streams: Streams
    accounts: Accounts
    apps: Apps
    keys: ApiKeys
    broadcasts: Broadcasts
    web_log: WebLog
    meters: Meters


def build_services(services: Services) -> ControlServices:
    audit, ledger = services.audit, Ledger(services.store)
    minutes = PublishMinutes(
        ledger, store=services.store, directory=services.directory, quotas=services.quotas
    )
    streams = Streams(
        minutes,
        audit,
        settings=services.settings,
        vault=services.vault,
        store=services.store,
        bus=services.bus,
        relay=services.relay,
        directory=services.directory,
        ingest=services.ingest,
        quotas=services.quotas,
    )
    accounts = Accounts(
        audit,
        settings=services.settings,
        vault=services.vault,
        tokens=services.tokens,
        store=services.store,
        redis=services.redis,
        bus=services.bus,
        directory=services.directory,
    )
    apps = Apps(
        audit,
        settings=services.settings,
        tokens=services.tokens,
        store=services.store,
        bus=services.bus,
        relay=services.relay,
        directory=services.directory,
        ingest=services.ingest,
        quotas=services.quotas,
    )
    keys = ApiKeys(
        apps, audit, vault=services.vault, store=services.store, redis=services.redis, bus=services.bus
    )
    broadcasts = Broadcasts(services.store)
    web_log = WebLog(
        broadcasts,
        ledger,
        settings=services.settings,
        store=services.store,
        redis=services.redis,
        directory=services.directory,
    )
    meters = Meters(
        ledger,
        store=services.store,
        redis=services.redis,
        directory=services.directory,
        quotas=services.quotas,
        messages=services.messages,
    )
    return ControlServices(ledger, minutes, streams, accounts, apps, keys, broadcasts, web_log, meters)


def build_integrations(services: Services) -> Integrations:
    health, tokens = PartnerHealth(services.redis), ClientCredentials(services.egress)
    calls = PartnerCalls(health, egress=services.egress, tokens=tokens, redis=services.redis)
    endpoints = Endpoints(vault=services.vault, egress=services.egress)
    return Integrations(calls, health, services.audit, store=services.store, endpoints=endpoints)


def build_local_admin(services: Services, control: ControlServices | None = None) -> LocalAdmin:
    """With the room's own services, or with new ones for a process that does not run the room."""
    control = control or build_services(services)
    return LocalAdmin(
        control.accounts,
        control.apps,
        control.streams,
        control.keys,
        settings=services.settings,
        store=services.store,
        directory=services.directory,
    )


class ControlRoom:
    """`viewers` returns how many watch a channel now (from the realtime room, or from Redis); `kinds` are the
    types of events with an example each."""

    def __init__(self, services: Services, viewers: Viewers, kinds: EventKinds) -> None:
        self._services = services
        self._viewers = viewers
        self._tasks = Tasks()
        self._secret = services.settings.hook_secret or services.vault.text_key("internal")
        self._audit = services.audit
        control = build_services(services)
        self.streams = control.streams
        self._minutes = control.minutes
        self._broadcasts = control.broadcasts
        self._web_log = control.web_log
        self._meters = control.meters
        self._ledger = control.ledger
        self._accounts = control.accounts
        self._apps = control.apps
        self._keys = control.keys
        self._teams = Teams(
            self._accounts,
            self._apps,
            self._audit,
            settings=services.settings,
            vault=services.vault,
            store=services.store,
            redis=services.redis,
            bus=services.bus,
            directory=services.directory,
            quotas=services.quotas,
        )
        seats = ViewerLimit(services.redis)
        self._access = HlsAccess(
            self._secret,
            seats,
            settings=services.settings,
            tokens=services.tokens,
            redis=services.redis,
            bus=services.bus,
            directory=services.directory,
            quotas=services.quotas,
            door=services.door,
        )
        self._integrations = build_integrations(services)
        self._local_admin = build_local_admin(services, control)
        self._webhooks = build_webhooks(services, kinds)
        rights = PlaybackRights(services.tokens, services.directory)
        self._heads = PageHeads(self._secret, rights, settings=services.settings)
        self._mail = open_sender(services.settings, services.settings.follower_mails_per_s)
        links = FollowerLinks(services.vault, services.settings.base_url)
        mails = FollowerMails(self._mail, links, settings=services.settings, vault=services.vault)
        push = PushMessages(vault=services.vault, egress=services.egress, settings=services.settings)
        self._followers = Followers(
            self._audit,
            rights,
            mails,
            MailLimit(services.redis),
            links,
            vault=services.vault,
            store=services.store,
            egress=services.egress,
            quotas=services.quotas,
        )
        self._notices = Notices(
            {"push": push, **({"email": mails} if mails.delivers else {})},
            rights,
            mails_per_s=services.settings.follower_mails_per_s,
            store=services.store,
        )
        watch = WatchSessions(
            seats,
            rights,
            mails.delivers,
            settings=services.settings,
            vault=services.vault,
            tokens=services.tokens,
            store=services.store,
            bus=services.bus,
            directory=services.directory,
            audit=services.audit,
        )
        overlays = Overlays(
            self._audit,
            watch,
            rights,
            vault=services.vault,
            tokens=services.tokens,
            store=services.store,
            relay=services.relay,
            directory=services.directory,
        )
        self._evaluator, self._counts = MappingEvaluator(), InboundCounts(services.store)
        sources = Sources(
            self._audit, self._evaluator, self._counts, store=services.store, vault=services.vault
        )
        self._inbound = Inbound(
            sources,
            self._evaluator,
            self._counts,
            self._audit,
            settings=services.settings,
            store=services.store,
            bus=services.bus,
            relay=services.relay,
            directory=services.directory,
            limits=services.door.limits,
            quotas=services.quotas,
        )
        self._api = [
            *SourceRoutes(sources, self._inbound, store=services.store, settings=services.settings).rows(),
            *AccountRoutes(self._accounts, self._teams, self._apps.adopt_orphans).rows(),
            *AppRoutes(self._accounts, self._apps, self._keys, self._teams, self._audit, self._ledger).rows(),
            *OperatorRoutes(self._accounts, self._apps, self._audit).rows(),
            *IntegrationRoutes(self._integrations).rows(),
            *StreamRoutes(
                self.streams,
                watch,
                self._ledger,
                self._broadcasts,
                viewers,
                settings=services.settings,
                tokens=services.tokens,
                store=services.store,
                audit=services.audit,
                quotas=services.quotas,
            ).rows(),
            *WatchRoutes(watch, rights, viewers, settings=services.settings).rows(),
            *FollowerRoutes(self._followers, push, rights, store=services.store).rows(),
            *OverlayRoutes(overlays, viewers, store=services.store, settings=services.settings).rows(),
            *WebhookRoutes(self._webhooks.service, self._webhooks.deliveries, services.vault).rows(),
            *BeforeMessageRoutes(
                store=services.store,
                egress=services.egress,
                vault=services.vault,
                audit=services.audit,
                changed=self._apps.changed,
            ).rows(),
        ]

    def routes(self) -> list[BaseRoute]:
        hooks = RtmpHooks(
            self.streams, PlayTickets(self._services.redis), self._secret, self._services.settings.hook_allow
        )
        return [
            *hooks.routes(),
            *self._access.routes(),
            *self._heads.routes(),
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
        await self._notices.on_event(event)
        await self._audit.on_event(event)

    async def start(self) -> None:
        await self._apps.adopt_orphans()  # of an owner whose process died after the set-up
        periodic = self._services.periodic
        self._tasks.start(self._services.bus.consume(GROUP, self._heard), "control.bus")
        self._tasks.start(self._access.run_heartbeats(), "control.heartbeats")
        self._tasks.start(self._counts.run(), "control.inbound_counts")
        self._tasks.start(self._services.bus.watch(self._webhooks.dispatcher.on_event), "webhooks.changes")
        self._tasks.start(self._webhooks.dispatcher.run(), "webhooks")
        for job in (
            Job("streams.end_overdue", 0.5, self.streams.end_overdue, self.streams.release),
            Job("streams.reconcile", 2.0, self.streams.reconcile),
            Job("usage.collect", 5.0, self._web_log.collect),
            Job("usage.messages", 5.0, self._meters.drain_messages),
            Job("usage.storage", 300.0, self._meters.measure_storage),
            Job("usage.publish", METER_S, self._minutes.meter),
            Job("apps.delete", 2.0, self._apps.delete_more),
            Job("keys.used", 30.0, self._keys.store_last_used),
            Job("accounts.forget", 3600.0, self._accounts.forget_expired),
            Job("invitations.forget", 3600.0, self._teams.forget_expired),
            Job("repeats.forget", 3600.0, self._services.door.repeats.forget_expired),
            Job("inbound.forget", 600.0, self._inbound.forget),
            Job("audit.counts", 20.0, self._audit.write_counts),
            Job("audit.forget", 86_400.0, self._audit.forget_old),
            Job("followers.ask", 1.0, self._followers.ask_more),
            Job("followers.forget", 3600.0, self._followers.forget),
            *self._notices.jobs(),
            Job("webhooks.forget", 3600.0, self._webhooks.forget_old),
            Job("webhooks.file", 2.0, self._webhooks.file.follow),
            queue_metrics.job(self._services.bus, self._services.relay),
        ):
            self._tasks.start(periodic.run(job), job.name)

    async def stop(self) -> None:
        await self._tasks.stop()
        await self._webhooks.close()
        await self._accounts.stop()
        await self._evaluator.close()
        with contextlib.suppress(Unavailable):
            await self._counts.write()
