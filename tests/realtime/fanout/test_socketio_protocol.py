"""Socket.IO version 5, case by case from the protocol's document, on our server with binary on and two
namespaces; and what the product refuses of it."""

import json
from collections.abc import AsyncIterator

import pytest
import websockets

from tests.realtime.echo_server import Echo, Wire
from tests.realtime.test_sockets import closing
from tests.support.chat_nodes import House, eventually


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    async with Echo() as made:
        yield made


async def opened(wire: Wire) -> Wire:
    assert (await wire.read())[0] == "0"
    return wire


# -- CONNECT


@pytest.mark.parametrize("namespace", ["", "/custom,"])
@pytest.mark.parametrize("auth", ["", '{"token":"123"}'])
async def test_connect(echo: Echo, namespace: str, auth: str):
    """CONNECT with or without auth data is answered by CONNECT with a session id, in either namespace."""
    async with echo.line() as wire:
        await opened(wire)
        await wire.send(f"40{namespace}{auth}")
        answer = await wire.packet()
        assert answer.startswith(f"40{namespace}{{")
        told = json.loads(answer[2 + len(namespace) :])
        assert set(told) == {"sid"}
        assert isinstance(told["sid"], str)
        assert await wire.packet() == f'42{namespace}["auth",{auth or "{}"}]'


async def test_connect_to_a_namespace_that_is_not_there(echo: Echo):
    """CONNECT_ERROR with a message; the connection stays for others."""
    async with echo.line() as wire:
        await opened(wire)
        await wire.send("40/random")
        answer = await wire.packet()
        assert answer.startswith("44/random,")
        assert json.loads(answer[len("44/random,") :])["message"]
        await wire.send("40")
        assert (await wire.packet()).startswith("40{")


async def test_sessions_in_two_namespaces_are_two(echo: Echo):
    """Over one connection, each with its own id and its own events."""
    async with echo.line() as wire:
        await opened(wire)
        sids = []
        for namespace in ("", "/custom,"):
            await wire.send(f"40{namespace}")
            answer = await wire.packet()
            sids.append(json.loads(answer[2 + len(namespace) :])["sid"])
            await wire.packet()
        assert len(set(sids)) == 2
        await wire.send('42/custom,["message",1]')
        assert await wire.packet() == '42/custom,["message-back",1]'
        await wire.send('42["message",2]')
        assert await wire.packet() == '42["message-back",2]'


async def test_events_before_connect_go_nowhere(echo: Echo):
    """No namespace, no handler: nothing is answered, and the connection may still connect or is ended."""
    async with echo.line() as wire:
        await opened(wire)
        await wire.send('42["message","early"]')
        await wire.send("40")
        answer = await wire.packet()
        assert answer is None or answer.startswith("40{")


# -- EVENT and ACK


@pytest.mark.parametrize("data", ['1,"2",{"3":[true]}', "null", '"\\u20ac ü 🙂"', '{"_placeholder":1}', ""])
async def test_an_event_and_its_arguments(echo: Echo, data: str):
    """Any JSON, any number of arguments, none."""
    async with echo.connected() as wire:
        await wire.send(f'42["message"{"," + data if data else ""}]')
        answer = await wire.packet()
        assert json.loads(answer[2:]) == ["message-back", *json.loads(f"[{data}]")]


async def test_an_event_in_a_namespace_with_an_ack(echo: Echo):
    """The ack has the event's namespace and id."""
    async with echo.connected() as wire:
        await wire.send("40/custom,")
        await wire.packet()
        await wire.packet()
        await wire.send('42/custom,789["message-with-ack",1,"2",{"3":[false]}]')
        answer = await wire.packet()
        assert answer.startswith("43/custom,789[")
        assert json.loads(answer[len("43/custom,789") :]) == [1, "2", {"3": [False]}]


async def test_an_ack(echo: Echo):
    """ACK with the id of the event, and the handler's values; also with id 0."""
    async with echo.connected() as wire:
        for number in (456, 0):
            await wire.send(f'42{number}["message-with-ack",1,"2",{{"3":[false]}}]')
            answer = await wire.packet()
            assert answer.startswith(f"43{number}[")
            assert json.loads(answer[2 + len(str(number)) :]) == [1, "2", {"3": [False]}]


