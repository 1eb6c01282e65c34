"""REST for sources, and the address that partners call. [door]"""

from typing import Any

import orjson
from starlette.requests import Request

from control.inbound import service as views
from control.inbound.counts import HOUR_MS
from control.inbound.models import (
    MappingPreview,
    NewSource,
    PresetList,
    PreviewShown,
    Reject,
    RejectFilter,
    SecretRotation,
    Source,
    SourceChange,
    SourceFilter,
    SourceShown,
    SourceStats,
    Taken,
)
from control.inbound.presets import PRESETS
from control.inbound.receiver import Given, Inbound, Took
from control.inbound.rules import MOST_BYTES, MappedDelivery, Unmappable
from control.inbound.service import Sources
from control.inbound.store import SOURCES, RejectDoc, SourceDoc
from weir.foundation.audit import by
from weir.foundation.clock import format_time, now_ms, rfc3339
from weir.foundation.documents import Store
from weir.foundation.errors import Forbidden, TooLarge, Unauthenticated, WrongType
from weir.foundation.http.listing import sieve
from weir.foundation.http.response_headers import APP
from weir.foundation.http.routing import Answer, Call, Listed, Row, address_of
from weir.foundation.redis.rate_limits import Limit
from weir.foundation.settings import Settings

READ, WRITE, TAG = "integrations:read", "integrations:write", "sources"
ADDRESS_LIMIT, PREVIEWS = Limit("inbound", 6000, 60), Limit("previews", 300, 60)


