"""Every entry that takes a JWT against every way of bending one (RFC 8725): none gets in, and none is an
error of ours.

Entries: account, app, upload, user and playback tokens; the last two signed by us, by a customer's secret
(HS256) and by customers' public keys (EdDSA, RS256).
"""

import base64
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from weir.foundation.errors import Unauthenticated
from weir.foundation.tenancy.tokens import LEEWAY_S, SigningKey, Tokens
from weir.foundation.vault import Vault

NOW = 1_800_000_000
VAULT = Vault("m" * 43)
RSA, OTHER_RSA = generate_private_key(65537, 2048), generate_private_key(65537, 2048)
ED, EC = Ed25519PrivateKey.generate(), generate_ec(SECP256R1())
SIGNERS: tuple[tuple[str, Any, str], ...] = (
    ("weir", None, "HS256"), ("key_hs", b"c" * 43, "HS256"), ("key_rs", RSA, "RS256"), ("key_ed", ED, "EdDSA"),
)  # fmt: skip


def pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


CUSTOMERS = {
    "key_hs": SigningKey("app_x", "HS256", b"c" * 43), "key_rs": SigningKey("app_x", "RS256", pem(RSA)),
    "key_ed": SigningKey("app_x", "EdDSA", pem(ED)), "key_foreign": SigningKey("app_other", "HS256", b"f" * 43),
}  # fmt: skip


async def resolve(key_id: str) -> SigningKey | None:
    return CUSTOMERS.get(key_id)


def tokens(now: float = NOW) -> Tokens:
    return Tokens(VAULT, resolve, lambda: now)


@dataclass(frozen=True)
class Entry:
    """Who signs (`issuer`, `key`, `algorithm`) what (`claims`) for whom (`audience`), and the check that must
    refuse."""

    name: str
    issuer: str
    audience: str
    key: Any
    algorithm: str
    claims: dict[str, Any]

    def payload(self, **changes: Any) -> dict[str, Any]:
        return {
            "iss": self.issuer,
            "aud": self.audience,
            "iat": NOW,
            "exp": NOW + 60,
            **self.claims,
            **changes,
        }

    def token(self, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        return jwt.encode(self.payload(**changes), self.key, self.algorithm, headers)

    def check(self, now: float = NOW) -> Callable[[str], Awaitable[Any]]:
        checker: Callable[[str], Awaitable[Any]] = getattr(tokens(now), self.audience.removeprefix("weir:"))
        return checker


USER, PLAYBACK = (
    {"sub": "usr_1", "app": "app_x", "name": "Ann"},
    {"sub": "ply_x", "app": "app_x", "sid": "s1"},
)
ENTRIES = [
    Entry("account", "weir", "weir:account", VAULT.key("weir:account"), "HS256", {"sub": "acc_1", "ses": "ses_1"}),
    Entry("app", "weir", "weir:app", VAULT.key("weir:app"), "HS256", {"sub": "acc_1", "app": "app_x", "role": "owner"}),
    Entry("upload", "weir", "weir:upload", VAULT.key("weir:upload"), "HS256", {"sub": "ann", "app": "app_x"}),
    *(
        Entry(f"{kind}-{issuer}", issuer, f"weir:{kind}", key or VAULT.key(f"weir:{kind}"), algorithm, claims)
        for kind, claims in (("user", USER), ("playback", PLAYBACK))
        for issuer, key, algorithm in SIGNERS
    ),
]  # fmt: skip


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw(header: Any, payload: Any, signature: bytes = b"x" * 32) -> str:
    parts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in (header, payload)]
    return ".".join([*map(b64, parts), b64(signature)])


def signed(header: dict[str, Any], payload: dict[str, Any], key: bytes) -> str:
    """HMAC-SHA256 over any header, as a forger does it without a library's checks."""
    text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(payload).encode())}"
    return f"{text}.{b64(hmac.digest(key, text.encode(), 'sha256'))}"


def without(payload: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key != name}


