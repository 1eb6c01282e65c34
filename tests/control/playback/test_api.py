"""What the watch page learns of a stream and of its recordings."""

from typing import Any

import pytest

from tests.support.control_room import Headers, World, bearer
from weir.foundation.clock import DAY_MS, now_ms, rfc3339
from weir.foundation.ids import new_id
from weir.foundation.tenancy.collections import RECORDINGS, STREAMS

PRESENTED = {
    "description": "About it", "category": "Music", "tags": ["Live"], "streamer": "Zoë", "avatar": "https://a.example/x.png",
    "links": [{"label": "Site", "url": "https://a.example"}],
}  # fmt: skip


class Shop:
    """An app with one stream that says much of itself."""

    def __init__(self, world: World, app: str, key: Headers, stream: dict[str, Any]) -> None:
        self.world, self.app, self.key, self.stream = world, app, key, stream
        self.path = f"/v1/watch/{stream['playback_id']}"

    async def change(self, **fields: Any) -> None:
        await self.world.done("PATCH", f"/v1/streams/{self.stream['id']}", self.key, fields)

    async def token(self) -> Headers:
        answer = await self.world.done(
            "POST", f"/v1/streams/{self.stream['id']}/playback-tokens", self.key, {}
        )
        return bearer(answer["token"])

    async def recorded(self, number: int, **fields: Any) -> str:
        doc: Any = {
            "id": new_id("rec"), "state": "ready", "transition": 1, "started": number, "attempts": 1, "title": f"Part {number}",
            "stream": self.stream["id"], "duration_s": 61.5, **fields,
        }  # fmt: skip
        await self.world.services.store.app(self.app).insert(RECORDINGS, doc)
        return str(doc["id"])


@pytest.fixture
async def shop(world: World) -> Shop:
    owner = await world.owner()
    app = str((await world.app(owner))["id"])
    key = bearer((await world.key(owner, app))["api_key"])
    schedule = [
        {"starts_at": rfc3339(now_ms() - 60_000), "title": "begun"},
        {"starts_at": rfc3339(now_ms() + DAY_MS), "title": "to come"},
    ]
    stream = await world.done(
        "POST", "/v1/streams", key, {"title": "Show", **PRESENTED, "schedule": schedule}
    )
    return Shop(world, app, key, stream)


async def test_viewers_learn_what_the_owner_says(shop: Shop) -> None:
    """The view and a session's stream alike; of the schedule only what is to come."""
    shown = await shop.world.done("GET", shop.path)
    session = await shop.world.done("POST", f"{shop.path}/session", None, {})
    for stream in (shown, session["stream"]):
        assert {name: stream[name] for name in PRESENTED} == PRESENTED
        assert [one["title"] for one in stream["schedule"]] == ["to come"]
        assert (stream["live_since"], stream["poster"], stream["duration_s"]) == (None, None, None)


async def test_a_signed_stream_says_nothing_of_itself_to_strangers(shop: Shop) -> None:
    await shop.change(visibility="signed")
    shown = await shop.world.done("GET", shop.path)
    assert {name for name, value in shown.items() if value is not None} == {"playback_id", "visibility"}
    known = await shop.world.done("GET", shop.path, await shop.token())
    assert {name: known[name] for name in PRESENTED} == PRESENTED


async def test_a_stream_from_before_these_fields_shows_empty_ones(shop: Shop) -> None:
    old = dict.fromkeys(("category", "streamer", "avatar"))
    await shop.world.services.store.operator().delete(STREAMS, {"id": shop.stream["id"]})
    bare: Any = {
        "id": shop.stream["id"], "playback": new_id("ply"), "channel": new_id("chn"), "state": "idle", "transition": 0, "created": 1,
        "key_hash": "", "key_sealed": "", "title": "Old", "visibility": "public",
    }  # fmt: skip
    await shop.world.services.store.app(shop.app).insert(STREAMS, bare)
    shown = await shop.world.done("GET", f"/v1/watch/{bare['playback']}")
    assert {name: shown[name] for name in old} == dict.fromkeys(old, "")
    assert (shown["tags"], shown["links"], shown["schedule"], shown["description"]) == ([], [], [], "")


async def test_a_recording_shows_its_own_description_else_the_stream_s(shop: Shop) -> None:
    own, none = await shop.recorded(1, description="Its own"), await shop.recorded(2)
    for recording, description in ((own, "Its own"), (none, "About it")):
        shown = await shop.world.done("GET", f"/v1/watch/{recording}")
        assert (shown["state"], shown["description"], shown["duration_s"]) == ("recorded", description, 61.5)
        assert (shown["category"], shown["poster"]) == ("Music", f"/v1/watch/{recording}/poster.jpg")


async def test_a_recording_names_its_stream_unless_that_is_signed(shop: Shop) -> None:
    recording = await shop.recorded(1, visibility="public")
    named = {"playback_id": shop.stream["playback_id"], "title": shop.stream["title"]}
    assert (await shop.world.done("GET", f"/v1/watch/{recording}"))["of"] == named
    assert (await shop.world.done("GET", shop.path))["of"] is None
    await shop.change(visibility="signed")
    assert (await shop.world.done("GET", f"/v1/watch/{recording}"))["of"] is None


async def test_public_recordings_are_listed_newest_first(shop: Shop) -> None:
    """By pages, without those that are signed, unfinished or another stream's."""
    kept = [await shop.recorded(number) for number in range(5)]
    await shop.recorded(10, visibility="signed")
    await shop.recorded(11, state="processing")
    await shop.recorded(12, stream=new_id("str"))
    found, cursor = [], ""
    while True:
        page = await shop.world.done("GET", f"{shop.path}/recordings?limit=2{cursor}")
        found += page["data"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [one["id"] for one in found] == kept[::-1]
    assert found[0] == {
        "id": kept[4], "title": "Part 4", "description": "", "started": "1970-01-01T00:00:00.004Z", "duration_s": 61.5,
        "poster": f"/v1/watch/{kept[4]}/poster.jpg",
    }  # fmt: skip
    assert (await shop.world.done("GET", f"/v1/watch/{kept[0]}/recordings"))["data"] == found


async def test_recordings_of_a_signed_stream_need_its_token_and_are_the_public_ones(shop: Shop) -> None:
    """Neither a token of another stream, of another app nor of the public page opens the list."""
    public, _ = await shop.recorded(1, visibility="public"), await shop.recorded(2)
    guest = (await shop.world.done("POST", f"{shop.path}/session", None, {}))["playback_token"]
    await shop.change(visibility="signed")
    other = shop.world.services.tokens.mint_playback(new_id("ply"), shop.app, "ses_1", 600)
    foreign = shop.world.services.tokens.mint_playback(
        shop.stream["playback_id"], new_id("app"), "ses_1", 600
    )
    for headers in (None, bearer(guest), bearer(other), bearer(foreign), bearer("x")):
        for path in (shop.path, f"/v1/watch/{public}"):
            reply = await shop.world.ask("GET", f"{path}/recordings", headers)
            assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    page = await shop.world.done("GET", f"{shop.path}/recordings", await shop.token())
    assert [one["id"] for one in page["data"]] == [public]


async def test_a_deleted_stream_has_no_recordings_to_show(shop: Shop) -> None:
    recording = await shop.recorded(1)
    await shop.world.done("DELETE", f"/v1/streams/{shop.stream['id']}", shop.key)
    for path in (shop.path, f"/v1/watch/{recording}"):
        assert (await shop.world.ask("GET", f"{path}/recordings")).status_code == 404
