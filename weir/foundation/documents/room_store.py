"""The document store as one room gets it: its own collections, and those of others that it may read."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from weir.foundation.documents import Collection, Handle, Page, Store
from weir.foundation.events import Event


class ForeignCollection(ValueError):
    """A room reads or writes a collection that is not its own: a bug in the caller."""


class RoomStore:
    """A Store that refuses what is not in `owns` (read and write) or `reads`. Errors of every verb:
    ForeignCollection, besides those of the store below."""

    def __init__(self, store: Store, owns: frozenset[str], reads: frozenset[str]) -> None:
        self._store = store
        self._owns = owns
        self._reads = owns | reads

    def app(self, app_id: str) -> Handle:
        return _RoomHandle(self._store.app(app_id), self._owns, self._reads)

    def operator(self) -> Handle:
        return _RoomHandle(self._store.operator(), self._owns, self._reads)

    def pending(self, limit: int = 100) -> AsyncIterator[tuple[str, str, list[Event]]]:
        return self._store.pending(limit)

    async def settle(self, collection: str, doc_id: str, event_ids: Sequence[str]) -> None:
        await self._store.settle(collection, doc_id, event_ids)

    async def ping(self) -> None:
        await self._store.ping()

    async def close(self) -> None:
        await self._store.close()


class _RoomHandle:
    def __init__(self, handle: Handle, owns: frozenset[str], reads: frozenset[str]) -> None:
        self._handle = handle
        self._owns = owns
        self._readable = reads

    def _reading(self, collection: Collection[Any]) -> Handle:
        if collection.name not in self._readable:
            raise ForeignCollection(f"This room does not read the collection {collection.name!r}.")
        return self._handle

    def _writing(self, collection: Collection[Any]) -> Handle:
        if collection.name not in self._owns:
            raise ForeignCollection(f"This room does not write the collection {collection.name!r}.")
        return self._handle

    async def insert(self, collection: Collection[Any], doc: Any, *, emit: Sequence[Event] = ()) -> Any:
        return await self._writing(collection).insert(collection, doc, emit=emit)

    async def insert_many(self, collection: Collection[Any], docs: Sequence[Any]) -> int:
        return await self._writing(collection).insert_many(collection, docs)

    async def get(self, collection: Collection[Any], doc_id: str) -> Any:
        return await self._reading(collection).get(collection, doc_id)

    async def find_one(self, collection: Collection[Any], where: Mapping[str, Any]) -> Any:
        return await self._reading(collection).find_one(collection, where)

    async def find(
        self, collection: Collection[Any], where: Mapping[str, Any] | None = None, **how: Any
    ) -> Page[Any]:
        return await self._reading(collection).find(collection, where, **how)

    async def update(self, collection: Collection[Any], doc_id: str, **change: Any) -> Any:
        return await self._writing(collection).update(collection, doc_id, **change)

    async def delete(self, collection: Collection[Any], where: Mapping[str, Any]) -> int:
        return await self._writing(collection).delete(collection, where)

    async def count(self, collection: Collection[Any], where: Mapping[str, Any] | None = None) -> int:
        return await self._reading(collection).count(collection, where)
