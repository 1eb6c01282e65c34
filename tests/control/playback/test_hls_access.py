"""Who may play: the auth request of our own web server only; bounded for clients that guess."""

from typing import Any

import pytest

from tests.support.control_room import World, bearer
from weir.foundation.services import Services
from weir.foundation.tenancy.tokens import Tokens

STRANGER = "203.0.113.5"


class Desk:
    """One stream, and the web server that asks about tokens for it. `checked` counts signature checks."""

    def __init__(self, world: World, services: Services, stream: dict[str, Any], app: str) -> None:
        self._world, self._services, self.playback, self._app = world, services, stream["playback_id"], app
        self.secret = services.vault.text_key("internal")
        self.checked = 0

    def token(self, sid: str = "a") -> str:
        return self._services.tokens.mint_playback(self.playback, self._app, sid, 600)

    def headers(self, token: str, address: str = STRANGER) -> list[tuple[str, str]]:
        return [
            ("X-Internal-Secret", self.secret),
            ("X-Playback-Id", self.playback),
            ("X-Playback-Token", token),
            ("X-Forwarded-For", address),
        ]

    async def asked(self, headers: list[tuple[str, str]], body: bytes | None = None) -> Any:
        return await self._world.http.request("GET", "/internal/hls_access", headers=headers, content=body)

    async def asks(self, token: str, address: str = STRANGER) -> int:
        return int((await self.asked(self.headers(token, address))).status_code)


@pytest.fixture
async def desk(world: World, services: Services, monkeypatch: pytest.MonkeyPatch) -> Desk:
    owner = await world.owner()
    app = (await world.app(owner))["id"]
    key = bearer((await world.key(owner, app))["api_key"])
    desk = Desk(world, services, await world.done("POST", "/v1/streams", key, {}), app)
    check = Tokens.playback

    async def counting(self: Tokens, token: str) -> Any:
        desk.checked += 1
        return await check(self, token)

    monkeypatch.setattr(Tokens, "playback", counting)
    return desk


@pytest.mark.parametrize(
    "name", ["X-Internal-Secret", "X-Playback-Id", "X-Playback-Token", "X-Forwarded-For"]
)
@pytest.mark.parametrize("first", [True, False])
async def test_a_header_that_comes_twice_is_refused(desk: Desk, name: str, first: bool) -> None:
    """Whichever of the two says what: a web server that wrote one wrote it once. The connection ends with it."""
    right = desk.headers(desk.token())
    assert (await desk.asked(right)).status_code == 204
    again = (name.lower(), dict(right)[name])
    refused = await desk.asked([again, *right] if first else [*right, again])
    assert (refused.status_code, refused.headers["connection"]) == (403, "close")


async def test_a_question_has_no_body(desk: Desk) -> None:
    """Whatever says that one follows: it would be the next request."""
    right = desk.headers(desk.token())
    for more in (
        ("Content-Length", "5"),
        ("Content-Length", "00"),
        ("Content-Length", "-1"),
        ("Transfer-Encoding", "chunked"),
        ("Transfer-Encoding", "identity"),
    ):
        assert (await desk.asked([*right, more])).status_code == 403, more
    assert (await desk.asked([*right, ("Content-Length", "0")])).status_code == 204
    assert (
        await desk._world.ask(
            "GET", "/internal/overview", {"X-Internal-Secret": desk.secret, "Content-Length": "5"}
        )
    ).status_code == 404
    assert (
        await desk._world.ask("GET", "/internal/overview", {"X-Internal-Secret": desk.secret})
    ).status_code == 200


async def test_who_guesses_is_soon_not_asked_about(desk: Desk, services: Services) -> None:
    """Past the bound, no signature is checked for that address, whatever it sends; it gets Retry-After. Who
    played from there a moment ago plays on; who comes anew from elsewhere plays."""
    playing, bound = desk.token("viewer"), services.settings.block_after
    assert await desk.asks(playing) == 204
    for number in range(bound + 200):
        assert await desk.asks(f"a.b.{number:040d}") == 403
    assert desk.checked <= bound + 1
    before = desk.checked
    refused = await desk.asked(desk.headers("a.b." + "c" * 40))
    assert (refused.status_code, desk.checked) == (403, before)
    assert 0 < int(refused.headers["retry-after"]) <= 61
    assert await desk.asks(desk.token("newcomer")) == 403, "a new token from the address that guesses"
    assert await desk.asks(playing) == 204
    assert await desk.asks(playing, "203.0.113.6") == 204
    await services.door.limits.exchange()
    assert await desk.asks("a.b." + "d" * 40) == 403
    assert await desk.asks(playing) == 204


async def test_one_expired_token_is_no_guessing(desk: Desk, services: Services) -> None:
    """A player that keeps using it, like a whole household of them, counts once a token."""
    old = services.tokens.mint_playback(desk.playback, desk._app, "a", -60)
    for _ in range(services.settings.block_after + 10):
        assert await desk.asks(old) == 403
    assert await desk.asks(desk.token()) == 204


async def test_a_household_of_ipv6_is_one_address(desk: Desk, services: Services) -> None:
    """A /64 of them is what one person has, so guesses from all over it add up, and the neighbours' do not."""
    for number in range(services.settings.block_after):
        await desk.asks(f"a.b.{number:040d}", f"2001:db8:0:1::{number:x}")
    before = desk.checked
    await desk.asks("a.b." + "c" * 40, "2001:db8:0:1:ffff::1")
    assert desk.checked == before
    assert await desk.asks(desk.token(), "2001:db8:0:2::1") == 204
