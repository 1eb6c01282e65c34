"""People who chat through everything that breaks: they reconnect, resume where they were, and send again,
with the same cid, what was not acknowledged."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from tests.realtime.history import Seen, Sent
from tests.support.tcp_proxy import Heard, Line, enter

T = TypeVar("T")
NEW_MESSAGE = "chat.message.new"
TRY_AGAIN = {"unavailable", "rate_limited"}
VOICES = 3
BACK_S = 0.2


class Place(Protocol):
    """Where to chat, as tests.e2e.conftest.Show is one: a port for each visit, by its number."""

    channel: str

    def session(self, name: str | None = None) -> dict[str, Any]: ...

    def door(self, visit: int) -> int: ...


class Person:
    """`seen` is what was shown, in the order it was shown; `sent` what was said; `visits` counts connections,
    `resets` those that could not resume, with what was seen before each in `past`; `absences` are seconds
    from each end to the next join. A talker says ten messages a second, or one each `every` seconds, with
    several unacknowledged ones on the way."""

    def __init__(self, place: Place, name: str, talks: bool = False, every: float = 0.1) -> None:
        self.seen, self.sent, self.past = Seen(name), list[Sent](), list[Seen]()
        self.unexpected, self.visits, self.recovered = list[Any](), 0, 0
        self.absences, self.delays, self.refusals = list[float](), list[float](), list[float]()
        self.line: Line | None = None
        self.here = asyncio.Event()
        self.place, self._talks, self._every = place, talks, every
        self._session = place.session(name)
        self._epoch: str | None = None
        self._seq: int | None = None
        self._held: list[dict[str, Any]] | None = None
        self._waiting = [Sent("")] * VOICES
        self._loud = asyncio.Event()
        self._left: float | None = None
        self._tasks: asyncio.TaskGroup | None = None
        if talks:
            self._loud.set()

    @property
    def acked(self) -> int:
        return sum(one.seq is not None for one in self.sent)

    @property
    def resets(self) -> int:
        return len(self.past)

    @property
    def seq(self) -> int:
        return self._seq or 0

    async def live(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                await self._visit()
            except* (OSError, TimeoutError):
                await asyncio.sleep(BACK_S)

    def speak(self, loud: bool) -> None:
        """Begins or ends saying something new."""
        (self._loud.set if loud else self._loud.clear)()

    async def hush(self, seconds: float = 20) -> None:
        """Says nothing new; returns when everything that was said is acknowledged."""
        self._loud.clear()
        async with asyncio.timeout(seconds):
            while self.acked < len(self.sent):
                await asyncio.sleep(0.05)

    async def _visit(self) -> None:
        line = await connect(self.place, self._session, self._heard, self.visits)
        self.visits += 1
        self.line = line
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._join(line)
                self.here.set()
                for number in range(VOICES if self._talks else 0):
                    self._tasks.create_task(self._talk(line, number))
                await line.closed
                raise ConnectionError(line.closed.result())
        finally:
            self.here.clear()
            self._left = self._left or time.monotonic()
            line.disconnect()

    async def _join(self, line: Line) -> None:
        more = True
        while more:
            self._held = []
            position = {} if self._seq is None else {"epoch": self._epoch, "seq": self._seq}
            answer = await line.call("channel.join", {"channel": self.place.channel, **position}, 4)
            if not answer["ok"]:
                raise TimeoutError(answer["error"])
            shown = answer.get("events", answer.get("messages", []))
            if (
                self._seq is not None and not answer["recovered"]
            ):  # begins a new life: what is shown again is of the past
                self.past.append(self.seen)
                self.seen = Seen(self.seen.name)
                shown = [envelope for envelope in shown if envelope["epoch"] == answer["epoch"]]
            self.recovered += int(answer["recovered"])
            for envelope in shown:
                self._took(envelope)
            self._epoch, self._seq, more = answer["epoch"], answer["seq"], answer.get("more", False)
            held, self._held = self._held, None
            for envelope in held:
                self._took(envelope)
        if self._left is not None:
            self.absences.append(time.monotonic() - self._left)
            self._left = None

    def _heard(self, event: str, envelope: dict[str, Any]) -> None:
        if envelope.get("channel") != self.place.channel:
            return
        if (
            event == "system.notice"
            and envelope["code"] == "resync"
            and self._tasks is not None
            and self.line is not None
        ):
            self._tasks.create_task(self._join(self.line))
        if "seq" not in envelope:
            return
        if self._held is None:
            self._took(envelope)
        else:
            self._held.append(envelope)

    def _took(self, envelope: dict[str, Any]) -> None:
        self._epoch, self._seq = envelope["epoch"], envelope["seq"]
        if envelope["type"] == NEW_MESSAGE:
            self.seen.take(envelope)

    async def _talk(self, line: Line, voice: int) -> None:
        while not line.closed.done():
            said = self._waiting[voice]
            if not said.cid or said.seq is not None:
                await self._loud.wait()
                said = self._waiting[voice] = Sent(f"{self.seen.name}-{len(self.sent)}")
                self.sent.append(said)
            began = time.monotonic()
            try:
                message = {"channel": self.place.channel, "cid": said.cid, "text": f"this is {said.cid}"}
                ack = await line.call("chat.send", message, 3)
            except (OSError, TimeoutError):
                continue
            took = time.monotonic() - began
            if ack["ok"]:
                said.seq = ack["seq"]
                self.delays.append(took)
            else:
                self.refusals.append(took)
                if ack["error"]["code"] not in TRY_AGAIN:
                    self.unexpected.append(ack)
            await asyncio.sleep(self._every * VOICES)


async def connect(place: Place, session: dict[str, Any], heard: Heard, visit: int = 0) -> Line:
    """A connected client."""
    return await enter(
        place.door(visit), {"token": session["user_token"], "playback": session["playback_token"]}, heard
    )


async def read_history(place: Place) -> list[dict[str, Any]]:
    """All messages of the channel, oldest first, page by page, as a new client reads them."""
    line = await connect(place, place.session("reader"), lambda *_: None)
    try:
        assert (await line.call("channel.join", {"channel": place.channel}))["ok"]
        pages: list[list[dict[str, Any]]] = []
        before: str | None = None
        while before is not None or not pages:
            position = {} if before is None else {"before": before}
            answer = await line.call("chat.history", {"channel": place.channel, "limit": 100, **position})
            assert answer["ok"], answer
            pages.append(answer["messages"])
            before = answer["next"]
        return [message for one in reversed(pages) for message in one]
    finally:
        line.disconnect()


class Crowd:
    """An event loop in a thread, so that people chat while a test does something else."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._lives: list[Any] = []

    def enter(self, person: Person) -> Person:
        self._lives.append(asyncio.run_coroutine_threadsafe(person.live(), self._loop))
        return person

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 30) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def close(self) -> None:
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        """Returns when everybody has left, with what their connections still had to do."""
        for life in self._lives:
            life.cancel()
        await asyncio.sleep(0)  # the cancellations are passed on to the tasks
        if rest := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(rest, timeout=10)
