"""What lists of places can be filtered by, and what is removed."""

import asyncio

import aiohttp
import pytest

from tests.realtime.app_events.test_app_events import program
from tests.realtime.places.test_service import api_at, at, place_of
from tests.support.chat_nodes import House, eventually


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as made:
        yield made


async def listed(api, path: str, count: int) -> list[dict]:
    """The list, as soon as it has so many."""
    for _ in range(500):
        found = (await api.ask("GET", path))[1]["data"]
        if len(found) >= count:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(found)


async def numbers(api, path: str) -> list[int]:
    status, page = await api.ask("GET", path)
    assert status == 200, page
    return [one["n"] for one in page["data"]]


async def test_places_and_spaces_are_found_by_what_is_noted_with_them(house: House, session):
    """By state, label, metadata and order; a cursor belongs to its query."""
    api = api_at(house, session, await house.node())
    place = await place_of(api, spaces=6, metadata={"city": "Hamburg"})
    await place_of(api)
    for n in (2, 4, 5):
        changed = {
            "label": f"Bay {n}",
            "metadata": {"roof": "yes"},
            **({"state": "occupied"} if n != 5 else {}),
        }
        assert (await api.ask("PATCH", f"/{place}/spaces/{n}", changed))[0] == 200
    assert [one["id"] for one in (await api.ask("GET", "?metadata[city]=Hamburg"))[1]["data"]] == [place]
    assert [one["id"] for one in (await api.ask("GET", "?metadata[city]=Kiel&q=garage"))[1]["data"]] == []
    assert len((await api.ask("GET", "?q=GARA"))[1]["data"]) == 2
    assert await numbers(api, f"/{place}/spaces?state=occupied") == [2, 4]
    assert await numbers(api, f"/{place}/spaces?q=bay&order=desc") == [5, 4, 2]
    assert await numbers(api, f"/{place}/spaces?metadata[roof]=yes&state=free") == [5]
    _, first = await api.ask("GET", f"/{place}/spaces?metadata[roof]=yes&limit=2")
    assert [one["n"] for one in first["data"]] == [2, 4]
    assert await numbers(
        api, f"/{place}/spaces?metadata[roof]=yes&limit=2&cursor={first['next_cursor']}"
    ) == [5]
    status, refused = await api.ask(
        "GET", f"/{place}/spaces?metadata[roof]=no&limit=2&cursor={first['next_cursor']}"
    )
    assert (status, refused["code"]) == (422, "invalid")
    assert (await api.ask("GET", f"/{place}/spaces?metadata=roof"))[0] == 422


async def test_a_label_and_metadata_are_taken_back_by_null(house: House, session):
    api = api_at(house, session, await house.node())
    place = await place_of(api, spaces=1)
    status, space = await api.ask("PATCH", f"/{place}/spaces/1", {"label": "A", "metadata": {"zone": "1"}})
    assert (space["label"], space["metadata"], space["state"]) == ("A", {"zone": "1"}, "free")
    status, space = await api.ask("PATCH", f"/{place}/spaces/1", {"label": None, "metadata": None})
    assert (status, space["label"], space["metadata"]) == (200, None, {})
    assert (await api.ask("PATCH", f"/{place}/spaces/1", {"state": None}))[0] == 422


