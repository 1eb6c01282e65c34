"""REST for places: spaces, occupancy, reservations, devices. [door]"""

from datetime import datetime
from typing import Any

from starlette.routing import BaseRoute

from realtime.places.devices import Devices
from realtime.places.documents import Booking, DeviceDoc, PlaceDoc, PoolDoc, ReservationDoc, SpaceDoc
from realtime.places.models import (
    Added,
    Adoption,
    Assignment,
    Availability,
    DeviceFilter,
    DevicesFilter,
    DeviceView,
    HistoryFilter,
    NewDevice,
    NewPlace,
    NewReservation,
    NewSpaces,
    OccupancyView,
    PlaceChange,
    PlaceFilter,
    PlaceView,
    PoolEntryView,
    PoolFilter,
    PoolStats,
    Reading,
    ReadingView,
    ReservationFilter,
    ReservationsFilter,
    ReservationView,
    SpaceChange,
    SpaceFilter,
    SpaceView,
    TransitionView,
    Window,
)
from realtime.places.rules import STATES
from realtime.places.service import Places, check_times, own_reservation, peak_of
from realtime.places.store import DEVICES, HISTORY, PLACES, POOL, RESERVATIONS, SPACES
from weir.foundation.audit import by
from weir.foundation.clock import format_time, now_ms, rfc3339
from weir.foundation.documents import Handle, OneOf, Store
from weir.foundation.errors import Conflict, Invalid, NotFound
from weir.foundation.http.listing import sieve
from weir.foundation.http.routing import Answer, Call, Door, Listed, Row, bind

READ, WRITE, TAG = "events:read", "places:write", "places"
FUTURE_MS = 300_000


