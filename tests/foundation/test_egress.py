"""Whatever a customer's URL says, nothing inside is reached; whatever the other side does, it stays small."""

import asyncio
import datetime
import gzip
import random
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.foundation.egress import Egress, EgressAnswer, check_headers, client, resolver
from weir.foundation.egress.rules import Rules, Unusable, is_public
from weir.foundation.errors import Invalid
from weir.foundation.settings import Settings

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CODES = {"", "address_refused", "dns", "connect", "tls", "timeout", "reset", "too_large", "invalid"}
NOT_TRIED = {"address_refused", "invalid", "dns"}
GOOD, INSIDE = "127.0.0.2", "127.0.0.1"  # the first stands for a public address: it is allowed

# Where a name leads, and PORT stands for the port of a server that counts its visitors.
NAMES = {
    "loopback.test": [INSIDE],
    "loopback6.test": ["::1"],
    "both.test": [INSIDE, "::1", "10.0.0.1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "nat64.test": ["64:ff9b::7f00:1"],
    "metadata.test": ["169.254.169.254"],
    "zero.test": ["0.0.0.0"],
    "localhost": [INSIDE],
    "localhost.localdomain": [INSIDE],
    "app.localhost": [INSIDE],
    "redis": ["172.18.0.2"],
    "xn--bcher-kva.test": [INSIDE],
}
HOSTS = [
    # IPv4 in every spelling that some program reads as loopback
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "2130706433", "017700000001", "0177.0.0.1", "0x7f.1", "0x7f000001",
    "0x7F.0x0.0x0.0x1", "127.0.0.01", "127.000.000.001", "127.1.", "0", "0.0.0.0", "127.255.255.254", "127.0.0.1..",
    "１２７.0.0.1", "①②⑦.0.0.1", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "127%2e0%2e0%2e1", "%31%32%37.0.0.1", "4294967297",
    # other networks that are not the internet
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.100.100.200", "169.254.169.254",
    "169.254.170.2", "192.0.0.1", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1", "168.63.129.16", "2852039166", "0xa9fea9fe",
    # IPv6
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "[::7f00:1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[2001:db8::1]", "[3fff::1]", "[fe80::1]", "[fe80::1%25lo]", "[::1%25lo]", "[::1%25]",
    "[fec0::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[100::1]", "[5f00::1]", "[::ffff:169.254.169.254]", "[::ffff:0:127.0.0.1]",
    # names
    *NAMES, "LOCALHOST", "Loopback.TEST", "loopback.test.", "bücher.test",
]  # fmt: skip
TRICKS = [
    "http://public.test:PORT@127.0.0.1:PORT/", "http://user:secret@127.0.0.1:PORT/", "http://@127.0.0.1:PORT/",
    "http://public.test\\@127.0.0.1:PORT/", "http://127.0.0.1:PORT\\@public.test/", "http://127.0.0.1:PORT#@public.test/",
    "http://127.0.0.1:PORT?@public.test/", "http://127.0.0.1:PORT/@public.test", "http:127.0.0.1:PORT/", "http:/127.0.0.1:PORT/",
    "http:///127.0.0.1:PORT/", "http://\t127.0.0.1:PORT/", "http://127.0.0.1\r\nx:PORT/", "http://127.0.0.1:PORT\x00.public.test/",
    "//127.0.0.1:PORT/", "ftp://127.0.0.1:PORT/", "file:///etc/passwd", "gopher://127.0.0.1:PORT/_x", "dict://127.0.0.1:PORT/",
    "unix:/run/app.sock", "http+unix://%2Frun%2Fapp.sock/", "ws://127.0.0.1:PORT/", "javascript:alert(1)", "data:text/plain,x",
    "http://[::1]:PORT@public.test/", "http://[::ffff:127.0.0.1/", "http://:PORT/", "http://", "",
]  # fmt: skip


def settings_of(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


@asynccontextmanager
async def opened(**given: Any) -> AsyncIterator[Egress]:
    one = Egress(settings_of(**given))
    try:
        yield one
    finally:
        await one.close()


class Server:
    """Listens on loopback, counts visitors and bytes sent, and serves as a test says."""

    def __init__(self, serve: Serve | None = None) -> None:
        self.visits: Counter[str] = Counter()
        self.requests = 0
        self.sent = 0
        self.serve = serve or plain
        self.port = 0
        self.hang = asyncio.Event()
        self._servers: list[asyncio.Server] = []

    async def start(self, *hosts: str, tls: ssl.SSLContext | None = None) -> None:
        for host in hosts:
            server = await asyncio.start_server(self._visited, host, self.port, ssl=tls)
            self.port = self.port or server.sockets[0].getsockname()[1]
            self._servers.append(server)

    async def _visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits[writer.get_extra_info("sockname")[0]] += 1
        try:
            await self.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()

    async def stop(self) -> None:
        for server in self._servers:
            server.close()


async def asked(reader: asyncio.StreamReader) -> str:
    """One request: its head, and its body is read away."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    for line in head.split("\r\n"):
        if line.lower().startswith("content-length:"):
            await reader.readexactly(int(line.split(":")[1]))
    return head


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await asked(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    one = Server()
    await one.start("127.0.0.1", GOOD)
    yield one
    await one.stop()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A name server that says what it is told; a callable value decides at each question."""
    table: dict[str, Any] = dict(NAMES)

    def look_up(host: str, port: int, _family: int) -> list[Any]:
        found = table.get(host.rstrip(".").lower())
        found = found() if callable(found) else found
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (one, port, 0, 0))
            if ":" in one
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in found
        ]

    monkeypatch.setattr(resolver, "look_up", look_up)
    return table


