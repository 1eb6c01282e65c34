"""Requests about places by REST, and their answers. [decision]"""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from realtime.places.rules import Cause, State
from weir.foundation.events import CAUSED
from weir.foundation.http.listing import Ordered, Searched, Spanned
from weir.foundation.http.routing import Body, Paging, Query
from weir.foundation.texts import Line, Metadata, Text

Reported = Literal["free", "occupied", "unknown", "maintenance"]
Status = Literal["booked", "completed", "cancelled", "expired"]
DeviceKind = Literal["sensor", "display"]
MOST_NUMBER = 2**31


class NewPlace(Body):
    """`no_show_minutes`: how long an unused reservation is kept; null for its whole time."""

    name: Line = Field(min_length=1, max_length=140)
    site: Line | None = Field(None, max_length=80)
    spaces: int = Field(0, ge=0, le=2000)
    no_show_minutes: int | None = Field(None, ge=1, le=1440)
    metadata: Metadata = {}


class PlaceChange(Body):
    """Only what is given changes; null takes a field back to its default."""

    name: Line | None = Field(None, min_length=1, max_length=140)
    site: Line | None = Field(None, max_length=80)
    no_show_minutes: int | None = Field(None, ge=1, le=1440)
    metadata: Metadata | None = None


class NewSpaces(Body):
    """Spaces `first` … `first + count - 1`; those that exist stay as they are. The number of a removed space
    is not given again."""

    first: int = Field(1, ge=1, le=2000)
    count: int = Field(ge=1, le=2000)


class SpaceChange(Body):
    """Only what is given changes; null takes `label` and `metadata` away."""

    state: Reported | None = None
    label: Line | None = Field(None, max_length=40)
    metadata: Metadata | None = None


class Reading(Body):
    """By the sensor's own clock and count: a repeat, or one older than the last that counted, changes
    nothing."""

    id: Line = Field(min_length=1, max_length=64)
    at: AwareDatetime
    state: Literal["free", "occupied", "unknown"]


class NewReservation(Body):
    """`id` is yours: the same one again is the same reservation, and addresses take it in place of ours.
    `user` is your id of the person. Without `space`, the first that can be had for this time; one that is not
    occupied now goes before one that is."""

    id: Line | None = Field(None, min_length=1, max_length=64)
    space: int | None = Field(None, ge=1)
    starts: AwareDatetime
    ends: AwareDatetime
    note: Text | None = Field(None, max_length=200)
    user: Line | None = Field(None, min_length=1, max_length=128)
    metadata: Metadata = {}


class NewDevice(Body):
    """`serial` is the device's own name (a DevEUI, a MAC address), once in an app. A display shows and
    reports nothing."""

    serial: Line = Field(min_length=1, max_length=64)
    kind: DeviceKind = "sensor"
    space: int | None = Field(None, ge=1)


class Assignment(Body):
    space: int | None = Field(ge=1)


class Adoption(Body):
    """`space`: the number of the space that it reports on."""

    place: str = Field(min_length=1, max_length=64)
    space: int | None = Field(None, ge=1)


class PoolFilter(Paging):
    """Those that were seen last come first."""


class PlaceFilter(Searched):
    """By the time of creation; `q` is a part of the name."""

    site: str | None = Field(None, max_length=80)


class SpaceFilter(Paging):
    """By number; `q` is a part of the label."""

    maps = Searched.maps
    state: State | None = None
    q: str | None = Field(None, min_length=1, max_length=100)
    metadata: Metadata | None = None
    order: Ordered = "asc"


class HistoryFilter(Spanned):
    space: int | None = Field(None, ge=1, le=MOST_NUMBER)


class ReservationsFilter(Spanned):
    """By the beginning of the reserved time."""

    maps = Searched.maps
    order: Ordered = "asc"
    status: Status | None = None
    user: str | None = Field(None, min_length=1, max_length=128)
    metadata: Metadata | None = None


class ReservationFilter(ReservationsFilter):
    space: int | None = Field(None, ge=1, le=MOST_NUMBER)


class DevicesFilter(Spanned):
    """By the time of registration."""

    order: Ordered = "asc"
    kind: DeviceKind | None = None
    serial: str | None = Field(None, min_length=1, max_length=64)


class DeviceFilter(DevicesFilter):
    space: int | None = Field(None, ge=1, le=MOST_NUMBER)


class Window(Query):
    starts: AwareDatetime
    ends: AwareDatetime


class PlaceView(BaseModel):
    id: str
    name: str
    site: str | None
    no_show_minutes: int | None
    full: bool
    metadata: dict[str, str]
    created: str


class Added(BaseModel):
    """How many of them are new."""

    added: int


class BookingView(BaseModel):
    id: str
    starts: str
    ends: str


class SpaceView(BaseModel):
    """`reservations` are those that are not over."""

    n: int
    label: str | None
    state: State
    since: str
    metadata: dict[str, str]
    reservations: list[BookingView]


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
    cause: Cause = Field(description=CAUSED)
    device: str | None = Field(
        description="The device whose reading it was; null for a person, a program, or the clock."
    )


class ReservationView(BaseModel):
    """`client_id` is the id that you gave, if you did."""

    id: str
    client_id: str | None
    place: str
    space: int
    user: str | None
    starts: str
    ends: str
    status: Status
    note: str | None
    metadata: dict[str, str]
    created: str


class DeviceView(BaseModel):
    id: str
    serial: str
    place: str
    kind: DeviceKind
    space: int | None
    created: str
    last_seen: str | None = Field(description="When it last reported; null if never.")
    battery: float | None = Field(description="In percent, as it last said.")
    rssi: float | None = Field(description="In dBm.")
    values: dict[str, Any] = Field(description="What else its source says of it.")


class PoolEntryView(BaseModel):
    """A device that reports and is not registered. `state` and `space` are what it last said."""

    serial: str
    source: str
    first_seen: str
    last_seen: str
    state: State | None
    space: int | None
    battery: float | None
    rssi: float | None
    values: dict[str, Any]


class PoolStats(BaseModel):
    """`pool`: devices that report and are not registered; `assigned` of the `registered` have a space."""

    pool: int
    pool_seen_24h: int
    registered: int
    assigned: int
    seen_24h: int


class ReadingView(BaseModel):
    applied: bool
    space: SpaceView | None


class Availability(BaseModel):
    available: int
    spaces: list[int]
