"""Ledger columns from other sources: messages, which every process counts in Redis, and stored bytes."""

from collections import defaultdict
from typing import Any

from redis.asyncio import Redis

from control.usage.ledger import Ledger
from weir.foundation.clock import day_of, now_ms
from weir.foundation.documents import Store
from weir.foundation.ids import new_id
from weir.foundation.redis.scripts import read_script
from weir.foundation.tenancy.collections import RECORDINGS
from weir.foundation.tenancy.directory import Directory, stored_bytes
from weir.foundation.tenancy.message_quota import COUNTED, MessageQuota
from weir.foundation.tenancy.quotas import Quotas

DRAIN = read_script("control.usage", "drain_counts")
PAGE = 1000


class Meters:
    def __init__(
        self,
        ledger: Ledger,
        *,
        store: Store,
        redis: Redis,
        directory: Directory,
        quotas: Quotas,
        messages: MessageQuota,
    ) -> None:
        self._store = store
        self._redis = redis
        self._directory = directory
        self._quotas = quotas
        self._messages = messages
        self._ledger = ledger

    async def drain_messages(self) -> None:
        """Periodic: moves the counts from Redis to the ledger. A batch stays in Redis until every row has it."""
        redis: Any = self._redis
        flat = await redis.eval(DRAIN, 2, COUNTED, f"{COUNTED}:taken", new_id("act"))
        if not flat:
            return
        counts = {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}
        batch, apps = counts.pop("batch"), set()
        for name, number in counts.items():
            app, stream, day = name.split(" ")
            if await self._directory.app(app) is not None:
                await self._ledger.add(app, stream, day, "chat", batch, {"messages": int(number)})
                apps.add((app, day[:7]))
        for app, month in apps:
            if (await self._quotas.plan(app)).messages is not None:
                used = await self._ledger.since(app, f"{month}-01", "messages")
                await self._messages.restore(app, month, used)
        await redis.delete(f"{COUNTED}:taken")

    async def measure_storage(self) -> None:
        """Periodic: measures the size of every stream's recordings."""
        sums: dict[tuple[str, str], int] = defaultdict(int)
        cursor: str | None = None
        while True:
            page = await self._store.operator().find(RECORDINGS, limit=PAGE, cursor=cursor)
            for recording in page.data:
                sums[(recording["app"], recording.get("stream") or recording["app"])] += stored_bytes(
                    recording
                )
            if page.next is None:
                break
            cursor = page.next
        await self._ledger.set_stored(day_of(now_ms()), {key: size for key, size in sums.items() if size})
