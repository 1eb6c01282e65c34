"""What every document store promises, one claim a test."""

from typing import Any

import pytest

from tests.contract.conftest import NOTES, THINGS
from weir.foundation.documents import (
    MOST_LOOKED_AT,
    Between,
    Collection,
    DuplicateKey,
    Index,
    OneOf,
    Sieve,
    Store,
    UndeclaredField,
)
from weir.foundation.errors import Invalid
from weir.foundation.events import DirectoryChanged

NOTHING: Collection[Any] = Collection("nothing", {})
FULL = {
    "id": "a", "name": "café", "rank": 2**40, "score": 0.5, "open": True, "none": None, "raw": b"\x00\xff", "small": 7,
    "list": [1, [2.0, "x", None], {"a.b": {"deep": False}}], "ingest": {"boot": "b1", "client": 3, "more": {}}, "empty": "",
}  # fmt: skip


def event(key: str, at: int = 1) -> DirectoryChanged:
    return DirectoryChanged(app="app_1", collection="things", key=key, at=at)


async def waiting(store: Store) -> list[tuple[str, str, list[str]]]:
    return [
        (collection, doc_id, [str(event.model_dump()["key"]) for event in events])
        async for collection, doc_id, events in store.pending()
    ]


async def test_what_goes_in_comes_out_with_the_same_types(store: Store) -> None:
    """A document is equal to the stored one, type by type, from every verb that returns one."""
    mine = store.app("app_1")
    expected = {**FULL, "app": "app_1"}
    inserted = await mine.insert(THINGS, FULL)
    got = await mine.get(THINGS, "a")
    page = await mine.find(THINGS)
    updated = await mine.update(THINGS, "a")
    for doc in (inserted, got, page.data[0], updated):
        assert doc == expected
        assert _types(doc) == _types(expected)


def _types(value: object) -> object:
    if isinstance(value, dict):
        return {key: _types(item) for key, item in value.items()}
    return [_types(item) for item in value] if isinstance(value, list) else type(value)


async def test_id_and_unique_fields_refuse_a_second_document(store: Store) -> None:
    """A taken id or unique value is DuplicateKey on insert, update and upsert, and nothing is written."""
    mine = store.app("app_1")
    await mine.insert(THINGS, {"id": "a", "name": "x"})
    await mine.insert(THINGS, {"id": "b", "name": "y"})
    for attempt in (
        mine.insert(THINGS, {"id": "a"}),
        mine.insert(THINGS, {"id": "c", "name": "x"}),
        mine.update(THINGS, "b", set={"name": "x", "rank": 9}),
        mine.update(THINGS, "c", set={"name": "x"}, upsert=True),
    ):
        with pytest.raises(DuplicateKey):
            await attempt
    assert await mine.get(THINGS, "b") == {"id": "b", "name": "y", "app": "app_1"}
    assert await mine.count(THINGS) == 2


async def test_unique_binds_only_documents_with_all_its_fields(store: Store) -> None:
    """Documents without a unique field, with null in it, or with a part of a compound one, live side by side."""
    mine = store.app("app_1")
    doc: Any
    for number, doc in enumerate(
        [{}, {}, {"name": None}, {"ingest": {"boot": "b"}}, {"ingest": {"boot": "b", "client": None}}]
    ):
        await mine.insert(THINGS, {"id": str(number), **doc})
    await mine.insert(THINGS, {"id": "x", "ingest": {"boot": "b", "client": 1}})
    with pytest.raises(DuplicateKey):
        await mine.update(THINGS, "4", set={"ingest.client": 1})
    assert await mine.count(THINGS) == 6


