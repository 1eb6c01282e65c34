"""Every answer of the log's scripts, on a real Redis."""

import asyncio
import json

import pytest

from realtime.log.channel_log import JUMP, ArchivedState, ChannelLog, LogPage, PositionLost
from realtime.log.redis_keys import keys_of
from realtime.protocol.envelope import PAGE_EVENTS, tail
from realtime.rules.permissions import NO_RATE, Rate
from tests.support.chat_nodes import nothing_known
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.errors import Refused
from weir.foundation.ids import new_id


@pytest.fixture
def entries(connection):
    return ChannelLog(connection, 10_000, nothing_known)


@pytest.fixture
def channel():
    return new_id("chn")


async def put(entries, channel, cid, *, uid="ann", rate=NO_RATE, text="hi", at_ms=0):
    entry_id = new_id("msg")
    body = tail(entry_id, "chat.message.new", channel, {"cid": cid, "text": text})
    return await entries.append(
        channel,
        kind="chat.message.new",
        entry_id=entry_id,
        cid=cid,
        uid=uid,
        rate=rate,
        tail=body,
        at_ms=at_ms,
    )


async def refused(entries, channel, cid, **more):
    with pytest.raises(Refused) as caught:
        await put(entries, channel, cid, **more)
    return caught.value


async def test_seq_counts_by_one_from_the_first_use(entries, channel):
    """A channel is created by its first message and counts 1, 2, 3."""
    stored = [await put(entries, channel, f"c{n}") for n in range(3)]
    assert [one.seq for one in stored] == [1, 2, 3]
    page = await entries.after(channel, stored[0].epoch, 0)
    assert [(entry.seq, entry.prev) for entry in page.entries] == [(1, 0), (2, 1), (3, 2)]


async def test_the_same_cid_is_stored_once(entries, connection, channel):
    """A repeat is answered with the first id and seq, even when the user is banned by then and after one
    rotation."""
    first = await put(entries, channel, "c1")
    await connection.link().ask("HSET", keys_of(channel).meta, "b:ann", 0, "rotated", 0)
    await put(entries, channel, "c2", uid="bob")  # rotates
    again = await put(entries, channel, "c1")
    assert (again.id, again.seq, again.repeated) == (first.id, first.seq, True)
    assert (await put(entries, channel, "c1", uid="bob")).repeated is False
    await connection.link().ask("HSET", keys_of(channel).meta, "rotated", 0)
    await put(entries, channel, "c3", uid="bob")  # rotates again: two generations on, c1 is forgotten
    assert (await refused(entries, channel, "c1")).code == "banned"


async def test_bans_end_with_their_time(entries, connection, channel):
    """0 is for good, a time in the past no longer holds, a time ahead says how long."""
    await put(entries, channel, "c0")
    meta = keys_of(channel).meta
    await connection.link().ask("HSET", meta, "b:ann", 0)
    assert (await refused(entries, channel, "c1")).retry_after is None
    await connection.link().ask("HSET", meta, "b:ann", now_ms() + 60_000)
    assert 50 < (await refused(entries, channel, "c1")).retry_after <= 60
    await connection.link().ask("HSET", meta, "b:ann", now_ms() - 1)
    assert (await put(entries, channel, "c1")).seq == 2


async def test_lock_and_slow_mode_spare_the_exempt(entries, connection, channel):
    """A lock refuses members, slow mode spaces them, and staff passes both."""
    member, staff = Rate(1000, 9000, False), Rate(1000, 9000, True)
    await put(entries, channel, "c0")
    await connection.link().ask("HSET", keys_of(channel).meta, "lock", 1)
    assert (await refused(entries, channel, "c1", rate=member)).code == "locked"
    assert (await put(entries, channel, "c1", rate=staff)).seq == 2
    await connection.link().ask("HSET", keys_of(channel).meta, "lock", 0, "slow", 30_000)
    await put(entries, channel, "c2", uid="bob", rate=member)
    slow = await refused(entries, channel, "c3", uid="bob", rate=member)
    assert slow.code == "slow_mode"
    assert 25 < slow.retry_after <= 30
    await connection.link().ask("HSET", keys_of(channel).meta, "slow", 0)
    await put(entries, channel, "c3", uid="bob", rate=member)  # its end lets them write at once
    await connection.link().ask("HSET", keys_of(channel).meta, "slow", 30_000)
    assert (await put(entries, channel, "c3", rate=staff)).seq == 5
    assert await entries.rules(channel) == {
        "slow": 30.0, "guestwait": 0, "guestsread": False, "lockdown": False,
        "subscribers": False, "followers": False, "emoteonly": False, "pinned": None,
    }  # fmt: skip


async def test_a_burst_is_taken_and_no_more(entries, channel):
    """With a burst of five, five of eight messages at once pass, and another user is not touched by it."""
    rate = Rate(10_000_000, 40_000_000, False)
    outcomes = await asyncio.gather(
        *(put(entries, channel, f"c{n}", rate=rate) for n in range(8)), return_exceptions=True
    )
    assert [getattr(one, "code", "ok") for one in outcomes] == ["ok"] * 5 + ["rate_limited"] * 3
    assert 0 < outcomes[5].retry_after <= 10  # type: ignore[union-attr]
    assert (await put(entries, channel, "c", uid="bob", rate=rate)).seq == 6


