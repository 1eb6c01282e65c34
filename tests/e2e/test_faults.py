"""While a stream is live and people talk, every process of the stack is killed: the service is back by
itself, nothing that was acknowledged is lost, the playlist only grows, no process is left over."""

import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.chatting import Crowd, Person, read_history
from tests.e2e.conftest import SMALL, TALKATIVE, Show
from tests.e2e.publisher import Publisher
from tests.e2e.watching import Eyes
from tests.realtime.history import faults
from tests.support.running_stack import RunningStack, alive, children_of
from tests.support.servers import wait_until

log = logging.getLogger("faults")
LIVELY: dict[str, Any] = {**SMALL, **TALKATIVE, "RECONNECT_GRACE_S": 30}


class Obs:
    """An encoder that publishes again whenever its line is dropped."""

    def __init__(self, show: Show) -> None:
        self._show, self._stop = show, threading.Event()
        self._publisher: Publisher | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._publisher is None or not self._publisher.sending:
                if self._publisher is not None:
                    self._publisher.stop()
                self._publisher = self._show.publish()
            self._stop.wait(1)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(20)
        if self._publisher is not None:
            self._publisher.stop()


def session_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[3])


def bytes_of(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


class Scene:
    """A live stream, a talker, a reader, an encoder and eyes on the playlist."""

    def __init__(self, show: Show) -> None:
        self.show, self.crowd = show, Crowd()
        self._sessions: set[int] = set()
        self.obs = Obs(show)
        show.wait_state("live")
        self.eyes = Eyes(show, show.renditions()[0])
        self.talker = self.crowd.enter(Person(show, "talker", talks=True))
        self.reader = self.crowd.enter(Person(show, "reader"))
        wait_until(lambda: len(self.reader.seen.events) > 5 and self.eyes.looked > 3, "talk and picture")

    def close(self) -> None:
        self.eyes.close()
        self.crowd.close()
        self.obs.close()

    def parts(self, marker: str) -> set[int]:
        """Processes of the stack whose command line holds the marker, and not only inside `setpriv`'s."""
        return {
            pid
            for pid in self.show.stack.pids()
            if marker in bytes_of(pid, "cmdline").replace(b"\0", b" ").decode()
        }

    def encoders(self) -> set[int]:
        return {pid for pid in self.parts("pipe:0") if bytes_of(pid, "cmdline").startswith(b"ffmpeg\0")}

    def note_sessions(self) -> None:
        for pid in self.show.stack.pids():
            try:
                self._sessions.add(session_of(pid))
            except OSError:
                continue

    def orphans(self) -> dict[int, str]:
        """Processes that were started by the stack, by session or by its folder in arguments or environment,
        and that it no longer has under it."""
        folder, known = str(self.show.stack.folder).encode(), self.show.stack.pids() | {self.show.stack.pid}
        found = {}
        for pid in (
            alive({int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()}) - known
        ):
            try:
                of_ours = session_of(pid) in self._sessions
            except OSError:
                continue
            told = bytes_of(pid, "cmdline")
            if of_ours or folder in told or folder in bytes_of(pid, "environ"):
                found[pid] = told.replace(b"\0", b" ").decode()
        return found

    def talks_again(self) -> None:
        """Something said from now on is acknowledged and shown to the reader."""
        since, acked = len(self.talker.sent) + 3, self.talker.acked
        wait_until(
            lambda: self.talker.acked > acked and len(self.talker.sent) > since, "acknowledgements", 30
        )
        wanted = next(one for one in reversed(self.talker.sent) if one.seq is not None).seq
        wait_until(lambda: self.reader.seen.events[-1][1] >= (wanted or 0), "the reader's copy", 15)

    def plays_on(self, beyond: tuple[int, int]) -> None:
        """A segment later than the one that was growing."""
        wait_until(lambda: self.eyes.position > (beyond[0] + 1, 0), "new parts", 40)

    def back(self, what: str, victim: int, replaced: Callable[[], bool]) -> dict[str, float]:
        """Waits until everything works again; returns the seconds since the kill, which are reported and not
        asserted."""
        began, took = time.monotonic(), {}

        def at(name: str) -> None:
            took[name] = round(time.monotonic() - began, 2)

        wait_until(lambda: not alive({victim}), "the death")
        wait_until(replaced, f"a new {what}", 30)
        at("replaced")
        wait_until(lambda: self.show.stack.ready, "readiness", 30)
        at("ready")
        beyond = self.eyes.position
        self.talks_again()
        at("chat")
        self.plays_on(beyond)
        at("next segment")
        wait_until(lambda: self.show.state() == "live", "live", 20)
        at("live")
        return took

    def kill(self, what: str, find: Callable[[], int], how: signal.Signals = signal.SIGKILL) -> None:
        self.note_sessions()
        victim = find()
        os.kill(victim, how)
        took = self.back(what, victim, lambda: found(find) not in (None, victim))
        log.info("%s %s: %s", how.name, what, took)
        self.note_sessions()
        wait_until(lambda: not self.orphans(), f"an end of {self.orphans()}", 5)


def found(find: Callable[[], int]) -> int | None:
    try:
        return find()
    except (AssertionError, OSError, ValueError):
        return None


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    stack = RunningStack(**LIVELY)
    try:
        one = Scene(Show(stack.start()))
        yield one
        one.close()
    finally:
        stack.remove()


def finders(scene: Scene) -> dict[str, Callable[[], int]]:
    stack = scene.show.stack

    def worker() -> int:
        return min(children_of(stack.pid_of("web.conf")))

    return {
        "ffmpeg": lambda: min(scene.encoders()),
        "app": lambda: stack.pid_of("-m weir run"),
        "redis": lambda: stack.pid_of("redis-server"),
        "web master": lambda: stack.pid_of("web.conf"),
        "web worker": worker,
        "ingest": lambda: stack.pid_of("ingest.conf"),
    }


@pytest.mark.parametrize("part", ["ffmpeg", "app", "redis", "web master", "web worker", "ingest"])
def test_a_killed_part_is_back_twice(scene: Scene, part: str) -> None:
    """kill -9, and again after its restart: ready, chat flows, new parts, nothing left over; the picture
    breaks once where the encoder's line or FFmpeg was cut, and nowhere else."""
    find = finders(scene)[part]
    for _ in range(2):
        before, broadcast = (
            scene.eyes.ruptures,
            scene.show.stack.get(f"/v1/watch/{scene.show.playback}")[1]["live_since"],
        )
        scene.kill(part, find)
        cut = part in ("ffmpeg", "app", "ingest")
        assert (scene.eyes.ruptures > before) == cut, (before, scene.eyes.ruptures)
        assert scene.show.stack.get(f"/v1/watch/{scene.show.playback}")[1]["live_since"] == broadcast
        assert len(scene.encoders()) == 1
    assert scene.eyes.breaches == []


def test_while_the_application_is_away_the_answers_say_so(scene: Scene) -> None:
    """503 `unavailable` as a problem document, for the API and for playlists, until everything is back."""
    show, stack = scene.show, scene.show.stack
    playlist, refused = show.renditions()[0], list[tuple[int, Any]]()
    os.kill(stack.pid_of("-m weir run"), signal.SIGKILL)

    def back() -> bool:
        answers = [stack.get(path) for path in (f"/v1/watch/{show.playback}", playlist)]
        refused.extend(answer for answer in answers if answer[0] != 200)
        return all(status == 200 for status, _ in answers)

    wait_until(back, "both", 30)
    assert {
        (status, answer["code"] if isinstance(answer, dict) else answer) for status, answer in refused
    } == {(503, "unavailable")}
    scene.plays_on(scene.eyes.position)


def test_a_standing_encoder_is_replaced(scene: Scene) -> None:
    """SIGSTOP of FFmpeg while bytes keep coming: it is killed, and another one continues."""
    before = scene.eyes.ruptures
    scene.kill("ffmpeg", lambda: min(scene.encoders()), signal.SIGSTOP)
    assert scene.eyes.ruptures == before + 1
    assert scene.eyes.breaches == []


def test_nothing_acknowledged_was_lost(scene: Scene) -> None:
    """After all of the above: each acknowledged message is there once, in the order of its seq, in the
    history; both people were shown the same, each message once, and resumed without a gap every time."""
    scene.crowd.run(scene.talker.hush())
    last = max(one.seq or 0 for one in scene.talker.sent)
    wait_until(
        lambda: all(one.seen.events[-1][1] >= last for one in (scene.talker, scene.reader)),
        "the last message",
        15,
    )
    assert scene.talker.unexpected == []
    assert (scene.talker.resets, scene.reader.resets) == (0, 0)
    assert_same_history(scene, scene.crowd.run(read_history(scene.show)))
    both = max(scene.talker.seen.events[0][1], scene.reader.seen.events[0][1])
    for one in (scene.talker, scene.reader):
        one.seen.events = [event for event in one.seen.events if event[1] >= both]
    early = [one for one in scene.talker.sent if (one.seq or both) >= both]
    assert faults(early, [scene.talker.seen, scene.reader.seen]) == []
    told = (scene.talker.acked, scene.eyes.looked, scene.eyes.unanswered)
    log.info("%d messages acknowledged, %d looks at the playlist, %d unanswered", *told)


def assert_same_history(scene: Scene, history: list[dict[str, Any]]) -> None:
    numbers = [message["seq"] for message in history]
    assert all(earlier < later for earlier, later in pairwise(numbers))
    times = Counter(message["cid"] for message in history)
    assert [cid for cid, count in times.items() if count > 1] == []
    stored = {message["cid"]: message["seq"] for message in history}
    lost = [one.cid for one in scene.talker.sent if one.seq is not None and stored.get(one.cid) != one.seq]
    assert lost == [], lost


def test_a_stop_while_live_loses_nothing(scene: Scene) -> None:
    """SIGTERM: exit code 0, no process left. Started again: same stream, same key, the chat in order, the
    encoder is let in."""
    show, stack = scene.show, scene.show.stack
    before, card = scene.crowd.run(read_history(show)), show.card
    everybody = stack.pids()
    scene.note_sessions()
    assert stack.stop() == 0
    assert alive(everybody) == set()
    assert scene.orphans() == {}
    stack.start()
    assert {name: value for name, value in stack.card().items() if name != "studio"} == {
        name: value for name, value in card.items() if name != "studio"
    }
    after = scene.crowd.run(read_history(show))
    assert after == before
    wait_until(lambda: show.state() == "live", "the encoder's return", 40)
    scene.plays_on(scene.eyes.position)
    assert scene.eyes.breaches == []
