"""The visitor's address and scheme come from the proxies that are named, and from no other client."""

import subprocess
from pathlib import Path

import pytest

from tests.support.servers import self_signed
from tests.support.web_front import WebFront, usual, web_front
from weir.foundation.settings import Settings, SettingsError, load

PROXY, SECOND, STRANGER = "127.0.0.2", "127.0.0.3", "127.0.0.4"
PAGE = "/v1/streams"


def seen(front: WebFront, source: str, path: str = PAGE, **headers: str) -> tuple[str, str]:
    """(address, scheme) as the application gets them."""
    front.upstream.forget()
    front.ask(path, source, **headers)
    told = dict(line.split(": ", 1) for line in front.upstream.since()[-1].decode().split("\r\n")[1:])
    return told["X-Forwarded-For"], told["X-Forwarded-Proto"]


def test_the_last_one_that_is_no_proxy_is_the_visitor(tmp_path: Path) -> None:
    """Through one and two proxies; the earlier entries of the list may be forged."""
    with web_front(tmp_path, trusted_proxies=[f"{PROXY}/32", f"{SECOND}/32", "2001:db8::/32"]) as front:
        for said, address in (
            ("198.51.100.9", "198.51.100.9"),
            ("203.0.113.1, 198.51.100.9", "198.51.100.9"),
            (f"203.0.113.1, 198.51.100.9, {SECOND}", "198.51.100.9"),
            ("203.0.113.1, 2001:db9::7, 2001:db8::1", "2001:db9::7"),
            ("nonsense", PROXY),
            ("", PROXY),
        ):
            assert seen(front, PROXY, X_Forwarded_For=said) == (address, "http"), said
        assert seen(front, PROXY) == (PROXY, "http")


def test_nobody_else_is_believed(tmp_path: Path) -> None:
    """Neither about an address nor about TLS; without the setting no proxy is."""
    forged = {
        "X_Forwarded_For": "198.51.100.9",
        "X_Forwarded_Proto": "https",
        "X_Real_IP": "198.51.100.9",
        "Forwarded": "for=198.51.100.9;proto=https",
    }
    with web_front(tmp_path, trusted_proxies=[PROXY]) as front:
        assert seen(front, STRANGER, **forged) == (STRANGER, "http")
        assert seen(front, STRANGER, "/socket.io/?EIO=4&transport=polling", **forged) == (STRANGER, "http")
        assert "strict-transport-security" not in {
            name.lower() for name, _ in front.ask("/v1/streams", STRANGER, **forged).getheaders()
        }
    (tmp_path / "none").mkdir()
    with web_front(tmp_path / "none") as front:
        assert seen(front, PROXY, **forged) == (PROXY, "http")


def test_a_decision_is_asked_with_the_visitors_address(tmp_path: Path) -> None:
    """Not with the proxy's: sessions are counted by it, and guesses."""
    token, playback = "a.b." + "c" * 43, "ply_" + "1" * 26
    with web_front(tmp_path, trusted_proxies=[PROXY]) as front:
        front.upstream.forget()
        front.ask(f"/hls/{token}/{playback}/v360.m3u8", PROXY, X_Forwarded_For="198.51.100.9")
        assert b"X-Forwarded-For: 198.51.100.9" in front.upstream.since()[0]


TLS_ALL_THE_WAY = ("https", "https, https")


@pytest.mark.parametrize("said", [*TLS_ALL_THE_WAY, "https, http", "http, https", "http", "ftp", "HTTPS", ""])
def test_tls_ends_at_a_proxy(tmp_path: Path, said: str) -> None:
    """It says so, on all of the way; then browsers are bound to it and nothing points back to us in clear."""
    scheme = "https" if said in TLS_ALL_THE_WAY else "http"
    with web_front(tmp_path, trusted_proxies=[PROXY]) as front:
        assert seen(front, PROXY, X_Forwarded_For="198.51.100.9", X_Forwarded_Proto=said) == (
            "198.51.100.9",
            scheme,
        )
        page = front.ask("/", PROXY, X_Forwarded_Proto=said)
        assert (page.status, page.headers["location"]) == (302, "/studio")
        assert page.headers["strict-transport-security"] == (
            "max-age=31536000" if scheme == "https" else None
        )


