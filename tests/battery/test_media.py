"""What breaks under a picture: encoders, transcoders, the ingest, the recorder, the disk. Viewers' playlists
only grow."""

import hashlib
import os
import random
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from media.recordings.finalizer import MP4, finish
from media.recordings.recording_files import RecordingFiles
from media.recordings.service import PLAYED
from tests.battery.conftest import Figures, Scale
from tests.battery.show import OnAir, clock, hit, zombies
from tests.media.live.test_live import played
from tests.support.s3_bucket import FakeBucket, bucket_beside
from tests.support.servers import wait_until
from weir.foundation.redis.client import redis_password
from weir.foundation.settings import Settings
from weir.foundation.vault import open_vault

Make = Callable[..., OnAir]


@pytest.fixture
def on_air() -> Iterator[Make]:
    made: list[OnAir] = []

    def make(**settings: Any) -> OnAir:
        made.append(OnAir(**settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


def grown(eyes: Any) -> Callable[[], bool]:
    """That a segment later than the present ones is whole."""
    before = eyes.position[0]
    return lambda: bool(eyes.position[0] > before + 1)


@pytest.mark.parametrize(("how", "within_s"), [(signal.SIGKILL, 6), (signal.SIGSTOP, 15)])
def test_a_transcoder_that_dies_or_stands_still(
    on_air: Make, figures: Figures, how: signal.Signals, within_s: float
) -> None:
    """Another takes its place: a new segment in time, the media sequence never goes back, one discontinuity,
    no zombie."""
    air = on_air()
    publisher = air.publish()
    eyes = air.eyes()
    wait_until(lambda: eyes.position[0] and len(eyes.last.segments) > 2, "some segments", 30)  # type: ignore[union-attr]
    ruptures, old = eyes.ruptures, air.encoder()
    hit(old, how)
    took_s = clock(lambda: eyes.ruptures > ruptures, "a segment of the new one", within_s + 5)
    wait_until(grown(eyes), "more of it", 20)
    figures(new_segment_s=took_s, breaches=len(eyes.breaches), zombies=zombies(air.stack.pid))
    eyes.close()
    publisher.stop()
    assert took_s <= within_s
    assert (eyes.breaches, eyes.ruptures - ruptures, zombies(air.stack.pid)) == ([], 1, 0)
    assert old not in air.stack.pids()


def test_a_transcoder_that_always_dies(
    on_air: Make, figures: Figures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is started twelve times at most; then the stream says once that it has failed."""
    counted, broken = tmp_path / "starts", tmp_path / "ffmpeg"
    broken.write_text(f'#!/bin/sh\ncase "$*" in *rtmp:*) echo x >> {counted};; esac\nexit 1\n')
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    air = on_air()
    monkeypatch.undo()
    publisher = air.show.publish()
    took_s = clock(lambda: air.told("stream.error"), "the end of trying", 120)
    time.sleep(10)
    starts = len(counted.read_text().splitlines())
    figures(starts=starts, given_up_after_s=took_s, errors=len(air.told("stream.error")))
    publisher.stop()
    assert starts <= 12
    assert len(air.told("stream.error")) == 1


@pytest.mark.parametrize("part", ["worker", "master"])
def test_an_ingest_that_is_killed(on_air: Make, figures: Figures, part: str) -> None:
    """No hook reports that the encoder has left, and still the stream leaves `live` within 30 s."""
    air = on_air(RECONNECT_GRACE_S=30)
    publisher = air.publish()
    master = air.stack.pid_of("ingest.conf")
    child = int(Path(f"/proc/{master}/task/{master}/children").read_text().split()[0])
    hit(child if part == "worker" else master)
    took_s = clock(lambda: air.show.state() != "live", "another state", 30)
    publisher.stop()
    figures(left_live_after_s=took_s)


def test_an_encoder_that_goes_and_returns(on_air: Make, scale: Scale, figures: Figures) -> None:
    """Long before the grace ends and just before it: the same broadcast. After it: a new one. Each begins and
    ends once."""
    grace_s = scale.grace_s
    air = on_air(RECONNECT_GRACE_S=grace_s)
    publisher, broadcasts = air.publish(), [air.stream()["broadcast"]]
    for away_s in (
        grace_s / 12,
        grace_s - 1.5,
        grace_s + 1,
    ):  # and about half a second until its publish arrives
        publisher.stop()
        time.sleep(away_s)
        publisher = air.publish()
        broadcasts.append(air.stream()["broadcast"])
    publisher.stop()
    wait_until(lambda: len(air.told("stream.offline")) == 2, "the end", grace_s + 30)
    figures(
        grace_s=grace_s,
        broadcasts=len(set(broadcasts)),
        live=len(air.told("stream.live")),
        offline=len(air.told("stream.offline")),
    )
    assert broadcasts[0] == broadcasts[1] == broadcasts[2] != broadcasts[3]
    assert len(air.told("stream.live")) == len(air.told("stream.offline")) == 2


def test_a_second_publisher(on_air: Make, figures: Figures) -> None:
    """Is refused; the first one's ladder is the only one, and its frames continue."""
    air = on_air()
    publisher, eyes, second = air.publish(), air.eyes(), None
    ladder = air.encoder()
    second = air.show.publish()
    ended_s = clock(lambda: not second.sending, "the refusal", 20)
    wait_until(grown(eyes), "more of the first", 20)
    figures(refused_after_s=ended_s, breaches=len(eyes.breaches))
    assert (air.encoder(), eyes.ruptures, eyes.breaches) == (ladder, 0, [])
    eyes.close()
    second.stop()
    publisher.stop()


async def test_a_recorder_that_is_killed(
    on_air: Make, scale: Scale, figures: Figures, tmp_path: Path
) -> None:
    """At random points: each time what is on the disk plays as it is, and at most 2 s of what viewers were
    shown are not in it; the next process continues it, and at the end there is one recording of it all."""
    chance, lost_s, unplayable = random.Random(11), [], 0
    air = on_air(LADDER="[180]", RECONNECT_GRACE_S=5)
    publisher = air.publish(size="320x180")
    wait_until(lambda: air.recordings("recording"), "the recording", 30)
    recording = air.recordings("recording")[0]["id"]
    folder = air.stack.folder / "var/recordings" / recording
    for kill in range(scale.recorder_kills):
        known = len(RecordingFiles(Settings(data_dir=air.stack.folder / "var"), recording).segments())
        wait_until(
            lambda known=known: (
                len(RecordingFiles(Settings(data_dir=air.stack.folder / "var"), recording).segments())
                > known + 1
            ),
            "more",
            40,
        )
        time.sleep(chance.random() * 2)
        shown_ms = shown_until(air.show.text(air.show.renditions()[0]))
        hit(air.application())
        copy = tmp_path / f"data{kill}" / "recordings" / recording
        shutil.copytree(folder, copy)
        files = RecordingFiles(Settings(data_dir=tmp_path / f"data{kill}"), recording)
        last = files.segments()[-1]
        lost_s.append(round((shown_ms - last.start_ms) / 1000 - last.duration_s, 2))
        made = await finish(files)
        frames = played(str(copy / "recording.mp4"), 60)["video"]
        unplayable += abs(frames - made.duration_s * 30) > 1
        wait_until(lambda: air.stack.ready, "the application again", 30)
    publisher.stop()
    wait_until(lambda: air.recordings("ready"), "the whole recording", 60)
    figures(
        kills=scale.recorder_kills,
        most_lost_s=max(lost_s),
        unplayable=unplayable,
        recorded_s=air.recordings("ready")[0]["duration_s"],
    )
    assert max(lost_s) <= 2.05
    assert unplayable == 0
    assert air.recordings("ready")[0]["id"] == recording


PART, PAUSE_S = 16 << 20, 0.5


def test_an_uploader_that_is_killed(on_air: Make, scale: Scale, figures: Figures) -> None:
    """In the middle of a recording's move to a bucket that misbehaves: nothing is lost, parts that the bucket
    has are not sent again, and what goes here is there, with its checksum."""
    chance, resumed = random.Random(16), 0
    with bucket_beside() as bucket:
        bucket.away, bucket.pause_s = True, PAUSE_S
        air = on_air(LADDER="[180]", RECONNECT_GRACE_S=1, **bucket.settings)
        recording, folder = recorded(air)
        with (folder / MP4).open(
            "ab"
        ) as file:  # a box that players skip, so that there are parts enough to die between
            file.write(struct.pack(">I4s", 7 * PART + 8, b"free") + os.urandom(7 * PART))
        files = {path.name: sha256(path.read_bytes()) for path in folder.glob("*.*") if path.suffix in PLAYED}
        parts = -(-(folder / MP4).stat().st_size // PART)
        bucket.away, bucket.trouble = False, ["500", "", "torn", "", "", "etag"]
        troubles = len(bucket.trouble)
        for _ in range(scale.recorder_kills):
            asked = bucket.asked
            release_job(air)
            wait_until(lambda asked=asked: bucket.asked > asked or not folder.exists(), "the move", 90)
            time.sleep(chance.random() * 2 * PAUSE_S)
            hit(air.application())
            resumed += folder.exists()
            assert not [name for name in files if sums(folder, bucket, name).isdisjoint({files[name]})]
            wait_until(lambda: air.stack.ready, "the application again", 30)
        release_job(air)
        wait_until(lambda: not folder.exists(), "the end of the move", 90)
        sent = sum(bucket.seen.values())
        equal = sum(
            sha256(bucket.objects[f"{recording['id']}/{name}"][0]) == wanted for name, wanted in files.items()
        )
        answer = air.stack.ask("POST", f"/v1/recordings/{recording['id']}/playback-tokens", {}, air.member)[1]
        frames = played(answer["url"], 60)["video"]
        figures(
            kills=scale.recorder_kills,
            in_the_middle=resumed,
            parts=parts,
            parts_sent=sent,
            files=len(files),
            equal=equal,
        )
    assert equal == len(files)
    assert sent <= parts + resumed + troubles
    assert frames == round(recording["duration_s"] * 30)


def recorded(air: OnAir) -> tuple[dict[str, Any], Path]:
    """A finished recording of some seconds, and its folder."""
    publisher = air.publish(size="320x180")
    wait_until(lambda: len(air.show.text(air.show.renditions()[0]).split("#EXTINF")) > 3, "some seconds", 40)
    publisher.stop()
    wait_until(lambda: air.recordings("ready"), "the recording", 60)
    recording = air.recordings("ready")[0]
    return recording, air.stack.folder / "var/recordings" / recording["id"]


def release_job(air: OnAir) -> None:
    """A dead process' lease would hold the next move up for 45 s."""
    settings = Settings(data_dir=air.stack.folder / "var")
    with Redis(
        unix_socket_path=str(air.stack.run / "redis.sock"), password=redis_password(open_vault(settings))
    ) as redis:
        redis.delete("weir:job:recordings")


def sums(folder: Path, bucket: FakeBucket, name: str) -> set[str]:
    """Checksums of a file here and there."""
    here = {sha256((folder / name).read_bytes())} if (folder / name).exists() else set()
    return here | {
        sha256(bucket.objects[key][0]) for key in [f"{folder.name}/{name}"] if key in bucket.objects
    }


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def shown_until(playlist: str) -> float:
    """The time, in ms since the epoch, at which the newest part ends that a player's playlist named."""
    at_ms = parts_ms = 0.0
    for line in playlist.splitlines():
        if line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            at_ms = datetime.fromisoformat(line.partition(":")[2].replace("Z", "+00:00")).timestamp() * 1000
            parts_ms = 0.0
        elif line.startswith("#EXT-X-PART:"):
            parts_ms += float(line.partition("DURATION=")[2].partition(",")[0]) * 1000
        elif line.startswith("#EXTINF:"):
            at_ms, parts_ms = at_ms + float(line[8:].rstrip(",")) * 1000, 0.0
    return at_ms + parts_ms


NARROW = 'for one in recordings hls; do mkdir -p "$0/$one" && mount -t tmpfs -o size=24m tmpfs "$0/$one" || exit 1; done; exec "$@"'


def test_a_full_disk(on_air: Make, figures: Figures, tmp_path: Path) -> None:
    """Recording stops and says so within 10 s, live continues, no playlist names an empty file; with room
    again recording continues."""
    var = tmp_path / "var"
    air = on_air(
        under=("unshare", "-Urm", "sh", "-c", NARROW, str(var)),
        folder=tmp_path,
        RECONNECT_GRACE_S=1,
        LADDER="[180]",
    )
    publisher, eyes = air.publish(size="320x180"), air.eyes()
    wait_until(lambda: air.recordings("recording"), "the recording", 30)
    inside = Path(f"/proc/{air.stack.pid}/root")
    for name in ("recordings", "hls"):
        subprocess.run(
            ["dd", "if=/dev/zero", f"of={inside}{var}/{name}/fill", "bs=64k"],
            stderr=subprocess.DEVNULL,
            check=False,
        )
    told_s = clock(
        lambda: any(one["data"]["code"] == "storage_full" for one in notices(air)), "storage_full", 20
    )
    wait_until(grown(eyes), "live to go on", 20)
    time.sleep(6)
    wait_until(grown(eyes), "live to go on", 20)
    empty = [name for name in named(air) if air.stack.get(air.show.url(name))[1] in (b"", "", None)]
    for name in ("recordings", "hls"):
        (inside / f"{var}/{name}/fill".lstrip("/")).unlink()
    back_s = clock(
        lambda: any(one["data"]["code"] == "storage_recovered" for one in notices(air)),
        "storage_recovered",
        30,
    )
    time.sleep(5)
    publisher.stop()
    wait_until(lambda: air.recordings("ready"), "the recording", 60)
    figures(told_after_s=told_s, resumed_after_s=back_s, empty_files=len(empty), breaches=len(eyes.breaches))
    eyes.close()
    assert told_s <= 10
    assert (empty, eyes.breaches) == ([], [])


def notices(air: OnAir) -> list[dict[str, Any]]:
    return [{"data": {**one, **one.get("data", {})}} for one in air.told("system.notice")]


def named(air: OnAir) -> list[str]:
    """Segments of the live playlist."""
    text = air.show.text(air.show.renditions()[0])
    return [line for line in text.splitlines() if line.endswith(".m4s") and not line.startswith("#")]