async def test_insert_many_skips_what_exists(store: Store) -> None:
    """insert_many stores the new ones, skips taken ids and unique values, and says how many were new."""
    mine = store.app("app_1")
    await mine.insert(THINGS, {"id": "a", "name": "x", "rank": 1})
    docs = [{"id": "a"}, {"id": "b", "name": "x"}, {"id": "c", "name": "z"}, {"id": "c"}, {"id": "d"}]
    assert await mine.insert_many(THINGS, docs) == 2
    assert await mine.insert_many(THINGS, docs) == 0
    assert await mine.insert_many(THINGS, []) == 0
    assert [doc["id"] for doc in (await mine.find(THINGS)).data] == ["a", "c", "d"]
    assert (await mine.get(THINGS, "a") or {})["rank"] == 1


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"rank": 1}, "bc"),
        ({"rank": None}, "ae"),
        ({"rank": OneOf([1, 5])}, "bcd"),
        ({"rank": OneOf([5, None])}, "ade"),
        ({"rank": OneOf([])}, ""),
        ({"rank": Between(1, 5)}, "bc"),
        ({"rank": Between(at_least=2)}, "d"),
        ({"rank": Between(below=5)}, "bc"),
        ({"rank": Between()}, "abcde"),
        ({"open": False}, "b"),
        ({"score": Between(0.5, 1.0)}, "c"),
        ({"ingest.boot": "k"}, "d"),
        ({"ingest.boot": None, "rank": 1}, "bc"),
        ({"id": "c"}, "c"),
        ({"id": Between("b", "d"), "rank": OneOf([1])}, "bc"),
        ({"app": "app_2"}, ""),
        ({"app": "app_1", "rank": 1}, "bc"),
        ({}, "abcde"),
        (None, "abcde"),
    ],
)
async def test_filters(store: Store, where: dict[str, object] | None, ids: str) -> None:
    """Equality, OneOf and Between choose the same documents in find and count; None means missing or null."""
    mine = store.app("app_1")
    await mine.insert_many(THINGS, [
        {"id": "a"}, {"id": "b", "rank": 1, "open": False}, {"id": "c", "rank": 1, "score": 0.5},
        {"id": "d", "rank": 5, "ingest": {"boot": "k"}, "score": 1.0}, {"id": "e", "rank": None, "open": True, "ingest": None},
    ])  # fmt: skip
    assert "".join(doc["id"] for doc in (await mine.find(THINGS, where)).data) == ids
    assert await mine.count(THINGS, where) == len(ids)
    first = await mine.find_one(THINGS, where or {})
    assert (first["id"] if first else "") == ids[:1]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 50])
@pytest.mark.parametrize("sort", ["id", "rank", "name"])
async def test_pages_walk_everything_once_in_order(
    store: Store, sort: str, limit: int, descending: bool
) -> None:
    """Following `next` gives every match once, sorted by (field, id), missing values first upwards."""
    mine = store.app("app_1")
    names = {"a": "Zoë", "b": "z", "c": "é", "d": None, "e": "😀", "f": "\uffff"}
    ranks = {"a": 3, "b": None, "c": 3, "d": -1, "e": None, "f": 3}
    docs = [{"id": key, "name": names[key], "rank": ranks[key]} for key in "cafebd"]
    await mine.insert_many(THINGS, docs)
    found, cursor = [], None
    while True:
        page = await mine.find(THINGS, sort=sort, descending=descending, limit=limit, cursor=cursor)
        assert len(page.data) <= limit
        found += page.data
        cursor = page.next
        if cursor is None:
            break
    expected = sorted(
        docs,
        key=lambda doc: (
            doc[sort] is not None,
            doc[sort] or 0 if sort == "rank" else doc[sort] or "",
            doc["id"],
        ),
    )
    assert [doc["id"] for doc in found] == [
        doc["id"] for doc in (reversed(expected) if descending else expected)
    ]


async def test_a_cursor_serves_its_own_query_only(store: Store) -> None:
    """A cursor of another query, app or making is refused with `invalid`; another limit is the same query."""
    mine, other = store.app("app_1"), store.app("app_2")
    await mine.insert_many(THINGS, [{"id": key, "rank": 1} for key in "abcd"])
    cursor = (await mine.find(THINGS, {"rank": OneOf([1, 2])}, sort="rank", limit=1)).next
    assert cursor
    same = await mine.find(THINGS, {"rank": OneOf([2, 1])}, sort="rank", limit=2, cursor=cursor)
    assert [doc["id"] for doc in same.data] == ["b", "c"]
    for attempt in (
        mine.find(THINGS, {"rank": 1}, sort="rank", cursor=cursor),
        mine.find(THINGS, {"rank": OneOf([1, 2])}, sort="rank", descending=True, cursor=cursor),
        mine.find(THINGS, {"rank": OneOf([1, 2])}, cursor=cursor),
        other.find(THINGS, {"rank": OneOf([1, 2])}, sort="rank", cursor=cursor),
        mine.find(THINGS, cursor=""),
        mine.find(THINGS, cursor="é"),
        mine.find(THINGS, cursor="bm9uc2Vuc2U"),
        mine.find(THINGS, cursor=cursor[:-3]),
    ):
        with pytest.raises(Invalid):
            await attempt


