"""What a webhook costs: `python -m bench.webhooks [--json] [--quick]`.

The dispatcher (this process, one core) takes events from an app's log in a real Redis, sends them to a
receiver that answers at once (another process, another core) and stores each delivery in SQLite. Figures:
deliveries a second and CPU per delivery; then the time from an event's place in the log to its first attempt
at 200 events a second, beside an endpoint that never answers.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import structlog
import uvloop

from bench.fanout_systems import CLIENT_CORE, SERVER_CORE, pinned
from control.composition import ControlRoom
from realtime.log.app_log import AppLog, entry_of
from realtime.redis.client import address_of, connect
from tests.support.servers import Redis
from weir.app import open_services, tune_gc
from weir.foundation.audit import COMMAND_LINE
from weir.foundation.events import WebhooksChanged
from weir.foundation.ids import new_id
from weir.foundation.redis.client import redis_password
from weir.foundation.services import Services, Tasks
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import APPS
from weir.foundation.vault import open_vault

APP = new_id("app")
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
PACE = 200


class Counting(asyncio.Protocol):
    """Answers each request at once, `/slow` never; `/count` says what has come."""

    count = 0
    arrived: list[tuple[str, float]] = []

    def __init__(self) -> None:
        self._left = b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._left += data
        while (end := self._left.find(b"\r\n\r\n")) >= 0:
            head = self._left[:end].lower()
            at = head.find(b"content-length: ")
            size = int(head[at + 16 : head.find(b"\r", at) if b"\r" in head[at:] else None]) if at >= 0 else 0
            if len(self._left) < end + 4 + size:
                return
            self._left = self._left[end + 4 + size :]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        if b" /count" in head:
            body = json.dumps([Counting.count, Counting.arrived]).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        elif b" /slow" not in head:
            Counting.count += 1
            at = head.find(b"webhook-id: ")
            Counting.arrived.append((head[at + 12 : head.find(b"\r", at)].decode(), time.time()))
            self._transport.write(ANSWER)


async def receive() -> None:
    server = await asyncio.get_running_loop().create_server(Counting, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Services]:
    settings = Settings(
        data_dir=folder / "var", run_dir=folder, live_dir=folder / "live", egress_allow=["127.0.0.0/8"], _env_file=None
    )  # fmt: skip
    server = Redis(folder, redis_password(open_vault(settings)))
    server.start()
    try:
        async with open_services(settings) as services:
            await services.store.operator().insert(
                APPS, {"id": APP, "account": "acc_x", "name": "x", "guests": "read", "state": "active", "created": 1}
            )  # fmt: skip
            yield services
    finally:
        server.kill()


class Bench:
    def __init__(self, services: Services, url: str) -> None:
        async def nobody(_channel: str) -> int:
            return 0

        self.services, self.url = services, url
        self.room = ControlRoom(services, nobody, {})
        self.connection = connect(address_of(services.settings, services.vault))
        self.log = AppLog(self.connection)
        self.tasks = Tasks()

    async def start(self) -> None:
        self.tasks.start(self.connection.run(), "log")
        await self.connection.up(5)
        await self.log.oldest(APP)

    async def dispatch(self) -> None:
        await self.services.bus.publish(WebhooksChanged(app=APP))
        self.tasks.start(self.services.bus.watch(self.room._webhooks.dispatcher.on_event), "changes")
        self.tasks.start(self.room._webhooks.dispatcher.run(), "dispatcher")

    async def hook(self, path: str, **more: Any) -> None:
        body = {
            "url": self.url + path,
            "types": ["custom.*"],
            "signature": "hmac",
            "encrypted": False,
            "headers": {},
            "concurrency": 20,
        }
        fields = {
            "description": "", "streams": [], "channels": [], "places": [], "filter": None, "enabled": True, "auth": {"kind": "none"},
            "rate": None, "ordered": False, "batch": None, "image": None, **body, **more,
        }  # fmt: skip
        await self.room._webhooks.service.create(APP, new_id("whk"), fields, COMMAND_LINE)

    async def publish(self, number: int) -> tuple[str, float]:
        event = new_id("evt")
        data = {"data": {"plate_number": "TEST123", "camera": "north-1", "n": number}}
        await self.log.append_once(APP, event, entry_of(event, "custom.plate", int(time.time() * 1000), data))
        return event, time.time()

    async def counted(self) -> tuple[int, dict[str, float]]:
        """How many requests have come, and when each of the last ones."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.url.rpartition(":")[2]))
        writer.write(b"GET /count HTTP/1.1\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.rpartition(b"content-length: ")[2]))
        writer.close()
        count, arrived = json.loads(body)
        return count, dict(arrived)


async def throughput(bench: Bench, count: int) -> dict[str, float]:
    """All events are in the log before the dispatcher begins."""
    await bench.hook("/fast")
    for number in range(count):
        await bench.publish(number)
    began, cpu = time.perf_counter(), time.process_time()
    await bench.dispatch()
    while (await bench.counted())[0] < count:
        await asyncio.sleep(0.1)
    took, used = time.perf_counter() - began, time.process_time() - cpu
    return {"deliveries_per_s": round(count / took), "cpu_us_per_delivery": round(used / count * 1e6)}


async def first_attempts(bench: Bench, seconds: float) -> dict[str, float]:
    """PACE events a second, beside an endpoint that never answers."""
    await bench.hook("/slow")
    await asyncio.sleep(1)
    sent = dict[str, float]()
    began = time.perf_counter()
    for number in range(round(PACE * seconds)):
        await asyncio.sleep(max(0, began + number / PACE - time.perf_counter()))
        event, at = await bench.publish(number)
        sent[event] = at
    while not sent.keys() <= (arrived := (await bench.counted())[1]).keys():
        await asyncio.sleep(0.2)
    waited = sorted(arrived[event] - at for event, at in sent.items())
    return {
        "first_attempt_p50_ms": round(waited[len(waited) // 2] * 1000),
        "first_attempt_p99_ms": round(waited[len(waited) * 99 // 100] * 1000),
    }


async def measured(quick: bool) -> dict[str, float]:
    argv = pinned(CLIENT_CORE, sys.executable, "-m", "bench.webhooks", "--receiver")
    receiver = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert receiver.stdout is not None
    url = f"http://127.0.0.1:{receiver.stdout.readline().strip()}"
    try:
        with tempfile.TemporaryDirectory(prefix="weir-b-") as folder:
            async with opened(Path(folder)) as services:
                bench = Bench(services, url)
                await bench.start()
                tune_gc()
                figures = await throughput(bench, 2_000 if quick else 10_000)
                figures |= await first_attempts(bench, 5 if quick else 20)
                await bench.tasks.stop()
                return figures
    finally:
        receiver.terminate()
        receiver.wait()


def main() -> None:
    if "--receiver" in sys.argv:
        asyncio.run(receive())
        return
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    os.sched_setaffinity(0, {int(SERVER_CORE)})
    figures = uvloop.run(measured("--quick" in sys.argv))
    for name, value in figures.items():
        print(f"{name:32}{value:>10}", file=sys.stderr)
    if "--json" in sys.argv:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
