"""Routes of overlays: their link, for the stream's app, and the session that a page opens with it."""

from pydantic import Field

from control.models import Viewers
from control.overlays.models import OverlayKey, OverlaySession
from control.overlays.service import Overlays
from weir.foundation.audit import by
from weir.foundation.documents import Store
from weir.foundation.errors import NotFound, Unauthenticated, Unavailable
from weir.foundation.http.response_headers import APP
from weir.foundation.http.routing import Answer, Body, Call, Row
from weir.foundation.redis.rate_limits import OVERLAYS
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import STREAMS, StreamDoc


class NewOverlaySession(Body):
    key: str = Field(max_length=200)


class OverlayRoutes:
    def __init__(self, overlays: Overlays, viewers: Viewers, *, store: Store, settings: Settings) -> None:
        self._overlays = overlays
        self._viewers = viewers
        self._store = store
        self._settings = settings

    def rows(self) -> list[Row]:
        one, write = "/v1/streams/{stream}/overlay", "streams:write"
        return [
            Row("POST", one, "tenant", self.make, None, "A new secret link for overlays; the one before is dead.", answer=OverlayKey,
                status=201, scope=write, at=""),
            Row("DELETE", one, "tenant", self.end, None, "End the link of a stream's overlays.", status=204, scope=write),
            Row("POST", "/v1/overlay-sessions", "anybody", self.session, NewOverlaySession, "What an overlay shows and reads with.",
                answer=OverlaySession, status=201, errors=(Unauthenticated,), tag="watch", limit=OVERLAYS, at=""),
        ]  # fmt: skip

    async def _stream(self, call: Call) -> StreamDoc:
        found = await self._store.app(call.acting().app).get(STREAMS, call.path("stream"))
        if found is None:
            raise NotFound("There is no such stream.")
        return found

    async def make(self, call: Call) -> Answer:
        key = await self._overlays.make(await self._stream(call), by(call))
        return Answer({"key": key, "url": f"{self._settings.base_url}/overlay/chat#{key}"}, 201)

    async def end(self, call: Call) -> Answer:
        await self._overlays.end(await self._stream(call), by(call))
        return Answer(None, 204)

    async def session(self, call: Call) -> Answer:
        stream, opened = await self._overlays.session(call.body.key)
        call.request.scope[APP] = stream["app"]
        try:
            viewers: int | None = await self._viewers(stream["channel"])
        except Unavailable:
            viewers = None
        return Answer({**opened, "viewers": viewers}, 201)
