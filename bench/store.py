"""How fast and how safe the document stores are: `python -m bench.store [--json]`. 50 callers, documents of
about 400 bytes.

The embedded store (SQLite, synchronous=FULL), four writers killed with -9 whose answered writes are looked
for, and MongoDB's protocol through motor: at MONGODB_TEST_URI, else against secantusd-py, whose figures
say how motor's side works and not how fast a MongoDB is. Prints a table; with --json one line of JSON last
on stdout. A run takes about 25 s.
"""

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.writer import LOG
from tests.support.servers import free_port, wait_until
from weir.foundation.documents import Between, Collection, Doc, Handle, Index, Store
from weir.foundation.documents.factory import open_store
from weir.foundation.documents.sqlite import open_sqlite
from weir.foundation.documents.sqlite_writer import GROUP
from weir.foundation.settings import Settings
from weir.probes import answers_tcp

MESSAGES: Collection[Any] = Collection(
    "messages", {"channel": "str", "at": "int"}, (Index(("channel", "at")),)
)
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


async def with_store(
    group: int, work: Callable[[Store, Handle], Awaitable[dict[str, Figure]]]
) -> dict[str, Figure]:
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        store = await open_sqlite(Path(folder) / "weir.db", [MESSAGES], group)
        try:
            return await work(store, store.app("app_1"))
        finally:
            await store.close()


async def inserts(name: str, mine: Handle) -> dict[str, Figure]:
    return {name: await measure(lambda n: mine.insert(MESSAGES, message(n)))}


async def others(_: Store, mine: Handle) -> dict[str, Figure]:
    began = time.perf_counter()
    for start in range(0, FILL, 500):
        await mine.insert_many(MESSAGES, [message(n) for n in range(start, start + 500)])
    many = FILL / (time.perf_counter() - began)

    def page(n: int) -> Awaitable[object]:
        below = Between(below=1_790_000_000_000 + FILL - n % 1000)
        return mine.find(
            MESSAGES, {"channel": f"chn_{n % CHANNELS}", "at": below}, sort="at", descending=True, limit=50
        )

    return {
        "insert_many, 500 each (1 caller)": Figure(many, 500_000 / many, 500_000 / many),
        "get": await measure(lambda n: mine.get(MESSAGES, f"msg_{n * 7919 % FILL:026d}")),
        "page of 50, newest first": await measure(page),
        "update (inc)": await measure(
            lambda n: mine.update(MESSAGES, f"msg_{n * 7919 % FILL:026d}", inc={"edits": 1})
        ),
    }


# -- kill -9


async def lost_after_kills(times: int = 4) -> tuple[int, int]:
    """(answered writes, those of them that are missing) over writers killed in the middle, one after the
    other."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        settings, acked = Settings(data_dir=Path(folder)), set[str]()
        for turn in range(times):
            acked |= await asyncio.to_thread(_killed_writer, settings, f"w{turn}")
        store = await open_store(settings, [LOG])
        missing = 0
        for doc_id in acked:
            missing += await store.app("app_1").get(LOG, doc_id) is None
        await store.close()
    return len(acked), missing


def _killed_writer(settings: Settings, name: str) -> set[str]:
    argv = [sys.executable, "tests/contract/writer.py", settings.model_dump_json(), name, "100000"]
    environment = {**os.environ, "PYTHONPATH": "."}
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.write("go\n")
        process.stdin.flush()
        acked = [process.stdout.readline().strip() for _ in range(1500)]
        process.kill()
        # What was answered before the kill is in the pipe; a line without its end was not answered.
        acked += [line.strip() for line in process.stdout if line.endswith("\n")]
    return set(acked)


# -- motor


@contextlib.contextmanager
def mongodb() -> Iterator[str | None]:
    """The address of a MongoDB, None when there is none here."""
    given, server = os.environ.get("MONGODB_TEST_URI"), Path(sys.executable).with_name("secantusd-py")
    if given or not server.exists():
        yield given
        return
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        argv: list[Any] = [
            server,
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--storage-path",
            f"{folder}/data",
            "--cache-size",
            "128M",
        ]
        with subprocess.Popen(
            argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
        ) as process:
            try:
                wait_until(lambda: asyncio.run(answers_tcp("127.0.0.1", port)), "secantusd-py")
                yield f"mongodb://127.0.0.1:{port}"
            finally:
                process.terminate()


async def motor_inserts(url: str) -> Figure:
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        settings = Settings(
            data_dir=Path(folder), mongodb_url=url, mongodb_database=f"weir_bench_{secrets.token_hex(4)}"
        )
        store = await open_store(settings, [MESSAGES])
        try:
            mine = store.app("app_1")
            return await measure(lambda n: mine.insert(MESSAGES, message(n)))
        finally:
            await store.close()


async def main(url: str | None) -> None:
    figures = await with_store(GROUP, lambda _, mine: inserts("insert", mine))
    figures |= await with_store(1, lambda _, mine: inserts("insert, one commit each", mine))
    figures |= await with_store(GROUP, others)
    acked, lost = await lost_after_kills()
    if url is not None:
        figures["insert by motor"] = await motor_inserts(url)
    ratio = figures["insert"].per_s / figures["insert, one commit each"].per_s
    print(f"SQLite, synchronous=FULL, {CALLERS} callers{'':12} per second   p50 ms   p99 ms")
    for name, figure in figures.items():
        print(f"{name:48} {figure.per_s:12,.0f} {figure.p50_ms:8.2f} {figure.p99_ms:8.2f}")
    print(
        f"Group commit: {ratio:.1f} times as many inserts. Four writers killed: {acked} answered writes, {lost} lost."
    )
    if "--json" in sys.argv[1:]:
        motor = figures.get("insert by motor")
        print(json.dumps({
            "bench": "store", "embedded_inserts_per_s": round(figures["insert"].per_s),
            "embedded_insert_p99_ms": round(figures["insert"].p99_ms, 2), "embedded_reads_per_s": round(figures["get"].per_s),
            "motor_inserts_per_s": round(motor.per_s) if motor else None, "acked_lost": lost, "group_commit_ratio": round(ratio, 2),
            "figures": {name: vars(one) for name, one in figures.items()},
        }))  # fmt: skip


if __name__ == "__main__":
    with mongodb() as address:
        asyncio.run(main(address))
