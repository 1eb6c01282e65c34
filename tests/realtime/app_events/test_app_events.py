"""An app's own programs follow everything that happens in it: once, in order, from where they were, and
nothing of others."""

import asyncio
import contextlib
import random

import aiohttp
import orjson
import pytest
import socketio

from realtime.app_events.api import CHANNEL_RATE, OWN
from realtime.app_events.subscriptions import SubscriptionFilter
from realtime.log.app_log import AppLog, OutOfOrder, entry_of, kind_of
from realtime.log.app_log_forwarder import AppLogForwarder
from realtime.log.archiver import RANGES, Archiver
from realtime.log.redis_keys import keys_of
from realtime.protocol.envelope import tail
from realtime.viewers import LeaseTimes
from tests.realtime.chat.test_api import Api, api_key, app_token
from tests.support.chat_nodes import Client, House, eventually
from weir.foundation.events import PlaybackHeartbeat, StreamLive, StreamOffline
from weir.foundation.ids import new_id


@pytest.fixture
def stream(house: House) -> dict:
    return house.directory.new_stream("app_1")


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as made:
        yield made


async def program(house: House, node, *scopes: str) -> Client:
    """A Socket.IO client that connects with an API key."""
    client = Client()
    house.clients.append(client)
    await client.connect(node, {"token": api_key(house, *(scopes or ("events:read",)))})
    return client


async def talk(client: Client, channel: str, numbers: range) -> None:
    """As fast as one connection may."""
    for start in range(0, len(numbers), 50):
        acks = await asyncio.gather(*(client.send(channel, f"c{n}") for n in numbers[start : start + 50]))
        assert all(ack["ok"] for ack in acks)


def seqs(client: Client) -> list[int]:
    return [event["seq"] for kind, event in client.events if "seq" in event and kind != "system.notice"]


async def test_a_program_follows_its_apps_events(house: House, stream):
    """Chat of both nodes, moderation and stream facts come once, in the channel's order, under the app's
    sequence."""
    one, other = await house.node(), await house.node()
    follower = await program(house, one)
    ack = await follower.call("events.subscribe", types=[])
    assert (ack["ok"], ack["recovered"]) == (True, False)
    channel = stream["channel"]
    ann, mod = (
        await house.client(one, "app_1", "ann"),
        await house.client(other, "app_1", "mod", roles={channel: "moderator"}),
    )
    for n in range(20):
        assert (await ann.send(channel, f"a{n}"))["ok"]
        assert (await mod.send(channel, f"m{n}"))["ok"]
    facts = {name: stream[name] for name in ("app", "playback", "channel")} | {
        "stream": stream["id"],
        "generation": 1,
    }
    live = StreamLive(**facts, broadcast=new_id("brd"))
    await one.room.consumer.on_event(live)
    await other.room.consumer.on_event(live)  # delivered twice
    assert (await mod.call("chat.command", channel=channel, text="/timeout ann 1s"))["ok"]
    await eventually(lambda: follower.of("user.unmuted"))
    told = [event for kind, event in follower.events if "channel_seq" in event]
    assert [event["channel_seq"] for event in told] == list(range(1, 44))
    assert seqs(follower) == list(range(ack["seq"] + 1, ack["seq"] + 45))
    assert [event["cid"] for event in follower.of("chat.message.new")] == [
        f"{who}{n}" for n in range(20) for who in "am"
    ]
    assert len(follower.of("stream.live")) == 1
    assert follower.of("stream.live")[0]["stream"] == stream["id"]


