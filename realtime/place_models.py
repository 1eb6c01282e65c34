"""What is asked about places by REST, and what comes back. [decision]"""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from realtime.spaces import State
from weir.foundation.routing import Body, Paging, Query
from weir.foundation.texts import Line, Text

Reported = Literal["free", "occupied", "unknown", "maintenance"]


class NewPlace(Body):
    """`no_show_minutes`: how long a reservation that nobody uses is held; null for its whole time."""

    name: Line = Field(min_length=1, max_length=140)
    site: Line | None = Field(None, max_length=80)
    spaces: int = Field(0, ge=0, le=2000)
    no_show_minutes: int | None = Field(None, ge=1, le=1440)


class PlaceChange(Body):
    name: Line | None = Field(None, min_length=1, max_length=140)
    site: Line | None = Field(None, max_length=80)
    no_show_minutes: int | None = Field(None, ge=1, le=1440)


class NewSpaces(Body):
    """Spaces `first` … `first + count - 1`; those that exist stay as they are."""

    first: int = Field(1, ge=1, le=2000)
    count: int = Field(ge=1, le=2000)


class SpaceChange(Body):
    state: Reported | None = None
    label: Line | None = Field(None, max_length=40)


class Reading(Body):
    """By the sensor's own clock and count: a repeat, or one older than the last that counted, changes nothing."""

    id: Line = Field(min_length=1, max_length=64)
    at: AwareDatetime
    state: Literal["free", "occupied", "unknown"]


class NewReservation(Body):
    """`id` is yours: the same one again is the same reservation. Without `space`, the first that can be had."""

    id: Line | None = Field(None, min_length=1, max_length=64)
    space: int | None = Field(None, ge=1)
    starts: AwareDatetime
    ends: AwareDatetime
    note: Text | None = Field(None, max_length=200)


class NewDevice(Body):
    """`serial` is the device's own name (a DevEUI, a MAC address), once in an app."""

    serial: Line = Field(min_length=1, max_length=64)
    kind: Literal["sensor", "display"] = "sensor"
    space: int | None = Field(None, ge=1)


class Assignment(Body):
    space: int | None = Field(ge=1)


class PlaceFilter(Paging):
    site: str | None = Field(None, max_length=80)


class HistoryFilter(Paging):
    space: int | None = Field(None, ge=1)


class ReservationFilter(Paging):
    status: Literal["booked", "cancelled", "expired"] | None = None


class Window(Query):
    starts: AwareDatetime
    ends: AwareDatetime


class PlaceView(BaseModel):
    id: str
    name: str
    site: str | None
    no_show_minutes: int | None
    full: bool
    created: str


class SpaceView(BaseModel):
    n: int
    label: str | None
    state: State
    since: str
    reservations: list[dict[str, Any]]


class OccupancyView(BaseModel):
    subject: Literal["place"]
    place: str
    total: int
    occupied: int
    available: int
    reserved: int
    maintenance: int
    unknown: int
    peak: int


class TransitionView(BaseModel):
    id: str
    at: str
    space: int
    before: State
    state: State
    cause: str


class ReservationView(BaseModel):
    id: str
    space: int
    starts: str
    ends: str
    status: Literal["booked", "completed", "cancelled", "expired"]
    note: str | None
    created: str


class DeviceView(BaseModel):
    id: str
    serial: str
    kind: Literal["sensor", "display"]
    space: int | None
    created: str


class ReadingView(BaseModel):
    applied: bool
    space: SpaceView | None


class Availability(BaseModel):
    available: int
    spaces: list[int]
