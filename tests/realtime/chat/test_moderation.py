"""Moderation acts on all nodes, in recovery and in history, is written down, and can be undone."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.log.archive import MESSAGES, MODERATION, Archive
from realtime.log.archiver import RANGES, Archiver
from realtime.rules import moderation_actions
from tests.support.chat_nodes import Client, House, eventually
from weir.foundation.clock import now_ms


@pytest.fixture
def channel(house: House) -> str:
    return house.directory.new_stream("app_1")["channel"]


@pytest.fixture
async def two(house: House, channel: str):
    """A moderator and a viewer on one node, an owner and bob on the other, all in the channel."""
    one, other = await house.node(), await house.node()
    mod = await house.client(one, "app_1", "mod", roles={channel: "moderator"})
    viewer = await house.client(one, "app_1", "viewer")
    owner = await house.client(other, "app_1", "owner", roles={channel: "owner"})
    bob = await house.client(other, "app_1", "bob")
    for client in (mod, viewer, owner, bob):
        assert (await client.join(channel))["ok"]
    return mod, viewer, owner, bob


async def eventually_list(ask) -> list:
    """What an asynchronous question answers once it is not empty."""
    for _ in range(500):
        if found := await ask():
            return found
        await asyncio.sleep(0.02)
    pytest.fail("this never came")


async def command(client: Client, channel: str, text: str) -> dict:
    return await client.call("chat.command", channel=channel, text=text)


async def done(client: Client, channel: str, text: str) -> dict:
    ack = await command(client, channel, text)
    assert ack["ok"], ack
    return ack.get("action", {})


async def code(client: Client, channel: str, text: str) -> str:
    ack = await command(client, channel, text)
    assert not ack["ok"]
    return ack["error"]["code"]


async def sent(client: Client, channel: str, cid: str, text: str = "hello") -> dict:
    ack = await client.send(channel, cid, text)
    assert ack["ok"], ack
    return ack


async def texts(client: Client, channel: str) -> list[str]:
    return [
        message["text"]
        for message in (await client.call("chat.history", channel=channel, limit=100))["messages"]
    ]


async def test_a_ban_acts_on_the_other_node_at_once(house: House, two, channel: str):
    """The banned can neither write nor read nor join again; all members get the event in the channel's
    sequence; unban undoes it."""
    mod, viewer, _, bob = two
    await sent(bob, channel, "c1", "spam")
    action = await done(mod, channel, "/ban bob too loud")
    assert (await bob.send(channel, "c2"))["error"]["code"] == "banned"
    told = (await eventually(lambda: viewer.of("user.banned")))[0]
    assert (told["user"], told["action"], "reason" in told) == (
        {"id": "bob", "name": "Bob"},
        action["id"],
        False,
    )
    assert (await eventually(lambda: bob.of("user.banned")))[0]["reason"] == "too loud"
    await eventually(lambda: mod.of("chat.moderation"))
    assert (await eventually(lambda: viewer.of("chat.cleared")))[0]["user"]["id"] == "bob"
    assert mod.of("chat.moderation")[0]["action"] | {"at": 0} == {
        "id": action["id"], "kind": "ban", "actor": {"id": "mod", "name": "Mod", "role": "moderator"},
        "target": {"id": "bob", "name": "Bob"}, "reason": "too loud", "at": 0,
    }  # fmt: skip
    await sent(viewer, channel, "c3", "after")
    await eventually(lambda: len(viewer.of("chat.message.new")) == 2)
    assert [event["seq"] for _, event in viewer.events if "seq" in event] == [1, 2, 3, 4]
    assert len(bob.of("chat.message.new")) == 1  # his own; nothing after the ban
    refused = (await bob.join(channel))["error"]
    assert (refused["code"], refused["message"]) == (
        "banned",
        "You are banned from this channel. Reason: too loud",
    )
    assert (await bob.call("chat.history", channel=channel, limit=5))["error"]["code"] == "banned"
    assert await texts(viewer, channel) == ["after"]
    assert await code(mod, channel, "/ban mod") == "forbidden"
    await done(mod, channel, "/unban bob")
    assert await code(mod, channel, "/unban bob") == "conflict"
    assert (await bob.join(channel))["ok"]
    await sent(bob, channel, "c4", "back")
    assert await texts(viewer, channel) == ["spam", "after", "back"]


async def test_a_ban_while_offline_restores_nothing(house: House, two, channel: str):
    """Who was banned while away gets no missed message on any node, and who was away does not see the banned
    one's."""
    mod, viewer, _, bob = two
    position = await bob.join(channel)
    seen = await viewer.join(channel)
    await bob.io.disconnect()
    await viewer.io.disconnect()
    other = await house.client(house.nodes[0], "app_1", "carl")
    await sent(other, channel, "c1", "from carl")
    gone = await house.client(house.nodes[0], "app_1", "bob")
    await sent(gone, channel, "c2", "from bob")
    await done(mod, channel, "/ban bob")
    for node in house.nodes:
        back = await house.client(node, "app_1", "bob")
        ack = await back.join(channel, epoch=position["epoch"], seq=position["seq"])
        assert ack["error"]["code"] == "banned"
        await sent(other, channel, f"live-{node.url}", "live")
        assert [name for name, _ in back.events] == []
        again = await house.client(node, "app_1", "viewer")
        page = await again.join(channel, epoch=seen["epoch"], seq=seen["seq"])
        assert page["recovered"]
        assert [event["seq"] for event in page["events"]] == list(range(seen["seq"] + 1, page["seq"] + 1))
        assert "from bob" not in str(page["events"])
        assert "from carl" in str(page["events"])


