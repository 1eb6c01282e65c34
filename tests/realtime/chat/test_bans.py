"""Bans: in every channel of an app, and of a guest who returns under another name."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import aiohttp
import pytest

from realtime.log.archive import MODERATION
from realtime.log.redis_keys import keys_of, origin
from realtime.rules import moderation_actions
from tests.realtime.chat.test_api import api_key
from tests.support.chat_nodes import Client, House, Node, eventually
from weir.foundation.ids import new_id
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import AUDIT
from weir.foundation.tenancy.guest_devices import new_device

APP = "app_1"
HOUR_MS = 3_600_000


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings(data_dir=folder / "var", run_dir=folder, _env_file=None)


@pytest.fixture
def channel(house: House) -> str:
    made: str = house.directory.new_stream(APP)["channel"]
    house.directory.apps[APP]["guests"] = "chat"
    return made


async def guest(house: House, node: Node, channel: str, name: str, device: str | None = None) -> Client:
    """A guest of the watch page; without a device, of a browser that was never here."""
    client = Client()
    house.clients.append(client)
    claims: dict[str, Any] = {
        "sid": new_id("ses"),
        "guest": True,
        "channel": channel,
        "roles": {channel: "member"},
    }
    token = house.tokens.mint_user(new_id("usr"), APP, name, 600, device=device or new_device(), **claims)
    await client.connect(node, {"token": token})
    return client


class Api:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ask(self, method: str, path: str, json: Any = None) -> tuple[int, dict[str, Any]]:
        async with self._session.request(method, path, json=json) as answer:
            return answer.status, await answer.json(content_type=None)


@asynccontextmanager
async def backend(house: House, node: Node) -> AsyncIterator[Api]:
    key = api_key(house, "chat:read", "chat:moderate", "events:read")
    async with aiohttp.ClientSession(node.url, headers={"Authorization": f"Bearer {key}"}) as session:
        yield Api(session)


async def staff(house: House, node: Node, channel: str) -> Client:
    client = await house.client(node, APP, "boss", roles={channel: "moderator"}, staff=True)
    assert (await client.join(channel))["ok"]
    return client


async def done(client: Client, channel: str, text: str) -> dict[str, Any]:
    ack = await client.call("chat.command", channel=channel, text=text)
    assert ack["ok"], ack
    return ack


async def code(client: Client, channel: str, text: str) -> str:
    ack = await client.call("chat.command", channel=channel, text=text)
    assert not ack["ok"]
    return str(ack["error"]["code"])


async def test_a_ban_everywhere_holds_in_every_channel(house: House, channel: str):
    """Sockets on all nodes are closed with the reason, new ones are refused, and no token avoids the ban."""
    one, other = await house.node(), await house.node()
    boss = await staff(house, one, channel)
    second = house.directory.new_stream(APP)["channel"]
    bob = await house.client(other, APP, "bob", roles={second: "owner"})
    assert (await bob.join(second))["ok"]
    await house.client(other, APP, "bob")
    answer = await done(boss, channel, "/ban @id:bob everywhere 7d too loud")
    assert answer["reply"].startswith("bob is banned in all channels for 7 days.")
    await eventually(lambda: not bob.io.connected)
    notice = bob.of("system.notice")[0]
    assert (notice["code"], notice["message"]) == (
        "banned",
        "You are banned from all channels here. Reason: too loud",
    )
    assert 6 * 86_400 < notice["retry_after"] <= 7 * 86_400
    with pytest.raises(Exception, match="One or more namespaces failed"):
        await house.client(one, APP, "bob", roles={second: "owner"})
    assert house.clients[-1].refused[0]["message"] == notice["message"]
    foreign = house.directory.new_stream("app_2")["channel"]
    assert (await (await house.client(one, "app_2", "bob")).join(foreign))["ok"]
    await done(boss, channel, "/undo")
    bob = await house.client(one, APP, "bob")
    assert (await bob.join(second))["ok"]
    assert (await bob.join(channel))["ok"]
    assert (await bob.send(second, "c"))["ok"]


async def test_a_socket_that_was_not_closed_can_do_nothing(house: House, channel: str):
    """Every request asks, so a node that has not heard of a ban yet keeps it too."""
    node = await house.node()
    bob = await house.client(node, APP, "bob")
    assert (await bob.join(channel))["ok"]
    await node.room._log.set_state(APP, "ban:bob", 1, [("set", moderation_actions.user_field("bob"), 0)])
    for ack in (
        await bob.send(channel, "c"), await bob.call("reaction.send", channel=channel, kind="x"), await bob.join(channel),
        await bob.call("chat.history", channel=channel), await bob.call("chat.command", channel=channel, text="/mods"),
    ):  # fmt: skip
        assert ack["error"]["code"] == "banned"


async def test_only_staff_of_the_app_ban_everywhere(house: House, channel: str):
    node = await house.node()
    mod = await house.client(node, APP, "mod", roles={channel: "owner"})
    await mod.join(channel)
    await house.client(node, APP, "bob")
    boss = await staff(house, node, channel)
    assert await code(mod, channel, "/ban @id:bob everywhere") == "forbidden"
    action = (await done(boss, channel, "/ban @id:bob everywhere"))["action"]
    assert action["everywhere"] is True
    assert await code(mod, channel, f"/undo {action['id']}") == "not_found"
    assert await code(mod, channel, "/unban @id:bob everywhere") == "forbidden"
    await done(boss, channel, "/unban @id:bob everywhere")
    assert await code(boss, channel, "/unban @id:bob everywhere") == "conflict"


async def test_bans_over_channels_by_rest(house: House, channel: str):
    """One list over all channels, of one user or all; given and ended by id; followers of the app get one
    event."""
    node = await house.node()
    second, said = house.directory.new_stream(APP)["channel"], {"user": {"id": "bob"}, "text": "hello"}
    async with backend(house, node) as api:
        assert (await api.ask("GET", "/v1/events"))[0] == 200
        reason = "everywhere 7d is no word here"
        assert (await api.ask("POST", "/v1/bans", {"user": "bob", "reason": reason, "expires_s": 3600}))[
            0
        ] == 201
        assert (
            await api.ask(
                "POST", f"/v1/channels/{second}/bans", {"user": "bob", "reason": "10m", "expires_s": 60}
            )
        )[0] == 201
        assert (await api.ask("POST", f"/v1/channels/{channel}/bans", {"user": "ann"}))[0] == 201
        assert (await api.ask("POST", "/v1/bans", {"user": "x", "channel": new_id("chn")}))[0] == 404
        listed = (await api.ask("GET", "/v1/bans"))[1]["data"]
        assert [(one["user"]["id"], one["channel"], one["reason"]) for one in listed] == [
            ("ann", channel, ""), ("bob", second, "10m"), ("bob", None, reason),
        ]  # fmt: skip
        for query, channels in (
            ("user=bob", [second, None]),
            ("everywhere=true", [None]),
            ("everywhere=false", [channel, second]),
        ):
            assert [
                one["channel"] for one in (await api.ask("GET", f"/v1/bans?{query}"))[1]["data"]
            ] == channels
        first = (await api.ask("GET", "/v1/bans?limit=1"))[1]
        assert len((await api.ask("GET", f"/v1/bans?limit=2&cursor={first['next_cursor']}"))[1]["data"]) == 2
        status, refused = await api.ask("POST", f"/v1/channels/{channel}/messages", said)
        assert (status, refused["code"]) == (403, "banned")
        assert [(await api.ask("DELETE", "/v1/bans/bob"))[0] for _ in range(2)] == [201, 409]
        assert (await api.ask("POST", f"/v1/channels/{channel}/messages", said))[0] == 201
        told = [
            one
            for one in (await api.ask("GET", "/v1/events?types=user.*"))[1]["data"]
            if "channel" not in one
        ]
        assert [(one["type"], one["user"]["id"]) for one in told] == [
            ("user.banned", "bob"),
            ("user.unbanned", "bob"),
        ]
    audit = (await node.services.store.app(APP).find(AUDIT, {"target": "bob"})).data
    assert sorted(one["action"] for one in audit) == ["ban.added", "ban.lifted"]


async def test_another_app_sees_no_bans_of_this_one(house: House, channel: str):
    node = await house.node()
    async with backend(house, node) as api:
        await api.ask("POST", "/v1/bans", {"user": "bob"})
    token = house.tokens.mint("weir:app", 600, sub="acc_1", app="app_2", role="owner")
    house.directory.new_app("app_2")
    async with aiohttp.ClientSession(node.url, headers={"Authorization": f"Bearer {token}"}) as session:
        assert (await Api(session).ask("GET", "/v1/bans"))[1]["data"] == []
        assert (await Api(session).ask("DELETE", "/v1/bans/bob"))[0] == 409


async def test_an_emptied_redis_knows_the_bans_of_the_app(house: House, channel: str):
    node = await house.node()
    async with backend(house, node) as api:
        await api.ask("POST", "/v1/bans", {"user": "bob"})
        house.redis.command("FLUSHALL")
        assert (await api.ask("GET", "/v1/events"))[0] == 200  # the first request opens the app's log
        status, refused = await api.ask(
            "POST", f"/v1/channels/{channel}/messages", {"user": {"id": "bob"}, "text": "hello"}
        )
        assert (status, refused["code"]) == (403, "banned")


async def test_a_ban_everywhere_that_a_dead_process_left_is_carried_out(house: House, channel: str):
    """Stored by a process that died before it enforced it."""
    node = await house.node()
    actions = node.room._moderation._actions
    action: Any = {
        "id": new_id("act"), "app": APP, "channel": APP, "kind": "ban", "facet": "ban:bob", "value": 1, "expires": None, "reason": "",
        "actor": {"id": "boss", "name": "Boss", "role": "owner"}, "target": {"id": "bob", "name": "Bob"}, "at": 1, "turn": 1,
        "before": {"value": None, "expires": None}, "due": None, "current": True, "applied": False,
    }  # fmt: skip
    bob = await house.client(node, APP, "bob")
    await actions.add(action)
    await node.room._moderation.sweep()
    await eventually(lambda: not bob.io.connected)
    assert (await actions.get(APP, action["id"]))["applied"]  # type: ignore[index]


async def test_a_ban_ends_by_itself_and_that_is_told(house: House, channel: str):
    node = await house.node()
    boss = await staff(house, node, channel)
    bob = await house.client(node, APP, "bob")
    await bob.join(channel)
    await done(boss, channel, "/ban bob 1s")
    assert (await bob.join(channel))["error"]["code"] == "banned"
    over = await eventually(lambda: boss.of("user.unbanned"))
    assert (over[0]["user"]["id"], over[0]["ended"]) == ("bob", True)
    assert (await bob.join(channel))["ok"]


async def test_a_banned_guest_is_held_by_device_and_address(house: House, channel: str):
    """Storage cleared or another name: the address holds; from elsewhere with the old storage: the device
    does. People who have signed in are not affected, nor are another app's guests."""
    one, other = await house.node(), await house.node()
    boss = await staff(house, one, channel)
    device = new_device()
    troll = await guest(house, other, channel, "Troll", device)
    assert (await troll.join(channel))["ok"]
    twin = await guest(house, other, channel, "Twin")
    assert (await twin.join(channel))["ok"]
    member = await house.client(other, APP, "member")
    assert (await member.join(channel))["ok"]
    action = (await done(boss, channel, "/ban Troll spam"))["action"]
    assert (await twin.send(channel, "t"))["ok"]  # was here before
    same = await guest(house, one, channel, "Same", device)
    assert (await same.join(channel))["error"]["code"] == "banned"
    again = await guest(house, other, channel, "Innocent")
    assert (await again.join(channel))["error"]["code"] == "banned"
    assert (await again.send(channel, "c"))["error"]["code"] == "banned"
    assert (await member.send(channel, "c"))["ok"]
    await done(boss, channel, f"/undo {action['id']}")
    assert (await again.join(channel))["ok"]
    await done(boss, channel, "/ban Troll idonly")
    assert (await (await guest(house, one, channel, "Other")).join(channel))["ok"]
    await done(boss, channel, "/unban Troll")
    assert await marks_of(one, channel) == {}


