"""Shard channels that this node listens to, each on the server that has its slot, and renewed wherever that
goes. [hands]"""

import asyncio
from collections.abc import Callable
from typing import Any

from realtime.redis.client import RedisAddress, connect
from realtime.redis.connection import LEFT, MESSAGE, RedisLink

Told = Callable[[str], None]


class Subscription:
    """`link` and `asked` are where and what was asked last; both None while its server is away."""

    __slots__ = ("asked", "confirmed", "link")

    def __init__(self) -> None:
        self.link: RedisLink | None = None
        self.asked: asyncio.Future[Any] | None = None
        self.confirmed = False


class PubSub:
    """`on_confirmed` says that from now on every publication comes, `on_lost` that some may be missed until
    it is confirmed again."""

    def __init__(
        self,
        address: RedisAddress,
        *,
        on_message: Callable[[str, bytes], None],
        on_confirmed: Told,
        on_lost: Told,
    ) -> None:
        self._on_message = on_message
        self._on_confirmed = on_confirmed
        self._on_lost = on_lost
        self._held: dict[str, Subscription] = {}
        self._connection = connect(
            address, on_push=self._pushed, on_up=self._up, on_down=self._down, on_map=self._settle
        )

    async def run(self) -> None:
        """Runs until cancelled."""
        await self._connection.run()

    def add(self, shard: str) -> None:
        self._held[shard] = subscription = Subscription()
        self._ask(shard, subscription)

    def remove(self, shard: str) -> None:
        subscription = self._held.pop(shard)
        if subscription.link is not None:
            subscription.link.unsubscribe(shard)

    def _ask(self, shard: str, subscription: Subscription) -> None:
        link = subscription.link = self._connection.owner(shard)
        if link is not None:
            asked = subscription.asked = link.subscribe(shard)
            asked.add_done_callback(lambda done: self._answered(shard, subscription, done))

    def _answered(self, shard: str, subscription: Subscription, done: "asyncio.Future[Any]") -> None:
        """A refusal, or an answer to another question, means that the slot is elsewhere or the link confused."""
        fits = (
            not done.cancelled()
            and done.exception() is None
            and done.result()[:2] == [b"ssubscribe", shard.encode()]
        )
        if self._held.get(shard) is not subscription or subscription.asked is not done:
            return
        if fits:
            subscription.confirmed = True
            self._on_confirmed(shard)
        else:
            self._lose(shard, subscription)
            self._connection.doubt()

    def _lose(self, shard: str, subscription: Subscription) -> None:
        subscription.link = subscription.asked = None
        if subscription.confirmed:
            subscription.confirmed = False
            self._on_lost(shard)

    def _settle(self) -> None:
        """Moves what is not where it should be."""
        for shard, subscription in self._held.items():
            if subscription.link is not self._connection.owner(shard) or subscription.link is None:
                self._lose(shard, subscription)
                self._ask(shard, subscription)

    def _up(self, _link: RedisLink) -> None:
        self._settle()

    def _down(self, link: RedisLink) -> None:
        for shard, subscription in self._held.items():
            if subscription.link is link:
                self._lose(shard, subscription)

    def _pushed(self, link: RedisLink, push: list[bytes]) -> None:
        shard = push[1].decode()
        subscription = self._held.get(shard)
        if subscription is None:
            return
        if push[0] == MESSAGE:
            self._on_message(shard, push[2])
        elif push[0] == LEFT and subscription.link is link:  # its slot has moved away
            self._lose(shard, subscription)
            self._connection.doubt()