async def test_filters(house: House, stream):
    """Types with a wildcard, and events of one stream by its id or its channel."""
    node = await house.node()
    elsewhere = house.directory.new_stream("app_1")
    by_type, by_stream, by_channel = [await program(house, node) for _ in range(3)]
    assert (await by_type.call("events.subscribe", types=["stream.*", "user.muted"]))["ok"]
    assert (await by_stream.call("events.subscribe", types=[], stream=stream["id"]))["ok"]
    assert (
        await by_channel.call("events.subscribe", types=["chat.message.new"], channel=elsewhere["channel"])
    )["ok"]
    ann = await house.client(node, "app_1", "ann")
    for one in (stream, elsewhere):
        facts = {name: one[name] for name in ("app", "playback", "channel")} | {
            "stream": one["id"],
            "generation": 1,
        }
        await node.room.consumer.on_event(StreamOffline(**facts, broadcast=new_id("brd")))
        assert (await ann.send(one["channel"], one["channel"]))["ok"]
    await eventually(lambda: by_channel.of("chat.message.new"))
    await eventually(lambda: len(by_type.of("stream.offline")) == 2)
    await eventually(lambda: by_stream.of("chat.message.new"))
    assert {kind for kind, _ in by_type.events} == {"stream.offline"}
    assert {event["channel"] for _, event in by_stream.events} == {stream["channel"]}
    assert [event["cid"] for _, event in by_channel.events] == [elsewhere["channel"]]


@pytest.mark.parametrize(
    ("types", "kind", "wanted"),
    [
        ((), "chat.message.new", True), (("*",), "stream.live", True), (("stream.*",), "stream.live", True),
        (("stream.*",), "streams.live", False), (("stream.live",), "stream.live", True), (("stream.live",), "stream.live.x", False),
        (("chat.*", "stream.*"), "stream.live", True),
    ],
)  # fmt: skip
def test_types_match_whole_words(types, kind, wanted):
    """A wildcard matches what follows a dot."""
    assert SubscriptionFilter(types).matches(kind, b"{}") is wanted


async def test_resume_goes_on_exactly(house: House, stream):
    """A client that reconnects with a position gets what it missed once, in pages, also at another node; a
    lost log is reported."""
    one, other = await house.node(), await house.node()
    channel = stream["channel"]
    ann = await house.client(one, "app_1", "ann")
    away = await program(house, one)
    start = await away.call("events.subscribe", types=[])
    await away.io.disconnect()
    await talk(ann, channel, range(450))
    back = await program(house, other)
    got, position, pages = [], start, 0
    while True:
        page = await back.call(
            "events.subscribe", types=["chat.*"], epoch=position["epoch"], seq=position["seq"]
        )
        assert page["recovered"]
        got += [event["channel_seq"] for event in page["events"]]
        position, pages = page, pages + 1
        if not page["more"] and len(got) >= 450:
            break
    assert got == list(range(1, 451))
    assert pages >= 3
    assert (await ann.send(channel, "live"))["ok"]
    assert (await eventually(lambda: back.of("chat.message.new")))[0]["channel_seq"] == 451
    house.redis.command("FLUSHALL")
    await eventually(lambda: [event for event in back.of("system.notice") if event["code"] == "resync"], 15)
    again = await back.call("events.subscribe", types=[], epoch=position["epoch"], seq=position["seq"])
    assert (again["ok"], again["recovered"]) == (True, False)
    assert (await ann.send(channel, "after"))["ok"]
    assert (await eventually(lambda: [one for one in back.of("chat.message.new") if one["cid"] == "after"]))[
        0
    ]["epoch"] == again["epoch"]


async def test_a_deletion_in_one_channel_touches_no_other(house: House, stream):
    """Clearing a channel, or deleting in it, takes nothing of other channels out of what a returning program
    gets."""
    node = await house.node()
    elsewhere = house.directory.new_stream("app_1")["channel"]
    follower = await program(house, node)
    start = await follower.call("events.subscribe", types=[])
    ann = await house.client(node, "app_1", "ann", roles={stream["channel"]: "owner"})
    for n in range(3):
        assert (await ann.send(elsewhere, f"e{n}", "kept"))["ok"]
    assert (await ann.send(stream["channel"], "c1", "gone"))["ok"]
    assert (await ann.call("chat.command", channel=stream["channel"], text="/clear"))["ok"]
    await eventually(lambda: follower.of("chat.moderation"))
    page = await follower.call(
        "events.subscribe", types=["chat.message.new"], epoch=start["epoch"], seq=start["seq"]
    )
    assert [event.get("text") for event in page["events"]] == ["kept", "kept", "kept", "gone"]


