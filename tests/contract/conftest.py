"""The document stores under contract: SQLite always, MongoDB's protocol through secantusd-py where that is
installed, and a real MongoDB where MONGODB_TEST_URI names one."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import free_port
from weir.foundation.documents import Collection, Index, Store
from weir.foundation.documents.factory import open_store
from weir.foundation.settings import Settings

SECANTUS = Path(sys.executable).with_name("secantusd-py")
STORES = ["sqlite", "secantus", "mongodb"]

THINGS: Collection[Any] = Collection(
    "things",
    {
        "name": "str",
        "rank": "int",
        "score": "float",
        "open": "bool",
        "ingest.boot": "str",
        "ingest.client": "int",
    },
    (
        Index(("name",), unique=True),
        Index(("rank",)),
        Index(("app", "rank")),
        Index(("ingest.boot", "ingest.client"), unique=True),
    ),
)
NOTES: Collection[Any] = Collection(
    "notes", {"created": "int", "label": "str"}, (Index(("label", "created")),), tenant=False
)
Opener = Callable[..., Awaitable[Store]]


@pytest.fixture(scope="session")
def secantus_url() -> Iterator[str]:
    if not SECANTUS.exists():
        pytest.skip("secantusd-py is not installed (requirements-mongo-test.lock)")
    folder, port = tempfile.mkdtemp(prefix="weir-mongo-"), free_port()
    argv: list[Any] = [
        SECANTUS,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--storage-path",
        f"{folder}/data",
        "--cache-size",
        "128M",
    ]
    with Path(folder, "log").open("wb") as log:
        server = subprocess.Popen(argv, stdout=log, stderr=log, cwd=folder)
    try:
        _wait_for(port, server)
        yield f"mongodb://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert server.poll() is None, "secantusd-py ended at its start"
        time.sleep(0.05)
    raise AssertionError("secantusd-py does not listen")


@pytest.fixture(params=STORES)
def backend(request: pytest.FixtureRequest) -> str:
    if request.param == "mongodb" and not os.environ.get("MONGODB_TEST_URI"):
        pytest.skip("MONGODB_TEST_URI is not set")
    return str(request.param)


@pytest.fixture
def settings(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A fresh, empty place for one store."""
    url = {"sqlite": lambda: "", "secantus": lambda: request.getfixturevalue("secantus_url")}.get(
        backend, lambda: os.environ["MONGODB_TEST_URI"]
    )()
    return Settings(
        data_dir=tmp_path / "data", mongodb_url=url, mongodb_database=f"weir_test_{secrets.token_hex(6)}"
    )


@asynccontextmanager
async def opened(settings: Settings, *collections: Collection) -> AsyncIterator[Store]:
    store = await open_store(settings, collections or (THINGS, NOTES))
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    async with opened(settings) as store:
        yield store


@pytest.fixture(name="opened")
def opened_fixture() -> object:
    return opened