ODD: Sieve = Sieve("odd", lambda doc: doc["rank"] % 2 == 1)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 200, 1000])
async def test_a_sieve_finds_everything_once(store: Store, limit: int, descending: bool) -> None:
    """Following `next` gives every document that passes, in order, and the cursor is that sieve's alone."""
    mine = store.app("app_1")
    await mine.insert_many(THINGS, [{"id": f"{rank:04}", "rank": rank} for rank in range(450)])
    found, cursor = [], None
    while True:
        page = await mine.find(
            THINGS,
            {"rank": Between(10, 440)},
            sort="rank",
            descending=descending,
            limit=limit,
            cursor=cursor,
            sieve=ODD,
        )
        assert len(page.data) <= limit
        found += [doc["rank"] for doc in page.data]
        if page.next is None:
            break
        cursor = page.next
    assert found == sorted(range(11, 440, 2), reverse=descending)
    if cursor is not None:
        other: Sieve | None
        for other in (None, Sieve("even", lambda doc: doc["rank"] % 2 == 0)):
            with pytest.raises(Invalid):
                await mine.find(
                    THINGS,
                    {"rank": Between(10, 440)},
                    sort="rank",
                    descending=descending,
                    cursor=cursor,
                    sieve=other,
                )


async def test_a_sieve_looks_at_so_many_documents_and_no_more(store: Store) -> None:
    """What passes nothing costs a bounded read; the page says that there may be more."""
    mine = store.app("app_1")
    await mine.insert_many(
        THINGS, [{"id": f"{rank:04}", "rank": rank} for rank in range(MOST_LOOKED_AT + 10)]
    )
    looked = 0

    def last(doc: dict[str, object]) -> bool:
        nonlocal looked
        looked += 1
        return doc["rank"] == MOST_LOOKED_AT + 9

    page = await mine.find(THINGS, sort="rank", sieve=Sieve("last", last))
    assert (page.data, looked, page.next is None) == ([], MOST_LOOKED_AT, False)
    page = await mine.find(THINGS, sort="rank", sieve=Sieve("last", last), cursor=page.next)
    assert ([doc["rank"] for doc in page.data], page.next) == ([MOST_LOOKED_AT + 9], None)


async def test_update_sets_counts_and_appends(store: Store) -> None:
    """One update changes dotted fields, counters and lists together and returns the document afterwards."""
    mine = store.app("app_1")
    await mine.insert(THINGS, {"id": "a", "ingest": {"boot": "b"}, "n": 1.5})
    changed = await mine.update(
        THINGS,
        "a",
        set={"name": "x", "ingest.client": 2, "deep.er.est": [1]},
        inc={"rank": 2, "n": 1, "c.x": -3},
        push={"log": {"k": 1}},
    )
    expected = {
        "id": "a", "app": "app_1", "name": "x", "ingest": {"boot": "b", "client": 2}, "deep": {"er": {"est": [1]}},
        "rank": 2, "n": 2.5, "c": {"x": -3}, "log": [{"k": 1}],
    }  # fmt: skip
    assert changed == expected
    assert await mine.update(THINGS, "a", push={"log": [2]}) == {**expected, "log": [{"k": 1}, [2]]}
    assert await mine.find_one(THINGS, {"ingest.client": 2, "rank": 2}) is not None
    assert await mine.update(THINGS, "a", set={"rank": None}) is not None
    assert await mine.count(THINGS, {"rank": None}) == 1
    assert await mine.update(THINGS, "missing", set={"name": "y"}) is None


async def test_an_update_that_does_not_fit_the_document_changes_nothing(store: Store) -> None:
    """Counting text, appending to a number and reaching through a list are ValueErrors without effect."""
    mine = store.app("app_1")
    doc = await mine.insert(
        THINGS, {"id": "a", "text": "t", "n": 1, "list": [], "null": None, "big": 2**63 - 1, "flag": True}
    )
    change: Any
    for change in (
        {"inc": {"text": 1}}, {"inc": {"null": 1}}, {"inc": {"flag": 1}}, {"inc": {"big": 1}}, {"inc": {"list.x": 1}},
        {"push": {"n": 1}}, {"push": {"null": 1}}, {"set": {"list.x": 1}}, {"set": {"n.x": 1}}, {"set": {"null.x": 1}},
    ):  # fmt: skip
        with pytest.raises(ValueError):
            await mine.update(THINGS, "a", **change)
    assert await mine.get(THINGS, "a") == doc


