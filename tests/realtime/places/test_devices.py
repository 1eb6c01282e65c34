"""What devices report through sources: facts on the bus, as control publishes them, and what comes of them."""

import asyncio
import random
from typing import Any

import aiohttp
import pytest

from realtime.places import devices as module
from realtime.places.devices import Devices
from realtime.places.store import DEVICES, POOL, pool_id
from tests.realtime.app_events.test_app_events import program
from tests.realtime.places.test_service import api_at, place_of
from tests.support.chat_nodes import House, Node, eventually
from weir.foundation.clock import now_ms
from weir.foundation.events import AppDeleted, InboundEvent, InboundReading
from weir.foundation.ids import derived_id


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as made:
        yield made


def reading(
    serial: str, state: str | None = "occupied", at: int = 0, n: int = 1, **more: Any
) -> InboundReading:
    """The n-th; `at` counts seconds."""
    base = 1_790_000_000_000
    fields = {"reported": base + at * 1000, "values": {}, **more}
    return InboundReading(
        id=derived_id("evt", serial, n),
        app="app_1",
        source="src_1",
        serial=serial,
        state=state,
        **fields,
    )


async def device_of(api, place: str, serial: str, space: int | None = 1) -> dict[str, Any]:
    status, made = await api.ask("POST", f"/{place}/devices", {"serial": serial, "space": space})
    assert status == 201, made
    return made


async def sent(node: Node, *facts: Any) -> None:
    await node.services.bus.publish(*facts)


def devices_of(node: Node) -> Devices:
    return node.room._devices


async def listed(api, path: str = "/pool") -> dict[str, Any]:
    base, api._base = api._base, api._base.removesuffix("/places")
    try:
        status, page = await api.ask("GET", f"/devices{path}")
    finally:
        api._base = base
    assert status == 200, page
    return page


async def adopted(api, serial: str, body: Any) -> tuple[int, dict[str, Any]]:
    base, api._base = api._base, api._base.removesuffix("/places")
    try:
        return await api.ask("POST", f"/devices/pool/{serial}/adopt", body)
    finally:
        api._base = base


async def test_a_reading_from_the_bus_does_what_a_posted_one_does(house: House, session):
    """In capitals or not: the space changes, followers hear it once, and the device shows what it said."""
    node = await house.node()
    api, follower = api_at(house, session, node), await program(house, node)
    place = await place_of(api, spaces=2)
    device = await device_of(api, place, "70B3D57ED0001A2B")
    assert (device["last_seen"], device["battery"], device["values"]) == (None, None, {})
    assert (await follower.call("events.subscribe", types=["space.*"]))["ok"]
    fact = reading("70b3d57ed0001a2b", battery=81.5, rssi=-97.0, values={"snr": 7.2})
    await sent(node, fact, fact)
    await eventually(lambda: follower.of("space.state.changed"))
    await sent(node, fact, reading("70b3d57ed0001a2b", "free", 5, 2, values={"f_cnt": 3}))
    await eventually(lambda: len(follower.of("space.state.changed")) == 2)
    assert [(one["space"], one["state"], one["device"]) for one in follower.of("space.state.changed")] == [
        (1, "occupied", device["id"]), (1, "free", device["id"]),
    ]  # fmt: skip
    _, shown = await api.ask("GET", f"/{place}/devices/{device['id']}")
    assert shown["last_seen"] is not None
    assert (shown["battery"], shown["rssi"], shown["values"]) == (81.5, -97.0, {"snr": 7.2, "f_cnt": 3})
    assert follower.undocumented == []


async def test_readings_in_any_order_and_repeated_settle_alike(house: House, session):
    """The latest by the sensor's clock is what stays, of the space and of the device."""
    node = await house.node()
    api = api_at(house, session, node)
    place = await place_of(api, spaces=1)
    device = await device_of(api, place, "s1")
    facts = [reading("s1", ("free", "occupied")[n % 2], n, n, battery=float(n)) for n in range(1, 20)]
    shuffled = facts * 3
    random.Random(7).shuffle(shuffled)
    for fact in shuffled:
        await devices_of(node).hear(fact)
    _, space = await api.ask("GET", f"/{place}/spaces/1")
    _, shown = await api.ask("GET", f"/{place}/devices/{device['id']}")
    assert (space["state"], shown["battery"]) == ("occupied", 19.0)