async def test_a_deleted_message_is_gone_everywhere(house: House, two, channel: str):
    """Live on both nodes, in recovery, history, the join page and the archive; its place stays; an undo
    brings it back."""
    mod, viewer, owner, bob = two
    start = await viewer.join(channel)
    message = await sent(bob, channel, "c1", "oops")
    await sent(bob, channel, "c2", "fine")
    assert (await viewer.call("chat.delete", channel=channel, id=message["id"]))["error"][
        "code"
    ] == "forbidden"
    action = await done(mod, channel, f"/delete {message['id']}")
    for client in (viewer, bob, owner):
        told = (await eventually(lambda client=client: client.of("chat.message.deleted")))[0]
        assert (told["message"], told["target"]["seq"]) == (message["id"], message["seq"])
    assert await code(mod, channel, f"/delete {message['id']}") == "not_found"
    for client in (viewer, bob):
        page = await client.join(channel, epoch=start["epoch"], seq=start["seq"])
        assert [event["type"] for event in page["events"]][:3] == [
            "chat.message.deleted",
            "chat.message.new",
            "chat.message.deleted",
        ]
        assert "oops" not in str(page)
        assert [event["text"] for event in (await client.join(channel))["messages"]] == ["fine"]
        assert await texts(client, channel) == ["fine"]
    node = house.nodes[0]
    archiver = Archiver(
        node.room._connection,
        Archive(node.services.store),
        house.directory,
        house.settings,
        node.room._forwarder,
        settle_ms=0,
        keep_entries=0,
        keep_ms=0,
    )
    await asyncio.sleep(0.002)  # what was stored within this millisecond is not due
    for number in range(RANGES):
        await archiver.sweep(number)
    assert await texts(viewer, channel) == ["fine"]  # from the archive alone
    await done(mod, channel, f"/undo {action['id']}")
    assert (await eventually(lambda: bob.of("chat.message.updated")))[0]["restored"]["text"] == "oops"
    assert await texts(viewer, channel) == ["oops", "fine"]
    own = await sent(bob, channel, "c3", "mine")
    assert (await bob.call("chat.delete", channel=channel, id=own["id"]))["ok"]


async def test_clear_hides_all_or_one_users_messages(house: House, two, channel: str):
    """Cleared messages are missing in history and recovery, later ones stay, and an undo shows them again."""
    mod, viewer, _, bob = two
    for n in range(3):
        await sent(bob, channel, f"b{n}", f"bob {n}")
        await sent(viewer, channel, f"v{n}", f"viewer {n}")
    await done(mod, channel, "/clear bob")
    await sent(bob, channel, "b3", "bob 3")
    assert await texts(mod, channel) == ["viewer 0", "viewer 1", "viewer 2", "bob 3"]
    everything = await done(mod, channel, "/clear")
    await sent(bob, channel, "b4", "bob 4")
    assert await texts(mod, channel) == ["bob 4"]
    assert [message["text"] for message in (await viewer.join(channel))["messages"]] == ["bob 4"]
    await done(mod, channel, f"/undo {everything['id']}")
    assert await texts(mod, channel) == ["viewer 0", "viewer 1", "viewer 2", "bob 3", "bob 4"]


