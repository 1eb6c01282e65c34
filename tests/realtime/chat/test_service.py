"""Join, leave, send, history and resume through real sockets, on one node and on two."""

import asyncio
import signal
from typing import Any

import pytest

from realtime.log.channel_log import JUMP
from tests.realtime.app_events.test_app_events import program
from tests.realtime.history import Seen, Sent, faults
from tests.realtime.talk import Talk
from tests.support.chat_nodes import Client, House, eventually
from weir.foundation.events import StreamError, StreamLive
from weir.foundation.ids import derived_id, new_id


@pytest.fixture
def channel(house: House) -> str:
    return house.directory.new_stream("app_1")["channel"]


def seqs(events: list[dict]) -> list[int]:
    return [event["seq"] for event in events]


async def say(client: Client, channel: str, count: int, prefix: str = "c") -> list[dict]:
    return [await client.send(channel, f"{prefix}{number}") for number in range(count)]


async def test_a_message_reaches_everyone_in_the_channel(house: House, channel: str):
    """What one member sends, all members see as the envelope of the contract."""
    node = await house.node()
    ann, bob = (
        await house.client(node, "app_1", "ann"),
        await house.client(node, "app_1", "bob", badges=["subscriber"]),
    )
    joined = await ann.join(channel)
    assert joined == {
        "ok": True, "role": "member", "viewers": 1, "epoch": joined["epoch"], "seq": 0, "recovered": False, "messages": [], "muted": None,
        "badges": [],
        "settings": {
            "slow": 0, "guestwait": 0, "guestsread": False, "lockdown": False,
            "subscribers": False, "followers": False, "emoteonly": False, "pinned": None,
            "rate_per_s": 100_000, "burst": 100_000,
        },
    }  # fmt: skip
    await bob.join(channel)
    ack = await bob.send(channel, "c1", "hé", picture_time=123)
    assert ack == {"ok": True, "id": ack["id"], "seq": 1}
    for client in (ann, bob):
        await eventually(lambda client=client: client.of("chat.message.new"))
        message = client.of("chat.message.new")[0]
        assert message == {
            "id": ack["id"], "type": "chat.message.new", "at": message["at"], "channel": channel, "epoch": joined["epoch"],
            "seq": ack["seq"], "cid": "c1", "text": "hé", "picture_time": 123,
            "user": {"id": "bob", "name": "Bob", "role": "member", "badges": ["subscriber"]},
        }  # fmt: skip


async def test_who_has_left_hears_nothing(house: House, channel: str):
    """After channel.leave nothing more of the channel arrives; leaving twice is fine."""
    node = await house.node()
    ann, bob = await house.client(node, "app_1", "ann"), await house.client(node, "app_1", "bob")
    await ann.join(channel)
    await bob.join(channel)
    assert await ann.call("channel.leave", channel=channel) == {"ok": True}
    assert await ann.call("channel.leave", channel=channel) == {"ok": True}
    await say(bob, channel, 3)
    await eventually(lambda: len(bob.of("chat.message.new")) == 3)
    assert ann.of("chat.message.new") == []


async def test_the_same_cid_has_one_answer(house: House, channel: str):
    """A message sent again, on the other node too, is answered with its first id and seq and shown once."""
    one, two = await house.node(), await house.node()
    here, there = await house.client(one, "app_1", "ann"), await house.client(two, "app_1", "ann")
    await here.join(channel)
    first = await here.send(channel, "c1")
    assert await there.send(channel, "c1") == first
    assert await here.send(channel, "c1", "another text") == first
    await here.send(channel, "c2")
    await eventually(lambda: len(here.of("chat.message.new")) == 2)
    assert [event["cid"] for event in here.of("chat.message.new")] == ["c1", "c2"]


