"""RTMP chunks, messages and AMF0 (Adobe's RTMP specification 1.0), as far as playing one stream needs them.
[decision]

A message is cut into chunks; chunks of several messages may come in turns, each on its chunk stream. Times
are milliseconds modulo 2³², as the encoder gave them: who reads them unwraps them
(media.ingest.source_feed).
"""

from collections.abc import Iterator
from struct import error as Truncated  # noqa: N812 – what it means here
from struct import pack, unpack_from
from typing import Any, NamedTuple

VERSION, HANDSHAKE = 3, 1536
SET_CHUNK_SIZE, ABORT, ACKNOWLEDGEMENT, USER_CONTROL, WINDOW, PEER_BANDWIDTH = 1, 2, 3, 4, 5, 6
AUDIO, VIDEO, DATA, COMMAND = 8, 9, 18, 20
STREAM_EOF, BUFFER_LENGTH, PING, PONG = 1, 3, 6, 7
EXTENDED = 0xFFFFFF
LARGEST_MESSAGE = 16 << 20
DEEPEST = 8
SMALLEST_CHUNK, LARGEST_CHUNK = 1, 1 << 24


class RtmpError(ValueError):
    """The bytes are not RTMP; the message says what is wrong."""


class RtmpMessage(NamedTuple):
    """`time` in ms modulo 2³². `stream` is the message stream, 0 for the connection's own."""

    kind: int
    stream: int
    time: int
    body: bytes


class _Channel:
    """One chunk stream: what its last header said, and the message that is growing on it."""

    __slots__ = ("body", "delta", "extended", "growing", "kind", "left", "length", "stream", "time")

    def __init__(self) -> None:
        self.time = self.delta = self.length = self.kind = self.stream = self.left = 0
        self.extended = self.growing = False
        self.body: list[bytes] = []


class Demuxer:
    """Bytes in any slicing in, messages out. Chunk sizes and aborts are obeyed here. Errors: RtmpError; it is
    of no use then."""

    def __init__(self) -> None:
        self._held = b""
        self._wanted = 1
        self._chunk_size = 128
        self._channels: dict[int, _Channel] = {}

    def feed(self, data: bytes) -> Iterator[RtmpMessage]:
        if self._held:
            data = self._held + data
        if len(data) < self._wanted:
            self._held = data
            return
        at = 0
        while (step := self._chunk(data, at)) > 0:
            at, message = at + step, self._finished
            if message is not None:
                self._obey(message)
                yield message
        self._held = data[at:]
        self._wanted = -step

    _finished: RtmpMessage | None = None

    def _chunk(self, data: bytes, at: int) -> int:
        """Takes the chunk that begins there: its length, or minus how many bytes have to be there to
        continue. `_finished` is the message that it ends, or None."""
        have = len(data) - at
        if have < 1:
            return -1
        first, begins = data[at], at + 1
        form, number = first >> 6, first & 63
        if number < 2:
            begins += number + 1
            if have < 2 + number:
                return -(2 + number)
            number = 64 + data[at + 1] + (data[at + 2] << 8 if number else 0)
        head = (11, 7, 3, 0)[form]
        channel = self._channels.get(number)
        if channel is None:
            if form == 3:
                raise RtmpError(f"chunk stream {number} starts without a message header")
            channel = self._channels[number] = _Channel()
        time = channel.delta if form == 3 else 0
        if form < 3:
            if have < begins - at + head:
                return -(begins - at + head)
            time = int.from_bytes(data[begins : begins + 3], "big")
        extended = channel.extended if form == 3 else time == EXTENDED
        if extended:
            head += 4
            if have < begins - at + head:
                return -(begins - at + head)
            (time,) = unpack_from(">I", data, begins + head - 4)
        length = int.from_bytes(data[begins + 3 : begins + 6], "big") if form < 2 else channel.length
        left = channel.left if channel.growing else length
        size = min(left, self._chunk_size)
        whole = begins - at + head + size
        if have < whole:
            return -whole
        self._begin(channel, form, time, length, extended, data, begins)
        begins += head
        channel.body.append(data[begins : begins + size])
        channel.left -= size
        self._finished = self._whole(channel) if channel.left == 0 else None
        return whole

    def _begin(
        self, channel: _Channel, form: int, time: int, length: int, extended: bool, data: bytes, begins: int
    ) -> None:
        if channel.growing:
            if form != 3:
                raise RtmpError("a message begins before the one on its chunk stream has ended")
            return
        if length > LARGEST_MESSAGE:
            raise RtmpError(f"a message of {length} bytes")
        if form < 2:
            channel.length, channel.kind = length, data[begins + 6]
        if form == 0:
            channel.stream, channel.time = int.from_bytes(data[begins + 7 : begins + 11], "little"), time
        else:
            channel.time = (channel.time + time) & 0xFFFFFFFF
        channel.delta, channel.extended = time if form else 0, extended
        channel.growing, channel.left = True, channel.length

    def _whole(self, channel: _Channel) -> RtmpMessage:
        body = channel.body[0] if len(channel.body) == 1 else b"".join(channel.body)
        channel.body, channel.growing = [], False
        return RtmpMessage(channel.kind, channel.stream, channel.time, body)

    def _obey(self, message: RtmpMessage) -> None:
        if message.kind == SET_CHUNK_SIZE and len(message.body) >= 4:
            self._chunk_size = unpack_from(">I", message.body)[0] & 0x7FFFFFFF
            if not SMALLEST_CHUNK <= self._chunk_size <= LARGEST_CHUNK:
                raise RtmpError(f"chunks of {self._chunk_size} bytes")
        elif message.kind == ABORT and len(message.body) >= 4:
            channel = self._channels.get(unpack_from(">I", message.body)[0])
            if channel is not None:
                channel.body, channel.growing = [], False


