"""The document store as one room gets it: its own collections, and those of others that it may read."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from weir.foundation.documents import Doc, Handle, Page, Store
from weir.foundation.events import Event


class ForeignCollection(ValueError):
    """A room reads or writes a collection that is not its own: a bug in the caller."""


class RoomStore:
    """A Store that refuses what is not in `owns` (read and write) or `reads`. Errors of every verb:
    ForeignCollection, beside those of the store below."""

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

    def _reading(self, collection: str) -> Handle:
        if collection not in self._readable:
            raise ForeignCollection(f"This room does not read the collection {collection!r}.")
        return self._handle

    def _writing(self, collection: str) -> Handle:
        if collection not in self._owns:
            raise ForeignCollection(f"This room does not write the collection {collection!r}.")
        return self._handle

    async def insert(self, collection: str, doc: Doc, *, emit: Sequence[Event] = ()) -> Doc:
        return await self._writing(collection).insert(collection, doc, emit=emit)

    async def insert_many(self, collection: str, docs: Sequence[Doc]) -> int:
        return await self._writing(collection).insert_many(collection, docs)

    async def get(self, collection: str, doc_id: str) -> Doc | None:
        return await self._reading(collection).get(collection, doc_id)

    async def find_one(self, collection: str, where: Mapping[str, Any]) -> Doc | None:
        return await self._reading(collection).find_one(collection, where)

    async def find(self, collection: str, where: Mapping[str, Any] | None = None, **how: Any) -> Page:
        return await self._reading(collection).find(collection, where, **how)

    async def update(self, collection: str, doc_id: str, **change: Any) -> Doc | None:
        return await self._writing(collection).update(collection, doc_id, **change)

    async def delete(self, collection: str, where: Mapping[str, Any]) -> int:
        return await self._writing(collection).delete(collection, where)

    async def count(self, collection: str, where: Mapping[str, Any] | None = None) -> int:
        return await self._reading(collection).count(collection, where)
