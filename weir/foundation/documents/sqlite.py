"""The document store in one SQLite file: WAL, synchronous=FULL, one writer thread a process, two readers.

Several processes of one host may share the file. What was answered survives kill -9 and, on honest disks,
a power cut.
"""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from weir.foundation.clock import monotonic
from weir.foundation.documents import Collection, Doc, StoreUnavailable
from weir.foundation.documents.codec import decode
from weir.foundation.documents.cursors import After
from weir.foundation.documents.handle import DocumentStore
from weir.foundation.documents.schema import OUTBOX, Change, Order, Spec, Where, apply, specify
from weir.foundation.documents.sqlite_readers import Readers
from weir.foundation.documents.sqlite_tables import SqliteTable
from weir.foundation.documents.sqlite_writer import GROUP, LOCK_S, SqliteWriter, begin, is_busy, unavailable

READERS = 2  # decoding holds the interpreter, so more would not read faster
LOG_BYTES = 64 * 1024 * 1024  # to which the write-ahead log shrinks after a burst


async def open_sqlite(
    path: Path, collections: Sequence[Collection[Any]], group: int = GROUP
) -> DocumentStore:
    """The store in the file `path`, made (0600, in a folder 0700) or completed as declared.

    Errors: StoreUnavailable; ValueError for declarations that can't be kept.
    """
    specs = specify(collections)
    tables = {name: SqliteTable(spec) for name, spec in specs.items()}
    try:
        writing = await asyncio.to_thread(_prepare, path, list(tables.values()))
        readers = [_connect(path, read_only=True) for _ in range(READERS)]
        direct = _connect(path, read_only=True)
        direct.execute("PRAGMA busy_timeout=0")
    except (sqlite3.Error, OSError) as error:
        raise unavailable(error) from error
    return DocumentStore(SqliteEngine(tables, SqliteWriter(writing, group), Readers(readers), direct), specs)


