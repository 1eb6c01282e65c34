"""What reaches the application through the web server: nothing that a client wrote into an address or a
header reads as another line, whatever its characters are."""

import gzip
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import self_signed
from tests.support.web_front import WebFront, web_front

PLY, REC = "ply_" + "1" * 26, "rec_" + "1" * 26
TOKEN = ("eyJhbGciOiJIUzI1NiJ9", "eyJpc3MiOiJ3ZWlyIn0", "c2lnbmF0dXJlLXdpdGgtNDMtY2hhcmFjdGVycy4uLi4")
FILES = {
    "part": (PLY, "p_run_v360_1_0", "m4s"), "segment": (PLY, "s_run_v360_1", "m4s"), "init": (PLY, "i_run_v360", "mp4"),
    "playlist": (PLY, "v360", "m3u8"), "key": (PLY, "k_run_1", "key"), "recording": (REC, "v360", "m3u8"), "file": (REC, "v360", "mp4"),
}  # fmt: skip
CONTROLS = [*range(0x21), 0x7F]
ASKED = re.compile(
    rb"GET /(internal/hls_access|(origin|recorded)/(ply|rec)_1{26}/[A-Za-z0-9_-]+\.[a-z0-9]+(\?[A-Za-z0-9_=&.,%+-]+)?) HTTP/1\.[01]"
)
WRITTEN = {b"X-Internal-Secret", b"X-Playback-Id", b"X-Playback-Token", b"X-Forwarded-For", b"Host"}


@pytest.fixture(scope="module", params=["files", "nchan"])
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFront]:
    """With TLS on a second port, for HTTP/2."""
    folder = tmp_path_factory.mktemp("w")
    with web_front(folder, edge=request.param) as made:
        yield made


def get(target: bytes, more: bytes = b"") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\nHost: weir.test\r\nConnection: close\r\n" + more + b"\r\n"


def pieces(kind: str) -> list[str]:
    """The captured parts of an address, in order, with what is between them."""
    playback, file, suffix = FILES[kind]
    return ["/hls/", TOKEN[0], ".", TOKEN[1], ".", TOKEN[2], "/", playback, "/", file, f".{suffix}"]


