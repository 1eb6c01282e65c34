"""The address that an app names to be asked before a message is stored. [work]"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from pydantic import Field

from control.models import AnswerModel
from control.webhooks.models import Url
from weir.foundation.audit import Audit, By, by
from weir.foundation.documents import Store
from weir.foundation.egress import Egress
from weir.foundation.egress.signatures import new_signing_secret
from weir.foundation.errors import NotFound
from weir.foundation.http.routing import Answer, Body, Call, Row, shown_once
from weir.foundation.tenancy.collections import APPS, BeforeMessageDoc
from weir.foundation.vault import Vault

TAG, READ, WRITE = "webhooks", "webhooks:read", "webhooks:write"
PATH = "/v1/before-message"
Changed = Callable[[str, str, str], Awaitable[None]]


class BeforeMessageHook(Body):
    """`url` is asked about each message that a user writes. `on_silence`: what happens to a message when there is
    no valid answer within `timeout_ms`."""

    url: Url
    timeout_ms: int = Field(300, ge=50, le=1000)
    on_silence: Literal["allow", "deny"] = "allow"


class BeforeMessageShown(AnswerModel):
    url: str
    timeout_ms: int
    on_silence: Literal["allow", "deny"]


class NewBeforeMessage(BeforeMessageShown):
    """`secret` verifies the signature of each request (Standard Webhooks)."""

    secret: str | None = shown_once()


class BeforeMessageRoutes:
    def __init__(self, *, store: Store, egress: Egress, vault: Vault, audit: Audit, changed: Changed) -> None:
        self._apps = store.operator()
        self._egress = egress
        self._vault = vault
        self._audit = audit
        self._changed = changed

    def rows(self) -> list[Row]:
        return [
            Row("GET", PATH, "tenant", self.get, summary="Who is asked before a message is stored", answer=BeforeMessageShown,
                scope=READ, errors=(NotFound,), tag=TAG),
            Row("PUT", PATH, "tenant", self.put, BeforeMessageHook,
                "Name the address that is asked before a message is stored; gives a new secret",
                answer=NewBeforeMessage, scope=WRITE, tag=TAG),
            Row("DELETE", PATH, "tenant", self.delete, summary="Ask no longer", status=204, scope=WRITE, tag=TAG),
        ]  # fmt: skip

    async def get(self, call: Call) -> Answer:
        app = await self._apps.get(APPS, call.acting().app)
        hook = app.get("before_message") if app is not None else None
        if not hook:
            raise NotFound("No address is named; messages are stored without asking.")
        return Answer(_shown(hook))

    async def put(self, call: Call) -> Answer:
        app, asked = call.acting().app, call.body
        self._egress.check(asked.url)
        secret = new_signing_secret("hmac")
        hook: BeforeMessageDoc = {
            "url": asked.url,
            "timeout_ms": asked.timeout_ms,
            "on_silence": asked.on_silence,
            "sealed": self._vault.seal(secret, app),
        }
        await self._write(app, hook, by(call))
        return Answer({**_shown(hook), "secret": secret})

    async def delete(self, call: Call) -> Answer:
        await self._write(call.acting().app, None, by(call))
        return Answer(None, 204)

    async def _write(self, app: str, hook: BeforeMessageDoc | None, actor: By) -> None:
        after = _shown(hook) if hook else None
        noted = self._audit.entry(app, actor, "before_message.changed", app, None, after)
        await self._apps.update(APPS, app, set={"before_message": hook}, emit=[noted])
        await self._audit.write(noted, APPS.name, app)
        await self._changed(APPS.name, app, app)


def _shown(hook: BeforeMessageDoc) -> dict[str, Any]:
    return {"url": hook["url"], "timeout_ms": hook["timeout_ms"], "on_silence": hook["on_silence"]}
