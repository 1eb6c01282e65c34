"""Streams by REST: their settings, keys, history, health, and what bounds them."""

import asyncio
from typing import Any

import pytest

from control.collections import BROADCASTS, USAGE
from control.composition import build_services
from control.playback.viewer_limit import ViewerLimit
from control.streams.rules import Publisher
from control.usage.broadcasts import Broadcasts
from tests.support.control_room import Headers, World, bearer
from weir.foundation.errors import Unavailable
from weir.foundation.events import QuotaUsedUp, StreamLive, StreamOffline, StreamStarting, ViewersCounted
from weir.foundation.ids import new_id
from weir.foundation.ingest_client import ActivePublish
from weir.foundation.services import Services
from weir.foundation.tenancy.collections import APPS, PROFILES, STREAMS

HOOK = "app=live&clientid=7&call=publish&name="


@pytest.fixture
async def owner(world: World) -> Headers:
    return await world.owner()


@pytest.fixture
async def key(world: World, owner: Headers) -> Headers:
    app = await world.app(owner)
    return bearer((await world.key(owner, app["id"]))["api_key"])


@pytest.fixture
async def stream(world: World, key: Headers) -> dict[str, Any]:
    return dict(await world.done("POST", "/v1/streams", key, {"title": "Show"}))


class FakeIngest:
    """An ingest with one publisher; notes what was dropped."""

    def __init__(self, services: Services) -> None:
        self.dropped: list[str] = []
        self.playback = ""
        services.ingest.published = self.published
        services.ingest.drop_publisher = self.drop_publisher

    async def published(self, not_older_s: float = 0.0) -> dict[str, ActivePublish]:
        return {
            self.playback: ActivePublish(
                self.playback, 7, 1000, 2_500_000, 1280, 720, 30.0, "H264", "AAC", 48_000
            )
        }

    async def drop_publisher(self, name: str) -> bool:
        self.dropped.append(name)
        return True


async def publish(world: World, key: str) -> int:
    secret = world.services.vault.text_key("internal")
    async with world.client("127.0.0.1") as ingest:
        return (
            await ingest.post(f"/internal/rtmp/publish?boot=b&secret={secret}", content=HOOK + key)
        ).status_code


async def test_all_settings_of_a_stream(world: World, key: Headers, stream: dict[str, Any]) -> None:
    """Set, read back, changed one by one; the answer to a change names what is there now, and a stale change
    is refused."""
    assert (stream["latency"], stream["recording"], stream["dvr_s"], stream["metadata"]) == (
        "normal",
        None,
        0,
        {},
    )
    mine = {"id": "prf_mine", "name": "mine", "created": 1, "version": 1, "rungs": []}
    app = (await world.services.store.operator().get(STREAMS, stream["id"]) or {})["app"]  # type: ignore[index]
    await world.services.store.app(app).insert(PROFILES, mine)
    path, fields = f"/v1/streams/{stream['id']}", {
        "title": "Other", "description": "long", "visibility": "signed", "profile": "prf_mine", "recording": False, "latency": "low",
        "dvr_s": 600, "encrypted": True, "max_viewers": 10, "metadata": {"team": "blue"},
    }  # fmt: skip
    reply = await world.ask("PATCH", path, key, fields)
    assert {name: reply.json()[name] for name in fields} == fields
    shown = await world.ask("GET", path, key)
    assert shown.json() == reply.json()
    assert shown.headers["etag"] == reply.headers["etag"]
    assert (await world.ask("PATCH", path, {**key, "If-Match": '"0"'}, {"title": "x"})).status_code == 412
    assert (await world.done("PATCH", path, key, {"max_viewers": 0}))["max_viewers"] is None
    for bad in (
        {"latency": "none"},
        {"dvr_s": -1},
        {"metadata": {"A": "x"}},
        {"metadata": {"a": 5}},
        {"key": "x"},
    ):
        assert (await world.ask("PATCH", path, key, bad)).status_code == 422


async def test_a_profile_is_one_of_the_app_s_own(world: World, key: Headers, stream: dict[str, Any]) -> None:
    """Another app's is answered exactly like a missing one, at both doors."""
    await world.services.store.app(new_id("app")).insert(
        PROFILES, {"id": "prf_other", "name": "other", "created": 1, "version": 1}
    )
    for method, path in (("PATCH", f"/v1/streams/{stream['id']}"), ("POST", "/v1/streams")):
        answers = [
            await world.ask(method, path, key, {"profile": profile}) for profile in ("prf_other", "prf_none")
        ]
        assert [one.status_code for one in answers] == [422, 422]
        assert answers[0].content == answers[1].content
        assert answers[0].json()["errors"][0]["field"] == "profile"