async def test_rights(house: House, stream):
    """Only with events:read, only an app's own program; a program takes no part in channels; another app's is
    missing."""
    node = await house.node()
    poor, user = await program(house, node, "chat:read"), await house.client(node, "app_1", "ann")
    assert (await poor.call("events.subscribe", types=[]))["error"]["code"] == "forbidden"
    assert (await user.call("events.subscribe", types=[]))["error"]["code"] == "forbidden"
    good = await program(house, node)
    assert (await good.join(stream["channel"]))["error"]["code"] == "forbidden"
    foreign = house.directory.new_stream("app_2")
    for about in ({"stream": foreign["id"]}, {"channel": foreign["channel"]}, {"stream": new_id("str")}):
        assert (await good.call("events.subscribe", types=[], **about))["error"]["code"] == "not_found"
    for wrong in ({"types": ["Stream"]}, {"types": "stream.*"}, {"types": [], "limit": 5}):
        assert (await good.call("events.subscribe", **wrong))["error"]["code"] == "invalid"
    member = Client()
    house.clients.append(member)
    await member.connect(node, {"token": app_token(house, "viewer")})
    assert (await member.call("events.subscribe", types=[]))["ok"]
    assert (await good.call("events.subscribe", types=[]))["ok"]
    stranger = await house.client(node, "app_2", "eve")
    assert (await stranger.send(foreign["channel"], "x1"))["ok"]
    assert (await user.send(stream["channel"], "c1"))["ok"]
    await eventually(lambda: good.of("chat.message.new"))
    assert [event["cid"] for event in good.of("chat.message.new")] == ["c1"]
    refused = Client()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await refused.connect(node, {"token": "weir_sk_" + "0" * 26 + "_" + "s" * 43})


async def test_viewer_counts_reach_programs_once(house: House, stream):
    """Each change once, whichever nodes see it, down to zero, also when only players watch; without a seq."""
    leases = LeaseTimes(socket_s=2.0, beat_s=0.5, playback_s=3.0)
    one, other = await house.node(leases), await house.node(leases)
    follower = await program(house, one)
    assert (
        await follower.call(
            "events.subscribe", types=["viewer.count.update", "occupancy.update"], stream=stream["id"]
        )
    )["ok"]
    channel = stream["channel"]
    counts = lambda kind="viewer.count.update", name="count": [event[name] for event in follower.of(kind)]
    ann, bob = await house.client(one, "app_1", "ann"), await house.client(other, "app_1", "bob")
    await ann.join(channel)
    await eventually(lambda: counts() == [1])
    await bob.join(channel)
    await eventually(lambda: counts() == [1, 2])
    await ann.io.disconnect()
    await eventually(lambda: counts() == [1, 2, 1])
    await bob.io.disconnect()
    await eventually(lambda: counts() == [1, 2, 1, 0])
    await other.room.consumer.on_event(PlaybackHeartbeat(app="", sessions=[(channel, "player")]))
    await eventually(lambda: counts() == [1, 2, 1, 0, 1, 0])
    await eventually(lambda: counts("occupancy.update", "occupied") == counts())
    assert not {"seq", "epoch"} & follower.of("occupancy.update")[0].keys()


