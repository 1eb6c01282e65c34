"""Sources: addresses that partners call, with a way to sign and a mapping. [work]"""

import base64
import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

from control.inbound.counts import SHOWN_HOURS, InboundCounts
from control.inbound.evaluator import MappingEvaluator, TooCostly
from control.inbound.models import NewSource, SourceAuth
from control.inbound.presets import PRESETS, PresetDoc
from control.inbound.rules import expressions
from control.inbound.signatures import WHSEC, check_secret
from control.inbound.store import INBOUND_HOURS, REJECTS, SOURCES, InboundHourDoc, SourceDoc, SourceSecret
from weir.foundation.audit import Audit, By
from weir.foundation.clock import format_time, now_ms, rfc3339
from weir.foundation.documents import DuplicateKey, Store
from weir.foundation.errors import Invalid, NotFound, QuotaExceeded, Stale
from weir.foundation.ids import new_secret
from weir.foundation.vault import Vault

MOST_SOURCES = 50
CUSTOM = "custom"
DEFAULTS: dict[str, Any] = {"mapping": None, "networks": []}
AUTH_FIELDS = ("header", "prefix", "encoding", "algorithm", "username")


def etag(source: SourceDoc) -> str:
    return f'"{source["revision"]}"'


def auth_view(auth: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": auth["kind"], **{name: auth.get(name) for name in AUTH_FIELDS}}


def public_view(source: SourceDoc, base_url: str) -> dict[str, Any]:
    secrets = [
        {"created": rfc3339(one["created"]), "expires": format_time(one.get("expires"))}
        for one in _valid(source, now_ms())
    ]
    return {
        **{name: source[name] for name in ("id", "name", "kind", "mapping", "networks", "enabled")},
        "url": f"{base_url}/v1/inbound/{source['id']}",
        "auth": auth_view(source["auth"]),
        "secrets": secrets,
        "created": rfc3339(source["created"]),
    }


def stats_view(hours: Sequence[InboundHourDoc], now_hour: int) -> dict[str, Any]:
    """`hours` newest first."""
    recent = [cast(dict[str, int], one) for one in hours if one["hour"] > now_hour - SHOWN_HOURS]
    received = next((one["last_received"] for one in hours if "last_received" in one), None)
    refused = next((one for one in hours if "last_refused" in one), None)
    return {
        **{
            name: sum(one.get(name, 0) for one in recent)
            for name in ("received", "repeated", "rejected", "refused")
        },
        "last_received": format_time(received),
        "last_refused": None
        if refused is None
        else {"at": rfc3339(refused["last_refused"]), "reason": refused.get("last_reason", "")},
    }


def _valid(source: SourceDoc, now: int) -> list[SourceSecret]:
    return [one for one in source["secrets"] if one.get("expires", now + 1) > now]


class Sources:
    """Errors of the verbs: NotFound (missing, or another app's), Invalid, QuotaExceeded, Stale, Unavailable."""

    def __init__(
        self, audit: Audit, evaluator: MappingEvaluator, counts: InboundCounts, *, store: Store, vault: Vault
    ) -> None:
        self._audit = audit
        self._evaluator = evaluator
        self._counts = counts
        self._store = store
        self._vault = vault

    async def create(
        self, app: str, source_id: str, asked: NewSource, by: By
    ) -> tuple[SourceDoc, str | None]:
        """The source, and its secret unless it is the partner's own. May be repeated with the same id."""
        preset, handle = self._preset(asked.kind), self._store.app(app)
        found = await handle.get(SOURCES, source_id)
        if found is not None:
            return found, self._made(found, asked)
        mapping = asked.mapping.model_dump(exclude_none=True) if asked.mapping is not None else None
        await self._check_mapping(asked.kind, mapping)
        auth = (
            asked.auth.stored()
            if asked.auth is not None
            else preset["auth"]
            if preset is not None
            else {"kind": "standard"}
        )
        if await handle.count(SOURCES) >= MOST_SOURCES:
            raise QuotaExceeded(f"An app has {MOST_SOURCES} sources at most; delete one that is not used.")
        sealed, made = self._new_secret(source_id, auth["kind"], asked.secret)
        doc: SourceDoc = {
            "id": source_id,
            "name": asked.name,
            "kind": asked.kind,
            "auth": auth,
            "secrets": [sealed],
            "mapping": mapping,
            "networks": asked.networks,
            "enabled": asked.enabled,
            "created": now_ms(),
            "revision": 0,
        }
        noted = self._audit.entry(app, by, "source.created", source_id, None, doc)
        try:
            stored = await handle.insert(SOURCES, doc, emit=[noted])
        except DuplicateKey:  # the same request, twice at once
            found = await self.get(app, source_id)
            return found, self._made(found, asked)
        await self._audit.write(noted, SOURCES.name, source_id)
        return stored, made

    async def get(self, app: str, source_id: str) -> SourceDoc:
        found = await self._store.app(app).get(SOURCES, source_id)
        if found is None:
            raise NotFound("There is no such source.")
        return found

    async def change(
        self, source: SourceDoc, fields: dict[str, Any], auth: SourceAuth | None, by: By
    ) -> SourceDoc:
        """`fields` are name, mapping, networks, enabled as far as they were given."""
        if auth is not None:
            if auth.kind != source["auth"]["kind"]:
                raise _invalid("auth", "its kind stays; make another source for another kind")
            fields = {**fields, "auth": auth.stored()}
        if "mapping" in fields:
            await self._check_mapping(source["kind"], fields["mapping"])
        return await self._changed(source, fields, by, "source.updated") if fields else source

    async def rotate(
        self, source: SourceDoc, secret: str | None, overlap_s: int, by: By
    ) -> tuple[SourceDoc, str | None]:
        """The new secret, unless it is the partner's own. The one before stays valid for `overlap_s`."""
        sealed, made = self._new_secret(source["id"], source["auth"]["kind"], secret)
        now = now_ms()
        before = {**source["secrets"][0], "expires": now + overlap_s * 1000}
        kept = [before] if overlap_s else []
        after = await self._changed(source, {"secrets": [sealed, *kept]}, by, "source.secret_rotated")
        return after, made

    async def delete(self, source: SourceDoc, by: By) -> None:
        """With its rejects and counts. Facts of what it has delivered go out first: a delivery that still carries some stays until the
        periodic job removes it."""
        handle = self._store.app(source["app"])
        async with self._audit.before_it(source["app"], by, "source.deleted", source["id"], source):
            await handle.delete(SOURCES, {"id": source["id"]})
            for collection in (REJECTS, INBOUND_HOURS):
                await handle.delete(collection, {"source": source["id"]})

    async def stats(self, source: SourceDoc) -> list[InboundHourDoc]:
        return await self._counts.of(source["app"], source["id"])

    def mapping_of(self, source: SourceDoc) -> dict[str, Any]:
        """Its own, or its preset's."""
        return source["mapping"] if source["mapping"] is not None else PRESETS[source["kind"]]["mapping"]

    def secrets_of(self, source: SourceDoc) -> list[str]:
        """Those that are valid now."""
        return [self._vault.open(one["sealed"], source["id"]) for one in _valid(source, now_ms())]

    async def wrong_expressions(self, kind: str, mapping: dict[str, Any] | None) -> list[dict[str, Any]]:
        """What is wrong with them, {field, detail}. Errors: Invalid for an unknown kind, and for a custom one
        without a mapping."""
        self._preset(kind)
        if mapping is None:
            if kind == CUSTOM:
                raise _invalid("mapping", "a custom source needs one; GET /v1/sources/presets has examples")
            return []
        try:
            return await self._evaluator.check(expressions(mapping))
        except TooCostly:
            return [{"field": "rules", "detail": "to compile these expressions takes too much"}]

    async def _check_mapping(self, kind: str, mapping: dict[str, Any] | None) -> None:
        errors = await self.wrong_expressions(kind, mapping)
        if errors:
            fields = [{**one, "field": f"mapping.{one['field']}"} for one in errors]
            raise Invalid(f"{fields[0]['field']}: {fields[0]['detail']}.", fields=fields)

    def _made(self, source: SourceDoc, asked: NewSource) -> str | None:
        return (
            self._vault.open(source["secrets"][0]["sealed"], source["id"]) if asked.secret is None else None
        )

    def _preset(self, kind: str) -> PresetDoc | None:
        if kind != CUSTOM and kind not in PRESETS:
            raise _invalid("kind", f"there are {CUSTOM}, {', '.join(PRESETS)}")
        return PRESETS.get(kind)

    def _new_secret(self, source_id: str, kind: str, given: str | None) -> tuple[SourceSecret, str | None]:
        made = None if given is not None else _random_secret(kind)
        secret = check_secret(kind, given or made or "")
        return {"sealed": self._vault.seal(secret, source_id), "created": now_ms()}, made

    async def _changed(self, source: SourceDoc, fields: dict[str, Any], by: By, action: str) -> SourceDoc:
        changes = {**fields, "revision": source["revision"] + 1}
        noted = self._audit.entry(source["app"], by, action, source["id"], source, {**source, **changes})
        after = await self._store.app(source["app"]).update(
            SOURCES, source["id"], set=changes, expect={"revision": source["revision"]}, emit=[noted]
        )
        if after is None:
            raise Stale("This has been changed at the same moment; read it again.")
        await self._audit.write(noted, SOURCES.name, source["id"])
        return after


def _random_secret(kind: str) -> str:
    return WHSEC + base64.b64encode(os.urandom(32)).decode() if kind == "standard" else new_secret()


def _invalid(name: str, detail: str) -> Invalid:
    return Invalid(f"{name}: {detail}.", fields=[{"field": name, "detail": detail}])
