"""Decisions about followers and about telling them. Pure; times are milliseconds."""

from collections.abc import Sequence
from typing import Any, Literal

from control.collections import FollowerDoc, NoticeDoc
from weir.foundation.tenancy.collections import StreamDoc

Outcome = Literal["told", "refused", "gone", "later"]
"""Of one message: taken; refused for good; there is nobody any more; perhaps later."""

DAY_MS = 86_400_000
PENDING_MS = 3 * DAY_MS
"""So long a mailed link confirms."""
HELD_MS, RENEWED_S = 20_000, 5.0
"""A page of a notice belongs to one process for so long, and again each RENEWED_S while it is being sent: after
a crash the next process waits for it."""
ASKING_MS = 180_000
"""Longer than a mail takes with a server that hangs."""
AGAIN_MS, STUCK_MS = 120_000, 30_000
MOST_ROUNDS, MOST_STUCK, MOST_TRIES, MOST_REFUSED = 4, 3, 5, 3
USEFUL_MS = 3_600_000
"""Later than this nobody wants to hear that a broadcast has begun."""
QUIET_MS = 30 * 60_000
"""Between two broadcasts of a stream that followers are told of."""


def may_ask(found: FollowerDoc, now: int) -> bool:
    """Whether an address that is known may be mailed a link again."""
    if found["state"] == "confirmed" or found.get("due"):
        return False
    mailed = found.get("mailed")
    return mailed is None or now - mailed >= DAY_MS


def is_over(notice: NoticeDoc, stream: StreamDoc | None, now: int) -> bool:
    """Nobody need be told any more: it is too late, or the broadcast has ended."""
    if stream is None or now - notice["at"] > USEFUL_MS:
        return True
    return stream["state"] == "idle" or stream.get("broadcast") != notice["broadcast"]


def after_page(
    notice: NoticeDoc, cursor: str | None, outcomes: Sequence[Outcome], now: int
) -> dict[str, Any]:
    """How a notice goes on after a page of followers; `cursor` is that of the next page. A page that nobody
    took is tried again: then it is the mail server that is away, and not those people."""
    sent = notice["sent"] + outcomes.count("told")
    if outcomes and set(outcomes) == {"later"} and notice["stuck"] < MOST_STUCK:
        stuck = notice["stuck"] + 1
        return {"next": now + STUCK_MS * stuck, "stuck": stuck}
    again = notice["again"] or "later" in outcomes
    if cursor is not None:
        return {"next": now, "cursor": cursor, "again": again, "stuck": 0, "sent": sent}
    if again and notice["round"] < MOST_ROUNDS:
        fresh = {"cursor": None, "again": False, "stuck": 0, "round": notice["round"] + 1}
        return {**fresh, "next": now + AGAIN_MS, "sent": sent}
    return {"next": None, "again": again, "sent": sent}


def after_asking(doc: FollowerDoc, outcome: Outcome, now: int) -> dict[str, Any]:
    """A follower after an attempt to mail the link that confirms."""
    tried = doc.get("tried", 0) + 1
    if outcome == "later" and tried < MOST_TRIES:
        return {"due": now + 60_000 * tried, "tried": tried}
    return {"due": None, "tried": 0, "mailed": now}
