"""Viewing sessions for browsers, tokens for customers' own pages, and their withdrawal.

A session on a public stream needs no token, and its tokens are renewed as long as the stream is public.
One on a signed stream is made from a token of the app; what is made from that token names its key or
member, and ends with it.
"""

import secrets
from typing import Any, Literal, cast

from control.playback.viewer_limit import ViewerLimit
from weir.foundation.audit import Audit, By
from weir.foundation.clock import format_time, now_ms, now_s, rfc3339
from weir.foundation.documents import Store
from weir.foundation.errors import Forbidden, NotFound, QuotaExceeded, Refused, Unauthenticated
from weir.foundation.events import Revoked
from weir.foundation.ids import is_id, new_id
from weir.foundation.redis.bus import Bus
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import REVOCATIONS, STREAMS, RecordingDoc, StreamDoc
from weir.foundation.tenancy.directory import REMEMBERED_MS, Directory, revocation_id
from weir.foundation.tenancy.guest_devices import GuestDevices, new_device
from weir.foundation.tenancy.tokens import PlaybackClaims, Tokens, UserClaims
from weir.foundation.vault import Vault

RECORDED = "recorded"
CLOSED = "This stream needs a token of its owner."


def stream_view(stream: StreamDoc) -> dict[str, Any]:
    """What any viewer may see of a stream, or of a finished recording of one."""
    shown = {
        "id": stream["id"],
        "playback_id": stream["playback"],
        "title": stream["title"],
        "state": stream["state"],
        "visibility": stream["visibility"],
        "live_since": format_time(stream.get("live_since")),
    }
    if stream["state"] == RECORDED:
        return {**shown, "previews": stream["previews"], "ended": None, "sound_alone": False}
    return {
        **shown,
        "ended": format_time(stream.get("ended")),
        "sound_alone": stream.get("sound_alone", False),
    }


def _rights(claims: PlaybackClaims) -> dict[str, Any]:
    """The claims that are inherited from a token of the app."""
    return {"by": claims.by, "until": claims.until or claims.exp}


def _alone(video: RecordingDoc) -> StreamDoc:
    """An uploaded video without a stream: its app issues tokens for it."""
    return cast(
        StreamDoc,
        {"id": video["id"], "app": video["app"], "channel": "", "title": "", "visibility": "signed"},
    )


