"""Routes of webhooks: endpoints, tests, deliveries, replay. [door]"""

import base64
from typing import Any

from control.webhooks import rules
from control.webhooks.deliveries import Deliveries
from control.webhooks.documents import AttemptDoc, DeliveryDoc, WebhookDoc
from control.webhooks.models import (
    DEFAULTS,
    ChangeWebhook,
    Delivery,
    DeliveryFilter,
    DeliveryInFull,
    EventKinds,
    Example,
    NewSecret,
    NewWebhook,
    NewWebhookShown,
    Preview,
    Replay,
    Replayed,
    RotateSecret,
    Webhook,
    WebhookFilter,
    WebhookStats,
    WebhookTested,
)
from control.webhooks.sender import curl_line
from control.webhooks.service import Webhooks
from weir.foundation.audit import by
from weir.foundation.clock import format_time, now_ms, rfc3339
from weir.foundation.egress.signatures import public_key
from weir.foundation.errors import Conflict, NotFound
from weir.foundation.http.listing import ms_of
from weir.foundation.http.routing import Answer, Call, Listed, Row
from weir.foundation.redis.rate_limits import HEAVY
from weir.foundation.vault import Vault

TAG, READ, WRITE = "webhooks", "webhooks:read", "webhooks:write"
AS_THEY_ARE = (
    "id", "url", "description", "types", "streams", "channels", "places", "filter", "enabled", "disabled_reason",
    "header_names", "signature", "rate", "concurrency", "ordered", "batch", "image",
)  # fmt: skip


def shown_attempt(attempt: AttemptDoc) -> dict[str, Any]:
    return {**attempt, "at": rfc3339(attempt["at"])}


def shown_delivery(doc: DeliveryDoc) -> dict[str, Any]:
    last = doc["attempts"][-1] if doc["attempts"] else None
    return {
        **{name: value for name, value in doc.items() if name in ("id", "webhook", "event", "type", "state", "tries")},
        "events": doc.get("events", 1),
        "created": rfc3339(doc["created"]),
        "next_attempt": format_time(doc["next_at"]) if doc["state"] == "pending" else None,
        "last_status": last["status"] if last else None,
        "last_error": (last["detail"] or last["error"] or None) if last else None,
        "latency_ms": last["latency_ms"] if last else None,
    }  # fmt: skip


def _health(doc: WebhookDoc) -> dict[str, Any]:
    health, now = doc["health"], now_ms()
    ready = rules.ready_at(health)
    return {
        "breaker": rules.breaker(health, now),
        "failures": health.get("failures", 0),
        "failing_since": format_time(health.get("failing_since")),
        "next_attempt": rfc3339(ready) if ready > now else None,
        "last_success": format_time(health.get("last_success")),
        "last_failure": format_time(health.get("last_failure")),
        "last_error": health.get("last_error"),
        "advice": health.get("advice"),
    }


def etag_of(doc: WebhookDoc) -> str:
    return f'"{doc["revision"]}"'