async def test_compare_and_set(store: Store) -> None:
    """An update whose expectation fails returns None and changes nothing; `expect` takes every kind of
    filter."""
    mine = store.app("app_1")
    await mine.insert(THINGS, {"id": "a", "rank": 1})
    assert await mine.update(THINGS, "a", set={"rank": 9}, expect={"rank": 2}) is None
    assert await mine.update(THINGS, "a", set={"rank": 9}, expect={"rank": 1, "name": "x"}) is None
    assert await mine.update(THINGS, "a", set={"rank": 2}, expect={"rank": 1, "name": None}) == {
        "id": "a",
        "rank": 2,
        "app": "app_1",
    }
    assert (
        await mine.update(THINGS, "a", inc={"rank": 1}, expect={"rank": Between(0, 5), "id": "a"}) is not None
    )
    assert await mine.update(THINGS, "a", expect={"rank": OneOf([3])}) is not None


async def test_upsert_creates_or_changes(store: Store) -> None:
    """An upsert creates a missing document from `set`, `inc` and `push`, and afterwards changes it."""
    mine = store.app("app_1")
    assert await mine.update(THINGS, "a", set={"name": "x"}, inc={"rank": 1}, upsert=True) == {
        "id": "a", "app": "app_1", "name": "x", "rank": 1,
    }  # fmt: skip
    assert await mine.update(THINGS, "a", inc={"rank": 1}, push={"l": 1}, upsert=True) == {
        "id": "a", "app": "app_1", "name": "x", "rank": 2, "l": [1],
    }  # fmt: skip
    assert await mine.update(THINGS, "b", upsert=True) == {"id": "b", "app": "app_1"}
    assert await mine.count(THINGS, {"rank": 2}) == 1
    everyone = store.operator()
    assert await everyone.update(NOTES, "n", set={"label": "l"}, upsert=True) == {"id": "n", "label": "l"}


async def test_delete(store: Store) -> None:
    """delete removes the matches and counts them; an empty filter is refused."""
    mine = store.app("app_1")
    await mine.insert_many(THINGS, [{"id": str(n), "rank": n} for n in range(5)])
    assert await mine.delete(THINGS, {"rank": Between(1, 4)}) == 3
    assert await mine.delete(THINGS, {"rank": Between(1, 4)}) == 0
    for where in ({}, {"rank": Between()}):
        with pytest.raises(ValueError):
            await mine.delete(THINGS, where)
        with pytest.raises(ValueError):
            await store.operator().delete(THINGS, where)
    assert await mine.count(THINGS) == 2


async def test_an_apps_handle_reaches_its_own_documents_only(store: Store) -> None:
    """By id, filter, update, upsert, delete and count a foreign document is exactly as invisible as a missing
    one."""
    mine, other, everyone = store.app("app_1"), store.app("app_2"), store.operator()
    theirs = await other.insert(THINGS, {"id": "t", "name": "theirs", "rank": 1})
    assert await mine.get(THINGS, "t") is None
    assert await mine.find_one(THINGS, {"name": "theirs"}) is None
    assert await mine.find_one(THINGS, {"app": "app_2"}) is None
    assert (await mine.find(THINGS, {"rank": 1})).data == []
    assert await mine.update(THINGS, "t", set={"rank": 2}) is None
    assert await mine.update(THINGS, "t", set={"rank": 2}, expect={"app": "app_2"}) is None
    assert await mine.delete(THINGS, {"id": "t"}) == 0
    assert await mine.delete(THINGS, {"app": "app_2"}) == 0
    assert await mine.count(THINGS) == 0
    for attempt in (
        mine.update(THINGS, "t", set={"rank": 2}, upsert=True),
        mine.insert(THINGS, {"id": "t"}),
    ):
        with pytest.raises(DuplicateKey):
            await attempt
    assert await mine.insert_many(THINGS, [{"id": "t"}]) == 0
    assert await everyone.get(THINGS, "t") == theirs
    assert await everyone.count(THINGS, {"app": "app_2"}) == 1


