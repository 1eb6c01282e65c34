"""From a recording's files to what people play: playlists over the same bytes, an MP4, a poster and seek previews. [work]

Nothing is encoded again but the small pictures. Every file gets its name when it is whole, so a process that dies here leaves a
recording that the next one finishes from the beginning.
"""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from media import graph, playlists, sprites
from media.catalog import Finished
from media.ladder import Rendition
from media.playlists import Extent, Recorded, Variant
from media.process import work
from media.tape import Run, Tape, Taped, run_file

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
    """The disk has no place for the MP4 now."""


async def finish(tape: Tape) -> Finished:
    """Makes the recording playable. Safe to repeat. Errors: Unplayable, NoRoom, OSError."""
    await asyncio.to_thread(tape.trim)
    runs, segments = await asyncio.to_thread(lambda: ({run.number: run for run in tape.runs()}, tape.segments()))
    if not segments:
        raise Unplayable("Nothing was recorded.")
    shape = runs[segments[0].run]
    names = [_name(rendition) for rendition in shape.renditions]
    _, width, tall, _ = shape.renditions[0]
    duration_s = round(sum(segment.duration_s for segment in segments), 3)
    for name in names:
        _write(tape.folder / f"{name}.m3u8", playlists.recorded(list(_listed(name, runs, segments))))
    _write(tape.folder / "master.m3u8", _master(shape))
    await _join(tape, names[0], sorted({segment.run for segment in segments}))
    sprite = await _pictures(tape.folder, duration_s, (width, tall))
    return Finished(duration_s, (tape.folder / MP4).stat().st_size, width, tall, tuple(one[0] for one in shape.renditions), sprite)


def _name(rendition: tuple[int, int, int, int]) -> str:
    return Rendition(rendition[0], rendition[1:3], rendition[3]).name


def _master(run: Run) -> str:
    variants = [
        Variant(Rendition(height, (width, tall), bit_rate), codecs)
        for (height, width, tall, bit_rate), codecs in zip(run.renditions, run.codecs, strict=True)
    ]
    return playlists.master(variants, run.frame_rate)


def _listed(name: str, runs: dict[int, Run], segments: Sequence[Taped]) -> Iterator[Recorded]:
    before: Taped | None = None
    for segment in segments:
        file = run_file(name, segment.run)
        continues = before is not None and (before.run, before.msn) == (segment.run, segment.msn - 1)
        init = Extent(file, 0, runs[segment.run].inits[name])
        yield Recorded(segment.duration_s, segment.start_ms, init, Extent(file, *segment.at[name]), continues)
        before = segment


async def _join(tape: Tape, name: str, runs: Sequence[int]) -> None:
    """One MP4 of the highest rendition, its index in front so that it plays while it is downloaded."""
    parts = [run_file(name, run) for run in runs]
    wanted = sum((tape.folder / part).stat().st_size for part in parts)
    if shutil.disk_usage(tape.folder).free < wanted * ROOM_LEFT:
        raise NoRoom
    _write(tape.folder / "parts.txt", "".join(f"file '{part}'\n" for part in parts))
    fresh = tape.folder / "recording.new.mp4"
    failed = await work(graph.join(tape.folder / "parts.txt", fresh), JOIN_WITHIN_S)
    if failed:
        fresh.unlink(missing_ok=True)
        raise OSError(failed)
    fresh.rename(tape.folder / MP4)
    (tape.folder / "parts.txt").unlink()


async def _pictures(folder: Path, duration_s: float, picture: tuple[int, int]) -> bool:
    """Poster and previews; a recording without them is still one."""
    source = folder / MP4
    failed = await work(graph.poster(source, min(POSTER_AT_S, duration_s / 2), folder / POSTER), PICTURE_WITHIN_S)
    sheets = sprites.sheets(duration_s, picture)
    tiles = (sprites.COLUMNS, sprites.ROWS)
    within_s = PICTURE_WITHIN_S + duration_s / 20
    failed = failed or await work(
        graph.previews(source, sheets.every_s, (sheets.width, sheets.height), tiles, folder / "sprite_%d.jpg"), within_s
    )
    if failed or not all((folder / name).exists() for name in sheets.names):
        log.warning("recording.without_pictures", folder=folder.name, reason=failed)
        return False
    _write(folder / PREVIEWS, sprites.webvtt(sheets, duration_s))
    return True


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.chmod(0o600)
    fresh.rename(path)
