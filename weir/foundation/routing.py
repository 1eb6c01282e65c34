"""A row of the route table: method, path, who may ask, what the body must look like, what does the work."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from weir.foundation.auth import Account, Authenticator, Tenant
from weir.foundation.errors import Invalid, TooLarge
from weir.foundation.problems import invalid

MAX_BODY_BYTES = 65_536


class Body(BaseModel):
    """Base of request bodies: unknown fields are refused, so that a misspelt option is noticed."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


@dataclass(frozen=True)
class Call:
    """One request, checked. Exactly one of `account` and `tenant` is set, or none on a public route."""

    request: Request
    body: Any
    account: Account | None = None
    tenant: Tenant | None = None

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def signed_in(self) -> Account:
        assert self.account is not None, "the route table says who may ask"
        return self.account

    def acting(self, scope: str) -> Tenant:
        """Errors: Forbidden when the credential lacks the scope."""
        assert self.tenant is not None, "the route table says who may ask"
        self.tenant.need(scope)
        return self.tenant


@dataclass(frozen=True)
class Answer:
    data: Any
    status: int = 200
    cookies: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True)
class Row:
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    who: Literal["anybody", "account", "tenant"]
    work: Callable[[Call], Awaitable[Answer]]
    body: type[Body] | None = None


def bind(row: Row, auth: Authenticator) -> Route:
    async def endpoint(request: Request) -> Response:
        header = request.headers.get("authorization")
        account = await auth.account(header) if row.who == "account" else None
        tenant = await auth.tenant(header) if row.who == "tenant" else None
        body = await _body(request, row.body) if row.body else None
        return _response(await row.work(Call(request, body, account, tenant)), request)

    return Route(row.path, endpoint, methods=[row.method], name=f"{row.method} {row.path}")


async def _body(request: Request, model: type[Body]) -> Body:
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY_BYTES:
            raise TooLarge(f"The body may have {MAX_BODY_BYTES} bytes at most.")
    try:
        data = orjson.loads(raw) if raw.strip() else {}
    except orjson.JSONDecodeError as error:
        raise Invalid(f"The body is not JSON: {error}.") from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise invalid(error) from None


def _response(answer: Answer, request: Request) -> Response:
    content = b"" if answer.status == 204 else orjson.dumps(answer.data)
    response = Response(content, answer.status, media_type="application/json")
    for name, value, seconds in answer.cookies:
        response.set_cookie(
            name, value, max_age=seconds, path="/v1/auth", httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )
    return response
