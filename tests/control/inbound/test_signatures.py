"""Who is believed to be a partner: each way to sign against a reference or its published form."""

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from control.inbound.signatures import NotAuthentic, check, check_secret, inside, once_of
from weir.foundation.errors import Invalid

NOW = 1_800_000_000
STANDARD = {"kind": "standard"}
STRIPE = {"kind": "timestamped", "header": "stripe-signature"}


def standard_headers(secret: str, body: bytes, delivery: str = "msg_1", at: int = NOW) -> dict[str, str]:
    """By the reference library."""
    signature = Webhook(secret).sign(delivery, datetime.fromtimestamp(at, UTC), body.decode())
    return {"webhook-id": delivery, "webhook-timestamp": str(at), "webhook-signature": signature}


def believed(
    auth: dict[str, Any], secret: list[str], headers: dict[str, str], body: bytes, now: float = NOW
) -> bool:
    try:
        check(auth, secret, headers, body, now, 300)
    except NotAuthentic:
        return False
    return True


@settings(max_examples=1000)
@given(text=st.text(max_size=400), delivery=st.from_regex(r"\Amsg_[A-Za-z0-9]{1,30}\Z"), data=st.data())
def test_what_the_reference_library_signs_is_believed_and_one_changed_byte_is_not(
    text, delivery, data
) -> None:
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    body = text.encode()
    headers = standard_headers(secret, body, delivery)
    assert believed(STANDARD, [secret], headers, body)
    if body:
        at = data.draw(st.integers(0, len(body) - 1))
        changed = bytearray(body)
        changed[at] ^= data.draw(st.integers(1, 255))
        assert not believed(STANDARD, [secret], headers, bytes(changed))
    assert not believed(STANDARD, [secret], {**headers, "webhook-id": delivery + "x"}, body)
    assert not believed(STANDARD, [secret], {**headers, "webhook-timestamp": str(NOW + 1)}, body)


@pytest.mark.parametrize(
    ("off", "right"), [(0, True), (300, True), (-300, True), (301, False), (-301, False), (86_400, False)]
)
def test_an_old_timestamp_is_refused_and_so_is_one_of_the_future(off: int, right: bool) -> None:
    secret = check_secret("standard", base64.b64encode(b"k" * 32).decode())
    assert believed(STANDARD, [secret], standard_headers(secret, b"{}", at=NOW - off), b"{}") is right
    signed = hmac.new(b"shared-secret", b"%d.{}" % (NOW - off), hashlib.sha256).hexdigest()
    assert (
        believed(STRIPE, ["shared-secret"], {"stripe-signature": f"t={NOW - off},v1={signed}"}, b"{}")
        is right
    )


def test_while_a_secret_is_rotated_both_are_believed_and_so_is_a_sender_that_signs_with_both() -> None:
    old, new = (check_secret("standard", base64.b64encode(one * 32).decode()) for one in (b"a", b"b"))
    by_old, by_new = (standard_headers(one, b"{}") for one in (old, new))
    assert believed(STANDARD, [new, old], by_old, b"{}")
    assert believed(STANDARD, [new, old], by_new, b"{}")
    both = {**by_old, "webhook-signature": f"{by_old['webhook-signature']} {by_new['webhook-signature']}"}
    assert believed(STANDARD, [new], both, b"{}")
    assert not believed(STANDARD, [new], by_old, b"{}")
    assert not believed(STANDARD, [], by_new, b"{}")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("prefix", ["", "sha256="])
def test_a_plain_hmac_header(algorithm: str, encoding: str, prefix: str) -> None:
    auth = {
        "kind": "hmac",
        "header": "x-signature",
        "prefix": prefix,
        "encoding": encoding,
        "algorithm": algorithm,
    }
    digest = hmac.new(b"shared-secret", b'{"a":1}', algorithm).digest()
    text = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
    assert believed(auth, ["shared-secret"], {"x-signature": prefix + text}, b'{"a":1}')
    assert not believed(auth, ["shared-secret"], {"x-signature": prefix + text}, b'{"a":2}')
    assert not believed(auth, ["another-secret"], {"x-signature": prefix + text}, b'{"a":1}')


