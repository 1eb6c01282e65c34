"""Bodies that only the partner can read."""

import os
from base64 import b64decode, b64encode
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from control.integrations.envelope import is_envelope, seal, unseal

KEY = bytes(range(32))
JSON = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=20)  # fmt: skip


@given(JSON, st.text(min_size=1, max_size=40))
def test_it_opens_for_its_own_request(body: Any, request_id: str) -> None:
    envelope = seal(body, KEY, "k1", request_id)
    assert is_envelope(envelope)
    assert unseal(orjson.loads(orjson.dumps(envelope)), KEY, "k1", request_id) == body


def test_it_is_what_the_contract_says() -> None:
    """A partner opens it with any AES-GCM: 96-bit nonce, tag behind the text, the request's id as associated data."""
    envelope = seal({"a": 1}, KEY, "k1", "dlv_1")
    assert set(envelope) == {"v", "alg", "kid", "nonce", "ciphertext"}
    assert (envelope["v"], envelope["alg"], envelope["kid"]) == (1, "A256GCM", "k1")
    nonce, text = b64decode(envelope["nonce"]), b64decode(envelope["ciphertext"])
    assert len(nonce) == 12 and len(text) == len(b'{"a":1}') + 16
    assert AESGCM(KEY).decrypt(nonce, text, b"dlv_1") == b'{"a":1}'


def test_no_nonce_comes_twice() -> None:
    assert len({seal({}, KEY, "k1", "r")["nonce"] for _ in range(1000)}) == 1000


@pytest.mark.parametrize("change", [
    {"kid": "k2"}, {"nonce": b64encode(os.urandom(12)).decode()}, {"nonce": b64encode(os.urandom(8)).decode()}, {"nonce": "???"}, {"nonce": None},
    {"ciphertext": b64encode(os.urandom(40)).decode()}, {"ciphertext": ""}, {"ciphertext": "???"}, {"ciphertext": 7},
])  # fmt: skip
def test_what_was_changed_does_not_open(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        unseal(seal({"a": 1}, KEY, "k1", "r") | change, KEY, "k1", "r")


def test_nor_for_another_request_or_key() -> None:
    envelope = seal({"a": 1}, KEY, "k1", "r")
    for key, request_id in ((KEY, "r2"), (bytes(32), "r")):
        with pytest.raises(ValueError):
            unseal(envelope, key, "k1", request_id)
