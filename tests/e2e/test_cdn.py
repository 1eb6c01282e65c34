"""A CDN in front: a second nginx, configured as docs/cdn.md says, between viewers and the stack."""

import asyncio
import os
import re
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
import pytest
from playwright.sync_api import Browser

from tests.e2e.browsing import Viewer
from tests.e2e.conftest import SMALL, Show
from tests.support.running_stack import ROOT, RunningStack
from tests.support.servers import free_port, wait_until

VIEWERS, PARTS = 25, 24


class Cdn:
    """Its `address` is where viewers ask."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, origin: str) -> None:
        text = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs/cdn.md").read_text(), re.S)[0]
        for said, here in (
            ("/var/cache/nginx/weir", f"{self._folder}/cache"),
            ("origin.example.org:8080", origin.removeprefix("http://")),
        ):
            assert said in text
            text = text.replace(said, here)
        paths = "".join(
            f"{name}_temp_path {self._folder}/{name};"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = text.replace("listen 80;", f"listen 127.0.0.1:{self.port};").replace(
            "http {", f"http {{ access_log off; {paths}"
        )
        config = self._folder / "cdn.conf"
        user = "user root; " if os.getuid() == 0 else ""
        config.write_text(f"{user}daemon off; pid {self._folder}/pid; error_log {self._folder}/log;\n" + text)
        self._process = subprocess.Popen(
            ["nginx", "-e", str(self._folder / "log"), "-p", str(self._folder), "-c", str(config)]
        )
        wait_until(lambda: _open(self.port), "the CDN")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)


def _open(port: int) -> bool:

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def fronted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Show, Cdn]]:
    """On air, with media files at the CDN's address."""
    cdn = Cdn(tmp_path_factory.mktemp("cdn"))
    stack = RunningStack(**SMALL, CDN_URL=cdn.address, TRUSTED_PROXIES='["127.0.0.1/32"]')
    try:
        show = Show(stack.start())
        cdn.start(stack.address)
        publisher = show.publish()
        show.wait_state("live")
        yield show, cdn
        publisher.stop()
    finally:
        cdn.stop()
        stack.remove()


@dataclass
class Seen:
    """What viewers got: cache states by media file, playlists' headers, and reloads that brought nothing new."""

    media: dict[str, Counter[str]] = field(default_factory=dict)
    playlists: set[tuple[int, str, str | None]] = field(default_factory=set)
    stale: int = 0


async def watch(http: aiohttp.ClientSession, playlist: str, seen: Seen) -> None:
    """As a player with low latency: a blocking reload, then what it names that is new."""
    had, query = set[str](), ""
    for _ in range(PARTS):
        async with http.get(playlist + query) as reply:
            text = await reply.text()
            seen.playlists.add((reply.status, reply.headers["Cache-Control"], reply.headers.get("X-Cache")))
        fresh = [uri for uri in re.findall(r'(?:PART:.*|MAP:)URI="([^"]+)"', text) if uri not in had]
        seen.stale += not fresh
        had.update(fresh)
        for uri in fresh:
            async with http.get(urljoin(playlist, uri)) as reply:
                assert reply.status == 200, uri
                assert await reply.read()
                assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
                assert reply.headers["Access-Control-Allow-Origin"] == "*"
                seen.media.setdefault(uri, Counter())[reply.headers["X-Cache"]] += 1
        msn, part = re.findall(r'PRELOAD-HINT:TYPE=PART,URI="[^"]*_(\d+)_(\d+)\.m4s"', text)[0]
        query = f"?_HLS_msn={msn}&_HLS_part={part}"


