"""The document store in MongoDB, through motor: acknowledged by the majority and its journal. The only user
of motor.

Motor had its last bug fix in May 2026 (critical ones until May 2027); pymongo's own asynchronous client
has almost the same calls and would be a change of this file alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import bson.errors
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import ReturnDocument, errors

from weir.foundation.documents import (
    Between,
    Collection,
    Doc,
    DuplicateKey,
    FieldType,
    Index,
    OneOf,
    StoreUnavailable,
)
from weir.foundation.documents.codec import CODEC, LARGEST_BYTES, encode
from weir.foundation.documents.cursors import After
from weir.foundation.documents.handle import DocumentStore
from weir.foundation.documents.schema import INT_MIN, OUTBOX, Change, Order, Spec, Where, specify

OLDEST = (4, 4)  # of the servers that pymongo speaks with; nothing here needs a newer one
MOST_SAID = 300
ANSWER_MS = 10_000  # one call with its retries, the search for a server included
OLDEST_EVENT = f"{OUTBOX}.at"  # of an array's elements MongoDB sorts by the smallest

# A partial index is used only by queries that MongoDB can prove to lie inside it. A comparison with the least
# value of a type lets it prove equality, and it leaves out missing and null like an unique index of SQLite;
# `$type` would not.
_LEAST: dict[FieldType, Any] = {"str": "", "int": INT_MIN, "float": float("-inf"), "bool": False}
_CHANGE_REFUSED = {2, 14, 28, 40}  # BadValue, TypeMismatch, PathNotViable, ConflictingUpdateOperators
_TOO_LARGE = {10334, 17280, 17419, 17420}


async def open_mongo(url: str, database: str, collections: Sequence[Collection[Any]]) -> DocumentStore:
    """The store in a MongoDB database, with its indexes made.

    Errors: StoreUnavailable in one sentence, without the address (it may hold a password); ValueError for
    declarations that can't be kept.
    """
    specs = specify(collections)
    client = _client(url)
    try:
        engine = MongoEngine(client, client.get_database(database, codec_options=CODEC))
        await engine.check_version()
        for spec in specs.values():
            await engine.prepare(spec)
    except errors.InvalidName:
        client.close()
        raise StoreUnavailable("WEIR_MONGODB_DATABASE is no name for a database.") from None
    except StoreUnavailable as refusal:
        client.close()
        raise StoreUnavailable(_with_reason(refusal)) from None
    except BaseException:
        client.close()
        raise
    return DocumentStore(engine, specs)


def _client(url: str) -> Any:
    try:
        return AsyncIOMotorClient(url, w="majority", journal=True, timeoutMS=ANSWER_MS, appname="weir")
    except (errors.PyMongoError, ValueError):
        raise StoreUnavailable("WEIR_MONGODB_URL is not a usable MongoDB address.") from None


def _with_reason(refusal: StoreUnavailable) -> str:
    """At the start of Weir, what the server or the network answered. Later the answer stays in the log, since
    a refusal may repeat what was to be stored."""
    cause = refusal.__cause__
    if isinstance(cause, errors.OperationFailure):
        said = str((cause.details or {}).get("errmsg") or cause)
    elif isinstance(cause, errors.PyMongoError):
        said = str(cause).partition(" (configured timeouts")[0].partition(", Timeout:")[0]
    else:
        return refusal.detail
    return f"{refusal.detail.rstrip('.')}: {' '.join(said.split())[:MOST_SAID].rstrip('.')}."


@contextmanager
def _refusals() -> Iterator[None]:
    """MongoDB's errors in the words of the interface."""
    try:
        yield
    except errors.DuplicateKeyError:
        raise DuplicateKey("A document with this id or unique value exists already.") from None
    except (errors.DocumentTooLarge, bson.errors.InvalidDocument) as error:
        raise ValueError(f"a document may have {LARGEST_BYTES} bytes: {error}") from None
    except errors.OperationFailure as error:
        if error.code in _TOO_LARGE:
            raise ValueError(f"a document may have {LARGEST_BYTES} bytes") from None
        if error.code in _CHANGE_REFUSED:
            raise ValueError(f"this change does not fit the document: {error}") from None
        raise StoreUnavailable(f"MongoDB refuses (code {error.code}).") from error
    except errors.ServerSelectionTimeoutError as error:
        raise StoreUnavailable("MongoDB can't be reached.") from error
    except errors.PyMongoError as error:
        raise StoreUnavailable(f"MongoDB does not answer ({type(error).__name__}).") from error


