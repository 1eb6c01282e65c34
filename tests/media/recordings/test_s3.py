"""The bucket for finished recordings, against a store that checks everything and misbehaves."""

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from media.recordings import s3 as storage
from media.recordings.s3 import Bucket
from media.recordings.sigv4 import Signer
from media.recordings.store import FinishedRecording
from tests.media.conftest import until
from tests.support.s3_bucket import FakeBucket
from weir.foundation.audit import COMMAND_LINE
from weir.foundation.clock import now_ms
from weir.foundation.documents import Doc
from weir.foundation.errors import Unavailable
from weir.foundation.ids import new_id
from weir.foundation.settings import Settings, SettingsError, load

PART = 1 << 16
BUCKET_SETTINGS = {"storage", "s3_endpoint", "s3_bucket", "s3_access_key", "s3_secret_key"}


@pytest.fixture
async def store() -> AsyncIterator[FakeBucket]:
    async with FakeBucket() as fake:
        yield fake


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "AGAIN_S", 0.005)


def settings_for(store: FakeBucket, folder: Path, **more: Any) -> Settings:
    return Settings(
        data_dir=folder, storage="s3", s3_endpoint=store.address, s3_bucket="b", s3_access_key="access",
        **{"s3_secret_key": "secret", **more},
    )  # fmt: skip


@pytest.fixture
async def bucket(store: FakeBucket, tmp_path: Path) -> AsyncIterator[Bucket]:
    made = Bucket(settings_for(store, tmp_path), part=PART)
    yield made
    await made.close()


