"""What a confined program can't do, tried by programs that try it."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weir.foundation.sandbox import CALLS, confined, protections

OFFERED = protections()
CALLED = json.dumps(CALLS[os.uname().machine])
PYTHON = os.path.realpath(sys.executable)
TRIES = """
import ctypes, json, os, signal, socket, sys, threading
wanted, calls = map(json.loads, sys.argv[1:])
libc = ctypes.CDLL(None, use_errno=True)

def refused(deed):
    try:
        deed()
        return None
    except OSError as error:
        return error.errno

def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")

def connect(port):
    with socket.create_connection(("127.0.0.1", port), 5):
        pass

def listen():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))

def thread():
    one = threading.Thread(target=lambda: None)
    one.start()
    one.join()

deeds = {
    "read": lambda name: open(name).read(),
    "list": os.listdir,
    "write": lambda name: open(name, "w").write("x"),
    "remove": os.remove,
    "socket": lambda _: socket.socket().close(),
    "unix": lambda _: socket.socket(socket.AF_UNIX).close(),
    "pair": lambda _: socket.socketpair(),
    "connect": connect,
    "listen": lambda _: listen(),
    "kill": lambda pid: os.kill(pid, 0),
    "signal": lambda pid: call(calls["rt_sigqueueinfo"], pid, 0, 0),
    "trace": lambda pid: call(calls["ptrace"], 16, pid, 0, 0),
    "memory": lambda pid: open(f"/proc/{pid}/mem", "rb"),
    "namespace": lambda flags: call(calls["unshare"], flags),
    "ring": lambda _: call(calls["io_uring_setup"], 1, 0),
    "keys": lambda _: call(calls["keyctl"], 0, -3, 1),
    "thread": lambda _: thread(),
    "fork": lambda _: os.waitpid(os.fork() or os._exit(0), 0),
    "own signal": lambda _: signal.raise_signal(signal.SIGCONT),
}
answers = [refused(lambda: deeds[name](value)) for name, value in wanted]
print(json.dumps({"refused": answers, "env": dict(os.environ), "pid": os.getpid()}))
"""
Told = dict[str, Any]
USER, NET = 0x10000000, 0x40000000


def tried(*wanted: tuple[str, Any], **bounds: Any) -> Told:
    """What a program under `bounds` is refused of these deeds (its error numbers, None where it was let), and
    what it sees."""
    command = [*confined(**bounds), PYTHON, "-I", "-S", "-c", TRIES, json.dumps(wanted), CALLED]
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout))


@pytest.fixture
def listener() -> Any:
    """(port, how many have connected)."""
    door, came = socket.create_server(("127.0.0.1", 0)), list[Any]()

    def accept() -> None:
        while True:
            try:
                came.append(door.accept()[0].close())
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    yield door.getsockname()[1], lambda: len(came)
    door.close()


@pytest.mark.skipif(not OFFERED["Landlock"], reason="this kernel has no Landlock")
def test_files_beside_those_named_are_out_of_reach(tmp_path: Path) -> None:
    """Not to be read, listed, written or removed; what it was given can be."""
    for name in ("mine", "secret", "folder"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    mine, secret, folder = (str(tmp_path / name / "file") for name in ("mine", "secret", "folder"))
    wanted: list[tuple[str, Any]] = [
        ("read", mine), ("write", str(tmp_path / "folder" / "new")), ("read", folder), ("remove", folder),
        ("read", secret), ("write", secret), ("remove", secret), ("list", str(tmp_path)), ("write", mine), ("write", "/tmp/weir-not-here"),
        ("read", "/etc/passwd"), ("list", "/proc"), ("memory", os.getpid()), ("list", os.path.expanduser("~")), ("list", "/dev/shm"),
    ]  # fmt: skip
    told = tried(*wanted, read=(mine,), write=(str(tmp_path / "folder"),))
    assert told["refused"][:4] == [None] * 4
    assert told["refused"][4:] == [13] * 11
    assert (tmp_path / "secret" / "file").read_text() == "x"


@pytest.mark.skipif(not OFFERED["seccomp"], reason="this kernel filters no calls")
def test_no_socket_is_opened_and_no_other_process_reached(listener: tuple[int, Callable[[], int]]) -> None:
    """No network, no local sockets, no signals, no debugging, no new namespaces; threads, children and its
    own signals are let."""
    port, came = listener
    pid = os.getppid()
    told = tried(
        ("socket", 0), ("unix", 0), ("pair", 0), ("connect", port), ("kill", pid), ("signal", pid), ("trace", pid), ("namespace", USER),
        ("namespace", NET), ("ring", 0), ("keys", 0), ("thread", 0), ("fork", 0), ("own signal", 0),
    )  # fmt: skip
    assert told["refused"] == [1] * 11 + [None] * 3
    assert came() == 0


@pytest.mark.skipif(int(OFFERED["Landlock"] or 0) < 4, reason="this kernel's Landlock knows no ports")
def test_who_pulls_reaches_one_port(listener: tuple[int, Callable[[], int]]) -> None:
    """Any other, and listening, is refused."""
    port, came = listener
    with socket.create_server(("127.0.0.1", 0)) as other:
        told = tried(
            ("connect", port),
            ("connect", other.getsockname()[1]),
            ("listen", 0),
            ("read", "/etc/passwd"),
            port=port,
        )
    assert told["refused"] == [None, 13, 13, 13]
    assert came() == 1


def test_it_inherits_no_secret_and_stays_the_same_process() -> None:
    """Of the environment what finds programs; what watches the process watches the program."""
    command = [*confined(), PYTHON, "-I", "-S", "-c", TRIES, "[]", CALLED]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"], "WEIR_SECRET_KEY": "x"}
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.read())
    assert told["pid"] == process.pid
    assert "WEIR_SECRET_KEY" not in told["env"]
    assert "PATH" in told["env"]


def test_bounds() -> None:
    """Memory, files, nothing written, last in line: as the kernel reports of the process."""
    command = [
        *confined(memory=1 << 30, files=99, silent=True, nice=7),
        "sh",
        "-c",
        "ulimit -v; ulimit -n; ulimit -f; ulimit -c; nice; id -u",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    memory, files, written, core, nice, user = run.stdout.split()
    assert (memory, files, written, core, nice) == (str(1 << 20), "99", "0", "0", "7")
    assert user == ("65534" if os.getuid() == 0 else str(os.getuid()))


@pytest.mark.skipif(os.getuid() != 0, reason="only root has such powers")
def test_root_keeps_no_power(tmp_path: Path) -> None:
    """Where it must read root's own files it is still root, but with none of its capabilities."""
    file = tmp_path / "file"
    file.write_text("x")
    with subprocess.Popen(
        [*confined(read=(str(file),)), "sh", "-c", "echo; exec sleep 60"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        told = Path(f"/proc/{process.pid}/status").read_text()
        process.kill()
    lines = dict(line.split(":\t", 1) for line in told.splitlines() if ":\t" in line)
    assert {int(lines[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}
    assert lines["NoNewPrivs"] == "1"


def test_what_is_not_installed_is_said() -> None:
    run = subprocess.run([*confined(), "no-such-program"], capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "no-such-program is not installed" in run.stderr.splitlines()[-1]
