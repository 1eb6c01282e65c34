"""The RTMP ingest: a pull needs a ticket that is good once, and no client can take all connections."""

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.attack.conftest import Target
from tests.e2e.publisher import Publisher
from tests.support.servers import wait_until
from weir.foundation.redis.client import redis_password
from weir.foundation.redis.play_tickets import _key
from weir.foundation.settings import Settings
from weir.foundation.vault import open_vault

STRANGER, OTHER = "127.0.0.5", "127.0.0.6"
MOST = 20
LONGER_THAN_QUESTIONS_S = (
    16  # the ingest asks about each publisher every five seconds, and waits for the answer
)
HELLO = b"\x03" + bytes(1536)


def redis_of(target: Target) -> Redis:
    settings = Settings(data_dir=target.stack.folder / "var", _env_file=None)
    return Redis(
        unix_socket_path=str(target.stack.run / "redis.sock"), password=redis_password(open_vault(settings))
    )


def pulled(url: str) -> bool:
    """Whether FFmpeg gets a picture from it."""
    argv = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "error",
        "-rw_timeout",
        "5000000",
        "-i",
        url,
        "-frames:v",
        "1",
        "-f",
        "null",
        "-",
    ]
    return subprocess.run(argv, capture_output=True, timeout=30, check=False).returncode == 0


@pytest.fixture(scope="module")
def air(target: Target) -> Iterator[str]:
    """Address of the stream on the ingest, which is on air."""
    publisher = target.publish()
    target.wait_state("live")
    yield f"rtmp://127.0.0.1:{target.stack.rtmp}/live/{target.playback}"
    publisher.stop()


def tickets_in_use(target: Target) -> list[str]:
    """Those in the process list."""
    words: list[bytes] = []
    for pid in target.stack.pids():
        with contextlib.suppress(OSError):
            words += Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return [word.decode() for word in words if b"?ticket=" in word]


def test_the_public_id_alone_pulls_nothing(target: Target, air: str) -> None:
    """Nor does a guessed ticket, or an empty one; none is in the process list."""
    for url in (
        air,
        f"{air}?ticket=",
        f"{air}?ticket=guess",
        f"{air}?ticket=*",
        f"{air}?ticket=a&ticket=b",
        f"{air}?secret=x&call=update_play",
    ):
        assert not pulled(url), url
    assert tickets_in_use(target) == []
    assert target.state() == "live"


def test_a_ticket_is_good_once_and_for_one_stream(target: Target, air: str) -> None:
    """One that was made for this stream opens it a single time; another stream's does not; a try uses it up."""
    with redis_of(target) as redis:
        redis.set(_key("mine"), target.playback, ex=30)
        assert pulled(f"{air}?ticket=mine")
        assert not pulled(f"{air}?ticket=mine")
        redis.set(_key("others"), target.new_stream()["playback_id"], ex=30)
        assert not pulled(f"{air}?ticket=others")
        assert redis.get(_key("others")) is None


def test_who_asks_the_hook_itself_is_refused(target: Target) -> None:
    """It is not on the web server, and without the secret it answers no request."""
    for path in (
        "/internal/rtmp/play",
        "/internal/rtmp/publish",
        "//internal/rtmp/play",
        "/v1/../internal/rtmp/play",
    ):
        assert target.stack.ask("POST", path, {})[0] in (404, 405), path


def taken(target: Target, source: str, count: int, say: bytes = b"") -> list[socket.socket]:
    """Connections that say so much and then nothing."""
    lines = []
    for _ in range(count):
        line = socket.create_connection(("127.0.0.1", target.stack.rtmp), 5, source_address=(source, 0))
        with contextlib.suppress(OSError):
            line.sendall(say)
        lines.append(line)
    return lines


def open_ones(lines: list[socket.socket]) -> int:
    """How many the other side has not closed; the others are taken out of the list."""
    for line in list(lines):
        line.setblocking(False)
        try:
            while line.recv(4096):
                pass
        except BlockingIOError:
            continue
        except OSError:
            pass
        line.close()
        lines.remove(line)
    return len(lines)


