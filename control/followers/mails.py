"""Mails to followers: the one that asks, and the one that a stream has begun."""

from email.utils import parseaddr

from control.accounts.mail import NO_HEADERS, Headers, MailboxRefused, MailSender, quoted
from control.collections import FollowerDoc
from control.followers.links import FollowerLinks
from control.followers.rules import Outcome
from weir.foundation.clock import DAY_MS, now_ms
from weir.foundation.errors import Unavailable
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import StreamDoc
from weir.foundation.vault import Vault


def named(stream: StreamDoc) -> str:
    """A stream as a mail may name it; a signed one's title is not for a mailbox."""
    title = stream.get("title") or stream.get("streamer") or ""
    return quoted(title) if title and stream.get("visibility") == "public" else "a stream that you follow"


class FollowerMails:
    """The Message-ID is the same for the same mail: where one is sent twice, most mail programs show one."""

    def __init__(self, sender: MailSender, links: FollowerLinks, *, settings: Settings, vault: Vault) -> None:
        self._sender = sender
        self._links = links
        self._settings = settings
        self._vault = vault

    @property
    def delivers(self) -> bool:
        return self._sender.delivers

    async def ask(self, follower: FollowerDoc, stream: StreamDoc) -> Outcome:
        """Mails the link that confirms."""
        about = named(stream) if stream.get("title") else "this stream"
        text = (
            f"Somebody, probably you, wants a mail to this address each time when {about} begins.\n\nConfirm it here:\n"
            f"{self._links.url('confirm', follower['id'])}\n\nIf it was not you, do nothing: no other mail comes."
        )
        mark = f"ask.{now_ms() // DAY_MS}"
        return await self._send(follower, f"Do you want to follow {about}?", text, mark)

    async def tell(self, follower: FollowerDoc, stream: StreamDoc, broadcast: str) -> Outcome:
        """Mails that the stream has begun."""
        about, end = named(stream), self._links.url("unsubscribe", follower["id"])
        text = (
            f"{about[0].upper()}{about[1:]} has begun. Watch it here:\n"
            f"{self._settings.base_url}/watch/{stream['playback']}\n\nNo more mails about this stream:\n{end}"
        )
        more = {"List-Unsubscribe": f"<{end}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
        return await self._send(follower, f"{about[0].upper()}{about[1:]} is live", text, broadcast, more)

    async def _send(
        self, follower: FollowerDoc, subject: str, text: str, mark: str, more: Headers = NO_HEADERS
    ) -> Outcome:
        host = parseaddr(self._settings.mail_from)[1].rpartition("@")[2] or "localhost"
        address = self._vault.open(follower["sealed"], follower["id"])
        mail = self._vault.lookup_hash(f"mail {follower['id']} {mark}")[:32]  # short: long ones are folded
        fixed = {"Message-ID": f"<{mail}@{host}>", "Auto-Submitted": "auto-generated"}
        try:
            await self._sender.send(address, subject, text, {**fixed, **more})
        except MailboxRefused:
            return "refused"
        except Unavailable:
            return "later"
        return "told"
