"""Publishing over real RTMP: accepted, refused, duplicate, replaced, disconnected and reconnected."""

import contextlib
import os
import random
import re
import signal
import socket
import time
from typing import Any

from media.ingest.rtmp import VIDEO
from tests.e2e.conftest import GRACE_S, Show
from tests.support.rtmp_encoder import Encoder, film, messages
from tests.support.servers import wait_until

FLAPS_S, EACH_S = 12.0, 0.25
MOST_STARTS = 7  # of FFmpeg while an encoder flaps: four at once, then one each 5 s


def test_a_wrong_key_is_refused_and_not_written_down(show: Show) -> None:
    """The encoder's connection ends, the stream stays idle, and no log holds the key that was tried."""
    wrong = show.card["key"][:-6] + "WRONG1"
    publisher = show.publish(wrong)
    try:
        assert publisher.wait(15) != 0
    finally:
        publisher.stop()
    assert show.state() == "idle"
    wait_until(
        lambda: "publish.refused" in (show.stack.folder / "var/logs/app.log").read_text(),
        "the refusal in the log",
    )
    for log in (show.stack.folder / "var/logs").iterdir():
        assert wrong.split("_")[2] not in log.read_text()


def test_hostile_names_are_refused(show: Show) -> None:
    """5 kB, traversal and control characters as stream names."""
    for name in ("a" * 5000, "../../../etc/passwd", "%00%0a", "x?name=y&clientid=1"):
        publisher = show.publish(name)
        try:
            assert publisher.wait(20) != 0
        finally:
            publisher.stop()
    assert show.stack.ready
    assert show.state() == "idle"


def test_garbage_on_the_rtmp_port_disturbs_nobody(live: Show) -> None:
    """Random bytes, cut handshakes: the live stream continues."""
    dice = random.Random(5)
    for _ in range(60):
        with socket.create_connection(("127.0.0.1", live.stack.rtmp), 5) as connection:
            connection.sendall(
                dice.choice([b"\x03", b"", b"GET / HTTP/1.1\r\n\r\n"]) + dice.randbytes(dice.randrange(4000))
            )
    before = live.text(live.renditions()[0])
    wait_until(lambda: live.text(live.renditions()[0]) != before, "new parts")
    assert live.state() == "live"


def test_a_second_publisher_is_refused_while_the_first_one_sends(live: Show) -> None:
    """The first one's broadcast continues, also after nginx has reported the end of the refused one."""
    second = live.publish()
    try:
        assert second.wait(20) != 0
    finally:
        second.stop()
    assert live.state() == "live"
    before = live.text(live.renditions()[0])
    wait_until(lambda: live.text(live.renditions()[0]) != before, "new parts of the first one")


def test_a_frozen_publisher_is_replaced(show: Show) -> None:
    """It sends no bytes for 2 s: the new encoder takes over the same broadcast."""
    if show.state() != "idle":
        show.wait_state("idle")
    first = show.publish()
    show.wait_state("live")
    first.freeze()
    second = None

    def taken() -> bool:
        nonlocal second
        if second is None or not second.sending:
            second = show.publish()
        return show.state() == "live" and second.sending and not first_is_present()

    def first_is_present() -> bool:
        return (
            first.process.poll() is None
            and show.stack.get(f"/v1/watch/{show.playback}")[1]["live_since"] != live_since
        )

    live_since = show.stack.get(f"/v1/watch/{show.playback}")[1]["live_since"]
    try:
        wait_until(taken, "the second encoder on air", 30)
    finally:
        first.stop()
        if second:
            second.stop()


def test_a_broadcast_outlives_a_dropped_line_and_ends_once(show: Show) -> None:
    """Back within the grace: the playlist continues with a discontinuity. Later than that: ENDLIST, idle."""
    if show.state() != "idle":
        show.wait_state("idle")
    first = show.publish()
    show.wait_state("live")
    playlist = show.renditions()[0]
    first.stop()
    show.wait_state("interrupted")
    assert "#EXT-X-ENDLIST" not in show.text(playlist)
    second = show.publish()
    try:
        show.wait_state("live")
        wait_until(lambda: "#EXT-X-DISCONTINUITY\n" in show.text(playlist), "the discontinuity")
        assert "#EXT-X-ENDLIST" not in show.text(playlist)
    finally:
        second.stop()
    wait_until(lambda: "#EXT-X-ENDLIST" in show.text(playlist), "the end of the list", GRACE_S + 15)
    show.wait_state("idle")