async def test_two_nodes_show_one_order(house: House, channel: str):
    """Writers on both nodes, receivers on both: every receiver sees every message once, in the same order."""
    nodes = [await house.node(), await house.node()]
    clients = [await house.client(nodes[n % 2], "app_1", f"u{n}") for n in range(6)]
    for client in clients:
        await client.join(channel)
    sent: list[Sent] = []

    async def write(client: Client, name: str) -> None:
        for start in range(0, 250, 10):
            records = [Sent(f"{name}-{start + n}") for n in range(10)]
            sent.extend(records)
            for record, ack in zip(
                records,
                await asyncio.gather(*(client.send(channel, record.cid) for record in records)),
                strict=True,
            ):
                record.seq = ack["seq"]
            assert [record.seq for record in records] == sorted(
                record.seq or 0 for record in records
            )  # a client's own order holds

    await asyncio.gather(*(write(client, f"w{n}") for n, client in enumerate(clients[:4])))
    await eventually(lambda: all(len(client.of("chat.message.new")) == 1000 for client in clients), 20)
    everyone = [Seen(str(n)) for n in range(len(clients))]
    for seen, client in zip(everyone, clients, strict=True):
        for envelope in client.of("chat.message.new"):
            seen.take(envelope)
    assert faults(sent, everyone) == []
    assert sorted(record.seq or 0 for record in sent) == list(range(1, 1001))


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("missed", [0, 1, 199, 200, 201, 450])
async def test_a_returning_client_gets_exactly_what_it_missed(
    house: House, channel: str, elsewhere: bool, missed: int
):
    """With epoch and seq, on the same node or another, every missed event comes once, in pages, before the
    new ones."""
    one, two = await house.node(), await house.node()
    ann, bob = await house.client(one, "app_1", "ann"), await house.client(one, "app_1", "bob")
    await bob.join(channel)
    position = await ann.join(channel)
    last = (await bob.send(channel, "first"))["seq"]
    await ann.io.disconnect()
    await say(bob, channel, missed, "m")
    ann = await house.client(two if elsewhere else one, "app_1", "ann")
    got: list[int] = []
    while True:
        page = await ann.join(channel, epoch=position["epoch"], seq=last)
        assert page["ok"]
        assert page["recovered"] is True
        assert len(page["events"]) <= 200
        got += seqs(page["events"])
        assert page["seq"] == (got[-1] if got else last)
        last = page["seq"]
        if not page["more"]:
            break
    assert got == list(range(2, 2 + missed))
    await say(bob, channel, 3, "live")
    await eventually(lambda: len(ann.of("chat.message.new")) == 3)
    assert seqs(ann.of("chat.message.new")) == [missed + 2, missed + 3, missed + 4]


async def test_joining_amid_a_storm_leaves_no_gap_and_no_double(house: House, channel: str):
    """Clients that join while others write see page and live events as one unbroken sequence."""
    one, two = await house.node(), await house.node()
    writers = [await house.client(node, "app_1", f"w{n}") for n, node in enumerate((one, two))]
    for writer in writers:
        await writer.join(channel)
    writing = asyncio.gather(*(say(writer, channel, 400, f"w{n}-") for n, writer in enumerate(writers)))
    joiners: list[Any] = []
    for number in range(12):
        client = await house.client((one, two)[number % 2], "app_1", f"j{number}")
        if number % 3:
            epoch = joiners[0][1]["epoch"]
            got: list[dict] = []
            while True:
                page = await client.join(channel, epoch=epoch, seq=got[-1]["seq"] if got else 0)
                got += page["events"]
                if not page["more"]:
                    break
            joiners.append((client, {**page, "messages": got}))
        else:
            joiners.append((client, await client.join(channel)))
    await writing
    for client, page in joiners:
        await eventually(
            lambda client=client, page=page: page["seq"] + len(client.of("chat.message.new")) >= 800
        )
        whole = seqs(page["messages"]) + seqs(client.of("chat.message.new"))
        assert whole == list(range(whole[0], 801))
        assert seqs(page["messages"])[-1:] in ([page["seq"]], [])


