"""What every answer of the API carries, whoever gives it: a request id, the caller's standing with its limits, and leave for
the web pages of an app's own origins to read it (CORS). Security headers come from the web nginx: each header that passes
uvicorn costs 2 µs.

A page's preflight question has no credential, so it is answered alike for everybody; the answer itself may be read only by
pages of the installation's origins and of the app that the credential belongs to. No cookie ever counts across origins.
"""

import re
from collections.abc import MutableMapping
from math import ceil
from os import urandom
from typing import Any

from prometheus_client import Counter
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from weir.foundation.directory import Directory
from weir.foundation.errors import Unavailable

REQUESTS = Counter("weir_requests", "Requests to the API, by route and class of status.", ["method", "route", "status"])
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,64}")
_READABLE = [
    (b"access-control-expose-headers",
     b"X-Request-Id, ETag, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Idempotency-Replayed"),
    (b"vary", b"Origin"),
]  # fmt: skip
_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, Idempotency-Key, If-Match, X-Request-Id"),
    (b"access-control-max-age", b"600"), (b"vary", b"Origin"),
]  # fmt: skip
APP = "weir.app"
"""Scope key: the app on whose behalf a request is answered, as soon as that is known."""


REQUEST, ROW = "weir.request", "weir.row"
STANDING = "weir.standing"
"""Scope key: (limit, remaining, seconds until all is back) of the tightest limit that the request counted for."""


def _standing(limit: int, remaining: int, seconds: float) -> list[tuple[bytes, bytes]]:
    named = ((b"ratelimit-limit", limit), (b"ratelimit-remaining", max(0, remaining)), (b"ratelimit-reset", ceil(seconds)))
    return [(name, b"%d" % value) for name, value in named]


class Envelope:
    """Wraps the application; only /v1 is touched. `directory` comes when the process has opened its stores."""

    def __init__(self, app: ASGIApp, origins: list[str]) -> None:
        self._app, self._origins = app, set(origins)
        self.directory: Directory | None = None
        self._counters: dict[tuple[str, str, int], Counter] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            return await self._app(scope, receive, send)
        request_id, origin, preflight = b"", b"", False
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                request_id = value
            elif name == b"origin":
                origin = value
            elif name == b"access-control-request-method":
                preflight = True
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = urandom(10).hex().encode()
        scope[REQUEST] = request_id.decode()
        bind_contextvars(request_id=scope[REQUEST])

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                self._count(scope, message["status"])
                headers.append((b"x-request-id", request_id))
                standing = scope.get(STANDING)
                if standing is not None:
                    headers += _standing(*standing)
                if origin and await self._may_read(origin.decode("latin-1"), scope.get(APP)):
                    headers += [(b"access-control-allow-origin", origin), *_READABLE]
            await send(message)

        if preflight and origin and scope["method"] == "OPTIONS":
            headers = [*_PREFLIGHT, (b"access-control-allow-origin", origin)]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            return await send({"type": "http.response.body", "body": b""})
        return await self._app(scope, receive, sent)

    def _count(self, scope: Scope, status: int) -> None:
        row = scope.get(ROW)
        key = (scope["method"] if row is not None else "", row.path if row is not None else "other", status // 100)
        counter = self._counters.get(key)
        if counter is None:  # a label look-up costs more than the count
            counter = self._counters[key] = REQUESTS.labels(key[0], key[1], f"{key[2]}xx")
        counter.inc()

    async def _may_read(self, origin: str, app_id: str | None) -> bool:
        if origin in self._origins:
            return True
        if app_id is None or self.directory is None:
            return False
        try:
            app = await self.directory.app(app_id)
        except Unavailable:
            return False
        return app is not None and origin in app.get("origins", ())
