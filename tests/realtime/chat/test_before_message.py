"""An app's server is asked before a message is stored."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from standardwebhooks.webhooks import Webhook

from realtime.chat.before_message import DENIED
from tests.realtime.chat.test_bans import APP, backend, done, staff
from tests.support.chat_nodes import Client, House, Node, eventually
from tests.support.webhook_receiver import HANG, RESET, Receiver
from weir.foundation.egress.signatures import new_signing_secret
from weir.foundation.settings import Settings

SECRET = new_signing_secret("hmac")


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings(data_dir=folder / "var", run_dir=folder, egress_allow=["127.0.0.0/8"], _env_file=None)


@pytest.fixture
def channel(house: House) -> str:
    made: str = house.directory.new_stream(APP)["channel"]
    return made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = await Receiver().start()
    yield made
    await made.stop()


async def joined(house: House, node: Node, channel: str, uid: str) -> Client:
    client = await house.client(node, APP, uid)
    assert (await client.join(channel))["ok"]
    return client


def asks(house: House, node: Node, url: str, **more: Any) -> None:
    """The app's server is asked from now on."""
    sealed = node.services.vault.seal(SECRET, APP)
    house.directory.apps[APP]["before_message"] = {
        "url": url, "timeout_ms": 300, "on_silence": "allow", "sealed": sealed, **more,
    }  # fmt: skip


async def test_the_server_decides(house: House, channel: str, receiver: Receiver) -> None:
    """Allowed, replaced, denied with its reason; asked with a signature that the reference library accepts."""
    node = await house.node()
    ann, bob = await joined(house, node, channel, "ann"), await joined(house, node, channel, "bob")
    decisions = {
        "hello": {"action": "allow"},
        "darn": {"action": "replace", "text": "d***"},
        "spam": {"action": "deny", "reason": "No advertising."},
    }
    receiver.says = lambda one: decisions[orjson.loads(one.body)["data"]["text"]]
    asks(house, node, receiver.url)
    assert (await ann.send(channel, "m1", "hello"))["ok"]
    assert (await ann.send(channel, "m2", "darn"))["ok"]
    denied = await ann.send(channel, "m3", "spam")
    assert (denied["error"]["code"], denied["error"]["message"]) == ("denied", "No advertising.")
    await eventually(lambda: len(bob.of("chat.message.new")) == 2)
    assert [one["text"] for one in bob.of("chat.message.new")] == ["hello", "d***"]
    asked = Webhook(SECRET).verify(receiver.got[0].body, receiver.got[0].headers)
    assert (asked["type"], asked["data"]["channel"], asked["data"]["user"]["id"]) == (
        "chat.message.before",
        channel,
        "ann",
    )


@pytest.mark.parametrize("wrong", [(HANG, {}), (RESET, {}), (500, {}), (200, {})])
async def test_silence_is_decided_by_the_app(
    house: House, channel: str, receiver: Receiver, wrong: tuple[int, dict[str, str]]
) -> None:
    """No answer in time, a broken one, an error, nonsense: `on_silence` says what happens."""
    node = await house.node()
    ann = await joined(house, node, channel, "ann")
    receiver.answer = lambda _: wrong
    asks(house, node, receiver.url)
    assert (await ann.send(channel, "m4", "one"))["ok"]
    asks(house, node, receiver.url, on_silence="deny")
    refused = await ann.send(channel, "m5", "two")
    assert refused["error"]["code"] == "denied"
    assert refused["error"]["retry_after"] > 0


