"""What is asked about connections to partners by REST, and what comes back."""

import binascii
from base64 import b64decode
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from control.integrations.credentials import Credentials, Url
from control.integrations.operations import PartnerKind
from control.models import AnswerModel
from weir.foundation.http.listing import Searched
from weir.foundation.http.routing import Body
from weir.foundation.texts import Line, Metadata

Environment = Literal["sandbox", "production"]
TestPath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/?=&%-]{0,200}$")]


def _key(text: str) -> str:
    try:
        raw = b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("this is not base64") from None
    if len(raw) != 32:
        raise ValueError("the key must have 256 bits: 32 bytes in base64")
    return text


class IntegrationFilter(Searched):
    """By the time of creation; `q` searches the name."""

    kind: PartnerKind | None = None
    environment: Environment | None = None


class Endpoint(Body):
    """Where a partner is reached, and how it knows you. Without `url` the partner's usual address; without
    `credentials` those that are stored, as long as the address keeps its host."""

    url: Url | None = None
    credentials: Credentials | None = None


class Encryption(Body):
    """Bodies become `{v, alg: "A256GCM", kid, nonce, ciphertext}`. `kid` is the name by which the partner knows
    the key."""

    kid: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    key: Annotated[str, AfterValidator(_key)] = Field(description="32 bytes in base64.")


class NewIntegration(Body):
    """A connection is used in one environment at a time: the sandbox, until `environment` says `production`."""

    kind: PartnerKind
    name: Line = Field(min_length=1, max_length=80)
    environment: Environment = "sandbox"
    sandbox: Endpoint | None = None
    production: Endpoint | None = None
    encryption: Encryption | None = None
    timeout_s: float = Field(30.0, ge=1, le=30)
    test_path: TestPath | None = Field(
        None, description="What a test asks for by GET; null: as usual for the kind."
    )
    metadata: Metadata = {}


class IntegrationChange(Body):
    """Only what is given changes. null removes an environment that is not in use, and the encryption."""

    name: Line | None = Field(None, min_length=1, max_length=80)
    environment: Environment | None = None
    sandbox: Endpoint | None = None
    production: Endpoint | None = None
    encryption: Encryption | None = None
    timeout_s: float | None = Field(None, ge=1, le=30)
    test_path: TestPath | None = None
    metadata: Metadata | None = None


class NewCall(Body):
    """`data` has the operation's fields, as `GET /v1/integrations/kinds` lists them."""

    operation: str = Field(min_length=1, max_length=60)
    data: dict[str, Any] = {}


class ShownCredentials(AnswerModel):
    """Without what is secret."""

    kind: Literal["none", "api_key", "bearer", "basic", "oauth2"]
    header: str | None = None
    prefix: str | None = None
    username: str | None = None
    token_url: str | None = None
    client_id: str | None = None
    scope: str | None = None


class ShownEndpoint(AnswerModel):
    url: str
    credentials: ShownCredentials
    credentials_set: str = Field(description="When the credentials were written.")


class ShownEncryption(AnswerModel):
    kid: str


class Integration(AnswerModel):
    id: str
    kind: PartnerKind
    name: str
    environment: Environment
    sandbox: ShownEndpoint | None
    production: ShownEndpoint | None
    encryption: ShownEncryption | None
    timeout_s: float
    test_path: str
    operations: list[str]
    metadata: dict[str, str]
    created: str


class Called(AnswerModel):
    """`ok`: the partner did it (2xx). Otherwise `status` and `answer` are the partner's own refusal."""

    id: str
    operation: str
    environment: Environment
    ok: bool
    status: int
    answer: Any
    tries: int
    latency_ms: int


class Tested(AnswerModel):
    ok: bool
    environment: Environment
    status: int = Field(description="0 when there was no answer.")
    latency_ms: int
    detail: str


class OperationHealth(AnswerModel):
    """`cents`: of payments and refunds that were accepted, together."""

    calls: int
    failures: int
    cents: int


class IntegrationHealth(AnswerModel):
    id: str
    kind: PartnerKind
    name: str
    environment: Environment
    state: Literal["ok", "failing", "unused"]
    breaker: Literal["closed", "open", "half_open"]
    calls: int
    failures: int
    mean_ms: int | None
    last_success: str | None
    last_error: str | None
    last_error_at: str | None
    operations: dict[str, OperationHealth]


class IntegrationsHealth(AnswerModel):
    status: Literal["ok", "degraded"]
    timestamp: str
    integrations: list[IntegrationHealth]


class ShownOperation(AnswerModel):
    """`repeatable`: sent again by itself although an answer was lost. `data` is the JSON Schema of its fields."""

    name: str
    summary: str
    method: str
    path: str
    repeatable: bool
    data: dict[str, Any]


class ShownKind(AnswerModel):
    kind: PartnerKind
    title: str
    production_url: str
    sandbox_url: str
    test_path: str
    operations: list[ShownOperation]


class Kinds(BaseModel):
    data: list[ShownKind]
