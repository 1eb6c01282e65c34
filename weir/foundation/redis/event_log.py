"""Where the logs of channels and apps are in Redis, and reading an app's log from outside the room that writes
it.

An entry is `seq prev epoch type JSON`; the id of its Redis Stream entry is `seq-0`. Everything of one log
carries one hash tag.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from redis.asyncio import Redis
from redis.exceptions import RedisError

from weir.foundation.errors import Unavailable

BUCKETS = 256
_KEEP = """
if redis.call('HEXISTS', KEYS[1], 'epoch') == 0 then return 0 end
return redis.call('HSET', KEYS[1], 'unread', ARGV[1])
"""
MARK = "+"
"""In front of the type of an entry of an app's log (realtime.log.app_log)."""


def shard_of(log: str) -> str:
    """What all keys of a log begin with, e.g. `{b17}:app_…`."""
    return f"{{b{crc32(log.encode()) % BUCKETS}}}:{log}"


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """`at_ms`: when it was stored; `body`: the envelope's JSON."""

    seq: int
    epoch: str
    at_ms: int
    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class LogPosition:
    """The name of the sequence and its newest number; no epoch for a log that was never used."""

    epoch: str
    seq: int


class EventLogReader:
    """Errors of all verbs: Unavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its reply types are unions that fit no single command

    async def position(self, app: str) -> LogPosition:
        epoch, seq = (await self._asked([("HMGET", shard_of(app) + ":meta", "epoch", "seq")]))[0]
        return LogPosition(epoch.decode() if epoch else "", int(seq or 0))

    async def after(
        self, positions: Mapping[str, int], count: int
    ) -> dict[str, tuple[LogPosition, list[LoggedEvent]]]:
        """By app, where its log is now, and at most `count` entries after a seq."""
        commands: list[Sequence[Any]] = []
        for app, seq in positions.items():
            commands.append(("HMGET", shard_of(app) + ":meta", "epoch", "seq"))
            commands.append(("XRANGE", shard_of(app) + ":log", f"({seq}-0", "+", "COUNT", count))
        replies = await self._asked(commands)
        found = {}
        for at, app in enumerate(positions):
            epoch, top = replies[2 * at]
            position = LogPosition(epoch.decode() if epoch else "", int(top or 0))
            found[app] = position, [_event(fields) for _, fields in replies[2 * at + 1]]
        return found

    async def keep_after(self, app: str, seq: int) -> None:
        """Entries after this seq have not been read: the log keeps more of them than it does otherwise."""
        try:
            await self._redis.eval(_KEEP, 1, shard_of(app) + ":meta", seq)
        except (RedisError, OSError) as error:
            raise Unavailable("Redis does not answer.") from error

    async def _asked(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for command in commands:
                    pipe.execute_command(*command)
                return list(await pipe.execute())
        except (RedisError, OSError) as error:
            raise Unavailable("Redis does not answer.") from error


def _event(fields: Any) -> LoggedEvent:
    pairs = fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
    seq, _, epoch, kind, body = pairs[b"d"].split(b" ", 4)
    return LoggedEvent(int(seq), epoch.decode(), int(pairs[b"t"]), kind.decode().removeprefix(MARK), body)