async def test_a_document_stays_with_its_app(store: Store) -> None:
    """No verb stores a document under another app, moves it there, or leaves it without one."""
    mine, everyone = store.app("app_1"), store.operator()
    await mine.insert(THINGS, {"id": "a", "app": "app_1"})
    assert await mine.update(THINGS, "a", set={"app": "app_1", "rank": 1}) == {
        "id": "a",
        "app": "app_1",
        "rank": 1,
    }
    for attempt in (
        mine.insert(THINGS, {"id": "b", "app": "app_2"}),
        mine.insert_many(THINGS, [{"id": "b"}, {"id": "c", "app": "app_2"}]),
        mine.update(THINGS, "a", set={"app": "app_2"}),
        everyone.insert(THINGS, {"id": "b"}),
        everyone.update(THINGS, "a", set={"app": "app_2"}),
        everyone.update(THINGS, "b", set={"rank": 2}, upsert=True),
    ):
        with pytest.raises(ValueError):
            await attempt
    assert await everyone.count(THINGS) == 1
    with pytest.raises(ValueError):
        store.app("")


async def test_collections_without_tenants_are_the_operators(store: Store) -> None:
    """An app's handle is refused on a collection that belongs to no app."""
    mine = store.app("app_1")
    for attempt in (
        mine.insert(NOTES, {"id": "a"}), mine.insert_many(NOTES, [{"id": "a"}]), mine.get(NOTES, "a"), mine.count(NOTES),
        mine.update(NOTES, "a", upsert=True), mine.delete(NOTES, {"id": "a"}), mine.find(NOTES),
    ):  # fmt: skip
        with pytest.raises(UndeclaredField):
            await attempt
    assert await store.operator().insert(NOTES, {"id": "a", "app": 5}) == {"id": "a", "app": 5}


async def test_undeclared_names_are_refused(store: Store) -> None:
    """An unknown collection or field in a filter, sort or expectation is UndeclaredField."""
    mine = store.app("app_1")
    for attempt in (
        mine.get(NOTHING, "a"), mine.find(THINGS, {"size": 1}), mine.find(THINGS, {"ingest": {"boot": "b"}}),
        mine.find(THINGS, sort="size"), mine.count(THINGS, {"$where": "1"}), mine.delete(THINGS, {"size": 1}),
        mine.update(THINGS, "a", expect={"size": 1}), store.settle("nothing", "a", []), mine.insert(Collection("things; drop", {}), {"id": "a"}),
    ):  # fmt: skip
        with pytest.raises(UndeclaredField):
            await attempt


@pytest.mark.parametrize(
    "doc",
    [
        {}, {"id": ""}, {"id": 1}, {"id": "a", "rank": "1"}, {"id": "a", "rank": True}, {"id": "a", "rank": 1.0}, {"id": "a", "score": 1},
        {"id": "a", "open": 1}, {"id": "a", "name": b"x"}, {"id": "a", "name": ["x"]}, {"id": "a", "ingest": {"boot": 1}},
        {"id": "a", "ingest": [{"boot": "b"}]}, {"id": "a", "ingest": 5}, {"id": "a", "x": 2**63}, {"id": "a", "x": -(2**63) - 1},
        {"id": "a", "x": float("nan")}, {"id": "a", "x": float("inf")}, {"id": "a", "x": (1,)}, {"id": "a", "x": {1}},
        {"id": "a", "x": ...}, {"id": "a", "_id": "b"}, {"id": "a", "_outbox": []}, {"id": "a", "x.y": 1}, {"id": "a", "$x": 1},
        {"id": "a", "x": {"$ref": "r", "$id": 1}}, {"id": "a", "x": {1: 2}}, {"id": "a", "x": {"": 1}}, {"id": "a", "x": {"n\0": 1}},
        {"id": "a", "x": "\ud800"}, {"id": "\ud800"}, {"id": "a", "x": b"-" * (16 << 20)},
    ],
    ids=lambda doc: str(doc)[:40].encode("ascii", "backslashreplace").decode(),
)  # fmt: skip
async def test_what_cannot_be_stored_is_refused(store: Store, doc: dict[str, object]) -> None:
    """A missing id, a wrong type, a number out of range or a reserved name is a ValueError and nothing is
    written."""
    mine = store.app("app_1")
    with pytest.raises(ValueError):
        await mine.insert(THINGS, doc)
    with pytest.raises(ValueError):
        await mine.insert_many(THINGS, [{"id": "fine"}, doc])
    assert await mine.count(THINGS) == 0


