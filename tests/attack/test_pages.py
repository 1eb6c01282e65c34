"""Other people's web pages: what they can make a visitor's browser do here."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from playwright.sync_api import Browser

from tests.attack.conftest import Target
from tests.e2e.conftest import browser
from tests.support.servers import wait_until

__all__ = ["browser"]

LOGIN = {"email": "mallory@weir.example", "password": "mallory=password"}


class Evil(BaseHTTPRequestHandler):
    page = ""

    def do_GET(self) -> None:
        body = self.page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture(scope="module")
def evil() -> Iterator[int]:
    """The port of a web site at `localhost`, which is another one than 127.0.0.1."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture(scope="module")
def account(target: Target) -> dict[str, str]:
    """Mallory's own, which the page wants its visitor to be signed in to."""
    made = target.stack.ask(
        "POST",
        f"/v1/apps/{target.app}/invitations",
        {"email": LOGIN["email"], "role": "viewer"},
        target.account,
    )[1]
    body = {**LOGIN, "invitation": made["link"].rpartition("=")[2]}
    assert target.stack.ask("POST", "/v1/auth/register", body)[0] == 201
    return LOGIN


def form(port: int, path: str, text: str) -> str:
    """A form whose plain text is this JSON: the name is all up to the `=`, the value the rest."""
    name, _, value = text.partition("=")
    field = f"<input type=hidden name='{name}' value='{value}'>"
    return f"<form method=post enctype=text/plain action='http://127.0.0.1:{port}{path}'>{field}</form><script>document.forms[0].submit()</script>"


def test_a_stranger_s_form_signs_nobody_in(
    target: Target, account: dict[str, str], browser: Browser, evil: int
) -> None:
    """Chromium sends it, as plain text that is JSON; no cookie is set, and no account is shown."""
    context = browser.new_context()
    page, answers = context.new_page(), []
    page.on("response", lambda reply: answers.append(reply) if "/v1/auth/login" in reply.url else None)
    Evil.page = form(target.stack.http, "/v1/auth/login", json.dumps(account))
    page.goto(f"http://localhost:{evil}/")
    wait_until(lambda: (page.wait_for_timeout(20), bool(answers))[1], "the form's answer")
    assert answers[0].status == 403
    assert [one["name"] for one in context.cookies(f"http://127.0.0.1:{target.stack.http}/v1/auth/")] == []
    page.goto(f"http://127.0.0.1:{target.stack.http}/studio")
    page.wait_for_selector("input[name=password]")
    context.close()


def test_a_stranger_s_script_signs_nobody_out(
    target: Target, account: dict[str, str], browser: Browser, evil: int
) -> None:
    """Nor is the refresh cookie sent with what it asks."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{target.stack.http}/studio")
    page.fill("input[name=email]", account["email"])
    page.fill("input[name=password]", account["password"])
    page.click("button[type=submit]")
    page.wait_for_selector("text=My app")
    origin = f"http://127.0.0.1:{target.stack.http}"
    Evil.page = f"""<script>
      const tries = ['logout', 'refresh', 'login'].map((path) => fetch('{origin}/v1/auth/' + path,
        {{method: 'POST', mode: 'no-cors', credentials: 'include', body: '{{"everywhere": true}}'}}));
      Promise.allSettled(tries).then(() => document.title = 'tried');
    </script>"""
    stranger = context.new_page()
    stranger.goto(f"http://localhost:{evil}/")
    stranger.wait_for_function("document.title === 'tried'")
    page.reload()
    page.wait_for_selector("text=My app")
    context.close()


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_what_a_form_can_send_is_no_request(target: Target, kind: str) -> None:
    """To any route that takes a body, whatever it looks like."""
    body = json.dumps(LOGIN).encode()
    for path in (
        "/v1/auth/login",
        "/v1/auth/register",
        "/v1/streams",
        f"/v1/watch/{target.playback}/session",
    ):
        headers = f"Host: 127.0.0.1\r\nContent-Length: {len(body)}\r\n" + (
            f"Content-Type: {kind}\r\n" if kind else ""
        )
        credential = f"Authorization: {target.opened()['Authorization']}\r\n" if path == "/v1/streams" else ""
        status, answer = target.answer(
            f"POST {path} HTTP/1.1\r\n{headers}{credential}Connection: close\r\n\r\n".encode() + body
        )
        assert (status, json.loads(answer)["code"]) == (415, "invalid")


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
     {"Origin": "http://127.0.0.1.evil.example"}],
)  # fmt: skip
def test_the_page_that_asks_is_looked_at(target: Target, headers: dict[str, str]) -> None:
    """At every route that takes or sets a cookie."""
    for path in ("login", "register", "refresh", "logout", "password/forgot", "password/reset", "verify"):
        status, answer = target.stack.ask("POST", f"/v1/auth/{path}", {}, headers)
        assert (status, answer["code"]) == (403, "forbidden"), path


def test_the_page_says_when_access_is_over(target: Target, browser: Browser) -> None:
    """A signed stream: shut without a token, open with one, and a sentence instead of a spinner when the
    token ends."""
    stream, key = target.new_stream(visibility="signed", title="Board meeting"), target.new_key()
    now = int(time.time())
    claims = {
        "iss": key["id"],
        "aud": "weir:playback",
        "app": target.app,
        "sub": stream["playback_id"],
        "iat": now,
        "exp": now + 8,
    }
    address = f"http://127.0.0.1:{target.stack.http}/watch/{stream['playback_id']}"
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("[data-scene=closed]")
    assert "Board" not in page.content()
    page.goto("about:blank")
    page.goto(f"{address}#token={jwt.encode(claims, key['signing_secret'], 'HS256')}")
    page.wait_for_selector("[data-scene=offline]")
    assert page.title() == "Board meeting"
    page.wait_for_selector("[data-scene=expired]")
    assert "new link" in page.inner_text("[data-testid=notice]")
    context.close()
