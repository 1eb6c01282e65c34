"""The client: one request, one bounded answer."""

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import aiohttp
from aiohttp.http_exceptions import ContentLengthError, LineTooLong
from prometheus_client import Counter, Histogram
from yarl import URL

from weir.foundation.clock import monotonic
from weir.foundation.egress.resolver import DNS_CACHE_S, Resolver
from weir.foundation.egress.rules import EgressError, Rules, Unusable, check_headers
from weir.foundation.errors import Invalid
from weir.foundation.settings import Settings

KEPT_BYTES = 64 * 1024
KEPT_HEADERS, KEPT_HEADER_BYTES, KEPT_VALUE_BYTES = 64, 16 * 1024, 2048
MOST_CONNECTIONS = (
    5_000  # of all together; a bound for each host would be shared by all customers who use that host
)

REQUESTS = Counter("weir_egress_requests_total", "Requests to addresses that customers chose.", ["outcome"])
SECONDS = Histogram(
    "weir_egress_seconds", "Duration of requests to addresses that customers chose.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30),
)  # fmt: skip


@dataclass(frozen=True)
class EgressAnswer:
    """What the other side answered, or why it did not. `status` is 0 without a whole answer; `headers` have
    lower-case names; `body` holds the first 64 KB as they came (`truncated`: there was more); `detail` is a
    sentence for the owner of the address, without the address's path."""

    status: int
    headers: dict[str, str]
    body: bytes
    latency_ms: int
    error: EgressError = ""
    detail: str = ""
    truncated: bool = False


class _AddressRefused(OSError):
    """Raised in place of a socket. The sentence does not name the address: it may be an internal one."""


class Egress:
    """Requests to customers' addresses. One for each process: it keeps connections and DNS answers."""

    def __init__(self, settings: Settings) -> None:
        self._rules = Rules(settings.egress_allow, settings.egress_http)
        self._target = lru_cache(maxsize=1024)(self._rules.parse)
        self._resolver: Resolver | None = None
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    def check(self, url: str) -> None:
        """Whether a URL may be saved. Errors: Invalid with a sentence. A name is only resolved when it is called."""
        try:
            self._rules.parse(url)
        except Unusable as error:
            raise Invalid(error.detail) from None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_s: float = 15.0,
    ) -> EgressAnswer:
        """One request, one answer: nothing is followed and nothing is tried again. Does not raise for what the
        other side, its name server or its URL do. `timeout_s` includes DNS and connecting."""
        began = monotonic()
        try:
            target = self._target(url)
            check_headers(headers)
            answer = await self._exchange(method, target, headers, body, timeout_s, began)
        except Unusable as error:
            answer = _failed(began, error.code, error.detail)
        except Invalid as error:
            answer = _failed(began, "invalid", error.detail)
        REQUESTS.labels(answer.error or f"{answer.status // 100}xx").inc()
        SECONDS.observe(monotonic() - began)
        return answer

    async def _exchange(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes, timeout_s: float, began: float
    ) -> EgressAnswer:
        status = 0
        try:
            async with self._session(url).request(
                method,
                url,
                headers=headers,
                data=body or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as reply:
                status = reply.status
                kept, truncated = await _read(reply)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            code, detail = _reason(error, url.host or "", timeout_s)
            heard = f" Its answer had begun with status {status}." if status else ""
            return _failed(began, code, detail + heard)
        return EgressAnswer(
            status, _kept_headers(reply.headers), kept, _since(began), "", "", truncated=truncated
        )

    def _session(self, url: URL) -> aiohttp.ClientSession:
        """Of two: connections of plain http may be limited to allowed networks, and a pool must not mix them."""
        private_only = self._rules.only_private(url)
        if private_only not in self._sessions:
            self._resolver = self._resolver or Resolver()
            connector = aiohttp.TCPConnector(
                ssl=_tls_context(),
                resolver=self._resolver,
                ttl_dns_cache=DNS_CACHE_S,
                limit=MOST_CONNECTIONS,
                socket_factory=lambda info: self._socket(info, private_only),
            )
            self._sessions[private_only] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,  # a small answer may unpack to a large one
                read_bufsize=KEPT_BYTES,
                headers={"User-Agent": "Weir", "Accept-Encoding": "identity"},
            )
        return self._sessions[private_only]

    def _socket(self, info: Any, private_only: bool) -> socket.socket:
        family, kind, protocol, _, (host, *_rest) = info
        if refusal := self._rules.refusal(host, private_only):
            raise _AddressRefused(refusal)
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()
        if self._resolver is not None:
            await self._resolver.close()
            self._resolver = None


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _read(reply: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """The beginning of a body, and whether there was more; then the connection is closed, not read to its end."""
    kept = bytearray()
    while chunk := await reply.content.read(KEPT_BYTES + 1 - len(kept)):
        kept += chunk
        if len(kept) > KEPT_BYTES:
            reply.close()
            return bytes(kept[:KEPT_BYTES]), True
    return bytes(kept), False


def _kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Repeated headers are joined by commas; cookies are left out, which would be secrets in a log."""
    kept: dict[str, str] = {}
    room = KEPT_HEADER_BYTES
    for raw_name, value in headers.items():
        name = raw_name.lower()
        if name == "set-cookie":
            continue
        room -= len(name) + len(value)
        if room < 0 or len(kept) == KEPT_HEADERS:
            break
        kept[name] = (f"{kept[name]}, {value}" if name in kept else value)[:KEPT_VALUE_BYTES]
    return kept


def _since(began: float) -> int:
    return round((monotonic() - began) * 1000)


def _failed(began: float, code: EgressError, detail: str) -> EgressAnswer:
    return EgressAnswer(0, {}, b"", _since(began), code, detail)


def _reason(error: Exception, host: str, timeout_s: float) -> tuple[EgressError, str]:
    """A code and a sentence for the owner of the address."""
    code = _code(error)
    if code == "address_refused":
        return code, f"{host} is refused: {getattr(error, 'os_error', '')}"
    return code, {
        "timeout": f"{host} did not answer completely within {timeout_s:g} s.",
        "dns": f"The name {host} was not found. Check its spelling and its DNS records.",
        "tls": f"No secure connection to {host}: {_tls_reason(error)}. Check its certificate.",
        "connect": f"{host} takes no connection. Check that it runs and that its port is open.",
        "reset": f"{host} closed the connection before its answer was complete.",
        "too_large": f"{host} answered with headers that are too large.",
    }.get(code, f"{host} did not answer in valid HTTP.")


def _code(error: Exception) -> EgressError:
    code: EgressError = "invalid"
    match error:
        case TimeoutError():
            code = "timeout"
        case aiohttp.ClientConnectorDNSError():
            code = "dns"
        case aiohttp.ClientSSLError():
            code = "tls"
        case aiohttp.ClientConnectorError(os_error=_AddressRefused()):
            code = "address_refused"
        case aiohttp.ClientConnectorError():
            code = "connect"
        case aiohttp.ClientResponseError(__cause__=LineTooLong()):
            code = "too_large"
        case aiohttp.ClientPayloadError(__cause__=ContentLengthError() | ConnectionError()):
            code = "reset"
        case OSError() | aiohttp.ServerDisconnectedError():
            code = "reset"
    return code


def _tls_reason(error: Exception) -> str:
    cause = error.__cause__
    return str(
        getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or "the handshake failed"
    ).rstrip(".")
