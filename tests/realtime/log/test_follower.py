"""A node's copy of a log is complete, in order and once, whatever happens to its subscription."""

import asyncio
import random
from typing import Any

import pytest

from realtime.log import follower
from realtime.log.channel_log import ChannelLog
from realtime.log.follower import Follower
from realtime.log.redis_keys import keys_of
from realtime.protocol.envelope import tail
from realtime.redis.client import address_of, connect
from realtime.rules.permissions import NO_RATE
from tests.realtime.history import Seen, Sent, faults
from tests.support.chat_nodes import eventually, nothing_known
from weir.foundation.errors import Refused, Unavailable
from weir.foundation.ids import new_id


class Watcher:
    """A follower that notes what it would deliver."""

    def __init__(self, address, name: str) -> None:
        self.connection = connect(address)
        self.log = ChannelLog(self.connection, 1_000_000, nothing_known)
        self.seen: dict[str, Seen] = {}
        self.resyncs: list[str] = []
        self.name = name
        self.follower = Follower(address, self.log, self.deliver, self.resyncs.append)

    def deliver(self, channel, entry) -> None:
        cid = entry.body.split(b'"cid":"', 1)[1].split(b'"', 1)[0].decode()
        self.seen.setdefault(channel, Seen(self.name)).events.append((entry.epoch, entry.seq, cid))

    async def put(self, channel: str, cid: str) -> int:
        body = tail(cid, "t", channel, {"cid": cid})
        return (await self.log.append(channel, kind="t", entry_id=cid, cid=cid, rate=NO_RATE, tail=body)).seq


@pytest.fixture
async def watchers(settings, vault, redis_server):
    address = address_of(settings, vault)
    made = [Watcher(address, "one"), Watcher(address, "two")]
    tasks = [asyncio.create_task(work) for one in made for work in (one.connection.run(), one.follower.run())]
    for one in made:
        await one.connection.up(5)
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_two_followers_show_one_history_while_their_subscriptions_break(watchers, redis_server):
    """With writers on both nodes and subscriptions killed again and again nothing is lost, doubled or out of
    order."""
    channels = [new_id("chn") for _ in range(3)]
    sent: dict[str, list[Sent]] = {channel: [] for channel in channels}
    for one in watchers:
        for channel in channels:
            await one.follower.open(channel)

    async def write(one: Watcher, channel: str) -> None:
        for number in range(200):
            record = Sent(f"{one.name}-{number}")
            sent[channel].append(record)
            record.seq = await one.put(channel, record.cid)
            await asyncio.sleep(random.uniform(0, 0.004))

    async def disturb() -> None:
        while True:
            await asyncio.sleep(random.uniform(0.02, 0.1))
            await asyncio.to_thread(redis_server.command, "CLIENT", "KILL", "TYPE", "pubsub")

    disturbance = asyncio.create_task(disturb())
    await asyncio.gather(*(write(one, channel) for one in watchers for channel in channels))
    disturbance.cancel()
    for channel in channels:
        await eventually(
            lambda channel=channel: all(len(one.seen[channel].events) >= 400 for one in watchers)
        )
        assert faults(sent[channel], [one.seen[channel] for one in watchers]) == []
    assert not any(one.resyncs for one in watchers)


async def test_a_lost_publication_is_found_by_the_next(watchers):
    """A live entry that does not name the last one makes the node read what it missed."""
    one, two = watchers
    channel = new_id("chn")
    followed = await one.follower.open(channel)
    await two.put(channel, "a")
    await eventually(lambda: followed.last == 1)
    lost: list[Any] = []
    arrived, one.follower._arrived = one.follower._arrived, lambda *published: lost.append(published)
    await two.put(channel, "b")
    await eventually(lambda: lost)
    one.follower._arrived = arrived
    await two.put(channel, "c")
    await eventually(lambda: [cid for _, _, cid in one.seen[channel].events] == ["a", "b", "c"])


