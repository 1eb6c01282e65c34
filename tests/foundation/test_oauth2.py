"""Tokens of other people's servers: kept, shared, replaced in time, and refused in a sentence."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import orjson
import pytest
from aiohttp import web

from weir.foundation.egress import ClientCredentials, Egress, NoToken, oauth2
from weir.foundation.settings import Settings

SECRET = "s€cret:with /marks+"


class TokenServer:
    """Checks credentials as RFC 6749 says and misbehaves as told."""

    def __init__(self) -> None:
        self.issued = 0
        self.asked: list[dict[str, str]] = []
        self.life: Any = 3600
        self.in_body = False
        self.answer: web.Response | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def handle(self, request: web.Request) -> web.Response:
        form = {name: values[0] for name, values in parse_qs(await request.text()).items()}
        self.asked.append(form)
        await self.open.wait()
        if self.answer is not None:
            return self.answer
        given = ("", "")
        if self.in_body:
            given = (form.get("client_id", ""), form.get("client_secret", ""))
        elif request.headers.get("Authorization", "").startswith("Basic "):
            name, _, secret = b64decode(request.headers["Authorization"][6:]).decode().partition(":")
            given = (unquote_plus(name), unquote_plus(secret))
        if given != ("me@here", SECRET) or form["grant_type"] != "client_credentials":
            return web.json_response({"error": "invalid_client"}, status=401)
        self.issued += 1
        said = {"access_token": f"token{self.issued}", "token_type": "bearer"}
        return web.json_response(said if self.life is None else said | {"expires_in": self.life})


@pytest.fixture
async def server() -> AsyncIterator[tuple[TokenServer, str]]:
    one = TokenServer()
    app = web.Application()
    app.router.add_post("/token", one.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield one, f"http://127.0.0.1:{runner.addresses[0][1]}/token"
    one.open.set()
    await runner.cleanup()


@pytest.fixture
async def tokens() -> AsyncIterator[ClientCredentials]:
    egress = Egress(Settings(_env_file=None, egress_allow=["127.0.0.0/8"]))
    yield ClientCredentials(egress)
    await egress.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(oauth2, "monotonic", lambda: now[0])
    return now


async def test_a_token_is_kept_until_a_minute_before_it_expires(
    server: tuple[TokenServer, str], tokens: ClientCredentials, clock: list[float]
) -> None:
    one, url = server
    assert [await tokens.token(url, "me@here", SECRET, "a b") for _ in range(3)] == ["token1"] * 3
    assert one.asked == [{"grant_type": "client_credentials", "scope": "a b"}]
    clock[0] += 3539
    assert await tokens.token(url, "me@here", SECRET, "a b") == "token1"
    clock[0] += 1
    assert await tokens.token(url, "me@here", SECRET, "a b") == "token2"


async def test_credentials_have_tokens_of_their_own(
    server: tuple[TokenServer, str], tokens: ClientCredentials
) -> None:
    _, url = server
    assert await tokens.token(url, "me@here", SECRET, "a") == "token1"
    assert await tokens.token(url, "me@here", SECRET, "b") == "token2"
    with pytest.raises(NoToken):
        await tokens.token(url, "me@here", "another secret", "a")


async def test_callers_at_the_same_time_share_one_request(
    server: tuple[TokenServer, str], tokens: ClientCredentials
) -> None:
    one, url = server
    one.open.clear()
    callers = [asyncio.create_task(tokens.token(url, "me@here", SECRET)) for _ in range(50)]
    while not one.asked:
        await asyncio.sleep(0.005)
    callers[0].cancel()  # who asked first goes; the others still get theirs
    one.open.set()
    assert await asyncio.gather(*callers[1:]) == ["token1"] * 49
    assert one.issued == 1


async def test_a_refused_token_is_replaced_once(
    server: tuple[TokenServer, str], tokens: ClientCredentials
) -> None:
    one, url = server
    old = await tokens.token(url, "me@here", SECRET)
    again = await asyncio.gather(*(tokens.token(url, "me@here", SECRET, refused=old) for _ in range(20)))
    late = await tokens.token(url, "me@here", SECRET, refused=old)
    assert {*again, late} == {"token2"} and one.issued == 2


async def test_servers_that_want_the_credentials_in_the_body(
    server: tuple[TokenServer, str], tokens: ClientCredentials
) -> None:
    one, url = server
    one.in_body = True
    assert await tokens.token(url, "me@here", SECRET) == "token1"


@pytest.mark.parametrize(("life", "kept_s"), [
    (None, 240), ("3600", 3540), (30, 0), (-5, 0), ("soon", 240), (1e18, 86340), ("nan", 0), ([], 240), ({"a": 1}, 240),
])  # fmt: skip
async def test_whatever_the_server_says_about_a_tokens_life(
    server: tuple[TokenServer, str], tokens: ClientCredentials, clock: list[float], life: Any, kept_s: int
) -> None:
    one, url = server
    one.life = life
    assert await tokens.token(url, "me@here", SECRET) == "token1"
    if kept_s:
        clock[0] += kept_s - 1
        assert await tokens.token(url, "me@here", SECRET) == "token1"
    clock[0] += 1
    assert await tokens.token(url, "me@here", SECRET) == "token2"


def said(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=body if isinstance(body, bytes) else orjson.dumps(body), status=status)


@pytest.mark.parametrize(("answer", "sentence", "temporary"), [
    (lambda: said({"error": "invalid_scope"}, 400), r"status 400 \(invalid_scope\).*scope", False),
    (lambda: said({"error": "in\x1bvalid"}, 403), r"status 403\. Check", False),
    (lambda: said(b"<html>", 404), "status 404", False),
    (lambda: said(b"", 500), "status 500.*later", True),
    (lambda: said({}, 429), "status 429.*later", True),
    (lambda: said({}, 302), "status 302", False),
    (lambda: said(b"not json"), "no usable access_token", False),
    (lambda: said([1]), "no usable access_token", False),
    (lambda: said({"access_token": ""}), "no usable access_token", False),
    (lambda: said({"access_token": 5}), "no usable access_token", False),
    (lambda: said({"access_token": "a\r\nX-Evil: 1"}), "no usable access_token", False),
    (lambda: said({"access_token": "a" * 9000}), "no usable access_token", False),
    (lambda: said({"access_token": "a", "pad": "x" * 100_000}), "no usable access_token", False),
    (lambda: said({"access_token": "a", "token_type": "mac"}), "another type", False),
])  # fmt: skip
async def test_no_token_is_said_in_a_sentence(
    server: tuple[TokenServer, str], tokens: ClientCredentials, answer: Any, sentence: str, temporary: bool
) -> None:
    one, url = server
    one.answer = answer()
    with pytest.raises(NoToken, match=sentence) as refusal:
        await tokens.token(url, "me@here", SECRET)
    assert refusal.value.temporary is temporary and SECRET not in refusal.value.detail
    one.answer = None
    assert await tokens.token(url, "me@here", SECRET) == "token1"  # a failure is not kept


async def test_a_token_server_inside_is_refused(tokens: ClientCredentials) -> None:
    with pytest.raises(NoToken, match="private") as refusal:
        await tokens.token("https://10.0.0.1/token", "me", SECRET)
    assert not refusal.value.temporary