async def test_reservations_are_found_by_their_own_id_user_space_status_and_time(house: House, session):
    """In a place and over all of them."""
    api = api_at(house, session, await house.node())
    one, other = await place_of(api, spaces=2), await place_of(api, spaces=1)
    status, made = await api.ask("POST", f"/{one}/reservations", {
        "id": "order-7", "space": 2, "starts": at(60), "ends": at(90), "user": "ann", "metadata": {"plate": "HH1"},
    })  # fmt: skip
    assert (status, made["client_id"], made["user"], made["metadata"]) == (
        201,
        "order-7",
        "ann",
        {"plate": "HH1"},
    )
    _, second = await api.ask(
        "POST", f"/{other}/reservations", {"starts": at(120), "ends": at(150), "user": "ann"}
    )
    _, third = await api.ask(
        "POST", f"/{one}/reservations", {"space": 1, "starts": at(200), "ends": at(210), "user": "bob"}
    )
    assert (await api.ask("GET", f"/{one}/reservations/order-7"))[1] == made
    assert (await api.ask("GET", f"/{other}/reservations/order-7"))[0] == 404
    everywhere = api_at(house, session, await house.node())
    everywhere._base = everywhere._base.removesuffix("/places")

    async def ids(path: str) -> list[str]:
        return [booked["id"] for booked in (await everywhere.ask("GET", path))[1]["data"]]

    assert await ids("/reservations?user=ann") == [made["id"], second["id"]]
    assert await ids("/reservations?user=ann&order=desc&status=booked") == [second["id"], made["id"]]
    assert await ids("/reservations?metadata[plate]=HH1") == [made["id"]]
    since = made["starts"].replace("+", "%2B")
    assert await ids(f"/reservations?since={since}&until={since}") == []
    assert await ids(f"/places/{one}/reservations?space=1") == [third["id"]]
    assert await ids(f"/places/{one}/reservations?status=completed") == []
    assert (await api.ask("DELETE", f"/{one}/reservations/order-7"))[1]["status"] == "cancelled"
    assert await ids("/reservations?status=cancelled") == [made["id"]]


async def test_a_reservation_whose_time_is_over_is_found_as_completed(house: House, session):
    node = await house.node()
    api = api_at(house, session, node)
    place = await place_of(api, spaces=1)
    _, made = await api.ask("POST", f"/{place}/reservations", {"starts": at(-5), "ends": at(1 / 30)})
    await api.ask("PATCH", f"/{place}/spaces/1", {"state": "occupied"})
    found = await listed(api, f"/{place}/reservations?status=completed", 1)
    assert [(one["id"], one["status"]) for one in found] == [(made["id"], "completed")]
    assert (await api.ask("GET", f"/{place}/reservations?status=booked"))[1]["data"] == []


async def test_without_a_space_one_is_taken_in_which_nobody_is(house: House, session):
    api = api_at(house, session, await house.node())
    place = await place_of(api, spaces=3)
    await api.ask("PATCH", f"/{place}/spaces/1", {"state": "occupied"})
    assert (await api.ask("POST", f"/{place}/reservations", {"starts": at(60), "ends": at(90)}))[1][
        "space"
    ] == 2


async def test_devices_are_found_in_a_place_and_over_all(house: House, session):
    api = api_at(house, session, await house.node())
    place, other = await place_of(api, spaces=2), await place_of(api)
    _, sensor = await api.ask("POST", f"/{place}/devices", {"serial": "A1", "space": 2})
    _, display = await api.ask("POST", f"/{other}/devices", {"serial": "D1", "kind": "display"})
    assert (await api.ask("GET", f"/{place}/devices/{sensor['id']}"))[1] == sensor
    assert (await api.ask("GET", f"/{other}/devices/{sensor['id']}"))[0] == 404
    assert [one["id"] for one in (await api.ask("GET", f"/{place}/devices?space=2"))[1]["data"]] == [
        sensor["id"]
    ]
    assert (await api.ask("GET", f"/{place}/devices?space=1"))[1]["data"] == []
    api._base = api._base.removesuffix("/places")
    assert [one["place"] for one in (await api.ask("GET", "/devices"))[1]["data"]] == [place, other]
    assert [one["id"] for one in (await api.ask("GET", "/devices?kind=display"))[1]["data"]] == [
        display["id"]
    ]
    assert [one["id"] for one in (await api.ask("GET", "/devices?serial=A1"))[1]["data"]] == [sensor["id"]]


async def test_a_display_reports_nothing(house: House, session):
    """Its reading is refused, and the space stays as it is."""
    api = api_at(house, session, await house.node())
    place = await place_of(api, spaces=1)
    _, display = await api.ask("POST", f"/{place}/devices", {"serial": "D1", "kind": "display", "space": 1})
    reading = {"id": "1", "at": at(0), "state": "occupied"}
    status, refused = await api.ask("POST", f"/{place}/devices/{display['id']}/readings", reading)
    assert (status, refused["code"]) == (409, "conflict")
    assert (await api.ask("GET", f"/{place}/spaces/1"))[1]["state"] == "free"


