"""Watching: sessions for ordinary browsers, tokens for customers' own pages, and their withdrawal."""

import secrets
from typing import Any, Literal

from control.seats import Seats
from weir.foundation.audit import By
from weir.foundation.clock import now_ms, now_s, shown_time
from weir.foundation.directory import revocation_id
from weir.foundation.documents import Doc
from weir.foundation.errors import Forbidden, NotFound, QuotaExceeded, Refused, Unauthenticated
from weir.foundation.events import Revoked
from weir.foundation.ground import Ground
from weir.foundation.ids import is_id, new_id
from weir.foundation.tokens import PlaybackClaims, UserClaims

REMEMBERED_MS = 86_400_000 + 60_000  # no playback or user token lives longer than a day


RECORDED = "recorded"


def stream_view(stream: Doc) -> dict[str, Any]:
    """What any viewer may know of a stream, or of a finished recording of one."""
    shown = {"id": stream["id"], "playback_id": stream["playback"], "title": stream["title"], "state": stream["state"],
             "live_since": shown_time(stream.get("live_since"))}  # fmt: skip
    return {**shown, "previews": stream["previews"]} if stream["state"] == RECORDED else shown


def _alone(video: Doc) -> Doc:
    """An uploaded video that belongs to no stream: its app gives out tokens for it."""
    return {"id": video["id"], "app": video["app"], "channel": "", "title": "", "visibility": "signed"}


class Watch:
    def __init__(self, ground: Ground, seats: Seats) -> None:
        self._ground, self._seats = ground, seats

    async def stream(self, playback: str) -> Doc:
        """The stream with this playback id, or the recording with this id in the shape of one. Errors: NotFound."""
        of_stream = is_id("ply", playback)
        stream = await (self._ground.directory.stream_by_playback(playback) if of_stream else self._recorded(playback))
        if stream is None:
            raise NotFound("There is no stream at this address.")
        return stream

    async def _recorded(self, recording_id: str) -> Doc | None:
        recording = await self._ground.directory.recording(recording_id)
        if recording is None or recording["state"] != "ready":
            return None
        stream = await self._ground.directory.stream(recording["stream"]) if recording.get("stream") else _alone(recording)
        if stream is None:
            return None
        return {
            **stream, "playback": recording_id, "title": recording["title"] or stream["title"], "state": RECORDED,
            "live_since": recording["started"], "previews": recording.get("sprite", False),
        }  # fmt: skip

    async def session(
        self, playback: str, name: str | None, resume: str | None, token: str | None, user: str | None = None
    ) -> dict[str, Any]:
        """Tokens and addresses for one viewing browser.

        `token` opens a signed stream. `user` is a user token that the app gave: who sits there has its name and roles as long
        as it is valid, and is a guest afterwards. `resume` is an earlier guest's token, whose person comes back.
        Errors: NotFound; Forbidden; QuotaExceeded for a full stream.
        """
        stream = await self.stream(playback)
        app = await self._ground.directory.app(stream["app"])
        guests = app["guests"] if app else "none"
        if stream.get("max_viewers") is not None and await self._seats.full(stream["channel"], stream["max_viewers"]):
            raise QuotaExceeded("This stream is full.")
        settings, tokens, sid = self._ground.settings, self._ground.tokens, new_id("ses")
        if stream["visibility"] == "signed":
            sid = await self._signed_session(stream, token)
        seated = await self._user(stream["app"], user)
        guest = seated or await self._user(stream["app"], resume)
        uid, shown = (guest.sub, guest.name) if guest else (new_id("usr"), None)
        shown = name or shown or f"Guest {secrets.randbelow(9000) + 1000}"
        answer: dict[str, Any] = {
            "playback_token": tokens.mint_playback(playback, stream["app"], sid, settings.playback_token_ttl_s, uid),
            "playback_ttl_s": settings.playback_token_ttl_s, "channel": stream["channel"], "stream": stream_view(stream),
            "part_s": settings.part_s, "user_token": None, "user": None,
        }  # fmt: skip
        if seated is not None:
            answer |= {"user_token": user, "user": {"id": uid, "name": seated.name}}
        elif guests != "none" and stream["state"] != RECORDED:
            roles = {stream["channel"]: "guest" if guests == "read" else "member"}
            answer["user_token"] = tokens.mint_user(uid, stream["app"], shown, settings.user_token_ttl_s, sid=sid, roles=roles)
            answer["user"] = {"id": uid, "name": shown}
        return answer

    async def _signed_session(self, stream: Doc, token: str | None) -> str:
        try:
            claims = await self._ground.tokens.playback(token or "")
        except Unauthenticated:
            raise Forbidden("This stream needs a token of its owner.") from None
        if claims.sub != stream["playback"] or claims.app != stream["app"] or await self._withdrawn(stream, claims):
            raise Forbidden("This stream needs a token of its owner.")
        return claims.sid

    async def _withdrawn(self, stream: Doc, claims: PlaybackClaims) -> bool:
        return await self._ground.directory.withdrawn(stream["app"], claims.iat, session=claims.sid, stream=stream["id"], user=claims.uid)

    async def _user(self, app: str, token: str | None) -> UserClaims | None:
        """None for no token, and for one that is not valid in this app any more."""
        try:
            claims = await self._ground.tokens.user(token or "")
        except Refused:
            return None
        withdrawn = await self._ground.directory.withdrawn(app, claims.iat, session=claims.sid, user=claims.sub)
        return claims if claims.app == app and not withdrawn else None

    async def renew(self, playback: str, token: str) -> dict[str, Any]:
        """A fresh playback token of the same session. Errors: Unauthenticated, Forbidden when it was withdrawn."""
        claims = await self._ground.tokens.playback(token)
        stream = await self.stream(playback)
        if claims.sub != playback or claims.app != stream["app"] or await self._withdrawn(stream, claims):
            raise Forbidden("Access to this stream has been withdrawn.")
        ttl = self._ground.settings.playback_token_ttl_s
        return {
            "playback_token": self._ground.tokens.mint_playback(playback, stream["app"], claims.sid, ttl, claims.uid),
            "playback_ttl_s": ttl,
        }

    async def revoke(self, app: str, kind: Literal["session", "user", "stream"], subject: str, by: By) -> None:
        """Withdraws what was issued until now; nginx's decisions follow within 4 s. Errors: NotFound for a foreign stream."""
        if kind == "stream" and await self._ground.store.app(app).get("streams", subject) is None:
            raise NotFound("There is no such stream.")
        before = int(now_s() * 1000) + 1000  # tokens carry whole seconds
        withdrawal = {"before": before, "expires": now_ms() + REMEMBERED_MS}
        revocation, audit = revocation_id(app, kind, subject), self._ground.audit
        noted = audit.entry(app, by, "access.revoked", subject, None, {"kind": kind})
        await self._ground.store.app(app).update("revocations", revocation, set=withdrawal, upsert=True, emit=[noted])
        await audit.write(noted, "revocations", revocation)
        await self._ground.bus.publish(Revoked(app=app, kind=kind, subject=subject, before=before))
