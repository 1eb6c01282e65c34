"""Delivery to this node's own members of a channel. [hands]

A subclass of python-socketio's manager, because its `emit` makes a task per recipient and waits for none of them in
turn: here an envelope is encoded once and stands in every recipient's queue when the call returns, so two deliveries
can't overtake each other and joining at a known seq is exact.
"""

import asyncio
from typing import Any

import engineio.packet
import orjson
import socketio
import socketio.packet
import structlog

NAMESPACE = "/"
MOST_QUEUED = 256
MOST_QUEUED_CHARS = 1024 * 1024
FEW = 16
log = structlog.get_logger("realtime.fanout")


class Json:
    """The JSON of packets: raw envelopes stand in an ack as `orjson.Fragment`."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str) -> Any:
        return orjson.loads(text)


RESERVED = frozenset({"connect", "disconnect", "*"})


class Packet(socketio.packet.Packet):  # type: ignore[misc]
    """A Socket.IO packet that refuses what no client of ours sends: binary parts, events without a name, reserved names."""

    json = Json

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


def _overfull(queue: "asyncio.Queue[Any]") -> bool:
    """More than 256 packets or 1 MB unread. The size is looked at only where more than a few packets wait."""
    waiting = queue.qsize()
    if waiting <= FEW:
        return False
    packets = queue._queue  # type: ignore[attr-defined]
    return waiting >= MOST_QUEUED or sum(len(one.data) for one in packets if one is not None and one.data) > MOST_QUEUED_CHARS


class Fanout(socketio.AsyncManager):  # type: ignore[misc]
    """Rooms of this node: one a channel."""

    def __init__(self) -> None:
        super().__init__()
        self._endings: set[asyncio.Future[None]] = set()

    def deliver(self, channel: str, kind: str, body: bytes) -> None:
        """Queues one envelope for every member of the channel; a member that does not read is dropped."""
        room = self.rooms.get(NAMESPACE, {}).get(channel)
        if room:
            self._queue(list(room.values()), kind, body)

    def tell(self, socket: str, kind: str, body: bytes) -> None:
        """Queues one envelope for one client."""
        connection = self.rooms.get(NAMESPACE, {}).get(None, {}).get(socket)
        if connection is not None:
            self._queue([connection], kind, body)

    def enter(self, socket: str, channel: str) -> None:
        self.basic_enter_room(socket, NAMESPACE, channel)

    def leave(self, socket: str, channel: str) -> None:
        if channel in self.rooms.get(NAMESPACE, {}):
            self.basic_leave_room(socket, NAMESPACE, channel)

    def empty(self, channel: str) -> None:
        """Nobody is delivered to until they have joined again."""
        if channel in self.rooms.get(NAMESPACE, {}):
            self.basic_close_room(channel, NAMESPACE)

    def _queue(self, connections: list[str], kind: str, body: bytes) -> None:
        text = f"2{Json.dumps([kind, orjson.Fragment(body)])}"
        packet = engineio.packet.Packet(engineio.packet.MESSAGE, text)
        for connection in connections:
            socket = self._reading(connection)
            if socket is not None:
                socket.queue.put_nowait(packet)

    def keeps_up(self, socket: str) -> bool:
        """False, and the connection ends, when a client has left too much unread; ask before answering it at length."""
        connection = self.rooms.get(NAMESPACE, {}).get(None, {}).get(socket)
        return connection is not None and self._reading(connection) is not None

    def _reading(self, connection: str) -> Any:
        """The connection, unless it has ended or must end because its reader has fallen behind."""
        socket = self.server.eio.sockets.get(connection)
        if socket is None or socket.closed or socket.closing:
            return None
        if _overfull(socket.queue):
            self._drop(socket)
            return None
        return socket

    def _drop(self, socket: Any) -> None:
        """Ends a connection whose reader has fallen behind; it comes back and resumes from where it was."""
        log.warning("fanout.slow_reader", connection=socket.sid)
        while not socket.queue.empty():
            socket.queue.get_nowait()
            socket.queue.task_done()
        line = self.server.environ[socket.sid]["asgi.scope"].get("weir.line")
        if line is not None:
            line.abort()
        ending = asyncio.ensure_future(socket.close(wait=False, abort=True))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
