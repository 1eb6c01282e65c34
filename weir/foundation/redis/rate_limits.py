"""How often a caller may send requests: GCRA (a bucket of `count` that refills evenly within `per_s`), in Lua
on Redis' clock.

A process takes permits in advance from Redis for those who ask fast – one, and twice as many each time
they are used up within a second, to a twentieth of the burst – and spends them by itself: asking Redis for
each request would cost more than most requests do. So the sum over all processes is exact, and at most
that twentieth a process may come late.

Without Redis: sign-in, registration and everything else marked `closed` is refused with `unavailable`; other
requests pass, because what they need is checked by itself and the web server's own limit still applies.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from weir.foundation.clock import monotonic, now_s
from weir.foundation.errors import RateLimited, Unavailable
from weir.foundation.redis.scripts import read_script

GCRA, BLOCK_ADDRESS = (read_script("weir.foundation.redis", name) for name in ("gcra", "block_address"))
SUBJECTS = 20_000
FAST_S = 1.0
TELL_EVERY_S = 1.0
FIRST_BLOCK_S = 60
BLOCKED, USED_KEYS = "weir:blocked", "weir:keys:used"
log = structlog.get_logger("limits")


def subject_of(address: str) -> str:
    """The subject that an address counts for: one client has a whole /64 of IPv6 addresses, and one of IPv4."""
    return address if ":" not in address else _network_of(address)


@lru_cache(SUBJECTS)
def _network_of(address: str) -> str:
    try:
        full = IPv6Address(address)
    except ValueError:
        return address
    return str(full.ipv4_mapped or IPv6Network((int(full) >> 64 << 64, 64)))


@dataclass(frozen=True)
class Limit:
    """`count` requests at once, refilled evenly within `per_s` seconds."""

    name: str
    count: int
    per_s: float
    closed: bool = False


SIGN_IN = Limit("sign-in", 60, 60, closed=True)
PUBLIC = Limit("public", 1200, 60)
SESSION = Limit("session", 300, 60)
ACCOUNT = Limit("account", 600, 60)
MEMBER = Limit("member", 1200, 60)
FOLLOWING = Limit("following", 30, 3600, closed=True)
OVERLAYS = Limit("overlays", 120, 60)
POSTERS = Limit("posters", 600, 60)
HEAVY = Limit("heavy", 60, 60)
INVITATIONS = Limit("invitations", 30, 3600)


class Exhausted(RateLimited):
    """A limit is used up; `standing` says which, and when it is full again."""

    def __init__(self, standing: "LimitState", wait_s: float) -> None:
        limit = standing.limit
        super().__init__(
            f"Too many requests: {limit.count} in {limit.per_s:.0f} s are allowed ({limit.name}).",
            retry_after=wait_s,
        )
        self.standing = standing


@dataclass
class LimitState:
    """A subject's state of a limit: permits that this process holds, those left in Redis, and times on the
    monotonic clock."""

    limit: Limit
    held: int = 0
    left: int = 0
    step: int = 1
    asked_at: float = float("-inf")
    back_at: float = 0.0
    refused_until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def remaining(self) -> int:
        return self.held + self.left

    def back_in(self) -> float:
        """Seconds until all permits are back, if none are taken."""
        return max(0.0, self.back_at - monotonic())


class Limits:
    """Errors of `consume`: Exhausted with the seconds to wait; Unavailable for a closed limit without Redis."""

    def __init__(self, redis: Redis, block_after: int = 0, clock: Callable[[], float] = monotonic) -> None:
        self._redis: Any = redis  # its reply types are unions that fit no single command
        self._block_after = block_after
        self._clock = clock
        self._standings: OrderedDict[tuple[str, str], LimitState] = OrderedDict()
        self._blocked: dict[str, float] = {}
        self._offences: Counter[str] = Counter()

    async def consume(self, limit: Limit, subject: str) -> LimitState:
        """Takes one permit."""
        key = (limit.name, subject)
        standing = self._standings.get(key)
        if standing is None or (standing.limit is not limit and standing.limit != limit):
            standing = self._standings[key] = LimitState(limit)
            if len(self._standings) > SUBJECTS:
                self._standings.popitem(last=False)
        if standing.held == 0:
            # One asks Redis for all who wait here: together they would take more permits than there are.
            async with standing.asking:
                if standing.held == 0:
                    await self._refill(standing, f"weir:limit:{limit.name}:{subject}")
        standing.held -= 1
        return standing

    async def _refill(self, standing: LimitState, key: str) -> None:
        now, limit = self._clock(), standing.limit
        if now < standing.refused_until:
            raise Exhausted(standing, standing.refused_until - now)
        fast = now - standing.asked_at < FAST_S
        standing.step = min(standing.step * 2, max(1, limit.count // 20)) if fast else 1
        standing.asked_at = now
        interval_us = limit.per_s / limit.count * 1e6
        try:
            reply = await self._redis.eval(
                GCRA, 1, key, max(1, round(interval_us)), limit.count, standing.step
            )
            granted, left, wait_us, back_us = reply
        except (RedisError, OSError) as error:
            if limit.closed:
                raise Unavailable("This can't be decided now; try again in a moment.") from error
            granted, left, wait_us, back_us = 1, 0, 0, 0
        standing.left, standing.back_at = left, now + back_us / 1e6
        standing.held += granted  # others may have refilled while we asked
        if granted == 0 and standing.held == 0:
            standing.refused_until = now + wait_us / 1e6
            raise Exhausted(standing, wait_us / 1e6)

    # -- addresses that continue after refusals

    def check_address(self, address: str) -> None:
        """Errors: RateLimited while the address is blocked."""
        if not self._blocked:
            return
        until = self._blocked.get(subject_of(address))
        if until is not None and until > self._clock():
            raise RateLimited(
                "This address has been refused too often and is blocked for a while.",
                retry_after=until - self._clock(),
            )

    def offended(self, address: str) -> None:
        """Counts a refusal. The count goes to Redis within a second; an address that reaches the bound before
        is blocked here at once."""
        if not self._block_after or not address:
            return
        subject = subject_of(address)
        if subject in self._offences or len(self._offences) < SUBJECTS:
            self._offences[subject] += 1
            if self._offences[subject] == self._block_after:
                self._blocked[subject] = self._clock() + FIRST_BLOCK_S

    async def run_exchange(self, used: dict[str, int]) -> None:
        """Runs until cancelled. Sends the refusals of the last second and the keys used, and learns which
        addresses are blocked."""
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            try:
                await self.exchange()
                await self.last_used(used)
            except (RedisError, OSError) as error:
                log.warning("limits.waits", error=str(error))

    async def last_used(self, used: dict[str, int]) -> None:
        """When API keys were last used, for the room that stores it; removes them from `used`."""
        told = dict(used)
        used.clear()
        if told:
            await self._redis.hset(USED_KEYS, mapping=told)

    async def exchange(self) -> None:
        offences, self._offences = self._offences, Counter()
        for address, count in offences.items():
            keys = [f"weir:{{{address}}}:offences", f"weir:{{{address}}}:blocks"]
            seconds = int(
                await self._redis.eval(BLOCK_ADDRESS, 2, *keys, count, self._block_after, FIRST_BLOCK_S)
            )
            if seconds:
                log.warning("address.blocked", address=address, seconds=seconds)
                await self._redis.zadd(BLOCKED, {address: now_s() + seconds})
        if self._block_after:
            moment = now_s()
            entries = await self._redis.zrangebyscore(BLOCKED, moment, "+inf", withscores=True)
            self._blocked = {entry.decode(): self._clock() + until - moment for entry, until in entries}
            if self._blocked:
                await self._redis.zremrangebyscore(BLOCKED, "-inf", moment)
