"""Tracks of an uploaded file that viewers choose from: its other sounds, and text subtitles. [work]

A player that changes the sound needs renditions without sound, so where there are several sounds, every
rendition is split in two, by copying. If a step fails, the video stays as it was without it.
"""

from pathlib import Path

import structlog

from media.ffmpeg import args
from media.ffmpeg.probe import FileTrack, MediaFile
from media.ffmpeg.process import run_to_end
from media.hls import playlists
from media.hls.playlists import Choice
from media.recordings.finalizer import fullest_of, variants, write
from media.recordings.recording_files import RecordedRun, RecordingFiles, run_file

TEXT_WITHIN_S, SOUND_WITHIN_S = 120.0, 3600.0
LARGEST_TEXT, LEAST_TEXT = 8 << 20, 10  # bytes; a head without a cue is "WEBVTT"
log = structlog.get_logger("media")


async def add(
    recording_files: RecordingFiles, media_file: MediaFile, file: Path, duration_s: float, segment_s: float
) -> None:
    """Adds tracks to a finished video, in its files and its master playlist. Safe to repeat. Errors: OSError."""
    runs = recording_files.runs()
    texts = [
        made
        for number, one in enumerate(media_file.texts)
        if (made := await _text(recording_files, one, number, file, duration_s))
    ]
    sounds = [
        made
        for number, one in enumerate(media_file.sounds)
        if (made := await _sound(recording_files, one, number, file, segment_s))
    ]
    if (
        not any(one.shown for one in sounds)
        or len(sounds) < 2
        or not await _split(recording_files, runs, segment_s)
    ):
        sounds = []
    run = fullest_of(runs)
    write(
        recording_files.folder / "master.m3u8", playlists.master(variants(run), run.frame_rate, sounds, texts)
    )
    if sounds:
        for one in runs:
            for rendition in one.renditions:
                (recording_files.folder / run_file(rendition.name, one.number)).unlink(missing_ok=True)


async def _text(
    recording_files: RecordingFiles, track: FileTrack, number: int, file: Path, duration_s: float
) -> Choice | None:
    """A track that can't be read, or has no words, is left out."""
    name, into = f"text_{number}", recording_files.folder / f"text_{number}.vtt"
    failed = await run_to_end(
        args.text_of(file, track.number, into), TEXT_WITHIN_S, recording_files.folder, file
    )
    if failed or not into.exists() or not LEAST_TEXT < into.stat().st_size <= LARGEST_TEXT:
        log.warning(
            "choice.left_out",
            video=recording_files.folder.name,
            track=track.number,
            reason=failed or "no words, or too many",
        )
        into.unlink(missing_ok=True)
        return None
    write(recording_files.folder / f"{name}.m3u8", playlists.text(into.name, duration_s))
    return Choice(track.name, track.language, f"{name}.m3u8", forced=track.forced)


async def _sound(
    recording_files: RecordingFiles, track: FileTrack, number: int, file: Path, segment_s: float
) -> Choice | None:
    name = f"sound_{number}"
    failed = await run_to_end(
        args.sound_of(file, track.number, segment_s, recording_files.folder, name),
        SOUND_WITHIN_S,
        recording_files.folder,
        file,
    )
    if failed:
        log.warning("choice.left_out", video=recording_files.folder.name, track=track.number, reason=failed)
        return None
    return Choice(track.name, track.language, f"{name}.m3u8", track.shown)


async def _split(recording_files: RecordingFiles, runs: list[RecordedRun], segment_s: float) -> bool:
    """Every rendition's picture without sound, under the same playlist names."""
    parts = recording_files.folder / "parts.txt"
    names = [rendition.name for rendition in fullest_of(runs).renditions]
    try:
        for name in names:
            write(
                parts,
                "".join(
                    f"file '{run_file(name, run.number)}'\n"
                    for run in runs
                    if (recording_files.folder / run_file(name, run.number)).exists()
                ),
            )
            failed = await run_to_end(
                args.picture_of(parts, segment_s, recording_files.folder, f"{name}_alone"),
                SOUND_WITHIN_S,
                recording_files.folder,
            )
            if failed:
                log.warning(
                    "choice.not_split", video=recording_files.folder.name, rendition=name, reason=failed
                )
                return False
        for name in names:
            (recording_files.folder / f"{name}_alone.m3u8").rename(recording_files.folder / f"{name}.m3u8")
        return True
    finally:
        parts.unlink(missing_ok=True)
