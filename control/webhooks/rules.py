"""What becomes of an attempt, which events an endpoint gets, and when a breaker opens. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from control.webhooks.documents import Health, WebhookDoc

OPENS_AFTER = 10
"""Failures in a row that open an endpoint's breaker."""
LONGEST_OPEN_S = 300.0
GIVES_UP_ON_REFUSAL = 5
LONGEST_WAIT_S = 3_600
DISABLE_AFTER_MS = 5 * 86_400_000
JITTER = 0.2
CHECK_TOKEN = "The receiver refuses our credentials (401 or 403): check the token."  # noqa: S105 - no token
GONE = "The receiver answered 410 Gone."
DEAD = "Nothing has been delivered for five days."

Verdict = Literal["delivered", "again", "failed"]


@dataclass(frozen=True)
class AttemptOutcome:
    """What becomes of a delivery, when it is tried again (ms), and whether the endpoint is disabled, and why."""

    verdict: Verdict
    next_at: int | None = None
    disable: str | None = None


def matches_type(types: Sequence[str], kind: str) -> bool:
    """`*` and `stream.*` stand for all, and for all whose names begin so."""
    return any(one in (kind, "*") or (one.endswith(".*") and kind.startswith(one[:-1])) for one in types)


def matches(hook: WebhookDoc, kind: str, data: Mapping[str, Any]) -> bool:
    """Without the CEL filter. Each list that is not empty must have the event's value."""
    return matches_type(hook["types"], kind) and all(
        not wanted or data.get(name) in wanted
        for name, wanted in (
            ("stream", hook["streams"]),
            ("channel", hook["channels"]),
            ("place", hook["places"]),
        )
    )


def retry_after_s(headers: Mapping[str, str], now_ms: int) -> float:
    """Seconds that Retry-After asks for, as a number or as a date; 0 without one, and at most an hour."""
    said = headers.get("retry-after", "").strip()
    if said.isdecimal() and len(said) < 9:
        return min(float(said), LONGEST_WAIT_S)
    try:
        until = parsedate_to_datetime(said).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(0.0, until - now_ms / 1000), LONGEST_WAIT_S)


def outcome(
    status: int, asked_wait_s: float, tries: int, schedule_s: Sequence[float], now_ms: int, chance: float
) -> AttemptOutcome:
    """Of the `tries`-th attempt. `chance` in [0, 1) spreads the retries of many deliveries."""
    if 200 <= status < 300:
        return AttemptOutcome("delivered")
    if status == 410:
        return AttemptOutcome("again", now_ms, GONE)
    most = min(len(schedule_s), GIVES_UP_ON_REFUSAL) if status in (401, 403) else len(schedule_s)
    if tries >= most:
        return AttemptOutcome("failed")
    wait_s = max(schedule_s[tries] * (1 + JITTER * chance), asked_wait_s)
    return AttemptOutcome("again", now_ms + round(wait_s * 1000))


def after_success(health: Health, now_ms: int) -> Health:
    return {
        "failures": 0,
        "failing_since": None,
        "open_until": None,
        "opened": 0,
        "not_before": None,
        "last_success": now_ms,
        "last_failure": health.get("last_failure"),
        "last_error": health.get("last_error"),
        "advice": None,
    }


def after_failure(
    health: Health, status: int, error: str, asked_wait_s: float, first_wait_s: float, now_ms: int
) -> Health:
    """`first_wait_s`: how long the breaker stays open the first time; twice as long each time that its probe
    fails."""
    failures = health.get("failures", 0) + 1
    opened, until = health.get("opened", 0), health.get("open_until")
    if failures >= OPENS_AFTER and (until is None or until <= now_ms):
        until = now_ms + round(min(first_wait_s * 2**opened, LONGEST_OPEN_S) * 1000)
        opened = min(opened + 1, 16)
    return {
        "failures": failures,
        "failing_since": health.get("failing_since") or now_ms,
        "open_until": until,
        "opened": opened,
        "not_before": now_ms + round(asked_wait_s * 1000) if asked_wait_s else health.get("not_before"),
        "last_success": health.get("last_success"),
        "last_failure": now_ms,
        "last_error": error,
        "advice": CHECK_TOKEN if status in (401, 403) else None,
    }


def breaker(health: Health, now_ms: int) -> Literal["closed", "open", "half_open"]:
    until = health.get("open_until")
    if until is None:
        return "closed"
    return "open" if until > now_ms else "half_open"


def is_dead(health: Health, now_ms: int) -> bool:
    """Only failures for five days, the newest of them in the last day."""
    since = health.get("failing_since")
    return since is not None and now_ms - since >= DISABLE_AFTER_MS


def ready_at(health: Health) -> int:
    """The time (ms) before which nothing is sent."""
    return max(health.get("open_until") or 0, health.get("not_before") or 0)
