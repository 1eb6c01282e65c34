"""Invalid input on every interface: each gets a clear refusal, and no other client notices."""

import base64
import json
import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.e2e.chatting import Crowd, Person
from tests.e2e.conftest import SMALL, TALKATIVE, Show
from tests.e2e.watching import Eyes
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until

HALF_OPEN = 300


class Bystanders:
    """A stream, a client that writes, one that reads, and a reader of the playlist: `undisturbed()` after
    whatever was done."""

    def __init__(self, show: Show) -> None:
        self.show, self.crowd = show, Crowd()
        self._publisher = show.publish()
        show.wait_state("live")
        self._eyes = Eyes(show, show.renditions()[0])
        self._users = [
            self.crowd.enter(Person(show, "talker", talks=True)),
            self.crowd.enter(Person(show, "reader")),
        ]
        self.undisturbed()

    def undisturbed(self) -> None:
        """New parts and new messages arrive, over the connections from before."""
        talker, reader = self._users
        position, shown = self._eyes.position, len(reader.seen.events)
        wait_until(
            lambda: self._eyes.position > position and len(reader.seen.events) > shown + 2, "picture and talk"
        )
        assert [one.visits for one in self._users] == [1, 1]
        assert (talker.unexpected, self._eyes.breaches, self._eyes.unanswered) == ([], [], 0)
        assert self.show.stack.ready

    def close(self) -> None:
        self._eyes.close()
        self.crowd.close()
        self._publisher.stop()


@pytest.fixture(scope="module")
def bystanders() -> Iterator[Bystanders]:
    stack = RunningStack(**SMALL, **TALKATIVE)
    try:
        one = Bystanders(Show(stack.start()))
        yield one
        one.close()
    finally:
        stack.remove()


@pytest.fixture(autouse=True)
def nobody_notices(bystanders: Bystanders) -> Iterator[None]:
    yield
    bystanders.undisturbed()


# -- HTTP


def raw(show: Show, request: bytes) -> tuple[int, bytes]:
    """(status, body) of the answer to exactly these bytes; status 0 when the connection was closed without
    one."""
    with socket.create_connection(("127.0.0.1", show.stack.http), 15) as line:
        line.sendall(request)
        answer = b""
        try:
            while chunk := line.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head.split()[1]), body) if head else (0, b"")


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: weir",
        "Connection: close",
        "Content-Type: application/json",
        *headers,
    ]
    if not any(header.startswith("Transfer-Encoding") for header in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def refusal(answer: tuple[int, bytes]) -> tuple[int, str]:
    """(status, code) of a problem document that is complete."""
    problem = json.loads(answer[1])
    assert problem["status"] == answer[0] and problem["detail"] and problem["title"], problem
    return answer[0], problem["code"]


BODIES = {
    "no JSON": b"<xml/>", "half": b'{"email": "a@b.ex', "a list": b"[]", "a number": b"1", "no UTF-8": b'{"email": "\xff\xfe"}',
    "half a surrogate": b'{"email": "\\ud800"}', "deep": b"[" * 30_000, "deep objects": b'{"a":' * 10_000, "null bytes": b"\0" * 500,
    "not a number": b'{"email": NaN}', "unknown field": b'{"admin": true}', "wrong types": b'{"email": {}, "password": [1], "setup": 5}',
}  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    "path", ["/v1/auth/register", "/v1/auth/login", "/v1/watch/PLAYBACK/session", "/v1/watch/PLAYBACK/renew"]
)
def test_a_body_that_is_not_a_request_is_refused(bystanders: Bystanders, path: str, body: str) -> None:
    """422 `invalid`, with a sentence."""
    question = post(path.replace("PLAYBACK", bystanders.show.playback), BODIES[body])
    assert refusal(raw(bystanders.show, question)) == (422, "invalid")


def test_too_much_is_too_large(bystanders: Bystanders) -> None:
    """Bodies above 64 KB and above 1 MB, with and without Content-Length: 413 `too_large`."""
    show, chunk = bystanders.show, b"10000\r\n" + b"x" * 65536 + b"\r\n"
    for size in (70_000, 1_000_000, 3_000_000):
        assert refusal(raw(show, post("/v1/auth/login", b'"' + b"x" * size + b'"'))) == (413, "too_large"), (
            size
        )
    for count in (2, 40):
        chunked = post("/v1/auth/login", chunk * count + b"0\r\n\r\n", "Transfer-Encoding: chunked")
        assert refusal(raw(show, chunked)) == (413, "too_large"), count


