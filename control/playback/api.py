"""Routes for whoever watches: what may be known of a stream, its recordings, and a browser's session."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from control.models import Viewers
from control.playback import watch_sessions as views
from control.playback.link_previews import oembed, playback_of
from control.playback.models import Oembed, Renewed, WatchedRecording, WatchedStream, WatchSession
from control.playback.watch_sessions import WatchSessions
from weir.foundation.errors import Forbidden, NotFound, NotOffered, Unauthenticated, Unavailable
from weir.foundation.http.response_headers import APP
from weir.foundation.http.routing import Answer, Body, Call, Listed, Paging, Query, Row
from weir.foundation.redis.rate_limits import SESSION
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import StreamDoc
from weir.foundation.tenancy.playback_rights import RECORDED, PlaybackRights
from weir.foundation.texts import cleaned_name


class NewWatchSession(Body):
    name: Annotated[str, AfterValidator(cleaned_name)] | None = Field(None, min_length=1, max_length=40)
    resume: str | None = Field(None, max_length=4096)
    device: str | None = Field(
        None,
        max_length=200,
        description="What an earlier answer gave as `device`; a guest who is known is no new one.",
    )
    token: str | None = Field(
        None, max_length=4096, description="A playback token, which opens a signed stream."
    )
    user: str | None = Field(
        None, max_length=4096, description="A user token of the app: the browser sits there as this person."
    )


class Renewal(Body):
    playback_token: str = Field(max_length=4096)


def bearer_of(call: Call) -> str:
    """The playback token that comes along as bearer; empty without one."""
    return call.request.headers.get("authorization", "").partition(" ")[2].strip()


class OembedQuery(Query):
    """Consumers add words of their own, which mean nothing here."""

    model_config = ConfigDict(extra="ignore")
    url: str = Field(max_length=2000)
    maxwidth: int | None = Field(None, ge=1, le=100_000)
    maxheight: int | None = Field(None, ge=1, le=100_000)
    format: str = Field("json", max_length=20)


class WatchRoutes:
    def __init__(
        self, watch: WatchSessions, rights: PlaybackRights, viewers: Viewers, *, settings: Settings
    ) -> None:
        self._settings = settings
        self._watch = watch
        self._rights = rights
        self._viewers = viewers

    def rows(self) -> list[Row]:
        return [
            Row("GET", "/v1/watch/{playback}", "anybody", self.watch_stream, None, "What any viewer may know of a stream.",
                answer=WatchedStream),
            Row("GET", "/v1/watch/{playback}/recordings", "anybody", self.list_recordings, None, "Public recordings, newest first.",
                Paging, Listed[WatchedRecording], errors=(Forbidden,)),
            Row("POST", "/v1/watch/{playback}/session", "anybody", self.watch_session, NewWatchSession, "Tokens for a browser.",
                answer=WatchSession, status=201, errors=(Forbidden,), limit=SESSION),
            Row("POST", "/v1/watch/{playback}/renew", "anybody", self.watch_renew, Renewal, "A fresh playback token of the same session.",
                answer=Renewed, errors=(Forbidden, Unauthenticated)),
            Row("GET", "/oembed", "anybody", self.oembed, None, "How the page of a stream or recording is embedded (oembed.com).",
                OembedQuery, Oembed, errors=(NotFound, NotOffered, Unauthenticated), tag="watch"),
        ]  # fmt: skip

    async def _watched(self, call: Call) -> StreamDoc:
        """The stream of a public route, whose app's own pages may read the answer. Errors: NotFound."""
        stream = await self._rights.stream(call.path("playback"))
        call.request.scope[APP] = stream["app"]
        return stream

    async def _count(self, stream: StreamDoc) -> int | None:
        """None while the counts can't be read: the rest of the answer is still right. A recording has no
        audience of the moment."""
        if stream["state"] == RECORDED:
            return 0
        try:
            return await self._viewers(stream["channel"])
        except Unavailable:
            return None

    async def watch_stream(self, call: Call) -> Answer:
        """Of a signed stream only that it is one, unless a playback token comes along as bearer."""
        stream = await self._watched(call)
        if await self._rights.may_know(stream, bearer_of(call)):
            return Answer({**await self._watch.about(stream), "viewers": await self._count(stream)})
        known = {"playback_id": stream["playback"], "visibility": "signed"}
        return Answer(dict.fromkeys(WatchedStream.model_fields) | known)

    async def list_recordings(self, call: Call) -> Answer:
        """Of a signed stream for the bearer of a token that plays it, and only those that are public."""
        await self._watched(call)
        page = await self._watch.recordings(call.path("playback"), bearer_of(call), call.query)
        return Answer({"data": [views.recording_view(one) for one in page.data], "next_cursor": page.next})

    async def watch_session(self, call: Call) -> Answer:
        body: NewWatchSession = call.body
        await self._watched(call)
        return Answer(
            await self._watch.session(
                call.path("playback"), body.name, body.resume, body.token, body.user, body.device
            ),
            201,
        )

    async def watch_renew(self, call: Call) -> Answer:
        await self._watched(call)
        return Answer(await self._watch.renew(call.path("playback"), call.body.playback_token))

    async def oembed(self, call: Call) -> Answer:
        """The statuses are those of the specification: 404 for an address that is not ours, 401 for what is
        not public, 501 for XML."""
        asked: OembedQuery = call.query
        if asked.format != "json":
            raise NotOffered("The answer is made as JSON alone; ask with format=json.")
        playback = playback_of(asked.url, self._settings.base_url)
        if playback is None:
            raise NotFound("This is no watch page of this installation.")
        stream = await self._rights.stream(playback)
        if not await self._rights.is_served(stream):
            raise NotFound("There is no stream at this address.")
        if stream["visibility"] == "signed":
            raise Unauthenticated("This stream is not public.")
        return Answer(oembed(stream, self._settings.base_url, asked.maxwidth, asked.maxheight))