@pytest.mark.parametrize(
    "title", ["a\x00b", "a\nb", "a\x1b[2Jb", "a\x85b", "\u202eecila", "a\u2028b", "\u200b\u200b", "\u3164"]
)
async def test_a_title_is_one_line_that_can_be_read(
    world: World, key: Headers, stream: dict[str, Any], title: str
) -> None:
    """No control characters, nothing that turns the direction of the text after it, and not nothing; a
    description may have lines."""
    reply = await world.ask("PATCH", f"/v1/streams/{stream['id']}", key, {"title": title})
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "title")
    fine = {"title": "שלום 👩‍🚀 Ünï", "description": "one\ntwo\tthree"}
    shown = await world.done("PATCH", f"/v1/streams/{stream['id']}", key, fine)
    assert {name: shown[name] for name in fine} == fine
    assert (
        await world.ask("PATCH", f"/v1/streams/{stream['id']}", key, {"description": "a\x00"})
    ).status_code == 422


async def test_unset_settings_stay_the_installation_s(
    world: World, key: Headers, stream: dict[str, Any], services: Services
) -> None:
    """The document says nothing about them, so a changed installation changes them."""
    doc = await services.store.operator().get(STREAMS, stream["id"])
    assert doc is not None
    assert "recording" not in doc
    assert "profile" not in doc


async def test_one_idempotency_key_makes_one_stream(world: World, key: Headers) -> None:
    """With its key in the first answer only."""
    headers = {**key, "Idempotency-Key": "once"}
    first, again = [await world.ask("POST", "/v1/streams", headers, {"title": "A"}) for _ in range(2)]
    assert first.json()["id"] == again.json()["id"]
    assert "key" in first.json()
    assert "key" not in again.json()
    assert len((await world.done("GET", "/v1/streams", key))["data"]) == 1


async def test_a_rotated_key_cuts_when_asked(
    world: World, key: Headers, stream: dict[str, Any], services: Services
) -> None:
    """The old key is dead for new publishes either way."""
    ingest = FakeIngest(services)
    assert await publish(world, stream["key"]) == 302
    ingest.playback = stream["playback_id"]
    path = f"/v1/streams/{stream['id']}/key/rotate"
    assert (await world.done("POST", path, key, {}))["disconnected"] is False
    assert ingest.dropped == []
    fresh = await world.done("POST", path, key, {"cut": True})
    assert ingest.dropped == [stream["playback_id"]]
    assert await publish(world, stream["key"]) == 403
    assert fresh["key"] not in (await world.ask("GET", f"/v1/streams/{stream['id']}", key)).text


async def test_a_stream_on_air_is_not_deleted(world: World, key: Headers, stream: dict[str, Any]) -> None:
    """First its encoder has to go."""
    await publish(world, stream["key"])
    assert (await world.ask("DELETE", f"/v1/streams/{stream['id']}", key)).status_code == 409


async def test_the_command_line_sees_who_is_on_air(
    world: World, stream: dict[str, Any], services: Services
) -> None:
    """With viewers where they can be read; without the internal secret nothing is shown."""
    FakeIngest(services)
    assert await publish(world, stream["key"]) == 302
    inside = {"X-Internal-Secret": services.vault.text_key("internal")}
    seen = await world.done("GET", "/internal/overview", inside)
    (one,) = seen["on_air"]
    assert (one["id"], one["title"], one["state"], one["viewers"]) == (stream["id"], "Show", "starting", 0)
    assert one["since"] is not None

    async def unknown(_channel: str) -> int:
        raise Unavailable("Redis is away.")

    world.room._viewers = unknown
    assert (await world.done("GET", "/internal/overview", inside))["on_air"][0]["viewers"] is None
    assert (await world.ask("GET", "/internal/overview", {"X-Internal-Secret": "x"})).status_code == 404


async def test_a_deleted_stream_is_gone(world: World, key: Headers, stream: dict[str, Any]) -> None:
    """Its key opens nothing."""
    assert (await world.ask("DELETE", f"/v1/streams/{stream['id']}", key)).status_code == 204
    assert (await world.ask("GET", f"/v1/streams/{stream['id']}", key)).status_code == 404
    assert (await world.ask("GET", f"/v1/watch/{stream['playback_id']}")).status_code == 404
    assert await publish(world, stream["key"]) == 403


