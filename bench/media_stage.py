"""What bench/media.py measures: a whole stack with its processes on chosen cores, encoders, and the simulated
players."""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.fanout_systems import CLIENT_CORE, SERVER_CORE, cpu_s, pinned
from tests.e2e.conftest import Show
from tests.support.running_stack import RunningStack, children_of
from weir.foundation.ids import new_id

HERE = Path(__file__).parent
PARTS_OF_SEGMENT, PART_S = 6, 1 / 3
TICKS = os.sysconf("SC_CLK_TCK")
Row = dict[str, Any]


def compiled(folder: Path) -> Path:
    binary = folder / "viewers"
    subprocess.run(["cc", "-O2", "-o", str(binary), str(HERE / "viewers.c")], check=True)
    return binary


def pin(pid: int, core: str) -> None:
    """Every thread of a process that runs already."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            os.sched_setaffinity(int(task.name), {int(core)})


def command(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]


def short_lived_s(pid: int) -> float:
    """CPU time of children that ended and were waited for, seconds: thumbnails, probes."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / TICKS


class Stage:
    """A stack of its own with its first stream. `servers` are what a viewer costs: the application and the
    web nginx."""

    def __init__(self, **settings: Any) -> None:
        # In memory, where an installation has it: on ext4, inodes of the decision cache take a quarter of
        # nginx' CPU.
        self._memory = tempfile.TemporaryDirectory(prefix="weir-b-", dir="/dev/shm")
        self.live = Path(self._memory.name)
        self.stack = RunningStack(
            RECONNECT_GRACE_S=1, LOG_LEVEL="warning", LIVE_DIR=self.live, **settings
        ).start()
        self.show = Show(self.stack)
        self.app = self.stack.pid_of("weir run all")
        web = self.stack.pid_of("web.conf")
        self.nginx = [web, *children_of(web)]
        ingest = self.stack.pid_of("ingest.conf")
        self.ingest = [ingest, *children_of(ingest)]
        self._publisher: subprocess.Popen[bytes] | None = None

    @property
    def servers(self) -> list[int]:
        return [self.app, *self.nginx]

    @property
    def encoder(self) -> int:
        """The application's FFmpeg."""
        return next(pid for pid in children_of(self.app) if "-progress" in command(pid))

    def apart(self) -> None:
        """The servers on their core, everything else (Redis, ingest, encoders) on the clients'."""
        for pid in self.stack.pids():
            pin(pid, SERVER_CORE if pid in self.servers else CLIENT_CORE)

    def publish(self, file: Path) -> None:
        """Sends a ready-made file in a loop at its own pace, so that the publisher costs next to nothing."""
        card = self.show.card
        self._publisher = subprocess.Popen(
            pinned(CLIENT_CORE, "ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i", str(file), "-c", "copy",
                   "-f", "flv", f"{card['server']}/{card['key']}")
        )  # fmt: skip
        self.show.wait_state("live", 60)

    def unpublish(self) -> None:
        if self._publisher is not None:
            self._publisher.kill()
            self._publisher.wait()
            self._publisher = None
            self.show.wait_state("idle", 30)

    def prefix(self) -> str:
        """The beginning of one more viewer's URLs."""
        return f"/hls/{self.show.token(new_id('ses'), 3600)}/{self.show.playback}/"

    def remove(self) -> None:
        if self._publisher is not None:
            self._publisher.kill()
            self._publisher.wait()
        self.stack.remove()
        self._memory.cleanup()


@contextlib.contextmanager
def staged(**settings: Any) -> Iterator[Stage]:
    stage = Stage(**settings)
    try:
        yield stage
    finally:
        stage.remove()


def film(path: Path, size: str, bit_rate: str, seconds: int = 10) -> Path:
    """A picture that gives an encoder work (moving pattern and noise), as an encoder would send it."""
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=s={size}:r=30,noise=alls=12:allf=t",
         "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast",
         "-pix_fmt", "yuv420p", "-g", "60", "-b:v", bit_rate, "-maxrate", bit_rate, "-bufsize", bit_rate, "-c:a", "aac", "-b:a", "96k",
         str(path)],
        check=True,
    )  # fmt: skip
    return path


def spent(pids: list[int], seconds: float) -> dict[int, float]:
    """Share of a core that each process takes over so many seconds."""
    before, began = {pid: cpu_s(pid) for pid in pids}, time.perf_counter()
    time.sleep(seconds)
    took = time.perf_counter() - began
    return {pid: (cpu_s(pid) - before[pid]) / took for pid in pids}


def followed(binary: Path, stage: Stage, count: int, join_s: float, run_s: float) -> Row:
    """`count` players on the live stream: their figures, and the shares of a core of nginx and of the
    application."""
    rendition = next(
        line for line in stage.show.text(stage.show.url()).splitlines() if line.endswith(".m3u8")
    ).removesuffix(".m3u8")
    parts = stage.live / "hls" / stage.show.playback
    with tempfile.NamedTemporaryFile("w", prefix="weir-b-", suffix=".txt") as script:
        script.write("".join(f"{stage.prefix()} {rendition}\n" for _ in range(count)))
        script.flush()
        argv = [str(binary), "follow", str(stage.stack.http), str(count), script.name, str(parts), str(PARTS_OF_SEGMENT),
                str(join_s), str(run_s)]  # fmt: skip
        client = subprocess.Popen(pinned(CLIENT_CORE, *argv), stdout=subprocess.PIPE, text=True)
        assert client.stdout is not None
        stage.apart()
        try:
            if client.stdout.readline() != "begin\n":
                raise SystemExit("The simulated players ended; see above.")
            before = {pid: cpu_s(pid) for pid in stage.servers}
            client.stdout.readline()
            used = {pid: (cpu_s(pid) - before[pid]) / run_s for pid in stage.servers}
            row: Row = json.loads(client.stdout.readline())
        finally:
            client.kill()
            client.wait()
    app = used[stage.app]
    nginx = sum(used.values()) - app
    served = row["playlists"] / count / run_s
    kept = (
        not row["errors"] and served >= 0.9 / PART_S
    )  # who is not served costs nothing, and counts for nothing
    return {
        "viewers": count, **row, "nginx": nginx, "app": app, "ms": (nginx + app) / count * 1000,
        "per_core": round(count / (nginx + app)) if kept else 0, "playlists_a_viewer_s": served,
    }  # fmt: skip


def fetched(binary: Path, pids: list[int], port: int, path: str, seconds: float, idle: float = 0.0) -> float:
    """Microseconds of the servers' CPU for one request of a file; `idle` is the share of a core that they
    take without requests. Errors: SystemExit for an answer that is not 200."""
    before, began = sum(map(cpu_s, pids)), time.perf_counter()
    argv = pinned(CLIENT_CORE, str(binary), "fetch", str(port), "16", path, str(seconds))
    done = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    if done["errors"] or not done["requests"]:
        raise SystemExit(f"{done['errors']} of {done['requests']} requests for {path[:30]}… failed.")
    used = sum(map(cpu_s, pids)) - before - idle * (time.perf_counter() - began)
    return used / done["requests"] * 1e6
