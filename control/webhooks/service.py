"""Endpoints of an app: made, changed, tested, replayed. [work]"""

import base64
import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson

from control.webhooks import payloads, rules
from control.webhooks.deliveries import Deliveries
from control.webhooks.documents import (
    WEBHOOKS,
    AttemptDoc,
    AuthDoc,
    DeliveryDoc,
    SecretDoc,
    WebhookDoc,
)
from control.webhooks.filters import check_filter, passes
from control.webhooks.models import Authorization
from control.webhooks.sender import OWN, Message, Prepared, Sender
from weir.foundation.audit import Audit, By
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.documents import Between, Page, Store
from weir.foundation.egress import Egress, check_headers
from weir.foundation.egress.oauth2 import NoToken
from weir.foundation.egress.signatures import Algorithm, new_signing_secret
from weir.foundation.errors import Conflict, Invalid, NotFound, Stale, Unavailable
from weir.foundation.events import WebhookDisabled, WebhooksChanged
from weir.foundation.ids import derived_id, new_secret
from weir.foundation.redis.bus import Bus, Relay
from weir.foundation.redis.event_log import EventLogReader, LoggedEvent
from weir.foundation.vault import Vault

MOST_WEBHOOKS = 50
MOST_REPLAYED = 100_000
READ_AT_ONCE = 500
MOST_MEASURED = 200
EventKinds = Mapping[str, tuple[str, dict[str, Any]]]
"""By type, what it means and the data of an example."""


