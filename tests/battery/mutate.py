"""Packets of Engine.IO and Socket.IO, and what a hostile hand makes of them."""

import json
import random
from collections.abc import Callable

BINARY, TEXT = 2, 1
HUGE = 70_000
Frame = tuple[int, bytes]


def seeds(channel: str) -> list[bytes]:
    """Right packets, of every kind."""
    position = {"channel": channel, "epoch": "x", "seq": 3}
    requests = [
        ("channel.join", {"channel": channel}), ("channel.join", position), ("channel.leave", {"channel": channel}),
        ("chat.send", {"channel": channel, "cid": "c1", "text": "hello"}), ("chat.command", {"channel": channel, "text": "/help"}),
        ("chat.history", {"channel": channel, "limit": 50}), ("chat.delete", {"channel": channel, "id": "msg_" + "0" * 26}),
        ("typing.start", {"channel": channel}), ("reaction.send", {"channel": channel, "kind": "heart"}),
        ("presence.list", {"channel": channel, "cursor": "0"}),
    ]  # fmt: skip
    events = [
        f"42{number}{json.dumps(list(request), separators=(',', ':'))}"
        for number, request in enumerate(requests)
    ]
    others = [
        "2",
        "3",
        "3probe",
        "41",
        "430[]",
        "40{}",
        '42/other,["x"]',
        '451-0["x",{"_placeholder":true,"num":0}]',
        "5",
        "6",
        "1",
    ]
    return [text.encode() for text in (*events, *others)]


def flip(packet: bytearray, dice: random.Random) -> None:
    for _ in range(dice.randint(1, 4)):
        packet[dice.randrange(len(packet))] = dice.randrange(256)


def cut(packet: bytearray, dice: random.Random) -> None:
    del packet[dice.randrange(len(packet)) :]


def insert(packet: bytearray, dice: random.Random) -> None:
    what = dice.choice(
        [
            b"\x00",
            b"\x1e" * 50,
            b"[" * 500,
            b"{" * 500,
            b"9999999999-",
            b'"',
            b"\xff\xfe",
            b"1e999",
            b"-" * 20,
            "\u202e".encode(),
        ]
    )
    packet[dice.randrange(len(packet) + 1) : 0] = what


def repeat(packet: bytearray, dice: random.Random) -> None:
    packet *= dice.randint(2, 40)


def number(packet: bytearray, dice: random.Random) -> None:
    packet[1:2] = str(10 ** dice.randint(1, 40)).encode()


def swap(packet: bytearray, dice: random.Random) -> None:
    packet[0:1] = bytes((dice.choice(b"0123456789bx"),))


def type_of_packet(packet: bytearray, dice: random.Random) -> None:
    packet[1:2] = bytes((dice.choice(b"0123456789[{"),))


def grow(packet: bytearray, dice: random.Random) -> None:
    packet += b"x" * dice.choice([1, 4_000, 60_000, HUGE])


def confuse(packet: bytearray, dice: random.Random) -> None:
    """Other JSON in the place of a value."""
    at = packet.find(b":")
    if at > 0:
        what = [
            b"null",
            b"[]",
            b"{}",
            b"true",
            b"1e400",
            b"-1",
            b'"\\ud800"',
            b"[" * 200 + b"]" * 200,
            b"123456789012345678901234567890",
        ]
        packet[at + 1 :] = dice.choice(what) + b"}]"


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    flip, cut, insert, repeat, number, swap, type_of_packet, grow, confuse,
)  # fmt: skip


def mutated(packets: list[bytes], dice: random.Random) -> Frame:
    """One frame: mostly text, as a client that went astray would send; sometimes binary."""
    packet = bytearray(dice.choice(packets))
    for _ in range(dice.randint(1, 3)):
        if packet:
            dice.choice(MUTATIONS)(packet, dice)
    return (BINARY if dice.random() < 0.02 else TEXT), bytes(packet)
