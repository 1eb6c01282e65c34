"""What only the SQLite document store promises: its file, its locks, its plans, its limits."""

import asyncio
import contextlib
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from weir.foundation.documents import (
    Collection,
    DuplicateKey,
    Index,
    OneOf,
    StoreUnavailable,
    sqlite,
    sqlite_queue,
    sqlite_writer,
)
from weir.foundation.documents.schema import Order, filtered, specify
from weir.foundation.documents.sqlite import open_sqlite
from weir.foundation.documents.sqlite_tables import SqliteTable
from weir.foundation.documents.sqlite_writer import SqliteWriter

THINGS: Collection[Any] = Collection(
    "things", {"name": "str", "rank": "int"}, (Index(("name",), unique=True), Index(("app", "rank")))
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "weir.db"


async def test_files_are_private(path: Path) -> None:
    """The folder is 0700; the file, its log and its shared memory are 0600."""
    store = await open_sqlite(path, [THINGS])
    await store.app("app_1").insert(THINGS, {"id": "a"})
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in path.parent.iterdir()} == {
        "weir.db": "0o600", "weir.db-wal": "0o600", "weir.db-shm": "0o600",
    }  # fmt: skip
    await store.close()
    assert [file.name for file in path.parent.iterdir()] == ["weir.db"]


async def test_closing_answers_what_was_asked_before(path: Path) -> None:
    """close() drains the queue: every write that was asked is answered and stored."""
    store = await open_sqlite(path, [THINGS])
    asked = [asyncio.create_task(store.app("app_1").insert(THINGS, {"id": str(n)})) for n in range(300)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*asked)
    store = await open_sqlite(path, [THINGS])
    assert await store.operator().count(THINGS) == 300
    await store.close()


async def test_a_held_lock_is_a_refusal_and_not_the_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process holds the file, writes are refused after the bound and reads continue; afterwards
    writes work."""
    store = await open_sqlite(path, [THINGS])
    mine = store.app("app_1")
    await mine.insert(THINGS, {"id": "a"})
    monkeypatch.setattr(sqlite_writer, "LOCK_S", 0.1)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="Another process"):
            await mine.insert(THINGS, {"id": "b"})
        assert await mine.get(THINGS, "a") is not None
        rival.execute("ROLLBACK")
    await mine.insert(THINGS, {"id": "b"})
    await store.close()


async def test_the_queue_is_bounded_and_an_answer_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stuck disk callers beyond the queue are refused at once and the waiting ones after the bound;
    none is written later."""
    monkeypatch.setattr(sqlite_queue, "WAITING", 5)
    monkeypatch.setattr(sqlite_queue, "ANSWER_S", 0.2)
    store = await open_sqlite(path, [THINGS])
    mine = store.app("app_1")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")
        answers = await asyncio.gather(
            *(mine.insert(THINGS, {"id": str(n)}) for n in range(20)), return_exceptions=True
        )
        rival.execute("ROLLBACK")
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    assert sum("Too much" in str(answer) for answer in answers) >= 14
    monkeypatch.setattr(sqlite_queue, "ANSWER_S", 10)
    for _ in range(100):  # the queue stays full until the writer notices the free lock
        with contextlib.suppress(StoreUnavailable):
            await mine.insert(THINGS, {"id": "after"})
            break
        await asyncio.sleep(0.01)
    assert await mine.count(THINGS) == 1
    await store.close()


async def test_a_full_disk_is_named_and_passes(path: Path, tmp_path: Path) -> None:
    """A full disk refuses with `storage_full` and loses nothing that was answered; with room again, writes
    work."""
    await (await open_sqlite(path, [THINGS])).close()
    table = SqliteTable(specify([THINGS])["things"])
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA max_page_count=30")
    writer = SqliteWriter(connection, 256)

    async def insert(n: int) -> None:
        row = table.row({"id": str(n), "app": "app_1", "fill": "-" * 3000})
        await writer.ask(lambda connection: connection.execute(table.insert, row).rowcount)

    async def fill() -> None:
        for n in range(100):
            await insert(n)
            stored.append(n)

    stored: list[int] = []
    with pytest.raises(StoreUnavailable) as refusal:
        await fill()
    assert refusal.value.code == "storage_full"
    await writer.ask(lambda connection: connection.execute("PRAGMA max_page_count=10000").fetchone())
    await insert(100)
    await writer.close()
    store = await open_sqlite(path, [THINGS])
    assert await store.operator().count(THINGS) == len(stored) + 1
    await store.close()


