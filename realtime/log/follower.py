"""One node's copy of the logs of its members' channels: complete, in order, each entry once. [work]

Every node, the sender's too, delivers only what this module delivers, so all nodes show one order. A
channel is followed while it has members: subscribe, wait for the confirmation, read, then apply what
arrived meanwhile (reading first lost 8,050 of 20,805 in a trial). Each entry must name the one before it;
a gap is filled from the log. The last entry of a quiet channel has no successor that would reveal its
loss, so positions are compared every POSITION_S.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable

import structlog

from realtime.log.channel_log import ChannelLog, LogPage, PositionLost
from realtime.log.redis_keys import keys_of
from realtime.protocol.envelope import Entry, parse_entry
from realtime.protocol.redaction import redactions, restores
from realtime.redis.client import RedisAddress
from realtime.redis.pubsub import PubSub
from weir.foundation.errors import Unavailable

POSITION_S = 5.0
OPEN_S = 2.0
NEWEST_KEPT = 200
MOST_WAITING = 5_000
Deliver = Callable[[str, Entry], None]
Resync = Callable[[str], None]
log = structlog.get_logger("realtime.follow")


class Followed:
    """This node's state of one channel. `recent` serves returning clients without Redis; `whole`: it reaches
    back to the channel's beginning; `pinned`: id and envelope of a message that was looked up, until
    something is removed; `current`: nothing is missing as far as this node can know; `losses` counts
    broken subscriptions."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.epoch = ""
        self.last = 0
        self.recent: deque[Entry] = deque(maxlen=NEWEST_KEPT)
        self.whole = False
        self.pinned: tuple[str, bytes | None] | None = None
        self.members = 0
        self.waiting: list[Entry] = []
        self.live = False
        self.losses = 0
        self.confirmed = asyncio.Event()
        self.current = asyncio.Event()
        self.filling: asyncio.Task[None] | None = None

    def reset(self, newest: LogPage) -> None:
        self.epoch = newest.position.epoch
        self.last = newest.position.top
        self.recent.clear()
        self.recent.extend(newest.entries)
        self.whole = self.last == 0 or (bool(newest.entries) and newest.entries[0].prev == 0)

    def fits(self, entry: Entry) -> bool:
        return entry.epoch == self.epoch and entry.prev == self.last

    def has_seen(self, entry: Entry) -> bool:
        return entry.epoch == self.epoch and entry.seq <= self.last

    def add(self, entry: Entry) -> None:
        hidden = redactions(entry)
        if hidden is not None or restores(entry):
            self.pinned = None
        if hidden is not None:
            self.recent = deque(hidden.apply(list(self.recent)), maxlen=NEWEST_KEPT)
        elif restores(entry):  # what was hidden may be shown again: read it from the log
            self.recent.clear()
            self.whole = False
        self.whole = self.whole and len(self.recent) < NEWEST_KEPT
        self.recent.append(entry)
        self.last = entry.seq

    def since(self, seq: int) -> list[Entry] | None:
        """The entries after `seq`; None when it is not certain that they are all."""
        if seq == self.last:
            return []
        later = [entry for entry in self.recent if entry.seq > seq]
        return later if later and later[0].prev == seq else None


