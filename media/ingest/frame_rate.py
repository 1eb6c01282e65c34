"""How many frames a second a picture has, from what its encoder says and from the frames' own times.
[decision]

Times come in whole milliseconds: over n frames the mean interval is known to 1/n ms, so a third of a second
distinguishes 25 from 30, and half a minute would distinguish 29.97 from 30. What the encoder says is exact,
and now and then wrong.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

ENOUGH, PLENTY = 9, 30
SLOWEST, FASTEST = 4.0, 121.0
AGREE, NEAR = 0.005, 0.08
STEADY_MS = 2.0
WHOLE = (10.0, 12.0, 15.0, 20.0, 24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 100.0, 120.0)


def frame_rate(said: Sequence[float], times: Sequence[int]) -> float | None:
    """`said` by the parameter set and by the metadata, in this order; `times` when frames are decoded, ms.
    None while it takes more frames to know. Two that agree are believed; else the frames decide which is
    right, and where none is, the rate is theirs."""
    told = [rate for rate in said if SLOWEST <= rate <= FASTEST]
    if len(told) > 1 and abs(told[0] / told[1] - 1) < AGREE:
        return told[0]
    if len(times) < ENOUGH:
        return None
    gaps = [after - before for before, after in pairwise(times) if after > before]
    if not gaps:
        return told[0] if told else None
    measured = 1000 / fmean(gaps)
    for rate in told:
        if abs(rate / measured - 1) < NEAR:
            return rate
    if told and max(gaps) - min(gaps) > STEADY_MS and told[0] > measured:
        return told[0]  # a variable rate: what was said is the most it has
    return min(WHOLE, key=lambda rate: abs(rate / measured - 1)) if measured >= SLOWEST else SLOWEST
