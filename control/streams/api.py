"""Routes for apps: streams, tokens, revocations."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, Field

from control.collections import FOLLOWERS
from control.csv_export import as_csv
from control.models import Viewers
from control.playback.watch_sessions import WatchSessions
from control.streams import service as views
from control.streams.models import (
    Disconnected,
    NewStreamShown,
    Revoked,
    Stream,
    StreamKey,
    Token,
    UserTokenShown,
)
from control.streams.presentation import Avatar, Links, Schedule, Tags, stored_schedule
from control.streams.service import Streams
from control.usage import broadcasts as broadcast_views
from control.usage.broadcasts import Broadcasts
from control.usage.ledger import Ledger
from control.usage.models import Analytics, AnalyticsDay, Broadcast
from weir.foundation.audit import Audit, by
from weir.foundation.clock import now_ms
from weir.foundation.documents import Store
from weir.foundation.errors import Conflict, Forbidden, NotFound, Unavailable
from weir.foundation.http.listing import Searched, Spanned
from weir.foundation.http.routing import Answer, Body, Call, Listed, Query, Row
from weir.foundation.ids import is_id, new_id
from weir.foundation.redis.rate_limits import HEAVY
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import STREAMS, StreamDoc
from weir.foundation.tenancy.quotas import Quotas
from weir.foundation.tenancy.tokens import GUEST_ID, USER_ID, Tokens
from weir.foundation.texts import Line, Metadata, PersonName, Text


class StreamFilter(Searched):
    """By the time of creation."""

    state: Literal["idle", "starting", "live", "interrupted"] | None = None


class BroadcastFilter(Spanned):
    """By the time of the start."""

    state: Literal["on_air", "ended"] | None = None


class StreamFields(Body):
    """null takes a field back to its default: `recording`, `profile` and `reconnect_grace_s` are then as the
    app or the installation has them. What media does with these begins with the next broadcast;
    `visibility` and `max_viewers` count at once."""

    title: Line | None = Field(None, max_length=140)
    description: Text | None = Field(None, max_length=2000)
    visibility: Literal["public", "signed"] | None = None
    profile: str | None = Field(None, min_length=1, max_length=64)
    recording: bool | None = None
    latency: Literal["low", "normal", "standard"] | None = None
    priority: Literal["low", "normal", "high"] | None = Field(
        None, description="Whose ladder is let in first when a machine gets full."
    )
    dvr_s: int | None = Field(None, ge=0, le=48 * 3600)
    encrypted: bool | None = None
    max_viewers: int | None = Field(None, ge=0, le=1_000_000, description="0 lifts the bound.")
    reconnect_grace_s: float | None = Field(
        None,
        ge=0,
        le=1800,
        description="How long a vanished encoder may stay away without ending the broadcast.",
    )
    metadata: Metadata | None = None
    category: Line | None = Field(None, max_length=60)
    tags: Tags | None = None
    streamer: PersonName | None = Field(None, max_length=80, description="Who streams, as viewers read it.")
    avatar: Avatar | None = Field(None, description="Address of a picture; empty for none.")
    links: Links | None = None
    schedule: Schedule | None = Field(
        None, description="Announced broadcasts; those more than a day past are dropped."
    )
    clips: bool | None = Field(None, description="Viewers may make clips.")

    def given(self) -> dict[str, Any]:
        """For the document; a bound of 0 is none."""
        fields = self.changes(views.DEFAULTS)
        if "schedule" in fields:
            fields["schedule"] = stored_schedule(fields["schedule"], now_ms())
        return {**fields, **({"max_viewers": None} if fields.get("max_viewers") == 0 else {})}


class StreamKeyRotation(Body):
    cut: bool = Field(False, description="Disconnect the present publisher too.")


class AnalyticsQuery(Query):
    """Days in UTC; `until` is not included."""

    since: date | None = None
    until: date | None = None
    format: Literal["json", "csv"] = "json"


class NewPlaybackToken(Body):
    sid: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    user: str | None = Field(
        None,
        max_length=128,
        validation_alias=AliasChoices("user", "uid"),
        description="Your user's id; formerly `uid`.",
    )
    ttl_s: int | None = Field(None, ge=60, le=86400)


def _own_user(sub: str) -> str:
    if is_id("usr", sub):
        raise ValueError(GUEST_ID)
    return sub


class NewUserToken(Body):
    """`channel`: for that channel alone. `staff`: a moderator of a channel may also ban in all channels of
    the app."""

    user: Annotated[
        str,
        Field(
            pattern=USER_ID,
            validation_alias=AliasChoices("user", "sub"),
            description="Your user's id; formerly `sub`.",
        ),
        AfterValidator(_own_user),
    ]
    name: PersonName = Field("", max_length=80)
    avatar: str | None = Field(None, max_length=500, pattern=r"^https://")
    roles: dict[str, Literal["owner", "moderator", "vip", "member", "guest"]] = {}
    badges: list[Annotated[Line, Field(max_length=40)]] = Field([], max_length=20)
    channel: str | None = Field(None, max_length=64)
    staff: bool = False
    ttl_s: int | None = Field(None, ge=60, le=86400)


class Revocation(Body):
    session: str | None = Field(None, max_length=128)
    user: str | None = Field(None, max_length=128)
    stream: str | None = Field(None, max_length=64)


class StreamRoutes:
    def __init__(
        self,
        streams: Streams,
        watch: WatchSessions,
        ledger: Ledger,
        broadcasts: Broadcasts,
        viewers: Viewers,
        *,
        settings: Settings,
        tokens: Tokens,
        store: Store,
        audit: Audit,
        quotas: Quotas,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._store = store
        self._audit = audit
        self._quotas = quotas
        self._streams = streams
        self._watch = watch
        self._ledger = ledger
        self._viewers = viewers
        self._broadcasts = broadcasts

    def rows(self) -> list[Row]:
        one, read, write = "/v1/streams/{stream}", "streams:read", "streams:write"
        return [
            Row("GET", "/v1/streams", "tenant", self.list_streams, None, "Streams, newest first.", StreamFilter, Listed[Stream],
                scope=read),
            Row("POST", "/v1/streams", "tenant", self.create, StreamFields, "Make a stream; its key is shown.",
                answer=NewStreamShown, status=201, scope=write),
            Row("GET", one, "tenant", self.get, None, "A stream.", answer=Stream, scope=read, etag=True),
            Row("PATCH", one, "tenant", self.change, StreamFields, "Change a stream.", answer=Stream, scope=write, etag=True),
            Row("DELETE", one, "tenant", self.delete, None, "Delete a stream that is not on air.", status=204, scope=write,
                errors=(Conflict,)),
            Row("GET", one + "/key", "tenant", self.key, None, "The stream key and the server, as for OBS.", answer=StreamKey,
                scope=write),
            Row("POST", one + "/key/rotate", "tenant", self.rotate_key, StreamKeyRotation, "A new stream key; the old one is dead.",
                answer=StreamKey, scope=write),
            Row("POST", one + "/disconnect", "tenant", self.disconnect, None, "Disconnect the publisher.", answer=Disconnected,
                scope=write),
            Row("POST", one + "/complete", "tenant", self.complete, None, "End the broadcast now, without the grace for its encoder.",
                answer=Stream, scope=write, errors=(Conflict,)),
            Row("GET", one + "/broadcasts", "tenant", self.list_broadcasts, None, "Past and present broadcasts, newest first.",
                BroadcastFilter, Listed[Broadcast], scope=read),
            Row("POST", one + "/playback-tokens", "tenant", self.playback_token, NewPlaybackToken, "A token that plays a stream.",
                answer=Token, status=201, scope=write),
            Row("POST", one + "/preview-tokens", "tenant", self.preview_token, None, "A token for a member's own preview.",
                answer=Token, status=201, scope=read),
            Row("GET", one + "/analytics", "tenant", self.analytics, None, "What the stream used and who watched, by day.", AnalyticsQuery,
                Analytics, scope="usage:read", csv=True, limit=HEAVY),
            Row("POST", "/v1/user-tokens", "tenant", self.user_token, NewUserToken, "A token for a viewer or moderator.",
                answer=UserTokenShown, status=201, scope="chat:moderate"),
            Row("POST", "/v1/revocations", "tenant", self.revoke, Revocation, "Withdraw what was given to a session, user or stream.",
                answer=Revoked, status=201, scope=write, errors=(NotFound,)),
        ]  # fmt: skip

    async def _count(self, stream: StreamDoc) -> int | None:
        """None while the counts can't be read: the rest of the answer is still right."""
        try:
            return await self._viewers(stream["channel"])
        except Unavailable:
            return None

    async def _shown(self, stream: StreamDoc) -> dict[str, Any]:
        settings = self._settings
        return {
            **views.public_view(stream),
            "viewers": await self._count(stream),
            "followers": await self._store.app(stream["app"]).count(
                FOLLOWERS, {"stream": stream["id"], "state": "confirmed"}
            ),
            "server": settings.publish_url,
            "watch_url": f"{settings.base_url}/watch/{stream['playback']}",
        }

    async def list_streams(self, call: Call) -> Answer:
        asked: StreamFilter = call.query
        page = await self._store.app(call.acting().app).find(
            STREAMS,
            {**asked.where("state"), "created": asked.span()},
            sort="created",
            descending=asked.descending,
            limit=asked.limit,
            cursor=asked.cursor,
            sieve=asked.sieve("title"),
        )
        return Answer({"data": [await self._shown(stream) for stream in page.data], "next_cursor": page.next})

    async def _stream(self, call: Call) -> StreamDoc:
        """Errors: NotFound."""
        return await self._streams.get(call.acting().app, call.path("stream"))

    async def create(self, call: Call) -> Answer:
        await self._streams.check_profile(call.acting().app, call.body.profile)
        stream, key = await self._streams.create(
            call.acting().app, call.body.given(), by(call), call.new_id("str")
        )
        return Answer({**await self._shown(stream), "key": key}, 201, etag=views.etag(stream))

    async def get(self, call: Call) -> Answer:
        stream = await self._stream(call)
        return Answer(await self._shown(stream), etag=views.etag(stream))

    async def change(self, call: Call) -> Answer:
        stream, fields = await self._stream(call), call.body.given()
        call.expects(views.etag(stream))
        await self._streams.check_profile(stream["app"], call.body.profile)
        after = await self._streams.update(stream, fields, by(call)) if fields else stream
        return Answer(await self._shown(after), etag=views.etag(after))

    async def delete(self, call: Call) -> Answer:
        await self._streams.delete(await self._stream(call), by(call))
        return Answer(None, 204)

    async def key(self, call: Call) -> Answer:
        key = await self._streams.key(call.acting().app, call.path("stream"))
        return Answer({"server": self._settings.publish_url, "key": key})

    async def rotate_key(self, call: Call) -> Answer:
        key, cut = await self._streams.rotate_key(
            call.acting().app, call.path("stream"), by(call), call.body.cut
        )
        return Answer({"server": self._settings.publish_url, "key": key, "disconnected": cut})

    async def disconnect(self, call: Call) -> Answer:
        return Answer(
            {"disconnected": await self._streams.disconnect(call.acting().app, call.path("stream"), by(call))}
        )

    async def complete(self, call: Call) -> Answer:
        stream = await self._streams.complete(await self._stream(call), by(call))
        return Answer(await self._shown(stream), etag=views.etag(stream))

    async def list_broadcasts(self, call: Call) -> Answer:
        stream = await self._stream(call)
        page = await self._broadcasts.page(stream["app"], stream["id"], call.query.state, call.query)
        return Answer(
            {"data": [broadcast_views.public_view(one) for one in page.data], "next_cursor": page.next}
        )

    async def analytics(self, call: Call) -> Answer:
        await self._quotas.check_feature(call.acting().app, "analytics")
        since, until = (one.isoformat() if one else None for one in (call.query.since, call.query.until))
        shown = await self._ledger.of_stream(await self._stream(call), since, until)
        return as_csv(shown["days"], AnalyticsDay, None) if call.query.format == "csv" else Answer(shown)

    async def playback_token(self, call: Call) -> Answer:
        tenant, body = call.acting(), call.body
        stream = await self._stream(call)
        sid, ttl = body.sid or new_id("ses"), body.ttl_s or self._settings.playback_token_ttl_s
        await self._audit.count(tenant.app, by(call), "playback_tokens.minted", stream["id"])
        token = self._tokens.mint_playback(
            stream["playback"], tenant.app, sid, ttl, body.user, **tenant.origin
        )
        url = f"{self._settings.base_url}/hls/{token}/{stream['playback']}/master.m3u8"
        return Answer({"token": token, "sid": sid, "expires_in": ttl, "url": url}, 201)

    async def preview_token(self, call: Call) -> Answer:
        """For every member, viewers too: the studio's preview. It takes no seat and is counted neither as a
        viewer nor in minutes; what it receives is counted as data. Errors: Forbidden for an API key."""
        tenant = call.acting()
        stream = await self._stream(call)
        if tenant.kind != "member":
            raise Forbidden("Only members of the app have a preview. Ask for a playback token.")
        sid, ttl = new_id("ses"), self._settings.playback_token_ttl_s
        token = self._tokens.mint_playback(
            stream["playback"], tenant.app, sid, ttl, None, preview=True, **tenant.origin
        )
        url = f"{self._settings.base_url}/hls/{token}/{stream['playback']}/master.m3u8"
        return Answer({"token": token, "sid": sid, "expires_in": ttl, "url": url}, 201)

    async def user_token(self, call: Call) -> Answer:
        tenant, body = call.acting(), call.body
        ttl = body.ttl_s or self._settings.user_token_ttl_s
        claims = body.model_dump(exclude={"user", "name", "ttl_s"}, exclude_none=True)
        await self._audit.count(
            tenant.app, by(call), "user_tokens.minted", ", ".join(sorted(set(body.roles.values())))
        )
        token = self._tokens.mint_user(
            body.user, tenant.app, body.name or body.user, ttl, **claims, **tenant.origin
        )
        return Answer({"token": token, "expires_in": ttl}, 201)

    async def revoke(self, call: Call) -> Answer:
        tenant = call.acting()
        given = call.body.model_dump(exclude_none=True)
        for kind, subject in given.items():
            await self._watch.revoke(tenant.app, kind, subject, by(call))
        return Answer({"revoked": given}, 201)
