"""The states of a broadcast in this worker, and how they follow each other. [decision]

```
PUBLISHING ── the encoder left ──► GONE ── it is back ──► PUBLISHING
PUBLISHING ── nothing can be made of it ──► FAILED ── it publishes again ──► PUBLISHING
any ── the broadcast is over ──► FINISHED
```
"""

from enum import Enum


class BroadcastState(Enum):
    """PUBLISHING: an encoder publishes, FFmpeg runs or may be started. GONE: the encoder left, its return is waited for. FAILED: nothing
    can be made of the present publish. FINISHED: the playlists have their end."""

    PUBLISHING = "publishing"
    GONE = "gone"
    FAILED = "failed"
    FINISHED = "finished"

    def published(self) -> "BroadcastState":
        return self if self is BroadcastState.FINISHED else BroadcastState.PUBLISHING

    def left(self) -> "BroadcastState":
        return self if self is BroadcastState.FINISHED else BroadcastState.GONE

    def failed(self) -> "BroadcastState":
        return BroadcastState.FAILED if self is BroadcastState.PUBLISHING else self
