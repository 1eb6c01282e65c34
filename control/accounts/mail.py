"""Mail: links that reset a password, verify an address or invite to an app.

An address gets at most MOST_MAILS of a kind an hour, from all who ask together, so that a stranger cannot
fill a mailbox. The only text in a mail that others have chosen is an app's name, in quotation marks and
without anything that a mail program turns into a link.

Without `WEIR_SMTP_URL` a mail is written as a file to `mail/` in the data folder, and a log line says so
without the link; this suits one machine and trying out. Sending is tried once; the user may ask again.
"""

import asyncio
import os
import re
import smtplib
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from weir.foundation.clock import now_ms
from weir.foundation.errors import Unavailable
from weir.foundation.ids import new_secret
from weir.foundation.redis.scripts import read_script
from weir.foundation.settings import Settings

TIMEOUT_S = 15
AT_ONCE = 4
MOST_MAILS = 3
WITHIN_MS = 3_600_000
LONGEST_QUOTED = 60
MAIL = read_script("control.accounts", "mail")
_LINKED = re.compile(r"[:/@\\<>]+|(?<=\w)[.\u3002\uff0e\uff61](?=\w)")
log = structlog.get_logger("control.mail")


def quoted(name: str) -> str:
    """A name that another person has chosen, in the form in which a mail may contain it."""
    said = " ".join(_LINKED.sub(" ", "".join(one for one in name if one.isprintable())).split())
    return f"“{said if len(said) <= LONGEST_QUOTED else said[:LONGEST_QUOTED].rstrip() + '…'}”"


Headers = Mapping[str, str]
NO_HEADERS: Headers = {}


class MailLimit:
    """How many mails of a kind an address gets. `address` is hashed: Redis holds no list of addresses."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its reply types are unions that fit no single command

    async def admits(self, kind: str, address: str) -> bool:
        """Counts one mail. Errors: Unavailable."""
        try:
            return (
                int(await self._redis.eval(MAIL, 1, f"weir:mail:{kind}:{address}", MOST_MAILS, WITHIN_MS))
                == 0
            )
        except (RedisError, OSError) as error:
            raise Unavailable("No mail can be sent at the moment; try again soon.") from error


class MailboxRefused(Unavailable):
    """The server refuses this one address for good (5xx); others may be fine."""


class MailSender(Protocol):
    """`delivers` to people's mailboxes; `headers` are further ones of the mail. Errors: Unavailable when the
    mail was not taken, MailboxRefused among them."""

    delivers: bool

    async def send(self, to: str, subject: str, text: str, headers: Headers = NO_HEADERS) -> None: ...


class FolderSender:
    delivers = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, to: str, subject: str, text: str, headers: Headers = NO_HEADERS) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{now_ms():015d}-{new_secret(6)}.txt"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            more = "".join(f"{name}: {value}\n" for name, value in headers.items())
            file.write(f"To: {to}\nSubject: {subject}\n{more}\n{text}\n")
        log.info("mail.written", subject=subject, file=path.name)


class SmtpSender:
    """`smtp://user:password@host:587` (STARTTLS where offered) or `smtps://…:465`.

    A password is sent only over TLS with a verified certificate. Without a password, STARTTLS accepts any
    certificate: a relay on this machine often has a self-signed one."""

    delivers = True

    def __init__(self, url: str, sender: str, timeout_s: float = TIMEOUT_S, at_once: int = AT_ONCE) -> None:
        """Its threads are its own: a server that hangs holds up nothing else."""
        self._threads = ThreadPoolExecutor(at_once, "mail")
        self._url = urlsplit(url)
        self._sender = sender
        self._timeout_s = timeout_s

    async def send(self, to: str, subject: str, text: str, headers: Headers = NO_HEADERS) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, " ".join(subject.split())
        for name, value in headers.items():
            message[name] = value
        message.set_content(text)
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._deliver, message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            log.warning("mail.refused", error=type(error).__name__)
            refused = MailboxRefused if all(500 <= code < 600 for code in codes) else Unavailable
            raise refused("The mail server does not take this address.") from error
        except (OSError, smtplib.SMTPException) as error:
            log.warning("mail.refused", error=type(error).__name__)
            raise Unavailable("The mail could not be sent; try again in a while.") from error

    def _deliver(self, message: EmailMessage) -> None:
        with self._connected() as server:
            if self._url.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=self._tls())
            elif self._url.scheme == "smtp" and self._url.username:
                raise smtplib.SMTPNotSupportedError("no STARTTLS, and the password must not go in clear")
            if self._url.username:
                server.login(unquote(self._url.username), unquote(self._url.password or ""))
            server.send_message(message)

    def _connected(self) -> smtplib.SMTP:
        host, secure = self._url.hostname or "localhost", self._url.scheme == "smtps"
        port = self._url.port or (465 if secure else 587)
        if secure:
            return smtplib.SMTP_SSL(host, port, timeout=self._timeout_s, context=ssl.create_default_context())
        server = smtplib.SMTP(host, port, timeout=self._timeout_s)
        server.ehlo_or_helo_if_needed()
        return server

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self._url.username:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


def open_sender(settings: Settings, at_once: int = AT_ONCE) -> MailSender:
    """`at_once`: how many mails may be on their way."""
    return (
        SmtpSender(settings.smtp_url, settings.mail_from, at_once=at_once)
        if settings.smtp_url
        else FolderSender(settings.data / "mail")
    )
