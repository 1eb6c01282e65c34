"""Connections to partners: made, changed, tested, called; and how they are doing."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, cast

from pydantic import ValidationError
from redis.exceptions import RedisError

from control.collections import INTEGRATIONS, EndpointDoc, IntegrationDoc
from control.integrations.calls import PartnerAnswer, PartnerCalls
from control.integrations.endpoints import ENVIRONMENTS, Endpoints, wrong
from control.integrations.health import PartnerHealth
from control.integrations.models import Endpoint, IntegrationChange, NewIntegration
from control.integrations.operations import OPERATIONS, PARTNERS, Operation, PreparedCall, prepare
from weir.foundation.audit import Audit, By
from weir.foundation.clock import format_time, monotonic, now_ms, rfc3339
from weir.foundation.documents import DuplicateKey, Page, Sieve, Store
from weir.foundation.errors import Conflict, NotFound, Stale, Unavailable
from weir.foundation.http.problems import invalid

MOST = 50
TEST_TIMEOUT_S = 10.0
MISSING = "There is no such integration."


def etag(doc: IntegrationDoc) -> str:
    return f'"{doc["revision"]}"'


def public_view(doc: IntegrationDoc) -> dict[str, Any]:
    """A connection without its secrets."""
    partner = PARTNERS[doc["kind"]]
    return {
        **{name: doc[name] for name in ("id", "kind", "name", "environment", "timeout_s", "metadata")},
        **{name: _endpoint_view(doc["endpoints"].get(name)) for name in ENVIRONMENTS},
        "encryption": doc["encryption"],
        "test_path": doc["test_path"] or partner.test_path,
        "operations": [one.name for one in partner.operations],
        "created": rfc3339(doc["created"]),
    }


def _endpoint_view(endpoint: EndpointDoc | None) -> dict[str, Any] | None:
    if endpoint is None:
        return None
    return {
        "url": endpoint["url"],
        "credentials": endpoint["known_by"],
        "credentials_set": rfc3339(endpoint["set"]),
    }


class Integrations:
    """Errors of all verbs: Unavailable."""

    def __init__(
        self,
        calls: PartnerCalls,
        health: PartnerHealth,
        audit: Audit,
        *,
        store: Store,
        endpoints: Endpoints,
    ) -> None:
        self._calls = calls
        self._health = health
        self._audit = audit
        self._store = store
        self._endpoints = endpoints

    # -- connections

    async def create(self, app: str, integration: str, asked: NewIntegration, by: By) -> IntegrationDoc:
        """With an id that exists already: that one (a repeat). Errors: Invalid; Conflict above 50."""
        doc: IntegrationDoc = {
            "id": integration,
            "kind": asked.kind,
            "name": asked.name,
            "environment": asked.environment,
            "endpoints": {},
            "encryption": None,
            "sealed": {},
            "timeout_s": asked.timeout_s,
            "test_path": asked.test_path,
            "metadata": asked.metadata,
            "created": now_ms(),
            "revision": 0,
        }
        for environment, endpoint in {asked.environment: Endpoint(), **_given(asked)}.items():
            self._endpoints.place(doc, environment, endpoint)
        self._endpoints.encrypt(doc, asked.encryption)
        _check_used(doc)
        if await self._store.app(app).count(INTEGRATIONS, {}) >= MOST:
            raise Conflict(f"An app has {MOST} integrations at most; delete one first.")
        noted = self._audit.entry(app, by, "integration.created", integration, None, doc)
        try:
            made = await self._store.app(app).insert(INTEGRATIONS, doc, emit=[noted])
        except DuplicateKey:
            return await self.get(app, integration)
        await self._audit.write(noted, INTEGRATIONS.name, integration)
        return made

    async def page(
        self, app: str, where: Mapping[str, Any], *, descending: bool, limit: int, cursor: str | None, sieve: Sieve[Any] | None
    ) -> Page[IntegrationDoc]:  # fmt: skip
        return await self._store.app(app).find(
            INTEGRATIONS,
            where,
            sort="created",
            descending=descending,
            limit=limit,
            cursor=cursor,
            sieve=sieve,
        )

    async def get(self, app: str, integration: str) -> IntegrationDoc:
        """Errors: NotFound."""
        doc = await self._store.app(app).get(INTEGRATIONS, integration)
        if doc is None:
            raise NotFound(MISSING)
        return doc

    async def change(self, doc: IntegrationDoc, asked: IntegrationChange, by: By) -> IntegrationDoc:
        """Errors: Invalid; Stale when another change came first."""
        after = cast(IntegrationDoc, {**deepcopy(doc), "revision": doc["revision"] + 1})
        after.update(cast(Any, asked.changes(DEFAULTS, but=(*ENVIRONMENTS, "encryption"))))
        for environment, endpoint in _given(asked).items():
            self._endpoints.place(after, environment, endpoint)
        if "encryption" in asked.model_fields_set:
            self._endpoints.encrypt(after, asked.encryption)
        _check_used(after)
        app = doc["app"]
        noted = self._audit.entry(app, by, "integration.updated", doc["id"], doc, after)
        fields = {name: value for name, value in after.items() if name not in ("id", "app", "created")}
        changed = await self._store.app(app).update(
            INTEGRATIONS, doc["id"], set=fields, expect={"revision": doc["revision"]}, emit=[noted]
        )
        if changed is None:
            raise Stale("This has been changed since you read it; read it again and repeat the change.")
        await self._audit.write(noted, INTEGRATIONS.name, doc["id"])
        return changed

    async def delete(self, doc: IntegrationDoc, by: By) -> None:
        async with self._audit.before_it(doc["app"], by, "integration.deleted", doc["id"], doc):
            await self._store.app(doc["app"]).delete(INTEGRATIONS, {"id": doc["id"]})
        await self._health.forget(doc["id"])
        for environment in ENVIRONMENTS:
            await self._calls.breaker.reset(f"{doc['id']}:{environment}")

    # -- calls

    async def call(
        self, doc: IntegrationDoc, name: str, data: Mapping[str, Any], call_id: str, key: str, by: By
    ) -> PartnerAnswer:
        """`key` is the caller's Idempotency-Key, or empty. Errors: Invalid; PartnerFailed, PartnerSilent,
        Unavailable."""
        operation = self._operation(doc, name)
        try:
            checked = operation.data.model_validate(data)
        except ValidationError as error:
            raise invalid(error, "data.") from None
        prepared = prepare(operation, checked, call_id, now_ms(), key, as_files=doc["encryption"] is None)
        connection = self._endpoints.connection(doc)
        await self._audit.count(doc["app"], by, f"integration.called.{name}", doc["id"])
        return await self._calls.call(connection, prepared)

    def _operation(self, doc: IntegrationDoc, name: str) -> Operation:
        offered = [one.name for one in PARTNERS[doc["kind"]].operations]
        if name not in offered:
            raise wrong("operation", f"{PARTNERS[doc['kind']].title} is asked {', '.join(offered)}")
        return OPERATIONS[name]

    async def test(self, doc: IntegrationDoc, call_id: str) -> dict[str, Any]:
        """One cheap GET, also when the breaker is open; a good answer closes it. It is not counted as a call."""
        connection, began = self._endpoints.connection(doc), monotonic()
        path = doc["test_path"] or PARTNERS[doc["kind"]].test_path
        asked = PreparedCall(call_id, "test", "GET", path, repeatable=True)
        status, detail = await self._calls.test(connection, asked, min(doc["timeout_s"], TEST_TIMEOUT_S))
        if not detail:
            await self._calls.breaker.reset(connection.subject)
            await self._health.well(doc["id"])
        return {
            "ok": not detail,
            "environment": doc["environment"],
            "status": status,
            "latency_ms": round((monotonic() - began) * 1000),
            "detail": detail or f"{doc['name']} answers.",
        }

    # -- health

    async def health(self, app: str) -> dict[str, Any]:
        """All connections of the app, oldest first."""
        docs = (await self._store.app(app).find(INTEGRATIONS, sort="created", limit=MOST)).data
        try:
            states = await self._calls.breaker.states([f"{doc['id']}:{doc['environment']}" for doc in docs])
            counts = [await self._health.read(doc["id"]) for doc in docs]
        except (RedisError, OSError):
            raise Unavailable("The counts cannot be read now; try again in a moment.") from None
        shown = [
            _health_view(doc, state.state, count)
            for doc, state, count in zip(docs, states, counts, strict=True)
        ]
        failing = any(one["state"] == "failing" for one in shown)
        return {
            "status": "degraded" if failing else "ok",
            "timestamp": rfc3339(now_ms()),
            "integrations": shown,
        }


DEFAULTS: dict[str, Any] = {"test_path": None, "metadata": {}}


def _check_used(doc: IntegrationDoc) -> None:
    """Errors: Invalid."""
    used = doc["environment"]
    if used not in doc["endpoints"]:
        raise wrong("environment", f"`{used}` is used, and nothing stands there; write it, or use another")


def _given(asked: NewIntegration | IntegrationChange) -> dict[str, Endpoint | None]:
    """The environments that were sent."""
    return {name: getattr(asked, name) for name in ENVIRONMENTS if name in asked.model_fields_set}


def _health_view(doc: IntegrationDoc, breaker: str, counts: Mapping[str, str]) -> dict[str, Any]:
    calls, failures = int(counts.get("calls", 0)), int(counts.get("failures", 0))
    ok_at, error_at = int(counts.get("ok_at", 0)), int(counts.get("error_at", 0))
    failing = breaker != "closed" or error_at > ok_at
    return {
        **{name: doc[name] for name in ("id", "kind", "name", "environment")},
        "state": "failing" if failing else "ok" if calls else "unused",
        "breaker": breaker,
        "calls": calls,
        "failures": failures,
        "mean_ms": round(int(counts.get("ms", 0)) / calls) if calls else None,
        "last_success": format_time(ok_at or None),
        "last_error": counts.get("error"),
        "last_error_at": format_time(error_at or None),
        "operations": {
            one.name: {
                "calls": int(counts.get(f"calls/{one.name}", 0)),
                "failures": int(counts.get(f"failures/{one.name}", 0)),
                "cents": int(counts.get(f"cents/{one.name}", 0)),
            }
            for one in PARTNERS[doc["kind"]].operations
        },
    }
