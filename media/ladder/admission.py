"""Whether this machine can carry one more ladder: estimated before its FFmpeg starts, so that streams on air
are not disturbed. [decision]

Cores by pixels a second. Measured with a 1080p30 source and preset superfast: four rungs 1.16 cores, three
.79, two .46. Camera and game pictures take up to half as much again; then `overload` notices and drops
rungs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from media.ladder.rules import Rendition, Source

Priority = Literal["low", "normal", "high"]
SHARES: dict[str, float] = {"low": 0.6, "normal": 0.85, "high": 1.0}
"""How much of the machine may be taken when a stream of this priority is let in: the rest waits for more
important ones."""

DECODED, ENCODED = 0.004, 0.008  # cores for a million pixels a second
PRESETS = {"ultrafast": 0.6, "superfast": 1.0, "veryfast": 1.3, "faster": 1.7, "fast": 2.2, "medium": 2.8}
SLOWEST = 5.0


@dataclass(frozen=True)
class LadderDemand:
    """A ladder: `rate` frames a second, `preset` where a rung has none of its own."""

    source: Source
    renditions: tuple[Rendition, ...]
    rate: float
    preset: str

    def cores(self, left_out: int = 0) -> float:
        """Cores that it takes without its highest rungs."""
        decoded = self.source.width * self.source.height * self.rate * DECODED
        encoded = sum(
            one.size[0]
            * one.size[1]
            * self.rate
            / one.every
            * ENCODED
            * PRESETS.get(one.preset or self.preset, SLOWEST)
            for one in self.renditions[left_out:]
            if one.height and not one.copied
        )
        return (decoded + encoded) / 1e6


@dataclass(frozen=True)
class RunningLadder:
    """A ladder that is on air, or waits for its encoder. `strained`: it falls behind."""

    cores: float
    strained: bool = False


def rungs_to_drop(
    wanted: LadderDemand, running: Sequence[RunningLadder], cores: float, priority: str
) -> int | None:
    """How many of its highest rungs a new ladder has to leave out; None when not even the lowest fits. A
    stream that has the machine for itself always gets its lowest."""
    rungs = sum(1 for one in wanted.renditions if one.height)
    if not running:
        return next((out for out in range(rungs) if wanted.cores(out) <= cores * SHARES[priority]), rungs - 1)
    if any(one.strained for one in running) and priority != "high":
        return None
    free = cores * SHARES[priority] - sum(one.cores for one in running)
    first = rungs - 1 if any(one.strained for one in running) else 0
    return next((out for out in range(first, rungs) if wanted.cores(out) <= free), None)
