"""Which URLs, headers and addresses are used: pure decisions."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from yarl import URL

from weir.foundation.errors import Invalid

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
EgressError = Literal[
    "", "address_refused", "dns", "connect", "tls", "timeout", "reset", "too_large", "invalid"
]

LONGEST_URL = 2048
LONGEST_HOST = 253

# Python calls some reserved networks global (NAT64, 6to4, site-local, multicast), so what may be reached in
# IPv6 is said positively: global unicast, without what is carved out of it. IANA's special-purpose registries.
_UNICAST6 = ip_network("2000::/3")
_REFUSED: tuple[Network, ...] = tuple(
    ip_network(one)
    for one in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's host, a public address that only its machines reach
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
)  # fmt: skip

# Ports from 1024 on where something else than HTTP listens, or HTTP that is for insiders alone.
REFUSED_PORTS = frozenset(
    (
        1080, 1433, 1434, 1521, 1719, 1720, 1723, 1883, 1935, 2049, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190,
        4369, 5060, 5061, 5432, 5433, 5671, 5672, 5900, 5984, 5985, 5986, 6000, 6379, 6380, 6443, 6566, 6665, 6666, 6667, 6668,
        6669, 6679, 6697, 7000, 7001, 8300, 8301, 8302, 8500, 8600, 8883, 9042, 9092, 9160, 9180, 9200, 9300, 10080, 10250, 10255,
        11211, 15672, 16379, 25672, 26379, 27017, 27018, 27019, 28015, 50000, 61613, 61616,
    )
)  # fmt: skip

# What the client itself writes: a second copy would let one request be read as two.
OWN_HEADERS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer",
     "expect", "proxy-connection", "proxy-authorization", "accept-encoding")
)  # fmt: skip

_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,8190}")
PRIVATE = (
    "it leads to a private, local or reserved address, and those are not called. "
    "Use a public address, or let the operator allow the network (WEIR_EGRESS_ALLOW)."
)
PLAIN = "plain http is only used inside allowed private networks. Use https."


class Unusable(Exception):
    """A URL that is not called; `code` as in EgressAnswer."""

    def __init__(self, code: EgressError, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet; IPv4 in IPv6's clothes is taken for what it is."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in _UNICAST6:
            return False
    return address.is_global and not any(address in network for network in _REFUSED)


def check_headers(headers: Mapping[str, str]) -> None:
    """Headers that an owner adds to requests. Errors: Invalid for one that HTTP forbids or that is ours."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in OWN_HEADERS:
            raise Invalid(f"The header {name[:100]!r} cannot be set. Choose another name.")
        if not _HEADER_VALUE.fullmatch(value):
            raise Invalid(
                f"The value of the header {name} has a line break, a control character or more than 8,190 characters."
            )


class Rules:
    """What an installation allows: networks besides the public internet, and plain http to public addresses."""

    def __init__(self, allowed: list[str], http: bool) -> None:
        self._allowed: tuple[Network, ...] = tuple(ip_network(one) for one in allowed)
        self._http = http

    def only_private(self, url: URL) -> bool:
        """Whether this URL must lead to an allowed network, as it is plain http."""
        return url.scheme == "http" and not self._http

    def refusal(self, host: str, only_private: bool) -> str:
        """Why no socket is made to this address, as the system got it; empty when it may be."""
        try:
            address = ip_address(host)
        except ValueError:
            return PRIVATE
        if self._is_allowed(address):
            return ""
        if not is_public(address):
            return PRIVATE
        return PLAIN if only_private else ""

    def _is_allowed(self, address: Address) -> bool:
        real = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
        return any(real in network for network in self._allowed)

    def parse(self, text: str) -> URL:
        """The URL in the form that is called. Raises Unusable."""
        if len(text) > LONGEST_URL:
            raise Unusable("invalid", f"The URL is longer than {LONGEST_URL} characters. Use a shorter one.")
        if re.search(r"[\x00-\x20\x7f\\]", text):
            raise Unusable("invalid", "The URL has spaces, control characters or backslashes. Remove them.")
        try:
            url = URL(text)
            host, port = (url.raw_host or "").lower(), url.port or 0
        except ValueError:
            raise Unusable("invalid", "This is not a URL. Write it like https://example.org/path.") from None
        if url.scheme not in ("http", "https") or not host:
            raise Unusable("invalid", "The URL must begin with https:// and a host.")
        if "@" in url.raw_authority:
            raise Unusable(
                "invalid", "The URL has a name or password before the host. Put credentials into a header."
            )
        if "#" in text:
            raise Unusable(
                "invalid", "The URL has a fragment (#…), which is never sent. Leave the fragment out."
            )
        if port not in (80, 443) and (port < 1024 or port in REFUSED_PORTS):
            raise Unusable("invalid", f"Port {port} is not called. Use 443 or another one from 1024 on.")
        self._check_host(url.scheme, host)
        return url

    def _check_host(self, scheme: str, host: str) -> None:
        name = host.rstrip(".")
        if len(host) > LONGEST_HOST or (":" not in host and not _NAME.fullmatch(name)):
            raise Unusable("invalid", "The host of the URL is not a name or an address.")
        literal = _literal(name)
        if name == "localhost" or name.endswith(".localhost"):
            literal = ip_address("127.0.0.1")
        allowed = literal is not None and self._is_allowed(literal)
        if literal and not allowed and not is_public(literal):
            raise Unusable("address_refused", f"The URL is refused: {PRIVATE}")
        if scheme == "http" and not self._http and ((literal and not allowed) or not self._allowed):
            raise Unusable("invalid", f"The URL is refused: {PLAIN}")


def _literal(host: str) -> Address | None:
    """The address that a host is, None for a name. Raises Unusable for the spellings that programs read in
    different ways: 127.1, 2130706433, 0x7f.1, 0177.0.0.1, zones."""
    if ":" not in host and not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        if "%" in host:
            raise ValueError
        return ip_address(host)
    except ValueError:
        raise Unusable(
            "address_refused", "The URL's address is not written in the usual form, like 198.51.100.7."
        ) from None
