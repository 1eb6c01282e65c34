"""Whose picture is shown to whom; a real encoder's is drawn at most once in ten seconds."""

import asyncio
from typing import Any

import pytest

from media.posters.service import Posters
from tests.media.conftest import Stage
from tests.media.uploads.test_service import client
from weir.foundation.documents import Store
from weir.foundation.errors import Forbidden, NotFound, Refused
from weir.foundation.ids import new_id
from weir.foundation.services import Services
from weir.foundation.tenancy.collections import APPS, RECORDINGS, STREAMS, AppDoc, RecordingDoc
from weir.foundation.tenancy.playback_rights import PlaybackRights


class Gallery:
    """One app with a stream. `live` is what the workers have of it; a recording's picture is its id."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.app, self.stream, self.playback = new_id("app"), new_id("str"), new_id("ply")
        rights = PlaybackRights(services.tokens, services.directory)
        self.posters = Posters(
            rights, self.drawn, self.stored, store=services.store, directory=services.directory
        )
        self.live: bytes | None = None

    async def drawn(self, playback: str) -> bytes | None:
        return self.live if playback == self.playback else None

    async def stored(self, recording: RecordingDoc) -> bytes | None:
        return recording["id"].encode() if recording.get("sprite", True) else None

    async def settle(self, **fields: Any) -> "Gallery":
        app: AppDoc = {
            "id": self.app,
            "account": "",
            "name": "",
            "guests": "chat",
            "state": "active",
            "created": 1,
        }
        stream: Any = {
            "id": self.stream, "playback": self.playback, "channel": new_id("chn"), "state": "idle", "transition": 0, "created": 1,
            "key_hash": "", "key_sealed": "", "title": "", "visibility": "public", **fields,
        }  # fmt: skip
        await self.services.store.operator().insert(APPS, app)
        await self.services.store.app(self.app).insert(STREAMS, stream)
        return self

    async def recorded(self, started: int, **fields: Any) -> str:
        doc: Any = {
            "id": new_id("rec"), "state": "ready", "transition": 1, "started": started, "attempts": 1, "title": "",
            "stream": self.stream, **fields,
        }  # fmt: skip
        await self.services.store.app(self.app).insert(RECORDINGS, doc)
        return str(doc["id"])

    async def shown(self, playback: str = "", token: str = "") -> bytes | type[Refused]:
        try:
            return (await self.posters.of(playback or self.playback, token)).jpeg
        except Refused as refusal:
            return type(refusal)

    def token(self, playback: str = "", **claims: Any) -> str:
        given = {"sub": playback or self.playback, "app": self.app, "sid": "ses_1", **claims}
        return self.services.tokens.mint("weir:playback", 600, **given)


@pytest.fixture
def gallery(services: Services) -> Gallery:
    return Gallery(services)


@pytest.mark.parametrize("state", ["live", "interrupted"])
async def test_a_stream_on_air_shows_itself(gallery: Gallery, state: str) -> None:
    """Never its recordings: another worker may have the live picture, so the web server asks on."""
    await gallery.settle(state=state)
    await gallery.recorded(1)
    assert await gallery.shown() is NotFound
    gallery.live = b"now"
    assert await gallery.shown() == b"now"


@pytest.mark.parametrize("state", ["idle", "starting"])
async def test_otherwise_its_newest_public_recording(gallery: Gallery, state: str) -> None:
    await gallery.settle(state=state)
    assert await gallery.shown() is NotFound
    await gallery.recorded(1)
    newest = await gallery.recorded(2)
    await gallery.recorded(3, visibility="signed")
    await gallery.recorded(4, state="processing")
    await gallery.recorded(5, stream=new_id("str"))
    assert await gallery.shown() == newest.encode()


async def test_a_recording_without_a_picture_has_none(gallery: Gallery) -> None:
    await gallery.settle()
    recording = await gallery.recorded(1, sprite=False)
    assert (await gallery.shown(), await gallery.shown(recording)) == (NotFound, NotFound)


async def test_what_is_signed_needs_a_token_that_plays_it(gallery: Gallery) -> None:
    """Neither a guest's of the public page, another stream's nor another app's; offline it shows only what
    anybody may see."""
    await gallery.settle(state="live", visibility="signed")
    gallery.live = b"now"
    recording = await gallery.recorded(1)
    foreign = gallery.token(app=new_id("app"))
    for token in ("", "x", gallery.token(guest=True), gallery.token(new_id("ply")), foreign):
        assert await gallery.shown(token=token) is Forbidden
        assert await gallery.shown(recording, token) is Forbidden
    assert await gallery.shown(token=gallery.token()) == b"now"
    assert await gallery.shown(recording, gallery.token(recording)) == recording.encode()
    assert (await gallery.posters.of(gallery.playback, gallery.token())).signed


async def test_a_signed_stream_off_air_shows_no_signed_recording(gallery: Gallery) -> None:
    await gallery.settle(visibility="signed")
    await gallery.recorded(2)
    assert await gallery.shown(token=gallery.token()) is NotFound
    public = await gallery.recorded(1, visibility="public")
    assert await gallery.shown(token=gallery.token()) == public.encode()
    assert await gallery.shown(public) == public.encode()


async def test_a_closed_app_shows_nothing(gallery: Gallery) -> None:
    await gallery.settle(state="live")
    gallery.live = b"now"
    store: Store = gallery.services.store
    await store.operator().update(APPS, gallery.app, set={"state": "suspended"})
    assert await gallery.shown() is NotFound
    assert await gallery.shown(new_id("ply")) is NotFound


async def test_many_visitors_cost_one_picture(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a real encoder's stream, over several segments; the answer says how long it may be kept, and a signed
    one not by others."""
    stage: Stage = await world.stage(thumbnail_every_s=0)
    await stage.room.start()
    fact, _ = await stage.on_air()
    shown = {
        "id": fact.stream, "app": fact.app, "playback": fact.playback, "channel": fact.channel, "state": "live", "visibility": "public",
        "title": "",
    }  # fmt: skip

    async def by_playback(_: str) -> Any:
        return dict(shown)

    stage.directory.stream_by_playback = by_playback  # type: ignore[attr-defined]
    stage.directory.apps[fact.app] = {"id": fact.app, "state": "active"}
    drawn, work = list[Any](), __import__("media.live.thumbnails", fromlist=["run_to_end"]).run_to_end

    async def counted(*given: Any) -> str:
        drawn.append(given)
        return str(await work(*given))

    monkeypatch.setattr("media.live.thumbnails.run_to_end", counted)
    somebody, path = client(stage), f"/v1/watch/{fact.playback}/poster.jpg"
    first = await asyncio.gather(*(somebody.ask("GET", path) for _ in range(20)))
    segments = stage.room.worker.packager(fact.playback)
    assert segments is not None
    before = await stage.get(fact, "v180.m3u8")
    for _ in range(400):
        if (await stage.get(fact, "v180.m3u8"))[1].count(b"#EXTINF") >= before[1].count(b"#EXTINF") + 2:
            break
        await asyncio.sleep(0.05)
    later = await asyncio.gather(*(somebody.ask("GET", path) for _ in range(20)))
    assert {status for status, _, _ in (*first, *later)} == {200}
    assert len({picture for _, _, picture in (*first, *later)}) == 1
    assert len(drawn) == 1
    headers = first[0][1]
    assert headers["Content-Type"] == "image/jpeg"
    assert (headers["Cache-Control"], headers["X-Accel-Expires"]) == ("public, max-age=10", "10")
    shown["visibility"] = "signed"
    assert (await somebody.ask("GET", path))[0] == 403
    token = stage.services.tokens.mint_playback(fact.playback, fact.app, "ses_1", 600)
    status, headers, _ = await somebody.ask("GET", f"{path}?token={token}")
    assert (status, headers["Cache-Control"], headers["X-Accel-Expires"]) == (
        200,
        "private, max-age=10",
        "0",
    )
