"""One request to an endpoint: what exactly is sent, and what came back. [work]"""

import base64
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import orjson

from control.webhooks import payloads, rules
from control.webhooks.documents import AttemptDoc, SecretDoc, WebhookDoc
from weir import __version__
from weir.foundation.clock import now_ms
from weir.foundation.egress import ClientCredentials, Egress, EgressAnswer, NoToken
from weir.foundation.egress.signatures import signed_headers
from weir.foundation.ids import new_secret
from weir.foundation.vault import Vault

KEPT_ANSWER = 4096
SCHEMES = frozenset(("bearer", "basic", "token", "apikey"))
AGENT = f"Weir-Webhooks/{__version__}"
OWN = frozenset(
    ("webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "user-agent", "authorization")
)
"""Headers that an endpoint's own may not replace; `authorization` is set by its `auth`."""


@dataclass(frozen=True)
class Message:
    """`id` is the webhook-id; `body` the payload's JSON; `jpeg` the picture, where the endpoint wants one and
    there is one."""

    id: str
    body: bytes
    jpeg: bytes | None = None


@dataclass(frozen=True)
class Prepared:
    """A request as it is sent; `shown` are the headers with secrets masked."""

    headers: dict[str, str]
    shown: dict[str, str]
    body: bytes


class Sender:
    """Errors of `send` are in the attempt: it does not raise for what the other side does."""

    def __init__(self, egress: Egress, tokens: ClientCredentials, vault: Vault, timeout_s: float) -> None:
        self._egress = egress
        self._tokens = tokens
        self._vault = vault
        self._timeout_s = timeout_s

    async def send(self, hook: WebhookDoc, message: Message) -> tuple[AttemptDoc, EgressAnswer]:
        """Sends once; with OAuth2 once more with a new token when the first is refused."""
        began = now_ms()
        try:
            prepared = await self.prepare(hook, message)
            answer = await self._request(hook, prepared)
            if answer.status == 401 and hook["auth"]["kind"] == "oauth2":
                refused = prepared.headers["authorization"].removeprefix("Bearer ")
                prepared = await self.prepare(hook, message, refused)
                answer = await self._request(hook, prepared)
            shown = prepared.shown
        except NoToken as refusal:
            shown = {}
            answer = EgressAnswer(0, {}, b"", now_ms() - began, "invalid", refusal.detail)
        text = answer.body[:KEPT_ANSWER].decode("utf-8", "replace").replace("\0", "\ufffd")
        attempt: AttemptDoc = {
            "at": began,
            "status": answer.status,
            "latency_ms": answer.latency_ms,
            "error": answer.error,
            "detail": answer.detail,
            "headers": shown,
            "answer": text,
        }
        return attempt, answer

    async def _request(self, hook: WebhookDoc, prepared: Prepared) -> EgressAnswer:
        return await self._egress.request(
            "POST", hook["url"], headers=prepared.headers, body=prepared.body, timeout_s=self._timeout_s
        )

    async def prepare(self, hook: WebhookDoc, message: Message, refused: str = "") -> Prepared:
        """What is sent now. `refused` is an OAuth2 token that was answered with 401. Errors: NoToken."""
        body = message.body
        if hook["encryption"] is not None:
            key = base64.b64decode(self._opened(hook, hook["encryption"]))
            body = payloads.encrypted(body, key, str(hook["encryption_kid"]), message.id)
        form = payloads.Form(body)
        if message.jpeg is not None and hook["image"] is not None:
            form = payloads.with_picture(body, message.jpeg, hook["image"]["type"], new_secret(32))
        now = now_ms()
        secrets = [
            self._opened(hook, one)
            for one in hook["secrets"]
            if one.get("until") is None or (one["until"] or 0) > now
        ]
        signed = signed_headers(secrets, message.id, now // 1000, form.body)
        own = self._own_headers(hook)
        auth = await self._authorization(hook, refused)
        plain = {"content-type": form.content_type, "user-agent": AGENT, **signed}
        masked = {name: _masked(value) for name, value in {**own, **auth}.items()}
        return Prepared({**own, **auth, **plain}, {**masked, **plain}, form.body)

    def _opened(self, hook: WebhookDoc, secret: SecretDoc) -> str:
        return self._vault.open(secret["sealed"], hook["id"])

    def _own_headers(self, hook: WebhookDoc) -> dict[str, str]:
        if not hook["headers"]:
            return {}
        return cast(dict[str, str], orjson.loads(self._vault.open(hook["headers"], hook["id"])))

    async def _authorization(self, hook: WebhookDoc, refused: str) -> dict[str, str]:
        auth = hook["auth"]
        if auth["kind"] == "none":
            return {}
        secret = self._vault.open(auth["sealed"], hook["id"])
        if auth["kind"] == "header":
            return {auth["name"].lower(): secret}
        if auth["kind"] == "basic":
            pair = base64.b64encode(f"{auth['username']}:{secret}".encode()).decode()
            return {"authorization": f"Basic {pair}"}
        if auth["kind"] == "oauth2":
            secret = await self._tokens.token(
                auth["token_url"], auth["client_id"], secret, auth.get("scope", ""), refused=refused
            )
        return {"authorization": f"Bearer {secret}"}


def asked_wait_s(answer: EgressAnswer) -> float:
    """How long the receiver wants to be left alone: Retry-After with 429 and 503."""
    return rules.retry_after_s(answer.headers, now_ms()) if answer.status in (429, 503) else 0.0


def curl_line(url: str, shown: Mapping[str, str], body: bytes) -> str:
    """The same request for a shell, with secrets masked; a body that is no text is left to a file."""
    words = ["curl", "-X", "POST", shlex.quote(url)]
    for name, value in shown.items():
        words += ["-H", shlex.quote(f"{name}: {value}")]
    try:
        words += ["--data-raw", shlex.quote(body.decode())]
    except UnicodeDecodeError:
        words += ["--data-binary", "@body"]
    return " ".join(words)


def _masked(value: str) -> str:
    """A credential as logs may show it: a scheme that everybody knows, and of a long one the last four
    characters."""
    kind, blank, secret = value.partition(" ")
    if kind.lower() not in SCHEMES or not blank:
        kind, blank, secret = "", "", value
    shown = secret[-4:] if len(secret) >= 16 and kind.lower() != "basic" else ""
    return f"{kind}{blank}****{shown}"
