"""Guests are made by the dozen: what they may do together, and what they leave in Redis."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from realtime.chat import service as chat
from realtime.chat.users import GUEST_KNOWN_S
from realtime.log.channel_log import ChannelLog
from realtime.log.redis_keys import keys_of, origin
from realtime.redis.client import RedisConnection
from realtime.rules.permissions import Crowd, Rate
from tests.realtime.log.test_channel_log import put, refused
from tests.support.chat_nodes import Client, House, Node, eventually, nothing_known
from weir.foundation.ids import new_id
from weir.foundation.settings import Settings

APP = "app_1"
MESSAGES, PER_ADDRESS = 30, 6


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings(
        data_dir=folder / "var",
        run_dir=folder,
        guest_rate_per_s=0.01,
        guest_burst=PER_ADDRESS,
        _env_file=None,
    )


@pytest.fixture
def channel(house: House) -> str:
    made: str = house.directory.new_stream(APP)["channel"]
    house.directory.apps[APP]["guests"] = "chat"
    return made


async def guest(house: House, node: Node, channel: str, name: str = "Guest") -> Client:
    uid = new_id("usr")
    token = house.tokens.mint_user(
        uid, APP, name, 600, sid=new_id("ses"), guest=True, channel=channel, roles={channel: "member"}
    )
    client = Client()
    house.clients.append(client)
    await client.connect(node, {"token": token})
    return client


async def keys(connection: RedisConnection, pattern: str = "*") -> dict[str, int]:
    """Name -> ms until it expires, -1 for never."""
    found = [raw.decode() for raw in await connection.link().ask("KEYS", pattern)]
    ends = await asyncio.gather(*(connection.link().ask("PTTL", name) for name in found))
    return dict(zip(found, ends, strict=True))


async def test_the_guests_of_one_address_write_as_one(house: House, channel: str):
    """New guests bring no new burst; those who were sent by the app are not touched by it."""
    one, other = await house.node(), await house.node()
    answers: list[dict[str, Any]] = []
    for number in range(MESSAGES // 3):
        writer = await guest(house, (one, other)[number % 2], channel)
        answers += [await writer.send(channel, f"c{number}-{n}") for n in range(3)]
    assert [answer["ok"] for answer in answers] == [True] * PER_ADDRESS + [False] * (MESSAGES - PER_ADDRESS)
    assert answers[-1]["error"]["code"] == "rate_limited"
    assert "guests at your address" in answers[-1]["error"]["message"]
    assert answers[-1]["error"]["retry_after"] > 0
    member = await house.client(one, APP, "ann")
    assert all([(await member.send(channel, f"m{n}"))["ok"] for n in range(8)])
    another = house.directory.new_stream(APP)["channel"]
    assert (await (await guest(house, one, another)).send(another, "c"))["ok"]


async def test_a_moderator_among_guests_is_not_held_up(house: House, channel: str):
    """The common bounds do not apply to a guest with a role from a moderator."""
    node = await house.node()
    owner, writer = (
        await house.client(node, APP, "owner", roles={channel: "owner"}),
        await guest(house, node, channel, "Trusted"),
    )
    await writer.join(channel)
    for number in range(PER_ADDRESS):
        assert (await writer.send(channel, f"c{number}"))["ok"]
    assert (await owner.call("chat.command", channel=channel, text="/mod Trusted"))["ok"]

    async def writes() -> bool:
        return bool((await writer.send(channel, new_id("evt")))["ok"])

    for _ in range(100):  # until this node has received it
        if await writes():
            break
        await asyncio.sleep(0.02)
    assert await writes()


async def test_guests_of_all_addresses_have_a_bound_too(connection: RedisConnection):
    """In one channel, whatever the address; a repeat of a stored message is still answered."""
    entries, channel = ChannelLog(connection, 10_000, nothing_known), new_id("chn")

    def rate(address: int) -> Rate:
        return Rate(
            1, 1000, False, crowd=Crowd(f"a{address}", (10_000_000, 10_000_000), (10_000_000, 30_000_000))
        )

    for number in range(4):
        await put(entries, channel, f"c{number}", uid=f"u{number}", rate=rate(number))
    refusal = await refused(entries, channel, "c4", uid="u4", rate=rate(4))
    assert (refusal.code, "by guests here" in refusal.detail, 0 < (refusal.retry_after or 0) <= 10) == (
        "rate_limited",
        True,
        True,
    )
    assert (await put(entries, channel, "c0", uid="u0", rate=rate(0))).repeated
    assert (await put(entries, channel, "m", uid="member", rate=Rate(1, 1000, False))).seq == 5


async def test_a_refused_message_takes_nothing_from_the_others(connection: RedisConnection):
    """One address that never stops does not use up what the channel's other guests have."""
    entries, channel = ChannelLog(connection, 10_000, nothing_known), new_id("chn")

    def rate(name: str) -> Rate:
        return Rate(1, 1000, False, crowd=Crowd(name, (10_000_000, 0), (10_000_000, 10_000_000)))

    await put(entries, channel, "c", uid="u", rate=rate("flood"))
    for number in range(20):
        assert (
            "your address"
            in (await refused(entries, channel, f"f{number}", uid="u", rate=rate("flood"))).detail
        )
    assert (await put(entries, channel, "d", uid="v", rate=rate("honest"))).seq == 2


