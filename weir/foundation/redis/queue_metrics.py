"""Age of the oldest item in each queue, as a metric: a queue whose age grows is stuck."""

from prometheus_client import Gauge

from weir.foundation.redis.bus import Bus, Relay
from weir.foundation.redis.periodic import Job

LOOK_S = 10.0
AGE = Gauge("weir_queue_age_seconds", "How long the oldest entry has been waiting, by queue.", ["queue"])


def job(bus: Bus, relay: Relay) -> Job:
    """Measures the outboxes and each group of the bus."""
    shown: set[str] = set()

    async def look() -> None:
        ages = {
            "outbox": await relay.age(),
            **{f"bus.{group}": age for group, age in (await bus.ages()).items()},
        }
        for queue, age in ages.items():
            AGE.labels(queue).set(age)
        shown.update(ages)

    def let_go() -> None:
        while shown:
            AGE.remove(shown.pop())

    return Job("queues.look", LOOK_S, look, let_go)
