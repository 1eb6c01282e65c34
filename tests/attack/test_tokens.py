"""What can be made from a token that outlives it, exceeds it, or belongs to another user."""

import asyncio
import time
from typing import Any

import jwt
import pytest
import socketio

from tests.attack.conftest import Target
from tests.support.servers import wait_until
from weir.foundation.ids import new_id

SECONDS = 10
"""Within which a withdrawal acts: our caches and the web server's decisions together."""


def signed(
    target: Target, key: dict[str, Any], audience: str = "weir:playback", life_s: float = 600, **claims: Any
) -> str:
    now = int(time.time())
    payload = {
        "iss": key["id"],
        "aud": audience,
        "app": target.app,
        "iat": now,
        "exp": now + life_s,
        **claims,
    }
    return jwt.encode(payload, key["signing_secret"], "HS256")


def bearer(key: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['api_key']}"}


def revoke(target: Target, key: dict[str, Any]) -> None:
    assert (
        target.stack.ask("DELETE", f"/v1/apps/{target.app}/keys/{key['id']}", headers=target.account)[0]
        == 200
    )


def renew(target: Target, playback: str, token: str) -> tuple[int, dict[str, Any]]:
    return target.stack.ask("POST", f"/v1/watch/{playback}/renew", {"playback_token": token})


@pytest.fixture
def private(target: Target) -> dict[str, Any]:
    return target.new_stream(visibility="signed")


def test_a_short_token_makes_no_long_one(target: Target, private: dict[str, Any]) -> None:
    """Signed by a customer or given by the API for a minute: neither the page's session nor any renewal lives
    longer."""
    key, playback = target.new_key(), private["playback_id"]
    given = target.stack.ask(
        "POST", f"/v1/streams/{private['id']}/playback-tokens", {"ttl_s": 60}, bearer(key)
    )[1]["token"]
    for token in (given, signed(target, key, life_s=60, sub=playback, sid="s1")):
        ends = target.claims(token)["exp"]
        session = target.stack.ask("POST", f"/v1/watch/{playback}/session", {"token": token})[1]
        tokens = [session["playback_token"], session["user_token"]]
        for start in (token, session["playback_token"]):
            status, renewed = renew(target, playback, start)
            assert status in (200, 403)
            tokens += [renewed["playback_token"]] if status == 200 else []
        assert [target.claims(one)["exp"] for one in tokens if target.claims(one)["exp"] > ends] == []


def test_a_thief_keeps_nothing_of_a_revoked_key(target: Target, private: dict[str, Any]) -> None:
    """What it signed, asked for, opened and renewed: refused at the web server within seconds, and not
    renewed."""
    key, playback = target.new_key(), private["playback_id"]
    tokens = [
        signed(target, key, sub=playback, sid="s1"),
        target.stack.ask("POST", f"/v1/streams/{private['id']}/playback-tokens", {}, bearer(key))[1]["token"],
    ]
    tokens += [
        target.stack.ask("POST", f"/v1/watch/{playback}/session", {"token": one})[1]["playback_token"]
        for one in tokens
    ]
    tokens += [renew(target, playback, one)[1]["playback_token"] for one in tokens]
    assert [target.plays(one, playback) for one in tokens] == [True] * 8
    revoke(target, key)
    wait_until(
        lambda: not any(target.plays(one, playback) for one in tokens), "the end of all tokens", SECONDS
    )
    assert {renew(target, playback, one)[0] for one in tokens} <= {401, 403}


def test_nobody_comes_back_as_a_customer_s_user(target: Target) -> None:
    """A stolen user token of a minute gives no identity for twelve hours under another name."""
    key = target.new_key()
    alice = signed(target, key, "weir:user", 60, sub="vip-alice", name="Alice")
    taken = target.stack.ask(
        "POST", f"/v1/watch/{target.playback}/session", {"resume": alice, "name": "Somebody Else"}
    )[1]
    assert taken["user"]["id"] != "vip-alice"
    guest = target.session("Ann")["user"]["id"]
    forged = signed(target, key, "weir:user", sub=guest, name="Not Ann")
    assert (
        target.stack.ask("POST", f"/v1/watch/{target.playback}/session", {"user": forged})[1]["user"]["id"]
        != guest
    )
    assert target.stack.ask("POST", "/v1/user-tokens", {"sub": guest}, bearer(key))[0] == 422


@pytest.mark.parametrize(("iat", "exp"), [(0, 253_402_300_799), (-(10**18), 600), (0, 2 * 86_400)])
def test_no_token_outlives_the_memory_of_its_withdrawal(
    target: Target, private: dict[str, Any], iat: int, exp: int
) -> None:
    """A customer's own may say what it likes: more than a day is no token."""
    key, now, playback = target.new_key(), int(time.time()), private["playback_id"]
    claims = {"sub": playback, "sid": "s1"}
    assert target.plays(signed(target, key, **claims), playback)
    claims |= {"iat": now + iat, "exp": exp if exp > now else now + exp}
    assert not target.plays(signed(target, key, **claims), playback)