def planted(kind: str, what: bytes) -> Iterator[bytes]:
    """The address with `what` within, before and after each captured part."""
    parts = [piece.encode() for piece in pieces(kind)]
    for place in (1, 3, 5, 7, 9, 10):
        for at in {0, len(parts[place]) // 2, len(parts[place])}:
            changed = parts[place][:at] + what + parts[place][at:]
            yield b"".join([*parts[:place], changed, *parts[place + 1 :]])


def checked(front: WebFront, requests: list[bytes]) -> None:
    """Each line of each request is one that our own web server writes, once."""
    for request in requests:
        first, *lines = request.split(b"\r\n")
        names = [line.partition(b": ")[0] for line in lines]
        assert len(names) == len(set(names)), request
        assert set(names) <= WRITTEN, request
        assert ASKED.fullmatch(first), request
        for line in lines:
            assert re.fullmatch(rb"[A-Za-z-]+: [\x21-\x7e]+", line), request


@pytest.mark.parametrize("kind", FILES)
def test_what_is_asked_for_a_good_address(front: WebFront, kind: str) -> None:
    """The application sees exactly these lines, with our own first, and nothing else of what the client
    sent."""
    front.upstream.forget()
    forged = b"X-Playback-Id: ply_other\r\nX-Internal-Secret: guess\r\nX-Forwarded-For: 203.0.113.1\r\nContent-Length: 3\r\n\r\nabc"
    front.send(
        b"GET "
        + "".join(pieces(kind)).encode()
        + b" HTTP/1.1\r\nHost: weir.test\r\nConnection: close\r\n"
        + forged
    )
    decision, *others = front.upstream.since()
    assert decision.split(b"\r\n") == [
        b"GET /internal/hls_access HTTP/1.1", b"X-Internal-Secret: " + front.secret.encode(), b"X-Playback-Id: " + FILES[kind][0].encode(),
        b"X-Playback-Token: " + ".".join(TOKEN).encode(), b"X-Forwarded-For: 127.0.0.1", b"Host: weir",
    ]  # fmt: skip
    checked(front, others)
    assert len(others) == 1


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("how", ["encoded", "raw", "followed"])
def test_no_control_character_goes_on(front: WebFront, kind: str, how: str) -> None:
    """Each of them, and a space, in each captured part of each address: nothing arrives, or the very request
    of a good address."""
    front.upstream.forget()
    for code in CONTROLS:
        what = {
            "encoded": b"%%%02x" % code,
            "raw": bytes([code]),
            "followed": b"%%%02X%%0aX-Playback-Id:%%20%s" % (code, PLY.encode()),
        }[how]
        for target in planted(kind, what):
            before = len(front.upstream.since())
            answer = front.send(get(target))
            if how != "raw":  # a raw line end after an address ends a good request line
                assert answer.partition(b" ")[2][:3] in (b"400", b"403"), target
                assert len(front.upstream.since()) == before, target
    checked(front, front.upstream.since())


def test_nothing_but_the_form_of_a_token_is_asked_about(front: WebFront) -> None:
    """Two parts, four parts, empty ones, other alphabets, and one that is longer than any."""
    front.upstream.forget()
    good = ".".join(TOKEN)
    wrong = [
        "x",
        "a.b",
        ".a.",
        f"{TOKEN[0]}.{TOKEN[1]}",
        good + ".x",
        good + "=",
        good + "%2e",
        good.replace("e", "ä"),
        good.replace(".", "." + "p" * 4500, 1),
    ]
    for token in wrong:
        for playback, file, suffix in FILES.values():
            assert front.send(get(f"/hls/{token}/{playback}/{file}.{suffix}".encode())).startswith(
                b"HTTP/1.1 403"
            ), token
    assert front.upstream.since() == []


def test_a_query_goes_on_only_as_what_players_ask(front: WebFront) -> None:
    """`_HLS_` words do; what has other characters is as if it were not there."""
    playlist = "".join(pieces("playlist")).encode()
    for query, shown in ((b"?_HLS_msn=4&_HLS_part=2&_HLS_skip=YES", b"?_HLS_msn=4&_HLS_part=2&_HLS_skip=YES"), (b"?a=%20%0d", b"?a=%20%0d"),
                         (b"?a=\"b;c'", b""), (b"?" + b"a" * 400, b"")):  # fmt: skip
        front.upstream.forget()
        front.send(get(playlist + query))
        assert front.upstream.since()[-1].split(b" ")[1] == b"/origin/" + PLY.encode() + b"/v360.m3u8" + shown
    front.upstream.forget()
    for code in [*range(0x20), 0x7F]:
        front.send(get(playlist + b"?_HLS_msn=1" + bytes([code]) + b"X: y"))
    checked(front, front.upstream.since())


def test_headers_of_a_client_stay_its_own(front: WebFront) -> None:
    """Of those that nginx writes, none is the client's: address, scheme, id of the request, upgrade."""
    sent = b"X-Forwarded-For: 203.0.113.1\r\nX-Forwarded-Proto: https\r\nX-Request-Id: a b\tc\r\nX_Internal_Secret: x\r\nUpgrade: h2c\r\n"
    for path in (
        b"/v1/streams",
        b"/v1/channels/x",
        b"/v1/recordings",
        b"/v1/vod",
        b"/socket.io/?EIO=4",
        b"/v1/events/ws",
        b"/healthz",
    ):
        front.upstream.forget()
        front.send(get(path, sent))
        (request,) = front.upstream.since()
        assert request.count(b"X-Forwarded-For: 127.0.0.1") == request.count(b"X-Forwarded-") - 1 == 1, (
            request
        )
        assert b"X-Forwarded-Proto: http\r\n" in request + b"\r\n", request
        assert re.search(rb"\r\nX-Request-Id: [0-9a-f]{32}(\r\n|$)", request), request
        for foreign in (b"203.0.113", b"h2c", b"a b", b"Internal"):
            assert foreign not in request, request


@pytest.mark.parametrize(
    "before", ["/socket.io/", "/healthz", "/watch/x", "/", "/assets/", "/hls/", "/origin/", "/metrics"]
)
@pytest.mark.parametrize("what", ["%0d%0aX-Evil:%20y", "%0aX-Evil:y", "%00"])
def test_other_addresses_with_control_characters_are_refused(front: WebFront, before: str, what: str) -> None:
    """None of ours has one; no answer's header shows it either."""
    front.upstream.forget()
    answer = front.send(get((before + what).encode()))
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert b"X-Evil" not in answer.partition(b"\r\n\r\n")[0]
    assert front.upstream.since() == []


@pytest.mark.parametrize(
    "before", ["/v1/streams/", "/v1/streams/x/recordings", "/v1/channels/", "/v1/recordings/", "/v1/vod/"]
)
def test_addresses_of_the_api_go_on_as_they_were_sent(front: WebFront, before: str) -> None:
    """With what is encoded in them still encoded: one line, whatever it would mean."""
    for code in CONTROLS:
        front.upstream.forget()
        target = f"{before}%{code:02x}X-Evil:%20y".encode()
        front.send(get(target))
        found = front.upstream.since()
        assert [one.split(b"\r\n")[0] for one in found] == (
            [b"GET " + target + b" HTTP/1.1"] if code else []
        ), target
        assert b"\r\nX-Evil" not in b"".join(found)
        front.send(get(before.encode() + bytes([code]) + b"X-Evil: y"))
        assert b"\nX-Evil" not in b"".join(front.upstream.since())


def test_nothing_but_a_playlists_position_is_a_channel(front: WebFront) -> None:
    """Who knows the secret may post to nothing else; who does not, to none."""
    if front.settings.edge != "nchan":
        pytest.skip("playlists are posted with nchan only")

    def post(channel: str, secret: str) -> int:
        argv = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", str(front.settings.edge_socket), "-d", "x",
                "-H", f"X-Internal-Secret: {secret}", "--path-as-is", f"http://edge/publish/{channel}"]  # fmt: skip
        return int(subprocess.run(argv, capture_output=True, check=True).stdout)

    assert post(f"{PLY}/v360.m3u8/4.2", front.secret) in (201, 202)
    assert post(f"{PLY}/v360.m3u8/4.2", "guess") == 403
    for code in CONTROLS:
        for channel in (
            f"{PLY}%{code:02x}/v360.m3u8/4.2",
            f"{PLY}/v360%{code:02x}.m3u8/4.2",
            f"{PLY}/v360.m3u8/4.2%{code:02x}",
        ):
            assert post(channel, front.secret) in (400, 403), channel


