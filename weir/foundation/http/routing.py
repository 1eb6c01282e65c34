"""A row of the route table: method, path, who may ask, what query and body must look like, what does the
work, what comes back.

The rows are the one description of the API: requests are validated by them and openapi.json is written
from them (weir.foundation.http.openapi). `bind` makes a row a route; weir.app gathers the routes of all
rooms into one table.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any, ClassVar, Generic, Literal, TypeVar
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope

from weir.foundation.errors import (
    Forbidden,
    Invalid,
    RateLimited,
    Refused,
    Stale,
    TooLarge,
    Unauthenticated,
    Unavailable,
    WrongType,
)
from weir.foundation.http.idempotency import IdempotencyKeys, IdempotentCall
from weir.foundation.http.problems import invalid
from weir.foundation.http.response_headers import APP, STANDING
from weir.foundation.ids import Kind, new_id
from weir.foundation.plans import Plan
from weir.foundation.redis.rate_limits import ACCOUNT, MEMBER, PUBLIC, Exhausted, Limit, Limits, subject_of
from weir.foundation.tenancy.auth import Authenticator, SignedInAccount, Tenant

MAX_BODY_BYTES = 65_536
SHOWN_ONCE = "x-shown-once"
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
Who = Literal["anybody", "account", "tenant", "uploader"]
T = TypeVar("T")


def _rates(plan: Plan) -> tuple[Limit, ...]:
    minute = Limit("minute", plan.requests_per_minute, 60)
    return (
        (minute,) if plan.requests_per_hour is None else (minute, Limit("hour", plan.requests_per_hour, 3600))
    )


_UNBOUND = _rates(Plan())


class Body(BaseModel):
    """Base of request bodies: unknown fields are refused, so that a misspelt option is noticed."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    def changes(self, defaults: Mapping[str, Any], but: Collection[str] = ()) -> dict[str, Any]:
        """What a PATCH changes: the fields that were sent, without those of `but`. null takes one back to its
        default. Errors: Invalid for one that has none."""
        given = self.model_dump(exclude_unset=True, exclude=set(but))
        for name, value in given.items():
            if value is None and name not in defaults:
                said = "null is no value here; leave it out to keep what there is"
                raise Invalid(f"{name}: {said}.", fields=[{"field": name, "detail": said}])
        return {name: defaults[name] if value is None else value for name, value in given.items()}


class Query(BaseModel):
    """Base of query strings: one value per name; unknown names are refused. Those in `maps` are written
    `name[key]=value`."""

    model_config = ConfigDict(extra="forbid")
    maps: ClassVar[frozenset[str]] = frozenset()


class Paging(Query):
    """The parameters that every list takes. `cursor` is the `next_cursor` of the page before."""

    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=500)


class Cursor(Query):
    """For lists whose pages have a size of their own."""

    cursor: str | None = Field(None, max_length=500)


class Listed(BaseModel, Generic[T]):
    """A page of a list; `next_cursor` is null at the end."""

    data: list[T]
    next_cursor: str | None

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return f"{params[0].__name__}List"


def shown_once(**constraints: Any) -> Any:
    """A field of an answer that is a secret: only the first answer has it, never a replayed one."""
    return Field(None, json_schema_extra={SHOWN_ONCE: True}, **constraints)


@dataclass
class Call:
    """One request, checked. Exactly one of `account` and `tenant` is set, or none on a public route."""

    request: Request
    body: Any
    account: SignedInAccount | None = None
    tenant: Tenant | None = None
    query: Any = None
    attempt: IdempotentCall | None = None

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def signed_in(self) -> SignedInAccount:
        assert self.account is not None, "the route table says who may ask"
        return self.account

    def acting(self, scope: str | None = None) -> Tenant:
        """The caller's app. Errors: Forbidden when the credential lacks the scope."""
        assert self.tenant is not None, "the route table says who may ask"
        if scope is not None:
            self.tenant.need(scope)
        return self.tenant

    def new_id(self, kind: Kind) -> str:
        """The id of what this request creates. When a request with one Idempotency-Key is tried again after
        its process died, the id is the same."""
        return f"{kind}_{self.attempt.seed}" if self.attempt is not None else new_id(kind)

    def expects(self, etag: str) -> None:
        """Errors: Stale when If-Match names another state than the present one."""
        wanted = self.request.headers.get("if-match")
        if wanted is not None and not _named(wanted, etag):
            raise Stale("This has been changed since you read it; read it again and repeat the change.")


