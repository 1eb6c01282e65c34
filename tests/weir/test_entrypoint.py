"""The containers' entry point as it runs: rooms that are found again under their names, polling clients that
stay with one process."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.running_stack import ROOT, alive, children_of
from tests.support.servers import free_port, wait_until
from tests.support.web_front import ALLOWED, ANSWERED, DECISION

ENTRY = ROOT / "nginx-rtmp/entrypoint.sh"
TOKEN, PLAYBACK = "a.b." + "c" * 43, "ply_" + "1" * 26


class Names:
    """A name server for A questions; `known` may change at any time."""

    def __init__(self) -> None:
        self.known: dict[str, list[str]] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                question, client = self._socket.recvfrom(512)
                end = question.index(b"\0", 12) + 5
                kind = struct.unpack(">H", question[end - 4 : end - 2])[0]
                labels, at = [], 12
                while question[at]:
                    labels.append(question[at + 1 : at + 1 + question[at]].decode())
                    at += 1 + question[at]
                addresses = self.known.get(".".join(labels), []) if kind == 1 else []
                found = b"".join(
                    b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + socket.inet_aton(one)
                    for one in addresses
                )
                head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, len(addresses), 0, 0)
                self._socket.sendto(head + question[12:end] + found, client)

    def close(self) -> None:
        self._socket.close()


class Place:
    """Something that answers at an address with its own name, and counts what it was asked."""

    def __init__(self, address: str, port: int, name: str) -> None:
        self.asked: list[bytes] = []
        self._name, self._lines = name.encode(), list[socket.socket]()
        self._server = socket.create_server((address, port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._server.accept()
                self._lines.append(line)
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while data := line.recv(65536):
                rest += data
                while b"\r\n\r\n" in rest:
                    request, _, rest = rest.partition(b"\r\n\r\n")
                    self.asked.append(request)
                    named = ANSWERED.replace(b"\r\n\r\nok", b"\r\nX-Place: " + self._name + b"\r\n\r\nok")
                    line.sendall(
                        ALLOWED.replace(b"Expires: 0", b"Expires: 0\r\nX-Weir-Origin: ")
                        if request.startswith(DECISION)
                        else named
                    )

    def close(self) -> None:
        for one in (self._server, *self._lines):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


Start = Callable[..., int]


@pytest.fixture
def start(short_folder: Path) -> Iterator[Start]:
    """`start("web", NAME=value)` runs the entry point and returns the port of the web server or of RTMP."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(which: str, **given: str) -> int:
        port = free_port()
        (short_folder / "secret").write_text("s" * 40 + "\n")
        environment = {
            "PATH": os.environ["PATH"] + ":/usr/sbin", "RUN": str(short_folder / which), "SECRET_FILE": str(short_folder / "secret"),
            "DATA": str(short_folder / "data"), "LIVE": str(short_folder / "live"), "PLAYER": str(short_folder), "WORKERS": "1",
            "HTTP_LISTEN": f"127.0.0.1:{port}", "RTMP_LISTEN": f"127.0.0.1:{port}", "STAT_LISTEN": f"127.0.0.1:{free_port()}",
            "INNER_PORT": str(free_port()), "HOOK_PORT": str(free_port()), **given,
        }  # fmt: skip
        running.append(subprocess.Popen([str(ENTRY), which], env=environment))
        wait_until(lambda: _open(port), f"the {which} server")
        return port

    yield begin
    for process in running:
        process.terminate()
        process.wait(20)


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def names() -> Iterator[Names]:
    made = Names()
    yield made
    made.close()


def ask(port: int, path: str, source: str = "127.0.0.1") -> str:
    """The name of the place that answered, empty when none did."""
    with socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0)) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n".encode())
        got = b""
        while data := line.recv(65536):
            got += data
    return got.partition(b"X-Place: ")[2].partition(b"\r\n")[0].decode()


def test_a_room_that_was_made_anew_is_found_again(start: Start, names: Names) -> None:
    """Under its name, at another address, without a new start: API, sockets, playlists and decisions."""
    port = free_port()
    for name in ("control", "realtime", "media"):
        names.known[name] = ["127.0.0.21"]
    old = Place("127.0.0.21", port, "old")
    web = start(
        "web",
        RESOLVER=names.address,
        CONTROL=f"control:{port}",
        REALTIME=f"realtime:{port}",
        MEDIA=f"media:{port}",
    )
    paths = (
        "/v1/streams",
        "/socket.io/?EIO=4&transport=polling",
        "/socket.io/?EIO=4",
        "/v1/channels/x",
        "/v1/vod",
        f"/hls/{TOKEN}/{PLAYBACK}/v360.m3u8",
    )
    assert [ask(web, path) for path in paths] == ["old"] * len(paths)
    old.close()
    new = Place("127.0.0.22", port, "new")
    for name in names.known:
        names.known[name] = ["127.0.0.22"]
    for path in paths:
        wait_until(lambda path=path: ask(web, path) == "new", f"the new room for {path}", 15)
    new.close()


