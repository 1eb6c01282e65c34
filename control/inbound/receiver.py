"""Takes what partners send: checks the sender, maps the body, and stores a delivery with its facts in one write. [work]

What was answered 202 is in the delivery's document, with its facts in the outbox: a process that dies behind the answer loses nothing,
and one that dies before it leaves the sender to repeat, which then is the first or a repeat of the first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from control.inbound.counts import InboundCounts
from control.inbound.evaluator import MappingEvaluator, TooCostly
from control.inbound.rules import MappedDelivery, Unmappable, as_json, outcome_of, parsed, seen_headers
from control.inbound.service import Sources
from control.inbound.signatures import NotAuthentic, check, inside, once_of, signing_header
from control.inbound.store import DELIVERIES, REJECTS, SOURCES, InboundDeliveryDoc, RejectDoc, SourceDoc
from weir.foundation.audit import Audit, By
from weir.foundation.clock import monotonic, now_ms, now_s
from weir.foundation.documents import Between, DuplicateKey, Page, Store
from weir.foundation.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from weir.foundation.events import Event, InboundEvent, InboundReading
from weir.foundation.http.listing import Spanned
from weir.foundation.ids import derived_id, new_id
from weir.foundation.redis.bus import Bus, Relay
from weir.foundation.redis.rate_limits import Limit, Limits
from weir.foundation.settings import Settings
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.quotas import Quotas

DELIVERY_MS, REJECT_MS = 86_400_000, 7 * 86_400_000
LARGE, MOST_LARGE, MOST_REJECTS = 16 * 1024, 50, 1_000
LONGEST_WAIT_S = 3600.0
LOOK_S, MOST_UNREAD, MOST_UNSENT_S = 1.0, 25_000, 20.0
SOURCE_LIMIT = Limit("source", 3000, 60)
WEBHOOK_ID = "webhook-id"


@dataclass(frozen=True)
class Given:
    """A request of a partner; `headers` by lower-case names."""

    body: bytes
    query: Mapping[str, str]
    headers: Mapping[str, str]
    address: str


@dataclass(frozen=True)
class Took:
    delivery: InboundDeliveryDoc
    repeated: bool


class Inbound:
    def __init__(
        self,
        sources: Sources,
        evaluator: MappingEvaluator,
        counts: InboundCounts,
        audit: Audit,
        *,
        settings: Settings,
        store: Store,
        bus: Bus,
        relay: Relay,
        directory: Directory,
        limits: Limits,
        quotas: Quotas,
    ) -> None:
        self._sources = sources
        self._evaluator = evaluator
        self._counts = counts
        self._audit = audit
        self._tolerance_s = settings.webhook_signature_tolerance_s
        self._limit = (
            SOURCE_LIMIT if (count := settings.limits.get("source")) is None else Limit("source", count, 60)
        )
        self._store = store
        self._bus = bus
        self._relay = relay
        self._behind, self._looked_at = False, 0.0
        self._directory = directory
        self._limits = limits
        self._quotas = quotas

    async def source(self, source_id: str) -> SourceDoc:
        """Of any app that is open. Errors: NotFound; Forbidden for a suspended app, and for a source that is switched off."""
        source = await self._store.operator().get(SOURCES, source_id)
        app = await self._directory.app(source["app"]) if source is not None else None
        if source is None or app is None or app.get("state") in ("archived", "deleting"):
            raise NotFound("There is no such source.")
        if app.get("state") == "suspended":
            raise Forbidden("This app has been suspended by the platform's operator.")
        if not source["enabled"]:
            raise Forbidden("This source is switched off.")
        return source

    async def take(self, source: SourceDoc, given: Given) -> Took:
        """Errors: Unauthenticated and Forbidden (network), both counted; RateLimited; Invalid when the mapping can't take the body,
        which is then among the rejects; Unavailable."""
        self._check_sender(source, given)
        await self._check_rate(source)
        await self._check_backlog()
        mapping = self._sources.mapping_of(source)
        headers = seen_headers(mapping, given.headers, [signing_header(source["auth"])])
        body, query = as_json(given.body, given.headers.get("content-type", "")), dict(given.query)
        sent = given.headers.get(WEBHOOK_ID) or once_of(source["auth"], given.headers, given.body)
        try:
            outcome = await self._outcome(source, mapping, body, query, headers)
        except Unmappable as wrong:
            self._counts.add(source["app"], source["id"], "rejected")
            await self._reject(source, body, query, headers, wrong, sent)
            raise wrong.refused() from None
        known_as = outcome.id or sent
        took = await self._deliver(
            source, outcome, derived_id("dlv", source["id"], known_as) if known_as else new_id("dlv")
        )
        self._counts.add(source["app"], source["id"], "repeated" if took.repeated else "received")
        return took

    def _check_sender(self, source: SourceDoc, given: Given) -> None:
        refusal: Unauthenticated | Forbidden | None = None
        if not inside(given.address, source["networks"]):
            refusal = Forbidden(
                f"The address {given.address or 'of this machine'} is in none of the source's networks."
            )
        else:
            secrets = self._sources.secrets_of(source)
            try:
                check(source["auth"], secrets, given.headers, given.body, now_s(), self._tolerance_s)
            except NotAuthentic as reason:
                refusal = Unauthenticated(str(reason))
        if refusal is not None:
            self._counts.add(source["app"], source["id"], "refused", refusal.detail)
            raise refusal

    async def _check_rate(self, source: SourceDoc) -> None:
        """Of the source, and of all sources of the app by its plan. Errors: RateLimited."""
        plan = self._quotas.plan_of(await self._directory.app(source["app"]))
        await self._limits.consume(self._limit, source["id"])
        await self._limits.consume(Limit("sources", plan.requests_per_minute, 60), source["app"])

    async def _check_backlog(self) -> None:
        """Takes nothing while what was taken is not applied: it waits in Redis' memory. Errors: Unavailable."""
        if monotonic() - self._looked_at > LOOK_S:
            self._looked_at = monotonic()
            try:
                unread = await self._bus.bulk()
            except Unavailable:
                unread = 0  # then the outboxes wait, too
            self._behind = unread > MOST_UNREAD or await self._relay.age() > MOST_UNSENT_S
        if self._behind:
            raise Unavailable(
                "More has come in than could be applied so far; send it again later.", retry_after=10
            )

    async def preview(
        self, mapping: dict[str, Any], body: Any, query: dict[str, str], headers: dict[str, str]
    ) -> MappedDelivery:
        """What would come of it; stores nothing. Errors: Unmappable."""
        raw = orjson.dumps(body)
        return await self._evaluated(
            f"preview.{sha256(orjson.dumps(mapping)).hexdigest()}", mapping, raw, query, headers
        )

    async def _outcome(
        self,
        source: SourceDoc,
        mapping: dict[str, Any],
        raw: bytes,
        query: dict[str, str],
        headers: dict[str, str],
    ) -> MappedDelivery:
        return await self._evaluated(f"{source['id']}.{source['revision']}", mapping, raw, query, headers)

    async def _evaluated(
        self,
        subject: str,
        mapping: dict[str, Any],
        raw: bytes,
        query: dict[str, str],
        headers: dict[str, str],
    ) -> MappedDelivery:
        data = {"body": parsed(raw), "query": query, "headers": headers}
        try:
            answer = await self._evaluator.evaluate(subject, mapping, data)
        except TooCostly as reason:
            raise Unmappable([{"field": "rules", "detail": str(reason).rstrip(".")}]) from None
        return outcome_of(answer, now_ms())

    async def _deliver(self, source: SourceDoc, outcome: MappedDelivery, delivery_id: str) -> Took:
        now = now_ms()
        doc: InboundDeliveryDoc = {
            "id": delivery_id,
            "source": source["id"],
            "events": len(outcome.events),
            "readings": len(outcome.readings),
            "at": now,
        }
        handle = self._store.app(source["app"])
        try:
            stored = await handle.insert(DELIVERIES, doc, emit=_facts(source, delivery_id, outcome, now))
        except DuplicateKey:
            return Took(await handle.get(DELIVERIES, delivery_id) or doc, repeated=True)
        self._relay.nudge()
        if (
            await handle.get(REJECTS, delivery_id) is not None
        ):  # the same delivery, before the mapping was mended
            await handle.delete(REJECTS, {"id": delivery_id})
        return Took(stored, repeated=False)

    # -- what could not be taken

    async def _reject(
        self,
        source: SourceDoc,
        body: bytes,
        query: dict[str, str],
        headers: dict[str, str],
        wrong: Unmappable,
        sent: str | None,
    ) -> None:
        """Keeps a body, once for all its repeats."""
        known_as = wrong.id or sent or sha256(body + orjson.dumps(query)).hexdigest()
        fields = {
            "source": source["id"],
            "large": len(body) > LARGE,
            "body": body,
            "beside": orjson.dumps({"query": query, "headers": headers}),
            "errors": wrong.errors,
            "at": now_ms(),
        }
        reject_id = derived_id("dlv", source["id"], known_as)
        await self._store.app(source["app"]).update(
            REJECTS, reject_id, set=fields, inc={"times": 1}, upsert=True
        )
        await self._trim(source, large=len(body) > LARGE)

    async def _trim(self, source: SourceDoc, *, large: bool) -> None:
        """Deletes the oldest above the bound: of large bodies fewer are kept, so that a source keeps 29 MB at most."""
        handle, where = self._store.app(source["app"]), {"source": source["id"], "large": large}
        excess = await handle.count(REJECTS, where) - (MOST_LARGE if large else MOST_REJECTS)
        if excess > 0:
            for old in (await handle.find(REJECTS, where, sort="at", limit=excess)).data:
                await handle.delete(REJECTS, {"id": old["id"]})

    async def rejects(self, source: SourceDoc, asked: Spanned) -> Page[RejectDoc]:
        return await self._store.app(source["app"]).find(
            REJECTS,
            {"source": source["id"], "at": asked.span()},
            sort="at",
            descending=asked.descending,
            limit=asked.limit,
            cursor=asked.cursor,
        )

    async def replay(self, source: SourceDoc, reject_id: str, by: By) -> Took:
        """Takes a rejected body with the mapping that there is now: under the delivery's own id when the mapping names one, else under
        the reject's. So it is taken once, however often it is replayed or sent again. Errors: NotFound; Invalid when it still can't be
        taken."""
        handle = self._store.app(source["app"])
        reject = await handle.get(REJECTS, reject_id)
        if reject is None or reject["source"] != source["id"]:
            raise NotFound("There is no such reject.")
        mapping, beside = self._sources.mapping_of(source), orjson.loads(reject["beside"])
        try:
            outcome = await self._outcome(source, mapping, reject["body"], beside["query"], beside["headers"])
        except Unmappable as wrong:
            await handle.update(REJECTS, reject_id, set={"errors": wrong.errors})
            raise wrong.refused() from None
        again = derived_id("dlv", source["id"], outcome.id) if outcome.id is not None else reject_id
        took = await self._deliver(source, outcome, again)
        self._counts.add(source["app"], source["id"], "repeated" if took.repeated else "received")
        await self._audit.count(source["app"], by, "source.replayed", source["id"])
        await handle.delete(REJECTS, {"id": reject_id})
        return took

    async def forget(self) -> None:
        """Periodic: deliveries after 24 hours, unless outboxes wait (they would go with them); rejects and counts after 7 days."""
        await self._store.operator().delete(REJECTS, {"at": Between(below=now_ms() - REJECT_MS)})
        await self._counts.forget()
        if await self._relay.age() < LONGEST_WAIT_S:
            await self._store.operator().delete(DELIVERIES, {"at": Between(below=now_ms() - DELIVERY_MS)})


def _facts(source: SourceDoc, delivery: str, outcome: MappedDelivery, now: int) -> list[Event]:
    """Their ids follow from the delivery's, so that a fact that comes twice is known."""
    app, of = source["app"], source["id"]
    events: list[Event] = [
        InboundEvent(
            id=derived_id("evt", delivery, number),
            at=now,
            app=app,
            source=of,
            kind=one.type,
            data=orjson.dumps(one.data).decode(),
        )
        for number, one in enumerate(outcome.events)
    ]
    readings = [
        InboundReading(
            id=derived_id("evt", delivery, "reading", number),
            at=now,
            app=app,
            source=of,
            serial=one.device,
            state=one.state,
            space=one.space,
            reported=one.at if one.at is not None else now,
            battery=one.battery,
            rssi=one.rssi,
            values=one.values,
        )
        for number, one in enumerate(outcome.readings)
    ]
    return [*events, *readings]
