"""Routes of following: for visitors, for the links in mails, and for the stream's app."""

from typing import Any, Literal

from pydantic import Field

from control.followers import pages
from control.followers.models import FollowAsked, Follower, FollowerFilter, NewFollower, PushKey
from control.followers.push import PushMessages, PushSubscription
from control.followers.service import Followers
from weir.foundation.audit import by
from weir.foundation.documents import Store
from weir.foundation.errors import Conflict, Forbidden, NotFound, QuotaExceeded
from weir.foundation.http.response_headers import APP
from weir.foundation.http.routing import Answer, Call, Listed, Query, Row
from weir.foundation.redis.rate_limits import FOLLOWING
from weir.foundation.tenancy.collections import STREAMS, StreamDoc
from weir.foundation.tenancy.playback_rights import PlaybackRights

HTML = "text/html; charset=utf-8"
LIST = "followers:write"


class LinkQuery(Query):
    token: str = Field(max_length=100)


class FollowerRoutes:
    def __init__(
        self, followers: Followers, push: PushMessages, rights: PlaybackRights, *, store: Store
    ) -> None:
        self._followers = followers
        self._push = push
        self._rights = rights
        self._store = store

    def rows(self) -> list[Row]:
        theirs, links = "/v1/streams/{stream}/followers", "/v1/followers"
        page: Any = {"query": LinkQuery, "media": "text/html", "errors": (NotFound,), "tag": "watch"}
        return [
            Row("POST", "/v1/watch/{playback}/followers", "anybody", self.follow, NewFollower, "Ask to be told when the stream begins.",
                answer=FollowAsked, status=202, errors=(Forbidden, Conflict, QuotaExceeded), limit=FOLLOWING),
            Row("GET", "/v1/push-key", "anybody", self.push_key, None, "The key that browsers subscribe with.", answer=PushKey,
                tag="watch"),
            Row("GET", links + "/confirm", "anybody", self.ask_confirm, None, "The page behind the link that confirms.", **page),
            Row("POST", links + "/confirm", "anybody", self.confirm, None, "Confirm that one wants to follow.", streamed=(), **page),
            Row("GET", links + "/unsubscribe", "anybody", self.ask_unsubscribe, None, "The page behind the link that ends it.", **page),
            Row("POST", links + "/unsubscribe", "anybody", self.unsubscribe, None, "Follow no longer; by one click (RFC 8058).",
                streamed=(), **page),
            Row("GET", theirs, "tenant", self.list_followers, None, "Who follows the stream, newest first.", FollowerFilter,
                Listed[Follower], scope=LIST),
            Row("DELETE", theirs + "/{follower}", "tenant", self.remove, None, "Remove a follower.", status=204, scope=LIST),
        ]  # fmt: skip

    async def follow(self, call: Call) -> Answer:
        """A recording's followers are its stream's."""
        asked: NewFollower = call.body
        stream = await self._rights.open_stream(call.path("playback"), asked.token)
        call.request.scope[APP] = stream["app"]
        if asked.email is not None:
            await self._followers.by_mail(stream, asked.email)
            return Answer({"kind": "email", "unsubscribe": None}, 202)
        assert asked.push is not None
        keys = asked.push.keys
        to: PushSubscription = {
            "endpoint": asked.push.endpoint,
            "keys": {"p256dh": keys.p256dh, "auth": keys.auth},
        }
        return Answer({"kind": "push", "unsubscribe": await self._followers.by_push(stream, to)}, 202)

    async def push_key(self, call: Call) -> Answer:
        return Answer({"key": self._push.public_key})

    async def _page(self, call: Call, purpose: Literal["confirm", "unsubscribe"], text: str) -> Answer:
        await self._followers.check(purpose, call.query.token)
        return Answer(text, media_type=HTML)

    async def ask_confirm(self, call: Call) -> Answer:
        return await self._page(call, "confirm", pages.CONFIRM)

    async def ask_unsubscribe(self, call: Call) -> Answer:
        return await self._page(call, "unsubscribe", pages.UNSUBSCRIBE)

    async def confirm(self, call: Call) -> Answer:
        await self._followers.confirm(call.query.token)
        return Answer(pages.CONFIRMED, media_type=HTML)

    async def unsubscribe(self, call: Call) -> Answer:
        await self._followers.unsubscribe(call.query.token)
        return Answer(pages.UNSUBSCRIBED, media_type=HTML)

    async def _stream(self, call: Call) -> StreamDoc:
        found = await self._store.app(call.acting().app).get(STREAMS, call.path("stream"))
        if found is None:
            raise NotFound("There is no such stream.")
        return found

    async def list_followers(self, call: Call) -> Answer:
        asked: FollowerFilter = call.query
        page = await self._followers.page(await self._stream(call), asked.state, asked.limit, asked.cursor)
        return Answer({"data": [self._followers.shown(one) for one in page.data], "next_cursor": page.next})

    async def remove(self, call: Call) -> Answer:
        await self._followers.remove(await self._stream(call), call.path("follower"), by(call))
        return Answer(None, 204)
