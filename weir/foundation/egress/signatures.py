"""Signatures of Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`. Pure.

`v1` is HMAC-SHA256 with a secret `whsec_…` that both sides know, `v1a` is Ed25519: the receiver knows the
public key `whpk_…` alone. The signed text is `id.timestamp.body` with exactly the bytes that are sent.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Sequence
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Algorithm = Literal["hmac", "ed25519"]
SECRET_BYTES = 32
HMAC_PREFIX, PRIVATE_PREFIX, PUBLIC_PREFIX = "whsec_", "whsk_", "whpk_"


def new_signing_secret(algorithm: Algorithm) -> str:
    """A fresh `whsec_…`, or `whsk_…` for Ed25519."""
    prefix = HMAC_PREFIX if algorithm == "hmac" else PRIVATE_PREFIX
    return prefix + base64.b64encode(os.urandom(SECRET_BYTES)).decode()


def public_key(secret: str) -> str:
    """The `whpk_…` of a `whsk_…`, for receivers."""
    raw = _private(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return PUBLIC_PREFIX + base64.b64encode(raw).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One entry of `webhook-signature`. `timestamp` in seconds. Errors: ValueError for what is no secret."""
    text = f"{message_id}.{timestamp}.".encode() + body
    if secret.startswith(PRIVATE_PREFIX):
        return "v1a," + base64.b64encode(_private(secret).sign(text)).decode()
    return "v1," + base64.b64encode(hmac.digest(_raw(secret, HMAC_PREFIX), text, "sha256")).decode()


def signed_headers(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; while a secret is rotated, with a signature of each."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(one, message_id, timestamp, body) for one in secrets),
    }


def _private(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_raw(secret, PRIVATE_PREFIX))


def _raw(secret: str, prefix: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(prefix), validate=True)
    except binascii.Error:
        raise ValueError("this is no secret of Standard Webhooks") from None
