"""Places by REST: reports, reservations and events, and that no two ever have one space."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from realtime.composition import COLLECTIONS
from realtime.log.archive import MESSAGES, MODERATION
from realtime.places.rules import Draft
from realtime.places.service import Places
from realtime.places.store import DEVICES, PLACES, RESERVATIONS, SPACES
from tests.realtime.app_events.test_app_events import program
from tests.realtime.chat.test_api import Api, api_key, app_token
from tests.support.chat_nodes import House, eventually
from weir.foundation.audit import COMMAND_LINE
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.documents import Collection
from weir.foundation.documents.factory import open_store
from weir.foundation.errors import Conflict
from weir.foundation.events import AppDeleted
from weir.foundation.ids import new_id


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as made:
        yield made


def api_at(house: House, session, node, *scopes: str) -> Api:
    api = Api(session, node, "", api_key(house, *(scopes or ("events:read", "places:write"))))
    api._base = node.url + "/v1/places"
    return api


def at(minutes: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


async def place_of(api: Api, **fields) -> str:
    status, place = await api.ask("POST", "", {"name": "Garage", **fields})
    assert status == 201, place
    return place["id"]


async def test_a_car_park_from_empty_to_full(house: House, session):
    """States are counted, published in order, and stored; full and available are published once each."""
    node = await house.node()
    api, follower = api_at(house, session, node), await program(house, node)
    place = await place_of(api, spaces=2, site="city")
    assert (await follower.call("events.subscribe", types=[], place=place))["ok"]
    for n in (1, 2):
        assert (await api.ask("PATCH", f"/{place}/spaces/{n}", {"state": "occupied"}))[1][
            "state"
        ] == "occupied"
    await eventually(lambda: follower.of("place.full"))
    assert (await api.ask("PATCH", f"/{place}/spaces/2", {"state": "free", "label": "A-2"}))[1][
        "label"
    ] == "A-2"
    await eventually(lambda: follower.of("place.available"))
    changes = [
        (one["space"], one["before"], one["state"], one["cause"])
        for one in follower.of("space.state.changed")
    ]
    assert changes == [
        (1, "free", "occupied", "arrive"),
        (2, "free", "occupied", "arrive"),
        (2, "occupied", "free", "leave"),
    ]
    full = follower.of("place.full")
    assert [(one["total"], one["occupied"], one["available"], one["number"]) for one in full] == [
        (2, 2, 0, 1)
    ]
    update = (
        await eventually(
            lambda: [
                one for one in follower.of("occupancy.update") if one["occupied"] == 1 and one["peak"] == 2
            ]
        )
    )[0]
    assert (update["subject"], update["place"], update["total"], update["available"]) == (
        "place",
        place,
        2,
        1,
    )
    counts = (await api.ask("GET", f"/{place}/occupancy"))[1]
    assert counts == {
        "subject": "place", "place": place, "total": 2, "occupied": 1, "available": 1, "reserved": 0, "maintenance": 0, "unknown": 0,
        "peak": 2,
    }  # fmt: skip
    history = (await api.ask("GET", f"/{place}/history?limit=2"))[1]
    assert [(one["space"], one["state"]) for one in history["data"]] == [(2, "free"), (2, "occupied")]
    more = (await api.ask("GET", f"/{place}/history?limit=2&cursor={history['next_cursor']}"))[1]["data"]
    assert [(one["space"], one["state"]) for one in more] == [(1, "occupied")]
    assert [one["id"] for one in (await api.ask("GET", "?site=city"))[1]["data"]] == [place]
    assert (await api.ask("GET", "?site=sea"))[1]["data"] == []


async def test_readings_are_settled_by_their_own_time(house: House, session):
    """A repeat and an older one change nothing; a device without a space reports to none; assigned elsewhere
    it counts there."""
    node = await house.node()
    api = api_at(house, session, node)
    place = await place_of(api, spaces=3)
    device = (await api.ask("POST", f"/{place}/devices", {"serial": "eui-1", "space": 1}))[1]["id"]
    assert (await api.ask("POST", f"/{place}/devices", {"serial": "eui-1"}))[0] == 409

    async def read(name: str, minutes: int, state: str) -> tuple[bool, str | None]:
        status, answer = await api.ask(
            "POST", f"/{place}/devices/{device}/readings", {"id": name, "at": times[minutes], "state": state}
        )
        assert status == 200, answer
        return answer["applied"], answer["space"] and answer["space"]["state"]

    times = {minutes: at(minutes) for minutes in (-3, -2, -1)}
    assert await read("r2", -2, "occupied") == (True, "occupied")
    assert await read("r2", -2, "occupied") == (False, "occupied")
    assert await read("r1", -3, "free") == (False, "occupied")
    assert await read("r3", -1, "free") == (True, "free")
    assert (await api.ask("PATCH", f"/{place}/devices/{device}", {"space": None}))[1]["space"] is None
    assert await read("r4", -1, "occupied") == (False, None)
    assert (await api.ask("PATCH", f"/{place}/devices/{device}", {"space": 3}))[1]["space"] == 3
    assert await read("r4", -1, "occupied") == (True, "occupied")
    late = {"id": "r5", "at": at(60), "state": "free"}
    assert (await api.ask("POST", f"/{place}/devices/{device}/readings", late))[0] == 422
    assert [one["serial"] for one in (await api.ask("GET", f"/{place}/devices"))[1]["data"]] == ["eui-1"]
    assert (await api.ask("DELETE", f"/{place}/devices/{device}"))[0] == 204
    assert (await api.ask("DELETE", f"/{place}/devices/{device}"))[0] == 404


async def test_reservations(house: House, session):
    """One space, one holder at a time: created once, refused when taken, cancelled, expired; published each
    time."""
    node = await house.node()
    api, follower = api_at(house, session, node), await program(house, node)
    place = await place_of(api, spaces=2)
    assert (await follower.call("events.subscribe", types=["reservation.*"]))["ok"]
    wish = {"id": "order-1", "space": 1, "starts": at(60), "ends": at(120)}
    status, made = await api.ask("POST", f"/{place}/reservations", wish)
    assert (status, made["space"], made["status"]) == (201, 1, "booked")
    assert (await api.ask("POST", f"/{place}/reservations", wish))[1] == made
    window = {"starts": at(90), "ends": at(150)}
    query = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in window.items())
    assert (await api.ask("GET", f"/{place}/availability?{query}"))[1] == {"available": 1, "spaces": [2]}
    assert (await api.ask("POST", f"/{place}/reservations", {"space": 1, **window}))[1]["code"] == "conflict"
    other = (await api.ask("POST", f"/{place}/reservations", window))[1]
    assert other["space"] == 2
    assert (await api.ask("POST", f"/{place}/reservations", window))[0] == 409
    assert (await api.ask("DELETE", f"/{place}/reservations/{made['id']}"))[1]["status"] == "cancelled"
    assert (await api.ask("DELETE", f"/{place}/reservations/{made['id']}"))[1]["status"] == "cancelled"
    assert (await api.ask("POST", f"/{place}/reservations", window))[1]["space"] == 1
    now = (await api.ask("POST", f"/{place}/reservations", {"space": 2, "starts": at(-1), "ends": at(0.02)}))[
        1
    ]
    assert (await api.ask("GET", f"/{place}/spaces/2"))[1]["state"] == "reserved"
    expired = await eventually(lambda: follower.of("reservation.expired"))
    assert (expired[0]["reservation"], expired[0]["reason"]) == (now["id"], "ended")
    assert (await api.ask("GET", f"/{place}/spaces/2"))[1]["state"] == "free"
    assert [one["reservation"] for one in follower.of("reservation.cancelled")] == [made["id"]]
    assert len(follower.of("reservation.created")) == 4
    for _ in range(200):
        listed = (await api.ask("GET", f"/{place}/reservations?status=expired"))[1]["data"]
        if listed:
            break
        await asyncio.sleep(0.02)
    assert [one["id"] for one in listed] == [now["id"]]
    for bad in (
        {"starts": at(2), "ends": at(1)},
        {"starts": at(1), "ends": at(60 * 24 * 40)},
        {"starts": at(-9), "ends": at(-8)},
    ):
        assert (await api.ask("POST", f"/{place}/reservations", bad))[0] == 422


async def test_nobody_came(house: House, session):
    """A space stays reserved for the place's time only; who came in time keeps it, and leaving ends it."""
    node = await house.node()
    api = api_at(house, session, node)
    place = await place_of(api, spaces=1, no_show_minutes=1)
    wish = {"starts": at(-0.99), "ends": at(30)}
    late = (await api.ask("POST", f"/{place}/reservations", wish))[1]
    assert (await api.ask("GET", f"/{place}/spaces/1"))[1]["state"] == "reserved"
    for _ in range(300):
        if (await api.ask("GET", f"/{place}/reservations/{late['id']}"))[1]["status"] == "expired":
            break
        await asyncio.sleep(0.02)
    assert (await api.ask("GET", f"/{place}/spaces/1"))[1]["state"] == "free"
    assert (await api.ask("POST", f"/{place}/reservations", {"starts": at(-0.5), "ends": at(30)}))[0] == 201
    assert (await api.ask("PATCH", f"/{place}/spaces/1", {"state": "occupied"}))[1]["state"] == "occupied"
    assert (await api.ask("PATCH", f"/{place}/spaces/1", {"state": "free"}))[1]["state"] == "free"


