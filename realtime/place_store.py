"""Places, their spaces, devices and reservations as documents. [store]

A space holds its bookings that are not over in its own document, so that no two of them overlap whoever writes: each
change is a compare-and-set on `version`. `told` numbers the facts it has told. A reservation's document is for lists and
looking back; it follows the space.
"""

from weir.foundation.documents import Collection, Index

PLACES = Collection(
    "places", {"created": "int", "site": "str", "version": "int"}, (Index(("app", "created")), Index(("app", "site", "created")))
)
SPACES = Collection(
    "spaces",
    {"place": "str", "n": "int", "state": "str", "version": "int", "due": "int"},
    (Index(("place", "n"), unique=True), Index(("place", "state")), Index(("due",))),
)
DEVICES = Collection(
    "devices",
    {"place": "str", "serial": "str", "created": "int"},
    (Index(("app", "serial"), unique=True), Index(("place", "created"))),
)
RESERVATIONS = Collection(
    "reservations",
    {"place": "str", "status": "str", "starts": "int", "ends": "int"},
    (Index(("place", "starts")), Index(("place", "status", "starts")), Index(("ends",))),
)
HISTORY = Collection(
    "space_history", {"place": "str", "n": "int", "at": "int"}, (Index(("place", "at")), Index(("place", "n", "at")), Index(("at",)))
)
PLACE_COLLECTIONS = (PLACES, SPACES, DEVICES, RESERVATIONS, HISTORY)


def space_id(place: str, n: int) -> str:
    return f"{place}.{n}"