async def test_timeouts_end_by_themselves_and_mutes_do_not(house: House, two, channel: str):
    """A timeout refuses with the time left, then lets write again; a mute stays until it is taken back."""
    mod, viewer, _, bob = two
    await done(mod, channel, "/timeout bob 1s calm down")
    refused = (await bob.send(channel, "c1"))["error"]
    assert refused["code"] == "muted"
    assert refused["retry_after"] <= 1
    assert "expires" in (await eventually(lambda: viewer.of("user.muted")))[0]
    for _ in range(200):
        if (await bob.send(channel, "c1"))["ok"]:
            break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("the timeout did not end")
    over = await eventually(lambda: viewer.of("user.unmuted"))
    assert (over[0]["user"], over[0]["ended"]) == ({"id": "bob", "name": "Bob"}, True)
    await done(mod, channel, "/mute bob")
    assert "retry_after" not in (await bob.send(channel, "c2"))["error"]
    await done(mod, channel, "/undo")
    assert (await bob.send(channel, "c2"))["ok"]


async def test_modes_hold_for_members_and_not_for_staff(house: House, two, channel: str):
    """Slow, subscribers, followers, emotes only and lockdown refuse with their codes and are published as
    settings."""
    mod, viewer, _, bob = two
    fan = await house.client(house.nodes[0], "app_1", "fan", badges=["subscriber", "follower"])
    await fan.join(channel)
    for mode in ("subscribers", "followers"):
        await done(mod, channel, f"/{mode}")
        assert (await bob.send(channel, mode))["error"]["code"] == "forbidden"
        await sent(fan, channel, mode)
        await sent(mod, channel, mode)
        await done(mod, channel, f"/{mode}off")
    await done(mod, channel, "/emoteonly")
    assert (await bob.send(channel, "e"))["error"]["code"] == "forbidden"
    await sent(bob, channel, "e", ":wave: \U0001f389")
    await done(mod, channel, "/emoteonlyoff")
    await done(mod, channel, "/lockdown")
    assert (await bob.send(channel, "l"))["error"]["code"] == "locked"
    await done(mod, channel, "/undo")
    await done(mod, channel, "/slow 30s")
    await sent(bob, channel, "s1")
    assert (await bob.send(channel, "s2"))["error"]["code"] == "slow_mode"
    await sent(mod, channel, "s1")
    await sent(mod, channel, "s2")
    settings = (await viewer.join(channel))["settings"]
    assert (settings["slow"], settings["lockdown"], settings["emoteonly"]) == (30, False, False)
    assert [event["settings"] for event in bob.of("chat.settings.updated")][-2:] == [
        {"lockdown": False},
        {"slow": 30},
    ]


async def test_the_end_of_a_timeout_is_told_once(house: House, two, channel: str):
    """However often the job runs, also one that died before it noted the end; a later mute is never lifted by
    an earlier end."""
    mod, viewer, _, bob = two
    moderation = house.nodes[0].room._moderation
    actions = moderation._actions
    action = await done(mod, channel, "/timeout bob 1s")
    assert (await bob.join(channel))["muted"]["until"] == action["expires"]
    for end in await eventually_list(lambda: actions.ended(now_ms())):
        await moderation.end_expired()
        await actions.update(end["id"], due=end["expires"])  # as after a death before the note
        await moderation.end_expired()
    assert await actions.ended(now_ms()) == []
    await sent(bob, channel, "c1")
    assert (await bob.join(channel))["muted"] is None
    await eventually(lambda: viewer.of("chat.message.new"))
    assert len(viewer.of("user.unmuted")) == 1
    first = await done(mod, channel, "/timeout bob 1s")
    await done(mod, channel, "/mute bob")
    await eventually_list(lambda: actions.ended(now_ms() + 2_000))
    await actions.update(first["id"], due=1)
    await moderation.end_expired()
    assert (await bob.send(channel, "c2"))["error"]["code"] == "muted"
    assert (await bob.join(channel))["muted"] == {"until": None}
    assert len(viewer.of("user.unmuted")) == 1