class WatchSessions:
    def __init__(
        self,
        seats: ViewerLimit,
        *,
        settings: Settings,
        vault: Vault,
        tokens: Tokens,
        store: Store,
        bus: Bus,
        directory: Directory,
        audit: Audit,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._store = store
        self._bus = bus
        self._directory = directory
        self._audit = audit
        self._viewer_limit = seats
        self._devices = GuestDevices(vault)

    async def stream(self, playback: str) -> StreamDoc:
        """The stream with this playback id, or the recording with this id in the form of a stream. Errors:
        NotFound."""
        of_stream = is_id("ply", playback)
        stream = await (
            self._directory.stream_by_playback(playback) if of_stream else self._recorded(playback)
        )
        if stream is None:
            raise NotFound("There is no stream at this address.")
        return stream

    async def _recorded(self, recording_id: str) -> StreamDoc | None:
        recording = await self._directory.recording(recording_id)
        if recording is None or recording["state"] != "ready":
            return None
        stream = (
            await self._directory.stream(recording["stream"])
            if recording.get("stream")
            else _alone(recording)
        )
        if stream is None:
            return None
        return cast(
            StreamDoc,
            {
                **stream,
                "playback": recording_id,
                "title": recording["title"] or stream["title"],
                "state": RECORDED,
                "visibility": recording.get("visibility") or stream["visibility"],
                "live_since": recording["started"],
                "previews": recording.get("sprite", False),
            },
        )

    async def about(self, stream: StreamDoc) -> dict[str, Any]:
        """What viewers may know. After a broadcast its recording is named if it is public; a signed one needs
        a token of its own."""
        over = stream["state"] == "idle" and stream.get("broadcast") is not None
        recording = await self._directory.recording_of(stream["broadcast"]) if over else None
        if recording is not None and (recording.get("visibility") or stream["visibility"]) != "public":
            recording = None
        return {**stream_view(stream), "recording": recording["id"] if recording is not None else None}

    async def may_know(self, stream: StreamDoc, token: str | None) -> bool:
        """True when the bearer of a playback token, or anybody, may know more of a stream than that it is
        signed."""
        if stream["visibility"] != "signed":
            return True
        try:
            await self._entitled(stream, token or "")
        except Refused:
            return False
        return True

    async def session(
        self,
        playback: str,
        name: str | None,
        resume: str | None,
        token: str | None,
        user: str | None = None,
        device: str | None = None,
    ) -> dict[str, Any]:
        """Tokens and addresses for one browser.

        `token` opens a signed stream, and limits what is issued for it. `user` is a user token of the app:
        the viewer has its name and roles while it is valid, and is a guest afterwards. `resume` is an
        earlier guest's token, whose identity is kept; `device` is what an earlier answer gave. Errors:
        NotFound; Forbidden; QuotaExceeded for a full stream."""
        stream = await self.stream(playback)
        given = await self._entitled(stream, token or "") if stream["visibility"] == "signed" else None
        most = stream.get("max_viewers")
        if most is not None and await self._viewer_limit.is_full(stream["channel"], most):
            raise QuotaExceeded("This stream is full.")
        app = await self._directory.app(stream["app"])
        guests = app["guests"] if app else "none"
        seated, back = await self._seated(stream, user), await self._guest(stream["app"], resume)
        uid = seated.sub if seated else back.sub if back else new_id("usr")
        rights = _rights(given) if given is not None else {"guest": True}
        sid, viewer = (given.sid, given.uid or uid) if given is not None else (new_id("ses"), uid)
        answer: dict[str, Any] = {
            **self._played(playback, stream["app"], sid, viewer, rights),
            "channel": stream["channel"],
            "stream": stream_view(stream),
            "part_s": self._settings.part_s,
            "user_token": None,
            "user": None,
            "device": None,
        }
        if seated is not None:
            answer |= {"user_token": user, "user": {"id": uid, "name": seated.name}}
        elif guests != "none" and stream["state"] != RECORDED:
            shown = name or (back.name if back else None) or f"Guest {secrets.randbelow(9000) + 1000}"
            roles = {stream["channel"]: "guest" if guests == "read" else "member"}
            of = given.uid if given is not None else None
            known = (
                self._devices.known(stream["app"], device) or (back.device if back else None) or new_device()
            )
            answer["user_token"] = self._tokens.mint(
                "weir:user",
                self._settings.user_token_ttl_s,
                **{
                    **rights,
                    "sub": uid,
                    "uid": of,
                    "app": stream["app"],
                    "name": shown,
                    "sid": sid,
                    "roles": roles,
                    "channel": stream["channel"],
                    "guest": True,
                    "device": known,
                },
            )
            answer |= {
                "user": {"id": uid, "name": shown},
                "device": self._devices.signed(stream["app"], known),
            }
        return answer

    def _played(
        self, playback: str, app: str, sid: str, uid: str | None, rights: dict[str, Any]
    ) -> dict[str, Any]:
        """A playback token, its lifetime in seconds, and the moment after which it cannot be renewed, if
        there is one."""
        ttl, until = self._settings.playback_token_ttl_s, rights.get("until")
        left = ttl if until is None else min(ttl, until - int(now_s()))
        return {
            "playback_token": self._tokens.mint_playback(playback, app, sid, ttl, uid, **rights),
            "playback_ttl_s": left,
            "access_ends": rfc3339(until * 1000) if until is not None else None,
        }

    async def _entitled(self, stream: StreamDoc, token: str) -> PlaybackClaims:
        """The claims of a token that plays this stream now. Errors: Forbidden."""
        try:
            claims = await self._tokens.playback(token)
        except Unauthenticated:
            raise Forbidden(CLOSED) from None
        if not await self._plays(stream, claims):
            raise Forbidden(CLOSED)
        return claims

    async def _plays(self, stream: StreamDoc, claims: PlaybackClaims) -> bool:
        """A token from the public watch page is valid while the stream is public."""
        if (
            claims.sub != stream["playback"]
            or claims.app != stream["app"]
            or (claims.guest and stream["visibility"] == "signed")
        ):
            return False
        withdrawn = self._directory.withdrawn
        return not await withdrawn(
            stream["app"], claims.iat, session=claims.sid, stream=stream["id"], user=claims.uid
        )

    async def _seated(self, stream: StreamDoc, token: str | None) -> UserClaims | None:
        """The person of a user token of the app. None without a token, and for one that is no longer valid
        here."""
        claims = await self._user(stream["app"], token)
        return (
            claims
            if claims is not None and not claims.guest and claims.channel in (None, stream["channel"])
            else None
        )

    async def _guest(self, app: str, token: str | None) -> UserClaims | None:
        """A returning guest of ours; never an id that the app gave."""
        claims = await self._user(app, token)
        return claims if claims is not None and claims.guest else None

    async def _user(self, app: str, token: str | None) -> UserClaims | None:
        try:
            claims = await self._tokens.user(token or "")
        except Refused:
            return None
        withdrawn = await self._directory.withdrawn(app, claims.iat, session=claims.sid, user=claims.sub)
        return claims if claims.app == app and not withdrawn else None

    async def renew(self, playback: str, token: str) -> dict[str, Any]:
        """A new playback token of the same session, which ends with what the session was made from. Errors:
        Unauthenticated; Forbidden when it was withdrawn or can't be renewed any more."""
        claims = await self._tokens.playback(token)
        stream = await self.stream(playback)
        if not await self._plays(stream, claims):
            raise Forbidden("Access to this stream has been withdrawn.")
        rights = {"guest": True} if claims.guest else _rights(claims)
        if rights.get("until", claims.exp) <= now_s():
            raise Forbidden(
                "Access to this stream has ended with the token that it was given for; ask the stream's owner for another."
            )
        return self._played(playback, stream["app"], claims.sid, claims.uid, rights)

    async def revoke(
        self, app: str, kind: Literal["session", "user", "stream"], subject: str, by: By
    ) -> None:
        """Withdraws what was issued until now; nginx follows within 4 s. Errors: NotFound for another app's
        stream."""
        if kind == "stream" and await self._store.app(app).get(STREAMS, subject) is None:
            raise NotFound("There is no such stream.")
        before = int(now_s() * 1000) + 1000  # tokens carry whole seconds
        withdrawal = {"before": before, "expires": now_ms() + REMEMBERED_MS}
        revocation, audit = revocation_id(app, kind, subject), self._audit
        noted = audit.entry(app, by, "access.revoked", subject, None, {"kind": kind})
        await self._store.app(app).update(REVOCATIONS, revocation, set=withdrawal, upsert=True, emit=[noted])
        await audit.write(noted, "revocations", revocation)
        fact = Revoked(app=app, kind=kind, subject=subject, before=before)
        await self._directory.on_event(fact)
        await self._bus.publish(fact)
