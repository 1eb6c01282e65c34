"""What an outgoing request costs: `python -m bench.egress [--json] [--quick]`.

`Egress.request` against a bare aiohttp session (the floor), both on one uvloop and core, to a receiver on the
other core that answers at once. POST of 1 KB with the headers of a webhook over kept connections. CPU is this
process'; rounds alternate, and the median is printed.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp
import uvloop

from bench.fanout_systems import CLIENT_CORE, SERVER_CORE, pinned, process
from weir.foundation.egress import Egress
from weir.foundation.settings import Settings

AT_ONCE, BODY = 20, b"x" * 1000
HEADERS = {
    "Content-Type": "application/json",
    "webhook-id": "msg_" + "a" * 26,
    "webhook-timestamp": "1764326400",
    "webhook-signature": "v1," + "a" * 44,
}
RECEIVER = """
import asyncio, uvloop
class Receiver(asyncio.Protocol):
    def connection_made(self, line): self.line, self.held = line, b""
    def data_received(self, data):
        self.held += data
        while (end := self.held.find(b"\\r\\n\\r\\n")) >= 0:
            head = self.held[:end].lower()
            size = int(head.partition(b"content-length:")[2].split(b"\\r\\n")[0])
            if len(self.held) < end + 4 + size: return
            self.held = self.held[end + 4 + size:]
            self.line.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
async def main():
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
uvloop.run(main())
"""
Send = Callable[[], Awaitable[int]]


async def measured(send: Send, count: int) -> tuple[float, float]:
    """(requests/s, µs of CPU a request)"""

    async def some() -> None:
        for _ in range(count // AT_ONCE):
            assert await send() == 200

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return count / (time.perf_counter() - began), (time.process_time() - cpu) / count * 1e6


async def main(port: int) -> None:
    count, rounds = (2_000, 1) if "--quick" in sys.argv else (10_000, 5)
    egress = Egress(Settings(_env_file=None, egress_allow=["127.0.0.0/8"]))
    url = f"http://127.0.0.1:{port}/hook"

    async def ours() -> int:
        return (await egress.request("POST", url, headers=HEADERS, body=BODY)).status

    figures: dict[str, list[tuple[float, float]]] = {}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def floor() -> int:
            async with session.post(url, headers=HEADERS, data=BODY) as reply:
                await reply.read()
                return reply.status

        senders: dict[str, Send] = {"bare aiohttp (the floor)": floor, "Egress": ours}
        for send in senders.values():
            await measured(send, 500)
        for _ in range(rounds):
            for name, send in senders.items():
                figures.setdefault(name, []).append(await measured(send, count))
    await egress.close()
    report({name: tuple(map(statistics.median, zip(*all_, strict=True))) for name, all_ in figures.items()})


def report(figures: dict[str, tuple[float, ...]]) -> None:
    (_, floor), (per_s, cpu) = figures.values()
    print(f"{'':32} requests/s   µs CPU   × floor")
    for name, (rate, cost) in figures.items():
        print(f"{name:32} {rate:10,.0f} {cost:8.0f} {cost / floor:9.2f}")
    if "--json" in sys.argv:
        shown = {"egress_per_s": round(per_s), "egress_cpu_us": round(cpu, 1)}
        print(json.dumps({"bench": "egress", **shown, "egress_cpu_ratio_vs_floor": round(cpu / floor, 2)}))


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(SERVER_CORE)})
    with process(pinned(CLIENT_CORE, sys.executable, "-c", RECEIVER), stdout=-1) as receiver:
        assert receiver.stdout is not None
        uvloop.run(main(int(receiver.stdout.readline())))
