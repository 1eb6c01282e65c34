"""Who may send, and how fast."""

import pytest

from realtime.judge import may_send
from weir.foundation.errors import Forbidden
from weir.foundation.settings import Settings

SETTINGS = Settings(chat_rate_per_s=2, chat_burst=10, _env_file=None)


def test_a_guest_writes_only_where_the_app_lets_guests_chat():
    """Guests are read-only unless the app says chat."""
    with pytest.raises(Forbidden):
        may_send("guest", "read", SETTINGS)
    with pytest.raises(Forbidden):
        may_send("guest", "none", SETTINGS)
    assert not may_send("guest", "chat", SETTINGS).exempt


@pytest.mark.parametrize(("role", "exempt"), [("owner", True), ("moderator", True), ("vip", True), ("member", False)])
def test_staff_is_exempt_from_slow_mode_but_not_from_the_rate(role, exempt):
    """Two a second and ten at once is 500,000 µs and nine intervals of arrears."""
    rate = may_send(role, "none", SETTINGS)
    assert (rate.interval_us, rate.burst_us, rate.exempt) == (500_000, 4_500_000, exempt)
