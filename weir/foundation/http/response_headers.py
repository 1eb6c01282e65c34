"""The headers of every answer of the API, whichever code makes it: a request id, the caller's state within
its limits, and permission for the web pages of an app's own origins to read it (CORS). Security headers come
from the web nginx: each header that passes uvicorn costs 2 µs.

A page's preflight question has no credential, so it is answered alike for everybody; the answer itself may
be read only by pages of the installation's origins and of the app that the credential belongs to. No
cookie ever counts across origins.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, MutableMapping
from itertools import count
from math import ceil
from os import urandom
from typing import Any

from prometheus_client.core import REGISTRY, CounterMetricFamily
from starlette.types import ASGIApp, Receive, Scope, Send

from weir.foundation.errors import Unavailable
from weir.foundation.redis.rate_limits import LimitState
from weir.foundation.telemetry import REQUEST_ID
from weir.foundation.tenancy.directory import Directory

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,64}")
_READABLE = [
    (
        b"access-control-expose-headers",
        b"X-Request-Id, ETag, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy, RateLimit, "
        b"Idempotency-Replayed, Location, Allow, Next-Cursor, WWW-Authenticate, "
        b"Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, Upload-Metadata, "
        b"Upload-Expires",
    ),
    (b"vary", b"Origin"),
]
_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id, X-Requested-With, X-HTTP-Method-Override, "
        b"Tus-Resumable, Upload-Offset, Upload-Length, Upload-Defer-Length, Upload-Metadata, Upload-Checksum",
    ),
    (b"access-control-max-age", b"600"),
    (b"vary", b"Origin"),
]
APP = "weir.app"
"""Scope key: the app on whose behalf a request is answered, as soon as that is known."""


REQUEST, ROW = "weir.request", "weir.row"
STANDING = "weir.standing"
"""Scope key: the Standing (weir.foundation.redis.rate_limits) with the tightest limit that the request
counted for."""


def _standing(standing: LimitState) -> list[tuple[bytes, bytes]]:
    """draft-ietf-httpapi-ratelimit-headers: the names of drafts up to -06, and those since -08. Seconds until
    all permits are restored."""
    limit, left, seconds = standing.limit, max(0, standing.remaining), ceil(standing.back_in())
    name = limit.name.encode()
    return [
        (b"ratelimit-limit", b"%d" % limit.count),
        (b"ratelimit-remaining", b"%d" % left),
        (b"ratelimit-reset", b"%d" % seconds),
        (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (name, limit.count, limit.per_s)),
        (b"ratelimit", b'"%b";r=%d;t=%d' % (name, left, seconds)),
    ]


class Requests:
    """Number of requests, as a metric that is computed when it is read: 0.2 µs a request instead of 3."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, int]] = Counter()

    def collect(self) -> Iterable[CounterMetricFamily]:
        told = "Requests to the API, by route and class of status."
        family = CounterMetricFamily("weir_requests", told, labels=("method", "route", "status"))
        for (method, route, status), number in list(self.counts.items()):
            family.add_metric((method, route, f"{status}xx"), number)
        yield family


REQUESTS = Requests()
REGISTRY.register(REQUESTS)


class Opened:
    """A request with its id; `origin` is empty for programs."""

    __slots__ = ("origin", "preflight", "request_id")

    def __init__(self, scope: Scope, fresh: Iterator[bytes]) -> None:
        self.request_id = b""
        self.origin = b""
        self.preflight = False
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                self.request_id = value
            elif name == b"origin":
                self.origin = value
            elif name == b"access-control-request-method":
                self.preflight = scope["method"] == "OPTIONS"
        if not self.request_id or not _REQUEST_ID.fullmatch(self.request_id):
            self.request_id = next(fresh)
        scope[REQUEST] = shown = self.request_id.decode()
        REQUEST_ID.set(shown)


def _fresh_ids() -> Iterator[bytes]:
    """Request ids that no other process creates. The kernel's random source is read once, not for each id."""
    process = urandom(8).hex().encode()
    for number in count(1):
        yield b"%s%x" % (process, number)


class Envelope:
    """ASGI wrapper around the application; only /v1 is changed. `directory` is set when the process has
    opened its stores."""

    def __init__(self, app: ASGIApp, origins: list[str]) -> None:
        self._app = app
        self._origins = set(origins)
        self.directory: Directory | None = None
        self._fresh = _fresh_ids()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            return await self._app(scope, receive, send)
        opened = self.open(scope)

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                await self.seal(scope, opened, message["status"], message["headers"])
            await send(message)

        if opened.preflight and opened.origin:
            headers = [*_PREFLIGHT, (b"access-control-allow-origin", opened.origin)]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            return await send({"type": "http.response.body", "body": b""})
        return await self._app(scope, receive, sent)

    def open(self, scope: Scope) -> Opened:
        return Opened(scope, self._fresh)

    async def seal(
        self, scope: Scope, opened: Opened, status: int, headers: list[tuple[bytes, bytes]]
    ) -> None:
        """Counts the answer and adds its headers."""
        row = scope.get(ROW)
        REQUESTS.counts[
            (row.method, row.path, status // 100) if row is not None else ("", "other", status // 100)
        ] += 1
        headers.append((b"x-request-id", opened.request_id))
        standing = scope.get(STANDING)
        if standing is not None:
            headers += _standing(standing)
        if opened.origin and await self._may_read(opened.origin.decode("latin-1"), scope.get(APP)):
            headers += [(b"access-control-allow-origin", opened.origin), *_READABLE]

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
