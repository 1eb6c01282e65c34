"""One call to a partner: credentials, encryption, tries, and the breaker that all processes share."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis

from control.integrations import rules
from control.integrations.credentials import header_of
from control.integrations.envelope import is_envelope, seal, unseal
from control.integrations.health import Outcome, PartnerHealth
from control.integrations.operations import PreparedCall, multipart
from control.integrations.partner_data import writable
from control.integrations.rules import PartnerReply, Verdict
from weir.foundation.clock import monotonic, now_s
from weir.foundation.egress import ClientCredentials, Egress, EgressAnswer, NoToken
from weir.foundation.errors import PartnerFailed, PartnerSilent, Refused, Unavailable
from weir.foundation.redis.breaker import Breaker

LEAST_TRY_S = 1.0
_OUTCOMES: dict[Verdict, Outcome] = {
    "ok": "ok",
    "refused": "refused",
    "throttled": "throttled",
    "silent": "timeout",
    "held_back": "held_back",
}
_SAID: dict[Verdict, str] = {
    "credentials": "{name} does not accept the credentials (status {status}). Check them, and whether they belong to this environment.",
    "throttled": "{name} takes no more requests now (429). Try again later.",
    "forbidden": "{name} answers that the address has moved (status {status}). Write the address where it is now.",
    "failed": "{name} failed (status {status}).",
    "held_back": "{name} failed several times in a row and is not called for a while. Try again after Retry-After.",
    "unusable": "{name} accepted the request, but its answer is no JSON, too large or cannot be opened.",
}


@dataclass(frozen=True)
class Connection:
    """A connection in the environment that is called, with its secrets open. `subject` is the breaker's."""

    id: str
    name: str
    kind: str
    environment: str
    url: str
    credentials: dict[str, Any]
    timeout_s: float
    encryption: tuple[str, bytes] | None = None

    @property
    def subject(self) -> str:
        return f"{self.id}:{self.environment}"


@dataclass(frozen=True)
class PartnerAnswer:
    """What the partner answered: `ok` when it carried the request out; otherwise `status` and `body` are its no."""

    ok: bool
    status: int
    body: Any
    tries: int
    latency_ms: int


@dataclass(frozen=True)
class _Heard:
    verdict: Verdict
    status: int = 0
    body: Any = None
    detail: str = ""
    retry_after: float | None = None


