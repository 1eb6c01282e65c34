"""What a partner's answer means, and whether a call is tried again. Pure."""

import email.utils
from dataclasses import dataclass
from typing import Literal

TRIES = 3
FIRST_WAIT_S = 1.0
TIMEOUT_S = 30.0
WHOLE_CALL_S = (
    50.0  # with all tries: shorter than the web server waits, and than an Idempotency-Key is held for
)

Verdict = Literal[
    "ok", "refused", "credentials", "throttled", "unreached", "failed", "silent", "unusable", "forbidden",
    "held_back",
]  # fmt: skip
"""ok: carried out. refused: the partner's own no to this request. credentials: it does not know us. throttled: not
now. unreached: the request certainly did not arrive. failed, silent: it may have been carried out. unusable: it
was answered as done, but the answer cannot be read. forbidden: the address may not be called, or leads elsewhere.
held_back: not called, as it failed again and again."""


@dataclass(frozen=True)
class PartnerReply:
    """What came back: `error` as in EgressAnswer, `readable` when the body is JSON or empty, and whole."""

    status: int
    error: str = ""
    readable: bool = True


def verdict(reply: PartnerReply) -> Verdict:
    if reply.error:
        return _unanswered(reply.error)
    if 200 <= reply.status < 300:
        return "ok" if reply.readable else "unusable"
    if reply.status in (401, 403):
        return "credentials"
    if reply.status == 429:
        return "throttled"
    if 300 <= reply.status < 400:
        return "forbidden"
    return "refused" if 400 <= reply.status < 500 and reply.status != 408 else "failed"


def _unanswered(error: str) -> Verdict:
    if error in ("dns", "connect", "tls"):
        return "unreached"
    if error == "address_refused":
        return "forbidden"
    return "silent" if error == "timeout" else "failed"


def counts(verdict: Verdict) -> bool | None:
    """For the breaker: True for a partner that works, False for one that fails, None for what says nothing."""
    if verdict in ("ok", "refused", "credentials", "throttled"):
        return True
    return None if verdict == "forbidden" else False


def again(verdict: Verdict, repeatable: bool) -> bool:
    """Whether the same request may be sent once more."""
    return verdict in ("unreached", "throttled") or (verdict in ("failed", "silent") and repeatable)


def maybe_done(verdict: Verdict) -> bool:
    return verdict in ("failed", "silent", "unusable")


def wait_s(tried: int, jitter: float, asked_s: float | None) -> float:
    """Before the next try: a second, doubled each time, less up to half of it (`jitter` 0–1); or what the
    partner asked for."""
    return asked_s if asked_s is not None else FIRST_WAIT_S * 2 ** (tried - 1) * (1 - jitter / 2)


def retry_after(header: str, now_s: float) -> float | None:
    """Seconds of a Retry-After header, which has seconds or a date (RFC 9110 §10.2.3); None when it has
    neither."""
    text = header.strip()
    if text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, at.timestamp() - now_s)