class WebhookRoutes:
    def __init__(self, webhooks: Webhooks, deliveries: Deliveries, vault: Vault) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._vault = vault

    def rows(self) -> list[Row]:
        all_, one = "/v1/webhooks", "/v1/webhooks/{webhook}"
        delivery = "/v1/deliveries/{delivery}"
        return [
            Row("GET", all_, "tenant", self.list, summary="Webhooks, newest first", query=WebhookFilter, answer=Listed[Webhook],
                scope=READ, tag=TAG),
            Row("POST", all_, "tenant", self.create, NewWebhook, "Make a webhook; its secret is shown once", answer=NewWebhookShown,
                status=201, scope=WRITE, errors=(Conflict,), tag=TAG),
            Row("GET", all_ + "/event-types", "tenant", self.event_types, summary="Types of events, each with an example",
                answer=EventKinds, scope=READ, tag=TAG),
            Row("GET", one, "tenant", self.get, summary="One webhook and how it is", answer=Webhook, scope=READ, etag=True, tag=TAG),
            Row("PATCH", one, "tenant", self.change, ChangeWebhook, "Change a webhook", answer=Webhook, scope=WRITE, etag=True, tag=TAG),
            Row("DELETE", one, "tenant", self.delete, summary="Delete a webhook and its log; what waits is not sent", status=204,
                scope=WRITE, tag=TAG),
            Row("POST", one + "/rotate-secret", "tenant", self.rotate, RotateSecret,
                "A new signing secret; the old one signs too for a time", answer=NewSecret, scope=WRITE, tag=TAG),
            Row("POST", one + "/test", "tenant", self.test, Example, "Send an example event now, and say what came back",
                answer=WebhookTested,
                scope=WRITE, limit=HEAVY, errors=(Conflict,), tag=TAG),
            Row("POST", one + "/preview", "tenant", self.preview, Example, "What exactly would be sent", answer=Preview, scope=WRITE,
                errors=(Conflict,), tag=TAG),
            Row("GET", one + "/stats", "tenant", self.stats, summary="Success and latency of the last 24 hours", answer=WebhookStats,
                scope=READ, tag=TAG),
            Row("GET", one + "/deliveries", "tenant", self.list_deliveries, summary="Deliveries, newest first", query=DeliveryFilter,
                answer=Listed[Delivery], scope=READ, tag=TAG),
            Row("POST", one + "/replay", "tenant", self.replay_many, Replay, "Send deliveries again: one, or those of a span of time",
                answer=Replayed, scope=WRITE, limit=HEAVY, errors=(Conflict,), tag=TAG),
            Row("GET", delivery, "tenant", self.get_delivery, summary="One delivery with its body and every attempt",
                answer=DeliveryInFull, scope=READ, tag=TAG),
            Row("POST", delivery + "/replay", "tenant", self.replay, summary="Send a delivery again, under the same id", answer=Delivery,
                scope=WRITE, errors=(Conflict,), tag=TAG),
        ]  # fmt: skip

    def _shown(self, doc: WebhookDoc) -> dict[str, Any]:
        auth = {name: value for name, value in doc["auth"].items() if name != "sealed"}
        return {
            **{name: value for name, value in doc.items() if name in AS_THEY_ARE},
            "name": doc.get("name"),
            "auth": {**dict.fromkeys(("name", "username", "token_url", "client_id", "scope")), **auth},
            "public_key": self._public_key(doc),
            "encrypted": doc["encryption"] is not None,
            "health": _health(doc),
            "created": rfc3339(doc["created"]),
        }

    def _public_key(self, doc: WebhookDoc) -> str | None:
        if doc["signature"] != "ed25519":
            return None
        return public_key(self._vault.open(doc["secrets"][0]["sealed"], doc["id"]))

    async def list(self, call: Call) -> Answer:
        asked = call.query
        where = {} if asked.enabled is None else {"enabled": asked.enabled}
        page = await self._webhooks.page(call.acting().app, where, asked.limit, asked.cursor)
        return Answer({"data": [self._shown(one) for one in page.data], "next_cursor": page.next})

    async def create(self, call: Call) -> Answer:
        made, secret, key = await self._webhooks.create(
            call.acting().app, call.new_id("whk"), call.body.model_dump(), by(call)
        )
        shown = {**self._shown(made), "secret": secret, "encryption_key": key, "kid": made["encryption_kid"]}
        return Answer(shown, 201, etag=etag_of(made))

    async def event_types(self, call: Call) -> Answer:
        kinds = self._webhooks.kinds
        return Answer(
            {
                "data": [
                    {"type": kind, "about": about, "example": data} for kind, (about, data) in kinds.items()
                ]
            }
        )

    async def get(self, call: Call) -> Answer:
        doc = await self._webhook(call)
        return Answer(self._shown(doc), etag=etag_of(doc))

    async def change(self, call: Call) -> Answer:
        doc = await self._webhook(call)
        call.expects(etag_of(doc))
        changed = await self._webhooks.change(doc, call.body.changes(DEFAULTS), by(call))
        return Answer(self._shown(changed), etag=etag_of(changed))

    async def delete(self, call: Call) -> Answer:
        await self._webhooks.remove(await self._webhook(call), by(call))
        return Answer(None, 204)

    async def rotate(self, call: Call) -> Answer:
        doc, secret, until = await self._webhooks.rotate(
            await self._webhook(call), call.body.overlap_s, by(call)
        )
        public = self._public_key(doc)
        return Answer(
            {"secret": None if public else secret, "public_key": public, "old_until": rfc3339(until)}
        )

    async def test(self, call: Call) -> Answer:
        doc = await self._webhook(call)
        message = self._webhooks.example(doc["app"], call.body.type, call.body.data, call.new_id("evt"))
        attempt = await self._webhooks.test(doc, message, by(call))
        delivered = 200 <= attempt["status"] < 300
        return Answer({"delivered": delivered, "event": message.id, "attempt": shown_attempt(attempt)})

    async def preview(self, call: Call) -> Answer:
        doc = await self._webhook(call)
        message = self._webhooks.example(doc["app"], call.body.type, call.body.data, call.new_id("evt"))
        prepared = await self._webhooks.preview(doc, message)
        try:
            body, coded = prepared.body.decode(), False
        except UnicodeDecodeError:
            body, coded = base64.b64encode(prepared.body).decode(), True
        return Answer(
            {
                "method": "POST",
                "url": doc["url"],
                "headers": prepared.shown,
                "body": body,
                "body_base64": coded,
                "curl": curl_line(doc["url"], prepared.shown, prepared.body),
            }
        )

    async def stats(self, call: Call) -> Answer:
        return Answer(await self._webhooks.stats(await self._webhook(call)))

    async def list_deliveries(self, call: Call) -> Answer:
        doc, asked = await self._webhook(call), call.query
        where = {"webhook": doc["id"], **asked.where("state", "type"), "created": asked.span()}
        page = await self._deliveries.page(
            doc["app"], where, asked.limit, asked.cursor, descending=asked.descending
        )
        return Answer({"data": [shown_delivery(one) for one in page.data], "next_cursor": page.next})

    async def get_delivery(self, call: Call) -> Answer:
        doc = await self._delivery(call)
        attempts = [shown_attempt(one) for one in doc["attempts"]]
        return Answer({**shown_delivery(doc), "body": doc["body"], "attempts": attempts})

    async def replay(self, call: Call) -> Answer:
        found = await self._delivery(call)
        await self._webhooks.replay(await self._webhooks.get(found["app"], found["webhook"]), found, by(call))
        return Answer(shown_delivery(await self._delivery(call)))

    async def replay_many(self, call: Call) -> Answer:
        doc, asked = await self._webhook(call), call.body
        if asked.delivery is not None:
            found = await self._deliveries.get(doc["app"], asked.delivery)
            if found is None or found["webhook"] != doc["id"]:
                raise NotFound("There is no such delivery.")
            await self._webhooks.replay(doc, found, by(call))
            return Answer({"deliveries": 1, "recovered": 0, "more": False})
        since, until = ms_of(asked.since), ms_of(asked.until)
        count, more = await self._webhooks.replay_span(doc, asked.state, since, until, by(call))
        recovered = 0
        if asked.recover and since is not None:
            recovered = await self._webhooks.recover(doc, since, until)
        return Answer({"deliveries": count, "recovered": recovered, "more": more})

    async def _webhook(self, call: Call) -> WebhookDoc:
        return await self._webhooks.get(call.acting().app, call.path("webhook"))

    async def _delivery(self, call: Call) -> DeliveryDoc:
        found = await self._deliveries.get(call.acting().app, call.path("delivery"))
        if found is None:
            raise NotFound("There is no such delivery.")
        return found
