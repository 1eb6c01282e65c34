"""Socket.IO packets: strict when read, ready for the wire when written. [decision]"""

import json
from typing import Any

import orjson
import socketio.packet


class PacketJson:
    """The JSON of packets. Ready envelopes are put into an ack as `orjson.Fragment`."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str) -> Any:
        """A lone surrogate is an error of the request, which is answered; the connection stays open. Errors:
        ValueError."""
        try:
            return orjson.loads(text)
        except ValueError:
            if "\\u" not in text:
                raise
        try:
            return json.loads(text)
        except RecursionError:
            raise ValueError("nested too deep") from None


RESERVED = frozenset({"connect", "disconnect", "*"})


class Packet(socketio.packet.Packet):  # type: ignore[misc]
    """A Socket.IO packet that refuses what our clients never send: binary parts, events without a name,
    reserved names."""

    json = PacketJson

    def decode(self, encoded_packet: str) -> int:
        """Errors: ValueError."""
        super().decode(encoded_packet)
        if self.packet_type in (socketio.packet.BINARY_EVENT, socketio.packet.BINARY_ACK):
            raise ValueError("binary events are not taken")
        if self.packet_type == socketio.packet.EVENT:
            named = isinstance(self.data, list) and self.data and isinstance(self.data[0], str)
            if not named or self.data[0] in RESERVED:
                raise ValueError("an event is a list that begins with its name")
        return 0


def event(kind: str, body: bytes) -> bytes:
    """The Engine.IO message with an envelope whose JSON is ready: `42["kind",{…}]`."""
    return b"42[" + orjson.dumps(kind) + b"," + body + b"]"
