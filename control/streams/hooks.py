"""Hooks of the ingest nginx: publish, done, play, update. Requests without the internal secret are refused.

Answers: 302 with the public name (nginx renames the stream, so the key appears nowhere), 204, or 403,
which ends the connection.
"""

import hmac
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import parse_qsl

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.streams.rules import Publisher
from control.streams.service import PUBLISHES, Streams
from weir.foundation.errors import Conflict, Forbidden, QuotaExceeded, Unavailable
from weir.foundation.redis.play_tickets import PlayTickets, publish_name
from weir.foundation.tenancy.collections import StreamDoc

MAX_FORM_BYTES = 16_384
PULLED_WITHIN_S = 1.5
REFUSED = Response(status_code=403)
log = structlog.get_logger("control.hooks")


@dataclass(frozen=True)
class Hook:
    call: str
    name: str
    publisher: Publisher
    ticket: str = ""


def fields_of(form: bytes) -> dict[str, str]:
    """The first value of each field: an encoder's own query arguments come last and may repeat nginx's names."""
    fields: dict[str, str] = {}
    for name, value in parse_qsl(form.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=64):
        fields.setdefault(name, value)
    return fields


class RtmpHooks:
    def __init__(self, streams: Streams, tickets: PlayTickets, secret: str, allowed: str) -> None:
        self._tickets = tickets
        self._streams = streams
        self._secret = secret.encode()
        self._allowed = ip_network(allowed)

    def routes(self) -> list[BaseRoute]:
        return [
            Route(f"/internal/rtmp/{name}", getattr(self, name), methods=["POST"])
            for name in ("publish", "done", "play", "update")
        ]

    async def publish(self, request: Request) -> Response:
        asked = await self._asked(request)
        if asked is None:
            return REFUSED
        try:
            stream = await self._streams.publish(asked.name, asked.publisher)
        except (Forbidden, QuotaExceeded, Conflict, Unavailable) as refusal:
            PUBLISHES.labels("refused").inc()
            log.warning(
                "publish.refused", code=refusal.code, reason=refusal.detail, client=asked.publisher.client
            )
            return REFUSED
        PUBLISHES.labels("accepted").inc()
        await self._pulled(stream)
        return Response(status_code=302, headers={"Location": stream["playback"]})

    async def _pulled(self, stream: StreamDoc) -> None:
        """Delays the encoder until a media worker has started to pull, so that the first key frame is seen;
        bounded."""
        try:
            if not await self._tickets.attached(
                publish_name(stream["broadcast"], stream["generation"]), PULLED_WITHIN_S
            ):
                log.warning("publish.not_pulled", playback=stream["playback"])
        except Unavailable as error:
            log.warning("publish.not_pulled", playback=stream["playback"], reason=error.detail)

    async def done(self, request: Request) -> Response:
        asked = await self._asked(request)
        if asked is None:
            return REFUSED
        await self._streams.publisher_left(asked.name, asked.publisher)
        return Response(status_code=204)

    async def play(self, request: Request) -> Response:
        """Allows a pull that shows a media worker's one-time ticket."""
        asked = await self._asked(request)
        try:
            publish = await self._tickets.spend(asked.ticket, asked.name) if asked is not None else None
            if publish is not None:
                await self._tickets.attach(publish)
                return Response(status_code=204)
        except Unavailable as error:
            log.warning("play.undecided", reason=error.detail)
        else:
            log.warning("play.refused")
        return REFUSED

    async def update(self, request: Request) -> Response:
        """nginx asks about pullers too (`update_play`). They have shown their ticket, and continue."""
        asked = await self._asked(request)
        if asked is None:
            return REFUSED
        pulled = asked.call == "update_play"
        return (
            Response(status_code=204)
            if pulled or await self._streams.may_continue(asked.name, asked.publisher)
            else REFUSED
        )

    async def _asked(self, request: Request) -> Hook | None:
        """The content of a genuine and well-formed hook, else None."""
        secret, boot = request.query_params.get("secret", ""), request.query_params.get("boot", "")
        if not hmac.compare_digest(secret.encode(), self._secret) or not self._from_inside(request):
            log.warning("hook.forged")
            return None
        form = await _bounded_body(request)
        try:
            fields = fields_of(form) if form is not None else {}
        except ValueError:
            fields = {}
        name, client = fields.get("name", ""), fields.get("clientid", "")
        if not (0 < len(name) <= 256 and client.isdecimal() and len(client) <= 20 and 0 < len(boot) <= 64):
            log.warning("hook.malformed", name_length=len(name))
            return None
        return Hook(fields.get("call", ""), name, Publisher(boot, client), fields.get("ticket", ""))

    def _from_inside(self, request: Request) -> bool:
        """A unix socket has no peer address; over TCP only the ingest's network counts."""
        host = request.client.host if request.client else ""
        if not host:
            return True
        try:
            return ip_address(host) in self._allowed
        except ValueError:
            return True


async def _bounded_body(request: Request) -> bytes | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return None
    return body