def test_playlists_come_packed_to_those_who_take_it(front: WebFront) -> None:
    """A recording's, which is a file, and one that nginx holds; to others as they are. A proxy on the way
    changes nothing."""
    text, hls = b"#EXTM3U\n" + b"#EXTINF:2.0,\n" * 200, "/hls/" + ".".join(TOKEN)
    (front.settings.data / "recordings" / REC).mkdir(parents=True, exist_ok=True)
    (front.settings.data / "recordings" / REC / "v360.m3u8").write_bytes(text)
    asked = [f"{hls}/{REC}/v360.m3u8"]
    if front.settings.edge == "nchan":
        asked.append(f"{hls}/{PLY}/v360.m3u8?_HLS_msn=7&_HLS_part=0")
        (front.settings.live / "hls" / PLY / "next").mkdir(parents=True)
        (front.settings.live / "hls" / PLY / "next" / "7.0").touch()
        for channel, body in (("7.0", text), ("7.0gzip", gzip.compress(text))):
            argv = [
                "curl", "-sf", "--unix-socket", str(front.settings.edge_socket), "--data-binary", "@-",
                "-H", f"X-Internal-Secret: {front.secret}", "-H", "Content-Type: application/vnd.apple.mpegurl",
                f"http://edge/publish/{PLY}/v360.m3u8/{channel}",
            ]  # fmt: skip
            subprocess.run(argv, input=body, capture_output=True, check=True)
    for path in asked:
        for via in ({}, {"Via": "1.1 cdn"}):
            packed = front.ask(path, Accept_Encoding="gzip, br", **via)
            assert (packed.status, packed.headers["Content-Encoding"]) == (200, "gzip"), path
            assert packed.headers["Content-Type"].startswith("application/vnd.apple.mpegurl")
            assert gzip.decompress(packed.content) == text  # type: ignore[attr-defined]
        plain = front.ask(path)
        assert plain.headers["Content-Encoding"] is None
        assert plain.content == text  # type: ignore[attr-defined]


def test_without_a_cdn_nothing_goes_without_a_token(front: WebFront) -> None:
    """Not even by a name that exists."""
    name = "p_" + "a" * 32 + "_v360_1_0.m4s"
    (front.settings.live / "hls" / PLY).mkdir(parents=True, exist_ok=True)
    (front.settings.live / "hls" / PLY / name).touch()
    assert front.ask(f"/media/{PLY}/{name}").status == 404


def test_http_2_is_no_way_around(tmp_path: Path) -> None:
    """The same addresses by HTTP/2, where lines have lengths instead of ends."""
    certificate, key = self_signed(tmp_path)
    with web_front(tmp_path, tls_certificate=certificate, tls_key=key) as front:
        front.upstream.forget()
        targets = [
            target.decode("latin-1")
            for code in (0x0A, 0x0D, 0x00, 0x20)
            for target in planted("playlist", b"%%%02xX-Playback-Id:%%20x" % code)
        ]
        urls = [f"https://127.0.0.1:{front.settings.https_port}{target}" for target in targets]
        said = subprocess.run(
            ["curl", "-sk", "--http2", "-w", "\n%{http_version} %{http_code}\n", *urls],
            capture_output=True,
            text=True,
            check=False,
        )
        codes = re.findall(r"^2 (\d+)$", said.stdout, re.MULTILINE)
        assert len(codes) == len(urls)
        assert set(codes) <= {"400", "403", "404"}
        assert front.upstream.since() == []