def test_an_ingest_that_dies_takes_no_broadcast_along(make_stack) -> None:
    """kill -9 of nginx: the state leaves live though no hook came; an encoder that reconnects continues the
    broadcast."""
    show: Show = make_stack(RECONNECT_GRACE_S=30)
    first = show.publish()
    try:
        show.wait_state("live")
        os.kill(show.stack.pid_of("ingest.conf"), signal.SIGKILL)
        show.wait_state("interrupted", 30)
    finally:
        first.stop()
    second = show.publish()
    try:
        show.wait_state("live", 40)
        assert "#EXT-X-DISCONTINUITY\n" in show.text(show.renditions()[0])
    finally:
        second.stop()


def starts(show: Show) -> float:
    """Of FFmpeg, so far."""
    figures = show.stack.get("/metrics")[1].decode()
    return sum(float(one) for one in re.findall(r"^weir_ffmpeg_starts_total\{.*\} (\S+)", figures, re.M))


def test_an_encoder_that_flaps_is_live_once_it_stays(make_stack) -> None:
    """It connects and leaves each quarter of a second, for twelve seconds. Its last publish has one key frame
    alone, its first frame: that is seen, whatever is left of the publishes before. In between few
    transcoders are started."""
    show: Show = make_stack(RECONNECT_GRACE_S=30)
    url = f"{show.card['server']}/{show.card['key']}"
    sent = messages(film(seconds=2, gop=60))
    until = time.monotonic() + FLAPS_S
    while time.monotonic() < until:
        encoder = Encoder(url)
        encoder.play(sent, until=EACH_S)
        encoder.close()
    encoder = Encoder(url)
    assert starts(show) <= MOST_STARTS
    try:
        long = messages(film("-bf", "0", seconds=25, gop=1000))
        assert (
            sum(one.kind == VIDEO and one.body[0] >> 4 == 1 for one in long) <= 3
        )  # the header, one key frame, the end
        encoder.play(long, until=20)
        assert show.state() == "live"
    finally:
        encoder.close()


def test_an_encoder_that_sends_nothing_is_told_so(show: Show) -> None:
    """After five seconds the stream, its health and its broadcast name the fault, which goes when pictures come;
    a broadcast that ends without any keeps it."""
    if show.state() != "idle":
        show.wait_state("idle")
    member = show.member()
    stream = show.stack.ask("GET", "/v1/streams", headers=member)[1]["data"][0]["id"]

    def trouble(of: str = "") -> str:
        return str(show.stack.ask("GET", f"/v1/streams/{stream}{of}", headers=member)[1]["trouble"])

    def newest() -> dict[str, Any]:
        answer = show.stack.ask("GET", f"/v1/streams/{stream}/broadcasts?limit=1", headers=member)[1]
        return dict(answer["data"][0])

    encoder = Encoder(f"{show.card['server']}/{show.card['key']}")
    try:
        wait_until(lambda: "no picture and no sound" in trouble("/health"), "the health's words", 20)
        wait_until(lambda: "no picture and no sound" in trouble(), "the stream's words")
        assert show.state() == "starting"
        encoder.play(messages(film(seconds=4)))
        show.wait_state("live")
        assert trouble() == "None"
    finally:
        encoder.close()
    show.wait_state("idle")
    with contextlib.closing(Encoder(f"{show.card['server']}/{show.card['key']}")):
        wait_until(lambda: "no picture and no sound" in trouble(), "the words again", 20)
    show.wait_state("idle")
    wait_until(lambda: newest()["ended"] is not None, "the end of the broadcast")
    assert newest()["live_s"] == 0
    assert "no picture and no sound" in newest()["trouble"]
