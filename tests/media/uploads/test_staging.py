"""What has arrived of an upload, and what is left of it when its process is killed."""

import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from media.uploads.staging import UploadStaging, has_room, staged_uploads
from weir.foundation.errors import Busy, StorageFull
from weir.foundation.settings import Settings

# Writes numbered blocks and says after each what is safe.
WRITER = """
import sys
from pathlib import Path
from media.uploads.staging import UploadStaging
from weir.foundation.settings import Settings
inbox = UploadStaging(Settings(data_dir=Path(sys.argv[1])), "vod_1")
with inbox.writing() as writer:
    print(writer.offset, flush=True)
    while True:
        number = writer.position // 4096
        for _ in range(5):
            writer.write(number.to_bytes(8, "big") * 512)
            number += 1
        writer.sync()
        print(writer.offset, flush=True)
"""


def settings_in(folder: Path) -> Settings:
    return Settings(data_dir=folder / "data")


@pytest.fixture
def staged(tmp_path: Path) -> UploadStaging:
    made = UploadStaging(settings_in(tmp_path), "vod_1")
    made.open()
    return made


def test_nothing_acknowledged_is_lost_by_kill_9(staged: UploadStaging, tmp_path: Path) -> None:
    """Ten writers one after the other, each killed at a random point: every one continues at or after what
    the one before has reported as safe, and every byte before it is as it was sent."""
    chance, safe = random.Random(7), 0
    for _ in range(10):
        argv = [sys.executable, "-c", WRITER, str(tmp_path / "data")]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert int(process.stdout.readline()) >= safe
        time.sleep(chance.random() * 0.05)
        process.kill()
        told = [int(line) for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        process.wait()
        safe = max([safe, *told])
        assert staged.offset() >= safe
    body = staged.file.read_bytes()[: staged.offset()]
    assert body
    assert body == b"".join(number.to_bytes(8, "big") * 512 for number in range(len(body) // 4096))


def test_one_writes_at_a_time(staged: UploadStaging) -> None:
    """A second one is refused; when the first has ended it is accepted."""
    with staged.writing(), pytest.raises(Busy), staged.writing():
        pass
    with staged.writing() as writer:
        writer.write(b"abc")
        writer.sync()
    assert staged.offset() == 3


def test_what_is_not_safe_is_forgotten(staged: UploadStaging) -> None:
    """Taken back by hand, and cut off before the next write."""
    with staged.writing() as writer:
        writer.write(b"abc")
        writer.sync()
        writer.write(b"def")
        writer.undo()
        assert writer.position == 3
        writer.write(b"xyz")
    assert staged.offset() == 3
    with staged.writing() as writer:
        assert staged.file.read_bytes() == b"abc"


def test_a_full_disk_keeps_what_was_safe(staged: UploadStaging, monkeypatch: pytest.MonkeyPatch) -> None:
    """The upload continues from there when there is room."""
    with staged.writing() as writer:
        writer.write(b"abc")
        writer.sync()
        pwrite = os.pwrite
        written = iter([2])

        def full(descriptor: int, data: bytes, at: int) -> int:
            for room in written:
                return pwrite(descriptor, data[:room], at)
            raise OSError(errno.ENOSPC, "full")

        monkeypatch.setattr("os.pwrite", full)
        with pytest.raises(StorageFull) as refusal:
            writer.write(b"defghi")
        assert (refusal.value.status, refusal.value.code) == (507, "storage_full")
        monkeypatch.undo()
    assert (staged.offset(), staged.file.read_bytes()) == (3, b"abc")


def test_room_and_leftovers(staged: UploadStaging, tmp_path: Path) -> None:
    """Some of the disk is left to others; folders are known by their ids and go whole."""
    settings = settings_in(tmp_path)
    assert has_room(settings, 1) is (
        os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize > 500_000_001
    )
    assert not has_room(settings, 1 << 60)
    assert staged_uploads(settings) == {"vod_1"}
    staged.remove()
    assert staged_uploads(settings) == set()
    assert not staged.here


def test_a_long_journal_is_not_read_through(staged: UploadStaging) -> None:
    """Who sends a file byte by byte writes a line for each, and asks for the offset as often."""
    (staged.folder / "offsets.jsonl").write_text(
        "".join(f'{{"offset":{number}}}\n' for number in range(300_000)) + '{"offset":300'
    )

    def read() -> int:
        return int(Path("/proc/self/io").read_text().splitlines()[0].split()[1])

    before = read()
    assert staged.offset() == 299_999
    assert read() - before < 100_000
    with staged.writing() as writer:
        assert writer.offset == 299_999


def test_nothing_is_written_for_an_upload_that_was_deleted(staged: UploadStaging) -> None:
    """The file could not be found, and its bytes would count in no quota."""
    with staged.writing() as writer:
        writer.write(b"abc")
        staged.remove()
        with pytest.raises(FileNotFoundError):
            writer.write(b"def")
