"""The installation's master secret and everything derived from it: one key a purpose, sealed values, lookup
hashes.

Sealed (AES-GCM): what must be read again, such as a stream key for its owner. Hashed: what need not be,
such as API keys.
"""

import base64
import contextlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from weir.foundation.errors import Unavailable
from weir.foundation.ids import new_secret
from weir.foundation.settings import Settings


class Vault:
    def __init__(self, master: str) -> None:
        self._master = master.encode()
        self._seal = AESGCM(self.key("seal"))
        self._lookup = self.key("lookup")

    def key(self, purpose: str) -> bytes:
        """32 bytes for one purpose only (`playback`, `user`, `seal`, …), by HKDF-SHA256 (RFC 5869)."""
        return HKDF(SHA256(), 32, b"weir", purpose.encode()).derive(self._master)

    def text_key(self, purpose: str) -> str:
        """The same as hexadecimal text, for passwords of our own child processes."""
        return self.key(purpose).hex()

    def lookup_hash(self, secret: str) -> str:
        """HMAC-SHA256 under which a secret is stored and found; without the master secret it can't be guessed
        offline."""
        return hmac.digest(self._lookup, secret.encode(), "sha256").hex()

    def seal(self, plain: str, bound_to: str) -> str:
        """Encrypts; the result opens only with the same `bound_to` (the owner's id), so sealed values can't
        be swapped."""
        nonce = os.urandom(12)
        return base64.b64encode(nonce + self._seal.encrypt(nonce, plain.encode(), bound_to.encode())).decode()

    def open(self, sealed: str, bound_to: str) -> str:
        """Errors: ValueError when the value was sealed by another installation or for another owner."""
        raw = base64.b64decode(sealed)
        try:
            return self._seal.decrypt(raw[:12], raw[12:], bound_to.encode()).decode()
        except InvalidTag:
            raise ValueError("this value was sealed with another secret key") from None


def open_vault(settings: Settings) -> Vault:
    """The vault of this installation: `WEIR_SECRET_KEY`, else the data folder's file `secret` (0600), made at
    first use. Errors: Unavailable for data without the secret that it was written with: a new one could
    not open it."""
    return Vault(settings.secret_key or _stored_secret(settings.data / "secret"))


def _stored_secret(path: Path) -> str:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    if not path.exists() and path.with_name("weir.db").exists():
        raise Unavailable(
            f"There is data in {path.parent}, but not its secret. Put it back as {path} or into WEIR_SECRET_KEY_FILE. "
            "If it is lost, write a new one of 43 letters and figures there: everybody signs in again, and keys are made anew."
        )
    if not path.exists():
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(new_secret(43) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(
            FileExistsError
        ):  # of two processes at once, one wins and both read its secret
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text().strip()