def test_an_installation_by_tls_says_so_whoever_ends_it(tmp_path: Path) -> None:
    """With WEIR_PUBLIC_URL=https://… alone, for all who come."""
    with web_front(tmp_path, public_url="https://live.example.org") as front:
        assert seen(front, STRANGER, X_Forwarded_Proto="http") == (STRANGER, "https")
        assert front.ask("/v1/streams").headers["strict-transport-security"] == "max-age=31536000"


def test_the_way_to_tls_is_the_public_name(tmp_path: Path) -> None:
    """Whatever Host is sent: a stored redirect must not lead elsewhere."""
    certificate, key = self_signed(tmp_path)
    with web_front(
        tmp_path, tls_certificate=certificate, tls_key=key, public_url="https://live.example.org"
    ) as front:
        for host in ("evil.example", "live.example.org:8080", "127.0.0.1"):
            answer = front.send(
                f"GET /watch/x?a=b HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
            )
            assert answer.startswith(b"HTTP/1.1 308")
            assert b"\r\nLocation: https://live.example.org/watch/x?a=b\r\n" in answer


def test_a_refused_upgrade_says_what_to_upgrade_to(tmp_path: Path) -> None:
    """426 has the header on HTTP/1.1, and not on HTTP/2, which forbids it."""

    def upgrade_required(_request: bytes) -> bytes:
        return b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n"

    certificate, key = self_signed(tmp_path)
    with web_front(tmp_path, upgrade_required, tls_certificate=certificate, tls_key=key) as front:
        url = f"https://127.0.0.1:{front.settings.https_port}/v1/events/ws"
        for version, shown in (("--http1.1", True), ("--http2", False)):
            head = subprocess.run(
                ["curl", "-ski", version, url], capture_output=True, text=True, check=True
            ).stdout.lower()
            assert " 426" in head.splitlines()[0]
            assert ("\nupgrade: websocket" in head) == shown, head


def test_addresses_are_counted_as_who_has_them(tmp_path: Path) -> None:
    """Of IPv6 a /64, through a proxy too: the network's share of requests is used up by all of its addresses
    together."""
    with web_front(tmp_path, usual, trusted_proxies=[PROXY]) as front:

        def codes(addresses: list[str]) -> list[int]:
            with front.line(PROXY) as line:
                for address in addresses:
                    line.sendall(
                        f"GET {PAGE} HTTP/1.1\r\nHost: weir\r\nX-Forwarded-For: {address}\r\n\r\n".encode()
                    )
                got = b""
                while got.count(b"HTTP/1.1 ") < len(addresses) or not got.endswith((b"ok", b"}")):
                    got += line.recv(65536)
            return [int(one[:3]) for one in got.split(b"HTTP/1.1 ")[1:]]

        spread = codes([f"2001:db8:0:1::{number:x}" for number in range(1, 700)])
        assert 429 in spread
        assert spread.count(200) >= 400
        assert codes(["2001:db8:0:2::1", "198.51.100.9"]) == [200, 200]


def test_what_is_no_network_is_refused_at_start() -> None:
    """In one sentence that names the setting."""
    for wrong in (["proxy.example"], ["10.0.0.1/8"], ["*"]):
        with pytest.raises(SettingsError, match="WEIR_TRUSTED_PROXIES"):
            load(trusted_proxies=wrong)
    for address in ("live.example.org", "https://a.example/x", "https://a; return 200 x", "ftp://a"):
        with pytest.raises(SettingsError, match="WEIR_PUBLIC_URL"):
            load(public_url=address)
    assert (
        Settings(public_url="https://[2001:db8::1]:8443/", _env_file=None).base_url
        == "https://[2001:db8::1]:8443"
    )
