"""May this member send now? Refuses early; the log's script has the last word on bans, locks and rates. [decision]"""

from dataclasses import dataclass
from typing import Literal

from weir.foundation.errors import Forbidden
from weir.foundation.settings import Settings

Role = Literal["owner", "moderator", "vip", "member", "guest"]
EXEMPT: frozenset[Role] = frozenset({"owner", "moderator", "vip"})


@dataclass(frozen=True, slots=True)
class Rate:
    """GCRA in microseconds: one message an `interval`, `burst` of arrears allowed. `exempt` from lock and slow mode."""

    interval_us: int
    burst_us: int
    exempt: bool


NO_RATE = Rate(0, 0, True)


def may_send(role: Role, guests: str, settings: Settings) -> Rate:
    """The rate that holds for this role. `guests` is the app's setting none | read | chat. Errors: Forbidden."""
    if role == "guest" and guests != "chat":
        raise Forbidden("Guests may read here, not write. Sign in to take part.")
    interval = int(1_000_000 / settings.chat_rate_per_s)
    return Rate(interval, interval * (settings.chat_burst - 1), role in EXEMPT)
