"""What the webhook routes take and answer."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from control.models import AnswerModel
from weir.foundation.http.listing import Spanned
from weir.foundation.http.routing import Body, Paging, shown_once
from weir.foundation.texts import Text

MOST_HEADERS, MOST_TYPES, MOST_OF_A_KIND = 20, 100, 100
MOST_CONCURRENT = 20
EventType = Annotated[str, Field(pattern=r"^(\*|[a-z0-9_]+(\.[A-Za-z0-9_-]+)*(\.\*)?)$", max_length=100)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Secret = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[\x20-\x7e]+$")]
Share = Annotated[float, Field(ge=0, le=1)]
State = Literal["pending", "delivered", "failed"]


class Authorization(Body):
    """How the receiver knows us. `header`: a header `name` with `value`; `basic`: `username` and `password`;
    `bearer`: `token`; `oauth2`: client credentials, the token is fetched and renewed."""

    kind: Literal["none", "header", "basic", "bearer", "oauth2"]
    name: HeaderName | None = None
    value: Secret | None = None
    username: str | None = Field(None, min_length=1, max_length=256, pattern=r"^[^:\x00-\x1f\x7f]+$")
    password: Secret | None = None
    token: Secret | None = None
    token_url: str | None = Field(None, max_length=2048)
    client_id: str | None = Field(None, min_length=1, max_length=512)
    client_secret: Secret | None = None
    scope: str | None = Field(None, max_length=1024)

    @model_validator(mode="after")
    def _complete(self) -> "Authorization":
        needed = NEEDED[self.kind]
        given = {name for name in AUTH_FIELDS if getattr(self, name) is not None}
        if missing := [name for name in needed if name not in given]:
            raise ValueError(f"auth of the kind {self.kind} needs {' and '.join(missing)}")
        if extra := given - {*needed, "scope"} or (given & {"scope"} if self.kind != "oauth2" else set()):
            raise ValueError(f"{min(extra)} does not belong to auth of the kind {self.kind}")
        return self

    @property
    def secret(self) -> str | None:
        return self.value or self.password or self.token or self.client_secret


NEEDED: dict[str, tuple[str, ...]] = {
    "none": (),
    "header": ("name", "value"),
    "basic": ("username", "password"),
    "bearer": ("token",),
    "oauth2": ("token_url", "client_id", "client_secret"),
}
AUTH_FIELDS = (
    "name", "value", "username", "password", "token", "token_url", "client_id", "client_secret", "scope",
)  # fmt: skip


class Crop(Body):
    """The part of the picture that is sent, in shares of its width and height, from the top left."""

    left: Share
    top: Share
    width: float = Field(gt=0, le=1)
    height: float = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _inside(self) -> "Crop":
        if self.left + self.width > 1.0001 or self.top + self.height > 1.0001:
            raise ValueError("the crop reaches beyond the picture")
        return self


class Image(Body):
    """With events of a stream that is on air, a JPEG is sent: multipart/form-data with `json`, `image_type` and
    `image`. `type` is passed on as it is."""

    type: str = Field("full", min_length=1, max_length=64, pattern=r"^[A-Za-z0-9 _.-]+$")
    crop: Crop | None = None


class Batching(Body):
    """Several events in one request of the type `webhook.batch`: `most`, or what came within `wait_ms`."""

    most: int = Field(100, ge=2, le=500)
    wait_ms: int = Field(1000, ge=100, le=60_000)


Url = Annotated[str, Field(min_length=8, max_length=2048)]
Ids = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=MOST_OF_A_KIND)]
Headers = Annotated[dict[HeaderName, Secret], Field(max_length=MOST_HEADERS)]


class NewWebhook(Body):
    """`types`: `stream.live`, `stream.*`, or `*` for all. `streams`, `channels` and `places`: only events about
    one of these. `filter`: a CEL expression over `type` and `data`, e.g. `data.viewers > 10`. `ordered`: one at
    a time in the order of the app's log; one that fails holds up those after it."""

    url: Url
    description: Text = Field("", max_length=500)
    types: list[EventType] = Field(min_length=1, max_length=MOST_TYPES)
    streams: Ids = []
    channels: Ids = []
    places: Ids = []
    filter: str | None = Field(None, min_length=1, max_length=500)
    enabled: bool = True
    headers: Headers = {}
    auth: Authorization = Authorization(kind="none")
    signature: Literal["hmac", "ed25519"] = "hmac"
    encrypted: bool = Field(
        False, description="Send the body encrypted with AES-256-GCM; the key is shown once."
    )
    rate: int | None = Field(None, ge=1, le=10_000, description="Requests a second at most.")
    concurrency: int = Field(10, ge=1, le=MOST_CONCURRENT, description="Requests at the same time at most.")
    ordered: bool = False
    batch: Batching | None = None
    image: Image | None = None


class ChangeWebhook(Body):
    """Only what is given changes. `headers` and `auth` are replaced as a whole. `enabled: true` sends what
    waited when the endpoint was disabled; what happened since then comes by a replay with `recover`."""

    url: Url | None = None
    description: Text | None = Field(None, max_length=500)
    types: list[EventType] | None = Field(None, min_length=1, max_length=MOST_TYPES)
    streams: Ids | None = None
    channels: Ids | None = None
    places: Ids | None = None
    filter: str | None = Field(None, min_length=1, max_length=500)
    enabled: bool | None = None
    headers: Headers | None = None
    auth: Authorization | None = None
    rate: int | None = Field(None, ge=1, le=10_000)
    concurrency: int | None = Field(None, ge=1, le=MOST_CONCURRENT)
    ordered: bool | None = None
    batch: Batching | None = None
    image: Image | None = None


