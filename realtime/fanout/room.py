"""One channel's members on this node, and the frames that wait for them. [work]

Joining and leaving cost the same in a room of ten and of ten thousand: nothing is rebuilt. While a room
waits (coalescing), its frames are kept once for all members that are in no other room. Two kinds of
members need more, so that each connection sees one order: one that was written to meanwhile has been given
its frames `early`, up to an index; one that is in several rooms has an outbox of its own, into which all
its rooms put their frames in order.
"""

import os
from itertools import repeat
from typing import Any

from realtime.fanout.fast_socket import FastSocket


class ChannelRoom:
    """A Membership. `lone` members, with their descriptors, are in this room only, `shared` ones also in
    others; `queued` ones (by Socket.IO session) use the stock path, which keeps its own order. An empty
    room removes itself from `home`."""

    __slots__ = ("_channel", "_home", "early", "lone", "pending", "queued", "resting", "shared")

    def __init__(self, channel: str, home: dict[str, "ChannelRoom"]) -> None:
        self._channel = channel
        self._home = home
        self.lone: dict[FastSocket, int] = {}
        self.shared: dict[FastSocket, None] = {}
        self.queued: dict[str, Any] = {}
        self.pending: list[bytes] = []
        self.early: dict[FastSocket, int] = {}
        self.resting = False

    # -- members

    def add(self, member: FastSocket) -> None:
        """The member gets what is delivered from now on, and nothing that waits already."""
        if member.over or self in member.rooms:
            return
        others, member.rooms = member.rooms, (*member.rooms, self)
        if not others:
            self._add_lone(member)
            return
        if len(others) == 1:
            others[0].share(member)
        self.shared[member] = None

    def _add_lone(self, member: FastSocket) -> None:
        self.lone[member] = member.descriptor
        if self.pending:
            self.early[member] = len(self.pending)

    def remove(self, member: FastSocket) -> None:
        """Removes the member; what waits for it is written first."""
        if self not in member.rooms:
            return
        if member in self.lone:
            self._remove_lone(member)
        else:
            member.empty_outbox()
            del self.shared[member]
        member.rooms = tuple(room for room in member.rooms if room is not self)
        if len(member.rooms) == 1:
            member.rooms[0].unshare(member)
        self.settle()

    def share(self, member: FastSocket) -> None:
        self._remove_lone(member)
        self.shared[member] = None

    def unshare(self, member: FastSocket) -> None:
        del self.shared[member]
        self._add_lone(member)

    def turn(self, member: FastSocket) -> None:
        if member in self.lone:
            self.lone[member] = member.descriptor

    def _remove_lone(self, member: FastSocket) -> None:
        self.catch_up(member)
        del self.lone[member]
        self.early.pop(member, None)

    def settle(self) -> None:
        """Removes the room when it is empty."""
        if not (self.lone or self.shared or self.queued) and self._home.get(self._channel) is self:
            del self._home[self._channel]

    # -- frames

    def enqueue(self, frame: bytes) -> None:
        """Queues a frame until the room is flushed."""
        self.pending.append(frame)
        for member in self.shared:
            member.outbox.append(frame)

    def catch_up(self, member: FastSocket) -> None:
        if member not in self.lone:
            return
        start = self.early.get(member, 0)
        if start < len(self.pending):
            self.early[member] = len(self.pending)
            member.write(b"".join(self.pending[start:]), len(self.pending) - start)

    def flush(self) -> None:
        """Writes the queued frames."""
        pending, early = self.pending, self.early
        self.pending = []
        self.early = {}
        data = b"".join(pending)
        if early:
            for member in self.lone:
                start = early.get(member, 0)
                if start < len(pending):
                    member.write(b"".join(pending[start:]) if start else data, len(pending) - start)
        else:
            self._write(data, len(pending))
        for member in self.shared:
            member.empty_outbox()

    def write(self, frame: bytes) -> None:
        """Writes one frame to every member now; nothing is pending."""
        self._write(frame, 1)
        for member in self.shared:
            if member.outbox:
                member.outbox.append(frame)
                member.empty_outbox()
            else:
                member.write(frame, 1)

    def _write(self, data: bytes, count: int) -> None:
        """The hot loop, without a line of Python for each member that takes everything: that is a sixth of a
        delivery's cost. A write that fails ends `extend`, which keeps its results; the next one continues
        after it."""
        sent: list[int] = []
        writes = map(os.write, self.lone.values(), repeat(data))
        while len(sent) < len(self.lone):
            try:
                sent.extend(writes)
            except OSError:
                sent.append(0)
        if sent.count(len(data)) < len(sent):
            self._write_rest(data, count, sent)

    def _write_rest(self, data: bytes, count: int, sent: list[int]) -> None:
        """The kernel took `sent` bytes of each member's frame; writes the others."""
        for member, taken in zip(list(self.lone), sent, strict=True):
            if taken == 0:
                member.write(data, count)
            elif taken < len(data):
                member.write_rest(data, taken, count)
