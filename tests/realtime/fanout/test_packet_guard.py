"""What the guard lets through, and how it ends a connection."""

import pytest

from realtime.fanout.packet_guard import LONGEST_FRAME, GuardedSocket, fault


@pytest.mark.parametrize(
    "text",
    [
        "2probe",
        "3",
        "5",
        "40",
        '40{"token":"x"}',
        '42["chat.send",{}]',
        "41",
        "4" + "2" * (LONGEST_FRAME - 1),
    ],
)
def test_packets_pass(text):
    """Every packet a Socket.IO client sends is let through."""
    assert fault({"type": "websocket.receive", "text": text}) is None


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"bytes": b"x"}, 1003),
        ({"text": "451-[]"}, 1003),
        ({"text": ""}, 1008),
        ({"text": "4"}, 1008),
        ({"text": "4" * 70_000}, 1009),
    ],
)
def test_anything_else_has_a_code_and_a_sentence(frame, code):
    """The reason fits into a close frame's 123 bytes."""
    told, reason = fault({"type": "websocket.receive", **frame})
    assert told == code
    assert 0 < len(reason.encode()) <= 123


async def test_a_line_that_was_hung_up_is_over():
    """After the close nothing is sent and the application reads a disconnect, whatever the client still says."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "websocket.receive", "text": '42["still",{}]'}

    line = GuardedSocket(receive, send, 1000)
    await line.hang_up(1008, "Enough.")
    await line.send({"type": "websocket.send", "text": "x"})
    await line.hang_up(1012, "Again.")
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "Enough."}]
    assert (await line.receive())["type"] == "websocket.disconnect"


async def test_a_client_that_has_gone_can_be_hung_up():
    """Hanging up on someone who left is no error."""

    async def send(message):
        raise OSError("gone")

    await GuardedSocket(send, send, 1000).hang_up(1008, "Enough.")  # type: ignore[arg-type]
