"""The user that a command names: never one who was not found, and never one of several."""

import asyncio
from typing import Any

import aiohttp
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from realtime.chat.moderation import Actor, Moderation
from realtime.chat.users import ChannelUser
from realtime.rules.commands import FORMS, parse
from tests.support.chat_nodes import Client, House, Node
from weir.foundation.errors import Invalid, NotFound, Refused
from weir.foundation.ids import new_id

APP = "app_1"
BOSS = Actor("boss", "Boss", "owner")
NAMING = [name for name, form in FORMS.items() if form.parts[:1] in (("user",), ("user?",))]
TAKES_BACK = ("unban", "untimeout", "unmute", "unshadowban", "unmod", "unvip")


@pytest.fixture
def channel(house: House) -> str:
    made: str = house.directory.new_stream(APP)["channel"]
    house.directory.apps[APP]["guests"] = "chat"
    return made


async def guest(house: House, node: Node, channel: str, name: str) -> Client:
    claims = {"guest": True, "channel": channel, "sid": new_id("ses"), "roles": {channel: "member"}}
    return await entered(house, node, channel, new_id("usr"), name, **claims)


async def entered(house: House, node: Node, where: str, uid: str, name: str, **claims: Any) -> Client:
    client = Client()
    house.clients.append(client)
    await client.connect(node, {"token": house.tokens.mint_user(uid, APP, name, 600, **claims)})
    assert (await client.join(where))["ok"]
    return client


async def owner(house: House, node: Node, channel: str) -> Client:
    return await entered(house, node, channel, "boss", "Boss", roles={channel: "owner"})


async def order(client: Client, channel: str, text: str) -> dict[str, Any]:
    return await client.call("chat.command", channel=channel, text=text)


async def test_a_guest_is_found_by_the_name_that_it_was_given(house: House, channel: str):
    """With its blank, with a reason after it, in quotes, with an @, in another case."""
    node = await house.node()
    boss = await owner(house, node, channel)
    person = await guest(house, node, channel, "Guest 5131")
    await guest(house, node, channel, "Guest 5132")
    for typed in ("Guest 5131", "@Guest 5131", "guest  5131", '"Guest 5131"', '@"guest 5131"'):
        ack = await order(boss, channel, f"/warn {typed} spam spam")
        assert ack["ok"], ack
        assert (ack["action"]["target"]["name"], ack["action"]["reason"]) == ("Guest 5131", "spam spam")
    banned = await order(boss, channel, "/ban Guest 5131 spam")
    assert (banned["action"]["target"]["name"], banned["action"]["reason"]) == ("Guest 5131", "spam")
    assert (await person.send(channel, "c"))["error"]["code"] == "banned"


@pytest.mark.parametrize("name", NAMING)
async def test_a_word_that_is_nobodys_is_refused(house: House, channel: str, name: str):
    """Each command that names a user answers with the nearest names, and changes nothing."""
    node = await house.node()
    boss = await owner(house, node, channel)
    person = await guest(house, node, channel, "Guest 5131")
    reason = " spam" if name == "warn" else ""
    for typed in ("Guest", "Guest 5113", "Geust 5131"):
        error = (await order(boss, channel, f"/{name} {typed}{reason}"))["error"]
        assert error["code"] == "not_found"
        assert error["message"].startswith(f"Nobody here is called {typed}")
        assert "Did you mean Guest 5131?" in error["message"]
        assert error["choices"][0]["name"] == "Guest 5131"
        assert error["choices"][0].get("text", "").startswith(f"/{name} @id:{error['choices'][0]['id']}")
    assert (await order(boss, channel, f"/{name} Xaver{reason}"))["error"]["message"].startswith(
        "Nobody here is called Xaver."
    )
    assert (await person.send(channel, "c"))["ok"]


async def test_what_is_offered_can_be_taken(house: House, channel: str):
    """The command that comes with a choice is the same one about that person."""
    node = await house.node()
    boss = await owner(house, node, channel)
    await guest(house, node, channel, "Guest 5131")
    error = (await order(boss, channel, "/timeout Geust 5131 30s not so loud"))["error"]
    action = (await order(boss, channel, error["choices"][0]["text"]))["action"]
    assert (action["target"]["name"], action["reason"]) == ("Guest 5131", "not so loud")


async def test_nobody_who_was_never_here_is_meant_but_by_id(house: House, channel: str):
    """An app's own user can be shut out before they come."""
    node = await house.node()
    boss = await owner(house, node, channel)
    assert (await order(boss, channel, "/ban usr-7"))["error"]["code"] == "not_found"
    assert (await order(boss, channel, "/ban @id:usr-7 known from elsewhere"))["action"]["target"] == {
        "id": "usr-7",
        "name": "usr-7",
    }
    client = await house.client(node, APP, "usr-7")
    assert (await client.join(channel))["error"]["code"] == "banned"
    assert (await order(boss, channel, "/unban usr-7"))["ok"]


async def test_a_name_that_is_anothers_id_is_asked_back(house: House, channel: str):
    """Who takes a victim's id for a name, or the other way round, does not have the victim punished."""
    node = await house.node()
    boss = await owner(house, node, channel)
    carl = await entered(house, node, channel, "carl", "Carl the First")
    evil = await entered(house, node, channel, "evil77", "carl")
    error = (await order(boss, channel, "/timeout carl 1m"))["error"]
    assert error["code"] == "invalid"
    assert {choice["id"] for choice in error["choices"]} == {"carl", "evil77"}
    assert all(f"@id:{uid}" in error["message"] for uid in ("carl", "evil77"))
    assert (await carl.send(channel, "c"))["ok"]
    assert (await evil.send(channel, "e"))["ok"]
    assert (await order(boss, channel, "/timeout @id:evil77 1m"))["action"]["target"] == {
        "id": "evil77",
        "name": "carl",
    }