def test_headers_that_cannot_be_read_are_refused(bystanders: Bystanders) -> None:
    """Too long, too many, without a host, with control characters: 400 `invalid`; what is no HTTP at all gets
    a 400, too."""
    show, get = bystanders.show, b"GET /v1/streams HTTP/1.1\r\n"
    host = b"Host: weir\r\nConnection: close\r\n"
    many = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(60))
    for headers in (
        host + b"Cookie: " + b"c" * 20_000 + b"\r\n",
        host + many,
        b"",
        host + b"Host: two\r\n",
        host + b"Content-Length: -1\r\n",
    ):
        assert refusal(raw(show, get + headers + b"\r\n")) == (400, "invalid"), headers[:60]
    for nonsense in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
        b"\r\n\r\nwhat?\r\n\r\n",
        b"GET\r\n\r\n",
    ):
        assert raw(show, nonsense)[0] in (0, 400), nonsense
    assert raw(show, b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n" + host + b"\r\n")[0] in (400, 414)


def test_hostile_addresses_and_credentials_are_refused(bystanders: Bystanders) -> None:
    """4xx with a code for every path, method, query and credential that makes no sense; never a fault of
    ours."""
    show = bystanders.show
    watch = f"/v1/watch/{show.playback}"
    assert refusal(raw(show, b"GET /v1/watch/%00 HTTP/1.0\r\n\r\n")) == (400, "invalid")
    for path in (
        "/v1/watch/%ff%fe",
        "/v1/watch/" + "a" * 3000,
        "/v1/watch/ply_../x",
        "/v1/nothing",
        "/v1/watch/%F0%9F%92%A9",
    ):
        assert refusal(raw(show, f"GET {path} HTTP/1.0\r\n\r\n".encode())) == (404, "not_found"), path
    for method in ("PUT", "DELETE", "PATCH", "PROPFIND"):
        assert refusal(raw(show, f"{method} {watch} HTTP/1.0\r\n\r\n".encode()))[0] == 405
    for token in (
        b"",
        b"x",
        b"\xff\xfe\xfd" * 10,
        b"a.b.c",
        b"weir_sk_",
        b"weir_sk_%s_x" % (b"0" * 26),
        b"eyJhbGciOiJub25lIn0.e30.",
        b"x" * 6000,
    ):
        header = b"GET /v1/streams HTTP/1.0\r\nAuthorization: Bearer " + token + b"\r\n\r\n"
        assert refusal(raw(show, header)) == (401, "unauthenticated"), token
    cookie = b"Cookie: weir_refresh=%s\r\n"
    for value in (b"ses_x.0.y", b"\xff.1.\xfe", b"..", b"ses_%s.99999999999999999999.x" % (b"0" * 26)):
        assert (
            refusal(raw(show, post("/v1/auth/refresh", b"", (cookie % value).decode("latin-1").strip())))[0]
            == 401
        ), value


def test_hostile_values_of_a_member_are_refused(bystanders: Bystanders) -> None:
    """Numbers out of range, foreign cursors, ids of nothing: 4xx with a code, for callers with permission,
    too."""
    show = bystanders.show
    tenant = show.tokens.mint("weir:app", 600, sub="acc_test", app=show.app, role="owner")
    header = {"Authorization": f"Bearer {tenant}"}
    for query in ("cursor=x", "cursor=%00", "cursor=" + "A" * 2000, "cursor=eyJhIjoxfQ"):
        assert show.stack.ask("GET", f"/v1/streams?{query}", headers=header)[0] in (400, 422), query
    for query in ("limit=0", "limit=-1", "limit=x", "limit=" + "9" * 400, "limit=%C2%B2"):
        assert show.stack.ask("GET", f"/v1/streams?{query}", headers=header)[0] in (200, 422), query
    bad: list[tuple[str, Any]] = [
        ("/v1/streams", {"title": "x" * 141}), ("/v1/streams", {"visibility": "secret"}), ("/v1/user-tokens", {"sub": "a b"}),
        ("/v1/user-tokens", {"sub": "a", "ttl_s": 10**30}), ("/v1/user-tokens", {"sub": "a", "ttl_s": -1}),
        ("/v1/user-tokens", {"sub": "a", "avatar": "javascript:alert(1)"}), ("/v1/user-tokens", {"sub": "a", "roles": {"x": "king"}}),
        ("/v1/streams/str_x/playback-tokens", {}), ("/v1/streams/str_x/key/rotate", None), ("/v1/revocations", {"stream": "str_x"}),
        ("/v1/revocations", {"user": "x" * 200}), ("/v1/streams/%ff/playback-tokens", {}),
    ]  # fmt: skip
    for path, body in bad:
        status, answer = show.stack.ask("POST", path, body, header)
        assert status in (404, 422) and answer["code"] in ("not_found", "invalid"), (path, body, answer)


def test_half_open_and_slow_connections_keep_nobody_out(bystanders: Bystanders) -> None:
    """300 connections that never finish their headers, some of them a byte at a time, and 50 sockets that
    never sign in: a normal request is answered meanwhile, and all of them are sent away."""
    show = bystanders.show
    with ExitStack() as opened:
        lines = [
            opened.enter_context(socket.create_connection(("127.0.0.1", show.stack.http), 5))
            for _ in range(HALF_OPEN)
        ]
        for line in lines:
            line.sendall(b"GET /readyz HTTP/1.1\r\nHost: weir\r\nX-Slow: ")
        strangers = [opened.enter_context(websocket(show)) for _ in range(50)]
        slow = lines[:20]
        for _ in range(4):
            assert show.stack.ready
            for line in slow:
                line.sendall(b"x")
            time.sleep(0.5)  # a sender so slow that each byte comes alone
        bystanders.undisturbed()
        wait_until(
            lambda: sum(closed(line) for line in lines) == HALF_OPEN, "the end of the half-open ones", 25
        )
        for stranger in strangers:
            assert farewell(stranger) == (1008, "Sign in within 10 seconds.")


def closed(line: socket.socket) -> bool:
    """True when the other side has ended it; a byte is sent so that slowness is no reason to stay."""
    line.setblocking(False)
    try:
        line.send(b"x")
        return line.recv(1000) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


# -- sockets


@contextmanager
def websocket(show: Show, **more: Any) -> Iterator[ClientConnection]:
    address = f"ws://127.0.0.1:{show.stack.http}/socket.io/?EIO=4&transport=websocket"
    with connect(address, compression=None, max_size=None, **more) as line:
        yield line


@contextmanager
def signed_in(show: Show) -> Iterator[ClientConnection]:
    """A bare WebSocket that has joined the channel."""
    with websocket(show) as line:
        assert str(line.recv(5)).startswith("0{")
        line.send("40" + json.dumps({"token": show.session("Mallory")["user_token"]}))
        assert str(line.recv(5)).startswith("40{")
        assert ask(line, "channel.join", {"channel": show.channel})["ok"]
        yield line


def ask(line: ClientConnection, event: str, *data: Any) -> dict[str, Any]:
    """The ack of a request."""
    line.send("427" + json.dumps([event, *data]))
    while not (frame := str(line.recv(5))).startswith("437"):
        assert frame.startswith(("42", "2")), frame
    return dict(json.loads(frame[3:])[0])


def farewell(line: ClientConnection) -> tuple[int | None, str]:
    """The close frame's code and reason, after whatever else was on its way."""
    try:
        while True:
            line.recv(20)
    except ConnectionClosed as end:
        return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (None, "")


def test_requests_that_make_no_sense_are_refused_by_ack(bystanders: Bystanders) -> None:
    """Unknown events, wrong fields, deep nesting, much text, foreign channels: a code each, and the
    connection stays."""
    channel = bystanders.show.channel
    deep: Any = "x"
    for _ in range(100):
        deep = [deep]
    message = {"channel": channel, "cid": "m", "text": "hello"}
    wrong: list[tuple[str, list[Any], str]] = [
        ("no.such.event", [{}], "not_found"), ("x" * 5000, [], "not_found"), ("chat.send", [], "invalid"), ("chat.send", [1], "invalid"),
        ("chat.send", [message, message], "invalid"), ("chat.send", [{**message, "text": "é" * 2500}], "too_large"),
        ("chat.send", [{**message, "text": "x" * 5000}], "too_large"), ("chat.send", [{**message, "text": " \n"}], "invalid"),
        ("chat.send", [{**message, "text": 5}], "invalid"), ("chat.send", [{**message, "cid": "c" * 37}], "invalid"),
        ("chat.send", [{**message, "more": deep}], "invalid"), ("chat.send", [{**message, "picture_time": 1e300}], "invalid"),
        ("chat.send", [{**message, "picture_time": -1}], "invalid"), ("chat.send", [{**message, "reply_to": "msg_"}], "invalid"),
        ("chat.send", [{**message, "channel": "chn_00000000000000000000000000"}], "not_found"),
        ("chat.send", [{**message, "channel": {"$gt": ""}}], "invalid"), ("channel.join", [{"channel": channel, "seq": 2**60}], "invalid"),
        ("chat.history", [{"channel": channel, "before": "x.y"}], "invalid"),
        ("chat.history", [{"channel": channel, "limit": 10**9}], "invalid"),
        ("chat.history", [{"channel": channel, "before": "x" * 90 + ".1"}], "invalid"), ("__proto__", [{"channel": channel}], "not_found"),
    ]  # fmt: skip
    with signed_in(bystanders.show) as line:
        for event, data, code in wrong:
            answer = ask(line, event, *data)
            assert not answer["ok"] and answer["error"]["code"] == code, (event, data, answer)
            assert answer["error"]["message"]
        assert ask(line, "chat.send", message)["ok"]


BAD_FRAMES: dict[str, tuple[str | bytes, int]] = {
    "binary": (b"\x04abc", 1003), "binary event": ('451-["chat.send",{"_placeholder":true,"num":0}]', 1003),
    "many attachments": ('459999999999-["chat.send",{"_placeholder":true,"num":0}]', 1003), "binary ack": ("461-7[]", 1003),
    "too long": ("42" + json.dumps(["chat.send", {"text": "x" * 70_000}]), 1009), "no packet": ("hello", 1008), "empty": ("", 1008),
    "null": ("\0", 1008), "no JSON": ("42[", 1008), "no event": ("42{}", 1008), "no name": ("42[]", 1008), "a number": ("425[1]", 1008),
    "reserved": ('42["connect"]', 1008), "twice": ("40{}", 1008), "deep": ("42" + "[" * 30_000, 1008), "unknown": ("49", 1008),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_FRAMES)
def test_a_frame_that_is_no_packet_ends_the_connection(bystanders: Bystanders, what: str) -> None:
    """A close frame with a code that says why."""
    frame, code = BAD_FRAMES[what]
    with signed_in(bystanders.show) as line:
        line.send(frame)
        told, reason = farewell(line)
        if (
            what != "too long" or told is not None
        ):  # its bytes may be on their way when it is refused, and TCP then resets
            assert (told, bool(reason)) == (code, True), (told, reason)


def test_bytes_that_are_no_frames_end_the_connection(bystanders: Bystanders) -> None:
    """Unmasked frames, reserved bits and opcodes, oversize control frames and lengths, pure noise: the server
    hangs up."""
    show, dice = bystanders.show, random.Random(7)
    for wrong in (
        b"\x81\x05hello", b"\xf1\x80" + bytes(4), b"\x83\x80" + bytes(4), b"\x89\xfe\x00\xff" + bytes(4 + 255),
        b"\x81\xff" + b"\x7f" + b"\xff" * 7 + bytes(4), b"\x80\x80" + bytes(4), b"\x81\x82" + bytes(4) + b"\xff\xfe",
        *(dice.randbytes(500) for _ in range(10)),
    ):  # fmt: skip
        with socket.create_connection(("127.0.0.1", show.stack.http), 15) as line:
            key = base64.b64encode(os.urandom(16)).decode()
            line.sendall((
                f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{show.stack.http}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            ).encode())  # fmt: skip
            assert line.recv(4096).startswith(b"HTTP/1.1 101")
            line.sendall(wrong)
            assert ends(line), wrong[:20]


def ends(line: socket.socket) -> bool:
    try:
        while line.recv(4096):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


def test_a_message_in_endless_pieces_is_cut_off(bystanders: Bystanders) -> None:
    """Fragments that add up to more than 64 KB: 1009, or a reset where bytes were still on their way."""

    def pieces() -> Iterator[str]:
        yield "42"
        for _ in range(17):
            yield "x" * 4096

    with signed_in(bystanders.show) as line:
        with suppress(ConnectionClosed):
            line.send(pieces())
        assert farewell(line)[0] in (1009, None)


def test_a_page_of_another_site_gets_no_socket(bystanders: Bystanders) -> None:
    """A foreign Origin is refused as soon as a token says which app it is about, what is no page at all
    before; the own one is let in."""
    show = bystanders.show
    with pytest.raises(InvalidStatus, match="HTTP 40"), websocket(show, origin="null"):
        pass
    for origin in ("http://evil.example", f"http://127.0.0.1:{show.stack.http}.evil.example"):
        with websocket(show, origin=origin) as line:
            line.recv(5)
            line.send("40" + json.dumps({"token": show.session()["user_token"]}))
            assert "may not connect for this app" in str(line.recv(5))
    with websocket(show, origin=f"http://127.0.0.1:{show.stack.http}") as line:
        assert str(line.recv(5)).startswith("0{")
