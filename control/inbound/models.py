"""What is asked about sources, and what comes back."""

from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from control.models import AnswerModel
from weir.foundation.http.listing import Spanned
from weir.foundation.http.routing import Body, shown_once
from weir.foundation.texts import Line

LONGEST_EXPRESSION, MOST_RULES, MOST_FIELDS, MOST_VALUES, MOST_HEADERS = 1_000, 50, 50, 20, 10
MOST_NETWORKS = 50
HIDDEN_HEADERS = frozenset(("authorization", "proxy-authorization", "cookie", "webhook-signature"))
Expression = Annotated[str, Field(min_length=1, max_length=LONGEST_EXPRESSION, description="CEL.")]
HeaderName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$"), Field(description="In lower case.")]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
SignatureKind = Literal["standard", "timestamped", "hmac", "token", "basic"]
Secret = Annotated[str, Field(min_length=8, max_length=200, pattern=r"^[!-~]+$")]


class EventRule(Body):
    """`data`: an expression for each field, or one that gives the whole object."""

    type: str = Field(pattern=r"^(partner|custom)(\.[a-z0-9_-]{1,32}){1,3}$", max_length=120)
    data: dict[FieldName, Expression] | Expression = {}

    @field_validator("data")
    @classmethod
    def _bounded(cls, data: dict[str, str] | str) -> dict[str, str] | str:
        if len(data) > MOST_FIELDS and isinstance(data, dict):
            raise ValueError(f"{MOST_FIELDS} fields are the most")
        return data


class ReadingRule(Body):
    """`device` gives the device's serial. `state` gives free, occupied, unknown or null (nothing about occupancy); true and 1 are
    occupied, false and 0 free. `at` gives a time in RFC 3339, or as a number of seconds or milliseconds since 1970; without it, it is
    now. `space` gives a number in the device's place, instead of the space that the device is assigned to. `battery` is in percent,
    `rssi` in dBm. `values`: what else is shown of the device."""

    device: Expression
    space: Expression | None = None
    state: Expression | None = None
    at: Expression | None = None
    battery: Expression | None = None
    rssi: Expression | None = None
    values: dict[FieldName, Expression] = Field({}, max_length=MOST_VALUES)


class MappingRule(Body):
    """Applies where `when` gives true."""

    when: Expression | None = None
    event: EventRule | None = None
    reading: ReadingRule | None = None

    @model_validator(mode="after")
    def _something(self) -> "MappingRule":
        if self.event is None and self.reading is None:
            raise ValueError("a rule makes an event or a reading")
        return self


class Mapping(Body):
    """What becomes of a body. Expressions see `body`, `query`, `headers` (those named here) and, with `each`, one element of that list
    as `item`. `id` gives what a repeat has in common with the first delivery."""

    id: Expression | None = None
    each: Expression | None = None
    headers: list[HeaderName] = Field([], max_length=MOST_HEADERS)
    rules: list[MappingRule] = Field(min_length=1, max_length=MOST_RULES)

    @field_validator("headers")
    @classmethod
    def _no_secrets(cls, headers: list[str]) -> list[str]:
        hidden = next((one for one in headers if one in HIDDEN_HEADERS), None)
        if hidden is not None:
            raise ValueError(f"{hidden} carries a secret and is shown to no mapping")
        return headers


class SourceAuth(Body):
    """How the partner proves that it is the sender. `standard`: Standard Webhooks. `timestamped`: `t=…,v1=…` in one header, as Stripe
    signs. `hmac`: an HMAC of the body in a header. `token`: the secret itself in a header. `basic`: user name and password."""

    kind: SignatureKind
    header: HeaderName | None = None
    prefix: str = Field(
        "", max_length=20, pattern=r"^[!-~]*$", description="What stands before the HMAC, e.g. sha256=."
    )
    encoding: Literal["hex", "base64"] = "hex"
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    username: str | None = Field(None, min_length=1, max_length=100, pattern=r"^[!-9;-~]+$")

    @model_validator(mode="after")
    def _complete(self) -> "SourceAuth":
        if self.kind in ("timestamped", "hmac") and self.header is None:
            raise ValueError(f"{self.kind} needs the name of the header that carries the signature")
        if self.kind == "basic" and self.username is None:
            raise ValueError("basic needs a username")
        return self

    def stored(self) -> dict[str, Any]:
        """Only what this kind has."""
        names = {
            "timestamped": ("header",),
            "hmac": ("header", "prefix", "encoding", "algorithm"),
            "token": ("header",),
            "basic": ("username",),
        }
        kept = {name: getattr(self, name) for name in names.get(self.kind, ())}
        if self.kind == "token":
            kept["header"] = self.header or "authorization"
        return {"kind": self.kind, **kept}


