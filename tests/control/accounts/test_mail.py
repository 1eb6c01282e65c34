"""The SMTP sender against a server that speaks the protocol, and against one that misbehaves."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from control.accounts.mail import SmtpSender
from tests.support.control_room import World
from weir.foundation.errors import Unavailable

LINK = "https://weir.example/studio#reset=" + "x" * 32
ENDS = {
    "refuses": (b"RCPT", b"550 no such person"),
    "is busy": (b"MAIL", b"451 try later"),
    "is full": (b"DATA", b"452 no room"),
}


@dataclass
class Server:
    """RFC 5321 in small. `fault` is what it does wrong; `tls` is offered by STARTTLS, `login` asked for."""

    fault: str = ""
    tls: ssl.SSLContext | None = None
    login: tuple[str, str] | None = None
    letters: list[bytes] = field(default_factory=list)
    said: list[bytes] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            return
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault == "hangs":
            await asyncio.sleep(60)
        writer.write(b"220 test\r\n")
        secure = False
        while line := await reader.readline():
            verb = line[:4].upper()
            self.said.append(line)
            if ENDS.get(self.fault, (b"",))[0] == verb:
                writer.write(ENDS[self.fault][1] + b"\r\n")
            elif verb == b"EHLO":
                offers = [b"STARTTLS"] if self.tls and not secure else []
                offers += [b"AUTH PLAIN"] if self.login else []
                words = [b"test", *offers]
                writer.write(
                    b"".join(b"250%b%b\r\n" % (b"-" if one is not words[-1] else b" ", one) for one in words)
                )
            elif verb == b"STAR":
                writer.write(b"220 go\r\n")
                await writer.drain()
                assert self.tls is not None
                await writer.start_tls(self.tls)
                secure = True
            elif verb == b"AUTH":
                given = base64.b64decode(line.split()[2]).decode().split("\0")[1:]
                writer.write(b"235 welcome\r\n" if tuple(given) == self.login else b"535 no\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                letter = await reader.readuntil(b"\r\n.\r\n")
                if self.fault == "drops":
                    return
                self.letters.append(letter.removesuffix(b".\r\n"))
                writer.write(b"250 taken\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 ok\r\n")


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[Server]:
    made = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = made.sockets[0].getsockname()[1]
    yield server
    made.close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """Of 127.0.0.1, signed by itself."""
    key, name = (
        generate_private_key(SECP256R1()),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail")]),
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, SHA256())
    )  # fmt: skip
    public, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    public.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, public


def smtp(server: Server, who: str = "", timeout_s: float = 10) -> SmtpSender:
    return SmtpSender(f"smtp://{who}127.0.0.1:{server.port}", "Weir <weir@weir.example>", timeout_s)


async def test_a_mail_arrives_as_it_was_written() -> None:
    """Whatever alphabet, with a line of one dot; a subject of several lines is one, and adds no header."""
    async with listening(Server()) as server:
        await smtp(server).send("ann@b.example", "Grüße\r\nBcc: eve@evil.example", f"Öffne:\n.\n{LINK}")
    (raw,) = server.letters
    letter = message_from_bytes(raw.replace(b"\r\n..", b"\r\n."), policy=policy.default)
    assert (letter["To"], letter["Subject"], letter["From"]) == (
        "ann@b.example", "Grüße Bcc: eve@evil.example", "Weir <weir@weir.example>",
    )  # fmt: skip
    assert letter["Bcc"] is None
    assert letter.get_content().replace("\r\n", "\n").rstrip() == f"Öffne:\n.\n{LINK}"
    assert [line.upper() for line in server.said if line.upper().startswith(b"RCPT")] == [
        b"RCPT TO:<ANN@B.EXAMPLE>\r\n"
    ]


@pytest.mark.parametrize("fault", [*ENDS, "hangs", "drops"])
async def test_a_mail_that_is_not_taken_is_unavailable(
    fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused, put off, unanswered, or disconnected after the text; within its time, and the log holds no
    link."""
    async with listening(Server(fault)) as server, asyncio.timeout(10):
        with pytest.raises(Unavailable):
            await smtp(server, timeout_s=0.5).send("ann@b.example", "Set a new password", LINK)
    assert server.letters == []
    assert "x" * 32 not in capsys.readouterr().out


async def test_nobody_listens() -> None:
    """The same refusal."""
    async with listening(Server()) as server:
        pass
    with pytest.raises(Unavailable):
        await smtp(server).send("ann@b.example", "Hello", "text")


async def test_a_password_goes_over_a_checked_line_only(
    certificate: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in clear, not to a stranger's certificate; a wrong one is a refusal."""
    context, public = certificate
    async with (
        listening(Server(login=("weir", "p@ss"))) as clear,
        listening(Server("", context, ("weir", "p@ss"))) as server,
    ):
        for one in (clear, server):
            with pytest.raises(Unavailable):
                await smtp(one, "weir:p%40ss@").send("ann@b.example", "Hello", "text")
            assert not [line for line in one.said if line.startswith(b"AUTH")]
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
        await smtp(server, "weir:p%40ss@").send("ann@b.example", "Hello", "text")
        with pytest.raises(Unavailable):
            await smtp(server, "weir:wrong@").send("ann@b.example", "Hello", "text")
    assert len(server.letters) == 1


async def test_without_a_password_any_certificate_will_do(certificate: tuple[ssl.SSLContext, Path]) -> None:
    """A relay on the same machine often has one of its own making."""
    async with listening(Server("", certificate[0])) as server:
        await smtp(server).send("ann@b.example", "Hello", "text")
    assert len(server.letters) == 1


async def test_a_dead_mail_server_says_nothing_about_accounts(world: World) -> None:
    """Who asks for a new password gets one answer, whether there is such an account or not; an invitation
    says that it waits."""
    owner = await world.owner()
    app = (await world.app(owner))["id"]
    async with listening(Server()) as server:
        pass
    world.room._accounts._mail = world.room._teams._mail = smtp(server)
    answers = [
        await world.ask("POST", "/v1/auth/password/forgot", body={"email": email})
        for email in ("owner@weir.example", "no@weir.example")
    ]
    assert [(one.status_code, one.content) for one in answers] == [(204, b"")] * 2
    invited = await world.ask(
        "POST", f"/v1/apps/{app}/invitations", owner, {"email": "ann@weir.example", "role": "viewer"}
    )
    assert (invited.status_code, invited.json()["code"]) == (503, "unavailable")
    await world.room._accounts.stop()
