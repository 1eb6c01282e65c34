"""A TCP proxy that does to a link what networks do: latency, slicing, a narrow pipe, a black hole, a cut."""

import asyncio
import contextlib
import random
from dataclasses import dataclass

CHUNK = 65_536
TICK_S = 0.05


@dataclass
class Fault:
    """What is done to bytes on their way, in both directions. `latency_s` ± `jitter_s` keeps their order;
    `slice` is the most bytes that travel together; `bytes_per_s` 0 is unbounded; a `hole` swallows without
    a word."""

    latency_s: float = 0.0
    jitter_s: float = 0.0
    slice: int = 0
    bytes_per_s: int = 0
    hole: bool = False


class FaultProxy:
    """Forwards `port` to `target`; `fault` may be changed at any time and holds for all links from then on."""

    def __init__(self, target: int) -> None:
        self.target, self.fault, self.port = target, Fault(), 0
        self._shut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._links: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> "FaultProxy":
        self._server = await asyncio.start_server(self._let_in, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def cut(self) -> None:
        """Resets every link; new ones are let in unless it is shut."""
        for writer in list(self._writers):
            writer.transport.abort()

    def shut(self, shut: bool = True) -> None:
        """Resets every link, and each new one at once, until it is opened again."""
        self._shut = shut
        if shut:
            self.cut()

    def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.create_task(self._accept(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._shut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, far_writer}
        self._writers |= pair
        try:
            await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        finally:
            self._writers -= pair
            for one in pair:
                one.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reads on while earlier bytes are under way, so latency costs no throughput."""
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1000)
        delivering = asyncio.create_task(self._deliver(under_way, writer))
        try:
            while data := await reader.read(self.fault.slice or CHUNK):
                while self.fault.hole:
                    await asyncio.sleep(TICK_S)
                wait = max(0.0, self.fault.latency_s + random.uniform(-1, 1) * self.fault.jitter_s)
                await under_way.put((loop.time() + wait, data))
        except OSError:
            return
        else:
            await under_way.put((loop.time(), b""))
            with contextlib.suppress(OSError):
                await delivering
        finally:
            delivering.cancel()

    async def _deliver(
        self, under_way: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await under_way.get()
            if not data:
                break
            while (left := due - loop.time()) > 0 or self.fault.hole:
                await asyncio.sleep(max(left, TICK_S if self.fault.hole else 0))
            if writer.transport.is_closing():
                break
            writer.write(data)
            await writer.drain()
            if self.fault.bytes_per_s:
                await asyncio.sleep(len(data) / self.fault.bytes_per_s)
        writer.transport.abort()
