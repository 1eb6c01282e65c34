"""A Redis Cluster: one ordered link to each master, and each command to the master that has its slot. [hands]

Every channel's keys share one tag, so one script runs on one master. The map of slots is read at the
start, every LOOK_AGAIN_S, and at once when a master says or seems to be another. A command that was
redirected was not executed, so it is sent again, for as long as ANSWER_S from its beginning; after that,
and while its master is away, it is `unavailable`.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any

import hiredis
import structlog

from realtime.redis.connection import ANSWER_S, Argument, Push, RedisLink, Script, lost
from realtime.redis.node import RedisAddress, RedisNode, dial
from realtime.redis.slots import Place, masters, redirection, slot_of
from weir.foundation.errors import Unavailable

LOOK_AGAIN_S = 5.0
DOUBT_S = 0.25
TRY_AGAIN_S = 0.02
Send = Callable[[RedisLink, bool], Awaitable[Any]]
log = structlog.get_logger("realtime.redis")


class ClusterNodes:
    """`on_map` is called after each look at the map; the rest is as for Server, for each master."""

    def __init__(
        self,
        address: RedisAddress,
        *,
        on_push: Push | None = None,
        on_up: Callable[[RedisLink], None] | None = None,
        on_down: Callable[[RedisLink], None] | None = None,
        on_map: Callable[[], None] | None = None,
    ) -> None:
        self._address = address
        self._on_push = on_push
        self._on_up = on_up
        self._on_down = on_down
        self._on_map = on_map
        self._servers: dict[Place, RedisNode] = {}
        self._running: dict[Place, asyncio.Task[None]] = {}
        self._owners: dict[int, Place] = {}
        self._doubted = asyncio.Event()
        self._is_mapped = asyncio.Event()
        self._routes = ClusterLink(self)

    def link(self) -> "ClusterLink":
        """Where commands go in."""
        return self._routes

    def master(self, key: str) -> RedisNode:
        """The master of a key; without one, any that is up. Errors: Unavailable."""
        if key and slot_of(key) in self._owners:
            return self._servers[self._owners[slot_of(key)]]
        for server in self._servers.values():
            if not key and server.held() is not None:
                return server
        self.doubt()
        raise lost()

    def owner(self, key: str) -> RedisLink | None:
        """The link to a key's master, while it is up."""
        place = self._owners.get(slot_of(key))
        return None if place is None else self._servers[place].held()

    def heard(self) -> float:
        """As Server.heard, of the master that answered last."""
        return max((server.heard() for server in self._servers.values()), default=0.0)

    def moved(self, key: str, place: Place) -> RedisNode:
        """A master said that this slot is elsewhere."""
        self._owners[slot_of(key)] = place
        self.doubt()
        return self.member(place)

    def member(self, place: Place) -> RedisNode:
        """The server there; known from here on."""
        if place not in self._servers:
            server = RedisNode(
                self._address.member(place), on_push=self._on_push, on_up=self._on_up, on_down=self._went
            )
            self._servers[place] = server
            self._running[place] = asyncio.create_task(server.run(), name=f"redis {place[0]}:{place[1]}")
        return self._servers[place]

    def doubt(self) -> None:
        """Something was not as the map says."""
        self._doubted.set()

    async def up(self, timeout: float) -> None:
        """Waits until every master is reached. Errors: Unavailable."""
        try:
            async with asyncio.timeout(timeout):
                await self._is_mapped.wait()
                for server in list(self._servers.values()):
                    await server.up(timeout)
        except TimeoutError:
            raise lost() from None

    async def run(self) -> None:
        """Runs until cancelled."""
        try:
            while True:
                self._doubted.clear()
                await self._look()
                whole = bool(self._owners) and all(server.held() for server in self._servers.values())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._doubted.wait(), LOOK_AGAIN_S if whole else DOUBT_S)
                await asyncio.sleep(DOUBT_S * random.uniform(0.2, 0.4))  # many doubts at once are one look
        finally:
            for task in self._running.values():
                task.cancel()

    async def _look(self) -> None:
        """Asks servers that are up, then any we know of, until one answers."""
        known = list(
            dict.fromkeys([*random.sample(list(self._servers), len(self._servers)), *self._address.seeds])
        )
        known.sort(key=lambda place: place not in self._servers or self._servers[place].held() is None)
        for place in known:
            try:
                found = await asyncio.wait_for(self._ask_map(place), ANSWER_S)
            except (OSError, TimeoutError, Unavailable, hiredis.HiredisError):
                continue
            if found:
                self._learn(found)
                return
        log.warning("redis.no_cluster", asked=len(known))

    async def _ask_map(self, place: Place) -> dict[int, Place]:
        """On a link of its own: a subscriber's takes no such question."""
        link = await dial(self._address.member(place))
        try:
            return masters(await link.command("CLUSTER", "SLOTS"), place)
        finally:
            link.abort()

    def _learn(self, found: dict[int, Place]) -> None:
        self._owners, present = found, set(found.values())
        for place in present:
            self.member(place)
        for place in set(self._servers) - present:
            self._running.pop(place).cancel()
            del self._servers[place]
        self._is_mapped.set()
        if self._on_map is not None:
            self._on_map()

    def _went(self, link: RedisLink) -> None:
        self.doubt()
        if self._on_down is not None:
            self._on_down(link)


class ClusterLink:
    """Has a Link's verbs, and carries each to the master of its first key."""

    def __init__(self, cluster: ClusterNodes) -> None:
        self._cluster = cluster

    async def run(self, script: Script, keys: tuple[str, ...], *arguments: Argument) -> Any:
        """As Link.run. Errors: Unavailable."""
        return await self._carry(keys[0], lambda link, asking: link.evaluate(script, keys, arguments, asking))

    async def ask(self, *arguments: Argument) -> Any:
        """As Link.ask; the key follows the verb. Errors: Unavailable."""
        key = str(arguments[1]) if len(arguments) > 1 else ""
        return await self._carry(key, lambda link, asking: link.inquire(arguments, asking))

    async def _carry(self, key: str, send: Send) -> Any:
        loop = asyncio.get_running_loop()
        until, server, asking = loop.time() + ANSWER_S, self._cluster.master(key), False
        while True:
            link = server.link()
            try:
                return await send(link, asking)
            except hiredis.ReplyError as error:
                if loop.time() >= until:
                    raise lost() from error
                server, asking = await self._elsewhere(key, link, server, error)
            await server.up(until - loop.time())

    async def _elsewhere(
        self, key: str, link: RedisLink, server: RedisNode, error: hiredis.ReplyError
    ) -> tuple[RedisNode, bool]:
        """Where to send it again, and whether as a guest of a slot on its way. Errors: Unavailable when
        nowhere."""
        text = str(error)
        if text.startswith("TRYAGAIN"):  # the slot's keys are on two masters just now
            await asyncio.sleep(TRY_AGAIN_S)
            return self._cluster.master(key), False
        redirected = redirection(text, server.address.place)
        if redirected is None:
            self._cluster.doubt()
            raise link.meaning(error) from error
        for_good, place = redirected
        return (self._cluster.moved(key, place), False) if for_good else (self._cluster.member(place), True)