async def test_a_client_acknowledges(echo: Echo):
    """An event of the server with an id, answered by the client's ACK."""
    async with echo.connected() as wire:
        await wire.send('42["call-me",{"a":1}]')
        asked = await wire.packet()
        number = asked[2 : asked.index("[")]
        assert json.loads(asked[asked.index("[") :]) == ["asked", {"a": 1}]
        await wire.send(f'43{number}["done",2]')
        await eventually(lambda: echo.answers == [("done", 2)])


# -- binary


async def test_a_binary_event(echo: Echo):
    """Placeholders in the packet, attachments after it in order, and the same back."""
    async with echo.connected() as wire:
        await wire.send('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
        await wire.send(b"\x01\x02\x03")
        await wire.send(b"\x04\x05\x06")
        head = await wire.packet()
        assert head.startswith("452-[")
        assert json.loads(head[4:]) == [
            "message-back",
            {"_placeholder": True, "num": 0},
            {"_placeholder": True, "num": 1},
        ]
        assert [await wire.packet(), await wire.packet()] == [b"\x01\x02\x03", b"\x04\x05\x06"]


async def test_a_binary_ack(echo: Echo):
    """BINARY_ACK with the event's id."""
    async with echo.connected() as wire:
        await wire.send('451-789["message-with-ack",{"_placeholder":true,"num":0}]')
        await wire.send(b"\x01\x02\x03")
        head = await wire.packet()
        assert head.startswith("461-789[")
        assert await wire.packet() == b"\x01\x02\x03"


# -- DISCONNECT


async def test_disconnect_from_the_default_namespace(echo: Echo):
    """The connection stays: the next ping comes, and a new CONNECT is answered with another id."""
    async with echo.connected() as wire:
        await wire.send("41")
        assert await wire.read() == "2"
        await wire.send("3")
        await wire.send("40")
        answer = await wire.packet()
        assert answer.startswith("40{")
        assert json.loads(answer[2:])["sid"] != wire.sid


async def test_disconnect_from_one_of_two_namespaces(echo: Echo):
    """The other one continues."""
    async with echo.connected() as wire:
        await wire.send("40/custom,")
        await wire.packet()
        await wire.packet()
        await wire.send("41/custom,")
        await wire.send('42/custom,["message","gone"]')
        await wire.send('42["message","here"]')
        assert await wire.packet() == '42["message-back","here"]'


async def test_the_server_disconnects(echo: Echo):
    """A DISCONNECT packet for its namespace."""
    async with echo.connected() as wire:
        await echo.io.disconnect(wire.sid)
        assert await wire.packet() == "41"


@pytest.mark.parametrize(
    "packet",
    ["4abc", "42{}", '42{"a":1}', "42abc", '42["message"', '452-["message"]\x00', "4", "499", "45abc", "4٣"],
)
async def test_what_is_no_packet_ends_the_connection(echo: Echo, packet: str):
    """Unknown types, payloads that are no list, broken JSON."""
    async with echo.connected() as wire:
        await wire.send(packet)
        await wire.ended()


async def test_a_binary_packet_that_never_gets_its_parts_is_forgotten(echo: Echo):
    """Something else in their place ends the connection."""
    async with echo.connected() as wire:
        await wire.send('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
        await wire.send(b"\x01")
        await wire.send('42["message",1]')
        await wire.ended()


# -- the product's defaults


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        ('451-["chat.send",{"_placeholder":true,"num":0}]', 1003), ('461-1[{"_placeholder":true,"num":0}]', 1003), (b"\x01", 1003),
        ('42["connect",{}]', 1008), ("40", 1008),
    ],
)  # fmt: skip
async def test_the_product_takes_less(house: House, packet: str | bytes, code: int):
    """No binary packet, no reserved event name, no second sign-in."""
    node = await house.node()
    async with websockets.connect(
        node.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    ) as line:
        await line.recv()
        await line.send("40" + json.dumps({"token": house.tokens.mint_user("ann", "app_1", "Ann", 600)}))
        assert (await line.recv())[:2] == "40"
        await line.send(packet)
        assert (await closing(line)).code == code


async def test_the_product_has_one_namespace(house: House):
    """Another one is refused by CONNECT_ERROR."""
    node = await house.node()
    async with websockets.connect(
        node.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    ) as line:
        await line.recv()
        await line.send(
            "40/admin," + json.dumps({"token": house.tokens.mint_user("ann", "app_1", "Ann", 600)})
        )
        assert await line.recv() == '44/admin,{"message":"Invalid namespace"}'
