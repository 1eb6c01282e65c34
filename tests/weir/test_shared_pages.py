"""What the web server keeps for everybody: pictures of public streams, and nothing of a signed one."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.web_front import WebFront, web_front

PLY = "ply_" + "1" * 26
POSTER = f"/v1/watch/{PLY}/poster.jpg"


def picture(scope: str, kept: int) -> bytes:
    head = (
        "HTTP/1.1 200 OK", "Content-Type: image/jpeg", "Content-Length: 4", f"Cache-Control: {scope}, max-age=10",
        f"X-Accel-Expires: {kept}", "Vary: Origin", "Access-Control-Allow-Origin: https://a.example", "X-Request-Id: 12345678",
        "RateLimit-Remaining: 7",
    )  # fmt: skip
    return "\r\n".join(head).encode() + b"\r\n\r\njpeg"


class Rooms:
    """Answers with a picture: a private one to a token, otherwise what `answer` says."""

    def __init__(self) -> None:
        self.asked, self.answer, self.lock = list[bytes](), picture("public", 10), threading.Lock()

    def __call__(self, request: bytes) -> bytes:
        with self.lock:
            self.asked.append(request)
        return picture("private", 0) if b"token=" in request.split(b"\r\n")[0] else self.answer


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
def front(rooms: Rooms, tmp_path: Path) -> Iterator[WebFront]:
    with web_front(tmp_path, rooms) as made:
        yield made


def test_a_public_picture_is_asked_for_once(front: WebFront, rooms: Rooms) -> None:
    """However many want it; what concerned the first one who asked is in no other answer."""
    for number in range(30):
        reply = front.ask(POSTER, Origin=f"https://{number}.example")
        assert (reply.status, reply.content) == (200, b"jpeg")  # type: ignore[attr-defined]
        assert reply.headers["Cache-Control"] == "public, max-age=10"
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert not {"X-Request-Id", "RateLimit-Remaining", "Vary", "X-Accel-Expires"} & set(reply.headers)
    assert len(rooms.asked) == 1


def test_a_signed_picture_is_kept_for_nobody(front: WebFront, rooms: Rooms) -> None:
    for _ in range(3):
        assert front.ask(f"{POSTER}?token=abc").headers["Cache-Control"] == "private, max-age=10"
    rooms.answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    assert front.ask(POSTER).status == 403
    assert front.ask(f"{POSTER}?%74oken=abc").status == 403
    assert len(rooms.asked) == 5


def test_a_missing_picture_is_asked_for_again_soon(front: WebFront, rooms: Rooms) -> None:
    rooms.answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
    assert {front.ask(POSTER).status for _ in range(10)} == {404}
    assert len(rooms.asked) < 10
