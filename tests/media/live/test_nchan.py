"""Posting playlists: in order, on one connection, and without ever holding the packager up."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from media.live import nchan as module
from media.live.nchan import NchanPublisher
from tests.support.chat_nodes import eventually
from weir.foundation.settings import Settings


class Web:
    """As much of a web server as posts need: it notes them, answers, and stops when asked."""

    def __init__(self, path: Path) -> None:
        self.path, self.posts, self.connections, self.refusing = (
            path,
            list[tuple[str, bytes, bytes]](),
            0,
            False,
        )
        self.packed: list[tuple[str, bytes]] = []
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.close()
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
                path = head.split(b" ")[1].decode()
                if path.endswith("gzip"):
                    self.packed.append((path, gzip.decompress(body)))
                else:
                    self.posts.append((path, head, body))
                status = b"403 Forbidden" if self.refusing else b"202 Accepted"
                writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            self._open.discard(writer)


@pytest.fixture
async def web(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Web]:
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    made = Web(short_folder / "edge.sock")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def edge(web: Web) -> AsyncIterator[NchanPublisher]:
    made = NchanPublisher(Settings(edge_urls=[f"unix:{web.path}"]), "secret")
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    await asyncio.wait([running])


async def until(web: Web, count: int) -> None:
    await eventually(lambda: len(web.posts) >= count)


async def found_away(logs: list[EventDict]) -> None:
    """Returns when the publisher has failed to reach the web server."""
    await eventually(lambda: any(entry["event"] == "edge.away" for entry in logs))


async def test_each_rendition_goes_to_the_channel_of_its_position(web: Web, edge: NchanPublisher) -> None:
    """With the installation's secret, in order, all over one connection."""
    edge.post("ply_1", "7.0", {"v360": b"one", "v240": b"two"})
    edge.post("ply_1", "7.1", {"v360": b"three"})
    await until(web, 3)
    assert [(path, body) for path, _, body in web.posts] == [
        ("/publish/ply_1/v360.m3u8/7.0", b"one"), ("/publish/ply_1/v240.m3u8/7.0", b"two"), ("/publish/ply_1/v360.m3u8/7.1", b"three"),
    ]  # fmt: skip
    assert all(b"X-Internal-Secret: secret\r\n" in head for _, head, _ in web.posts)
    assert web.connections == 1
    assert [(f"{path}gzip", body) for path, _, body in web.posts][:2] == web.packed[:2]


async def test_a_web_server_that_was_away_gets_what_comes_then(web: Web, edge: NchanPublisher) -> None:
    """And what it did not take meanwhile, and what it had taken a moment before: one that restarts has
    forgotten that, and players wait there for both."""
    edge.post("ply_1", "7.0", {"v360": b"one"})
    await until(web, 1)
    await web.stop()
    with capture_logs() as logs:
        for part in range(1, 100):
            edge.post("ply_1", f"7.{part}", {"v360": b"late"})
        await found_away(logs)
    await web.start()
    await until(web, 101)
    assert [path.rsplit("/", 1)[1] for path, _, _ in web.posts[1:]] == [f"7.{part}" for part in range(100)]


async def test_what_waits_is_bounded(web: Web, edge: NchanPublisher) -> None:
    """While a web server stays away, the newest posts are kept."""
    await web.stop()
    with capture_logs() as logs:
        for part in range(2 * module.MOST_WAITING):
            edge.post("ply_1", f"7.{part}", {"v360": b"late"})
        await found_away(logs)
    await web.start()
    await until(web, module.MOST_WAITING)
    edge.post("ply_1", "8.0", {"v360": b"last"})
    await eventually(lambda: web.posts[-1][2] == b"last")
    posted = [path.rsplit("/", 1)[1] for path, _, _ in web.posts]
    assert posted == [*(f"7.{part}" for part in range(module.MOST_WAITING, 2 * module.MOST_WAITING)), "8.0"]


async def test_a_refusal_is_no_end(web: Web, edge: NchanPublisher) -> None:
    """A wrong secret on one side is said in the log; what was refused is posted again."""
    web.refusing = True
    edge.post("ply_1", "7.0", {"v360": b"one"})
    await until(web, 1)
    web.refusing = False
    edge.post("ply_1", "7.1", {"v360": b"two"})
    await eventually(lambda: web.posts[-1][2] == b"two")
    assert [body for _, _, body in web.posts][-2:] == [b"one", b"two"]
