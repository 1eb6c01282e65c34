"""The shapes of the documents of places; `store` declares their collections. Times are milliseconds.
[decision]
"""

from typing import Any, Literal, NotRequired, TypedDict

SpaceState = Literal["free", "reserved", "occupied", "maintenance", "unknown", "removed"]


class PlaceDoc(TypedDict):
    """A place. `version` counts its counts, `revision` its changes by people; `peak` is the most that were
    occupied on `day` (a number, UTC); `full` says which of place.full and place.available was the last event;
    `removing`: it has been deleted, and what is in it goes."""

    id: str
    name: str
    created: int
    version: int
    told: int
    full: bool
    peak: int
    app: NotRequired[str]
    site: NotRequired[str | None]
    no_show_minutes: NotRequired[int | None]
    metadata: NotRequired[dict[str, str]]
    revision: NotRequired[int]
    removing: NotRequired[bool]
    day: NotRequired[int]


class Reading(TypedDict):
    """What a sensor has said; `at` by its clock."""

    id: str
    at: int
    device: NotRequired[str | None]


class Booking(TypedDict):
    """A reservation inside its space. `no_show`: ms after its start when it ends unless it is `used`; None
    for never."""

    id: str
    starts: int
    ends: int
    no_show: NotRequired[int | None]
    used: NotRequired[bool]
    note: NotRequired[str | None]
    user: NotRequired[str | None]
    metadata: NotRequired[dict[str, str] | None]
    client_id: NotRequired[str | None]


class SpaceDoc(TypedDict):
    id: str
    place: str
    n: int
    state: SpaceState
    since: int
    version: int
    told: int
    due: int | None
    bookings: list[Booking]
    reading: Reading | None
    label: str | None
    app: NotRequired[str]
    metadata: NotRequired[dict[str, str]]


class Seen(TypedDict):
    """What a device has last said. `last_seen` by our clock, `reported` by the device's; `values` are numbers
    and texts by name."""

    last_seen: NotRequired[int]
    reported: NotRequired[int]
    battery: NotRequired[float | None]
    rssi: NotRequired[float | None]
    values: NotRequired[dict[str, Any]]


class DeviceDoc(Seen):
    """A sensor, camera or display; `space` is the number of the space that it reports on. `key` is the
    serial as it is compared (store.serial_key)."""

    id: str
    place: str
    serial: str
    kind: str
    space: int | None
    created: int
    app: NotRequired[str]
    name: NotRequired[str | None]
    metadata: NotRequired[dict[str, str]]
    revision: NotRequired[int]
    key: NotRequired[str]


class PoolDoc(Seen):
    """A device that has reported and is not registered; `source` through which it came, `reading` the id of
    its last report."""

    id: str
    key: str
    serial: str
    source: str
    first_seen: int
    reading: str
    state: SpaceState | None
    space: int | None
    app: NotRequired[str]


class ReservationDoc(TypedDict):
    id: str
    place: str
    n: int
    status: Literal["booked", "cancelled", "expired"]
    starts: int
    ends: int
    created: int
    app: NotRequired[str]
    note: NotRequired[str | None]
    user: NotRequired[str | None]
    metadata: NotRequired[dict[str, str] | None]
    client_id: NotRequired[str | None]


# `from` is a keyword, so this one is written as a call: a change of a space's state.
HistoryDoc = TypedDict(
    "HistoryDoc",
    {
        "id": str,
        "app": NotRequired[str],
        "place": str,
        "n": int,
        "at": int,
        "from": str,
        "to": str,
        "cause": str,
        "device": NotRequired[str | None],
    },
)
