"""Refusals as HTTP answers: RFC 9457 `application/problem+json` with a stable `code`."""

import http
import math
from typing import Any

import orjson
import structlog
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from weir.foundation.errors import Code, Invalid, Refused

log = structlog.get_logger("http")
_PHRASES = {**{one.value: one.phrase for one in http.HTTPStatus}, 460: "Checksum Mismatch"}
_CODES: dict[int, Code] = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    413: "too_large",
    429: "rate_limited",
}


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    fields: list[dict[str, Any]] | None = None,
    retry_after: float | None = None,
    choices: list[dict[str, Any]] | None = None,
) -> Response:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": _PHRASES[status],
        "status": status,
        "code": code,
        "detail": detail,
    }
    if fields:
        body["errors"] = fields
    if choices:
        body["choices"] = choices
    headers = {"Cache-Control": "no-store"}
    if retry_after is not None or status in (429, 503):
        headers["Retry-After"] = str(max(1, math.ceil(retry_after or 1)))
    return Response(orjson.dumps(body), status, headers, "application/problem+json")


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refused(error)


def refused(error: Refused) -> Response:
    answer = problem(
        error.status,
        error.code,
        error.detail,
        fields=error.fields,
        retry_after=error.retry_after,
        choices=error.choices,
    )
    answer.headers.update(error.headers)
    if error.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 §15.5.2
    return answer


NEAREST = "weir.nearest"
"""Scope key: what finds the path that the client may have meant, where none is known."""


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        meant = request.scope[NEAREST](request.scope["path"]) if NEAREST in request.scope else None
        hint = f" Did you mean {meant}?" if meant is not None else " /v1/openapi.json has all addresses."
        return problem(404, "not_found", "There is nothing at this address." + hint)
    return problem(error.status_code, _CODES.get(error.status_code, "invalid"), error.detail)


async def _bug(request: Request, error: Exception) -> Response:
    return bug(request.scope.get("path", ""), error)


def bug(path: str, error: Exception) -> Response:
    """The answer to an unexpected exception, which is written to the log."""
    log.error("request.failed", path=path, exc_info=error)
    return problem(500, "unavailable", "Something went wrong here; it has been written to the log.")


HANDLERS: dict[Any, ExceptionHandler] = {Refused: _refused, HTTPException: _http, Exception: _bug}


def invalid(error: ValidationError, within: str = "") -> Invalid:
    """A pydantic error as a refusal that names the fields; `within` comes before their names."""
    fields = [
        {"field": within + ".".join(map(str, one["loc"])), "detail": one["msg"].removeprefix("Value error, ")}
        for one in error.errors(include_url=False)
    ]
    return Invalid(f"{fields[0]['field'].rstrip('.') or 'body'}: {fields[0]['detail']}.", fields=fields)