async def test_a_shadow_ban_is_known_to_moderators_only(house: House, two, channel: str):
    """Acks look normal, the sender sees its messages, moderators see them marked, others see nothing and no
    hole."""
    mod, viewer, _, bob = two
    await sent(viewer, channel, "v1", "one")
    await done(mod, channel, "/shadowban bob")
    ack = await sent(bob, channel, "b1", "psst")
    assert await sent(bob, channel, "b1", "psst") == ack
    await sent(viewer, channel, "v2", "two")
    await eventually(lambda: len(viewer.of("chat.message.new")) == 2 and len(bob.of("chat.message.new")) == 3)
    assert [event["text"] for event in bob.of("chat.message.new")] == ["one", "psst", "two"]
    assert "shadow" not in bob.of("chat.message.new")[1]
    marked = (
        await eventually(lambda: [event for event in mod.of("chat.message.new") if event.get("shadow")])
    )[0]
    assert (marked["text"], marked["after_seq"], "seq" in marked) == ("psst", 1, False)
    assert [event["seq"] for event in viewer.of("chat.message.new")] == [1, 2]
    assert viewer.of("chat.moderation") == bob.of("chat.moderation") == []
    assert await eventually(lambda: mod.of("chat.moderation"))
    for client, expected in (
        (viewer, ["one", "two"]),
        (bob, ["one", "psst", "two"]),
        (mod, ["one", "psst", "two"]),
    ):
        assert await texts(client, channel) == expected
        assert [message["text"] for message in (await client.join(channel))["messages"]] == expected
    await done(mod, channel, "/unshadowban bob")
    assert (await sent(bob, channel, "b2", "hi all"))["seq"] == 3


async def test_stored_roles_beat_the_tokens(house: House, two, channel: str):
    """Only the owner makes moderators; the new role counts at once on every node; equals and betters are out
    of reach."""
    mod, viewer, owner, bob = two
    assert await code(mod, channel, "/mod bob") == "forbidden"
    assert await code(mod, channel, "/ban owner") == "forbidden"
    assert await code(bob, channel, "/ban viewer") == "forbidden"
    await done(owner, channel, "/mod @Bob")
    await eventually(lambda: viewer.of("user.role.changed"))
    assert (await command(viewer, channel, "/mods"))["reply"] == "Moderators: Bob."
    await done(bob, channel, "/timeout viewer")
    assert await code(mod, channel, "/ban bob") == "forbidden"
    await done(owner, channel, "/unmod mod")
    assert await code(mod, channel, "/unban viewer") == "forbidden"
    await done(owner, channel, "/undo")
    await done(mod, channel, "/vip @id:carl")
    carl = await house.client(house.nodes[1], "app_1", "carl")
    assert (await carl.join(channel))["role"] == "vip"


async def test_an_ambiguous_name_is_answered_with_the_ids(house: House, two, channel: str):
    """Two people of one name are distinguished by id; an id always means itself."""
    mod, *_ = two
    for uid in ("u1", "u2"):
        token = house.tokens.mint_user(uid, "app_1", "Same", 600)
        client = Client()
        house.clients.append(client)
        await client.connect(house.nodes[0], {"token": token})
        await client.join(channel)
    refused = (await command(mod, channel, "/ban same"))["error"]
    assert refused["code"] == "invalid"
    assert "@id:u1 (Same, member), @id:u2 (Same, member)" in refused["message"]
    assert (await done(mod, channel, "/ban u2"))["target"] == {"id": "u2", "name": "Same"}


async def test_other_commands(house: House, two, channel: str):
    """Warnings, pins, announcements, /me, /user and /help do what they say, typed as a message too."""
    mod, viewer, _, bob = two
    message = await sent(bob, channel, "c1", "read me")
    await done(mod, channel, "/warn bob language")
    assert (await eventually(lambda: bob.of("user.warned")))[0]["reason"] == "language"
    await done(mod, channel, f"/pin {message['id']}")
    assert (await viewer.join(channel))["settings"]["pinned"] == message["id"]
    await done(mod, channel, "/unpin")
    assert [event["pinned"] for event in bob.of("chat.message.updated")] == [True, False]
    announced = await done(mod, channel, "/announce we start")
    assert (await eventually(lambda: [one for one in bob.of("chat.message.new") if one.get("announcement")]))[
        0
    ]["text"] == "we start"
    assert (await bob.send(channel, "me", "/me waves"))["seq"]
    assert (await eventually(lambda: [one for one in viewer.of("chat.message.new") if one.get("me")]))[0][
        "text"
    ] == "waves"
    assert await texts(viewer, channel) == ["read me", "we start", "waves"]
    await done(mod, channel, f"/undo {announced['id']}")
    assert await texts(viewer, channel) == ["read me", "waves"]
    assert (await command(mod, channel, "/user bob"))["reply"] == "Bob (bob): member."
    typed = await bob.send(channel, "c9", "/help slow")
    assert typed == {"ok": True, "reply": "/slow [30s] – sets the time between two messages of one user."}
    listed = await command(bob, channel, "/help")
    assert [one["name"] for one in listed["commands"]] == ["mods", "me", "help"], "what this role may use"
    assert (await bob.send(channel, "c10", "/ban"))["error"][
        "message"
    ] == "Usage: /ban USER [everywhere] [idonly] [7d] [reason]"


