"""Moves every channel's log to documents: in batches, exactly once, resumable after a crash. [work]

A sweep reads what is above a channel's mark, stores it (storing twice stores once), then sets the mark and
trims in one script. A crash at any point loses nothing: what was stored but not marked is stored again,
without effect. Entries younger than SETTLE_MS wait, so the archive is never ahead of Redis' disk. Only
this module trims a log, only at or below the mark, and it keeps what a returning client may ask for. The
appending script lists channels with entries to archive in a set for each bucket.
"""

import asyncio
from functools import partial

import structlog

from realtime.log.app_log_forwarder import AppLogForwarder
from realtime.log.archive import Archive
from realtime.log.redis_keys import dirty_in, keys_of
from realtime.protocol.envelope import Entry, parse_entry
from realtime.protocol.event_types import MESSAGE_DELETED, MESSAGE_UPDATED
from realtime.protocol.redaction import deletion
from realtime.redis.client import RedisConnection, load_script
from weir.foundation.clock import now_ms
from weir.foundation.errors import Unavailable
from weir.foundation.redis.event_log import BUCKETS
from weir.foundation.redis.periodic import Job
from weir.foundation.redis.queue_metrics import AGE
from weir.foundation.settings import Settings
from weir.foundation.tenancy.directory import Directory

READ_UNARCHIVED, TRIM_ARCHIVED = load_script("read_unarchived"), load_script("trim_archived")
RANGES = 8
SWEEP_S = 1.0
SETTLE_MS = 2_000
BATCH = 500
MOST_CHANNELS = 500
KEEP_ENTRIES = 1_000
KEEP_MS = 300_000
PAUSE_MS = 60_000
FORGET_S = 3_600.0
DAY_MS = 86_400_000
log = structlog.get_logger("realtime.archiver")


def _let_go(number: int) -> None:
    """Another process has this range now."""
    AGE.labels(f"archive.{number}").set(0)


class Archiver:
    def __init__(
        self,
        connection: RedisConnection,
        archive: Archive,
        directory: Directory,
        settings: Settings,
        forwarder: AppLogForwarder,
        *,
        settle_ms: int = SETTLE_MS,
        keep_entries: int = KEEP_ENTRIES,
        keep_ms: int = KEEP_MS,
    ) -> None:
        self._forwarder = forwarder
        self._connection = connection
        self._archive = archive
        self._directory = directory
        self._days = settings.keep_messages_days
        self._settle_ms = settle_ms
        self._keep_entries = keep_entries
        self._keep_ms = keep_ms

    def jobs(self) -> list[Job]:
        """Periodic jobs: the buckets in ranges, so that several processes share the work; and retention."""
        sweeps = [
            Job(f"archive.{number}", SWEEP_S, partial(self.sweep, number), partial(_let_go, number))
            for number in range(RANGES)
        ]
        return [*sweeps, Job("archive.forget", FORGET_S, self.forget)]

    async def forget(self) -> None:
        await self._archive.forget(now_ms() - self._days * DAY_MS)

    async def sweep(self, number: int) -> None:
        """Archives the entries that wait in one range of buckets. Errors: Unavailable."""
        link = self._connection.link()
        seconds, micros = await link.ask("TIME")
        due = int(seconds) * 1000 + int(micros) // 1000 - self._settle_ms
        buckets = range(number, BUCKETS, RANGES)
        found = await asyncio.gather(
            *(
                link.ask(
                    "ZRANGEBYSCORE", dirty_in(bucket), "-inf", due, "WITHSCORES", "LIMIT", 0, MOST_CHANNELS
                )
                for bucket in buckets
            )
        )
        oldest = min((float(channels[1]) for channels in found if channels), default=due)
        AGE.labels(f"archive.{number}").set(max(0, due - oldest) / 1000)
        for bucket, channels in zip(buckets, found, strict=True):
            for channel in channels[::2]:
                try:
                    await self._archive_channel(channel.decode(), bucket)
                except Unavailable:
                    raise
                except Exception:  # one channel's trouble must not stop the others
                    log.exception("archiver.channel_failed", channel=channel.decode())

    async def _archive_channel(self, channel: str, bucket: int) -> None:
        stream = await self._directory.stream_by_channel(channel)
        if stream is None:
            log.error("archiver.unknown_channel", channel=channel)
            await self._connection.link().ask("ZADD", dirty_in(bucket), "XX", now_ms() + PAUSE_MS, channel)
            return
        await self._forwarder.forward_channel(stream["app"], channel)
        while await self._move_shadowed(stream["app"], channel):
            pass
        while await self._move(stream["app"], channel, bucket):
            pass

    async def _move_shadowed(self, app: str, channel: str) -> bool:
        """Archives one batch of shadowed messages, then deletes them from Redis. True when there may be more."""
        link, keys = self._connection.link(), keys_of(channel)
        found = await link.ask("XRANGE", keys.shadow, "-", "+", "COUNT", BATCH)
        seconds, micros = await link.ask("TIME")
        latest = int(seconds) * 1000 + int(micros) // 1000 - self._settle_ms
        due = [(entry_id, fields) for entry_id, fields in found if int(fields[5]) <= latest]
        if due:
            await self._archive.add_shadowed(
                app,
                channel,
                [
                    (entry_id.decode(), fields[3].decode(), parse_entry(fields[1]), int(fields[5]))
                    for entry_id, fields in due
                ],
            )
            await self._connection.link().ask("XDEL", keys.shadow, *(entry_id for entry_id, _ in due))
        return len(due) == BATCH

    async def _move(self, app: str, channel: str, bucket: int) -> bool:
        """Archives one batch. True when there may be more."""
        link, keys = self._connection.link(), keys_of(channel)
        reply = await link.run(READ_UNARCHIVED, (keys.meta, keys.log), BATCH, self._settle_ms)
        if not reply:
            await link.ask("ZREM", dirty_in(bucket), channel)  # Redis was emptied; an append opens it anew
            return False
        epoch, payloads, times = reply
        entries = [(parse_entry(payload), int(at)) for payload, at in zip(payloads, times, strict=True)]
        if entries:
            await self._archive.add(app, channel, entries)
            await self._forwarder.keep(app, entries)
            await self._apply_deletions(channel, [entry for entry, _ in entries])
        mark = entries[-1][0].seq if entries else ""
        trimmed = await self._connection.link().run(
            TRIM_ARCHIVED,
            (keys.meta, keys.log, keys.dirty, keys.gone, keys.clearings, keys.shadow),
            epoch,
            mark,
            self._keep_entries,
            self._keep_ms,
            channel,
            PAUSE_MS,
        )
        if trimmed < 0:
            log.warning("archiver.mark_refused", channel=channel, mark=mark)
            return False
        return len(entries) == BATCH or trimmed > 0

    async def _apply_deletions(self, channel: str, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.type in (MESSAGE_DELETED, MESSAGE_UPDATED):
                target = deletion(entry)
                if target is not None:
                    await self._archive.mark(channel, target.epoch, target.seq, deleted=target.deleted)
