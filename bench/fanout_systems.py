"""What bench/fanout.py measures: the servers, each on its core, and the load client that talks to them."""

import asyncio
import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from control.collections import COLLECTIONS
from tests.support.servers import free_port, wait_until
from weir.foundation.documents.factory import open_store
from weir.foundation.ids import new_id
from weir.foundation.redis.client import redis_password
from weir.foundation.settings import Settings
from weir.foundation.tenancy import collections as shared
from weir.foundation.tenancy.collections import APPS, STREAMS
from weir.foundation.tenancy.tokens import Tokens
from weir.foundation.vault import open_vault
from weir.probes import answers_http, answers_redis, answers_tcp
from weir.server_configs import write_redis, write_web

HERE = Path(__file__).parent
SERVER_CORE, CLIENT_CORE = "0", "1"
Row = dict[str, Any]


def pinned(core: str, *argv: str) -> list[str]:
    return ["taskset", "-c", core, *argv]


def cpu_s(pid: int) -> float:
    """CPU time of all threads of a process, seconds."""
    return (
        sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    )


def rss_kb(pid: int) -> int:
    return int(
        next(
            line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")
        ).split()[1]
    )


@contextlib.contextmanager
def process(argv: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(argv, text=True, **options)
    try:
        yield started
    finally:
        started.terminate()  # not killed: nginx' worker would stay
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


# -- the systems: each yields (server's pid, port, script of the load client)


@contextlib.contextmanager
def peer(argv: Callable[[int], list[str]]) -> Iterator[tuple[int, int, list[str]]]:
    port, channel = free_port(), new_id("chn")
    with process(pinned(SERVER_CORE, *argv(port))) as server:
        wait_until(lambda: asyncio.run(answers_tcp("127.0.0.1", port)), "the peer")
        yield server.pid, port, script(channel, ["40"])


def script(channel: str, connects: list[str]) -> list[str]:
    named = f'{{"channel":"{channel}"'
    return [
        f'["channel.join",{named}}}]',
        f'["chat.send",{named},',
        f'["each",{named},',
        f'["channel.leave",{named}}}]',
        *connects,
    ]


class Node(NamedTuple):
    pid: int
    port: int


@contextlib.contextmanager
def weir_nodes(count: int, *, nginx: bool = False) -> Iterator[tuple[list[Node], list[str], int]]:
    """Realtime nodes on a Redis of their own, with an app and a stream in their documents; all but the first
    on the client's core. Yields the nodes, the load client's script and Redis' pid. With `nginx`, the port
    is nginx's, before the node's unix socket."""
    with tempfile.TemporaryDirectory(prefix="weir-b-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        settings = Settings(
            data_dir=folder / "var",
            run_dir=folder / "run",
            live_dir=folder / "live",
            http_port=free_port(),
            _env_file=None,
        )
        (folder / "run").mkdir()
        vault = open_vault(settings)
        channel, app = asyncio.run(seed(settings))
        mint = functools.partial(Tokens(vault).mint_user, app=app, ttl_s=3600, roles={channel: "owner"})
        connects = ["40" + json.dumps({"token": mint(f"usr_{k}", name=f"User {k}")}) for k in range(64)]
        redis_argv = ["redis-server", str(write_redis(settings, vault))]
        redis = stack.enter_context(process(pinned(CLIENT_CORE, *redis_argv), stdout=subprocess.DEVNULL))
        wait_until(
            lambda: asyncio.run(answers_redis(settings.redis_socket, redis_password(vault))), "redis-server"
        )
        nodes = [
            stack.enter_context(node(settings, SERVER_CORE if k == 0 else CLIENT_CORE, nginx))
            for k in range(count)
        ]
        if nginx:
            web = ["nginx", "-e", "stderr", "-p", str(settings.run), "-c", str(write_web(settings, vault))]
            stack.enter_context(process(pinned(CLIENT_CORE, *web)))
            wait_until(lambda: asyncio.run(answers_tcp("127.0.0.1", settings.http_port)), "nginx")
        yield nodes, script(channel, connects), redis.pid


@contextlib.contextmanager
def node(settings: Settings, core: str, on_socket: bool) -> Iterator[Node]:
    """`weir run realtime`, as an operator starts it."""
    port = settings.http_port if on_socket else free_port()
    listen = f"unix:{settings.app_socket}" if on_socket else f"127.0.0.1:{port}"
    env = {
        "WEIR_DATA_DIR": str(settings.data), "WEIR_RUN_DIR": str(settings.run), "WEIR_LIVE_DIR": str(settings.live),
        "WEIR_CHAT_RATE_PER_S": "100000", "WEIR_CHAT_BURST": "100000",
        "WEIR_SOCKET_REQUESTS_PER_S": "100000", "WEIR_LOG_LEVEL": "warning",
    }  # fmt: skip
    argv = [sys.executable, "-m", "weir", "run", "realtime", "--listen", listen]
    with process(pinned(core, *argv), env={**os.environ, **env}) as server:
        if on_socket:
            wait_until(lambda: asyncio.run(answers_http(settings.app_socket, "/readyz")), "Weir")
        else:
            wait_until(lambda: asyncio.run(answers_tcp("127.0.0.1", port)), "Weir")
        yield Node(server.pid, port)


@contextlib.contextmanager
def weir(nginx: bool = False) -> Iterator[tuple[int, int, list[str]]]:
    with weir_nodes(1, nginx=nginx) as (nodes, lines, _):
        yield *nodes[0], lines


async def seed(settings: Settings) -> tuple[str, str]:
    """An app and a stream; returns the stream's channel and the app."""
    store = await open_store(settings, [*shared.COLLECTIONS, *COLLECTIONS])
    try:
        app, channel, now = new_id("app"), new_id("chn"), 1_790_000_000_000
        await store.operator().insert(
            APPS, {"id": app, "name": "bench", "guests": "read", "created": now, "suspended": False}
        )
        await store.app(app).insert(
            STREAMS,
            {
                "id": new_id("str"),
                "playback": new_id("ply"),
                "channel": channel,
                "name": "bench",
                "state": "idle",
                "created": now,
            },
        )
        return channel, app
    finally:
        await store.close()


SYSTEMS: dict[str, Callable[[], contextlib.AbstractContextManager[tuple[int, int, list[str]]]]] = {
    "weir": weir,
    "weir behind nginx": lambda: weir(nginx=True),
    "node": lambda: peer(lambda port: ["node", str(HERE / "node/server.js"), str(port)]),
    "stock": lambda: peer(lambda port: [sys.executable, "-m", "bench.fanout_baseline", "stock", str(port)]),
    "bare": lambda: peer(lambda port: [sys.executable, "-m", "bench.fanout_baseline", "fanout", str(port)]),
}


class Load:
    """The load client with `count` joined clients."""

    def __init__(self, binary: Path, pid: int, port: int, lines: list[str], count: int) -> None:
        self._pid = pid
        self._count = count
        before = rss_kb(pid)
        self._script = tempfile.NamedTemporaryFile("w", prefix="weir-b-", suffix=".txt")  # noqa: SIM115 – lives as long as the client
        self._script.write("\n".join(lines) + "\n")
        self._script.flush()
        self._client = subprocess.Popen(
            pinned(CLIENT_CORE, str(binary), str(port), str(count), self._script.name), text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        began = cpu_s(pid)
        joined = self._answer()
        time.sleep(1)
        self.idle = {
            "connects_per_s": joined["connects_per_s"], "connect_us": (cpu_s(pid) - began) / count * 1e6,
            "kb": (rss_kb(pid) - before) / count,
        }  # fmt: skip

    def _line(self) -> str:
        assert self._client.stdout is not None
        line = self._client.stdout.readline()
        if not line:
            raise SystemExit("The load client ended; see above.")
        return line

    def _answer(self) -> Row:
        answer: Row = json.loads(self._line())
        return answer

    def run(
        self, mode: str, x: float, seconds: float, *, mixed: int = 0, churn: int = 0, slow: int = 0
    ) -> Row:
        assert self._client.stdin is not None
        self._client.stdin.write(f"run {mode} {x} {min(1.0, seconds / 2)} {seconds} {mixed} {churn} {slow}\n")
        self._line()
        cpu, wall = cpu_s(self._pid), time.perf_counter()
        self._line()
        used, wall = cpu_s(self._pid) - cpu, time.perf_counter() - wall
        row = self._answer()
        row |= {
            "us": used / max(1, row["deliveries"]) * 1e6,
            "util": used / wall,
            "per_s": row["deliveries"] / row["seconds"],
        }
        row["rss_mb"] = rss_kb(self._pid) / 1024
        return row

    def end(self) -> None:
        self._client.kill()
        self._client.wait()
        self._script.close()


@contextlib.contextmanager
def loaded(binary: Path, system: str, count: int) -> Iterator[Load]:
    with SYSTEMS[system]() as (pid, port, lines):
        load = Load(binary, pid, port, lines, count)
        try:
            yield load
        finally:
            load.end()


def prepare(folder: Path) -> Path:
    """Compiles the load client and installs the peer where it is missing."""
    binary = folder / "load"
    subprocess.run(["cc", "-O2", "-o", str(binary), str(HERE / "load.c")], check=True)
    if not (HERE / "node/node_modules/socket.io").exists():
        subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund"], cwd=HERE / "node", check=True, stdout=sys.stderr
        )
    return binary
