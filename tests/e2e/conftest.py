"""One stack for the tests that don't break it, and what they need to talk to it."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urljoin

import jwt
import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browsing import CHROMIUM, OUTPUT
from tests.e2e.publisher import Publisher
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until
from weir.foundation.ids import new_id
from weir.foundation.settings import Settings
from weir.foundation.tenancy.tokens import Tokens
from weir.foundation.vault import open_vault

GRACE_S = 4
# All viewers of a test have one address: who is banned must not keep the next test's guests away.
SMALL: dict[str, Any] = {
    "LADDER": "[360]",
    "X264_PRESET": "ultrafast",
    "RECONNECT_GRACE_S": GRACE_S,
    "GUEST_ADDRESS_BAN_H": 0,
}

# Where guests by the dozen talk as fast as the test can.
TALKATIVE: dict[str, Any] = {
    "CHAT_RATE_PER_S": 100,
    "CHAT_BURST": 100,
    "GUEST_RATE_PER_S": 1000,
    "GUEST_BURST": 1000,
    "GUEST_CHANNEL_RATE_PER_S": 1000,
}


class Show:
    """A running stack with its first stream, seen through its public doors. `publisher` is the newest
    encoder."""

    publisher: Publisher

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.card = stack.card()
        self.playback = self.card["watch"].rsplit("/", 1)[1]
        settings = Settings(data_dir=stack.folder / "var", _env_file=None)
        self.tokens = Tokens(open_vault(settings))
        session = self.session()
        self.channel, self.app = session["channel"], self.claims(session["playback_token"])["app"]

    @staticmethod
    def claims(token: str) -> dict[str, Any]:
        return dict(jwt.decode(token, options={"verify_signature": False}))

    def owner(self) -> dict[str, str]:
        """Header of the first owner, who has just followed the set-up link."""
        setup = self.card["studio"].split("#setup=")[1]
        owner = {"email": "o@w.example", "password": "a long password", "setup": setup}
        status, account = self.stack.ask("POST", "/v1/auth/register", owner)
        assert status == 201, account
        return {"Authorization": f"Bearer {account['access_token']}"}

    def member(self) -> dict[str, str]:
        """Header of the first owner for the stream's app."""
        opened = self.stack.ask("POST", f"/v1/apps/{self.app}/session", headers=self.owner())[1]
        return {"Authorization": f"Bearer {opened['app_token']}"}

    def session(self, name: str | None = None) -> dict[str, Any]:
        status, answer = self.stack.ask(
            "POST", f"/v1/watch/{self.playback}/session", {"name": name} if name else {}
        )
        assert status == 201, answer
        return dict(answer)

    def door(self, _visit: int) -> int:
        """Where sockets connect."""
        return self.stack.http

    def state(self) -> str:
        return str(self.stack.get(f"/v1/watch/{self.playback}")[1]["state"])

    def viewers(self) -> int:
        return int(self.stack.get(f"/v1/watch/{self.playback}")[1]["viewers"])

    def token(self, sid: str | None = None, ttl: int = 600) -> str:
        return self.tokens.mint_playback(self.playback, self.app, sid or new_id("ses"), ttl)

    def url(self, file: str = "master.m3u8", token: str | None = None) -> str:
        return f"/hls/{token or self.token('e2e')}/{self.playback}/{file}"

    def publish(self, key: str | None = None, **options: Any) -> Publisher:
        self.publisher = Publisher(f"{self.card['server']}/{key or self.card['key']}", **options)
        return self.publisher

    def wait_state(self, state: str, seconds: float = 40) -> None:
        wait_until(lambda: self.state() == state, f"state {state}", seconds)

    def text(self, path: str) -> str:
        status, body = self.stack.get(path)
        return body.decode() if status == 200 and isinstance(body, bytes) else ""

    def renditions(self) -> list[str]:
        """Paths of the media playlists, in the master's order."""
        master = self.url()
        return [
            urljoin(master, line)
            for line in self.text(master).splitlines()
            if line and not line.startswith("#")
        ]

    def files(self) -> dict[str, str]:
        """A part, a segment and the init file that can be fetched now, by kind."""
        playlist_url = self.renditions()[0]
        playlist = self.text(playlist_url)
        part = re.findall(r'#EXT-X-PART:.*URI="([^"]+)"', playlist)[-1]
        init = re.findall(r'#EXT-X-MAP:URI="([^"]+)"', playlist)[-1]
        segment = [
            line for line in playlist.splitlines() if line.endswith(".m4s") and not line.startswith("#")
        ][-1]
        return {"playlist": playlist_url.rsplit("/", 1)[1], "part": part, "init": init, "segment": segment}


@pytest.fixture(scope="module")
def show() -> Iterator[Show]:
    stack = RunningStack(**SMALL).start()
    yield Show(stack)
    stack.remove()


@pytest.fixture
def live(show: Show) -> Iterator[Show]:
    """The show with an encoder on air."""
    if show.state() != "idle":
        show.wait_state("idle")
    publisher = show.publish()
    show.wait_state("live")
    yield show
    publisher.stop()


@pytest.fixture
def make_stack() -> Iterator[Callable[..., Show]]:
    """Stacks of a test's own, removed with everything in them."""
    made: list[RunningStack] = []

    def make(**settings: Any) -> Show:
        made.append(RunningStack(**{**SMALL, **settings}))
        return Show(made[-1].start())

    yield make
    for stack in made:
        stack.remove()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    OUTPUT.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield chromium
        chromium.close()
