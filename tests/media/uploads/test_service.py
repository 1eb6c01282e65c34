"""Uploading over HTTP as the tus protocol says, and what becomes of what was sent, with real FFmpeg."""

import asyncio
import base64
import contextlib
import hashlib
import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from media.ffmpeg.process import FfmpegProcess, sandbox_for_file
from media.recordings.recording_files import RecordingFiles
from media.uploads import service as uploads
from media.uploads import transcoder
from media.uploads.staging import UploadStaging
from media.uploads.transcoder import Transcoder
from tests.media.conftest import Stage, until
from tests.media.live.test_live import played
from tests.media.recordings.test_service import seconds_of
from tests.support.running_stack import children_of
from weir.foundation.events import AppDeleted
from weir.foundation.http.idempotency import REPEATS
from weir.foundation.ids import new_id
from weir.foundation.sandbox import protections
from weir.foundation.tenancy.collections import STREAMS

TUS = {"Tus-Resumable": "1.0.0"}
BODY = {**TUS, "Content-Type": "application/offset+octet-stream"}
Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """7.5 s of picture and sound, 25 frames a second."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=25:duration=7.5", "-f", "lavfi",
         "-i", "sine=duration=7.5", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)],
        check=True,
    )  # fmt: skip
    return path


def metadata(**about: str) -> dict[str, str]:
    return {
        "Upload-Metadata": ",".join(
            f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in about.items()
        )
    }


class Client:
    """A user of one app; `as_user` speaks with an upload token."""

    def __init__(self, stage: Stage, app: str, token: str) -> None:
        self._stage, self.app, self.bearer = stage, app, {"Authorization": f"Bearer {token}"}

    async def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, **body: Any
    ) -> tuple[int, Any, Any]:
        url = path if path.startswith("http") else self._stage.base + path
        async with self._stage.http.request(
            method, url, headers={**self.bearer, **(headers or {})}, **body
        ) as reply:
            told = await reply.json(content_type=None) if "json" in reply.content_type else await reply.read()
            return reply.status, reply.headers, told

    async def begin(self, length: int, data: bytes | None = None, **about: str) -> tuple[str, Any]:
        """The path of a new upload and the answer's headers."""
        headers = {**(BODY if data is not None else TUS), "Upload-Length": str(length), **metadata(**about)}
        status, told, body = await self.ask("POST", "/v1/vod", headers, data=data)
        assert status == 201, body
        assert told["Location"].endswith("/v1/vod/" + body["id"])
        return "/v1/vod/" + body["id"], told

    async def send(self, path: str, at: int, data: bytes, **headers: str) -> tuple[int, Any, Any]:
        return await self.ask("PATCH", path, {**BODY, "Upload-Offset": str(at), **headers}, data=data)

    async def offset(self, path: str) -> int:
        status, told, _ = await self.ask("HEAD", path, TUS)
        assert status == 200
        return int(told["Upload-Offset"])

    async def video(self, path: str) -> dict[str, Any]:
        status, _, told = await self.ask("GET", path.replace("/v1/vod", "/v1/recordings"))
        assert status == 200
        return dict(told)

    async def until(self, path: str, state: str) -> dict[str, Any]:
        for _ in range(600):
            video = await self.video(path)
            if video["state"] == state:
                return video
            await asyncio.sleep(0.05)
        raise AssertionError(video)


def client(stage: Stage, app: str | None = None, role: str = "editor") -> Client:
    app = app or new_id("app")
    stage.directory.apps[app] = {"id": app, "state": "active"}
    return Client(stage, app, stage.services.tokens.mint("weir:app", 600, sub="acc_1", app=app, role=role))


@pytest.fixture
async def stage(world: Any) -> Stage:
    made = await world.stage(upload_reserve_mb=1, vod_preset="ultrafast", max_upload_mb=100, segment_s=2)
    await made.room.start()
    return made


