"""Who follows a stream: asked, confirmed, listed, removed."""

import asyncio
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson

from control.accounts.mail import MailLimit
from control.collections import FOLLOWERS, FollowerDoc
from control.followers.links import OVER, FollowerLinks
from control.followers.mails import FollowerMails
from control.followers.push import PushSubscription
from control.followers.rules import ASKING_MS, DAY_MS, PENDING_MS, after_asking, may_ask
from weir.foundation.audit import Audit, By
from weir.foundation.clock import format_time, now_ms, rfc3339
from weir.foundation.documents import Between, DuplicateKey, OneOf, Page, Store
from weir.foundation.egress import Egress
from weir.foundation.errors import Conflict, NotFound, RateLimited
from weir.foundation.ids import new_id
from weir.foundation.tenancy.collections import STREAMS, StreamDoc
from weir.foundation.tenancy.playback_rights import PlaybackRights
from weir.foundation.tenancy.quotas import Quotas
from weir.foundation.vault import Vault

MOST_PENDING = 10_000
ASKED_AT_ONCE = 10
Kind = Literal["email", "push"]


def public_view(doc: FollowerDoc, contact: str) -> dict[str, Any]:
    """A follower as the stream's app sees it."""
    mailed = doc["kind"] == "email"
    return {
        "id": doc["id"],
        "kind": doc["kind"],
        "state": doc["state"],
        "email": contact if mailed else None,
        "endpoint": None if mailed else urlsplit(orjson.loads(contact)["endpoint"]).hostname,
        "created": rfc3339(doc["created"]),
        "confirmed": format_time(doc.get("confirmed")),
    }