class Follower:
    """`deliver` is called with each entry once, in order, synchronously on the event loop; `resync` when a
    channel's members must join again, because their log is gone."""

    def __init__(self, address: RedisAddress, entries: ChannelLog, deliver: Deliver, resync: Resync) -> None:
        self._log = entries
        self._deliver = deliver
        self._resync = resync
        self._channels: dict[str, Followed] = {}
        self._by_shard: dict[str, Followed] = {}
        self._subscriptions = PubSub(
            address, on_message=self._published, on_confirmed=self._confirmed, on_lost=self._lost
        )
        self._fills: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Runs until cancelled."""
        try:
            await asyncio.gather(self._subscriptions.run(), self._check_positions())
        finally:
            for fill in list(self._fills):
                fill.cancel()

    def channels(self) -> list[str]:
        """Channels with members here."""
        return list(self._channels)

    def get(self, channel: str) -> Followed | None:
        return self._channels.get(channel)

    async def open(self, channel: str) -> Followed:
        """Adds a member: follows the channel and waits until the copy is complete. Pair it with `close`.

        Errors: Unavailable when that takes longer than 2 s; then the member is not counted."""
        followed = self._channels.get(channel)
        if followed is None:
            followed = self._channels[channel] = Followed(channel)
            self._by_shard[keys_of(channel).shard] = followed
            self._subscriptions.add(keys_of(channel).shard)
        followed.members += 1
        try:
            await self.settled(followed)
        except BaseException:
            self.close(followed)
            raise
        return followed

    async def settled(self, followed: Followed) -> None:
        """Waits until the copy is complete. Errors: Unavailable after 2 s."""
        try:
            await asyncio.wait_for(followed.current.wait(), OPEN_S)
        except TimeoutError:
            raise Unavailable("This channel can't be read now.", retry_after=1) from None

    def close(self, followed: Followed) -> None:
        """Removes a member; the last one ends the subscription."""
        followed.members -= 1
        if followed.members or self._channels.get(followed.channel) is not followed:
            return
        shard = keys_of(followed.channel).shard
        del self._channels[followed.channel], self._by_shard[shard]
        if followed.filling is not None:
            followed.filling.cancel()
        self._subscriptions.remove(shard)

    async def catch_up(self, followed: Followed) -> None:
        """Reads the log again, for a client that has seen more than this node. Errors: Unavailable."""
        self._fill(followed)
        await self.settled(followed)

    # -- the subscription

    def _confirmed(self, shard: str) -> None:
        followed = self._by_shard[shard]
        followed.confirmed.set()
        self._fill(followed)

    def _lost(self, shard: str) -> None:
        followed = self._by_shard[shard]
        followed.losses += 1
        followed.live = False
        followed.waiting.clear()
        followed.confirmed.clear()
        followed.current.clear()

    def _published(self, shard: str, payload: bytes) -> None:
        followed, entry = self._by_shard[shard], parse_entry(payload)
        if entry.aside:
            self._deliver(followed.channel, entry)
        else:
            self._arrived(followed, entry)

    def _arrived(self, followed: Followed, entry: Entry) -> None:
        if not followed.live:
            if len(followed.waiting) >= MOST_WAITING:
                followed.waiting.clear()  # the read that follows covers them
            followed.waiting.append(entry)
        elif not self._apply(followed, entry):
            followed.waiting.append(entry)
            self._fill(followed)

    def _apply(self, followed: Followed, entry: Entry) -> bool:
        """Adds and delivers the entry. False when it does not follow the last one."""
        if followed.has_seen(entry):
            return True
        if not followed.fits(entry):
            return False
        followed.add(entry)
        self._deliver(followed.channel, entry)
        return True

    # -- filling

    def _fill(self, followed: Followed) -> None:
        followed.live = False
        followed.current.clear()
        if followed.filling is None or followed.filling.done():
            followed.filling = asyncio.create_task(self._catch_up(followed), name=f"fill {followed.channel}")
            self._fills.add(followed.filling)
            followed.filling.add_done_callback(self._fills.discard)

    async def _catch_up(self, followed: Followed) -> None:
        pause = 0.02
        while not followed.live:
            await followed.confirmed.wait()
            losses = followed.losses
            try:
                complete = await self._read(followed)
            except Unavailable:
                await asyncio.sleep(pause * random.uniform(0.5, 1))
                pause = min(2 * pause, 0.5)
                continue
            if complete and losses == followed.losses:
                followed.live = True
                followed.current.set()

    async def _read(self, followed: Followed) -> bool:
        """Reads the log once, then applies what arrived meanwhile. True when nothing is missing."""
        followed.waiting.clear()  # published before this read was sent, so the read covers them
        if not followed.epoch:
            followed.reset(await self._log.newest(followed.channel, NEWEST_KEPT))
        else:
            answer = await self._log.after(followed.channel, followed.epoch, followed.last)
            if isinstance(answer, PositionLost):
                await self._begin_again(followed, answer)
            else:
                for entry in answer.entries:
                    self._apply(followed, entry)
                if followed.last < answer.position.top:
                    return False
        waiting, followed.waiting = followed.waiting, []
        return all(self._apply(followed, entry) for entry in waiting)

    async def _begin_again(self, followed: Followed, lost: PositionLost) -> None:
        log.warning(
            "follow.reset",
            channel=followed.channel,
            reason=lost.reason,
            seq=followed.last,
            top=lost.position.top,
        )
        followed.reset(await self._log.newest(followed.channel, NEWEST_KEPT))
        self._resync(followed.channel)

    async def _check_positions(self) -> None:
        while True:
            await asyncio.sleep(POSITION_S * random.uniform(0.8, 1))
            quiet = [followed for followed in self._channels.values() if followed.live]
            try:
                tops = await self._log.tops([followed.channel for followed in quiet])
            except Unavailable:
                continue
            for followed, top in zip(quiet, tops, strict=True):
                if top is None or (top.epoch, top.top) != (followed.epoch, followed.last):
                    self._fill(followed)