async def test_a_withdrawn_key_ends_its_connections(house: House, stream, session, monkeypatch):
    """Within the checking time, on Socket.IO and on the plain WebSocket."""
    monkeypatch.setattr("realtime.sockets.CREDENTIAL_S", 0.1)
    monkeypatch.setattr("realtime.app_events.api.CREDENTIAL_S", 0.1)
    node = await house.node()
    follower, key = await program(house, node), api_key(house, "events:read")
    assert (await follower.call("events.subscribe", types=[]))["ok"]
    async with session.ws_connect(
        node.url + "/v1/events/ws", headers={"Authorization": f"Bearer {key}"}
    ) as socket:
        assert (await socket.receive_json())["code"] == "subscribed"
        for credential in house.directory.credentials.values():
            credential["revoked"] = 1
        assert (await socket.receive(10)).type == aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1008
    await eventually(lambda: not follower.io.connected)
    assert follower.of("system.notice")[-1]["code"] == "unauthenticated"


async def test_the_plain_websocket(house: House, stream, session):
    """One envelope a text frame: first the position, then what was missed, then live events; refusals are
    HTTP answers."""
    node = await house.node()
    url, key = node.url + "/v1/events/ws", api_key(house, "events:read")
    headers = {"Authorization": f"Bearer {key}"}
    ann, channel = await house.client(node, "app_1", "ann"), stream["channel"]
    async with session.ws_connect(url + "?types=chat.*", headers=headers) as socket:
        first = await socket.receive_json()
        assert (first["type"], first["code"], first["recovered"]) == ("system.notice", "subscribed", False)
        assert (await ann.send(channel, "c0"))["ok"]
        event = await socket.receive_json()
        assert (event["cid"], event["channel_seq"]) == ("c0", 1)
    await talk(ann, channel, range(1, 500))
    await eventually(lambda: node.room._forwarder._pending == set())
    async with session.ws_connect(
        f"{url}?epoch={event['epoch']}&seq={event['seq']}", headers=headers
    ) as socket:
        assert (await socket.receive_json())["recovered"] is True
        assert [(await socket.receive_json(timeout=10))["channel_seq"] for _ in range(499)] == list(
            range(2, 501)
        )
        assert (await ann.send(channel, "last"))["ok"]
        assert (await socket.receive_json())["channel_seq"] == 501
    for query, given, status in (
        ("", {}, 401), ("", {"Authorization": "Bearer x"}, 401), ("", {"Authorization": f"Bearer {api_key(house, 'chat:read')}"}, 403),
        ("?types=Nope", headers, 422), ("?seq=-1", headers, 422), (f"?stream={new_id('str')}", headers, 404),
    ):  # fmt: skip
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(url + query, headers=given)
        assert refused.value.status == status
    assert node.room._subscriptions._subscriptions == {}


async def test_a_plain_request_hears_what_to_ask_for(house: House, session):
    """Who comes without a WebSocket gets 426 with the protocol, whatever it shows; other methods are not
    offered."""
    node = await house.node()
    url, key = node.url + "/v1/events/ws", api_key(house, "events:read")
    for headers in ({}, {"Authorization": f"Bearer {key}"}, {"Upgrade": "h2c", "Connection": "Upgrade"}):
        async with session.get(url, headers=headers) as answer:
            assert (answer.status, answer.headers["upgrade"]) == (426, "websocket")
            assert (await answer.json(content_type=None))["code"] == "invalid"
    async with session.post(url) as answer:
        assert answer.status == 405


async def test_a_follower_that_does_not_read_is_cut_off(house: House, stream, session):
    """Its backlog is bounded; others are not disturbed."""
    node = await house.node()
    headers = {"Authorization": f"Bearer {api_key(house, 'events:read')}"}
    reading = await program(house, node)
    assert (await reading.call("events.subscribe", types=[]))["ok"]
    connector = aiohttp.TCPConnector()
    async with aiohttp.ClientSession(connector=connector, read_bufsize=1024) as lazy:
        socket = await lazy.ws_connect(node.url + "/v1/events/ws", headers=headers)
        assert (await socket.receive_json())["code"] == "subscribed"
        socket._conn.transport.pause_reading()  # type: ignore[union-attr]
        body = orjson.dumps({"id": "x", "type": "custom.bulk", "at": "now", "data": {"text": "x" * 8000}})
        for _ in range(2000):
            await node.room._apps.publish_ephemeral("app_1", "custom.bulk", body)
        await eventually(lambda: len(node.room._subscriptions._subscriptions["app_1"]) == 1, 20)
    await eventually(lambda: len(reading.of("custom.bulk")) == 2000)


