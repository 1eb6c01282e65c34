"""A guest's browser, as it says itself: a random id that this installation signs for one app and the page
keeps. In another app it is unknown, so ids from one app make no one a known guest of another. Weak by nature:
clearing the page's storage gives another device. It makes returning under another name no better than that.
"""

from hashlib import blake2b
from hmac import compare_digest

from weir.foundation.ids import is_id, new_id
from weir.foundation.vault import Vault

LONGEST_DEVICE = 64
DEVICE = r"^dev_[0-9a-hjkmnp-tv-z]{26}$"


class GuestDevices:
    def __init__(self, vault: Vault) -> None:
        self._key = vault.key("device")

    def known(self, app: str, text: str | None) -> str | None:
        """The id in what a page has kept; None for nothing, and for what was not signed for this app."""
        device = (text or "").partition(".")[0]
        right = is_id("dev", device) and compare_digest(
            self.signed(app, device).encode(), (text or "").encode()
        )
        return device if right else None

    def signed(self, app: str, device: str) -> str:
        mark = blake2b(f"{app} {device}".encode(), digest_size=16, key=self._key)
        return f"{device}.{mark.hexdigest()}"


def new_device() -> str:
    """Ids carry the time of their making (ids.made_ms): since when a device is known here."""
    return new_id("dev")
