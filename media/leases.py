"""Which media worker owns a stream: a key in Redis that its owner renews, so that another worker acquires a
dead worker's streams. weir.foundation.redis.stream_owner documents its value.
"""

from typing import Any

from redis.asyncio import Redis

from weir.foundation.ids import new_id
from weir.foundation.redis.stream_owner import lease_key

# A dead worker's lease runs out after 7 s at most, and the others look each 2.5 s: its streams have moved
# within 10 s.
LEASE_MS = 7_000
RENEW_S = 2.0
_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class StreamLeases:
    """Errors of every verb: redis.exceptions.RedisError, OSError. A `sole` worker is the only one of its
    installation: it takes its dead predecessor's streams at once. Measured after kill -9: a picture after
    4 s instead of 14 s."""

    def __init__(self, redis: Redis, origin_name: str, sole: bool = False) -> None:
        self._redis: Any = redis
        self._holder = f"{'sole' if sole else new_id('ses')} {origin_name}"

    async def acquire(self, playback: str) -> bool:
        """True when this worker owns the stream now."""
        return bool(
            await self._redis.set(lease_key(playback), self._holder, nx=True, px=LEASE_MS)
        ) or await self.renew(playback)

    async def renew(self, playback: str) -> bool:
        return bool(await self._redis.eval(_RENEW, 1, lease_key(playback), self._holder, LEASE_MS))

    async def release(self, playback: str) -> None:
        await self._redis.eval(_RELEASE, 1, lease_key(playback), self._holder)

    async def is_held(self, playback: str) -> bool:
        """True when any worker owns it."""
        return bool(await self._redis.exists(lease_key(playback)))