def structure(entry: Entry) -> dict[str, str]:
    """Not a token, or one with a broken part."""
    good = entry.token()
    head, body, signature = good.split(".")
    flipped = body[:8] + ("A" if body[8] != "A" else "B") + body[9:]
    return {
        "empty": "", "one part": head, "two parts": f"{head}.{body}", "no signature": f"{head}.{body}.",
        "four parts": f"{good}.{signature}",
        "five parts (JWE)": f"{good}.{head}.{body}", "dots": "..", "spaces": f" {good} x", "newline inside": f"{head}.\n{body}.{signature}",
        "not base64": f"{head}.!!!.{signature}", "NUL": good + "\0", "non-ASCII": good + "é", "huge": good + "A" * 8192,
        "flipped payload": f"{head}.{flipped}.{signature}", "cut signature": good[:-10],
        "another's signature": f"{head}.{body}.{entry.token(sub='other').split('.')[2]}",
        "payload is a list": raw({"alg": entry.algorithm}, []), "payload is a number": raw({"alg": entry.algorithm}, 5),
        "payload is not JSON": raw({"alg": entry.algorithm}, b"{"), "header is a list": raw([], entry.payload()),
        "header is not JSON": raw(b"{", entry.payload()), "deep payload": raw({"alg": entry.algorithm}, b"[" * 900 + b"]" * 900),
    }  # fmt: skip


def algorithms(entry: Entry) -> dict[str, str]:
    """The token's own `alg` must choose nothing."""
    payload = entry.payload()
    public = (pem(RSA) if entry.algorithm == "RS256" else pem(ED)).encode()
    return {
        **{f"alg {name}": raw({"alg": name, "typ": "JWT"}, payload, b"") for name in ("none", "None", "NONE", "nOnE", "", "HS1")},
        "alg missing": raw({"typ": "JWT"}, payload), "alg number": raw({"alg": 5}, payload),
        "alg list": raw({"alg": [entry.algorithm]}, payload),
        "alg null": raw({"alg": None}, payload),
        "public key as HMAC secret": signed({"alg": "HS256", "typ": "JWT"}, payload, public),
        "empty HMAC secret": signed({"alg": "HS256"}, payload, b""), "NUL HMAC secret": signed({"alg": "HS256"}, payload, b"\0" * 32),
        "HS512": jwt.encode(payload, b"c" * 64, "HS512"), "another RSA key": jwt.encode(payload, OTHER_RSA, "RS256"),
        "RS512 with the right key": jwt.encode(payload, RSA, "RS512"), "PS256 with the right key": jwt.encode(payload, RSA, "PS256"),
        "ES256": jwt.encode(payload, EC, "ES256"), "another Ed25519 key": jwt.encode(payload, Ed25519PrivateKey.generate(), "EdDSA"),
        "crit": entry.token({"crit": ["x"], "x": 1}),
        "jwk in the header": signed({"alg": "HS256", "jwk": {"kty": "oct", "k": b64(b"evil" * 8)}}, payload, b"evil" * 8),
        "jku in the header": signed({"alg": "HS256", "jku": "https://evil.example/keys"}, payload, b"evil" * 8),
        "x5u in the header": signed({"alg": "HS256", "x5u": "https://evil.example/c"}, payload, b"evil" * 8),
        "kid with a path": signed({"alg": "HS256", "kid": "../../dev/null"}, payload, b""),
        "kid of another key": signed({"alg": "HS256", "kid": "key_foreign"}, payload, b"f" * 43),
    }  # fmt: skip


