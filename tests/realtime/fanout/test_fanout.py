"""Fan-out on real connections: one order for each of them, whatever path it takes, and no memory for those
who don't read."""

import asyncio
import contextlib
import datetime
import gc
import json
import os
import random
import socket
import ssl
import struct
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import socketio
import uvicorn
import uvloop
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from realtime.fanout import (
    EngineServer,
    Fanout,
    Packet,
    RawProtocol,
    coalescing,
    engine,
    fast_socket,
    library_check,
)
from realtime.fanout.fast_socket import FastSocket
from realtime.fanout.packet_guard import PacketGuard
from realtime.fanout.room import ChannelRoom
from realtime.fanout.ws_frames import text_frame
from tests.support.chat_nodes import Client, House, eventually


class Server(socketio.AsyncServer):
    def _engineio_server_class(self):
        return EngineServer


class Hall:
    """A fan-out in uvicorn with nothing around it, which accepts every client."""

    def __init__(self, engine_options: dict | None = None, **options) -> None:
        self.fanout = Fanout()
        self.io = Server(
            client_manager=self.fanout, serializer=Packet, async_mode="asgi", **(engine_options or {})
        )
        self.io.on("connect", self._connect)
        self.io.on("disconnect", lambda sid, reason: self.left.append(reason))
        self.sids: list[str] = []
        self.left: list[str] = []
        self._port = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._port.bind(("127.0.0.1", 0))
        self.at = f"127.0.0.1:{self._port.getsockname()[1]}"
        self.address = self._port.getsockname()
        app = PacketGuard(socketio.ASGIApp(self.io), lambda: False, 100_000)
        given = {"ws_per_message_deflate": False, **options}
        self._server = uvicorn.Server(
            uvicorn.Config(
                app, log_level="warning", lifespan="off", ws=RawProtocol, ws_ping_interval=None, **given
            )
        )

    def _connect(self, sid, environ, auth=None):
        self.sids.append(sid)

    async def __aenter__(self):
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._port]))
        await eventually(lambda: self._server.started)
        return self

    async def __aexit__(self, *_):
        self._server.should_exit = self._server.force_exit = True
        await self._serving
        await self.io.shutdown()

    def connection(self, sid):
        return self.fanout._connection(sid)


@contextlib.asynccontextmanager
async def guest(hall: Hall, scheme: str = "ws", **options):
    """A signed-in raw client; its `sid`, and every text it has read in `texts`."""
    async with websockets.connect(
        f"{scheme}://{hall.at}/socket.io/?EIO=4&transport=websocket", **options
    ) as line:
        assert (await line.recv())[0] == "0"
        await line.send("40")
        line.sid = json.loads((await line.recv())[2:])["sid"]  # type: ignore[attr-defined]
        line.texts = []  # type: ignore[attr-defined]
        reading = asyncio.create_task(read(line))
        yield line
        reading.cancel()


async def read(line) -> None:
    async for text in line:
        if text == "2":
            await line.send("3")
        line.texts.append(text)


def numbers(texts: list[str]) -> list[int]:
    """The numbers of the deliveries among them."""
    return [json.loads(text[2:])[1]["n"] for text in texts if text.startswith("42")]


def body(n: int, filling: str = "") -> bytes:
    return json.dumps({"n": n, "filling": filling}).encode()


@given(st.integers(0, 70_000))
def test_a_frame_holds_its_text_and_says_how_long_it_is(size):
    """One byte, two or eight for the length, as RFC 6455 has it; never a mask."""
    made = text_frame(b"x" * size)
    head = {126: 4, 127: 10}.get(made[1], 2)
    assert made[0] == 0x81
    assert (made[1] if head == 2 else int.from_bytes(made[2:head], "big")) == size
    assert len(made) == head + size


