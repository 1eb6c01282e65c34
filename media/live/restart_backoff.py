"""How often a stream's encoder process is started."""

from collections import deque

MOST_RESTARTS, WITHIN_S = 11, 600.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 8.0
STEADY_S = 20.0
FREE_CHANGES, CHANGES_S = 6, 30.0
FREE_PUBLISHES, PUBLISHES_S, NEXT_PUBLISH_S = 4, 20.0, 5.0


class RestartBackoff:
    """For one stream, over all of its publishes: each kind of start is counted apart.

    * An FFmpeg that has failed is started again 11 times in 10 minutes at most; pauses of .2, .4, … 8 s between, short again after 20 s
      of good work.
    * For what the encoder has changed: six in 30 s.
    * For a publish: four in 20 s at once, then each 5 s after the one before.
    """

    def __init__(self) -> None:
        self._restarts: deque[float] = deque(maxlen=MOST_RESTARTS)
        self._started_at = 0.0
        self._failures = 0
        self._changes: deque[float] = deque(maxlen=FREE_CHANGES)
        self._publishes: deque[float] = deque(maxlen=FREE_PUBLISHES)

    def start(self, now: float, why: str) -> bool:
        """Counts a start for a "publish" or a "restart"; False when there were too many of the latter."""
        if why == "restart":
            if len(self._restarts) == MOST_RESTARTS and now - self._restarts[0] < WITHIN_S:
                return False
            self._restarts.append(now)
        elif why == "publish":
            self._publishes.append(now)
        self._started_at = now
        return True

    def publish_pause_s(self, now: float) -> float:
        """Seconds to wait before the start for a publish."""
        if len(self._publishes) < FREE_PUBLISHES or now - self._publishes[0] >= PUBLISHES_S:
            return 0.0
        return max(0.0, self._publishes[-1] + NEXT_PUBLISH_S - now)

    def changed_pause_s(self, now: float) -> float:
        """Counts a change of the input at `now`; seconds to wait before the start that follows it."""
        pause_s = max(0.0, self._changes[0] + CHANGES_S - now) if len(self._changes) == FREE_CHANGES else 0.0
        self._changes.append(now + pause_s)
        return pause_s

    def pause_s(self, now: float) -> float:
        """Seconds to wait after the last start has failed at `now`."""
        self._failures = 0 if now - self._started_at > STEADY_S else self._failures + 1
        return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** max(0, self._failures - 1)))

    def rests(self, now: float) -> bool:
        """True when nothing that it has counted matters any more."""
        return now - self._started_at >= WITHIN_S
