"""Tells the followers of a stream that it has begun: a document says how far, so any process can go on.

A page of followers is told at once, then the document moves on. Each follower's own document says which
broadcast it was told of, as soon as the mail server has taken the mail. What dies in between has sent one page's
mails at most twice: SMTP has no way to ask.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import structlog

from control.collections import FOLLOWERS, NOTICES, FollowerDoc, NoticeDoc
from control.followers.rules import HELD_MS, MOST_REFUSED, QUIET_MS, RENEWED_S, Outcome, after_page, is_over
from weir.foundation.clock import DAY_MS, now_ms
from weir.foundation.documents import Between, Store
from weir.foundation.errors import Unavailable
from weir.foundation.events import Event, StreamLive
from weir.foundation.ids import derived_id
from weir.foundation.redis.periodic import Job
from weir.foundation.tenancy.collections import STREAMS, StreamDoc
from weir.foundation.tenancy.playback_rights import PlaybackRights

EVERY_S = 1.0
PUSHES_PER_S = 50
log = structlog.get_logger("control.followers")


class NoticeChannel(Protocol):
    async def tell(self, follower: FollowerDoc, stream: StreamDoc, broadcast: str) -> Outcome: ...


class Notices:
    """`channels` are the ways that work here, by kind of follower."""

    def __init__(
        self,
        channels: Mapping[Literal["email", "push"], NoticeChannel],
        rights: PlaybackRights,
        *,
        mails_per_s: int,
        store: Store,
    ) -> None:
        self._channels = channels
        self._rights = rights
        self._sizes = {"email": mails_per_s, "push": PUSHES_PER_S}
        self._store = store
        self._all = store.operator()

    def jobs(self) -> list[Job]:
        return [
            Job("followers.mail", EVERY_S, lambda: self.tell_more("email")),
            Job("followers.push", EVERY_S, lambda: self.tell_more("push")),
            Job("notices.forget", 3600.0, self.forget),
        ]

    async def on_event(self, event: Event) -> None:
        """A broadcast begins; safe to repeat. One that begins soon after another is none to tell of."""
        if not isinstance(event, StreamLive):
            return
        theirs = self._store.app(event.app)
        lately = {"stream": event.stream, "at": Between(event.at - QUIET_MS, event.at + 1)}
        told = (await theirs.find(NOTICES, lately, sort="at", limit=10)).data
        if any(one["broadcast"] != event.broadcast for one in told):
            return
        docs = list[NoticeDoc]()
        for kind in self._channels:
            where = {"stream": event.stream, "kind": kind, "state": "confirmed"}
            if await theirs.find_one(FOLLOWERS, where) is not None:
                docs.append(_notice(event, kind))
        await theirs.insert_many(NOTICES, docs)

    async def tell_more(self, kind: Literal["email", "push"]) -> None:
        """Periodic: one page of the notice that has waited longest. It is nobody else's meanwhile."""
        now = now_ms()
        page = await self._all.find(
            NOTICES, {"kind": kind, "next": Between(1, now + 1)}, sort="next", limit=1
        )
        for notice in page.data:
            mine = await self._all.update(
                NOTICES, notice["id"], set={"next": now + HELD_MS}, expect={"next": notice["next"]}
            )
            if mine is not None:
                holding = asyncio.create_task(self._hold(notice))
                try:
                    after = await self._go_on(notice)
                finally:
                    holding.cancel()
                    await asyncio.wait((holding,))
                await self._all.update(NOTICES, notice["id"], set=after)

    async def _hold(self, notice: NoticeDoc) -> None:
        """Runs until cancelled."""
        while True:
            await asyncio.sleep(RENEWED_S)
            with contextlib.suppress(Unavailable):
                await self._all.update(NOTICES, notice["id"], set={"next": now_ms() + HELD_MS})

    async def _go_on(self, notice: NoticeDoc) -> dict[str, Any]:
        """Tells one page; returns how the notice goes on."""
        theirs = self._store.app(notice["app"])
        stream = await self._all.get(STREAMS, notice["stream"])
        if stream is None or is_over(notice, stream, now_ms()) or not await self._rights.is_served(stream):
            return {"next": None}
        page = await theirs.find(
            FOLLOWERS,
            {"stream": notice["stream"], "kind": notice["kind"], "state": "confirmed"},
            limit=self._sizes[notice["kind"]],
            cursor=notice["cursor"],
        )
        due = [
            one
            for one in page.data
            if one.get("notified") != notice["broadcast"] and (one.get("confirmed") or 0) <= notice["at"]
        ]
        outcomes = await asyncio.gather(*(self._tell(one, stream, notice) for one in due))
        after = after_page(notice, page.next, outcomes, now_ms())
        if after.get("next", 0) is None:
            log.info("followers.told", stream=stream["id"], kind=notice["kind"], sent=after["sent"])
        return after

    async def _tell(self, follower: FollowerDoc, stream: StreamDoc, notice: NoticeDoc) -> Outcome:
        theirs, broadcast = self._store.app(notice["app"]), notice["broadcast"]
        try:
            outcome = await self._channels[notice["kind"]].tell(follower, stream, broadcast)
        except Exception:  # one follower's fault is not the others'
            log.exception("follower.not_told", follower=follower["id"])
            outcome = "refused"
        if outcome == "gone" or (outcome == "refused" and follower.get("refused", 0) + 1 >= MOST_REFUSED):
            await theirs.delete(FOLLOWERS, {"id": follower["id"]})
        elif outcome != "later":
            refused = follower.get("refused", 0) + 1 if outcome == "refused" else 0
            await theirs.update(FOLLOWERS, follower["id"], set={"notified": broadcast, "refused": refused})
        return outcome

    async def forget(self) -> None:
        """Periodic: notices of yesterday."""
        await self._all.delete(NOTICES, {"at": Between(below=now_ms() - DAY_MS)})


def _notice(event: StreamLive, kind: Literal["email", "push"]) -> NoticeDoc:
    return {
        "id": derived_id("ntc", event.broadcast, kind),
        "stream": event.stream,
        "broadcast": event.broadcast,
        "kind": kind,
        "at": event.at,
        "next": event.at,
        "round": 0,
        "stuck": 0,
        "again": False,
        "cursor": None,
        "sent": 0,
    }
