"""Sockets: which clients are accepted, and invalid input that harms no other client."""

import asyncio
import json
import signal
import socket
from typing import Any

import aiohttp
import orjson
import pytest
import socketio
import websockets

from realtime import composition, sockets
from tests.support.chat_nodes import Client, House, Node, eventually
from tests.support.tcp_proxy import enter
from weir.foundation.events import Revoked
from weir.foundation.ids import new_id
from weir.foundation.tenancy.tokens import LEEWAY_S, Tokens

APP = "app_1"


async def refusal(node: Node, auth: object) -> dict:
    client = Client()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(node, auth)
    assert client.refused[0]["data"]["message"] == client.refused[0]["message"]
    return client.refused[0]["data"]


def raw(node: Node, **options):
    return websockets.connect(
        node.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket", **options
    )


async def signed_in(node: Node, line, token: str) -> None:
    assert (await line.recv())[0] == "0"
    await line.send("40" + json.dumps({"token": token}))
    assert (await line.recv())[:2] == "40"


async def test_only_a_valid_token_gets_in(house: House):
    """Missing, forged, expired, foreign and withdrawn tokens are refused with a code and a sentence."""
    node, tokens = await house.node(), house.tokens
    good = tokens.mint_user("ann", APP, "Ann", 600)
    stale = Tokens(house.vault, clock=lambda: 1_600_000_000).mint_user("ann", APP, "Ann", 600)
    closed = house.directory.new_stream(APP)
    house.directory.revocations = {("user", "out"), ("session", "closed"), ("stream", closed["id"])}
    for auth in (
        None, {}, "token", {"token": 7}, {"token": "x"}, {"token": good[:-3] + "abc"}, {"token": stale},
        {"token": tokens.mint("weir:app", 600, sub="acc", app="app_0", role="owner")},
        {"token": good, "playback": "x"},
        {"token": good, "playback": tokens.mint_playback("ply_1", "app_2", "s", 600)},
        {"token": tokens.mint_user("out", APP, "Out", 600)},
        {"token": tokens.mint_user("ann", APP, "Ann", 600, sid="closed")},
        {"token": good, "playback": tokens.mint_playback("ply_1", APP, "closed", 600)},
        {"token": good, "playback": tokens.mint_playback(closed["playback"], APP, "s", 600)},
        {"token": tokens.mint_user("guest", APP, "Guest", 600, sid="s", channel=closed["channel"], guest=True)},
    ):  # fmt: skip
        assert (await refusal(node, auth))["code"] == "unauthenticated", auth


async def test_a_socket_ends_with_its_token(house: House):
    """When the token has expired, and the half minute by which clocks may differ has passed, the client gets
    the reason and is disconnected."""
    node = await house.node()
    client = Client()
    await client.connect(node, {"token": house.tokens.mint_user("ann", APP, "Ann", 2 - LEEWAY_S)})
    await eventually(lambda: not client.io.connected)
    assert client.of("system.notice")[0]["code"] == "unauthenticated"


@pytest.mark.parametrize(("kind", "subject"), [("user", "ann"), ("session", "s-ann"), ("stream", "watched")])
async def test_a_revocation_closes_open_sockets(house: House, kind: str, subject: str):
    """Rights withdrawn on the bus end the sockets that hold them on every node, and no others."""
    one, two = await house.node(), await house.node()
    watched = house.directory.new_stream(APP)
    subject = watched["id"] if kind == "stream" else subject
    playback = house.tokens.mint_playback(watched["playback"], APP, "s-ann", 600)
    first = await house.client(one, APP, "ann", playback=playback)
    second = await house.client(two, APP, "ann", playback=playback)
    other, foreign = await house.client(one, APP, "bob"), await house.client(one, "app_2", "ann", sid="s-ann")
    for _ in range(40):  # until both nodes watch the bus, no node gets it
        await one.services.bus.publish(Revoked(app=APP, kind=kind, subject=subject, before=2**52))
        await asyncio.sleep(0.25)
        if not first.io.connected and not second.io.connected:
            break
    assert not first.io.connected
    assert not second.io.connected
    assert other.io.connected
    assert foreign.io.connected


