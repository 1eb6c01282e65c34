"""Whether the machine carries a ladder: FFmpeg's progress against what the encoder sent meanwhile. [decision]

A slow encoder or line slows FFmpeg as well, so its speed alone says nothing; what counts is whether it keeps up with what came
in. A rung that was dropped comes back after a calm minute, after a relapse only after two, four, … up to 32.
"""

from collections import deque
from typing import Literal

WINDOW_S = 10.0
ENOUGH = 0.97
LEAST_S = 8.0
CALM_S, LONGEST_CALM_S = 60.0, 1920.0
IDLE_LOAD = 0.7

Verdict = Literal["drop", "raise"]


class Strain:
    """Times in seconds, `sent_s` and `done_s` of media. Keeps its memory over the runs of a publish."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float, float]] = deque()
        self._calm_s, self._changed_at = CALM_S, 0.0
        self._raised_at: float | None = None

    def began(self, now: float) -> None:
        """A new FFmpeg: its first seconds are no measure."""
        self._samples.clear()
        self._changed_at = now

    def judge(self, now: float, sent_s: float, done_s: float, load: float, dropped: int, rungs: int) -> Verdict | None:
        """`load` is the machine's run queue per core, `dropped` how many of the `rungs` are left out now."""
        self._samples.append((now, sent_s, done_s))
        while now - self._samples[0][0] > WINDOW_S:
            self._samples.popleft()
        then, sent_then, done_then = self._samples[0]
        sent, done = sent_s - sent_then, done_s - done_then
        if now - then < LEAST_S or sent < LEAST_S:
            return None
        if done < ENOUGH * sent:
            return self._drop(now) if dropped < rungs - 1 else None
        if dropped and now - self._changed_at > self._calm_s and load < IDLE_LOAD:
            self._raised_at = now
            return "raise"
        return None

    def _drop(self, now: float) -> Verdict:
        relapse = self._raised_at is not None and now - self._raised_at < LONGEST_CALM_S
        self._calm_s = min(LONGEST_CALM_S, self._calm_s * 2) if relapse else CALM_S
        return "drop"