async def test_the_last_publication_of_a_quiet_channel_is_found_too(watchers, monkeypatch):
    """Nothing follows it that could betray its loss; comparing positions does."""
    monkeypatch.setattr(follower, "POSITION_S", 0.2)
    one, two = watchers
    await asyncio.sleep(0)
    channel = new_id("chn")
    followed = await one.follower.open(channel)
    lost: list[Any] = []
    arrived, one.follower._arrived = one.follower._arrived, lambda *published: lost.append(published)
    await two.put(channel, "a")
    await eventually(lambda: lost)
    one.follower._arrived = arrived
    checking = asyncio.create_task(one.follower._check_positions())
    await eventually(lambda: followed.last == 1)
    assert [cid for _, _, cid in one.seen[channel].events] == ["a"]
    checking.cancel()


async def test_a_channel_is_followed_only_while_it_has_members(watchers, redis_server):
    """The last member to leave ends the subscription, and coming back at once follows it again."""
    one, two = watchers
    channel = new_id("chn")
    shard = keys_of(channel).shard
    first, second = await one.follower.open(channel), await one.follower.open(channel)
    assert first is second
    assert shard.encode() in redis_server.command("PUBSUB", "SHARDCHANNELS")
    one.follower.close(first)
    assert one.follower.channels() == [channel]
    one.follower.close(first)
    again = await one.follower.open(channel)
    await two.put(channel, "a")
    await eventually(lambda: again.last == 1)
    one.follower.close(again)
    await eventually(lambda: shard.encode() not in redis_server.command("PUBSUB", "SHARDCHANNELS"))
    assert one.follower.channels() == []


async def test_an_emptied_redis_makes_members_join_again(watchers, redis_server):
    """The new log has a new epoch; the old one's followers get `resync`, once, and then follow the new
    one."""
    one, two = watchers
    channel = new_id("chn")
    followed = await one.follower.open(channel)
    await two.put(channel, "a")
    await eventually(lambda: followed.last == 1)
    epoch = followed.epoch
    redis_server.command("FLUSHALL")
    await two.put(channel, "b")
    await eventually(lambda: one.resyncs == [channel])
    assert followed.epoch != epoch
    await two.put(channel, "c")
    await eventually(lambda: [cid for _, _, cid in one.seen[channel].events][-1] == "c")
    assert followed.since(followed.last) == []


async def test_an_unreachable_log_is_told_and_counts_no_member(watchers, redis_server):
    """Opening a channel while Redis is away fails as unavailable within its bound and leaves nothing
    followed."""
    one, _ = watchers
    redis_server.kill()
    with pytest.raises(Unavailable):
        await one.follower.open(new_id("chn"))
    assert one.follower.channels() == []


async def test_memory_proves_what_it_serves(watchers):
    """The last 200 entries answer a returning client; anything older is left to the log."""
    one, _ = watchers
    channel = new_id("chn")
    followed = await one.follower.open(channel)
    assert followed.whole
    for number in range(250):
        await one.put(channel, f"c{number}")
    await eventually(lambda: followed.last == 250)
    assert [entry.seq for entry in followed.since(240)] == list(range(241, 251))
    assert len(followed.since(50)) == 200
    assert followed.since(49) is None
    assert followed.since(251) is None
    assert not followed.whole


async def test_a_tail_cut_from_the_log_jumps_and_is_told(watchers, redis_server):
    """When Redis restarts without its newest entries, no seq is given again and followers that saw them are
    notified."""
    one, two = watchers
    channel = new_id("chn")
    followed = await one.follower.open(channel)
    seqs = [await two.put(channel, f"a{number}") for number in range(20)]
    await eventually(lambda: followed.last == 20)
    redis_server.kill()
    redis_server.cut_tail(700)
    redis_server.start()
    await two.connection.up(10)
    after: list[int] = []
    for number in range(50):
        try:
            after.append(await two.put(channel, f"b{number}"))
        except Refused:
            await asyncio.sleep(0.1)
    await eventually(lambda: one.resyncs == [channel])
    assert not set(after) & set(seqs)
    assert min(after) > max(seqs) + 1000
    await eventually(lambda: followed.last == after[-1])
