"""Shares the apps with enabled endpoints between processes, and reads their logs. [work]

Each such app is dispatched by one process, which holds a lease of LEASE_MS. A process that dies is followed
by another one, which reads the app's log from the stored cursor: the cursor passes an event only when all
its deliveries are done or stored. What was sent and not recorded is sent again, under the same `webhook-id`.
"""

import asyncio
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from control.webhooks.app_dispatch import AppDispatch, MakeWorker
from control.webhooks.deliveries import Deliveries
from control.webhooks.documents import WEBHOOKS, WebhookDoc
from weir.foundation.clock import monotonic
from weir.foundation.documents import Store
from weir.foundation.errors import Unavailable
from weir.foundation.events import AppDeleted, DirectoryChanged, Event, EventsWanted, WebhooksChanged
from weir.foundation.ids import new_id
from weir.foundation.redis.bus import Bus
from weir.foundation.redis.event_log import EventLogReader, LoggedEvent, LogPosition
from weir.foundation.services import Tasks
from weir.foundation.tenancy.collections import APPS
from weir.foundation.tenancy.directory import Directory

LEASE_MS, RENEW_S = 10_000, 2.5
ALL_AGAIN_S = 10.0
TICK_S, IDLE_S, ACTIVE_S = 0.05, 0.25, 10.0
READ_AT_ONCE = 200
WANT_EVERY_S = 3600.0
_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
log = structlog.get_logger("webhooks")


class Dispatcher:
    def __init__(
        self,
        deliveries: Deliveries,
        reader: EventLogReader,
        make_worker: MakeWorker,
        *,
        store: Store,
        redis: Redis,
        bus: Bus,
        directory: Directory,
    ) -> None:
        self._all = store.operator()
        self._redis: Any = redis  # its reply types are unions that fit no single command
        self._bus = bus
        self._directory = directory
        self._deliveries = deliveries
        self._reader = reader
        self._make_worker = make_worker
        self._name = new_id("ses")
        self._tasks = Tasks()
        self._apps: dict[str, AppDispatch] = {}
        self._leased_at: dict[str, float] = {}
        self._changed: set[str] = set()
        self._nudged = asyncio.Event()

    async def on_event(self, event: Event) -> None:
        """Handles changes by any process; for Bus.watch."""
        of_app = (
            isinstance(event, DirectoryChanged) and event.collection == APPS.name and event.key in self._apps
        )
        if isinstance(event, WebhooksChanged | AppDeleted) or of_app:
            self._changed.add(event.app)
            self._nudged.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        reading = self._tasks.start(self._read_on(), "webhooks.read")
        all_again = 0.0
        try:
            while not reading.done():
                changed, self._changed = self._changed, set()
                try:
                    await self._share(changed, everything=monotonic() >= all_again)
                    if monotonic() >= all_again:
                        all_again = monotonic() + ALL_AGAIN_S
                except (Unavailable, RedisError, OSError) as error:
                    self._changed |= changed
                    log.warning("webhooks.wait", error=str(error))
                self._nudged.clear()
                try:
                    await asyncio.wait_for(self._nudged.wait(), RENEW_S)
                except TimeoutError:
                    continue
        finally:
            await self._stop()

    async def _share(self, changed: set[str], *, everything: bool) -> None:
        """Takes and renews leases; reads endpoints that may have changed."""
        if everything:
            hooks = await self._enabled({"enabled": True})
            for app in {*hooks, *self._apps}:
                await self._refresh(app, hooks.get(app, []), looks=True)
        else:
            for app in changed:
                hooks = await self._enabled({"app": app, "enabled": True})
                await self._refresh(app, hooks.get(app, []), looks=True)
        for app in [one for one in self._apps if not await self._hold(one)]:
            await self._drop(app)

    async def _enabled(self, where: dict[str, Any]) -> dict[str, list[WebhookDoc]]:
        found: dict[str, list[WebhookDoc]] = {}
        cursor: str | None = None
        while True:
            page = await self._all.find(WEBHOOKS, where, limit=1_000, cursor=cursor)
            for hook in page.data:
                found.setdefault(hook["app"], []).append(hook)
            if page.next is None:
                return found
            cursor = page.next

    async def _refresh(self, app: str, hooks: list[WebhookDoc], *, looks: bool) -> None:
        known = await self._directory.app(app)
        if not hooks or known is None or known["state"] != "active":
            if app in self._apps:
                await self._drop(app)
            return
        dispatch = self._apps.get(app)
        if dispatch is None:
            if not await self._hold(app):
                return
            cursor = await self._deliveries.cursor(app)
            dispatch = AppDispatch(app, cursor, self._deliveries, self._make_worker)
            self._tasks.start(dispatch.recorder.run(), f"deliveries {app}")
            self._apps[app] = dispatch
        await dispatch.refresh(hooks, looks=looks)
        if dispatch.wants_channels and monotonic() - dispatch.wanted_at > WANT_EVERY_S:
            await self._bus.publish(EventsWanted(app=app))
            dispatch.wanted_at = monotonic()

    async def _hold(self, app: str) -> bool:
        """True while this process has the app's lease. When Redis is away it is given up before it ends."""
        asked_at = monotonic()
        if asked_at - self._leased_at.get(app, -1e9) < RENEW_S / 2:
            return True
        try:
            held = bool(await self._redis.eval(_HOLD, 1, _lease(app), self._name, LEASE_MS))
        except (RedisError, OSError):
            return asked_at - self._leased_at.get(app, -1e9) < LEASE_MS / 1000 - RENEW_S
        if held:
            self._leased_at[app] = asked_at
        return held

    async def _drop(self, app: str) -> None:
        dispatch = self._apps.pop(app)
        try:
            await dispatch.stop()
        finally:
            self._tasks.cancel(f"deliveries {app}")
        self._leased_at.pop(app, None)
        await self._redis.eval(_RELEASE, 1, _lease(app), self._name)

    async def _read_on(self) -> None:
        """Runs until cancelled: reads the logs in turn, busy ones each TICK_S, others each IDLE_S."""
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self._read()
            except Unavailable as error:
                log.warning("webhooks.wait", error=error.detail)
                await asyncio.sleep(0.5)
            except Exception:
                log.exception("webhooks.failed")
                await asyncio.sleep(1)

    async def _read(self) -> None:
        now = monotonic()
        for dispatch in list(self._apps.values()):
            dispatch.tick()
        asked = {
            app: dispatch.position
            for app, dispatch in self._apps.items()
            if not dispatch.is_full
            and now - dispatch.looked_at >= (0 if now - dispatch.active_at < ACTIVE_S else IDLE_S)
        }
        if asked:
            for app, (at, events) in (await self._reader.after(asked, READ_AT_ONCE)).items():
                if (asking := self._apps.get(app)) is not None:
                    asking.looked_at = now
                    await self._take(asking, at, events)
        for dispatch in list(self._apps.values()):
            await dispatch.save(self._reader)

    async def _take(self, dispatch: AppDispatch, at: LogPosition, events: list[LoggedEvent]) -> None:
        """An app's trouble is not the others'; its entries come again."""
        try:
            await dispatch.take(at, events)
        except Unavailable as error:
            log.warning("webhooks.wait", app=dispatch.app, error=error.detail)
        except Exception:
            log.exception("webhooks.failed", app=dispatch.app)

    async def _stop(self) -> None:
        for app in list(self._apps):
            try:
                await self._drop(app)
            except (Unavailable, RedisError, OSError):
                continue  # its lease ends by itself
        await self._tasks.stop()


def _lease(app: str) -> str:
    return f"weir:webhooks:{app}"
