"""The only reader of clocks, so that a test can pass time in and two nodes can be distinguished from one
clock step."""

import time
from datetime import UTC, datetime
from functools import lru_cache

DAY_MS = 86_400_000


def now_ms() -> int:
    """Milliseconds since the epoch, wall clock."""
    return time.time_ns() // 1_000_000


def now_s() -> float:
    """Seconds since the epoch, wall clock."""
    return time.time()


def monotonic() -> float:
    """Seconds on a clock that never steps; for durations and deadlines only."""
    return time.monotonic()


def format_time(ms: int | None) -> str | None:
    """A stored time as the public API shows it; None stays None."""
    return None if ms is None else rfc3339(ms)


def day_of(ms: int) -> str:
    """The day in UTC, `2026-11-22`."""
    return _day(ms // DAY_MS)


def month_of(ms: int) -> str:
    """The month in UTC, `2026-11`."""
    return _day(ms // DAY_MS)[:7]


@lru_cache(maxsize=64)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * DAY_MS / 1000, UTC).strftime("%Y-%m-%d")


def rfc3339(ms: int) -> str:
    """RFC 3339 UTC with milliseconds, the one time format of the public API: `2026-11-22T17:51:03.250Z`."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"