async def test_a_document_may_be_64_levels_deep_and_no_deeper(store: Store) -> None:
    """The depth that both stores can hold is bounded before either is asked."""
    deep: dict[str, object] = {}
    for _ in range(61):
        deep = {"d": deep}
    mine = store.app("app_1")
    assert await mine.insert(THINGS, {"id": "a", "d": deep}) == await mine.get(THINGS, "a")
    with pytest.raises(ValueError):
        await mine.insert(THINGS, {"id": "b", "d": {"d": deep}})


@pytest.mark.parametrize(
    "change",
    [
        {"set": {"rank": "1"}}, {"set": {"rank": True}}, {"set": {"ingest": {"boot": 1}}}, {"set": {"ingest": 1}},
        {"set": {"ingest.boot": 1}}, {"set": {"ingest.boot.x": 1}}, {"set": {"id": "b"}}, {"set": {"_outbox": []}},
        {"set": {"_id": "b"}}, {"set": {"a..b": 1}},
        {"set": {"a.$": 1}}, {"set": {"a.0": 1}}, {"set": {"$set": 1}}, {"set": {"a": 1, "a.b": 2}}, {"set": {"a": 1}, "inc": {"a": 1}},
        {"set": {"x": 2**63}}, {"set": {"x": {"$inc": 1}}}, {"inc": {"name": 1}}, {"inc": {"score": 1}}, {"inc": {"ingest": 1}},
        {"inc": {"rank": 1.5}}, {"inc": {"rank": True}}, {"inc": {"rank": 2**63}}, {"push": {"rank": 1}}, {"push": {"ingest": 1}},
        {"push": {"l": {"$each": [1]}}}, {"set": {"rank": 1}, "expect": {"rank": 0}, "upsert": True}, {"expect": {"rank": "0"}},
    ],
    ids=str,
)  # fmt: skip
async def test_changes_that_cannot_be_stored_are_refused(store: Store, change: dict[str, Any]) -> None:
    """An update with a wrong type, a reserved or ambiguous path or a foreign operator is a ValueError without
    effect."""
    mine = store.app("app_1")
    doc = await mine.insert(THINGS, {"id": "a", "l": [], "a": {}})
    with pytest.raises(ValueError):
        await mine.update(THINGS, "a", **change)
    with pytest.raises(ValueError):
        await mine.update(THINGS, "new", **{"upsert": "expect" not in change, **change})
    assert await mine.get(THINGS, "a") == doc
    assert await mine.count(THINGS) == 1


@pytest.mark.parametrize(
    "where",
    [
        {"rank": "1"},
        {"rank": True},
        {"name": OneOf("xy")},
        {"name": OneOf([1])},
        {"score": Between(1)},
        {"name": {"$gt": ""}},
    ],
    ids=str,
)
async def test_filter_values_have_the_declared_type(store: Store, where: dict[str, object]) -> None:
    """A filter value of another type is a ValueError, so that no operator can be smuggled in."""
    with pytest.raises(ValueError):
        await store.app("app_1").find(THINGS, where)


async def test_events_wait_in_the_outbox_until_settled(store: Store) -> None:
    """Emitted events wait in order, oldest document first, unseen in documents, until settle takes exactly
    the published."""
    mine = store.app("app_1")
    first, second, third = event("1", at=30), event("2", at=31), event("3", at=5)
    assert await mine.insert(THINGS, {"id": "a"}, emit=[first]) == {"id": "a", "app": "app_1"}
    assert await mine.update(THINGS, "a", set={"rank": 1}, emit=[second]) == {
        "id": "a",
        "app": "app_1",
        "rank": 1,
    }
    await store.operator().update(NOTES, "n", upsert=True, emit=[third])
    assert (await mine.find(THINGS)).data == [{"id": "a", "app": "app_1", "rank": 1}]
    assert await mine.get(THINGS, "a") == {"id": "a", "app": "app_1", "rank": 1}
    assert await waiting(store) == [("notes", "n", ["3"]), ("things", "a", ["1", "2"])]
    assert [doc_id async for _, doc_id, _ in store.pending(limit=1)] == ["n"]
    await store.settle("notes", "n", [third.id])
    await store.settle("things", "a", [first.id, "evt_unknown"])
    assert await waiting(store) == [("things", "a", ["2"])]
    assert [events async for _, _, events in store.pending()] == [[second]]
    await store.settle("things", "a", [second.id])
    await store.settle("things", "a", [second.id])
    await store.settle("things", "missing", [second.id])
    assert await waiting(store) == []
    await mine.update(THINGS, "a", inc={"rank": 1}, emit=[event("4")])
    assert await waiting(store) == [("things", "a", ["4"])]


