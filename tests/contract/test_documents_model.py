"""Random histories: each store answers like a plain dictionary."""

import asyncio
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.contract.conftest import THINGS
from weir.foundation.documents import Between, Doc, DuplicateKey, Handle, OneOf
from weir.foundation.settings import Settings

TEXT = st.text("aé😀\uffff\0'\"%$.", max_size=2)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": st.sampled_from(["a", "b", "é", "Z"]),
    "name": TEXT,
    "rank": st.sampled_from([-(2**63), -1, 0, 1, 2, 2**40]),
    "score": st.sampled_from([-1.5, -0.0, 0.0, 0.5, 1e300]),
    "open": st.booleans(),
    "ingest.boot": TEXT,
}
FIELDS = st.sampled_from(sorted(VALUES))
FREE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT | st.binary(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["k", "a.b", "0"]), inner, max_size=2)
    ),
)


def nullable(field: str) -> st.SearchStrategy[Any]:
    return VALUES[field] if field == "id" else st.none() | VALUES[field]


def wanted(field: str) -> st.SearchStrategy[Any]:
    ends = st.none() | VALUES[field]
    return (
        nullable(field)
        | st.builds(OneOf, st.lists(nullable(field), max_size=3))
        | st.builds(Between, ends, ends)
    )


FILTER = st.lists(FIELDS.flatmap(lambda field: st.tuples(st.just(field), wanted(field))), max_size=2).map(
    dict
)
SETTING = st.lists(
    st.sampled_from(["name", "rank", "score", "open", "ingest.boot"]).flatmap(
        lambda field: st.tuples(st.just(field), nullable(field))
    ),
    max_size=2,
).map(dict)
APPS = st.sampled_from(["app_1", "app_2"])
DOC = st.fixed_dictionaries(
    {"id": VALUES["id"]},
    optional={
        "name": nullable("name"), "rank": nullable("rank"), "score": nullable("score"), "open": nullable("open"),
        "ingest": st.fixed_dictionaries({}, optional={"boot": nullable("ingest.boot"), "x": FREE}), "free": FREE,
    },
)  # fmt: skip
STEP = (
    st.tuples(st.just("insert"), APPS, st.tuples(DOC))
    | st.tuples(st.just("insert_many"), APPS, st.tuples(st.lists(DOC, max_size=4)))
    | st.tuples(
        st.just("update"),
        APPS,
        st.tuples(
            VALUES["id"], SETTING, st.sampled_from([{}, {"n": 1}, {"c.d": -2}]), st.just({}), st.booleans()
        ),
    )
    | st.tuples(
        st.just("update"), APPS, st.tuples(VALUES["id"], SETTING, st.just({}), FILTER, st.just(False))
    )
    | st.tuples(st.just("delete"), APPS, st.tuples(FILTER))
    | st.tuples(st.just("walk"), APPS, st.tuples(FILTER, FIELDS, st.booleans(), st.integers(1, 3)))
    | st.tuples(st.just("count"), APPS, st.tuples(FILTER))
)
HISTORY = st.lists(STEP, min_size=4, max_size=14)


def at(doc: Doc, path: str) -> Any:
    value: Any = doc
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def fits(doc: Doc, app: str, where: dict[str, Any]) -> bool:
    def one(value: Any, asked: Any) -> bool:
        if isinstance(asked, OneOf):
            return value in asked.values
        if isinstance(asked, Between):
            low = asked.at_least is None or (value is not None and value >= asked.at_least)
            return low and (asked.below is None or (value is not None and value < asked.below))
        return bool(value == asked)

    return doc["app"] == app and all(one(at(doc, field), asked) for field, asked in where.items())


