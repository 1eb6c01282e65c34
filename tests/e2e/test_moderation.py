"""Moderation by typed command, over sockets and REST, with an undo."""

import asyncio
from typing import Any

import socketio

from tests.e2e.conftest import Show
from weir.foundation.ids import new_id


class Guest:
    """One person with a socket, and every event that it received."""

    def __init__(self, show: Show, name: str, role: str) -> None:
        self._show, self.id = show, f"usr-{name.lower()}"
        self._token = show.tokens.mint_user(self.id, show.app, name, 600, roles={show.channel: role})
        self.io = socketio.AsyncClient()
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.io.on("*", lambda kind, data=None: self.told.append((kind, data)))

    async def enter(self) -> dict[str, Any]:
        await self.io.connect(
            f"http://127.0.0.1:{self._show.stack.http}", auth={"token": self._token}, transports=["websocket"]
        )
        return dict(await self.io.call("channel.join", {"channel": self._show.channel}))

    async def say(self, text: str) -> dict[str, Any]:
        message = {"channel": self._show.channel, "cid": new_id("msg"), "text": text}
        return dict(await self.io.call("chat.send", message))

    async def until(self, kind: str) -> dict[str, Any]:
        for _ in range(400):
            for one, data in self.told:
                if one == kind:
                    return data
            await asyncio.sleep(0.02)
        raise AssertionError(f"{self.id} was never told {kind}; it heard {[one for one, _ in self.told]}")


def rest(show: Show, method: str, path: str, body: Any = None) -> Any:
    tenant = show.tokens.mint("weir:app", 600, sub="acc_test", app=show.app, role="owner")
    status, answer = show.stack.ask(
        method, f"/v1/channels/{show.channel}{path}", body, {"Authorization": f"Bearer {tenant}"}
    )
    assert status in (200, 201), answer
    return answer


async def test_a_timeout_is_given_noticed_and_taken_back(show: Show) -> None:
    """`/timeout` takes the right to write within the same step, `/undo` gives it back, and the log names
    actor and reason."""
    ann, ben = Guest(show, "Ann", "moderator"), Guest(show, "Ben", "member")
    for one in (ann, ben):
        assert (await one.enter())["ok"]
    assert (await ben.say("hello"))["ok"]
    acted = await ann.say("/timeout Ben 10m spam")
    assert acted["ok"], acted
    assert (
        acted["action"]["id"].startswith("act_")
        if isinstance(acted["action"], dict)
        else acted["action"].startswith("act_")
    )
    refused = await ben.say("again")
    assert refused["error"]["code"] == "muted"
    assert 590 <= refused["error"]["retry_after"] <= 600
    await ben.until("user.muted")
    assert (await ben.say("/ban Ann"))["error"]["code"] == "forbidden"
    assert (await ann.say("/undo"))["ok"]
    assert (await ben.say("thank you"))["ok"]
    log = rest(show, "GET", "/moderation")["data"]
    assert any("spam" in str(one) and ann.id in str(one) for one in log)
    for one in (ann, ben):
        await one.io.disconnect()


async def test_a_deleted_message_is_gone_for_everybody_who_comes(show: Show) -> None:
    """Members who are present get the event; those who join later, and the history by REST, never see the
    text."""
    ann, ben, cleo = (
        Guest(show, "Ann", "moderator"),
        Guest(show, "Ben", "member"),
        Guest(show, "Cleo", "member"),
    )
    for one in (ann, ben):
        assert (await one.enter())["ok"]
    sent = await ben.say("something unkind")
    assert (await ann.io.call("chat.delete", {"channel": show.channel, "id": sent["id"]}))["ok"]
    assert (await ben.until("chat.message.deleted"))["id"]
    joined = await cleo.enter()
    assert "something unkind" not in str(joined)
    assert "something unkind" not in str(rest(show, "GET", "/messages"))
    for one in (ann, ben, cleo):
        await one.io.disconnect()


