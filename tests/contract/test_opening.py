"""Which store an installation gets, and what a person reads when it can't be had."""

import socket
from pathlib import Path

import pytest

from weir.foundation.documents import StoreUnavailable, mongo
from weir.foundation.documents.opening import open_store
from weir.foundation.settings import Settings


@pytest.mark.parametrize(
    "url", ["http://localhost", "mongodb://", "mongodb://user:pa:ss@wor/d@host", "mongodb://h:99999", "mongodb://h/?w=x&x"]
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


async def test_a_wrong_database_name_is_refused(secantus_url: str) -> None:
    """A name that MongoDB does not allow is refused by the setting's name."""
    with pytest.raises(StoreUnavailable, match="WEIR_MONGODB_DATABASE"):
        await open_store(Settings(mongodb_url=secantus_url, mongodb_database="a b"), [])


async def test_the_default_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    """Without WEIR_MONGODB_URL documents stand in weir.db."""
    store = await open_store(Settings(data_dir=tmp_path), [])
    await store.ping()
    await store.close()
    assert (tmp_path / "weir.db").is_file()
