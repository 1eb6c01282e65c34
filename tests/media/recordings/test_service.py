"""Recordings with real FFmpeg: made, continued, stopped, finished."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import m3u8
import pytest

from media.recordings.recording_files import RecordingFiles
from tests.media.conftest import until
from tests.media.live.test_live import own_profile, played, with_profile
from weir.foundation.audit import COMMAND_LINE
from weir.foundation.clock import now_ms
from weir.foundation.documents import Collection, Doc
from weir.foundation.errors import Conflict, NotFound, QuotaExceeded
from weir.foundation.events import AppDeleted, PublishDone, PublishStarted, StreamOffline
from weir.foundation.ids import new_id
from weir.foundation.tenancy.collections import PROFILES, RECORDINGS
from weir.foundation.tenancy.quotas import USED_UP


def seconds_of(path: Path) -> float:
    argv = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-print_format", "json", str(path)]
    return float(
        json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)["format"]["duration"]
    )


def start_of_sound(path: Path) -> float:
    argv = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "a",
        "-show_entries",
        "stream=start_time",
        "-of",
        "csv=p=0",
        str(path),
    ]
    return float(subprocess.run(argv, capture_output=True, check=True).stdout)


async def recording_of(stage: Any, fact: Any, state: str) -> Doc:
    async def found() -> Doc | None:
        docs = await stage.services.store.operator().find(RECORDINGS, {"broadcast": fact.broadcast})
        return next((doc for doc in docs.data if doc["state"] == state), None)

    for _ in range(600):
        doc = await found()
        if doc is not None:
            return doc
        await asyncio.sleep(0.05)
    raise AssertionError(f"no recording is {state}")


def segments_recorded(stage: Any, recording: str) -> int:
    return len(RecordingFiles(stage.settings, recording).segments())


async def test_a_broadcast_becomes_a_recording(stage: Any) -> None:
    """At the end there are an MP4 with its index in front, playlists over the same bytes, a poster and
    previews; each is published once."""
    fact, publisher = await stage.on_air({"title": "Show", "recording": None})
    doc = await recording_of(stage, fact, "recording")
    await until(lambda: segments_recorded(stage, doc["id"]) >= 3)
    publisher.terminate()
    await stage.tell(PublishDone, fact)
    await stage.tell(StreamOffline, fact)
    doc = await recording_of(stage, fact, "ready")
    folder = stage.settings.data / "recordings" / doc["id"]
    assert doc["title"] == "Show"
    assert seconds_of(folder / "recording.mp4") == pytest.approx(doc["duration_s"], abs=0.2)
    last = RecordingFiles(stage.settings, doc["id"]).segments()[-1]
    assert doc["ended"] == last.start_ms + round(last.duration_s * 1000)  # not when the grace was over
    assert b"moov" in (folder / "recording.mp4").read_bytes()[:64]
    assert doc["size"] == (folder / "recording.mp4").stat().st_size
    listed = m3u8.load(str(folder / "v180.m3u8"))
    assert sum(one.duration for one in listed.segments) == pytest.approx(doc["duration_s"], abs=0.01)
    frames = await asyncio.to_thread(played, str(folder / "master.m3u8"), 60)
    assert frames["video"] == round(doc["duration_s"] * 30)
    assert doc["sprite"]
    assert (folder / "poster.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert "sprite_0.jpg#xywh=0,0,160,90" in (folder / "previews.vtt").read_text()
    await until(
        lambda: sum(
            e.type == "recording.ready" for e in stage.heard if getattr(e, "playback", "") == fact.playback
        )
    )
    kinds = [e.type for e in stage.heard if getattr(e, "playback", "") == fact.playback and e.public]
    assert kinds.count("recording.started") == kinds.count("recording.ready") == 1


async def test_a_recording_goes_on_over_a_new_process_and_a_new_publish(world: Any) -> None:
    """The next worker appends to it; the seams are discontinuities, and the MP4 holds all of it."""
    stage = await world.stage()
    await stage.room.start()
    fact, publisher = await stage.on_air()
    doc = await recording_of(stage, fact, "recording")
    await until(lambda: segments_recorded(stage, doc["id"]) >= 1)
    await stage.room.stop()
    other = await world.stage()
    other.directory.docs[:] = stage.directory.docs
    await other.room.start()
    await until(
        lambda: (
            {one.run for one in RecordingFiles(other.settings, doc["id"]).segments()} == {0, 1}
            and segments_recorded(other, doc["id"]) >= 3
        )
    )
    publisher.terminate()
    await other.tell(PublishDone, fact)
    other.publish(fact)
    await other.tell(PublishStarted, fact, generation=2)
    await until(
        lambda: (
            {one.run for one in RecordingFiles(other.settings, doc["id"]).segments()} == {0, 1, 2}
            and segments_recorded(other, doc["id"]) >= 5
        )
    )
    await other.tell(StreamOffline, fact, generation=2)
    doc = await recording_of(other, fact, "ready")
    folder = other.settings.data / "recordings" / doc["id"]
    assert (folder / "v180.m3u8").read_text().count("#EXT-X-DISCONTINUITY\n") == 2
    assert seconds_of(folder / "recording.mp4") == pytest.approx(doc["duration_s"], abs=0.5)


async def test_a_ladder_that_is_replaced_in_the_middle(stage: Any) -> None:
    """Nothing of the show is missing in the MP4, and an ordinary player plays through: FFmpeg skips a third
    of a second at a seam."""
    chosen = await with_profile(stage, audio_only=True)
    fact, publisher = await stage.on_air(chosen)
    doc, profile = await recording_of(stage, fact, "recording"), await own_profile(stage, fact, chosen)
    await until(lambda: segments_recorded(stage, doc["id"]) >= 2)
    await stage.room._profiles.change(
        profile, {"rungs": [{"height": 120, "preset": "superfast"}], "audio_only": True}, COMMAND_LINE
    )
    await until(
        lambda: (
            {one.run for one in RecordingFiles(stage.settings, doc["id"]).segments()} == {0, 1}
            and segments_recorded(stage, doc["id"]) >= 5
        )
    )
    publisher.terminate()
    await stage.tell(PublishDone, fact)
    await stage.tell(StreamOffline, fact)
    doc = await recording_of(stage, fact, "ready")
    folder = stage.settings.data / "recordings" / doc["id"]
    wanted = round(doc["duration_s"] * 30)
    for file, skipped in (("recording.mp4", 0), ("master.m3u8", 15)):
        frames = await asyncio.to_thread(played, str(folder / file), 60)
        assert wanted - skipped - 1 <= frames["video"] <= wanted + 1, file
    assert (doc["width"], doc["height"], doc["sprite"]) == (320, 180, True)


async def test_sound_that_comes_with_the_next_publish(stage: Any) -> None:
    """An encoder that begins without it: the recording has silence until then."""
    fact, publisher = await stage.on_air(audio=False)
    doc = await recording_of(stage, fact, "recording")
    await until(lambda: segments_recorded(stage, doc["id"]) >= 2)
    publisher.terminate()
    await stage.tell(PublishDone, fact)
    publisher = stage.publish(fact)
    await stage.tell(PublishStarted, fact, generation=2)
    await until(lambda: sum(one.run for one in RecordingFiles(stage.settings, doc["id"]).segments()) >= 2)
    publisher.terminate()
    await stage.tell(PublishDone, fact, generation=2)
    await stage.tell(StreamOffline, fact, generation=2)
    doc = await recording_of(stage, fact, "ready")
    frames = await asyncio.to_thread(
        played, str(RecordingFiles(stage.settings, doc["id"]).folder / "recording.mp4"), 60
    )
    assert frames["video"] == pytest.approx(doc["duration_s"] * 30, abs=1)
    assert frames["audio"] == pytest.approx(doc["duration_s"] * 48000 / 1024, abs=8)


async def test_recording_by_hand(stage: Any) -> None:
    """A stream that is not recorded by itself is recorded from a start to a stop, once at a time; afterwards
    it can be deleted."""
    fact, _ = await stage.on_air({"recording": False})
    stream = {**stage.directory.docs[0], "title": "By hand"}
    verbs = stage.room._recordings
    assert not (await stage.services.store.operator().find(RECORDINGS)).data
    begun = await verbs.start(stream, new_id("rec"), COMMAND_LINE)
    with pytest.raises(Conflict):
        await verbs.start(stream, new_id("rec"), COMMAND_LINE)
    with pytest.raises(NotFound):
        await verbs.stop("app_other", begun["id"], COMMAND_LINE)
    await until(lambda: segments_recorded(stage, begun["id"]) >= 2)
    with pytest.raises(Conflict):
        await verbs.remove(fact.app, begun["id"], COMMAND_LINE)
    await verbs.stop(fact.app, begun["id"], COMMAND_LINE)
    doc = await recording_of(stage, fact, "ready")
    with pytest.raises(Conflict):
        await verbs.stop(fact.app, begun["id"], COMMAND_LINE)
    assert doc["duration_s"] >= 2
    await verbs.remove(fact.app, begun["id"], COMMAND_LINE)
    assert not (stage.settings.data / "recordings" / begun["id"]).exists()
    with pytest.raises(NotFound):
        await verbs.remove(fact.app, begun["id"], COMMAND_LINE)


async def test_what_a_dead_process_left_is_finished(world: Any) -> None:
    """A broadcast ended while no worker ran: the sweep ends its recording; one without a segment has failed,
    and says so."""
    stage = await world.stage()
    await stage.room.start()
    fact, publisher = await stage.on_air()
    doc = await recording_of(stage, fact, "recording")
    await until(lambda: segments_recorded(stage, doc["id"]) >= 2)
    await stage.room.stop()
    publisher.terminate()
    empty = stage.stream()
    await stage.room._recording_store.create("rec_empty", empty, "Nothing")
    other = await world.stage()
    await other.room._recordings.sweep()
    assert (await recording_of(other, fact, "ready"))["duration_s"] >= 2
    assert (await recording_of(other, empty, "failed"))["reason"] == "Nothing was recorded."


async def test_one_recording_of_a_stream_runs_at_a_time(world: Any) -> None:
    """The whole stack was stopped while a stream was on air; when it publishes a new broadcast, the recording
    of the one before is ended, although a worker holds the stream."""
    stage = await world.stage()
    await stage.room.start()
    fact, publisher = await stage.on_air()
    await recording_of(stage, fact, "recording")
    before = fact.model_copy(update={"broadcast": "brd_" + "0" * 26})
    await stage.room._recording_store.create("rec_before", before, "Before")
    (doc,) = stage.directory.docs
    doc["began"] = now_ms()
    await stage.room._recordings.sweep()
    assert (await recording_of(stage, before, "recording"))["id"] == "rec_before"
    doc["began"] = now_ms() - 60_000
    await stage.room._recordings.sweep()
    assert (await recording_of(stage, before, "failed"))["reason"] == "Nothing was recorded."
    assert (await recording_of(stage, fact, "recording"))["state"] == "recording"
    publisher.terminate()


async def test_a_live_stream_has_a_thumbnail(world: Any) -> None:
    """A picture in memory, made anew, published once a publish."""
    stage = await world.stage(thumbnail_every_s=1)
    await stage.room.start()
    fact, _ = await stage.on_air()
    await stage.told("thumbnail.ready", fact)
    picture = stage.settings.live / "hls" / fact.playback / "thumbnail.jpg"
    first = picture.stat().st_mtime_ns
    assert picture.read_bytes()[:2] == b"\xff\xd8"
    await until(lambda: picture.stat().st_mtime_ns > first)
    assert not list(picture.parent.glob("thumbnail.mp4"))


async def test_a_deleted_apps_recordings_and_profiles_go(stage: Any) -> None:
    """Files too; another app's stay."""
    kept, gone = stage.stream(), stage.stream()
    for fact in (kept, gone):
        recording = new_id("rec")
        await stage.room._recording_store.create(recording, fact, "Show")
        RecordingFiles(stage.settings, recording).open()
        fields = {"name": "p", "rungs": [], "audio_only": False, "copy_top": False}
        await stage.room._profiles.create(fact.app, new_id("prf"), fields, COMMAND_LINE)
    await stage.bus.publish(AppDeleted(app=gone.app))
    everything = stage.services.store.operator()

    async def left(collection: Collection[Any]) -> set[str]:
        return {doc["app"] for doc in (await everything.find(collection)).data}

    for _ in range(200):
        if await left(RECORDINGS) == await left(PROFILES) == {kept.app}:
            break
        await asyncio.sleep(0.05)
    assert await left(RECORDINGS) == await left(PROFILES) == {kept.app}
    assert len(list((stage.settings.data / "recordings").iterdir())) == 1


async def test_a_plan_without_room_for_it_records_nothing(stage: Any) -> None:
    """The broadcast continues, its owner is notified, and no recording can be begun by hand; with room again
    it can be begun."""
    stage.directory.plan, stage.directory.stored = "free", 5 * 10**9
    fact, _ = await stage.on_air({"title": "Show", "recording": True})
    (stream,) = await stage.directory.live_streams()
    with pytest.raises(QuotaExceeded):
        await stage.room._recordings.start({**stream, "title": "Show"}, new_id("rec"), COMMAND_LINE)
    assert await stage.services.store.operator().count(RECORDINGS, {"broadcast": fact.broadcast}) == 0
    told = await stage.services.store.app(fact.app).find(USED_UP)
    assert [(one["quota"], one["limit"]) for one in told.data] == [("storage_gb", 5)]
    stage.directory.stored -= 1
    await stage.room._recordings.start({**stream, "title": "Show"}, new_id("rec"), COMMAND_LINE)
    assert await stage.services.store.operator().count(RECORDINGS, {"broadcast": fact.broadcast}) == 1
