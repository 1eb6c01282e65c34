"""What live streams and their viewers cost: `python -m bench.media [--json] [--quick]`.

    ladder      one 1080p30 stream with four rungs in Weir against a bare FFmpeg that does the same encodes to nowhere
    packager    the application's own share of a core for that stream, above an idle one beside the bare FFmpeg
    delivery    a segment through nginx with the cached decision about its token, against the same nginx sending a plain file
    viewers     simulated players (bench/viewers.c) that follow blocking playlist reloads and parts, joins spread over time

For the last two the servers (nginx and the application with all rooms) have core 0, everything else core
1. CPU is that of the processes (schedstat), which is steady; delays also contain what the machine does
beside, above all when the core is full.

JSON keys: ladder_cpu_overhead_pct, packager_core_pct_per_stream, delivery_cpu_overhead_pct_vs_static,
low_latency_viewers_per_core (viewers ÷ share of the core that they cost, of the better template; 0 where
one of them got an error or less than nine of ten playlists), rows.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.fanout_systems import SERVER_CORE, pinned, process
from bench.media_stage import (
    Row,
    Stage,
    command,
    compiled,
    fetched,
    film,
    followed,
    short_lived_s,
    spent,
    staged,
)
from tests.support.running_stack import children_of
from tests.support.servers import free_port

SETTLE_S = 8
VIEWERS = {"files": 1500, "nchan": 3000}
SIZES = {"1080p segment": 1_150_000, "360p segment": 210_000, "360p part": 29_000}
STATIC = """
{user} daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid {folder}/static.pid; error_log stderr warn;
events {{ worker_connections 9000; }}
http {{
  access_log off; server_tokens off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000;
  open_file_cache max=8000 inactive=20s; open_file_cache_valid 5s;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root /; }}
}}
"""
console = Console(stderr=True, width=140)


def bare(argv: list[str], source: Path) -> list[str]:
    """The same encodes as a running FFmpeg of ours: read from a file at its pace, muxed to nowhere."""
    kept: list[str] = []
    dropped = {"-f", "-movflags", "-flush_packets", "-frag_duration", "-protocol_whitelist", "-progress", "-stats_period",
               "-video_track_timescale", "-write_tmcd", "-use_editlist", "-min_frag_duration"}  # fmt: skip
    words = iter(argv)
    for word in words:
        if word in dropped:
            next(words)
        elif word == "-i":
            next(words)  # ours gets its stream at standard input
            kept += ["-re", "-stream_loop", "-1", "-i", str(source)]
        elif word.startswith("pipe:"):
            kept += ["-f", "null", "-"]
        else:
            kept.append(word)
    return kept


def ladder(seconds: float, rounds: int, folder: Path) -> Row:
    """Shares of a core, medians of rounds that alternate. The application is idle while the bare FFmpeg
    encodes, so that both of its figures are taken beside the same work."""
    source = film(folder / "1080.flv", "1920x1080", "6M")
    taken: dict[str, list[float]] = {
        name: [] for name in ("weir", "bare", "ffmpeg", "app", "thumbnails", "ingest", "idle", "overhead_pct")
    }
    with staged() as stage:
        for _ in range(rounds):
            stage.publish(source)
            time.sleep(SETTLE_S)
            encoder = stage.encoder
            argv, short = command(encoder), short_lived_s(stage.app)
            used = spent([encoder, stage.app, *stage.ingest], seconds)
            taken["thumbnails"].append((short_lived_s(stage.app) - short) / seconds)
            taken["ffmpeg"].append(used[encoder])
            taken["ingest"].append(sum(used[pid] for pid in stage.ingest))
            stage.unpublish()
            with process(
                bare(argv, source),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as peer:
                time.sleep(SETTLE_S)
                unused = spent([peer.pid, stage.app], seconds)
            taken["bare"].append(unused[peer.pid])
            taken["idle"].append(unused[stage.app])
            taken["app"].append(used[stage.app] - unused[stage.app])
            taken["weir"].append(used[encoder] + taken["app"][-1] + taken["thumbnails"][-1])
            taken["overhead_pct"].append((taken["weir"][-1] / taken["bare"][-1] - 1) * 100)
    row: Row = {name: round(statistics.median(values), 4) for name, values in taken.items()}
    return row | {
        "rungs": argv.count("libx264"),
        "rounds": {name: [round(one, 4) for one in values] for name, values in taken.items()},
    }


@contextlib.contextmanager
def static(folder: Path) -> Iterator[tuple[list[int], int]]:
    """The peer of `delivery`: the same nginx with nothing but files, by their whole paths."""
    port, conf = free_port(), folder / "static.conf"
    conf.write_text(STATIC.format(user="user root;" if os.geteuid() == 0 else "", folder=folder, port=port))
    with process(pinned(SERVER_CORE, "nginx", "-e", "stderr", "-p", str(folder), "-c", str(conf))) as master:
        time.sleep(0.5)
        yield [master.pid, *children_of(master.pid)], port


def delivery(binary: Path, stage: Stage, seconds: float, rounds: int, folder: Path) -> dict[str, Row]:
    """Microseconds of nginx' and the application's CPU a request, above what they take for the broadcast
    itself, by size; medians of rounds that alternate."""
    data = stage.stack.folder / "var" / "hls" / stage.show.playback
    live = stage.live / "hls" / stage.show.playback
    found: dict[str, Row] = {}
    stage.apart()
    idle = sum(spent(stage.servers, seconds).values())
    with static(folder) as (pids, port):
        for kind, size in SIZES.items():
            name = f"{'p' if 'part' in kind else 's'}_bench_{size}_1.m4s"
            file = (live if "part" in kind else data) / name
            file.write_bytes(os.urandom(size))
            prefix, taken = stage.prefix(), {"weir": [], "static": []}  # type: ignore[var-annotated]
            for _ in range(rounds):
                taken["static"].append(fetched(binary, pids, port, str(file), seconds))
                taken["weir"].append(
                    fetched(binary, stage.servers, stage.stack.http, prefix + name, seconds, idle)
                )
            ours, theirs = statistics.median(taken["weir"]), statistics.median(taken["static"])
            found[kind] = {
                "weir_us": ours,
                "static_us": theirs,
                "overhead_pct": round((ours / theirs - 1) * 100, 1),
            }
    return found


def viewers(
    binary: Path, edge: str, counts: list[int], run_s: float, folder: Path, delivered: list[Row], quick: bool
) -> list[Row]:
    """The template's rows; with the default one also what a segment costs."""
    source, rows = film(folder / "360.flv", "640x360", "800k"), []
    chosen = {} if edge == "files" else {"EDGE": edge}
    with staged(LADDER="[360]", X264_PRESET="ultrafast", THUMBNAIL_EVERY_S=0, **chosen) as stage:
        stage.apart()
        stage.publish(source)
        for count in counts:
            console.print(f"{count} viewers, template `{edge}` …")
            rows.append({"edge": edge, **followed(binary, stage, count, max(4.0, count / 250), run_s)})
        if edge == "files":
            console.print("Delivery of files …")
            delivered.append(delivery(binary, stage, 1.0 if quick else 3.0, 1 if quick else 5, folder))
    return rows


