"""What a stream's owner tells its viewers: what is taken, how it is stored, what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from control.streams.presentation import distinct, stored_schedule
from tests.support.control_room import Headers, World, bearer
from weir.foundation.clock import DAY_MS, now_ms, rfc3339

EMPTY = {
    "category": "", "tags": [], "streamer": "", "avatar": "", "links": [], "schedule": [], "clips": True,
}  # fmt: skip


@pytest.fixture
async def key(world: World) -> Headers:
    owner = await world.owner()
    app = await world.app(owner)
    return bearer((await world.key(owner, app["id"]))["api_key"])


async def test_what_viewers_read_is_set_shown_and_taken_back(world: World, key: Headers) -> None:
    """A stream begins with nothing of it; null takes a field back; the ETag counts each change."""
    made = await world.done("POST", "/v1/streams", key, {"title": "Show"})
    path = f"/v1/streams/{made['id']}"
    assert {name: made[name] for name in EMPTY} == EMPTY
    soon, later = rfc3339(now_ms() + DAY_MS), rfc3339(now_ms() + 2 * DAY_MS)
    fields = {
        "category": "Music", "tags": ["Live", "Jazz 🎷", "עברית"], "streamer": "Zoë  K", "avatar": "https://a.example/x.png?s=1",
        "links": [{"label": "Site", "url": "https://a.example/~zoe"}], "clips": False,
        "schedule": [{"starts_at": later, "title": "Second"}, {"starts_at": soon, "title": "First"}],
    }  # fmt: skip
    reply = await world.ask("PATCH", path, key, fields)
    want = {
        **fields,
        "streamer": "Zoë K",
        "schedule": [{"starts_at": soon, "title": "First"}, {"starts_at": later, "title": "Second"}],
    }
    assert {name: reply.json()[name] for name in EMPTY} == want
    assert (await world.done("GET", path, key)) == reply.json()
    stale = await world.ask("PATCH", path, {**key, "If-Match": made.get("etag", '"0"')}, {"category": "x"})
    assert stale.status_code == 412
    back = await world.done("PATCH", path, key, dict.fromkeys(EMPTY))
    assert {name: back[name] for name in EMPTY} == EMPTY
    again = await world.done("POST", "/v1/streams", key, fields)
    assert {name: again[name] for name in EMPTY} == want


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("category", "x" * 61),
        ("category", "a\nb"),
        ("tags", [""]),
        ("tags", ["x" * 31]),
        ("tags", ["Live", "lIVE"]),
        ("tags", ["same", "same"]),
        ("tags", ["Straße", "STRASSE"]),
        ("tags", [str(number) for number in range(11)]),
        ("streamer", "x" * 81),
        ("streamer", "a\u202eb"),
        ("avatar", "http://a.example/x.png"),
        ("avatar", "https://"),
        ("avatar", "https://u:p@a.example/"),
        ("avatar", 'https://a.example/"><script>'),
        ("avatar", "https://a.example/" + "x" * 500),
        ("avatar", "javascript:alert(1)"),
        ("links", [{"label": "x", "url": "javascript:alert(1)"}]),
        ("links", [{"label": "", "url": "https://a.example"}]),
        ("links", [{"label": "x" * 41, "url": "https://a.example"}]),
        ("links", [{"label": "x"}]),
        ("links", [{"label": "x", "url": "https://a.example"}] * 9),
        ("schedule", [{"starts_at": "2030-01-01T00:00:00", "title": "no zone"}]),
        ("schedule", [{"starts_at": "2030-01-01T00:00:00Z", "title": "x" * 141}]),
        ("schedule", [{"starts_at": "2030-01-01T00:00:00Z"}] * 21),
        ("clips", None.__class__.__name__),
    ],
)
async def test_what_is_not_taken_names_its_field(world: World, key: Headers, field: str, value: Any) -> None:
    reply = await world.ask("POST", "/v1/streams", key, {field: value})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid")
    assert reply.json()["errors"][0]["field"].startswith(field)


def test_a_schedule_is_stored_by_time_without_what_is_long_past() -> None:
    now = datetime(2026, 11, 28, tzinfo=UTC)
    times = [now + timedelta(hours=hours) for hours in (5, -25, -23, 1)]
    stored = stored_schedule(
        [{"starts_at": one, "title": str(number)} for number, one in enumerate(times)],
        round(now.timestamp() * 1000),
    )
    assert [one["title"] for one in stored] == ["2", "3", "0"]


def test_equal_tags_are_named() -> None:
    with pytest.raises(ValueError, match="Rock and rock are the same tag"):
        distinct(["Rock", "Jazz", "rock"])