def chunks(message: RtmpMessage, channel: int, chunk_size: int = 128) -> bytes:
    """A message as it goes out, with a full header; `channel` 2 to 65599."""
    time, body = message.time, message.body
    extended = pack(">I", time) if time >= EXTENDED else b""
    head = (
        min(time, EXTENDED).to_bytes(3, "big")
        + len(body).to_bytes(3, "big")
        + bytes((message.kind,))
        + pack("<I", message.stream)
    )
    pieces = [_basic(0, channel), head, extended, body[:chunk_size]]
    for at in range(chunk_size, len(body), chunk_size):
        pieces += (_basic(3, channel), extended, body[at : at + chunk_size])
    return b"".join(pieces)


def _basic(form: int, channel: int) -> bytes:
    if channel < 64:
        return bytes((form << 6 | channel,))
    if channel < 320:
        return bytes((form << 6, channel - 64))
    return bytes((form << 6 | 1, (channel - 64) & 0xFF, (channel - 64) >> 8))


# -- AMF0


def encode_amf(*values: Any) -> bytes:
    """Numbers, texts, flags, None and objects of these, one after the other."""
    return b"".join(map(_encoded, values))


def _encoded(value: Any) -> bytes:
    if value is None:
        return b"\x05"
    if isinstance(value, bool):
        return b"\x01\x01" if value else b"\x01\x00"
    if isinstance(value, int | float):
        return b"\x00" + pack(">d", value)
    if isinstance(value, str):
        return b"\x02" + _named(value)
    members = b"".join(_named(name) + _encoded(one) for name, one in value.items()) + b"\x00\x00\x09"
    return b"\x03" + members


def _named(text: str) -> bytes:
    raw = text.encode()
    return pack(">H", len(raw)) + raw


def decode_amf(body: bytes) -> list[Any]:
    """All values of a command or of data; dates are numbers (ms). Errors: RtmpError."""
    reader, found = _Reader(body), []
    try:
        while reader.at < len(body):
            found.append(reader.value())
    except (Truncated, IndexError) as error:
        raise RtmpError("AMF0: cut short") from error
    return found


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self.at = 0
        self._depth = 0

    def value(self) -> Any:
        marker = self._body[self.at]
        self.at += 1
        if marker == 0:
            return self._number()
        if marker == 1:
            self.at += 1
            return self._body[self.at - 1] != 0
        if marker in (2, 12):
            return self._text(4 if marker == 12 else 2)
        if marker in (5, 6):
            return None
        if marker == 11:
            number = self._number()
            self.at += 2
            return number
        if marker in (3, 8, 10):
            return self._nested(marker)
        raise RtmpError(f"AMF0: a value of the kind {marker}")

    def _nested(self, marker: int) -> Any:
        self._depth += 1
        if self._depth > DEEPEST:
            raise RtmpError("AMF0: too deep")
        if marker == 8:
            self.at += 4  # a hint of how many
        found: Any = self._list() if marker == 10 else self._members()
        self._depth -= 1
        return found

    def _list(self) -> list[Any]:
        (count,) = unpack_from(">I", self._body, self.at)
        self.at += 4
        if count > len(self._body):
            raise RtmpError("AMF0: more values than bytes")
        return [self.value() for _ in range(count)]

    def _members(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            name = self._text(2)
            if not name and self._body[self.at] == 9:
                self.at += 1
                return found
            found[name] = self.value()

    def _number(self) -> float:
        (number,) = unpack_from(">d", self._body, self.at)
        self.at += 8
        return float(number)

    def _text(self, width: int) -> str:
        length = int.from_bytes(self._body[self.at : self.at + width], "big")
        begins = self.at + width
        self.at = begins + length
        if self.at > len(self._body):
            raise IndexError
        return self._body[begins : self.at].decode("utf-8", "replace")