class Webhooks:
    """Errors of all verbs: Unavailable."""

    def __init__(
        self,
        deliveries: Deliveries,
        sender: Sender,
        reader: EventLogReader,
        kinds: EventKinds,
        *,
        store: Store,
        egress: Egress,
        vault: Vault,
        audit: Audit,
        bus: Bus,
        relay: Relay,
    ) -> None:
        self._store = store
        self._all = store.operator()
        self._egress = egress
        self._vault = vault
        self._audit = audit
        self._bus = bus
        self._relay = relay
        self._deliveries = deliveries
        self._sender = sender
        self._reader = reader
        self.kinds = kinds

    async def create(
        self, app: str, webhook: str, fields: dict[str, Any], by: By, name: str | None = None
    ) -> tuple[WebhookDoc, str | None, str | None]:
        """(endpoint, HMAC secret, encryption key). Errors: Invalid, Conflict."""
        if await self._store.app(app).count(WEBHOOKS, {}) >= MOST_WEBHOOKS:
            raise Conflict(f"An app has {MOST_WEBHOOKS} webhooks at most; delete one that is not used.")
        algorithm: Algorithm = fields.pop("signature")
        secret = new_signing_secret(algorithm)
        key = base64.b64encode(os.urandom(32)).decode() if fields.pop("encrypted") else None
        at = await self._reader.position(app)
        await self._deliveries.begin_cursor(app, at.epoch, at.seq)
        doc = cast(
            WebhookDoc,
            {
                "id": webhook,
                "disabled_reason": None,
                "signature": algorithm,
                "secrets": [{"sealed": self._vault.seal(secret, webhook)}],
                "encryption": {"sealed": self._vault.seal(key, webhook)} if key else None,
                "encryption_kid": new_secret(8) if key else None,
                "start": {"epoch": at.epoch, "seq": at.seq, "at": now_ms()},
                "created": now_ms(),
                "revision": 0,
                "health": {},
                **self._checked(webhook, fields),
                **({"name": name} if name is not None else {}),
            },
        )
        noted = self._audit.entry(app, by, "webhook.created", webhook, None, _audited(doc))
        made = await self._store.app(app).insert(WEBHOOKS, doc, emit=[noted])
        await self._audit.write(noted, WEBHOOKS.name, webhook)
        await self.changed(app)
        return made, (secret if algorithm == "hmac" else None), key

    def _checked(self, webhook: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Fields for the document, with secrets sealed. Errors: Invalid."""
        fresh = dict(fields)
        if "url" in fields:
            self._egress.check(fields["url"])
        for kind in fields.get("types", []):
            self._check_type(kind)
        if fields.get("filter"):
            check_filter(fields["filter"])
        if "headers" in fields:
            headers = {name.lower(): value for name, value in fields["headers"].items()}
            if own := OWN & headers.keys():
                raise Invalid(f"headers: {min(own)} is set by Weir; credentials belong into auth.")
            check_headers(headers)
            text = orjson.dumps(headers).decode()
            fresh["headers"] = self._vault.seal(text, webhook) if headers else ""
            fresh["header_names"] = sorted(headers)
        if "auth" in fields:
            fresh["auth"] = self._auth(webhook, Authorization.model_validate(fields["auth"]))
        return fresh

    def _check_type(self, kind: str) -> None:
        known = [*self.kinds, payloads.BATCH]
        if kind in known or kind == "*" or kind.startswith(("custom.", "partner.")):
            return
        if kind.endswith(".*") and any(
            one.startswith(kind[:-1]) for one in (*known, "custom.x", "partner.x")
        ):
            return
        said = f"no event is of the type {kind}; GET /v1/webhooks/event-types lists them"
        raise Invalid(f"types: {said}.", fields=[{"field": "types", "detail": said}])

    def _auth(self, webhook: str, auth: Authorization) -> AuthDoc:
        doc: AuthDoc = {"kind": auth.kind}
        if auth.name is not None:
            check_headers({auth.name: ""})
            if auth.name.lower() in OWN - {"authorization"}:
                raise Invalid(f"auth: the header {auth.name} is set by Weir; choose another.")
            doc["name"] = auth.name
        if auth.username is not None:
            doc["username"] = auth.username
        if auth.token_url is not None and auth.client_id is not None:
            self._egress.check(auth.token_url)
            doc |= {"token_url": auth.token_url, "client_id": auth.client_id, "scope": auth.scope or ""}
        if auth.secret is not None:
            doc["sealed"] = self._vault.seal(auth.secret, webhook)
        return doc

    async def get(self, app: str, webhook: str) -> WebhookDoc:
        """Errors: NotFound."""
        doc = await self._store.app(app).get(WEBHOOKS, webhook)
        if doc is None:
            raise NotFound("There is no such webhook.")
        return doc

    async def page(
        self, app: str, where: Mapping[str, Any], limit: int, cursor: str | None
    ) -> Page[WebhookDoc]:
        return await self._store.app(app).find(
            WEBHOOKS, where, sort="created", descending=True, limit=limit, cursor=cursor
        )

    async def change(self, doc: WebhookDoc, fields: dict[str, Any], by: By) -> WebhookDoc:
        """Errors: Invalid; Stale when another change came first."""
        fresh = self._checked(doc["id"], fields)
        if fields.get("enabled") and not doc["enabled"]:
            at = await self._reader.position(doc["app"])
            start = {"epoch": at.epoch, "seq": at.seq, "at": now_ms()}
            fresh |= {"disabled_reason": None, "health": {}, "start": start}
        fresh["revision"] = doc["revision"] + 1
        noted = self._audit.entry(
            doc["app"], by, "webhook.updated", doc["id"], _audited(doc), _audited({**doc, **fresh})
        )
        changed = await self._store.app(doc["app"]).update(
            WEBHOOKS, doc["id"], set=fresh, expect={"revision": doc["revision"]}, emit=[noted]
        )
        if changed is None:
            raise Stale("This has been changed since you read it; read it again and repeat the change.")
        await self._audit.write(noted, WEBHOOKS.name, doc["id"])
        await self.changed(doc["app"])
        return changed

    async def remove(self, doc: WebhookDoc, by: By) -> None:
        """Deletes the endpoint and its log; what waits is not sent."""
        async with self._audit.before_it(doc["app"], by, "webhook.deleted", doc["id"], _audited(doc)):
            await self._store.app(doc["app"]).delete(WEBHOOKS, {"id": doc["id"]})
        await self._deliveries.remove_of(doc)
        await self.changed(doc["app"])

    async def rotate(self, doc: WebhookDoc, overlap_s: int, by: By) -> tuple[WebhookDoc, str, int]:
        """A new secret; the old one signs beside it for `overlap_s`. (endpoint, secret, end of the old in ms)."""
        secret, until = new_signing_secret(doc["signature"]), now_ms() + overlap_s * 1000
        old: list[SecretDoc] = [{"sealed": doc["secrets"][0]["sealed"], "until": until}]
        fresh = {"secrets": [{"sealed": self._vault.seal(secret, doc["id"])}, *old]}
        changed = await self._rewrite(doc, fresh, by, "webhook.secret.rotated")
        return changed, secret, until

    async def _rewrite(self, doc: WebhookDoc, fields: dict[str, Any], by: By, action: str) -> WebhookDoc:
        fresh = {**fields, "revision": doc["revision"] + 1}
        noted = self._audit.entry(doc["app"], by, action, doc["id"])
        changed = await self._store.app(doc["app"]).update(
            WEBHOOKS, doc["id"], set=fresh, expect={"revision": doc["revision"]}, emit=[noted]
        )
        if changed is None:
            raise Stale("This has been changed since you read it; read it again and repeat the change.")
        await self._audit.write(noted, WEBHOOKS.name, doc["id"])
        await self.changed(doc["app"])
        return changed

    async def disable(self, doc: WebhookDoc, reason: str) -> None:
        """Turns off an endpoint that its receiver does not want, or that fails for days; tells the app's log."""
        told = WebhookDisabled(app=doc["app"], webhook=doc["id"], url=doc["url"], reason=reason)
        done = await self._all.update(
            WEBHOOKS,
            doc["id"],
            set={"enabled": False, "disabled_reason": reason, "revision": doc["revision"] + 1},
            expect={"enabled": True, "revision": doc["revision"]},
            emit=[told],
        )
        if done is not None:
            self._relay.nudge()
            await self.changed(doc["app"])

    async def save_health(self, doc: WebhookDoc, health: Mapping[str, Any]) -> None:
        await self._all.update(WEBHOOKS, doc["id"], set={"health": dict(health)})

    async def changed(self, app: str) -> None:
        """Dispatchers look again; without Redis they do within ten seconds."""
        try:
            await self._bus.publish(WebhooksChanged(app=app))
        except Unavailable:
            return

    # -- tests

    def example(self, app: str, kind: str, data: Mapping[str, Any] | None, event_id: str) -> Message:
        """An example event of a type. Errors: Invalid for an unknown type."""
        self._check_type(kind)
        if kind == "*" or kind.endswith(".*"):
            raise Invalid("type: name one type of event, not several.")
        _, known = self.kinds.get(kind, ("", {"data": {"note": "An example."}}))
        envelope = {
            **(known if data is None else data),
            "id": event_id,
            "type": kind,
            "at": rfc3339(now_ms()),
            "test": True,
        }
        return Message(event_id, payloads.payload(envelope))

    async def test(self, doc: WebhookDoc, message: Message, by: By) -> AttemptDoc:
        """Sends at once and once. It counts neither for the breaker nor in the log of deliveries."""
        await self._audit.count(doc["app"], by, "webhook.tested", doc["id"])
        attempt, _ = await self._sender.send(doc, message)
        return attempt

    async def preview(self, doc: WebhookDoc, message: Message) -> Prepared:
        """Errors: Conflict when the OAuth2 server gives no token."""
        try:
            return await self._sender.prepare(doc, message)
        except NoToken as refusal:
            raise Conflict(refusal.detail) from None

    # -- again

    async def replay(self, doc: WebhookDoc, delivery: DeliveryDoc, by: By) -> None:
        """Sends a delivery again, whatever became of it. Errors: Conflict while the endpoint is disabled."""
        self._check_enabled(doc)
        await self._audit.count(doc["app"], by, "webhook.replayed", doc["id"])
        await self._again([delivery])
        await self.changed(doc["app"])

    async def replay_span(
        self, doc: WebhookDoc, state: str, since: int | None, until: int | None, by: By
    ) -> tuple[int, bool]:
        """(how many are sent again, whether there are more). Errors: Conflict while the endpoint is disabled."""
        self._check_enabled(doc)
        await self._audit.count(doc["app"], by, "webhook.replayed", doc["id"])
        states = ("failed", "delivered") if state == "all" else (state,)
        count = 0
        for one in states:
            where = {"webhook": doc["id"], "state": one, "created": Between(since, until)}
            while count < MOST_REPLAYED:
                page = await self._deliveries.page(doc["app"], where, READ_AT_ONCE, None, descending=False)
                count += await self._again(page.data)
                if page.next is None or not page.data:
                    break
        await self.changed(doc["app"])
        return count, count >= MOST_REPLAYED

    async def _again(self, found: Sequence[DeliveryDoc]) -> int:
        for one in found:
            await self._deliveries.change(
                one, state="pending", next_at=now_ms(), tries=0, replayed=one.get("replayed", 0) + 1
            )
        return len(found)

    async def recover(self, doc: WebhookDoc, since: int, until: int | None) -> int:
        """Sends the events of the app's log in this span that the endpoint has never got."""
        self._check_enabled(doc)
        app, position, count = doc["app"], 0, 0
        place, batched = now_ms() * 1000, await self._batched(doc, since)
        while True:
            _, events = (await self._reader.after({app: position}, READ_AT_ONCE))[app]
            if not events:
                break
            position = events[-1].seq
            wanted = [
                found
                for event in events
                if since <= event.at_ms < (until or now_ms() + 1)
                and (found := _missed(doc, event)) is not None
            ]
            known = batched | await self._deliveries.known(app, [one["id"] for one in wanted])
            fresh = [one for one in wanted if one["id"] not in known]
            for one in fresh:
                place += 1
                one["place"] = place
            await self._deliveries.add(app, fresh)
            count += len(fresh)
        await self.changed(app)
        return count

    async def _batched(self, doc: WebhookDoc, since: int) -> set[str]:
        """Ids that the deliveries of events in this endpoint's batches would have."""
        found = set[str]()
        where = {"webhook": doc["id"], "created": Between(since, None)}
        async for page in self._deliveries.each(doc["app"], where):
            for batch in page:
                if "events" in batch:
                    events = orjson.loads(batch["body"])["data"]["events"]
                    found |= {derived_id("dlv", doc["id"], str(one["data"]["id"])) for one in events}
        return found

    def _check_enabled(self, doc: WebhookDoc) -> None:
        if not doc["enabled"]:
            raise Conflict("This webhook is disabled; enable it first.")

    # -- how it is

    async def stats(self, doc: WebhookDoc) -> dict[str, Any]:
        day = Between(now_ms() - 86_400_000, None)
        counts = {
            state: await self._deliveries.count(
                doc["app"], {"webhook": doc["id"], "state": state, "created": day}
            )
            for state in ("delivered", "failed")
        }
        pending = await self._deliveries.count(doc["app"], {"webhook": doc["id"], "state": "pending"})
        newest = await self._deliveries.page(doc["app"], {"webhook": doc["id"]}, MOST_MEASURED, None)
        oldest = await self._deliveries.page(
            doc["app"], {"webhook": doc["id"], "state": "pending"}, 1, None, descending=False
        )
        taken = sorted(one["attempts"][-1]["latency_ms"] for one in newest.data if one["attempts"])
        ended = counts["delivered"] + counts["failed"]
        return {
            **counts,
            "pending": pending,
            "success_rate": round(counts["delivered"] / ended, 4) if ended else None,
            "latency_p50_ms": taken[len(taken) // 2] if taken else None,
            "latency_p95_ms": taken[len(taken) * 95 // 100] if taken else None,
            "oldest_waiting_s": (now_ms() - oldest.data[0]["created"]) // 1000 if oldest.data else None,
            "breaker": rules.breaker(doc["health"], now_ms()),
        }


def _missed(hook: WebhookDoc, event: LoggedEvent) -> DeliveryDoc | None:
    """The delivery of an event that an endpoint wants, to be sent now."""
    if not rules.matches_type(hook["types"], event.type):
        return None
    data = orjson.loads(event.body)
    if not (rules.matches(hook, event.type, data) and passes(hook["filter"], event.type, data)):
        return None
    now = now_ms()
    return {
        "id": derived_id("dlv", hook["id"], str(data["id"])),
        "webhook": hook["id"],
        "event": str(data["id"]),
        "type": event.type,
        "state": "pending",
        "created": now,
        "place": now * 1000,
        "next_at": now,
        "tries": 0,
        "attempts": [],
        "body": payloads.payload(data).decode(),
        "seq": event.seq,
        "epoch": event.epoch,
    }


def _audited(doc: Mapping[str, Any]) -> dict[str, Any]:
    """What an audit entry shows of an endpoint: no secrets, nothing that the dispatcher writes."""
    hidden = ("headers", "auth", "secrets", "encryption", "health", "start", "revision")
    auth = doc.get("auth") or {}
    return {name: value for name, value in doc.items() if name not in hidden} | {
        "auth_kind": auth.get("kind"), "encrypted": doc.get("encryption") is not None,
    }  # fmt: skip
