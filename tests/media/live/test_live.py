"""The room against real nginx-rtmp, Redis and FFmpeg."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import hls_conformance
from tests.support.hls_conformance import Listed
from weir.foundation.audit import COMMAND_LINE
from weir.foundation.events import PublishDone, PublishStarted, StreamEvent, StreamOffline
from weir.foundation.ids import new_id
from weir.foundation.tenancy.collections import STREAMS


class Viewer:
    """Follows one media playlist by blocking reload and checks each against the one before."""

    def __init__(self, stage: Any, fact: StreamEvent, name: str = "v180") -> None:
        self.stage, self.fact, self.name = stage, fact, name
        self.history: list[Listed] = []
        self.broken: list[str] = []
        self.task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        query = ""
        while not (self.history and self.history[-1].ended):
            status, body = await self.stage.get(self.fact, f"{self.name}.m3u8{query}")
            if status == 503:
                query = ""
                await asyncio.sleep(0.1)
                continue
            assert status == 200, body
            listed = hls_conformance.parse(body.decode())
            self.broken += hls_conformance.violations(listed, self.history[-1] if self.history else None)
            self.history.append(listed)
            msn, part = listed.last
            if not listed.hint:
                await asyncio.sleep(0.1)
                query = ""
                continue
            query = (
                f"?_HLS_msn={msn + 1}&_HLS_part=0"
                if listed.segments[-1].uri
                else f"?_HLS_msn={msn}&_HLS_part={part + 1}"
            )

    @property
    def now(self) -> Listed:
        return self.history[-1]

    async def until(self, true: Callable[[Listed], object], within_s: float = 25.0) -> Listed:
        for _ in range(int(within_s / 0.05)):
            if self.task.done():
                self.task.result()
            if self.history and true(self.now):
                return self.now
            await asyncio.sleep(0.05)
        raise AssertionError(f"it did not happen; broken rules: {self.broken}")

    def close(self) -> None:
        self.task.cancel()
        assert not self.broken


def played(url: str, seconds: float = 3) -> dict[str, int]:
    """Frames that an ordinary HLS player (ffmpeg) decodes, by kind."""
    argv = [
        "ffprobe",
        "-v",
        "error",
        "-count_frames",
        "-read_intervals",
        f"%+{seconds}",
        "-print_format",
        "json",
        "-show_streams",
        url,
    ]
    said = subprocess.run(argv, capture_output=True, timeout=30, check=True)
    assert not said.stderr, said.stderr
    return {one["codec_type"]: int(one["nb_read_frames"]) for one in json.loads(said.stdout)["streams"]}


@pytest.fixture
async def as_set_up(world: Any) -> Any:
    """A room with segments of two seconds, which is the default."""
    made = await world.stage(segment_s=2)
    await made.room.start()
    return made


def encoders(stage: Any, fact: StreamEvent) -> list[int]:
    """Process ids of the FFmpeg that makes this stream's renditions now."""
    broadcast = stage.room.worker.broadcasts.get(fact.playback)
    session = broadcast._session if broadcast is not None else None
    child = session.child if session is not None else None
    return [child.pid] if child is not None and Path(f"/proc/{child.pid}").exists() else []


