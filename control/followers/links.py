"""The links in followers' mails: a token for one follower and one purpose, which is stored nowhere."""

import hmac
from typing import Literal

from weir.foundation.errors import NotFound
from weir.foundation.ids import body, is_id
from weir.foundation.vault import Vault

Purpose = Literal["confirm", "unsubscribe"]
MAC = 32  # hexadecimal digits: 128 bits
OVER = "This link is not valid any more."


class FollowerLinks:
    def __init__(self, vault: Vault, base_url: str) -> None:
        self._vault = vault
        self._base_url = base_url

    def token(self, purpose: Purpose, follower: str) -> str:
        return f"{body(follower)}_{self._mac(purpose, follower)}"

    def url(self, purpose: Purpose, follower: str) -> str:
        return f"{self._base_url}/v1/followers/{purpose}?token={self.token(purpose, follower)}"

    def follower(self, purpose: Purpose, token: str) -> str:
        """The follower's id. Errors: NotFound for a token that was not made here."""
        named, _, mac = token.partition("_")
        follower = f"flw_{named}"
        if not is_id("flw", follower) or not hmac.compare_digest(
            self._mac(purpose, follower).encode(), mac.encode()
        ):
            raise NotFound(OVER)
        return follower

    def _mac(self, purpose: Purpose, follower: str) -> str:
        return self._vault.lookup_hash(f"{purpose} {follower}")[:MAC]