async def test_a_guest_leaves_nothing_for_longer_than_an_hour(
    house: House, channel: str, connection: RedisConnection
):
    """Not its name, not its id, not a trace of its address; members are known as before."""
    node = await house.node()
    before = await keys(connection)
    gone = await guest(house, node, channel, "Passer-by")
    await gone.join(channel)
    await gone.send(channel, "c1")
    await gone.call("typing.start", channel=channel)
    await gone.io.disconnect()
    await eventually(lambda: not node.room._sockets._members)
    left = {name: ends for name, ends in (await keys(connection)).items() if name not in before}
    of_channel = {name for name in left if name.endswith((":meta", ":log", ":dirty"))}
    assert all(0 < ends <= GUEST_KNOWN_S * 1000 for name, ends in left.items() if name not in of_channel), (
        left
    )
    assert any("passer-by" in name for name in left)
    await (await house.client(node, APP, "ann")).join(channel)
    assert (await connection.link().ask("TTL", keys_of(channel).person("ann"))) > GUEST_KNOWN_S


async def test_no_address_is_stored(house: House, channel: str, redis_server: Any):
    """What the bound is counted by is a keyed hash: the address itself is in no key and no value."""
    node = await house.node()
    writer = await guest(house, node, channel)
    await writer.join(channel)
    assert (await writer.send(channel, "c1"))["ok"]
    written = b"".join(path.read_bytes() for path in (redis_server.folder / "appendonlydir").iterdir())
    assert b":guests:" in written
    assert b"127.0.0.1" not in written


async def test_a_guest_who_stays_stays_known(
    house: House, channel: str, connection: RedisConnection, monkeypatch: pytest.MonkeyPatch
):
    """Moderators find it by its name for as long as it is there."""
    monkeypatch.setattr(chat, "GUEST_KNOWN_S", 0.2)
    node = await house.node()
    writer, owner = (
        await guest(house, node, channel, "Stayer"),
        await house.client(node, APP, "owner", roles={channel: "owner"}),
    )
    await writer.join(channel)
    await connection.link().ask(
        "DEL", *(await keys(connection, "*person*")), *(await keys(connection, "*named*"))
    )
    for _ in range(100):
        if await keys(connection, "*named-guests:stayer"):
            break
        await asyncio.sleep(0.05)
    assert "Stayer (usr_" in (await owner.call("chat.command", channel=channel, text="/user Stayer"))["reply"]


async def test_guests_of_one_name_are_told_apart(house: House, channel: str):
    """However many have taken a member's name, the answer names a few ids, the member's first."""
    node = await house.node()
    for _ in range(12):
        await (await guest(house, node, channel, "Zoe")).join(channel)
    member = await house.client(node, APP, "zoe")
    await member.join(channel)
    owner = await house.client(node, APP, "owner", roles={channel: "owner"})
    told = (await owner.call("chat.command", channel=channel, text="/user Zoe"))["error"]["message"]
    assert "@id:zoe (Zoe, member), @id:usr_" in told
    assert told.count("usr_") == 4
    assert "and others" in told