async def test_a_full_log_refuses(connection, channel):
    """At its cap a log takes nothing more, and says so by a code of its own."""
    entries = ChannelLog(connection, 3, nothing_known)
    for n in range(3):
        await put(entries, channel, f"c{n}")
    assert (await refused(entries, channel, "c3")).code == "storage_full"
    assert (await put(entries, channel, "c1")).seq == 2


async def test_without_memory_nothing_is_written(entries, redis_server, channel):
    """A refusal for want of memory leaves seq and log as they were."""
    await put(entries, channel, "c1")
    redis_server.command("CONFIG", "SET", "maxmemory", "1")
    assert (await refused(entries, channel, "c2")).code == "storage_full"
    redis_server.command("CONFIG", "SET", "maxmemory", "0")
    assert (await entries.newest(channel, 10)).position.top == 1
    assert (await put(entries, channel, "c2")).seq == 2


async def test_a_new_incarnation_jumps(entries, connection, channel):
    """The first message after Redis became another process steps over any tail that may be lost, and links
    over the gap."""
    await put(entries, channel, "c1")
    await connection.link().ask("HSET", keys_of(channel).meta, "incarnation", "another")
    assert (await put(entries, channel, "c2")).seq == 2 + JUMP
    assert (await put(entries, channel, "c3")).seq == 3 + JUMP
    epoch = (await entries.open(channel)).epoch
    assert [(e.seq, e.prev) for e in (await entries.after(channel, epoch, 1)).entries] == [
        (2 + JUMP, 1),
        (3 + JUMP, 2 + JUMP),
    ]


async def test_scripts_are_loaded_again(entries, connection, channel):
    """A Redis that forgot its scripts loses no message."""
    await put(entries, channel, "c1")
    await connection.link().ask("SCRIPT", "FLUSH")
    assert (await put(entries, channel, "c2")).seq == 2


async def test_a_channel_opens_above_what_the_archive_knows(connection, channel):
    """With a floor of 4113 the first seq is above everything that was ever seen."""

    async def known(_: str) -> ArchivedState:
        return ArchivedState(4113, {"slow": 30_000})

    entries = ChannelLog(connection, 100, known)
    assert (await put(entries, channel, "c1")).seq == 4114 + JUMP
    assert await entries.open(channel) == (await entries.newest(channel, 1)).position
    assert (await entries.rules(channel))["slow"] == 30


async def test_what_cannot_be_continued_is_named(entries, connection, channel):
    """Another epoch, a seq from the future and a seq that the log does not have are distinguished; the top is
    empty."""
    stored = [await put(entries, channel, f"c{n}") for n in range(5)]
    epoch = stored[0].epoch
    assert await entries.after(channel, epoch, 5) == LogPage(
        stored_position := (await entries.open(channel)), []
    )
    assert await entries.after(channel, "old", 2) == PositionLost(stored_position, "epoch")
    assert await entries.after(channel, epoch, 6) == PositionLost(stored_position, "ahead")
    await connection.link().ask("XTRIM", keys_of(channel).log, "MINID", "4-0")
    assert await entries.after(channel, epoch, 2) == PositionLost(stored_position, "gone")
    assert [entry.seq for entry in (await entries.after(channel, epoch, 3)).entries] == [4, 5]


async def test_pages_are_bounded_by_number_and_size(entries, channel):
    """At most 200 entries or 256 KB come at once, and the pages together are everything."""
    small, large = channel, new_id("chn")
    for n in range(450):
        await put(entries, small, f"c{n}")
    for n in range(40):
        await put(entries, large, f"c{n}", text="\x01" * 4096)
    for name, total in ((small, 450), (large, 40)):
        epoch, seqs, sizes = (await entries.open(name)).epoch, list[int](), list[int]()
        while len(seqs) < total:
            page = await entries.after(name, epoch, seqs[-1] if seqs else 0)
            assert len(page.entries) <= PAGE_EVENTS
            assert sum(len(entry.body) for entry in page.entries) < 300_000
            sizes.append(len(page.entries))
            seqs += [entry.seq for entry in page.entries]
        assert seqs == list(range(1, total + 1))
        assert len(sizes) > 2


async def test_newest_is_oldest_first(entries, channel):
    """The newest entries come in order, also below a given seq."""
    for n in range(10):
        await put(entries, channel, f"c{n}")
    assert [entry.seq for entry in (await entries.newest(channel, 3)).entries] == [8, 9, 10]
    assert [entry.seq for entry in (await entries.newest(channel, 3, below=4)).entries] == [1, 2, 3]


async def test_times_are_rfc_3339(entries, channel):
    """The script writes a time as the rest of the product does, over leap days and centuries; 0 is Redis' own
    time."""
    times = [
        1,
        951_782_399_999,
        951_782_400_000,
        1_709_164_800_001,
        1_735_689_599_999,
        4_107_542_400_000,
        1_795_370_000_250,
    ]
    for at_ms in times:
        await put(entries, channel, f"t{at_ms}", at_ms=at_ms)
    await put(entries, channel, "now")
    told = [json.loads(entry.body)["at"] for entry in (await entries.newest(channel, 20)).entries]
    assert told[:-1] == [rfc3339(at_ms) for at_ms in times]
    assert told[-1][:13] == rfc3339(now_ms())[:13]


async def test_tops_tell_where_each_log_stands(entries, channel):
    """One round trip for many channels; a channel without a log has no position."""
    await put(entries, channel, "c1")
    position, nothing = await entries.tops([channel, new_id("chn")])
    assert position == await entries.open(channel)
    assert nothing is None
