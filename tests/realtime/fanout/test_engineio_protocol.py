"""Engine.IO version 4, case by case from the protocol's document, on our server with polling and binary on.

Three freedoms of python-engineio, which serves polling, are kept: a question without a transport means
polling, polling gives its ping interval in whole seconds, and after an upgrade a NOOP that no GET waited for
is sent over the WebSocket, where it means nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.realtime.echo_server import MAX_PAYLOAD, PING_S, PONG_S, Echo
from tests.support.chat_nodes import eventually


class Mirror(Echo):
    """Engine.IO alone: what comes is sent back."""

    def __init__(self) -> None:
        super().__init__()
        self.io.eio.on("connect", lambda *_: None)
        self.io.eio.on("message", self._back)
        self.io.eio.on("disconnect", lambda *_: None)

    async def _back(self, sid: str, data: str | bytes) -> None:
        await self.io.eio.send(sid, data)


async def held(echo: Echo, sid: str) -> asyncio.Task[tuple[int, str]]:
    """A GET of the session that the server has received and holds."""
    waiting = asyncio.create_task(echo.get(sid=sid))
    await eventually(lambda: echo.io.eio.sockets[sid].queue._getters)
    return waiting


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    async with Mirror() as made:
        yield made


def greeting(packet: str) -> dict:
    assert packet[0] == "0"
    return json.loads(packet[1:])


# -- handshake


async def test_polling_opens_a_session(echo: Echo):
    """OPEN with sid, upgrades, pings and the largest payload."""
    status, body = await echo.get()
    assert status == 200
    told = greeting(body)
    assert set(told) == {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
    assert isinstance(told["sid"], str)
    assert told["upgrades"] == ["websocket"]
    assert (told["pingInterval"], told["pingTimeout"], told["maxPayload"]) == (
        int(PING_S) * 1000,
        PONG_S * 1000,
        MAX_PAYLOAD,
    )


async def test_a_websocket_opens_a_session(echo: Echo):
    """The same, with nothing to upgrade to."""
    async with echo.line() as wire:
        told = greeting(await wire.read())
    assert set(told) == {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
    assert told["upgrades"] == []
    assert (told["pingInterval"], told["pingTimeout"], told["maxPayload"]) == (
        PING_S * 1000,
        PONG_S * 1000,
        MAX_PAYLOAD,
    )


@pytest.mark.parametrize(
    "query", [{"EIO": ""}, {"EIO": "abc"}, {"EIO": "3"}, {"transport": "abc"}, {"sid": "unknown"}]
)
async def test_a_wrong_question_is_refused(echo: Echo, query: dict):
    """No version, another one, no transport, an unknown one, an unknown session: 400, over polling and
    WebSocket."""
    assert (await echo.get(**query))[0] == 400
    if "transport" not in query:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with echo.line(**query):
                pass


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_only_get_opens_a_session(echo: Echo, method: str):
    """Other methods are refused."""
    assert (await echo.request(method, "4x"))[0] in (400, 405)


# -- messages


async def test_polling_carries_messages(echo: Echo):
    """A POST is answered `ok`, the echo waits for the next GET."""
    sid = await echo.opened()
    assert await echo.post("4hello", sid=sid) == (200, "OK")
    assert await echo.get(sid=sid) == (200, "4hello")


async def test_a_payload_holds_many_packets(echo: Echo):
    """Parted by the record separator, kept in order."""
    sid = await echo.opened()
    assert (await echo.post("4one\x1e4two\x1e4three", sid=sid))[0] == 200
    assert await echo.get(sid=sid) == (200, "4one\x1e4two\x1e4three")


async def test_polling_carries_binary_as_base64(echo: Echo):
    """`b` and base64, both ways."""
    sid = await echo.opened()
    assert (await echo.post("4x\x1ebAQIDBA==", sid=sid))[0] == 200
    assert await echo.get(sid=sid) == (200, "4x\x1ebAQIDBA==")


async def test_a_get_waits_for_a_message(echo: Echo):
    """Long-polling: it answers when there is something."""
    sid = await echo.opened()
    waiting = await held(echo, sid)
    assert not waiting.done()
    await echo.post("4late", sid=sid)
    assert await waiting == (200, "4late")


@pytest.mark.parametrize(
    "payload",
    ["abc", "", "4x\x1e", "4a\x1e" * 100, "4" + "x" * MAX_PAYLOAD, "\ud800".encode("utf-8", "surrogatepass")],
)
async def test_what_is_no_payload_ends_a_polling_session(
    echo: Echo, payload: str, caplog: pytest.LogCaptureFixture
):
    """400 at once, the session is closed, and no traceback is logged; an empty payload is none at all."""
    sid = await echo.opened()
    status, _ = await echo.post(payload, sid=sid)
    assert status == (200 if payload == "" else 400)
    if payload:
        assert (await echo.get(sid=sid))[0] == 400
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_websocket_carries_text_and_binary(echo: Echo):
    """A text frame is a packet, a binary frame is a message."""
    async with echo.line() as wire:
        await wire.read()
        await wire.send("4hello")
        assert await wire.message() == "4hello"
        await wire.send(b"\x01\x02\x03")
        assert await wire.message() == b"\x01\x02\x03"
        await wire.send("4" + "ü" * 40_000)
        assert await wire.message() == "4" + "ü" * 40_000


# -- heartbeat


async def test_the_server_pings_a_polling_client(echo: Echo):
    """PING by GET, PONG by POST, again and again."""
    sid = await echo.opened()
    for _ in range(2):
        assert await echo.get(sid=sid) == (200, "2")
        assert (await echo.post("3", sid=sid))[0] == 200


async def test_a_polling_client_that_answers_no_ping_is_ended(echo: Echo):
    """After the time-out the session is unknown."""
    sid = await echo.opened()
    async with asyncio.timeout(10):
        while (await echo.get(sid=sid))[0] == 200:
            await asyncio.sleep(0.05)


async def test_the_server_pings_a_websocket(echo: Echo, monkeypatch: pytest.MonkeyPatch):
    """And keeps it while pongs come."""
    async with echo.line() as wire:
        await wire.read()
        for _ in range(2):
            assert await wire.read() == "2"
            await wire.send("3")
        await wire.send("4still")
        assert await wire.message() == "4still"


async def test_a_websocket_that_answers_no_ping_is_ended(echo: Echo):
    """Within interval and time-out, and the server's look at all sockets."""
    async with echo.line() as wire:
        await wire.ended()