@pytest.mark.parametrize("say", [b"", HELLO[:700], HELLO], ids=["silent", "half a greeting", "greeted"])
def test_one_address_has_so_many_connections(target: Target, say: bytes) -> None:
    """Also those that say nothing or stop in the middle; what is more is closed at once, others still come
    in, and after some seconds of silence all of them are closed."""
    lines = taken(target, STRANGER, 3 * MOST, say)
    try:
        wait_until(lambda: open_ones(lines) <= MOST, "the end of those that are too many", 5)
        assert open_ones(lines) >= MOST - 2
        friends = taken(target, OTHER, 5, HELLO)
        for line in friends:
            line.setblocking(True)
            line.settimeout(5)
            assert line.recv(1) == b"\x03", "the server's greeting"
            line.close()
        wait_until(lambda: open_ones(lines) == 0, "the end of silence", 30)
    finally:
        for line in lines:
            line.close()


def test_who_is_on_air_stays_there_while_others_come(target: Target, air: str) -> None:
    """Hundreds of connections from many addresses, and thousands from one that opens each again: nothing is
    cut, as it would be when the ingest had no connection left to ask about it, and another encoder is let
    in."""
    lines = [line for number in range(10, 60) for line in taken(target, f"127.0.1.{number}", MOST)]
    try:
        wait_until(lambda: open_ones(lines) > 500, "many that hold on", 5)
        again = target.new_stream()
        encoder = Publisher(f"{again['server']}/{again['key']}")
        until = time.monotonic() + LONGER_THAN_QUESTIONS_S
        while time.monotonic() < until:
            lines += taken(target, STRANGER, 4300 - open_ones(lines))
            assert (target.state(), target.publisher.sending) == ("live", True)
            time.sleep(1)
        wait_until(
            lambda: target.stack.get(f"/v1/watch/{again['playback_id']}")[1]["state"] == "live",
            "another stream",
            40,
        )
        encoder.stop()
    finally:
        for line in lines:
            line.close()


class Relay:
    """A line from an address of its own to the ingest, as a household's router is one. Frozen, it forwards
    nothing and closes nothing."""

    def __init__(self, target: Target, source: str) -> None:
        self._target, self._source, self._frozen = target.stack.rtmp, source, threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(
                    ("127.0.0.1", self._target), 5, source_address=(self._source, 0)
                )
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if self._frozen.is_set():
                    return
                other.sendall(data)
            one.close()
            other.close()

    def freeze(self) -> None:
        self._frozen.set()


def test_an_encoder_that_comes_back_finds_room(make_target: Callable[..., Target]) -> None:
    """Its dead connection is not noticed yet: the smallest bound of an address has room for both, and the
    broadcast continues. A third one is closed at once."""
    target = make_target(RTMP_CONNECTIONS_PER_ADDRESS=2, RECONNECT_GRACE_S=60)
    dead, fresh = Relay(target, STRANGER), Relay(target, STRANGER)
    path = f"live/{target.card['key']}"
    first = Publisher(f"rtmp://127.0.0.1:{dead.port}/{path}")
    target.wait_state("live")
    dead.freeze()
    lines: list[socket.socket] = []
    encoders = [first]

    def on_air_again() -> bool:
        if not encoders[-1].sending or encoders[-1] is first:
            encoders.append(Publisher(f"rtmp://127.0.0.1:{fresh.port}/{path}"))
            with contextlib.suppress(subprocess.TimeoutExpired):
                encoders[-1].wait(2)  # refused, it ends; accepted, it continues
        return encoders[-1].sending and target.state() == "live"

    try:
        wait_until(lambda: target.state() == "interrupted" or on_air_again(), "the end of the dead one", 30)
        wait_until(on_air_again, "the encoder that came back", 30)
        lines = taken(target, STRANGER, 5, HELLO)
        wait_until(lambda: open_ones(lines) <= 1, "the end of those that are too many", 5)
        assert encoders[-1].sending
    finally:
        for encoder in encoders:
            encoder.stop()
        for line in lines:
            line.close()
