"""Identifiers and secrets.

An id is a prefix and 26 lower-case Crockford characters (48 bits of milliseconds, 80 random bits), so ids
sort by time. Secrets are base62: an underscore never occurs in one, so `a_b_secret` splits safely.
"""

import re
import secrets
from hashlib import blake2b
from typing import Literal

from weir.foundation.clock import now_ms

Kind = Literal[
    "acc",
    "act",
    "app",
    "brd",
    "chn",
    "dev",
    "dlv",
    "evt",
    "flw",
    "int",
    "key",
    "msg",
    "ntc",
    "ply",
    "plc",
    "prf",
    "rec",
    "rsv",
    "ses",
    "src",
    "str",
    "usr",
    "vod",
    "whk",
]

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY = re.compile(r"[0-9a-hjkmnp-tv-z]{26}")


def _crockford(number: int, length: int) -> str:
    return "".join(CROCKFORD[(number >> shift) & 31] for shift in range(5 * (length - 1), -1, -5))


def new_id(kind: Kind) -> str:
    """A fresh id, e.g. `str_01jd3m8k0q…`; ids made in different milliseconds sort by time."""
    return f"{kind}_{_crockford(now_ms(), 10)}{_crockford(secrets.randbits(80), 16)}"


def is_id(kind: Kind, text: str) -> bool:
    """True when `text` is a well-formed id of this kind; says nothing about existence."""
    return text.startswith(kind + "_") and _BODY.fullmatch(text, len(kind) + 1) is not None


def body(an_id: str) -> str:
    """The 26 characters after the prefix, as a stream key has them."""
    return an_id.split("_", 1)[1]


def made_ms(an_id: str) -> int:
    """When an id of `new_id` was made."""
    number = 0
    for one in body(an_id)[:10]:
        number = number * 32 + CROCKFORD.index(one)
    return number


def new_secret(length: int = 43) -> str:
    """A base62 secret; 43 characters carry 256 bits, 22 carry 131."""
    return "".join(secrets.choice(BASE62) for _ in range(length))


def derived_id(kind: Kind, *parts: str | int) -> str:
    """The same id for the same parts, for facts that may be published twice (entity, transition number)."""
    digest = blake2b("\x1f".join(map(str, parts)).encode(), digest_size=17).digest()
    return f"{kind}_{_crockford(int.from_bytes(digest, 'big') >> 6, 26)}"