async def get(one: Egress, url: str, timeout_s: float = 10.0, **more: Any) -> EgressAnswer:
    return await one.request("GET", url, headers={}, timeout_s=timeout_s, **more)


# -- what must not be reached


async def test_no_spelling_of_an_inner_address_is_called(names: dict[str, Any]) -> None:
    """More than a hundred targets, by http and https, and nobody knocks on any of the listening doors."""
    inner = Server()
    await inner.start("0.0.0.0")
    if socket.has_ipv6:
        six = socket.socket(socket.AF_INET6)
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        six.bind(("::", inner.port))
        inner._servers.append(await asyncio.start_server(inner._visited, sock=six))
    urls = [f"{scheme}://{host}:{inner.port}/" for host in HOSTS for scheme in ("http", "https")]
    urls += [one.replace("PORT", str(inner.port)) for one in TRICKS]
    assert len(HOSTS) + len(TRICKS) > 100
    async with opened(egress_http=True) as one:
        for url in urls:
            answer = await get(one, url)
            assert answer.error in NOT_TRIED and answer.status == 0, (url, answer)
            assert answer.detail, url
    assert inner.visits == Counter()
    await inner.stop()


@pytest.mark.parametrize("host", [one for one in HOSTS if one not in NAMES and "test" not in one.lower()])
def test_an_inner_literal_cannot_even_be_saved(host: str) -> None:
    with pytest.raises(Invalid):
        Egress(settings_of(egress_http=True)).check(f"https://{host}:8443/")


@pytest.mark.parametrize("url", TRICKS)
def test_tricks_cannot_be_saved(url: str) -> None:
    with pytest.raises(Invalid):
        Egress(settings_of(egress_http=True)).check(url.replace("PORT", "8443"))


