"""The link of a stream's overlays: shown once, replaced, ended; and what it opens."""

from typing import Any

import jwt
import pytest

from tests.support.control_room import Headers, World, bearer
from weir.foundation.errors import Unauthenticated
from weir.foundation.events import Revoked
from weir.foundation.ids import new_id
from weir.foundation.tenancy.collections import APPS, AUDIT, STREAMS


class Set:
    def __init__(self, world: World, app: str, key: Headers, stream: dict[str, Any]) -> None:
        self.world, self.app, self.key, self.stream = world, app, key, stream
        self.path = f"/v1/streams/{stream['id']}/overlay"

    async def make(self) -> str:
        return str((await self.world.done("POST", self.path, self.key))["key"])

    async def opened(self, key: str) -> Any:
        return await self.world.ask("POST", "/v1/overlay-sessions", None, {"key": key})

    async def facts(self) -> list[Revoked]:
        """What will end connections; it is in the outbox until the relay has published it."""
        found = [event async for _, _, events in self.world.services.store.pending() for event in events]
        return [event for event in found if isinstance(event, Revoked)]


@pytest.fixture
async def studio(world: World) -> Set:
    owner = await world.owner()
    app = str((await world.app(owner))["id"])
    key = bearer((await world.key(owner, app))["api_key"])
    stream = await world.done("POST", "/v1/streams", key, {"title": "Show", "visibility": "signed"})
    return Set(world, app, key, stream)


async def test_a_key_opens_its_stream_s_overlay_and_nothing_else(studio: Set) -> None:
    """Also of a signed stream; its token names one channel and what it was made from."""
    made = await studio.world.done("POST", studio.path, studio.key)
    assert made["url"] == f"{studio.world.services.settings.base_url}/overlay/chat#{made['key']}"
    reply = await studio.opened(made["key"])
    told = reply.json()
    assert (reply.status_code, told["channel"], told["viewers"]) == (201, studio.stream["channel"], 0)
    assert (told["stream"]["title"], told["expires_in"]) == ("Show", 600)
    claims = jwt.decode(told["user_token"], options={"verify_signature": False})
    assert (claims["overlay"], claims["channel"], claims["roles"]) == (
        True,
        studio.stream["channel"],
        {studio.stream["channel"]: "guest"},
    )
    assert claims["exp"] - claims["iat"] == 600
    assert (await studio.world.services.tokens.user(told["user_token"])).overlay
    assert (await studio.opened(made["key"])).status_code == 201


async def test_a_stream_says_whether_it_has_a_link_and_never_which(studio: Set) -> None:
    path = f"/v1/streams/{studio.stream['id']}"
    assert studio.stream["overlay"] is False
    key = await studio.make()
    reply = await studio.world.ask("GET", path, studio.key)
    assert reply.json()["overlay"] is True
    doc: Any = await studio.world.services.store.app(studio.app).get(STREAMS, studio.stream["id"])
    entries = await studio.world.services.store.app(studio.app).find(AUDIT, limit=100)
    for text in (reply.text, repr(doc), repr(entries.data)):
        assert key.partition("_")[2] not in text
    assert doc["overlay_hash"] not in repr(entries.data)
    assert {"stream.overlay_made"} <= {one["action"] for one in entries.data}
    await studio.world.done("DELETE", studio.path, studio.key)
    assert (await studio.world.done("GET", path, studio.key))["overlay"] is False
    assert (await studio.world.ask("DELETE", studio.path, studio.key)).status_code == 404


@pytest.mark.parametrize("how", ["replaced", "deleted", "stream", "suspended"])
async def test_what_a_key_has_opened_ends_with_it(studio: Set, how: str) -> None:
    """The key opens nothing, its tokens are refused, and the fact that closes its sockets can't be lost."""
    key = await studio.make()
    token = (await studio.opened(key)).json()["user_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    told = list[Revoked]()

    async def published(*events: Any) -> None:
        told.extend(event for event in events if isinstance(event, Revoked))

    studio.world.services.bus.publish = published
    if how == "replaced":
        assert await studio.make() != key
    elif how == "deleted":
        await studio.world.done("DELETE", studio.path, studio.key)
    elif how == "stream":
        await studio.world.done("DELETE", f"/v1/streams/{studio.stream['id']}", studio.key)
    else:
        await studio.world.services.store.operator().update(APPS, studio.app, set={"state": "suspended"})
        studio.world.services.directory._cache.clear()
    reply = await studio.opened(key)
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
    if how == "suspended":
        return
    with pytest.raises(Unauthenticated):
        await studio.world.services.tokens.user(token)
    (ended,) = told or await studio.facts()
    assert (ended.kind, ended.subject, ended.app) == ("key", claims["by"], studio.app)
    assert ended.before > claims["iat"] * 1000


@pytest.mark.parametrize("key", ["", "x", "_", "weir_sk_x", "ü_" + "1" * 32])
async def test_wrong_keys_open_nothing(studio: Set, key: str) -> None:
    """Not even where a stream has no link, whose stored hash is none."""
    for wrong in (key, f"{studio.stream['id'][4:]}_", f"{new_id('str')[4:]}_x"):
        assert (await studio.opened(wrong)).status_code == 401


async def test_guessing_ends_with_429(studio: Set) -> None:
    """Other addresses are not concerned."""
    statuses = [(await studio.opened("x")).status_code for _ in range(150)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    key = await studio.make()
    async with studio.world.client("192.0.2.77") as other:
        assert (await other.post("/v1/overlay-sessions", json={"key": key})).status_code == 201


async def test_an_overlay_s_token_opens_no_viewer_s_session(studio: Set) -> None:
    """It is no person whom a browser could sit there as."""
    await studio.world.done(
        "PATCH", f"/v1/streams/{studio.stream['id']}", studio.key, {"visibility": "public"}
    )
    token = (await studio.opened(await studio.make())).json()["user_token"]
    path = f"/v1/watch/{studio.stream['playback_id']}/session"
    shown = await studio.world.done("POST", path, None, {"user": token, "resume": token})
    assert shown["user"]["id"].startswith("usr_")
    assert shown["user_token"] != token
