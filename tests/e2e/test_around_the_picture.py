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

from tests.e2e.conftest import Show
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


@pytest.fixture
def show(make_stack: Callable[..., Show], mailboxes: Mailboxes, tmp_path: Path) -> Show:
    (tmp_path / "watch.html").write_text(PAGE)
    port = mailboxes.server_address[1]
    return make_stack(
        PLAYER_DIR=tmp_path, SMTP_URL=f"smtp://127.0.0.1:{port}", FOLLOWER_MAILS_PER_S=5, RECORDING="true"
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
    show: Show, mailboxes: Mailboxes
) -> None:
    """In the middle of a page; a reconnect of the encoder tells nobody anything."""
    followed(show, mailboxes)
    mailboxes.held.set()
    publisher = show.publish()
    show.wait_state("live")
    assert mailboxes.stuck.wait(30)
    os.kill(show.stack.pid_of("--listen"), signal.SIGKILL)
    mailboxes.held.clear()
    everybody = {f"u{number}@x.example" for number in range(FANS)}
    wait_until(lambda: set(mailboxes.got("List-Unsubscribe-Post")) == everybody, "the mail to everybody", 90)
    wait_until(lambda: show.state() == "live", "the stream after the crash", 60)
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


def test_a_stream_that_is_over_shows_its_recording(show: Show) -> None:
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
