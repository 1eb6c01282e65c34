"""The states of a space in a place (a parking space, a seat, a desk), its bookings, and the events of both.
[decision]

    free ──arrive──▶ occupied ──leave──▶ free          `reserve` and `release`: a booking's time begins, and ends
    free ──reserve─▶ reserved ──arrive─▶ occupied      `close` and `open`: maintenance; the state after it is unknown
    any  ──close───▶ maintenance ──open▶ unknown       `lose`: the sensor has no answer

Rule 1: everything about transitions is in TABLE. Rule 2: during a booking that is not used yet, a space that
is not occupied or closed is reserved. Rule 3: no store, no clock; times are milliseconds since the epoch.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from realtime.places.documents import Booking, Reading, SpaceDoc
from weir.foundation.errors import Conflict, NotFound, QuotaExceeded

State = Literal["free", "occupied", "reserved", "maintenance", "unknown"]
Cause = Literal["arrive", "leave", "lose", "reserve", "release", "close", "open"]
STATES: tuple[State, ...] = get_args(State)
REMOVED = "removed"
CAUSES: tuple[Cause, ...] = get_args(Cause)
MOST_BOOKINGS = 100
REPORTED: dict[str, Cause] = {
    "occupied": "arrive",
    "free": "leave",
    "unknown": "lose",
    "maintenance": "close",
}

_SENSED: dict[Cause, tuple[State, State]] = {
    "arrive": ("occupied", "occupied"),
    "leave": ("free", "reserved"),
    "lose": ("unknown", "reserved"),
    "close": ("maintenance", "maintenance"),
}
TABLE: dict[State, dict[Cause, tuple[State, State]]] = {
    "free": {
        **_SENSED,
        "reserve": ("free", "reserved"),
        "release": ("free", "reserved"),
        "open": ("free", "reserved"),
    },
    "occupied": {
        **_SENSED,
        "reserve": ("occupied", "occupied"),
        "release": ("occupied", "occupied"),
        "open": ("occupied", "occupied"),
    },
    "reserved": {
        **_SENSED,
        "reserve": ("free", "reserved"),
        "release": ("free", "reserved"),
        "open": ("free", "reserved"),
    },
    "unknown": {
        **_SENSED,
        "reserve": ("unknown", "reserved"),
        "release": ("unknown", "reserved"),
        "open": ("unknown", "reserved"),
    },
    "maintenance": {**dict.fromkeys(CAUSES, ("maintenance", "maintenance")), "open": ("unknown", "reserved")},
}
"""From a state by a cause to: the state while no booking holds, the state while one does."""


@dataclass
class Draft:
    """A space about to change. `events`: (type, data) to publish, in order. A booking: id, starts, ends,
    used, no_show (ms after its start when it ends unless used; None for never)."""

    state: State
    bookings: list[Booking]
    now: int
    reading: Reading | None = None
    label: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    device: str | None = None
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @classmethod
    def of(cls, space: SpaceDoc, now: int) -> "Draft":
        return cls(
            cast(State, space["state"]),
            [cast(Booking, dict(one)) for one in space["bookings"]],
            now,
            space["reading"],
            space["label"],
            space.get("metadata", {}),
        )

    def fields(self) -> dict[str, Any]:
        """The space's document where a draft may change it."""
        return {
            "state": self.state,
            "bookings": self.bookings,
            "due": self.due(),
            "reading": self.reading,
            "label": self.label,
            "metadata": self.metadata,
        }

    def _holding(self) -> Booking | None:
        return next((one for one in self.bookings if one["starts"] <= self.now < one["ends"]), None)

    def step(self, cause: Cause) -> None:
        """One cause, with what follows from it."""
        holding = self._holding()
        if cause == "arrive" and holding is not None and self.state != "maintenance":
            holding["used"] = True
        before, held = self.state, holding is not None and not holding["used"]
        self.state = TABLE[before][cause][held]
        if self.state != before:
            self.events.append(
                (
                    "space.state.changed",
                    {"state": self.state, "before": before, "cause": cause, "device": self.device},
                )
            )

    def report(self, state: str, reading: Reading | None = None) -> bool:
        """Takes a report from a person, or from a sensor with a reading (id, at, device): free, occupied,
        unknown or maintenance. False when the reading is a repeat, or older than the last one."""
        if reading is not None:
            if not newer(reading, self.reading):
                return False
            self.reading = {"id": reading["id"], "at": reading["at"]}
            self.device = reading.get("device")
        if state != "maintenance" and self.state == "maintenance":
            self.step("open")
        self.step(REPORTED[state])
        return True

    def book(self, booking: Booking) -> None:
        """Errors: Conflict when another booking overlaps, the space is closed, or is occupied now without
        one."""
        if any(one["starts"] < booking["ends"] and booking["starts"] < one["ends"] for one in self.bookings):
            raise Conflict("This space is reserved in that time.")
        if self.state == "maintenance" or (booking["starts"] <= self.now and self.state == "occupied"):
            raise Conflict(f"This space is not free: {self.state}.")
        if len(self.bookings) >= MOST_BOOKINGS:
            raise QuotaExceeded(f"A space may have {MOST_BOOKINGS} reservations that are to come.")
        self.bookings = sorted(
            [*self.bookings, {**booking, "used": False}], key=lambda one: int(one["starts"])
        )
        self._tell("reservation.created", booking)
        self.advance()

    def remove(self) -> None:
        """Errors: Conflict while it is occupied or reserved."""
        if self.state == "occupied":
            raise Conflict("This space is occupied; it can be removed when it is free.", code="in_use")
        if self.bookings:
            raise Conflict("This space has reservations; cancel them first.", code="in_use")
        self.state = REMOVED  # type: ignore[assignment]
        self.events.append(("space.removed", {}))

    def cancel(self, booking_id: str) -> None:
        """Errors: NotFound when there is no such booking, or it has ended."""
        booking = next((one for one in self.bookings if one["id"] == booking_id), None)
        if booking is None:
            raise NotFound("There is no such reservation that could be cancelled.")
        self.bookings.remove(booking)
        self._tell("reservation.cancelled", booking)
        self.advance()

    def advance(self) -> None:
        """Applies the time: bookings that begin, that end, and that were not used."""
        for booking in list(self.bookings):
            late = (
                not booking["used"]
                and booking["no_show"] is not None
                and booking["starts"] + booking["no_show"] <= self.now
            )
            if booking["ends"] > self.now and not late:
                continue
            self.bookings.remove(booking)
            if not booking["used"]:
                self._tell("reservation.expired", booking, reason="no_show" if late else "ended")
        self.step("reserve" if self._holding() else "release")

    def due(self) -> int | None:
        """When `advance` has something to do next."""
        times: list[int] = []
        for one in self.bookings:
            no_show = one["no_show"] if not one["used"] else None
            late = [one["starts"] + no_show] if no_show is not None else []
            times += [one["starts"], one["ends"], *late]
        return min((time for time in times if time > self.now), default=None)

    def free_between(self, starts: int, ends: int) -> bool:
        """Whether a booking for this time would be taken."""
        overlaps = any(one["starts"] < ends and starts < one["ends"] for one in self.bookings)
        taken = self.state == "maintenance" or (starts <= self.now and self.state == "occupied")
        return not overlaps and not taken and len(self.bookings) < MOST_BOOKINGS

    def _tell(self, kind: str, booking: Booking, **more: str) -> None:
        about = {"reservation": booking["id"], "starts": booking["starts"], "ends": booking["ends"]}
        self.events.append((kind, {**about, **more}))


def newer(reading: Reading, last: Reading | None) -> bool:
    """Whether a reading (id, at) says more than the last one that counted: later by its sensor's clock; of
    one moment, another id counts when it is the greater, so two that arrive in any order settle alike."""
    return last is None or (reading["at"], reading["id"]) > (last["at"], last["id"])
