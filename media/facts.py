"""Facts of the media room on their way to the bus. [work]"""

import asyncio

from weir.foundation.errors import Unavailable
from weir.foundation.events import Event, type_of
from weir.foundation.redis.bus import Bus
from weir.foundation.services import Tasks

AGAIN_S = 1.0


class FactPublisher:
    """Publishes in the background, and tries again until the bus has taken the fact. After a crash the sweep
    of the next process publishes it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._tasks = Tasks()

    def publish(self, event: Event) -> None:
        self._tasks.start(self._publish(event), f"publish {type_of(event)}")

    async def _publish(self, event: Event) -> None:
        while True:
            try:
                return await self._bus.publish(event)
            except Unavailable:
                await asyncio.sleep(AGAIN_S)

    async def stop(self) -> None:
        await self._tasks.stop()
