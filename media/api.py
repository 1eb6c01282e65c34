"""REST for recordings, with an API key or an app token. [door]"""

from typing import Any

from pydantic import Field
from starlette.routing import BaseRoute

from media.catalog import Catalog
from media.recording import Recordings
from media.vod import MP4, POSTER, PREVIEWS
from weir.foundation.auth import Authenticator
from weir.foundation.clock import rfc3339, shown_time
from weir.foundation.documents import Doc
from weir.foundation.errors import Conflict, NotFound
from weir.foundation.ground import Ground
from weir.foundation.ids import new_id
from weir.foundation.routing import Answer, Body, Call, Row, bind


class NewPlaybackToken(Body):
    sid: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    uid: str | None = Field(None, max_length=128)
    ttl_s: int | None = Field(None, ge=60, le=86400)


def shown(recording: Doc) -> dict[str, Any]:
    """A recording as its app sees it."""
    return {
        "id": recording["id"], "stream": recording["stream"], "broadcast": recording["broadcast"], "title": recording["title"],
        "state": recording["state"], "started": rfc3339(recording["started"]), "ended": shown_time(recording.get("ended")),
        "duration_s": recording.get("duration_s"), "size": recording.get("size"), "width": recording.get("width"),
        "height": recording.get("height"), "renditions": recording.get("heights", []), "reason": recording.get("reason"),
    }  # fmt: skip


class MediaRoutes:
    def __init__(self, ground: Ground, catalog: Catalog, recordings: Recordings) -> None:
        self._ground, self._catalog, self._recordings = ground, catalog, recordings

    def routes(self) -> list[BaseRoute]:
        auth = Authenticator(self._ground.tokens, self._ground.directory, self._ground.vault)
        return [bind(row, auth) for row in self.rows()]

    def rows(self) -> list[Row]:
        return [
            Row("GET", "/v1/recordings", "tenant", self.list_recordings),
            Row("GET", "/v1/recordings/{recording}", "tenant", self.get),
            Row("DELETE", "/v1/recordings/{recording}", "tenant", self.delete),
            Row("POST", "/v1/recordings/{recording}/stop", "tenant", self.stop),
            Row("POST", "/v1/recordings/{recording}/playback-tokens", "tenant", self.playback_token, NewPlaybackToken),
            Row("POST", "/v1/streams/{stream}/recordings", "tenant", self.start),
        ]

    async def list_recordings(self, call: Call) -> Answer:
        tenant, query = call.acting("streams:read"), call.request.query_params
        limit = min(max(int(query["limit"]), 1), 200) if query.get("limit", "").isdecimal() else 50
        page = await self._catalog.page(tenant.app, query.get("stream"), limit, query.get("cursor"))
        return Answer({"data": [shown(recording) for recording in page.data], "next_cursor": page.next})

    async def get(self, call: Call) -> Answer:
        return Answer(shown(await self._recording(call, "streams:read")))

    async def delete(self, call: Call) -> Answer:
        await self._recordings.remove(call.acting("streams:write").app, call.path("recording"))
        return Answer(None, 204)

    async def start(self, call: Call) -> Answer:
        """Records a stream that is live and not recorded yet."""
        stream = await self._ground.store.app(call.acting("streams:write").app).get("streams", call.path("stream"))
        if stream is None:
            raise NotFound("There is no such stream.")
        return Answer(shown(await self._recordings.start(stream)), 201)

    async def stop(self, call: Call) -> Answer:
        """The recording ends with the segment that is growing now and is then made ready."""
        await self._recordings.stop(call.acting("streams:write").app, call.path("recording"))
        return Answer(shown(await self._recording(call, "streams:write")), 202)

    async def playback_token(self, call: Call) -> Answer:
        recording, body = await self._recording(call, "streams:write"), call.body
        if recording["state"] != "ready":
            raise Conflict("The recording is not ready.")
        settings = self._ground.settings
        sid, ttl = body.sid or new_id("ses"), body.ttl_s or settings.playback_token_ttl_s
        token = self._ground.tokens.mint_playback(recording["id"], recording["app"], sid, ttl, body.uid)
        base = f"{settings.base_url}/hls/{token}/{recording['id']}/"
        urls = {"url": base + "master.m3u8", "mp4_url": base + MP4, "poster_url": base + POSTER, "previews_url": base + PREVIEWS}
        return Answer({"token": token, "sid": sid, "expires_in": ttl, **urls}, 201)

    async def _recording(self, call: Call, scope: str) -> Doc:
        found = await self._catalog.get(call.acting(scope).app, call.path("recording"))
        if found is None:
            raise NotFound("There is no such recording.")
        return found
