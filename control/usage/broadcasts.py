"""The history of broadcasts: start, end and viewers of each. Written from facts, each of which may come twice
or late.
"""

from typing import Any, Literal

from control.collections import BROADCASTS, BroadcastDoc
from weir.foundation.clock import format_time, now_ms, rfc3339
from weir.foundation.documents import Page, Sieve, Store
from weir.foundation.events import (
    Event,
    StreamError,
    StreamLive,
    StreamOffline,
    StreamResumed,
    StreamStalled,
    StreamStarting,
    ViewersCounted,
)
from weir.foundation.http.listing import Spanned

OVER = Sieve[BroadcastDoc]("ended", lambda broadcast: broadcast.get("ended") is not None)


def public_view(broadcast: BroadcastDoc) -> dict[str, Any]:
    began = broadcast.get("live") or broadcast["started"]
    ended = broadcast.get("ended")
    until = ended or (broadcast["away"] if broadcast.get("away", 0) > broadcast.get("back", 0) else now_ms())
    return {
        "id": broadcast["id"],
        "stream": broadcast["stream"],
        "started": rfc3339(broadcast["started"]),
        "ended": format_time(ended),
        "live_s": max(0, until - began) // 1000 if broadcast.get("live") else 0,
        "peak_viewers": broadcast.get("peak"),
        "viewers": broadcast.get("total"),
        "trouble": broadcast.get("trouble"),
        "minutes_watched": round(broadcast.get("watched_s", 0) / 60, 2),
    }


class Broadcasts:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def on_event(self, event: Event) -> None:
        if isinstance(event, StreamStarting):
            await self._set(event.app, event.broadcast, stream=event.stream, started=event.at)
        elif isinstance(event, StreamLive):
            await self._set(event.app, event.broadcast, stream=event.stream, live=event.at)
        elif isinstance(event, StreamStalled):
            await self._set(event.app, event.broadcast, stream=event.stream, away=event.at)
        elif isinstance(event, StreamResumed):
            await self._set(event.app, event.broadcast, stream=event.stream, back=event.at)
        elif isinstance(event, StreamError):
            await self._set(event.app, event.broadcast, stream=event.stream, trouble=event.reason)
        elif isinstance(event, StreamOffline):
            await self._set(event.app, event.broadcast, stream=event.stream, ended=event.gone or event.at)
        elif isinstance(event, ViewersCounted):
            await self._set(
                event.app, event.broadcast, stream=event.stream, peak=event.peak, total=event.total
            )

    async def _set(self, app: str, broadcast: str, **facts: Any) -> None:
        await self._store.app(app).update(BROADCASTS, broadcast, set=facts, upsert=True)

    async def page(
        self, app: str, stream: str, state: Literal["on_air", "ended"] | None, asked: Spanned
    ) -> Page[BroadcastDoc]:
        where = {"stream": stream, "started": asked.span(), **({"ended": None} if state == "on_air" else {})}
        return await self._store.app(app).find(
            BROADCASTS,
            where,
            sort="started",
            descending=asked.descending,
            limit=asked.limit,
            cursor=asked.cursor,
            sieve=OVER if state == "ended" else None,
        )

    async def add_watched(self, app: str, broadcast: str, seconds: int, batch: str) -> None:
        """Adds watched time from one batch of the web log, once."""
        held = await self._store.app(app).get(BROADCASTS, broadcast)
        if held is not None and held.get("batch") != batch:
            await self._store.app(app).update(
                BROADCASTS, broadcast, set={"batch": batch}, inc={"watched_s": seconds}
            )
