"""The stream's state machine and its keys."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.streams import rules
from control.streams.rules import Publisher
from weir.foundation.events import Event
from weir.foundation.ids import body, new_id

ONE, TWO = Publisher("boot1", "1"), Publisher("boot1", "2")


def stream() -> Any:
    return {
        "id": new_id("str"), "app": new_id("app"), "playback": new_id("ply"), "channel": new_id("chn"), "state": "idle", "transition": 0,
    }  # fmt: skip


def apply(doc: Any, change: rules.Transition | None) -> tuple[Any, list[str]]:
    assert change is not None
    assert change.expect == {"transition": doc["transition"]}
    return {**doc, **change.set}, [event.type for event in change.tell]  # type: ignore[attr-defined]


def test_a_broadcast_from_start_to_end() -> None:
    """idle → starting → live → interrupted → idle, each published once."""
    doc, told = apply(stream(), rules.publish(stream() | {"transition": 0}, ONE, "brd_1", 1000))
    doc = stream() | doc
    assert told == ["stream.starting", "stream.publish.started"]
    doc, told = apply(doc, rules.playable(doc, "brd_1", 1, 2000))
    assert (doc["state"], told) == ("live", ["stream.live"])
    doc, told = apply(doc, rules.publisher_left(doc, 3000))
    assert (doc["state"], told) == ("interrupted", ["stream.stalled", "stream.publish.done"])
    assert rules.grace_over(doc, 5000, 7999) is None
    doc, told = apply(doc, rules.grace_over(doc, 5000, 8000))
    assert (doc["state"], told) == ("idle", ["stream.offline"])


def test_coming_back_within_the_grace_is_the_same_broadcast() -> None:
    """No second stream.live."""
    doc, _ = apply(stream(), rules.publish(stream(), ONE, "brd_1", 1000))
    doc = stream() | doc
    doc, _ = apply(doc, rules.playable(doc, "brd_1", 1, 2000))
    doc, _ = apply(doc, rules.publisher_left(doc, 3000))
    doc, told = apply(doc, rules.publish(doc, TWO, "brd_2", 4000))
    assert (doc["broadcast"], doc["generation"], told) == ("brd_1", 2, ["stream.publish.started"])
    assert rules.grace_over(doc, 500, 99_000) is None
    assert rules.playable(doc, "brd_1", 1, 4500) is None
    doc, told = apply(doc, rules.playable(doc, "brd_1", 2, 5000))
    assert (doc["state"], told) == ("live", ["stream.resumed"])


def test_replacing_a_dead_publisher_tells_the_stall() -> None:
    """A live stream whose encoder is replaced shows an interruption, not a second start."""
    doc, _ = apply(stream(), rules.publish(stream(), ONE, "brd_1", 1000))
    doc = stream() | doc
    doc, _ = apply(doc, rules.playable(doc, "brd_1", 1, 2000))
    doc, told = apply(doc, rules.publish(doc, TWO, "brd_2", 3000))
    assert (doc["state"], doc["broadcast"], told) == (
        "interrupted",
        "brd_1",
        ["stream.stalled", "stream.publish.started"],
    )


@given(st.lists(st.sampled_from(["publish", "gone", "playable", "old", "grace"]), max_size=40))
def test_every_broadcast_has_one_start_one_end_and_at_most_one_live(steps: list[str]) -> None:
    """Whatever order the facts come in, and event ids never repeat."""
    doc, now, told = stream(), 0, list[Event]()
    for number, step in enumerate(steps):
        now += 1000
        transitions: dict[str, Callable[[], rules.Transition | None]] = {
            "publish": lambda n=number, d=doc, t=now: rules.publish(d, Publisher("b", str(n)), f"brd_{n}", t),
            "gone": lambda d=doc, t=now: rules.publisher_left(d, t) if d.get("ingest") else None,
            "playable": lambda d=doc, t=now: rules.playable(
                d, d.get("broadcast", ""), d.get("generation", 0), t
            ),
            "old": lambda d=doc, t=now: rules.playable(
                d, d.get("broadcast", ""), d.get("generation", 1) - 1, t
            ),
            "grace": lambda d=doc, t=now: rules.grace_over(d, 1000, t),
        }
        change = transitions[step]()
        if change is not None:
            doc = {**doc, **change.set}
            told += change.tell
    assert len({event.id for event in told}) == len(told)
    for broadcast in {event.broadcast for event in told}:  # type: ignore[attr-defined]
        kinds = [event.type for event in told if event.broadcast == broadcast]  # type: ignore[attr-defined]
        assert kinds.count("stream.starting") == 1
        assert kinds.count("stream.live") <= 1
        assert kinds.count("stream.offline") <= 1
        if "stream.offline" in kinds:
            assert kinds[-1] == "stream.offline"


def test_a_stream_key_splits_into_its_parts() -> None:
    """App, stream and secret."""
    app, stream_id = new_id("app"), new_id("str")
    key = rules.parse_stream_key(f"{body(app)}_{body(stream_id)}_{'a' * 32}")
    assert key == rules.ParsedStreamKey(app, stream_id, "a" * 32)
    assert rules.parse_stream_key(f" {body(app)}_{body(stream_id)}_{'a' * 32}\t ") == key  # as it was copied


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "x",
        "../../etc/passwd",
        "a" * 5000,
        "_".join(["0" * 26] * 2),
        "_".join(["0" * 26, "0" * 26, "a" * 21]),
    ],
)
def test_anything_else_is_no_stream_key(bad: str) -> None:
    """Malformed names are refused before any look-up."""
    assert rules.parse_stream_key(bad) is None


@given(st.text(max_size=300))
def test_no_text_breaks_the_key_parser(text: str) -> None:
    """It answers None or a key."""
    rules.parse_stream_key(text)


def test_an_owner_ends_a_broadcast() -> None:
    """In any state but idle, without a grace; a later report of the encoder's end changes nothing."""
    assert rules.complete(stream(), 1000) is None
    doc, _ = apply(stream(), rules.publish(stream(), ONE, "brd_1", 1000))
    doc = stream() | doc
    live, _ = apply(doc, rules.playable(doc, "brd_1", 1, 2000))
    away, _ = apply(live, rules.publisher_left(live, 3000))
    for one in (doc, live, away):
        ended, told = apply(one, rules.complete(one, 4000))
        assert (ended["state"], ended["ingest"], told) == ("idle", None, ["stream.offline"])
        assert rules.grace_over(ended, 0, 99_000) is None
        assert rules.publisher_of(ended) is None
        change = rules.complete(one, 4000)
        assert change is not None
        assert [event.gone for event in change.tell] == [3000 if one is away else None]  # type: ignore[attr-defined]