DEFAULTS: dict[str, Any] = {
    "description": "",
    "streams": [],
    "channels": [],
    "places": [],
    "filter": None,
    "headers": {},
    "auth": {"kind": "none"},
    "rate": None,
    "concurrency": 10,
    "ordered": False,
    "batch": None,
    "image": None,
}


class RotateSecret(Body):
    overlap_s: int = Field(
        86_400, ge=0, le=7 * 86_400, description="Seconds for which requests are signed with both secrets."
    )


class Example(Body):
    """An example event of this type is sent, or shown; of your own types its `data` may be given."""

    type: EventType = "stream.live"
    data: dict[str, Any] | None = None


class Replay(Body):
    """`delivery`: one. Otherwise those of the span, of a `state` (failed, unless something else is said), up to
    100,000; `recover`: also events of the app's log in that span that this endpoint never got."""

    delivery: str | None = Field(None, max_length=64)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    state: Literal["failed", "delivered", "all"] = "failed"
    recover: bool = False

    @model_validator(mode="after")
    def _one(self) -> "Replay":
        if self.recover and self.since is None:
            raise ValueError("recover needs since")
        if self.delivery is not None and (self.since or self.until or self.recover):
            raise ValueError("delivery stands alone: leave out since, until and recover")
        return self


class WebhookFilter(Paging):
    enabled: bool | None = None


class DeliveryFilter(Spanned):
    """By the time when the event was taken over."""

    state: State | None = None
    type: EventType | None = None


class ShownAuth(AnswerModel):
    """Without its secret."""

    kind: Literal["none", "header", "basic", "bearer", "oauth2"]
    name: str | None = None
    username: str | None = None
    token_url: str | None = None
    client_id: str | None = None
    scope: str | None = None


class ShownHealth(AnswerModel):
    """`breaker`: open while nothing is tried, half_open while one request tests the receiver. `advice` says what
    to do."""

    breaker: Literal["closed", "open", "half_open"]
    failures: int = Field(description="Attempts in a row that have failed.")
    failing_since: str | None
    next_attempt: str | None = Field(description="Nothing is sent before.")
    last_success: str | None
    last_failure: str | None
    last_error: str | None
    advice: str | None


class Webhook(AnswerModel):
    """`header_names`: the values are not shown again. `public_key` verifies signatures of the kind ed25519."""

    id: str
    name: str | None = Field(description="Of one that a file of the operator's sets up.")
    url: str
    description: str
    types: list[str]
    streams: list[str]
    channels: list[str]
    places: list[str]
    filter: str | None
    enabled: bool
    disabled_reason: str | None
    header_names: list[str]
    auth: ShownAuth
    signature: Literal["hmac", "ed25519"]
    public_key: str | None
    encrypted: bool
    rate: int | None
    concurrency: int
    ordered: bool
    batch: Batching | None
    image: Image | None
    health: ShownHealth
    created: str


class NewWebhookShown(Webhook):
    """`secret` verifies signatures (of ed25519 it is null: the public key does). `encryption_key`: base64 of 32
    bytes, `kid` names it in the bodies."""

    secret: str | None = shown_once()
    encryption_key: str | None = shown_once()
    kid: str | None = None


class NewSecret(AnswerModel):
    secret: str | None = shown_once()
    public_key: str | None
    old_until: str = Field(description="Until then requests carry the old secret's signature too.")


class Attempt(AnswerModel):
    """`status` 0: there was no answer, and `error` says why. `headers` as sent, credentials masked."""

    at: str
    status: int
    latency_ms: int
    error: str
    detail: str
    headers: dict[str, str]
    answer: str = Field(description="The first 4 KB of what the receiver answered.")


class Delivery(AnswerModel):
    """`event` is the `webhook-id`. `events`: how many a batch holds."""

    id: str
    webhook: str
    event: str
    type: str
    state: State
    events: int
    tries: int
    created: str
    next_attempt: str | None
    last_status: int | None
    last_error: str | None
    latency_ms: int | None


class DeliveryInFull(Delivery):
    body: str
    attempts: list[Attempt]


class WebhookTested(AnswerModel):
    delivered: bool
    event: str
    attempt: Attempt


class Preview(AnswerModel):
    """Exactly what would be sent now, but for credentials, which are masked. The body of an encrypted or
    pictured request is shown in base64."""

    method: Literal["POST"]
    url: str
    headers: dict[str, str]
    body: str
    body_base64: bool
    curl: str


class Replayed(AnswerModel):
    deliveries: int
    recovered: int = Field(description="Events of the log that this endpoint had never got.")
    more: bool = Field(description="There are more; ask again.")


class WebhookStats(AnswerModel):
    """Of the last 24 hours; latencies of the newest 200 deliveries."""

    delivered: int
    failed: int
    pending: int
    success_rate: float | None
    latency_p50_ms: int | None
    latency_p95_ms: int | None
    oldest_waiting_s: int | None
    breaker: Literal["closed", "open", "half_open"]


class EventKind(AnswerModel):
    type: str
    about: str
    example: dict[str, Any]


class EventKinds(AnswerModel):
    data: list[EventKind]
