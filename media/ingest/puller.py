"""A stream pulled from the ingest over RTMP on loopback, message by message. [hands]"""

import asyncio
import os
from collections.abc import Callable
from struct import pack, unpack_from
from typing import cast
from urllib.parse import urlsplit

from media.ingest import rtmp
from media.ingest.rtmp import Demuxer, RtmpError, RtmpMessage, chunks, decode_amf, encode_amf

CONNECT_S, BUFFER_MS = 3.0, 1000
CONTROL, INVOKE, STREAM = 2, 3, 8
ENDED = frozenset(("NetStream.Play.UnpublishNotify", "NetStream.Play.Stop", "NetStream.Play.Complete"))


class PullRefused(Exception):
    """The ingest refuses this stream; the message says why."""


class RtmpPull(asyncio.Protocol):
    """One stream that is being pulled. `heard` gets its messages; `ended` is called once, when no more will
    follow."""

    def __init__(
        self,
        application: str,
        name: str,
        address: str,
        heard: Callable[[RtmpMessage], None],
        ended: Callable[[], None],
    ) -> None:
        self._application = application
        self._name = name
        self._address = address
        self._heard = heard
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._handshake: bytes | None = b""
        self._demuxer = Demuxer()
        self._window = self._received = self._acknowledged = 0
        self.playing: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._transport.write(bytes((rtmp.VERSION,)) + bytes(8) + os.urandom(rtmp.HANDSHAKE - 8))

    def data_received(self, data: bytes) -> None:
        try:
            if self._handshake is not None:
                data = self._greeted(data)
            if data:
                self._received += len(data)
                for message in self._demuxer.feed(data):
                    self._take(message)
            if self._window and self._received - self._acknowledged >= self._window // 2:
                self._acknowledged = self._received
                self._send(
                    CONTROL, RtmpMessage(rtmp.ACKNOWLEDGEMENT, 0, 0, pack(">I", self._received & 0xFFFFFFFF))
                )
        except RtmpError as error:
            self._over(str(error))

    def _greeted(self, data: bytes) -> bytes:
        """Handles what follows the server's handshake."""
        assert self._handshake is not None
        self._handshake += data
        size = 1 + 2 * rtmp.HANDSHAKE
        if len(self._handshake) < size:
            return b""
        rest, theirs = self._handshake[size:], self._handshake[1 : 1 + rtmp.HANDSHAKE]
        self._handshake = None
        assert self._transport is not None
        self._transport.write(theirs)
        about = {
            "app": self._application,
            "flashVer": "LNX 9,0,124,2",
            "tcUrl": self._address,
            "fpad": False,
            "capabilities": 15,
        }
        self._invoke(0, "connect", 1, about)
        return rest

    def _invoke(self, stream: int, *values: object) -> None:
        self._send(STREAM if stream else INVOKE, RtmpMessage(rtmp.COMMAND, stream, 0, encode_amf(*values)))

    def _send(self, channel: int, message: RtmpMessage) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(chunks(message, channel))

    def _take(self, message: RtmpMessage) -> None:
        if message.kind in (rtmp.AUDIO, rtmp.VIDEO, rtmp.DATA):
            self._heard(message)
        elif message.kind == rtmp.COMMAND:
            self._commanded(decode_amf(message.body))
        elif message.kind == rtmp.WINDOW and len(message.body) >= 4:
            (self._window,) = unpack_from(">I", message.body)
        elif message.kind == rtmp.USER_CONTROL and len(message.body) >= 6:
            event, value = unpack_from(">HI", message.body)
            if event == rtmp.PING:
                self._send(CONTROL, RtmpMessage(rtmp.USER_CONTROL, 0, 0, pack(">HI", rtmp.PONG, value)))
            elif event == rtmp.STREAM_EOF:
                self._over("")

    def _commanded(self, values: list[object]) -> None:
        name, *rest = values or [""]
        about = rest[-1] if rest else None
        if name == "_result" and rest[0] == 1.0:
            self._invoke(0, "createStream", 2, None)
        elif name == "_result" and rest[0] == 2.0 and isinstance(about, float):
            self._invoke(int(about), "play", 3, None, self._name, -1)
            self._send(
                CONTROL,
                RtmpMessage(rtmp.USER_CONTROL, 0, 0, pack(">HII", rtmp.BUFFER_LENGTH, int(about), BUFFER_MS)),
            )
        elif name == "_error":
            self._over("the ingest refuses to let it be played")
        elif name == "onStatus" and isinstance(about, dict):
            code = str(about.get("code", ""))
            if code == "NetStream.Play.Start":
                if not self.playing.done():
                    self.playing.set_result(None)
            elif about.get("level") == "error" or code in ENDED:
                self._over("" if code in ENDED else code)

    def _over(self, reason: str) -> None:
        if not self.playing.done():
            self.playing.set_exception(PullRefused(reason or "no publisher"))
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.playing.done():
            self.playing.set_exception(PullRefused("the ingest has closed the connection"))
        self._ended()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def play(
    url: str, name: str, heard: Callable[[RtmpMessage], None], ended: Callable[[], None]
) -> RtmpPull:
    """Plays `name` of an application `rtmp://HOST[:PORT]/APPLICATION`. Errors: PullRefused, OSError; `ended`
    may have been called then."""
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    application = address.path.strip("/")
    async with asyncio.timeout(CONNECT_S):
        _, pull = await loop.create_connection(
            lambda: RtmpPull(application, name, url, heard, ended),
            address.hostname or "127.0.0.1",
            address.port or 1935,
        )
        try:
            await pull.playing
        except BaseException:
            pull.close()
            raise
    return pull