def claims(entry: Entry) -> dict[str, str]:
    """Rightly signed, wrongly said."""

    def of(payload: dict[str, Any]) -> str:
        # Without the library's own look at the claims, some of which it refuses to write.
        return jwt.PyJWS().encode(json.dumps(payload).encode(), entry.key, entry.algorithm)

    payload = entry.payload()
    others = [
        one for one in ("weir:account", "weir:app", "weir:user", "weir:playback") if one != entry.audience
    ]
    return {
        **{f"no {name}": of(without(payload, name)) for name in ("iss", "aud", "exp", "iat", "sub")},
        **{f"for {one}": of({**payload, "aud": one}) for one in others},
        "aud list without us": of({**payload, "aud": ["a", "b"]}), "aud number": of({**payload, "aud": 5}),
        "aud empty": of({**payload, "aud": []}),
        "unknown iss": of({**payload, "iss": "key_unknown"}), "iss list": of({**payload, "iss": [entry.issuer]}),
        "iss with a filter": of({**payload, "iss": {"$ne": ""}}), "iss null": of({**payload, "iss": None}),
        "expired": of({**payload, "exp": NOW - LEEWAY_S}), "exp text": of({**payload, "exp": "never"}),
        "exp null": of({**payload, "exp": None}),
        "exp infinite": of({**payload, "exp": float("inf")}), "exp a list": of({**payload, "exp": [NOW + 60]}),
        "not yet": of({**payload, "nbf": NOW + LEEWAY_S + 1}), "nbf text": of({**payload, "nbf": "x"}),
        "issued later": of({**payload, "iat": NOW + LEEWAY_S + 1}), "iat text": of({**payload, "iat": "x"}),
        "sub number": of({**payload, "sub": 5}), "sub null": of({**payload, "sub": None}),
    }  # fmt: skip


def tenancy(entry: Entry) -> dict[str, str]:
    """Rightly signed, for what is not the signer's."""
    payload, found = entry.payload(), dict[str, str]()
    if entry.issuer != "weir":
        found["another app"] = entry.token(app="app_other")
        found["another customer's key"] = jwt.encode({**payload, "iss": "key_foreign"}, b"f" * 43, "HS256")
        found["no app"] = jwt.encode(without(payload, "app"), entry.key, entry.algorithm)
        found["in our name"] = jwt.encode({**payload, "iss": "weir"}, entry.key, entry.algorithm)
        for audience in ("weir:account", "weir:app", "weir:upload"):
            found[f"for {audience}"] = entry.token(aud=audience)
    if entry.audience == "weir:user":
        found["lives too long"] = entry.token(exp=NOW + 86_400 + LEEWAY_S + 1)
        found["impossible role"] = entry.token(roles={"chn_x": "emperor"})
    if entry.audience == "weir:playback":
        found["sid with a newline"] = entry.token(sid="a\nb")
        found["sid too long"] = entry.token(sid="a" * 65)
    if entry.audience == "weir:app":
        found["impossible role"] = entry.token(role="emperor")
    return found


CASES = [
    pytest.param(entry, token, id=f"{entry.name}: {case}")
    for entry in ENTRIES
    for group in (structure, algorithms, claims, tenancy)
    for case, token in group(entry).items()
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda one: one.name)
async def test_the_right_token_opens(entry: Entry) -> None:
    """Else the refusals below would say nothing."""
    assert (await entry.check()(entry.token())).sub == entry.claims["sub"]


@pytest.mark.parametrize(("entry", "token"), CASES)
async def test_a_bent_token_is_refused(entry: Entry, token: str) -> None:
    """In one way only: `unauthenticated`."""
    with pytest.raises(Unauthenticated):
        await entry.check()(token)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("age", "good"),
    [(60 + LEEWAY_S - 1, True), (60 + LEEWAY_S, False), (-LEEWAY_S, True), (-LEEWAY_S - 1, False)],
)
async def test_leeway_is_thirty_seconds_exactly_everywhere(entry: Entry, age: int, good: bool) -> None:
    """A second look at a known token keeps to it too."""
    checker = tokens(NOW)
    check = getattr(checker, entry.audience.removeprefix("weir:"))
    token = entry.token()
    await check(token)
    checker._clock = lambda: NOW + age
    if good:
        await check(token)
    else:
        with pytest.raises(Unauthenticated):
            await check(token)


def test_there_are_enough_of_them() -> None:
    """About sixty ways at every entry."""
    for entry in ENTRIES:
        assert sum(len(group(entry)) for group in (structure, algorithms, claims, tenancy)) >= 60