def test_a_signature_is_the_published_one() -> None:
    """The example of the S3 documentation comes out."""
    signer = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
    digest = hashlib.sha256(b"").hexdigest()
    made = signer.headers(
        "GET", "examplebucket.s3.amazonaws.com", "/test.txt", {}, {"range": "bytes=0-9"}, digest, 1369353600
    )
    assert made["authorization"].endswith(
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


@pytest.mark.parametrize("size", [0, 5, PART, PART + 1, 5 * PART])
async def test_a_file_arrives_whole_through_trouble(
    store: FakeBucket, bucket: Bucket, tmp_path: Path, size: int
) -> None:
    """Server errors and torn connections are tried again; the content is equal, and no state is left with the
    file."""
    path, data = tmp_path / "a.mp4", os.urandom(size)
    path.write_bytes(data)
    store.trouble = ["500", "torn", "500"]
    await bucket.put("rec/a.mp4", path)
    assert store.objects["rec/a.mp4"][0] == data
    assert [one.name for one in tmp_path.iterdir()] == ["a.mp4"]


async def test_a_wrong_checksum_is_an_error_and_taken_parts_are_not_sent_again(
    store: FakeBucket, bucket: Bucket, tmp_path: Path
) -> None:
    """The upload continues where it was."""
    path, data = tmp_path / "a.mp4", os.urandom(4 * PART)
    path.write_bytes(data)
    store.trouble = ["", "", "", "etag"]
    with pytest.raises(Unavailable):
        await bucket.put("a.mp4", path)
    await bucket.put("a.mp4", path)
    assert store.objects["a.mp4"][0] == data
    assert dict(store.seen) == {"1": 1, "2": 1, "3": 2, "4": 1}


async def test_ranges_lists_and_deletion(store: FakeBucket, bucket: Bucket, tmp_path: Path) -> None:
    """A range comes alone; what is deleted is not there any more, its neighbour is."""
    path = tmp_path / "a.mp4"
    path.write_bytes(b"0123456789")
    for name in ("one/a.mp4", "one/b.mp4", "two/a.mp4"):
        await bucket.put(name, path)
    status, _, body = await bucket.read("GET", "one/a.mp4", "bytes=2-4")
    assert (status, b"".join([one async for one in body])) == (206, b"234")
    await bucket.delete("one/")
    assert await bucket.names("") == ["two/a.mp4"]
    assert (await bucket.read("GET", "one/a.mp4", None))[0] == 404


async def test_a_wrong_key_puts_nothing(store: FakeBucket, tmp_path: Path) -> None:
    """A refusal is an error, not a file that seems kept."""
    (tmp_path / "a.mp4").write_bytes(b"x")
    wrong = Bucket(settings_for(store, tmp_path, s3_secret_key="another"))
    with pytest.raises(Unavailable):
        await wrong.put("a.mp4", tmp_path / "a.mp4")
    await wrong.close()
    assert not store.objects


def test_a_bucket_without_its_settings_is_refused() -> None:
    """The sentence names what is missing."""
    with pytest.raises(SettingsError, match="WEIR_S3_ENDPOINT"):
        load(storage="s3")


UPLOADER = """
import asyncio, sys
from pathlib import Path
from media.recordings.s3 import Bucket
from weir.foundation.settings import Settings
async def main():
    s = Settings(storage="s3", s3_endpoint=sys.argv[1], s3_bucket="b", s3_access_key="access", s3_secret_key="secret")
    bucket = Bucket(s, part=65536)
    await bucket.put("a.mp4", Path(sys.argv[2]))
    await bucket.close()
asyncio.run(main())
"""


async def test_an_upload_survives_kill_9(store: FakeBucket, tmp_path: Path) -> None:
    """Killed in the middle again and again, the uploader continues from the parts that are there, and the
    content is equal."""
    path, data = tmp_path / "a.mp4", os.urandom(12 * PART)
    path.write_bytes(data)
    for life in range(1, 5):
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", UPLOADER, store.address, str(path))
        while child.returncode is None and sum(store.seen.values()) < 2 * life:
            await asyncio.sleep(0.001)
        if life < 4:
            child.send_signal(signal.SIGKILL)
        await asyncio.wait_for(child.wait(), 20)
    assert child.returncode == 0
    assert hashlib.sha256(store.objects["a.mp4"][0]).digest() == hashlib.sha256(data).digest()
    assert sum(store.seen.values()) <= 12 + 3


async def recorded(stage: Any) -> tuple[Doc, Path]:
    """A finished recording of a few files."""
    fact, recording = stage.stream(), new_id("rec")
    folder = stage.settings.data / "recordings" / recording
    folder.mkdir(parents=True)
    for name in ("index.jsonl", "master.m3u8", "v180_0.mp4"):
        (folder / name).write_bytes(name.encode())
    await stage.room._recording_store.create(recording, fact, "Show")
    doc = await stage.room._recording_store.stop(
        await stage.room._recording_store.get(fact.app, recording), now_ms()
    )
    await stage.room._recording_store.mark_ready(doc, FinishedRecording(2.0, 10, 320, 180, (180,), False, 30))
    return await stage.room._recording_store.get(fact.app, recording), folder


async def test_a_finished_recording_moves_and_still_plays(store: FakeBucket, world: Any) -> None:
    """Files here stay until the bucket has them all; then they come from there by ranges, and deletion
    removes the objects."""
    stage = await world.stage(**settings_for(store, Path()).model_dump(include=BUCKET_SETTINGS))
    doc, folder = await recorded(stage)
    verbs = stage.room._recordings
    store.trouble = ["etag"]
    await verbs.sweep()
    await until(lambda: not verbs._moving)
    assert (folder / "v180_0.mp4").exists()
    assert (await stage.room._recording_store.get(doc["app"], doc["id"]))["stored"] == "local"
    await verbs.sweep()
    await until(lambda: not folder.exists())
    assert (await stage.room._recording_store.get(doc["app"], doc["id"]))["stored"] == "s3"
    assert sorted(store.objects) == [f"{doc['id']}/master.m3u8", f"{doc['id']}/v180_0.mp4"]
    base = f"{stage.base}/recorded/{doc['id']}/"
    async with stage.http.get(base + "v180_0.mp4", headers={"Range": "bytes=1-3"}) as reply:
        assert (reply.status, await reply.read(), reply.content_type) == (206, b"180", "video/mp4")
    async with stage.http.get(base + "master.m3u8") as reply:
        assert (reply.status, await reply.read(), reply.content_type) == (
            200,
            b"master.m3u8",
            "application/vnd.apple.mpegurl",
        )
    for missing in ("index.jsonl", "v360_0.mp4", "..%2fsecret.mp4"):
        async with stage.http.get(base + missing) as reply:
            assert reply.status == 404
    await verbs.remove(doc["app"], doc["id"], COMMAND_LINE)
    assert not store.objects


async def test_what_was_moved_while_its_process_died_goes_at_the_next_start(
    store: FakeBucket, world: Any
) -> None:
    """Files that the document says are in the bucket are removed, others stay."""
    stage = await world.stage(**settings_for(store, Path()).model_dump(include=BUCKET_SETTINGS))
    (doc, folder), (_, other) = await recorded(stage), await recorded(stage)
    assert await stage.room._recording_store.mark_moved(doc)
    await stage.room._recordings.clear_leftovers()
    assert (folder.exists(), other.exists()) == (False, True)