class Followers:
    def __init__(
        self,
        audit: Audit,
        rights: PlaybackRights,
        mails: FollowerMails,
        limit: MailLimit,
        links: FollowerLinks,
        *,
        vault: Vault,
        store: Store,
        egress: Egress,
        quotas: Quotas,
    ) -> None:
        self._audit = audit
        self._rights = rights
        self._mails = mails
        self._limit = limit
        self._links = links
        self._vault = vault
        self._store = store
        self._all = store.operator()
        self._egress = egress
        self._quotas = quotas

    # -- visitors

    async def by_mail(self, stream: StreamDoc, email: str) -> None:
        """Notes that this address is to be asked, if it may be; the caller learns nothing of that. Errors:
        Conflict where no mail is sent; RateLimited while too many have not confirmed; Unavailable."""
        if not self._mails.delivers:
            raise Conflict("This installation sends no mails.")
        theirs, now = self._store.app(stream["app"]), now_ms()
        if await theirs.count(FOLLOWERS, {"state": "pending"}) >= MOST_PENDING:
            raise RateLimited(
                "Too many people want to follow at the moment; try again later.", retry_after=3600
            )
        admitted = await self._limit.admits("follow", self._vault.lookup_hash(email))
        mark = self._mark(stream, email)
        found = await theirs.find_one(FOLLOWERS, {"hash": mark})
        if found is None:
            if admitted:
                await self._add(stream, "email", mark, email, {"due": now, "expires": now + PENDING_MS})
            return
        asked: dict[str, Any] = {"asked": now}
        if admitted and may_ask(found, now):
            sealed = self._vault.seal(email, found["id"])
            asked |= {"state": "pending", "sealed": sealed, "due": now, "expires": now + PENDING_MS}
        await theirs.update(FOLLOWERS, found["id"], set=asked, expect={"state": found["state"]})

    async def by_push(self, stream: StreamDoc, to: PushSubscription) -> str:
        """The token that ends it; the same subscription again is one. Errors: Invalid for an endpoint that may
        not be called; QuotaExceeded."""
        self._egress.check(to["endpoint"])
        theirs, mark = self._store.app(stream["app"]), self._mark(stream, to["endpoint"])
        found = await theirs.find_one(FOLLOWERS, {"hash": mark})
        if found is None:
            async with self._quotas.room_for(stream["app"], "followers", lambda: self._count(stream["app"])):
                text, now = orjson.dumps(to).decode(), now_ms()
                more = {"state": "confirmed", "confirmed": now, "expires": None}
                found = await self._add(stream, "push", mark, text, more)
        return self._links.token("unsubscribe", found["id"])

    async def _add(
        self, stream: StreamDoc, kind: Kind, mark: str, contact: str, more: dict[str, Any]
    ) -> FollowerDoc:
        now, follower = now_ms(), new_id("flw")
        doc: FollowerDoc = {
            "id": follower,
            "stream": stream["id"],
            "kind": kind,
            "state": more.get("state", "pending"),
            "hash": mark,
            "sealed": self._vault.seal(contact, follower),
            "created": now,
            "asked": now,
            "due": more.get("due"),
            "expires": more["expires"],
            "confirmed": more.get("confirmed"),
        }
        theirs = self._store.app(stream["app"])
        try:
            return await theirs.insert(FOLLOWERS, doc)
        except DuplicateKey:  # the same at the same moment
            found = await theirs.find_one(FOLLOWERS, {"hash": mark})
            return found if found is not None else doc

    def _mark(self, stream: StreamDoc, contact: str) -> str:
        return self._vault.lookup_hash(f"follower {stream['id']} {contact}")

    async def _count(self, app: str) -> int:
        return await self._store.app(app).count(FOLLOWERS, {"state": "confirmed"})

    # -- links in mails

    async def check(self, purpose: Literal["confirm", "unsubscribe"], token: str) -> None:
        """Errors: NotFound for a link that is not valid any more."""
        follower = self._links.follower(purpose, token)
        if purpose == "confirm":
            await self._asked(follower)

    async def _asked(self, follower: str) -> FollowerDoc:
        doc = await self._all.get(FOLLOWERS, follower)
        over = doc is None or doc["state"] == "left" or (doc.get("expires") or now_ms()) < now_ms()
        if doc is None or over:
            raise NotFound(OVER)
        return doc

    async def confirm(self, token: str) -> None:
        """Safe to repeat. Errors: NotFound; QuotaExceeded."""
        doc = await self._asked(self._links.follower("confirm", token))
        if doc["state"] == "confirmed":
            return
        async with self._quotas.room_for(doc["app"], "followers", lambda: self._count(doc["app"])):
            done = await self._all.update(
                FOLLOWERS,
                doc["id"],
                set={"state": "confirmed", "confirmed": now_ms(), "expires": None, "due": None},
                expect={"state": "pending"},
            )
        if done is None:
            await self._asked(doc["id"])

    async def unsubscribe(self, token: str) -> None:
        """Safe to repeat, also when nobody is there any more. Errors: NotFound for a forged link."""
        doc = await self._all.get(FOLLOWERS, self._links.follower("unsubscribe", token))
        if doc is not None:
            await self._leave(doc)

    async def _leave(self, doc: FollowerDoc) -> None:
        """Forgets the address. That it was mailed lately is known for a day."""
        mailed = doc.get("mailed")
        if mailed is None or doc["kind"] == "push":
            await self._all.delete(FOLLOWERS, {"id": doc["id"]})
            return
        left = {"state": "left", "sealed": "", "due": None, "confirmed": None, "expires": mailed + DAY_MS}
        await self._all.update(FOLLOWERS, doc["id"], set=left)

    # -- the stream's app

    async def page(
        self, stream: StreamDoc, state: str | None, limit: int, cursor: str | None
    ) -> Page[FollowerDoc]:
        """Newest first."""
        states: Any = state or OneOf(["pending", "confirmed"])
        return await self._store.app(stream["app"]).find(
            FOLLOWERS,
            {"stream": stream["id"], "state": states},
            sort="created",
            descending=True,
            limit=limit,
            cursor=cursor,
        )

    def shown(self, doc: FollowerDoc) -> dict[str, Any]:
        return public_view(doc, self._vault.open(doc["sealed"], doc["id"]))

    async def remove(self, stream: StreamDoc, follower: str, by: By) -> None:
        """Errors: NotFound."""
        doc = await self._store.app(stream["app"]).get(FOLLOWERS, follower)
        if doc is None or doc["stream"] != stream["id"] or doc["state"] == "left":
            raise NotFound("There is no such follower.")
        about = {"stream": stream["id"], "kind": doc["kind"]}
        async with self._audit.before_it(stream["app"], by, "follower.deleted", follower, about):
            await self._leave(doc)

    # -- jobs

    async def ask_more(self) -> None:
        """Periodic: mails the links that are due. Each is nobody else's for ASKING_MS."""
        due = {"due": Between(1, now_ms() + 1)}
        page = await self._all.find(FOLLOWERS, due, sort="due", limit=ASKED_AT_ONCE)
        await asyncio.gather(*(self._ask(doc) for doc in page.data))

    async def _ask(self, doc: FollowerDoc) -> None:
        mine = await self._all.update(
            FOLLOWERS, doc["id"], set={"due": now_ms() + ASKING_MS}, expect={"due": doc.get("due")}
        )
        if mine is None:
            return
        stream = await self._all.get(STREAMS, doc["stream"])
        if stream is None or not await self._rights.is_served(stream):
            await self._all.delete(FOLLOWERS, {"id": doc["id"]})
            return
        outcome = await self._mails.ask(doc, stream)
        await self._all.update(
            FOLLOWERS, doc["id"], set=after_asking(doc, outcome, now_ms()), expect={"due": mine["due"]}
        )

    async def forget(self) -> None:
        """Periodic: who has not confirmed, who has left, and those of streams that are gone."""
        await self._all.delete(FOLLOWERS, {"expires": Between(1, now_ms())})
        known, cursor = dict[str, bool](), None
        while True:
            page = await self._all.find(FOLLOWERS, limit=1000, cursor=cursor)
            for stream in {doc["stream"] for doc in page.data} - set(known):
                known[stream] = await self._all.get(STREAMS, stream) is not None
                if not known[stream]:
                    await self._all.delete(FOLLOWERS, {"stream": stream})
            cursor = page.next
            if cursor is None:
                return