async def test_two_processes_never_double_book(house: House):
    """Many at once on two stores over one file: each time is reserved once; one id is one reservation
    wherever it is asked for."""
    node = await house.node()
    store = await open_store(house.settings, COLLECTIONS)
    one = node.room._places
    other = Places(store, node.services.relay, node.services.quotas, house.settings, node.services.audit)
    place, start = new_id("plc"), now_ms() + 3_600_000
    await one.create("app_1", place, {"name": "P", "site": None, "no_show_minutes": None}, 3, COMMAND_LINE)

    async def reserve(number: int, slot: int, reservation: str):
        booking: Any = {
            "id": reservation,
            "starts": start + slot * 1000,
            "ends": start + slot * 1000 + 1500,
            "no_show": None,
        }
        try:
            return (await (one, other)[number % 2].reserve("app_1", place, booking, None, COMMAND_LINE))[0]
        except Conflict:
            return None

    made = await asyncio.gather(*(reserve(n, n % 6, f"rsv_{n // 2 if n < 20 else n}") for n in range(60)))
    for n in range(60, 78):  # one id in two processes may hold two spaces for a moment, and gives one back
        made.append(await reserve(n, n % 6, f"rsv_{n}"))
    spaces = await one.spaces("app_1", place)
    held = {booking["id"]: space["n"] for space in spaces for booking in space["bookings"]}
    assert sum(len(space["bookings"]) for space in spaces) == len(held)
    for space in spaces:
        times = [(booking["starts"], booking["ends"]) for booking in space["bookings"]]
        assert all(ends <= starts for (_, ends), (starts, _) in pairwise(times))
    for booking in made:
        assert booking is None or held[booking["id"]] == booking["n"]
    for slot in range(6):
        assert not any(
            Draft.of(space, now_ms()).free_between(start + slot * 1000, start + slot * 1000 + 1500)
            for space in spaces
        )
    await store.close()