async def test_a_name_that_changes_its_mind_is_refused(
    server: Server, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: a good address first and an inner one second."""
    monkeypatch.setattr(client, "DNS_CACHE_S", -1)
    answers = iter([[GOOD], [INSIDE]])
    names["rebinds.test"] = lambda: next(answers)

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()

    server.serve = once
    async with opened(egress_allow=[f"{GOOD}/32"]) as one:
        first = await get(one, f"http://rebinds.test:{server.port}/")
        second = await get(one, f"http://rebinds.test:{server.port}/")
    assert (first.status, first.body) == (200, b"ok")
    assert (second.status, second.error) == (0, "address_refused")
    assert server.visits == {GOOD: 1}


@pytest.mark.parametrize("order", [[INSIDE, GOOD], [GOOD, INSIDE], ["::1", INSIDE, "10.0.0.1", GOOD]])
async def test_of_several_addresses_only_good_ones_are_tried(
    server: Server, names: dict[str, Any], order: list[str]
) -> None:
    names["several.test"] = order
    async with opened(egress_allow=[f"{GOOD}/32"]) as one:
        answer = await get(one, f"http://several.test:{server.port}/")
    assert answer.status == 200
    assert server.visits == {GOOD: 1}


async def test_a_redirect_is_an_answer(server: Server) -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        where = f"http://{INSIDE}:{server.port}/secret"
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    server.serve = redirect
    async with opened(egress_allow=[f"{GOOD}/32"]) as one:
        answer = await get(one, f"http://{GOOD}:{server.port}/")
    assert answer.status == 302 and answer.headers["location"].endswith("/secret")
    assert server.visits == {GOOD: 1}


async def test_a_proxy_of_the_environment_is_not_used(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{INSIDE}:{server.port}")
    async with opened(egress_allow=[f"{GOOD}/32"]) as one:
        assert (await get(one, f"http://{GOOD}:{server.port}/")).status == 200
    assert server.visits == {GOOD: 1}


async def test_the_refusal_does_not_tell_the_inner_address(names: dict[str, Any]) -> None:
    names["internal.test"] = ["10.20.30.40"]
    async with opened() as one:
        answer = await get(one, "https://internal.test/?token=t0ps3cret")
    assert answer.error == "address_refused"
    assert "10.20" not in answer.detail and "t0ps3cret" not in answer.detail
    assert "internal.test" in answer.detail


# -- settings


def test_plain_http_is_for_allowed_private_networks() -> None:
    strict, lan = Egress(settings_of()), Egress(settings_of(egress_allow=["10.0.0.0/8"]))
    for url in ("http://example.org/", "http://8.8.8.8/", "http://10.1.2.3:5678/"):
        with pytest.raises(Invalid):
            strict.check(url)
    lan.check("http://10.1.2.3:5678/")
    lan.check("http://n8n.lan:5678/")  # where it leads is seen when it is called
    with pytest.raises(Invalid, match="plain http"):
        lan.check("http://8.8.8.8/")
    Egress(settings_of(egress_http=True)).check("http://8.8.8.8/")


async def test_a_name_by_plain_http_must_lead_to_an_allowed_network(
    server: Server, names: dict[str, Any]
) -> None:
    names["lan.test"], names["outside.test"] = [GOOD], ["8.8.8.8"]
    async with opened(egress_allow=[f"{GOOD}/32"]) as one:
        assert (await get(one, f"http://lan.test:{server.port}/")).status == 200
        refused = await get(one, "http://outside.test/")
    assert refused.error == "address_refused" and "plain http" in refused.detail


@pytest.mark.parametrize("url", [
    "https://example.org", "https://example.org:8443/a?b=c", "https://8.8.8.8/x", "https://[2606:4700:4700::1111]/", "https://bücher.example/",
    "HTTPS://Example.ORG./", "https://a_b.example.org:1024/", "https://example.org/%20", "https://xn--bcher-kva.example/ä",
])  # fmt: skip
def test_ordinary_urls_may_be_saved(url: str) -> None:
    Egress(settings_of()).check(url)


@pytest.mark.parametrize("url", [
    "https://example.org/" + "a" * 2048, "https://" + "a." * 130 + "org/", "https://" + "a" * 64 + ".org/", "https://example.org:22/",
    "https://example.org:6379/", "https://example.org:27017/", "https://example.org:1935/", "https://example.org:0/", "https://example.org:65536/",
    "https://example.org/#x", "https://example.org/#", "https://ex ample.org/", "https://-a.org/", "https://a..b/", "https://.org/", "https://a,b/",
])  # fmt: skip
def test_unusual_urls_may_not(url: str) -> None:
    with pytest.raises(Invalid):
        Egress(settings_of()).check(url)


PARTS = st.sampled_from(
    ["http", "https", ":", "//", "/", "@", "[", "]", "::", "127.0.0.1", "%", "%00", "%2e", ".", "..", "\\", "#", "?", "xn--", "é", "。", "\u200b",
     "\ud83d\ude00", "0x7f", "1", "65536", "example.org", "-", "localhost", " ", "\n", "\x00", "＠", "／", "℀", "ß", "\u202e"]
)  # fmt: skip


@given(st.lists(PARTS | st.text(max_size=3), max_size=12).map("".join))
@settings(max_examples=500)
def test_no_text_breaks_the_check(text: str) -> None:
    """It is refused with a sentence, or it is a URL whose host is a name or an address that is not inside."""
    rules = Rules([], http=True)
    for url in (text, "https://" + text):
        try:
            parsed = rules.parse(url)
        except Unusable as refusal:
            assert refusal.detail.endswith(".") and refusal.code in ("invalid", "address_refused")
            continue
        host = parsed.raw_host or ""
        assert host and parsed.scheme in ("http", "https") and not set(host) & set("@/\\?#% ")
        assert rules.refusal(host, only_private=False) == "" or not host.replace(".", "").isdigit()


def test_networks_are_networks() -> None:
    with pytest.raises(ValueError):
        settings_of(egress_allow=["10.0.0.1/8"])


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_no_special_address_is_public(address: Any) -> None:
    """What Python calls special is never public; the rest of the list is in the targets above."""
    mapped = address.version == 6 and address.ipv4_mapped
    if not mapped and (not address.is_global or address.is_multicast or address.is_reserved):
        assert not is_public(address)
    if address.version == 4:
        assert is_public(ip_address(f"::ffff:{address}")) == is_public(address)


@pytest.mark.parametrize("headers", [
    {"X-A": "a\r\nX-B: b"}, {"X-A\r\nX-B": "b"}, {"Host": "inner"}, {"content-length": "5"}, {"Transfer-Encoding": "chunked"}, {"X A": "b"}, {"": "x"},
    {"X-A": "a\x00"}, {"X-A": "a" * 8191}, {"Connection": "upgrade"}, {"X-Ä": "a"}, {"X-A": "€"},
])  # fmt: skip
async def test_headers_cannot_smuggle_a_request(server: Server, headers: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        check_headers(headers)
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        answer = await one.request("POST", f"http://{GOOD}:{server.port}/", headers=headers)
    assert answer.error == "invalid" and server.visits == Counter()


# -- an ordinary exchange


async def test_what_is_sent_and_answered(server: Server) -> None:
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heads.append(await asked(reader))
            writer.write(
                b"HTTP/1.1 202 Accepted\r\nX-A: 1\r\nX-A: 2\r\nSet-Cookie: s=1\r\nContent-Length: 3\r\n\r\n\x00\xff!"
            )
            await writer.drain()

    server.serve = serve
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        url = f"http://{GOOD}:{server.port}/hook?a=b"
        answers = [await one.request("POST", url, headers={"X-Mine": "é"}, body=b"{}") for _ in range(2)]
    assert (answers[0].status, answers[0].body, answers[0].error) == (202, b"\x00\xff!", "")
    assert answers[0].headers == {"x-a": "1, 2", "content-length": "3"}
    assert heads[0].startswith("POST /hook?a=b HTTP/1.1\r\n") and "Content-Length: 2" in heads[0]
    assert "Accept-Encoding: identity" in heads[0] and "User-Agent: Weir\r\n" in heads[0]
    assert "cookie" not in heads[1].lower()
    assert server.visits == {GOOD: 1}  # the connection was kept


async def test_the_body_is_kept_up_to_its_bound(server: Server) -> None:
    sizes = iter((64 * 1024, 64 * 1024 + 1))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        size = next(sizes)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size)
        await writer.drain()
        await reader.read()

    server.serve = serve
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        whole = await get(one, f"http://{GOOD}:{server.port}/1")
        cut = await get(one, f"http://{INSIDE}:{server.port}/2")
    assert (len(whole.body), whole.truncated) == (64 * 1024, False)
    assert (cut.status, len(cut.body), cut.truncated, cut.error) == (200, 64 * 1024, True, "")


# -- the other side misbehaves

HEAD = b"HTTP/1.1 200 OK\r\n"


def flood(server: Server, head: bytes, piece: bytes, most: int = 1 << 30) -> Serve:
    """Sends up to 1 GB for as long as somebody reads."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(head)
        while server.sent < most:
            writer.write(piece)
            await writer.drain()
            server.sent += len(piece)
            await asyncio.sleep(0)

    return serve


@pytest.mark.parametrize(("head", "piece"), [
    (HEAD + b"Content-Length: 1073741824\r\n\r\n", b"x" * 65536),
    (HEAD + b"\r\n", b"x" * 65536),  # to the end of the connection
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 1073741824\r\n\r\n", gzip.compress(b"\0" * 10_000_000)),
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 1073741824\r\n\r\n", b"x" * 65536),
])  # fmt: skip
async def test_a_gigabyte_is_not_read(server: Server, head: bytes, piece: bytes) -> None:
    server.serve = flood(server, head, piece)
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        answer = await get(one, f"http://{GOOD}:{server.port}/")
    assert answer.status in (200, 404) and answer.truncated and len(answer.body) == 64 * 1024
    assert server.sent < 16 << 20  # what the sockets' buffers hold


async def test_a_gzip_bomb_stays_packed(server: Server) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)[:60_000]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(HEAD + f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode() + bomb)
        await writer.drain()
        await reader.read()

    server.serve = serve
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        answer = await get(one, f"http://{GOOD}:{server.port}/")
    assert answer.status == 200 and answer.body == bomb