async def test_commands_have_a_pace(house: House, two, channel: str):
    """Commands are refused when they come too fast, and chat continues."""
    _, viewer, *_ = two
    acks = await asyncio.gather(*(command(viewer, channel, "/help slow") for _ in range(40)))
    assert {ack["error"]["code"] for ack in acks if not ack["ok"]} == {"rate_limited"}
    await sent(viewer, channel, "c1")


async def test_an_emptied_redis_forgets_no_ban(house: House, two, channel: str):
    """Bans, mutes, roles and settings are in effect again before the channel accepts its first message."""
    mod, viewer, owner, bob = two
    await done(mod, channel, "/ban bob")
    await done(mod, channel, "/mute viewer")
    await done(mod, channel, "/slow 20s")
    await done(owner, channel, "/vip @id:carl")
    house.redis.command("FLUSHALL")
    assert (await bob.send(channel, "c1"))["error"]["code"] == "banned"
    assert (await viewer.send(channel, "c1"))["error"]["code"] == "muted"
    carl = await house.client(house.nodes[0], "app_1", "carl")
    joined = await carl.join(channel)
    assert (joined["role"], joined["settings"]["slow"]) == ("vip", 20)
    await done(mod, channel, "/unban bob")
    assert (await bob.send(channel, "c1"))["ok"]


async def test_what_a_dead_process_left_is_carried_out(house: House, two, channel: str):
    """An action that was stored and not enforced is enforced by the sweep, once; a later turn is not
    overruled by it."""
    mod, viewer, _, bob = two
    room = house.nodes[0].room
    moderation, store = room._moderation, house.nodes[0].services.store.operator()
    whole = moderation._apply

    async def dies(action) -> None:
        raise RuntimeError("killed")

    moderation._apply = dies
    assert not (await command(mod, channel, "/ban bob"))["ok"]
    moderation._apply = whole
    assert (await bob.send(channel, "c1"))["ok"]
    left = (await store.find(MODERATION, {"applied": False})).data[0]
    await store.update(MODERATION, left["id"], set={"at": now_ms() - 10_000})
    await moderation.sweep()
    await moderation.sweep()
    assert (await bob.send(channel, "c2"))["error"]["code"] == "banned"
    assert len(await eventually(lambda: viewer.of("user.banned"))) == 1
    await done(mod, channel, "/unban bob")
    await store.update(MODERATION, left["id"], set={"applied": False})
    await moderation._apply({**left, "id": left["id"][:-1] + "0"})
    assert (await bob.send(channel, "c3"))["ok"]


async def test_two_moderators_at_once_leave_one_state(house: House, two, channel: str):
    """Racing bans and unbans from both nodes: documents and Redis agree on the last turn, and every action
    has its own."""
    mod, _, owner, _bob = two
    await asyncio.gather(
        *(
            command(client, channel, text)
            for client in (mod, owner)
            for text in ("/ban bob", "/unban bob") * 5
        )
    )
    store = house.nodes[0].services.store.operator()
    taken = (
        await store.find(MODERATION, {"channel": channel, "facet": "ban:bob"}, sort="turn", limit=100)
    ).data
    assert [action["turn"] for action in taken] == list(range(1, len(taken) + 1))
    stands = await house.nodes[0].room._log.state(channel, "b:bob", "t:ban:bob")
    assert stands == ["0" if taken[-1]["value"] else None, str(len(taken))]