def test_media_files_come_from_the_cache(fronted: tuple[Show, Cdn]) -> None:
    """The origin is asked once for each; playlists are each viewer's own, and answered when there is
    something new."""
    show, cdn = fronted
    seen = Seen()

    async def audience() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            lists = [
                cdn.address + show.url("v360.m3u8", show.token(f"ses_{number}")) for number in range(VIEWERS)
            ]
            await asyncio.gather(*(watch(http, one, seen) for one in lists))

    asyncio.run(audience())
    assert all(uri.startswith(f"{cdn.address}/media/{show.playback}/") for uri in seen.media)
    assert seen.playlists == {(200, "private, no-store", None)}
    assert seen.stale == 0
    total = sum(seen.media.values(), Counter[str]())
    asked = total.total() - total["HIT"]
    print(
        f"{total.total()} media files, {total['HIT'] / total.total():.1%} from the cache; {asked / len(seen.media):.2f} fetches each"
    )
    # On a busy machine some ask for a part before its first fetch has ended.
    assert total["HIT"] >= 0.9 * total.total()
    assert asked <= 2 * len(seen.media)


def test_a_name_of_the_past_tells_none_of_the_future(fronted: tuple[Show, Cdn]) -> None:
    """Each segment has a secret of its own, in its name and its parts'; what does not exist is not kept by
    the cache."""
    show, cdn = fronted
    stems: set[str] = set()

    def segments() -> int:
        text = show.text(show.url("v360.m3u8"))
        stems.update(re.findall(r"/[sp]_([0-9a-f]{32})_v360_\d+", text))
        return len(stems)

    wait_until(lambda: segments() >= 4, "four segments")
    text = show.text(show.url("v360.m3u8"))
    stem, msn = re.findall(r"/p_([0-9a-f]{32})_v360_(\d+)_", text)[-1]
    guess = f"/media/{show.playback}/s_{stem}_v360_{int(msn) + 1}.m4s"
    for _ in range(2):
        status, headers = asked(cdn.address + guess)
        assert status == 404
        assert headers.get("X-Cache") == "MISS"
        assert "Cache-Control" not in headers or "no-store" in headers["Cache-Control"]
    beyond = {"Range": "bytes=999999999-"}
    uri = re.findall(rf"(/media/{show.playback}/s_[0-9a-zA-Z_]+\.m4s)", text)[-1]
    assert asked(f"http://127.0.0.1:{show.stack.http}{uri}", beyond)[0] == 200  # a 416 could be kept


def asked(url: str, sent: dict[str, str] | None = None) -> tuple[int, dict[str, str]]:
    async def ask() -> tuple[int, dict[str, str]]:
        async with aiohttp.ClientSession() as http, http.get(url, headers=sent) as reply:
            return reply.status, dict(reply.headers)

    return asyncio.run(ask())


def test_who_has_no_token_learns_no_name(fronted: tuple[Show, Cdn]) -> None:
    """A signed stream's session and everybody's playlists are refused through the CDN as without it; a
    withdrawn token within seconds."""
    show, cdn = fronted
    wrong = show.url("v360.m3u8", "a.b." + "c" * 43)
    assert asked(cdn.address + wrong)[0] == 403
    member = show.member()
    status, closed = show.stack.ask(
        "POST", "/v1/streams", {"title": "Closed", "visibility": "signed"}, member
    )
    assert status == 201, closed

    async def enter() -> int:
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{cdn.address}/v1/watch/{closed['playback_id']}/session", json={}) as reply,
        ):
            return reply.status

    assert asyncio.run(enter()) == 403
    token = show.token("ses_gone")
    url = cdn.address + show.url("v360.m3u8", token)
    assert asked(url)[0] == 200
    status, answer = show.stack.ask("POST", "/v1/revocations", {"session": "ses_gone"}, member)
    assert status in (200, 201, 202, 204), answer
    began = time.monotonic()
    wait_until(lambda: asked(url)[0] == 403, "the refusal", 12)
    print(f"refused after {time.monotonic() - began:.1f} s")


def test_the_watch_page_plays_from_the_cdn(fronted: tuple[Show, Cdn], browser: Browser) -> None:
    """Its content policy allows the address; the picture runs."""
    show, cdn = fronted
    viewer = Viewer(browser, show.card["watch"])
    from_cdn: list[Any] = []
    viewer.page.on(
        "response",
        lambda reply: (
            from_cdn.append(reply.status) if reply.url.startswith(f"{cdn.address}/media/") else None
        ),
    )
    wait_until(lambda: viewer.seconds_played() > 3, "the picture", 30)
    assert set(from_cdn) == {200}
    assert viewer.errors == []
