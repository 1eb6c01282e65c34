"""Delivery to this node's own members of a channel. [work]

A subclass of python-socketio's manager, because its `emit` makes a task per recipient and waits for none
of them in turn: here an envelope is encoded and framed once and is on its way to every recipient when the
call returns, so two deliveries can't overtake each other and joining at a known seq is exact. It also
keeps no room for each session and looks through none when one leaves: both cost the stock manager time and
memory in proportion to all its clients.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import socketio

from realtime.fanout import stock_socket
from realtime.fanout.coalescing import Coalescer
from realtime.fanout.fast_socket import FastSocket
from realtime.fanout.packets import event
from realtime.fanout.room import ChannelRoom
from realtime.fanout.ws_frames import text_frame

NAMESPACE = "/"


class Fanout(socketio.AsyncManager):  # type: ignore[misc]
    """Rooms of this node: one for each channel."""

    def __init__(self) -> None:
        super().__init__()
        self._channels: dict[str, ChannelRoom] = {}
        self._pace = Coalescer()
        self._endings: set[asyncio.Future[None]] = set()

    # -- delivery

    def deliver(self, channel: str, kind: str, body: bytes) -> None:
        """Sends one envelope to every member of the channel. A member that does not read is disconnected."""
        room = self._channels.get(channel)
        if room is None:
            return
        message = event(kind, body)
        if room.queued:
            self._queue(room, message[1:])
        if room.lone or room.shared:
            self._pace.deliver(room, text_frame(message))

    def send_to(self, socket: str, kind: str, body: bytes) -> None:
        """Sends one envelope to one client, after everything delivered to it before."""
        connection = self._connection(socket)
        if isinstance(connection, FastSocket):
            connection.send_frame(text_frame(event(kind, body)))
        elif connection is not None and self._reads(connection):
            stock_socket.put(connection, event(kind, body)[1:])

    def can_queue(self, eio_sid: str) -> bool:
        """True when an answer may be queued for this connection; one that does not read is ended here. Fast
        sockets bound their queue themselves."""
        connection = self.server.eio.sockets.get(eio_sid)
        return connection is None or isinstance(connection, FastSocket) or self._reads(connection)

    def keeps_up(self, socket: str) -> bool:
        """False when a client has left too much unread; its connection ends. Ask before sending it a long
        answer."""
        connection = self._connection(socket)
        if isinstance(connection, FastSocket):
            return connection.keeps_up()
        return connection is not None and self._reads(connection)

    # -- members

    def enter(self, socket: str, channel: str) -> None:
        """From now on the channel's events are delivered to this client."""
        connection = self._connection(socket)
        if connection is None:
            return
        room = self._channels.get(channel)
        if room is None:
            room = self._channels[channel] = ChannelRoom(channel, self._channels)
        if isinstance(connection, FastSocket):
            room.add(connection)
        else:
            room.queued[socket] = connection

    def leave(self, socket: str, channel: str) -> None:
        room = self._channels.get(channel)
        if room is None:
            return
        connection = self._connection(socket)
        if isinstance(connection, FastSocket):
            room.remove(connection)
        elif room.queued.pop(socket, None) is not None:
            room.settle()

    def empty(self, channel: str) -> None:
        """Stops delivery to all members until they join again."""
        room = self._channels.get(channel)
        if room is not None:
            for member in [*room.lone, *room.shared]:
                room.remove(member)
            room.queued.clear()
            room.settle()

    def _connection(self, socket: str) -> Any:
        """The Engine.IO socket of a Socket.IO session; None when it is gone."""
        return self.server.eio.sockets.get(self.rooms.get(NAMESPACE, {}).get(None, {}).get(socket))

    # -- the stock path

    def _queue(self, room: ChannelRoom, message: bytes) -> None:
        for connection in room.queued.values():
            if self._reads(connection):
                stock_socket.put(connection, message)

    def _reads(self, connection: Any) -> bool:
        """False when the connection has ended, or must end because its client does not read."""
        if stock_socket.reads(connection):
            return True
        if not (connection.closed or connection.closing):
            self._drop(connection)
        return False

    def _drop(self, connection: Any) -> None:
        ending = stock_socket.drop(connection, self.server.environ.get(connection.sid))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    # -- what python-socketio asks of its manager

    def basic_enter_room(
        self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None
    ) -> None:
        if room is None:
            super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        elif room != sid:  # a session's own room is the session
            self.enter(sid, room)

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        if room is None:
            super().basic_leave_room(sid, namespace, room)
        elif room != sid:
            self.leave(sid, room)

    def basic_disconnect(self, sid: str, namespace: str, **options: Any) -> None:
        connection = self._connection(sid)
        if isinstance(connection, FastSocket):
            for membership in connection.rooms:
                membership.remove(connection)
        else:
            for room in list(self._channels.values()):
                if room.queued.pop(sid, None) is not None:
                    room.settle()
        super().basic_disconnect(sid, namespace, **options)

    def get_participants(self, namespace: str, room: str | None) -> Iterator[tuple[str, str]]:
        """(session, connection) of all, or of one session. Channels use `deliver`, not emit."""
        everybody = self.rooms.get(namespace, {}).get(None, {})
        if room is None:
            yield from dict(everybody).items()
        elif room in everybody:
            yield room, everybody[room]
