"""What a client makes the application keep or do by frames alone, with any token."""

import contextlib
import http.client
import json
from collections.abc import Callable, Iterator

import pytest

from tests.attack.conftest import Target
from tests.attack.wire import CONT, PING, PONG, Wire, frame, memory_mb
from tests.e2e.conftest import SMALL
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until

POLICY = 1008
MB = 1_000_000
POURED = 110 * MB
MOST_GROWN_MB = 10
EVENTS = "/v1/events/ws"
Opened = Callable[[], Wire]


@pytest.fixture
def opened(request: pytest.FixtureRequest, target: Target) -> Opened:
    """Connections of one kind."""
    kind: str = request.param
    guest = target.session()["user_token"]
    secret = target.new_key(scopes=["events:read"])["api_key"] if kind == "program" else ""

    def open_one() -> Wire:
        if kind == "program":
            return Wire(target.stack.http, EVENTS, Authorization=f"Bearer {secret}")
        wire = Wire(target.stack.http)
        wire.read()
        if kind == "guest":
            assert "sid" in wire.sign_in(guest)
        return wire

    return open_one


def poured(opened: Opened, data: bytes, most: int, held: contextlib.ExitStack) -> int:
    """Bytes that were sent over one connection after the other, none of which reads; they stay open."""
    sent = 0
    for _ in range(2000):
        with contextlib.suppress(OSError):
            sent += held.enter_context(opened()).pour(data, most - sent)
        if sent >= most:
            break
    return sent


@pytest.mark.parametrize("opened", ["guest", "stranger", "program"], indirect=True)
@pytest.mark.parametrize("size", [0, 125])
def test_pings_whose_pongs_are_not_read_take_no_memory(target: Target, opened: Opened, size: int) -> None:
    """110 MB of pings, from a client that never reads, are not kept."""
    app = target.stack.pid_of("weir run")
    flood = frame(b"p" * size, PING) * (65536 // (size + 6))
    with contextlib.ExitStack() as held:
        poured(opened, flood, 5 * MB, held)
        before = memory_mb(app)
        assert poured(opened, flood, POURED, held) >= POURED
        assert memory_mb(app) - before < MOST_GROWN_MB


@pytest.mark.parametrize("opened", ["guest", "stranger", "program"], indirect=True)
@pytest.mark.parametrize(
    ("first", "data"),
    [
        (b"", frame(b"p" * 125, PING)), (b"", frame(b"", PONG)), (frame(b"4", last=False), frame(b"", CONT, last=False)),
        (frame(b"4", last=False), frame(b"2", CONT, last=False)), (b"", frame(b"3")), (b"", frame(b"2")), (b"", frame(b"6")),
    ],
    ids=["pings", "pongs", "empty fragments", "tiny fragments", "pong packets", "ping packets", "noop packets"],
)  # fmt: skip
def test_a_flood_of_small_frames_ends_its_connection(opened: Opened, first: bytes, data: bytes) -> None:
    """More frames than any client has reason to send are answered by a close frame that says why."""
    with opened() as wire:
        wire.line.sendall(first)
        wire.pour(data * 200, 2 * MB)
        told = wire.end()
    assert told is not None
    assert told[0] == POLICY
    assert told[1]


def test_a_message_must_be_whole_soon(target: Target) -> None:
    """One whose fragments stop coming ends the connection, though the client answers pings."""
    with Wire(target.stack.http) as wire:
        wire.read()
        wire.sign_in(target.session()["user_token"])
        wire.line.sendall(frame(b"4", last=False) + frame(b"2", CONT, last=False))
        assert wire.end() == (POLICY, "A message must be whole within 10 seconds.")


def test_a_ping_is_answered_and_a_few_are_fine(target: Target) -> None:
    """What clients do is served as before: a ping gets its pong, a message may come in pieces."""
    with Wire(target.stack.http) as wire:
        wire.read()
        wire.sign_in(target.session()["user_token"])
        for _ in range(3):
            wire.line.sendall(frame(b"hello", PING))
        for part in (b'421["channel.le', b'ave",{"channel":"'):
            wire.line.sendall(frame(part, CONT if part[:1] == b"a" else 1, last=False))
        wire.line.sendall(frame(target.channel.encode() + b'"}]', CONT))
        seen = b""
        while b"431[" not in seen:
            seen += wire.line.recv(4096)
        assert seen.count(b"\x8a\x05hello") == 3


def test_who_does_not_read_the_close_is_gone_too(target: Target) -> None:
    """A connection that is closed for its behaviour ends, though nothing of what it was sent is read."""
    app = target.stack.pid_of("weir run")
    wires = [Wire(target.stack.http) for _ in range(20)]
    guest = target.session()["user_token"]
    for wire in wires:
        wire.read()
        wire.sign_in(guest)

    def held() -> int:
        return sum(1 for line in open(f"/proc/{app}/net/unix") if line.rstrip().endswith("app.sock"))

    with_them = held()
    for wire in wires:
        wire.pour(frame(b"p" * 125, PING) * 100, MB)
    wait_until(lambda: held() <= with_them - 20, "the end of the connections", 30)
    for wire in wires:
        wire.line.close()


def test_signing_in_again_and_again_ends(target: Target) -> None:
    """One connection may try to sign in a few times, with whatever namespace."""
    with Wire(target.stack.http) as wire:
        wire.read()
        for _ in range(30):
            with contextlib.suppress(OSError):
                wire.send("40/nowhere,")
        told = wire.end()
    assert told is not None
    assert told[0] == POLICY


def test_an_unknown_namespace_is_told_in_the_protocols_words(target: Target) -> None:
    with Wire(target.stack.http) as wire:
        wire.read()
        wire.send("40/nowhere,")
        assert wire.read() == '44/nowhere,{"message":"Invalid namespace"}'


# -- long polling


SEPARATED = "\x1e"


class Poller:
    """A polling session that posts, and fetches only its greeting."""

    def __init__(self, target: Target) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", target.stack.http, timeout=15)
        self._path = "/socket.io/?EIO=4&transport=polling"
        status, body = self.ask("GET")
        assert status == 200
        self._path += "&sid=" + json.loads(body[1:])["sid"]

    def ask(self, method: str, body: str | None = None) -> tuple[int, str]:
        self._line.request(method, self._path, body)
        answer = self._line.getresponse()
        return answer.status, answer.read().decode()


@pytest.fixture(scope="module")
def polled() -> Iterator[Target]:
    stack = RunningStack(**SMALL, SOCKET_POLLING="true")
    try:
        yield Target(stack.start())
    finally:
        stack.remove()


@pytest.mark.parametrize(
    ("packet", "signed_in"),
    [
        ("5", True),
        ("5", False),
        ("40/nowhere,", True),
        ("40/nowhere,", False),
        ('427["channel.leave",{"channel":"CHANNEL"}]', True),
    ],
)
def test_posts_whose_answers_are_not_fetched_end_the_session(
    polled: Target, packet: str, signed_in: bool
) -> None:
    """Answers that wait for a polling client are bounded, whatever asks for them."""
    poller = Poller(polled)
    if signed_in:
        assert poller.ask("POST", "40" + json.dumps({"token": polled.session()["user_token"]}))[0] == 200
    packets = SEPARATED.join([packet.replace("CHANNEL", polled.channel)] * 16)
    answers = []
    for _ in range(100):
        answers.append(poller.ask("POST", packets)[0])
        if answers[-1] != 200:
            break
    assert answers[-1] == 400, len(answers)
