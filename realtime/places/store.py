"""Places, their spaces, devices and reservations as documents. [store]

A space has its current and coming bookings in its own document, so that no two of them overlap whichever
process writes: each change is a compare-and-set on `version`. `told` is the number of facts that it has
published. A reservation's document is for lists and looking back; it follows the space. A removed space stays
as a document in the state `removed`, so that its number and its facts are not given again.
"""

from typing import Any

from realtime.places.documents import DeviceDoc, HistoryDoc, PlaceDoc, PoolDoc, ReservationDoc, SpaceDoc
from weir.foundation.documents import Collection, Index

PLACES = Collection[PlaceDoc](
    "places",
    {"created": "int", "site": "str", "version": "int", "revision": "int", "removing": "bool"},
    (Index(("removing",)), Index(("app", "created")), Index(("app", "site", "created"))),
)
SPACES = Collection[SpaceDoc](
    "spaces",
    {"place": "str", "n": "int", "state": "str", "version": "int", "due": "int"},
    (
        Index(("place", "n"), unique=True),
        Index(("place", "state", "n")),
        Index(("app", "state")),
        Index(("due",)),
    ),
)
DEVICES = Collection[DeviceDoc](
    "devices",
    {
        "place": "str",
        "serial": "str",
        "key": "str",
        "kind": "str",
        "space": "int",
        "created": "int",
        "revision": "int",
        "last_seen": "int",
        "reported": "int",
    },
    (
        Index(("app", "serial"), unique=True),
        Index(("app", "key"), unique=True),
        Index(("key",)),
        Index(("app", "space")),
        Index(("app", "last_seen")),
        Index(("place", "created")),
        Index(("place", "kind", "created")),
        Index(("place", "space", "created")),
        Index(("app", "created")),
        Index(("app", "kind", "created")),
    ),
)
POOL = Collection[PoolDoc](
    "device_pool",
    {"last_seen": "int", "reported": "int"},
    (Index(("app", "last_seen")), Index(("last_seen",))),
)
RESERVATIONS = Collection[ReservationDoc](
    "reservations",
    {"place": "str", "n": "int", "user": "str", "status": "str", "starts": "int", "ends": "int"},
    (
        Index(("place", "starts")),
        Index(("place", "status", "starts")),
        Index(("place", "n", "starts")),
        Index(("place", "user", "starts")),
        Index(("app", "starts")),
        Index(("app", "status", "starts")),
        Index(("app", "user", "starts")),
        Index(("ends",)),
        Index(("status", "ends")),
    ),
)
HISTORY = Collection[HistoryDoc](
    "space_history",
    {"place": "str", "n": "int", "at": "int"},
    (Index(("place", "at")), Index(("place", "n", "at")), Index(("at",))),
)
COLLECTIONS: tuple[Collection[Any], ...] = (PLACES, SPACES, DEVICES, POOL, RESERVATIONS, HISTORY)


def serial_key(serial: str) -> str:
    """A DevEUI is the same in small and capital letters."""
    return serial.strip().casefold()


def pool_id(app: str, serial: str) -> str:
    return f"{app}:{serial_key(serial)}"


def space_id(place: str, n: int) -> str:
    return f"{place}.{n}"
