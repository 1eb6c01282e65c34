"""Overlays in the chat: they read, and are nobody there; they end with their link."""

import asyncio
from typing import Any

import pytest
import socketio

from tests.support.chat_nodes import Client, House, Node, eventually
from weir.foundation.clock import now_ms
from weir.foundation.events import Revoked
from weir.foundation.tenancy.tokens import _of_customer

OVERLAY = "ovl_1.a"


async def overlay(house: House, node: Node, channel: str, **claims: Any) -> Any:
    given = {"by": OVERLAY, "roles": {channel: "guest"}, "channel": channel, "overlay": True, **claims}
    return await house.client(node, "app_1", OVERLAY, **given)


@pytest.fixture
def channel(house: House) -> str:
    return str(house.directory.new_stream("app_1")["channel"])


async def test_an_overlay_reads_and_is_nobody(house: House, channel: str) -> None:
    """It gets messages, old and new; it counts as no viewer, is listed nowhere, and its coming and going is
    told to nobody."""
    node = await house.node()
    ann = await house.client(node, "app_1", "ann")
    await ann.join(channel)
    await ann.send(channel, "c1", "first")
    shown = await overlay(house, node, channel)
    joined = await shown.join(channel)
    assert (joined["ok"], joined["viewers"], [one["text"] for one in joined["messages"]]) == (
        True,
        1,
        ["first"],
    )
    await ann.send(channel, "c2", "second")
    await eventually(lambda: [one["text"] for one in shown.of("chat.message.new")] == ["second"])
    listed = await ann.call("presence.list", channel=channel)
    assert (listed["total"], [one["id"] for one in listed["users"]]) == (1, ["ann"])
    assert (await ann.call("chat.history", channel=channel, limit=10))["ok"]
    bob = await house.client(node, "app_1", "bob")
    assert (await bob.join(channel))["viewers"] == 2
    await shown.call("channel.leave", channel=channel)
    await eventually(
        lambda: [user["id"] for one in ann.of("user.online") for user in one["users"]].count("bob")
    )
    assert OVERLAY not in repr(ann.events)
    assert not any(OVERLAY in repr(held) for held in node.room._presence._held.values())


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("chat.send", {"cid": "c", "text": "x"}), ("chat.send", {"cid": "c", "text": "/me x"}), ("chat.command", {"text": "/help"}),
        ("chat.commands", {}), ("chat.delete", {"id": "msg_" + "1" * 26}), ("chat.original", {"id": "msg_" + "1" * 26}),
        ("typing.start", {}), ("typing.stop", {}), ("reaction.send", {"kind": "heart"}), ("presence.list", {}),
        ("events.subscribe", {"types": ["*"]}),
    ],
)  # fmt: skip
async def test_an_overlay_takes_part_in_nothing(house: House, channel: str, event: str, data: Any) -> None:
    """Whatever role its token might say."""
    shown = await overlay(house, await house.node(), channel, roles={channel: "owner"})
    await shown.join(channel)
    where = {} if event == "events.subscribe" else {"channel": channel}
    answer = await shown.call(event, **where, **data)
    assert answer["error"]["code"] == "forbidden"


async def test_an_overlay_sees_its_own_channel_alone(house: House, channel: str) -> None:
    other = house.directory.new_stream("app_1")["channel"]
    shown = await overlay(house, await house.node(), channel)
    assert (await shown.join(other))["error"]["code"] == "not_found"


async def test_an_overlay_of_a_signed_stream_reads_it(house: House) -> None:
    channel = house.directory.new_stream("app_1", visibility="signed")["channel"]
    shown = await overlay(house, await house.node(), channel)
    assert (await shown.join(channel))["ok"]


async def test_the_end_of_the_link_closes_its_connections(house: House, channel: str) -> None:
    """On every node, and nothing else of the app; a token that is used later is refused."""
    one, two = await house.node(), await house.node()
    shown = [await overlay(house, node, channel) for node in (one, two)]
    other = await overlay(house, one, channel, by="ovl_1.b")
    ann = await house.client(one, "app_1", "ann")
    for client in (*shown, other, ann):
        assert (await client.join(channel))["ok"]
    await one.services.bus.publish(Revoked(app="app_1", kind="key", subject=OVERLAY, before=now_ms() + 1000))
    await eventually(lambda: not any(client.io.connected for client in shown))
    await asyncio.sleep(0)
    assert other.io.connected
    assert ann.io.connected
    house.directory.revocations.add(("member", OVERLAY))
    late = house.tokens.mint_user(
        OVERLAY, "app_1", "", 600, by=OVERLAY, roles={channel: "guest"}, channel=channel, overlay=True
    )
    refused = Client()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await refused.connect(one, {"token": late})
    assert "replaced or deleted" in refused.refused[0]["message"]


async def test_a_customer_s_token_is_no_overlay(house: House) -> None:
    """Only Weir's own may say so: an app's user would be unseen."""
    signing: Any = type("Key", (), {"app": "app_1", "scopes": None})
    payload = {"iss": "key_1", "app": "app_1", "sub": "ann", "overlay": True}
    assert "overlay" not in _of_customer(payload, "t", "weir:user", signing)