async def test_typing_by_many_is_told_of_a_few(house: House, channel: str):
    """Each notice goes to every member, so a crowd of guests could make this node send without end."""
    node = await house.node()
    reader = await house.client(node, APP, "reader")
    await reader.join(channel)
    crowd = [await guest(house, node, channel, f"G{number}") for number in range(60)]
    await asyncio.gather(*(one.call("typing.start", channel=channel) for one in crowd))
    await asyncio.gather(*(one.call("typing.stop", channel=channel) for one in crowd))
    await reader.send(channel, "last")
    await eventually(lambda: bool(reader.of("chat.message.new")))
    assert 0 < len(reader.of("typing.started")) + len(reader.of("typing.stopped")) <= 40


def test_an_address_counts_by_its_network():
    """IPv4 by itself, IPv6 by its /64, whatever way it is written; another key gives another name."""
    key = b"k" * 32
    assert origin("192.0.2.1", key) != origin("192.0.2.2", key)
    assert origin("192.0.2.1", key) == origin("::ffff:192.0.2.1", key)
    assert origin("2001:db8::1", key) == origin("2001:db8:0:0:ffff::2", key) != origin("2001:db8:0:1::1", key)
    assert origin("fe80::1%eth0", key) == origin("fe80::2%eth0", key)
    assert origin("unix:", key) == origin("unix:", key) != origin("", key)
    assert origin("192.0.2.1", key) != origin("192.0.2.1", b"l" * 32)


@pytest.mark.parametrize("wanted", ["Olga Owner", "oIga 0wner", "Оlgа Оwner", "Olga\u2007_Owner"])
async def test_a_guest_does_not_get_the_name_of_staff(house: House, channel: str, wanted: str):
    """Nor one that looks like it: the guest keeps the old name, gets a notice, and no message appears under
    the other."""
    one, other = await house.node(), await house.node()
    owner = await house.client(one, APP, "boss", roles={channel: "owner"})
    await owner.join(channel)
    uid = new_id("usr")

    async def comes(name: str) -> tuple[Client, dict[str, Any]]:
        token = house.tokens.mint_user(
            uid, APP, name, 600, sid=new_id("ses"), guest=True, channel=channel, roles={channel: "member"}
        )
        client = Client()
        house.clients.append(client)
        await client.connect(other, {"token": token})
        return client, await client.join(channel)

    boss = house.tokens.mint_user("boss", APP, "Olga Owner", 600, roles={channel: "owner"})
    named = Client()
    house.clients.append(named)
    await named.connect(one, {"token": boss})
    await named.join(channel)
    await named.io.disconnect()
    first, joined = await comes("Guest 1234")
    assert "renamed" not in joined
    await first.io.disconnect()
    again, joined = await comes(wanted)
    assert joined["renamed"]["name"] == "Guest 1234"
    assert "belongs to this chat" in joined["renamed"]["message"]
    assert (await again.send(channel, "c"))["ok"]
    said = await eventually(lambda: owner.of("chat.message.new"))
    assert said[-1]["user"]["name"] == "Guest 1234"
    stranger = Client()
    house.clients.append(stranger)
    token = house.tokens.mint_user(
        new_id("usr"),
        APP,
        wanted,
        600,
        sid=new_id("ses"),
        guest=True,
        channel=channel,
        roles={channel: "member"},
    )
    await stranger.connect(one, {"token": token})
    assert (await stranger.send(channel, "unjoined"))["ok"]
    said = await eventually(lambda: [one for one in owner.of("chat.message.new") if one["cid"] == "unjoined"])
    assert said[0]["user"]["name"].startswith("Guest ")


async def test_a_members_name_is_kept_for_them_while_they_are_here(house: House, channel: str):
    """And is free when they have left; guests may share one."""
    node = await house.node()
    member = await house.client(node, APP, "zoe")
    await member.join(channel)
    assert (await (await guest(house, node, channel, "Zoё")).join(channel))["renamed"]["name"].startswith(
        "Guest "
    )
    await member.io.disconnect()
    await eventually(lambda: "zoe" not in [one.user.sub for one in node.room._sockets._members.values()])
    for _ in range(2):
        assert "renamed" not in await (await guest(house, node, channel, "Zoe")).join(channel)
