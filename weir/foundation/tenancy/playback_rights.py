"""What is at a public address, and who may play it: the same answer for pages, pictures and sessions.

A recording is shown in the form of the stream that it is of. A token from the public watch page is good as
long as the stream is public.
"""

from typing import Any, cast

from weir.foundation.errors import Forbidden, NotFound, Refused, Unauthenticated
from weir.foundation.ids import is_id
from weir.foundation.tenancy.collections import RecordingDoc, StreamDoc
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.tokens import PlaybackClaims, Tokens

RECORDED = "recorded"
"""The state of what is no stream but a finished recording."""
CLOSED = "This stream needs a token of its owner."


class PlaybackRights:
    def __init__(self, tokens: Tokens, directory: Directory) -> None:
        self._tokens = tokens
        self._directory = directory

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

    async def open_stream(self, playback: str, token: str = "") -> StreamDoc:
        """The stream itself, also where the address is that of a recording of it, when it is public or the
        token plays it. Errors: NotFound, also for a closed app; Forbidden."""
        shown = await self.stream(playback)
        stream = shown if is_id("ply", playback) else await self._directory.stream(shown["id"])
        if stream is None or not await self.is_served(stream):
            raise NotFound("There is no stream at this address.")
        if stream["visibility"] == "signed":
            await self.entitled(stream, token)
        return stream

    async def is_served(self, stream: StreamDoc) -> bool:
        """False for a stream of an app that is archived, suspended or being deleted."""
        app = await self._directory.app(stream["app"])
        return app is not None and app.get("state", "active") == "active"

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
        shown: dict[str, Any] = {
            **stream,
            "playback": recording_id,
            "title": recording["title"] or stream["title"],
            "description": recording.get("description") or stream.get("description", ""),
            "state": RECORDED,
            "visibility": recording.get("visibility") or stream["visibility"],
            "live_since": recording["started"],
            "previews": recording.get("sprite", False),
            "duration_s": recording.get("duration_s"),
        }
        return cast(StreamDoc, shown)

    async def may_know(self, stream: StreamDoc, token: str | None) -> bool:
        """True when the bearer of a playback token, or anybody, may know more of a stream than that it is
        signed."""
        if stream["visibility"] != "signed":
            return True
        try:
            await self.entitled(stream, token or "")
        except Refused:
            return False
        return True

    async def entitled(self, stream: StreamDoc, token: str) -> PlaybackClaims:
        """The claims of a token that plays this stream now. Errors: Forbidden."""
        try:
            claims = await self._tokens.playback(token)
        except Unauthenticated:
            raise Forbidden(CLOSED) from None
        if not await self.plays(stream, claims):
            raise Forbidden(CLOSED)
        return claims

    async def plays(self, stream: StreamDoc, claims: PlaybackClaims) -> bool:
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


def _alone(video: RecordingDoc) -> StreamDoc:
    """An uploaded video without a stream: its app issues tokens for it."""
    return cast(
        StreamDoc,
        {"id": video["id"], "app": video["app"], "channel": "", "title": "", "visibility": "signed"},
    )
