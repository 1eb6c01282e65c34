"""Keeps a link to one Redis process up: connects, greets, notices silence and demotion, connects again.
[hands]"""

import asyncio
import contextlib
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import hiredis
import structlog
from redis.asyncio.connection import parse_url

from realtime.redis.connection import ANSWER_S, Push, RedisLink, ignore, lost
from realtime.redis.slots import Place
from weir.foundation.errors import Unavailable
from weir.foundation.redis.client import cluster_seeds, redis_password
from weir.foundation.settings import Settings
from weir.foundation.vault import Vault

LOOK_S = 0.25
LONGEST_BACK_OFF_S = 0.5
log = structlog.get_logger("realtime.redis")


@dataclass(frozen=True)
class RedisAddress:
    """Where Redis is; `path` of a unix socket wins over host and port. `seeds` are members of a cluster: any
    of them says which masters there are."""

    path: str = ""
    host: str = "127.0.0.1"
    port: int = 6379
    username: str = ""
    password: str = ""
    database: int = 0
    tls: bool = False
    seeds: tuple[Place, ...] = ()

    @property
    def place(self) -> Place:
        return self.host, self.port

    def member(self, place: Place) -> "RedisAddress":
        """One server of the cluster, under the same credentials."""
        return replace(self, host=place[0], port=place[1], seeds=())


def address_of(settings: Settings, vault: Vault) -> RedisAddress:
    if not settings.redis_url:
        return RedisAddress(path=str(settings.redis_socket), password=redis_password(vault))
    url, seeds = cluster_seeds(settings.redis_url)
    parts: dict[str, Any] = dict(parse_url(url))
    return RedisAddress(
        path=parts.get("path") or "",
        host=parts.get("host") or "127.0.0.1",
        port=parts.get("port") or 6379,
        username=parts.get("username") or "",
        password=parts.get("password") or "",
        database=parts.get("db") or 0,
        tls=url.startswith("rediss:"),
        seeds=seeds,
    )


async def dial(address: RedisAddress, on_push: Push | None = None) -> RedisLink:
    """A new link, signed in. Errors: OSError, Unavailable, hiredis.ReplyError."""
    loop = asyncio.get_running_loop()
    tls = ssl.create_default_context() if address.tls else None
    if address.path:
        _, link = await loop.create_unix_connection(lambda: RedisLink(on_push), address.path)
    else:
        _, link = await loop.create_connection(
            lambda: RedisLink(on_push), address.host, address.port, ssl=tls
        )
    try:
        if address.password:
            await link.command("AUTH", *([address.username] if address.username else []), address.password)
        if address.database:
            await link.command("SELECT", address.database)
    except BaseException:
        link.abort()
        raise
    return link


class RedisNode:
    """Keeps one Link up until stopped. `on_push` gets what subscriptions bring; `on_up` and `on_down` are
    called for each link."""

    def __init__(
        self,
        address: RedisAddress,
        *,
        on_push: Push | None = None,
        on_up: Callable[[RedisLink], None] | None = None,
        on_down: Callable[[RedisLink], None] | None = None,
    ) -> None:
        self.address = address
        self._on_push = on_push
        self._on_up = on_up
        self._on_down = on_down
        self._link: RedisLink | None = None
        self._is_up = asyncio.Event()
        self._heard = 0.0

    def held(self) -> RedisLink | None:
        """The link that is up now."""
        return None if self._link is None or self._link.closed.done() else self._link

    def link(self) -> RedisLink:
        """The link that is up now. Errors: Unavailable."""
        if self._link is None or self._link.closed.done():
            raise lost()
        return self._link

    def heard(self) -> float:
        """When the server last said anything, in the loop's seconds; 0 = never."""
        return self._heard if self._link is None else self._link.heard

    def owner(self, _key: str) -> RedisLink | None:
        """As Cluster.owner: here every key lives."""
        return self.held()

    def doubt(self) -> None:
        """Something was not as it should be: the link begins anew."""
        if self._link is not None:
            self._link.abort()

    async def up(self, timeout: float) -> None:
        """Waits until the server is reached. Errors: Unavailable."""
        try:
            await asyncio.wait_for(self._is_up.wait(), timeout)
        except TimeoutError:
            raise lost() from None

    async def run(self) -> None:
        """Runs until cancelled: connects, tends the link, connects again."""
        pause = 0.05
        while True:
            try:
                link = await asyncio.wait_for(self._connect(), ANSWER_S)
            except (OSError, TimeoutError, Unavailable, hiredis.HiredisError) as error:
                log.warning("redis.unreachable", error=str(error) or "no answer")
                await asyncio.sleep(pause * random.uniform(0.5, 1))
                pause = min(2 * pause, LONGEST_BACK_OFF_S)
                continue
            pause = 0.05
            await self._serve(link)

    async def _serve(self, link: RedisLink) -> None:
        self._link = link
        self._is_up.set()
        try:
            if self._on_up is not None:
                self._on_up(link)
            await self._tend(link)
        finally:
            self._link = None
            self._heard = link.heard
            self._is_up.clear()
            link.abort()
            if self._on_down is not None:
                self._on_down(link)

    async def _connect(self) -> RedisLink:
        link = await dial(self.address, self._on_push)
        try:
            await self._identify(link)
        except BaseException:
            link.abort()
            raise
        return link

    async def _identify(self, link: RedisLink) -> None:
        server, replication = await asyncio.gather(
            link.command("INFO", "server"), link.command("INFO", "replication")
        )
        run_id, loading = _info(server, "run_id"), _info(await link.command("INFO", "persistence"), "loading")
        if _info(replication, "role") != "master" or loading == "1":
            raise Unavailable("This Redis is a replica or still loading.")
        link.incarnation = _incarnation(run_id, _info(replication, "master_replid"))
        self._run_id = run_id

    async def _tend(self, link: RedisLink) -> None:
        """Returns when the link is lost or no longer to be trusted."""
        looks = 0
        while not link.closed.done():
            await asyncio.wait({link.closed}, timeout=LOOK_S)
            looks += 1
            if link.silent():
                log.warning("redis.silent", seconds=ANSWER_S)
                return
            if looks % 4 == 0 and not link.closed.done():
                self._ask(link)

    def _ask(self, link: RedisLink) -> None:
        """Something must be asked to notice silence; where commands go, whether this is still the same Redis
        history."""
        with contextlib.suppress(Unavailable):
            if self._on_push is not None:
                ignore(link.command("PING"))
            else:
                link.command("INFO", "replication").add_done_callback(lambda reply: self._check(link, reply))

    def _check(self, link: RedisLink, reply: "asyncio.Future[Any]") -> None:
        if reply.cancelled() or reply.exception() is not None:
            return
        told = reply.result()
        if (
            _info(told, "role") != "master"
            or _incarnation(self._run_id, _info(told, "master_replid")) != link.incarnation
        ):
            link.abort()


def _info(reply: bytes, name: str) -> str:
    lines = dict(line.split(":", 1) for line in reply.decode().splitlines() if ":" in line)
    return lines.get(name, "")


def _incarnation(run_id: str, replication_id: str) -> str:
    return blake2b(f"{run_id}:{replication_id}".encode(), digest_size=8).hexdigest()
