"""Who may enter which channel: guests their own, and those of signed streams only with a reason."""

import asyncio
from typing import Any

from tests.support.chat_nodes import Client, House
from weir.foundation.clock import now_s
from weir.foundation.ids import new_id
from weir.foundation.tenancy.tokens import Tokens

APP = "app_1"

VERBS: list[tuple[str, dict[str, Any]]] = [
    ("channel.join", {}), ("chat.send", {"cid": "c", "text": "hi"}), ("chat.send", {"cid": "d", "text": "/help"}),
    ("chat.history", {"limit": 5}), ("chat.command", {"text": "/help"}), ("chat.delete", {"id": "msg_" + "0" * 26}),
    ("typing.start", {}), ("reaction.send", {"kind": "heart"}), ("presence.list", {}),
]  # fmt: skip


async def answers(client: Client, channel: str) -> list[Any]:
    """To every verb: None for ok, else the error."""
    return [(await client.call(event, channel=channel, **more)).get("error") for event, more in VERBS]


async def test_a_guest_has_one_channel(house: House):
    """Any other of the same app is to a guest what a missing one is, also for a token from before guests'
    named their channel."""
    node = await house.node()
    own, other = (house.directory.new_stream(APP)["channel"] for _ in range(2))
    house.directory.apps[APP]["guests"] = "chat"
    for number, claims in enumerate(({"guest": True, "channel": own}, {})):
        guest = await house.client(
            node, APP, f"usr_{number}", sid=f"s{number}", roles={own: "member"}, **claims
        )
        assert await answers(guest, other) == await answers(guest, new_id("chn"))
        assert {error["code"] for error in await answers(guest, other)} == {"not_found"}
        assert (await guest.join(own))["ok"]
        assert (await guest.send(own, "c"))["ok"]


async def test_the_channel_of_a_signed_stream_wants_a_reason(house: House):
    """A role by the app or a moderator, a playback token of the stream, or a guest's token for it; anybody
    else is refused."""
    node, tokens = await house.node(), house.tokens
    stream, public = (
        house.directory.new_stream(APP, visibility="signed"),
        house.directory.new_stream(APP, visibility="public"),
    )
    channel, playback = stream["channel"], tokens.mint_playback(stream["playback"], APP, "s-play", 600)
    other = tokens.mint_playback(public["playback"], APP, "s-other", 600)
    nobody, elsewhere = (
        await house.client(node, APP, "nobody"),
        await house.client(node, APP, "elsewhere", playback=other),
    )
    for client in (nobody, elsewhere):
        assert {error["code"] for error in await answers(client, channel)} == {"forbidden"}
        assert "auth.playback" in (await client.join(channel))["error"]["message"]
        assert (await client.join(public["channel"]))["ok"]
    owner = await house.client(node, APP, "owner", roles={channel: "owner"})
    guest = await house.client(
        node, APP, "guest", sid="s", guest=True, channel=channel, roles={channel: "member"}
    )
    for client in (owner, guest, await house.client(node, APP, "viewer", playback=playback)):
        assert (await client.join(channel))["ok"]
    assert (await owner.call("chat.command", channel=channel, text="/mod @id:nobody"))["ok"]
    assert (await nobody.join(channel))["role"] == "moderator"


async def test_a_withdrawn_stream_lets_nobody_in_by_what_was_given_for_it(house: House):
    """Neither a playback token nor a guest's from before opens the channel, if the socket was there before
    it."""
    node = await house.node()
    stream = house.directory.new_stream(APP, visibility="signed")
    channel, playback = stream["channel"], house.tokens.mint_playback(stream["playback"], APP, "s", 600)
    viewer = await house.client(node, APP, "viewer", playback=playback)
    guest = await house.client(
        node, APP, "guest", sid="s", guest=True, channel=channel, roles={channel: "member"}
    )
    house.directory.revocations.add(("stream", stream["id"]))
    for client in (viewer, guest):
        assert (await client.join(channel))["error"]["code"] == "forbidden"


async def test_a_playback_token_opens_as_long_as_it_lives(house: House):
    """Who has joined stays; who comes when it has ended, though its socket is older, is refused."""
    node = await house.node()
    stream = house.directory.new_stream(APP, visibility="signed")
    channel = stream["channel"]
    ending = Tokens(house.vault, clock=lambda: now_s() - 60).mint_playback(
        stream["playback"], APP, "s", 33
    )  # a leeway of 30 s: 3 s left
    early, late = [await house.client(node, APP, uid, playback=ending) for uid in ("early", "late")]
    assert (await early.join(channel))["ok"]

    async def refused() -> bool:
        return bool((await late.call("chat.history", channel=channel, limit=1)).get("error"))

    for _ in range(100):
        if await refused():
            break
        await asyncio.sleep(0.1)
    assert (await late.join(channel))["error"]["code"] == "forbidden"
    assert (await early.send(channel, "c"))["ok"]
