"""An encoder with a good key that means harm: what it sends costs its own stream, not the process that has
the others."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator

import pytest

from media.ingest.rtmp import AUDIO, VIDEO, RtmpMessage, chunks
from tests.attack.conftest import Target
from tests.support.rtmp_encoder import Encoder, film, messages
from tests.support.servers import wait_until

SENT = messages(film(seconds=2))
FLOOD_S = 30.0
MOST_STARTS = 12
TINY = chunks(RtmpMessage(VIDEO, 1, 300, b"\x27\1\0\0\0x"), 6) * 2000


@pytest.fixture
def attacker(target: Target) -> Iterator[Callable[[], Encoder]]:
    """Publishes a stream of its own."""
    opened: list[Encoder] = []

    def publish() -> Encoder:
        stream = target.new_stream()
        opened.append(Encoder(f"{stream['server']}/{stream['key']}"))
        return opened[-1]

    yield publish
    for one in opened:
        one.close()


def starts(target: Target) -> float:
    """Of FFmpeg, so far."""
    figures = target.stack.get("/metrics")[1].decode()
    return sum(float(one) for one in re.findall(r"^weir_ffmpeg_starts_total\{.*\} (\S+)", figures, re.M))


def test_a_flood_of_tiny_frames_keeps_nobody_waiting(target: Target, attacker: Callable[[], Encoder]) -> None:
    """Millions of messages of a few bytes: the API answers in between, and the encoder is sent away, for the
    ingest is everybody's."""
    encoder = attacker()
    for one in SENT[:20]:
        encoder.send(one)
    answered, until = 0, time.monotonic() + FLOOD_S
    with contextlib.suppress(OSError):
        while time.monotonic() < until:
            for _ in range(20):
                encoder.line.sendall(TINY)
            assert target.stack.get("/healthz")[0] == 200
            answered += 1
            time.sleep(0.2)  # one address may ask 300 times a minute
    assert answered
    assert time.monotonic() < until, "the ingest still takes it"
    assert "encoder.flooded" in (target.stack.folder / "var/logs/app.log").read_text()


def test_sound_that_changes_with_each_frame_starts_few_transcoders(
    target: Target, attacker: Callable[[], Encoder]
) -> None:
    """Another description of the sound in front of each key frame ends FFmpeg each time; another one waits
    for its turn."""
    encoder, before = attacker(), starts(target)
    (_header, key, *_) = [one for one in SENT if one.kind == VIDEO]
    for one in SENT:
        encoder.send(one)
    wait_until(lambda: starts(target) > before, "the first transcoder", 20)
    at = SENT[-1].time
    for number in range(300):
        at += 33
        encoder.send(RtmpMessage(AUDIO, 1, at, b"\xaf\0" + (b"\x12\x08" if number % 2 else b"\x12\x10")))
        encoder.send(RtmpMessage(AUDIO, 1, at, b"\xaf\1abc"))
        encoder.send(key._replace(time=at))
        time.sleep(0.03)
    assert before < starts(target) <= before + MOST_STARTS
