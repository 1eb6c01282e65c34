"""REST for recordings, with an API key or an app token. [door]"""

from starlette.routing import BaseRoute

from media.recordings.finalizer import MP4, POSTER, PREVIEWS
from media.recordings.models import (
    NewRecordingToken,
    PlaybackAccess,
    Recording,
    RecordingChange,
    RecordingFilter,
    shown,
)
from media.recordings.service import Recordings
from media.recordings.store import NOTED, RecordingStore
from weir.foundation.audit import Audit, by
from weir.foundation.documents import Store
from weir.foundation.errors import Conflict, NotFound
from weir.foundation.http.routing import Answer, Call, Door, Listed, Row, bind
from weir.foundation.ids import new_id
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import STREAMS, RecordingDoc
from weir.foundation.tenancy.tokens import Tokens

TAG = "recordings"


def etag_of(recording: RecordingDoc, before: int = 0) -> str:
    """A recording changes by itself until it is finished."""
    of_itself = f"{recording.get('progress') or 0}.{before}.{int(recording.get('held') or 0)}"
    return f'"{recording.get("revision") or 0}.{recording["transition"]}.{of_itself}"'


class RecordingRoutes:
    def __init__(
        self,
        recording_store: RecordingStore,
        recordings: Recordings,
        *,
        settings: Settings,
        tokens: Tokens,
        store: Store,
        audit: Audit,
        door: Door,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._store = store
        self._audit = audit
        self._door = door
        self._recording_store = recording_store
        self._recordings = recordings

    def routes(self) -> list[BaseRoute]:
        return [bind(row, self._door) for row in self.rows()]

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
        before = await self._recording_store.waiting(*page.data)
        data = [shown(recording, before.get(recording["id"], 0)) for recording in page.data]
        return Answer({"data": data, "next_cursor": page.next})

    async def get(self, call: Call) -> Answer:
        recording = await self._recording(call)
        before = await self._recordings.uploads_before(recording)
        return Answer(shown(recording, before), etag=etag_of(recording, before))

    async def change(self, call: Call) -> Answer:
        recording = await self._recording(call)
        before = await self._recordings.uploads_before(recording)
        call.expects(etag_of(recording, before))
        given = call.body.changes({"title": "", "description": "", "visibility": None, "metadata": {}})
        fields = {NOTED if name == "metadata" else name: value for name, value in given.items()}
        changed = await self._recordings.change(recording, fields, by(call)) if fields else recording
        return Answer(shown(changed, before), etag=etag_of(changed, before))

    async def delete(self, call: Call) -> Answer:
        await self._recordings.remove(call.acting().app, call.path("recording"), by(call))
        return Answer(None, 204)

    async def start(self, call: Call) -> Answer:
        """Records a stream that is live and not recorded yet."""
        stream = await self._store.app(call.acting().app).get(STREAMS, call.path("stream"))
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
        settings = self._settings
        sid, ttl = body.sid or new_id("ses"), body.ttl_s or settings.playback_token_ttl_s
        await self._audit.count(recording["app"], by(call), "playback_tokens.minted", recording["id"])
        token = self._tokens.mint_playback(
            recording["id"], recording["app"], sid, ttl, body.user, **call.acting().origin
        )
        base = f"{settings.base_url}/hls/{token}/{recording['id']}/"
        urls = {
            "url": base + "master.m3u8",
            "mp4_url": base + MP4,
            "poster_url": base + POSTER,
            "previews_url": base + PREVIEWS,
        }
        return Answer({"token": token, "sid": sid, "expires_in": ttl, **urls}, 201)

    async def _recording(self, call: Call) -> RecordingDoc:
        found = await self._recording_store.get(call.acting().app, call.path("recording"))
        if found is None:
            raise NotFound("There is no such recording.")
        return found
