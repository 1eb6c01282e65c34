"""HTTP to our own ingest nginx on internal addresses: statistics and control."""

from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import aiohttp

from weir.foundation.clock import monotonic
from weir.foundation.errors import Unavailable
from weir.foundation.ids import is_id
from weir.foundation.settings import Settings

APPLICATION = "live"
LARGEST_PICTURE = 8 << 20
SHARED_S = 0.9  # as old may an answer be for all who look each two seconds, whatever the room


@dataclass(frozen=True)
class ActivePublish:
    """One publish as the ingest reports it. `name` is the public (renamed) one; rates in bit/s; video fields
    are 0 until known. `sent_ms` is the encoder's own media time, `at` when the ingest reported it
    (monotonic, s)."""

    name: str
    client_id: int
    bytes_in: int
    bitrate: int
    width: int
    height: int
    frame_rate: float
    video_codec: str
    audio_codec: str
    sample_rate: int
    sent_ms: int = 0
    at: float = 0.0


class IngestClient:
    """Errors of every verb: Unavailable when nginx does not answer within 2 s."""

    def __init__(self, settings: Settings) -> None:
        target = settings.ingest_url or f"unix:{settings.ingest_socket}"
        path = target.removeprefix("unix:") if target.startswith("unix:") else None
        self._base = "http://ingest" if path else target.rstrip("/")
        self._path = path
        self._session: aiohttp.ClientSession | None = None
        self._heard: tuple[float, dict[str, ActivePublish]] | None = None

    async def published(self, not_older_s: float = 0.0) -> dict[str, ActivePublish]:
        """Every stream with a publisher now, by public name. A recent answer may be reused."""
        if self._heard is not None and monotonic() - self._heard[0] < not_older_s:
            return self._heard[1]
        root = ElementTree.fromstring(await self._get("/stat"))  # noqa: S314 – written by our own nginx, which escapes names
        at = monotonic()
        found = (
            _published(stream, at)
            for stream in root.iterfind(f".//application[name='{APPLICATION}']/live/stream")
        )
        self._heard = at, {one.name: one for one in found if one is not None}
        return self._heard[1]

    async def drop_publisher(self, name: str) -> bool:
        """Disconnects the publisher of this public name; False when there is none."""
        return (await self._get(f"/control/drop/publisher?app={APPLICATION}&name={name}")).strip() not in (
            "",
            "0",
        )

    async def _get(self, path: str) -> str:
        if self._session is None:
            connector = aiohttp.UnixConnector(self._path) if self._path else None
            self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=2))
        try:
            async with self._session.get(self._base + path) as reply:
                reply.raise_for_status()
                return await reply.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable("The RTMP ingest does not answer.") from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _published(stream: ElementTree.Element, at: float) -> ActivePublish | None:
    client = next((one for one in stream.iterfind("client") if one.find("publishing") is not None), None)
    if client is None:
        return None
    return ActivePublish(
        name=stream.findtext("name") or "",
        client_id=int(client.findtext("id") or 0),
        bytes_in=int(stream.findtext("bytes_in") or 0),
        bitrate=int(stream.findtext("bw_in") or 0),
        width=int(stream.findtext("meta/video/width") or 0),
        height=int(stream.findtext("meta/video/height") or 0),
        frame_rate=float(stream.findtext("meta/video/frame_rate") or 0),
        video_codec=stream.findtext("meta/video/codec") or "",
        audio_codec=stream.findtext("meta/audio/codec") or "",
        sample_rate=int(stream.findtext("meta/audio/sample_rate") or 0),
        sent_ms=int(client.findtext("timestamp") or 0),
        at=at,
    )


class ApplicationClient:
    """Our own application over its socket, for the supervisor. Errors: Unavailable."""

    def __init__(self, settings: Settings, secret: str) -> None:
        self._path = str(settings.app_socket)
        self._headers = {"X-Internal-Secret": secret}

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._ask("POST", path, body)

    async def get(self, path: str) -> dict[str, Any]:
        return await self._ask("GET", path, None)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=10)
        try:
            connector = aiohttp.UnixConnector(self._path)
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout, headers=self._headers) as session,
                session.request(method, f"http://app{path}", json=body) as reply,
            ):
                return dict(await reply.json(content_type=None))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable("The application does not answer.") from error


class PictureClient:
    """Snapshots of live streams from the media workers: over our own application's socket, or the web server of
    a scaled-out layout."""

    def __init__(self, settings: Settings) -> None:
        self._path = None if settings.web_url else str(settings.app_socket)
        self._base = settings.web_url.rstrip("/") or "http://app"
        self._session: aiohttp.ClientSession | None = None

    async def snapshot(self, stream: str, token: str) -> bytes | None:
        """A JPEG; None when the stream is not on air, or nothing answers. `stream` is an id: whatever else a
        text holds, it names no other address."""
        if not is_id("str", stream):
            return None
        if self._session is None:
            connector = aiohttp.UnixConnector(self._path) if self._path else None
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=10)
            )
        try:
            async with self._session.get(
                f"{self._base}/v1/streams/{stream}/snapshot.jpg", headers={"Authorization": f"Bearer {token}"}
            ) as reply:
                if reply.status != 200 or reply.content_type != "image/jpeg":
                    return None
                if not 0 < (reply.content_length or 0) <= LARGEST_PICTURE:
                    return None
                return await reply.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


async def get_text(url: str) -> str | None:
    """The body at a URL of our own web server, None when it is not there (yet)."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.get(url) as reply,
        ):
            return (await reply.read()).decode("utf-8", "replace") if reply.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
