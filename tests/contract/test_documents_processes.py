"""Several processes on one store, and processes that are killed in the middle of their writes."""

import asyncio
import random
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from weir.foundation.documents import Collection, Index
from weir.foundation.settings import Settings

ROOT = Path(__file__).parents[2]
LOG: Collection[Any] = Collection(
    "log", {"writer": "str", "n": "int"}, (Index(("writer", "n"), unique=True),)
)
BOUND_S = 60


@asynccontextmanager
async def writer(settings: Settings, name: str, count: int) -> AsyncIterator[Process]:
    argv = [
        sys.executable,
        str(ROOT / "tests/contract/writer.py"),
        settings.model_dump_json(),
        name,
        str(count),
    ]
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: Process) -> str:
    assert process.stdout
    return (await asyncio.wait_for(process.stdout.readline(), BOUND_S)).decode().strip()


async def start(process: Process) -> None:
    assert await line(process) == "ready", (await process.communicate())[1].decode()
    assert process.stdin
    process.stdin.write(b"\n")


async def test_two_processes_share_a_store(settings: Settings, backend: str, opened) -> None:
    """Two processes write at once: none is refused, both see everything, and no count or event is lost."""
    share = 300 if backend == "sqlite" else 60
    async with opened(settings, LOG) as store:
        mine = store.app("app_1")
        await mine.insert(LOG, {"id": "total", "n": 0})
        async with writer(settings, "left", share) as left, writer(settings, "right", share) as right:
            await asyncio.gather(start(left), start(right))
            outs = await asyncio.wait_for(asyncio.gather(left.communicate(), right.communicate()), BOUND_S)
            for process, (out, err) in zip((left, right), outs, strict=True):
                assert process.returncode == 0, err.decode()
                assert out.decode().split("\n")[-2] == f"done {share}"
                assert b"locked" not in err
        assert await mine.count(LOG) == 2 * share + 1
        assert (await mine.get(LOG, "total") or {})["n"] == 2 * share
        told = [len(events) async for _, _, events in store.pending(limit=1000)]
        assert told == [2] * (2 * share)


@pytest.mark.parametrize("after", [1, 40, 160, 400])
async def test_a_killed_writer_leaves_whole_documents(
    settings: Settings, backend: str, after: int, opened
) -> None:
    """After kill -9 of a writer every answered write is there, every document has exactly its events, every
    event its document."""
    if backend != "sqlite" and after != 40:
        pytest.skip("once is enough for a server that is not killed")
    async with opened(settings, LOG) as store:
        await store.app("app_1").insert(LOG, {"id": "total", "n": 0})
    async with writer(settings, "w", 100_000) as process:
        await start(process)
        acked = [await line(process) for _ in range(after + random.randrange(20))]
        process.kill()
        acked += [
            text
            for text in (await process.communicate())[0].decode().split("\n")[:-1]
            if not text.startswith("done")
        ]
    async with opened(settings, LOG) as store:
        docs = {
            doc["id"]: doc for doc in (await store.app("app_1").find(LOG, {"writer": "w"}, limit=10_000)).data
        }
        outbox = {
            doc_id: [event.key for event in events] async for _, doc_id, events in store.pending(limit=10_000)
        }
        assert all(len(docs[doc_id]["told"]) == 2 for doc_id in acked)
        assert (await store.app("app_1").get(LOG, "total") or {})["n"] >= len(acked)
        assert {doc_id: doc["told"] for doc_id, doc in docs.items()} == outbox
    if backend == "sqlite":
        connection = sqlite3.connect(settings.data / "weir.db")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