async def test_another_apps_channel_is_like_none(house: House):
    """A foreign channel and a missing one have the same answer, for every request."""
    node = await house.node()
    client = await house.client(node, APP)
    foreign, missing = house.directory.new_stream("app_2")["channel"], new_id("chn")
    for event, more in (
        ("channel.join", {}),
        ("chat.send", {"cid": "c", "text": "hi"}),
        ("chat.history", {"limit": 5}),
    ):
        answers = [await client.call(event, channel=channel, **more) for channel in (foreign, missing)]
        assert (
            answers[0]
            == answers[1]
            == {"ok": False, "error": {"code": "not_found", "message": "There is no such channel."}}
        )


async def test_guests_read(house: House):
    """A guest may join but not write, unless the app lets guests chat."""
    node = await house.node()
    channel = house.directory.new_stream(APP)["channel"]
    guest = await house.client(node, APP, "guest", roles={channel: "guest"})
    assert (await guest.join(channel))["role"] == "guest"
    assert (await guest.send(channel, "c1"))["error"]["code"] == "forbidden"
    house.directory.apps[APP]["guests"] = "chat"
    assert (await guest.send(channel, "c1"))["ok"]


async def test_bad_requests_are_answered_and_disturb_nobody(house: House):
    """Each bad request has an ack with a code; a bystander keeps receiving, and the sender may continue."""
    node = await house.node()
    channel = house.directory.new_stream(APP)["channel"]
    bad, good = await house.client(node, APP, "bad"), await house.client(node, APP, "good")
    await bad.join(channel)
    await good.join(channel)
    deep: object = 1
    for _ in range(40):
        deep = [deep]
    for number, (event, data, code) in enumerate(
        [
            ("no.such.event", {}, "not_found"),
            ("chat.send", None, "invalid"),
            ("chat.send", "text", "invalid"),
            ("chat.send", ({"channel": channel}, 2), "invalid"),
            ("chat.send", {"channel": channel, "cid": "c"}, "invalid"),
            ("chat.send", {"channel": channel, "cid": "c", "text": "x" * 4097}, "too_large"),
            ("chat.send", {"channel": channel, "cid": "c", "text": "/ban good"}, "forbidden"),
            ("chat.send", {"channel": channel, "cid": "c", "text": deep}, "invalid"),
            ("channel.join", {"channel": "nonsense"}, "invalid"),
            ("channel.join", {"channel": channel, "epoch": 3}, "invalid"),
            ("chat.history", {"channel": channel, "limit": 10**30}, "invalid"),
        ]
    ):
        answer = await bad.io.call(event, data, timeout=5)
        assert answer["ok"] is False
        assert answer["error"]["code"] == code, (event, data)
        assert answer["error"]["message"]
        assert (await bad.send(channel, f"g{number}"))["ok"]
    await eventually(lambda: len(good.of("chat.message.new")) == 11)


GARBAGE = [
    (b"\x00\x01", 1003),
    ("", 1008),
    ("\x00", 1008),
    ("9", 1008),
    ("é", 1008),
    ("3" + "[" * 5000, 1008),
    ("49", 1008),
    ('451-["say",{"_placeholder":true,"num":0}]', 1003),
    ("42{", 1008),
    ("42" + "[" * 60_000, 1008),
    ('42{"a":1}', 1008),
    ("42[]", 1008),
    ("42[1]", 1008),
    ("42[[1]]", 1008),
    ('42["disconnect"]', 1008),
    ('42["*",{}]', 1008),
    ("40", 1008),
    ("44", 1008),
    ("4" + "2" * 65_400, 1008),
    ("x" * 70_000, 1009),
]


async def drained(line) -> None:
    while True:
        await asyncio.wait_for(line.recv(), 5)