async def test_events_by_rest(house: House, stream, session):
    """A page at a time from the oldest; `position` continues later; publishing is idempotent by id and
    bounded."""
    node = await house.node()
    api = Api(session, node, stream["channel"], api_key(house, "events:read", "events:write"))
    api._base = node.url + "/v1/events"
    empty = (await api.ask("GET"))[1]
    assert (empty["data"], empty["next_cursor"]) == ([], None)
    ann = await house.client(node, "app_1", "ann")
    assert (await ann.send(stream["channel"], "c1"))["ok"]
    sent = {"type": "custom.order.paid", "id": "order-7", "data": {"sum": 5}, "stream": stream["id"]}
    status, published = await api.ask("POST", json=sent)
    assert (status, published["id"]) == (201, "order-7")
    status, again = await api.ask("POST", json=sent)
    assert (status, again) == (200, published)
    for other in ({"data": {"sum": 6}}, {"type": "custom.order.sent"}, {"stream": "other"}):
        status, refused = await api.ask("POST", json={**sent, **other})
        assert (status, refused["code"]) == (409, "conflict")
    for n in range(5):
        assert (await api.ask("POST", json={"type": "custom.tick", "data": {"n": n}}))[0] == 201
    found, asked = [], ""
    for _ in range(10):
        page = (await api.ask("GET", f"?limit=3{asked}"))[1]
        found += page["data"]
        if page["next_cursor"] is None:
            break
        asked = f"&cursor={page['next_cursor']}"
    assert [event["seq"] for event in found] == list(range(1, 8))
    assert {event["type"] for event in found} == {"chat.message.new", "custom.order.paid", "custom.tick"}
    paid = next(event for event in found if event["type"] == "custom.order.paid")
    assert (paid["data"], paid["stream"], paid["id"]) == ({"sum": 5}, stream["id"], "order-7")
    assert (await api.ask("POST", json={"type": "custom.tock"}))[0] == 201
    later = (await api.ask("GET", f"?cursor={page['position']}"))[1]
    assert [event["type"] for event in later["data"]] == ["custom.tock"]
    filtered = (await api.ask("GET", f"?types=custom.order.*&stream={stream['id']}"))[1]["data"]
    assert [event["id"] for event in filtered] == ["order-7"]
    for json, status in (
        ({"type": "stream.live"}, 422), ({"type": "custom"}, 422), ({"type": "custom.x", "data": {"x": "y" * 20_000}}, 413),
        ({"type": "custom.x", "id": "a b"}, 422), ({"type": "custom.x", "data": orjson.loads("[" * 20 + "]" * 20)}, 422),
    ):  # fmt: skip
        assert (await api.ask("POST", json=json))[0] == status
    assert (await api.ask("GET", "?cursor=nope.1"))[0] == 422
    poor = Api(session, node, "", api_key(house, "chat:read"))
    poor._base = api._base
    assert [(await poor.ask("GET"))[0], (await poor.ask("POST", json=sent))[0]] == [403, 403]


