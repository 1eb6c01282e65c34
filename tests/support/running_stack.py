"""A whole embedded stack as a child process of the test, as a person would start it."""

import contextlib
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.servers import free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]


def children_of(pid: int) -> set[int]:
    """All descendants that live now."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found, frontier = set[int](), {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier}
        found |= frontier
    return found


def alive(pids: set[int]) -> set[int]:
    def lives(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    return {pid for pid in pids if lives(pid)}


class RunningStack:
    """`weir up` (or `demo`) on free ports and folders of its own."""

    def __init__(self, folder: Path | None = None, **settings: Any) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="weir-s-"))
        self.http, self.rtmp = free_port(), free_port()
        self._trust = ssl._create_unverified_context()
        self.run = self.folder / "run"
        self._settings = {
            "DATA_DIR": self.folder / "var", "RUN_DIR": self.run, "LIVE_DIR": self.folder / "live", "HTTP_PORT": self.http,
            "RTMP_HOST": "127.0.0.1", "RTMP_PORT": self.rtmp, **settings,
        }  # fmt: skip
        if "TLS_CERTIFICATE" in settings:
            self._settings["HTTPS_PORT"] = free_port()
        self.process: subprocess.Popen[str] | None = None
        self.under: tuple[str, ...] = ()  # words before the command
        self.received = 0  # bytes of HLS that this client was given
        self.out, self.err = self.folder / "out", self.folder / "err"

    @property
    def address(self) -> str:
        """Where the web server really answers."""
        secure = self._settings.get("HTTPS_PORT")
        return f"https://127.0.0.1:{secure}" if secure else f"http://127.0.0.1:{self.http}"

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
        return {
            **kept,
            "PYTHONPATH": str(ROOT),
            "STREAM_ENABLED": "false",  # no webhooks of the person who runs the tests
            **{f"WEIR_{name}": str(value) for name, value in self._settings.items()},
        }

    def begin(self, *words: str) -> None:
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [*self.under, sys.executable, "-m", "weir", *(words or ("up",))],
                cwd=self.folder,
                env=self.environment(),
                stdout=out,
                stderr=err,
                text=True,
            )

    def start(self, *words: str) -> "RunningStack":
        self.begin(*words)
        wait_until(lambda: "Ctrl-C" in self.out.read_text() or self.ended, "the stack's card", 60)
        assert not self.ended, self.err.read_text()
        return self

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Another `weir` command on the same folders."""
        argv = [sys.executable, "-m", "weir", *words]
        return subprocess.run(
            argv,
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def pids(self) -> set[int]:
        return children_of(self.pid)

    def pid_of(self, marker: str) -> int:
        """The first child of the supervisor (not deeper) whose command line holds the marker."""
        for pid in self.pids():
            line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            parent = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            if marker in line and parent == self.pid:
                return pid
        raise AssertionError(f"no child with {marker}")

    def get(self, path: str) -> tuple[int, Any]:
        """(status, JSON or text); status 0 when no server answers."""
        return self.ask("GET", path)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            f"{self.address}{path}",
            data,
            {"Content-Type": "application/json", **(headers or {})},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=10, context=self._trust) as reply:
                status, content = reply.status, reply.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        except OSError:
            return 0, None
        if path.startswith("/hls/") and status == 200:
            self.received += len(content)
        try:
            return status, json.loads(content)
        except ValueError:
            return status, content

    @property
    def ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def card(self) -> dict[str, str]:
        """What the person sees: `watch`, `studio`, `server`, `key`."""
        text = self.out.read_text()
        return {name: re.search(rf"{label}\s+(\S+)", text)[1] for name, label in  # type: ignore[index]
                (("watch", "Watch"), ("studio", "Studio"), ("server", "OBS server"), ("key", "OBS stream key"))}  # fmt: skip

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 40) -> int:
        """The exit code."""
        assert self.process is not None
        if not self.ended:
            self.process.send_signal(how)
        return self.process.wait(seconds)

    def remove(self) -> None:
        if self.process is not None and not self.ended:
            left = self.pids()
            self.process.kill()
            self.process.wait()
            for pid in alive(left):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
