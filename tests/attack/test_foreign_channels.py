"""Guests and strangers to a signed stream, at channels that are not theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.attack.conftest import Target
from tests.attack.wire import Wire
from tests.realtime.rules.test_entry import VERBS
from weir.foundation.ids import new_id


@contextmanager
def entered(target: Target, token: str, **more: Any) -> Iterator[Wire]:
    with Wire(target.stack.http) as wire:
        wire.read()
        assert "sid" in wire.sign_in(token, **more)
        yield wire


def answers(wire: Wire, channel: str) -> list[Any]:
    """To every verb: None for ok, else the error."""
    return [wire.call(event, channel=channel, **more).get("error") for event, more in VERBS]


def user_token(target: Target, **fields: Any) -> str:
    status, answer = target.stack.ask(
        "POST", "/v1/user-tokens", {"sub": new_id("ses"), **fields}, target.opened()
    )
    assert status == 201, answer
    return str(answer["token"])


@pytest.mark.parametrize("visibility", ["public", "signed"])
def test_a_guest_has_the_channel_that_it_was_let_into(target: Target, visibility: str) -> None:
    """Another channel of the same app is to it what a missing one is."""
    other = target.new_stream(visibility=visibility)["channel"]
    with entered(target, target.session()["user_token"]) as guest:
        assert answers(guest, other) == answers(guest, new_id("chn"))
        assert {error["code"] for error in answers(guest, other)} == {"not_found"}
        assert guest.call("channel.join", channel=target.channel)["ok"]


def test_a_signed_streams_channel_wants_a_role_or_a_playback_token(target: Target) -> None:
    """The app's own users too: what they may watch, or were given a role in, they may take part in."""
    stream = target.new_stream(visibility="signed")
    other = target.new_stream(visibility="signed")
    playback = {
        one["id"]: target.tokens.mint_playback(one["playback_id"], target.app, new_id("ses"), 600)
        for one in (stream, other)
    }
    for token, more in ((user_token(target), {}), (user_token(target), {"playback": playback[other["id"]]})):
        with entered(target, token, **more) as stranger:
            assert {error["code"] for error in answers(stranger, stream["channel"])} == {"forbidden"}
    roles = {stream["channel"]: "member"}
    for token, more in (
        (user_token(target, roles=roles), {}),
        (user_token(target), {"playback": playback[stream["id"]]}),
    ):
        with entered(target, token, **more) as member:
            assert member.call("channel.join", channel=stream["channel"])["ok"]


def test_a_guest_of_a_signed_stream_is_let_in_until_it_is_withdrawn(target: Target) -> None:
    """The watch page opens it by a playback token of the app's; withdrawing the stream ends what came of
    that."""
    stream = target.new_stream(visibility="signed")
    path = f"/v1/watch/{stream['playback_id']}/session"
    assert target.stack.ask("POST", path, {})[0] == 403
    token = target.tokens.mint_playback(stream["playback_id"], target.app, new_id("ses"), 600)
    status, session = target.stack.ask("POST", path, {"token": token})
    assert status == 201
    with entered(target, session["user_token"]) as guest:
        assert guest.call("channel.join", channel=stream["channel"])["ok"]
        assert (
            target.stack.ask("POST", "/v1/revocations", {"stream": stream["id"]}, target.opened())[0] == 201
        )
        assert guest.end() is not None
    with Wire(target.stack.http) as again:
        again.read()
        assert again.sign_in(session["user_token"])["data"]["code"] == "unauthenticated"