async def test_two_nodes_hear_readings_of_one_device_at_once(house: House, session):
    one, other = await house.node(), await house.node()
    api = api_at(house, session, one)
    place = await place_of(api, spaces=1)
    device = await device_of(api, place, "s1")
    facts = [reading("s1", "occupied" if n == 29 else "free", n, n, values={f"v{n}": n}) for n in range(30)]
    await asyncio.gather(*(devices_of((one, other)[n % 2]).hear(fact) for n, fact in enumerate(facts)))
    _, shown = await api.ask("GET", f"/{place}/devices/{device['id']}")
    _, space = await api.ask("GET", f"/{place}/spaces/1")
    assert space["state"] == "occupied"
    assert shown["values"]["v29"] == 29


async def test_a_reading_may_name_its_space_and_a_missing_one_changes_nothing(house: House, session):
    node = await house.node()
    api = api_at(house, session, node)
    place = await place_of(api, spaces=3)
    await device_of(api, place, "camera", None)
    for fact in (
        reading("camera", n=1),
        reading("camera", n=2, at=1, space=3),
        reading("camera", n=3, at=2, space=99),
    ):
        await devices_of(node).hear(fact)
    _, page = await api.ask("GET", f"/{place}/spaces?state=occupied")
    assert [one["n"] for one in page["data"]] == [3]


async def test_a_display_is_seen_and_occupies_nothing(house: House, session):
    node = await house.node()
    api = api_at(house, session, node)
    place = await place_of(api, spaces=1)
    await api.ask("POST", f"/{place}/devices", {"serial": "led", "space": 1, "kind": "display"})
    await devices_of(node).hear(reading("led", battery=50.0))
    _, page = await api.ask("GET", f"/{place}/devices")
    assert page["data"][0]["battery"] == 50.0
    assert (await api.ask("GET", f"/{place}/spaces/1"))[1]["state"] == "free"


async def test_an_unknown_device_waits_in_the_pool_until_it_is_adopted(house: House, session):
    """With what it last said, which counts at once; it is registered once, and leaves the pool."""
    node = await house.node()
    api = api_at(house, session, node)
    place = await place_of(api, spaces=2)
    await devices_of(node).hear(reading("AA01", "free", 0, 1, battery=70.0, values={"snr": 1}))
    await devices_of(node).hear(reading("aa01", "occupied", 5, 2, rssi=-80.0))
    await devices_of(node).hear(reading("AA01", "free", 3, 3))
    (entry,) = (await listed(api))["data"]
    known = {name: entry[name] for name in ("state", "battery", "rssi", "values", "source")}
    assert known == {
        "state": "occupied",
        "battery": 70.0,
        "rssi": -80.0,
        "values": {"snr": 1},
        "source": "src_1",
    }
    assert (await listed(api, "/pool/stats")) == {
        "pool": 1, "pool_seen_24h": 1, "registered": 0, "assigned": 0, "seen_24h": 0,
    }  # fmt: skip
    status, device = await adopted(api, "Aa01", {"place": place, "space": 2})
    assert (status, device["place"], device["space"], device["battery"]) == (201, place, 2, 70.0)
    assert (await api.ask("GET", f"/{place}/spaces/2"))[1]["state"] == "occupied"
    assert (await listed(api))["data"] == []
    assert (await adopted(api, "AA01", {"place": place, "space": 1}))[0] == 404
    assert (await listed(api, "/pool/stats"))["assigned"] == 1
    await devices_of(node).hear(reading("AA01", "free", 9, 9))
    assert (await api.ask("GET", f"/{place}/spaces/2"))[1]["state"] == "free"
    assert (await listed(api))["data"] == []


async def test_what_cannot_be_adopted_stays_in_the_pool(house: House, session):
    node = await house.node()
    api = api_at(house, session, node)
    place = await place_of(api, spaces=1)
    await devices_of(node).hear(reading("AA01"))
    assert (await adopted(api, "AA01", {"place": "plc_" + "0" * 26}))[0] == 404
    assert (await adopted(api, "AA01", {"place": place, "space": 9}))[0] == 404
    assert (await adopted(api, "BB", {"place": place}))[0] == 404
    assert len((await listed(api))["data"]) == 1


