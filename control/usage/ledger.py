"""The usage ledger: one row for each stream and day, in documents.

Several jobs write it, each its own columns: the web log (bytes, requests, viewers, watched time), the
publish meter, the message counts, the size of stored files. A row remembers the last batch of each source,
so a batch that a dying job left incomplete is repeated and counts once.

Columns: `bytes` sent, `recording_bytes` of them from recordings, `requests`, `viewers` (different viewing
sessions; above some hundreds within 1 %), `watched_s`, `published_s`, `messages`, and `storage_bytes`,
which is not a sum: the last value of the day.
"""

from collections.abc import Mapping
from typing import Any, cast

from control.collections import USAGE, UsageDoc
from weir.foundation.documents import Between, DuplicateKey, Handle, Store
from weir.foundation.errors import Unavailable
from weir.foundation.tenancy.collections import StreamDoc

COUNTED = ("bytes", "recording_bytes", "requests", "viewers", "messages")
MINUTES = ("watched", "published")
FIGURES = (*COUNTED, *(f"minutes_{name}" for name in MINUTES), "storage_bytes")
TRIES = 5
PAGE = 1000


class Ledger:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(
        self,
        app: str,
        stream: str,
        day: str,
        source: str,
        batch: str,
        more: Mapping[str, int],
        at_least: Mapping[str, int] | None = None,
    ) -> None:
        """Adds `more` once a batch of this source (`web` or `chat`), and raises columns to `at_least`.
        Errors: Unavailable."""
        mark = f"{source}_batch"
        for _ in range(TRIES):
            handle, row_id = self._store.app(app), f"{stream}:{day}"
            row = await handle.get(USAGE, row_id)
            if row is None:
                row = await self._blank(handle, row_id, stream, day)
            if row.get(mark) == batch:
                return
            raised = {
                name: value
                for name, value in (at_least or {}).items()
                if value > cast(dict[str, int], row).get(name, 0)
            }
            if (
                await handle.update(
                    USAGE, row_id, set={mark: batch, **raised}, inc=more, expect={mark: row.get(mark)}
                )
                is not None
            ):
                return
        raise Unavailable("The ledger changes too fast.")

    async def _blank(self, handle: Handle, row_id: str, stream: str, day: str) -> UsageDoc:
        try:
            return await handle.insert(USAGE, {"id": row_id, "stream": stream, "day": day})
        except DuplicateKey:
            return await handle.get(USAGE, row_id) or {"id": row_id, "stream": stream, "day": day}

    async def add_published(self, app: str, stream: str, day: str, seconds: int) -> None:
        """Adds what the meter's mark was moved by; called by the process that moved it."""
        about = {"stream": stream, "day": day}
        await self._store.app(app).update(
            USAGE, f"{stream}:{day}", set=about, inc={"published_s": seconds}, upsert=True
        )

    async def set_stored(self, day: str, sums: Mapping[tuple[str, str], int]) -> None:
        """Sets the bytes stored now by (app, stream); streams that are not named store nothing."""
        waiting, cursor = dict(sums), None
        while True:
            page = await self._store.operator().find(USAGE, {"day": day}, limit=PAGE, cursor=cursor)
            for row in page.data:
                size = waiting.pop((row["app"], row["stream"]), 0)
                if row.get("storage_bytes", 0) != size:
                    await self._store.app(row["app"]).update(USAGE, row["id"], set={"storage_bytes": size})
            if page.next is None:
                break
            cursor = page.next
        for (app, stream), size in waiting.items():
            about = {"stream": stream, "day": day, "storage_bytes": size}
            await self._store.app(app).update(USAGE, f"{stream}:{day}", set=about, upsert=True)

    async def since(self, app: str, first: str, column: str) -> int:
        """The sum of a column over all streams, from this day on."""
        return sum(
            int(cast(dict[str, int], row).get(column, 0))
            for row in await self._rows(app, {"day": Between(first)})
        )

    async def _rows(self, app: str, where: Mapping[str, Any]) -> list[UsageDoc]:
        rows: list[UsageDoc] = []
        cursor: str | None = None
        while True:
            page = await self._store.app(app).find(USAGE, where, sort="day", limit=PAGE, cursor=cursor)
            rows += page.data
            if page.next is None:
                return rows
            cursor = page.next

    # -- as people read it

    async def of_app(self, app_id: str, since: str | None, until: str | None) -> dict[str, Any]:
        """By day, over all streams of the app; days as YYYY-MM-DD, `until` not included."""
        return {"app": app_id, **_table(await self._rows(app_id, {"day": Between(since, until)}))}

    async def of_stream(
        self, stream: StreamDoc, since: str | None = None, until: str | None = None
    ) -> dict[str, Any]:
        rows = await self._rows(stream["app"], {"stream": stream["id"], "day": Between(since, until)})
        return {"stream": stream["id"], **_table(rows)}


def _table(rows: list[UsageDoc]) -> dict[str, Any]:
    """Totals and days. Values that are no sums are not added up: their total is the newest day's."""
    days: dict[str, dict[str, Any]] = {}
    for row in rows:
        _sum(days.setdefault(row["day"], {}), _figures(row))
    totals: dict[str, Any] = dict.fromkeys(FIGURES, 0)
    for figures in days.values():
        _sum(totals, figures)
    newest = days[max(days)] if days else totals
    shown = [{"day": day, **days[day]} for day in sorted(days)]
    return {**totals, "storage_bytes": newest["storage_bytes"], "days": shown}


def _figures(row: UsageDoc) -> dict[str, Any]:
    columns = cast(dict[str, int], row)
    counted = {name: columns.get(name, 0) for name in (*COUNTED, "storage_bytes")}
    return {**counted, **{f"minutes_{name}": round(columns.get(f"{name}_s", 0) / 60, 2) for name in MINUTES}}


def _sum(total: dict[str, Any], more: dict[str, Any]) -> None:
    for name in FIGURES:
        total[name] = round(total.get(name, 0) + more[name], 2)