async def test_only_moderators_and_the_one_concerned_are_told_why(house: House, two, channel: str):
    """Live on both nodes, in recovery and for who was away: no actor and no reason reaches anybody else."""
    mod, viewer, owner, bob = two
    start = await viewer.join(channel)
    secret = "a reason of its own"
    for text in (
        "/warn bob",
        "/timeout bob 1m",
        "/mute bob",
        "/unmute bob",
        "/shadowban bob",
        "/unshadowban bob",
        "/ban bob",
    ):
        takes_reason = text.startswith(("/warn", "/timeout", "/ban"))
        await done(mod, channel, f"{text} {secret}" if takes_reason else text)
    await eventually(
        lambda: bob.of("user.banned") and viewer.of("user.banned") and len(owner.of("chat.moderation")) == 7
    )
    await sent(viewer, channel, "c", "after")
    await eventually(lambda: viewer.of("chat.message.new"))
    page = await viewer.join(channel, epoch=start["epoch"], seq=start["seq"])
    assert page["recovered"]
    assert {"user.banned", "user.muted"} <= {event["type"] for event in page["events"]}
    for heard in (viewer.events, page["events"]):
        assert secret not in str(heard)
        assert "'actor'" not in str(heard)
        assert not any(kind in str(heard) for kind in ("chat.moderation", "user.warned"))
    for kind in ("user.warned", "user.muted", "user.banned"):
        assert secret in str(bob.of(kind)), kind
    assert "'actor'" not in str(bob.events)
    assert [one["action"]["kind"] for one in owner.of("chat.moderation")] == [
        "warn", "timeout", "mute", "unmute", "shadowban", "unshadowban", "ban",
    ]  # fmt: skip
    assert all(one["action"]["actor"]["id"] == "mod" for one in owner.of("chat.moderation"))
    assert "seq" not in owner.of("chat.moderation")[0]


async def test_who_was_away_is_told_why(house: House, two, channel: str):
    """A warning of the last hour and the reason of a mute are in the answer to joining; those of others are
    not."""
    mod, viewer, _, bob = two
    await bob.io.disconnect()
    await done(mod, channel, "/warn bob mind your words")
    await done(mod, channel, "/mute bob")
    back = await house.client(house.nodes[0], "app_1", "bob")
    joined = await back.join(channel)
    assert joined["warned"]["reason"] == "mind your words"
    assert joined["muted"] == {"until": None}
    await done(mod, channel, "/undo")
    await done(mod, channel, "/timeout bob 5m calm down")
    assert (await back.join(channel))["muted"]["reason"] == "calm down"
    assert "warned" not in await viewer.join(channel)


async def test_what_comes_back_is_told(house: House, two, channel: str):
    """After an undo of a ban or a clearing everybody gets the messages again, in one event; recovered clients
    too."""
    mod, viewer, owner, bob = two
    start = await viewer.join(channel)
    for n in range(3):
        await sent(bob, channel, f"b{n}", f"bob {n}")
        await sent(viewer, channel, f"v{n}", f"viewer {n}")
    for text, back in (
        ("/ban bob", ["bob 0", "bob 1", "bob 2"]),
        ("/clear viewer", ["viewer 0", "viewer 1", "viewer 2"]),
    ):
        action = await done(mod, channel, text)
        await done(mod, channel, f"/undo {action['id']}")
        told = (
            await eventually(
                lambda text=text: [one for one in owner.of("chat.restored") if one["user"]["id"] in text]
            )
        )[-1]
        assert ([message["text"] for message in told["messages"]], told["from_seq"]) == (back, 0)
    await done(mod, channel, "/clear")
    await done(mod, channel, "/undo")
    everything = [text for n in range(3) for text in (f"bob {n}", f"viewer {n}")]
    told = (await eventually(lambda: [one for one in owner.of("chat.restored") if "user" not in one]))[0]
    assert [message["text"] for message in told["messages"]] == everything == await texts(viewer, channel)
    page = await viewer.join(channel, epoch=start["epoch"], seq=start["seq"])
    assert [len(event["messages"]) for event in page["events"] if event["type"] == "chat.restored"] == [
        3,
        3,
        6,
    ]


async def test_what_was_taken_away_again_is_in_no_event(house: House, two, channel: str):
    """A message that was shown again and deleted since is not read from the event that showed it."""
    mod, viewer, _, bob = two
    gone = await sent(bob, channel, "b", "a secret")
    await sent(bob, channel, "c", "fine")
    deletion = await done(mod, channel, f"/delete {gone['id']}")
    await done(mod, channel, f"/undo {deletion['id']}")
    await done(mod, channel, "/clear")
    await done(mod, channel, "/undo")
    start = await viewer.join(channel)
    await done(mod, channel, f"/delete {gone['id']}")
    for node in house.nodes:
        reader = await house.client(node, "app_1", f"reader{house.nodes.index(node)}")
        for seq in range(start["seq"]):
            page = await reader.join(channel, epoch=start["epoch"], seq=seq)
            assert page["recovered"]
            assert "a secret" not in str(page)
    assert "fine" in str(await viewer.join(channel, epoch=start["epoch"], seq=1))


