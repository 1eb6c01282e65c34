"""Viewing sessions for browsers, tokens for customers' own pages, and their withdrawal.

A session on a public stream needs no token, and its tokens are renewed as long as the stream is public.
One on a signed stream is made from a token of the app; what is made from that token names its key or
member, and ends with it.
"""

import contextlib
import secrets
from typing import Any, Literal

from control.models import shown_schedule
from control.playback.viewer_limit import ViewerLimit
from weir.foundation.audit import Audit, By
from weir.foundation.clock import format_time, now_ms, now_s, rfc3339
from weir.foundation.documents import Page, Sieve, Store
from weir.foundation.errors import Forbidden, NotFound, QuotaExceeded, Refused
from weir.foundation.events import Revoked
from weir.foundation.http.routing import Paging
from weir.foundation.ids import new_id
from weir.foundation.redis.bus import Bus
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import RECORDINGS, REVOCATIONS, STREAMS, RecordingDoc, StreamDoc
from weir.foundation.tenancy.directory import REMEMBERED_MS, Directory, revocation_id
from weir.foundation.tenancy.guest_devices import GuestDevices, new_device
from weir.foundation.tenancy.playback_rights import RECORDED, PlaybackRights
from weir.foundation.tenancy.tokens import PlaybackClaims, Tokens, UserClaims
from weir.foundation.vault import Vault

PRESENTED: dict[str, Any] = {
    "description": "",
    "category": "",
    "tags": [],
    "streamer": "",
    "avatar": "",
    "links": [],
}
"""What a stream's owner tells viewers besides its title, and what a stream from before these fields shows."""


def stream_view(stream: StreamDoc, now: int) -> dict[str, Any]:
    """What any viewer may see of a stream, or of a finished recording of one."""
    recorded = stream["state"] == RECORDED
    shown = {
        "id": stream["id"],
        "playback_id": stream["playback"],
        "title": stream["title"],
        **{name: stream.get(name, empty) for name, empty in PRESENTED.items()},
        "schedule": shown_schedule(stream.get("schedule", []), now),
        "state": stream["state"],
        "visibility": stream["visibility"],
        "live_since": format_time(stream.get("live_since")),
        "poster": poster_path(stream["playback"]) if recorded or stream.get("broadcast") else None,
        "duration_s": stream.get("duration_s") if recorded else None,
    }
    if recorded:
        return {**shown, "previews": stream["previews"], "ended": None, "sound_alone": False}
    return {
        **shown,
        "ended": format_time(stream.get("ended")),
        "sound_alone": stream.get("sound_alone", False),
    }


def recording_view(recording: RecordingDoc) -> dict[str, Any]:
    """A public recording as the list of a stream's shows it."""
    return {
        "id": recording["id"],
        "title": recording.get("title", ""),
        "description": recording.get("description", ""),
        "started": rfc3339(recording["started"]),
        "duration_s": recording.get("duration_s"),
        "poster": poster_path(recording["id"]),
    }


def is_public(recording: RecordingDoc, stream_is: bool) -> bool:
    """Whether anybody may watch it: by its own visibility, else by its stream's."""
    own = recording.get("visibility")
    return stream_is if own is None else own == "public"


def poster_path(playback: str) -> str:
    """Where the picture of a stream or recording is; 404 there when none was kept."""
    return f"/v1/watch/{playback}/poster.jpg"


def _rights(claims: PlaybackClaims) -> dict[str, Any]:
    """The claims that are inherited from a token of the app."""
    preview = {"preview": True} if claims.is_preview else {}
    return {"by": claims.by, "until": claims.until or claims.exp, **preview}


class WatchSessions:
    def __init__(
        self,
        seats: ViewerLimit,
        rights: PlaybackRights,
        mails: bool,
        *,
        settings: Settings,
        vault: Vault,
        tokens: Tokens,
        store: Store,
        bus: Bus,
        directory: Directory,
        audit: Audit,
    ) -> None:
        """`mails`: they reach people's mailboxes."""
        self._settings = settings
        self._tokens = tokens
        self._store = store
        self._bus = bus
        self._directory = directory
        self._audit = audit
        self._viewer_limit = seats
        self._rights = rights
        self._mails = mails
        self._devices = GuestDevices(vault)

    def view(self, stream: StreamDoc) -> dict[str, Any]:
        return {**stream_view(stream, now_ms()), "follow": {"email": self._mails, "push": True}}

    async def about(self, stream: StreamDoc) -> dict[str, Any]:
        """What viewers may know. After a broadcast its recording is named if it is public; a signed one needs
        a token of its own."""
        over = stream["state"] == "idle" and stream.get("broadcast") is not None
        recording = await self._directory.recording_of(stream["broadcast"]) if over else None
        if recording is not None and not is_public(recording, stream["visibility"] == "public"):
            recording = None
        return {
            **self.view(stream),
            "recording": recording["id"] if recording is not None else None,
            "of": await self._of(stream),
        }

    async def _of(self, shown: StreamDoc) -> dict[str, str] | None:
        """Of a recording the stream that it was made of, unless that is signed or there is none."""
        if shown["state"] != RECORDED:
            return None
        stream = await self._directory.stream(shown["id"])
        if stream is None or stream["visibility"] != "public":
            return None
        return {"playback_id": stream["playback"], "title": stream["title"]}

    async def recordings(self, playback: str, token: str, asked: Paging) -> Page[RecordingDoc]:
        """The public recordings of a stream, newest first. Errors: NotFound; Forbidden for a signed stream
        without a token that plays it; Invalid for a foreign cursor."""
        stream = await self._rights.open_stream(playback, token)
        by_itself = stream["visibility"] == "public"
        return await self._store.app(stream["app"]).find(
            RECORDINGS,
            {"stream": stream["id"], "state": "ready"},
            sort="started",
            descending=True,
            limit=asked.limit,
            cursor=asked.cursor,
            sieve=Sieve(f"public {by_itself}", lambda one: is_public(one, by_itself)),
        )

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
        stream = await self._rights.stream(playback)
        given = await self._given(stream, token)
        counted = given is None or not given.is_preview
        most = stream.get("max_viewers")
        if counted and most is not None and await self._viewer_limit.is_full(stream["channel"], most):
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
            "stream": self.view(stream),
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

    async def _given(self, stream: StreamDoc, token: str | None) -> PlaybackClaims | None:
        """The claims of the token that a session is made from: of every token for a signed stream, of a
        preview's for a public one. Errors: Forbidden."""
        if stream["visibility"] == "signed":
            return await self._rights.entitled(stream, token or "")
        with contextlib.suppress(Refused):
            given = await self._rights.entitled(stream, token or "")
            return given if given.is_preview else None
        return None

    async def _seated(self, stream: StreamDoc, token: str | None) -> UserClaims | None:
        """The person of a user token of the app. None without a token, and for one that is no longer valid
        here."""
        claims = await self._user(stream["app"], token)
        return (
            claims
            if claims is not None
            and not (claims.guest or claims.overlay)
            and claims.channel in (None, stream["channel"])
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
        stream = await self._rights.stream(playback)
        if not await self._rights.plays(stream, claims):
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
