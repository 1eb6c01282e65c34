"""Routes for apps: streams, tokens, revocations; and the one that opens the watch page for any browser."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from pydantic import Field

from control import streams as views
from control import watch as watch_views
from control.streams import Streams
from control.usage import Usage
from control.watch import Watch
from weir.foundation.documents import Doc
from weir.foundation.errors import Unavailable
from weir.foundation.ground import Ground
from weir.foundation.ids import new_id
from weir.foundation.routing import Answer, Body, Call, Row

Viewers = Callable[[str], Awaitable[int]]


class NewStream(Body):
    title: str = Field("", max_length=140)
    visibility: Literal["public", "signed"] = "public"


class NewPlaybackToken(Body):
    sid: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    uid: str | None = Field(None, max_length=128)
    ttl_s: int | None = Field(None, ge=60, le=86400)


class NewUserToken(Body):
    sub: str = Field(pattern=r"^[A-Za-z0-9_.@-]{1,128}$")
    name: str = Field("", max_length=80)
    avatar: str | None = Field(None, max_length=500, pattern=r"^https://")
    roles: dict[str, Literal["owner", "moderator", "vip", "member", "guest"]] = {}
    badges: list[str] = Field([], max_length=20)
    ttl_s: int | None = Field(None, ge=60, le=86400)


class Revocation(Body):
    session: str | None = Field(None, max_length=128)
    user: str | None = Field(None, max_length=128)
    stream: str | None = Field(None, max_length=64)


class NewWatchSession(Body):
    name: str | None = Field(None, min_length=1, max_length=40)
    resume: str | None = Field(None, max_length=4096)
    token: str | None = Field(None, max_length=4096)


class Renewal(Body):
    playback_token: str = Field(max_length=4096)


class StreamRoutes:
    def __init__(self, ground: Ground, streams: Streams, watch: Watch, usage: Usage, viewers: Viewers) -> None:
        self._ground, self._streams, self._watch, self._usage, self._viewers = ground, streams, watch, usage, viewers

    def rows(self) -> list[Row]:
        return [
            Row("GET", "/v1/streams", "tenant", self.list_streams),
            Row("POST", "/v1/streams", "tenant", self.create, NewStream),
            Row("GET", "/v1/streams/{stream}", "tenant", self.get),
            Row("GET", "/v1/streams/{stream}/key", "tenant", self.key),
            Row("POST", "/v1/streams/{stream}/key/rotate", "tenant", self.rotate_key),
            Row("POST", "/v1/streams/{stream}/disconnect", "tenant", self.disconnect),
            Row("POST", "/v1/streams/{stream}/playback-tokens", "tenant", self.playback_token, NewPlaybackToken),
            Row("GET", "/v1/streams/{stream}/analytics", "tenant", self.analytics),
            Row("POST", "/v1/user-tokens", "tenant", self.user_token, NewUserToken),
            Row("POST", "/v1/revocations", "tenant", self.revoke, Revocation),
            Row("GET", "/v1/watch/{playback}", "anybody", self.watch_stream),
            Row("POST", "/v1/watch/{playback}/session", "anybody", self.watch_session, NewWatchSession),
            Row("POST", "/v1/watch/{playback}/renew", "anybody", self.watch_renew, Renewal),
        ]

    async def _count(self, stream: Doc) -> int | None:
        """None while the counts can't be read: the rest of the answer is still right. A recording has no audience of the moment."""
        if stream["state"] == watch_views.RECORDED:
            return 0
        try:
            return await self._viewers(stream["channel"])
        except Unavailable:
            return None

    async def _shown(self, stream: Doc) -> dict[str, Any]:
        settings = self._ground.settings
        return {
            **views.public_view(stream), "viewers": await self._count(stream), "server": settings.publish_url,
            "watch_url": f"{settings.base_url}/watch/{stream['playback']}",
        }  # fmt: skip

    async def list_streams(self, call: Call) -> Answer:
        tenant, query = call.acting("streams:read"), call.request.query_params
        limit = min(max(int(query["limit"]), 1), 200) if query.get("limit", "").isdecimal() else 50
        page = await self._ground.store.app(tenant.app).find(
            "streams", sort="created", descending=True, limit=limit, cursor=query.get("cursor")
        )
        return Answer({"data": [await self._shown(stream) for stream in page.data], "next_cursor": page.next})

    async def create(self, call: Call) -> Answer:
        tenant, body = call.acting("streams:write"), call.body
        stream, key = await self._streams.create(tenant.app, body.title, body.visibility)
        return Answer({**await self._shown(stream), "key": key}, 201)

    async def get(self, call: Call) -> Answer:
        return Answer(await self._shown(await self._streams.get(call.acting("streams:read").app, call.path("stream"))))

    async def key(self, call: Call) -> Answer:
        key = await self._streams.key(call.acting("streams:write").app, call.path("stream"))
        return Answer({"server": self._ground.settings.publish_url, "key": key})

    async def rotate_key(self, call: Call) -> Answer:
        key = await self._streams.rotate_key(call.acting("streams:write").app, call.path("stream"))
        return Answer({"server": self._ground.settings.publish_url, "key": key})

    async def disconnect(self, call: Call) -> Answer:
        return Answer({"disconnected": await self._streams.disconnect(call.acting("streams:write").app, call.path("stream"))})

    async def analytics(self, call: Call) -> Answer:
        stream = await self._streams.get(call.acting("usage:read").app, call.path("stream"))
        return Answer(await self._usage.of_stream(stream))

    async def playback_token(self, call: Call) -> Answer:
        tenant, body = call.acting("streams:write"), call.body
        stream = await self._streams.get(tenant.app, call.path("stream"))
        sid, ttl = body.sid or new_id("ses"), body.ttl_s or self._ground.settings.playback_token_ttl_s
        token = self._ground.tokens.mint_playback(stream["playback"], tenant.app, sid, ttl, body.uid)
        url = f"{self._ground.settings.base_url}/hls/{token}/{stream['playback']}/master.m3u8"
        return Answer({"token": token, "sid": sid, "expires_in": ttl, "url": url}, 201)

    async def user_token(self, call: Call) -> Answer:
        tenant, body = call.acting("chat:moderate"), call.body
        ttl = body.ttl_s or self._ground.settings.user_token_ttl_s
        claims = body.model_dump(exclude={"sub", "name", "ttl_s"}, exclude_none=True)
        token = self._ground.tokens.mint_user(body.sub, tenant.app, body.name or body.sub, ttl, **claims)
        return Answer({"token": token, "expires_in": ttl}, 201)

    async def revoke(self, call: Call) -> Answer:
        tenant = call.acting("streams:write")
        given = call.body.model_dump(exclude_none=True)
        for kind, subject in given.items():
            await self._watch.revoke(tenant.app, kind, subject)
        return Answer({"revoked": given}, 201)

    async def watch_stream(self, call: Call) -> Answer:
        stream = await self._watch.stream(call.path("playback"))
        return Answer({**watch_views.stream_view(stream), "viewers": await self._count(stream)})

    async def watch_session(self, call: Call) -> Answer:
        body: NewWatchSession = call.body
        return Answer(await self._watch.session(call.path("playback"), body.name, body.resume, body.token), 201)

    async def watch_renew(self, call: Call) -> Answer:
        return Answer(await self._watch.renew(call.path("playback"), call.body.playback_token))
