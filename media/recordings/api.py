"""REST for recordings, with an API key or an app token. [door]"""

from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, Field
from starlette.routing import BaseRoute

from media.recordings.finalizer import MP4, POSTER, PREVIEWS
from media.recordings.service import Recordings
from media.recordings.store import NOTED, RecordingStore
from weir.foundation.audit import by
from weir.foundation.clock import format_time, rfc3339
from weir.foundation.documents import Doc
from weir.foundation.errors import Conflict, NotFound
from weir.foundation.http.listing import Searched
from weir.foundation.http.routing import Answer, Body, Call, Listed, Row, bind
from weir.foundation.ids import new_id
from weir.foundation.services import Services
from weir.foundation.texts import Line, Metadata, Text

TAG = "recordings"
State = Literal["recording", "uploading", "processing", "ready", "failed"]


class NewRecordingToken(Body):
    """`sid` is the viewing session that revocations name, `user` the customer's own user id (formerly `uid`)."""

    sid: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    user: str | None = Field(None, max_length=128, validation_alias=AliasChoices("user", "uid"))
    ttl_s: int | None = Field(None, ge=60, le=86400)


class RecordingChange(Body):
    """Only what is given changes; null takes a field back to its default. `visibility` decides who may watch: `public` anybody,
    `signed` those with a token, null as its stream (and an upload of no stream is signed). It counts within seconds, also for those
    who watch."""

    title: Line | None = Field(None, max_length=200)
    description: Text | None = Field(None, max_length=2000)
    visibility: Literal["public", "signed"] | None = None
    metadata: Metadata | None = None


class RecordingFilter(Searched):
    """By the time of the start."""

    stream: str | None = Field(None, max_length=64)
    state: State | None = None


class Recording(BaseModel):
    """A recorded broadcast, or an uploaded video. `size` of the MP4 in bytes; what is known only at the end is null before.
    `renditions` are heights, highest first. Of a video: `progress` in percent while it is processed, and a stable `code` when it
    has failed."""

    id: str
    source: Literal["broadcast", "upload"]
    stream: str | None
    broadcast: str | None
    title: str
    description: str
    visibility: Literal["public", "signed"] | None
    metadata: dict[str, str]
    state: State
    progress: int | None
    started: str
    ended: str | None
    duration_s: float | None
    size: int | None
    width: int | None
    height: int | None
    renditions: list[int]
    code: str | None
    reason: str | None


class PlaybackAccess(BaseModel):
    """Addresses that hold the token: a playlist, the MP4, a poster, and WebVTT with pictures for seeking."""

    token: str
    sid: str
    expires_in: int
    url: str
    mp4_url: str
    poster_url: str
    previews_url: str


def shown(recording: Doc) -> dict[str, Any]:
    """A recording as its app sees it."""
    return {
        "id": recording["id"], "source": recording.get("source", "broadcast"), "stream": recording.get("stream"),
        "broadcast": recording.get("broadcast"), "title": recording["title"],
        "description": recording.get("description", ""), "visibility": recording.get("visibility"),
        "metadata": recording.get(NOTED) or {}, "state": recording["state"],
        "progress": recording.get("progress"), "code": recording.get("code"),
        "started": rfc3339(recording["started"]), "ended": format_time(recording.get("ended")),
        "duration_s": recording.get("duration_s"), "size": recording.get("size"), "width": recording.get("width"),
        "height": recording.get("height"), "renditions": recording.get("heights", []), "reason": recording.get("reason"),
    }  # fmt: skip


def etag_of(recording: Doc) -> str:
    """A recording changes by itself until it is finished."""
    return f'"{recording.get("revision") or 0}.{recording["transition"]}.{recording.get("progress") or 0}"'