@pytest.mark.parametrize(
    "header", ["s3cret-token", "Bearer s3cret-token", "ApiKey s3cret-token", "token s3cret-token"]
)
def test_a_token_stands_alone_or_behind_a_scheme(header: str) -> None:
    auth = {"kind": "token", "header": "authorization"}
    assert believed(auth, ["s3cret-token"], {"authorization": header}, b"")
    assert not believed(auth, ["s3cret-tokem"], {"authorization": header}, b"")


def test_basic_authentication() -> None:
    auth = {"kind": "basic", "username": "parkeon"}
    right = base64.b64encode(b"parkeon:s3cret:with:colons").decode()
    assert believed(auth, ["s3cret:with:colons"], {"authorization": f"Basic {right}"}, b"")
    assert not believed(auth, ["other-password"], {"authorization": f"Basic {right}"}, b"")
    assert not believed(
        {**auth, "username": "ips"}, ["s3cret:with:colons"], {"authorization": f"Basic {right}"}, b""
    )
    assert not believed(auth, ["s3cret:with:colons"], {"authorization": f"Bearer {right}"}, b"")


KINDS = [STANDARD, STRIPE, {"kind": "hmac", "header": "x", "prefix": "", "encoding": "hex", "algorithm": "sha256"},
         {"kind": "hmac", "header": "x", "prefix": "", "encoding": "base64", "algorithm": "sha256"},
         {"kind": "token", "header": "x"}, {"kind": "basic", "username": "me"}]  # fmt: skip


@given(
    auth=st.sampled_from(KINDS),
    text=st.text(st.characters(max_codepoint=255), max_size=60),
    body=st.binary(max_size=60),
)
def test_nonsense_is_refused_and_breaks_nothing(auth: dict[str, Any], text: str, body: bytes) -> None:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature", "stripe-signature", "authorization", "x")
    key = base64.b64encode(b"k" * 32).decode()
    for value in (text, f"t={NOW},v1={text}", f"v1,{text}", f"Basic {text}"):
        assert not believed(auth, [key], {**dict.fromkeys(names, value), "webhook-timestamp": str(NOW)}, body)
    assert not believed(auth, [key], {}, body)


def test_a_refusal_says_what_to_look_at() -> None:
    with pytest.raises(NotAuthentic, match="webhook-id is missing"):
        check(STANDARD, [], {}, b"", NOW, 300)
    with pytest.raises(NotAuthentic, match="400 s old; 300 s are allowed"):
        check(STRIPE, [], {"stripe-signature": f"t={NOW - 400},v1=aa"}, b"", NOW, 300)


def test_a_replay_of_a_signed_time_is_known_without_an_id() -> None:
    headers = {"stripe-signature": "t=1,v1=aa"}
    assert once_of(STRIPE, headers, b"x") == once_of(STRIPE, headers, b"x")
    assert once_of(STRIPE, headers, b"x") != once_of(STRIPE, {"stripe-signature": "t=2,v1=aa"}, b"x")
    assert once_of({"kind": "token", "header": "x"}, headers, b"x") is None


@pytest.mark.parametrize("secret", ["whsec_not base64!", "whsec_" + base64.b64encode(b"short").decode()])
def test_a_partners_secret_of_standard_webhooks_is_checked(secret: str) -> None:
    with pytest.raises(Invalid):
        check_secret("standard", secret)


def test_networks() -> None:
    assert inside("203.0.113.9", [])
    assert inside("203.0.113.9", ["198.51.100.0/24", "203.0.113.0/24"])
    assert inside("::ffff:203.0.113.9", ["203.0.113.0/24"])
    assert not inside("203.0.114.9", ["203.0.113.0/24"])
    assert not inside("", ["203.0.113.0/24"])