@pytest.mark.parametrize(("head", "piece", "codes"), [
    (HEAD, b"X-Filler: " + b"x" * 1000 + b"\r\n", {"too_large", "invalid"}),
    (HEAD + b"X-Long: ", b"x" * 65536, {"too_large", "invalid"}),
    (b"HTTP/1.1 200 ", b"x" * 65536, {"too_large", "invalid"}),
    (b"", b"x" * 65536, {"too_large", "invalid"}),
])  # fmt: skip
async def test_endless_headers_end(server: Server, head: bytes, piece: bytes, codes: set[str]) -> None:
    server.serve = flood(server, head, piece)
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        answer = await get(one, f"http://{GOOD}:{server.port}/")
    assert answer.status == 0 and answer.error in codes
    assert server.sent < 16 << 20


async def test_kept_headers_are_bounded(server: Server) -> None:
    many = b"".join(f"X-{n}: {'v' * 3000}\r\n".encode() for n in range(100))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(HEAD + many + b"Content-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.read()

    server.serve = serve
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        answer = await get(one, f"http://{GOOD}:{server.port}/")
    assert answer.status == 200
    assert sum(len(name) + len(value) for name, value in answer.headers.items()) <= 16 * 1024
    assert max(map(len, answer.headers.values())) <= 2048


@pytest.mark.parametrize("answer_with", [
    b"", b"\r\n", b"HTTP/1.1 200 OK\r\n", b"garbage\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 99999 OK\r\n\r\n", b"SSH-2.0-OpenSSH\r\n",
    HEAD + b"Content-Length: ten\r\n\r\nok", HEAD + b"Content-Length: -1\r\n\r\nok", HEAD + b"Content-Length: 50\r\n\r\nshort",
    HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk", HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nno\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nab",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabXX", HEAD + b"X: a\r\n b\r\n: c\r\n\r\n", b"-ERR unknown command 'POST'\r\n",
])  # fmt: skip
async def test_half_and_broken_answers_are_no_success(server: Server, answer_with: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(answer_with)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server.serve = serve
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        answer = await get(one, f"http://{GOOD}:{server.port}/")
    assert answer.status == 0 and answer.error in ("reset", "invalid", "too_large"), answer
    assert GOOD in answer.detail


async def test_random_answers_never_raise(server: Server) -> None:
    """400 answers, each broken somewhere: bytes changed, cut, doubled."""
    draw = random.Random(7)
    whole = (
        HEAD
        + b"Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"
    )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        broken = bytearray(whole)
        for _ in range(draw.randrange(1, 6)):
            at = draw.randrange(len(broken))
            match draw.randrange(4):
                case 0:
                    broken[at] = draw.randrange(256)
                case 1:
                    del broken[at : at + draw.randrange(12)]
                case 2:
                    broken[at:at] = broken[draw.randrange(len(broken)) :][: draw.randrange(60)]
                case 3:
                    broken[at:at] = draw.randbytes(draw.randrange(9))
            broken = broken or bytearray(b"\n")
        writer.write(bytes(broken))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server.serve = serve
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        for _ in range(400):
            answer = await get(one, f"http://{GOOD}:{server.port}/")
            assert answer.error in CODES and (answer.status == 0) == bool(answer.error)


def drip(head: bytes, piece: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)

    return serve


@pytest.mark.parametrize(("head", "piece"), [
    (b"", b""),
    (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    (HEAD + b"Content-Length: 50000\r\n\r\n", b"x"),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
])  # fmt: skip
async def test_a_drip_ends_with_the_timeout(server: Server, head: bytes, piece: bytes) -> None:
    server.serve = drip(head, piece)
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        answer = await get(one, f"http://{GOOD}:{server.port}/", timeout_s=0.4)
    assert (answer.status, answer.error) in {(0, "timeout"), (0, "too_large"), (0, "invalid")}
    if head.endswith(b"50000\r\n\r\n"):
        assert "status 200" in answer.detail


async def test_a_port_without_a_listener(server: Server) -> None:
    await server.stop()
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        answer = await get(one, f"http://{GOOD}:{server.port}/")
    assert (answer.status, answer.error) == (0, "connect")


# -- who hangs does not slow others


async def test_a_hanging_host_takes_nobody_elses_connections(server: Server) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if writer.get_extra_info("sockname")[0] == GOOD:
            await server.hang.wait()
        await plain(reader, writer)

    server.serve = serve
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        hanging = [
            asyncio.create_task(get(one, f"http://{GOOD}:{server.port}/", timeout_s=60)) for _ in range(300)
        ]
        while server.visits[GOOD] < len(hanging):
            await asyncio.sleep(0)
        for _ in range(200):
            assert (await get(one, f"http://{INSIDE}:{server.port}/")).status == 200
        assert not any(task.done() for task in hanging)
        server.hang.set()
        assert {(await task).status for task in hanging} == {200}


async def test_a_hanging_name_server_takes_nobody_elses_lookups(
    server: Server, names: dict[str, Any]
) -> None:
    """More names than there are threads, of a domain that never answers; then one of another domain."""
    free = Event()
    for n in range(100):
        names[f"h{n}.hangs.test"] = lambda: free.wait(60) and None
    names["quick.other"] = [GOOD]
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        hanging = [
            asyncio.create_task(get(one, f"http://h{n}.hangs.test:{server.port}/", timeout_s=60))
            for n in range(100)
        ]
        await asyncio.sleep(0)
        answer = await get(one, f"http://quick.other:{server.port}/")
        assert answer.status == 200 and not any(task.done() for task in hanging)
        free.set()
        assert {(await task).error for task in hanging} == {"dns"}


async def test_a_failed_name_is_not_asked_for_again_at_once(server: Server, names: dict[str, Any]) -> None:
    asked_for: list[int] = []
    names["missing.test"] = lambda: asked_for.append(1)
    async with opened() as one:
        answers = [await get(one, f"https://missing.test:{port}/") for port in (443, 8443, 8444)]
    assert {answer.error for answer in answers} == {"dns"} and "missing.test" in answers[0].detail
    assert len(asked_for) == 1


# -- TLS


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate for `name` that signs itself, and its file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, path


async def test_certificates_are_checked(
    tmp_path: Path, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, path = certificate(tmp_path, "known.test")
    names["known.test"] = names["other.test"] = [GOOD]
    server = Server()
    await server.start(GOOD, tls=context)
    async with opened(egress_allow=[f"{GOOD}/32"]) as one:
        unknown = await get(one, f"https://known.test:{server.port}/")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))  # now the system knows it
    async with opened(egress_allow=[f"{GOOD}/32"]) as one:
        known = await get(one, f"https://known.test:{server.port}/")
        other = await get(one, f"https://other.test:{server.port}/")
    assert (unknown.status, unknown.error) == (0, "tls") and "self-signed" in unknown.detail
    assert known.status == 200
    assert (other.status, other.error) == (0, "tls") and "other.test" in other.detail
    await server.stop()


async def test_a_handshake_that_never_ends_is_ended(server: Server) -> None:
    async def serve(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await server.hang.wait()

    server.serve = serve
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        answer = await get(one, f"https://{GOOD}:{server.port}/", timeout_s=0.4)
    assert (answer.status, answer.error) == (0, "timeout")
    server.hang.set()


async def test_plain_http_on_a_tls_port_is_said(server: Server) -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await server.hang.wait()

    server.serve = serve
    async with opened(egress_allow=["127.0.0.0/8"]) as one:
        answer = await get(
            one,
            f"https://{GOOD}:{server.port}/",
        )
    assert (answer.status, answer.error) == (0, "tls")


async def test_after_the_end_nothing_is_kept(server: Server) -> None:
    one = Egress(settings_of(egress_allow=["127.0.0.0/8"]))
    assert (await get(one, f"http://{GOOD}:{server.port}/")).status == 200
    await one.close()
    await one.close()
    assert not one._sessions
