"""The media worker of a stream: media writes the lease, control sends it to the web server.

`weir:media:<playback id>` = `<worker id> <origin name>`; the second word is the worker's name or address
as the web server reaches it, empty where there is one worker only.
"""

from collections import OrderedDict
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from weir.foundation.clock import monotonic

KNOWN_S, MOST_KNOWN = 1.0, 10_000


def lease_key(playback: str) -> str:
    return f"weir:media:{playback}"


class StreamOwners:
    """Asks Redis once a second about one stream, however many viewers it has."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis
        self._known: OrderedDict[str, tuple[float, str]] = OrderedDict()

    async def origin(self, playback: str) -> str:
        """The origin name; empty when no worker has the stream, it has no name, or Redis does not answer:
        then any worker is asked."""
        known = self._known.get(playback)
        if known is not None and known[0] > monotonic():
            return known[1]
        try:
            lease = await self._redis.get(lease_key(playback))
        except (RedisError, OSError):
            return ""
        origin = bytes(lease).decode().partition(" ")[2] if lease else ""
        self._known[playback] = monotonic() + KNOWN_S, origin
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return origin
