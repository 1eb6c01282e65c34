"""Fan-out against Node's socket.io and stock python-socketio, in one run on this machine.

    python -m bench.fanout [--json] [--quick] [--rounds 3]

The server has core 0, the load client (bench/load.c, compiled on the spot) and Redis core 1. Weir runs as in production –
`weir run realtime`: sign-in, durable log with fsync, sequence, Redis – its peers bare: no log, no sign-in. Systems
alternate; figures are medians of the rounds. CPU is the server process' own (schedstat), divided by deliveries counted by
the client. `closed 1` has one message in flight, so no system can batch; in the open loops Weir joins what comes while it
sends into one write a client, which Node does not do by default.

JSON keys: unbatched_cpu_ratio_vs_node, ratio_vs_stock, mixed_cpu_ratio_vs_node (peer's CPU ÷ ours), loaded_throughput_ratio_vs_node
(ours ÷ peer's best deliveries/s at p99 ≤ 50 ms), loaded_p99_ms, p99_ratio_vs_node_at_10 (peer ÷ ours), kb_per_socket, out_of_order, lost, rows.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from control.store import COLLECTIONS
from tests.servers import free_port, wait_until
from weir.configuration import write_redis
from weir.foundation import directory
from weir.foundation.documents.opening import open_store
from weir.foundation.ids import new_id
from weir.foundation.redis import redis_password
from weir.foundation.settings import Settings
from weir.foundation.tokens import Tokens
from weir.foundation.vault import open_vault
from weir.probes import answers_redis, answers_tcp

HERE = Path(__file__).parent
SERVER_CORE, CLIENT_CORE = "0", "1"
BEST_P99_MS = 50.0
RATES = {"weir": (100, 200, 300, 400, 500, 700), "node": (20, 30, 40, 50, 60, 70, 80, 100), "stock": (4, 6, 8, 10)}
Row = dict[str, Any]
console = Console(stderr=True)


def pinned(core: str, *argv: str) -> list[str]:
    return ["taskset", "-c", core, *argv]


def cpu_s(pid: int) -> float:
    """CPU time of all threads of a process, seconds."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def rss_kb(pid: int) -> int:
    return int(next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")).split()[1])


@contextlib.contextmanager
def process(argv: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(argv, text=True, **options)
    try:
        yield started
    finally:
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
    return [f'["channel.join",{named}}}]', f'["chat.send",{named},', f'["each",{named},', f'["channel.leave",{named}}}]', *connects]


@contextlib.contextmanager
def weir() -> Iterator[tuple[int, int, list[str]]]:
    """One realtime node on a Redis of its own, with an app and a stream in its documents."""
    with tempfile.TemporaryDirectory(prefix="weir-b-") as name:
        folder, port = Path(name), free_port()
        settings = Settings(data_dir=folder / "var", run_dir=folder / "run", live_dir=folder / "live", _env_file=None)  # type: ignore[call-arg]
        (folder / "run").mkdir()
        vault = open_vault(settings)
        channel, app = asyncio.run(seed(settings))
        tokens = Tokens(vault)
        connects = [
            "40" + json.dumps({"token": tokens.mint_user(f"usr_{k}", app, f"User {k}", 3600, roles={channel: "owner"})}) for k in range(64)
        ]
        settings_env = {
            "WEIR_DATA_DIR": str(folder / "var"), "WEIR_RUN_DIR": str(folder / "run"), "WEIR_LIVE_DIR": str(folder / "live"),
            "WEIR_CHAT_RATE_PER_S": "100000", "WEIR_CHAT_BURST": "100000", "WEIR_LOG_LEVEL": "warning",
        }  # fmt: skip
        with process(pinned(CLIENT_CORE, "redis-server", str(write_redis(settings, vault))), stdout=subprocess.DEVNULL):
            wait_until(lambda: asyncio.run(answers_redis(settings.redis_socket, redis_password(vault))), "redis-server")
            run = [sys.executable, "-m", "weir", "run", "realtime", "--listen", f"127.0.0.1:{port}"]
            with process(pinned(SERVER_CORE, *run), env={**os.environ, **settings_env}) as server:
                wait_until(lambda: asyncio.run(answers_tcp("127.0.0.1", port)), "Weir")
                yield server.pid, port, script(channel, connects)


async def seed(settings: Settings) -> tuple[str, str]:
    """An app and a stream; returns the stream's channel and the app."""
    store = await open_store(settings, [*directory.COLLECTIONS, *COLLECTIONS])
    try:
        app, channel, now = new_id("app"), new_id("chn"), 1_790_000_000_000
        await store.operator().insert("apps", {"id": app, "name": "bench", "guests": "read", "created": now, "suspended": False})
        await store.app(app).insert(
            "streams",
            {"id": new_id("str"), "playback": new_id("ply"), "channel": channel, "name": "bench", "state": "idle", "created": now},
        )
        return channel, app
    finally:
        await store.close()


SYSTEMS: dict[str, Callable[[], contextlib.AbstractContextManager[tuple[int, int, list[str]]]]] = {
    "weir": weir,
    "node": lambda: peer(lambda port: ["node", str(HERE / "node/server.js"), str(port)]),
    "stock": lambda: peer(lambda port: [sys.executable, "-m", "bench.bare", "stock", str(port)]),
    "bare": lambda: peer(lambda port: [sys.executable, "-m", "bench.bare", "fanout", str(port)]),
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
            "connects_per_s": joined["connects_per_s"], "connect_us": (cpu_s(pid) - began) / count * 1e6, "kb": (rss_kb(pid) - before) / count,
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

    def run(self, mode: str, x: float, seconds: float, *, mixed: int = 0, churn: int = 0, slow: int = 0) -> Row:
        assert self._client.stdin is not None
        self._client.stdin.write(f"run {mode} {x} {min(1.0, seconds / 2)} {seconds} {mixed} {churn} {slow}\n")
        self._line()
        cpu, wall = cpu_s(self._pid), time.perf_counter()
        self._line()
        used, wall = cpu_s(self._pid) - cpu, time.perf_counter() - wall
        row = self._answer()
        row |= {"us": used / max(1, row["deliveries"]) * 1e6, "util": used / wall, "per_s": row["deliveries"] / row["seconds"]}
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


def best(load: Load, rates: tuple[int, ...], count: int, seconds: float) -> Row:
    """The highest rate whose deliveries all come, with p99 ≤ 50 ms; the first one where none does."""
    found: Row | None = None
    for rate in rates:
        row = load.run("rate", rate, seconds)
        row["rate"] = rate
        kept = row["per_s"] > 0.97 * rate * count and row["p99_ms"] <= BEST_P99_MS and not row["lost"]
        console.print(f"  {rate:4} msg/s: {row['per_s']:9,.0f}/s  p99 {row['p99_ms']:.1f} ms  {row['us']:.2f} µs  util {row['util']:.2f}")
        if kept or found is None:
            found = row
        if not kept and rate != rates[0]:
            break
    assert found is not None
    return found


def scenarios(load: Load, system: str, count: int, seconds: float) -> dict[str, Row]:
    """All rows of one system with one server."""
    rows: dict[str, Row] = {"idle": load.idle, "closed 1": load.run("closed", 1, seconds)}
    if system == "bare":
        rows["mixed"] = load.run("closed", 1, seconds, mixed=1)
        return rows
    if system != "stock":
        rows["10/s"] = load.run("rate", 10, seconds)
    rows["best"] = best(load, RATES[system], count, seconds)
    if system == "node":
        rows["mixed"] = load.run("closed", 1, seconds, mixed=1)
    if system == "weir":
        rows["400/s"] = load.run("rate", 400, seconds)
    if system != "stock":
        rows["churn 100/s"] = load.run("rate", 10, seconds, churn=100)
        rows["slow reader"] = load.run("rate", 40, 2 * seconds, slow=1)
    return rows


def measure(binary: Path, rounds: int, count: int, seconds: float, systems: tuple[str, ...]) -> dict[str, dict[str, Row]]:
    """system → scenario → medians of the rounds (sums for what must not happen)."""
    taken: dict[str, dict[str, list[Row]]] = {system: {} for system in systems}
    for number in range(rounds):
        for system in systems:
            console.print(f"Round {number + 1} of {rounds}, {count} clients: {system} …")
            with loaded(binary, system, count) as load:
                for name, row in scenarios(load, system, count, seconds).items():
                    taken[system].setdefault(name, []).append(row)
    return {system: {name: median(rows) for name, rows in named.items()} for system, named in taken.items()}


def median(rows: list[Row]) -> Row:
    sums = {"lost", "out_of_order", "refused"}
    return {key: (sum if key in sums else statistics.median)(row[key] for row in rows) for key in rows[0]}


def show(count: int, figures: dict[str, dict[str, Row]]) -> None:
    table = Table(
        "",
        "",
        "µs/delivery",
        "deliveries/s",
        "p50 ms",
        "p99 ms",
        "util",
        "client",
        "joined",
        "lost",
        "disorder",
        title=f"{count} clients in a room",
    )
    for system, rows in figures.items():
        for name, row in rows.items():
            if name == "idle":
                continue
            joined = row["per_s"] * row["seconds"] / max(1, row["reads"])
            table.add_row(
                system, f"best: {row['rate']:.0f}/s" if name == "best" else name, f"{row['us']:.2f}", f"{row['per_s']:,.0f}", f"{row['p50_ms']:.1f}",
                f"{row['p99_ms']:.1f}", f"{row['util']:.2f}", f"{row['client_cpu']:.2f}", f"{joined:.1f}", str(row["lost"]), str(row["out_of_order"]),
            )  # fmt: skip
    console.print(table)
    idle = Table("", "connects/s", "µs/connect", "KB/idle client", title="Connections")
    for system, rows in figures.items():
        row = rows["idle"]
        idle.add_row(system, f"{row['connects_per_s']:.0f}", f"{row['connect_us']:.0f}", f"{row['kb']:.1f}")
    console.print(idle)


def ratios(figures: dict[str, dict[str, Row]]) -> Row:
    ours, node, stock, bare = (figures[name] for name in ("weir", "node", "stock", "bare"))
    counted = [row for name, row in [*ours.items(), *bare.items()] if name != "idle"]
    return {
        "unbatched_cpu_ratio_vs_node": round(node["closed 1"]["us"] / ours["closed 1"]["us"], 2),
        "bare_cpu_ratio_vs_node": round(node["closed 1"]["us"] / bare["closed 1"]["us"], 2),
        "ratio_vs_stock": round(stock["closed 1"]["us"] / ours["closed 1"]["us"], 2),
        "mixed_cpu_ratio_vs_node": round(node["mixed"]["us"] / bare["mixed"]["us"], 2),
        "loaded_throughput_ratio_vs_node": round(ours["best"]["per_s"] / node["best"]["per_s"], 2),
        "loaded_p99_ms": ours["best"]["p99_ms"],
        "p99_ratio_vs_node_at_10": round(node["10/s"]["p99_ms"] / max(0.1, ours["10/s"]["p99_ms"]), 2),
        "kb_per_socket": round(ours["idle"]["kb"], 1),
        "out_of_order": sum(row["out_of_order"] for row in counted),
        "lost": sum(row["lost"] for row in counted),
    }


def prepare(folder: Path) -> Path:
    """Compiles the load client and installs the peer where it is missing."""
    binary = folder / "load"
    subprocess.run(["cc", "-O2", "-o", str(binary), str(HERE / "load.c")], check=True)
    if not (HERE / "node/node_modules/socket.io").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=HERE / "node", check=True, stdout=sys.stderr)
    return binary


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", action="store_true", help="print one JSON line last on stdout")
    options.add_argument("--quick", action="store_true", help="one round of 2 s windows, 1,000 clients only")
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    rounds, seconds = (1, 2.0) if given.quick else (given.rounds, 5.0)
    with tempfile.TemporaryDirectory(prefix="weir-b-") as folder:
        binary = prepare(Path(folder))
        figures = measure(binary, rounds, 1000, seconds, ("weir", "node", "stock", "bare"))
        show(1000, figures)
    result = {"bench": "fanout", **ratios(figures)}
    for key, value in result.items():
        console.print(f"{key}: {value}")
    if given.json:
        sys.stdout.write(json.dumps({**result, "rows": figures}) + "\n")


if __name__ == "__main__":
    main()