async def test_two_of_one_name_are_asked_back(house: House, channel: str):
    """Also when one of them has written by REST only, or has quotes or an @ in the name."""
    node = await house.node()
    boss = await owner(house, node, channel)
    await entered(house, node, channel, "u1", "Ann Lee")
    for uid, name in (("u2", "ann lee"), ("u3", '"Ann Lee"'), ("u4", "@Ann Lee")):
        await entered(house, node, channel, uid, name)
    for typed, meant in (
        ("Ann Lee", {"u1", "u2"}),
        ('"Ann Lee"', {"u1", "u2", "u3"}),
        ("@Ann Lee", {"u1", "u2", "u4"}),
    ):
        error = (await order(boss, channel, f"/ban {typed}"))["error"]
        assert {choice["id"] for choice in error["choices"]} == meant


async def test_who_wrote_by_rest_is_known_by_name(house: House, channel: str):
    """As everybody else is."""
    node = await house.node()
    boss = await owner(house, node, channel)
    token = house.tokens.mint("weir:app", 600, sub="acc_1", app=APP, role="owner")
    async with aiohttp.ClientSession() as session:
        for uid, name in (("r 1", "Rita Rest"), ("r2", "Rolf")):
            body = {"user": {"id": uid, "name": name}, "text": "hello"}
            async with session.post(
                f"{node.url}/v1/channels/{channel}/messages",
                json=body,
                headers={"Authorization": f"Bearer {token}"},
            ) as answer:
                assert answer.status == 201
        assert (await order(boss, channel, "/timeout Rita Rest 5m loud"))["action"]["target"] == {
            "id": "r 1",
            "name": "Rita Rest",
        }
        body = {"user": {"id": "r 1", "name": "Rita Rest"}, "text": "again"}
        async with session.post(
            f"{node.url}/v1/channels/{channel}/messages",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
        ) as answer:
            assert (await answer.json())["code"] == "muted"
    assert (await order(boss, channel, '/untimeout @id:"r 1"'))["ok"]


async def test_a_name_that_was_given_up_is_nobodys(house: House, channel: str):
    """Who has another name now is found by that one; by the old one only while a message of theirs has it."""
    node = await house.node()
    boss = await owner(house, node, channel)
    await entered(house, node, channel, "u1", "Before")
    await entered(house, node, channel, "u1", "Behind")
    assert (await order(boss, channel, "/warn Before spam"))["error"]["code"] == "not_found"
    assert (await order(boss, channel, "/warn Behind spam"))["action"]["target"]["id"] == "u1"


async def test_what_is_taken_back_is_taken_from_whom_it_was_given(house: House, channel: str):
    """A banned guest is found by name though forgotten, and though another guest has got the same name since."""
    node = await house.node()
    boss = await owner(house, node, channel)
    first = await guest(house, node, channel, "Guest 1111")
    uid = (await order(boss, channel, "/ban Guest 1111"))["action"]["target"]["id"]
    await first.io.disconnect()
    house.redis.command("FLUSHALL")  # forgets who was here
    another = await entered(house, node, channel, "other", "Guest 1111")
    assert (await order(boss, channel, "/unban Guest 1111"))["action"]["target"]["id"] == uid
    assert (await another.send(channel, "c"))["ok"]
    assert (await order(boss, channel, "/unban Guest 1111"))["error"]["code"] == "conflict"


WORD = st.text("abAB1@\"': ", min_size=1, max_size=6).map(lambda word: " ".join(word.split())).filter(bool)
NAME = st.lists(WORD, min_size=1, max_size=3).map(" ".join)


async def test_no_command_acts_on_somebody_else(house: House):
    """Whatever people are called and whatever is typed: the target's name or id is what was typed, or the
    target was asked for; and a name that two bear acts on neither."""
    node = await house.node()
    room = node.room
    moderation: Moderation = room._moderation
    loop = asyncio.get_running_loop()

    async def hold(names: list[str], typed: str, name: str) -> None:
        channel = house.directory.new_stream(APP)["channel"]
        people = [ChannelUser(f"u{number}", one, "member") for number, one in enumerate(names)]
        for person in people:
            await room._chat._users.remember(channel, person)
        try:
            outcome = await moderation.run(APP, channel, BOSS, parse(f"/{name} {typed}"))
        except (NotFound, Invalid):
            return
        except Refused as refused:
            assert name in TAKES_BACK, refused
            return
        if outcome.action is None:
            return
        target = outcome.action["target"]
        plain = " ".join(typed.casefold().replace('"', " ").replace("@", " ").split())
        if typed.startswith("@id:"):
            assert (
                target["id"] == typed.removeprefix("@id:").strip('"').split(" ")[0]
                or f'"{target["id"]}"' in typed
            )
            return
        spelled = " ".join(target["name"].casefold().replace('"', " ").replace("@", " ").split())
        assert plain.startswith((spelled, target["id"]))
        same = [one for one in people if one.name.casefold() == target["name"].casefold()]
        assert len(same) == 1 or plain.startswith(target["id"])

    @settings(max_examples=150, deadline=None, database=None)
    @given(
        st.lists(NAME, max_size=4),
        NAME,
        st.lists(WORD, max_size=3),
        st.sampled_from([one for one in NAMING if one not in TAKES_BACK]),
        st.data(),
    )
    def law(names: list[str], other: str, words: list[str], name: str, data: st.DataObject) -> None:
        assume(all(one.strip('@" ') for one in [*names, other]))
        who = data.draw(st.sampled_from([*names, other]))
        asyncio.run_coroutine_threadsafe(hold(names, " ".join([who, *words]), name), loop).result(60)

    await asyncio.to_thread(law)
