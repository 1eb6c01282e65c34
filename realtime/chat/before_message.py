"""Asks an app's own server about each message before it is stored: allow, deny, replace or hold it. [work]

The request is signed like a webhook. Without a valid answer in time the app's `on_silence` decides. Only the
writer waits; messages of the app's own backend (POST …/messages) are not asked about.
"""

from dataclasses import dataclass
from typing import Any, Literal

import orjson
from prometheus_client import Counter, Histogram
from pydantic import BaseModel, ConfigDict, ValidationError

from realtime.protocol.messages import checked_text
from weir.foundation.clock import now_ms, now_s, rfc3339
from weir.foundation.egress import Egress, EgressAnswer
from weir.foundation.egress.signatures import signed_headers
from weir.foundation.errors import Forbidden, Refused
from weir.foundation.ids import new_id
from weir.foundation.tenancy.collections import AppDoc
from weir.foundation.texts import one_line
from weir.foundation.vault import Vault

TYPE = "chat.message.before"
LONGEST_REASON = 200
DENIED = "This message was not accepted."
ASKED = Counter("weir_before_message_total", "Messages that an app was asked about.", ["outcome"])
SECONDS = Histogram(
    "weir_before_message_seconds", "How long apps took to answer.", buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1)
)  # fmt: skip


class HookAnswer(BaseModel):
    """What the app's server answers, with status 200."""

    model_config = ConfigDict(extra="ignore")
    action: Literal["allow", "deny", "replace", "hold"]
    reason: str = ""
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
        text = said.text if said.action == "replace" and said.text is not None else data["text"]
        return Decision(text, said.action == "hold", said.reason)


def _read(answer: EgressAnswer) -> HookAnswer | None:
    """None for what is no valid answer; a replacement that no message may be is none."""
    if answer.status != 200 or answer.truncated:
        return None
    try:
        said = HookAnswer.model_validate_json(answer.body)
        if said.action == "replace":
            said.text = checked_text(said.text or "")
    except (ValidationError, Refused):
        return None
    said.reason = _sentence(said.reason)
    return said


def _sentence(reason: str) -> str:
    """As much of it as may be shown to others: nothing that could cover or reverse what they read."""
    try:
        return one_line(" ".join(reason.split())[:LONGEST_REASON])
    except ValueError:
        return ""
