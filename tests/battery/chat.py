"""Fifty people who write and read over both nodes, and the verdict on what they were shown."""

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import Any

from tests.battery.stage import NODES, Stage, eventually
from tests.e2e.chatting import Person, read_history
from tests.realtime.history import faults

EVERY_S = 0.5


class Chat:
    """Everybody is in the channel before the first message, so everybody must be shown the same."""

    def __init__(self, stage: Stage, people: Sequence[Person]) -> None:
        self.stage, self.people = stage, people

    @classmethod
    async def begin(cls, stage: Stage, writers: int, readers: int = 2, every: float = EVERY_S) -> "Chat":
        people = [
            Guest(stage, f"p{number}", number, talks=number < writers, every=every)
            for number in range(writers + readers)
        ]
        for person in people:
            person.speak(False)
            stage.enter(person)
        await eventually(lambda: all(person.here.is_set() for person in people), "everybody", 30)
        for person in people:
            person.speak(True)
        return cls(stage, people)

    @property
    def acked(self) -> int:
        return sum(person.acked for person in self.people)

    async def goes_on(self, seconds: float = 20) -> None:
        """Returns when a message sent from now on is shown to everybody who is here."""
        acked, reached = self.acked, max(person.seq for person in self.people)
        await eventually(lambda: self.acked > acked, "an acknowledgement", seconds)
        await eventually(
            lambda: all(person.seq > reached for person in self.people), "everybody's copy", seconds
        )

    async def end(self) -> None:
        """Quiet, everything acknowledged, and shown to everybody."""
        await asyncio.gather(*(person.hush(40) for person in self.people))
        last = max((one.seq or 0) for person in self.people for one in person.sent)
        behind = lambda: [person.seen.name for person in self.people if person.seq < last]
        await eventually(lambda: not behind(), f"the last message ({last}) at {behind()[:5]}", 30)

    async def verdict(self) -> dict[str, Any]:
        """Zero faults in what everybody was shown since they last began, and the same in the history, or an
        AssertionError; the figures."""
        await self.end()
        sent = list(chain.from_iterable(person.sent for person in self.people))
        found = faults(sent, [person.seen for person in self.people])
        assert found == [], (len(found), found[:10])
        assert [person.unexpected for person in self.people if person.unexpected] == []
        history = await read_history(self.people[0].place)
        stored = {message["cid"]: message["seq"] for message in history}
        assert len(stored) == len(history)
        assert [one.cid for one in sent if stored.get(one.cid) != one.seq] == []
        return {
            "messages": len(sent),
            "deliveries": sum(len(person.seen.events) for person in self.people),
            "faults": 0,
            **self.times(),
        }

    def times(self) -> dict[str, Any]:
        """Seconds: acknowledgements, and from the end of a connection to the next join."""
        delays = sorted(chain.from_iterable(person.delays for person in self.people))
        absences = sorted(chain.from_iterable(person.absences for person in self.people))
        told = {"ack_p50_ms": at(delays, 0.5), "ack_p99_ms": at(delays, 0.99)}
        if absences:
            told |= {
                "reconnects": len(absences),
                "back_p50_ms": at(absences, 0.5),
                "back_p99_ms": at(absences, 0.99),
            }
        return told


class Guest(Person):
    """Visits the nodes in turn, beginning with one of their own."""

    def __init__(self, stage: Stage, name: str, number: int, **options: Any) -> None:
        super().__init__(Doors(stage, number), name, **options)


class Doors:
    """A place whose first door depends on the guest."""

    def __init__(self, stage: Stage, first: int) -> None:
        self._stage, self._first, self.channel = stage, first % NODES, stage.channel

    def session(self, name: str | None = None) -> dict[str, Any]:
        return self._stage.session(name)

    def door(self, visit: int) -> int:
        return self._stage.door(self._first + visit)


def at(values: list[float], share: float) -> float:
    """A quantile in milliseconds."""
    return round(1000 * values[min(len(values) - 1, int(len(values) * share))], 1) if values else 0.0
