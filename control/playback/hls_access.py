"""Answers nginx: may this token play this stream? nginx caches the answer for a few seconds.

Each uncached request also shows that the viewer is still there. These are sent to the realtime room in one
fact a second.
"""

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from control.playback.viewer_limit import ViewerLimit
from weir.foundation.clock import monotonic, now_s
from weir.foundation.errors import RateLimited, Unauthenticated, Unavailable
from weir.foundation.events import PlaybackHeartbeat
from weir.foundation.http.routing import Door
from weir.foundation.ids import Kind, is_id
from weir.foundation.redis.bus import Bus
from weir.foundation.redis.rate_limits import subject_of
from weir.foundation.redis.stream_owner import StreamOwners
from weir.foundation.settings import Settings
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.quotas import Quotas
from weir.foundation.tenancy.tokens import LEEWAY_S, PREVIEW_SESSION, PlaybackClaims, Tokens

PLAYED: tuple[Kind, ...] = ("ply", "rec", "vod")
DECISION_S = 4
ADDRESSES = 4
ADDRESS_KNOWN_S = (
    20.0  # Redis is asked that seldom about one viewer: its four-second questions were a third of the CPU
)
ADDRESSES_KNOWN = 20_000
TELL_EVERY_S = 1.0
REMEMBERED_S, TOKENS_REMEMBERED = 60.0, 20_000
log = structlog.get_logger("control.hls_access")


