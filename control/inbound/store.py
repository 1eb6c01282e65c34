"""Sources, what they have delivered, what was rejected, and how many. [store]

A delivery is the mark by which a repeat is known, and the carrier of its facts until they are published (outbox); what was delivered
is not kept. A reject keeps the body, so that it can be replayed when the mapping has been mended. Times are milliseconds.
"""

from typing import Any, Literal, NotRequired, TypedDict

from weir.foundation.documents import Collection, Index

Why = Literal["received", "repeated", "rejected", "refused"]


class SourceSecret(TypedDict):
    """Sealed for the source; `expires` is set when another has taken its place."""

    sealed: str
    created: int
    expires: NotRequired[int]


class SourceDoc(TypedDict):
    """`kind` is a preset's name or `custom`; `mapping` None is the preset's. `auth` is how it signs, `secrets` the newest and, during
    a rotation, the one before."""

    id: str
    name: str
    kind: str
    auth: dict[str, Any]
    secrets: list[SourceSecret]
    mapping: dict[str, Any] | None
    networks: list[str]
    enabled: bool
    created: int
    revision: int
    app: NotRequired[str]


class InboundDeliveryDoc(TypedDict):
    """The id is derived from the source and the delivery's own id."""

    id: str
    source: str
    events: int
    readings: int
    at: int
    app: NotRequired[str]


class RejectDoc(TypedDict):
    """A body that the mapping could not take: as it came, and `beside` it the query and the headers that the mapping sees, as JSON
    (their names may be any). `at` is the last of `times`."""

    id: str
    source: str
    large: bool
    body: bytes
    beside: bytes
    errors: list[dict[str, Any]]
    at: int
    times: NotRequired[int]
    app: NotRequired[str]


class InboundHourDoc(TypedDict):
    """What a source did in one hour; the id is `source.hour`."""

    id: str
    source: str
    hour: int
    app: NotRequired[str]
    received: NotRequired[int]
    repeated: NotRequired[int]
    rejected: NotRequired[int]
    refused: NotRequired[int]
    last_received: NotRequired[int]
    last_refused: NotRequired[int]
    last_reason: NotRequired[str]


SOURCES = Collection[SourceDoc](
    "sources",
    {"kind": "str", "created": "int", "revision": "int"},
    (Index(("app", "created")), Index(("app", "kind", "created"))),
)
DELIVERIES = Collection[InboundDeliveryDoc](
    "inbound_deliveries", {"source": "str", "at": "int"}, (Index(("at",)), Index(("source", "at")))
)
REJECTS = Collection[RejectDoc](
    "inbound_rejects",
    {"source": "str", "large": "bool", "at": "int"},
    (Index(("source", "at")), Index(("source", "large", "at")), Index(("at",))),
)
INBOUND_HOURS = Collection[InboundHourDoc](
    "inbound_hours", {"source": "str", "hour": "int"}, (Index(("source", "hour")), Index(("hour",)))
)
COLLECTIONS: tuple[Collection[Any], ...] = (SOURCES, DELIVERIES, REJECTS, INBOUND_HOURS)
