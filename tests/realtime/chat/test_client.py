"""What a client's tokens say about it."""

import pytest

from realtime.chat.client import Client
from realtime.rules.permissions import RateWindow
from weir.foundation.tenancy.tokens import PlaybackClaims, UserClaims


def member(**user) -> Client:
    claims = UserClaims(iss="weir", sub="ann", iat=100, exp=200, app="app_1", **user)
    playback = PlaybackClaims(iss="weir", sub="ply_1", iat=150, exp=200, app="app_1", sid="player")
    return Client("socket", claims, playback, RateWindow(10), "str_1")


def test_the_player_names_the_viewing_session_of_its_own_stream_only():
    """At another stream the user token's session counts, else the socket's own."""
    assert member(sid="mine").session("ply_1") == "player"
    assert member(sid="mine").session("ply_2") == "mine"
    assert member().session("ply_2") == "socket"


@pytest.mark.parametrize(
    ("kind", "subject", "before_ms", "held"),
    [
        ("user", "ann", 100_001, True), ("user", "ann", 100_000, False), ("user", "bob", 200_000, False),
        ("session", "mine", 100_001, True), ("session", "player", 150_001, True), ("session", "player", 150_000, False),
        ("stream", "str_1", 150_001, True), ("stream", "str_1", 150_000, False), ("stream", "str_2", 150_001, False),
    ],
)  # fmt: skip
def test_rights_are_withdrawn_from_tokens_issued_before(kind, subject, before_ms, held):
    """A revocation meets the user, session or stream it names, and no token issued after it."""
    assert member(sid="mine").holds(kind, subject, before_ms) is held


def test_others_see_a_card():
    """Name, the role that counts, badges; the id replaces a missing name."""
    card = member(badges=["subscriber"]).card("moderator")
    assert card == {"id": "ann", "name": "ann", "role": "moderator", "badges": ["subscriber"]}


def test_a_guest_of_a_withdrawn_stream_holds_rights_in_it():
    """Its own token was given for that stream, so the one of its player may be newer."""
    assert member(sid="mine", guest=True, channel="chn_1").holds("stream", "str_1", 100_001)
    assert not member(sid="mine", guest=True, channel="chn_1").holds("stream", "str_2", 100_001)


@pytest.mark.parametrize(
    ("claims", "guest", "only"),
    [
        ({"guest": True, "channel": "chn_1", "sid": "s"}, True, "chn_1"), ({"channel": "chn_1"}, False, "chn_1"),
        ({"sid": "s", "roles": {"chn_1": "member"}}, True, "chn_1"), ({"guest": True}, True, ""),
        ({"roles": {"chn_1": "member"}}, False, None),
        ({"sid": "s"}, False, None), ({"sid": "s", "roles": {"chn_1": "vip", "chn_2": "vip"}}, False, None), ({}, False, None),
    ],
)  # fmt: skip
def test_a_guest_has_one_channel(claims, guest, only):
    """Also by a token from before it named its channel; the app's own users have all, unless its token says
    otherwise."""
    assert (member(**claims).guest, member(**claims).only) == (guest, only)