def _networks(networks: list[str]) -> list[str]:
    try:
        return [str(ip_network(one)) for one in networks]
    except ValueError as error:
        raise ValueError(f"{error}: write a network as 203.0.113.0/24") from None


Networks = Annotated[
    list[Annotated[str, Field(max_length=50)]], Field(max_length=MOST_NETWORKS), AfterValidator(_networks)
]


class NewSource(Body):
    """`kind`: a preset of `GET /v1/sources/presets`, or `custom` with a `mapping`. Where `auth` is left out, a
    preset signs as its vendor does and a custom source by Standard Webhooks; a `mapping` of yours goes before the
    preset's. `secret`: the partner's own, if it gives you one; otherwise one is made and shown once. `networks`
    from which the partner sends; empty for all."""

    name: Line = Field(min_length=1, max_length=140)
    kind: str = Field("custom", pattern=r"^[a-z0-9-]{1,40}$")
    auth: SourceAuth | None = None
    secret: Secret | None = None
    mapping: Mapping | None = None
    networks: Networks = []
    enabled: bool = True


class SourceChange(Body):
    """Only what is given changes; null takes `mapping` back to the preset's. The kind of `auth` stays: other secrets need another
    source."""

    name: Line | None = Field(None, min_length=1, max_length=140)
    auth: SourceAuth | None = None
    mapping: Mapping | None = None
    networks: Networks | None = None
    enabled: bool | None = None


class SecretRotation(Body):
    """The secret before stays valid for `overlap_s`; one older than that ends at once."""

    secret: Secret | None = None
    overlap_s: int = Field(86_400, ge=0, le=7 * 86_400)


class SourceFilter(Spanned):
    """By the time of creation; `q` is a part of the name."""

    q: str | None = Field(None, min_length=1, max_length=100)
    kind: str | None = Field(None, max_length=40)


class RejectFilter(Spanned):
    """By the time of the last try."""


class MappingPreview(Body):
    """`kind`: a preset's mapping, where none is given."""

    kind: str = Field("custom", pattern=r"^[a-z0-9-]{1,40}$")
    mapping: Mapping | None = None
    sample: Any = None
    query: dict[str, str] = Field({}, max_length=50)
    headers: dict[HeaderName, str] = Field({}, max_length=MOST_HEADERS)


class SecretView(AnswerModel):
    created: str
    expires: str | None = Field(description="When it ends, because another has taken its place.")


class SourceAuthView(AnswerModel):
    kind: SignatureKind
    header: str | None
    prefix: str | None
    encoding: str | None
    algorithm: str | None
    username: str | None


class Source(AnswerModel):
    """`url` is the address that the partner calls. `mapping` is null where it is the preset's."""

    id: str
    name: str
    kind: str
    url: str
    auth: SourceAuthView
    secrets: list[SecretView]
    mapping: dict[str, Any] | None
    networks: list[str]
    enabled: bool
    created: str


class SourceShown(Source):
    """`secret` is null when it is the partner's own."""

    secret: str | None = shown_once()


class Preset(AnswerModel):
    """`sample` is what the vendor sends, with `query` and `headers`; `auth` is how it signs."""

    kind: str
    title: str
    note: str
    auth: SourceAuthView
    mapping: dict[str, Any]
    sample: Any
    query: dict[str, str]
    headers: dict[str, str]


class PresetList(AnswerModel):
    data: list[Preset]


class Taken(AnswerModel):
    """`repeated`: this delivery had been taken before, and nothing was done. `events` and `readings` are those of the first time."""

    id: str
    events: int
    readings: int
    repeated: bool


class EventPreview(AnswerModel):
    type: str
    data: Any


class ReadingPreview(AnswerModel):
    device: str
    space: int | None
    state: str | None
    at: str | None
    battery: float | None
    rssi: float | None
    values: dict[str, Any]


class MappingErrorView(AnswerModel):
    field: str
    detail: str


class PreviewShown(AnswerModel):
    """`errors` is empty when the mapping can take the sample."""

    id: str | None
    events: list[EventPreview]
    readings: list[ReadingPreview]
    errors: list[MappingErrorView]


class Reject(AnswerModel):
    """`body` is the text as it came."""

    id: str
    at: str
    times: int
    body: str
    query: dict[str, str]
    headers: dict[str, str]
    errors: list[MappingErrorView]


class Refusal(AnswerModel):
    at: str
    reason: str


class SourceStats(AnswerModel):
    """Of the last 24 hours, in whole hours; `last_received` and `last_refused` of the last 7 days. `refused` were not authentic and
    are not kept; figures are written every two seconds."""

    received: int
    repeated: int
    rejected: int
    refused: int
    last_received: str | None
    last_refused: Refusal | None
