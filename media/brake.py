"""How often a dying encoder process is started again."""

from collections import deque

MOST_STARTS, WITHIN_S = 12, 600.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 8.0
STEADY_S = 20.0
FREE_CHANGES, CHANGES_S = 6, 30.0


class Brake:
    """At most 12 starts in 10 minutes; pauses of .2, .4, … 8 s between them, short again after 20 s of good work. Starts for what the
    encoder has changed are apart: six in 30 s."""

    def __init__(self) -> None:
        self._starts: deque[float] = deque(maxlen=MOST_STARTS)
        self._failures = 0
        self._changes: deque[float] = deque(maxlen=FREE_CHANGES)

    def start(self, now: float) -> bool:
        """Counts a start; False when there were too many."""
        if len(self._starts) == MOST_STARTS and now - self._starts[0] < WITHIN_S:
            return False
        self._starts.append(now)
        return True

    def changed_pause_s(self, now: float) -> float:
        """Counts a change of what the encoder sends at `now`; how long to wait before another start follows it."""
        pause_s = max(0.0, self._changes[0] + CHANGES_S - now) if len(self._changes) == FREE_CHANGES else 0.0
        self._changes.append(now + pause_s)
        return pause_s

    def pause_s(self, now: float) -> float:
        """How long to wait after the last start has failed at `now`."""
        self._failures = 0 if now - self._starts[-1] > STEADY_S else self._failures + 1
        return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** max(0, self._failures - 1)))