async def test_broadcasts_are_remembered(
    world: World, key: Headers, stream: dict[str, Any], services: Services
) -> None:
    """Whatever order the facts come in, and however often."""
    app = (await services.store.operator().get(STREAMS, stream["id"]) or {})["app"]  # type: ignore[index]
    about = {
        "app": app,
        "stream": stream["id"],
        "playback": "p",
        "channel": "c",
        "broadcast": "brd_1",
        "generation": 1,
    }
    facts = [
        ViewersCounted(app=app, stream=stream["id"], broadcast="brd_1", peak=7, total=12), StreamOffline(**about, at=70_000),
        StreamStarting(**about, at=1_000), StreamLive(**about, at=10_000),
    ]  # fmt: skip
    history = Broadcasts(services.store)
    for fact in [*facts, *facts]:
        await history.on_event(fact)
    (shown,) = (await world.done("GET", f"/v1/streams/{stream['id']}/broadcasts", key))["data"]
    assert (shown["peak_viewers"], shown["viewers"], shown["live_s"]) == (7, 12, 60)
    assert (shown["started"], shown["ended"]) == ("1970-01-01T00:00:01.000Z", "1970-01-01T00:01:10.000Z")


async def test_seats_are_given_to_so_many(services: Services) -> None:
    """Who has one keeps it, over processes; a further viewer finds none."""
    one, two = ViewerLimit(services.redis), ViewerLimit(services.redis)
    assert [await one.claim("chn", sid, 2) for sid in ("a", "b", "c", "a")] == [True, True, False, True]
    assert [await two.claim("chn", sid, 2) for sid in ("b", "c")] == [True, False]
    assert await two.is_full("chn", 2) is True
    assert await two.claim("other", "c", 1) is True


async def test_a_full_stream_lets_nobody_else_in(
    world: World, key: Headers, stream: dict[str, Any], services: Services
) -> None:
    """At the playback check, and when a session is requested; a closed app admits no viewer."""
    await world.done("PATCH", f"/v1/streams/{stream['id']}", key, {"max_viewers": 1})
    playback, app = (
        stream["playback_id"],
        (await services.store.operator().get(STREAMS, stream["id"]) or {})["app"],  # type: ignore[index]
    )

    async def door(sid: str) -> int:
        token = services.tokens.mint_playback(playback, app, sid, 600)
        inside = {
            "X-Internal-Secret": services.vault.text_key("internal"),
            "X-Playback-Token": token,
            "X-Playback-Id": playback,
        }
        return (await world.ask("GET", "/internal/hls_access", inside)).status_code

    assert [await door("a"), await door("b"), await door("a")] == [204, 403, 204]
    full = await world.ask("POST", f"/v1/watch/{playback}/session", body={})
    assert (full.status_code, full.json()["code"]) == (403, "quota_exceeded")
    await services.store.operator().update(APPS, app, set={"state": "archived"})
    await world.room._apps.changed("apps", app, app)
    assert await door("a") == 403
    assert await publish(world, stream["key"]) == 403


async def test_a_plan_bounds_the_streams(world: World, owner: Headers, services: Services) -> None:
    """Free has three, also when ten are asked for at once; one that is deleted makes room."""
    app = (await world.app(owner))["id"]
    await world.done("PATCH", f"/v1/operator/apps/{app}", owner, {"plan": "free"})
    key = bearer((await world.key(owner, app))["api_key"])
    answers = await asyncio.gather(*(world.ask("POST", "/v1/streams", key, {}) for _ in range(10)))
    assert sorted(one.status_code for one in answers) == [201] * 3 + [403] * 7
    assert {one.json()["code"] for one in answers if one.status_code == 403} == {"quota_exceeded"}
    made = next(one.json()["id"] for one in answers if one.status_code == 201)
    await world.done("DELETE", f"/v1/streams/{made}", key)
    await world.done("POST", "/v1/streams", key, {})