async def test_a_place_may_be_large_and_not_endless(house: House, session):
    """500 spaces in one request, the same ones when it is tried again; more than the bounds are refused by
    their own code."""
    node = await house.node()
    api = api_at(house, session, node)
    body = {"name": "Big", "spaces": 500}
    status, place = await api.ask("POST", "", body, **{"Idempotency-Key": "k"})
    assert status == 201
    assert (await api.ask("POST", "", body, **{"Idempotency-Key": "k"}))[1]["id"] == place["id"]
    place = place["id"]
    assert (await api.ask("GET", f"/{place}/occupancy"))[1]["total"] == 500
    assert (await api.ask("POST", f"/{place}/spaces", {"first": 400, "count": 200}))[1] == {"added": 99}
    too_many = await api.ask("POST", f"/{place}/spaces", {"first": 1900, "count": 200})
    assert (too_many[0], too_many[1]["code"]) == (403, "quota_exceeded")
    page = (await api.ask("GET", f"/{place}/spaces?limit=200"))[1]
    assert [one["n"] for one in page["data"]] == list(range(1, 201))
    assert (await api.ask("DELETE", f"/{place}"))[0] == 204
    assert (await api.ask("GET", f"/{place}"))[0] == 404


async def test_a_place_goes_with_what_comes_meanwhile(house: House, session):
    """Reservations and devices that are stored while their place is removed do not outlive it; a removal
    whose process died is invisible, and completed later."""
    node = await house.node()
    api, everything = api_at(house, session, node), node.services.store.operator()

    async def gone(collection: Collection[Any], place: str) -> bool:
        """Soon: what was stored in the last moment is deleted by the process that stored it."""
        for _ in range(100):
            if await everything.count(collection, {"place": place}) == 0:
                return True
            await asyncio.sleep(0.02)
        return False

    soon = [rfc3339(now_ms() + hours * 3_600_000) for hours in (1, 2)]
    for number in range(8):
        place = (await api.ask("POST", "", {"name": "Brief", "spaces": 12}))[1]["id"]
        asked = [
            api.ask("POST", f"/{place}/reservations", {"space": n, "starts": soon[0], "ends": soon[1]})
            for n in range(1, 9)
        ] + [
            api.ask("POST", f"/{place}/devices", {"serial": f"{number}-{n}", "kind": "occupancy"})
            for n in range(4)
        ]
        asked.insert(number, api.ask("DELETE", f"/{place}"))
        await asyncio.gather(*asked)
        assert (await api.ask("GET", f"/{place}"))[0] == 404
        for collection in (SPACES, DEVICES, RESERVATIONS):
            assert await gone(collection, place), collection.name
    place = (await api.ask("POST", "", {"name": "Half gone", "spaces": 2}))[1]["id"]
    await everything.update(PLACES, place, set={"removing": True})
    assert (await api.ask("GET", f"/{place}"))[0] == 404
    assert place not in {one["id"] for one in (await api.ask("GET", ""))[1]["data"]}
    await node.room._places.forget()
    assert await everything.get(PLACES, place) is None
    assert await everything.count(SPACES, {"place": place}) == 0