class SourceRoutes:
    def __init__(self, sources: Sources, inbound: Inbound, *, store: Store, settings: Settings) -> None:
        self._sources = sources
        self._inbound = inbound
        self._store = store
        self._base_url = settings.base_url

    def rows(self) -> list[Row]:
        base, one = "/v1/sources", "/v1/sources/{source}"
        read: dict[str, Any] = {"scope": READ, "tag": TAG}
        write: dict[str, Any] = {"scope": WRITE, "tag": TAG}
        return [
            Row("GET", base, "tenant", self.list_sources, summary="List sources", query=SourceFilter, answer=Listed[Source], **read),
            Row("POST", base, "tenant", self.create, NewSource, summary="Make a source; its secret is shown once", answer=SourceShown,
                status=201, **write),
            Row("GET", base + "/presets", "tenant", self.presets, summary="List ready-made mappings, each with a sample",
                answer=PresetList, **read),
            Row("POST", base + "/preview", "tenant", self.preview, MappingPreview, summary="Show what would come of a body",
                answer=PreviewShown, limit=PREVIEWS, **read),
            Row("GET", one, "tenant", self.get, summary="Read a source", answer=Source, etag=True, **read),
            Row("PATCH", one, "tenant", self.change, SourceChange, summary="Change a source", answer=Source, etag=True, **write),
            Row("DELETE", one, "tenant", self.delete, summary="Delete a source; its address answers 404 from then on", status=204, **write),
            Row("POST", one + "/rotate-secret", "tenant", self.rotate, SecretRotation, summary="Give a source another secret",
                answer=SourceShown, etag=True, **write),
            Row("GET", one + "/stats", "tenant", self.stats, summary="Count what came in the last 24 hours", answer=SourceStats, **read),
            Row("GET", one + "/rejects", "tenant", self.rejects, summary="List bodies that the mapping could not take, newest first",
                query=RejectFilter, answer=Listed[Reject], **read),
            Row("POST", one + "/rejects/{reject}/replay", "tenant", self.replay, summary="Take a rejected body now", answer=Taken, **write),
            Row("POST", "/v1/inbound/{source}", "anybody", self.receive, summary="Deliver to a source, as its partner", answer=Taken,
                status=202, also=(200,), errors=(Unauthenticated, Forbidden, WrongType), limit=ADDRESS_LIMIT, streamed=(),
                tag="inbound"),
        ]  # fmt: skip

    async def _source(self, call: Call) -> SourceDoc:
        return await self._sources.get(call.acting().app, call.path("source"))

    def _shown(self, source: SourceDoc) -> dict[str, Any]:
        return views.public_view(source, self._base_url)

    async def list_sources(self, call: Call) -> Answer:
        asked: SourceFilter = call.query
        page = await self._store.app(call.acting().app).find(
            SOURCES,
            {**asked.where("kind"), "created": asked.span()},
            sort="created",
            descending=asked.descending,
            limit=asked.limit,
            cursor=asked.cursor,
            sieve=sieve(asked.q, ("name",), None),
        )
        return Answer({"data": [self._shown(one) for one in page.data], "next_cursor": page.next})

    async def create(self, call: Call) -> Answer:
        source, secret = await self._sources.create(
            call.acting().app, call.new_id("src"), call.body, by(call)
        )
        return Answer({**self._shown(source), "secret": secret}, 201, etag=views.etag(source))

    async def get(self, call: Call) -> Answer:
        source = await self._source(call)
        return Answer(self._shown(source), etag=views.etag(source))

    async def change(self, call: Call) -> Answer:
        source, body = await self._source(call), call.body
        call.expects(views.etag(source))
        fields = body.changes(views.DEFAULTS)
        fields.pop("auth", None)
        if fields.get("mapping") is not None:
            fields["mapping"] = body.mapping.model_dump(exclude_none=True)
        after = await self._sources.change(source, fields, body.auth, by(call))
        return Answer(self._shown(after), etag=views.etag(after))

    async def delete(self, call: Call) -> Answer:
        await self._sources.delete(await self._source(call), by(call))
        return Answer(None, 204)

    async def rotate(self, call: Call) -> Answer:
        """The secret before stays valid for a while, so that the partner can change over without a gap."""
        before = await self._source(call)
        call.expects(views.etag(before))
        source, secret = await self._sources.rotate(before, call.body.secret, call.body.overlap_s, by(call))
        return Answer({**self._shown(source), "secret": secret}, etag=views.etag(source))

    async def stats(self, call: Call) -> Answer:
        hours = await self._sources.stats(await self._source(call))
        return Answer(views.stats_view(hours, now_ms() // HOUR_MS))

    async def presets(self, _call: Call) -> Answer:
        shown = [
            {**preset, "kind": kind, "auth": views.auth_view(preset["auth"])}
            for kind, preset in PRESETS.items()
        ]
        return Answer({"data": shown})

    async def preview(self, call: Call) -> Answer:
        """Stores nothing: for an editor that shows what a mapping makes of a sample. What is wrong with the mapping or the sample is in
        `errors`, by its path."""
        body: MappingPreview = call.body
        given = body.mapping.model_dump(exclude_none=True) if body.mapping is not None else None
        errors = await self._sources.wrong_expressions(body.kind, given)
        try:
            if errors:
                raise Unmappable(errors)
            mapping = given if given is not None else PRESETS[body.kind]["mapping"]
            outcome = await self._inbound.preview(mapping, body.sample, body.query, body.headers)
        except Unmappable as wrong:
            return Answer({"id": wrong.id, "events": [], "readings": [], "errors": wrong.errors})
        return Answer({**_outcome(outcome), "errors": []})

    async def rejects(self, call: Call) -> Answer:
        page = await self._inbound.rejects(await self._source(call), call.query)
        return Answer({"data": [_reject(one) for one in page.data], "next_cursor": page.next})

    async def replay(self, call: Call) -> Answer:
        """With the mapping that the source has now. When it is taken, it leaves the list."""
        took = await self._inbound.replay(await self._source(call), call.path("reject"), by(call))
        return Answer(_taken(took))

    async def receive(self, call: Call) -> Answer:
        """JSON of 256 KB at most, or a form with a field `json` or `payload`, signed as the source says. 202: it is
        stored, and will be in the app's log or at its places; 200: it had been taken before. Query parameters
        are seen by the mapping as `query`."""
        source = await self._inbound.source(call.path("source"))
        request = call.request
        request.scope[APP] = source["app"]
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise WrongType("Send the body as it is, without Content-Encoding.")
        given = Given(
            await _read(request), dict(request.query_params), _headers(request), address_of(request)
        )
        took = await self._inbound.take(source, given)
        return Answer(_taken(took), 200 if took.repeated else 202)


async def _read(request: Request) -> bytes:
    parts, size = [], 0
    async for chunk in request.stream():
        parts.append(chunk)
        size += len(chunk)
        if size > MOST_BYTES:
            raise TooLarge(f"The body may have {MOST_BYTES} bytes at most.")
    return b"".join(parts)


def _headers(request: Request) -> dict[str, str]:
    """By lower-case names; of a header that comes several times the first."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found.setdefault(name, value)
    return found


def _taken(took: Took) -> dict[str, Any]:
    return {**{name: took.delivery[name] for name in ("id", "events", "readings")}, "repeated": took.repeated}


def _outcome(outcome: MappedDelivery) -> dict[str, Any]:
    return {
        "id": outcome.id,
        "events": [{"type": one.type, "data": one.data} for one in outcome.events],
        "readings": [{**vars(one), "at": format_time(one.at)} for one in outcome.readings],
    }


def _reject(doc: RejectDoc) -> dict[str, Any]:
    return {
        **{name: doc[name] for name in ("id", "errors")},
        **orjson.loads(doc["beside"]),
        "at": rfc3339(doc["at"]),
        "times": doc.get("times", 1),
        "body": doc["body"].decode("utf-8", "replace"),
    }
