"""What a moderator's page reads over its socket, and that nobody else can."""

from typing import Any

import pytest

from tests.support.chat_nodes import Client, House, Node, eventually

MODERATORS_ONLY = [
    ("held.list", {}),
    ("held.decide", {"id": "msg_01jd3m8k0q4v7x2c5n9b6t1y3z", "approve": True}),
    ("moderation.actions", {}),
    ("moderation.restrictions", {}),
    ("moderation.user", {"user": "bob"}),
]


@pytest.fixture
async def node(house: House) -> Node:
    return await house.node()


@pytest.fixture
def channel(house: House) -> str:
    return str(house.directory.new_stream("app_1")["channel"])


@pytest.fixture
async def ada(house: House, node: Node, channel: str) -> Client:
    client = await house.client(node, "app_1", "ada", roles={channel: "moderator"})
    await client.join(channel)
    return client


@pytest.fixture
async def bob(house: House, node: Node, channel: str) -> Client:
    client = await house.client(node, "app_1", "bob")
    await client.join(channel)
    return client


async def hold(node: Node, channel: str, cid: str, text: str) -> str:
    card = {"id": "bob", "name": "Bob", "role": "member", "badges": []}
    return await node.room._held.hold("app_1", channel, "bob", cid, card, {"text": text}, "a link")


@pytest.mark.parametrize(("verb", "more"), MODERATORS_ONLY)
async def test_only_moderators_of_this_channel_may_ask(
    house: House, node: Node, channel: str, bob: Client, verb: str, more: dict[str, Any]
):
    """A member, a moderator of another channel, and one of another app are refused."""
    elsewhere = house.directory.new_stream("app_1")["channel"]
    other = await house.client(node, "app_1", "carl", roles={elsewhere: "moderator"})
    stranger = await house.client(node, "app_2", "eve", roles={channel: "owner"})
    for client, code in ((bob, "forbidden"), (other, "forbidden"), (stranger, "not_found")):
        answer = await client.call(verb, channel=channel, **more)
        assert not answer["ok"]
        assert answer["error"]["code"] == code


async def test_the_queue_is_read_and_decided(node: Node, channel: str, ada: Client, bob: Client):
    """Oldest first; an approved message comes to all, a rejected one never; the second decision finds nothing."""
    first, second = await hold(node, channel, "h1", "one"), await hold(node, channel, "h2", "two")
    listed = await ada.call("held.list", channel=channel)
    assert [(one["id"], one["text"]) for one in listed["held"]] == [(first, "one"), (second, "two")]
    assert (await ada.call("held.decide", channel=channel, id=first, approve=True))["ok"]
    assert (await ada.call("held.decide", channel=channel, id=second, approve=False))["ok"]
    late = await ada.call("held.decide", channel=channel, id=second, approve=True)
    assert late["error"]["code"] == "not_found"
    await eventually(lambda: bob.of("chat.message.new"))
    assert [one["text"] for one in bob.of("chat.message.new")] == ["one"]
    assert (await ada.call("held.list", channel=channel))["held"] == []
    assert ada.undocumented == []


async def test_a_held_message_of_a_muted_author_waits_on(node: Node, channel: str, ada: Client, bob: Client):
    held = await hold(node, channel, "h1", "one")
    await ada.call("chat.command", channel=channel, text="/mute @id:bob")
    refused = await ada.call("held.decide", channel=channel, id=held, approve=True)
    assert refused["error"]["code"] == "muted"
    assert [one["id"] for one in (await ada.call("held.list", channel=channel))["held"]] == [held]


async def test_actions_and_restrictions_in_force(channel: str, ada: Client, bob: Client):
    """Newest first, a page at a time; what was undone or ended is in no list of what holds."""
    for text in ("/timeout @id:bob 10m spam", "/shadowban @id:bob", "/slow 30s"):
        assert (await ada.call("chat.command", channel=channel, text=text))["ok"]
    page = await ada.call("moderation.actions", channel=channel, limit=2)
    assert [one["kind"] for one in page["actions"]] == ["slow", "shadowban"]
    rest = await ada.call("moderation.actions", channel=channel, limit=2, cursor=page["next_cursor"])
    assert [one["kind"] for one in rest["actions"]] == ["timeout"]
    held = (await ada.call("moderation.restrictions", channel=channel))["restrictions"]
    assert {(one["kind"], one["user"]["id"], one.get("reason")) for one in held} == {
        ("timeout", "bob", "spam"),
        ("shadowban", "bob", None),
    }
    await ada.call("chat.command", channel=channel, text=f"/undo {rest['actions'][0]['id']}")
    left = (await ada.call("moderation.restrictions", channel=channel))["restrictions"]
    assert [one["kind"] for one in left] == ["shadowban"]


async def test_a_card_shows_one_user(channel: str, ada: Client, bob: Client):
    """Role, restrictions, actions and the newest messages of this user, and of nobody else."""
    await bob.send(channel, "b1", "mine")
    await ada.send(channel, "a1", "not mine")
    await ada.call("chat.command", channel=channel, text="/warn @id:bob behave")
    await ada.call("chat.command", channel=channel, text="/mute @id:bob")
    card = await ada.call("moderation.user", channel=channel, user="bob")
    assert card["user"] == {"id": "bob", "name": "Bob", "role": "member"}
    assert [one["kind"] for one in card["actions"]] == ["mute", "warn"]
    assert [one["kind"] for one in card["restrictions"]] == ["mute"]
    assert ([one["text"] for one in card["messages"]], card["messages_found"]) == (["mine"], 1)
    assert (await ada.call("moderation.user", channel=channel, user="nobody"))["error"]["code"] == "not_found"


async def test_one_message_is_read_by_all_and_a_removed_one_by_nobody(channel: str, ada: Client, bob: Client):
    """What an answer quotes: also to members, and not when it was removed or its author banned."""
    one = await bob.send(channel, "b1", "quote me")
    two = await ada.send(channel, "a1", "me too")
    read = await bob.call("chat.message", channel=channel, id=two["id"])
    assert read["message"]["text"] == "me too"
    await ada.call("chat.command", channel=channel, text=f"/delete {one['id']}")
    assert (await ada.call("chat.message", channel=channel, id=one["id"]))["error"]["code"] == "not_found"
    assert ada.undocumented == bob.undocumented == []
