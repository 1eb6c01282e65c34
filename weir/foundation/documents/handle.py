"""The verbs of the document store. Each call is checked here, once, and passed to the engine that stores the
data.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Protocol

import structlog
from prometheus_client import Counter
from pydantic import ValidationError

from weir.foundation.documents import MOST_LOOKED_AT, Collection, Doc, Page, Sieve, UndeclaredField
from weir.foundation.documents.cursors import After, cursor_after, opened
from weir.foundation.documents.schema import (
    LARGEST_PAGE,
    OUTBOX,
    Change,
    Order,
    Spec,
    Where,
    changed,
    check_id,
    filtered,
    new_document,
    scope,
    stored,
    typed_at,
)
from weir.foundation.events import Event, from_dict

READS = Counter(
    "weir_document_reads_total", "Questions to the document store, by collection.", ["collection"]
)
log = structlog.get_logger("documents")


LOOKED_AT_ONCE = 200
BY_ID = Order("id", False)


class StoreEngine(Protocol):
    """What an engine does with checked requests. Documents carry their outbox inwards, never outwards."""

    async def insert(self, spec: Spec, doc: Doc) -> None: ...

    async def insert_many(self, spec: Spec, docs: list[Doc]) -> int: ...

    async def find(
        self, spec: Spec, where: Where, order: Order, after: After | None, limit: int
    ) -> list[Doc]: ...

    async def update(self, spec: Spec, doc_id: str, expect: Where, change: Change) -> Doc | None:
        """`expect` holds the tenant too; of an upsert it holds nothing else, and a new document gets it."""
        ...

    async def delete(self, spec: Spec, where: Where) -> int: ...

    async def count(self, spec: Spec, where: Where) -> int: ...

    async def unpublished(self, specs: Iterable[Spec], limit: int) -> list[tuple[int, str, str, list[Doc]]]:
        """(milliseconds of the oldest event, collection, document id, stored events), at least the `limit`
        oldest."""
        ...

    async def settle(self, spec: Spec, doc_id: str, event_ids: Sequence[str]) -> None: ...

    async def ping(self) -> None: ...

    async def close(self) -> None: ...


class DocumentStore:
    """The Store over an engine."""

    def __init__(self, engine: StoreEngine, specs: Mapping[str, Spec]) -> None:
        self._engine = engine
        self._specs = specs

    def app(self, app_id: str) -> "DocumentHandle":
        if not app_id:
            raise ValueError("a handle is opened for an app")
        return DocumentHandle(self._engine, self._specs, app_id)

    def operator(self) -> "DocumentHandle":
        return DocumentHandle(self._engine, self._specs, None)

    async def pending(self, limit: int = 100) -> AsyncIterator[tuple[str, str, list[Event]]]:
        oldest = sorted(await self._engine.unpublished(self._specs.values(), limit), key=itemgetter(0, 1, 2))
        for _, collection, doc_id, waiting in oldest[:limit]:
            events = _readable(collection, doc_id, waiting)
            if events:
                yield collection, doc_id, events

    async def settle(self, collection: str, doc_id: str, event_ids: Sequence[str]) -> None:
        await self._engine.settle(_known(self._specs, collection), doc_id, event_ids)

    async def ping(self) -> None:
        await self._engine.ping()

    async def close(self) -> None:
        await self._engine.close()


def _readable(collection: str, doc_id: str, waiting: list[Doc]) -> list[Event]:
    """The events up to the first that only a newer version knows; its own relay publishes that one."""
    events: list[Event] = []
    for stored_event in waiting:
        try:
            events.append(from_dict(stored_event))
        except ValidationError:
            log.error("outbox.unreadable", collection=collection, id=doc_id)
            break
    return events


def _known(specs: Mapping[str, Spec], collection: str) -> Spec:
    if collection not in specs:
        raise UndeclaredField(f"the collection {collection!r} is not declared")
    return specs[collection]


class DocumentHandle:
    """The Handle of one app, or of the operator (`app` None)."""

    def __init__(self, engine: StoreEngine, specs: Mapping[str, Spec], app: str | None) -> None:
        self._engine = engine
        self._specs = specs
        self._app = app

    def _filter(self, collection: Collection[Any], where: Mapping[str, Any] | None) -> tuple[Spec, Where]:
        spec = _known(self._specs, collection.name)
        return spec, filtered(spec, self._app, where)

    async def insert(self, collection: Collection[Any], doc: Any, *, emit: Sequence[Event] = ()) -> Any:
        spec = _known(self._specs, collection.name)
        fresh = new_document(spec, self._app, doc)
        await self._engine.insert(spec, {**fresh, OUTBOX: stored(emit)} if emit else dict(fresh))
        return fresh

    async def insert_many(self, collection: Collection[Any], docs: Sequence[Any]) -> int:
        spec = _known(self._specs, collection.name)
        fresh = [new_document(spec, self._app, doc) for doc in docs]
        return await self._engine.insert_many(spec, fresh) if fresh else 0

    async def get(self, collection: Collection[Any], doc_id: str) -> Any:
        if type(doc_id) is not str or not doc_id:
            return await self.find_one(collection, {"id": doc_id})
        spec = _known(self._specs, collection.name)
        check_id(spec, doc_id)
        found = await self._engine.find(spec, (("id", doc_id), *scope(spec, self._app)), BY_ID, None, 1)
        return found[0] if found else None

    async def find_one(self, collection: Collection[Any], where: Mapping[str, Any]) -> Any:
        spec, asked = self._filter(collection, where)
        READS.labels(collection.name).inc()
        found = await self._engine.find(spec, asked, Order("id", False), None, 1)
        return found[0] if found else None

    async def find(
        self,
        collection: Collection[Any],
        where: Mapping[str, Any] | None = None,
        *,
        sort: str = "id",
        descending: bool = False,
        limit: int = 50,
        cursor: str | None = None,
        sieve: Sieve[Any] | None = None,
    ) -> Page[Any]:
        spec, asked = self._filter(collection, where)
        if sort not in spec.kinds:
            raise UndeclaredField(f"{collection.name} does not declare {sort!r}")
        if not 1 <= limit <= LARGEST_PAGE:
            raise ValueError(f"a page has 1 to {LARGEST_PAGE} documents")
        order = Order(sort, descending)
        marked = asked if sieve is None else (*asked, ("?", sieve.mark))
        after = None if cursor is None else opened(cursor, spec, marked, order)
        READS.labels(collection.name).inc()
        if sieve is not None:
            kept, last = await self._sifted(spec, asked, order, after, limit, sieve)
            return Page(kept, cursor_after(last, spec, marked, order) if last is not None else None)
        found = await self._engine.find(spec, asked, order, after, limit + 1)
        more = len(found) > limit
        return Page(found[:limit], cursor_after(found[limit - 1], spec, asked, order) if more else None)

    async def _sifted(
        self, spec: Spec, where: Where, order: Order, after: After | None, limit: int, sieve: Sieve[Any]
    ) -> tuple[list[Doc], Doc | None]:
        """The documents that pass the sieve, and the last one that was looked at; None at the end."""
        kept: list[Doc] = []
        last: Doc | None = None
        for _ in range(MOST_LOOKED_AT // LOOKED_AT_ONCE):
            found = await self._engine.find(spec, where, order, after, LOOKED_AT_ONCE + 1)
            for position, doc in enumerate(found[:LOOKED_AT_ONCE], 1):
                if sieve.keeps(doc):
                    kept.append(doc)
                    if len(kept) == limit:
                        return kept, doc if position < len(found) else None
            if len(found) <= LOOKED_AT_ONCE:
                return kept, None
            last = found[LOOKED_AT_ONCE - 1]
            after = (typed_at(last, order.by, spec.kinds[order.by]), last["id"])
        return kept, last

    async def update(
        self,
        collection: Collection[Any],
        doc_id: str,
        *,
        set: Mapping[str, Any] | None = None,
        inc: Mapping[str, int] | None = None,
        push: Mapping[str, Any] | None = None,
        expect: Mapping[str, Any] | None = None,
        upsert: bool = False,
        emit: Sequence[Event] = (),
    ) -> Any:
        spec, expected = self._filter(collection, expect)
        change = changed(
            spec, self._app, set=set, inc=inc, push=push, expect=expect, upsert=upsert, emit=emit
        )
        check_id(spec, doc_id)
        return await self._engine.update(spec, doc_id, expected, change)

    async def delete(self, collection: Collection[Any], where: Mapping[str, Any]) -> int:
        spec, asked = self._filter(collection, where)
        if asked == scope(spec, self._app):
            raise ValueError("delete needs a filter: without one the whole collection would go")
        return await self._engine.delete(spec, asked)

    async def count(self, collection: Collection[Any], where: Mapping[str, Any] | None = None) -> int:
        return await self._engine.count(*self._filter(collection, where))
