"""Who may do what. Refuses early; the log's script decides on bans, mutes, locks and rates. [decision]"""

import re
from collections import deque
from dataclasses import dataclass
from typing import Literal

from weir.foundation.errors import Forbidden
from weir.foundation.settings import Settings

Role = Literal["owner", "moderator", "vip", "member", "guest"]
RANK: dict[Role, int] = {"owner": 4, "moderator": 3, "vip": 2, "member": 1, "guest": 0}
EXEMPT: frozenset[Role] = frozenset({"owner", "moderator", "vip"})
_EMOTES = re.compile(
    r"(?::[A-Za-z0-9_+-]{1,32}:|[\s\u00a9\u00ae\u200d\u203c-\u3299\ufe0f\U0001f000-\U0001faff\U000e0020-\U000e007f])+"
)


@dataclass(frozen=True, slots=True)
class Rate:
    """GCRA in microseconds: one message each `interval`, with a burst tolerance of `burst`. `exempt` from
    lock, slow mode and the like. `passes` has a letter for each restriction that this message satisfies:
    s(ubscriber), f(ollower), e(motes only). `crowd` is the limit that a guest shares with others."""

    interval_us: int
    burst_us: int
    exempt: bool
    passes: str = ""
    crowd: "Crowd | None" = None


@dataclass(frozen=True, slots=True)
class Crowd:
    """Anybody can create guests, so guests are limited together: those of one address (its `origin`,
    realtime.log.redis_keys) in a channel, and all in it. Each a GCRA, (interval, burst) in microseconds.
    `since_ms`: when this guest came first; `wait_ms`: how long the app lets a new one wait."""

    origin: str
    address: tuple[int, int]
    channel: tuple[int, int]
    since_ms: int = 0
    wait_ms: int = 0


NO_RATE = Rate(0, 0, True)


def may_send(
    role: Role,
    guests: str,
    settings: Settings,
    badges: list[str],
    text: str,
    origin: str | None = None,
    since_ms: int = 0,
    wait_s: int = 0,
) -> Rate:
    """The rate for this role and message. `guests` is the app's setting none | read | chat, `origin` a
    guest's, None for everybody else; `since_ms` and `wait_s` as in Crowd. Errors: Forbidden."""
    if role == "guest" and guests != "chat":
        raise Forbidden("Guests may read here, not write. Sign in to take part.")
    interval, burst_us = _gcra(settings.chat_rate_per_s, settings.chat_burst)
    crowd = None
    if origin is not None and role not in EXEMPT:
        together = settings.guest_channel_rate_per_s
        each, all_together = (
            _gcra(settings.guest_rate_per_s, settings.guest_burst),
            _gcra(together, max(1, int(2 * together))),
        )
        crowd = Crowd(origin, each, all_together, since_ms, wait_s * 1000)
    passes = (
        ("s" if "subscriber" in badges else "")
        + ("f" if "follower" in badges else "")
        + ("e" if only_emotes(text) else "")
    )
    return Rate(interval, burst_us, role in EXEMPT, passes, crowd)


def _gcra(per_s: float, at_once: int) -> tuple[int, int]:
    """(interval, burst) in microseconds."""
    interval = int(1_000_000 / per_s)
    return interval, interval * (at_once - 1)


def only_emotes(text: str) -> bool:
    """True for emoji and `:codes:` with blanks between."""
    return _EMOTES.fullmatch(text) is not None


def check_role(role: Role, least: Role) -> None:
    """Errors: Forbidden."""
    if RANK[role] < RANK[least]:
        raise Forbidden(f"This needs the role {least} here.")


def check_hierarchy(actor: Role, target: Role) -> None:
    """Only a higher role acts on a lower one. Errors: Forbidden."""
    if RANK[actor] <= RANK[target]:
        raise Forbidden(f"You can't act on a user with the role {target}.")


def check_may_signal(muted: int | None, now_ms: int) -> None:
    """Errors: Forbidden (muted) with the time left; `muted` is its end in ms, 0 for good."""
    if muted is not None:
        raise Forbidden(
            "You may not take part here for now.",
            code="muted",
            retry_after=(muted - now_ms) / 1000 if muted else None,
        )


class RateWindow:
    """At most `per_s` in any second; seconds are passed in."""

    def __init__(self, per_s: int) -> None:
        self._times: deque[float] = deque(maxlen=per_s)

    def allows(self, now_s: float) -> bool:
        """Counts a call when it is allowed."""
        if len(self._times) == self._times.maxlen and now_s - self._times[0] < 1:
            return False
        self._times.append(now_s)
        return True