@dataclass
class Answer:
    """`data` becomes JSON, or is sent as it is when it is text or bytes (with `media_type`). `app` names the
    tenant of a public route, whose web origins may read the answer."""

    data: Any
    status: int = 200
    cookies: tuple[tuple[str, str, int], ...] = ()
    etag: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


@dataclass(frozen=True)
class Row:
    """`scope` is checked before the body is read. `errors` are the refusals that the work itself may answer
    with; those of sign-in, scope, validation, limits and a missing id follow from the other fields
    (openapi.refusals). `limit` is one of the row's own, besides those of the caller. `also`: further statuses
    of the same answer. `csv`: `?format=csv` gives text/csv. `etag`: the answer has one, If-Match is honoured.
    `streamed`: the work itself reads the body, which may have any size; these headers of the request then say
    what an Idempotency-Key covers. `media`: the answer's type when it is no JSON. `cookies`: it takes or sets
    one, so no page of another origin may send it. `at`: the address of what a POST has made, of fields of the
    answer and the path; its path and the answer's `id` when nothing is said, and empty for what has no
    address. `most_bytes` of its body; more than 1 MB need a
    place in the web server's configuration too. `at_once`: how many requests of an app may be in progress in
    a process; each 256 KB of a body count as one more."""

    method: Method
    path: str
    who: Who
    work: Callable[[Call], Awaitable[Answer]]
    body: type[Body] | None = None
    summary: str = ""
    query: type[Query] | None = None
    answer: Any = None
    status: int = 200
    scope: str | None = None
    tag: str = ""
    errors: tuple[type[Refused], ...] = ()
    csv: bool = False
    also: tuple[int, ...] = ()
    etag: bool = False
    limit: Limit | None = None
    streamed: tuple[str, ...] | None = None
    media: str | None = None
    cookies: bool = False
    at: str | None = None
    most_bytes: int = MAX_BODY_BYTES
    at_once: int | None = None

    def __post_init__(self) -> None:
        if self.at is None and self.status == 201 and "id" in getattr(self.answer, "model_fields", {}):
            object.__setattr__(self, "at", self.path + "/{id}")

    @property
    def secrets(self) -> frozenset[str]:
        """The answer's fields that are shown once."""
        fields = getattr(self.answer, "model_fields", {})
        return frozenset(name for name, one in fields.items() if SHOWN_ONCE in (one.json_schema_extra or ()))


@dataclass(frozen=True)
class Door:
    """The checks before every row's handler. `counts` are the operator's own numbers for named limits,
    `origins` the web origins that may sign people in besides ours; `secure`: browsers connect by TLS, also
    when a proxy terminates it."""

    auth: Authenticator
    repeats: IdempotencyKeys
    limits: Limits
    plans: Mapping[str, Plan]
    counts: Mapping[str, int] = field(default_factory=dict)
    origins: frozenset[str] = frozenset()
    secure: bool = False

    @cached_property
    def _rates(self) -> dict[str, tuple[Limit, ...]]:
        """By plan; made once, because hashing a plan for each request took 2 µs."""
        return {name: _rates(plan) for name, plan in self.plans.items()}

    async def admit(
        self, request: Request, row: Row, account: SignedInAccount | None, tenant: Tenant | None
    ) -> None:
        """Errors: RateLimited. Public routes count by address, the studio's by person, API keys' by key and
        app."""
        if account is not None:
            await self._take(request, ACCOUNT, account.id)
        elif tenant is None:
            await self._take(request, row.limit or PUBLIC, subject_of(address_of(request)))
        elif tenant.kind != "key":
            await self._take(
                request, MEMBER, f"{tenant.app}/{tenant.actor}" if tenant.kind == "user" else tenant.actor
            )
        else:
            if tenant.rate is not None:
                await self._take(request, Limit("key", tenant.rate, 60), tenant.actor)
            for limit in self._rates.get(tenant.plan, _UNBOUND):
                await self._take(request, limit, tenant.app)
        if row.limit is not None and (account or tenant):
            await self._take(request, row.limit, tenant.app if tenant else account.id if account else "")

    async def _take(self, request: Request, limit: Limit, subject: str) -> None:
        count = self.counts.get(limit.name)
        limit = limit if count is None else replace(limit, count=count)
        try:
            standing = await self.limits.consume(limit, subject)
        except Exhausted as refusal:
            request.scope[STANDING] = refusal.standing
            raise
        before = request.scope.get(STANDING)
        if before is None or standing.remaining < before.remaining:
            request.scope[STANDING] = standing


