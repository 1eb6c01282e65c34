"""Whether the machine carries a ladder: how far FFmpeg is behind what the encoder has sent. [decision]

A slow encoder or line slows FFmpeg as well, so its speed alone says nothing; what counts is a distance
that grows. Both ends of it are reported in steps (a part, and what arrived at once), so it has to grow by
a second: at nine tenths of the needed speed that takes ten seconds. A dropped rung is restored after a
calm minute; after a relapse only after two, four, … 32.
"""

from collections import deque
from typing import Literal

WINDOW_S = 20.0
SETTLE_S = 5.0
MOST_GROWTH_S = 1.0
NOTED_GROWTH_S = 0.75
CALM_S, LONGEST_CALM_S = 60.0, 1920.0
IDLE_LOAD = 0.7

Verdict = Literal["drop", "raise"]


def distance_s(sent_s: float, sent_at: float, done_s: float, done_at: float) -> float:
    """Seconds of media that were sent and are not done. Both are reported now and then and progress in
    between, so what was done when the ingest reported is what counts."""
    return sent_s - (done_s + sent_at - done_at)


class OverloadDetector:
    """Times in seconds. It keeps its state over the runs of a publish."""

    def __init__(self) -> None:
        self._behind: deque[tuple[float, float]] = deque()
        self._calm_s = CALM_S
        self._began_at = 0.0
        self._raised_at: float | None = None
        self.growth_s = 0.0

    def started(self, now: float) -> None:
        """A new FFmpeg: its first seconds are not measured."""
        self._behind.clear()
        self._began_at = now
        self.growth_s = 0.0

    @property
    def is_strained(self) -> bool:
        """True when it is not enough for a drop, but enough for lower priorities to wait."""
        return self.growth_s > NOTED_GROWTH_S

    def judge(self, now: float, behind_s: float, load: float, dropped: int, rungs: int) -> Verdict | None:
        """`behind_s` as `distance_s` returns it, `load` is the machine's run queue per core, `dropped` how
        many of the `rungs` are left out now."""
        if now - self._began_at < SETTLE_S:
            return None
        self._behind.append((now, behind_s))
        while now - self._behind[0][0] > WINDOW_S:
            self._behind.popleft()
        least = min(behind for _, behind in self._behind)
        self.growth_s = behind_s - least
        if self.growth_s > MOST_GROWTH_S:
            return self._drop(now) if dropped < rungs - 1 else None
        if dropped and now - self._began_at > self._calm_s and load < IDLE_LOAD:
            self._raised_at = now
            return "raise"
        return None

    def _drop(self, now: float) -> Verdict:
        relapse = self._raised_at is not None and now - self._raised_at < LONGEST_CALM_S
        self._calm_s = min(LONGEST_CALM_S, self._calm_s * 2) if relapse else CALM_S
        return "drop"
