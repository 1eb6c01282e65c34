"""What is sent: the JSON text of an event, its batch, its encryption, and the form with a picture.

The body under `webhook-id` is the same on every try, except for an encrypted one's nonce.
"""

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BATCH = "webhook.batch"
JSON_TYPE = "application/json"
NONCE_BYTES = 12
_HEAD = ("id", "type", "at", "epoch", "seq")


@dataclass(frozen=True)
class Form:
    """A request's body and its content type."""

    body: bytes
    content_type: str = JSON_TYPE


def payload(envelope: Mapping[str, Any]) -> bytes:
    """`{type, timestamp, data}` of an event's envelope. `data.id` is the event's id, `data.seq` its number in
    the app's log (what is missing between two was not for this endpoint)."""
    rest = {name: value for name, value in envelope.items() if name not in _HEAD}
    data = {"id": envelope["id"], "seq": envelope.get("seq"), **rest}
    if data["seq"] is None:
        del data["seq"]
    return orjson.dumps({"type": envelope["type"], "timestamp": envelope["at"], "data": data})


def batch(bodies: Sequence[bytes], at: str) -> bytes:
    """Several events as one: `data.events` are their payloads, oldest first."""
    return orjson.dumps(
        {"type": BATCH, "timestamp": at, "data": {"events": [orjson.Fragment(one) for one in bodies]}}
    )


def encrypted(body: bytes, key: bytes, kid: str, message_id: str) -> bytes:
    """AES-256-GCM with a fresh 96-bit nonce, the tag appended, `webhook-id` as associated data."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, body, message_id.encode())
    return orjson.dumps(
        {
            "v": 1,
            "alg": "A256GCM",
            "kid": kid,
            "nonce": base64.b64encode(nonce).decode(),
            "ciphertext": base64.b64encode(sealed).decode(),
        }
    )


def with_picture(body: bytes, jpeg: bytes, image_type: str, boundary: str) -> Form:
    """multipart/form-data: `json` (the payload), `image_type` (the endpoint's label) and `image` (a JPEG)."""
    line = f"--{boundary}\r\n".encode()
    parts = [
        line
        + b'Content-Disposition: form-data; name="json"\r\nContent-Type: application/json\r\n\r\n'
        + body,
        line + b'Content-Disposition: form-data; name="image_type"\r\n\r\n' + image_type.encode(),
        line
        + b'Content-Disposition: form-data; name="image"; filename="image.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        + jpeg,
    ]
    return Form(
        b"\r\n".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"
    )
