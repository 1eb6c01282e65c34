"""Limits on concurrent viewers of a stream or app. Exact over all processes: one atomic step in Redis.

A session is counted for SEAT_MS after the viewer's last request (players send one every four seconds).
Without Redis no viewer is refused: a limit on viewers is not a security measure.
"""

from collections import OrderedDict
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from weir.foundation.clock import monotonic
from weir.foundation.redis.scripts import read_script

SEAT_MS = 12_000
ASK_AGAIN_S = 3.0
REMEMBERED = 20_000
TAKE = read_script("control.playback", "seat")


class ViewerLimit:
    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its reply types are unions that fit no single command
        self._seated: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def claim(self, place: str, session: str, most: int) -> bool:
        """False when `place` (a channel or an app) has `most` other sessions now."""
        known = self._seated.get((place, session))
        if known is not None and known > monotonic():
            return True
        try:
            if not await self._redis.eval(TAKE, 1, f"weir:seats:{place}", session, most, SEAT_MS):
                return False
        except (RedisError, OSError):
            return True
        self._seated[(place, session)] = monotonic() + ASK_AGAIN_S
        if len(self._seated) > REMEMBERED:
            self._seated.popitem(last=False)
        return True

    async def is_full(self, place: str, most: int) -> bool:
        """True when a further session would be refused."""
        try:
            seconds, micros = await self._redis.time()
            return (
                int(await self._redis.zcount(f"weir:seats:{place}", seconds * 1000 + micros // 1000, "+inf"))
                >= most
            )
        except (RedisError, OSError):
            return False