async def test_history_says_which_device_and_when(house: House, session):
    api = api_at(house, session, await house.node())
    place = await place_of(api, spaces=1)
    _, sensor = await api.ask("POST", f"/{place}/devices", {"serial": "A1", "space": 1})
    await api.ask(
        "POST", f"/{place}/devices/{sensor['id']}/readings", {"id": "1", "at": at(0), "state": "occupied"}
    )
    await api.ask("PATCH", f"/{place}/spaces/1", {"state": "free"})
    history = await listed(api, f"/{place}/history?order=asc", 2)
    assert [(one["cause"], one["device"]) for one in history] == [("arrive", sensor["id"]), ("leave", None)]
    assert (await api.ask("GET", f"/{place}/history?until={history[0]['at']}"))[1]["data"] == []
    assert len((await api.ask("GET", f"/{place}/history?since={history[0]['at']}"))[1]["data"]) == 2


async def test_a_space_that_nobody_uses_can_be_removed(house: House, session):
    """Not while it is occupied or reserved. Followers get an event, nothing of it is left, its number is not
    given again."""
    node = await house.node()
    api, follower = api_at(house, session, node), await program(house, node)
    place = await place_of(api, spaces=2)
    assert (
        await follower.call("events.subscribe", types=["space.removed", "occupancy.update"], place=place)
    )["ok"]
    _, sensor = await api.ask("POST", f"/{place}/devices", {"serial": "A1", "space": 2})
    await api.ask("PATCH", f"/{place}/spaces/2", {"state": "occupied"})
    status, refused = await api.ask("DELETE", f"/{place}/spaces/2")
    assert (status, refused["code"]) == (409, "in_use")
    await api.ask("PATCH", f"/{place}/spaces/2", {"state": "free"})
    _, booked = await api.ask(
        "POST", f"/{place}/reservations", {"space": 2, "starts": at(60), "ends": at(90)}
    )
    assert (await api.ask("DELETE", f"/{place}/spaces/2"))[1]["code"] == "in_use"
    await api.ask("DELETE", f"/{place}/reservations/{booked['id']}")
    assert (await api.ask("DELETE", f"/{place}/spaces/2"))[0] == 204
    await eventually(lambda: follower.of("space.removed"))
    assert [one["space"] for one in follower.of("space.removed")] == [2]
    await eventually(lambda: [one for one in follower.of("occupancy.update") if one["total"] == 1])
    assert await numbers(api, f"/{place}/spaces") == [1]
    for method, path, body in (
        ("GET", "", None), ("PATCH", "", {"state": "free"}), ("DELETE", "", None),
    ):  # fmt: skip
        assert (await api.ask(method, f"/{place}/spaces/2{path}", body))[0] == 404
    assert (await api.ask("GET", f"/{place}/devices/{sensor['id']}"))[1]["space"] is None
    assert (await api.ask("GET", f"/{place}/occupancy"))[1]["total"] == 1
    assert (await api.ask("POST", f"/{place}/reservations", {"space": 2, "starts": at(60), "ends": at(90)}))[
        0
    ] == 404
    status, refused = await api.ask("POST", f"/{place}/spaces", {"count": 3})
    assert (status, refused["code"]) == (409, "in_use")
    assert (await api.ask("POST", f"/{place}/spaces", {"first": 3, "count": 1}))[1] == {"added": 1}


async def test_a_change_of_what_has_changed_is_refused(house: House, session):
    """Places, spaces and devices have ETags; If-Match holds each change to what was read."""
    api = api_at(house, session, await house.node())
    place = await place_of(api, spaces=1)
    _, sensor = await api.ask("POST", f"/{place}/devices", {"serial": "A1"})
    for path, change in (
        ("", {"name": "New"}),
        ("/spaces/1", {"label": "A"}),
        (f"/devices/{sensor['id']}", {"space": 1}),
    ):
        etag = await api.etag(f"/{place}{path}")
        assert (await api.ask("PATCH", f"/{place}{path}", change, **{"If-Match": etag}))[0] == 200
        assert (await api.ask("PATCH", f"/{place}{path}", change, **{"If-Match": etag}))[0] == 412, path
        assert (await api.ask("PATCH", f"/{place}{path}", change, **{"If-Match": "*"}))[0] == 200
