"""Playlists with blocking reload, and every file of a live stream, as raw ASGI: no request or response
objects, since each viewer asks six times a second.

`GET /origin/<playback id>/<file>`; who may see it has been decided before (nginx asks the control room).
"""

import asyncio
import json
import re
from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from media.hls.playlists import part_name
from media.live.packager import Packager
from weir.foundation.errors import Invalid, NotFound, Refused, Unavailable
from weir.foundation.ids import is_id

FILE = re.compile(r"[A-Za-z0-9_-]+\.(?:m3u8|m4s|mp4|key)")
PART = re.compile(r"p_[A-Za-z0-9]+_[a-z0-9]+_(\d{1,15})_(\d{1,4})\.m4s")
# What players ask three times a second; every other form is read the long way.
NEXT = re.compile(rb"_HLS_msn=(\d{1,15})&_HLS_part=(\d{1,15})")
NUMBER = re.compile(r"\d{1,15}")
PLAYLIST_HEADERS = [(b"content-type", b"application/vnd.apple.mpegurl"), (b"cache-control", b"no-store")]
PACKED_HEADERS = [*PLAYLIST_HEADERS, (b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding")]
LEAST_PACKED = 800
# Names carry the run, so the content under a name never changes.
FILE_HEADERS = [(b"content-type", b"video/mp4"), (b"cache-control", b"private, max-age=3600, immutable")]
KEY_HEADERS = [(b"content-type", b"application/octet-stream"), (b"cache-control", b"private, no-store")]
HELD_TARGETS = 3


class Origin:
    """`packager_of` finds a playback id's packager, None when this worker does not have it."""

    def __init__(
        self, packager_of: Callable[[str], Packager | None], read: Callable[[str, str], bytes | None]
    ) -> None:
        self._packager_of = packager_of
        self._read = read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            if scope["method"] not in ("GET", "HEAD"):
                raise _MethodNotAllowed("Only GET is answered here.")
            headers, body = await self._answer(scope)
            await _send(send, 200, headers, b"" if scope["method"] == "HEAD" else body)
        except Refused as refusal:
            await _refuse(send, refusal)

    async def _answer(self, scope: Scope) -> tuple[list[tuple[bytes, bytes]], bytes]:
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        playback, _, name = path.removeprefix("/").partition("/")
        packager = self._packager_of(playback) if is_id("ply", playback) and FILE.fullmatch(name) else None
        if packager is None:
            raise NotFound("There is no such stream.")
        if name.endswith(".key"):
            return KEY_HEADERS, _key(packager, name)
        if name.endswith(".m3u8"):
            text = await self._playlist(packager, name.removesuffix(".m3u8"), scope["query_string"])
            if len(text) < LEAST_PACKED or not _takes_gzip(scope):
                return PLAYLIST_HEADERS, text
            return PACKED_HEADERS, packager.packed(text)
        return FILE_HEADERS, await self._file(packager, playback, name)

    async def _playlist(self, packager: Packager, name: str, query: bytes) -> bytes:
        if not packager.master:
            raise Unavailable("There is no picture yet.", retry_after=1)
        if name == "master":
            return packager.master
        if name not in packager.names:
            raise NotFound("There is no such rendition.")
        if b"_HLS_" not in query:
            return packager.media(name)
        usual = NEXT.fullmatch(query)
        if usual is not None:
            await self._wait(packager, int(usual[1]), int(usual[2]))
            return packager.media(name)
        asked = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
        await self._wait(packager, _number(asked.get("_HLS_msn")), _number(asked.get("_HLS_part")))
        return packager.media(name, delta=asked.get("_HLS_skip") in ("YES", "v2"))

    async def _wait(self, packager: Packager, msn: int | None, part: int | None) -> None:
        """RFC 8216bis §6.2.5.2. Errors: Invalid for nonsense, Unavailable after three target durations."""
        if msn is None:
            if part is not None:
                raise _BadReload("_HLS_part needs _HLS_msn.")
            return
        timeline = packager.timeline
        assert timeline is not None
        if timeline.ended:
            return
        if timeline.too_far(msn, part):
            raise _BadReload("This is too far ahead.")
        if not await packager.reached(*timeline.wanted(msn, part), HELD_TARGETS * timeline.cadence.segment_s):
            raise Unavailable("The stream has stalled.", retry_after=1)

    async def _file(self, packager: Packager, playback: str, name: str) -> bytes:
        data = await asyncio.to_thread(self._read, playback, name)
        if data is None and await self._hinted(packager, name):
            data = self._read(playback, name)
        if data is None:
            raise NotFound("There is no such file (any more).")
        return data

    async def _hinted(self, packager: Packager, name: str) -> bool:
        """Holds the request for the part that comes next until it is there; other missing parts are not
        waited for."""
        found, timeline = PART.fullmatch(name), packager.timeline
        if found is None or timeline is None or timeline.hint is None:
            return False
        stem, msn, part = timeline.hint
        if name not in [part_name(stem, rendition, msn, part) for rendition in packager.names]:
            # A part that was finished while its file was looked for.
            return timeline.reached(int(found[1]), int(found[2]))
        return await packager.reached(msn, part, HELD_TARGETS * timeline.cadence.segment_s)


def _takes_gzip(scope: Scope) -> bool:
    return any(name == b"accept-encoding" and b"gzip" in value for name, value in scope.get("headers", ()))


class _BadReload(Invalid):
    status = 400


class _MethodNotAllowed(Invalid):
    status = 405


def _key(packager: Packager, name: str) -> bytes:
    key = packager.key(name)
    if key is None:
        raise NotFound("There is no such key.")
    return key


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not NUMBER.fullmatch(text):
        raise _BadReload("_HLS_msn and _HLS_part are whole numbers.")
    return int(text)


async def _refuse(send: Send, refusal: Refused) -> None:
    problem = {
        "type": "about:blank",
        "title": refusal.code.replace("_", " "),
        "status": refusal.status,
        "code": refusal.code,
    }
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", str(int(refusal.retry_after)).encode()))
    await _send(send, refusal.status, headers, json.dumps({**problem, "detail": refusal.detail}).encode())


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
