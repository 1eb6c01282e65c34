"""Who is here, who is typing, and reactions: sent to all members, never stored."""

import asyncio

import pytest

from realtime.chat import typing_reactions
from realtime.rules.permissions import RateWindow
from realtime.viewers import LeaseTimes
from tests.support.chat_nodes import House, eventually


@pytest.fixture
def channel(house: House) -> str:
    return house.directory.new_stream("app_1")["channel"]


def users(events: list[dict]) -> list[str]:
    return [user["id"] for event in events for user in event["users"]]


async def test_a_user_is_present_once_with_many_tabs(house: House, channel: str):
    """Two tabs on two nodes are one user, who is offline when the last has left; others get events without a
    seq."""
    one, two = await house.node(), await house.node()
    viewer = await house.client(one, "app_1", "viewer")
    await viewer.join(channel)
    tabs = [await house.client(node, "app_1", "ann") for node in (one, two)]
    for tab in tabs:
        await tab.join(channel)
    await eventually(lambda: "ann" in users(viewer.of("user.online")))
    listed = await viewer.call("presence.list", channel=channel)
    assert listed["total"] == 2
    assert sorted(listed["users"], key=lambda user: user["id"]) == [
        {"id": "ann", "name": "Ann", "role": "member"}, {"id": "viewer", "name": "Viewer", "role": "member"},
    ]  # fmt: skip
    assert listed["next"] is None
    await tabs[0].io.disconnect()
    await eventually(
        lambda: one.room._presence._held[channel] == {next(iter(one.room._presence._held[channel]))}
    )
    assert (await viewer.call("presence.list", channel=channel))["total"] == 2
    await tabs[1].call("channel.leave", channel=channel)
    assert users(await eventually(lambda: viewer.of("user.offline"))) == ["ann"]
    assert users(viewer.of("user.online")).count("ann") == 1
    assert "seq" not in viewer.of("user.offline")[0]
    assert (await viewer.call("presence.list", channel=channel))["total"] == 1


async def test_a_dead_nodes_users_go_with_their_leases(house: House, channel: str):
    """Without renewal a user is offline, and the living node publishes it."""
    leases = LeaseTimes(socket_s=1.5, beat_s=0.3)
    one, two = await house.node(leases), await house.node(leases)
    viewer, ann = await house.client(one, "app_1", "viewer"), await house.client(two, "app_1", "ann")
    await viewer.join(channel)
    await ann.join(channel)
    await eventually(lambda: "ann" in users(viewer.of("user.online")))
    await two.crash()
    await eventually(lambda: "ann" in users(viewer.of("user.offline")))


async def test_presence_is_paged(house: House, channel: str):
    """Many users come in pages that together are all of them; a cursor that is none is refused."""
    node = await house.node()
    viewer = await house.client(node, "app_1", "viewer")
    await viewer.join(channel)
    await asyncio.gather(*(node.room._presence.enter(channel, f"u{n}", "s") for n in range(700)))
    seen: set[str] = set()
    cursor = None
    while True:
        page = await viewer.call("presence.list", channel=channel, **({"cursor": cursor} if cursor else {}))
        assert page["total"] == 701
        seen |= {user["id"] for user in page["users"]}
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == 701
    online = await eventually(lambda: [event for event in viewer.of("user.online") if event["count"] > 600])
    assert len(online[0]["users"]) == 50
    assert (await viewer.call("presence.list", channel=channel, cursor="x"))["error"]["code"] == "invalid"


async def test_typing_is_told_and_ends_by_itself(house: House, channel: str, monkeypatch):
    """Started once however often it is said, stopped by the typist or by time, on the other node too."""
    monkeypatch.setattr(typing_reactions, "TYPING_S", 0.3)
    one, two = await house.node(), await house.node()
    ann, bob = await house.client(one, "app_1", "ann"), await house.client(two, "app_1", "bob")
    await ann.join(channel)
    await bob.join(channel)
    for _ in range(3):
        assert (await ann.call("typing.start", channel=channel))["ok"]
    await eventually(lambda: bob.of("typing.stopped"))
    assert [event["user"] for event in bob.of("typing.started")] == [{"id": "ann", "name": "Ann"}]
    await ann.call("typing.start", channel=channel)
    await ann.call("typing.stop", channel=channel)
    await eventually(lambda: len(bob.of("typing.stopped")) == 2)
    assert len(bob.of("typing.started")) == 2
    assert "seq" not in bob.of("typing.started")[0]


async def test_reactions_are_counted_and_coalesced(house: House, channel: str):
    """Reactions on both nodes come as few updates whose counts are their sum."""
    one, two = await house.node(), await house.node()
    clients = [await house.client(node, "app_1", f"u{n}") for n, node in enumerate((one, two) * 4)]
    for client in clients:
        await client.join(channel)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(5):
        acks = await asyncio.gather(
            *(
                client.call("reaction.send", channel=channel, kind=kind)
                for client in clients
                for kind in "❤🎉"
            )
        )
        assert all(ack["ok"] for ack in acks)

    def counted(kind: str) -> int:
        return sum(event["counts"].get(kind, 0) for event in clients[0].of("reaction.sent"))

    await eventually(lambda: counted("❤") == counted("🎉") == 40)
    assert len(clients[0].of("reaction.sent")) <= (loop.time() - began) / typing_reactions.UPDATE_S + 2
    codes = [
        (await clients[0].call("reaction.send", channel=channel, kind="x")).get("error", {}).get("code")
        for _ in range(30)
    ]
    assert "rate_limited" in codes
    assert (await clients[1].call("reaction.send", channel=channel, kind="a b"))["error"]["code"] == "invalid"


async def test_the_banned_and_the_muted_give_no_signals(house: House, channel: str):
    """A ban and a mute hold for typing, reactions and the list of those present."""
    node = await house.node()
    mod = await house.client(node, "app_1", "mod", roles={channel: "moderator"})
    ann, bob = await house.client(node, "app_1", "ann"), await house.client(node, "app_1", "bob")
    for client in (mod, ann, bob):
        await client.join(channel)
    await mod.call("chat.command", channel=channel, text="/mute ann")
    await mod.call("chat.command", channel=channel, text="/ban bob")
    for client, code in ((ann, "muted"), (bob, "banned")):
        assert (await client.call("typing.start", channel=channel))["error"]["code"] == code
        assert (await client.call("reaction.send", channel=channel, kind="❤"))["error"]["code"] == code
    assert (await bob.call("presence.list", channel=channel))["error"]["code"] == "banned"
    assert mod.of("typing.started") == []


def test_a_pace_allows_so_many_in_any_second():
    """The eleventh within a second is refused, and allowed when the first is a second old."""
    pace = RateWindow(10)
    assert all(pace.allows(0.05 * n) for n in range(10))
    assert not pace.allows(0.99)
    assert pace.allows(1.0)
    assert not pace.allows(1.04)
