"""States of a broadcast: which follow which."""

import pytest

from media.live.state import BroadcastState as State


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        (State.PUBLISHING, "left", State.GONE), (State.PUBLISHING, "failed", State.FAILED),
        (State.PUBLISHING, "published", State.PUBLISHING),
        (State.GONE, "published", State.PUBLISHING), (State.GONE, "failed", State.GONE), (State.GONE, "left", State.GONE),
        (State.FAILED, "published", State.PUBLISHING), (State.FAILED, "left", State.GONE), (State.FAILED, "failed", State.FAILED),
        (State.FINISHED, "published", State.FINISHED), (State.FINISHED, "left", State.FINISHED), (State.FINISHED, "failed", State.FINISHED),
    ],
)  # fmt: skip
def test_each_event_leads_to_one_state(before: State, event: str, after: State) -> None:
    """What is finished stays finished; an encoder that left is not a failure."""
    assert getattr(before, event)() is after