async def test_carriers_that_die_lose_and_double_nothing(connection, house: House, stream):
    """Many carry at a time and stop anywhere; the app's log has each entry of each channel once, in its
    order."""
    node, chance = await house.node(), random.Random(5)
    channels = [stream["channel"], house.directory.new_stream("app_1")["channel"]]
    node.room._forwarder.on_append = lambda _channel: None  # type: ignore[assignment]
    node.room._log._appended = lambda _channel: None
    apps = AppLog(connection)
    await apps.mark_followed("app_1")
    ann = await house.client(node, "app_1", "ann")
    stop = asyncio.Event()

    async def carry() -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    apps.forward("app_1", chance.choice(channels)), chance.uniform(0, 0.01)
                )

    work = [asyncio.create_task(carry()) for _ in range(4)]
    for n in range(10):
        assert all(
            ack["ok"]
            for ack in await asyncio.gather(*(ann.send(channels[n % 2], f"c{n}-{k}") for k in range(40)))
        )
    stop.set()
    await asyncio.gather(*work)
    for channel in channels:
        await AppLogForwarder(apps, house.directory).forward_channel("app_1", channel)
    found = await connection.link().ask("XRANGE", keys_of("app_1").log, "-", "+")
    events = [orjson.loads(fields[1].split(b" ", 4)[4]) for _, fields in found]
    assert [event["seq"] for event in events] == list(range(1, 401))
    for channel in channels:
        assert [event["channel_seq"] for event in events if event["channel"] == channel] == list(
            range(1, 201)
        )


async def test_facts_of_a_source_wait_for_those_before(connection):
    """A fact that overtook another one waits for it; a repeated one is published once; one that was given up
    on still comes."""
    apps = AppLog(connection)

    async def tell(number: int, **how: bool) -> None:
        await apps.append_numbered(
            "app_1", "plc_1", number, f"e{number}", entry_of(f"e{number}", "place.full", 1, {}), **how
        )

    await tell(1)
    with pytest.raises(OutOfOrder):
        await tell(3)
    for number in (2, 3, 1, 3):
        await tell(number)
    await tell(7, early=True)
    for number in (6, 7, 6, 8):
        await tell(number)
    _, entries = await apps.oldest("app_1")
    assert [orjson.loads(entry.body)["id"] for entry in entries] == ["e1", "e2", "e3", "e7", "e6", "e8"]


async def test_stream_facts_are_there_without_a_follower(house: House, stream):
    """Each once, though published twice and out of order, and none a second time once a client follows."""
    node = await house.node()
    facts = {name: stream[name] for name in ("app", "playback", "channel")} | {
        "stream": stream["id"],
        "generation": 1,
    }
    told = [kind(**facts, broadcast=new_id("brd")) for kind in (StreamLive, StreamOffline)]
    seqs_of = [(await node.room._chat.append_stream_event(fact)).seq for fact in told]
    for number in (1, 0, 1, 0):
        await node.room._forwarder.append_stream_event(told[number], seqs_of[number])
    follower = await program(house, node)
    assert (await follower.call("events.subscribe", types=[]))["ok"]
    for fact in told:
        await node.room.consumer.on_event(fact)
    _, entries = await node.room._apps.oldest("app_1")
    assert [kind_of(entry) for entry in entries] == ["stream.offline", "stream.live"]


async def test_an_app_that_nobody_follows_costs_nothing(house: House, stream):
    """Its messages are not carried; the first follower begins with what comes then, and after a pause with a
    new epoch."""
    node = await house.node()
    ann, channel = await house.client(node, "app_1", "ann"), stream["channel"]
    for n in range(5):
        assert (await ann.send(channel, f"c{n}"))["ok"]
    await eventually(lambda: channel in node.room._forwarder._quiet)
    assert await node.room._connection.link().ask("EXISTS", keys_of("app_1").log) == 0
    follower = await program(house, node)
    first = await follower.call("events.subscribe", types=[])
    assert (await ann.send(channel, "c5"))["ok"]
    await eventually(lambda: follower.of("chat.message.new"))
    assert [event["cid"] for event in follower.of("chat.message.new")] == ["c5"]
    await follower.io.disconnect()
    await node.room._connection.link().ask("HSET", keys_of("app_1").meta, "until", 1)
    node.room._forwarder._wanted.clear()
    assert (await ann.send(channel, "c6"))["ok"]
    await eventually(lambda: channel in node.room._forwarder._quiet)
    again = await program(house, node)
    back = await again.call("events.subscribe", types=[], epoch=first["epoch"], seq=first["seq"])
    assert (back["recovered"], back["epoch"] != first["epoch"]) == (False, True)
    assert (await ann.send(channel, "c7"))["ok"]
    await eventually(lambda: again.of("chat.message.new"))
    assert [event["cid"] for event in again.of("chat.message.new")] == ["c7"]