class BoundRoute(Route):
    """A row as a route; the document of the API is written from `row`. Refusals are raised to the
    application's handlers."""

    def __init__(self, row: Row, door: Door) -> None:
        self.row = row
        self._door = door
        self._secrets = row.secrets
        self._running: Counter[str] = Counter()
        super().__init__(row.path, self._endpoint, methods=[row.method], name=f"{row.method} {row.path}")

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """The same without Starlette's own wrapper, for weir.foundation.http.router."""
        return await self._endpoint(Request(scope, receive))

    async def _endpoint(self, request: Request) -> Response:
        limits, address = self._door.limits, address_of(request)
        limits.check_address(address)
        try:
            return await self._checked(request, address)
        except (Unauthenticated, RateLimited):
            limits.offended(address)
            raise

    async def _checked(self, request: Request, address: str) -> Response:
        row, door = self.row, self._door
        if row.cookies:
            _check_page(request, door.origins)
        account, tenant = None, None
        if row.who in ("tenant", "uploader"):
            known = door.auth.tenant if row.who == "tenant" else door.auth.uploader
            tenant = await known(request.headers.get("authorization"), address)
            request.scope[APP] = tenant.app
        elif row.who == "account":
            account = await door.auth.account(request.headers.get("authorization"))
        await door.admit(request, row, account, tenant)
        if tenant is not None and row.scope is not None:
            tenant.need(row.scope)
        if row.at_once is None or tenant is None:
            return await self._worked(request, account, tenant)
        with self._among(row.at_once, tenant.app, request):
            return await self._worked(request, account, tenant)

    @contextmanager
    def _among(self, most: int, app: str, request: Request) -> Iterator[None]:
        """Holds the place of a request among those of its app, before its body is read: slow ones with large
        bodies would fill the memory. Errors: Unavailable."""
        length = request.headers.get("content-length", "")
        weight = 1 + (int(length) if length.isdecimal() else self.row.most_bytes) // 262_144
        if self._running[app] and self._running[app] + weight > most:
            raise Unavailable(
                f"Too many of these requests are in progress; {most} are allowed, and large ones count for several. "
                "Wait for one to end.",
                retry_after=1,
            )
        self._running[app] += weight
        try:
            yield
        finally:
            self._running[app] -= weight
            if not self._running[app]:
                del self._running[app]

    async def _worked(
        self, request: Request, account: SignedInAccount | None, tenant: Tenant | None
    ) -> Response:
        row, door = self.row, self._door
        query = _query(request, row.query) if row.query is not None else None
        if row.streamed is not None:
            raw = b"\n".join(request.headers.get(name, "").encode() for name in row.streamed)
        else:
            raw = await _read(request, row.most_bytes) if row.method != "GET" else b""
            _check_type(request, raw)
        body = _body(raw, row.body) if row.body is not None else None
        call = Call(request, body, account, tenant, query)
        key = request.headers.get("idempotency-key") if row.method == "POST" else None
        if key is None or (actor := _actor(call)) is None:
            return _response(await row.work(call), request, row, door.secure)
        return await self._once(call, f"{actor}:{key}", raw)

    async def _once(self, call: Call, key: str, raw: bytes) -> Response:
        request, repeats = call.request, self._door.repeats
        attempt = await repeats.begin(key, request.method, request.url.path, raw)
        if attempt.answer is not None:
            kept = attempt.answer
            headers = {**kept.get("headers", {}), "Idempotency-Replayed": "true"}
            replayed = Answer(kept["data"], kept["status"], etag=kept.get("etag"), headers=headers)
            return _response(replayed, request, self.row, self._door.secure)
        try:
            answer = await self.row.work(
                Call(request, call.body, call.account, call.tenant, call.query, attempt)
            )
        except Refused as refusal:
            await repeats.release(attempt, nothing_done=refusal.status < 500)
            raise
        kept = (
            {name: value for name, value in answer.data.items() if name not in self._secrets}
            if self._secrets
            else answer.data
        )
        await repeats.store_answer(attempt, kept, answer.status, answer.etag, answer.headers)
        return _response(answer, request, self.row, self._door.secure)