def headers_of(scope: Scope) -> dict[bytes, bytes] | None:
    """The headers of a GET request of our own nginx or supervisor. None when a header is duplicated or the
    request has a body: they send neither, so the request is forged."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in found or name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            return None
        found[name] = value
    return found


class RecentTokens:
    """Tokens of the last minute by address; the oldest are dropped when there are too many."""

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def add(self, token: str, address: str) -> bool:
        """True when it was not in there before."""
        mark, now = _mark(token, address), monotonic()
        fresh = self._until.get(mark, 0.0) <= now
        self._until[mark] = now + REMEMBERED_S
        self._until.move_to_end(mark)
        if len(self._until) > TOKENS_REMEMBERED:
            self._until.popitem(last=False)
        return fresh

    def has(self, token: str, address: str) -> bool:
        return self._until.get(_mark(token, address), 0.0) > monotonic()


def _mark(token: str, address: str) -> bytes:
    return blake2b(f"{subject_of(address)} {token}".encode(), digest_size=16).digest()


class HlsAccess:
    def __init__(
        self,
        secret: str,
        seats: ViewerLimit,
        *,
        settings: Settings,
        tokens: Tokens,
        redis: Redis,
        bus: Bus,
        directory: Directory,
        quotas: Quotas,
        door: Door,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._redis = redis
        self._bus = bus
        self._directory = directory
        self._quotas = quotas
        self._door = door
        self._secret = secret.encode()
        self._viewer_limit = seats
        self._owners = StreamOwners(redis)
        self._addresses: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._seen: dict[str, set[tuple[str, str]]] = {}
        self._good = RecentTokens()
        self._bad = RecentTokens()

    def routes(self) -> list[BaseRoute]:
        return [Route("/internal/hls_access", self.decide)]

    async def decide(self, request: Request) -> Response:
        """204 with the session for the usage log, or 403; both say how long nginx may keep them."""
        headers = headers_of(request.scope)
        if headers is None or not hmac.compare_digest(headers.get(b"x-internal-secret", b""), self._secret):
            return Response(status_code=403, headers={"Connection": "close"})
        token, playback, address = (
            headers.get(b"x-" + name, b"").decode("latin-1")
            for name in (b"playback-token", b"playback-id", b"forwarded-for")
        )
        try:
            self._door.limits.check_address(address)
        except RateLimited as refusal:
            if not self._good.has(
                token, address
            ):  # other players at the same address continue with what they have
                wait = {"Retry-After": str(int(refusal.retry_after or 0) + 1)}
                return Response(status_code=403, headers={"X-Accel-Expires": "2", **wait})
        claims = await self.allowed(token, playback, address)
        if claims is None:
            return Response(status_code=403, headers={"X-Accel-Expires": "2"})
        self._good.add(token, address)
        origin = await self._owners.origin(playback) if self._settings.redis_url else ""
        keep = max(0, min(DECISION_S, int(claims.exp + LEEWAY_S - now_s())))
        return Response(
            status_code=204,
            headers={
                "X-Accel-Expires": str(keep),
                "X-Weir-Session": PREVIEW_SESSION if claims.is_preview else claims.sid,
                "X-Weir-Origin": origin,
            },
        )

    async def allowed(self, token: str, playback: str, address: str) -> PlaybackClaims | None:
        """The claims of a token that may play `playback` now, else None."""
        if not any(is_id(kind, playback) for kind in PLAYED):
            return None
        try:
            claims = await self._tokens.playback(token)
        except Unauthenticated:
            if self._bad.add(
                token, address
            ):  # a player that asks again and again with one that has expired is no guesser
                self._door.limits.offended(address)
            return None
        shown = await self._shown(playback)
        if shown is None or claims.sub != playback or claims.app != shown["app"]:
            return None
        of_stream = shown.get("stream", shown["id"])
        withdrawn = self._directory.withdrawn(
            claims.app, claims.iat, session=claims.sid, stream=of_stream, user=claims.uid
        )
        if await withdrawn or (claims.guest and await self._signed(shown)):
            return None
        few = await self._few_addresses(f"{claims.app}:{claims.sid}", address)
        if not few or not await self._seated(shown, None if claims.is_preview else claims.sid):
            return None
        if (
            shown["id"] != playback and not claims.is_preview
        ):  # the viewers of a recording are not in the stream's channel
            self._seen.setdefault(shown["app"], set()).add((shown["channel"], claims.sid))
        return claims

    async def _seated(self, shown: Mapping[str, Any], sid: str | None) -> bool:
        """False when the app is closed, and when the stream, or the app by its plan, has no capacity for this
        session; None takes none."""
        app = await self._directory.app(shown["app"])
        if app is None or app.get("state", "active") != "active":
            return False
        if sid is None:
            return True
        most = shown.get("max_viewers")
        if most is not None and not await self._viewer_limit.claim(shown["channel"], sid, most):
            return False
        viewers = self._quotas.plan_of(app).concurrent_viewers
        if viewers is None or await self._viewer_limit.claim(app["id"], sid, viewers):
            return True
        await self._quotas.report_exceeded(app["id"], "concurrent_viewers", viewers)
        return False

    async def _shown(self, playback: str) -> Mapping[str, Any] | None:
        """The stream with this playback id, or the finished recording with this id."""
        if is_id("ply", playback):
            return await self._directory.stream_by_playback(playback)
        recording = await self._directory.recording(playback)
        return recording if recording is not None and recording["state"] == "ready" else None

    async def _signed(self, shown: Mapping[str, Any]) -> bool:
        """A token from the public watch page does not play what is signed now; a recording without a
        visibility of its own has its stream's."""
        if shown.get("visibility") is not None:
            return bool(shown["visibility"] == "signed")
        stream: Mapping[str, Any] | None = shown
        if shown.get("stream"):
            stream = await self._directory.stream(shown["stream"])
        return stream is None or (stream.get("visibility") or "signed") == "signed"

    async def _few_addresses(self, sid: str, address: str) -> bool:
        """False when a session is used from more than 4 addresses within a minute. Without Redis this check
        is skipped; the token itself is checked without it."""
        address = subject_of(address)
        known = self._addresses.get((sid, address))
        if known is not None and known > monotonic():
            return True
        key = f"weir:sid:{sid}"
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.sadd(key, address)
                pipe.expire(key, 60, nx=True)
                pipe.scard(key)
                few = int((await pipe.execute())[2]) <= ADDRESSES
        except (RedisError, OSError):
            return True
        if not few:
            log.warning("session.shared", sid=sid)
        else:
            self._addresses[(sid, address)] = monotonic() + ADDRESS_KNOWN_S
            if len(self._addresses) > ADDRESSES_KNOWN:
                self._addresses.popitem(last=False)
        return few

    async def run_heartbeats(self) -> None:
        """Runs until cancelled. Publishes the viewers of the last second, as one fact for each app."""
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            seen, self._seen = self._seen, {}
            if not seen:
                continue
            try:
                await self._bus.publish(
                    *(PlaybackHeartbeat(app=app, sessions=sorted(pairs)) for app, pairs in seen.items())
                )
            except Unavailable:
                log.warning("heartbeats.lost", apps=len(seen))  # ephemeral: the next ones come in 4 s
