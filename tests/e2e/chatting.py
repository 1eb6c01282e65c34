"""People in a chat who don't give up: after every fault they come back, resume where they were, and send again, with the
same cid, what was not acknowledged."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

import socketio
from socketio.exceptions import SocketIOError

from tests.realtime.history import Seen, Sent

T = TypeVar("T")
NEW_MESSAGE = "chat.message.new"
TRY_AGAIN = {"unavailable", "rate_limited"}
VOICES = 3


class Place(Protocol):
    """Where to chat: a running stack, as tests.e2e.conftest.Show is one."""

    stack: Any
    channel: str

    def session(self, name: str | None = None) -> dict[str, Any]: ...


class Person:
    """`seen` is what was shown, in the order it was shown; `sent` what was said; `visits` counts connections, `resets` those
    that could not resume. A talker says ten messages a second with several unacknowledged ones on the way."""

    def __init__(self, place: Place, name: str, talks: bool = False) -> None:
        self.seen, self.sent, self.resets = Seen(name), list[Sent](), 0
        self.unexpected, self.visits = list[Any](), 0
        self._place, self._talks = place, talks
        self._session = place.session(name)
        self._epoch: str | None = None
        self._seq: int | None = None
        self._held: list[dict[str, Any]] | None = None
        self._waiting = [Sent("")] * VOICES
        self._quiet = asyncio.Event()

    @property
    def acked(self) -> int:
        return sum(one.seq is not None for one in self.sent)

    async def live(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                await self._visit()
            except (SocketIOError, OSError, TimeoutError):
                await asyncio.sleep(0.2)

    async def hush(self) -> None:
        """Says nothing new; returns when everything that was said is acknowledged."""
        self._quiet.set()
        async with asyncio.timeout(20):
            while self.acked < len(self.sent):
                await asyncio.sleep(0.05)

    async def _visit(self) -> None:
        io, gone = await connect(self._place, self._session, self._heard)
        self.visits += 1
        try:
            await self._join(io)
            async with asyncio.TaskGroup() as voices:
                for number in range(VOICES if self._talks else 0):
                    voices.create_task(self._talk(io, gone, number))
                voices.create_task(gone.wait())
        finally:
            await io.disconnect()

    async def _join(self, io: socketio.AsyncClient) -> None:
        more = True
        while more:
            self._held = []
            position = {} if self._seq is None else {"epoch": self._epoch, "seq": self._seq}
            answer = await io.call("channel.join", {"channel": self._place.channel, **position}, timeout=4)
            if not answer["ok"]:
                raise TimeoutError(answer["error"])
            self.resets += int(self._seq is not None and not answer["recovered"])
            for envelope in answer.get("events", answer.get("messages", [])):
                self._took(envelope)
            self._epoch, self._seq, more = answer["epoch"], answer["seq"], answer.get("more", False)
            held, self._held = self._held, None
            for envelope in held:
                self._took(envelope)

    def _heard(self, _event: str, envelope: dict[str, Any]) -> None:
        if envelope.get("channel") != self._place.channel or "seq" not in envelope:
            return
        if self._held is None:
            self._took(envelope)
        else:
            self._held.append(envelope)

    def _took(self, envelope: dict[str, Any]) -> None:
        self._epoch, self._seq = envelope["epoch"], envelope["seq"]
        if envelope["type"] == NEW_MESSAGE:
            self.seen.take(envelope)

    async def _talk(self, io: socketio.AsyncClient, gone: asyncio.Event, voice: int) -> None:
        while not gone.is_set():
            said = self._next(voice)
            if said is None:
                return
            try:
                message = {"channel": self._place.channel, "cid": said.cid, "text": f"this is {said.cid}"}
                ack = await io.call("chat.send", message, timeout=3)
            except (SocketIOError, OSError):
                continue
            if ack["ok"]:
                said.seq = ack["seq"]
            elif ack["error"]["code"] not in TRY_AGAIN:
                self.unexpected.append(ack)
            await asyncio.sleep(0.1 * VOICES)

    def _next(self, voice: int) -> Sent | None:
        """What this voice has to say: again what was not acknowledged, else something new; None when it shall be quiet."""
        said = self._waiting[voice]
        if said.cid and said.seq is None:
            return said
        if self._quiet.is_set():
            return None
        said = self._waiting[voice] = Sent(f"{self.seen.name}-{len(self.sent)}")
        self.sent.append(said)
        return said


async def connect(place: Place, session: dict[str, Any], heard: Any) -> tuple[socketio.AsyncClient, asyncio.Event]:
    """A connected client, and the event of its end."""
    io, gone = socketio.AsyncClient(reconnection=False), asyncio.Event()
    io.on("*", heard)
    io.on("disconnect", lambda *_: gone.set())
    auth = {"token": session["user_token"], "playback": session["playback_token"]}
    try:
        await io.connect(f"http://127.0.0.1:{place.stack.http}", auth=auth, transports=["websocket"], wait_timeout=4)
    except BaseException:
        await io.disconnect()
        raise
    return io, gone


async def read_history(place: Place) -> list[dict[str, Any]]:
    """All messages of the channel, oldest first, page by page, as somebody new reads them."""
    io, _ = await connect(place, place.session("reader"), lambda *_: None)
    try:
        assert (await io.call("channel.join", {"channel": place.channel}, timeout=5))["ok"]
        pages: list[list[dict[str, Any]]] = []
        before: str | None = None
        while before is not None or not pages:
            position = {} if before is None else {"before": before}
            answer = await io.call("chat.history", {"channel": place.channel, "limit": 100, **position}, timeout=5)
            assert answer["ok"], answer
            pages.append(answer["messages"])
            before = answer["next"]
        return [message for one in reversed(pages) for message in one]
    finally:
        await io.disconnect()


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
        for life in self._lives:
            life.cancel()
        self.run(asyncio.sleep(0.3))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
