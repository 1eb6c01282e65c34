"""What a process opens once and passes to its rooms."""

import asyncio
from collections.abc import Coroutine
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import structlog
from redis.asyncio import Redis
from starlette.routing import BaseRoute

from weir.foundation.audit import Audit
from weir.foundation.documents import Store
from weir.foundation.documents.room_store import RoomStore
from weir.foundation.egress import Egress
from weir.foundation.http.idempotency import IdempotencyKeys
from weir.foundation.http.routing import Door
from weir.foundation.ingest_client import IngestClient
from weir.foundation.redis.bus import Bus, Relay
from weir.foundation.redis.periodic import Periodic
from weir.foundation.redis.rate_limits import Limits
from weir.foundation.settings import Settings
from weir.foundation.tenancy.auth import Authenticator
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.message_quota import MessageQuota
from weir.foundation.tenancy.quotas import Quotas
from weir.foundation.tenancy.tokens import Tokens
from weir.foundation.vault import Vault

log = structlog.get_logger("tasks")


@dataclass
class Tasks:
    """Background tasks of one process: references are kept (asyncio drops unreferenced tasks), and a task
    that dies is logged."""

    _running: set[asyncio.Task[Any]] = field(default_factory=set)

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def cancel(self, name: str) -> None:
        """Cancels the tasks of this name."""
        for task in self._running:
            if task.get_name() == name:
                task.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("task.died", task=task.get_name(), exc_info=task.exception())

    async def stop(self) -> None:
        """Cancels until all have ended: redis-py turns a cancellation during a connect into a timeout, and
        the task continues."""
        pending = set(self._running)
        while pending:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=1)


@dataclass(frozen=True)
class Services:
    settings: Settings
    vault: Vault
    tokens: Tokens
    store: Store
    redis: Redis
    bus: Bus
    relay: Relay
    directory: Directory
    ingest: IngestClient
    periodic: Periodic

    def for_room(self, owns: frozenset[str], reads: frozenset[str]) -> "Services":
        """The same services with a store that is limited to these collections (RoomStore). The audit log,
        quotas, outgoing HTTP and the routes' door are shared by all rooms: they are made once."""
        _ = (self.audit, self.quotas, self.messages, self.door, self.egress)
        limited = copy(self)
        object.__setattr__(limited, "store", RoomStore(self.store, owns, reads))
        return limited

    @cached_property
    def audit(self) -> Audit:
        return Audit(self.store, self.redis)

    @cached_property
    def egress(self) -> Egress:
        return Egress(self.settings)

    @cached_property
    def quotas(self) -> Quotas:
        return Quotas(self.store, self.directory, self.relay, self.settings.plan_table)

    @cached_property
    def messages(self) -> MessageQuota:
        return MessageQuota(self.redis, self.quotas)

    @cached_property
    def door(self) -> Door:
        """One for all rooms of the process."""
        limits = Limits(self.redis, self.settings.block_after)
        settings, auth = self.settings, Authenticator(self.tokens, self.directory, self.vault)
        origins, secure = (
            frozenset((settings.base_url, *settings.allowed_origins)),
            settings.base_url.startswith("https:"),
        )
        return Door(
            auth, IdempotencyKeys(self.store), limits, settings.plan_table, settings.limits, origins, secure
        )


class Room(Protocol):
    """One room inside a process: its HTTP routes, its start and its orderly end."""

    def routes(self) -> list[BaseRoute]: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...
