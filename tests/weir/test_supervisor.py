"""The embedded stack: it starts, heals, and leaves no process."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.chat_nodes import eventually
from tests.support.running_stack import RunningStack, alive, children_of
from tests.support.servers import free_port, self_signed, wait_until
from weir import doctor
from weir.foundation.settings import Settings
from weir.supervisor import ChildSpec, SupervisedProcess, Supervisor, parts

PARTS = {"redis": "redis-server", "app": "-m weir run", "ingest": "ingest.conf", "web": "web.conf"}


@pytest.fixture
def stack() -> Iterator[RunningStack]:
    one = RunningStack()
    yield one
    one.remove()


def test_up_prints_where_to_go_and_stops_without_a_trace(stack: RunningStack) -> None:
    """The card has all four addresses whole; SIGTERM ends every process with exit code 0; a second start
    finds everything."""
    card = stack.start().card()
    assert card["watch"].startswith(f"http://127.0.0.1:{stack.http}/watch/ply_")
    assert "#setup=" in card["studio"]
    assert len(card["key"]) == 26 + 26 + 32 + 2
    assert stack.ready
    before = stack.pids()
    assert len(before) >= 6
    assert stack.stop() == 0
    assert alive(before) == set()
    assert stack.start().card()["key"] == card["key"]
    assert stack.stop(signal.SIGINT) == 0


@pytest.fixture(scope="module")
def running() -> Iterator[RunningStack]:
    """For tests that leave it as it is."""
    one = RunningStack()
    yield one.start()
    one.remove()


def test_status_says_how_it_is_and_changes_nothing(stack: RunningStack, running: RunningStack) -> None:
    """Health, addresses, counts, who is on air; 1 where nothing runs."""
    assert stack.command("status").returncode == 1
    stack = running
    seen = json.loads(stack.command("status", "--json").stdout)
    assert (seen["health"]["status"], seen["apps"], seen["streams"], seen["on_air"]) == ("ok", 1, 1, [])
    assert "#setup=" in seen["studio_url"]
    shown = stack.command("status")
    assert (shown.returncode, "1 apps, 1 streams, 0 on air" in shown.stdout) == (0, True)
    assert "app.ready" in stack.command("logs", "--part", "app").stdout


def told(stack: RunningStack, event: str, part: str) -> bool:
    """Whether the supervisor's log has this event of the part."""
    lines = stack.err.read_text().splitlines()
    return any(f'"part": "{part}"' in line and f'"event": "{event}"' in line for line in lines)


def test_a_killed_part_comes_back_by_itself(stack: RunningStack) -> None:
    """kill -9 of each part: logged, started again, serving again, nothing left over."""
    stack.start()
    for part, marker in PARTS.items():
        victim = stack.pid_of(marker)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda victim=victim: not alive({victim}), "the part's death")
        for word in ("child.died", "child.started_again"):
            wait_until(lambda word=word, part=part: told(stack, word, part), f"{word} of {part}")
        wait_until(lambda: stack.ready, "the whole stack's readiness")
        assert stack.pid_of(marker) != victim
    left = stack.pids()
    assert stack.stop() == 0
    assert alive(left) == set()


def test_a_killed_supervisor_takes_its_children_along(stack: RunningStack) -> None:
    """kill -9 leaves no server running, and the next start works."""
    stack.start()
    children = stack.pids()
    stack.stop(signal.SIGKILL)
    wait_until(lambda: not alive(children), "the children's end")
    stack.start()
    assert stack.ready