async def closing(line):
    """The close frame that ends this connection."""
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await drained(line)
    return closed.value.rcvd


async def joined(line, channel: str) -> None:
    await line.send(f'421["channel.join",{json.dumps({"channel": channel})}]')
    assert '"ok":true' in await line.recv()


async def test_what_is_no_packet_ends_only_its_own_connection(house: House):
    """Garbage is answered by a close frame with a code, at once; others keep receiving and no member is
    left."""
    node = await house.node()
    channel = house.directory.new_stream(APP)["channel"]
    good = await house.client(node, APP, "good")
    await good.join(channel)
    for number, (frame, code) in enumerate(GARBAGE):
        async with raw(node) as line:
            await signed_in(node, line, house.tokens.mint_user("bad", APP, "Bad", 600))
            await joined(line, channel)
            await line.send(frame)
            told = await closing(line)
        assert told.code == code, frame[:50]
        assert told.reason or code == 1009
        await eventually(lambda: len(node.room._sockets._members) == 1)
        assert (await good.send(channel, f"c{number}"))["ok"]
    await eventually(lambda: len(good.of("chat.message.new")) == len(GARBAGE))
    assert (await good.join(channel))["viewers"] == 1


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b'42["chat.send","\xff"]', 1007), (b"\xf6", 1007), (b"x" * 70_000, 1009), (b"42[" * 30_000, 1009)],
)
async def test_a_close_frame_is_read_though_more_was_sent(house: House, payload: bytes, code: int, caplog):
    """What the client had sent after the nonsense does not reset the connection before the code is read; no
    traceback is logged."""
    node = await house.node()
    for _ in range(20):
        line = await enter(
            node._port.getsockname()[1], {"token": house.tokens.mint_user("bad", APP, "Bad", 600)}
        )
        line.frame(payload)
        for _ in range(3):
            line.packet('42["chat.history",{}]')
        assert (await asyncio.wait_for(line.closed, 10))[0] == code
    assert not [record for record in caplog.records if record.exc_info]


async def test_whoever_does_not_sign_in_is_sent_away(house: House, monkeypatch):
    """A connection that never authenticates is closed after its time."""
    monkeypatch.setattr(sockets, "AUTHENTICATE_S", 0.3)
    node = await house.node()
    async with raw(node) as line:
        assert "Sign in" in (await closing(line)).reason
    await eventually(lambda: not node.room._sockets._server.environ)
    async with raw(node) as line:
        await signed_in(node, line, house.tokens.mint_user("ann", APP, "Ann", 600))
        await line.send("41")  # signed out, the connection kept
        assert "Sign in" in (await closing(line)).reason


async def test_origins_are_checked(house: House):
    """A page of the same host, of a listed origin or of one of the token's app may connect; another app's may
    not, nor any other."""
    node, shop = await house.node(), "https://shop.example"
    house.directory.apps[APP] = {"id": APP, "guests": "chat", "origins": [shop]}
    house.directory.apps["app_other"] = {"id": "app_other", "guests": "chat", "origins": []}
    for origin, named, allowed in (
        (node.url, APP, True), (house.settings.base_url, APP, True), (shop, APP, True), (shop, "app_other", False),
        ("https://evil.example", APP, False), ("https://shop.example.evil.example", APP, False), ("http://shop.example", APP, False),
    ):  # fmt: skip
        async with raw(node, origin=origin) as line:
            assert (await line.recv())[0] == "0"
            await line.send("40" + json.dumps({"token": house.tokens.mint_user("ann", named, "Ann", 600)}))
            answer = await line.recv()
            assert answer.startswith("40") is allowed, (origin, answer)
            assert allowed or json.loads(answer[2:])["data"]["code"] == "forbidden"
    for origin in ("null", "file://"):
        with pytest.raises(websockets.InvalidStatus):
            async with raw(node, origin=origin):
                pass


