"""Mail to people: links that reset a password, verify an address or invite to an app.

Without `WEIR_SMTP_URL` a mail becomes a file in the data folder's `mail/`, and a log line says so without its link: good for
one machine and for trying out. Senders are tried once; who asked may ask again.
"""

import asyncio
import os
import smtplib
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import structlog

from weir.foundation.clock import now_ms
from weir.foundation.errors import Unavailable
from weir.foundation.ids import new_secret
from weir.foundation.settings import Settings

TIMEOUT_S = 15
log = structlog.get_logger("control.mail")


class Sender(Protocol):
    """Errors: Unavailable when the mail was not taken."""

    async def send(self, to: str, subject: str, text: str) -> None: ...


class Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, to: str, subject: str, text: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{now_ms():015d}-{new_secret(6)}.txt"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"To: {to}\nSubject: {subject}\n\n{text}\n")
        log.info("mail.written", subject=subject, file=path.name)


class Smtp:
    """`smtp://user:password@host:587` (STARTTLS where offered) or `smtps://…:465`."""

    def __init__(self, url: str, sender: str) -> None:
        self._url, self._sender = urlsplit(url), sender

    async def send(self, to: str, subject: str, text: str) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, subject
        message.set_content(text)
        try:
            await asyncio.to_thread(self._deliver, message)
        except (OSError, smtplib.SMTPException) as error:
            log.warning("mail.refused", error=type(error).__name__)
            raise Unavailable("The mail could not be sent; try again in a while.") from error

    def _deliver(self, message: EmailMessage) -> None:
        host, port = self._url.hostname or "localhost", self._url.port or (465 if self._url.scheme == "smtps" else 587)
        kind = smtplib.SMTP_SSL if self._url.scheme == "smtps" else smtplib.SMTP
        with kind(host, port, timeout=TIMEOUT_S) as server:
            if self._url.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls()
            if self._url.username:
                server.login(unquote(self._url.username), unquote(self._url.password or ""))
            server.send_message(message)


def open_sender(settings: Settings) -> Sender:
    return Smtp(settings.smtp_url, settings.mail_from) if settings.smtp_url else Folder(settings.data / "mail")
