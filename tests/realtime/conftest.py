"""What every test of the realtime room may ask for."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from realtime.redis.client import RedisConnection, address_of, connect
from tests.support.chat_nodes import House, RedisServer
from weir.foundation.redis.client import redis_password
from weir.foundation.settings import Settings
from weir.foundation.vault import Vault


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, because a unix socket's name may have 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="weir-rt-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings(
        data_dir=folder / "var", run_dir=folder, chat_rate_per_s=100_000, chat_burst=100_000, socket_requests_per_s=100_000, _env_file=None,
    )  # fmt: skip


@pytest.fixture
def vault() -> Vault:
    return Vault("x" * 43)


@pytest.fixture
def redis_server(folder: Path, vault: Vault) -> Iterator[RedisServer]:
    server = RedisServer(folder, redis_password(vault))
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def house(settings: Settings, vault: Vault, redis_server: RedisServer) -> AsyncIterator[House]:
    made = House(settings, vault, redis_server)
    yield made
    for client in made.clients:
        with contextlib.suppress(Exception):
            await client.io.disconnect()
    for node in made.nodes:
        await node.stop()
    assert [fault for client in made.clients for fault in client.undocumented] == []


@pytest.fixture
async def connection(
    settings: Settings, vault: Vault, redis_server: RedisServer
) -> AsyncIterator[RedisConnection]:
    """The ordered connection of one node, up."""
    made = connect(address_of(settings, vault))
    running = asyncio.create_task(made.run())
    await made.up(5)
    yield made
    running.cancel()