async def test_another_tab_of_a_banned_guest_goes_too(house: House, channel: str):
    """Under another name, on another node; and one that was let in between two bans of its address does not
    come in by the second."""
    one, other = await house.node(), await house.node()
    boss = await staff(house, one, channel)
    device = new_device()
    first, tab, innocent = [await guest(house, node, channel, name, key) for node, name, key in (
        (one, "Troll", device), (other, "Tab", device), (other, "Innocent", None),
    )]  # fmt: skip
    for client in (first, tab, innocent):
        assert (await client.join(channel))["ok"]
    await done(boss, channel, "/ban Troll")
    assert await eventually(
        lambda: [event for event in tab.of("user.banned") if event["user"]["name"] == "Tab"]
    )
    between = new_device()
    assert (await (await guest(house, one, channel, "Between", between)).join(channel))["error"][
        "code"
    ] == "banned"
    await done(boss, channel, "/ban Innocent")
    assert (await (await guest(house, one, channel, "Between", between)).join(channel))["error"][
        "code"
    ] == "banned"


async def marks_of(node: Node, scope: str) -> dict[str, Any]:
    raw = await node.room._connection.link().ask("HGETALL", f"{{b{_bucket(scope)}}}:{scope}:meta")
    fields = {name.decode(): value.decode() for name, value in zip(raw[::2], raw[1::2], strict=True)}
    return {name: value for name, value in fields.items() if name.startswith("b:")}


