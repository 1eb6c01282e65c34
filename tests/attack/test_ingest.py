"""The RTMP door: who pulls a stream shows a ticket that is good once, and nobody takes all connections."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.attack.conftest import Target
from tests.e2e.publisher import Publisher
from tests.servers import wait_until
from weir.foundation.redis import redis_password
from weir.foundation.settings import Settings
from weir.foundation.vault import open_vault

STRANGER, OTHER = "127.0.0.5", "127.0.0.6"
MOST = 20
HELLO = b"\x03" + bytes(1536)


def redis_of(target: Target) -> Redis:
    settings = Settings(data_dir=target.stack.folder / "var", _env_file=None)  # type: ignore[call-arg]
    return Redis(unix_socket_path=str(target.stack.run / "redis.sock"), password=redis_password(open_vault(settings)))


def pulled(url: str) -> bool:
    """Whether FFmpeg gets a picture from it."""
    argv = ["ffmpeg", "-nostdin", "-v", "error", "-rw_timeout", "5000000", "-i", url, "-frames:v", "1", "-f", "null", "-"]
    return subprocess.run(argv, capture_output=True, timeout=30, check=False).returncode == 0


@pytest.fixture(scope="module")
def air(target: Target) -> Iterator[str]:
    """Address of the stream on the ingest, which is on air."""
    publisher = target.publish()
    target.wait_state("live")
    yield f"rtmp://127.0.0.1:{target.stack.rtmp}/live/{target.playback}"
    publisher.stop()


def tickets_in_use(target: Target) -> list[str]:
    """Those that stand in the process list."""
    found = []
    for pid in target.stack.pids():
        with contextlib.suppress(OSError):
            for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                if b"?ticket=" in word:
                    found.append(word.decode())
    return found


def test_the_public_id_alone_pulls_nothing(target: Target, air: str) -> None:
    """Nor does a guessed ticket, an empty one, or one that stands in the process list of the worker that has spent it."""
    for url in (
        air,
        f"{air}?ticket=",
        f"{air}?ticket=guess",
        f"{air}?ticket=*",
        f"{air}?ticket=a&ticket=b",
        f"{air}?secret=x&call=update_play",
    ):
        assert not pulled(url), url
    used = tickets_in_use(target)
    assert used
    for url in used:
        assert not pulled(url)
    assert target.state() == "live"


def test_a_ticket_is_good_once_and_for_one_stream(target: Target, air: str) -> None:
    """One that was made for this stream opens it a single time; another stream's does not; a try uses it up."""
    from weir.foundation.tickets import _key

    with redis_of(target) as redis:
        redis.set(_key("mine"), target.playback, ex=30)
        assert pulled(f"{air}?ticket=mine")
        assert not pulled(f"{air}?ticket=mine")
        redis.set(_key("others"), target.new_stream()["playback_id"], ex=30)
        assert not pulled(f"{air}?ticket=others")
        assert redis.get(_key("others")) is None


def test_who_asks_the_hook_itself_is_refused(target: Target) -> None:
    """It is not on the web server, and without the secret it answers nobody."""
    for path in ("/internal/rtmp/play", "/internal/rtmp/publish", "//internal/rtmp/play", "/v1/../internal/rtmp/play"):
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
    """How many the other side has not closed."""
    count = 0
    for line in lines:
        line.setblocking(False)
        try:
            while line.recv(4096):
                pass
        except BlockingIOError:
            count += 1
        except OSError:
            pass
    return count


@pytest.mark.parametrize("say", [b"", HELLO[:700], HELLO], ids=["silent", "half a greeting", "greeted"])
def test_one_address_has_so_many_connections(target: Target, say: bytes) -> None:
    """Also those that say nothing or stop in the middle; what is more is closed at once, others still come in, and after some
    seconds of silence all of them are gone."""
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
    """Hundreds of connections of strangers at once: nothing is cut, and an encoder that comes back is let in."""
    before = [target.stack.get(f"/v1/watch/{target.playback}")[1]["state"], target.publisher.sending]
    lines = [line for number in range(10, 60) for line in taken(target, f"127.0.1.{number}", MOST)]
    try:
        wait_until(lambda: open_ones(lines) > 500, "many that hold on", 5)
        time.sleep(6)  # the ingest asks about each publisher every five seconds
        assert [target.state(), target.publisher.sending] == before == ["live", True]
        again = target.new_stream()
        encoder = Publisher(f"{again['server']}/{again['key']}")
        wait_until(lambda: target.stack.get(f"/v1/watch/{again['playback_id']}")[1]["state"] == "live", "another stream", 40)
        encoder.stop()
    finally:
        for line in lines:
            line.close()


def test_an_encoder_that_comes_back_finds_room(make_target: Callable[..., Target]) -> None:
    """Its dead connection is not noticed yet: the bound of an address has room for both, and the broadcast goes on."""
    target = make_target(RTMP_CONNECTIONS_PER_ADDRESS=2)
    url = f"{target.card['server'].replace('127.0.0.1', '127.0.0.1')}/{target.card['key']}"
    first = Publisher(url)
    target.wait_state("live")
    first.freeze()
    second = Publisher(url)
    wait_until(lambda: second.sending and target.state() == "live", "the second", 30)
    first.stop()
    second.stop()
