"""What an upload waits for, and what is said of it meanwhile."""

import asyncio
from pathlib import Path

import pytest

from media.ffmpeg.probe import UnusableFile
from media.recordings.store import RecordingStore
from media.uploads import transcoder
from tests.media.conftest import Stage
from tests.media.uploads.test_service import client, film, stage
from weir.foundation.tenancy.collections import RECORDINGS, RecordingDoc

__all__ = ["film", "stage"]


async def test_waiting_uploads_have_a_place_and_are_looked_at_at_once(
    stage: Stage, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While live streams need the machine the first one says so, the others how many come before them, and
    what is no video is refused without waiting."""
    strained = True
    monkeypatch.setattr(stage.room._transcoder, "_is_overloaded", lambda: strained)
    monkeypatch.setattr(transcoder, "WATCH_S", 0.01)  # it is held before it has made anything
    monkeypatch.setattr(transcoder, "CALM_S", 0.1)
    me, data = client(stage), film.read_bytes()
    paths = [(await me.begin(len(data), data, filename=f"{one}.mp4"))[0] for one in range(3)]

    async def seen() -> list[tuple[str | None, int | None]]:
        videos = [await me.video(path) for path in paths]
        return [(one["waits_for"], one["files_before"]) for one in videos]

    for _ in range(100):
        if await seen() == [("live", None), ("uploads", 1), ("uploads", 2)]:
            break
        await asyncio.sleep(0.1)
    assert await seen() == [("live", None), ("uploads", 1), ("uploads", 2)]
    shown = [(await me.ask("GET", path))[2] for path in paths]
    assert [(one["waits_for"], one["files_before"]) for one in shown] == await seen()
    _, _, listed = await me.ask("GET", "/v1/recordings")
    assert sorted(one["files_before"] or 0 for one in listed["data"]) == [0, 1, 2]
    noise, _ = await me.begin(15_000, b"\0\1\2" * 5000)
    assert (await me.until(noise, "failed"))["code"] == "unreadable"
    assert await seen() == [("live", None), ("uploads", 1), ("uploads", 2)]
    strained = False
    for path in paths:
        ready = await me.until(path, "ready")
        assert (ready["waits_for"], ready["files_before"]) == (None, None)


async def test_what_a_dead_process_held_goes_on_without_a_word_of_waiting(
    stage: Stage, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its mark is removed when the video's turn begins anew, and a video that is ready waits for nothing."""
    store, marks = stage.services.store.operator(), []
    hold = RecordingStore.hold

    async def noted(self: RecordingStore, doc: RecordingDoc, held: bool) -> None:
        marks.append(held)
        await hold(self, doc, held)

    monkeypatch.setattr(RecordingStore, "hold", noted)
    me, data = client(stage), film.read_bytes()
    path, _ = await me.begin(len(data))
    video = path.rsplit("/", 1)[1]
    await store.update(RECORDINGS, video, set={"held": True})
    assert (await me.send(path, 0, data))[0] == 204
    assert (await me.until(path, "ready"))["waits_for"] is None
    assert marks == [False]
    await store.update(RECORDINGS, video, set={"held": True})
    assert (await me.video(path))["waits_for"] is None


async def test_a_refusal_that_comes_too_late_deletes_nothing(stage: Stage, film: Path) -> None:
    """A worker that read the upload before another one finished it keeps the ready video's files."""
    me, data = client(stage), film.read_bytes()
    path, _ = await me.begin(len(data))
    video = path.rsplit("/", 1)[1]
    store = stage.services.store.operator()
    read_before = await store.get(RECORDINGS, video)
    assert read_before is not None
    assert (await me.send(path, 0, data))[0] == 204
    await me.until(path, "ready")
    assert not await stage.room._transcoder._refuse(read_before, UnusableFile("unreadable", "No video."))
    assert (await me.video(path))["state"] == "ready"
    assert (stage.settings.data / "recordings" / video / "recording.mp4").exists()
