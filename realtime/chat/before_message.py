"""Asks an app's own server about each message before it is stored: allow, deny, replace or hold it. [work]

The request is signed like a webhook. Without a valid answer in time the app's `on_silence` decides. Only the
writer waits; messages of the app's own backend (POST …/messages) are not asked about.
"""

from dataclasses import dataclass
from typing import Any, Literal

import orjson
from prometheus_client import Counter, Histogram
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from weir.foundation.clock import now_ms, now_s, rfc3339
from weir.foundation.egress import Egress, EgressAnswer
from weir.foundation.egress.signatures import signed_headers
from weir.foundation.errors import Forbidden, Refused
from weir.foundation.ids import new_id
from weir.foundation.tenancy.collections import AppDoc
from weir.foundation.texts import message_text
from weir.foundation.vault import Vault

TYPE = "chat.message.before"
DENIED = "This message was not accepted."
ASKED = Counter("weir_before_message_total", "Messages that an app was asked about.", ["outcome"])
SECONDS = Histogram(
    "weir_before_message_seconds", "How long apps took to answer.", buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1)
)  # fmt: skip


class HookAnswer(BaseModel):
    """What the app's server answers, with status 200."""

    model_config = ConfigDict(extra="ignore")
    action: Literal["allow", "deny", "replace", "hold"]
    reason: str = Field("", max_length=200)
    text: str | None = None


@dataclass(frozen=True)
class Decision:
    """`text` as it is stored; `held`: it waits for a moderator, for this `reason`."""

    text: str
    held: bool = False
    reason: str = ""


class BeforeMessage:
    def __init__(self, egress: Egress, vault: Vault) -> None:
        self._egress = egress
        self._vault = vault

    async def ask(
        self, app: AppDoc | None, channel: str, user: dict[str, Any], data: dict[str, Any]
    ) -> Decision:
        """What becomes of a message. Errors: Forbidden with the code `denied`."""
        hook = app.get("before_message") if app is not None else None
        if app is None or not hook:
            return Decision(data["text"])
        known = {name: value for name, value in data.items() if value is not None}
        body = orjson.dumps(
            {
                "type": TYPE,
                "timestamp": rfc3339(now_ms()),
                "data": {"channel": channel, "user": user, **known},
            }
        )
        secret = self._vault.open(hook["sealed"], app["id"])
        headers = {
            "content-type": "application/json",
            **signed_headers([secret], new_id("evt"), int(now_s()), body),
        }
        answer = await self._egress.request(
            "POST", hook["url"], headers=headers, body=body, timeout_s=hook["timeout_ms"] / 1000
        )
        SECONDS.observe(answer.latency_ms / 1000)
        said = _read(answer)
        ASKED.labels(said.action if said else "silent").inc()
        if said is None:
            if hook["on_silence"] == "deny":
                raise Forbidden(
                    "Messages can't be checked at the moment; try again.", code="denied", retry_after=5
                )
            return Decision(data["text"])
        if said.action == "deny":
            raise Forbidden(said.reason or DENIED, code="denied")
        return Decision(_replaced(said, data["text"]), said.action == "hold", said.reason)


def _read(answer: EgressAnswer) -> HookAnswer | None:
    if answer.status != 200:
        return None
    try:
        return HookAnswer.model_validate_json(answer.body)
    except ValidationError:
        return None


def _replaced(said: HookAnswer, text: str) -> str:
    """The new text, where it is one that a message may have."""
    if said.action != "replace" or said.text is None:
        return text
    try:
        return message_text(said.text)
    except (ValueError, Refused):
        return text
