"""Files of one playback id: parts in memory (tmpfs), initialisation and full segments on disk, and the index
of segments.

Every file is complete when it gets its name by rename, before a playlist names it. The index is one JSON
object a line and is only appended to; a line that a crash has torn is the last one and is ignored.
"""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from weir.foundation.settings import Settings

INDEX = "index.jsonl"
NEXT = "next"
NEWEST_BYTES = 4096
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class SegmentFiles:
    """Errors of every verb that writes: OSError, e.g. a full disk."""

    def __init__(self, settings: Settings, playback: str) -> None:
        self._live = settings.live / "hls" / playback
        self._data = settings.data / "hls" / playback

    def open(self) -> None:
        for folder in (self._live, self._data):
            private(folder)

    def write_part(self, name: str, data: bytes) -> None:
        _write(self._live / name, data)

    def write_segment(self, name: str, *data: bytes) -> None:
        """Writes a full segment, by its parts, or an initialisation segment. While the disk is full, it goes
        to memory, where nginx looks first."""
        try:
            _write(self._data / name, *data)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            _write(self._live / name, *data)

    def read(self, name: str) -> bytes | None:
        """The content of a part, segment or initialisation segment; None when there is none (any more)."""
        for folder in (self._live, self._data):
            with contextlib.suppress(FileNotFoundError):
                return (folder / name).read_bytes()
        return None

    def scratch(self, name: str) -> Path:
        """A path in memory in the folder of the parts."""
        return self._live / name

    def await_next(self, position: str) -> None:
        """Tells nginx that it may hold requests for this position. Where the file cannot be written, the
        origin holds them."""
        with contextlib.suppress(OSError):
            private(self._live / NEXT)
            (self._live / NEXT / position).touch(0o600)

    def stop_awaiting(self, position: str) -> None:
        (self._live / NEXT / position).unlink(missing_ok=True)

    def awaited(self) -> list[str]:
        """Positions that are awaited now."""
        folder = self._live / NEXT
        return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []

    def append(self, entry: dict[str, Any]) -> None:
        """Appends an entry; it is left out when the disk is full. A process that takes over then has a hole,
        viewers have none."""
        append_line(self._data / INDEX, entry)

    def index(self) -> Iterator[dict[str, Any]]:
        """The entries, oldest first."""
        yield from read_lines(self._data / INDEX)

    def has(self, name: str) -> bool:
        return (self._data / name).exists() or (self._live / name).exists()

    def drop(self, names: Iterable[str]) -> None:
        live, data = os.fspath(self._live), os.fspath(self._data)
        for name in names:
            for folder in (live,) if name.startswith("p_") else (live, data):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{folder}/{name}")

    def drop_parts(self) -> None:
        for path in self._live.glob("p_*"):
            path.unlink()

    def remove(self) -> None:
        """Removes everything of this playback id."""
        for folder in (self._live, self._data):
            shutil.rmtree(folder, ignore_errors=True)


def playbacks(settings: Settings) -> set[str]:
    """Playback ids that have files here."""
    roots = (settings.live / "hls", settings.data / "hls")
    return {entry.name for root in roots if root.is_dir() for entry in root.iterdir()}


def append_line(path: Path, entry: dict[str, Any], *, sync: bool = False) -> bool:
    """Appends one JSON object as a line; False when the disk is full, and then nothing of it stays. Errors:
    OSError."""
    line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # after a line that a crash left incomplete
        try:
            whole = os.write(descriptor, line) == len(line)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            whole = False
        if not whole:
            os.ftruncate(descriptor, size)
        elif sync:
            os.fdatasync(descriptor)
        return whole
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The entries, oldest first; one that a crash has torn is ignored."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        with contextlib.suppress(ValueError):
            yield json.loads(line)


def newest_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The entries in the last 4 KB, oldest first, without those that are torn."""
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - NEWEST_BYTES)
            file.seek(start)
            lines = file.read().splitlines()
    except FileNotFoundError:
        return
    for line in lines[1:] if start else lines:
        with contextlib.suppress(ValueError):
            yield json.loads(line)


def private(folder: Path) -> None:
    """Creates the folder, and missing parents, for our own user only."""
    for one in reversed([folder, *folder.parents]):
        if not one.exists():
            with contextlib.suppress(FileExistsError):
                one.mkdir(mode=0o700)


def _write(path: Path, *data: bytes) -> None:
    """Writes with system calls: file objects and Path joins took a third of a small part's time."""
    name = os.fspath(path)
    fresh = name + ".new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        written = os.writev(descriptor, data)
        if written < sum(map(len, data)):
            rest = memoryview(b"".join(data))[written:]
            while rest:
                rest = rest[os.write(descriptor, rest) :]
    except OSError:
        os.unlink(fresh)
        raise
    finally:
        os.close(descriptor)
    os.rename(fresh, name)