async def test_an_upload_becomes_a_video(stage: Stage, film: Path) -> None:
    """Sent in pieces, resumed, transcoded to the ladder, published, listed with the recordings, and the
    source file is deleted."""
    me, data = client(stage), film.read_bytes()
    path, told = await me.begin(len(data), filename="Holiday.mp4")
    assert "GMT" in told["Upload-Expires"]
    assert (await me.send(path, 0, data[:1000]))[0] == 204
    assert await me.offset(path) == 1000
    assert (await me.video(path))["state"] == "uploading"
    status, told, _ = await me.send(path, 1000, data[1000:])
    assert (status, told["Upload-Offset"], "Upload-Expires" in told) == (204, str(len(data)), False)
    video = await me.until(path, "ready")
    assert (video["title"], video["source"], video["renditions"], video["progress"]) == (
        "Holiday.mp4",
        "upload",
        [180],
        None,
    )
    assert video["duration_s"] == pytest.approx(7.5, abs=0.1)
    folder = stage.settings.data / "recordings" / video["id"]
    assert seconds_of(folder / "recording.mp4") == pytest.approx(7.5, abs=0.2)
    frames = await asyncio.to_thread(played, str(folder / "master.m3u8"), 60)
    assert frames["video"] == round(7.5 * 25)
    assert (folder / "poster.jpg").exists()
    assert "sprite_0.jpg" in (folder / "previews.vtt").read_text()
    await until(lambda: any(e.type == "vod.ready" and e.vod == video["id"] for e in stage.heard))  # type: ignore[attr-defined]
    await until(lambda: not UploadStaging(stage.settings, video["id"]).here)
    status, _, listed = await me.ask("GET", "/v1/recordings")
    assert [one["id"] for one in listed["data"]] == [video["id"]]
    status, _, access = await me.ask("POST", f"/v1/recordings/{video['id']}/playback-tokens", json={})
    assert (status, access["url"].endswith(f"/{video['id']}/master.m3u8")) == (201, True)
    assert await me.offset(path) == len(data)
    assert (await me.ask("DELETE", path, TUS))[0] == 204
    assert (await me.ask("HEAD", path, TUS))[0] == 404
    assert not folder.exists()