def show(costs: Row, delivered: dict[str, Row], rows: list[Row]) -> None:
    table = Table("", "% of a core", title=f"1080p30, {costs['rungs']} rungs")
    for name, label in (("weir", "Weir: FFmpeg, packager, thumbnails"), ("ffmpeg", "  FFmpeg"), ("app", "  application above idle"),
                        ("thumbnails", "  thumbnails"), ("bare", "bare FFmpeg, same encodes"), ("idle", "the application, idle"),
                        ("ingest", "RTMP ingest (not counted)")):  # fmt: skip
        table.add_row(label, f"{costs[name] * 100:.2f}")
    console.print(table)
    table = Table(
        "", "Weir µs/request", "static µs/request", "overhead %", title="Delivery: CPU of a request"
    )
    for kind, row in delivered.items():
        table.add_row(kind, f"{row['weir_us']:.1f}", f"{row['static_us']:.1f}", f"{row['overhead_pct']:.1f}")
    console.print(table)
    heads = ("template", "viewers", "ms CPU/viewer-s", "nginx", "app", "viewers/core", "p50 ms", "p95 ms", "p99 ms", "part p99",
             "errors", "playlists/s", "client")  # fmt: skip
    table = Table(*heads, title="Low-latency viewers on one core; delays of playlists")
    for row in rows:
        table.add_row(
            row["edge"], str(row["viewers"]), f"{row['ms']:.3f}", f"{row['nginx']:.2f}", f"{row['app']:.2f}", str(row["per_core"]),
            f"{row['p50_ms']:.0f}", f"{row['p95_ms']:.0f}", f"{row['p99_ms']:.0f}", f"{row['part_p99_ms']:.0f}", str(row["errors"]),
            f"{row['playlists_a_viewer_s']:.2f}", f"{row['client_cpu']:.2f}",
        )  # fmt: skip
    console.print(table)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--json", action="store_true", help="print one JSON line last on stdout")
    options.add_argument("--quick", action="store_true", help="one round, short windows")
    options.add_argument("--only", choices=["ladder", "viewers"], help="one half of it")
    options.add_argument(
        "--viewers", type=int, help="this many viewers instead of the ones that are promised"
    )
    given = options.parse_args()
    seconds, rounds = (10.0, 1) if given.quick else (20.0, 7)
    result: Row = {"bench": "media"}
    costs: Row = {}
    delivered: list[Row] = []
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="weir-b-") as name:
        folder = Path(name)
        if given.only != "viewers":
            console.print("A 1080p30 ladder, in turn with a bare FFmpeg …")
            costs = ladder(seconds, rounds, folder)
            result["ladder_cpu_overhead_pct"] = round(costs["overhead_pct"], 2)
            result["packager_core_pct_per_stream"] = round(costs["app"] * 100, 2)
        if given.only != "ladder":
            binary = compiled(folder)
            for edge, count in VIEWERS.items():
                rows += viewers(
                    binary, edge, [given.viewers or count], seconds, folder, delivered, given.quick
                )
            result |= {
                "delivery_cpu_overhead_pct_vs_static": delivered[0]["1080p segment"]["overhead_pct"],
                "low_latency_viewers_per_core": max(row["per_core"] for row in rows),
            }
    if costs and rows:
        show(costs, delivered[0], rows)
    else:
        console.print(costs or rows, delivered)
    if given.json:
        sys.stdout.write(
            json.dumps({**result, "rows": {"ladder": costs, "delivery": delivered, "viewers": rows}}) + "\n"
        )


if __name__ == "__main__":
    main()