@pytest.mark.parametrize("shortest", [0.0, 0.001])
@pytest.mark.parametrize("seed", range(4))
async def test_each_connection_sees_one_order(monkeypatch, seed, shortest):
    """Deliveries to two rooms, direct ones, joins and leaves at random: each client gets exactly what was
    sent to it, in that order, also between rooms and while rooms wait."""
    monkeypatch.setattr(coalescing, "SHORTEST_S", shortest)
    chance = random.Random(seed)
    async with Hall() as hall, contextlib.AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(guest(hall)) for _ in range(8)]
        assert all(isinstance(hall.connection(line.sid), FastSocket) for line in lines)
        inside: dict[str, set] = {"a": set(), "b": set(), "c": set()}
        due: dict[str, list[Any]] = {line.sid: [] for line in lines}
        for n in range(1500):
            line, room = chance.choice(lines), chance.choice("aabbc")
            match chance.choice(["deliver"] * 6 + ["tell", "enter", "leave", "turn"]):
                case "deliver":
                    hall.fanout.deliver(room, "said", body(n))
                    for sid in inside[room]:
                        due[sid].append(n)
                case "tell":
                    hall.fanout.send_to(line.sid, "said", body(n))
                    due[line.sid].append(n)
                case "enter":
                    hall.fanout.enter(line.sid, room)
                    inside[room].add(line.sid)
                case "leave":
                    hall.fanout.leave(line.sid, room)
                    inside[room].discard(line.sid)
                case "turn":
                    await asyncio.sleep(chance.choice([0, 0, 0.001]))
        await eventually(lambda: all(len(line.texts) >= len(due[line.sid]) for line in lines))
        for line in lines:
            assert numbers(line.texts) == due[line.sid]
        for room in "abc":
            hall.fanout.empty(room)
        assert not hall.fanout._channels


async def test_what_comes_while_a_room_rests_leaves_in_one_write():
    """Of a burst, the first message leaves at once and the others together."""
    async with Hall() as hall, guest(hall) as line:
        hall.fanout.enter(line.sid, "a")
        writes = []
        member = hall.connection(line.sid)
        room = hall.fanout._channels["a"]
        room._write = lambda data, count: (
            writes.append(count),
            [one.write(data, count) for one in room.lone],
        )
        for n in range(50):
            hall.fanout.deliver("a", "said", body(n))
        await eventually(lambda: len(line.texts) == 50)
        assert writes == [1, 49]
        assert member.keeps_up()


class SpyRoom(ChannelRoom):
    """A room whose methods can be replaced."""


@pytest.fixture(autouse=True)
def spy(monkeypatch):
    monkeypatch.setattr("realtime.fanout.manager.ChannelRoom", SpyRoom)


def deaf() -> socket.socket:
    """A socket with small buffers, so that not reading shows soon."""
    line = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return line


@pytest.mark.parametrize("filling", [10, 9000])
async def test_a_slow_reader_is_cut_off_with_bounded_memory(filling):
    """With 256 messages or 1 MB unread, a connection is aborted and its buffer freed; the others miss
    nothing."""
    async with Hall() as hall, guest(hall) as good:
        plug = deaf()
        plug.connect(hall.address)
        plug.setblocking(False)
        async with guest(hall, sock=plug, max_queue=1) as slow:
            slow.transport.pause_reading()
            member = hall.connection(slow.sid)
            for line in (good, slow):
                hall.fanout.enter(line.sid, "a")
            if filling == 10:  # fill the kernel's buffers, so that each small message waits
                while not member.buffered():
                    hall.fanout.send_to(slow.sid, "said", body(-1, "x" * 60_000))
            n = most = 0
            while not member.over:
                assert n < 5_000
                hall.fanout.deliver("a", "said", body(n, "x" * filling))
                n += 1
                most = max(most, member.buffered())
                await asyncio.sleep(0)
                if n % 20 == 0:
                    await eventually(lambda due=n: len(good.texts) == due)
            assert most <= fast_socket.MOST_BEHIND_BYTES
            assert n <= 300 or filling > 10
            await eventually(lambda: slow.sid not in hall.io.manager.rooms["/"][None])
            assert not hall.fanout.keeps_up(slow.sid)
            slow.transport.abort()
        await eventually(lambda: len(good.texts) == n)
        assert numbers(good.texts) == list(range(n))