def address_of(request: Request) -> str:
    """The client's address as our own web server reports it; empty for a caller on the socket itself."""
    return request.client.host if request.client else ""


def bind(row: Row, door: Door) -> BoundRoute:
    return BoundRoute(row, door)


def _actor(call: Call) -> str | None:
    """Whose keys these are: an API key's and a member's requests of one app share them, so a rotated key can
    repeat; the bearer of an upload token has their own."""
    if call.tenant is not None:
        return call.tenant.app if call.tenant.upload is None else f"{call.tenant.app}:{call.tenant.actor}"
    return call.account.id if call.account is not None else None


def _check_page(request: Request, listed: frozenset[str]) -> None:
    """Refuses a request that a page of an unlisted origin sends, so that it can't sign its visitor in to
    another account. Programs send no Origin. Errors: Forbidden."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin is not None and origin in listed:
        return
    own = origin is None or (
        origin.startswith(("https://", "http://")) and urlsplit(origin).netloc == request.headers.get("host")
    )
    if not own or site not in (None, "same-origin", "none"):
        raise Forbidden(
            "Pages of another origin may not sign people in or out; WEIR_ALLOWED_ORIGINS lists those that may."
        )


def _check_type(request: Request, raw: bytes) -> None:
    """A page of another origin may send a form or plain text without a preflight request; JSON it may not.
    Errors: WrongType."""
    if not raw.strip():
        return
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json" and not (given.startswith("application/") and given.endswith("+json")):
        raise WrongType("Send the body as JSON, with Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise WrongType("Send the body as it is, without Content-Encoding.")


async def _read(request: Request, most: int) -> bytes:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > most:
            raise TooLarge(f"The body may have {most} bytes at most.")
    return bytes(raw)


def _query(request: Request, model: type[Query]) -> Query:
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        outer, bracket, key = name.partition("[")
        if bracket and outer in model.maps and key.endswith("]"):
            given.setdefault(outer, {})[key[:-1]] = value
        else:
            given[name] = value
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise invalid(error) from None


def _body(raw: bytes, model: type[Body]) -> Body:
    try:
        data = orjson.loads(raw) if raw.strip() else {}
    except orjson.JSONDecodeError as error:
        raise Invalid(f"The body is not JSON: {error}.") from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise invalid(error) from None


class _Written(Response):
    """Body and headers as they are sent: Starlette computes both anew for each answer (5 µs)."""

    def __init__(self, body: bytes, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.body = body
        self.status_code = status
        self.raw_headers = headers
        self.background = None


def content_etag(data: Any) -> str:
    """An ETag for an answer whose object has no revision number."""
    return f'"{blake2b(orjson.dumps(data), digest_size=9).hexdigest()}"'


def _named(header: str | None, etag: str) -> bool:
    """Whether a list of ETags contains this one. A web server that compresses an answer makes its ETag weak
    (W/), so weak ones match."""
    return header is not None and (
        header.strip() == "*" or etag in (one.strip().removeprefix("W/") for one in header.split(","))
    )


def _response(answer: Answer, request: Request, row: Row, secure: bool) -> Response:
    data, headers = answer.data, []
    if (
        answer.etag is not None
        and row.method == "GET"
        and _named(request.headers.get("if-none-match"), answer.etag)
    ):
        return _Written(b"", 304, [(b"etag", answer.etag.encode("latin-1"))])
    if answer.status == 201 and row.at and "Location" not in answer.headers:
        headers.append((b"location", row.at.format(**{**request.path_params, **data}).encode("latin-1")))
    if answer.status == 204:
        body = b""
    else:
        body = (
            data
            if isinstance(data, bytes)
            else data.encode()
            if isinstance(data, str)
            else orjson.dumps(data)
        )
        headers += [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", answer.media_type.encode("latin-1")),
        ]
    if answer.etag is not None:
        headers.append((b"etag", answer.etag.encode("latin-1")))
    headers += [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()
    ]
    response = _Written(body, answer.status, headers)
    for name, value, seconds in answer.cookies:
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path="/v1/auth",
            httponly=True,
            samesite="strict",
            secure=secure or request.url.scheme == "https",
        )
    return response