def _bucket(name: str) -> int:
    return crc32(name.encode()) % 256


async def test_an_address_is_stored_as_a_keyed_hash_and_forgotten(house: House, channel: str):
    """No document and no key of Redis holds the address; its hash is deleted when its time has expired, the
    device stays."""
    node = await house.node()
    boss = await staff(house, node, channel)
    device = new_device()
    troll = await guest(house, node, channel, "Troll", device)
    await troll.join(channel)
    await done(boss, channel, "/ban Troll")
    stands = origin("127.0.0.1", house.vault.key("address"))
    store = node.services.store.operator()
    action: Any = (await store.find(MODERATION, {"channel": channel})).data[0]
    assert (action["marks"]["device"], action["marks"]["address"]) == (device, stands)
    assert 23 * HOUR_MS < action["marks"]["until"] - action["at"] <= 24 * HOUR_MS
    assert set(await marks_of(node, channel)) == {
        moderation_actions.user_field(action["target"]["id"]),
        moderation_actions.device_field(device),
        moderation_actions.address_field(stands),
    }
    assert "127.0.0.1" not in str(action)
    await store.update(MODERATION, action["id"], set={"marks": {**action["marks"], "until": 1}, "due": 1})
    await node.room._connection.link().ask(
        "HSET", f"{{b{_bucket(channel)}}}:{channel}:meta", moderation_actions.address_field(stands), "1 1"
    )
    await node.room._moderation.end_expired()
    action = (await store.find(MODERATION, {"channel": channel})).data[0]
    assert (action["marks"], action["due"]) == ({"device": device}, None)
    assert set(await marks_of(node, channel)) == {
        moderation_actions.user_field(action["target"]["id"]),
        moderation_actions.device_field(device),
    }
    kept = await node.room._connection.link().ask("HGETALL", f"{{b{_bucket(channel)}}}:{channel}:meta")
    assert stands not in str(kept)
    assert (await (await guest(house, node, channel, "Neighbour")).join(channel))["ok"]
    assert (await (await guest(house, node, channel, "Again", device)).join(channel))["error"][
        "code"
    ] == "banned"