class MongoEngine:
    """The Engine. A document's `id` is MongoDB's `_id`."""

    def __init__(self, client: Any, database: "AsyncIOMotorDatabase[Doc]") -> None:
        self._client = client
        self._database = database

    def _in(self, spec: Spec) -> "AsyncIOMotorCollection[Doc]":
        return self._database[spec.name]

    async def prepare(self, spec: Spec) -> None:
        """Makes the declared indexes; repeating it changes nothing."""
        collection = self._in(spec)
        try:
            with _refusals():
                for index in spec.indexes:
                    await collection.create_index(_index_keys(index), **_index_options(spec, index))
                await collection.create_index(
                    [(OLDEST_EVENT, 1)], name="outbox", partialFilterExpression={OLDEST_EVENT: {"$gt": 0}}
                )
        except DuplicateKey as error:
            raise StoreUnavailable(
                f"Stored documents of {spec.name} break a unique index that is declared now."
            ) from error

    async def insert(self, spec: Spec, doc: Doc) -> None:
        with _refusals():
            await self._in(spec).insert_one(_inwards(doc))

    async def insert_many(self, spec: Spec, docs: list[Doc]) -> int:
        raw = [
            RawBSONDocument(encode(_inwards(doc))) for doc in docs
        ]  # one too large is refused before any is written
        with _refusals():
            try:
                await self._in(spec).insert_many(raw, ordered=False)
            except errors.BulkWriteError as error:
                details = error.details or {}
                if details.get("writeConcernErrors") or any(
                    one["code"] != 11000 for one in details["writeErrors"]
                ):
                    raise
                return int(details["nInserted"])
        return len(docs)

    async def find(
        self, spec: Spec, where: Where, order: Order, after: After | None, limit: int
    ) -> list[Doc]:
        direction = -1 if order.descending else 1
        sorting = [("_id", direction)] if order.by == "id" else [(order.by, direction), ("_id", direction)]
        condition = _filter(where)
        if after is not None:
            condition = {"$and": [condition, _beyond(order, after)]}
        with _refusals():
            cursor = self._in(spec).find(condition, {OUTBOX: 0}).sort(sorting).limit(limit)
            return [_outwards(doc) for doc in await cursor.to_list(limit)]

    async def update(self, spec: Spec, doc_id: str, expect: Where, change: Change) -> Doc | None:
        condition = _filter((("id", doc_id), *expect))
        operators = _operators(doc_id, change)
        with _refusals():
            if not operators:
                doc = await self._in(spec).find_one(condition, {OUTBOX: 0})
            else:
                doc = await self._find_and_update(spec, condition, operators, change.upsert)
        return None if doc is None else _outwards(doc)

    async def _find_and_update(self, spec: Spec, condition: Doc, operators: Doc, upsert: bool) -> Doc | None:
        """Of two upserts at once MongoDB may refuse one with nothing done; its second attempt finds the
        document."""

        async def attempt() -> Doc | None:
            found = await self._in(spec).find_one_and_update(
                condition, operators, {OUTBOX: 0}, upsert=upsert, return_document=ReturnDocument.AFTER
            )
            return cast(Doc | None, found)

        try:
            return await attempt()
        except errors.DuplicateKeyError:
            if not upsert:
                raise
            return await attempt()

    async def delete(self, spec: Spec, where: Where) -> int:
        with _refusals():
            return int((await self._in(spec).delete_many(_filter(where))).deleted_count)

    async def count(self, spec: Spec, where: Where) -> int:
        with _refusals():
            return int(await self._in(spec).count_documents(_filter(where)))

    async def unpublished(self, specs: Iterable[Spec], limit: int) -> list[tuple[int, str, str, list[Doc]]]:
        found: list[tuple[int, str, str, list[Doc]]] = []
        with _refusals():
            for spec in specs:
                cursor = (
                    self._in(spec)
                    .find({OLDEST_EVENT: {"$gt": 0}}, {OUTBOX: 1})
                    .sort([(OLDEST_EVENT, 1)])
                    .limit(limit)
                )
                found += [
                    (doc[OUTBOX][0]["at"], spec.name, doc["_id"], doc[OUTBOX])
                    for doc in await cursor.to_list(limit)
                ]
        return found

    async def settle(self, spec: Spec, doc_id: str, event_ids: Sequence[str]) -> None:
        with _refusals():
            await self._in(spec).update_one(
                {"_id": doc_id}, {"$pull": {OUTBOX: {"id": {"$in": list(event_ids)}}}}
            )

    async def check_version(self) -> None:
        """Errors: StoreUnavailable, also for a server that is too old."""
        with _refusals():
            version = (await self._client.server_info())["versionArray"]
        if tuple(version[:2]) < OLDEST:
            needed, found = (".".join(map(str, one)) for one in (OLDEST, version[:3]))
            raise StoreUnavailable(f"MongoDB {needed} or newer is needed; this one is {found}.")

    async def ping(self) -> None:
        with _refusals():
            await self._database.command("ping")

    async def close(self) -> None:
        self._client.close()


