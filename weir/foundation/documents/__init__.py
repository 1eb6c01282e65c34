"""The document store: what must survive. This file is the interface and its promise; `sqlite` and `mongo`
keep it.

- A document is a JSON-like dict (str, 64-bit int, finite float, bool, None, bytes, list, dict) with a text `id`; times are
  int milliseconds. What goes in comes out with the same types. Keys are text that is not empty, has no NUL and no leading
  `$` (a dot only inside sub-documents); 64 levels and 16 MiB are the most. Anything else is a ValueError before any write.
- A collection declares the fields that may be filtered and sorted by, with one type each. Filtering by anything else is
  refused, so both stores answer alike and every query has an index.
- A handle is opened for one app (`store.app(id)`) and adds the app to every filter and insert: a foreign document is
  exactly as invisible as a missing one. `store.operator()` is unscoped, for the platform's operator and for jobs.
- A declared field holds its type or None: an int is no float and a bool no int. Other values are a ValueError too.
- Every write is durable when the call returns (SQLite: synchronous=FULL, MongoDB: majority + journal), and one document
  changes atomically, its outbox included.
- Outbox: `emit=[event]` stores events inside the changed document in the same write; `pending()` lists them until
  `settle()` takes them out (foundation.bus.Relay does both).
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

from weir.foundation.errors import Conflict, Unavailable
from weir.foundation.events import Event

MOST_LOOKED_AT = 2_000
Doc = dict[str, Any]
"""A document of undeclared shape: of a migration, a backup, an engine."""
D = TypeVar("D", bound=Mapping[str, Any])
FieldType = Literal["str", "int", "float", "bool"]


@dataclass(frozen=True)
class Index:
    """Over declared fields, in this order. A unique index binds only documents that have all its fields."""

    fields: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True)
class Collection(Generic[D]):
    """`D` is the TypedDict of its documents: what the handle's verbs take and return.

    `tenant` collections carry the declared field `app` by themselves. `fields` may name nested ones:
    `ingest.boot`."""

    name: str
    fields: Mapping[str, FieldType]
    indexes: tuple[Index, ...] = ()
    tenant: bool = True


@dataclass(frozen=True)
class OneOf:
    """Filter value: the field equals one of these, 10,000 at most; None among them means "missing or null"."""

    values: Sequence[Any]


@dataclass(frozen=True)
class Between:
    """Filter value: at_least ≤ field < below; None leaves that side open, and both sides open filter nothing."""

    at_least: Any = None
    below: Any = None


@dataclass(frozen=True)
class Sieve(Generic[D]):
    """A filter that no index can apply: `keeps` is called with each document that the indexed filter finds.
    `mark` describes it as text, for the cursor."""

    mark: str
    keeps: Callable[[D], bool]


@dataclass(frozen=True)
class Page(Generic[D]):
    """`next` is an opaque cursor, None at the end."""

    data: list[D]
    next: str | None


class DuplicateKey(Conflict):
    """A unique index refuses this document; nothing was written."""


class StoreUnavailable(Unavailable):
    """The store can't answer now; whether a write in flight took effect is unknown."""


class UndeclaredField(ValueError):
    """A filter or sort by a field that the collection does not declare: a bug in the caller."""


class Handle(Protocol):
    """Verbs on one app's documents (or on all, for the operator). Foreign documents behave as missing ones."""

    async def insert(self, collection: Collection[D], doc: D, *, emit: Sequence[Event] = ()) -> D:
        """Stores a new document under doc["id"]; returns it with its `app`. Errors: DuplicateKey (id or
        unique index)."""
        ...

    async def insert_many(self, collection: Collection[D], docs: Sequence[D]) -> int:
        """Stores those whose id and unique keys are new and skips the others; returns how many were new."""
        ...

    async def get(self, collection: Collection[D], doc_id: str) -> D | None: ...

    async def find_one(self, collection: Collection[D], where: Mapping[str, Any]) -> D | None:
        """The first match, or None. Filter values: a plain value, OneOf, Between; None means "missing or
        null"."""
        ...

    async def find(
        self,
        collection: Collection[D],
        where: Mapping[str, Any] | None = None,
        *,
        sort: str = "id",
        descending: bool = False,
        limit: int = 50,
        cursor: str | None = None,
        sieve: Sieve[D] | None = None,
    ) -> Page[D]:
        """A keyset page of at most `limit` ≤ 10,000, sorted by (sort, id); documents without the sort field
        come first upwards and last downwards. A sieve looks at MOST_LOOKED_AT documents at most: its page
        may hold fewer than `limit`, or none, and still have a `next`. Errors: errors.Invalid for a cursor
        that is not of this query."""
        ...

    async def update(
        self,
        collection: Collection[D],
        doc_id: str,
        *,
        set: Mapping[str, Any] | None = None,
        inc: Mapping[str, int] | None = None,
        push: Mapping[str, Any] | None = None,
        expect: Mapping[str, Any] | None = None,
        upsert: bool = False,
        emit: Sequence[Event] = (),
    ) -> D | None:
        """Changes one document atomically and returns it afterwards; None when it is missing or `expect`
        (declared fields, as in a filter) does not hold: compare-and-set. Dotted names reach into
        sub-documents. `upsert` creates a missing document from `set`, `inc` and `push` (never together
        with `expect`; with tenants only through an app's handle, and an id of another app is
        DuplicateKey). `push` appends one value to a list. A step of a path is no list position. Errors:
        DuplicateKey; ValueError, too, when the stored value can't be counted, appended to or reached into."""
        ...

    async def delete(self, collection: Collection[Any], where: Mapping[str, Any]) -> int:
        """Removes the matches, unpublished events included, and returns how many; an empty filter is refused
        with ValueError."""
        ...

    async def count(self, collection: Collection[Any], where: Mapping[str, Any] | None = None) -> int: ...


class Store(Protocol):
    def app(self, app_id: str) -> Handle: ...

    def operator(self) -> Handle: ...

    def pending(self, limit: int = 100) -> AsyncIterator[tuple[str, str, list[Event]]]:
        """(collection, document id, events in order) of documents with an unpublished outbox, oldest event
        first."""
        ...

    async def settle(self, collection: str, doc_id: str, event_ids: Sequence[str]) -> None:
        """Takes published events out of a document's outbox."""
        ...

    async def ping(self) -> None:
        """Errors: StoreUnavailable."""
        ...

    async def close(self) -> None: ...