async def test_the_hash_that_a_later_ban_freed_is_forgotten_after_that_bans_end(house: House, channel: str):
    """A second ban by id alone frees the address; the action remembers its hash until its time is over, also
    when the second ban ends before."""
    node = await house.node()
    boss = await staff(house, node, channel)
    assert (await (await guest(house, node, channel, "Troll", new_device())).join(channel))["ok"]
    await done(boss, channel, "/ban Troll")
    again = await done(boss, channel, "/ban Troll idonly 1s")
    await eventually(lambda: boss.of("user.unbanned"))
    store, second = node.services.store.operator(), again["action"]["id"]

    async def action() -> Any:
        return await store.get(MODERATION, second)

    until = (await action())["freed"]["until"]
    while (await action())["due"] != until:  # the sweep has published the end and writes what is left
        await asyncio.sleep(0.02)
    await store.update(MODERATION, second, set={"freed": {**(await action())["freed"], "until": 1}, "due": 1})
    while (found := await action())["due"] is not None:
        await node.room._moderation.end_expired()
    assert "address" not in found["freed"]


async def test_to_lift_one_ban_lifts_no_other_of_the_same_address(house: House, channel: str):
    node = await house.node()
    boss = await staff(house, node, channel)
    for name in ("Three", "Four"):
        assert (await (await guest(house, node, channel, name)).join(channel))["ok"]
    await done(boss, channel, "/ban Three")
    await done(boss, channel, "/ban Four")
    await done(boss, channel, "/unban Three")
    assert (await (await guest(house, node, channel, "Five")).join(channel))["error"]["code"] == "banned"
    await done(boss, channel, "/unban Four")
    assert (await (await guest(house, node, channel, "Six")).join(channel))["ok"]


