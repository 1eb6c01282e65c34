"""How a broadcast is delivered: latency, DVR window, encryption. Decided once for each broadcast. [decision]"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weir.foundation.settings import Settings

# Seconds of a part: about 1.1 s of latency, 1.4 s, and whole segments only (6 s and more, for players
# without LL-HLS).
LOW_PART_S = 0.2


@dataclass(frozen=True)
class DeliveryOptions:
    """`part_s` None means whole segments only; `window` counts segments; a key lasts `rotation` segments, 0
    means clear."""

    part_s: float | None
    segment_s: float
    window: int
    rotation: int


def delivery_options(stream: Mapping[str, Any], settings: Settings) -> DeliveryOptions:
    """The stream's own settings (`latency`, `dvr_s`, `encrypted`), else the installation's defaults."""
    parts = {"low": min(LOW_PART_S, settings.part_s), "normal": settings.part_s, "standard": None}
    back_s = min(stream.get("dvr_s") or 0, settings.longest_dvr_s)
    window = max(settings.window_segments, round(back_s / settings.segment_s))
    rotation = settings.key_rotation_segments if stream.get("encrypted") else 0
    return DeliveryOptions(parts[stream.get("latency") or "normal"], settings.segment_s, window, rotation)