async def test_an_event_goes_to_everybody_in_a_channel(house: House, stream, session):
    """In the channel's order, once, resume included; to the app's programs as well; ephemeral ones to those
    who are there."""
    one, other = await house.node(), await house.node()
    channel = stream["channel"]
    api = Api(session, one, channel, api_key(house, "events:write"))
    api._base = one.url + "/v1/events"
    viewers = [await house.client(node, "app_1", f"v{number}") for number, node in enumerate((one, other))]
    start = [await viewer.join(channel) for viewer in viewers]
    follower = await program(house, other)
    await follower.call("events.subscribe", types=["custom.*"])
    product = {
        "type": "custom.product.pinned",
        "deliver": "channel",
        "channel": channel,
        "data": {"sku": "cup-7"},
    }
    assert (await viewers[0].send(channel, "a"))["ok"]
    status, told = await api.ask("POST", "", {**product, "id": "pin-1"})
    assert (status, told["seq"], told["epoch"]) == (201, 2, start[0]["epoch"])
    again, repeated = await api.ask("POST", "", {**product, "id": "pin-1"})
    assert (again, repeated) == (200, told)
    for other_words in (
        {"data": {"sku": "cup-8"}},
        {"type": "custom.product.sold"},
        {"stream": stream["id"]},
    ):
        status, refused = await api.ask("POST", "", {**product, "id": "pin-1", **other_words})
        assert (status, refused["code"]) == (409, "conflict")
    assert (await viewers[1].send(channel, "b"))["ok"]
    for viewer in (*viewers, follower):
        event = (await eventually(lambda viewer=viewer: viewer.of("custom.product.pinned")))[0]
        assert (event["id"], event["data"], event["channel"]) == ("pin-1", {"sku": "cup-7"}, channel)
    assert follower.of("custom.product.pinned")[0]["channel_seq"] == 2
    await eventually(lambda: len(viewers[0].of("chat.message.new")) == 2)
    assert [event["seq"] for _, event in viewers[0].events if "seq" in event] == [1, 2, 3]
    page = await viewers[1].join(channel, epoch=start[1]["epoch"], seq=1)
    assert [event["type"] for event in page["events"]] == ["custom.product.pinned", "chat.message.new"]
    status, told = await api.ask("POST", "", {**product, "ephemeral": True, "type": "custom.confetti"})
    assert (status, told["seq"]) == (201, None)
    for viewer in (*viewers, follower):
        assert "seq" not in (await eventually(lambda viewer=viewer: viewer.of("custom.confetti")))[0]
    assert len(viewers[0].of("custom.product.pinned")) == len(follower.of("custom.product.pinned")) == 1


@pytest.mark.parametrize("followed", [False, True])
async def test_the_apps_log_has_an_event_whose_publisher_died_in_between(
    house: House, stream, session, followed: bool
):
    """It is in the channel, but not in the app's log: the archiver's process adds it, once, whatever other
    process repeats it."""
    node = await house.node()
    channel, api = (
        stream["channel"],
        Api(session, node, stream["channel"], api_key(house, "events:write", "events:read")),
    )
    api._base = node.url + "/v1/events"
    if followed:
        assert (await api.ask("GET"))[0] == 200
    product = {
        "id": "pin-1",
        "type": "custom.product.pinned",
        "deliver": "channel",
        "channel": channel,
        "data": {"sku": "cup-7"},
    }
    await node.room._log.append(
        channel, kind=product["type"], entry_id="pin-1", cid="pin-1", uid=OWN, rate=CHANNEL_RATE, at_ms=1_700_000_000_000,
        tail=tail("pin-1", product["type"], channel, {"data": product["data"]}),
    )  # fmt: skip
    room = node.room
    quick = Archiver(
        room._connection,
        room._archive,
        house.directory,
        house.settings,
        room._forwarder,
        settle_ms=0,
        keep_ms=0,
        keep_entries=0,
    )
    for number in range(RANGES):
        await quick.sweep(number)
    status, again = await api.ask("POST", "", product)
    assert (status, again["seq"], again["at"]) == (200, 1, "2023-11-14T22:13:20.000Z")
    told = (await api.ask("GET", "?types=custom.*"))[1]["data"]
    assert [(one["id"], one["channel"], one["channel_seq"], one["data"]) for one in told] == [
        ("pin-1", channel, 1, {"sku": "cup-7"})
    ]