async def test_a_joining_client_gets_the_newest_fifty(house: House, channel: str):
    """Without a position the page has the newest messages and not the facts between them."""
    node = await house.node()
    ann, bob = await house.client(node, "app_1", "ann"), await house.client(node, "app_1", "bob")
    await say(bob, channel, 60)
    event = stream_event(house, channel)
    await node.services.bus.publish(event)
    await ann.join(channel)
    await eventually(lambda: node.room._follower.get(channel).last == 61)  # type: ignore[union-attr]
    page = await bob.join(channel)
    assert page["seq"] == 61
    assert [message["cid"] for message in page["messages"]] == [f"c{n}" for n in range(10, 60)]


async def test_history_pages_back_to_the_beginning(house: House, channel: str):
    """Pages are oldest first inside, newest page first, and together every message once."""
    node = await house.node()
    ann = await house.client(node, "app_1", "ann")
    await asyncio.gather(*(ann.send(channel, f"c{n}") for n in range(60)))
    await asyncio.gather(*(ann.send(channel, f"d{n}") for n in range(60)))
    read: list[int] = []
    before = None
    while True:
        page = await ann.call(
            "chat.history", channel=channel, limit=50, **({"before": before} if before else {})
        )
        assert page["ok"]
        read = seqs(page["messages"]) + read
        before = page["next"]
        if before is None:
            break
    assert read == list(range(1, 121))
    assert (await ann.call("chat.history", channel=channel, before="x.1", limit=5))["error"][
        "code"
    ] == "invalid"


async def test_an_unknown_position_is_not_recovered(house: House, channel: str):
    """Another epoch or a seq from the future is answered with the newest messages instead of a guess."""
    node = await house.node()
    ann = await house.client(node, "app_1", "ann")
    await say(ann, channel, 3)
    position = await ann.join(channel)
    for wrong in ({"epoch": "other", "seq": 1}, {"epoch": position["epoch"], "seq": 99}):
        page = await ann.join(channel, **wrong)
        assert page["recovered"] is False
        assert len(page["messages"]) == 3
    assert seqs((await ann.join(channel, epoch=position["epoch"], seq=1))["events"]) == [2, 3]


def stream_event(house: House, channel: str, kind=StreamLive, **more):
    stream = house.directory.streams[channel]
    return kind(
        app=stream["app"], stream=stream["id"], playback=stream["playback"], channel=channel, broadcast=new_id("brd"), generation=1,
        id=derived_id("evt", stream["id"], kind.__name__), **more,
    )  # fmt: skip


async def test_facts_about_a_stream_stand_in_the_channels_sequence_once(house: House, channel: str):
    """A fact that is published twice is one entry, between the messages, with the fact's own id and time."""
    one, two = await house.node(), await house.node()
    ann, bob = await house.client(one, "app_1", "ann"), await house.client(two, "app_1", "bob")
    position = await ann.join(channel)
    await bob.join(channel)
    await ann.send(channel, "c1")
    live = stream_event(house, channel)
    await one.services.bus.publish(live, live)
    await eventually(lambda: bob.of("stream.live"))
    await one.services.bus.publish(stream_event(house, channel, StreamError, reason="codec"), live)
    await eventually(lambda: ann.of("stream.error"))
    await ann.send(channel, "c2")
    for client in (ann, bob):
        await eventually(lambda client=client: len(client.of("chat.message.new")) == 2)
        assert [event for event, _ in client.events if "viewer" not in event] == [
            "chat.message.new", "stream.live", "stream.error", "chat.message.new",
        ]  # fmt: skip
        told = client.of("stream.live")[0]
        assert (told["id"], told["seq"], told["broadcast"], told["channel"]) == (
            live.id,
            2,
            live.broadcast,
            channel,
        )
        assert client.of("stream.error")[0]["reason"] == "codec"
    assert seqs((await ann.join(channel, epoch=position["epoch"], seq=0))["events"]) == [1, 2, 3, 4]