def test_a_key_signs_nothing_that_it_may_not_ask_for(target: Target, private: dict[str, Any]) -> None:
    """The signing secret of a key that may only read makes no channel owner and no viewer of a signed
    stream."""
    playback = private["playback_id"]
    reading = target.new_key(scopes=["streams:read"])
    if reading["signing_secret"] is not None:
        owner = signed(
            target, reading, "weir:user", sub="thief", name="Thief", roles={target.channel: "owner"}
        )
        shown = target.stack.ask("POST", f"/v1/watch/{target.playback}/session", {"user": owner})[1]
        assert shown["user"]["id"] != "thief"
        assert not target.plays(signed(target, reading, sub=playback, sid="s1"), playback)
    path = f"/v1/apps/{target.app}/keys/signing"
    chat, play = (
        target.stack.ask("POST", path, {"scopes": [scope]}, target.account)[1]
        for scope in ("chat:moderate", "streams:write")
    )
    assert not target.plays(signed(target, chat, sub=playback), playback)
    assert target.plays(signed(target, play, sub=playback), playback)


def test_what_a_viewer_was_given_ends_when_the_stream_closes(target: Target) -> None:
    """A session on a public stream is renewed for ever, and is worth nothing once the stream is signed."""
    stream = target.new_stream()
    shown = target.stack.ask("POST", f"/v1/watch/{stream['playback_id']}/session", {})[1]
    token = renew(target, stream["playback_id"], shown["playback_token"])[1]["playback_token"]
    assert target.plays(token, stream["playback_id"])
    assert (
        target.stack.ask("PATCH", f"/v1/streams/{stream['id']}", {"visibility": "signed"}, target.opened())[0]
        == 200
    )
    wait_until(lambda: not target.plays(token, stream["playback_id"]), "the end of public sessions", SECONDS)
    assert renew(target, stream["playback_id"], token)[0] == 403
    assert target.stack.ask("POST", f"/v1/watch/{stream['playback_id']}/session", {"token": token})[0] == 403


def test_the_watch_page_launders_no_user(target: Target, private: dict[str, Any]) -> None:
    """A withdrawn user's session on the page is withdrawn, although the page made a guest of the user."""
    key, playback = target.new_key(), private["playback_id"]
    token = signed(target, key, sub=playback, sid="s1", uid="alice")
    shown = target.stack.ask("POST", f"/v1/watch/{playback}/session", {"token": token})[1]["playback_token"]
    assert target.plays(shown, playback)
    assert target.stack.ask("POST", "/v1/revocations", {"user": "alice"}, bearer(key))[0] == 201
    wait_until(lambda: not target.plays(shown, playback), "the end of alice's session", SECONDS)


def test_another_app_s_sessions_are_not_this_one_s(target: Target, private: dict[str, Any]) -> None:
    """Sessions are named by customers: one app's tokens, used from everywhere, shut no viewer of another app
    out."""
    theirs = target.new_app("Theirs")
    stranger, other = target.new_key(theirs), target.new_stream(theirs, visibility="signed")
    mine, playback = target.new_key(), private["playback_id"]
    sid = f"customer-{new_id('ses')[-8:]}"

    def plays_from(address: str, token: str, at: str) -> bool:
        request = (
            f"GET /hls/{token}/{at}/master.m3u8 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        return target.answer(request, address=address)[0] != 403

    now = int(time.time())
    foreign = {
        "iss": stranger["id"],
        "aud": "weir:playback",
        "app": theirs,
        "iat": now,
        "sub": other["playback_id"],
        "sid": sid,
    }
    for number in range(6):
        token = jwt.encode({**foreign, "exp": now + 600 + number}, stranger["signing_secret"], "HS256")
        plays_from(f"127.0.9.{number + 1}", token, other["playback_id"])
    assert plays_from("127.0.8.1", signed(target, mine, sub=playback, sid=sid), playback)


async def test_open_sockets_fall_with_the_key(target: Target) -> None:
    """A chat that a stolen key has opened, by its signature or by the API, is closed within seconds."""
    key = target.new_key()
    tokens = [
        signed(target, key, "weir:user", sub="ann", name="Ann"),
        target.stack.ask("POST", "/v1/user-tokens", {"sub": "ben"}, bearer(key))[1]["token"],
    ]
    clients = [socketio.AsyncClient(reconnection=False) for _ in tokens]
    for client, token in zip(clients, tokens, strict=True):
        await client.connect(
            f"http://127.0.0.1:{target.stack.http}", auth={"token": token}, transports=["websocket"]
        )
    revoke(target, key)
    async with asyncio.timeout(SECONDS + 5):
        while any(client.connected for client in clients):
            await asyncio.sleep(0.1)
    for token in tokens:
        with pytest.raises(socketio.exceptions.ConnectionError):
            await socketio.AsyncClient(reconnection=False).connect(
                f"http://127.0.0.1:{target.stack.http}", auth={"token": token}, transports=["websocket"]
            )


def test_roles_of_another_app_s_channel_are_no_roles(target: Target) -> None:
    """A user token names any channel it likes; this app's key reaches no further than this app."""
    theirs = target.new_app("Elsewhere")
    channel = target.new_stream(theirs)["channel"]
    key = target.new_key()
    for path in (f"/v1/channels/{channel}/messages", f"/v1/channels/{channel}/members"):
        assert target.stack.ask("GET", path, headers=bearer(key))[0] == 404
    token = signed(target, key, "weir:user", sub="ann", name="Ann", roles={channel: "owner"})

    async def joined() -> Any:
        client = socketio.AsyncClient(reconnection=False)
        await client.connect(
            f"http://127.0.0.1:{target.stack.http}", auth={"token": token}, transports=["websocket"]
        )
        try:
            return await client.call("channel.join", {"channel": channel}, timeout=10)
        finally:
            await client.disconnect()

    assert asyncio.run(joined())["error"]["code"] == "not_found"