async def test_a_hanging_part_does_not_hold_up_the_end(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped (SIGSTOP) process ignores TERM; the supervisor ends it all the same. Here it waits an eighth
    of its usual time."""
    monkeypatch.setattr(
        "weir.supervisor.parts",
        lambda *given: [replace(part, stop_within_s=part.stop_within_s / 8) for part in parts(*given)],
    )
    stack = Supervisor(
        Settings(
            data_dir=short_folder / "var", run_dir=short_folder / "run", live_dir=short_folder / "live",
            http_port=free_port(), rtmp_host="127.0.0.1", rtmp_port=free_port(), _env_file=None,
        )
    )  # fmt: skip
    await stack.start()
    pids = stack.pids()
    children = set(pids.values()).union(*map(children_of, pids.values()))
    for part in ("redis", "web"):
        os.kill(pids[part], signal.SIGSTOP)
    await stack.stop()
    assert alive(children) == set()


def test_two_stacks_run_side_by_side(stack: RunningStack, running: RunningStack) -> None:
    """Different data folders and ports, nothing shared."""
    assert running.card()["key"] != stack.start().card()["key"]
    assert running.ready
    assert stack.ready


def refused(stack: RunningStack) -> str:
    stack.begin()
    assert stack.process is not None
    assert stack.process.wait(30) == 2
    told = stack.err.read_text()
    assert "Traceback" not in told
    return told


def test_a_taken_port_is_one_sentence(stack: RunningStack) -> None:
    """Exit code 2, the port and the setting are named, nothing was started."""
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", stack.http))
        squatter.listen()
        told = refused(stack)
    assert str(stack.http) in told
    assert "WEIR_HTTP_PORT" in told


def test_an_unwritable_folder_is_one_sentence() -> None:
    """Also for root, who may write nearly everywhere."""
    stack = RunningStack(DATA_DIR="/proc/weir")
    try:
        assert "/proc/weir" in refused(stack)
    finally:
        stack.remove()


def test_a_folder_in_use_is_one_sentence(running: RunningStack) -> None:
    """Two supervisors on one data folder would destroy each other's files."""
    second = RunningStack(DATA_DIR=running.folder / "var")
    try:
        assert "already running" in refused(second)
    finally:
        second.remove()


def test_a_certificate_that_is_not_its_key_is_named(tmp_path: Path) -> None:
    """nginx would say so in its log only."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    (certificate, _), (_, key) = self_signed(tmp_path / "one"), self_signed(tmp_path / "other")
    settings = Settings(data_dir=tmp_path, tls_certificate=certificate, tls_key=key, _env_file=None)
    found = {check.name: check.state for check in doctor.examine(settings)}
    assert found["certificate"] == "not readable"


async def test_a_renewed_certificate_is_read_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nginx reads its files again, once a renewal."""
    certificate, key = self_signed(tmp_path)
    stack = Supervisor(Settings(data_dir=tmp_path, tls_certificate=certificate, tls_key=key, _env_file=None))
    told: list[signal.Signals] = []
    monkeypatch.setattr("weir.supervisor.ROTATE_CHECK_S", 0.01)
    monkeypatch.setattr(stack, "_signal_web", told.append)
    looks: list[list[int]] = []
    look = stack._certified

    def counted() -> list[int]:
        looks.append(look())
        return looks[-1]

    monkeypatch.setattr(stack, "_certified", counted)
    looking = asyncio.create_task(stack._look_after_web())
    await eventually(lambda: len(looks) > 3)
    assert told == []
    os.utime(certificate, ns=(1, 1))
    await eventually(lambda: told)
    renewed = len(looks)
    await eventually(lambda: len(looks) > renewed + 3)
    assert told == [signal.SIGHUP]
    looking.cancel()
    await asyncio.wait([looking])


def test_a_missing_module_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The sentence has the command to type."""
    monkeypatch.setattr("weir.doctor.nginx_module", lambda _: None)
    told = doctor.first_failure(Settings(data_dir=tmp_path, _env_file=None))
    assert told is not None
    assert "apt-get install --no-install-recommends libnginx-mod-rtmp" in told


def test_doctor_sees_what_is_too_old(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error for a version below the floor has both numbers."""
    monkeypatch.setattr("weir.doctor.version_of", lambda program, _argument: f"{program} v=6.2.1")
    checks = {check.name: check for check in doctor.examine(Settings(data_dir=tmp_path, _env_file=None))}
    assert checks["redis-server"].state == "too old"
    assert "6.2.1" in checks["redis-server"].detail


async def test_a_secret_is_taken_out_of_a_flood_of_lines(tmp_path: Path) -> None:
    """Output comes in chunks of any size: a token that is cut in two by one of them is redacted all the same."""
    settings = Settings(data_dir=tmp_path, _env_file=None)
    line = "x" * 40 + " eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJ3ZWlyIn0.c2lnbmF0dXJl\n"
    flood = f"import time; print({line!r} * 9000, 'end', flush=True); time.sleep(60)"

    async def answers() -> bool:
        log = tmp_path / "logs" / "talker.log"
        return log.exists() and "end" in log.read_text()

    child = SupervisedProcess(ChildSpec("talker", lambda: [sys.executable, "-c", flood], answers), settings)
    await child.start()
    await child.stop()
    told = (tmp_path / "logs" / "talker.log").read_text()
    assert told.count("[redacted]") == 9000
    assert "c2ln" not in told and "wZXI" not in told


def test_the_data_folder_is_private(running: RunningStack) -> None:
    """Folders 0700, files 0600: database, logs, generated configuration, sockets' folder."""
    for folder in (running.folder / "var", running.run, running.folder / "live"):
        assert folder.stat().st_mode & 0o077 == 0
        for path in folder.rglob("*"):
            if not path.is_socket():
                assert path.stat().st_mode & 0o077 == 0, path


def test_an_ingest_whose_worker_died_starts_anew(stack: RunningStack) -> None:
    """kill -9 of nginx' worker: its master would continue with a new one and with what the dead one had
    counted of each address."""
    stack.start()
    master = stack.pid_of(PARTS["ingest"])
    (worker,) = children_of(master)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not alive({master}), "the master's end")
    wait_until(lambda: "child.started_again" in stack.err.read_text(), "a new start")
    assert stack.pid_of(PARTS["ingest"]) != master
    assert stack.stop() == 0
