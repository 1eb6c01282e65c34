"""Who may send, and how fast."""

import pytest

from realtime.rules.permissions import RANK, check_hierarchy, check_role, may_send, only_emotes
from weir.foundation.errors import Forbidden
from weir.foundation.settings import Settings

SETTINGS = Settings(chat_rate_per_s=2, chat_burst=10, _env_file=None)


def test_a_guest_writes_only_where_the_app_lets_guests_chat():
    """Guests are read-only unless the app says chat."""
    with pytest.raises(Forbidden):
        may_send("guest", "read", SETTINGS, [], "hi")
    with pytest.raises(Forbidden):
        may_send("guest", "none", SETTINGS, [], "hi")
    assert not may_send("guest", "chat", SETTINGS, [], "hi").exempt


@pytest.mark.parametrize(
    ("role", "exempt"), [("owner", True), ("moderator", True), ("vip", True), ("member", False)]
)
def test_staff_is_exempt_from_slow_mode_but_not_from_the_rate(role, exempt):
    """Two a second and ten at once is 500,000 µs and nine intervals of arrears."""
    rate = may_send(role, "none", SETTINGS, [], "hi")
    assert (rate.interval_us, rate.burst_us, rate.exempt) == (500_000, 4_500_000, exempt)


def test_badges_and_text_say_which_restrictions_a_message_satisfies():
    """s, f and e mean subscribers, followers and emotes only."""
    assert may_send("member", "none", SETTINGS, ["subscriber", "follower"], "🎉 :wave:").passes == "sfe"
    assert may_send("member", "none", SETTINGS, ["other"], "hi").passes == ""


@pytest.mark.parametrize(
    ("text", "emotes"), [("👍🏽", True), (":kappa: ❤️", True), ("a:kappa:", False), ("1", False)]
)
def test_emotes_are_emoji_and_codes(text, emotes):
    """Letters and digits are none."""
    assert only_emotes(text) is emotes


@pytest.mark.parametrize("actor", RANK)
@pytest.mark.parametrize("target", RANK)
def test_nobody_acts_on_equals_or_betters(actor, target):
    """Acting needs a higher rank; a command needs its rank or more."""
    if RANK[actor] > RANK[target]:
        check_hierarchy(actor, target)
        check_role(actor, target)
    else:
        with pytest.raises(Forbidden):
            check_hierarchy(actor, target)