def test_a_broadcast_that_never_played_says_why() -> None:
    """`stream.error` comes before `stream.offline`; a reason that media gave is kept, and one that played has none."""
    doc, _ = apply(stream(), rules.publish(stream(), ONE, "brd_1", 1000))
    doc = stream() | doc
    left, _ = apply(doc, rules.publisher_left(doc, 3000))
    ended, told = apply(left, rules.grace_over(left, 5000, 8000))
    assert told == ["stream.error", "stream.offline"]
    assert ended["trouble"] == rules.NEVER_SHOWN
    known, _ = apply(doc, rules.failed(doc, "brd_1", 1, "It sends nothing.", 2000))
    known, _ = apply(known, rules.publisher_left(known, 3000))
    ended, told = apply(known, rules.grace_over(known, 5000, 8000))
    assert (ended["trouble"], told) == ("It sends nothing.", ["stream.offline"])
    begun, _ = apply(doc, rules.failed(doc, "brd_1", 1, "It sends nothing.", 2000))
    begun, _ = apply(begun, rules.playable(begun, "brd_1", 1, 2500))
    assert begun["trouble"] is None
    assert rules.failed(begun, "brd_1", 1, "It sends nothing.", 2600, silent=True) is None, "told late"
    wrong, told = apply(begun, rules.failed(begun, "brd_1", 1, "FFmpeg fails.", 2700))
    assert (wrong["trouble"], told) == ("FFmpeg fails.", ["stream.error"])
    again, told = apply(wrong, rules.playable(wrong, "brd_1", 1, 2800))
    assert (again["trouble"], again["state"], told) == (None, "live", [])
