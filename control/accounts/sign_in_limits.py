"""Password attempts: how many are free, and the browsers that an account has signed in with before. [store]

An attempt is counted in Redis before the password is checked, by account address and network (/24, or /64 of
IPv6), so that an attacker can't lock an account for its owner elsewhere. After FREE attempts in a row each
further one waits twice as long as the one before, up to LONGEST_LOCK_MS. An account that is tried from many
networks at once leaves each of them one free attempt. A known browser has a counter of its own. Addresses
without an account are treated alike. Without Redis every sign-in is refused.
"""

import hmac
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from weir.foundation.errors import RateLimited, Unavailable
from weir.foundation.ids import new_secret
from weir.foundation.redis.scripts import read_script
from weir.foundation.tenancy.collections import AccountDoc
from weir.foundation.vault import Vault

FREE = 5
MANY = 100
LONGEST_LOCK_MS = 900_000
REMEMBERED_MS = 86_400_000


ATTEMPT, RIGHT = (read_script("control.accounts", name) for name in ("attempt", "right"))


def network_of(address: str) -> str:
    """The network of an address: the /24 of IPv4, the /64 of IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return "local"
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(ip_network((found, 24 if found.version == 4 else 64), strict=False))


@dataclass(frozen=True)
class SignInAttempt:
    """`account` is the hashed address; `source` a network, a known device or a sign-in."""

    account: str
    source: str
    known: bool

    @property
    def keys(self) -> tuple[str, str, str]:
        tried = f"weir:sign-in:{{{self.account}}}"
        return f"{tried}:failures:{self.source}", f"{tried}:lock:{self.source}", f"{tried}:hour"


class SignInAttempts:
    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its reply types are unions that fit no single command

    async def begin(self, attempt: SignInAttempt) -> None:
        """Counts an attempt as failed until `succeeded` is called. Errors: RateLimited while it must wait;
        Unavailable."""
        unknown = "0" if attempt.known else "1"
        try:
            left_ms = await self._redis.eval(
                ATTEMPT, 3, *attempt.keys, FREE, unknown, MANY, LONGEST_LOCK_MS, REMEMBERED_MS
            )
        except (RedisError, OSError) as error:
            raise Unavailable("Nobody can sign in at the moment; try again soon.") from error
        if left_ms > 0:
            raise RateLimited("Too many wrong passwords; wait a while.", retry_after=left_ms / 1000)

    async def succeeded(self, attempt: SignInAttempt) -> None:
        """Removes the failure: the password was right. Errors: Unavailable."""
        try:
            await self._redis.eval(RIGHT, 3, *attempt.keys, "0" if attempt.known else "1")
        except (RedisError, OSError) as error:
            raise Unavailable("Nobody can sign in at the moment; try again soon.") from error


class KnownDevices:
    """The cookie of a browser that has signed in to an account before. It grants nothing; it is bound to the
    account and its era, so a new password invalidates it."""

    def __init__(self, vault: Vault) -> None:
        self._key = vault.key("device")

    def cookie(self, account: AccountDoc, device: str | None = None) -> str:
        """The cookie of a known device, or of a new one."""
        device = device or new_secret(22)
        return f"{device}.{self._mark(device, account)}"

    def device_of(self, cookie: str, account: AccountDoc | None) -> str | None:
        """The device, if this cookie was issued to it for this account."""
        device, _, mark = cookie.partition(".")
        right = hmac.compare_digest(mark.encode(), self._mark(device, account).encode())
        return device if right and account is not None else None

    def _mark(self, device: str, account: AccountDoc | None) -> str:
        whose, era = (account["id"], account.get("era", 0)) if account else ("", 0)
        return hmac.digest(self._key, f"{device}|{whose}|{era}".encode(), "sha256").hex()
