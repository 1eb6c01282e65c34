"""A backup that is taken under load and restored elsewhere."""

import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.running_stack import ROOT, RunningStack
from tests.support.servers import wait_until

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def source() -> Iterator[RunningStack]:
    """The running stack that backups are made of."""
    stack = RunningStack()
    yield stack.start()
    stack.remove()


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[list[RunningStack]]:
    started: list[RunningStack] = []
    yield started
    for stack in started:
        stack.remove()


def weir(stack: RunningStack, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "weir", *words],
        cwd=ROOT,
        env=stack.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def done(stack: RunningStack, method: str, path: str, body: Any, bearer: str = "") -> Any:
    status, answer = stack.ask(method, path, body, {"Authorization": f"Bearer {bearer}"} if bearer else None)
    assert status in (200, 201), (path, status, answer)
    return answer


class Load:
    """Writes streams and messages steadily, and remembers what was acknowledged."""

    def __init__(self, stack: RunningStack, key: str, channel: str) -> None:
        self.streams: list[str] = []
        self.messages: list[str] = []
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(stack, key, channel, kind))
            for kind in ("streams", "messages")
        ]
        for thread in self._threads:
            thread.start()

    def _write(self, stack: RunningStack, key: str, channel: str, kind: str) -> None:
        while not self._over.wait(0.03):  # the web server lets 100 requests a second through
            if kind == "streams":
                self.streams.append(done(stack, "POST", "/v1/streams", {}, key)["id"])
            else:
                body = {"user": {"id": "ann"}, "text": f"message {len(self.messages)}"}
                self.messages.append(done(stack, "POST", f"/v1/channels/{channel}/messages", body, key)["id"])

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def every(stack: RunningStack, path: str, key: str) -> list[str]:
    found, cursor = [], ""
    while True:
        page = done(stack, "GET", f"{path}?limit=200{cursor}", None, key)
        found += [one["id"] for one in page["data"]]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_a_backup_under_load_holds_all_that_was_acknowledged_before_it(
    source: RunningStack, stacks: list[RunningStack], tmp_path: Path
) -> None:
    """Restored elsewhere: sign-in, keys, streams, messages in order, and new messages get new numbers. The
    secret comes another way, and nothing starts without it."""
    first = source
    setup = first.card()["studio"].partition("#setup=")[2]
    account = done(
        first, "POST", "/v1/auth/register", {"email": "o@weir.example", "password": PASSWORD, "setup": setup}
    )["access_token"]
    app = done(first, "POST", "/v1/apps", {"name": "Mine"}, account)["id"]
    key = done(first, "POST", f"/v1/apps/{app}/keys", {"scopes": ["*"]}, account)["api_key"]
    stream = done(first, "POST", "/v1/streams", {"title": "Show"}, key)
    load = Load(first, key, stream["channel"])
    wait_until(lambda: min(len(load.streams), len(load.messages)) > 20, "twenty streams and messages")
    streams, messages = list(load.streams), list(load.messages)
    file = tmp_path / "backup.tar"
    took = weir(first, "backup", str(file))
    assert took.returncode == 0, took.stderr
    load.end()
    assert file.stat().st_mode & 0o077 == 0
    secret = (first.folder / "var/secret").read_bytes()
    with tarfile.open(file) as tar:
        assert "secret" not in tar.getnames()
    assert secret.strip() not in file.read_bytes()
    assert "another safe place" in took.stdout
    again = weir(first, "restore", str(file))
    assert (again.returncode, "running" in again.stderr) == (2, True)

    second = RunningStack()
    stacks.append(second)
    restored = weir(second, "restore", str(file))
    assert (restored.returncode, "put the installation's secret back" in restored.stdout) == (0, True)
    assert weir(second, "restore", str(file)).returncode == 2
    refused = weir(second, "up")
    assert (refused.returncode, "not its secret" in refused.stderr) == (2, True)
    (second.folder / "var/secret").write_bytes(secret)
    second.start()
    wait_until(lambda: second.ready, "the restored stack")
    done(second, "POST", "/v1/auth/login", {"email": "o@weir.example", "password": PASSWORD})
    assert set(streams) <= set(every(second, "/v1/streams", key))
    kept = every(second, f"/v1/channels/{stream['channel']}/messages", key)
    assert [one for one in messages if one not in kept] == []
    assert len(kept) == len(set(kept))
    later = done(
        second,
        "POST",
        f"/v1/channels/{stream['channel']}/messages",
        {"user": {"id": "ann"}, "text": "later"},
        key,
    )
    assert later["seq"] > len(load.messages)


def test_the_secret_goes_along_when_that_is_asked_for(
    source: RunningStack, stacks: list[RunningStack], tmp_path: Path
) -> None:
    """And a restore into a folder with another one is refused; with the same one, or none, it is complete."""
    stack, file = source, tmp_path / "backup.tar"
    took = weir(stack, "backup", str(file), "--with-secret")
    assert (took.returncode, "holds the installation's secret" in took.stdout) == (0, True)
    secret = (stack.folder / "var/secret").read_text()
    for before, code in (("another", 2), (secret, 0), (None, 0)):
        target = RunningStack()
        stacks.append(target)
        if before is not None:
            (target.folder / "var").mkdir(mode=0o700)
            (target.folder / "var/secret").write_text(before)
        restored = weir(target, "restore", str(file))
        assert (restored.returncode, "put the installation" in restored.stdout) == (code, False)
        assert code or (target.folder / "var/secret").read_text() == secret