async def test_a_clients_requests_keep_their_order_and_their_bound(house: House):
    """Fifty messages sent without waiting get rising seqs; a flood beyond the queue is refused as
    `rate_limited`."""
    node = await house.node()
    channel = house.directory.new_stream(APP)["channel"]
    client = await house.client(node, APP)
    acks = await asyncio.gather(*(client.send(channel, f"c{n}") for n in range(50)))
    assert [ack["seq"] for ack in acks] == list(range(1, 51))
    async with raw(node) as line:
        await signed_in(node, line, house.tokens.mint_user("flood", APP, "Flood", 600))
        for number in range(500):
            await line.send(
                f'42{number}["chat.send",'
                + json.dumps({"channel": channel, "cid": f"f{number}", "text": "x"})
                + "]"
            )
        answers = [await asyncio.wait_for(line.recv(), 10) for _ in range(500)]
    assert all(answer.startswith("43") for answer in answers)
    told = [json.loads(answer[answer.index("[") :])[0] for answer in answers]
    assert {one["error"]["code"] for one in told if not one["ok"]} <= {"rate_limited"}


async def test_a_connection_has_a_pace(house: House):
    """Whatever it asks for: more in a second than the setting allows is refused, another connection is not
    affected."""
    house.settings = house.settings.model_copy(update={"socket_requests_per_s": 20})
    node = await house.node()
    channel = house.directory.new_stream(APP)["channel"]
    busy, calm = await house.client(node, APP, "ann"), await house.client(node, APP, "ann")
    answers = await asyncio.gather(*(busy.call("presence.list", channel=channel) for _ in range(40)))
    codes = ["ok" if answer["ok"] else answer["error"]["code"] for answer in answers]
    assert 20 <= codes.count("ok") < 40  # a slow machine may take more than a second for them
    assert set(codes) == {"ok", "rate_limited"}
    assert (await calm.join(channel))["ok"]


async def test_a_stopping_node_sends_its_clients_away_in_order(house: House):
    """Clients get a notice of the restart, their connections end so that they reconnect, and no viewer stays
    counted."""
    one, two = await house.node(), await house.node()
    channel = house.directory.new_stream(APP)["channel"]
    ann, bob = await house.client(one, APP, "ann"), await house.client(two, APP, "bob")
    await ann.join(channel)
    await bob.join(channel)
    house.nodes.remove(one)
    await one.stop()
    await eventually(lambda: not ann.io.connected)
    assert ann.of("system.notice")[0]["code"] == "restart"
    assert await two.room.viewers(channel) == 1
    assert (await bob.send(channel, "c"))["ok"]


async def test_a_node_that_is_cut_off_sends_its_clients_elsewhere(house: House, monkeypatch):
    """Without an answer from Redis for the bound they get a notice and are closed, and no client is accepted
    until it is back."""
    monkeypatch.setattr(composition, "CUT_OFF_S", 1.5)
    node = await house.node()
    ann = await house.client(node, APP, "ann")
    async with raw(node) as line:
        await signed_in(node, line, house.tokens.mint_user("bob", APP, "Bob", 600))
        house.redis.signal(signal.SIGSTOP)
        assert (await closing(line)).code == 1013
    await eventually(lambda: not ann.io.connected)
    assert ann.of("system.notice")[0]["code"] == "unavailable"
    with pytest.raises(websockets.InvalidStatus) as refused:
        await raw(node).__aenter__()
    assert refused.value.response.status_code == 503
    house.redis.signal(signal.SIGCONT)
    await eventually(lambda: not node.room._sockets._cut_off)
    assert await house.client(node, APP, "ann")


def deaf(node: Node):
    """A connection with small buffers, so that not reading shows soon."""
    line = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(node._port.getsockname())
    line.setblocking(False)
    return raw(node, sock=line, max_queue=1)


