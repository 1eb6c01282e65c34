"""The checker itself must find each kind of breach."""

import pytest

from tests.realtime.history import Seen, Sent, faults

GOOD = [("e", 1, "a"), ("e", 2, "b")]


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ([("e", 1, "a")], "lost"),
        ([*GOOD, ("e", 3, "x")], "phantom"),
        ([*GOOD, ("e", 3, "b")], "duplicate"),
        ([("e", 2, "b"), ("e", 1, "a")], "order"),
        ([("e", 1, "a"), ("e", 3, "b")], "order"),
    ],
)
def test_each_breach_is_named(events, fault):
    """A history with one breach is reported under that breach's name."""
    sent = [Sent("a", 1), Sent("b", 2), Sent("unanswered")]
    assert faults(sent, [Seen("good", GOOD)]) == []
    assert any(one.startswith(fault) for one in faults(sent, [Seen("bad", events)]))
    assert any(one.startswith("hole") for one in faults(sent, [Seen("good", GOOD), Seen("bad", events)]))