def _name(path: str) -> str:
    return "_id" if path == "id" else path


def _inwards(doc: Doc) -> Doc:
    return {"_id": doc["id"], **{name: value for name, value in doc.items() if name != "id"}}


def _outwards(doc: Doc) -> Doc:
    return {"id": doc.pop("_id"), **doc}


def _filter(where: Where) -> Doc:
    parts = [{_name(path): _condition(wanted)} for path, wanted in where]
    together = {name: condition for part in parts for name, condition in part.items()}
    return together if len(together) == len(parts) else {"$and": parts}


def _condition(wanted: Any) -> Any:
    if isinstance(wanted, OneOf):
        return {"$in": list(wanted.values)}
    if isinstance(wanted, Between):
        ends = {"$gte": wanted.at_least, "$lt": wanted.below}
        return {operator: value for operator, value in ends.items() if value is not None}
    return wanted


def _beyond(order: Order, after: After) -> Doc:
    """What comes after (value, id) in (sort, id) order; documents without the sort field come first upwards."""
    value, doc_id = after
    name, operator = _name(order.by), "$lt" if order.descending else "$gt"
    if name == "_id":
        return {"_id": {operator: doc_id}}
    same = {name: value, "_id": {operator: doc_id}}
    if value is None:
        return same if order.descending else {"$or": [same, {name: {"$ne": None}}]}
    parts = [same, {name: {operator: value}}]
    return {"$or": [*parts, {name: None}] if order.descending else parts}


def _operators(doc_id: str, change: Change) -> Doc:
    pushing = {path: {"$each": [value]} for path, value in change.push.items()}
    if change.events:
        pushing[OUTBOX] = {"$each": change.events}
    operators = {"$set": change.set, "$inc": change.inc, "$push": pushing}
    given = {name: value for name, value in operators.items() if value}
    return given or ({"$setOnInsert": {"_id": doc_id}} if change.upsert else {})


def _index_keys(index: Index) -> list[tuple[str, int]]:
    """A plain index ends in the id, the tie-break of every page."""
    paths = index.fields if index.unique or "id" in index.fields else (*index.fields, "id")
    return [(_name(path), 1) for path in paths]


def _index_options(spec: Spec, index: Index) -> Doc:
    if not index.unique:
        return {}
    return {
        "unique": True,
        "partialFilterExpression": {_name(path): {"$gte": _LEAST[spec.kinds[path]]} for path in index.fields},
    }
