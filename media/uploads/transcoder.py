"""Turns an uploaded file into a recording like those of broadcasts: probed, transcoded at low priority,
finished. [work]

One video at a time in each worker. Output is stored like a broadcast's, segment by segment, so if a
process dies, two seconds of work are lost and the next one continues after the last segment. A long video
continues later when others wait: twelve hours of black are a small file.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog
from redis.exceptions import RedisError

from media.ffmpeg import args
from media.ffmpeg.fmp4 import BoxError
from media.ffmpeg.part_reader import EncodedPart, read_parts
from media.ffmpeg.probe import LONGEST_S, MediaFile, UnusableFile, parse_probe
from media.ffmpeg.process import FfmpegProcess, capture_output, sandbox_for_file, spawn
from media.hls.timeline import Segment, SegmentData
from media.ladder.rules import SOUND_ALONE, BroadcastShape, choose_cadence, ladder
from media.ladder.service import Profiles
from media.leases import RENEW_S, StreamLeases
from media.recordings import tracks
from media.recordings.finalizer import NoRoom, Unplayable, finish, taken
from media.recordings.recording_files import RecordingFiles
from media.recordings.store import RecordingStore
from media.uploads.service import of_upload
from media.uploads.staging import UploadStaging, has_room
from weir.foundation.clock import monotonic
from weir.foundation.errors import Unavailable
from weir.foundation.ids import new_secret
from weir.foundation.services import Tasks
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import RecordingDoc
from weir.foundation.tenancy.directory import Directory

LOOK_S, INSPECTED_WITHIN_S = 5.0, 30.0
WATCH_S, STALLED_S, CALM_S = 0.5, 120.0, 10.0
ENDS_WITHIN_S = 10.0
MOST_ATTEMPTS = 3
TURN_S = 300.0
TOLD_EVERY_S = 2.0
MOST_LONGER, LEAST_REST_S = 1.1, 0.5
log = structlog.get_logger("media")


class UploadDeleted(Exception):
    """The video was deleted meanwhile."""


class YieldTurn(Exception):
    """Other videos wait; this one continues later."""


@dataclass(frozen=True)
class TranscodeJob:
    doc: RecordingDoc
    media_file: MediaFile
    shape: BroadcastShape
    recording_files: RecordingFiles


class Transcoder:
    """`strained` returns whether a live stream here needs the machine; FFmpeg is stopped then."""

    def __init__(
        self,
        recording_store: RecordingStore,
        profiles: Profiles,
        leases: StreamLeases,
        strained: Callable[[], bool],
        *,
        settings: Settings,
        directory: Directory,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._recording_store = recording_store
        self._profiles = profiles
        self._leases = leases
        self._is_overloaded = strained
        self._wake = asyncio.Event()
        self._arrived = asyncio.Event()
        self._inspected: set[str] = set()
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.start(self._run(), "media transcodes")
        self._tasks.start(self._inspect_arrived(), "media inspects")

    def wake(self) -> None:
        self._wake.set()
        self._arrived.set()

    async def stop(self) -> None:
        await self._tasks.stop()

    async def _run(self) -> None:
        while True:
            try:
                for doc in (
                    await self._recording_store.in_states("processing") if has_room(self._settings, 0) else []
                ):
                    if of_upload(doc) and await asyncio.to_thread(
                        lambda staged: staged.here, UploadStaging(self._settings, doc["id"])
                    ):
                        await self._leased(doc)
            except (Unavailable, RedisError, OSError) as error:
                log.warning("transcoding.waits", reason=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_S)
            self._wake.clear()

    async def _inspect_arrived(self) -> None:
        """Refuses what is no video as soon as it has arrived, and not when its turn comes."""
        while True:
            try:
                waiting = [
                    doc for doc in await self._recording_store.in_states("processing") if of_upload(doc)
                ]
                self._inspected &= {doc["id"] for doc in waiting}
                for doc in waiting:
                    await self._inspect(doc)
            except (Unavailable, RedisError, OSError) as error:
                log.warning("inspection.waits", reason=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), LOOK_S)
            self._arrived.clear()

    async def _inspect(self, doc: RecordingDoc) -> None:
        staged = UploadStaging(self._settings, doc["id"])
        if doc["id"] in self._inspected or await self._leases.is_held(doc["id"]):
            return
        if not await asyncio.to_thread(lambda: staged.here):
            return
        try:
            await self._media_file(staged)
            self._inspected.add(doc["id"])
        except UnusableFile as refusal:
            if await self._leases.is_held(doc["id"]):
                return  # a worker has begun to process it meanwhile, and decides
            if await self._refuse(doc, refusal):
                await asyncio.to_thread(staged.remove)

    async def _media_file(self, staged: UploadStaging) -> MediaFile:
        """Errors: UnusableFile."""
        probe = args.probe_file(staged.file)
        return parse_probe(await capture_output(probe, INSPECTED_WITHIN_S, sandbox_for_file(staged.file)))

    async def _leased(self, doc: RecordingDoc) -> None:
        """Two workers over one disk must not write the same files."""
        if not await self._leases.acquire(doc["id"]):
            return
        renewing = asyncio.create_task(self._renew(doc["id"]))
        try:
            await self._make(doc)
        finally:
            renewing.cancel()
            with contextlib.suppress(RedisError, OSError):
                await self._leases.release(doc["id"])

    async def _renew(self, video: str) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            with contextlib.suppress(RedisError, OSError):
                await self._leases.renew(video)

    async def _make(self, doc: RecordingDoc) -> None:
        recording_files, staged = (
            RecordingFiles(self._settings, doc["id"]),
            UploadStaging(self._settings, doc["id"]),
        )
        if doc.get("held"):  # by a process that died
            await self._recording_store.hold(doc, False)
        try:
            media_file = await self._media_file(staged)
            await self._transcode(
                TranscodeJob(
                    doc, media_file, await self._shape(doc, media_file, recording_files), recording_files
                )
            )
            finished = await finish(recording_files)
            if media_file.sounds or media_file.texts:
                await tracks.add(
                    recording_files, media_file, staged.file, finished.duration_s, self._settings.segment_s
                )
                finished = replace(finished, bytes=await asyncio.to_thread(taken, recording_files))
            await self._recording_store.mark_ready(doc, finished)
        except UnusableFile as refusal:
            await self._refuse(doc, refusal)
        except Unplayable:
            await self._refuse(doc, UnusableFile("damaged", "Nothing in this file can be shown."))
        except NoRoom:
            log.warning("transcoding.no_room", video=doc["id"])
            return
        except YieldTurn:
            log.info("transcoding.turn_over", video=doc["id"])
            self.wake()
            return
        except UploadDeleted:
            await asyncio.to_thread(recording_files.remove)
        except (BoxError, OSError) as error:
            await self._failed(doc, error)
            return
        await asyncio.to_thread(staged.remove)

    async def _failed(self, doc: RecordingDoc, error: Exception) -> None:
        """The next round tries again, after the last stored segment."""
        log.warning("transcoding.failed", video=doc["id"], reason=str(error))
        if await self._recording_store.count_attempt(doc) >= MOST_ATTEMPTS:
            await self._refuse(doc, UnusableFile("transcoder_failed", "The video could not be transcoded."))
            await asyncio.to_thread(UploadStaging(self._settings, doc["id"]).remove)

    async def _refuse(self, doc: RecordingDoc, refusal: UnusableFile) -> bool:
        """False, with all files kept, when the video is no longer what this worker has read: another worker
        may have finished it."""
        log.info("transcoding.refused", video=doc["id"], code=refusal.code)
        if not await self._recording_store.refused(doc, refusal.code, refusal.reason):
            return False
        await asyncio.to_thread(RecordingFiles(self._settings, doc["id"]).remove)
        return True

    async def _shape(
        self, doc: RecordingDoc, media_file: MediaFile, recording_files: RecordingFiles
    ) -> BroadcastShape:
        """The shape of what is stored already: a profile that was changed meanwhile counts for the next
        video."""
        app = await self._directory.app(doc["app"])
        stream = await self._directory.stream(doc["stream"]) if doc.get("stream") else None
        wanted = await self._profiles.of_stream(doc["app"], stream.get("profile") if stream else None, app)
        profile = (
            SOUND_ALONE if media_file.source.alone else replace(wanted, copy_top=False, audio_only=False)
        )
        rhythm = choose_cadence(media_file.source, profile, None, self._settings.segment_s)
        begun = await asyncio.to_thread(recording_files.runs)
        return BroadcastShape(
            begun[0].renditions if begun else ladder(media_file.source, profile, rhythm), rhythm
        )

    async def _transcode(self, job: TranscodeJob) -> None:
        """Errors: UnusableFile, NoRoom, UploadDeleted, YieldTurn, BoxError, OSError."""
        await asyncio.to_thread(job.recording_files.open)
        before = await asyncio.to_thread(job.recording_files.segments)
        from_s = sum(segment.duration_s for segment in before)
        if (
            before
            and job.media_file.duration_s is not None
            and from_s > job.media_file.duration_s - LEAST_REST_S
        ):
            return
        child = await spawn(
            lambda pipes: args.transcode_file(
                UploadStaging(self._settings, job.doc["id"]).file,
                job.media_file,
                job.shape.pictured,
                job.shape.cadence,
                from_s=from_s,
                preset=self._settings.vod_preset,
                output=pipes.output,
                progress=pipes.progress,
            ),
            sandbox_for_file(UploadStaging(self._settings, job.doc["id"]).file),
        )
        watch = asyncio.create_task(self._watch(child, job.doc))
        try:
            kept = await self._keep(job, child, before[-1].msn + 1 if before else 0, from_s)
            code = await asyncio.wait_for(child.wait(), ENDS_WITHIN_S)
            if code > 0 and not before and not kept:
                raise UnusableFile("damaged", "The picture in this file can't be decoded.")
            if code:
                raise OSError(child.last_error)
        except TimeoutError as error:
            raise OSError("FFmpeg does not end.") from error
        finally:
            watch.cancel()
            child.kill()
            await child.stop()

    async def _keep(self, job: TranscodeJob, child: FfmpegProcess, first: int, from_s: float) -> int:
        """Stores what FFmpeg makes; returns the number of segments."""
        run, kept, position_s = new_secret(22), 0, from_s
        told_at = turn_began = monotonic()
        longest_s = (
            LONGEST_S
            if job.media_file.duration_s is None
            else job.media_file.duration_s * MOST_LONGER + LEAST_REST_S
        )
        async with contextlib.aclosing(
            read_parts(child.output, job.shape.renditions, job.shape.cadence, live=False)
        ) as arriving:
            async for piece in arriving:
                whole = _whole(job, piece, run, first, position_s)
                if not await asyncio.to_thread(job.recording_files.add, job.shape, whole):
                    raise NoRoom
                kept, position_s = kept + 1, position_s + whole.segment.duration_s
                if position_s > longest_s:
                    raise UnusableFile("too_long", "The video is longer than it says, or than may be.")
                if monotonic() - told_at > TOLD_EVERY_S:
                    told_at = monotonic()
                    await self._tell(job, position_s)
                    if told_at - turn_began > TURN_S and await self._awaited(job.doc):
                        raise YieldTurn
        return kept

    async def _awaited(self, doc: RecordingDoc) -> bool:
        """True when there is an upload that no worker has."""
        with contextlib.suppress(Unavailable, RedisError, OSError):
            for one in await self._recording_store.in_states("processing"):
                if of_upload(one) and one["id"] != doc["id"] and not await self._leases.is_held(one["id"]):
                    return True
        return False

    async def _tell(self, job: TranscodeJob, position_s: float) -> None:
        if not has_room(self._settings, 0):
            raise NoRoom
        whole_s = job.media_file.duration_s
        percent = None if whole_s is None else min(99, int(position_s / whole_s * 100))
        with contextlib.suppress(Unavailable):
            if not await self._recording_store.progress(job.doc, percent, position_s):
                raise UploadDeleted

    async def _watch(self, child: FfmpegProcess, doc: RecordingDoc) -> None:
        """Pauses FFmpeg while a live stream needs the machine, and kills one that has stalled."""
        held_until = 0.0
        while True:
            await asyncio.sleep(WATCH_S)
            if self._is_overloaded():
                held_until = monotonic() + CALM_S
            held = monotonic() < held_until
            changed = held is not child.paused
            child.pause(held)
            if changed:
                await self._recording_store.hold(doc, held)
            child.read_progress()
            if not child.paused and monotonic() - child.progress_at > STALLED_S:
                child.kill()
                return


def _whole(job: TranscodeJob, piece: EncodedPart, run: str, first: int, position_s: float) -> SegmentData:
    msn, start_ms = first + piece.cut.segment, job.doc["started"] + round(position_s * 1000)
    segment = Segment(
        msn,
        run,
        start_ms,
        False,
        tuple(job.shape.names),
        float(piece.cut.frames / job.shape.cadence.rate),
        complete=True,
    )
    return SegmentData(segment, piece.inits, tuple((body,) for body in piece.cut.bodies))