class Model:
    """The promise, in the simplest words: a dictionary of documents, `name` unique where it is not null."""

    def __init__(self) -> None:
        self.docs: dict[str, Doc] = {}

    def put(self, doc: Doc, new: bool) -> Doc:
        taken = {
            held["name"]
            for key, held in self.docs.items()
            if key != doc["id"] and held.get("name") is not None
        }
        if (new and doc["id"] in self.docs) or doc.get("name") in taken:
            raise DuplicateKey("taken")
        self.docs[doc["id"]] = doc
        return doc

    def insert(self, app: str, doc: Doc) -> Doc:
        return self.put({**doc, "app": app}, new=True)

    def insert_many(self, app: str, docs: list[Doc]) -> int:
        before = len(self.docs)
        for doc in docs:
            try:
                self.insert(app, doc)
            except DuplicateKey:
                continue
        return len(self.docs) - before

    def update(
        self, app: str, doc_id: str, setting: Doc, inc: dict[str, int], expect: Doc, upsert: bool
    ) -> Doc | None:
        held = self.docs.get(doc_id)
        if held is None or not fits(held, app, expect):
            if not upsert:
                return None
            if held is not None:
                raise DuplicateKey("taken")
        doc = {**held} if held else {"id": doc_id, "app": app}
        for path, value in setting.items():
            doc = _with(doc, path, lambda _, value=value: value)
        for path, step in inc.items():
            doc = _with(doc, path, lambda old, step=step: (old or 0) + step)
        return self.put(doc, new=False)

    def delete(self, app: str, where: Doc) -> int:
        gone = [key for key, doc in self.docs.items() if fits(doc, app, where)]
        for key in gone:
            del self.docs[key]
        return len(gone)

    def walk(self, app: str, where: Doc, sort: str, descending: bool, limit: int) -> list[list[Doc]]:
        found = [doc for doc in self.docs.values() if fits(doc, app, where)]
        found.sort(
            key=lambda doc: ((0,) if at(doc, sort) is None else (1, at(doc, sort)), doc["id"]),
            reverse=descending,
        )
        return [found[start : start + limit] for start in range(0, max(1, len(found)), limit)]

    def count(self, app: str, where: Doc) -> int:
        return sum(fits(doc, app, where) for doc in self.docs.values())


def _with(doc: Doc, path: str, new: Callable[[Any], Any]) -> Doc:
    head, _, rest = path.partition(".")
    return {**doc, head: _with(doc.get(head, {}), rest, new) if rest else new(doc.get(head))}


async def ask(handle: Handle, verb: str, arguments: tuple[Any, ...]) -> Any:
    if verb == "update":
        doc_id, setting, inc, expect, upsert = arguments
        return await handle.update(THINGS, doc_id, set=setting, inc=inc, expect=expect, upsert=upsert)
    if verb != "walk":
        return await getattr(handle, verb)(THINGS, *arguments)
    where, sort, descending, limit = arguments
    pages, cursor = [], None
    while True:
        page = await handle.find(THINGS, where, sort=sort, descending=descending, limit=limit, cursor=cursor)
        pages.append(page.data)
        cursor = page.next
        if cursor is None:
            return pages


async def check_history(
    settings: Settings, history: list[tuple[str, str, tuple[Any, ...]]], opened: Any
) -> None:
    model = Model()
    async with opened(settings) as store:
        for verb, app, arguments in history:
            if verb == "delete" and not any(asked != Between() for asked in arguments[0].values()):
                continue
            try:
                expected = getattr(model, verb)(app, *arguments)
            except DuplicateKey:
                with pytest.raises(DuplicateKey):
                    await ask(store.app(app), verb, arguments)
            else:
                assert await ask(store.app(app), verb, arguments) == expected, (verb, arguments)
        everything = (await store.operator().find(THINGS)).data
        assert everything == sorted(model.docs.values(), key=lambda doc: doc["id"])


@examples(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=HISTORY)
def test_sqlite_answers_like_a_dictionary(history: Any, opened: Any) -> None:
    """Any history of verbs on SQLite has the answers of a plain dictionary."""
    with tempfile.TemporaryDirectory(prefix="weir-model-") as folder:
        asyncio.run(check_history(Settings(data_dir=Path(folder) / "d"), history, opened))


@examples(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=HISTORY)
def test_mongodb_answers_like_a_dictionary(history: Any, opened: Any, secantus_url: str) -> None:
    """Any history of verbs over MongoDB's protocol has the answers of a plain dictionary."""
    settings = Settings(mongodb_url=secantus_url, mongodb_database=f"weir_model_{secrets.token_hex(6)}")
    asyncio.run(check_history(settings, history, opened))
