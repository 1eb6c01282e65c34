"""AES-128 of parts and segments (RFC 8216 §5.2): CBC with PKCS7, the segment's media sequence number as
initialisation vector.

A part is encrypted on its own, with key and vector of its segment; so do hls.js and Shaka read it. Keys
are derived, never stored: any worker of the installation can hand out the key of any broadcast, and a disk
or cache holds none. [decision]
"""

import hashlib
import hmac
import re

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

KEY_FILE = re.compile(r"k_([0-9a-z]{1,26})_(\d{1,12})\.key")


class SegmentKeys:
    """The keys of one broadcast; each is good for `rotation` segments, so of (broadcast, number) there is
    one."""

    def __init__(self, secret: bytes, broadcast: str, rotation: int) -> None:
        self.rotation = rotation
        self._secret = secret
        self._broadcast = broadcast

    def number(self, msn: int) -> int:
        return msn // self.rotation

    def name(self, number: int) -> str:
        """The key's file name in the playlist."""
        return f"k_{self._tail}_{number}.key"

    def of_name(self, name: str) -> int | None:
        """The number in a file name; None for another broadcast's."""
        found = KEY_FILE.fullmatch(name)
        return int(found[2]) if found and found[1] == self._tail else None

    def key(self, number: int) -> bytes:
        return hmac.new(self._secret, f"{self._broadcast}/{number}".encode(), hashlib.sha256).digest()[:16]

    def encrypt(self, msn: int, data: bytes) -> bytes:
        padder, cipher = PKCS7(128).padder(), self._cipher(msn).encryptor()
        return cipher.update(padder.update(data) + padder.finalize()) + cipher.finalize()

    def decrypt(self, msn: int, data: bytes) -> bytes:
        """Errors: ValueError for what was not encrypted with this key."""
        cipher, unpadder = self._cipher(msn).decryptor(), PKCS7(128).unpadder()
        return unpadder.update(cipher.update(data) + cipher.finalize()) + unpadder.finalize()

    @property
    def _tail(self) -> str:
        return self._broadcast.rpartition("_")[2]

    def _cipher(self, msn: int) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self.key(self.number(msn))), modes.CBC(msn.to_bytes(16, "big")))