def test_the_worker_that_has_a_stream_is_found_by_its_name(start: Start, names: Names) -> None:
    """What a decision says is looked up, too."""
    port = free_port()
    names.known.update({"control": ["127.0.0.21"], "media": ["127.0.0.21"], "m-2": ["127.0.0.22"]})

    class Deciding(Place):
        def _serve(self, line: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while line.recv(65536):
                    line.sendall(ALLOWED.replace(b"\r\n\r\n", b"\r\nX-Weir-Origin: m-2\r\n\r\n"))

    control, worker = Deciding("127.0.0.21", port, "control"), Place("127.0.0.22", port, "m-2")
    web = start(
        "web",
        RESOLVER=names.address,
        CONTROL=f"control:{port}",
        REALTIME=f"control:{port}",
        MEDIA=f"media:{port}",
        ORIGINS=f"m-2=m-2:{port}",
    )
    assert ask(web, f"/hls/{TOKEN}/{PLAYBACK}/v360.m3u8") == "m-2"
    control.close()
    worker.close()


@pytest.mark.parametrize("how", ["addresses", "names"])
def test_a_polling_client_stays_with_one_process(start: Start, names: Names, how: str) -> None:
    """All requests of one address that poll or carry a session go to one; other addresses go to the other one
    as well, and so do the requests that belong to no session."""
    port = free_port()
    places = [Place("127.0.0.21", port, "one"), Place("127.0.0.22", port, "two")]
    names.known.update({"one": ["127.0.0.21"], "two": ["127.0.0.22"], "control": ["127.0.0.21"]})
    one, two = (
        f"{name}:{port}" for name in (("one", "two") if how == "names" else ("127.0.0.21", "127.0.0.22"))
    )
    more = (
        {"RESOLVER": names.address, "CONTROL": f"control:{port}", "MEDIA": f"control:{port}"}
        if how == "names"
        else {"CONTROL": one, "MEDIA": one}
    )
    web = start("web", REALTIME=f"{one} {two}", **more)
    polls = (
        "/socket.io/?EIO=4&transport=polling",
        "/socket.io/?EIO=4&transport=polling&sid=x",
        "/socket.io/?EIO=4&transport=websocket&sid=x",
    )
    by_address = {
        source: {ask(web, path, source) for path in polls for _ in range(3)}
        for source in (f"127.0.0.{number}" for number in range(30, 50))
    }
    assert {len(one) for one in by_address.values()} == {1}
    assert {name for one in by_address.values() for name in one} == {"one", "two"}
    assert {ask(web, "/socket.io/?EIO=4&transport=websocket") for _ in range(30)} == {"one", "two"}
    for place in places:
        place.close()


def test_the_ingest_finds_a_control_room_that_was_made_anew(start: Start, names: Names) -> None:
    """It asks by name; the RTMP module itself looks a name up only once."""
    port = free_port()
    names.known["control"] = ["127.0.0.21"]
    old = Place("127.0.0.21", port, "old")
    rtmp = start("ingest", RESOLVER=names.address, CONTROL=f"control:{port}")
    url = f"rtmp://127.0.0.1:{rtmp}/live/key"

    def published(place: Place) -> bool:
        argv = [
            "ffmpeg",
            "-nostdin",
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "sine=d=1",
            "-c:a",
            "aac",
            "-f",
            "flv",
            url,
        ]
        subprocess.run(argv, capture_output=True, timeout=20, check=False)
        return any(
            b"POST /internal/rtmp/publish?boot=" in one and b"secret=" + b"s" * 40 in one
            for one in place.asked
        )

    assert published(old)
    old.close()
    new = Place("127.0.0.22", port, "new")
    names.known["control"] = ["127.0.0.22"]
    wait_until(lambda: published(new), "the question to the new room", 20)
    new.close()


def test_an_ingest_without_its_worker_ends(short_folder: Path, start: Start) -> None:
    """So that it is started anew, and forgets what the dead worker had counted."""
    start("ingest", HOOKS="http://127.0.0.1:9/internal/rtmp")
    pid_file = short_folder / "ingest/ingest.pid"
    wait_until(lambda: pid_file.exists() and pid_file.read_text().strip(), "the pid file")
    master = int(pid_file.read_text())

    def ended() -> bool:
        for pid in children_of(master):
            with contextlib.suppress(OSError):
                if b"worker process" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)
        return not alive({master})

    wait_until(ended, "the end of the ingest", 15)


@pytest.mark.parametrize(("which", "given", "told"), [
    ("web", {"SECRET_FILE": ""}, "SECRET"), ("ingest", {"SECRET_FILE": ""}, "SECRET"),
    ("web", {"TLS_CERTIFICATE": "/x"}, "PUBLIC_URL"), ("web", {"RESOLVER": "127.0.0.1", "MEDIA": "a:1 b:1"}, "MEDIA"),
    ("else", {}, "ingest or web"),
])  # fmt: skip
def test_what_is_missing_is_said(short_folder: Path, which: str, given: dict[str, str], told: str) -> None:
    """One sentence, and no server."""
    (short_folder / "secret").write_text("s" * 40)
    environment = {
        "PATH": os.environ["PATH"], "RUN": str(short_folder / "run"), "DATA": str(short_folder), "LIVE": str(short_folder),
        "SECRET_FILE": str(short_folder / "secret"), "CONTROL": "a:1", "REALTIME": "a:1", "MEDIA": "a:1", **given,
    }  # fmt: skip
    done = subprocess.run(
        [ENTRY, which], env=environment, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 2
    assert told in done.stderr
