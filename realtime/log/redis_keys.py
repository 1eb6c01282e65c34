"""The Redis keys of a channel. All keys of one channel have one hash tag, so each script runs in one slot of
a cluster. There are 256 buckets, so that work on all channels (archiving, locality) is work on buckets.
[decision]"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address, ip_network

from weir.foundation.redis.event_log import shard_of
from weir.foundation.texts import folded

LONGEST_SESSION = 64
NETWORK_BITS = 64


@dataclass(frozen=True, slots=True)
class ChannelKeys:
    """`shard` is the shard channel of SPUBLISH; the others are keys."""

    shard: str

    @property
    def meta(self) -> str:
        return self.shard + ":meta"

    @property
    def log(self) -> str:
        return self.shard + ":log"

    @property
    def seen(self) -> str:
        return self.shard + ":seen"

    @property
    def seen_before(self) -> str:
        return self.shard + ":seen-before"

    @property
    def gone(self) -> str:
        return self.shard + ":gone"

    @property
    def clearings(self) -> str:
        return self.shard + ":clearings"

    @property
    def shadow(self) -> str:
        return self.shard + ":shadow"

    def of_append(self, uid: str) -> tuple[str, ...]:
        """The keys of append.lua, in its order, without those for guests."""
        return (
            self.meta,
            self.log,
            self.seen,
            self.seen_before,
            self.rate(uid),
            self.dirty,
            self.gone,
            self.clearings,
            self.shadow,
        )

    def of_guests(self, origin: str) -> tuple[str, str]:
        """Rates of the guests of one address (by its `origin`) and of all guests here."""
        return f"{self.shard}:guests:{origin}", self.shard + ":guests"

    def person(self, uid: str) -> str:
        return f"{self.shard}:person:{uid}"

    def named(self, name: str) -> str:
        return f"{self.shard}:named:{folded(name)}"

    def named_guests(self, name: str) -> str:
        return f"{self.shard}:named-guests:{folded(name)}"

    def like(self, skeleton: str) -> str:
        """Users, guests excepted, whose name looks like this (weir.foundation.lookalikes)."""
        return f"{self.shard}:like:{skeleton}"

    @property
    def lately(self) -> str:
        """Members by the time they were last seen; `lately_guests` has the guests."""
        return self.shard + ":lately"

    @property
    def lately_guests(self) -> str:
        return self.shard + ":lately-guests"

    @property
    def presence(self) -> str:
        return self.shard + ":presence"

    @property
    def present(self) -> str:
        return self.shard + ":present"

    @property
    def reactions(self) -> str:
        return self.shard + ":reactions"

    @property
    def reacted(self) -> str:
        return self.shard + ":reacted"

    @property
    def leases(self) -> str:
        return self.shard + ":watch"

    @property
    def sessions(self) -> str:
        return self.shard + ":sessions"

    @property
    def peak(self) -> str:
        return self.shard + ":peak"

    @property
    def broadcast(self) -> str:
        return self.shard + ":broadcast"

    @property
    def audience(self) -> str:
        return self.shard + ":audience"

    @property
    def moves(self) -> str:
        """Viewers who joined or left, not yet published to the app's followers; `followed` exists while a
        client follows the app."""
        return self.shard + ":moves"

    @property
    def followed(self) -> str:
        return self.shard + ":followed"

    @property
    def viewed(self) -> str:
        """Of the whole bucket: channels whose viewer counts are published."""
        return self.shard[: self.shard.index("}") + 1] + ":viewed"

    @property
    def told(self) -> str:
        """The count that was last published to the app's followers."""
        return self.shard + ":told"

    @property
    def dirty(self) -> str:
        """Of the whole bucket: channels with entries to archive."""
        return self.shard[: self.shard.index("}") + 1] + ":dirty"

    def once(self, event_id: str) -> str:
        """The answer to an event that was published under this id."""
        return f"{self.shard}:once:{event_id}"

    def rate(self, uid: str) -> str:
        return f"{self.shard}:rate:{uid}"


@lru_cache(maxsize=65_536)
def keys_of(channel: str) -> ChannelKeys:
    """All names of a channel, e.g. `{b17}:chn_…:log`; the only place that makes them."""
    return ChannelKeys(shard_of(channel))


def dirty_in(bucket: int) -> str:
    return f"{{b{bucket}}}:dirty"


def viewed_in(bucket: int) -> str:
    return f"{{b{bucket}}}:viewed"


def digest(uid: str, cid: str) -> bytes:
    """The twelve bytes by which a repeated message is recognised: 65 B a message in Redis, where the full
    text takes 113."""
    return blake2b(f"{len(uid)}:{uid}{cid}".encode(), digest_size=12).digest()


def origin(address: str, key: bytes) -> str:
    """The hash of a client's address in Redis. A client with IPv6 has 2**64 addresses, so IPv6 addresses
    count by network; the key prevents finding an address by trying all."""
    try:
        known = ip_address(address)
    except ValueError:
        network = address
    else:
        if isinstance(known, IPv6Address):
            network = str(known.ipv4_mapped or ip_network((known, NETWORK_BITS), strict=False))
        else:
            network = str(known)
    return blake2b(network.encode(), digest_size=12, key=key).hexdigest()


def lease(session: str, source: str) -> str:
    """Member of the lease set. Sessions come from customers' tokens, so long ones are shortened to a hash."""
    short = (
        session if len(session) <= LONGEST_SESSION else blake2b(session.encode(), digest_size=16).hexdigest()
    )
    return f"{short}|{source}"