class PartnerCalls:
    """`sleep` passes the time between tries."""

    def __init__(
        self,
        health: PartnerHealth,
        *,
        egress: Egress,
        tokens: ClientCredentials,
        redis: Redis,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._health = health
        self._egress = egress
        self._tokens = tokens
        self._sleep = sleep
        self.breaker = Breaker(redis, "integration")

    async def call(self, connection: Connection, prepared: PreparedCall) -> PartnerAnswer:
        """Errors: PartnerFailed (502), PartnerSilent (504), Unavailable (503) with what happened and what to
        do. Three tries within 50 s at most; one that may have been carried out is the last, unless repeating
        it is safe."""
        began = monotonic()
        heard, tries = await self._tried(connection, prepared, began)
        ms = round((monotonic() - began) * 1000)
        refusal = _refusal(connection, heard, prepared.repeatable)
        await self._health.note(
            connection.id,
            connection.kind,
            prepared.operation,
            _OUTCOMES.get(heard.verdict, "failed"),
            ms,
            refusal.detail if refusal is not None else "",
            prepared.cents,
        )
        if refusal is not None:
            raise refusal
        return PartnerAnswer(heard.verdict == "ok", heard.status, heard.body, tries, ms)

    async def _tried(
        self, connection: Connection, prepared: PreparedCall, began: float
    ) -> tuple[_Heard, int]:
        """The last thing heard, and the number of tries."""
        heard: _Heard | None = None
        for tried in range(1, rules.TRIES + 1):
            permit = await self.breaker.ask(connection.subject)
            if not permit.allowed:
                return heard or _Heard("held_back", retry_after=permit.retry_after_s), tried - 1
            heard = await self._bounded(connection, prepared, rules.WHOLE_CALL_S - (monotonic() - began))
            works = rules.counts(heard.verdict)
            if works is not None:
                await self.breaker.tell(connection.subject, permit, ok=works)
            wait = rules.wait_s(tried, random.random(), heard.retry_after)
            late = monotonic() - began + wait > rules.WHOLE_CALL_S - LEAST_TRY_S
            if late or not rules.again(heard.verdict, prepared.repeatable):
                return heard, tried
            if tried < rules.TRIES:
                await self._sleep(wait)
        assert heard is not None
        return heard, rules.TRIES

    async def _bounded(self, connection: Connection, prepared: PreparedCall, left_s: float) -> _Heard:
        """One try within what is left of the time: fetching tokens takes some of it too."""
        try:
            async with asyncio.timeout(left_s):
                return await self.exchange(connection, prepared, min(connection.timeout_s, left_s))
        except TimeoutError:
            return _Heard("silent", detail=f"{connection.name} did not answer in time.")

    async def test(self, connection: Connection, prepared: PreparedCall, timeout_s: float) -> tuple[int, str]:
        """(status, what is wrong): one try past the breaker; the sentence is empty for 2xx."""
        heard = await self.exchange(connection, prepared, timeout_s)
        if heard.verdict in ("ok", "unusable"):  # no JSON will do
            return heard.status, ""
        refusal = _refusal(connection, heard, repeatable=True)
        said = (
            refusal.detail
            if refusal
            else f"{connection.name} answers {prepared.path} with status {heard.status}. Choose another test_path."
        )
        return heard.status, said

    async def exchange(self, connection: Connection, prepared: PreparedCall, timeout_s: float) -> _Heard:
        """One request; with OAuth a second one at once, when the token is no longer good."""
        try:
            headers = await self._credentials(connection, "")
            answer = await self._send(connection, prepared, headers, timeout_s)
            if answer.status == 401 and connection.credentials["kind"] == "oauth2":
                old = headers["Authorization"].removeprefix("Bearer ")
                headers = await self._credentials(connection, old)
                answer = await self._send(connection, prepared, headers, timeout_s)
        except NoToken as error:
            return _Heard("unreached" if error.temporary else "credentials", detail=error.detail)
        return _heard(connection, prepared, answer)

    async def _credentials(self, connection: Connection, refused: str) -> dict[str, str]:
        known = connection.credentials
        if known["kind"] != "oauth2":
            return header_of(known)
        token = await self._tokens.token(
            known["token_url"], known["client_id"], known["client_secret"], known["scope"], refused=refused
        )
        return {"Authorization": f"Bearer {token}"}

    async def _send(
        self, connection: Connection, prepared: PreparedCall, credentials: dict[str, str], timeout_s: float
    ) -> EgressAnswer:
        headers = {"Accept": "application/json", "X-Request-Id": prepared.id, **prepared.headers}
        body = b""
        if prepared.files:
            body, headers["Content-Type"] = multipart(prepared.part, prepared.json, prepared.files)
        elif prepared.json is not None:
            json = prepared.json
            if connection.encryption is not None:
                kid, key = connection.encryption
                json = seal(json, key, kid, prepared.id)
            body, headers["Content-Type"] = orjson.dumps(json), "application/json"
        return await self._egress.request(
            prepared.method,
            connection.url + prepared.path,
            headers={**headers, **credentials},
            body=body,
            timeout_s=timeout_s,
        )


def _heard(connection: Connection, prepared: PreparedCall, answer: EgressAnswer) -> _Heard:
    readable, body = True, None
    try:
        body = _body(connection, prepared, answer)
    except ValueError:
        readable = False
        body = answer.body[:1000].decode("utf-8", "replace")
    found = rules.verdict(PartnerReply(answer.status, answer.error, readable))
    wait = rules.retry_after(answer.headers.get("retry-after", ""), now_s())
    return _Heard(found, answer.status, body, answer.detail, wait)


def _body(connection: Connection, prepared: PreparedCall, answer: EgressAnswer) -> Any:
    """Errors: ValueError."""
    if answer.truncated:
        raise ValueError("too large")
    body = orjson.loads(answer.body) if answer.body.strip() else None
    if connection.encryption is not None and isinstance(body, dict) and is_envelope(body):
        kid, key = connection.encryption
        body = unseal(body, key, kid, prepared.id)
    return writable(body)


def _refusal(connection: Connection, heard: _Heard, repeatable: bool) -> Refused | None:
    """The refusal that a call ends with; None for the partner's own answer."""
    if heard.verdict in ("ok", "refused"):
        return None
    said = heard.detail or _SAID[heard.verdict].format(name=connection.name, status=heard.status)
    if rules.maybe_done(heard.verdict) and not repeatable:
        said += " It may have been carried out: ask the partner before you send it again."
    if heard.verdict in ("throttled", "held_back"):
        return Unavailable(said, retry_after=heard.retry_after or 60.0)
    return (PartnerSilent if heard.verdict == "silent" else PartnerFailed)(said)