async def enters(house: House, node: Node, channel: str, device: str) -> bool:
    """By the browser of a guest who was here, from their address or another."""
    joined = await (await guest(house, node, channel, "Returning", device)).join(channel)
    return bool(joined["ok"])


async def test_a_short_ban_shortens_no_other_of_the_same_device(house: House, channel: str):
    """Two names in one browser: the ban of the second ends, that of the first stays; an emptied Redis knows
    it too."""
    node = await house.node()
    boss, device = await staff(house, node, channel), new_device()
    for name in ("First", "Second"):
        assert (await (await guest(house, node, channel, name, device)).join(channel))["ok"]
    await done(boss, channel, "/ban First")
    await done(boss, channel, "/ban Second 1s")
    await eventually(lambda: boss.of("user.unbanned"))
    assert not await enters(house, node, channel, device)
    assert not await enters(house, node, channel, new_device())
    before = await marks_of(node, channel)
    await node.room._connection.link().ask("FLUSHALL")
    fresh = await house.node()
    assert not await enters(house, fresh, channel, device)
    assert await marks_of(fresh, channel) == before
    boss = await staff(house, fresh, channel)
    await done(boss, channel, "/unban First")
    assert await enters(house, fresh, channel, device)


async def test_who_is_not_banned_is_not_held(house: House, channel: str):
    """Whatever came in which order: a short ban and a long one of one browser, the same guest again by id
    alone; an undo brings back what was there."""
    node = await house.node()
    boss, device = await staff(house, node, channel), new_device()
    for name in ("First", "Second"):
        assert (await (await guest(house, node, channel, name, device)).join(channel))["ok"]
    await done(boss, channel, "/ban Second 1s")
    await done(boss, channel, "/ban First")
    await done(boss, channel, "/unban First")
    await eventually(
        lambda: len(boss.of("user.unbanned")) == 2
    )  # the first's by hand, the second's by the clock
    assert await enters(house, node, channel, device)
    await done(boss, channel, "/ban First")
    again = await done(boss, channel, "/ban First idonly")
    assert await enters(house, node, channel, device)
    await done(boss, channel, f"/undo {again['action']['id']}")
    assert not await enters(house, node, channel, device)
    await done(boss, channel, "/ban First idonly")
    await done(boss, channel, "/unban First")
    assert await enters(house, node, channel, device)
    assert await enters(house, node, channel, new_device())


async def test_a_ban_again_of_a_guest_who_is_forgotten_keeps_the_device(house: House, channel: str):
    """Their record here is kept for an hour; the ban before knew the browser."""
    node = await house.node()
    boss, device = await staff(house, node, channel), new_device()
    troll = await guest(house, node, channel, "Troll", device)
    assert (await troll.join(channel))["ok"]
    action = (await done(boss, channel, "/ban Troll"))["action"]
    uid = action["target"]["id"]
    async with backend(house, node) as api:
        await node.room._connection.link().ask("DEL", keys_of(channel).person(uid))
        path = f"/v1/channels/{channel}/bans"
        assert (await api.ask("POST", path, {"user": uid, "reason": "again"}))[0] == 201
        assert not await enters(house, node, channel, device)
        assert (await api.ask("DELETE", f"{path}/{uid}"))[0] == 201
    assert await enters(house, node, channel, device)


