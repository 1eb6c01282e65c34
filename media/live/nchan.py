"""Sends playlists to web servers that hold blocking reloads themselves (nchan). [hands]

Each playlist is posted once a part, to the channels of its position, `PLAYBACK/FILE/MSN.PART` and,
compressed, `…gzip`; nginx sends it to all requests that wait there, and for 20 s to later ones. Plain
HTTP/1.1 on one connection to each web server, all renditions in one write: a client library costs more
than the packager itself.
"""

import asyncio
import contextlib
import gzip
from collections import deque
from collections.abc import Mapping

import structlog

from weir.foundation.clock import monotonic
from weir.foundation.settings import Settings

AGAIN_S, ANSWER_S = 0.2, 5.0
KEPT_S = 3.0  # longer than requests for earlier positions than the next may be held
MOST_WAITING = 256
PACKED = 4  # of 9: 40 µs for 6 KB
log = structlog.get_logger("media")


class NchanPublisher:
    """`run` until cancelled; `post` never blocks. What a web server has not accepted is posted again when it
    answers: if it was slow rather than away, players wait there for exactly that. Only what no longer fits
    is dropped, the oldest first."""

    def __init__(self, settings: Settings, secret: str) -> None:
        self._secret = secret
        self._servers = [_Server(url) for url in settings.edge_urls or [f"unix:{settings.edge_socket}"]]

    def post(self, playback: str, position: str, lists: Mapping[str, bytes]) -> None:
        """`lists` by rendition. Each is posted as it is and as gzip, to a channel of its own."""
        heads = "POST /publish/{}/{}.m3u8/{} HTTP/1.1\r\nHost: edge\r\nX-Internal-Secret: {}\r\nContent-Length: {}\r\n"
        kind = "Content-Type: application/vnd.apple.mpegurl\r\n\r\n"
        texts = []
        for name, body in lists.items():
            for channel, sent in (
                (position, body),
                (f"{position}gzip", gzip.compress(body, PACKED, mtime=0)),
            ):
                texts.append(
                    (heads.format(playback, name, channel, self._secret, len(sent)) + kind).encode() + sent
                )
        for server in self._servers:
            server.put(texts)

    async def run(self) -> None:
        await asyncio.gather(*(server.run() for server in self._servers))


class _Server:
    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: deque[list[bytes]] = deque(maxlen=MOST_WAITING)
        self._accepted: deque[tuple[float, list[bytes]]] = deque()
        self._some = asyncio.Event()

    def put(self, texts: list[bytes]) -> None:
        self._waiting.append(texts)
        self._some.set()

    async def run(self) -> None:
        while True:
            try:
                await self._talk()
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
                log.warning("edge.away", server=self._url, error=str(error) or type(error).__name__)
                again = [texts for _, texts in self._accepted]  # one that restarts has forgotten them
                self._waiting = deque([*again, *self._waiting], MOST_WAITING)
                self._accepted.clear()
                await asyncio.sleep(AGAIN_S)

    async def _talk(self) -> None:
        """Over one connection until it breaks. Errors: OSError (a time-out too), EOFError, ValueError for a
        refusal."""
        await self._some.wait()
        if self._url.startswith("unix:"):
            reader, writer = await asyncio.open_unix_connection(self._url.removeprefix("unix:"))
        else:
            host, _, port = self._url.removeprefix("http://").rstrip("/").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port or 80))
        try:
            while True:
                while self._waiting:
                    texts = self._waiting[0]
                    writer.writelines(texts)
                    async with asyncio.timeout(ANSWER_S):
                        for _ in texts:
                            await _accepted(reader)
                    if self._waiting and self._waiting[0] is texts:  # else it was dropped meanwhile
                        self._accepted.append((monotonic(), self._waiting.popleft()))
                while self._accepted and self._accepted[0][0] < monotonic() - KEPT_S:
                    self._accepted.popleft()
                self._some.clear()
                await self._some.wait()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _accepted(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 20"):
        raise ValueError(f"The web server refused a playlist: {head[:40]!r}")
    _, found, rest = head.partition(b"content-length:")
    if found:
        await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
