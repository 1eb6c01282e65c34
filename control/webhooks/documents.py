"""The collections of webhooks and the shapes of their documents. Times are milliseconds. [store]"""

from typing import Any, Literal, NotRequired, TypedDict

from weir.foundation.documents import Collection, Index
from weir.foundation.egress.signatures import Algorithm

DeliveryState = Literal["pending", "delivered", "failed"]
AuthKind = Literal["none", "header", "basic", "bearer", "oauth2"]


class SecretDoc(TypedDict):
    """A signing secret, sealed. One that was replaced is used beside the new one until `until`."""

    sealed: str
    until: NotRequired[int | None]


class AuthDoc(TypedDict):
    """How the receiver knows us: `name` of a header, `username`, or an OAuth2 client; `sealed` holds the
    header's value, password, token or client secret."""

    kind: AuthKind
    name: NotRequired[str]
    username: NotRequired[str]
    token_url: NotRequired[str]
    client_id: NotRequired[str]
    scope: NotRequired[str]
    sealed: NotRequired[str]


class CropDoc(TypedDict):
    """A part of a picture, in shares of its width and height."""

    left: float
    top: float
    width: float
    height: float


class ImageDoc(TypedDict):
    """`type` is a label that is passed on as it is."""

    type: str
    crop: NotRequired[CropDoc | None]


class BatchDoc(TypedDict):
    most: int
    wait_ms: int


class Health(TypedDict, total=False):
    """What the dispatcher knows of an endpoint. `failures`: how many attempts in a row have failed, since
    `failing_since`; `open_until`: no attempt before; `opened`: how often in a row the breaker has opened;
    `advice`: what the owner should do."""

    failures: int
    failing_since: int | None
    open_until: int | None
    opened: int
    not_before: int | None
    last_success: int | None
    last_failure: int | None
    last_error: str | None
    advice: str | None


class StartDoc(TypedDict):
    """The position in the app's log after which events are this endpoint's, and its time."""

    epoch: str
    seq: int
    at: int


class WebhookDoc(TypedDict):
    """An endpoint. `headers` are sealed, as one JSON text; `revision` counts changes by people;
    `name` and `file` (a digest of its section) are set where the operator's file makes it."""

    id: str
    url: str
    description: str
    types: list[str]
    streams: list[str]
    channels: list[str]
    places: list[str]
    filter: str | None
    enabled: bool
    disabled_reason: str | None
    headers: str
    header_names: list[str]
    auth: AuthDoc
    signature: Algorithm
    secrets: list[SecretDoc]
    encryption: SecretDoc | None
    encryption_kid: str | None
    rate: int | None
    concurrency: int
    ordered: bool
    batch: BatchDoc | None
    image: ImageDoc | None
    start: StartDoc
    created: int
    revision: int
    health: Health
    app: NotRequired[str]
    name: NotRequired[str | None]
    file: NotRequired[str]


class AttemptDoc(TypedDict):
    """One request: `status` 0 without an answer, then `error` says why. `headers` as sent, with secrets
    masked; `answer`: the first 4 KB."""

    at: int
    status: int
    latency_ms: int
    error: str
    detail: str
    headers: dict[str, str]
    answer: str


class DeliveryDoc(TypedDict):
    """One event for one endpoint, or several of a batch (`events`). `body`: the JSON text that is sent;
    `place`: its order among the endpoint's; `tries` counts attempts since it was last (re)started."""

    id: str
    webhook: str
    event: str
    type: str
    state: DeliveryState
    created: int
    place: int
    next_at: int | None
    tries: int
    attempts: list[AttemptDoc]
    body: str
    events: NotRequired[int]
    picture: NotRequired[bool]
    replayed: NotRequired[int]
    seq: NotRequired[int]
    epoch: NotRequired[str]
    app: NotRequired[str]


class CursorDoc(TypedDict):
    """How far the events of an app have been taken over into deliveries; the id is the app's. `at`: when the
    newest of them was logged."""

    id: str
    epoch: str
    seq: int
    at: int
    app: NotRequired[str]


class PictureDoc(TypedDict):
    """The picture of an event, JPEG; the id is `app:event`."""

    id: str
    created: int
    jpeg: bytes
    app: NotRequired[str]


WEBHOOKS = Collection[WebhookDoc](
    "webhooks",
    {"created": "int", "enabled": "bool", "revision": "int", "name": "str"},
    (Index(("app", "created")), Index(("enabled", "app")), Index(("app", "name"), unique=True)),
)
DELIVERIES = Collection[DeliveryDoc](
    "deliveries",
    {"webhook": "str", "state": "str", "created": "int", "next_at": "int", "place": "int", "type": "str", "event": "str"},
    (
        Index(("app", "webhook", "created")),
        Index(("app", "webhook", "state", "created")),
        Index(("webhook", "state", "next_at")),
        Index(("webhook", "state", "place")),
        Index(("app", "event")),
        Index(("state", "created")),
    ),
)  # fmt: skip
CURSORS = Collection[CursorDoc]("webhook_cursors", {}, ())
PICTURES = Collection[PictureDoc]("webhook_pictures", {"created": "int"}, (Index(("created",)),))
COLLECTIONS: tuple[Collection[Any], ...] = (WEBHOOKS, DELIVERIES, CURSORS, PICTURES)
