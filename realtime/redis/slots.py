"""Which master of a Redis Cluster serves which key (Redis Cluster specification, "Key distribution model").
[decision]"""

from binascii import crc_hqx
from functools import lru_cache
from typing import Any

SLOTS = 16_384
Place = tuple[str, int]


@lru_cache(maxsize=4096)
def _of_tag(tag: str) -> int:
    return crc_hqx(tag.encode(), 0) % SLOTS


def slot_of(key: str) -> int:
    """The slot of a key, by the text in its first braces, as in `{b17}:chn_…:log`."""
    start = key.find("{")
    end = key.find("}", start + 1) if start >= 0 else -1
    return _of_tag(key[start + 1 : end] if end > start + 1 else key)


def masters(reply: list[Any], asked: Place) -> dict[int, Place]:
    """CLUSTER SLOTS as slot → (host, port) of its master; a master that does not know its own name is the one
    asked."""
    return {
        slot: (_text(master[0]) or asked[0], int(master[1]))
        for first, last, master, *_ in reply
        for slot in range(int(first), int(last) + 1)
    }


def redirection(error: str, asked: Place) -> tuple[bool, Place] | None:
    """(True, where) for `MOVED slot host:port`, (False, where) for `ASK slot host:port`; None when it is
    neither."""
    words = error.split(" ")
    if len(words) != 3 or words[0] not in ("MOVED", "ASK"):
        return None
    host, _, port = words[2].rpartition(":")
    return words[0] == "MOVED", (host.strip("[]") or asked[0], int(port))


def _text(host: bytes | None) -> str:
    return host.decode() if host and host != b"?" else ""