async def test_a_second_clearing_is_undone_alone(house: House, two, channel: str):
    """What the first one hid stays hidden, and nothing later is hidden by the undo."""
    mod, viewer, _, bob = two
    actions = []
    for number in range(3):
        await sent(bob, channel, f"b{number}", f"bob {number}")
        if number < 2:
            actions.append(await done(mod, channel, "/clear"))
    await done(mod, channel, f"/undo {actions[1]['id']}")
    assert await texts(viewer, channel) == ["bob 1", "bob 2"]
    told = (await eventually(lambda: viewer.of("chat.restored")))[0]
    assert [message["text"] for message in told["messages"]] == ["bob 1"]


async def test_more_than_an_event_holds_is_read_anew(house: House, two, channel: str):
    """Only the newest fifty are in the event, which says from where on they are all."""
    mod, viewer, _, bob = two
    for number in range(60):
        await sent(bob, channel, f"b{number}", f"bob {number}")
    await done(mod, channel, "/ban bob")
    await done(mod, channel, "/unban bob")
    told = (await eventually(lambda: viewer.of("chat.restored")))[0]
    assert [message["text"] for message in told["messages"]] == [f"bob {number}" for number in range(10, 60)]
    assert told["from_seq"] == told["messages"][0]["seq"] == 11


async def test_newcomers_get_the_pinned_message(house: House, two, channel: str):
    """However much was said since, on every node; not when it was deleted or cleared, and again when that is
    taken back."""
    mod, *_ = two
    message = await sent(mod, channel, "p", "read me first")
    await done(mod, channel, f"/pin {message['id']}")
    for number in range(230):
        await sent(mod, channel, f"m{number}")

    async def pinned(node, name: str) -> str | None:
        joined = await (await house.client(node, "app_1", name)).join(channel)
        assert joined["settings"]["pinned"] == message["id"]
        return joined.get("pinned", {}).get("text")

    for number, node in enumerate(house.nodes):
        assert await pinned(node, f"n{number}") == "read me first"
    gone = await done(mod, channel, f"/delete {message['id']}")
    for number, node in enumerate(house.nodes):
        assert await pinned(node, f"d{number}") is None
    await done(mod, channel, f"/undo {gone['id']}")
    for number, node in enumerate(house.nodes):
        assert await pinned(node, f"b{number}") == "read me first"


def test_the_highest_turn_holds():
    """State for Redis is made of each facet's last turn; what has ended is nothing."""
    base: dict[str, Any] = {"expires": None, "value": 1}
    actions: list[Any] = [
        {**base, "facet": "ban:a", "turn": 2, "value": None}, {**base, "facet": "ban:a", "turn": 1},
        {**base, "facet": "mute:b", "turn": 1, "expires": 99}, {**base, "facet": "mute:c", "turn": 1, "expires": 101},
        {**base, "facet": "slow", "turn": 3, "value": 30}, {**base, "facet": "warn:act_1", "turn": 1},
    ]  # fmt: skip
    assert moderation_actions.fields_of(actions, 100) == {
        "t:ban:a": 2, "t:mute:b": 1, "t:mute:c": 1, "m:c": 101, "t:slow": 3, "slow": 30_000, "t:warn:act_1": 1,
    }  # fmt: skip


class Copy:
    """What a client knows: settings and messages, from a snapshot and the events after it."""

    def __init__(self, page: dict) -> None:
        self.settings = dict(page["settings"])
        self.messages = {message["id"]: message["text"] for message in page["messages"]}
        self._users = {message["id"]: message["user"]["id"] for message in page["messages"]}

    def apply(self, event: dict) -> None:
        kind = event["type"]
        if kind == "chat.message.new":
            self.messages[event["id"]], self._users[event["id"]] = event["text"], event["user"]["id"]
        elif kind == "chat.message.deleted":
            self.messages.pop(event["message"], None)
        elif kind == "chat.message.updated" and "restored" in event:
            self.apply(event["restored"])
        elif kind == "chat.cleared":
            gone = [
                key for key, user in self._users.items() if "user" not in event or user == event["user"]["id"]
            ]
            for key in gone:
                self.messages.pop(key, None)
        elif kind == "chat.restored":
            for message in event["messages"]:
                self.apply(message)
        elif kind == "chat.settings.updated":
            self.settings |= event["settings"]
        elif kind == "chat.message.updated" and "pinned" in event:
            self.settings["pinned"] = event["message"] if event["pinned"] else None