class RecordingRoutes:
    def __init__(self, services: Services, recording_store: RecordingStore, recordings: Recordings) -> None:
        self._services, self._recording_store, self._recordings = services, recording_store, recordings

    def routes(self) -> list[BaseRoute]:
        return [bind(row, self._services.door) for row in self.rows()]

    def rows(self) -> list[Row]:
        one = "/v1/recordings/{recording}"
        return [
            Row("GET", "/v1/recordings", "tenant", self.list_recordings, summary="Recordings, newest first", query=RecordingFilter,
                answer=Listed[Recording], scope="streams:read", tag=TAG),
            Row("GET", one, "tenant", self.get, summary="One recording", answer=Recording, scope="streams:read", tag=TAG,
                etag=True),
            Row("PATCH", one, "tenant", self.change, RecordingChange, summary="Change a recording's title, visibility and metadata",
                answer=Recording, scope="streams:write", tag=TAG, etag=True),
            Row("DELETE", one, "tenant", self.delete, summary="Delete a recording and its files", status=204, scope="streams:write",
                errors=(Conflict,), tag=TAG),
            Row("POST", one + "/stop", "tenant", self.stop, summary="End a running recording", answer=Recording, status=202,
                scope="streams:write", errors=(Conflict,), tag=TAG),
            Row("POST", one + "/playback-tokens", "tenant", self.playback_token, NewRecordingToken,
                summary="A token that plays a recording", answer=PlaybackAccess, status=201, scope="streams:write",
                errors=(Conflict,), tag=TAG),
            Row("POST", "/v1/streams/{stream}/recordings", "tenant", self.start, summary="Record a stream that is live",
                answer=Recording, status=201, scope="streams:write", errors=(Conflict,), tag=TAG, at="/v1/recordings/{id}"),
        ]  # fmt: skip

    async def list_recordings(self, call: Call) -> Answer:
        page = await self._recording_store.page(call.acting().app, call.query)
        return Answer({"data": [shown(recording) for recording in page.data], "next_cursor": page.next})

    async def get(self, call: Call) -> Answer:
        recording = await self._recording(call)
        return Answer(shown(recording), etag=etag_of(recording))

    async def change(self, call: Call) -> Answer:
        recording = await self._recording(call)
        call.expects(etag_of(recording))
        given = call.body.changes({"title": "", "description": "", "visibility": None, "metadata": {}})
        fields = {NOTED if name == "metadata" else name: value for name, value in given.items()}
        changed = await self._recordings.change(recording, fields, by(call)) if fields else recording
        return Answer(shown(changed), etag=etag_of(changed))

    async def delete(self, call: Call) -> Answer:
        await self._recordings.remove(call.acting().app, call.path("recording"), by(call))
        return Answer(None, 204)

    async def start(self, call: Call) -> Answer:
        """Records a stream that is live and not recorded yet."""
        stream = await self._services.store.app(call.acting().app).get("streams", call.path("stream"))
        if stream is None:
            raise NotFound("There is no such stream.")
        return Answer(shown(await self._recordings.start(stream, call.new_id("rec"), by(call))), 201)

    async def stop(self, call: Call) -> Answer:
        """The recording ends with the segment that is growing now and is then made ready."""
        await self._recordings.stop(call.acting().app, call.path("recording"), by(call))
        return Answer(shown(await self._recording(call)), 202)

    async def playback_token(self, call: Call) -> Answer:
        recording, body = await self._recording(call), call.body
        if recording["state"] != "ready":
            raise Conflict("The recording is not ready.")
        settings = self._services.settings
        sid, ttl = body.sid or new_id("ses"), body.ttl_s or settings.playback_token_ttl_s
        await self._services.audit.count(recording["app"], by(call), "playback_tokens.minted", recording["id"])
        token = self._services.tokens.mint_playback(recording["id"], recording["app"], sid, ttl, body.user, **call.acting().origin)
        base = f"{settings.base_url}/hls/{token}/{recording['id']}/"
        urls = {"url": base + "master.m3u8", "mp4_url": base + MP4, "poster_url": base + POSTER, "previews_url": base + PREVIEWS}
        return Answer({"token": token, "sid": sid, "expires_in": ttl, **urls}, 201)

    async def _recording(self, call: Call) -> Doc:
        found = await self._recording_store.get(call.acting().app, call.path("recording"))
        if found is None:
            raise NotFound("There is no such recording.")
        return found