async def test_redis_killed_amid_writes_loses_nothing_acked(house: House, channel: str):
    """While Redis is dead sends fail as unavailable in bounded time; what was acked is all there; then all
    continues."""
    one, two = await house.node(), await house.node()
    clients = [await house.client(node, "app_1", f"u{n}") for n, node in enumerate((one, two))]
    epochs = {(await client.join(channel))["epoch"] for client in clients}
    talk = Talk(clients, channel)
    for outage in range(1, 4):
        await eventually(lambda due=20 * outage: talk.acked > due)
        house.redis.kill()
        talk.codes.discard("unavailable")
        await eventually(lambda: talk.codes)
        house.redis.start()
        await talk.goes_on()
    await eventually(lambda: talk.acked > 80)
    shown = await talk.end()
    assert talk.codes == {"unavailable"}
    assert {epoch for epoch, _, _ in shown} == epochs
    assert len(shown) > 50
    assert talk.reached > JUMP


async def test_an_emptied_redis_is_told_not_hidden(house: House, channel: str):
    """After FLUSHALL members get `resync`, a rejoin is not recovered and has a new epoch, and chat
    continues."""
    node = await house.node()
    ann, bob = await house.client(node, "app_1", "ann"), await house.client(node, "app_1", "bob")
    position = await ann.join(channel)
    await say(bob, channel, 5)
    await eventually(lambda: len(ann.of("chat.message.new")) == 5)
    house.redis.command("FLUSHALL")
    assert (await bob.send(channel, "after"))["ok"]
    await eventually(lambda: ann.of("system.notice"))
    assert ann.of("system.notice")[0]["code"] == "resync"
    page = await ann.join(channel, epoch=position["epoch"], seq=5)
    assert page["recovered"] is False
    assert page["epoch"] != position["epoch"]
    assert [message["cid"] for message in page["messages"]] == ["after"]
    await bob.send(channel, "on")
    await eventually(lambda: [event["cid"] for event in ann.of("chat.message.new")][-1] == "on")


async def test_a_frozen_redis_is_answered_in_time(house: House, channel: str):
    """A send that Redis does not answer is `unavailable`, never ok and never silence; the same cid goes
    through afterwards."""
    node = await house.node()
    ann = await house.client(node, "app_1", "ann")
    await ann.join(channel)
    house.redis.signal(signal.SIGSTOP)
    acks = [await asyncio.wait_for(ann.send(channel, "c1"), 3) for _ in range(3)]
    house.redis.signal(signal.SIGCONT)
    assert [ack["error"]["code"] for ack in acks] == ["unavailable"] * 3
    while not (ack := await ann.send(channel, "c1"))["ok"]:
        await asyncio.sleep(0.05)
    await eventually(lambda: ann.of("chat.message.new"))
    assert (await ann.send(channel, "c2"))["seq"] == ack["seq"] + 1
    await eventually(lambda: len(ann.of("chat.message.new")) == 2)
    assert seqs(ann.of("chat.message.new")) == [ack["seq"], ack["seq"] + 1]


async def test_a_plan_s_messages_are_used_up(house: House):
    """Over all nodes and by REST alike; commands still work, a repeat is no new message, and the app's
    program gets the event once."""
    house.settings = house.settings.model_copy(update={"plans": {"free": {"messages": 4}}})
    stream = house.directory.new_stream("app_1")
    house.directory.apps["app_1"]["plan"] = "free"
    one, two = await house.node(), await house.node()
    follower = await program(house, one)
    assert (await follower.call("events.subscribe", types=["quota.exceeded"]))["ok"]
    ann, bob = await house.client(one, "app_1", "ann"), await house.client(two, "app_1", "bob")
    channel = stream["channel"]
    await ann.join(channel)
    acks = [await client.send(channel, f"c{number}") for number in range(2) for client in (ann, bob)]
    assert [ack["ok"] for ack in acks] == [True] * 4
    for client in (ann, bob):
        refused = await client.send(channel, "c9")
        assert (refused["ok"], refused["error"]["code"]) == (False, "quota_exceeded")
    assert await ann.send(channel, "c0") == acks[0]
    assert (await ann.send(channel, "h", "/help"))["ok"]
    await eventually(lambda: follower.of("quota.exceeded"))
    await asyncio.sleep(0.2)  # a second event would come over the bus, in no order with anything here
    assert [(one["quota"], one["limit"]) for one in follower.of("quota.exceeded")] == [("messages", 4)]
