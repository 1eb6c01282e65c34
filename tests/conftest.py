"""What every test may ask for."""

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis

from control.collections import COLLECTIONS
from realtime.composition import COLLECTIONS as REALTIME_COLLECTIONS
from tests.support.servers import Redis
from weir.foundation.documents.factory import open_store
from weir.foundation.ingest_client import IngestClient
from weir.foundation.redis.bus import Bus, Relay
from weir.foundation.redis.client import connect_redis, redis_password
from weir.foundation.redis.periodic import Periodic
from weir.foundation.services import Services
from weir.foundation.settings import Settings
from weir.foundation.tenancy import collections as shared
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.tokens import Tokens
from weir.foundation.vault import open_vault

# No deadline: a busy machine is no failure. The gate draws the same examples every time; a person's run draws
# new ones.
hypothesis.register_profile("weir", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.load_profile("weir")


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Short, because the name of a unix socket may have 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="weir-t-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def documents_url() -> str:
    """Where the documents of `services` are: SQLite, unless a folder's conftest says otherwise."""
    return ""


@pytest.fixture
async def services(short_folder: Path, documents_url: str) -> AsyncIterator[Services]:
    """A process's services on a real Redis and a real document store."""
    settings = Settings(
        data_dir=short_folder / "var",
        run_dir=short_folder,
        live_dir=short_folder / "live",
        mongodb_url=documents_url,
        mongodb_database=f"weir_test_{secrets.token_hex(6)}",
        _env_file=None,
    )
    vault = open_vault(settings)
    server = Redis(short_folder, redis_password(vault))
    server.start()
    store = await open_store(settings, [*shared.COLLECTIONS, *COLLECTIONS, *REALTIME_COLLECTIONS])
    redis = connect_redis(settings, vault)
    directory, bus = Directory(store, vault), Bus(redis)
    ingest = IngestClient(settings)
    tokens = Tokens(vault, directory.signing_key, stands=directory.still_valid)
    yield Services(
        settings, vault, tokens, store, redis, bus, Relay(store, bus), directory, ingest, Periodic(redis)
    )
    await ingest.close()
    await redis.aclose()
    await store.close()
    server.kill()
