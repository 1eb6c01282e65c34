"""One running stack that the attacks are made on, with its owner, and ways to speak to it as a stranger
would."""

import http.client
import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.conftest import SMALL, Show
from tests.support.running_stack import RunningStack


class Target(Show):
    """`owner` is the header of the first owner's app token, made when it is first asked for."""

    _account: dict[str, Any] | None = None

    @property
    def account(self) -> dict[str, str]:
        """Header of the first owner, who has followed the set-up link."""
        if self._account is None:
            body = {
                "email": "owner@weir.example",
                "password": "a long password",
                "setup": self.card["studio"].split("#setup=")[1],
            }
            status, self._account = self.stack.ask("POST", "/v1/auth/register", body)
            assert status == 201, self._account
        return {"Authorization": f"Bearer {self._account['access_token']}"}

    def opened(self, app: str | None = None) -> dict[str, str]:
        """Header of the owner's app token."""
        status, answer = self.stack.ask("POST", f"/v1/apps/{app or self.app}/session", headers=self.account)
        assert status == 201, answer
        return {"Authorization": f"Bearer {answer['app_token']}"}

    def new_app(self, name: str = "Another") -> str:
        status, app = self.stack.ask("POST", "/v1/apps", {"name": name}, self.account)
        assert status == 201, app
        return str(app["id"])

    def new_key(self, app: str | None = None, **options: Any) -> dict[str, Any]:
        """A key as it is shown once."""
        status, key = self.stack.ask(
            "POST", f"/v1/apps/{app or self.app}/keys", {"scopes": ["*"], **options}, self.account
        )
        assert status == 201, key
        return dict(key)

    def new_stream(self, app: str | None = None, **fields: Any) -> dict[str, Any]:
        status, stream = self.stack.ask("POST", "/v1/streams", {"title": "Show", **fields}, self.opened(app))
        assert status == 201, stream
        return dict(stream)

    def ask_from(
        self, address: str, path: str, body: Any, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any], list[str]]:
        """(status, JSON, cookies as `name=value`) of a POST by a client at this address of the loopback
        network."""
        line = http.client.HTTPConnection(
            "127.0.0.1", self.stack.http, timeout=15, source_address=(address, 0)
        )
        try:
            line.request(
                "POST", path, json.dumps(body), {"Content-Type": "application/json", **(headers or {})}
            )
            reply = line.getresponse()
            cookies = [one.split(";")[0] for one in reply.headers.get_all("Set-Cookie") or []]
            return reply.status, json.loads(reply.read() or b"{}"), cookies
        finally:
            line.close()

    def login(
        self, address: str, email: str, password: str, *cookies: str
    ) -> tuple[int, dict[str, Any], list[str]]:
        body = {"email": email, "password": password}
        return self.ask_from(
            address, "/v1/auth/login", body, {"Cookie": "; ".join(cookies)} if cookies else None
        )

    def registered(self, email: str, **more: Any) -> tuple[dict[str, str], dict[str, Any]]:
        """(header of a new person's access token, the account)."""
        body = {"email": email, "password": "a long password", "name": email[:3], **more}
        status, answer = self.stack.ask("POST", "/v1/auth/register", body)
        assert status == 201, answer
        return {"Authorization": f"Bearer {answer['access_token']}"}, answer["account"]

    def letters(self, to: str) -> list[str]:
        """The mails to an address, oldest first."""
        found = sorted((self.stack.folder / "var" / "mail").glob("*.txt"))
        texts = [one.read_text() for one in found]
        return [text for text in texts if text.startswith(f"To: {to}\n")]

    def link(self, to: str, purpose: str) -> str:
        """The token of the newest mailed link."""
        return str(re.findall(rf"#{purpose}=(\w+)", "\n".join(self.letters(to)))[-1])

    def plays(self, token: str, playback: str | None = None) -> bool:
        """Whether the web server lets a token through to a stream: there is none to send without a
        publisher."""
        return self.stack.get(f"/hls/{token}/{playback or self.playback}/master.m3u8")[0] != 403

    def answer(self, request: bytes, seconds: float = 15, address: str = "127.0.0.1") -> tuple[int, bytes]:
        """(status, body) of the first answer to exactly these bytes; status 0 when the line was closed
        without one."""
        with socket.create_connection(
            ("127.0.0.1", self.stack.http), seconds, source_address=(address, 0)
        ) as line:
            line.sendall(request)
            reply = http.client.HTTPResponse(line)
            try:
                reply.begin()
                return reply.status, reply.read()
            except (http.client.HTTPException, OSError):
                return 0, b""


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    stack = RunningStack(**SMALL)
    try:
        yield Target(stack.start())
    finally:
        stack.remove()


@pytest.fixture
def make_target() -> Iterator[Callable[..., Target]]:
    """Targets of a test's own, with settings of their own."""
    made: list[RunningStack] = []

    def make(**settings: Any) -> Target:
        made.append(RunningStack(**{**SMALL, **settings}))
        return Target(made[-1].start())

    yield make
    for stack in made:
        stack.remove()