async def test_one_failure_in_a_group_is_its_callers_alone(path: Path) -> None:
    """A bug or a duplicate inside a group commit undoes its own operation wholly and no other."""
    await (await open_sqlite(path, [THINGS])).close()
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    writer = SqliteWriter(connection, 256)

    def half_done(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO things (id, doc) VALUES ('half', x'')")
        raise KeyError("bug")

    def insert(n: int) -> object:
        return lambda connection: (
            connection.execute("INSERT INTO things (id, doc) VALUES (?, x'')", [str(n)]).rowcount
        )

    works = [insert(1), half_done, insert(2), insert(1), insert(3)]
    answers = await asyncio.gather(*(writer.ask(work) for work in works), return_exceptions=True)  # type: ignore[arg-type]
    assert [type(answer) for answer in answers] == [int, KeyError, int, DuplicateKey, int]
    await writer.close()
    with contextlib.closing(sqlite3.connect(path)) as reader:
        assert reader.execute("SELECT id FROM things ORDER BY id").fetchall() == [("1",), ("2",), ("3",)]


@pytest.mark.parametrize(
    ("where", "sort", "after"),
    [
        ({}, "id", None), ({}, "id", (None, "a")), ({"rank": 1}, "id", None), ({}, "rank", None), ({}, "rank", (1, "a")),
        ({}, "rank", (None, "a")), ({"name": "x"}, "id", None), ({"id": "a"}, "id", None), ({"rank": OneOf([1, 2])}, "rank", (1, "a")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("descending", [False, True])
async def test_an_apps_queries_walk_along_an_index(path: Path, where, sort, after, descending: bool) -> None:
    """No page of an app's documents scans the table or sorts in memory."""
    await (await open_sqlite(path, [THINGS])).close()
    spec = specify([THINGS])["things"]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for text, values in SqliteTable(spec).pages(
            filtered(spec, "app_1", where), Order(sort, descending), after
        ):
            plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + text, [*values, 50])]
            assert [step.split()[0] for step in plan] == ["SEARCH"], (text, plan)


async def test_what_is_no_store_is_refused_in_a_sentence(path: Path, tmp_path: Path) -> None:
    """A file that is no database and a folder that is a file are StoreUnavailable."""
    path.parent.mkdir()
    path.write_bytes(b"this is not a database" * 100)
    for wrong in (path, path / "weir.db"):
        with pytest.raises(StoreUnavailable):
            await open_sqlite(wrong, [THINGS])


async def test_a_changed_type_and_broken_uniqueness_are_refused_at_the_opening(path: Path) -> None:
    """A field can't change its declared type, and a new unique index needs unique documents; the file stays
    as it was."""
    store = await open_sqlite(path, [Collection("things", {"name": "str"})])
    await store.app("app_1").insert_many(THINGS, [{"id": "a", "name": "x"}, {"id": "b", "name": "x"}])
    await store.close()
    with pytest.raises(ValueError, match="can't become int"):
        await open_sqlite(path, [Collection("things", {"name": "int"})])
    with pytest.raises(StoreUnavailable, match="unique"):
        await open_sqlite(path, [THINGS])
    store = await open_sqlite(path, [Collection("things", {"name": "str"})])
    assert await store.operator().count(THINGS, {"name": "x"}) == 2
    await store.close()


async def test_a_commit_waits_for_the_disk(path: Path) -> None:
    """Every connection writes ahead with synchronous=FULL: an answer means that the disk has it."""
    await (await open_sqlite(path, [THINGS])).close()
    for read_only in (False, True):
        with contextlib.closing(sqlite._connect(path, read_only=read_only)) as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
