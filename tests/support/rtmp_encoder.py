"""An encoder made by hand: publishes over RTMP whatever frames, times, headers and chunk sizes a test gives
it. Frames come from FFmpeg."""

import socket
import subprocess
import time
from dataclasses import dataclass, field
from struct import pack
from typing import Any
from urllib.parse import urlsplit

from media.ingest import flv, rtmp
from media.ingest.rtmp import (
    AUDIO,
    COMMAND,
    DATA,
    SET_CHUNK_SIZE,
    VIDEO,
    Demuxer,
    RtmpMessage,
    chunks,
    decode_amf,
    encode_amf,
)


def film(
    *codec: str,
    picture: str = "testsrc2=s=640x360:r=30",
    sound: str = "sine=440:r=48000",
    seconds: float = 12.0,
    gop: int = 30,
) -> bytes:
    """An FLV file. `picture` or `sound` empty leaves it out; `codec` are further options of FFmpeg."""
    inputs = [word for one in (picture, sound) if one for word in ("-f", "lavfi", "-i", one)]
    groups = ["-g", str(gop), "-keyint_min", str(gop), "-sc_threshold", "0"]
    pixels = [] if "-pix_fmt" in codec else ["-pix_fmt", "yuv420p"]
    video = (
        ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", *groups, *pixels]
        if picture
        else []
    )
    argv = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "error",
        *inputs,
        "-t",
        str(seconds),
        *video,
        *(("-c:a", "aac") if sound else ()),
        *codec,
    ]
    return subprocess.run([*argv, "-f", "flv", "pipe:1"], capture_output=True, check=True, timeout=120).stdout


def messages(file: bytes) -> list[RtmpMessage]:
    return [RtmpMessage(kind, 1, at, body) for kind, at, body in flv.tags(file)]


@dataclass
class Encoder:
    """`url` as OBS has it, key included. Send messages in order; `play` paces them by their times, as they
    would come."""

    url: str
    chunk_size: int = 4096
    channels: dict[int, int] = field(default_factory=lambda: {VIDEO: 6, AUDIO: 4, DATA: 5})
    line: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        address = urlsplit(self.url)
        application, _, key = address.path.strip("/").partition("/")
        self.line = socket.create_connection((address.hostname or "", address.port or 1935), 10)
        self.line.sendall(b"\3" + bytes(rtmp.HANDSHAKE))
        theirs = self._exactly(1 + 2 * rtmp.HANDSHAKE)
        self.line.sendall(theirs[1 : 1 + rtmp.HANDSHAKE])
        self._demuxer = Demuxer()
        self._send(RtmpMessage(SET_CHUNK_SIZE, 0, 0, pack(">I", self.chunk_size)), 2)
        self._command(
            0,
            "connect",
            1,
            {"app": application, "type": "nonprivate", "tcUrl": f"rtmp://{address.netloc}/{application}"},
        )
        self._until(lambda values: values[:2] == ["_result", 1.0])
        self._command(0, "createStream", 2, None)
        self._until(lambda values: values[:2] == ["_result", 2.0])
        self._command(1, "publish", 3, None, key, "live")
        self._until(
            lambda values: values[0] == "onStatus" and values[-1]["code"] == "NetStream.Publish.Start"
        )

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.line.recv(size - len(data))
            if not more:
                raise ConnectionError("the ingest has closed the connection")
            data += more
        return data

    def _command(self, stream: int, *values: Any) -> None:
        self._send(RtmpMessage(COMMAND, stream, 0, encode_amf(*values)), 8 if stream else 3)

    def _until(self, wanted: Any) -> None:
        while True:
            data = self.line.recv(65536)
            if not data:
                raise ConnectionError("the ingest has closed the connection")
            for message in self._demuxer.feed(data):
                if message.kind == COMMAND and wanted(decode_amf(message.body)):
                    return

    def _send(self, message: RtmpMessage, channel: int) -> None:
        self.line.sendall(chunks(message, channel, self.chunk_size))

    def send(self, message: RtmpMessage) -> None:
        self._send(message._replace(stream=1, time=message.time & 0xFFFFFFFF), self.channels[message.kind])

    def metadata(self, **about: Any) -> None:
        self.send(RtmpMessage(DATA, 1, 0, encode_amf("@setDataFrame", "onMetaData", about)))

    def play(self, what: list[RtmpMessage], *, shift: int = 0, until: float | None = None) -> None:
        """At the pace of the messages' own times, which are sent shifted by `shift` ms; to the time `until`
        (s), else all."""
        began, first = time.monotonic(), what[0].time if what else 0
        for message in what:
            if until is not None and message.time / 1000 >= until:
                return
            time.sleep(max(0.0, began + (message.time - first) / 1000 - time.monotonic()))
            self.send(message._replace(time=message.time + shift))

    def close(self) -> None:
        self.line.close()


def is_header(message: RtmpMessage) -> bool:
    if message.kind == VIDEO:
        picture = flv.picture(message.body)
        return picture is not None and picture.part == "header"
    sound = flv.sound(message.body) if message.kind == AUDIO else None
    return sound is not None and sound.part == "header"
