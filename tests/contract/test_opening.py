"""Which store an installation gets, and what a person reads when it can't be had."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pymongo import common

from tests.support.running_stack import ROOT
from weir.foundation.documents import StoreUnavailable, mongo
from weir.foundation.documents.factory import open_store
from weir.foundation.settings import Settings


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "mongodb://",
        "mongodb://user:pa:ss@wor/d@host",
        "mongodb://h:99999",
        "mongodb://h/?w=x&x",
    ],
)
async def test_a_wrong_address_is_named_without_repeating_it(url: str) -> None:
    """A wrong WEIR_MONGODB_URL is refused by name, in one sentence that holds nothing of it."""
    with pytest.raises(StoreUnavailable, match=r"^WEIR_MONGODB_URL is not a usable MongoDB address\.$"):
        await open_store(Settings(mongodb_url=url), [])


async def test_an_unreachable_server_is_refused_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not listen, or listens and is silent, is StoreUnavailable."""
    monkeypatch.setattr(mongo, "ANSWER_MS", 300)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"mongodb://127.0.0.1:{silent.getsockname()[1]}"
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="reached"):
                await open_store(Settings(mongodb_url=url), [])
            silent.listen()


async def test_the_servers_reason_is_told(secantus_url: str) -> None:
    """Who may not sign in reads why, in one sentence without the password."""
    url = (
        secantus_url.replace("mongodb://", "mongodb://nobody:hidden-word@") + "/?authMechanism=SCRAM-SHA-256"
    )
    with pytest.raises(StoreUnavailable) as refusal:
        await open_store(Settings(mongodb_url=url), [])
    assert refusal.value.detail.startswith("MongoDB refuses (code 18): ")
    assert "uthentication failed" in refusal.value.detail
    assert "hidden-word" not in refusal.value.detail
    assert refusal.value.detail.count("\n") == 0
    assert refusal.value.__suppress_context__


async def test_an_old_server_is_refused(secantus_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its version, before anything is made in it."""
    monkeypatch.setattr(mongo, "OLDEST", (99, 0))
    with pytest.raises(
        StoreUnavailable, match=r"^MongoDB 99\.0 or newer is needed; this one is \d+\.\d+\.\d+\.$"
    ):
        await open_store(Settings(mongodb_url=secantus_url), [])


def test_what_is_said_is_what_pymongo_asks_for() -> None:
    """A newer driver that drops a server's version must be noticed here."""
    assert ".".join(map(str, mongo.OLDEST)) == common.MIN_SUPPORTED_SERVER_VERSION
    described = str(Settings.model_fields["mongodb_url"].description)
    assert f"{common.MIN_SUPPORTED_SERVER_VERSION} or newer" in described


def test_a_room_that_can_not_have_its_store_says_so_in_a_sentence(tmp_path: Path) -> None:
    """`weir run` ends with the reason, and without a traceback."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"mongodb://user:hidden-word@127.0.0.1:{nobody.getsockname()[1]}/"
        environment = {
            "WEIR_DATA_DIR": str(tmp_path / "var"), "WEIR_RUN_DIR": str(tmp_path / "run"), "WEIR_MONGODB_URL": url,
            "WEIR_REDIS_URL": "redis://127.0.0.1:1/0", "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"],
        }  # fmt: skip
        soon = "from weir.foundation.documents import mongo; mongo.ANSWER_MS = 500; import weir.__main__"
        argv = [sys.executable, "-c", soon, "run", "control", "--listen", f"unix:{tmp_path}/s"]
        run = subprocess.run(
            argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert run.returncode != 0
    said = run.stdout + run.stderr
    assert "MongoDB can't be reached" in said
    assert "refused" in said
    assert "Traceback" not in said
    assert "hidden-word" not in said
    assert len(said.strip().splitlines()) <= 3


async def test_a_wrong_database_name_is_refused(secantus_url: str) -> None:
    """A name that MongoDB does not allow is refused by the setting's name."""
    with pytest.raises(StoreUnavailable, match="WEIR_MONGODB_DATABASE"):
        await open_store(Settings(mongodb_url=secantus_url, mongodb_database="a b"), [])


async def test_the_default_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    """Without WEIR_MONGODB_URL documents are in weir.db."""
    store = await open_store(Settings(data_dir=tmp_path), [])
    await store.ping()
    await store.close()
    assert (tmp_path / "weir.db").is_file()
