"""Reads nginx's access log into the ledger.

The log is a plain file that nginx appends to and a job reads, rather than a pipe: a pipe would stall nginx
when its reader stalls, and lose lines when the reader dies. A batch is [from, to) in one file. It is
stored before it is applied, and each row of the ledger remembers the last batch, so a job that dies in the
middle repeats it without counting twice.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from redis.asyncio import Redis

from control.collections import INSTALLATION
from control.usage.broadcasts import Broadcasts
from control.usage.ledger import Ledger
from weir.foundation.clock import day_of, now_s
from weir.foundation.documents import Store
from weir.foundation.ids import is_id
from weir.foundation.settings import Settings
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.tokens import PREVIEW_SESSION

BUCKET_S = 10
MAX_BATCH_BYTES = 2_000_000
POSITION = "usage_position"
SERVED = ("200", "206", "304")
log = structlog.get_logger("control.usage")


@dataclass
class Traffic:
    """Bytes and requests of one stream on one day; `buckets` are (session, 10-second bucket) pairs in which
    something was served, refusals left out."""

    bytes: int = 0
    requests: int = 0
    buckets: set[tuple[str, int]] = field(default_factory=set)

    def add(self, other: "Traffic") -> None:
        self.bytes += other.bytes
        self.requests += other.requests
        self.buckets |= other.buckets


def parse(lines: list[bytes]) -> dict[tuple[str, str], Traffic]:
    """Log lines (`seconds TAB playback id TAB session TAB bytes TAB status`) by (playback id, day); bad lines
    are skipped. A preview adds to the bytes sent, not to the viewers and their time."""
    sums: dict[tuple[str, str], Traffic] = defaultdict(Traffic)
    for line in lines:
        parts = line.decode("ascii", "replace").rstrip("\n").split("\t")
        if len(parts) != 5 or not parts[3].isdecimal() or not parts[2]:
            continue
        moment = _seconds(line)
        if moment is None:
            continue
        sent = sums[(parts[1], day_of(int(moment * 1000)))]
        sent.bytes += int(parts[3])
        sent.requests += 1
        if parts[4] in SERVED and parts[2] != PREVIEW_SESSION:
            sent.buckets.add((parts[2], int(moment) // BUCKET_S))
    return sums


def whole_buckets(chunk: bytes, bucket_now: int) -> bytes:
    """The complete lines of `chunk` whose 10-second bucket has ended, so that no bucket is split between two
    batches."""
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


class WebLog:
    def __init__(
        self,
        broadcasts: Broadcasts,
        ledger: Ledger,
        *,
        settings: Settings,
        store: Store,
        redis: Redis,
        directory: Directory,
    ) -> None:
        self._redis = redis
        self._directory = directory
        self._broadcasts = broadcasts
        self._ledger = ledger
        self._all = store.operator()
        self._folder = settings.data / "usage"

    async def collect(self) -> None:
        """Periodic: applies new log lines. Files are finished strictly in order: there is one position."""
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
        known = await self._all.get(INSTALLATION, POSITION)
        begin, end = (known["at"], known["to"]) if known and known["inode"] == inode else (0, 0)
        if begin > size:
            begin, end = 0, 0
        with file.open("rb") as log_file:
            log_file.seek(begin)
            # A batch that was written down, and perhaps partly applied, is read again as it was.
            chunk = log_file.read(end - begin if end > begin else MAX_BATCH_BYTES)
            if end <= begin:
                chunk = whole_buckets(chunk, int(now_s()) // BUCKET_S)
        if not chunk:
            if file.name != "web.log" and begin >= size:
                file.unlink()
            return False
        end = begin + len(chunk)
        await self._all.update(
            INSTALLATION, POSITION, set={"inode": inode, "at": begin, "to": end}, upsert=True
        )
        await self._apply(f"{inode}:{end}", chunk)
        await self._all.update(
            INSTALLATION, POSITION, set={"inode": inode, "at": end, "to": end}, upsert=True
        )
        return True

    async def _apply(self, batch: str, chunk: bytes) -> None:
        """Changes each row of the ledger and each broadcast once a batch, so the batch id that they remember
        is enough to recognise a repeat."""
        days: dict[tuple[str, str, str], Traffic] = defaultdict(Traffic)
        recorded: dict[tuple[str, str, str], int] = defaultdict(int)
        watched_s: dict[tuple[str, str], int] = defaultdict(int)
        for (playback, day), sent in parse(chunk.splitlines()).items():
            shown = await self._shown(playback)
            if shown is None:
                continue
            app, stream, broadcast = shown
            days[(app, stream, day)].add(sent)
            if not is_id("ply", playback):
                recorded[(app, stream, day)] += sent.bytes
            elif broadcast:
                watched_s[(app, broadcast)] += len(sent.buckets) * BUCKET_S
        for (app, stream, day), sent in days.items():
            more = {"bytes": sent.bytes, "requests": sent.requests, "watched_s": len(sent.buckets) * BUCKET_S}
            more["recording_bytes"] = recorded[(app, stream, day)]
            await self._ledger.add(
                app, stream, day, "web", batch, more, {"viewers": await self._viewers(stream, day, sent)}
            )
        for (app, broadcast), seconds in watched_s.items():
            await self._broadcasts.add_watched(app, broadcast, seconds, batch)

    async def _shown(self, playback: str) -> tuple[str, str, str | None] | None:
        """(app, stream, broadcast) of a stream's playback id. Of a recording its stream, which may have been
        deleted, and no broadcast; traffic without a stream is counted under the app's id."""
        if is_id("ply", playback):
            stream = await self._directory.stream_by_playback(playback)
            return (stream["app"], stream["id"], stream.get("broadcast")) if stream is not None else None
        recording = await self._directory.recording(playback)
        return (
            (recording["app"], recording.get("stream") or recording["app"], None)
            if recording is not None
            else None
        )

    async def _viewers(self, stream: str, day: str, sent: Traffic) -> int:
        """Different sessions of this day so far, by a HyperLogLog: adding one again changes nothing."""
        redis: Any = self._redis
        key = f"weir:viewers:{stream}:{day}"
        await redis.pfadd(key, *{session for session, _ in sent.buckets})
        await redis.expire(key, 3 * 86_400)
        return int(await redis.pfcount(key))