async def test_a_held_message_waits_for_a_moderator(house: House, channel: str, receiver: Receiver) -> None:
    """Nobody sees it until it is approved, once; a rejected one never comes; a repeat is the same message."""
    node = await house.node()
    ann, bob = await joined(house, node, channel, "ann"), await joined(house, node, channel, "bob")
    receiver.says = lambda one: {"action": "hold", "reason": "a link"}
    asks(house, node, receiver.url)
    held = await ann.send(channel, "c1", "see example.com")
    assert held["held"]
    assert (await ann.send(channel, "c1", "see example.com"))["id"] == held["id"]
    assert (await ann.send(channel, "m6", "and another"))["held"]
    async with backend(house, node) as api:
        path = f"/v1/channels/{channel}/held"
        _, listed = await api.ask("GET", path)
        assert [(one["text"], one["reason"]) for one in listed["data"]] == [
            ("see example.com", "a link"), ("and another", "a link"),
        ]  # fmt: skip
        assert bob.of("chat.message.new") == []
        status, stored = await api.ask("POST", f"{path}/{held['id']}/approve")
        assert status == 200, stored
        assert (await api.ask("POST", f"{path}/{held['id']}/approve"))[0] == 404
        assert (await api.ask("DELETE", f"{path}/{listed['data'][1]['id']}"))[0] == 204
        _, left = await api.ask("GET", path)
        assert left["data"] == []
    await eventually(lambda: bob.of("chat.message.new"))
    assert [(one["text"], one["user"]["id"], one["cid"]) for one in bob.of("chat.message.new")] == [
        ("see example.com", "ann", "c1")
    ]


@pytest.mark.parametrize(
    "said",
    [
        {"action": "replace", "text": ""}, {"action": "replace"}, {"action": "replace", "text": "x\n" * 30},
        {"action": "replace", "text": "x" * 60_000}, {"action": "allowed"}, [], "allow",
    ],
)  # fmt: skip
async def test_an_answer_that_makes_no_message_is_none(
    house: House, channel: str, receiver: Receiver, said: Any
) -> None:
    """The app's policy for silence decides; the original is not stored in place of a failed replacement."""
    node = await house.node()
    ann = await joined(house, node, channel, "ann")
    receiver.says = lambda _: said
    asks(house, node, receiver.url, on_silence="deny")
    assert (await ann.send(channel, "m1", "original"))["error"]["code"] == "denied"


async def test_a_reason_is_shown_as_a_plain_sentence(house: House, channel: str, receiver: Receiver) -> None:
    """Cut where it is long, and left out where it holds what could reverse or cover other texts."""
    node = await house.node()
    ann = await joined(house, node, channel, "ann")
    for reason, shown in (("x" * 900, "x" * 200), ("\u202eevil", DENIED), ("", DENIED), ("a\n b", "a b")):
        receiver.says = lambda _, reason=reason: {"action": "deny", "reason": reason}
        asks(house, node, receiver.url)
        assert (await ann.send(channel, f"m{len(reason)}", "hello"))["error"]["message"] == shown


async def test_who_may_not_write_is_no_question(house: House, channel: str, receiver: Receiver) -> None:
    """Muted, banned, or too fast: the app's server is not asked, and nothing is held."""
    node = await house.node()
    boss = await staff(house, node, channel)
    ann, bob = await joined(house, node, channel, "ann"), await joined(house, node, channel, "bob")
    receiver.says = lambda _: {"action": "hold"}
    asks(house, node, receiver.url)
    await done(boss, channel, "/mute @id:ann")
    await done(boss, channel, "/ban @id:bob")
    assert (await ann.send(channel, "m1"))["error"]["code"] == "muted"
    assert (await bob.send(channel, "m2"))["error"]["code"] == "banned"
    assert receiver.got == []
    eve = await joined(house, node, channel, "eve")
    answers = [await eve.send(channel, f"e{number}") for number in range(40)]
    assert {one["error"]["code"] for one in answers if not one["ok"]} == {"rate_limited"}
    assert len(receiver.got) < 40


async def test_of_two_decisions_the_first_counts(house: House, channel: str, receiver: Receiver) -> None:
    node = await house.node()
    ann, bob = await joined(house, node, channel, "ann"), await joined(house, node, channel, "bob")
    receiver.says = lambda _: {"action": "hold"}
    asks(house, node, receiver.url)
    shown = 0
    async with backend(house, node) as api:
        for number in range(5):
            held = await ann.send(channel, f"m{number}")
            while not held["ok"]:
                await asyncio.sleep(0.2)
                held = await ann.send(channel, f"m{number}")
            path = f"/v1/channels/{channel}/held/{held['id']}"
            answers = await asyncio.gather(api.ask("POST", path + "/approve"), api.ask("DELETE", path))
            codes = [code for code, _ in answers]
            assert sorted(codes) in ([200, 404], [204, 404]), codes
            shown += codes[0] == 200
        _, left = await api.ask("GET", f"/v1/channels/{channel}/held")
        assert left["data"] == []
    await eventually(lambda: len(bob.of("chat.message.new")) == shown)