async def test_a_device_that_is_registered_leaves_the_pool(house: House, session):
    """Also one that was left there by a process that died between the two."""
    node = await house.node()
    api = api_at(house, session, node)
    place = await place_of(api, spaces=1)
    await devices_of(node).hear(reading("AA01"))
    await device_of(api, place, "aa01")
    assert (await listed(api))["data"] == []
    status, refused = await api.ask("POST", f"/{place}/devices", {"serial": "AA01"})
    assert (status, refused["code"]) == (409, "conflict")
    handle = node.services.store.app("app_1")
    left: Any = {"id": pool_id("app_1", "AA01"), "key": "aa01", "serial": "AA01", "source": "s", "first_seen": 1,
                 "last_seen": 1, "reading": "r", "state": None, "space": None}  # fmt: skip
    await handle.insert(POOL, left)
    await devices_of(node).hear(reading("AA01", at=1, n=2))
    assert (await listed(api))["data"] == []


async def test_of_a_full_pool_the_oldest_leaves_and_the_silent_are_forgotten(
    house: House, session, monkeypatch
):
    monkeypatch.setattr(module, "MOST_IN_POOL", 3)
    node = await house.node()
    api, handle = api_at(house, session, node), node.services.store.app("app_1")
    for n in range(5):
        await devices_of(node).hear(reading(f"s{n}"))
        await handle.update(POOL, pool_id("app_1", f"s{n}"), set={"last_seen": now_ms() - 100 + n})
    assert [one["serial"] for one in (await listed(api))["data"]] == ["s4", "s3", "s2"]
    await handle.update(POOL, pool_id("app_1", "s3"), set={"last_seen": now_ms() - 31 * 86_400_000})
    await devices_of(node).forget()
    assert [one["serial"] for one in (await listed(api))["data"]] == ["s4", "s2"]


async def test_devices_from_before_are_found_by_their_serial_too(house: House, session):
    """They have no key; of two that differ in capitals alone, one is found."""
    node = await house.node()
    api = api_at(house, session, node)
    place = await place_of(api, spaces=1)
    handle = node.services.store.app("app_1")
    for number, serial in enumerate(("AbCd", "abcd")):
        old: Any = {
            "id": f"dev_{number}",
            "place": place,
            "serial": serial,
            "kind": "sensor",
            "space": 1,
            "created": number,
            "revision": 0,
        }
        await handle.insert(DEVICES, old)
    await devices_of(node).add_keys()
    await devices_of(node).add_keys()
    assert sorted([one["key"] for one in (await handle.find(DEVICES)).data]) == ["abcd", "abcd dev_1"]
    await devices_of(node).hear(reading("ABCD"))
    assert (await api.ask("GET", f"/{place}/spaces/1"))[1]["state"] == "occupied"


async def test_a_posted_reading_is_seen_of_its_device_and_its_etag_changes(house: House, session):
    node = await house.node()
    api = api_at(house, session, node)
    place = await place_of(api, spaces=1)
    device = await device_of(api, place, "s1")
    before = await api.etag(f"/{place}/devices/{device['id']}")
    said = {"id": "r1", "at": "2026-11-20T10:00:00Z", "state": "occupied"}
    assert (await api.ask("POST", f"/{place}/devices/{device['id']}/readings", said))[1]["applied"] is True
    assert (await api.ask("GET", f"/{place}/devices/{device['id']}"))[1]["last_seen"] is not None
    assert await api.etag(f"/{place}/devices/{device['id']}") != before


async def test_a_partners_event_is_in_the_apps_log_once(house: House, session):
    """However often its fact comes; a custom one looks as if the app had published it."""
    node = await house.node()
    follower = await program(house, node)
    assert (await follower.call("events.subscribe", types=["partner.*", "custom.*"]))["ok"]
    facts = [
        InboundEvent(id=derived_id("evt", n), app="app_1", source="src_1", kind=kind, data='{"amount":475}')
        for n, kind in enumerate(("partner.teller.payment", "custom.paid"))
    ]
    await sent(node, *facts, *facts, facts[0])
    last = InboundEvent(app="app_1", source="src_1", kind="partner.x.last", data="{}")
    await sent(node, last)
    await eventually(lambda: follower.of("partner.x.last"))
    (told,) = follower.of("partner.teller.payment")
    assert (told["id"], told["source"], told["data"]) == (facts[0].id, "src_1", {"amount": 475})
    (own,) = follower.of("custom.paid")
    assert (own["data"], "source" in own) == ({"amount": 475}, False)
    assert follower.undocumented == []


async def test_the_pool_goes_with_its_app(house: House, session):
    node = await house.node()
    await devices_of(node).hear(reading("AA01"))
    await sent(node, AppDeleted(app="app_1"))
    handle = node.services.store.app("app_1")
    for _ in range(500):
        if await handle.count(POOL) == 0:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the pool is still there")
