"""Join, leave, send, history through real sockets."""

import pytest

from tests.realtime.house import House, eventually


@pytest.fixture
async def scene(house: House):
    node = await house.node()
    stream = house.directory.stream("app_1")
    return house, node, stream["channel"]


async def test_a_message_reaches_everyone_in_the_channel(scene):
    """What one member sends, all members see as the envelope of the contract."""
    house, node, channel = scene
    ann, bob = await house.client(node, "app_1", "ann"), await house.client(node, "app_1", "bob", badges=["subscriber"])
    joined = await ann.join(channel)
    assert joined["ok"] and joined["recovered"] is False and joined["messages"] == [] and joined["role"] == "member"
    await bob.join(channel)
    ack = await bob.send(channel, "c1", "hé", picture_time=123)
    assert ack["ok"] and ack["id"].startswith("msg_")
    for client in (ann, bob):
        await eventually(lambda client=client: client.of("chat.message.new"))
        message = client.of("chat.message.new")[0]
        assert message == {
            "id": ack["id"],
            "type": "chat.message.new",
            "at": message["at"],
            "channel": channel,
            "epoch": joined["epoch"],
            "seq": ack["seq"],
            "cid": "c1",
            "text": "hé",
            "picture_time": 123,
            "user": {"id": "bob", "name": "Bob", "role": "member", "badges": ["subscriber"]},
        }
        assert message["at"][10] == "T" and message["at"].endswith("Z") and len(message["at"]) == 24