async def test_a_client_that_catches_up_starts_afresh():
    """What counts is what is unread now: a client that falls behind again and again, and reads, stays."""
    async with Hall() as hall:
        plug = deaf()
        plug.connect(hall.address)
        plug.setblocking(False)
        async with guest(hall, sock=plug) as line:
            hall.fanout.enter(line.sid, "a")
            member, n = hall.connection(line.sid), 0
            for _ in range(3):
                line.transport.pause_reading()
                while not member.buffered():
                    hall.fanout.deliver("a", "said", body(n, "x" * 60_000))
                    n += 1
                    await asyncio.sleep(0)
                for _ in range(150):
                    hall.fanout.deliver("a", "said", body(n))
                    n += 1
                line.transport.resume_reading()
                await eventually(lambda due=n: len(line.texts) == due, 30)
            assert numbers(line.texts) == list(range(n))


def certificate(folder: Path) -> Path:
    """A self-signed one for 127.0.0.1, key and all."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "weir")]),
    )
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(start).not_valid_after(start.replace(year=2100)).sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / "cert.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@pytest.mark.parametrize("kind", ["deflate", "tls"])
async def test_compressed_and_encrypted_connections_take_the_stock_path(kind, folder):
    """They get the same messages in the same order, with a room that also has lean members or none."""
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    options = {"ws_per_message_deflate": True} if kind == "deflate" else {"ssl_certfile": certificate(folder)}
    client: dict[str, Any] = (
        {"compression": "deflate"} if kind == "deflate" else {"scheme": "wss", "ssl": trust}
    )
    async with (
        Hall(**options) as hall,
        guest(hall, **client) as line,
        guest(hall, **{**client, "compression": None}) as plain,
    ):
        assert not isinstance(hall.connection(line.sid), FastSocket)
        assert isinstance(hall.connection(plain.sid), FastSocket) == (kind == "deflate")
        for one in (line, plain):
            hall.fanout.enter(one.sid, "a")
        for n in range(100):
            if n % 3:
                hall.fanout.deliver("a", "said", body(n))
            else:
                hall.fanout.send_to(line.sid, "said", body(n))
                hall.fanout.send_to(plain.sid, "said", body(n))
        await eventually(lambda: len(line.texts) == len(plain.texts) == 100)
        assert numbers(line.texts) == numbers(plain.texts) == list(range(100))


async def test_polling_and_upgrading_clients_miss_nothing(house: House):
    """A client on HTTP polling, one that upgrades in the middle of the traffic and one on WebSocket see the
    same order."""
    house.settings = house.settings.model_copy(update={"socket_polling": True})
    node, stream = await house.node(), house.directory.new_stream("app_1")
    channel = stream["channel"]
    sender = await house.client(node, "app_1", "bob")
    ways = (["polling"], ["polling", "websocket"], ["websocket"])
    clients, sent, joined = [Client() for _ in ways], 0, list[Any]()
    sending = asyncio.create_task(send_on(sender, channel))
    for client, way in zip(clients, ways, strict=True):
        house.clients.append(client)
        token = house.tokens.mint_user("u" + way[-1], "app_1", "U", 600)
        await client.io.connect(node.url, auth={"token": token}, transports=way)
        joined.append(await client.join(channel))
    await eventually(lambda: all(len(client.of("chat.message.new")) > 5 for client in clients))
    sending.cancel()
    sent = (await sender.send(channel, "last"))["seq"]
    for client, way, answer in zip(clients, ways, joined, strict=True):
        due = list(range(answer["seq"] + 1, sent + 1))
        with contextlib.suppress(AssertionError):
            await eventually(lambda one=client, count=len(due): len(one.of("chat.message.new")) >= count)
        assert [message["seq"] for message in client.of("chat.message.new")] == due, (
            way,
            client.io.connected,
        )
    kinds = [type(node.room._fanout._connection(client.io.get_sid("/"))) for client in clients]
    assert [kind is FastSocket for kind in kinds] == [False, False, True]


async def send_on(sender: Client, channel: str) -> None:
    for n in range(100_000):
        await sender.send(channel, f"c{n}")


async def test_clients_are_pinged_and_the_silent_ones_dropped(monkeypatch):
    """A client that answers stays; one that does not is disconnected after interval and timeout, with the
    reason."""
    monkeypatch.setattr(engine, "BEAT_S", 0.02)
    async with Hall({"ping_interval": 0.1, "ping_timeout": 0.2}) as hall, guest(hall) as good:
        async with websockets.connect(f"ws://{hall.at}/socket.io/?EIO=4&transport=websocket") as silent:
            await silent.recv()
            await silent.send("40")
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await asyncio.wait_for(silent.recv(), 5)
        await eventually(lambda: hall.left == ["ping timeout"])
        await eventually(lambda: good.texts.count("2") > 5)
        assert hall.connection(good.sid).keeps_up()


async def test_a_client_that_ignores_the_farewell_is_cut_off(monkeypatch):
    """After a disconnect from our side the connection ends, whether the client answers or not."""
    monkeypatch.setattr(fast_socket, "FAREWELL_S", 0.1)
    async with Hall() as hall, guest(hall) as line:
        await hall.io.eio.disconnect(hall.connection(line.sid).sid)
        await eventually(lambda: line.texts and line.texts[-1] == "1")
        await asyncio.wait_for(line.wait_closed(), 5)
        assert hall.left == ["server disconnect"]


async def test_one_session_can_still_be_emitted_to():
    """What python-socketio sends to a session by itself arrives, in order with what we send."""
    async with Hall() as hall, guest(hall) as line:
        hall.fanout.enter(line.sid, "a")
        for n in range(0, 20, 2):
            hall.fanout.deliver("a", "said", body(n))
            await hall.io.emit("said", {"n": n + 1}, to=line.sid)
        await eventually(lambda: len(line.texts) == 20)
        assert numbers(line.texts) == list(range(20))


async def test_a_changed_library_switches_the_fast_path_off(monkeypatch):
    """The self-check knows these versions; where one differs, it names what, and clients are served all the
    same."""
    assert library_check.fits()
    function, _ = library_check.STANDS_ON[0]
    monkeypatch.setattr(library_check, "STANDS_ON", ((function, "00000000"), (len, "0")))
    with capture_logs() as logs:
        async with Hall() as hall, guest(hall) as line:
            assert not isinstance(hall.connection(line.sid), FastSocket)
            hall.fanout.enter(line.sid, "a")
            for n in range(20):
                hall.fanout.deliver("a", "said", body(n))
            await eventually(lambda: len(line.texts) == 20)
            assert numbers(line.texts) == list(range(20))
    assert logs[0]["event"] == "fanout.fast_path_off"
    assert logs[0]["changed"] == [function.__qualname__, "len"]


class Pair:
    """A member that is one end of a socket pair; `handed` is what the room gave back to it."""

    over = False

    def __init__(self, kind: str) -> None:
        self.rooms: tuple = ()
        self.handed: list = []
        self.own, self.peer = socket.socketpair()
        self.own.setblocking(False)
        self.descriptor = fast_socket.BUSY if kind == "busy" else self.own.fileno()
        if kind == "gone":
            self.peer.close()
        if kind == "full":
            with contextlib.suppress(BlockingIOError):
                while True:
                    self.own.send(b"x" * 1000)

    def write(self, data, count) -> None:
        self.handed.append(("write", data, count))

    def write_rest(self, data, sent, count) -> None:
        self.handed.append(("rest", data[sent:], count))

    def got(self) -> bytes:
        self.peer.setblocking(False)
        return self.peer.recv(1_000_000)


def test_members_whose_write_fails_do_not_disturb_the_others():
    """Among members that are closed, full or busy, those that read get the frame once; each of the others is
    asked by itself."""
    room, frame = ChannelRoom("a", {}), b"y" * 700
    kinds = ["gone", "good", "full", "busy", "good", "gone", "gone", "good", "full"]
    members = [Pair(kind) for kind in kinds]
    for member in members:
        room.add(member)  # type: ignore[arg-type]
    room.write(frame)
    room.write(frame)
    for kind, member in zip(kinds, members, strict=True):
        assert member.handed == ([] if kind == "good" else [("write", frame, 1)] * 2)
        assert kind != "good" or member.got() == frame * 2


def test_what_the_kernel_does_not_take_of_a_frame_is_handed_back():
    """Nothing is lost and nothing twice where a write ends in the middle of a frame."""
    room, frame = ChannelRoom("a", {}), bytes(range(250)) * 40_000
    members = [Pair("good"), Pair("good")]
    for member in members:
        room.add(member)  # type: ignore[arg-type]
    room.write(frame)
    for member in members:
        [(kind, missing, count)] = member.handed
        assert (kind, count) == ("rest", 1)
        taken = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                taken += member.got()
        assert taken + missing == frame


class Ending(asyncio.Protocol):
    """Notes whether its descriptor is still the same connection when it is notified of the end."""

    def __init__(self) -> None:
        self.over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport) -> None:
        self.transport, self.descriptor = transport, transport.get_extra_info("socket").fileno()
        self.known = os.fstat(self.descriptor).st_ino

    def connection_lost(self, exc) -> None:
        self.over.set_result(os.fstat(self.descriptor).st_ino == self.known)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("end", ["close", "abort", "peer's close", "peer's reset", "broken pipe"])
def test_a_descriptor_is_a_connections_own_until_its_end_is_told(loop, end):
    """On both loops, whichever side ends it, so that a fan-out before that can't write to another client."""

    async def run() -> bool:
        made: list[Ending] = []
        server = await asyncio.get_running_loop().create_server(
            lambda: made.append(Ending()) or made[0], "127.0.0.1", 0
        )
        peer = socket.create_connection(server.sockets[0].getsockname())
        await eventually(lambda: made and hasattr(made[0], "transport"))
        if end in ("close", "abort"):
            getattr(made[0].transport, end)()
        if end == "peer's reset":
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if end not in ("close", "abort"):
            peer.close()
        if end == "broken pipe":
            made[0].transport.write(b"x" * 100_000)
            made[0].transport.write(b"x" * 100_000)
        same = await asyncio.wait_for(made[0].over, 10)
        peer.close()
        server.close()
        return same

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(run())


