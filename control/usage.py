"""The usage ledger: what the web nginx sent to whom, per stream and day.

The log is a plain file that nginx appends to and a job reads behind it, rather than a pipe: a pipe would stall nginx when its
reader stalls, and lose lines when the reader dies. A batch is [from, to) in one file; it is written down before it is
applied and each ledger row remembers the last batch, so a job that dies in the middle repeats it without counting twice.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from control.broadcasts import Broadcasts
from weir.foundation.clock import now_s
from weir.foundation.documents import Between, Doc
from weir.foundation.ground import Ground
from weir.foundation.ids import is_id

BUCKET_S = 10
MAX_BATCH_BYTES = 2_000_000
POSITION = "usage_position"
log = structlog.get_logger("control.usage")


@dataclass
class Sent:
    """Bytes and requests of one stream on one day; `buckets` are (session, 10-second bucket) pairs with traffic."""

    bytes: int = 0
    requests: int = 0
    buckets: set[tuple[str, int]] = field(default_factory=set)

    def add(self, other: "Sent") -> None:
        self.bytes += other.bytes
        self.requests += other.requests
        self.buckets |= other.buckets


def parse(lines: list[bytes]) -> dict[tuple[str, str], Sent]:
    """Log lines (`seconds TAB playback id TAB session TAB bytes TAB status`) by (playback id, day); bad lines are skipped."""
    sums: dict[tuple[str, str], Sent] = defaultdict(Sent)
    for line in lines:
        parts = line.decode("ascii", "replace").rstrip("\n").split("\t")
        if len(parts) != 5 or not parts[3].isdecimal() or not parts[2]:
            continue
        moment = _seconds(line)
        if moment is None:
            continue
        sent = sums[(parts[1], datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d"))]
        sent.bytes += int(parts[3])
        sent.requests += 1
        sent.buckets.add((parts[2], int(moment) // BUCKET_S))
    return sums


def whole_buckets(chunk: bytes, bucket_now: int) -> bytes:
    """The complete lines of `chunk` whose 10-second bucket is over, so that no bucket is split between two batches."""
    kept = 0
    for line in chunk.splitlines(keepends=True):
        moment = _seconds(line)
        if not line.endswith(b"\n") or (moment is not None and int(moment) // BUCKET_S >= bucket_now - 1):
            break
        kept += len(line)
    return chunk[:kept]


def _seconds(line: bytes) -> float | None:
    try:
        return float(line.split(b"\t", 1)[0])
    except ValueError:
        return None


class Usage:
    def __init__(self, ground: Ground, broadcasts: Broadcasts) -> None:
        self._ground, self._broadcasts = ground, broadcasts
        self._all = ground.store.operator()
        self._folder = ground.settings.data / "usage"

    async def collect(self) -> None:
        """Periodic: applies what nginx has logged since. Files are finished strictly in order: there is one position."""
        for file in self._files():
            while await self._next_batch(file):
                pass
            if file.name != "web.log" and file.exists():
                return

    def _files(self) -> list[Path]:
        """Oldest first: rotated files carry their number, the growing one is web.log."""
        return [*sorted(self._folder.glob("web.log.*")), *self._folder.glob("web.log")]

    async def _next_batch(self, file: Path) -> bool:
        """True when there may be more to read in this file."""
        size, inode = file.stat().st_size, file.stat().st_ino
        position = await self._all.get("installation", POSITION)
        if position is None or position["inode"] != inode or position["at"] > size:
            position = {"at": 0, "to": 0}
        with file.open("rb") as log_file:
            log_file.seek(position["at"])
            if position["to"] > position["at"]:  # a batch that was written down and perhaps partly applied
                chunk = log_file.read(position["to"] - position["at"])
            else:
                chunk = whole_buckets(log_file.read(MAX_BATCH_BYTES), int(now_s()) // BUCKET_S)
        if not chunk:
            if file.name != "web.log" and position["at"] >= size:
                file.unlink()
            return False
        end = position["at"] + len(chunk)
        await self._all.update("installation", POSITION, set={"inode": inode, "at": position["at"], "to": end}, upsert=True)
        await self._apply(f"{inode}:{end}", chunk)
        await self._all.update("installation", POSITION, set={"inode": inode, "at": end, "to": end}, upsert=True)
        return True

    async def _apply(self, batch: str, chunk: bytes) -> None:
        """Each ledger row and each broadcast is touched once a batch, so the batch they remember says whether they have it."""
        days: dict[tuple[str, str], Sent] = defaultdict(Sent)
        streams: dict[str, Doc] = {}
        watched_s: dict[str, int] = defaultdict(int)
        for (playback, day), sent in parse(chunk.splitlines()).items():
            stream = await self._watched(playback)
            if stream is not None:
                streams[stream["id"]] = stream
                days[(stream["id"], day)].add(sent)
                if playback == stream["playback"]:
                    watched_s[stream["id"]] += len(sent.buckets) * BUCKET_S
        for (stream_id, day), sent in days.items():
            await self._add(streams[stream_id], day, sent, batch)
        for stream_id, seconds in watched_s.items():
            stream = streams[stream_id]
            if stream.get("broadcast"):
                await self._broadcasts.watched(stream["app"], stream["broadcast"], seconds, batch)

    async def _watched(self, playback: str) -> Doc | None:
        """The stream whose playback id this is, or that a recording with this id is of."""
        if not is_id("rec", playback):
            return await self._ground.directory.stream_by_playback(playback)
        recording = await self._ground.directory.recording(playback)
        return await self._ground.directory.stream(recording["stream"]) if recording is not None else None

    async def _add(self, stream: Doc, day: str, sent: Sent, batch: str) -> None:
        handle, row_id = self._ground.store.app(stream["app"]), f"{stream['id']}:{day}"
        row = await handle.get("usage", row_id)
        if row is None or row.get("batch") != batch:
            more = {"bytes": sent.bytes, "requests": sent.requests, "watched_s": len(sent.buckets) * BUCKET_S}
            about = {"stream": stream["id"], "day": day, "batch": batch}
            await handle.update("usage", row_id, set=about, inc=more, upsert=True)

    async def of_app(self, app_id: str, since: str | None, until: str | None) -> dict[str, Any]:
        """By day, over all streams of the app; days as YYYY-MM-DD, `until` not included."""
        days: dict[str, dict[str, Any]] = {}
        cursor: str | None = None
        while True:
            page = await self._ground.store.app(app_id).find("usage", {"day": Between(since, until)}, sort="day", limit=1000, cursor=cursor)
            for row in page.data:
                _sum(days.setdefault(row["day"], {"day": row["day"]}), _day(row))
            if page.next is None:
                break
            cursor = page.next
        shown = [days[day] for day in sorted(days)]
        totals: dict[str, Any] = {}
        for day in shown:
            _sum(totals, day)
        totals.pop("day", None)
        return {"app": app_id, **{name: totals.get(name, 0) for name in FIGURES}, "days": shown}

    async def of_stream(self, stream: Doc) -> dict[str, Any]:
        """Bytes, requests, minutes watched and published, by day."""
        page = await self._ground.store.app(stream["app"]).find("usage", {"stream": stream["id"]}, sort="day", limit=400)
        days = [_day(row) for row in page.data]
        totals: dict[str, Any] = {}
        for day in days:
            _sum(totals, day)
        return {"stream": stream["id"], **{name: totals.get(name, 0) for name in FIGURES}, "days": days}


FIGURES = ("bytes", "requests", "minutes_watched", "minutes_published")


def _day(row: Doc) -> dict[str, Any]:
    minutes = {f"minutes_{name}": round(row.get(f"{name}_s", 0) / 60, 2) for name in ("watched", "published")}
    return {"day": row["day"], "bytes": row.get("bytes", 0), "requests": row.get("requests", 0), **minutes}


def _sum(total: dict[str, Any], day: dict[str, Any]) -> None:
    for name in FIGURES:
        total[name] = round(total.get(name, 0) + day[name], 2)