async def test_bans_of_an_app_are_those_in_force(house: House, channel: str):
    """An unban whose process died before it marked the ban as past; and a look at few of many is bounded."""
    node = await house.node()
    async with backend(house, node) as api:
        for number in range(30):
            path = f"/v1/channels/{channel}/bans"
            assert (await api.ask("POST", path, {"user": f"u{number}"}))[0] == 201
        assert (await api.ask("POST", "/v1/bans", {"user": "all"}))[0] == 201
        assert (await api.ask("DELETE", f"/v1/channels/{channel}/bans/u7"))[0] == 201
        store = node.services.store.operator()
        banned = {"facet": "ban:u7", "kind": "ban"}
        (left,) = (await store.find(MODERATION, {"channel": channel, **banned})).data
        await store.update(MODERATION, left["id"], set={"current": True})
        users: list[str] = []
        page = (await api.ask("GET", "/v1/bans?limit=7"))[1]
        while True:
            users += [one["user"]["id"] for one in page["data"]]
            if page["next_cursor"] is None:
                break
            page = (await api.ask("GET", f"/v1/bans?limit=7&cursor={page['next_cursor']}"))[1]
        assert sorted(users) == sorted(["all", *(f"u{n}" for n in range(30) if n != 7)])
        only = (await api.ask("GET", "/v1/bans?everywhere=true&limit=1"))[1]
        assert [one["user"]["id"] for one in only["data"]] == ["all"]
        assert (await api.ask("DELETE", f"/v1/channels/{channel}/bans/u7"))[0] == 409


async def test_new_guests_wait(house: House, channel: str):
    """By the channel's mode or the app's setting; a device that is known is no new guest, members never wait."""
    node = await house.node()
    boss = await staff(house, node, channel)
    newcomer = await guest(house, node, channel, "New")
    assert (await newcomer.join(channel))["guest"]["wait_s"] == 0
    assert (await done(boss, channel, "/guestwait 5m"))["reply"].startswith(
        "New guests may write after 5 minutes."
    )
    assert (await eventually(lambda: newcomer.of("chat.settings.updated")))[0]["settings"] == {
        "guestwait": 300
    }
    refused = (await newcomer.send(channel, "c1"))["error"]
    assert (refused["code"], 200 < refused["retry_after"] <= 300) == ("guest_wait", True)
    assert (await (await house.client(node, APP, "member")).send(channel, "m1"))["ok"]
    await done(boss, channel, "/guestwaitoff")
    assert (await newcomer.send(channel, "c1"))["ok"]
    house.directory.apps[APP]["guest_wait_s"] = 60
    assert (await newcomer.send(channel, "c2"))["error"]["code"] == "guest_wait"
    old = await guest(house, node, channel, "Old", "dev_" + "0" * 10 + new_device()[14:])
    assert (await old.send(channel, "o1"))["ok"]


async def test_a_channel_may_let_guests_read_only(house: House, channel: str):
    node = await house.node()
    boss = await staff(house, node, channel)
    someone = await guest(house, node, channel, "Someone")
    await someone.join(channel)
    await done(boss, channel, "/guestsread")
    assert "Guests may only read" in (await someone.send(channel, "c"))["error"]["message"]
    assert (await boss.join(channel))["settings"]["guestsread"] is True
    await done(boss, channel, "/undo")
    assert (await someone.send(channel, "c"))["ok"]


async def test_the_modes_for_guests_by_rest(house: House, channel: str):
    node = await house.node()
    async with backend(house, node) as api:
        for wait, reads in ((90, True), (0, False)):
            _, changed = await api.ask(
                "PATCH", f"/v1/channels/{channel}/settings", {"guestwait": wait, "guestsread": reads}
            )
            assert (changed["guestwait"], changed["guestsread"]) == (wait, reads)
