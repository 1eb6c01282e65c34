"""What a request to the control room costs: `python -m bench.api [--json] [--quick]`.

`hls_access`, an authenticated GET and a POST against a bare Starlette route (the floor) on the same
uvicorn, in the same run, each server on core 0 and the client on core 1. CPU is that of the server's
process, all threads, divided by the answers counted; it is the steady figure, requests/s depend on what
else the machine does. Rounds alternate; the median is printed.
"""

import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from bench.fanout_systems import CLIENT_CORE, SERVER_CORE, cpu_s, pinned, process
from control.composition import build_local_admin
from tests.support.servers import Redis, answers, wait_until
from weir.app import open_services
from weir.foundation.ids import new_id
from weir.foundation.redis.client import redis_password
from weir.foundation.settings import Settings
from weir.foundation.vault import open_vault

CONNECTIONS = 16
FLOOR = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from weir.app import tune_gc
async def floor(request): return JSONResponse({"id": "x", "title": "Show"})
tune_gc()
app = Starlette(routes=[Route("/floor", floor)])
uvicorn.run(app, uds=sys.argv[1], log_level="error", access_log=False, loop="uvloop", http="httptools")
"""


def request(method: str, path: str, headers: dict[str, str] | None = None, body: Any = None) -> bytes:
    content = json.dumps(body).encode() if body is not None else b""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: weir.test",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    return "\r\n".join([*lines, f"Content-Length: {len(content)}", "", ""]).encode() + content


async def ask(path: Path, wanted: bytes, until: float) -> int:
    """The answers that one connection gets before `until`. Errors: AssertionError for an answer that is no
    2xx."""
    reader, writer = await asyncio.open_unix_connection(path)
    count = 0
    while time.perf_counter() < until:
        writer.write(wanted)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 2"), head
        if b"content-length: " in head:
            await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        count += 1
    writer.close()
    return count


async def measured(pid: int, path: Path, wanted: bytes, seconds: float) -> tuple[float, float]:
    """(requests/s, µs of the server's CPU a request)"""
    await asyncio.gather(*(ask(path, wanted, time.perf_counter() + 0.3) for _ in range(CONNECTIONS)))
    before, began = cpu_s(pid), time.perf_counter()
    counts = await asyncio.gather(*(ask(path, wanted, began + seconds) for _ in range(CONNECTIONS)))
    return sum(counts) / (time.perf_counter() - began), (cpu_s(pid) - before) / sum(counts) * 1e6


@contextlib.asynccontextmanager
async def world(folder: Path) -> AsyncIterator[tuple[Settings, dict[str, bytes]]]:
    """Redis and a data folder with an app, a key and a stream; the requests to send."""
    settings = Settings(data_dir=folder / "var", run_dir=folder, live_dir=folder / "live", _env_file=None)
    vault = open_vault(settings)
    redis = Redis(folder, redis_password(vault))
    redis.start()
    try:
        async with open_services(settings) as services:
            console = build_local_admin(services)
            app = await console.create_app("Bench")
            stream, key = (
                await console.create_stream(app["id"], "Show"),
                await console.create_key(app["id"], ["*"]),
            )
            token = services.tokens.mint_playback(stream["playback_id"], app["id"], new_id("ses"), 3600)
        bearer = {"Authorization": f"Bearer {key['api_key']}"}
        inside = {
            "X-Internal-Secret": vault.text_key("internal"), "X-Playback-Token": token, "X-Playback-Id": stream["playback_id"],
            "X-Forwarded-For": "192.0.2.1",
        }  # fmt: skip
        yield (
            settings,
            {
                "hls_access": request("GET", "/internal/hls_access", inside),
                "authenticated GET": request("GET", f"/v1/streams/{stream['id']}/key", bearer),
                "GET a stream with its viewers": request("GET", f"/v1/streams/{stream['id']}", bearer),
                "POST a user token": request(
                    "POST", "/v1/user-tokens", {**bearer, "Content-Type": "application/json"}, {"user": "ann"}
                ),
            },
        )
    finally:
        redis.kill()


async def main() -> None:
    seconds, rounds = (1.0, 1) if "--quick" in sys.argv else (3.0, 3)
    os.sched_setaffinity(0, {int(CLIENT_CORE)})
    folder = Path(tempfile.mkdtemp(prefix="weir-b-"))
    figures: dict[str, list[tuple[float, float]]] = {}
    async with world(folder) as (settings, requests):
        environment = {
            **os.environ,
            "WEIR_DATA_DIR": str(settings.data),
            "WEIR_RUN_DIR": str(folder),
            "WEIR_LOG_LEVEL": "warning",
        }
        environment["WEIR_PLANS"] = (
            '{"enterprise": {"requests_per_minute": 10000000}}'  # counted, and never refused
        )
        control, floor = folder / "app.sock", folder / "floor.sock"
        with (
            process(pinned(SERVER_CORE, sys.executable, "-c", FLOOR, str(floor))) as bare,
            process(
                pinned(
                    SERVER_CORE, sys.executable, "-m", "weir", "run", "control", "--listen", f"unix:{control}"
                ),
                env=environment,
            ) as weir,
        ):
            wait_until(lambda: answers(floor) and answers(control), "the servers")
            await asyncio.sleep(1)
            for _ in range(rounds):
                figures.setdefault("floor", []).append(
                    await measured(bare.pid, floor, request("GET", "/floor"), seconds)
                )
                for name, wanted in requests.items():
                    figures.setdefault(name, []).append(await measured(weir.pid, control, wanted, seconds))
    report(
        {
            name: (statistics.median(one[0] for one in all_), statistics.median(one[1] for one in all_))
            for name, all_ in figures.items()
        }
    )


def report(figures: dict[str, tuple[float, float]]) -> None:
    floor = figures["floor"][1]
    print(f"{'':32} requests/s   µs CPU   × floor")
    for name, (per_s, cpu) in figures.items():
        print(f"{name:32} {per_s:10,.0f} {cpu:8.0f} {cpu / floor:9.2f}")
    if "--json" in sys.argv:
        print(json.dumps({
            "bench": "api", "authenticated_get_cpu_ratio_vs_floor": round(figures["authenticated GET"][1] / floor, 2),
            **{f"{name.replace(' ', '_').lower()}_{unit}": round(value, 1)
               for name, both in figures.items() for unit, value in zip(("per_s", "cpu_us"), both, strict=True)},
        }))  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