async def test_a_client_that_never_reads_is_dropped(house: House):
    """A member with 256 events or 1 MB unread loses its connection; the others lose nothing."""
    node = await house.node()
    channel = house.directory.new_stream(APP)["channel"]
    good = await house.client(node, APP, "good")
    await good.join(channel)
    async with deaf(node) as line:
        await signed_in(node, line, house.tokens.mint_user("slow", APP, "Slow", 600))
        await joined(line, channel)
        line.transport.pause_reading()
        number = 0
        while len(node.room._sockets._members) > 1:
            assert number < 5_000
            await asyncio.gather(*(good.send(channel, f"c{number + n}", "x" * 4000) for n in range(40)))
            number += 40
        await eventually(
            lambda: len(node._server.server_state.connections) == 1
        )  # its memory is freed, though it still holds on
        line.transport.abort()
    await eventually(lambda: len(good.of("chat.message.new")) == number)


async def test_answers_that_nobody_reads_are_bounded(house: House):
    """A client that asks for page after page without reading any is disconnected before it costs megabytes."""
    node = await house.node()
    channel = house.directory.new_stream(APP)["channel"]
    good = await house.client(node, APP, "good")
    for start in range(0, 100, 50):
        await asyncio.gather(*(good.send(channel, f"c{start + n}", "x" * 4000) for n in range(50)))
    page = await good.call("chat.history", channel=channel, limit=200)
    assert sum(len(message["text"]) for message in page["messages"]) < 256 * 1024
    assert page["next"]
    async with deaf(node) as line:
        await signed_in(node, line, house.tokens.mint_user("greedy", APP, "Greedy", 600))
        line.transport.pause_reading()
        for number in range(1000):
            await line.send(f'42{number}["chat.history",{json.dumps({"channel": channel, "limit": 200})}]')
            await asyncio.sleep(0.01)
            if len(node.room._sockets._members) == 1:
                break
        line.transport.abort()
    assert number < 100
    assert (await good.send(channel, "on"))["ok"]


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        ('{{"channel":"{channel}","cid":"c","text":"\\ud800"}}', "chat.send"),
        ('{{"channel":"{channel}","cid":"\\udfff","text":"x"}}', "chat.send"),
        ('{{"channel":"{channel}","\\ud800":"c","text":"x"}}', "chat.send"),
        ('{{"channel":"{channel}","text":"/ban \\ud800"}}', "chat.command"),
        ('{{"channel":"\\ud800"}}', "channel.join"),
    ],
)
async def test_half_a_character_is_answered(house: House, frame: str, event: str):
    """A lone surrogate is a fault of the request: it is refused, and the connection stays."""
    channel = house.directory.new_stream("app_1")["channel"]
    node = await house.node()
    token = house.tokens.mint_user("ann", "app_1", "Ann", 600)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{node.url}/socket.io/?EIO=4&transport=websocket") as line,
    ):
        await line.send_str(f'40{{"token":"{token}"}}')
        await line.send_str(f'421["{event}",{frame.format(channel=channel)}]')
        await line.send_str(f'422["channel.join",{{"channel":"{channel}"}}]')
        acks: dict[str, Any] = {}
        while len(acks) < 2:
            text = (await line.receive(timeout=5)).data
            if text.startswith(("431", "432")):
                acks[text[2]] = orjson.loads(text[3:])[0]
    assert acks["1"]["error"]["code"] == "invalid"
    assert acks["2"]["ok"]


async def test_a_text_is_cleaned_before_it_is_told(house: House):
    """And refused where nothing is left of it, by socket as by REST."""
    channel = house.directory.new_stream("app_1")["channel"]
    node = await house.node()
    ann = await house.client(node, "app_1", "ann")
    await ann.join(channel)
    assert (await ann.send(channel, "a", "red \x1b[31m\x00 and \u202eturned" + "\u0301" * 500))["ok"]
    told = await eventually(lambda: ann.of("chat.message.new"))
    assert told[0]["text"] == "red [31m and turned" + "\u0301" * 3
    for text in ("\u200b", "\x00", "x\n" * 200):
        assert (await ann.send(channel, text[:20], text))["error"]["code"] == "invalid"
