"""A room's store: its own collections, what it may read of others', and nothing else."""

from typing import Any

import pytest

from tests.contract.conftest import THINGS
from weir.app import ALL, COLLECTIONS, OWNED, READ
from weir.foundation.documents import Store
from weir.foundation.documents.room_store import ForeignCollection, RoomStore


async def test_a_room_reads_and_writes_its_own(store: Store) -> None:
    room = RoomStore(store, frozenset({"things"}), frozenset())
    handle = room.app("app_1")
    await handle.insert(THINGS, {"id": "n1", "name": "one", "rank": 1})
    assert (await handle.get(THINGS, "n1") or {})["rank"] == 1
    assert await handle.update(THINGS, "n1", set={"rank": 2})
    assert [doc["rank"] for doc in (await handle.find(THINGS, sort="rank", limit=5)).data] == [2]
    assert await handle.count(THINGS) == 1
    assert await room.operator().delete(THINGS, {"id": "n1"}) == 1


async def test_what_a_room_may_read_it_does_not_write(store: Store) -> None:
    await store.app("app_1").insert(THINGS, {"id": "n1", "name": "one", "rank": 1})
    handle: Any = RoomStore(store, frozenset(), frozenset({"things"})).app("app_1")
    assert await handle.get(THINGS, "n1") is not None
    for work in (
        handle.insert(THINGS, {"id": "n2"}),
        handle.insert_many(THINGS, [{"id": "n2"}]),
        handle.update(THINGS, "n1", set={"rank": 2}),
        handle.delete(THINGS, {"id": "n1"}),
    ):
        with pytest.raises(ForeignCollection):
            await work
    assert await store.app("app_1").count(THINGS) == 1


async def test_another_rooms_collection_is_refused(store: Store) -> None:
    handle: Any = RoomStore(store, frozenset({"mine"}), frozenset()).operator()
    for work in (
        handle.get(THINGS, "n1"),
        handle.find_one(THINGS, {}),
        handle.find(THINGS),
        handle.count(THINGS),
    ):
        with pytest.raises(ForeignCollection):
            await work


def test_each_collection_has_one_room() -> None:
    """None is left out, and none is declared that does not exist."""
    owned = [name for room in ALL for name in OWNED[room]]
    assert sorted(owned) == sorted({one.name for one in COLLECTIONS})
    for room in ALL:
        assert READ[room] & OWNED[room] == frozenset()
