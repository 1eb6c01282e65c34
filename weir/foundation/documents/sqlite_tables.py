"""A collection as an SQLite table: BSON bytes, and a typed column for each declared field."""

import sqlite3
from typing import Any

from weir.foundation.documents import Between, Doc, FieldType, Index, OneOf
from weir.foundation.documents.codec import decode, encode
from weir.foundation.documents.cursors import After
from weir.foundation.documents.schema import OUTBOX, Order, Spec, Where, typed_at

Sql = tuple[str, list[Any]]
"""A condition or statement and its bound values."""

_COLUMN_TYPE: dict[FieldType, str] = {"str": "TEXT", "int": "INTEGER", "float": "REAL", "bool": "INTEGER"}
BACK_FILL = 500


def column(path: str) -> str:
    return "id" if path == "id" else f'"f.{path}"'


class SqliteTable:
    """The SQL of one collection. Columns: id, doc, outbox_at (milliseconds of the oldest unpublished event),
    `f.<field>`."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        names = ["id", "doc", "outbox_at", *map(column, spec.fields)]
        marks = ",".join("?" * len(names))
        self.insert = f'INSERT INTO "{spec.name}" ({",".join(names)}) VALUES ({marks})'
        # Only uniqueness can be violated here: id is checked, nothing else has a constraint.
        self.insert_if_new = self.insert.replace("INSERT", "INSERT OR IGNORE", 1)
        self.replace = f'UPDATE "{spec.name}" SET {",".join(f"{name}=?" for name in names[1:])} WHERE id=?'

        by_id = f'SELECT doc FROM "{spec.name}" WHERE id=?'
        self.by_id = (by_id, f"{by_id} AND {column('app')}=?")  # one document, and one of one app

    def row(self, doc: Doc) -> list[Any]:
        """Values for `insert`; moved one to the left they fit `replace`."""
        waiting = doc.get(OUTBOX)
        indexed = [typed_at(doc, path, kind) for path, kind in self.spec.fields.items()]
        return [doc["id"], encode(doc), waiting[0]["at"] if waiting else None, *indexed]

    def where(self, where: Where) -> Sql:
        """` WHERE …`, or nothing for an empty filter."""
        parts = [_condition(column(path), wanted) for path, wanted in where]
        text = " AND ".join(part for part, _ in parts)
        return (f" WHERE {text}" if text else ""), [value for _, values in parts for value in values]

    def pages(self, where: Where, order: Order, after: After | None) -> list[Sql]:
        """Statements whose rows, one after the other, are the page; the last bound value, the limit, is the
        caller's.

        Documents without the sort field come first upwards, last downwards. They are a statement of their
        own where the page may hold both kinds, so each statement stays one walk along an index (an OR
        would sort the whole filter).
        """
        direction = "DESC" if order.descending else "ASC"
        sorting = f"id {direction}" if order.by == "id" else f"{column(order.by)} {direction}, id {direction}"
        text, values = self.where(where)
        glue = " AND " if text else " WHERE "
        parts = _parts(order, after)
        return [
            (
                f'SELECT doc FROM "{self.spec.name}"{text}{glue if part else ""}{part} ORDER BY {sorting} LIMIT ?',
                values + bound,
            )
            for part, bound in parts
        ]

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Makes or completes the table inside the caller's transaction; repeating it changes nothing.

        Errors: ValueError for a field whose declared type has changed, sqlite3.IntegrityError when stored
        documents break a unique index.
        """
        name = self.spec.name
        connection.execute(
            f'CREATE TABLE IF NOT EXISTS "{name}" (id TEXT NOT NULL PRIMARY KEY, doc BLOB NOT NULL, outbox_at INTEGER)'
        )
        present = {row[1]: row[2] for row in connection.execute(f'PRAGMA table_info("{name}")')}
        added: dict[str, FieldType] = {}
        for path, kind in self.spec.fields.items():
            had = present.get(f"f.{path}")
            if had is None:
                connection.execute(f'ALTER TABLE "{name}" ADD COLUMN {column(path)} {_COLUMN_TYPE[kind]}')
                added[path] = kind
            elif had != _COLUMN_TYPE[kind]:
                raise ValueError(f"{name}.{path} is stored as {had} and can't become {kind}")
        if added:
            self._back_fill(connection, added)
        for index in self.spec.indexes:
            connection.execute(self._index(index))
        connection.execute(
            f'CREATE INDEX IF NOT EXISTS "{name}:outbox" ON "{name}" (outbox_at) WHERE outbox_at IS NOT NULL'
        )

    def _back_fill(self, connection: sqlite3.Connection, added: dict[str, FieldType]) -> None:
        last = 0
        setting = ",".join(f"{column(path)}=?" for path in added)
        while rows := connection.execute(
            f'SELECT rowid, doc FROM "{self.spec.name}" WHERE rowid > ? ORDER BY rowid LIMIT {BACK_FILL}',
            [last],
        ).fetchall():
            filled = (
                [typed_at(doc, path, kind) for path, kind in added.items()] + [rowid]
                for rowid, doc in _decoded(rows)
            )
            connection.executemany(f'UPDATE "{self.spec.name}" SET {setting} WHERE rowid=?', filled)
            last = rows[-1][0]

    def _index(self, index: Index) -> str:
        """A plain index ends in the id, the tie-break of every page. NULLs never clash in a unique one, as
        promised."""
        paths = index.fields if index.unique or "id" in index.fields else (*index.fields, "id")
        kind = "UNIQUE INDEX" if index.unique else "INDEX"
        name = f"{self.spec.name}:{'unique:' if index.unique else ''}{','.join(index.fields)}"
        return f'CREATE {kind} IF NOT EXISTS "{name}" ON "{self.spec.name}" ({",".join(map(column, paths))})'


def _decoded(rows: list[tuple[int, bytes]]) -> list[tuple[int, Doc]]:
    return [(rowid, decode(raw)) for rowid, raw in rows]


def _condition(name: str, wanted: Any) -> Sql:
    if isinstance(wanted, OneOf):
        values = [value for value in wanted.values if value is not None]
        listed = f"{name} IN ({','.join('?' * len(values))})"
        return (f"({listed} OR {name} IS NULL)" if len(values) < len(wanted.values) else listed), values
    if isinstance(wanted, Between):
        ends = [(f"{name} >= ?", wanted.at_least), (f"{name} < ?", wanted.below)]
        given = [(text, value) for text, value in ends if value is not None]
        return " AND ".join(text for text, _ in given), [value for _, value in given]
    return (f"{name} IS NULL", []) if wanted is None else (f"{name} = ?", [wanted])


def _parts(order: Order, after: After | None) -> list[Sql]:
    """The conditions of `Table.pages`."""
    by, beyond = column(order.by), "<" if order.descending else ">"
    if after is None:
        return [("", [])]
    value, doc_id = after
    if order.by == "id":
        return [(f"id {beyond} ?", [doc_id])]
    if value is None:
        rest: list[Sql] = [] if order.descending else [(f"{by} IS NOT NULL", [])]
        return [(f"{by} IS NULL AND id {beyond} ?", [doc_id]), *rest]
    further: list[Sql] = [(f"{by} IS NULL", [])] if order.descending else []
    return [(f"({by}, id) {beyond} (?, ?)", [value, doc_id]), *further]
