"""Chooses the picture: of a stream on air the live one, else that of its newest public recording."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from weir.foundation.documents import Sieve, Store
from weir.foundation.errors import NotFound
from weir.foundation.tenancy.collections import RECORDINGS, RecordingDoc, StreamDoc
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.playback_rights import RECORDED, PlaybackRights

Drawn = Callable[[str], Awaitable[bytes | None]]
Stored = Callable[[RecordingDoc], Awaitable[bytes | None]]
NONE = "There is no picture of this stream now."
SHOWN = ("live", "interrupted")


@dataclass(frozen=True)
class Poster:
    """`live`: another one will follow soon."""

    jpeg: bytes
    live: bool
    signed: bool


class Posters:
    """`drawn` gives the live picture of a playback id, at most some seconds old, `stored` that of a recording;
    both None where there is none."""

    def __init__(
        self,
        rights: PlaybackRights,
        drawn: Drawn,
        stored: Stored,
        *,
        store: Store,
        directory: Directory,
    ) -> None:
        self._rights = rights
        self._drawn = drawn
        self._stored = stored
        self._store = store
        self._directory = directory

    async def of(self, playback: str, token: str) -> Poster:
        """Errors: NotFound; Forbidden for a signed stream without a token that plays it."""
        shown = await self._rights.stream(playback)
        if not await self._rights.is_served(shown):
            raise NotFound(NONE)
        signed = shown["visibility"] == "signed"
        if signed:
            await self._rights.entitled(shown, token)
        if shown["state"] == RECORDED:
            recording = await self._directory.recording(playback)
            jpeg = await self._stored(recording) if recording is not None else None
        else:
            jpeg = await self._live(shown)
            if jpeg is None and shown["state"] not in SHOWN:
                return Poster(await self._newest(shown), False, signed)
        if jpeg is None:
            raise NotFound(NONE)
        return Poster(jpeg, shown["state"] != RECORDED, signed)

    async def _live(self, stream: StreamDoc) -> bytes | None:
        return None if stream["state"] == "idle" else await self._drawn(stream["playback"])

    async def _newest(self, stream: StreamDoc) -> bytes:
        """Errors: NotFound."""
        by_itself = stream["visibility"] == "public"
        page = await self._store.app(stream["app"]).find(
            RECORDINGS,
            {"stream": stream["id"], "state": "ready"},
            sort="started",
            descending=True,
            limit=1,
            sieve=Sieve(f"public {by_itself}", lambda one: _is_public(one, stream)),
        )
        jpeg = await self._stored(page.data[0]) if page.data else None
        if jpeg is None:
            raise NotFound(NONE)
        return jpeg


def _is_public(recording: RecordingDoc, stream: StreamDoc) -> bool:
    return (recording.get("visibility") or stream["visibility"]) == "public"
