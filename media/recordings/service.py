"""Recordings, from the first segment of a broadcast to something that can be played; survives process
crashes. [work]

The sweep finds a recording that its process did not end: while its broadcast continues, the worker that
acquires the stream appends to it; afterwards whichever process sweeps finishes it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from media.hls.timeline import SegmentData
from media.ladder.rules import BroadcastShape
from media.recordings.finalizer import POSTER, NoRoom, Unplayable, finish
from media.recordings.recording_files import RecordingFiles, recordings
from media.recordings.s3 import Bucket
from media.recordings.store import UPLOAD, RecordingStore
from weir.foundation.audit import Audit, By
from weir.foundation.clock import now_ms
from weir.foundation.errors import Conflict, NotFound, QuotaExceeded, Stale, Unavailable
from weir.foundation.events import Event, StorageFull, StreamEvent
from weir.foundation.http.listing import Searched
from weir.foundation.ids import new_id
from weir.foundation.redis.periodic import Job
from weir.foundation.services import Tasks
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import RECORDINGS, RecordingDoc, StreamDoc
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.quotas import Quotas

SWEEP_S = 15.0
LATER_MS = 15_000  # a worker drains the last segments of a broadcast before it runs the next one
AGAIN_S, END_WITHIN_S = 1.0, 15.0
MOST_ATTEMPTS = 3
QUEUED_SEGMENTS = 90
PLAYED = (".m3u8", ".mp4", ".jpg", ".vtt")
DAY_MS = 86_400_000
log = structlog.get_logger("media")


class Recorder:
    """Writes one recording in the background: a slow disk delays the recording, not the viewers."""

    def __init__(
        self,
        fact: StreamEvent,
        title: str,
        recording: str,
        recording_files: RecordingFiles,
        recording_store: RecordingStore,
        tell: Callable[[Event], None],
    ) -> None:
        self.recording = recording
        self.broadcast = fact.broadcast
        self._fact = fact
        self._title = title
        self._files = recording_files
        self._recording_store = recording_store
        self._tell = tell
        self._queue: asyncio.Queue[tuple[BroadcastShape, SegmentData] | None] = asyncio.Queue(QUEUED_SEGMENTS)
        self._full = False
        self._task: asyncio.Task[None] | None = None

    def add_segment(self, shape: BroadcastShape, whole: SegmentData) -> None:
        """Queues a segment; the first one starts the recording."""
        if self._task is None:
            self._task = asyncio.create_task(self._write(), name=f"record {self.recording}")
        try:
            self._queue.put_nowait((shape, whole))
        except asyncio.QueueFull:
            log.error("recording.too_slow", recording=self.recording)

    async def finish(self) -> None:
        """Returns when every queued segment is on disk."""
        if self._task is not None:
            await self._queue.put(None)
            await asyncio.wait([self._task], timeout=END_WITHIN_S)
            self._task.cancel()

    async def _write(self) -> None:
        await self._begin()
        while (item := await self._queue.get()) is not None:
            try:
                kept = await asyncio.to_thread(self._files.add, *item)
            except OSError as error:
                log.error("recording.gap", recording=self.recording, reason=str(error))
                continue
            if kept is self._full:
                self._full = not kept
                self._tell(self._notice())

    async def _begin(self) -> None:
        while True:
            try:
                await self._recording_store.create(self.recording, self._fact, self._title)
                return await asyncio.to_thread(self._files.open)
            except (Unavailable, OSError) as error:
                log.warning("recording.waits", recording=self.recording, reason=str(error))
                await asyncio.sleep(AGAIN_S)

    def _notice(self) -> StorageFull:
        log.warning(
            "recording.storage_full" if self._full else "recording.storage_recovered",
            recording=self.recording,
        )
        about = self._fact.model_dump(
            include={"app", "stream", "playback", "channel", "broadcast", "generation"}
        )
        if self._full:
            return StorageFull(
                **about,
                code="storage_full",
                message="The disk is full: the recording has a gap until there is room.",
            )
        return StorageFull(
            **about, code="storage_recovered", message="There is room again: the recording continues."
        )


class Recordings:
    """All recordings of this worker, by playback id while they run. Errors of the API's verbs: NotFound,
    Conflict, Unavailable."""

    def __init__(
        self,
        recording_store: RecordingStore,
        tell: Callable[[Event], None],
        held: Callable[[str], Awaitable[bool]],
        remove_staged: Callable[[str], None],
        bucket: Bucket | None = None,
        *,
        settings: Settings,
        directory: Directory,
        audit: Audit,
        quotas: Quotas,
    ) -> None:
        """`held` says whether any worker has this playback id; it then ends its recording itself.
        `remove_staged` deletes the bytes of an upload, by its id; it blocks."""
        self._settings = settings
        self._directory = directory
        self._audit = audit
        self._quotas = quotas
        self._recording_store = recording_store
        self._tell = tell
        self._held = held
        self._remove_staged = remove_staged
        self._running: dict[str, Recorder] = {}
        self._finishing: set[str] = set()
        self._bucket = bucket
        self._moving = False
        self._tasks = Tasks()

    def jobs(self) -> list[Job]:
        return [Job("recordings", SWEEP_S, self.sweep)]

    async def resume_or_start(self, fact: StreamEvent, stream: StreamDoc) -> None:
        """This worker has acquired the broadcast: continues its recording, or starts one if the stream wants
        it."""
        known = await self._recording_store.of_broadcast(fact.broadcast)
        going_on = next((doc for doc in known if doc["state"] == "recording"), None)
        if going_on is not None:
            self._record(fact, stream, going_on["id"])
        elif not known and await self._is_wanted(fact.app, stream) and await self._fits(fact.app):
            self._record(fact, stream, new_id("rec"))

    async def _fits(self, app_id: str) -> bool:
        """False when the plan has no space for a recording. The owner is notified, and the broadcast
        continues without."""
        try:
            async with self._quotas.storage_for(app_id):
                return True
        except QuotaExceeded as refusal:
            log.warning("recording.no_quota", app=app_id, reason=refusal.detail)
            return False

    async def _is_wanted(self, app_id: str, stream: StreamDoc) -> bool:
        """By the stream's setting, else its app's, else the installation's."""
        app = await self._directory.app(app_id)
        for chosen in (stream.get("recording"), app.get("recording") if app else None):
            if chosen is not None:
                return chosen
        return self._settings.recording

    def add_segment(self, playback: str, shape: BroadcastShape, whole: SegmentData) -> None:
        recorder = self._running.get(playback)
        if recorder is not None:
            recorder.add_segment(shape, whole)

    async def release(self, playback: str) -> None:
        """The broadcast continues in another worker, or in the next process."""
        recorder = self._running.pop(playback, None)
        if recorder is not None:
            await recorder.finish()

    async def broadcast_ended(self, playback: str) -> None:
        """The broadcast has ended."""
        recorder = self._running.get(playback)
        await self.release(playback)
        for doc in await self._recording_store.of_broadcast(recorder.broadcast) if recorder else []:
            if doc["state"] == "recording":
                await self._stopped(doc)

    async def start(self, stream: StreamDoc, recording: str, by: By) -> RecordingDoc:
        """Starts to record a stream that is on air, under the id `recording`, with the next segment.

        Errors: QuotaExceeded, too."""
        if stream["state"] not in ("live", "interrupted"):
            raise Conflict("The stream is not live.")
        if any(
            doc["state"] == "recording"
            for doc in await self._recording_store.of_broadcast(stream["broadcast"])
        ):
            raise Conflict("The stream is being recorded already.")
        noted = self._audit.entry(
            stream["app"], by, "recording.started", recording, None, {"stream": stream["id"]}
        )
        async with self._quotas.storage_for(stream["app"]):
            await self._recording_store.create(recording, _fact(stream), stream["title"], [noted])
        await self._audit.write(noted, RECORDINGS.name, recording)
        found = await self._recording_store.get(stream["app"], recording)
        assert found is not None
        return found

    async def stop(self, app: str, recording: str, by: By) -> None:
        doc = await self._recording_store.get(app, recording)
        if doc is None:
            raise NotFound("There is no such recording.")
        if doc["state"] != "recording":
            raise Conflict("This recording has ended already.")
        noted = self._audit.entry(app, by, "recording.stopped", recording)
        await self._recording_store.request_stop(doc, [noted])
        await self._audit.write(noted, RECORDINGS.name, recording)

    async def remove(self, app: str, recording: str, by: By) -> None:
        doc = await self._recording_store.get(app, recording)
        if doc is None:
            raise NotFound("There is no such recording.")
        if doc["state"] == "recording":
            raise Conflict("This recording is running; stop it first.")
        action = "upload.deleted" if doc["state"] == "uploading" else "recording.deleted"
        async with self._audit.before_it(app, by, action, recording, doc):
            await self._remove(doc)

    async def change(self, doc: RecordingDoc, fields: Mapping[str, Any], by: By) -> RecordingDoc:
        """Errors: Stale when another change came first."""
        noted = self._audit.entry(doc["app"], by, "recording.updated", doc["id"], doc, {**doc, **fields})
        changed = await self._recording_store.change(doc, fields, noted)
        if changed is None:
            raise Stale("This has been changed at the same moment; read it again.")
        await self._audit.write(noted, RECORDINGS.name, doc["id"])
        return changed

    async def uploads_before(self, doc: RecordingDoc) -> int:
        """How many uploads are processed before this one; 0 for one that does not wait for them."""
        return (await self._recording_store.waiting(doc)).get(doc["id"], 0)

    async def poster(self, doc: RecordingDoc) -> bytes | None:
        """The JPEG of a finished recording; None when it has none."""
        if doc.get("stored") != "s3":
            try:
                return await asyncio.to_thread(
                    (RecordingFiles(self._settings, doc["id"]).folder / POSTER).read_bytes
                )
            except OSError:
                return None
        if self._bucket is None:
            return None
        status, _, body = await self._bucket.read("GET", f"{doc['id']}/{POSTER}", None)
        jpeg = b"".join([chunk async for chunk in body])
        return jpeg if status == 200 else None

    async def forget(self, app: str) -> None:
        """Deletes all recordings of a deleted app, running ones too. Safe to repeat."""
        while (page := await self._recording_store.page(app, Searched(limit=100))).data:
            for doc in page.data:
                if doc["state"] == "recording":
                    await self.release(doc["playback"])
                await self._remove(doc)

    async def on_request(self, fact: StreamEvent, recording: str, stream: StreamDoc, *, begin: bool) -> None:
        """A requested start or stop. Every worker receives it; the one that has the stream acts."""
        running = self._running.get(fact.playback)
        if begin and running is None:
            self._record(fact, stream, recording)
        elif not begin and running is not None and running.recording == recording:
            await self.broadcast_ended(fact.playback)

    def _record(self, fact: StreamEvent, stream: StreamDoc, recording: str) -> None:
        recording_files = RecordingFiles(self._settings, recording)
        self._running[fact.playback] = Recorder(
            fact, stream.get("title", ""), recording, recording_files, self._recording_store, self._tell
        )

    async def _stopped(self, doc: RecordingDoc) -> None:
        taped = await asyncio.to_thread(RecordingFiles(self._settings, doc["id"]).segments)
        last = taped[-1].start_ms + round(taped[-1].duration_s * 1000) if taped else now_ms()
        stopped = await self._recording_store.stop(
            doc, min(last, now_ms())
        )  # the grace for an encoder that does not return is not part of it
        if stopped is not None:
            self._tasks.start(self._finish(stopped), f"finish {doc['id']}")

    async def _finish(self, doc: RecordingDoc) -> None:
        if doc["id"] in self._finishing:
            return
        self._finishing.add(doc["id"])
        try:
            attempt = await self._recording_store.count_attempt(doc)
            await self._recording_store.mark_ready(
                doc, await finish(RecordingFiles(self._settings, doc["id"]))
            )
        except Unplayable as error:
            await self._recording_store.mark_failed(doc, str(error))
        except NoRoom:
            log.warning("recording.no_room", recording=doc["id"])  # the sweep tries again
        except OSError as error:
            log.warning("recording.not_finished", recording=doc["id"], reason=str(error))
            if attempt >= MOST_ATTEMPTS:
                await self._recording_store.mark_failed(
                    doc, "The recording could not be made into a file; its parts are kept."
                )
        finally:
            self._finishing.discard(doc["id"])

    async def sweep(self) -> None:
        """Ends recordings whose broadcast has ended, finishes what a dead process left, deletes old ones."""
        on_air = {stream["playback"]: stream for stream in await self._directory.live_streams()}
        for doc in await self._recording_store.in_states("recording", "processing"):
            if doc.get("source") == UPLOAD:
                continue
            if doc["state"] == "processing":
                await self._finish(doc)
            elif await self._is_left(doc, on_air.get(doc["playback"])):
                await self._stopped(doc)
        days = self._settings.recording_days
        for doc in await self._recording_store.started_before(now_ms() - days * DAY_MS) if days else []:
            await self._remove(doc)
        if self._bucket is not None and not self._moving:
            self._moving = True
            self._tasks.start(self._move(self._bucket), "move recordings")

    async def _is_left(self, doc: RecordingDoc, stream: StreamDoc | None) -> bool:
        """True when no worker records this broadcast any more: no worker has the lease of its stream, or the
        stream has been on air with a later broadcast for some time (the whole stack was stopped in
        between)."""
        if stream is None:
            return not await self._held(doc["playback"])
        later = stream["broadcast"] > doc["broadcast"]
        return later and stream.get("began", now_ms()) < now_ms() - LATER_MS

    async def _remove(self, doc: RecordingDoc) -> None:
        """Deletes objects first: while the document exists, the deletion can be repeated."""
        if self._bucket is not None:
            await self._bucket.delete(f"{doc['id']}/")
        await self._recording_store.remove(doc)
        await asyncio.to_thread(RecordingFiles(self._settings, doc["id"]).remove)
        if doc.get("source") == UPLOAD:
            await asyncio.to_thread(self._remove_staged, doc["id"])

    async def _move(self, bucket: Bucket) -> None:
        """Moves finished recordings to the bucket. Local files are deleted when the bucket has them all and
        the document says so."""
        try:
            for doc in await self._recording_store.to_be_moved():
                folder = RecordingFiles(self._settings, doc["id"]).folder
                files = sorted(path for path in folder.glob("*.*") if path.suffix in PLAYED)
                if not files:
                    continue  # another machine has them
                for path in files:
                    await bucket.put(f"{doc['id']}/{path.name}", path)
                if not await self._recording_store.mark_moved(doc):
                    await bucket.delete(f"{doc['id']}/")
                await asyncio.to_thread(RecordingFiles(self._settings, doc["id"]).remove)
        except (Unavailable, OSError) as error:
            log.warning("recording.not_moved", reason=str(error))  # the sweep tries again
        finally:
            self._moving = False

    async def clear_leftovers(self) -> None:
        """Deletes files of recordings that were deleted, or moved to the bucket, while their process died."""
        for recording in recordings(self._settings):
            doc = await self._directory.recording(recording)
            if doc is None or doc.get("stored") == "s3":
                await asyncio.to_thread(RecordingFiles(self._settings, recording).remove)

    async def close(self) -> None:
        for playback in list(self._running):
            await self.release(playback)
        await self._tasks.stop()


def _fact(stream: StreamDoc) -> StreamEvent:
    about: dict[str, Any] = {
        name: stream[name] for name in ("app", "playback", "channel", "broadcast", "generation")
    }
    return StreamEvent(stream=stream["id"], **about)
