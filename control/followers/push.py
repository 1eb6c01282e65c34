"""Push messages to browsers (RFC 8030): encrypted for the browser alone (RFC 8188, 8291) and signed with the
installation's key pair (RFC 8292)."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TypedDict
from urllib.parse import urlsplit

import http_ece
import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from control.collections import FollowerDoc
from control.followers.rules import Outcome
from weir.foundation.clock import now_s
from weir.foundation.egress import Egress
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import StreamDoc
from weir.foundation.vault import Vault

CURVE = ec.SECP256R1()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
TTL_S, SIGNED_S, WITHIN_S = 3600, 12 * 3600, 10.0
LONGEST_TITLE = 140


class PushKeys(TypedDict):
    p256dh: str
    auth: str


class PushSubscription(TypedDict):
    """As a browser gives it."""

    endpoint: str
    keys: PushKeys


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Errors: ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check_keys(keys: PushKeys) -> None:
    """Errors: ValueError for what no browser gives."""
    ec.EllipticCurvePublicKey.from_encoded_point(CURVE, decoded(keys["p256dh"]))
    if len(decoded(keys["auth"])) != 16:
        raise ValueError("auth has 16 bytes")


class PushMessages:
    """The key pair follows from the installation's master secret: subscriptions stay good as long as it does."""

    def __init__(self, *, vault: Vault, egress: Egress, settings: Settings) -> None:
        self._vault = vault
        self._egress = egress
        self._settings = settings
        number = int.from_bytes(vault.key("push"), "big") % (ORDER - 1) + 1
        self._key = ec.derive_private_key(number, CURVE)

    @property
    def public_key(self) -> str:
        """`applicationServerKey` of a browser's subscription."""
        return encoded(self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    async def tell(self, follower: FollowerDoc, stream: StreamDoc, broadcast: str) -> Outcome:
        """Sends that the stream has begun."""
        to: PushSubscription = orjson.loads(self._vault.open(follower["sealed"], follower["id"]))
        public = stream.get("visibility") == "public"
        title = (stream.get("title") or stream.get("streamer", ""))[:LONGEST_TITLE] if public else ""
        said = {
            "type": "stream.live",
            "title": title,
            "url": f"{self._settings.base_url}/watch/{stream['playback']}",
            "broadcast": broadcast,
        }
        headers = {
            "TTL": str(TTL_S),
            "Urgency": "normal",
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "Authorization": f"vapid t={self._signed(to['endpoint'])}, k={self.public_key}",
        }
        answer = await self._egress.request(
            "POST",
            to["endpoint"],
            headers=headers,
            body=_sealed(orjson.dumps(said), to["keys"]),
            timeout_s=WITHIN_S,
        )
        if answer.status in (404, 410):
            return "gone"
        if 200 <= answer.status < 300:
            return "told"
        retried = answer.status in (0, 429) or answer.status >= 500
        return "later" if retried and answer.error not in ("address_refused", "invalid") else "refused"

    def _signed(self, endpoint: str) -> str:
        """For this push service alone. It may write to whom `sub` names."""
        parts = urlsplit(endpoint)
        base = self._settings.base_url
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(now_s()) + SIGNED_S,
            "sub": base if base.startswith("https:") else f"mailto:{self._settings.mail_from}",
        }
        return jwt.encode(claims, self._key, "ES256")


def _sealed(text: bytes, keys: PushKeys) -> bytes:
    ours = ec.generate_private_key(CURVE)
    sealed: bytes = http_ece.encrypt(
        text,
        salt=os.urandom(16),
        private_key=ours,
        dh=decoded(keys["p256dh"]),
        auth_secret=decoded(keys["auth"]),
        version="aes128gcm",
    )
    return sealed