class PlaceRoutes:
    def __init__(self, store: Store, places: Places, devices: Devices) -> None:
        self._store = store
        self._places = places
        self._devices = devices

    def routes(self, door: Door) -> list[BaseRoute]:
        return [
            bind(row, door) for row in (*self._place_rows(), *self._reservation_rows(), *self._device_rows())
        ]

    def _place_rows(self) -> list[Row]:
        base = "/v1/places"
        one, space = base + "/{place}", base + "/{place}/spaces/{n}"
        read: dict[str, Any] = {"scope": READ, "tag": TAG}
        write: dict[str, Any] = {"scope": WRITE, "tag": TAG}
        return [
            Row("GET", base, "tenant", self.list_places, summary="List places, of one site or all", query=PlaceFilter,
                answer=Listed[PlaceView], **read),
            Row("POST", base, "tenant", self.create, NewPlace, summary="Create a place with its spaces", answer=PlaceView, status=201,
                errors=(Conflict,), **write),
            Row("GET", one, "tenant", self.get, summary="Read a place", answer=PlaceView, etag=True, **read),
            Row("PATCH", one, "tenant", self.change, PlaceChange, summary="Change a place", answer=PlaceView, etag=True, **write),
            Row("DELETE", one, "tenant", self.remove, summary="Remove a place with everything in it", status=204, **write),
            Row("GET", one + "/spaces", "tenant", self.spaces, summary="List spaces", query=SpaceFilter, answer=Listed[SpaceView], **read),
            Row("POST", one + "/spaces", "tenant", self.add_spaces, NewSpaces, summary="Add spaces", answer=Added, status=201,
                errors=(Conflict,), **write),
            Row("GET", space, "tenant", self.space, summary="Read a space", answer=SpaceView, etag=True, **read),
            Row("PATCH", space, "tenant", self.change_space, SpaceChange, summary="Say what state a space is in, and what it is called",
                answer=SpaceView, etag=True, **write),
            Row("DELETE", space, "tenant", self.remove_space, summary="Remove a space that is not in use", status=204, errors=(Conflict,),
                **write),
            Row("GET", one + "/occupancy", "tenant", self.occupancy, summary="Count spaces by state", answer=OccupancyView, **read),
            Row("GET", one + "/history", "tenant", self.history, summary="List transitions, newest first", query=HistoryFilter,
                answer=Listed[TransitionView], **read),
        ]  # fmt: skip

    def _reservation_rows(self) -> list[Row]:
        base = "/v1/places/{place}/reservations"
        return [
            Row("GET", "/v1/places/{place}/availability", "tenant", self.availability, summary="Which spaces can be had for a time",
                query=Window, answer=Availability, scope=READ, tag=TAG),
            Row("GET", base, "tenant", self.reservations, summary="List reservations by their beginning", query=ReservationFilter,
                answer=Listed[ReservationView], scope=READ, tag=TAG),
            Row("POST", base, "tenant", self.reserve, NewReservation, summary="Reserve a space for a time", answer=ReservationView,
                status=201, also=(200,), scope=WRITE, tag=TAG, errors=(Conflict,)),
            Row("GET", base + "/{reservation}", "tenant", self.reservation, summary="Read a reservation", answer=ReservationView,
                scope=READ, tag=TAG),
            Row("DELETE", base + "/{reservation}", "tenant", self.cancel, summary="Cancel a reservation", answer=ReservationView,
                scope=WRITE, tag=TAG),
            Row("GET", "/v1/reservations", "tenant", self.all_reservations, summary="List the app's reservations by their beginning",
                query=ReservationsFilter, answer=Listed[ReservationView], scope=READ, tag=TAG),
        ]  # fmt: skip

    def _device_rows(self) -> list[Row]:
        base = "/v1/places/{place}/devices"
        return [
            Row("GET", base, "tenant", self.devices, summary="List devices", query=DeviceFilter, answer=Listed[DeviceView],
                scope=READ, tag=TAG),
            Row("GET", "/v1/devices", "tenant", self.all_devices, summary="List the app's devices", query=DevicesFilter,
                answer=Listed[DeviceView], scope=READ, tag=TAG),
            Row("GET", base + "/{device}", "tenant", self.device, summary="Read a device", answer=DeviceView, scope=READ, tag=TAG,
                etag=True),
            Row("POST", base, "tenant", self.add_device, NewDevice, summary="Register a device", answer=DeviceView, status=201, scope=WRITE,
                tag=TAG, errors=(Conflict,)),
            Row("PATCH", base + "/{device}", "tenant", self.assign, Assignment, summary="Assign a device to a space, or to none",
                answer=DeviceView, scope=WRITE, tag=TAG, etag=True),
            Row("DELETE", base + "/{device}", "tenant", self.remove_device, summary="Remove a device", status=204, scope=WRITE, tag=TAG),
            Row("POST", base + "/{device}/readings", "tenant", self.read, Reading, summary="Report what a sensor sees", answer=ReadingView,
                scope=WRITE, tag=TAG, errors=(Conflict,)),
            Row("GET", "/v1/devices/pool", "tenant", self.pool, summary="List devices that report and are not registered",
                query=PoolFilter, answer=Listed[PoolEntryView], scope=READ, tag=TAG),
            Row("GET", "/v1/devices/pool/stats", "tenant", self.pool_stats, summary="Count devices in the pool and in places",
                answer=PoolStats, scope=READ, tag=TAG),
            Row("POST", "/v1/devices/pool/{serial}/adopt", "tenant", self.adopt, Adoption, summary="Register a device of the pool",
                answer=DeviceView, status=201, scope=WRITE, tag=TAG, errors=(Conflict,), at="/v1/places/{place}/devices/{id}"),
        ]  # fmt: skip

    def _of(self, call: Call) -> tuple[str, str, Handle]:
        app = call.acting().app
        return app, call.path("place"), self._store.app(app)

    # -- places and spaces

    async def list_places(self, call: Call) -> Answer:
        asked: PlaceFilter = call.query
        page = await self._store.app(call.acting().app).find(
            PLACES,
            {**asked.where("site"), "created": asked.span(), "removing": None},
            sort="created",
            descending=asked.descending,
            limit=asked.limit,
            cursor=asked.cursor,
            sieve=asked.sieve("name"),
        )
        return Answer({"data": [_place(one) for one in page.data], "next_cursor": page.next})

    async def create(self, call: Call) -> Answer:
        body: NewPlace = call.body
        fields = body.model_dump(exclude={"spaces"})
        made = await self._places.create(call.acting().app, call.new_id("plc"), fields, body.spaces, by(call))
        return Answer(_place(made), 201, etag=_place_etag(made))

    async def get(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        found = await self._places.get(app, place)
        return Answer(_place(found), etag=_place_etag(found))

    async def change(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        found = await self._places.get(app, place)
        call.expects(_place_etag(found))
        given = call.body.changes({"site": None, "no_show_minutes": None, "metadata": {}})
        changed = await self._places.change(found, given, by(call)) if given else found
        return Answer(_place(changed), etag=_place_etag(changed))

    async def remove(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        await self._places.remove(app, place, by(call))
        return Answer(None, 204)

    async def spaces(self, call: Call) -> Answer:
        app, place, handle = self._of(call)
        await self._places.get(app, place)
        asked: SpaceFilter = call.query
        where = {"place": place, "state": asked.state or OneOf(STATES)}
        page = await handle.find(
            SPACES,
            where,
            sort="n",
            descending=asked.order == "desc",
            limit=asked.limit,
            cursor=asked.cursor,
            sieve=sieve(asked.q, ("label",), asked.metadata),
        )
        return Answer({"data": [_space(one) for one in page.data], "next_cursor": page.next})

    async def add_spaces(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        return Answer(
            {"added": await self._places.add_spaces(app, place, call.body.first, call.body.count, by(call))},
            201,
        )

    async def space(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        space = await self._places.space(app, place, _number(call))
        return Answer(_space(space), etag=_space_etag(space))

    async def change_space(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        space = await self._places.space(app, place, _number(call))
        call.expects(_space_etag(space))
        given = call.body.changes({"label": None, "metadata": {}})
        if given:
            space = await self._places.change_space(
                space, given, by(call), unchanged="if-match" in call.request.headers
            )
        return Answer(_space(space), etag=_space_etag(space))

    async def remove_space(self, call: Call) -> Answer:
        """Its number is not given again. Errors: Conflict while it is occupied or reserved."""
        app, place, _ = self._of(call)
        await self._places.remove_space(app, place, _number(call), by(call))
        return Answer(None, 204)

    async def occupancy(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        found, counts = await self._places.get(app, place), await self._places.occupancy(app, place)
        del counts["free"]  # is `available`
        return Answer(
            {
                "subject": "place",
                "place": place,
                **counts,
                "peak": peak_of(found, counts["occupied"], now_ms()),
            }
        )

    async def history(self, call: Call) -> Answer:
        app, place, handle = self._of(call)
        await self._places.get(app, place)
        asked: HistoryFilter = call.query
        where = {
            "place": place,
            "at": asked.span(),
            **({"n": asked.space} if asked.space is not None else {}),
        }
        page = await handle.find(
            HISTORY,
            where,
            sort="at",
            descending=asked.descending,
            limit=asked.limit,
            cursor=asked.cursor,
        )
        shown = [
            {
                "id": one["id"],
                "at": rfc3339(one["at"]),
                "space": one["n"],
                "before": one["from"],
                "state": one["to"],
                "cause": one["cause"],
                "device": one.get("device"),
            }
            for one in page.data
        ]
        return Answer({"data": shown, "next_cursor": page.next})

    # -- reservations

    async def availability(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        await self._places.get(app, place)
        spaces = await self._places.free_between(app, place, _ms(call.query.starts), _ms(call.query.ends))
        return Answer({"available": len(spaces), "spaces": spaces})

    async def reservations(self, call: Call) -> Answer:
        app, place, handle = self._of(call)
        await self._places.get(app, place)
        asked: ReservationFilter = call.query
        return await _reservations(
            handle, asked, {"place": place, **({"n": asked.space} if asked.space is not None else {})}
        )

    async def all_reservations(self, call: Call) -> Answer:
        return await _reservations(self._store.app(call.acting().app), call.query, {})

    async def reserve(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        body: NewReservation = call.body
        starts, ends = _ms(body.starts), _ms(body.ends)
        check_times(starts, ends, now_ms())
        found = await self._places.get(app, place)
        no_show = found["no_show_minutes"] * 60_000 if found["no_show_minutes"] is not None else None
        booking: Booking = {
            "id": own_reservation(app, place, body.id) if body.id is not None else call.new_id("rsv"),
            "starts": starts,
            "ends": ends,
            "no_show": no_show,
            "note": body.note,
            "client_id": body.id,
            "user": body.user,
            "metadata": body.metadata,
        }
        reserved, repeated = await self._places.reserve(app, place, booking, body.space, by(call))
        return Answer(
            _reservation(reserved),
            200 if repeated else 201,
            headers={"Idempotency-Replayed": "true"} if repeated else {},
        )

    async def reservation(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        return Answer(_reservation(await self._places.reservation(app, place, call.path("reservation"))))

    async def cancel(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        return Answer(_reservation(await self._places.cancel(app, place, call.path("reservation"), by(call))))

    # -- devices

    async def devices(self, call: Call) -> Answer:
        app, place, handle = self._of(call)
        await self._places.get(app, place)
        asked: DeviceFilter = call.query
        return await _devices(handle, asked, {"place": place, **asked.where("space")})

    async def all_devices(self, call: Call) -> Answer:
        return await _devices(self._store.app(call.acting().app), call.query, {})

    async def device(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        found = await self._places.device(app, place, call.path("device"))
        return Answer(_device(found), etag=_device_etag(found))

    async def add_device(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        fields = {"id": call.new_id("dev"), **call.body.model_dump()}
        made = await self._places.add_device(app, place, fields, by(call))
        return Answer(_device(made), 201, etag=_device_etag(made))

    async def assign(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        found = await self._places.device(app, place, call.path("device"))
        call.expects(_device_etag(found))
        assigned = await self._places.assign(found, call.body.space, by(call))
        return Answer(_device(assigned), etag=_device_etag(assigned))

    async def remove_device(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        await self._places.remove_device(app, place, call.path("device"), by(call))
        return Answer(None, 204)

    async def read(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        device, body = await self._places.device(app, place, call.path("device")), call.body
        if device["kind"] == "display":
            raise Conflict(
                "This device is a display: it shows, and reports nothing. Register what reports as a sensor."
            )
        at = _ms(body.at)
        if at > now_ms() + FUTURE_MS:
            raise Invalid("at: this reading is from the future; check the sensor's clock.")
        await self._devices.note(device, at, {})
        if device["space"] is None:
            return Answer({"applied": False, "space": None})
        space, applied = await self._places.report(
            app, place, device["space"], body.state, {"id": body.id, "at": at, "device": device["id"]}
        )
        return Answer({"applied": applied, "space": _space(space)})

    # -- the pool

    async def pool(self, call: Call) -> Answer:
        asked: PoolFilter = call.query
        page = await self._store.app(call.acting().app).find(
            POOL, sort="last_seen", descending=True, limit=asked.limit, cursor=asked.cursor
        )
        return Answer({"data": [_pool_entry(one) for one in page.data], "next_cursor": page.next})

    async def pool_stats(self, call: Call) -> Answer:
        return Answer(await self._devices.stats(call.acting().app))

    async def adopt(self, call: Call) -> Answer:
        """What it has last said of its space counts at once."""
        body: Adoption = call.body
        device = await self._devices.adopt(
            call.acting().app, call.path("serial"), call.new_id("dev"), body.place, body.space, by(call)
        )
        return Answer(_device(device), 201, etag=_device_etag(device))


async def _reservations(handle: Handle, asked: ReservationsFilter, where: dict[str, Any]) -> Answer:
    page = await handle.find(
        RESERVATIONS,
        {**where, **asked.where("status", "user"), "starts": asked.span()},
        sort="starts",
        descending=asked.descending,
        limit=asked.limit,
        cursor=asked.cursor,
        sieve=sieve(None, (), asked.metadata),
    )
    return Answer({"data": [_reservation(one) for one in page.data], "next_cursor": page.next})


async def _devices(handle: Handle, asked: DevicesFilter, where: dict[str, Any]) -> Answer:
    page = await handle.find(
        DEVICES,
        {**where, **asked.where("kind", "serial"), "created": asked.span()},
        sort="created",
        descending=asked.descending,
        limit=asked.limit,
        cursor=asked.cursor,
    )
    return Answer({"data": [_device(one) for one in page.data], "next_cursor": page.next})


def _number(call: Call) -> int:
    text = call.path("n")
    if not (text.isascii() and text.isdecimal() and len(text) <= 5):
        raise NotFound("There is no such space.")
    return int(text)


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _place(doc: PlaceDoc) -> dict[str, Any]:
    return {
        "id": doc["id"],
        "name": doc["name"],
        "site": doc.get("site"),
        "no_show_minutes": doc.get("no_show_minutes"),
        "full": doc["full"],
        "metadata": doc.get("metadata", {}),
        "created": format_time(doc["created"]),
    }


def _space(doc: SpaceDoc) -> dict[str, Any]:
    bookings = [
        {"id": one["id"], "starts": rfc3339(one["starts"]), "ends": rfc3339(one["ends"])}
        for one in doc["bookings"]
    ]
    about = {"n": doc["n"], "label": doc["label"], "state": doc["state"], "since": rfc3339(doc["since"])}
    return {**about, "metadata": doc.get("metadata", {}), "reservations": bookings}


def _reservation(doc: ReservationDoc) -> dict[str, Any]:
    status = "completed" if doc["status"] == "booked" and doc["ends"] <= now_ms() else doc["status"]
    return {
        "id": doc["id"],
        "client_id": doc.get("client_id"),
        "place": doc["place"],
        "space": doc["n"],
        "user": doc.get("user"),
        "starts": rfc3339(doc["starts"]),
        "ends": rfc3339(doc["ends"]),
        "status": status,
        "note": doc.get("note"),
        "metadata": doc.get("metadata") or {},
        "created": rfc3339(doc["created"]),
    }


def _device(doc: DeviceDoc) -> dict[str, Any]:
    return {
        **{name: doc[name] for name in ("id", "serial", "place", "kind", "space")},
        "created": rfc3339(doc["created"]),
        **_seen(doc),
    }


def _seen(doc: DeviceDoc | PoolDoc) -> dict[str, Any]:
    return {
        "last_seen": format_time(doc.get("last_seen")),
        "battery": doc.get("battery"),
        "rssi": doc.get("rssi"),
        "values": doc.get("values") or {},
    }


def _pool_entry(doc: PoolDoc) -> dict[str, Any]:
    shown = {name: doc[name] for name in ("serial", "source", "state", "space")}
    return {**shown, "first_seen": rfc3339(doc["first_seen"]), **_seen(doc)}


def _place_etag(doc: PlaceDoc) -> str:
    """`full` changes by itself."""
    return f'"{doc.get("revision") or 0}{"f" if doc["full"] else ""}"'


def _space_etag(doc: SpaceDoc) -> str:
    return f'"{doc["version"]}"'


def _device_etag(doc: DeviceDoc) -> str:
    """It changes with every report, too: what a report says is shown."""
    seen = doc.get("last_seen")
    return f'"{doc.get("revision") or 0}{f".{seen}" if seen is not None else ""}"'