async def test_events_for_a_channel_are_bounded(house: House, stream, session):
    """In size and pace; another app's channel is missing; what makes no sense is refused."""
    node = await house.node()
    api = Api(session, node, stream["channel"], api_key(house, "events:write"))
    api._base = node.url + "/v1/events"
    event = {"type": "custom.a", "deliver": "channel", "channel": stream["channel"]}
    foreign = house.directory.new_stream("app_2")["channel"]
    for wrong, code in (
        ({"channel": foreign}, "not_found"), ({"channel": None}, "invalid"), ({"data": {"x": "y" * 5000}}, "too_large"),
        ({"deliver": "app", "ephemeral": True}, "invalid"), ({"type": "chat.message.new"}, "invalid"),
    ):  # fmt: skip
        assert (await api.ask("POST", "", {**event, **wrong}))[1]["code"] == code
    for more in ({}, {"ephemeral": True}):
        answers = await asyncio.gather(*(api.ask("POST", "", {**event, **more}) for _ in range(60)))
        assert {status for status, _ in answers} == {201, 429}
        assert {answer["code"] for status, answer in answers if status == 429} == {"rate_limited"}


async def test_a_filter_that_fits_nothing_is_refused(house: House, stream, session):
    """By socket and by REST, with the type that was probably meant."""
    node = await house.node()
    follower = await program(house, node)
    error = (await follower.call("events.subscribe", types=["chat.mesage.new"]))["error"]
    assert (error["code"], "chat.message.new" in error["message"]) == ("invalid", True)
    assert (await follower.call("events.subscribe", types=["nonsense.typo"]))["error"]["code"] == "invalid"
    for kind in (
        "*",
        "chat.*",
        "chat.message.*",
        "user.banned",
        "custom.anything",
        "partner.x.y",
        "custom.*",
    ):
        assert (await follower.call("events.subscribe", types=[kind]))["ok"], kind
    api = Api(session, node, stream["channel"], api_key(house, "events:read"))
    api._base = node.url + "/v1/events"
    assert (await api.ask("GET", "?types=stream.lvie"))[1]["detail"].endswith("Did you mean stream.live?")
    status, answer = await api.ask("GET", "?cursor=garbage")
    assert (status, answer["errors"][0]["field"]) == (422, "cursor")


async def test_a_program_may_stop_following(house: House, stream):
    """And continue where it was."""
    node = await house.node()
    follower, ann = await program(house, node), await house.client(node, "app_1", "ann")
    start = await follower.call("events.subscribe", types=[])
    assert (await follower.call("events.unsubscribe"))["ok"]
    assert (await follower.call("events.unsubscribe"))["ok"]
    await ann.join(stream["channel"])
    assert (await ann.send(stream["channel"], "c"))["ok"]
    await eventually(lambda: ann.of("chat.message.new"))
    again = await follower.call("events.subscribe", types=[], epoch=start["epoch"], seq=start["seq"])
    assert follower.of("chat.message.new") == []
    heard = [event["type"] for event in again["events"]] + [kind for kind, _ in follower.events]
    assert again["recovered"]
    await eventually(lambda: "chat.message.new" in heard or follower.of("chat.message.new"))
