"""A process that writes to a store until it has done its share or is killed: writer.py SETTINGS NAME COUNT.

Prints `ready`, reads a line as the signal to start, then prints each id after its write was answered.
"""

import asyncio
import sys
from typing import Any

from weir.foundation.documents import Collection, Index, Store
from weir.foundation.documents.factory import open_store
from weir.foundation.events import DirectoryChanged
from weir.foundation.settings import Settings

LOG: Collection[Any] = Collection(
    "log", {"writer": "str", "n": "int"}, (Index(("writer", "n"), unique=True),)
)
CALLERS = 20


async def write(store: Store, name: str, n: int) -> None:
    """A document and later a change of it, each with its event; `told` names the events that must be
    there."""
    mine = store.app("app_1")
    first, second = (
        DirectoryChanged(app="app_1", collection="log", key=f"{name}-{n}-{step}") for step in (1, 2)
    )
    doc_id = f"{name}-{n}"
    await mine.insert(LOG, {"id": doc_id, "writer": name, "n": n, "told": [first.key]}, emit=[first])
    await mine.update(LOG, doc_id, push={"told": second.key}, emit=[second])
    await mine.update(LOG, "total", inc={"n": 1})
    print(doc_id, flush=True)


async def main(settings: Settings, name: str, count: int) -> None:
    store = await open_store(settings, [LOG])
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    numbers = iter(range(count))

    async def caller() -> None:
        for n in numbers:
            await write(store, name, n)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    seen = await store.app("app_1").count(LOG, {"writer": name})
    print(f"done {seen}", flush=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Settings.model_validate_json(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
