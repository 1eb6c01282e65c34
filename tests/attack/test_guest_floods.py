"""One address that makes guest after guest, and an address that many honest guests share."""

import contextlib
import random
import threading
import time
from collections.abc import Callable

from tests.attack.conftest import Target
from tests.attack.wire import Wire
from weir.foundation.ids import new_id

LONG = "x" * 4096
BURST, PER_S, SESSIONS = 20, 5, 300
HONEST, EACH_S, WATCHED_S = 30, 10.0, 25.0


def writer(target: Target, playback: str | None = None) -> Wire:
    """A fresh guest."""
    session = target.stack.ask("POST", f"/v1/watch/{playback or target.playback}/session", {})[1]
    wire = Wire(target.stack.http)
    wire.read()
    assert "sid" in wire.sign_in(session["user_token"])
    return wire


def flood(target: Target, guests: int, each: int, text: str) -> tuple[list[str], float]:
    """What each message was answered with, `ok` or a code, and how long it took."""
    outcomes, began = [], time.monotonic()
    for _ in range(guests):
        with writer(target) as wire:
            for _ in range(each):
                answer = wire.call("chat.send", channel=target.channel, cid=new_id("evt"), text=text)
                outcomes.append("ok" if answer["ok"] else answer["error"]["code"])
    return outcomes, time.monotonic() - began


def test_new_guests_are_no_new_burst(target: Target) -> None:
    """What guests of one address write to one channel is bounded together."""
    outcomes, took_s = flood(target, 10, 12, LONG)
    assert 0 < outcomes.count("ok") <= BURST + PER_S * took_s + 1
    assert set(outcomes) == {"ok", "rate_limited"}


def test_a_month_is_not_eaten_by_one_address(make_target: Callable[..., Target]) -> None:
    """The app itself can still write when the guests of one address have tried to write twice the month's
    messages."""
    target = make_target(
        DEFAULT_PLAN="free", PLANS='{"free": {"messages": 100, "requests_per_minute": 1000}}'
    )
    outcomes, _ = flood(target, 10, 20, "flood")
    assert "quota_exceeded" not in outcomes
    key = {"Authorization": f"Bearer {target.new_key(scopes=['chat:moderate'])['api_key']}"}
    body = {"user": {"id": "backend"}, "text": "still here"}
    assert target.stack.ask("POST", f"/v1/channels/{target.channel}/messages", body, key)[0] == 201


def test_sessions_of_one_address_are_bounded(make_target: Callable[..., Target]) -> None:
    """A client that makes guests without end must wait; a class that opens the page at once need not."""
    target = make_target()
    path, began, answers = f"/v1/watch/{target.playback}/session", time.monotonic(), []
    for _ in range(3 * SESSIONS):
        answers.append(target.stack.ask("POST", path, {})[0])
        if answers[-1] == 429:
            break
    assert set(answers[: SESSIONS // 2]) == {201}
    assert answers[-1] == 429
    assert len(answers) <= SESSIONS + SESSIONS / 60 * (time.monotonic() - began) + SESSIONS / 10


def test_honest_guests_behind_one_address_are_not_hindered(target: Target) -> None:
    """Thirty people of one house, each of whom writes every ten seconds, in no order. In a channel of its own:
    the tests before this one have used the burst of the other."""
    stream = target.new_stream()
    dice, refused, written = random.Random(5), list[object](), list[int]()

    def talk(wire: Wire, first_s: float) -> None:
        with contextlib.closing(wire.line):
            due = time.monotonic() + first_s
            end = time.monotonic() + WATCHED_S
            while due < end:
                time.sleep(max(0.0, due - time.monotonic()))
                answer = wire.call("chat.send", channel=stream["channel"], cid=new_id("evt"), text="hello")
                written.append(1)
                if not answer["ok"]:
                    refused.append(answer)
                due += EACH_S

    people = [
        threading.Thread(target=talk, args=(writer(target, stream["playback_id"]), dice.uniform(0, EACH_S)))
        for _ in range(HONEST)
    ]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert refused == []
    assert len(written) >= 2 * HONEST
