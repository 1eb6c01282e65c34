"""Guessed playback tokens: soon they are not checked any more, and players at the same address do not
notice."""

import http.client
import re
import threading
import time
from collections import Counter
from typing import Any

from tests.attack.conftest import Target
from tests.support.servers import wait_until

GUESSER, NEIGHBOUR = "127.0.0.5", "127.0.0.6"
TOO_MANY = 600


def guess(number: int) -> str:
    """Of the right form, and each another one."""
    return f"eyJh.eyJp{number}.{'x' * 43}"


class Line:
    """A connection of one client, kept."""

    def __init__(self, target: Target, source: str) -> None:
        self._http = http.client.HTTPConnection(
            "127.0.0.1", target.stack.http, timeout=15, source_address=(source, 0)
        )

    def get(self, path: str) -> tuple[int, bytes, Any]:
        self._http.request("GET", path)
        answer = self._http.getresponse()
        return answer.status, answer.read(), answer.headers


class Player(threading.Thread):
    """Follows the newest part as a low-latency player does, and notes each answer that is no picture."""

    def __init__(self, target: Target, source: str, path: str) -> None:
        super().__init__(daemon=True)
        self._line, self._path, self._over = Line(target, source), path, threading.Event()
        self.parts, self.refused = set[str](), list[int]()

    def run(self) -> None:
        query = ""
        while not self._over.is_set():
            status, body, _ = self._line.get(f"{self._path}/v360.m3u8{query}")
            if status != 200:
                self.refused.append(status)
                continue
            part = re.findall(rb'#EXT-X-PART:.*URI="([^"]+)"', body)[-1].decode()
            hint = re.findall(rb'PRELOAD-HINT:TYPE=PART,URI="p_\w+?_v360_(\d+)_(\d+)\.m4s"', body)[-1]
            query = f"?_HLS_msn={int(hint[0])}&_HLS_part={int(hint[1])}"
            status, _, _ = self._line.get(f"{self._path}/{part}")
            if status == 200:
                self.parts.add(part)
            else:
                self.refused.append(status)

    def stop(self) -> None:
        self._over.set()
        self.join(20)


def test_guesses_are_refused_unseen_and_a_viewer_plays_on(target: Target) -> None:
    """More than the bound from one address: the application checks no further ones, says how long to wait,
    and the viewer there misses no part. A neighbour plays, and so do new viewers from that address
    afterwards."""
    publisher = target.publish()
    try:
        target.wait_state("live")
        session = target.session()["playback_token"]
        path = f"/hls/{session}/{target.playback}"
        player = Player(target, GUESSER, path)
        player.start()
        wait_until(lambda: len(player.parts) > 6, "a player that plays", 20)
        line, answers = Line(target, GUESSER), Counter[int]()
        for number in range(TOO_MANY + 200):
            status, _, headers = line.get(f"/hls/{guess(number)}/{target.playback}/v360.m3u8")
            answers[status] += 1
        assert set(answers) <= {403, 429}
        wait_until(
            lambda: line.get(f"/hls/{guess(time.monotonic_ns())}/{target.playback}/v360.m3u8")[2][
                "Retry-After"
            ],
            "the block",
            10,
        )
        status, body, headers = line.get(f"/hls/{guess(TOO_MANY * 2)}/{target.playback}/v360.m3u8")
        assert (status, 0 < int(headers["Retry-After"]) <= 121) == (403, True), body
        assert b"forbidden" in body
        assert line.get(f"/hls/{target.token()}/{target.playback}/v360.m3u8")[0] == 403, (
            "a token that was not played there before"
        )
        assert Line(target, NEIGHBOUR).get(f"/hls/{target.token()}/{target.playback}/v360.m3u8")[0] == 200
        seen = len(player.parts)
        wait_until(lambda: len(player.parts) >= seen + 20, "twenty more parts", 20)
        player.stop()
        assert player.refused == []
        numbers = sorted(
            tuple(map(int, re.findall(r"_v360_(\d+)_(\d+)\.m4s", part)[0])) for part in player.parts
        )
        assert len(numbers) == (numbers[-1][0] - numbers[0][0]) * 6 + numbers[-1][1] - numbers[0][1] + 1, (
            "no part is missing"
        )
    finally:
        publisher.stop()