async def test_whose_place_it_is(house: House, session):
    """Another app's place is missing in every route; a key without places:write only reads."""
    node = await house.node()
    api, reader = api_at(house, session, node), api_at(house, session, node, "events:read")
    place = await place_of(api, spaces=1)
    foreign = Api(session, node, "", app_token(house, "owner", "app_2"))
    foreign._base = api._base
    wish, reading = {"starts": at(1), "ends": at(2)}, {"id": "r", "at": at(0), "state": "free"}
    for method, path, body in (
        ("GET", "", None), ("PATCH", "", {"name": "x"}), ("DELETE", "", None), ("GET", "/spaces", None), ("POST", "/spaces", {"count": 1}),
        ("GET", "/spaces/1", None), ("PATCH", "/spaces/1", {"state": "free"}), ("GET", "/occupancy", None), ("GET", "/history", None),
        ("GET", "/reservations", None), ("POST", "/reservations", wish), ("GET", "/devices", None), ("POST", "/devices", {"serial": "s"}),
        ("GET", f"/reservations/{new_id('rsv')}", None), ("POST", f"/devices/{new_id('dev')}/readings", reading),
    ):  # fmt: skip
        assert (await foreign.ask(method, f"/{place}{path}", body))[0] == 404, (method, path)
        status, problem = await reader.ask(method, f"/{place}{path}", body)
        assert status == (403 if method != "GET" else 404 if "rsv_" in path else 200), (method, path, problem)
    assert (await foreign.ask("GET"))[1]["data"] == []
    for path in ("/spaces/9", "/spaces/x", "/spaces/-1"):
        assert (await api.ask("GET", f"/{place}{path}"))[0] == 404
    for body in ({"state": "reserved"}, {"state": "gone"}, {"colour": "red"}):
        assert (await api.ask("PATCH", f"/{place}/spaces/1", body))[0] == 422


async def test_the_walk_through_of_the_docs_works(house: House):
    """The example of docs/places.md, unchanged, against a server."""
    node = await house.node()
    script = (Path(__file__).parents[3] / "docs/places.md").read_text().split("```sh")[1].split("```")[0]
    key = api_key(house, "events:read", "places:write")
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-euc",
        script,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "WEIR": node.url, "KEY": key},
    )
    told = (await process.communicate())[0].decode()
    assert process.returncode == 0, told
    for expected in (
        '"applied":true',
        '"occupied":1,"reserved":0',
        '"total":500,"available":499',
        '"status":"cancelled"',
    ):
        assert expected in told


async def test_a_deleted_apps_documents_go(house: House) -> None:
    """Messages, moderation and places of an app that control deletes; another app's stay."""
    node = await house.node()
    kept = node.services.store.operator()
    for app in ("app_1", "app_2"):
        for collection in (MESSAGES, MODERATION, PLACES):
            await node.services.store.app(app).insert(collection, {"id": new_id("act")})
    await node.services.bus.publish(AppDeleted(app="app_1"))
    for collection in (MESSAGES, MODERATION, PLACES):
        for _ in range(200):
            left = {doc["app"] for doc in (await kept.find(collection)).data}
            if left == {"app_2"}:
                break
            await asyncio.sleep(0.05)
        assert left == {"app_2"}, collection.name


async def test_a_plan_bounds_places_spaces_and_devices(house: House, session):
    """A burst fills the space that is left; what was refused is not stored; what is stored still works."""
    house.settings = house.settings.model_copy(
        update={"plans": {"free": {"places": 2, "spaces": 5, "devices": 3}}}
    )
    node = await house.node()
    api = api_at(house, session, node)
    house.directory.apps["app_1"]["plan"] = "free"
    answers = await asyncio.gather(*(api.ask("POST", "", {"name": "Garage", "spaces": 1}) for _ in range(6)))
    assert sorted(status for status, _ in answers) == [201, 201, 403, 403, 403, 403]
    assert {body["code"] for status, body in answers if status == 403} == {"quota_exceeded"}
    place = next(body["id"] for status, body in answers if status == 201)
    assert (await api.ask("POST", f"/{place}/spaces", {"first": 2, "count": 4}))[0] == 403
    assert (await api.ask("POST", f"/{place}/spaces", {"first": 1, "count": 4}))[1] == {"added": 3}
    assert (await api.ask("POST", f"/{place}/spaces", {"first": 1, "count": 4}))[1] == {"added": 0}
    devices = await asyncio.gather(
        *(api.ask("POST", f"/{place}/devices", {"serial": f"s{n}", "kind": "sensor"}) for n in range(6))
    )
    assert sorted(status for status, _ in devices) == [201, 201, 201, 403, 403, 403]
    assert (await api.ask("PATCH", f"/{place}/spaces/1", {"state": "occupied"}))[0] == 200