async def test_publish_minutes_are_metered_and_bounded(
    world: World, owner: Headers, services: Services
) -> None:
    """A month's are used up: the running publisher is cut, a new one refused, the owner notified once."""
    app = (await world.app(owner))["id"]
    key = bearer((await world.key(owner, app))["api_key"])
    stream = await world.done("POST", "/v1/streams", key, {})
    FakeIngest(services)
    assert await publish(world, stream["key"]) == 302
    doc = await services.store.operator().get(STREAMS, stream["id"])
    assert doc is not None
    minutes = build_services(services).minutes
    for _ in range(2):  # the same moment twice counts once
        await minutes.measure(doc, doc["ingest"]["since"] + 90_500)  # type: ignore[index]
    usage = await world.done("GET", f"/v1/apps/{app}/usage", owner)
    assert usage["minutes_published"] == 1.5
    await services.store.operator().update(APPS, app, set={"plan": "free"})
    await world.room._apps.changed("apps", app, app)
    await minutes.check_publish(app)
    await services.store.app(app).update(USAGE, f"{stream['id']}:2099-01-01", set={"stream": stream["id"], "day": "2099-01-01"},
                                       inc={"published_s": 1200 * 60}, upsert=True)  # fmt: skip
    assert await world.room.streams.may_continue(stream["key"], Publisher("b", "7")) is False
    assert await publish(world, stream["key"]) == 403
    told = [
        event
        async for _, _, events in services.store.pending()
        for event in events
        if isinstance(event, QuotaUsedUp)
    ]
    assert [event.quota for event in told] == ["publish_minutes"]
    table = await world.ask("GET", f"/v1/apps/{app}/usage?format=csv&until=2099-01-01", owner)
    assert table.text.splitlines()[0] == (
        "day,bytes,recording_bytes,requests,viewers,messages,minutes_watched,minutes_published,storage_bytes"
    )
    assert len(table.text.splitlines()) == 2


async def test_streams_are_found_by_state_title_metadata_and_time(world: World, key: Headers) -> None:
    """Over both stores; the cursor of one query is refused with another."""
    made = [
        await world.done("POST", "/v1/streams", key, {"title": title, "metadata": metadata})
        for title, metadata in (
            ("Harbour", {"team": "a"}),
            ("Old harbour", {"team": "b"}),
            ("Market", {"team": "a"}),
        )
    ]
    await world.services.store.operator().update(STREAMS, made[0]["id"], set={"state": "live"})

    async def titles(query: str) -> list[str]:
        return [one["title"] for one in (await world.done("GET", f"/v1/streams?{query}", key))["data"]]

    assert await titles("") == ["Market", "Old harbour", "Harbour"]
    assert await titles("order=asc&q=HARBOUR") == ["Harbour", "Old harbour"]
    assert await titles("metadata[team]=a") == ["Market", "Harbour"]
    assert await titles("metadata[team]=a&state=live") == ["Harbour"]
    assert await titles("metadata[team]=a&metadata[x]=y") == []
    assert await titles(f"since={made[1]['created']}") == ["Market", "Old harbour"]
    assert await titles(f"until={made[1]['created']}") == ["Harbour"]
    first = await world.done("GET", "/v1/streams?metadata[team]=a&limit=1", key)
    assert await titles(f"metadata[team]=a&limit=1&cursor={first['next_cursor']}") == ["Harbour"]
    for query in ("metadata[team]=b", "q=harbour", "order=asc&metadata[team]=a", "state=idle", ""):
        reply = await world.ask("GET", f"/v1/streams?{query}&cursor={first['next_cursor']}", key)
        assert (reply.status_code, reply.json()["code"]) == (422, "invalid"), query
    for wrong in ("metadata=a", "metadata[A B]=a", "since=yesterday", "order=up", "state=gone", "q="):
        assert (await world.ask("GET", f"/v1/streams?{wrong}", key)).status_code == 422, wrong


async def test_broadcasts_are_found_by_state_and_time(
    world: World, key: Headers, stream: dict[str, Any], services: Services
) -> None:
    app = (await services.store.operator().find(STREAMS)).data[0]["app"]
    for number, ended in enumerate((2_000, None)):
        doc = {"id": f"brd_{number}", "stream": stream["id"], "started": 1_000 + number, "ended": ended}
        await services.store.app(app).insert(BROADCASTS, doc)

    async def ids(query: str) -> list[str]:
        return [
            one["id"]
            for one in (await world.done("GET", f"/v1/streams/{stream['id']}/broadcasts?{query}", key))[
                "data"
            ]
        ]

    assert await ids("") == ["brd_1", "brd_0"]
    assert await ids("order=asc") == ["brd_0", "brd_1"]
    assert await ids("state=on_air") == ["brd_1"]
    assert await ids("state=ended") == ["brd_0"]
    assert await ids("since=1970-01-01T00:00:01.001Z") == ["brd_1"]
