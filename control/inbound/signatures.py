"""Who sent a body: signatures, tokens and passwords of partners. Pure.

    standard     webhook-id, webhook-timestamp, webhook-signature: v1,<base64 HMAC-SHA256(id.timestamp.body)>   Standard Webhooks 1.0
    timestamped  HEADER: t=<seconds>,v1=<hex HMAC-SHA256(t.body)>[,v1=…]                                        Stripe
    hmac         HEADER: [PREFIX]<HMAC of the body, hex or base64>                                              GitHub and most others
    token        HEADER: the secret, alone or behind a scheme such as Bearer
    basic        Authorization: Basic <base64 user:secret>

A signature without a time can be replayed by whoever has seen it; only the delivery's id then makes the replay harmless.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from weir.foundation.errors import Invalid

WHSEC = "whsec_"
SHORTEST_KEY, LONGEST_KEY = 16, 64
SHORTEST_SECRET = 8
MOST_SIGNATURES = 10
SCHEMES = ("bearer", "token", "apikey", "api-key", "basic")


class NotAuthentic(Exception):
    """The reason is a sentence, for the source's owner and for the sender."""


def check(
    auth: Mapping[str, Any],
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    now_s: float,
    tolerance_s: int,
) -> None:
    """`headers` by lower-case names; one of `secrets` must fit. Errors: NotAuthentic."""
    kind = auth["kind"]
    if kind == "standard":
        _check_standard(secrets, headers, body, now_s, tolerance_s)
    elif kind == "timestamped":
        _check_timestamped(auth["header"], secrets, headers, body, now_s, tolerance_s)
    elif kind == "hmac":
        _check_hmac(auth, secrets, headers, body)
    elif kind == "token":
        _check_token(auth["header"], secrets, headers)
    else:
        _check_basic(auth["username"], secrets, headers)


def signing_header(auth: Mapping[str, Any]) -> str:
    """The header that carries the signature or the secret, which no mapping sees."""
    return {"standard": "webhook-signature", "basic": "authorization"}.get(auth["kind"]) or str(
        auth["header"]
    )


def once_of(auth: Mapping[str, Any], headers: Mapping[str, str], body: bytes) -> str | None:
    """What makes a delivery without an id of its own the same when it is replayed: its signed time and body."""
    if auth["kind"] != "timestamped":
        return None
    stamp = _parts(headers.get(auth["header"], ""))[0]
    return f"{stamp}.{hashlib.sha256(body).hexdigest()}"


def check_secret(kind: str, secret: str) -> str:
    """A partner's own secret, as it can be used. Errors: Invalid."""
    if kind == "standard":
        try:
            key = base64.b64decode(secret.removeprefix(WHSEC), validate=True)
        except binascii.Error:
            raise _invalid(f"a secret of Standard Webhooks is {WHSEC} and base64") from None
        if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
            raise _invalid(f"its key has {SHORTEST_KEY} to {LONGEST_KEY} bytes")
        return WHSEC + secret.removeprefix(WHSEC)
    if len(secret) < SHORTEST_SECRET:
        raise _invalid(f"{SHORTEST_SECRET} characters are the least")
    return secret


def inside(address: str, networks: Sequence[str]) -> bool:
    """True without networks, too."""
    if not networks:
        return True
    try:
        asked = ip_address(address)
    except ValueError:
        return False
    asked = getattr(asked, "ipv4_mapped", None) or asked
    return any(asked in ip_network(one) for one in networks)


def _invalid(detail: str) -> Invalid:
    return Invalid(f"secret: {detail}.", fields=[{"field": "secret", "detail": detail}])


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "").strip()
    if not value:
        raise NotAuthentic(f"The header {name} is missing.")
    return value


def _check_time(stamp: str, now_s: float, tolerance_s: int) -> None:
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
        raise NotAuthentic("The timestamp is no number of seconds.")
    off = int(now_s - int(stamp))
    if abs(off) > tolerance_s:
        late = "old" if off > 0 else "in the future"
        raise NotAuthentic(
            f"The timestamp is {abs(off)} s {late}; {tolerance_s} s are allowed. Check the sender's clock."
        )


def _fits(given: Iterable[bytes], right: Iterable[bytes]) -> None:
    """Compares all with all, so that the time says nothing."""
    expected = list(right)
    found = [hmac.compare_digest(one, other) for one in given for other in expected]
    if not any(found):
        raise NotAuthentic(
            "The signature does not match. Check the secret, and that the body is sent as it was signed."
        )


def _decoded(text: str, encoding: str) -> bytes:
    try:
        return bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _check_standard(
    secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now_s: float, tolerance_s: int
) -> None:
    delivery, stamp, given = (
        _header(headers, f"webhook-{name}") for name in ("id", "timestamp", "signature")
    )
    _check_time(stamp, now_s, tolerance_s)
    signed = f"{delivery}.{stamp}.".encode("latin-1") + body
    pairs = (one.partition(",") for one in given.split(" ")[:MOST_SIGNATURES])
    keys = (base64.b64decode(secret.removeprefix(WHSEC)) for secret in secrets)
    _fits(
        [_decoded(text, "base64") for version, _, text in pairs if version == "v1"],
        (hmac.digest(key, signed, "sha256") for key in keys),
    )


def _parts(header: str) -> tuple[str, list[str]]:
    """The time, and the signatures of version 1."""
    pairs = [one.strip().partition("=") for one in header.split(",")[: MOST_SIGNATURES + 1]]
    stamp = next((value for name, _, value in pairs if name == "t"), "")
    return stamp, [value for name, _, value in pairs if name == "v1"]


def _check_timestamped(
    header: str,
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    now_s: float,
    tolerance_s: int,
) -> None:
    stamp, given = _parts(_header(headers, header))
    _check_time(stamp, now_s, tolerance_s)
    signed = f"{stamp}.".encode() + body
    _fits(
        [_decoded(one, "hex") for one in given],
        (hmac.digest(one.encode(), signed, "sha256") for one in secrets),
    )


def _check_hmac(
    auth: Mapping[str, Any], secrets: Sequence[str], headers: Mapping[str, str], body: bytes
) -> None:
    given = _header(headers, auth["header"]).removeprefix(auth["prefix"])
    _fits(
        [_decoded(given, auth["encoding"])],
        (hmac.digest(one.encode(), body, auth["algorithm"]) for one in secrets),
    )


def _check_token(header: str, secrets: Sequence[str], headers: Mapping[str, str]) -> None:
    given = _header(headers, header)
    scheme, blank, rest = given.partition(" ")
    tried = [given, rest.strip()] if blank and scheme.lower() in SCHEMES else [given]
    fits = [hmac.compare_digest(one.encode("latin-1"), other.encode()) for one in tried for other in secrets]
    if not any(fits):
        raise NotAuthentic(f"The token in the header {header} is not the source's secret.")


def _check_basic(username: str, secrets: Sequence[str], headers: Mapping[str, str]) -> None:
    scheme, _, given = _header(headers, "authorization").partition(" ")
    if scheme.lower() != "basic":
        raise NotAuthentic("The header authorization is not of the scheme Basic.")
    found = _decoded(given.strip(), "base64")
    fits = [hmac.compare_digest(found, f"{username}:{one}".encode()) for one in secrets]
    if not any(fits):
        raise NotAuthentic("User name and password are not the source's.")
