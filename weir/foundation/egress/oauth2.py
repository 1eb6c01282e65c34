"""Access tokens of other people's servers: OAuth 2.0 client credentials (RFC 6749 §4.4)."""

import asyncio
import re
from base64 import b64encode
from hashlib import blake2b
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson

from weir.foundation.clock import monotonic
from weir.foundation.egress.client import Egress, EgressAnswer

EARLY_S = 60  # a token is replaced so long before it expires
UNSAID_S = 300  # the life of a token whose server does not say it
LONGEST_S = 24 * 3600
MOST_TOKENS = 10_000
_TOKEN = re.compile(r"[\x21-\x7e]{1,8000}")

_Key = tuple[str, str, bytes, str]


class NoToken(Exception):
    """The token server gave none. `detail` is a sentence for the owner of the credentials; `temporary` when
    the same credentials may work later."""

    def __init__(self, detail: str, *, temporary: bool) -> None:
        super().__init__(detail)
        self.detail = detail
        self.temporary = temporary


class ClientCredentials:
    """Tokens are kept in memory until a minute before they expire. One for each process."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._kept: dict[_Key, tuple[str, float]] = {}
        self._asking: dict[_Key, asyncio.Task[str]] = {}

    async def token(
        self, url: str, client_id: str, secret: str, scope: str = "", *, refused: str = ""
    ) -> str:
        """A token for these credentials. `refused` is one that was answered with 401: it is replaced, once,
        however many callers report it. Errors: NoToken. Callers at the same time share one request."""
        key = (url, client_id, blake2b(secret.encode(), digest_size=16).digest(), scope)
        token, until = self._kept.get(key, ("", 0.0))
        if token and token != refused and monotonic() < until:
            return token
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(key, secret))
            asking.add_done_callback(lambda done: self._asked(key, done))
        return await asyncio.shield(asking)

    def _asked(self, key: _Key, done: asyncio.Task[str]) -> None:
        del self._asking[key]
        if not done.cancelled():
            done.exception()  # read: whoever asked may be gone

    async def _ask(self, key: _Key, secret: str) -> str:
        """By HTTP Basic, which servers must know; then in the body, which some know alone."""
        url, client_id, _, scope = key
        form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        basic = b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
        answer = await self._post(url, form, {"Authorization": f"Basic {basic}"})
        if answer.status in (400, 401) and _said(answer).get("error", "invalid_client") in (
            "invalid_client",
            "invalid_request",
        ):
            answer = await self._post(url, form | {"client_id": client_id, "client_secret": secret}, {})
        token, life_s = _read(answer)
        self._keep(key, token, life_s)
        return token

    async def _post(self, url: str, form: dict[str, str], headers: dict[str, str]) -> EgressAnswer:
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **headers}
        return await self._egress.request("POST", url, headers=sent, body=urlencode(form).encode())

    def _keep(self, key: _Key, token: str, life_s: float) -> None:
        self._kept.pop(key, None)
        if len(self._kept) >= MOST_TOKENS:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = token, monotonic() + life_s - EARLY_S


def _said(answer: EgressAnswer) -> dict[str, Any]:
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _read(answer: EgressAnswer) -> tuple[str, float]:
    if answer.error:
        lasting = answer.error in ("address_refused", "invalid")
        raise NoToken(f"The token server gave no token: {answer.detail}", temporary=not lasting)
    said = _said(answer)
    if answer.status != 200:
        why = str(said.get("error", ""))[:80]
        busy = answer.status == 429 or answer.status >= 500
        raise NoToken(
            f"The token server answered with status {answer.status}{f' ({why})' if why.isprintable() and why else ''}. "
            + ("Try again later." if busy else "Check the token URL, client id, secret and scope."),
            temporary=busy,
        )
    token = said.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise NoToken("The token server's answer has no usable access_token.", temporary=False)
    if str(said.get("token_type", "bearer")).lower() != "bearer":
        raise NoToken("The token server gives tokens of another type than Bearer.", temporary=False)
    try:
        life_s = float(said.get("expires_in") or UNSAID_S)
    except (TypeError, ValueError):
        life_s = UNSAID_S
    return token, min(life_s, LONGEST_S) if life_s > 0 else 0.0  # what is no number at all is not kept
