"""A whole stack on air, for what breaks under a picture."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Show
from tests.e2e.publisher import Publisher
from tests.e2e.watching import Eyes
from tests.support.running_stack import RunningStack, children_of
from tests.support.servers import wait_until

SMALL: dict[str, Any] = {
    "LADDER": "[360,180]", "X264_PRESET": "ultrafast",
    "LIMITS": '{"member": 100000, "public": 100000, "session": 100000}',  # polling clients send many requests
    "GUEST_RATE_PER_S": 1000, "GUEST_BURST": 1000, "GUEST_CHANNEL_RATE_PER_S": 1000,
}  # fmt: skip

REAPED_WITHIN_S = 1.0


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def zombies(pid: int) -> int:
    """Dead children whose parent does not wait for them, of any process of the stack. One that has died this
    moment is none."""
    dead = _dead(pid)
    if dead:
        time.sleep(REAPED_WITHIN_S)
        dead &= _dead(pid)
    return len(dead)


def _dead(pid: int) -> set[int]:
    family, found = {pid, *children_of(pid)}, set[int]()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            if state == "Z" and int(parent) in family:
                found.add(int(entry.name))
    return found


class OnAir:
    """One stack and its owner. `clock` measures how long something took."""

    def __init__(self, under: tuple[str, ...] = (), folder: Path | None = None, **settings: Any) -> None:
        stack = RunningStack(folder, **{**SMALL, **settings})
        stack.under = under
        self.stack = stack.start()
        self.show = Show(stack)
        self.member = self.show.member()

    def publish(self, **options: Any) -> Publisher:
        publisher = self.show.publish(**options)
        self.show.wait_state("live")
        return publisher

    def eyes(self) -> Eyes:
        wait_until(lambda: bool(self.show.renditions()), "the playlist", 20)
        return Eyes(self.show, self.show.renditions()[0])

    def encoder(self) -> int:
        """The id of the ladder's FFmpeg."""
        found: list[int] = []

        def there() -> bool:
            found[:] = [pid for pid in self.stack.pids() if command_of(pid).startswith("ffmpeg -f flv")]
            return bool(found)

        wait_until(there, "the ladder's FFmpeg", 30)
        return found[0]

    def application(self) -> int:
        return self.stack.pid_of("weir run")

    def stream(self) -> dict[str, Any]:
        return dict(self.stack.ask("GET", "/v1/streams", headers=self.member)[1]["data"][0])

    def told(self, kind: str) -> list[dict[str, Any]]:
        """Events of the app's log, of one type."""
        status, answer = self.stack.ask("GET", "/v1/events?limit=200", headers=self.member)
        return [one for one in answer["data"] if one["type"] == kind] if status == 200 else []

    def recordings(self, state: str) -> list[dict[str, Any]]:
        status, answer = self.stack.ask("GET", "/v1/recordings", headers=self.member)
        return [one for one in answer["data"] if one["state"] == state] if status == 200 else []

    def close(self) -> None:
        self.stack.remove()


def clock(true: Callable[[], Any], what: str, seconds: float) -> float:
    """How long it took, in seconds. AssertionError when longer than allowed."""
    began = time.monotonic()
    wait_until(true, what, seconds)
    return round(time.monotonic() - began, 2)


def hit(pid: int, how: signal.Signals = signal.SIGKILL) -> None:
    os.kill(pid, how)
