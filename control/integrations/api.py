"""REST for connections to partners."""

from functools import cache
from typing import Any

from control.collections import IntegrationDoc
from control.integrations.models import (
    Called,
    Integration,
    IntegrationChange,
    IntegrationFilter,
    IntegrationsHealth,
    Kinds,
    NewCall,
    NewIntegration,
    Tested,
)
from control.integrations.operations import PARTNERS
from control.integrations.service import Integrations, etag, public_view
from weir.foundation.audit import by
from weir.foundation.errors import Conflict, PartnerFailed, PartnerSilent, Unavailable
from weir.foundation.http.routing import Answer, Call, Listed, Row
from weir.foundation.redis.rate_limits import HEAVY, Limit

READ, WRITE, TAG = "integrations:read", "integrations:write", "integrations"
CALLS = Limit("partner-calls", 1000, 60)
AT_ONCE = 40  # a partner that hangs holds each for up to 50 s
MOST_BYTES = 8 * 1024 * 1024  # pictures as evidence, in base64


class IntegrationRoutes:
    def __init__(self, integrations: Integrations) -> None:
        self._integrations = integrations

    def rows(self) -> list[Row]:
        base, one = "/v1/integrations", "/v1/integrations/{integration}"
        read: dict[str, Any] = {"scope": READ, "tag": TAG}
        write: dict[str, Any] = {"scope": WRITE, "tag": TAG}
        failures = (PartnerFailed, PartnerSilent, Unavailable)
        return [
            Row("GET", base, "tenant", self.list_integrations, None, "Connections to partners, newest first.", IntegrationFilter,
                Listed[Integration], **read),
            Row("POST", base, "tenant", self.create, NewIntegration, "Connect a partner.", answer=Integration, status=201,
                errors=(Conflict,), **write),
            Row("GET", base + "/kinds", "tenant", self.kinds, None, "What each kind of partner can be asked and told.", answer=Kinds,
                **read),
            Row("GET", base + "/health", "tenant", self.health, None, "How all partners are doing.", answer=IntegrationsHealth, **read),
            Row("GET", one, "tenant", self.get, None, "One connection, without its secrets.", answer=Integration, etag=True, **read),
            Row("PATCH", one, "tenant", self.change, IntegrationChange, "Change a connection.", answer=Integration, etag=True, **write),
            Row("DELETE", one, "tenant", self.delete, None, "Remove a connection with its credentials.", status=204, **write),
            Row("POST", one + "/test", "tenant", self.test, None, "Ask the partner for something cheap.", answer=Tested, limit=HEAVY,
                **write),
            Row("POST", one + "/calls", "tenant", self.call, NewCall, "Ask or tell the partner something.", answer=Called, errors=failures,
                limit=CALLS, most_bytes=MOST_BYTES, at_once=AT_ONCE, **write),
        ]  # fmt: skip

    async def _one(self, call: Call) -> IntegrationDoc:
        return await self._integrations.get(call.acting().app, call.path("integration"))

    async def list_integrations(self, call: Call) -> Answer:
        asked: IntegrationFilter = call.query
        page = await self._integrations.page(
            call.acting().app,
            {**asked.where("kind", "environment"), "created": asked.span()},
            descending=asked.descending,
            limit=asked.limit,
            cursor=asked.cursor,
            sieve=asked.sieve("name"),
        )
        return Answer({"data": [public_view(doc) for doc in page.data], "next_cursor": page.next})

    async def create(self, call: Call) -> Answer:
        made = await self._integrations.create(call.acting().app, call.new_id("int"), call.body, by(call))
        return Answer(public_view(made), 201, etag=etag(made))

    async def get(self, call: Call) -> Answer:
        doc = await self._one(call)
        return Answer(public_view(doc), etag=etag(doc))

    async def change(self, call: Call) -> Answer:
        doc = await self._one(call)
        call.expects(etag(doc))
        if call.body.model_fields_set:
            doc = await self._integrations.change(doc, call.body, by(call))
        return Answer(public_view(doc), etag=etag(doc))

    async def delete(self, call: Call) -> Answer:
        await self._integrations.delete(await self._one(call), by(call))
        return Answer(None, 204)

    async def test(self, call: Call) -> Answer:
        return Answer(await self._integrations.test(await self._one(call), call.new_id("dlv")))

    async def call(self, call: Call) -> Answer:
        doc, asked = await self._one(call), call.body
        call_id, key = call.new_id("dlv"), call.request.headers.get("idempotency-key", "")
        answer = await self._integrations.call(doc, asked.operation, asked.data, call_id, key, by(call))
        return Answer(
            {
                "id": call_id,
                "operation": asked.operation,
                "environment": doc["environment"],
                "ok": answer.ok,
                "status": answer.status,
                "answer": answer.body,
                "tries": answer.tries,
                "latency_ms": answer.latency_ms,
            }
        )

    async def health(self, call: Call) -> Answer:
        return Answer(await self._integrations.health(call.acting().app))

    async def kinds(self, _call: Call) -> Answer:
        return Answer({"data": _kinds()})


@cache
def _kinds() -> list[dict[str, Any]]:
    return [
        {
            "kind": kind,
            "title": partner.title,
            "production_url": partner.addresses[0],
            "sandbox_url": partner.addresses[1],
            "test_path": partner.test_path,
            "operations": [
                {
                    "name": one.name,
                    "summary": one.summary,
                    "method": one.method,
                    "path": one.path,
                    "repeatable": one.safe or one.keyed,
                    "data": one.data.model_json_schema(by_alias=True),
                }
                for one in partner.operations
            ],
        }
        for kind, partner in PARTNERS.items()
    ]
