"""What a client's tokens say about it."""

import pytest

from realtime.judge import Pace
from realtime.member import Member
from weir.foundation.tokens import PlaybackClaims, UserClaims


def member(**user) -> Member:
    claims = UserClaims(iss="weir", sub="ann", iat=100, exp=200, app="app_1", **user)
    return Member("socket", claims, PlaybackClaims(iss="weir", sub="ply_1", iat=150, exp=200, app="app_1", sid="player"), Pace(10))


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
        ("stream", "ply_1", 150_001, True), ("stream", "ply_2", 150_001, False),
    ],
)  # fmt: skip
def test_rights_are_withdrawn_from_tokens_issued_before(kind, subject, before_ms, held):
    """A revocation meets the user, session or stream it names, and no token issued after it."""
    assert member(sid="mine").holds(kind, subject, before_ms) is held


def test_others_see_a_card():
    """Name, the role that counts, badges; the id stands in for a missing name."""
    card = member(badges=["subscriber"]).card("moderator")
    assert card == {"id": "ann", "name": "ann", "role": "moderator", "badges": ["subscriber"]}
