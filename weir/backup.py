"""`weir backup` and `weir restore`: the embedded data as one file, taken while everything runs.

Order matters. Redis first, then the documents: what Redis has deleted by then is archived in the documents
that follow, so no message falls between the two; what is in both is recognised by its id. A restored Redis is
a new incarnation, so a number of the channels' sequences that was given after the backup is never given
again. Not in a backup: the installation's secret, unless that is asked for – who finds the file could open
all that is sealed in it; the web server's usage log (its lines are counted by position), logs, and what lives
in memory.
"""

import asyncio
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from weir import doctor
from weir.foundation.clock import monotonic
from weir.foundation.redis.client import connect_redis, disconnect
from weir.foundation.settings import Settings
from weir.foundation.vault import open_vault

FILES = ("weir.db", "redis", "recordings", "hls")
MEDIA = ("recordings", "hls")
SNAPSHOT_S = 300.0
_MANIFEST = "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"


class BackupError(Exception):
    """One sentence for the person who typed the command."""


async def backup(settings: Settings, target: Path, media: bool = True, secret: bool = False) -> int:
    """Writes `target` (0600) and returns its bytes. Errors: BackupError."""
    if settings.mongodb_url or settings.redis_url:
        raise BackupError("Back up MongoDB and Redis with their own tools; this is for the embedded data.")
    if not (settings.data / "weir.db").exists():
        raise BackupError(f"There is no data in {settings.data}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".weir-backup-", dir=target.parent) as name:
        aside = Path(name)
        await _copy_redis(settings, aside / "redis")
        await asyncio.to_thread(_copy_documents, settings.data / "weir.db", aside / "weir.db")
        if secret and (settings.data / "secret").exists():
            shutil.copy2(settings.data / "secret", aside / "secret")
        await asyncio.to_thread(_pack, settings, aside, media)
        (aside / "backup.tar").replace(target)
    return target.stat().st_size


async def _copy_redis(settings: Settings, folder: Path) -> None:
    """Writes an append-only file whose base is a snapshot: the form from which the embedded server starts."""
    if not doctor.running(settings.data):
        shutil.copytree(settings.data / "redis", folder)
        return
    base = folder / "appendonlydir"
    base.mkdir(parents=True, mode=0o700)
    shutil.copy2(await _snapshot(settings), base / "appendonly.aof.1.base.rdb")
    (base / "appendonly.aof.1.incr.aof").touch()
    (base / "appendonly.aof.manifest").write_text(_MANIFEST)


async def _snapshot(settings: Settings) -> Path:
    redis: Any = connect_redis(settings, open_vault(settings))
    try:
        before, deadline = await redis.lastsave(), monotonic() + SNAPSHOT_S
        await asyncio.sleep(1.0)  # Redis gives the time of the last snapshot in whole seconds
        await redis.bgsave(schedule=True)
        while await redis.lastsave() == before:
            if monotonic() > deadline:
                raise BackupError("Redis has not written its snapshot; is the disk full?")
            await asyncio.sleep(0.1)
        if (await redis.info("persistence"))["rdb_last_bgsave_status"] != "ok":
            raise BackupError("Redis could not write its snapshot; is the disk full?")
    except (RedisError, OSError) as error:
        raise BackupError(f"Redis does not answer: {error}.") from error
    finally:
        await disconnect(redis)
    return settings.data / "redis" / "dump.rdb"


def _copy_documents(source: Path, target: Path) -> None:
    """A consistent copy, also while documents are written."""
    reading, writing = sqlite3.connect(f"file:{source}?mode=ro", uri=True), sqlite3.connect(target)
    try:
        reading.backup(writing, pages=1000)
        state = writing.execute("PRAGMA integrity_check").fetchone()[0]
        if state != "ok":
            raise BackupError(f"The database is damaged: {state}.")
    except sqlite3.Error as error:
        raise BackupError(f"The database can't be copied: {error}.") from error
    finally:
        reading.close()
        writing.close()


def _pack(settings: Settings, aside: Path, media: bool) -> None:
    descriptor = os.open(aside / "backup.tar", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        for name in ("secret", "redis", "weir.db"):
            if (aside / name).exists():
                tar.add(aside / name, name)
        for path in _media_files(settings) if media else ():
            try:
                tar.add(path, path.relative_to(settings.data), recursive=False)
            except FileNotFoundError:
                continue  # a live stream's segment that has had its time
        file.flush()
        os.fsync(file.fileno())


def _media_files(settings: Settings) -> Iterator[Path]:
    for name in MEDIA:
        yield from sorted((settings.data / name).rglob("*"))


def restore(settings: Settings, source: Path) -> bool:
    """Fills an empty data folder, which may hold a secret already. Returns False when the secret must still
    be copied there. Errors: BackupError."""
    if doctor.running(settings.data):
        raise BackupError(f"A stack is running on {settings.data}; stop it first.")
    if any((settings.data / name).exists() for name in FILES):
        raise BackupError(
            f"There is data in {settings.data} already; restore into an empty folder (--data-dir)."
        )
    aside = settings.data.with_name(settings.data.name + ".restoring")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True, mode=0o700)
        with tarfile.open(source) as tar:
            if "weir.db" not in tar.getnames():
                raise BackupError(f"{source} is no backup of Weir.")
            tar.extractall(aside, filter="data")
        secret = settings.data / "secret"
        if secret.exists() and (aside / "secret").exists():
            if secret.read_text().strip() != (aside / "secret").read_text().strip():
                raise BackupError(f"{secret} is another secret than the backup's; take it away.")
            (aside / "secret").unlink()
        settings.data.mkdir(parents=True, mode=0o700, exist_ok=True)
        for entry in sorted(
            aside.iterdir(), key=lambda one: one.name == "weir.db"
        ):  # last: with it, the folder counts as filled
            entry.rename(settings.data / entry.name)
        return bool(settings.secret_key) or secret.exists()
    except (OSError, tarfile.TarError) as error:
        raise BackupError(f"{source} can't be restored: {error}.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
