"""REST for places: spaces, occupancy, reservations, devices. [door]"""

from datetime import datetime
from typing import Any

from starlette.routing import BaseRoute

from realtime.place_models import (
    Assignment,
    Availability,
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
    Reading,
    ReadingView,
    ReservationFilter,
    ReservationView,
    SpaceChange,
    SpaceView,
    TransitionView,
    Window,
)
from realtime.place_store import DEVICES, HISTORY, PLACES, RESERVATIONS, SPACES
from realtime.places import Places, check_times, peak_of
from weir.foundation.audit import by
from weir.foundation.clock import now_ms, rfc3339, shown_time
from weir.foundation.documents import Doc, Handle, Store
from weir.foundation.errors import Conflict, Invalid, NotFound
from weir.foundation.ids import derived_id
from weir.foundation.routing import Answer, Call, Door, Listed, Paging, Row, bind

READ, WRITE, TAG = "events:read", "places:write", "places"
FUTURE_MS = 300_000


class PlaceRoutes:
    def __init__(self, store: Store, places: Places) -> None:
        self._store, self._places = store, places

    def routes(self, door: Door) -> list[BaseRoute]:
        return [bind(row, door) for row in (*self._place_rows(), *self._reservation_rows(), *self._device_rows())]

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
            Row("GET", one, "tenant", self.get, summary="Read a place", answer=PlaceView, **read),
            Row("PATCH", one, "tenant", self.change, PlaceChange, summary="Change a place", answer=PlaceView, **write),
            Row("DELETE", one, "tenant", self.remove, summary="Remove a place with everything in it", status=204, **write),
            Row("GET", one + "/spaces", "tenant", self.spaces, summary="List spaces", query=Paging, answer=Listed[SpaceView], **read),
            Row("POST", one + "/spaces", "tenant", self.add_spaces, NewSpaces, summary="Add spaces", status=201,
                errors=(Conflict,), **write),
            Row("GET", space, "tenant", self.space, summary="Read a space", answer=SpaceView, **read),
            Row("PATCH", space, "tenant", self.change_space, SpaceChange, summary="Say what state a space is in",
                answer=SpaceView, **write),
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
        ]  # fmt: skip

    def _device_rows(self) -> list[Row]:
        base = "/v1/places/{place}/devices"
        return [
            Row("GET", base, "tenant", self.devices, summary="List devices", query=Paging, answer=Listed[DeviceView], scope=READ, tag=TAG),
            Row("POST", base, "tenant", self.add_device, NewDevice, summary="Register a device", answer=DeviceView, status=201, scope=WRITE,
                tag=TAG, errors=(Conflict,)),
            Row("PATCH", base + "/{device}", "tenant", self.assign, Assignment, summary="Assign a device to a space, or to none",
                answer=DeviceView, scope=WRITE, tag=TAG),
            Row("DELETE", base + "/{device}", "tenant", self.remove_device, summary="Remove a device", status=204, scope=WRITE, tag=TAG),
            Row("POST", base + "/{device}/readings", "tenant", self.read, Reading, summary="Report what a sensor sees", answer=ReadingView,
                scope=WRITE, tag=TAG),
        ]  # fmt: skip

    def _of(self, call: Call) -> tuple[str, str, Handle]:
        app = call.acting().app
        return app, call.path("place"), self._store.app(app)

    # -- places and spaces

    async def list_places(self, call: Call) -> Answer:
        where = {"site": call.query.site} if call.query.site is not None else None
        page = await self._store.app(call.acting().app).find(
            PLACES.name, where, sort="created", descending=True, limit=call.query.limit, cursor=call.query.cursor
        )
        return Answer({"data": [_place(one) for one in page.data], "next_cursor": page.next})

    async def create(self, call: Call) -> Answer:
        body: NewPlace = call.body
        fields = body.model_dump(exclude={"spaces"})
        return Answer(_place(await self._places.create(call.acting().app, call.new_id("plc"), fields, body.spaces, by(call))), 201)

    async def get(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        return Answer(_place(await self._places.get(app, place)))

    async def change(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        given = call.body.model_dump(exclude_unset=True)
        if "name" in given and given["name"] is None:
            raise Invalid("name: a place has one.")
        return Answer(_place(await self._places.change(app, place, given, by(call)) if given else await self._places.get(app, place)))

    async def remove(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        await self._places.remove(app, place, by(call))
        return Answer(None, 204)

    async def spaces(self, call: Call) -> Answer:
        app, place, handle = self._of(call)
        await self._places.get(app, place)
        page = await handle.find(SPACES.name, {"place": place}, sort="n", limit=call.query.limit, cursor=call.query.cursor)
        return Answer({"data": [_space(one) for one in page.data], "next_cursor": page.next})

    async def add_spaces(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        return Answer({"added": await self._places.add_spaces(app, place, call.body.first, call.body.count, by(call))}, 201)

    async def space(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        return Answer(_space(await self._places.space(app, place, _number(call))))

    async def change_space(self, call: Call) -> Answer:
        (app, place, _), n = self._of(call), _number(call)
        space = await self._places.space(app, place, n)
        if call.body.label is not None:
            space = await self._places.label(app, place, n, call.body.label, by(call))
        if call.body.state is not None:
            space, _ = await self._places.report(app, place, n, call.body.state, by=by(call))
        return Answer(_space(space))

    async def occupancy(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        found, counts = await self._places.get(app, place), await self._places.occupancy(app, place)
        del counts["free"]  # is `available`
        return Answer({"subject": "place", "place": place, **counts, "peak": peak_of(found, counts["occupied"], now_ms())})

    async def history(self, call: Call) -> Answer:
        app, place, handle = self._of(call)
        await self._places.get(app, place)
        where = {"place": place, **({"n": call.query.space} if call.query.space is not None else {})}
        page = await handle.find(HISTORY.name, where, sort="at", descending=True, limit=call.query.limit, cursor=call.query.cursor)
        shown = [
            {"id": one["id"], "at": rfc3339(one["at"]), "space": one["n"], "before": one["from"], "state": one["to"], "cause": one["cause"]}
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
        where = {"place": place, **({"status": call.query.status} if call.query.status is not None else {})}
        page = await handle.find(RESERVATIONS.name, where, sort="starts", limit=call.query.limit, cursor=call.query.cursor)
        return Answer({"data": [_reservation(one) for one in page.data], "next_cursor": page.next})

    async def reserve(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        body: NewReservation = call.body
        starts, ends = _ms(body.starts), _ms(body.ends)
        check_times(starts, ends, now_ms())
        found = await self._places.get(app, place)
        no_show = found["no_show_minutes"] * 60_000 if found["no_show_minutes"] is not None else None
        booking = {
            "id": derived_id("rsv", app, place, body.id) if body.id is not None else call.new_id("rsv"), "starts": starts, "ends": ends,
            "no_show": no_show, "note": body.note,
        }  # fmt: skip
        reserved, repeated = await self._places.reserve(app, place, booking, body.space, by(call))
        return Answer(_reservation(reserved), 200 if repeated else 201, headers={"Idempotency-Replayed": "true"} if repeated else {})

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
        page = await handle.find(DEVICES.name, {"place": place}, sort="created", limit=call.query.limit, cursor=call.query.cursor)
        return Answer({"data": [_device(one) for one in page.data], "next_cursor": page.next})

    async def add_device(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        fields = {"id": call.new_id("dev"), **call.body.model_dump()}
        return Answer(_device(await self._places.add_device(app, place, fields, by(call))), 201)

    async def assign(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        return Answer(_device(await self._places.assign(app, place, call.path("device"), call.body.space, by(call))))

    async def remove_device(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        await self._places.remove_device(app, place, call.path("device"), by(call))
        return Answer(None, 204)

    async def read(self, call: Call) -> Answer:
        app, place, _ = self._of(call)
        device, body = await self._places.device(app, place, call.path("device")), call.body
        at = _ms(body.at)
        if at > now_ms() + FUTURE_MS:
            raise Invalid("at: this reading is from the future; check the sensor's clock.")
        if device["space"] is None:
            return Answer({"applied": False, "space": None})
        space, applied = await self._places.report(app, place, device["space"], body.state, {"id": body.id, "at": at})
        return Answer({"applied": applied, "space": _space(space)})


def _number(call: Call) -> int:
    text = call.path("n")
    if not (text.isascii() and text.isdecimal() and len(text) <= 5):
        raise NotFound("There is no such space.")
    return int(text)


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _place(doc: Doc) -> dict[str, Any]:
    return {
        "id": doc["id"], "name": doc["name"], "site": doc.get("site"), "no_show_minutes": doc.get("no_show_minutes"), "full": doc["full"],
        "created": shown_time(doc["created"]),
    }  # fmt: skip


def _space(doc: Doc) -> dict[str, Any]:
    bookings = [{"id": one["id"], "starts": rfc3339(one["starts"]), "ends": rfc3339(one["ends"])} for one in doc["bookings"]]
    return {"n": doc["n"], "label": doc["label"], "state": doc["state"], "since": rfc3339(doc["since"]), "reservations": bookings}


def _reservation(doc: Doc) -> dict[str, Any]:
    status = "completed" if doc["status"] == "booked" and doc["ends"] <= now_ms() else doc["status"]
    return {
        "id": doc["id"], "space": doc["n"], "starts": rfc3339(doc["starts"]), "ends": rfc3339(doc["ends"]), "status": status,
        "note": doc.get("note"), "created": rfc3339(doc["created"]),
    }  # fmt: skip


def _device(doc: Doc) -> dict[str, Any]:
    return {**{name: doc[name] for name in ("id", "serial", "kind", "space")}, "created": rfc3339(doc["created"])}