async def test_what_is_spoken(stage: Stage) -> None:
    """OPTIONS says it; another version is refused with the one that is known; every answer names its version."""
    me = client(stage)
    status, told, _ = await Client(stage, "", "").ask("OPTIONS", "/v1/vod")
    assert (status, told["Tus-Version"], told["Tus-Max-Size"]) == (204, "1.0.0", "100000000")
    assert set(told["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "expiration",
        "termination",
        "checksum",
    }
    for headers in ({}, {"Tus-Resumable": "0.2.2"}):
        status, told, body = await me.ask("POST", "/v1/vod", {**headers, "Upload-Length": "5"})
        assert (status, told["Tus-Version"], body["code"]) == (412, "1.0.0", "conflict")
    path, told = await me.begin(5, b"abc")
    assert (told["Upload-Offset"], told["Tus-Resumable"]) == ("3", "1.0.0")
    status, told, _ = await me.ask("GET", path)
    assert (status, told["Upload-Length"], told["Cache-Control"], told["Tus-Resumable"]) == (
        200,
        "5",
        "no-store",
        "1.0.0",
    )


async def test_refusals(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its own status and code, and what has arrived stays as it was."""
    me = client(stage)
    path, _ = await me.begin(10, b"abc")
    wrong = {"Upload-Checksum": "sha256 " + base64.b64encode(hashlib.sha256(b"xyz").digest()).decode()}
    for status, answer in (
        (409, await me.send(path, 2, b"d")), (413, await me.send(path, 3, b"d" * 8)), (460, await me.send(path, 3, b"abc", **wrong)),
        (400, await me.send(path, 3, b"abc", **{"Upload-Checksum": "crc32 AAAA"})), (400, await me.send(path, -3, b"abc")),
        (415, await me.ask("PATCH", path, {**TUS, "Upload-Offset": "3"}, data=b"d")),
        (413, await me.ask("POST", "/v1/vod", {**TUS, "Upload-Length": "100000001"})),
        (400, await me.ask("POST", "/v1/vod", TUS)), (422, await me.ask("POST", "/v1/vod", {**TUS, "Upload-Length": "0"})),
        (415, await me.ask("POST", "/v1/vod", {**TUS, "Upload-Length": "5"}, data=b"abc")),
        (404, await me.ask("POST", "/v1/vod", {**TUS, "Upload-Length": "5", **metadata(stream=new_id("str"))})),
        (404, await client(stage).ask("HEAD", path, TUS)), (404, await me.send(path[:-1] + "!", 3, b"d")),
        (403, await client(stage, me.app, "viewer").ask("HEAD", path, TUS)),
    ):  # fmt: skip
        assert answer[0] == status, answer
    assert await me.offset(path) == 3
    with UploadStaging(stage.settings, path.rsplit("/", 1)[1]).writing():
        status, told, body = await me.send(path, 3, b"d")
        assert (status, body["code"], told["Retry-After"]) == (423, "conflict", "1")
    monkeypatch.setattr(uploads, "has_room", lambda *_: False)
    status, _, body = await me.ask("POST", "/v1/vod", {**TUS, "Upload-Length": "5"})
    assert (status, body["code"]) == (507, "storage_full")
    monkeypatch.undo()
    monkeypatch.setattr(uploads, "MOST_UNFINISHED", 1)
    assert (await me.ask("POST", "/v1/vod", {**TUS, "Upload-Length": "5"}))[2]["code"] == "quota_exceeded"
    monkeypatch.undo()
    stage.directory.apps[me.app]["plan"], stage.directory.stored = "free", 5_000_000_000 - 4
    assert (await me.ask("POST", "/v1/vod", {**TUS, "Upload-Length": "5"}))[2]["code"] == "quota_exceeded"
    assert (await me.ask("POST", "/v1/vod", {**TUS, "Upload-Length": "4"}))[0] == 201


async def test_a_checksum_speaks_for_the_whole_body(stage: Stage) -> None:
    """One that holds is taken; a body that breaks off before its end leaves nothing, where one without
    checksum leaves all."""
    me = client(stage)
    path, _ = await me.begin(1000)
    right = {"Upload-Checksum": "sha1 " + base64.b64encode(hashlib.sha1(b"abc").digest()).decode()}
    assert (await me.send(path, 0, b"abc", **right))[0] == 204

    async def breaking() -> Any:
        yield b"d" * 100
        await asyncio.sleep(0.1)  # a slow sender: its first bytes are on the wire when it breaks off
        raise ConnectionResetError

    for headers, expected in ((right, 3), ({}, 103)):
        with pytest.raises((ConnectionResetError, aiohttp.ClientError)):
            await me.send(path, 3, breaking(), **headers)
        for _ in range(100):
            if await me.offset(path) == expected:
                break
            await asyncio.sleep(0.02)
        assert await me.offset(path) == expected


async def test_upload_tokens(stage: Stage) -> None:
    """For one user, one stream and so many bytes; nothing else opens with it, and others' uploads are out of
    sight."""
    me, stream = client(stage), new_id("str")
    doc = {
        "id": stream,
        "playback": new_id("ply"),
        "channel": new_id("chn"),
        "state": "idle",
        "created": 1,
        "title": "Show",
    }
    await stage.services.store.app(me.app).insert(STREAMS, doc)
    wanted = {"user": "ann", "stream": stream, "max_size": 50}
    status, _, made = await me.ask("POST", "/v1/upload-tokens", json=wanted)
    assert status == 201
    assert (await me.ask("POST", "/v1/upload-tokens", json={**wanted, "stream": new_id("str")}))[0] == 404
    ann, ben = Client(stage, me.app, made["token"]), Client(stage, me.app, "")
    ben.bearer = {
        "Authorization": "Bearer "
        + (await me.ask("POST", "/v1/upload-tokens", json={"user": "ben"}))[2]["token"]
    }
    path, _ = await ann.begin(5, title="Mine")
    for path_of in (f"/v1/recordings/{path.rsplit('/', 1)[1]}", "/v1/recordings", "/v1/profiles"):
        assert (await ann.ask("GET", path_of))[0] == 401
    assert (await ann.ask("POST", "/v1/vod", {**TUS, "Upload-Length": "51"}))[0] == 413
    assert (
        await ann.ask("POST", "/v1/vod", {**TUS, "Upload-Length": "5", **metadata(stream=new_id("str"))})
    )[0] == 404
    assert (await ann.send(path, 0, b"abc"))[0] == 204
    assert (await ben.send(path, 3, b"de"))[0] == (await ben.ask("DELETE", path, TUS))[0] == 404
    assert (await me.video(path))["stream"] == stream
    assert (await ann.ask("DELETE", path, TUS))[0] == 204


async def test_a_begin_that_is_repeated(stage: Stage) -> None:
    """Under one Idempotency-Key there is one upload."""
    me, key = client(stage), {"Idempotency-Key": "once"}
    first = await me.ask("POST", "/v1/vod", {**TUS, **key, "Upload-Length": "5"})
    again = await me.ask("POST", "/v1/vod", {**TUS, **key, "Upload-Length": "5"})
    other = await me.ask("POST", "/v1/vod", {**TUS, **key, "Upload-Length": "6"})
    assert (first[0], again[0], other[0]) == (201, 201, 422)
    assert again[2]["url"] == first[2]["url"]


async def test_an_idempotency_key_is_its_user_s_own(stage: Stage) -> None:
    """Another user's upload with the same key is another upload, and the app's own keys stay free. Tokens
    are not kept for the repeat."""
    me, key = client(stage), {"Idempotency-Key": "order-1"}
    minted = [await me.ask("POST", "/v1/upload-tokens", named, json={"user": "ann"}) for named in (key, key)]
    assert [one[0] for one in minted] == [201, 201]
    assert minted[0][2]["token"] is not None
    assert minted[1][2].get("token") is None
    other = await me.ask("POST", "/v1/upload-tokens", json={"user": "bob"})
    tokens = [minted[0][2]["token"], other[2]["token"]]
    begun = [
        await me.ask(
            "POST", "/v1/vod", {**TUS, **key, "Upload-Length": "5", "Authorization": f"Bearer {token}"}
        )
        for token in tokens
    ]
    assert [one[0] for one in begun] == [201, 201]
    assert begun[0][2]["id"] != begun[1][2]["id"]
    kept = (await stage.services.store.operator().find(REPEATS, limit=100)).data
    assert kept
    assert not [one for one in kept if "eyJ" in one.get("answer", "")]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("noise", b"\0\1\2" * 5000, "unreadable"), ("playlist", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "unreadable"),
        ("concat", b"ffconcat version 1.0\nfile /etc/passwd\n", "unreadable"), ("text", b"hello\n" * 100, "unreadable"),
    ],
)  # fmt: skip
async def test_what_is_no_video_is_refused(stage: Stage, name: str, content: bytes, code: str) -> None:
    """With a stable code; lists of other files are not even looked into, and nothing of it stays."""
    me = client(stage)
    path, _ = await me.begin(len(content), content, title=name)
    video = await me.until(path, "failed")
    assert video["code"] == code
    await until(lambda: any(getattr(e, "code", "") == code and e.vod == video["id"] for e in stage.heard))  # type: ignore[attr-defined]
    await until(lambda: not UploadStaging(stage.settings, video["id"]).here)
    assert not (stage.settings.data / "recordings" / video["id"]).exists()


async def test_a_video_without_sound_upright_and_cut_off(stage: Stage, tmp_path: Path) -> None:
    """It is shown as far as it goes."""
    path = tmp_path / "odd.webm"
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=180x322:rate=24:duration=5", "-c:v", "libvpx", "-deadline",
         "realtime", "-cpu-used", "8", "-b:v", "400k", str(path)], check=True,
    )  # fmt: skip
    data = path.read_bytes()[:-20_000]
    me = client(stage)
    upload, _ = await me.begin(len(data), data)
    video = await me.until(upload, "ready")
    assert (video["width"], video["height"]) == (180, 322)
    assert 1 < video["duration_s"] <= 5.1


async def test_the_next_process_goes_on_where_one_has_died(
    world: Any, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an upload that was whole but not known to be, and with a transcoding that was in the middle:
    segments that are written are not made again."""
    stage = await world.stage(upload_reserve_mb=1, vod_preset="ultrafast", segment_s=2)
    me, data = client(stage), film.read_bytes()
    path, _ = await me.begin(len(data), data[:-1])
    video = path.rsplit("/", 1)[1]
    with UploadStaging(stage.settings, video).writing() as writer:  # what a process does before it is killed
        writer.write(data[-1:])
        writer.sync()
    await stage.room._uploads.sweep()
    assert (await me.video(path))["state"] == "processing"
    dying = asyncio.create_task(_first_segments(stage, monkeypatch, 2))
    await dying
    kept = RecordingFiles(stage.settings, video).segments()
    assert len(kept) == 2
    other = await world.stage(upload_reserve_mb=1, vod_preset="ultrafast", segment_s=2)
    await other.room.start()
    ready = await client(other, me.app).until(path, "ready")
    assert ready["duration_s"] == pytest.approx(7.5, abs=0.1)
    segments = RecordingFiles(other.settings, video).segments()
    assert segments[:2] == kept
    assert [one.msn for one in segments] == [0, 1, 2, 3]
    frames = await asyncio.to_thread(
        played, str(other.settings.data / "recordings" / video / "recording.mp4"), 60
    )
    assert frames["video"] == pytest.approx(7.5 * 25, abs=1)


async def _first_segments(stage: Stage, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    """Transcodes until so many segments are written, then ends as if it had been killed."""
    room = stage.room
    work = Transcoder(
        room._recording_store,
        room._profiles,
        room.worker._leases,
        lambda: False,
        settings=stage.services.settings,
        directory=stage.services.directory,
    )
    add, added = RecordingFiles.add, list[Any]()

    def counting(self: RecordingFiles, *given: Any) -> bool:
        if len(added) == many:
            raise OSError("killed")
        added.append(given)
        return add(self, *given)

    monkeypatch.setattr(RecordingFiles, "add", counting)
    doc = (await room._recording_store.in_states("processing"))[0]
    await work._make(doc)
    monkeypatch.undo()


async def test_live_streams_come_first(stage: Stage, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one of them strains the machine FFmpeg is paused; afterwards it continues and nothing is
    missing."""
    strained = True
    monkeypatch.setattr(stage.room._transcoder, "_is_overloaded", lambda: strained)
    monkeypatch.setattr(transcoder, "CALM_S", 0.1)
    paused: list[bool] = []
    pause = FfmpegProcess.pause
    monkeypatch.setattr(
        FfmpegProcess,
        "pause",
        lambda self, wanted: (paused.append(wanted), pause(self, wanted))[1],
    )
    monkeypatch.setattr(transcoder, "WATCH_S", 0.05)
    me, data = client(stage), film.read_bytes()
    path, _ = await me.begin(len(data), data)
    await until(lambda: any(paused))
    strained = False
    video = await me.until(path, "ready")
    assert video["duration_s"] == pytest.approx(7.5, abs=0.1)


async def test_uploads_that_nobody_goes_on_with_are_forgotten(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When their time has expired, bytes and all; bytes without an upload go at the next start."""
    me = client(stage)
    path, _ = await me.begin(5, b"abc")
    await stage.room._uploads.sweep()
    assert await me.offset(path) == 3
    monkeypatch.setattr(uploads, "now_ms", lambda: 1 << 45)
    await stage.room._uploads.sweep()
    assert (await me.ask("HEAD", path, TUS))[0] == 404
    assert not UploadStaging(stage.settings, path.rsplit("/", 1)[1]).folder.exists()
    left = UploadStaging(stage.settings, new_id("vod"))
    left.open()
    await stage.room._uploads.clear_leftovers()
    assert not left.here


async def test_a_deleted_apps_uploads_go(stage: Stage) -> None:
    """While they are under way, too."""
    me = client(stage)
    path, _ = await me.begin(5, b"abc")
    await stage.bus.publish(AppDeleted(app=me.app))
    await until(lambda: not UploadStaging(stage.settings, path.rsplit("/", 1)[1]).folder.exists())


async def token_of(me: Client, stage: Stage, user: str, **wanted: Any) -> Client:
    """A user with an upload token of their own."""
    status, _, made = await me.ask("POST", "/v1/upload-tokens", json={"user": user, **wanted})
    assert status == 201
    return Client(stage, me.app, made["token"])


async def begun(me: Client, length: int = 5) -> str:
    """The sentence of the refusal, or nothing."""
    status, _, body = await me.ask("POST", "/v1/vod", {**TUS, "Upload-Length": str(length)})
    assert (status, body.get("code")) in ((201, None), (403, "quota_exceeded")), body
    return "" if status == 201 else str(body["detail"])


def let_idle(stage: Stage, path: str) -> None:
    file = UploadStaging(stage.settings, path.rsplit("/", 1)[1]).file
    os.utime(file, (time.time() - 3700,) * 2)


async def test_a_user_has_a_few_uploads_under_way(stage: Stage) -> None:
    """However many tokens; an idle one makes room for the next, and one that is being sent does not."""
    me = client(stage)
    ann, again = await token_of(me, stage, "ann"), await token_of(me, stage, "ann")
    paths = [(await (ann, again)[number % 2].begin(5))[0] for number in range(uploads.MOST_OF_A_USER)]
    assert "5 of your uploads" in await begun(again)
    assert await begun(await token_of(me, stage, "ben")) == ""
    let_idle(stage, paths[1])
    assert await begun(ann) == ""
    assert (await ann.ask("HEAD", paths[1], TUS))[0] == 404
    assert "5 of your uploads" in await begun(ann)
    assert (await ann.ask("DELETE", paths[0], TUS))[0] == 204
    assert await begun(ann) == ""


async def test_users_leave_the_app_its_own_room(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They share a part of what may be under way, in number and in announced bytes."""
    monkeypatch.setattr(uploads, "MOST_OF_USERS", 4)
    stage = await world.stage(upload_reserve_mb=1, segment_s=2)
    await stage.room.start()
    me = client(stage)
    stage.directory.apps[me.app]["plan"] = "free"  # 5 GB
    users = [await token_of(me, stage, f"u{number}") for number in range(5)]
    assert await begun(users[0], 2_400_000_000) == ""
    assert "half of its storage" in await begun(users[1], 200_000_000)
    assert await begun(me, 200_000_000) == ""
    assert [await begun(user) for user in users[1:4]] == ["", "", ""]
    assert "4 uploads by users" in await begun(users[4])
    assert await begun(me) == ""


async def test_a_begin_of_many_at_once_passes_no_bound(stage: Stage) -> None:
    """Each counts those before it."""
    ann = await token_of(client(stage), stage, "ann")
    told = await asyncio.gather(*(begun(ann) for _ in range(3 * uploads.MOST_OF_A_USER)))
    assert told.count("") == uploads.MOST_OF_A_USER


async def test_a_token_is_for_so_many_uploads_and_bytes(stage: Stage) -> None:
    """Whatever became of them: only what is deleted no longer counts. Another token begins anew."""
    me = client(stage)
    ann = await token_of(me, stage, "ann", max_uploads=3, max_total=100)
    path, _ = await ann.begin(4, b"\0\1\2\3")
    await me.until(path, "failed")
    assert "100 bytes in all" in await begun(ann, 97)
    assert await begun(ann, 90) == ""
    assert await begun(ann, 6) == ""
    assert "for 3 uploads" in await begun(ann, 1)
    assert (await ann.ask("DELETE", path, TUS))[0] == 204
    assert "100 bytes in all" in await begun(ann, 5)
    assert await begun(ann, 4) == ""
    old = stage.services.tokens.mint(
        "weir:upload", 600, sub="zoe", app=me.app, stream=None, most=None
    )  # from before there were bounds
    assert await begun(Client(stage, me.app, old), 5) == ""


async def test_what_reads_a_strangers_file_is_confined(
    stage: Stage, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg and ffprobe have no new privileges and a filter of calls; whatever a file made them do, nothing
    else could be read."""
    seen: dict[str, dict[str, str]] = {}
    me, data = client(stage), film.read_bytes()
    path, _ = await me.begin(len(data), data)
    for _ in range(2000):
        for pid in children_of(os.getpid()):
            with contextlib.suppress(OSError, ValueError):
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                if name in ("ffmpeg", "ffprobe"):
                    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                    seen[name] = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        if len(seen) == 2 or (await me.video(path))["state"] == "ready":
            break
    assert await me.until(path, "ready")
    assert {one["NoNewPrivs"] for one in seen.values()} == {"1"}
    assert {one["Seccomp"] for one in seen.values()} == ({"2"} if protections()["seccomp"] else {"0"})


@pytest.mark.skipif(
    not (protections()["Landlock"] and protections()["seccomp"]), reason="this kernel can't confine"
)
def test_ffmpeg_reads_its_input_and_nothing_else(tmp_path: Path, film: Path) -> None:
    """A second file, a list of files and an address are refused by the kernel, whatever FFmpeg itself would
    have done."""
    secret = tmp_path / "secret"
    secret.write_bytes(film.read_bytes())
    concat = tmp_path / "list"
    concat.write_text(f"file '{secret}'\n")
    outcomes = []
    with socket.create_server(("127.0.0.1", 0)) as door:
        address = f"http://127.0.0.1:{door.getsockname()[1]}/"
        for given in (
            ["-i", str(film)],
            ["-i", str(film), "-i", str(secret)],
            ["-f", "concat", "-safe", "0", "-i", str(concat)],
            ["-i", address],
        ):
            argv = [
                *sandbox_for_file(film if given[1] == str(film) else concat),
                "ffmpeg",
                "-nostdin",
                "-v",
                "error",
                *given,
                "-f",
                "null",
                "-",
            ]
            outcomes.append(subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False))
        door.settimeout(0.2)
        with pytest.raises(TimeoutError):
            door.accept()
    assert [bool(one.returncode) for one in outcomes] == [False, True, True, True], outcomes
    assert "Permission denied" in outcomes[1].stderr
    assert "Operation not permitted" in outcomes[3].stderr


async def test_a_long_video_gives_others_their_turn(
    world: Any, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It continues where it was, and nothing of it is missing; alone it is not interrupted."""
    stage = await world.stage(upload_reserve_mb=1, vod_preset="ultrafast", segment_s=2)
    room, me, data = stage.room, client(stage), film.read_bytes()
    work = Transcoder(
        room._recording_store,
        room._profiles,
        room.worker._leases,
        lambda: False,
        settings=stage.services.settings,
        directory=stage.services.directory,
    )
    monkeypatch.setattr(transcoder, "TURN_S", -1.0)
    monkeypatch.setattr(transcoder, "TOLD_EVERY_S", 0.0)
    alone, _ = await me.begin(len(data), data)
    await work._make((await room._recording_store.in_states("processing"))[0])
    assert (await me.video(alone))["state"] == "ready"
    paths = [(await me.begin(len(data), data))[0] for _ in range(2)]
    for turn in range(10):
        waiting = await room._recording_store.in_states("processing")
        for doc in waiting:
            await work._make(doc)
        if turn == 0:
            assert [(await me.video(path))["state"] for path in paths] == ["processing"] * 2
        if not waiting:
            break
    for path in paths:
        assert (await me.video(path))["state"] == "ready"
        kept = stage.settings.data / "recordings" / path.rsplit("/", 1)[1] / "recording.mp4"
        frames = await asyncio.to_thread(played, str(kept), 60)
        assert frames["video"] == pytest.approx(7.5 * 25, abs=2)


async def test_recordings_are_changed_and_found(stage: Stage) -> None:
    """Title, description, visibility and metadata by PATCH, with If-Match; lists by state, title, metadata
    and time."""
    me, ids = client(stage), []
    for name in ("First.mp4", "Second.mp4"):
        path, _ = await me.begin(50, filename=name)
        ids.append(path.rpartition("/")[2])
    one = f"/v1/recordings/{ids[0]}"
    status, told, before = await me.ask("GET", one)
    assert (status, before["visibility"], before["metadata"], before["description"]) == (200, None, {}, "")
    change = {"title": "Trip", "description": "By boat", "visibility": "signed", "metadata": {"album": "sea"}}
    status, after, changed = await me.ask("PATCH", one, {"If-Match": told["ETag"]}, json=change)
    assert (status, changed) == (200, {**before, **change})
    assert (await me.ask("PATCH", one, {"If-Match": told["ETag"]}, json={"title": "Late"}))[0] == 412
    assert (await me.ask("GET", one))[1]["ETag"] == after["ETag"] != told["ETag"]
    for wrong in ({"visibility": "private"}, {"metadata": {"A": "b"}}, {"state": "ready"}):
        assert (await me.ask("PATCH", one, json=wrong))[0] == 422, wrong
    assert (await client(stage).ask("PATCH", one, json={}))[0] == 404

    async def found(query: str) -> list[str]:
        status, _, listed = await me.ask("GET", f"/v1/recordings?{query}")
        assert status == 200, listed
        return [video["id"] for video in listed["data"]]

    assert await found("") == ids[::-1]
    assert await found("order=asc&state=uploading") == ids
    assert await found("state=ready") == []
    assert await found("q=trip") == ids[:1]
    assert await found("metadata[album]=sea") == ids[:1]
    assert await found(f"since={before['started']}&order=asc") == ids
    assert await found(f"until={before['started']}") == []
    assert (await me.ask("HEAD", f"/v1/vod/{ids[0]}", TUS))[1]["Upload-Metadata"]
    status, _, back = await me.ask("PATCH", one, json={"visibility": None, "metadata": None, "title": None})
    assert (status, back["visibility"], back["metadata"], back["title"]) == (200, None, {}, "")


async def test_an_upload_goes_on_where_patch_does_not_come_through(stage: Stage) -> None:
    """By X-HTTP-Method-Override, which tus 1.0 asks for."""
    me = client(stage)
    path, _ = await me.begin(6)
    headers = {**BODY, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert (await me.ask("POST", path, headers, data=b"abc"))[0] == 204
    assert await me.offset(path) == 3
    assert (await me.ask("POST", path, {**TUS, "X-HTTP-Method-Override": "DELETE"}))[0] == 204
    assert (await me.ask("HEAD", path, TUS))[0] == 404
