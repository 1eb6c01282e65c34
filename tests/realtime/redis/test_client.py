"""The ordered connection says `unavailable` in time and never guesses."""

import asyncio
import signal
import time

import pytest

from realtime.redis.connection import RedisLink, encode
from realtime.redis.node import RedisAddress, address_of
from tests.support.chat_nodes import eventually
from weir.foundation.errors import Unavailable
from weir.foundation.settings import Settings
from weir.foundation.vault import Vault


async def outcome(link: RedisLink) -> object:
    try:
        return await link.ask("INCR", "n")
    except Unavailable as error:
        return error.code


async def test_replies_come_in_order(connection):
    """A thousand commands of one tick are answered one to one."""
    link = connection.link()
    assert await asyncio.gather(*(link.ask("INCR", "n") for _ in range(1000))) == list(range(1, 1001))


async def test_a_stopped_server_is_told_within_two_seconds(connection, redis_server):
    """What a frozen Redis does not answer fails as unavailable in bounded time, later calls at once, and work
    continues afterwards."""
    redis_server.signal(signal.SIGSTOP)
    began = time.monotonic()
    assert await asyncio.gather(*(outcome(connection.link()) for _ in range(10))) == ["unavailable"] * 10
    assert time.monotonic() - began < 2.5  # a bound, not a measure
    with pytest.raises(Unavailable):
        connection.link()
    redis_server.signal(signal.SIGCONT)
    await connection.up(10)
    assert isinstance(await outcome(connection.link()), int)


async def test_each_server_process_has_its_incarnation(connection, redis_server):
    """A killed Redis fails what was in flight; the next one is known as another."""
    before = connection.link().incarnation
    redis_server.kill()
    await eventually(lambda: connection._link is None)
    redis_server.start()
    await connection.up(10)
    assert connection.link().incarnation != before
    assert before


async def test_a_replica_is_not_written_to(connection, redis_server):
    """When the server is demoted, the link is given up and none to it is made."""
    redis_server.command("REPLICAOF", "127.0.0.1", "1")
    await eventually(lambda: connection._link is None)
    with pytest.raises(Unavailable):
        await connection.up(0.5)
    redis_server.command("REPLICAOF", "NO", "ONE")
    await connection.up(10)


async def test_a_command_is_encoded_as_resp():
    """Texts, bytes and numbers become bulk strings."""
    assert encode(("SET", b"\x00", 12)) == b"*3\r\n$3\r\nSET\r\n$1\r\n\x00\r\n$2\r\n12\r\n"


def test_the_address_follows_the_settings():
    """The embedded server over its socket with the derived password, else the URL."""
    vault = Vault("x" * 43)
    embedded = address_of(Settings(_env_file=None), vault)
    assert embedded.path.endswith("redis.sock")
    assert embedded.password
    given = address_of(Settings(redis_url="redis://user:pw@db.example:6380/2", _env_file=None), vault)
    assert given == RedisAddress("", "db.example", 6380, "user", "pw", 2, False)
    assert address_of(Settings(redis_url="rediss://db.example", _env_file=None), vault).tls
