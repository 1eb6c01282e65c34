"""What surrounds the picture, in a whole stack with an encoder: its head, its poster, its followers."""

import os
import re
import signal
import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.e2e.conftest import Show
from tests.support.chat_nodes import eventually
from tests.support.servers import wait_until

PAGE = "<html><head><title>Watch</title></head><body></body></html>"
FANS = 12


class Mailboxes(socketserver.ThreadingTCPServer):
    """A mail server. While `held`, the letters after the third wait before they are taken."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.lock, self.letters = threading.Lock(), list[tuple[str, str]]()
        self.held, self.stuck = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def got(self, what: str) -> Counter[str]:
        with self.lock:
            return Counter(to for to, letter in self.letters if what in letter)


class Talk(socketserver.StreamRequestHandler):
    server: Mailboxes

    def handle(self) -> None:
        to = ""
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                to = re.findall(rb"<(.*)>", line)[0].decode()
            elif verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                letter = b"".join(iter(self.rfile.readline, b".\r\n")).decode()
                if self.server.held.is_set() and len(self.server.letters) >= FANS + 3:
                    self.server.stuck.set()
                    return
                with self.server.lock:
                    self.server.letters.append((to, letter.replace("=\r\n", "").replace("=3D", "=")))
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


@pytest.fixture
def mailboxes() -> Iterator[Mailboxes]:
    with Mailboxes() as server:
        yield server
        server.shutdown()


Make = Callable[[float], Show]


@pytest.fixture
def make(make_stack: Callable[..., Show], mailboxes: Mailboxes, tmp_path: Path) -> Make:
    """A stack that gives a vanished encoder so many seconds."""
    (tmp_path / "watch.html").write_text(PAGE)
    mail = f"smtp://127.0.0.1:{mailboxes.server_address[1]}"
    return lambda grace_s: make_stack(
        PLAYER_DIR=tmp_path, SMTP_URL=mail, FOLLOWER_MAILS_PER_S=5, RECONNECT_GRACE_S=grace_s
    )


def followed(show: Show, mailboxes: Mailboxes) -> None:
    """By so many who press the button in their mail."""
    for number in range(FANS):
        body = {"email": f"u{number}@x.example"}
        status, answer = show.stack.ask("POST", f"/v1/watch/{show.playback}/followers", body)
        assert (status, answer) == (202, {"kind": "email", "unsubscribe": None})
    wait_until(lambda: len(mailboxes.letters) == FANS, "the mails that ask", 30)
    for _, letter in list(mailboxes.letters):
        path = re.search(r"(/v1/followers/confirm\?token=\w+)", letter)
        assert path is not None, letter
        assert show.stack.ask("POST", path[1])[0] == 200


def test_followers_are_told_once_also_when_the_application_is_killed(
    make: Make, mailboxes: Mailboxes
) -> None:
    """In the middle of a page, and the encoder may be lost with it; its reconnect tells nobody anything."""
    show = make(300)
    followed(show, mailboxes)
    mailboxes.held.set()
    publisher = show.publish()
    show.wait_state("live")
    assert mailboxes.stuck.wait(30)
    os.kill(show.stack.pid_of("--listen"), signal.SIGKILL)
    mailboxes.held.clear()
    everybody = {f"u{number}@x.example" for number in range(FANS)}
    wait_until(lambda: set(mailboxes.got("List-Unsubscribe-Post")) == everybody, "the mail to everybody", 240)
    told = mailboxes.got("List-Unsubscribe-Post")
    assert sum(told.values()) <= FANS + 5, told
    marks = {
        letter.partition("Message-ID: ")[2].partition("\n")[0]
        for _, letter in mailboxes.letters
        if "Post" in letter
    }
    assert len(marks) == FANS
    before = sum(told.values())
    publisher.stop()
    show.wait_state("interrupted")
    again = show.publish()
    show.wait_state("live")
    head: dict[str, Any] = {}
    wait_until(
        lambda: head.update(text=show.text(f"/watch/{show.playback}")) or "og:image" in head["text"],
        "the head",
    )
    assert "twitter:card" in head["text"]
    status, oembed = show.stack.get(f"/oembed?url={show.card['watch']}")
    assert (status, oembed["type"]) == (200, "video")
    wait_until(lambda: show.stack.get(f"/v1/watch/{show.playback}/poster.jpg")[0] == 200, "the live picture")
    assert show.stack.get(f"/v1/watch/{show.playback}/poster.jpg")[1][:3] == b"\xff\xd8\xff"
    assert sum(mailboxes.got("List-Unsubscribe-Post").values()) == before
    again.stop()


def test_a_stream_that_is_over_shows_its_recording(make: Make) -> None:
    show = make(2)
    publisher = show.publish()
    show.wait_state("live")
    path = f"/v1/watch/{show.playback}"
    wait_until(lambda: show.stack.get(f"{path}/poster.jpg")[0] == 200, "the live picture")
    publisher.stop()
    show.wait_state("idle")
    wait_until(lambda: show.stack.get(f"{path}/recordings")[1]["data"], "the recording", 60)
    (recording,) = show.stack.get(f"{path}/recordings")[1]["data"]
    assert recording["duration_s"] > 0
    wait_until(lambda: show.stack.get(f"{path}/poster.jpg")[0] == 200, "the recording's picture")
    status, picture = show.stack.get(recording["poster"])
    assert (status, picture[:3]) == (200, b"\xff\xd8\xff")


async def test_an_overlay_reads_until_its_link_is_replaced(make: Make) -> None:
    """Over both rooms, as OBS has it: the key opens a session, the session a socket, and both end with the key."""
    show = make(2)
    member, stream = show.member(), show.stack.get(f"/v1/watch/{show.playback}")[1]["id"]
    path = f"/v1/streams/{stream}/overlay"
    key = show.stack.ask("POST", path, headers=member)[1]["key"]
    status, session = show.stack.ask("POST", "/v1/overlay-sessions", {"key": key})
    assert (status, session["channel"], session["viewers"]) == (201, show.channel, 0)
    overlay, ann = (socketio.AsyncClient(reconnection=False) for _ in range(2))
    read = list[str]()

    async def note(data: dict[str, str]) -> None:
        read.append(data["text"])

    overlay.on("chat.message.new", note)
    guest = show.session("Ann")["user_token"]
    for client, token in ((overlay, session["user_token"]), (ann, guest)):
        await client.connect(show.stack.address, auth={"token": token}, transports=["websocket"])
    try:
        assert (await overlay.call("channel.join", {"channel": show.channel}))["viewers"] == 0
        assert (await ann.call("channel.join", {"channel": show.channel}))["viewers"] == 1
        message = {"channel": show.channel, "cid": "c", "text": "hello"}
        assert (await ann.call("chat.send", message))["ok"]
        await eventually(lambda: read == ["hello"])
        assert (await overlay.call("chat.send", message))["error"]["code"] == "forbidden"
        assert show.stack.ask("POST", path, headers=member)[0] == 201
        await eventually(lambda: not overlay.connected)
        assert ann.connected
        assert show.stack.ask("POST", "/v1/overlay-sessions", {"key": key})[0] == 401
        token = {"token": session["user_token"]}
        with pytest.raises(socketio.exceptions.ConnectionError):
            await overlay.connect(show.stack.address, auth=token, transports=["websocket"])
    finally:
        await overlay.disconnect()
        await ann.disconnect()
