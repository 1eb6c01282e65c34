"""Tickets to pull one stream from the ingest, once: a media worker issues a ticket, the ingest's play hook
spends it.

Every process of a machine reaches the ingest's port, and its log has the addresses that are pulled. So an
address alone must be worth nothing: its ticket is spent by the pull that it was issued for.
"""

import secrets
from hashlib import blake2b
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from weir.foundation.errors import Unavailable

LIFE_S, ATTACHED_S = 30, 2
BYTES = 18


class PlayTickets:
    """Errors of both verbs: Unavailable without Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis

    async def issue(self, playback: str, publish: str = "") -> str:
        """Valid once, for half a minute. `publish` names the publish that it is for (`publish_name`)."""
        ticket = secrets.token_urlsafe(BYTES)
        try:
            await self._redis.set(_key(ticket), f"{playback} {publish}", ex=LIFE_S)
        except (RedisError, OSError) as error:
            raise Unavailable("No ticket can be made now; try again in a moment.") from error
        return ticket

    async def spend(self, ticket: str, playback: str) -> str | None:
        """The publish that the ticket was issued for; None when it was not issued for this playback id. It is
        spent either way."""
        try:
            made_for = await self._redis.getdel(_key(ticket))
        except (RedisError, OSError) as error:
            raise Unavailable("A ticket can't be looked up now; try again in a moment.") from error
        of, _, publish = bytes(made_for or b"").decode().partition(" ")
        return publish if of == playback else None

    # -- a publish that waits for its puller: the encoder's first key frame comes at once, and the next one in
    # two seconds or ten. Each waits for its own: the puller of the one before may come late.

    async def attach(self, publish: str) -> None:
        """Reports that a puller with a ticket has arrived."""
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.rpush(_attached(publish), "1")
                pipe.expire(_attached(publish), ATTACHED_S)
                await pipe.execute()
        except (RedisError, OSError) as error:
            raise Unavailable("The stream can't be pulled now: Redis does not answer.") from error

    async def attached(self, publish: str, within_s: float) -> bool:
        """Waits for a puller; False when none arrives."""
        try:
            return await self._redis.blpop([_attached(publish)], within_s) is not None
        except (RedisError, OSError) as error:
            raise Unavailable("A puller can't be waited for now.") from error


def publish_name(broadcast: str, generation: int) -> str:
    """The name of one publish of a stream."""
    return f"{broadcast}.{generation}"


def _attached(publish: str) -> str:
    return f"weir:pulled:{publish}"


def _key(ticket: str) -> str:
    return f"weir:play:{blake2b(ticket.encode(), digest_size=16).hexdigest()}"