# -- close


async def test_a_polling_client_closes(echo: Echo):
    """CLOSE by POST answers the waiting GET, with nothing, and ends the session. (A GET that waits until its
    time-out gets 400.)"""
    sid = await echo.opened()
    waiting = await held(echo, sid)
    assert (await echo.post("1", sid=sid))[0] == 200
    assert await waiting == (200, "")
    assert (await echo.get(sid=sid))[0] == 400


async def test_a_websocket_closes(echo: Echo):
    """CLOSE is answered by the end of the connection, with a code."""
    async with echo.line() as wire:
        await wire.read()
        await wire.send("1")
        await wire.ended()
        assert wire.raw.close_code == 1000


# -- upgrade


async def test_a_session_moves_to_a_websocket(echo: Echo):
    """Probe, answer, UPGRADE; the waiting GET is answered, then everything uses the WebSocket and polling has
    ended."""
    sid = await echo.opened()
    waiting = await held(echo, sid)
    async with echo.line(sid=sid) as wire:
        await wire.send("2probe")
        assert await wire.read() == "3probe"
        await wire.send("5")
        status, body = await waiting
        assert status == 200
        assert body == "6"
        await wire.send("4hello")
        assert await wire.message() == "4hello"
        assert (await echo.get(sid=sid))[0] == 400


async def test_messages_are_kept_through_an_upgrade(echo: Echo):
    """What was sent by POST before the upgrade comes over one of the two, once."""
    sid = await echo.opened()
    assert (await echo.post("4before", sid=sid))[0] == 200
    assert await echo.get(sid=sid) == (200, "4before")
    async with echo.line(sid=sid) as wire:
        await wire.send("2probe")
        assert await wire.read() == "3probe"
        await wire.send("5")
        await wire.send("4after")
        assert await wire.message() == "4after"


async def test_an_upgrade_without_its_probe_is_refused(echo: Echo):
    """The WebSocket ends; the session continues by polling."""
    sid = await echo.opened()
    async with echo.line(sid=sid) as wire:
        await wire.send("4no probe")
        await wire.ended()
    assert (await echo.post("4still", sid=sid))[0] == 200
    assert "4still" in (await echo.get(sid=sid))[1]


async def test_a_session_is_upgraded_once(echo: Echo):
    """A second WebSocket for it is refused, and the first is not disturbed."""
    sid = await echo.opened()
    async with echo.line(sid=sid) as wire:
        await wire.send("2probe")
        assert await wire.read() == "3probe"
        await wire.send("5")
        await wire.send("4first")
        assert await wire.message() == "4first"
        try:
            async with echo.line(sid=sid) as second:
                let_in = await second.read() is not None
        except aiohttp.WSServerHandshakeError:
            let_in = False
        assert not let_in
        await wire.send("4still")
        assert await wire.message() == "4still"
