"""What the web server keeps for everybody: pictures of public streams and the heads of their pages, and nothing
of a signed one. Whatever happens to the control room, a page is there."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.web_front import WebFront, web_front

PLY = "ply_" + "1" * 26
PAGE = "<html><head><title>Watch</title></head><body>héad</body></html>"
TAGS = '<meta property="og:title" content="&lt;!--# echo var=x --&gt;" />'
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
    player = tmp_path / "player"
    player.mkdir()
    (player / "watch.html").write_text(PAGE)
    (player / "overlay.html").write_text("overlay")
    (player / "kit.html").write_text("kit")
    with web_front(tmp_path, rooms, player_dir=player) as made:
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


def head(tags: str, more: str = "") -> bytes:
    body = tags.encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Accel-Expires: 10\r\n%bContent-Length: %d\r\n\r\n%b" % (
        more.encode(), len(body), body,
    )  # fmt: skip


def text(front: WebFront, path: str, **headers: str) -> str:
    reply = front.ask(path, **headers)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
    return reply.content.decode()  # type: ignore[attr-defined]


def test_a_page_has_the_head_of_its_stream(front: WebFront, rooms: Rooms) -> None:
    """Asked for once; nothing that the visitor sent reaches the room, and what it answers is not read again."""
    rooms.answer = head(TAGS)
    for path in (f"/watch/{PLY}", f"/watch/{PLY}/", f"/watch/{PLY}?token=secret"):
        assert text(front, path, Cookie="a=b", X_Forwarded_Host="evil.example") == PAGE.replace(
            "</head>", TAGS + "</head>"
        )
    (asked,) = rooms.asked
    assert asked.startswith(b"GET /internal/page_head HTTP/1.1\r\n")
    assert f"X-Playback-Id: {PLY}\r\n".encode() in asked
    assert b"secret" not in asked
    assert b"Cookie" not in asked
    assert b"evil" not in asked


def test_each_stream_has_its_own_head(front: WebFront, rooms: Rooms) -> None:
    for number in range(3):
        rooms.answer = head(f"<meta {number}>")
        assert f"<meta {number}></head>" in text(front, f"/watch/ply_{number}")
    assert front.ask(f"/embed/{PLY}").content.decode() == PAGE  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "status", ["403 Forbidden", "404 Not Found", "429 Too Many Requests", "500 x", "503 x"]
)
def test_a_refusal_leaves_the_page_as_it_is(front: WebFront, rooms: Rooms, status: str) -> None:
    rooms.answer = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    )
    assert text(front, f"/watch/{PLY}") == PAGE


def gone(_: bytes) -> bytes:
    raise ConnectionResetError


def test_without_the_control_room_the_page_is_there(front: WebFront, rooms: Rooms) -> None:
    """With the head that is known, and without one where none is."""
    rooms.answer = head(TAGS)
    assert TAGS in text(front, f"/watch/{PLY}")
    front.settings.app_socket.unlink()
    front.upstream._answer = gone  # connections that nginx has kept
    assert TAGS in text(front, f"/watch/{PLY}")
    assert text(front, "/watch/ply_other") == PAGE


def test_a_control_room_that_hangs_holds_no_page_up(front: WebFront, rooms: Rooms) -> None:
    """It is given a second; the room here takes a minute."""
    released = threading.Event()

    def hangs(_: bytes) -> bytes:
        released.wait(60)
        return head(TAGS)

    front.upstream._answer = hangs
    try:
        assert text(front, f"/watch/{PLY}") == PAGE
        assert not released.is_set()
    finally:
        released.set()


@pytest.mark.parametrize(
    ("path", "file"),
    [("/overlay/chat", "overlay"), ("/overlay/viewers", "overlay"), ("/overlay/alerts", "overlay"), ("/overlay/reactions", "overlay"),
     ("/kit", "kit")],
)  # fmt: skip
def test_further_pages_may_be_in_no_frame(front: WebFront, path: str, file: str) -> None:
    assert text(front, path) == file


@pytest.mark.parametrize(
    "path", ["/overlay", "/overlay/", "/overlay/chat/", "/overlay/other", "/overlay/chat%0a", "/kit/"]
)
def test_there_are_no_other_overlays(front: WebFront, path: str) -> None:
    assert front.ask(path).status in (400, 404)


def test_oembed_reaches_the_control_room(front: WebFront, rooms: Rooms) -> None:
    rooms.answer = head("{}")
    assert front.ask("/oembed?url=x").status == 200
    assert rooms.asked[0].startswith(b"GET /oembed?url=x HTTP/1.1")
