"""The headers of the tus resumable upload protocol, version 1.0.0
(https://tus.io/protocols/resumable-upload). [decision]"""

import base64
import binascii
import hashlib
import re
from email.utils import formatdate

from weir.foundation.errors import Malformed

VERSION = "1.0.0"
EXTENSIONS = ("creation", "creation-with-upload", "expiration", "termination", "checksum")
ALGORITHMS = ("sha256", "sha1", "md5")
BODY = "application/offset+octet-stream"
LONGEST_METADATA = 4096
_NUMBER = re.compile(r"[0-9]{1,15}")


class Checksum:
    """What a request's body has to come to; `add` takes it piece by piece."""

    def __init__(self, header: str) -> None:
        """`sha256 <base64>`. Errors: Malformed, also for an algorithm that is not in ALGORITHMS."""
        algorithm, _, wanted = header.partition(" ")
        if algorithm not in ALGORITHMS:
            raise Malformed(f"Upload-Checksum: the algorithm is one of {', '.join(ALGORITHMS)}.")
        self._wanted = _decoded(wanted.strip(), "Upload-Checksum")
        self._digest = hashlib.new(algorithm, usedforsecurity=False)

    def add(self, data: bytes) -> None:
        self._digest.update(data)

    @property
    def kept(self) -> bool:
        return self._digest.digest() == self._wanted


def number(header: str | None, name: str) -> int:
    """Errors: Malformed."""
    if header is None or not _NUMBER.fullmatch(header):
        raise Malformed(f"{name} is missing, or is not a whole number.")
    return int(header)


def metadata(header: str) -> dict[str, str]:
    """`filename <base64>,title <base64>,flag` as names and texts. Errors: Malformed."""
    if len(header) > LONGEST_METADATA:
        raise Malformed(f"Upload-Metadata may have {LONGEST_METADATA} characters at most.")
    found: dict[str, str] = {}
    for pair in filter(None, (one.strip() for one in header.split(","))):
        name, _, value = pair.partition(" ")
        if name in found:
            raise Malformed("Upload-Metadata has a name twice.")
        try:
            found[name] = _decoded(value.strip(), "Upload-Metadata").decode()
        except UnicodeDecodeError:
            raise Malformed("Upload-Metadata holds text that is not UTF-8.") from None
    return found


def moment(ms: int) -> str:
    """RFC 9110 §5.6.7: `Tue, 24 Nov 2026 10:00:00 GMT`."""
    return formatdate(ms / 1000, usegmt=True)


def _decoded(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{name} is not Base64.") from None