STEPS = st.sampled_from(["say", "say", "say", "delete", "pin", "/unpin", "/clear", "/clear viewer", "/slow 5s", "/slowoff", "/lockdown",
                         "/lockdownoff", "/emoteonly", "/emoteonlyoff", "/ban @id:troll", "/unban troll", "/undo", "look"])  # fmt: skip


async def test_a_snapshot_and_the_events_after_it_are_the_later_snapshot(house: House):
    """Whatever moderators do, a client that follows, live or by recovery, has the state that one that joins
    now gets."""
    one, other = await house.node(), await house.node()
    loop = asyncio.get_running_loop()

    async def hold(steps: list[str]) -> None:
        channel = house.directory.new_stream("app_1")["channel"]
        mod = await house.client(one, "app_1", "mod", roles={channel: "moderator"})
        viewer = await house.client(other, "app_1", "viewer", roles={channel: "vip"})
        fresh = await house.client(one, "app_1", "fresh")
        first = await viewer.join(channel)
        live, recovered, position = Copy(first), Copy(first), first["seq"]
        ids: list[str] = []
        for number, step in enumerate(steps):
            if step == "say":
                ids.append(
                    (await sent(viewer if number % 2 else mod, channel, f"c{number}", f"text {number}"))["id"]
                )
            elif step in ("delete", "pin"):
                if ids:
                    await command(mod, channel, f"/{step} {ids[-1]}")
            elif step == "look":
                page = await fresh.join(channel, epoch=first["epoch"], seq=position)
                for event in page["events"]:
                    recovered.apply(event)
                position = page["seq"]
            else:
                await command(mod, channel, step)
        snapshot = await fresh.join(channel)
        top = snapshot["seq"]
        await eventually(lambda: top == 0 or any(event.get("seq") == top for _, event in viewer.events))
        for _, event in viewer.events:
            if "seq" in event:
                live.apply(event)
        for event in (await fresh.join(channel, epoch=first["epoch"], seq=position))["events"]:
            recovered.apply(event)
        for copy in (live, recovered):
            assert (copy.settings, copy.messages) == (snapshot["settings"], Copy(snapshot).messages), steps
        for client in (mod, viewer, fresh):
            await client.io.disconnect()

    @settings(max_examples=25, deadline=None, database=None)
    @given(st.lists(STEPS, max_size=12))
    def law(steps: list[str]) -> None:
        asyncio.run_coroutine_threadsafe(hold(steps), loop).result(60)

    await asyncio.to_thread(law)


async def test_moderators_can_read_what_was_removed(house: House, two, channel: str):
    """By request, within the time that it is kept; no one else can, and the stored action no longer has the
    text afterwards."""
    mod, viewer, _, bob = two
    said = await sent(bob, channel, "c1", "something unkind")
    await done(mod, channel, f"/delete {said['id']}")
    for client in (viewer, bob):
        assert (await client.call("chat.original", channel=channel, id=said["id"]))["error"][
            "code"
        ] == "forbidden"
    read = await mod.call("chat.original", channel=channel, id=said["id"])
    assert (read["message"]["text"], read["removed"]) == ("something unkind", True)
    hidden = await sent(bob, channel, "c2", "more of it")
    await done(mod, channel, "/clear bob")
    assert (await mod.call("chat.original", channel=channel, id=hidden["id"]))["removed"] is True
    store = house.nodes[0].services.store.operator()
    action = (await store.find(MODERATION, {"channel": channel, "kind": "delete"})).data[0]
    await store.update(MODERATION, action["id"], set={"due": 1})
    room = house.nodes[0].room
    logged = await room._moderation._logged(channel, said["id"], whole=True)
    assert logged is not None
    await room._archive.add("app_1", channel, [(logged, 1)])
    await room._archive.mark(channel, said_epoch := read["message"]["epoch"], said["seq"], deleted=True)
    await room._moderation.end_expired()
    assert "unkind" not in str((await store.find(MODERATION, {"channel": channel, "kind": "delete"})).data)
    assert "unkind" not in str((await store.find(MESSAGES, {"channel": channel})).data)
    assert said_epoch
    assert (await mod.call("chat.original", channel=channel, id=said["id"]))["error"]["code"] == "not_found"
    assert await code(mod, channel, f"/undo {action['id']}") == "conflict"
