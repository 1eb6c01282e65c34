"""Places and their spaces: changes, readings, reservations, counts. [work]

Every change of a space is one compare-and-set write of its document with the facts that it causes
(outbox). History, the reservations' documents, the counts and the app's log follow from these facts; each
step is safe to repeat.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

import structlog

from realtime.places.documents import (
    Booking,
    DeviceDoc,
    HistoryDoc,
    PlaceDoc,
    Reading,
    ReservationDoc,
    SpaceDoc,
)
from realtime.places.rules import REMOVED, STATES, Draft
from realtime.places.store import (
    DEVICES,
    HISTORY,
    PLACES,
    POOL,
    RESERVATIONS,
    SPACES,
    pool_id,
    serial_key,
    space_id,
)
from weir.foundation.audit import Audit, By
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.documents import Between, Collection, D, DuplicateKey, Handle, OneOf, Store
from weir.foundation.errors import Conflict, Invalid, NotFound, QuotaExceeded, Stale, Unavailable
from weir.foundation.events import (
    AuditNoted,
    PlaceAvailable,
    PlaceEvent,
    PlaceFull,
    ReservationCancelled,
    ReservationCreated,
    ReservationEvent,
    ReservationExpired,
    SpaceRemoved,
    SpaceStateChanged,
)
from weir.foundation.ids import derived_id
from weir.foundation.redis.bus import Relay
from weir.foundation.redis.periodic import Job
from weir.foundation.settings import Settings
from weir.foundation.tenancy.quotas import Quotas

MOST_PLACES, MOST_SPACES, MOST_IN_APP, MOST_DEVICES = 1_000, 2_000, 20_000, 20_000
MOST_TRIES = 40
ADVANCE_S, FORGET_S = 1.0, 3_600.0
DAY_MS = 86_400_000
FACTS: dict[str, type[SpaceStateChanged] | type[SpaceRemoved] | type[ReservationEvent]] = {
    "space.state.changed": SpaceStateChanged,
    "space.removed": SpaceRemoved,
    "reservation.created": ReservationCreated,
    "reservation.cancelled": ReservationCancelled,
    "reservation.expired": ReservationExpired,
}
log = structlog.get_logger("realtime.places")


class Places:
    """Errors of the verbs: NotFound (missing, or another app's), Conflict, QuotaExceeded, Invalid,
    Unavailable."""

    def __init__(self, store: Store, relay: Relay, quotas: Quotas, settings: Settings, audit: Audit) -> None:
        self._store = store
        self._relay = relay
        self._quotas = quotas
        self._days = settings.keep_occupancy_days
        self._audit = audit

    def jobs(self) -> list[Job]:
        return [Job("places.advance", ADVANCE_S, self.advance), Job("places.forget", FORGET_S, self.forget)]

    # -- places and spaces

    async def create(self, app: str, place_id: str, fields: dict[str, Any], spaces: int, by: By) -> PlaceDoc:
        """May be repeated with the same id: what a dead process left is completed."""
        handle = self._store.app(app)
        place = await handle.get(PLACES, place_id)
        if place is None:
            _within(await handle.count(PLACES) + 1, MOST_PLACES, "places")
            async with self._quotas.room_for(app, "places", lambda: handle.count(PLACES)):
                blank: dict[str, Any] = {
                    "id": place_id,
                    "created": now_ms(),
                    "version": 0,
                    "revision": 0,
                    "told": 0,
                    "full": False,
                    "peak": 0,
                }
                noted = self._audit.entry(
                    app, by, "place.created", place_id, None, {**fields, "spaces": spaces}
                )
                place = await handle.insert(PLACES, cast(PlaceDoc, {**fields, **blank}), emit=[noted])
                await self._audit.write(noted, PLACES.name, place_id)
        await self._add_spaces(app, place_id, 1, spaces)
        return place

    async def change(self, found: PlaceDoc, fields: dict[str, Any], by: By) -> PlaceDoc:
        """Errors: Stale when another change came first."""
        noted = self._audit.entry(found["app"], by, "place.updated", found["id"], found, {**found, **fields})
        return await self._revised(PLACES, found, fields, noted)

    async def _revised(
        self, collection: Collection[D], found: D, fields: dict[str, Any], noted: AuditNoted
    ) -> D:
        revision = found.get("revision")
        changes = {**fields, "revision": (revision or 0) + 1}
        changed = await self._store.app(found["app"]).update(
            collection, found["id"], set=changes, expect={"revision": revision}, emit=[noted]
        )
        if changed is None:
            raise Stale("This has been changed at the same moment; read it again.")
        await self._audit.write(noted, collection.name, found["id"])
        return changed

    async def add_spaces(self, app: str, place: str, first: int, count: int, by: By) -> int:
        """Adds spaces first … first+count-1; existing ones stay as they are. Returns how many are new."""
        async with self._audit.before_it(app, by, "spaces.added", place, {"first": first, "count": count}):
            return await self._add_spaces(app, place, first, count)

    async def _add_spaces(self, app: str, place: str, first: int, count: int) -> int:
        await self.get(app, place)
        handle = self._store.app(app)
        _within(first + count - 1, MOST_SPACES, "spaces in a place")
        wanted_numbers = {"place": place, "n": Between(first, first + count)}
        removed = await handle.find(SPACES, {**wanted_numbers, "state": REMOVED}, sort="n", limit=1)
        if removed.data:
            raise Conflict(
                f"Space {removed.data[0]['n']} was removed, and its number is not given again.", code="in_use"
            )
        there = await handle.count(SPACES, wanted_numbers)
        _within(await self._standing(app) + count - there, MOST_IN_APP, "spaces in an app")
        now = now_ms()
        blank = {
            "place": place,
            "state": "free",
            "since": now,
            "version": 0,
            "told": 0,
            "due": None,
            "bookings": [],
            "reading": None,
            "label": None,
            "metadata": {},
        }
        wanted = [
            cast(SpaceDoc, {**blank, "id": space_id(place, n), "n": n}) for n in range(first, first + count)
        ]
        async with self._quotas.room_for(app, "spaces", lambda: self._standing(app), count - there):
            added = await handle.insert_many(SPACES, wanted)
        await self._check_still_here(app, place)
        return added

    async def _standing(self, app: str) -> int:
        """The number of spaces of an app."""
        return await self._store.app(app).count(SPACES, {"state": OneOf(STATES)})

    async def add_device(self, app: str, place: str, device: Mapping[str, Any], by: By) -> DeviceDoc:
        """May be repeated with the same id. Errors: Conflict for a serial that another device has."""
        await self.get(app, place)
        handle = self._store.app(app)
        found = await handle.get(DEVICES, device["id"])
        if found is not None:
            return found
        _within(await handle.count(DEVICES) + 1, MOST_DEVICES, "devices")
        if device["space"] is not None:
            await self.space(app, place, device["space"])
        try:
            async with self._quotas.room_for(app, "devices", lambda: handle.count(DEVICES)):
                blank = {"key": serial_key(device["serial"]), "created": now_ms(), "revision": 0}
                fresh = cast(DeviceDoc, {**device, **blank, "place": place})
                noted = self._audit.entry(app, by, "device.created", device["id"], None, fresh)
                made = await handle.insert(DEVICES, fresh, emit=[noted])
                await self._check_still_here(app, place)
                await self._audit.write(noted, DEVICES.name, device["id"])
                await handle.delete(POOL, {"id": pool_id(app, device["serial"])})
                return made
        except DuplicateKey:
            raise Conflict("A device with this serial is registered.") from None

    async def device(self, app: str, place: str, device: str) -> DeviceDoc:
        found = await self._store.app(app).get(DEVICES, device)
        if found is None or found["place"] != place:
            raise NotFound("There is no such device.")
        return found

    async def assign(self, found: DeviceDoc, n: int | None, by: By) -> DeviceDoc:
        """Sets the space that a device reports on, or none. Errors: Stale when another change came first."""
        if n is not None:
            await self.space(found["app"], found["place"], n)
        noted = self._audit.entry(
            found["app"], by, "device.assigned", found["id"], found, {**found, "space": n}
        )
        return await self._revised(DEVICES, found, {"space": n}, noted)

    async def remove_device(self, app: str, place: str, device: str, by: By) -> None:
        found = await self.device(app, place, device)
        async with self._audit.before_it(app, by, "device.deleted", device, found):
            await self._store.app(app).delete(DEVICES, {"id": device})

    async def get(self, app: str, place: str) -> PlaceDoc:
        found = await self._store.app(app).get(PLACES, place)
        if found is None or found.get("removing"):
            raise NotFound("There is no such place.")
        return found

    async def space(self, app: str, place: str, n: int) -> SpaceDoc:
        found = await self._store.app(app).get(SPACES, space_id(place, n))
        if found is None or found["state"] == REMOVED:
            raise NotFound("There is no such space.")
        return found

    async def remove_space(self, app: str, place: str, n: int, by: By) -> None:
        """Removes a space; its devices report on none from now on. Errors: Conflict while it is used."""
        before, handle = await self.space(app, place, n), self._store.app(app)
        noted = self._audit.entry(app, by, "space.deleted", before["id"], before, None)
        await self._change(app, place, n, Draft.remove, note=noted)
        await self._audit.write(noted, SPACES.name, before["id"])
        for device in (await handle.find(DEVICES, {"place": place, "space": n}, limit=MOST_SPACES)).data:
            await handle.update(
                DEVICES, device["id"], set={"space": None}, inc={"revision": 1}, expect={"space": n}
            )

    async def spaces(self, app: str, place: str) -> list[SpaceDoc]:
        page = await self._store.app(app).find(
            SPACES, {"place": place, "state": OneOf(STATES)}, sort="n", limit=MOST_SPACES
        )
        return page.data

    async def remove(self, app: str, place: str, by: By) -> None:
        """Removes the place with everything in it. Until that is done, in this call or by `forget`, the place
        is not found."""
        found, handle = await self.get(app, place), self._store.app(app)
        async with self._audit.before_it(app, by, "place.deleted", place, found):
            await handle.update(PLACES, place, set={"removing": True})
            await self._remove_contents(handle, place)

    async def _remove_contents(self, handle: Handle, place: str) -> None:
        for collection in (SPACES, DEVICES, RESERVATIONS, HISTORY):
            await handle.delete(collection, {"place": place})
        await handle.delete(PLACES, {"id": place})

    async def _check_still_here(self, app: str, place: str) -> None:
        """Called after something was stored in a place: what comes after its removal began is deleted again.
        Errors: NotFound."""
        handle = self._store.app(app)
        found = await handle.get(PLACES, place)
        if found is None or found.get("removing"):
            await self._remove_contents(handle, place)
            raise NotFound("There is no such place.")

    async def report(
        self, app: str, place: str, n: int, state: str, reading: Reading
    ) -> tuple[SpaceDoc, bool]:
        """Applies a sensor's reading (id, at, device), and returns whether it counted: a repeat, or one older
        than the last, does not."""
        applied = False

        def change(draft: Draft) -> None:
            nonlocal applied
            applied = draft.report(state, reading)

        return await self._change(app, place, n, change), applied

    async def change_space(
        self, before: SpaceDoc, fields: dict[str, Any], by: By, *, unchanged: bool
    ) -> SpaceDoc:
        """Changes state, label and metadata in one write. The audit log has who closes and opens a space; the
        place's history has all changes. Errors: Stale when it should be `unchanged` and is not."""

        def change(draft: Draft) -> None:
            draft.label, draft.metadata = (
                fields.get("label", draft.label),
                fields.get("metadata", draft.metadata),
            )
            if "state" in fields:
                draft.report(fields["state"])

        app, place, n, state, noted = (
            before["app"],
            before["place"],
            before["n"],
            fields.get("state", before["state"]),
            None,
        )
        if fields.keys() - {"state"}:
            noted = self._audit.entry(app, by, "space.updated", before["id"], before, {**before, **fields})
        elif before["state"] != state and "maintenance" in (before["state"], state):
            noted = self._audit.entry(
                app, by, "space.state", before["id"], before, {**before, "state": state}
            )
        try:
            after = await self._change(
                app, place, n, change, version=before["version"] if unchanged else None, note=noted
            )
        except _Changed:
            raise Stale(
                "This has been changed since you read it; read it again and repeat the change."
            ) from None
        if noted is not None:
            await self._audit.write(noted, SPACES.name, before["id"])
        return after

    async def occupancy(self, app: str, place: str) -> dict[str, int]:
        """Counts by state, total, and `available` (free)."""
        handle = self._store.app(app)
        counts = await asyncio.gather(
            *(handle.count(SPACES, {"place": place, "state": state}) for state in STATES)
        )
        by_state: dict[str, int] = dict(zip(STATES, counts, strict=True))
        return {"total": sum(counts), "available": by_state["free"], **by_state}

    # -- reservations

    async def reserve(
        self, app: str, place: str, booking: Booking, n: int | None, by: By
    ) -> tuple[ReservationDoc, bool]:
        """Reserves a space for a time: the given one, or the first that is available. With the id of an
        earlier reservation for the same, returns that one, and True.

        Errors: Conflict when none is available, or the id is that of a reservation for another time or
        space."""
        handle = self._store.app(app)
        await self.get(app, place)
        for _ in range(MOST_TRIES):
            found = await handle.get(RESERVATIONS, booking["id"])
            if found is not None:
                if any(found[name] != booking[name] for name in ("starts", "ends")) or n not in (
                    None,
                    found["n"],
                ):
                    raise Conflict(
                        "There is a reservation with this id for another time or space: cancel it, or choose another id."
                    )
                return found, True
            candidates = [await self.space(app, place, n)] if n is not None else await self.spaces(app, place)
            chosen = next(
                (one for one in candidates if any(other["id"] == booking["id"] for other in one["bookings"])),
                None,
            )
            if chosen is None:
                chosen = _choose(candidates, booking, only=n)
                about = {**booking, "place": place, "space": chosen["n"]}
                noted = self._audit.entry(app, by, "reservation.created", booking["id"], None, about)
                try:
                    await self._change(
                        app,
                        place,
                        chosen["n"],
                        lambda draft: draft.book(booking),
                        version=chosen["version"],
                        note=noted,
                    )
                except _Changed:
                    continue
                await self._audit.write(noted, SPACES.name, chosen["id"])
            return await self._note(app, place, chosen["n"], booking), False
        raise Unavailable("Too many reserve here at once; try again.", retry_after=1)

    async def cancel(self, app: str, place: str, reservation: str, by: By) -> ReservationDoc:
        found = await self.reservation(app, place, reservation)
        reservation = found["id"]
        if found["status"] == "cancelled":
            return found
        noted = self._audit.entry(
            app, by, "reservation.cancelled", reservation, found, {**found, "status": "cancelled"}
        )
        await self._change(app, place, found["n"], lambda draft: draft.cancel(reservation), note=noted)
        await self._audit.write(noted, SPACES.name, space_id(place, found["n"]))
        changed = await self._store.app(app).update(RESERVATIONS, reservation, set={"status": "cancelled"})
        return changed or found

    async def reservation(self, app: str, place: str, reservation: str) -> ReservationDoc:
        """By our id, or by the customer's."""
        handle = self._store.app(app)
        found = await handle.get(RESERVATIONS, reservation)
        if found is None:
            found = await handle.get(RESERVATIONS, own_reservation(app, place, reservation))
        if found is None or found["place"] != place:
            raise NotFound("There is no such reservation.")
        return found

    async def free_between(self, app: str, place: str, starts: int, ends: int) -> list[int]:
        now = now_ms()
        return [
            space["n"]
            for space in await self.spaces(app, place)
            if Draft.of(space, now).free_between(starts, ends)
        ]

    async def _note(self, app: str, place: str, n: int, booking: Booking) -> ReservationDoc:
        """Stores the reservation's own document; the fact that it was created does so too."""
        doc: ReservationDoc = {
            "id": booking["id"],
            "starts": booking["starts"],
            "ends": booking["ends"],
            "note": booking.get("note"),
            "user": booking.get("user"),
            "metadata": booking.get("metadata"),
            "client_id": booking.get("client_id"),
            "place": place,
            "n": n,
            "status": "booked",
            "created": now_ms(),
        }
        handle = self._store.app(app)
        await handle.insert_many(RESERVATIONS, [doc])
        await self._check_still_here(app, place)
        stored = await handle.get(RESERVATIONS, booking["id"])
        if stored is not None and stored["n"] != n:  # two tries with one id took two spaces
            with contextlib.suppress(NotFound):  # the other one has given it back already
                await self._change(app, place, n, lambda draft: draft.cancel(booking["id"]))
        return stored or doc

    # -- what the clock and the facts bring

    async def advance(self) -> None:
        """Starts and ends bookings whose time has come, in all apps."""
        page = await self._store.operator().find(
            SPACES, {"due": Between(1, now_ms() + 1)}, sort="due", limit=500
        )
        for space in page.data:
            try:
                await self._change(space["app"], space["place"], space["n"], Draft.advance)
            except NotFound:
                continue
        over = await self._store.operator().find(
            RESERVATIONS, {"status": "booked", "ends": Between(1, now_ms())}, sort="ends", limit=500
        )
        for booked in over.data:  # unused ones are published, and become `expired`
            await self._store.operator().update(
                RESERVATIONS, booked["id"], set={"status": "completed"}, expect={"status": "booked"}
            )

    async def forget(self) -> None:
        """Periodic: deletes old history and reservations, and what is left of removed places."""
        for place in (await self._store.operator().find(PLACES, {"removing": True}, limit=500)).data:
            await self._remove_contents(self._store.app(place["app"]), place["id"])
        before = now_ms() - self._days * DAY_MS
        await self._store.operator().delete(HISTORY, {"at": Between(None, before)})
        await self._store.operator().delete(RESERVATIONS, {"ends": Between(None, before)})

    async def on_event(self, fact: PlaceEvent) -> None:
        """Applies what follows from a fact; may be repeated."""
        handle = self._store.app(fact.app)
        if isinstance(fact, SpaceStateChanged):
            change: HistoryDoc = {
                "id": fact.id,
                "place": fact.place,
                "n": fact.space,
                "at": fact.at,
                "from": fact.before,
                "to": fact.state,
                "cause": fact.cause,
                "device": fact.device,
            }
            with contextlib.suppress(NotFound):
                await self.get(fact.app, fact.place)
                await handle.insert_many(HISTORY, [change])
                await self._check_still_here(fact.app, fact.place)
        elif isinstance(fact, ReservationCreated):
            space = await handle.get(SPACES, space_id(fact.place, fact.space))
            booking: Booking = {"id": fact.reservation, "starts": _ms(fact.starts), "ends": _ms(fact.ends)}
            bookings = space["bookings"] if space else []
            kept = next((one for one in bookings if one["id"] == fact.reservation), booking)
            with contextlib.suppress(NotFound):
                await self.get(fact.app, fact.place)
                await self._note(fact.app, fact.place, fact.space, kept)
        elif isinstance(fact, ReservationCancelled | ReservationExpired):
            status = "cancelled" if isinstance(fact, ReservationCancelled) else "expired"
            await handle.update(RESERVATIONS, fact.reservation, set={"status": status})

    async def count(self, app: str, place: str) -> dict[str, int] | None:
        """Counts again, and publishes when the place becomes full or available. Returns the counts with the
        day's peak, None when the place is gone."""
        handle = self._store.app(app)
        for _ in range(MOST_TRIES):
            found = await handle.get(PLACES, place)
            if found is None or found.get("removing"):
                return None
            counts, now = await self.occupancy(app, place), now_ms()
            peak = peak_of(found, counts["occupied"], now)
            full = counts["total"] > 0 and counts["available"] == 0
            change: dict[str, Any] = {
                "peak": peak,
                "day": now // DAY_MS,
                "full": full,
                "version": found["version"] + 1,
            }
            told = []
            if full != found["full"]:
                change["told"] = number = found["told"] + 1
                kind = PlaceFull if full else PlaceAvailable
                shown = {name: counts[name] for name in ("total", "occupied", "available")}
                told = [
                    kind(
                        id=derived_id("evt", place, number),
                        at=now,
                        app=app,
                        place=place,
                        source=place,
                        number=number,
                        **shown,
                    )
                ]
            if (
                await handle.update(
                    PLACES, place, set=change, expect={"version": found["version"]}, emit=told
                )
                is not None
            ):
                if told:
                    self._relay.nudge()
                return {**counts, "peak": peak}
            await asyncio.sleep(random.uniform(0, 0.02))
        raise Unavailable("This place changes too fast; try again.", retry_after=1)

    async def _change(
        self,
        app: str,
        place: str,
        n: int,
        decide: Callable[[Draft], None],
        version: int | None = None,
        note: AuditNoted | None = None,
    ) -> SpaceDoc:
        """One change of a space, with its facts and its `note` for the audit log. With `version`, only if the
        space still has it. Errors: _Changed."""
        for _ in range(MOST_TRIES):
            space, now = await self.space(app, place, n), now_ms()
            if version is not None and space["version"] != version:
                raise _Changed
            draft = Draft.of(space, now)
            decide(draft)
            after = draft.fields()
            if all(space.get(name) == value for name, value in after.items()):
                return space
            facts = [
                _fact(space, number, kind, data, now)
                for number, (kind, data) in enumerate(draft.events, space["told"] + 1)
            ]
            counted = {"version": space["version"] + 1, "told": space["told"] + len(facts)}
            since = space["since"] if draft.state == space["state"] else now
            changed = await self._store.app(app).update(
                SPACES,
                space["id"],
                set={**after, **counted, "since": since},
                expect={"version": space["version"]},
                emit=[*facts, *([note] if note else [])],
            )
            if changed is not None:
                self._relay.nudge()
                return changed
            await asyncio.sleep(random.uniform(0, 0.02))
        raise Unavailable("This space changes too fast; try again.", retry_after=1)


def peak_of(place: PlaceDoc, occupied: int, now: int) -> int:
    """The most spaces occupied at a time on this day (UTC)."""
    return max(occupied, place["peak"] if place.get("day") == now // DAY_MS else 0)


class _Changed(Exception):
    """The space has changed since the decision."""


def _within(wanted: int, most: int, what: str) -> None:
    if wanted > most:
        raise QuotaExceeded(f"{most} {what} are the most.")


def _choose(spaces: list[SpaceDoc], booking: Booking, only: int | None) -> SpaceDoc:
    """The first available space, preferring one that is empty now. A space that was asked for explains itself
    why it is not available."""
    now = now_ms()
    if only is not None:
        return spaces[0]
    can_be_had = [
        one for one in spaces if Draft.of(one, now).free_between(booking["starts"], booking["ends"])
    ]
    free = next(
        (one for one in can_be_had if one["state"] != "occupied"), can_be_had[0] if can_be_had else None
    )
    if free is None:
        raise Conflict("No space can be had for this time.")
    return free


def _fact(space: SpaceDoc, number: int, kind: str, data: dict[str, Any], now: int) -> PlaceEvent:
    shown = {name: rfc3339(value) if name in ("starts", "ends") else value for name, value in data.items()}
    return FACTS[kind](
        id=derived_id("evt", space["id"], number),
        at=now,
        app=space["app"],
        place=space["place"],
        source=space["id"],
        number=number,
        space=space["n"],
        **shown,
    )


def own_reservation(app: str, place: str, client_id: str) -> str:
    """The id of the reservation with this customer id."""
    return derived_id("rsv", app, place, client_id)


def _ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def check_times(starts: int, ends: int, now: int) -> None:
    """Errors: Invalid."""
    if ends <= starts or ends <= now:
        raise Invalid("ends: a reservation ends after it begins, and in the future.")
    if ends - starts > 31 * DAY_MS or starts > now + 366 * DAY_MS:
        raise Invalid("ends: a reservation may last 31 days and begin within a year.")