def zombies() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            state, parent = (
                (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if entry.name.isdigit()
                else ("", "")
            )
            if (state, parent) == ("Z", str(os.getpid())):
                found.append(entry.name)
    return found


async def test_an_encrypted_stream_plays_and_its_keys_change(world: Any) -> None:
    """Every part and segment is ciphertext under the key that the playlist names, keys rotate, and an
    ordinary player follows. Keys of other times are not handed out."""
    stage = await world.stage(key_rotation_segments=2)
    await stage.room.start()
    fact, _ = await stage.on_air({"encrypted": True, "latency": "low"})
    viewer = Viewer(stage, fact)
    listed = await viewer.until(
        lambda now: len({one.key for one in now.segments}) > 1 and len(now.segments) > 4
    )
    assert listed.part_target == 0.2
    keys = {uri: await stage.get(fact, uri) for uri in {one.key for one in listed.segments}}
    assert {(status, len(key)) for status, key in keys.values()} == {(200, 16)}
    assert len({key for _, key in keys.values()}) == len(keys)
    (broadcast, number) = listed.segments[0].key.removesuffix(".key").split("_")[1:]
    for foreign in (
        f"k_{broadcast}_{int(number) + 99}.key",
        f"k_{broadcast}_0.key",
        f"k_{new_id('brd')[4:]}_{number}.key",
    ):
        assert (await stage.get(fact, foreign))[0] == 404
    assert b"moof" not in (await stage.get(fact, listed.segments[1].uri))[1][:16]
    frames = await asyncio.to_thread(played, f"{stage.base}/origin/{fact.playback}/master.m3u8")
    assert frames["video"] > 40
    viewer.close()


async def with_profile(stage: Any, **fields: Any) -> dict[str, Any]:
    """A profile as the API makes one, in the stream's options."""
    doc = {"name": "p", "rungs": [{"height": 180}], "audio_only": False, "copy_top": False, **fields}
    made = await stage.room._profiles.create("app_1", new_id("prf"), doc, COMMAND_LINE)
    return {"app": "app_1", "profile": made["id"]}


async def own_profile(stage: Any, fact: StreamEvent, chosen: dict[str, Any]) -> dict[str, Any]:
    """The stream gets a profile that can be changed; a change begins what it says."""
    doc = await stage.room._profiles.create(
        fact.app,
        new_id("prf"),
        {"name": "q", "rungs": [], "audio_only": False, "copy_top": False},
        COMMAND_LINE,
    )
    stream = {"id": fact.stream, "playback": fact.playback, "channel": fact.channel, **chosen}
    await stage.services.store.app(fact.app).insert(
        STREAMS, {**stream, "app": fact.app, "profile": doc["id"]}
    )
    return dict(doc)


async def test_a_profile_makes_the_ladder(stage: Any) -> None:
    """A slower rung, sound alone, and what the encoder sent as it is: one sequence for all of them, playable
    each."""
    chosen = await with_profile(
        stage,
        rungs=[{"height": 180}, {"height": 120, "frame_rate": 15, "bit_rate": 100_000}],
        audio_only=True,
        copy_top=True,
    )
    fact, _ = await stage.on_air(chosen, gop=30)
    master = (await stage.get(fact, "master.m3u8"))[1].decode()
    assert [line for line in master.splitlines() if line.endswith(".m3u8")] == [
        "v180.m3u8",
        "v120.m3u8",
        "audio.m3u8",
    ]
    assert "FRAME-RATE=15.000" in master
    assert 'CODECS="mp4a.40.2",CLOSED' in master
    viewers = [Viewer(stage, fact, name) for name in ("v180", "v120", "audio")]
    for viewer in viewers:
        await viewer.until(lambda now: len(now.segments) > 3)
    argv = b" ".join(Path(f"/proc/{encoders(stage, fact)[0]}/cmdline").read_bytes().split(b"\0"))
    assert b"-c:v:0 copy" in argv
    for name, kinds in (("v180", {"video", "audio"}), ("v120", {"video", "audio"}), ("audio", {"audio"})):
        frames = await asyncio.to_thread(played, f"{stage.base}/origin/{fact.playback}/{name}.m3u8")
        assert set(frames) == kinds
    for viewer in viewers:
        viewer.close()


async def test_an_encoder_that_cannot_be_copied_is_encoded(stage: Any) -> None:
    """Key frames at other places than the other renditions' end the copy, and the broadcast continues without
    it."""
    fact, _ = await stage.on_air(await with_profile(stage, copy_top=True), gop=47)
    viewer = Viewer(stage, fact)
    await viewer.until(lambda now: len(now.segments) > 3)
    argv = b" ".join(Path(f"/proc/{encoders(stage, fact)[0]}/cmdline").read_bytes().split(b"\0"))
    assert b"-c:v:0 copy" not in argv
    viewer.close()


async def test_the_ladder_changes_while_viewers_watch(stage: Any, monkeypatch: Any) -> None:
    """A changed profile, and a machine that can't carry it: the broadcast and its other renditions continue
    after a discontinuity; a rendition that comes later has gaps before."""
    verdicts: list[str] = []
    monkeypatch.setattr(
        "media.ladder.overload.OverloadDetector.judge", lambda *_: verdicts.pop() if verdicts else None
    )
    chosen = await with_profile(stage)
    fact, _ = await stage.on_air(chosen)
    doc = await own_profile(stage, fact, chosen)
    viewer = Viewer(stage, fact)
    await viewer.until(lambda now: len(now.segments) > 2)
    await stage.room._profiles.change(doc, {"rungs": [{"height": 180}, {"height": 120}]}, COMMAND_LINE)
    await viewer.until(lambda now: now.segments[-1].discontinuity == 1)
    assert b"v120.m3u8" in (await stage.get(fact, "master.m3u8"))[1]
    late = Viewer(stage, fact, "v120")
    listed = await late.until(lambda now: any(one.uri and not one.gap for one in now.segments))
    assert [one.gap for one in listed.segments] == sorted((one.gap for one in listed.segments), reverse=True)
    assert listed.segments[0].gap
    verdicts.append("drop")
    await stage.told("health.quality.drop", fact)
    await late.until(lambda now: now.segments[-1].discontinuity == 2)
    assert (await stage.get(fact, "v180.m3u8"))[0] == 404
    verdicts.append("raise")
    await stage.told("health.quality.recovered", fact)
    await late.until(lambda now: now.segments[-1].discontinuity == 3)
    assert b"v180.m3u8" in (await stage.get(fact, "master.m3u8"))[1]
    viewer.task.cancel()
    late.close()


async def test_whole_segments_only_and_a_long_window(as_set_up: Any) -> None:
    """The standard latency writes no parts; a DVR window of hours is announced with delta updates."""
    stage = as_set_up
    fact, _ = await stage.on_air({"latency": "standard", "dvr_s": 7200})
    status, body = await stage.get(fact, "v180.m3u8")
    assert status == 200
    assert b"CAN-SKIP-UNTIL=12.0" in body
    assert b"EXT-X-PART" not in body
    assert not list((stage.settings.live / "hls" / fact.playback).glob("p_*"))
    frames = await asyncio.to_thread(played, f"{stage.base}/origin/{fact.playback}/master.m3u8", 2)
    assert frames["video"] > 40


async def test_a_published_stream_plays_as_low_latency_and_as_plain_hls(as_set_up: Any) -> None:
    """Playlists keep the rules over their history, every listed file exists, and an ordinary player plays the
    same list."""
    stage = as_set_up
    fact = stage.stream()
    stage.publish(fact)
    began = time.monotonic()
    await stage.tell(PublishStarted, fact)
    playable = await stage.told("media.playable", fact)
    print(f"publish to playable: {time.monotonic() - began:.2f} s")
    assert (playable.width, playable.height) == (320, 180)
    viewer = Viewer(stage, fact)
    listed = await viewer.until(lambda now: len(now.segments) > 3)
    assert listed.part_target == 0.333333
    for uri in [
        listed.segments[-2].map,
        listed.segments[-2].uri,
        *(part.uri for part in listed.segments[-2].parts),
    ]:
        status, body = await stage.get(fact, uri)
        assert status == 200
        assert body
    frames = await asyncio.to_thread(played, f"{stage.base}/origin/{fact.playback}/master.m3u8")
    assert frames["video"] > 40
    assert frames["audio"] > 60
    viewer.close()


async def test_the_hinted_part_is_held_until_it_exists(stage: Any) -> None:
    """A preload hint always names a part that appears, also across a segment's end (research trap: eager
    close)."""
    fact, _ = await stage.on_air()
    viewer = Viewer(stage, fact)
    await viewer.until(lambda now: now.hint)
    for _ in range(8):
        hint = hls_conformance.parse((await stage.get(fact, "v180.m3u8"))[1].decode()).hint
        status, body = await stage.get(fact, hint)
        assert status == 200
        assert body[4:8] == b"moof"
    viewer.close()


async def test_a_killed_encoder_goes_on_with_a_discontinuity(stage: Any) -> None:
    """kill -9 of FFmpeg costs a discontinuity; the media sequence never goes back, dates never jump inside
    one, no zombie stays."""
    fact, _ = await stage.on_air()
    viewer = Viewer(stage, fact)
    await viewer.until(lambda now: len(now.segments) > 1)
    (pid,) = encoders(stage, fact)
    os.kill(pid, signal.SIGKILL)
    await viewer.until(lambda now: now.segments[-1].discontinuity == 1 and len(now.segments[-1].parts) > 1)
    viewer.close()
    assert encoders(stage, fact) != [pid]
    assert not zombies()
    assert [event.type for event in stage.heard].count("media.playable") == 1


async def test_the_encoder_leaves_returns_and_ends(stage: Any) -> None:
    """Disconnected: the list stays open without a hint. Back: MSN continues after a discontinuity. Offline:
    ENDLIST, no FFmpeg."""
    fact, publisher = await stage.on_air()
    viewer = Viewer(stage, fact)
    await viewer.until(lambda now: len(now.segments) > 1)
    publisher.terminate()
    publisher.wait()
    await stage.tell(PublishDone, fact)
    gone = await viewer.until(lambda now: not now.hint)
    assert not gone.ended
    again = fact.model_copy(update={"generation": 2})
    publisher = stage.publish(again, audio=False, size="640x360")
    await stage.tell(PublishStarted, again)
    await stage.tell(PublishStarted, fact)  # late and old
    await stage.told("media.playable", again, generation=2)
    back = await viewer.until(lambda now: now.segments[-1].discontinuity == 1)
    assert back.last > gone.last
    stage.note(PublishStarted, again)
    publisher.kill()
    publisher.wait()
    await stage.tell(StreamOffline, again)
    await viewer.until(lambda now: now.ended)
    viewer.close()
    assert not encoders(stage, fact)
    assert not zombies()
    status, _ = await stage.get(fact, "v180.m3u8?_HLS_msn=999999999")
    assert status == 200


async def test_a_transcoder_is_bounded_in_memory(stage: Any, monkeypatch: Any) -> None:
    """A picture that needs more ends its publish with a sentence, and is not tried again and again."""
    monkeypatch.setattr("media.ffmpeg.process.LIVE_MEMORY", 300 << 20)
    monkeypatch.setattr("media.ffmpeg.process.LIVE_MEMORY_A_CORE", 0)
    fact = stage.stream()
    stage.publish(fact, size="1920x1080")
    await stage.tell(PublishStarted, fact)
    assert "more memory" in (await stage.told("media.failed", fact)).reason
    assert not encoders(stage, fact)


async def test_a_source_without_sound_plays(as_set_up: Any) -> None:
    """Silence replaces the sound, so that players keep one shape when there is some later."""
    stage = as_set_up
    fact, _ = await stage.on_air(audio=False, rate="25")
    _, master = await stage.get(fact, "master.m3u8")
    assert b'CODECS="avc1.' in master
    assert b"mp4a.40.2" in master
    viewer = Viewer(stage, fact)
    listed = await viewer.until(lambda now: len(now.segments) > 1)
    assert [part.duration for part in listed.segments[0].parts] == [0.36] * 5 + [0.2]
    frames = await asyncio.to_thread(played, f"{stage.base}/origin/{fact.playback}/master.m3u8")
    assert frames["audio"] > 90
    viewer.close()


async def test_a_restarted_room_continues_the_sequence(world: Any) -> None:
    """Another process finds the index, the stream documents and the ingest, and continues with a
    discontinuity."""
    first = await world.stage()
    await first.room.start()
    fact, _ = await first.on_air()
    viewer = Viewer(first, fact)
    before = await viewer.until(lambda now: len(now.segments) > 1)
    viewer.close()
    await first.room.stop()
    second = await world.stage()
    second.note(PublishStarted, fact)
    await second.room.start()
    await second.told("media.playable", fact)
    viewer = Viewer(second, fact)
    after = await viewer.until(lambda now: now.segments[-1].discontinuity == 1)
    assert after.segments[0].msn == before.segments[0].msn
    assert not hls_conformance.violations(after, before) or after.last >= before.last
    viewer.close()


async def test_two_workers_share_streams(world: Any) -> None:
    """A stream belongs to one worker, which gets its facts whichever process consumed them; the other answers
    404."""
    scaled_out = {"redis_url": f"unix://{world.folder}/redis.sock"}
    stages = [await world.stage(**scaled_out), await world.stage(**scaled_out)]
    for one in stages:
        await one.room.start()
    fact, _ = await stages[0].on_air()
    stages[1].note(PublishStarted, fact)
    statuses = [(await one.get(fact, "master.m3u8"))[0] for one in stages]
    assert sorted(statuses) == [200, 404]
    owner = stages[statuses.index(200)]
    other = stages[statuses.index(404)]
    await other.tell(StreamOffline, fact)
    viewer = Viewer(owner, fact)
    await viewer.until(lambda now: now.ended)
    viewer.close()


async def test_three_renditions_are_cut_alike(world: Any) -> None:
    """Rendition reports name the same last part, every rendition has the same segments, and all can be
    decoded."""
    stage = await world.stage(ladder=[720, 480, 360], segment_s=2)
    await stage.room.start()
    fact = stage.stream()
    stage.publish(fact, size="1280x720")
    began = time.monotonic()
    await stage.tell(PublishStarted, fact)
    await stage.told("media.playable", fact)
    print(f"720/480/360: publish to playable {time.monotonic() - began:.2f} s")
    viewers = [Viewer(stage, fact, name) for name in ("v720", "v480", "v360")]
    lists = [await viewer.until(lambda now: len(now.segments) > 2) for viewer in viewers]
    assert {tuple((part.duration) for part in one.segments[0].parts) for one in lists} == {(0.333333,) * 6}
    assert {one.segments[0].date_ms for one in lists} == {lists[0].segments[0].date_ms}
    assert set(lists[0].reports) == {"v480.m3u8", "v360.m3u8"}
    assert set(lists[0].reports.values()) == {lists[0].last}
    for viewer in viewers:
        viewer.close()


async def test_what_never_becomes_a_stream_is_refused(stage: Any) -> None:
    """Unknown streams, names and files are 404 problem documents; nonsense in a blocking reload is 400."""
    fact, _ = await stage.on_air()
    for name in ("v720.m3u8", "x.txt", "../index.jsonl", "p_x_v180_1_0.m4s", "s_x_v180_1.m4s"):
        status, body = await stage.get(fact, name)
        assert status == 404, name
        assert json.loads(body)["code"] == "not_found"
    for query in (
        "_HLS_msn=-1",
        "_HLS_msn=x",
        "_HLS_part=1",
        "_HLS_msn=99999999999",
        "_HLS_msn=",
        "_HLS_msn=1&_HLS_part=1.5",
    ):
        assert (await stage.get(fact, f"v180.m3u8?{query}"))[0] == 400, query
    assert (await stage.get(fact.model_copy(update={"playback": new_id("ply")}), "master.m3u8"))[0] == 404


async def test_an_encoder_that_always_dies_is_given_up(stage: Any, monkeypatch: Any) -> None:
    """The crash-loop brake: after the allowed starts MediaFailed is published once, and no process is
    left."""
    monkeypatch.setattr("media.live.restart_backoff.MOST_RESTARTS", 3)
    monkeypatch.setattr("media.live.restart_backoff.LONGEST_PAUSE_S", 0.01)
    monkeypatch.setattr("media.live.restart_backoff.FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr("media.ffmpeg.args.FRAGMENTS", "+no_such_flag")
    fact = stage.stream()
    stage.publish(fact)
    await stage.tell(PublishStarted, fact)
    failed = await stage.told("media.failed", fact)
    assert failed.reason == "The transcoder failed too often."
    assert not encoders(stage, fact)
    assert not zombies()


async def test_sound_alone_is_a_broadcast(stage: Any) -> None:
    """A still picture is shown with it, and a rendition has the sound by itself."""
    fact = stage.stream()
    argv = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "error",
        "-re",
        "-f",
        "lavfi",
        "-i",
        "sine",
        "-c:a",
        "aac",
        "-f",
        "flv",
    ]
    stage.publishers.append(
        subprocess.Popen([*argv, f"{stage.settings.pull_url}/{fact.playback}"], stderr=subprocess.DEVNULL)
    )
    await stage.tell(PublishStarted, fact)
    await stage.told("media.playable", fact)
    master = (await stage.get(fact, "master.m3u8"))[1].decode()
    assert [line for line in master.splitlines() if line.endswith(".m3u8")] == ["v360.m3u8", "audio.m3u8"]
    viewer = Viewer(stage, fact, "audio")
    await viewer.until(lambda now: len(now.segments) > 2)
    viewer.close()
    frames = await asyncio.to_thread(played, f"{stage.base}/origin/{fact.playback}/v360.m3u8")
    assert frames["video"] > 40
    assert frames["audio"] > 90


async def test_a_frozen_encoder_process_is_replaced(stage: Any, monkeypatch: Any) -> None:
    """The watchdog kills an FFmpeg that stalls while bytes arrive, and the stream continues."""
    monkeypatch.setattr("media.live.encoder_session.STALLED_S", 1.0)
    fact, _ = await stage.on_air()
    viewer = Viewer(stage, fact)
    await viewer.until(lambda now: now.segments)
    (pid,) = encoders(stage, fact)
    os.kill(pid, signal.SIGSTOP)
    await viewer.until(lambda now: now.segments[-1].discontinuity == 1)
    viewer.close()
    assert encoders(stage, fact) != [pid]


async def test_facts_may_come_twice_and_late(world: Any, monkeypatch: Any) -> None:
    """A repeated start changes nothing; an older generation's end does not touch the present one; a lost one
    is made up for."""
    monkeypatch.setattr("media.worker.SWEEP_S", 0.5)
    stage = await world.stage()
    await stage.room.start()
    fact, _ = await stage.on_air()
    (pid,) = encoders(stage, fact)
    await stage.tell(PublishStarted, fact)
    await stage.tell(PublishDone, fact, generation=0)
    await stage.tell(StreamOffline, fact, broadcast=new_id("brd"))
    await asyncio.sleep(0.3)  # what these facts must not do would have begun by now
    stage.note(PublishStarted, fact)
    assert encoders(stage, fact) == [pid]
    stage.note(StreamOffline, fact)  # control ended it, and the fact was lost
    viewer = Viewer(stage, fact)
    await viewer.until(lambda now: now.ended)
    viewer.close()


async def test_an_ended_broadcast_is_cleared_away(stage: Any, monkeypatch: Any) -> None:
    """Some minutes after the end no file is left and the stream is unknown; leftovers of dead processes go at
    start."""
    monkeypatch.setattr("media.worker.KEEP_ENDED_S", 0.5)
    left = stage.settings.data / "hls" / new_id("ply")
    left.mkdir(parents=True)
    fact, _ = await stage.on_air()
    await stage.tell(StreamOffline, fact)
    for _ in range(200):
        if (await stage.get(fact, "master.m3u8"))[0] == 404:
            break
        await asyncio.sleep(0.05)
    assert not (stage.settings.data / "hls" / fact.playback).exists()
    assert not (stage.settings.live / "hls" / fact.playback).exists()
    await stage.room.worker.clear_leftovers()
    assert not left.exists()


async def test_a_two_second_keyframe_distance_is_ready_in_time(stage: Any) -> None:
    """OBS' usual 2 s between keyframes: the picture is there within a few seconds."""
    fact = stage.stream()
    stage.publish(fact, gop=60)
    began = time.monotonic()
    await stage.tell(PublishStarted, fact)
    await stage.told("media.playable", fact)
    print(f"keyframes each 2 s: publish to playable {time.monotonic() - began:.2f} s")


async def test_ffmpeg_dies_with_its_owner(tmp_path: Path) -> None:
    """kill -9 of the application leaves no FFmpeg."""
    program = """
import asyncio, sys
from media.ffmpeg.process import spawn
async def main():
    child = await spawn(lambda pipes: ["sleep", "60"])
    print(child.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    pid = int(await asyncio.to_thread(owner.stdout.readline))
    owner.kill()
    owner.wait()
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except OSError:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the child lives")


async def test_an_encoder_that_came_and_went_many_times_is_followed_in_its_newest_publish(world: Any) -> None:
    """A publish that ends before its turn delays no later one."""
    stage = await world.stage()
    await stage.room.start()
    fact = stage.stream()
    stage.publish(fact)
    for generation in range(1, 10):
        await stage.tell(PublishStarted, fact, generation=generation)
        await stage.tell(PublishDone, fact, generation=generation)
    await stage.tell(PublishStarted, fact, generation=10)
    await stage.told("media.playable", fact, generation=10)
