"""Bodies that only the partner can read: AES-256-GCM with a key that both sides have."""

import binascii
import os
from base64 import b64decode, b64encode
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


def seal(body: Any, key: bytes, kid: str, request_id: str) -> dict[str, Any]:
    """The body as an envelope. The nonce is random and new for each try; the request's id, which goes along as
    X-Request-Id, is authenticated with it, so an envelope is good for its own request alone."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, orjson.dumps(body), request_id.encode())
    return {
        "v": 1,
        "alg": "A256GCM",
        "kid": kid,
        "nonce": b64encode(nonce).decode(),
        "ciphertext": b64encode(sealed).decode(),
    }


def is_envelope(body: dict[str, Any]) -> bool:
    return body.get("v") == 1 and body.get("alg") == "A256GCM" and "ciphertext" in body


def unseal(envelope: dict[str, Any], key: bytes, kid: str, request_id: str) -> Any:
    """The body of an answer's envelope. Errors: ValueError when it was sealed with another key, for another
    request, or changed on its way."""
    if envelope.get("kid") != kid:
        raise ValueError("sealed with another key")
    try:
        nonce = b64decode(str(envelope.get("nonce")), validate=True)
        sealed = b64decode(str(envelope["ciphertext"]), validate=True)
        if len(nonce) != NONCE_BYTES:
            raise ValueError("the nonce does not have 96 bits")
        return orjson.loads(AESGCM(key).decrypt(nonce, sealed, request_id.encode()))
    except (InvalidTag, binascii.Error, orjson.JSONDecodeError) as error:
        raise ValueError("cannot be opened") from error


def key_bytes(text: str) -> bytes:
    """The key as it was given, in base64."""
    return b64decode(text)
