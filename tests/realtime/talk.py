"""Clients that write without pause while something is broken under them, judged by the history checker."""

import asyncio

from tests.realtime.history import Seen, Sent, faults
from tests.support.chat_nodes import Client, eventually


class Talk:
    """Each client writes one message after another and sends again, with the same cid, what is not
    acknowledged. `codes` are the refusals."""

    def __init__(self, clients: list[Client], channel: str) -> None:
        self.sent: list[Sent] = []
        self.codes: set[str] = set()
        self._clients, self._channel, self._stop = clients, channel, asyncio.Event()
        self._writing = asyncio.gather(
            *(self._write(client, f"w{number}") for number, client in enumerate(clients))
        )

    @property
    def reached(self) -> int:
        """The highest seq acknowledged."""
        return max((record.seq or 0 for record in self.sent), default=0)

    @property
    def acked(self) -> int:
        """How many messages are acknowledged."""
        return sum(record.seq is not None for record in self.sent)

    async def goes_on(self, seconds: float = 15) -> None:
        """Returns when something sent from now on is acknowledged."""
        reached = self.reached
        await eventually(lambda: self.reached > reached, seconds)

    async def _write(self, client: Client, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            record = Sent(f"{name}-{number}")
            self.sent.append(record)
            number += 1
            while record.seq is None and not self._stop.is_set():
                ack = await asyncio.wait_for(client.send(self._channel, record.cid), 5)
                if ack["ok"]:
                    record.seq = ack["seq"]
                else:
                    self.codes.add(ack["error"]["code"])
                    await asyncio.sleep(0.05)

    async def end(self) -> list[tuple[str, int, str]]:
        """Stops writing, waits until all were shown the same, and asserts that it is all that was
        acknowledged, in order; returns it as (epoch, seq, cid)."""
        self._stop.set()
        await self._writing
        acked = [record for record in self.sent if record.seq is not None]
        counts = lambda: {len(client.of("chat.message.new")) for client in self._clients}
        await eventually(lambda: min(counts()) >= len(acked) and len(counts()) == 1, 15)
        everyone = [Seen(str(number)) for number in range(len(self._clients))]
        for seen, client in zip(everyone, self._clients, strict=True):
            for envelope in client.of("chat.message.new"):
                seen.take(envelope)
        assert faults(self.sent, everyone) == []
        return everyone[0].events