async def test_a_shadow_banned_person_talks_to_itself(show: Show) -> None:
    """It sees a normal ack; no other member gets anything; a moderator sees a mark."""
    ann, dan, ben = (
        Guest(show, "Ann", "moderator"),
        Guest(show, "Dan", "member"),
        Guest(show, "Ben", "member"),
    )
    for one in (ann, dan, ben):
        assert (await one.enter())["ok"]
    assert (await dan.say("first"))["ok"]
    assert (await ann.say("/shadowban Dan"))["ok"]
    for one in (ann, dan, ben):
        one.told.clear()
    hidden = await dan.say("nobody hears me")
    assert hidden["ok"]
    assert (await ben.say("I am heard"))["ok"]
    for one in (ann, dan, ben):  # one order for all: what Ben may not see came before what he sees
        await one.until("chat.message.new")
    assert "nobody hears me" not in str(ben.told)
    assert "nobody hears me" in str(ann.told)
    assert "nobody hears me" in str(dan.told)
    for one in (ann, dan, ben):
        await one.io.disconnect()


async def test_rest_commands_and_settings_act_on_sockets(show: Show) -> None:
    """During a lockdown by REST members can't write; wrong usage answers with the usage line; after an undo
    they can."""
    ben = Guest(show, "Ben", "member")
    assert (await ben.enter())["ok"]
    assert rest(show, "POST", "/commands", {"text": "/lockdown"})
    await ben.until("chat.settings.updated")
    assert (await ben.say("hello?"))["error"]["code"] == "locked"
    assert rest(show, "POST", "/commands", {"text": "/lockdownoff"})
    assert (await ben.say("hello"))["ok"]
    tenant = show.tokens.mint("weir:app", 600, sub="acc_test", app=show.app, role="owner")
    status, answer = show.stack.ask(
        "POST",
        f"/v1/channels/{show.channel}/commands",
        {"text": "/timeout"},
        {"Authorization": f"Bearer {tenant}"},
    )
    assert (status, answer["code"]) == (422, "invalid")
    assert "/timeout USER [10m] [reason]" in answer["detail"]
    await ben.io.disconnect()


async def test_a_command_means_the_person_it_names(show: Show) -> None:
    """A guest as the watch page calls it, a typo, two people of one name, and a name with blanks: no other
    user is affected."""
    boss = Guest(show, "Olga", "owner")
    assert (await boss.enter())["ok"]
    seats = [show.session() for _ in range(2)]
    seats += [show.session("Sam Same"), show.session("Sam Same"), show.session("Anna Maria von Trapp")]
    lines = [socketio.AsyncClient() for _ in seats]
    for io, seat in zip(lines, seats, strict=True):
        await io.connect(
            f"http://127.0.0.1:{show.stack.http}",
            auth={"token": seat["user_token"]},
            transports=["websocket"],
        )
        assert (await io.call("channel.join", {"channel": show.channel}))["ok"]
    guest = seats[0]["user"]["name"]
    assert guest.startswith("Guest ")

    async def say(number: int) -> dict[str, Any]:
        return dict(
            await lines[number].call(
                "chat.send", {"channel": show.channel, "cid": new_id("msg"), "text": "hello"}
            )
        )

    typo = await boss.say(f"/ban {guest}7 spam")
    assert typo["error"]["code"] == "not_found"
    assert guest in [choice["name"] for choice in typo["error"]["choices"]]
    assert (await boss.say("/ban Guest spam"))["error"]["code"] == "not_found"
    twice = await boss.say("/ban Sam Same spam")
    assert twice["error"]["code"] == "invalid"
    assert {choice["id"] for choice in twice["error"]["choices"]} == {
        seat["user"]["id"] for seat in seats[2:4]
    }
    assert [(await say(number))["ok"] for number in range(5)] == [True] * 5
    for spelled, number in ((guest, 0), (f"@{seats[4]['user']['name']}", 4)):
        banned = await boss.say(f"/ban {spelled} spam")
        assert banned["action"]["target"] == seats[number]["user"], banned
        assert banned["action"]["reason"] == "spam"
        assert (await say(number))["error"]["code"] == "banned"
    assert (await boss.say(twice["error"]["choices"][0]["text"]))["ok"]
    said = {
        seat["user"]["id"]: (await say(number))["ok"]
        for number, seat in enumerate(seats)
        if number in (1, 2, 3)
    }
    assert said == {
        seats[1]["user"]["id"]: True,
        **{
            seat["user"]["id"]: seat["user"]["id"] != twice["error"]["choices"][0]["id"]
            for seat in seats[2:4]
        },
    }
    for io in (*lines, boss.io):
        await io.disconnect()
