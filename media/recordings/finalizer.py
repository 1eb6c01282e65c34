"""Makes a recording playable: playlists over the same bytes, an MP4, a poster and seek previews. [work]

Only the small pictures are encoded again. Every file gets its name when it is complete, so if the process
dies here, the next one finishes the recording from the beginning.
"""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path

import structlog

from media.ffmpeg import args
from media.ffmpeg.process import run_to_end
from media.hls import playlists, storyboard
from media.hls.playlists import Extent, RecordedSegment, Variant
from media.ladder.rules import Rendition
from media.recordings.recording_files import RecordedRun, RecordingFiles, StoredSegment, run_file
from media.recordings.store import FinishedRecording

MP4 = "recording.mp4"
POSTER = "poster.jpg"
PREVIEWS = "previews.vtt"
POSTER_AT_S = 10.0
JOIN_WITHIN_S, PICTURE_WITHIN_S = 3600.0, 60.0
ROOM_LEFT = 1.1
log = structlog.get_logger("media")


class Unplayable(Exception):
    """This recording has nothing to show; the message is a sentence."""


class NoRoom(Exception):
    """The disk has no space for the MP4 now."""


async def finish(recording_files: RecordingFiles) -> FinishedRecording:
    """Makes the recording playable. Safe to repeat. Errors: Unplayable, NoRoom, OSError."""
    await asyncio.to_thread(recording_files.trim)
    runs, segments = await asyncio.to_thread(
        lambda: ({run.number: run for run in recording_files.runs()}, recording_files.segments())
    )
    if not segments:
        raise Unplayable("Nothing was recorded.")
    duration_s = round(sum(segment.duration_s for segment in segments), 3)
    fullest = fullest_of(list(runs.values()))
    for rendition in fullest.renditions:
        write(
            recording_files.folder / f"{rendition.name}.m3u8",
            playlists.recorded_playlist(list(_listed(rendition, runs, segments))),
        )
    write(recording_files.folder / "master.m3u8", playlists.master(variants(fullest), fullest.frame_rate))
    top = _common(runs, segments) or fullest.renditions[0]
    used = sorted({segment.run for segment in segments})
    silent = list(takewhile(lambda number: not runs[number].sounds, used))
    silent_s = sum(segment.duration_s for segment in segments if segment.run in silent)
    parts = [run_file(_nearest(runs[number], top), number) for number in used]
    await _join(recording_files, parts, parts[len(silent) :] if silent else [], silent_s)
    sprite = await _pictures(recording_files.folder, duration_s, top.size)
    heights = tuple(one.height for one in fullest.renditions if one.height)
    return FinishedRecording(
        duration_s,
        (recording_files.folder / MP4).stat().st_size,
        *top.size,
        heights,
        sprite,
        taken(recording_files),
    )


def taken(recording_files: RecordingFiles) -> int:
    """Bytes of all its files."""
    return sum(path.stat().st_size for path in recording_files.folder.iterdir())


def fullest_of(runs: Sequence[RecordedRun]) -> RecordedRun:
    """The first of the runs with the most renditions."""
    return max(runs, key=lambda run: (len(run.renditions), -run.number))


def variants(run: RecordedRun) -> list[Variant]:
    return [Variant(rendition, codecs) for rendition, codecs in zip(run.renditions, run.codecs, strict=True)]


def _listed(
    rendition: Rendition, runs: dict[int, RecordedRun], segments: Sequence[StoredSegment]
) -> Iterator[RecordedSegment]:
    """Where a run lacks this rendition, because it had another ladder, the nearest one is listed."""
    before: StoredSegment | None = None
    for segment in segments:
        run = runs[segment.run]
        name = _nearest(run, rendition)
        file = run_file(name, segment.run)
        continues = before is not None and (before.run, before.msn) == (segment.run, segment.msn - 1)
        yield RecordedSegment(
            segment.duration_s,
            segment.start_ms,
            Extent(file, 0, run.inits[name]),
            Extent(file, *segment.at[name]),
            continues,
        )
        before = segment


def _nearest(run: RecordedRun, rendition: Rendition) -> str:
    return min(run.renditions, key=lambda one: (abs(one.height - rendition.height), -one.height)).name


def _common(runs: dict[int, RecordedRun], segments: Sequence[StoredSegment]) -> Rendition | None:
    """The highest rendition with a picture that all runs have in the same size; none when the whole ladder
    was replaced."""
    used = [runs[number].renditions for number in {segment.run for segment in segments}]
    shared = [
        one
        for one in used[0]
        if one.height
        and all(any((one.name, one.size) == (other.name, other.size) for other in run) for run in used)
    ]
    return max(shared, key=lambda one: one.height, default=None)


async def _join(
    recording_files: RecordingFiles, parts: Sequence[str], sound: Sequence[str], sound_at_s: float
) -> None:
    """One MP4, its index at the start so that it plays while it is downloaded. Parts of other sizes play in
    it, since every key frame has its parameters."""
    wanted = sum((recording_files.folder / part).stat().st_size for part in parts)
    if shutil.disk_usage(recording_files.folder).free < wanted * ROOM_LEFT:
        raise NoRoom
    lists = [recording_files.folder / "parts.txt", recording_files.folder / "sound.txt"]
    for path, named in zip(lists, (parts, sound), strict=True):
        write(path, "".join(f"file '{part}'\n" for part in named))
    fresh = recording_files.folder / "recording.new.mp4"
    failed = await run_to_end(
        args.join(lists[0], fresh, lists[1] if sound else None, sound_at_s),
        JOIN_WITHIN_S,
        recording_files.folder,
    )
    if failed:
        fresh.unlink(missing_ok=True)
        raise OSError(failed)
    fresh.rename(recording_files.folder / MP4)
    for path in lists:
        path.unlink()


async def _pictures(folder: Path, duration_s: float, picture: tuple[int, int]) -> bool:
    """Poster and previews; a recording without them is still one."""
    source = folder / MP4
    failed = await run_to_end(
        args.poster(source, min(POSTER_AT_S, duration_s / 2), folder / POSTER), PICTURE_WITHIN_S, folder
    )
    sheets = storyboard.plan_storyboard(duration_s, picture)
    tiles = (storyboard.COLUMNS, storyboard.ROWS)
    within_s = PICTURE_WITHIN_S + duration_s / 20
    failed = failed or await run_to_end(
        args.previews(source, sheets.every_s, (sheets.width, sheets.height), tiles, folder / "sprite_%d.jpg"),
        within_s,
        folder,
    )
    if failed or not all((folder / name).exists() for name in sheets.names):
        log.warning("recording.without_pictures", folder=folder.name, reason=failed)
        return False
    write(folder / PREVIEWS, storyboard.webvtt(sheets, duration_s))
    return True


def write(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.chmod(0o600)
    fresh.rename(path)
