"""What devices report through sources, and the pool of those that nobody has registered. [work]

A device is found by its serial over the whole app. A report of a registered one is noted with the device and reaches its space as any
other reading; one of an unknown device is kept in the pool, until somebody adopts it. Facts come at least once and in any order: of two
reports the later by the device's clock counts, and a repeat changes nothing.
"""

import contextlib
from typing import Any, cast

from realtime.places.documents import DeviceDoc, PoolDoc, Seen
from realtime.places.service import MOST_TRIES, Places
from realtime.places.store import DEVICES, POOL, pool_id, serial_key
from weir.foundation.audit import By
from weir.foundation.clock import now_ms
from weir.foundation.documents import Between, Collection, D, DuplicateKey, Store
from weir.foundation.errors import NotFound, Unavailable
from weir.foundation.events import InboundReading
from weir.foundation.redis.periodic import Job

MOST_IN_POOL, MOST_VALUES = 1_000, 60
DAY_MS = 86_400_000
POOL_MS = 30 * DAY_MS
KEYS_S, FORGET_S = 60.0, 3_600.0


class Devices:
    def __init__(self, store: Store, places: Places) -> None:
        self._store = store
        self._places = places

    def jobs(self) -> list[Job]:
        return [Job("devices.keys", KEYS_S, self.add_keys), Job("devices.pool", FORGET_S, self.forget)]

    async def hear(self, fact: InboundReading) -> None:
        """Errors: Unavailable."""
        handle = self._store.app(fact.app)
        device = await handle.find_one(DEVICES, {"key": serial_key(fact.serial)})
        if device is None:
            await self._keep(fact)
            return
        if await handle.get(POOL, pool_id(fact.app, fact.serial)) is not None:
            await handle.delete(POOL, {"id": pool_id(fact.app, fact.serial)})
        await self.note(device, fact.reported, _said(fact))
        space = fact.space if fact.space is not None else device["space"]
        if fact.state is not None and space is not None and device["kind"] != "display":
            with contextlib.suppress(NotFound):  # the space has been removed
                await self._places.report(
                    fact.app,
                    device["place"],
                    space,
                    fact.state,
                    {"id": fact.id, "at": fact.reported, "device": device["id"]},
                )

    async def note(self, device: DeviceDoc, reported: int, said: dict[str, Any]) -> None:
        """Notes when a device has reported and what it said of itself, unless a later report is noted."""
        await self._newest(DEVICES, device, reported, said)

    async def _keep(self, fact: InboundReading) -> None:
        """In the pool. The oldest leaves when there are too many."""
        handle, entry_id, now = self._store.app(fact.app), pool_id(fact.app, fact.serial), now_ms()
        said = {
            **_said(fact),
            "serial": fact.serial,
            "source": fact.source,
            "reading": fact.id,
            "space": fact.space,
            **({"state": fact.state} if fact.state is not None else {}),
        }
        found = await handle.get(POOL, entry_id)
        if found is None:
            blank = {"id": entry_id, "key": serial_key(fact.serial), "first_seen": now, "state": None}
            fresh = cast(PoolDoc, {**blank, **said, "last_seen": now, "reported": fact.reported})
            try:
                await handle.insert(POOL, fresh)
            except DuplicateKey:
                found = await handle.get(POOL, entry_id)
            else:
                await self._trim(fact.app)
        if found is not None:
            await self._newest(POOL, found, fact.reported, said)

    async def _trim(self, app: str) -> None:
        handle = self._store.app(app)
        excess = await handle.count(POOL) - MOST_IN_POOL
        if excess > 0:
            for old in (await handle.find(POOL, sort="last_seen", limit=excess)).data:
                await handle.delete(POOL, {"id": old["id"]})

    async def _newest(self, collection: Collection[D], found: D, reported: int, said: dict[str, Any]) -> None:
        handle = self._store.app(found["app"])
        doc: D | None = found
        for _ in range(MOST_TRIES):
            if doc is None or reported < (doc.get("reported") or 0):
                return
            values = {**(doc.get("values") or {}), **said.get("values", {})}
            if len(values) > MOST_VALUES:  # its source's mapping has changed often
                values = said.get("values", {})
            changes = {**said, "values": values, "last_seen": now_ms(), "reported": reported}
            expected = {"reported": doc.get("reported")}
            if await handle.update(collection, doc["id"], set=changes, expect=expected) is not None:
                return
            doc = await handle.get(collection, doc["id"])
        raise Unavailable("This device reports too fast; try again.", retry_after=1)

    async def entry(self, app: str, serial: str) -> PoolDoc:
        found = await self._store.app(app).get(POOL, pool_id(app, serial))
        if found is None:
            raise NotFound("No unknown device has reported with this serial.")
        return found

    async def adopt(
        self, app: str, serial: str, device_id: str, place: str, space: int | None, by: By
    ) -> DeviceDoc:
        """Registers a device of the pool; what it has last said counts at once. May be repeated with the same
        id. Errors: NotFound (the entry, place or space), QuotaExceeded, Conflict."""
        made = await self._store.app(app).get(DEVICES, device_id)
        if made is not None:
            return made
        entry = await self.entry(app, serial)
        seen = {name: entry[name] for name in Seen.__annotations__ if name in entry}  # type: ignore[literal-required]
        fields = {"id": device_id, "serial": entry["serial"], "kind": "sensor", "space": space, **seen}
        device = await self._places.add_device(app, place, fields, by)
        number = entry["space"] if entry["space"] is not None else space
        if entry["state"] is not None and number is not None:
            reading = {"id": entry["reading"], "at": entry["reported"], "device": device_id}
            with contextlib.suppress(NotFound):  # it reports on a space that this place has not
                await self._places.report(app, place, number, entry["state"], reading)  # type: ignore[arg-type]
        return device

    async def stats(self, app: str) -> dict[str, int]:
        handle, since = self._store.app(app), now_ms() - DAY_MS
        registered = await handle.count(DEVICES)
        return {
            "pool": await handle.count(POOL),
            "pool_seen_24h": await handle.count(POOL, {"last_seen": Between(since)}),
            "registered": registered,
            "assigned": await handle.count(DEVICES, {"space": Between(1)}),
            "seen_24h": await handle.count(DEVICES, {"last_seen": Between(since)}),
        }

    async def add_keys(self) -> None:
        """Periodic: devices from before serials were compared by key. Of two whose serials differ in capitals
        alone, the second one keeps being found by its place."""
        everywhere = self._store.operator()
        for device in (await everywhere.find(DEVICES, {"key": None}, limit=500)).data:
            key = serial_key(device["serial"])
            try:
                await everywhere.update(DEVICES, device["id"], set={"key": key}, expect={"key": None})
            except DuplicateKey:
                await everywhere.update(DEVICES, device["id"], set={"key": f"{key} {device['id']}"})

    async def forget(self) -> None:
        """Periodic: those that have been silent for 30 days."""
        await self._store.operator().delete(POOL, {"last_seen": Between(below=now_ms() - POOL_MS)})


def _said(fact: InboundReading) -> dict[str, Any]:
    known = {"battery": fact.battery, "rssi": fact.rssi}
    return {**{name: value for name, value in known.items() if value is not None}, "values": fact.values}