async def test_a_change_that_is_refused_emits_nothing(store: Store) -> None:
    """A failed expectation, a duplicate or a misfit writes no event."""
    mine = store.app("app_1")
    await mine.insert(THINGS, {"id": "a", "name": "x"})
    assert await mine.update(THINGS, "a", set={"rank": 1}, expect={"rank": 7}, emit=[event("1")]) is None
    assert await mine.update(THINGS, "b", set={"rank": 1}, emit=[event("2")]) is None
    with pytest.raises(DuplicateKey):
        await mine.insert(THINGS, {"id": "a"}, emit=[event("3")])
    with pytest.raises(ValueError):
        await mine.update(THINGS, "a", inc={"name.x": 1}, emit=[event("4")])
    assert await waiting(store) == []


async def test_documents_survive_closing_and_opening(settings, opened) -> None:
    """What was stored is there, indexed and unpublished as before, when the store is opened again, also
    twice."""
    async with opened(settings) as store:
        await store.app("app_1").insert(THINGS, {"id": "a", "name": "x"}, emit=[event("1")])
    async with opened(settings) as store, opened(settings) as again:
        for one in (store, again):
            assert await one.app("app_1").find_one(THINGS, {"name": "x"}) == {
                "id": "a",
                "name": "x",
                "app": "app_1",
            }
            assert await waiting(one) == [("things", "a", ["1"])]
            with pytest.raises(DuplicateKey):
                await one.app("app_1").insert(THINGS, {"id": "b", "name": "x"})


async def test_a_collection_may_gain_fields_and_indexes(settings, opened) -> None:
    """Documents stored before a field was declared are found, sorted and bound by it afterwards."""
    before: Collection[Any] = Collection("things", {"rank": "int"})
    after: Collection[Any] = Collection(
        "things",
        {"rank": "int", "size": "int", "at.x": "str"},
        (Index(("size", "rank")), Index(("at.x",), unique=True)),
    )
    async with opened(settings, before) as store:
        mine = store.app("app_1")
        await mine.insert_many(
            THINGS, [{"id": str(n), "rank": n, "size": 10 - n, "at": {"x": f"x{n}"}} for n in range(5)]
        )
        await mine.insert(THINGS, {"id": "odd"})
    for _ in range(2):
        async with opened(settings, after) as store:
            mine = store.app("app_1")
            assert [
                doc["id"] for doc in (await mine.find(THINGS, {"size": Between(7)}, sort="size")).data
            ] == ["3", "2", "1", "0"]
            assert (await mine.find_one(THINGS, {"at.x": "x4"}) or {})["rank"] == 4
            assert await mine.count(THINGS, {"size": None}) == 1
            with pytest.raises(DuplicateKey):
                await mine.insert(THINGS, {"id": "new", "at": {"x": "x1"}})


@pytest.mark.parametrize(
    "collection",
    [
        Collection("Things", {}), Collection("a;b", {}), Collection("a", {"id": "str"}), Collection("a", {"_outbox": "str"}),
        Collection("a", {"x": "date"}), Collection("a", {"app": "int"}), Collection("a", {"x": "str", "x.y": "str"}),  # type: ignore[dict-item]
        Collection("a", {"x y": "int"}), Collection("a", {}, (Index(("x",)),)), Collection("a", {}, (Index(("app",)),), tenant=False),
    ],
    ids=str,
)  # fmt: skip
async def test_declarations_that_cannot_be_kept_are_refused(settings, opened, collection: Collection) -> None:
    """A name, type or index that one of the stores could not keep is a ValueError at the opening."""
    with pytest.raises(ValueError):
        async with opened(settings, collection):
            pass