def _prepare(path: Path, tables: list[SqliteTable]) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # its log and shared memory take over this mode
    connection = _connect(path, read_only=False)
    try:
        begin(connection)
        for table in tables:
            table.prepare(connection)
        connection.execute("COMMIT")
    except sqlite3.IntegrityError as error:
        connection.close()
        raise StoreUnavailable(
            f"Stored documents break a unique index that is declared now: {error}."
        ) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    # A reader waits only while another process recovers the log of a dead one; the writer does its own
    # waiting.
    connection = sqlite3.connect(
        path,
        timeout=LOCK_S if read_only else 0,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA journal_size_limit={LOG_BYTES}")
    connection.execute(f"PRAGMA query_only={int(read_only)}")
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Of several processes that open a new file at once, one changes its mode and the others wait."""
    deadline = monotonic() + LOCK_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or monotonic() > deadline:
                connection.close()
                raise
        time.sleep(0.005)


class SqliteEngine:
    """The Engine. Reads see every write that was answered before them: a reader takes its snapshot when it
    begins.

    One document by its id is read on the loop itself, by `direct`: 12 µs from the page cache, where
    handing it to a thread and back costs five times that. A read that would have to wait goes to the
    threads.
    """

    def __init__(
        self,
        tables: dict[str, SqliteTable],
        writer: SqliteWriter,
        readers: Readers,
        direct: sqlite3.Connection,
    ) -> None:
        self._tables = tables
        self._writer = writer
        self._readers = readers
        self._direct = direct
        self._closed = False

    async def insert(self, spec: Spec, doc: Doc) -> None:
        table = self._tables[spec.name]
        row = table.row(doc)
        await self._writer.ask(lambda connection: connection.execute(table.insert, row).rowcount)

    async def insert_many(self, spec: Spec, docs: list[Doc]) -> int:
        table = self._tables[spec.name]
        rows = [table.row(doc) for doc in docs]
        return await self._writer.ask(
            lambda connection: connection.executemany(table.insert_if_new, rows).rowcount
        )

    async def find(
        self, spec: Spec, where: Where, order: Order, after: After | None, limit: int
    ) -> list[Doc]:
        if limit == 1 and not self._closed and _by_id(where):
            try:
                row = self._direct.execute(
                    self._tables[spec.name].by_id[len(where) - 1], [wanted for _, wanted in where]
                ).fetchone()
            except sqlite3.Error:
                row = ()
            if row != ():
                return [_shown(decode(row[0]))] if row is not None else []
        statements = self._tables[spec.name].pages(where, order, after)

        def read(connection: sqlite3.Connection) -> list[Doc]:
            raw: list[tuple[bytes]] = []
            with _one_snapshot(connection) if len(statements) > 1 else contextlib.nullcontext():
                for text, values in statements:
                    raw += connection.execute(text, [*values, limit - len(raw)]).fetchall()
            return [_shown(decode(row[0])) for row in raw]

        return await self._readers.ask(read)

    async def update(self, spec: Spec, doc_id: str, expect: Where, change: Change) -> Doc | None:
        table = self._tables[spec.name]
        condition, values = table.where((("id", doc_id), *expect))

        def write(connection: sqlite3.Connection) -> Doc | None:
            held = connection.execute(f'SELECT doc FROM "{spec.name}"{condition}', values).fetchone()
            if held is None and not change.upsert:
                return None
            doc = apply(decode(held[0]) if held else {"id": doc_id, **dict(expect)}, change)
            row = table.row(doc)
            # An upsert of a foreign id inserts too, and fails on the id.
            connection.execute(*((table.replace, [*row[1:], doc_id]) if held else (table.insert, row)))
            return _shown(doc)

        return await self._writer.ask(write)

    async def delete(self, spec: Spec, where: Where) -> int:
        condition, values = self._tables[spec.name].where(where)
        return await self._writer.ask(
            lambda connection: connection.execute(f'DELETE FROM "{spec.name}"{condition}', values).rowcount
        )

    async def count(self, spec: Spec, where: Where) -> int:
        condition, values = self._tables[spec.name].where(where)
        text = f'SELECT count(*) FROM "{spec.name}"{condition}'
        return await self._readers.ask(lambda connection: int(connection.execute(text, values).fetchone()[0]))

    async def unpublished(self, specs: Iterable[Spec], limit: int) -> list[tuple[int, str, str, list[Doc]]]:
        names = [spec.name for spec in specs]

        def read(connection: sqlite3.Connection) -> list[tuple[int, str, str, list[Doc]]]:
            return [
                (at, name, doc_id, decode(raw)[OUTBOX])
                for name in names
                for at, doc_id, raw in connection.execute(
                    f'SELECT outbox_at, id, doc FROM "{name}" WHERE outbox_at IS NOT NULL ORDER BY outbox_at LIMIT ?',
                    [limit],
                )
            ]

        return await self._readers.ask(read)

    async def settle(self, spec: Spec, doc_id: str, event_ids: Sequence[str]) -> None:
        table, published = self._tables[spec.name], set(event_ids)

        def write(connection: sqlite3.Connection) -> None:
            held = connection.execute(
                f'SELECT doc FROM "{spec.name}" WHERE id=? AND outbox_at IS NOT NULL', [doc_id]
            ).fetchone()
            if held is not None:
                doc = decode(held[0])
                doc[OUTBOX] = [event for event in doc[OUTBOX] if event["id"] not in published]
                connection.execute(table.replace, [*table.row(doc)[1:], doc_id])

        await self._writer.ask(write)

    async def ping(self) -> None:
        await self._readers.ask(
            lambda connection: connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        )

    async def close(self) -> None:
        """Waits for what was asked before; what comes later is refused."""
        if not self._closed:
            self._closed = True
            self._direct.close()
        await self._readers.close()
        await self._writer.close()  # last and alone, so SQLite can put its log into the file and remove it


@contextlib.contextmanager
def _one_snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def _by_id(where: Where) -> bool:
    return (
        bool(where)
        and where[0][0] == "id"
        and (len(where) == 1 or (len(where) == 2 and where[1][0] == "app"))
    )


def _shown(doc: Doc) -> Doc:
    doc.pop(OUTBOX, None)
    return doc
