"""When calls to somebody who fails are held back: the states of a circuit breaker and what changes them. Pure.

| state | asked | answered well | failed |
|---|---|---|---|
| closed | may call | failures = 0 | one failure more; the fifth in a row opens it |
| open | refused; after the rest: may call as the probe → half-open | – (a late answer) | – |
| half-open | refused, while the probe runs | the probe: → closed | the probe: → open, and the rest doubles |

A probe whose process died counts as lost after `probe_ms`; then the next caller is the probe. Times are
milliseconds.
"""

from dataclasses import dataclass, replace
from typing import Literal

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True)
class BreakerRules:
    """`failures` in a row open it, for `rest_ms` at first and `longest_rest_ms` at most; a probe may take
    `probe_ms`."""

    failures: int = 5
    rest_ms: int = 30_000
    longest_rest_ms: int = 600_000
    probe_ms: int = 60_000


@dataclass(frozen=True)
class BreakerState:
    """`failures` in a row while closed; `opened` times in a row without an answer in between; `until`: open,
    the end of the rest; half-open, when the probe counts as lost; `probe`: whose answer decides."""

    state: State = "closed"
    failures: int = 0
    opened: int = 0
    until: int = 0
    probe: str = ""


CLOSED = BreakerState()


def asked(now: BreakerState, at: int, caller: str, rules: BreakerRules) -> tuple[BreakerState, bool]:
    """The state after `caller` has asked, and whether it may call. It is the probe when the state names it."""
    if now.state == "closed":
        return now, True
    if at < now.until:
        return now, False
    return replace(now, state="half_open", until=at + rules.probe_ms, probe=caller), True


def succeeded(now: BreakerState, caller: str) -> BreakerState:
    """The state after a good answer to `caller`."""
    if now.state == "closed" or now.probe == caller:
        return CLOSED
    return now


def failed(now: BreakerState, at: int, caller: str, rules: BreakerRules) -> BreakerState:
    """The state after `caller` got no good answer."""
    if now.state == "closed" and now.failures + 1 < rules.failures:
        return replace(now, failures=now.failures + 1)
    if now.state == "closed" or (now.state == "half_open" and now.probe == caller):
        rest = min(rules.rest_ms * 2**now.opened, rules.longest_rest_ms)
        return BreakerState("open", rules.failures, min(now.opened + 1, 20), at + rest)
    return now