class Nobody:
    """A member that takes everything."""

    over = False

    def __init__(self) -> None:
        self.rooms: tuple = ()
        self.descriptor = fast_socket.BUSY
        self.outbox: list = []

    def write(self, data, count) -> None:
        """Taken."""

    def empty_outbox(self) -> None:
        """Taken."""


def effort(size: int) -> tuple[int, int]:
    """Calls made and bytes taken by ten joins and leaves in a room of `size`, half of whose members are in
    another one too."""
    home: dict[str, ChannelRoom] = {}
    room, other = ChannelRoom("a", home), ChannelRoom("b", home)
    for n in range(size):
        member = Nobody()
        room.add(member)  # type: ignore[arg-type]
        if n % 2:
            other.add(member)  # type: ignore[arg-type]
    comers, calls = [Nobody() for _ in range(10)], 0

    def count(frame, event, argument) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    room.add(comers[0])  # type: ignore[arg-type]
    room.remove(comers[0])  # type: ignore[arg-type]  # a dict may grow now and then
    gc.disable()  # what it calls is not the room's effort
    tracemalloc.start()
    sys.setprofile(count)
    for member in comers:
        room.add(member)  # type: ignore[arg-type]
        other.add(member)  # type: ignore[arg-type]
        room.remove(member)  # type: ignore[arg-type]
        other.remove(member)  # type: ignore[arg-type]
    sys.setprofile(None)
    gc.enable()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return calls, peak


def test_joining_and_leaving_cost_the_same_in_every_room():
    """The same calls in a room of 20 and of 20,000, and no copy of its members."""
    small, big = effort(20), effort(20_000)
    assert small[0] == big[0]
    assert big[1] < 20_000
