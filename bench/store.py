"""How fast the embedded document store is: `python bench/store.py [--json]`. 50 callers, documents of about 400 bytes.

Prints a table; with --json one line of JSON last on stdout. A run takes about 10 s and needs no server.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from weir.foundation.documents import Between, Collection, Doc, Handle, Index, Store
from weir.foundation.documents.sqlite import open_sqlite
from weir.foundation.documents.sqlite_writer import GROUP

MESSAGES = Collection("messages", {"channel": "str", "at": "int"}, (Index(("channel", "at")),))
CALLERS = 50
RUN_S = 2.0
FILL = 20_000
CHANNELS = 20


@dataclass(frozen=True)
class Figure:
    per_s: float
    p50_ms: float
    p99_ms: float


def message(n: int) -> Doc:
    return {
        "id": f"msg_{n:026d}", "channel": f"chn_{n % CHANNELS}", "at": 1_790_000_000_000 + n, "seq": n, "text": "x" * 200,
        "user": {"id": "usr_1", "name": "somebody", "badges": ["vip"]},
    }  # fmt: skip


async def measure(call: Callable[[int], Awaitable[object]], first: int = 0) -> Figure:
    """`call(n)` by CALLERS callers for RUN_S, each n once."""
    times: list[float] = []
    numbers = iter(range(first, sys.maxsize))
    start = time.perf_counter()

    async def caller() -> None:
        while time.perf_counter() - start < RUN_S:
            began = time.perf_counter()
            await call(next(numbers))
            times.append(time.perf_counter() - began)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    took = time.perf_counter() - start
    times.sort()
    return Figure(len(times) / took, times[len(times) // 2] * 1000, times[len(times) * 99 // 100] * 1000)


async def with_store(group: int, work: Callable[[Store, Handle], Awaitable[dict[str, Figure]]]) -> dict[str, Figure]:
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        store = await open_sqlite(Path(folder) / "weir.db", [MESSAGES], group)
        try:
            return await work(store, store.app("app_1"))
        finally:
            await store.close()


async def inserts(name: str, mine: Handle) -> dict[str, Figure]:
    return {name: await measure(lambda n: mine.insert("messages", message(n)))}


async def others(_: Store, mine: Handle) -> dict[str, Figure]:
    began = time.perf_counter()
    for start in range(0, FILL, 500):
        await mine.insert_many("messages", [message(n) for n in range(start, start + 500)])
    many = FILL / (time.perf_counter() - began)

    def page(n: int) -> Awaitable[object]:
        below = Between(below=1_790_000_000_000 + FILL - n % 1000)
        return mine.find("messages", {"channel": f"chn_{n % CHANNELS}", "at": below}, sort="at", descending=True, limit=50)

    return {
        "insert_many, 500 each (1 caller)": Figure(many, 500_000 / many, 500_000 / many),
        "get": await measure(lambda n: mine.get("messages", f"msg_{n * 7919 % FILL:026d}")),
        "page of 50, newest first": await measure(page),
        "update (inc)": await measure(lambda n: mine.update("messages", f"msg_{n * 7919 % FILL:026d}", inc={"edits": 1})),
    }


async def main() -> None:
    figures = await with_store(GROUP, lambda _, mine: inserts("insert", mine))
    figures |= await with_store(1, lambda _, mine: inserts("insert, one commit each", mine))
    figures |= await with_store(GROUP, others)
    ratio = figures["insert"].per_s / figures["insert, one commit each"].per_s
    print(f"SQLite, synchronous=FULL, {CALLERS} callers{'':12} per second   p50 ms   p99 ms")
    for name, figure in figures.items():
        print(f"{name:48} {figure.per_s:12,.0f} {figure.p50_ms:8.2f} {figure.p99_ms:8.2f}")
    print(f"Group commit: {ratio:.1f} times as many inserts.")
    if "--json" in sys.argv[1:]:
        print(json.dumps({"bench": "store", "group_commit_ratio": round(ratio, 2), **{name: vars(one) for name, one in figures.items()}}))


if __name__ == "__main__":
    asyncio.run(main())
