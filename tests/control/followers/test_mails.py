"""Followers' mails with a mail server that speaks SMTP, and misbehaves."""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field
from email import message_from_bytes, policy

import pytest

from control.accounts.mail import MailboxRefused, SmtpSender
from control.collections import FOLLOWERS
from tests.control.followers.conftest import Fans
from weir.foundation.errors import Unavailable

REFUSED, BUSY, DROPPED, HANGS = "u2@x.example", "u3@x.example", "u4@x.example", "u5@x.example"


@dataclass
class Server:
    """RFC 5321 in small. What happens depends on the recipient while `bad`."""

    bad: bool = True
    letters: list[bytes] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to = ""
        writer.write(b"220 test\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            said = b"250 ok\r\n"
            if verb == b"RCPT":
                to = re.findall(rb"<(.*)>", line)[0].decode()
                said = (
                    {REFUSED: b"550 nobody\r\n", BUSY: b"451 later\r\n"}.get(to, said) if self.bad else said
                )
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                letter = await reader.readuntil(b"\r\n.\r\n")
                if self.bad and to == DROPPED:
                    return
                if self.bad and to == HANGS:
                    await self.released.wait()
                    return
                self.letters.append(letter.removesuffix(b".\r\n"))
                self.taken.append(to)
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            writer.write(said)


async def test_one_bad_address_disturbs_no_other(fans: Fans) -> None:
    """Refused for good, busy, dropped in the middle, hanging: the rest is told at once, and those who may be
    told later once, too."""
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    sender = SmtpSender(f"smtp://127.0.0.1:{server.port}", "Weir <weir@weir.example>", 0.5, at_once=10)
    fans.mails._sender = sender
    addresses = await fans.many(12)
    await fans.begins()
    for _ in range(2):
        await fans.due_now()
        await fans.notices.tell_more("email")
    troubled = {REFUSED, BUSY, DROPPED, HANGS}
    assert Counter(server.taken) == {one: 1 for one in addresses if one not in troubled}
    server.bad = False
    server.released.set()
    await fans.tell_all()
    assert Counter(server.taken) == {one: 1 for one in addresses if one != REFUSED}
    letter = message_from_bytes(server.letters[0], policy=policy.default)
    assert letter["From"] == "Weir <weir@weir.example>"
    assert re.fullmatch(r"<[0-9a-f]{32}@localhost>", letter["Message-ID"])
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    refused = [one for one in (await fans.theirs.find(FOLLOWERS, limit=99)).data if one.get("refused")]
    assert len(refused) == 1
    listening.close()


async def test_a_refusal_for_good_is_told_from_one_for_now() -> None:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    sender = SmtpSender(f"smtp://127.0.0.1:{port}", "weir@weir.example", 5)
    with pytest.raises(MailboxRefused):
        await sender.send(REFUSED, "x", "y")
    with pytest.raises(Unavailable) as busy:
        await sender.send(BUSY, "x", "y")
    assert type(busy.value) is Unavailable
    listening.close()
