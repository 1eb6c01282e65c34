"""The bytes of an upload on disk: nothing that was acknowledged is lost with a process. [store]

Folder `uploads/<video id>/` in the data folder: `video`, and `offsets.jsonl`, which grows by a line
(`offset`) whenever that many bytes of the video are synced. Bytes after the last line were not
acknowledged and are cut off.
"""

import fcntl
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from media.hls.segment_files import DISK_FULL, append_line, newest_lines, private
from weir.foundation.errors import Busy, StorageFull
from weir.foundation.settings import Settings

OFFSETS = "offsets.jsonl"
MB = 1_000_000


class UploadStaging:
    """All verbs block; call them from a thread."""

    def __init__(self, settings: Settings, video: str) -> None:
        self.folder = settings.data / "uploads" / video
        self.file = self.folder / "video"

    def open(self) -> None:
        """Errors: OSError."""
        private(self.folder)
        os.close(os.open(self.file, os.O_CREAT | os.O_WRONLY, 0o600))
        for folder in (self.folder, self.folder.parent, self.folder.parent.parent):
            _sync(folder)

    @property
    def here(self) -> bool:
        return self.file.exists()

    def offset(self) -> int:
        """How many bytes are synced. Offsets only grow, so the last whole line is enough: a client that sends
        a file byte by byte makes a long journal, and asks for the offset each time."""
        return max((int(row["offset"]) for row in newest_lines(self.folder / OFFSETS)), default=0)

    def idle_s(self, now_ms: int) -> float:
        """Seconds since the last bytes, or since it was created; infinite where there is nothing."""
        try:
            return now_ms / 1000 - self.file.stat().st_mtime
        except FileNotFoundError:
            return math.inf

    @contextmanager
    def writing(self) -> Iterator["StagingWriter"]:
        """Errors: Busy while another request writes; FileNotFoundError when the upload is gone."""
        descriptor = os.open(self.file, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            at = self.offset()
            os.ftruncate(descriptor, at)
            yield StagingWriter(descriptor, self.folder / OFFSETS, at)
        except BlockingIOError:
            raise Busy("Another request is writing this upload.", retry_after=1) from None
        finally:
            os.close(descriptor)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class StagingWriter:
    """`offset` is what is synced. Errors: StorageFull, OSError."""

    def __init__(self, descriptor: int, offsets: Path, offset: int) -> None:
        self.offset = self._end = offset
        self._descriptor = descriptor
        self._offsets = offsets

    @property
    def position(self) -> int:
        """Where the next byte goes."""
        return self._end

    def write(self, data: bytes) -> None:
        """Errors: also FileNotFoundError when the upload was deleted: bytes written then would be neither
        found nor counted."""
        if os.fstat(self._descriptor).st_nlink == 0:
            raise FileNotFoundError
        rest = memoryview(data)
        while rest:
            try:
                written = os.pwrite(self._descriptor, rest, self._end)
            except OSError as error:
                self.undo()
                raise _refusal(error) from error
            self._end, rest = self._end + written, rest[written:]

    def sync(self) -> None:
        """Syncs what was written."""
        if self._end == self.offset:
            return
        try:
            os.fdatasync(self._descriptor)
            noted = append_line(self._offsets, {"offset": self._end}, sync=True)
        except OSError as error:
            raise _refusal(error) from error
        if not noted:
            raise _full()
        self.offset = self._end

    def undo(self) -> None:
        """Drops what is not synced."""
        os.ftruncate(self._descriptor, self.offset)
        self._end = self.offset


def has_room(settings: Settings, wanted: int) -> bool:
    """True when that many bytes fit and the reserve stays free."""
    folder = settings.data
    return (
        shutil.disk_usage(folder if folder.exists() else folder.parent).free - wanted
        >= settings.upload_reserve_mb * MB
    )


def staged_uploads(settings: Settings) -> set[str]:
    """Ids of uploads that have a folder here."""
    root: Path = settings.data / "uploads"
    return {entry.name for entry in root.iterdir()} if root.is_dir() else set()


def _refusal(error: OSError) -> Exception:
    return _full() if error.errno in DISK_FULL else error


def _full() -> StorageFull:
    return StorageFull(
        "The disk is full; what has arrived is kept, continue when there is room.", retry_after=60
    )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
