"""Streams on real stores: keys, publishes, grace, facts in the outbox."""

import asyncio
from typing import Any

import pytest

from control.composition import build_services
from control.streams.rules import Publisher
from control.streams.service import Streams
from control.usage.broadcasts import Broadcasts, public_view
from weir.foundation.audit import COMMAND_LINE
from weir.foundation.clock import now_ms
from weir.foundation.errors import Conflict, Forbidden, NotFound
from weir.foundation.events import (
    Event,
    Playable,
    StreamEvent,
    StreamLive,
    StreamOffline,
    StreamResumed,
    StreamStalled,
    StreamStarting,
)
from weir.foundation.http.listing import Spanned
from weir.foundation.ids import new_id
from weir.foundation.ingest_client import ActivePublish
from weir.foundation.services import Services

ONE, TWO = Publisher("boot1", "1"), Publisher("boot1", "2")


class FakeIngest:
    """An ingest whose publisher sends, has stalled, or has left."""

    def __init__(self) -> None:
        self.bytes: int | None = 0
        self.step = 0
        self.dropped: list[str] = []
        self.name = ""

    async def published(self, not_older_s: float = 0.0) -> dict[str, ActivePublish]:
        if self.bytes is None:
            return {}
        self.bytes += self.step
        return {self.name: ActivePublish(self.name, 1, self.bytes, 0, 0, 0, 0, "", "", 0)}

    async def drop_publisher(self, name: str) -> bool:
        self.dropped.append(name)
        return True


@pytest.fixture
def ingest(services: Services) -> FakeIngest:
    fake = FakeIngest()
    object.__setattr__(services, "ingest", fake)
    return fake


@pytest.fixture
async def made(services: Services, ingest: FakeIngest) -> tuple[Streams, Any, str]:
    streams = build_services(services).streams
    doc, key = await streams.create(new_id("app"), {"title": "Show"}, COMMAND_LINE)
    ingest.name = doc["playback"]
    return streams, doc, key


async def told(services: Services) -> list[Event]:
    found: list[Event] = []
    async for collection, doc_id, events in services.store.pending():
        found += events
        await services.store.settle(collection, doc_id, [event.id for event in events])
    return found


Made = tuple[Streams, Any, str]


async def test_the_right_key_opens_under_the_public_name(made: Made, services: Services) -> None:
    """The answer names the playback id, and the fact is in the outbox of the same write."""
    streams, doc, key = made
    assert (await streams.publish(key, ONE))["playback"] == doc["playback"]
    assert [event.type for event in await told(services)] == ["stream.starting", "stream.publish.started"]  # type: ignore[attr-defined]


async def test_a_wrong_or_foreign_key_is_refused(made: Made) -> None:
    """One changed character, another app's prefix, nonsense: the same refusal."""
    streams, doc, key = made
    app, stream, secret = key.split("_")
    other, _ = await streams.create(new_id("app"), {"title": "Other"}, COMMAND_LINE)
    for bad in (
        key[:-1] + ("a" if key[-1] != "a" else "b"),
        f"{other['app'][4:]}_{stream}_{secret}",
        f"{app}_{other['id'][4:]}_{secret}",
        "x",
        "",
    ):
        with pytest.raises(Forbidden):
            await streams.publish(bad, ONE)
    assert (await streams.get(doc["app"], doc["id"]))["state"] == "idle"


async def test_a_second_publisher_is_refused_while_bytes_flow(made: Made, ingest: FakeIngest) -> None:
    """And the report of its end does not end the first one's broadcast."""
    streams, doc, key = made
    await streams.publish(key, ONE)
    ingest.step = 1000
    with pytest.raises(Conflict):
        await streams.publish(key, TWO)
    await streams.publisher_left(key, TWO)
    assert (await streams.get(doc["app"], doc["id"]))["ingest"]["client"] == "1"  # type: ignore[index]
    assert ingest.dropped == []


async def test_a_dead_publisher_is_replaced(made: Made, ingest: FakeIngest) -> None:
    """A publisher without new bytes for 2 s is replaced; the late report of the dead one changes nothing."""
    streams, doc, key = made
    await streams.publish(key, ONE)
    assert (await streams.publish(key, TWO))["playback"] == doc["playback"]
    assert ingest.dropped == [doc["playback"]]
    await streams.publisher_left(key, ONE)
    now = await streams.get(doc["app"], doc["id"])
    assert (now["ingest"]["client"], now["generation"]) == ("2", 2)  # type: ignore[index]


async def test_a_publisher_of_an_earlier_ingest_is_dead(made: Made, ingest: FakeIngest) -> None:
    """After nginx has started anew its old connections can't be alive, though numbers repeat."""
    streams, doc, key = made
    await streams.publish(key, ONE)
    ingest.step = 1000
    await streams.publish(key, Publisher("boot2", "1"))
    assert (await streams.get(doc["app"], doc["id"]))["ingest"]["boot"] == "boot2"  # type: ignore[index]


async def test_two_publishers_at_once_give_one_winner(made: Made, ingest: FakeIngest) -> None:
    """The compare-and-set lets one in."""
    streams, _, key = made
    ingest.step = 1000
    results = await asyncio.gather(
        *(streams.publish(key, Publisher("boot1", str(n))) for n in range(5)), return_exceptions=True
    )
    assert sum(isinstance(one, dict) for one in results) == 1
    assert all(isinstance(one, dict | Conflict) for one in results)


async def test_facts_from_media_move_the_state_once(made: Made, services: Services) -> None:
    """A repeated fact does nothing; an old generation's does nothing."""
    streams, doc, key = made
    await streams.publish(key, ONE)
    now = await streams.get(doc["app"], doc["id"])
    fact = Playable(
        app=now["app"], stream=now["id"], playback=now["playback"], channel=now["channel"], broadcast=now["broadcast"],
        generation=1, width=1280, height=720,
    )  # fmt: skip
    await streams.on_event(fact.model_copy(update={"generation": 0}))
    await streams.on_event(fact)
    await streams.on_event(fact)
    kinds = [event.type for event in await told(services)]  # type: ignore[attr-defined]
    assert kinds.count("stream.live") == 1


async def test_a_vanished_publisher_is_noticed_without_a_hook(
    made: Made, services: Services, ingest: FakeIngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nginx was killed: its list has no publisher; the grace begins, and ends the broadcast."""
    streams, doc, key = made
    await streams.publish(key, ONE)
    monkeypatch.setattr("control.streams.service.SETTLED_AFTER_MS", -1)
    ingest.bytes = None
    await streams.reconcile()
    assert (await streams.get(doc["app"], doc["id"]))["state"] == "interrupted"
    services.settings.__dict__.update(reconnect_grace_s=0.0)
    await streams.end_overdue()
    assert (await streams.get(doc["app"], doc["id"]))["state"] == "idle"


async def test_a_rotated_key_is_dead_at_once(made: Made) -> None:
    """The new one opens, the old one does not."""
    streams, doc, key = made
    fresh, _ = await streams.rotate_key(doc["app"], doc["id"], COMMAND_LINE)
    assert await streams.key(doc["app"], doc["id"]) == fresh
    with pytest.raises(Forbidden):
        await streams.publish(key, ONE)
    await streams.publish(fresh, ONE)


async def test_a_foreign_stream_is_a_missing_one(made: Made) -> None:
    """Reading another app's stream and reading nothing answer alike."""
    streams, doc, _ = made
    answers = []
    for app, stream in ((new_id("app"), doc["id"]), (doc["app"], new_id("str"))):
        with pytest.raises(NotFound) as refusal:
            await streams.get(app, stream)
        answers.append(str(refusal.value))
    assert answers[0] == answers[1]


async def test_the_store_holds_no_key_in_clear(made: Made, services: Services) -> None:
    """Neither secret nor whole key is in the database file."""
    _, _, key = made
    secret = key.split("_")[2].encode()
    for file in services.settings.data.glob("weir.db*"):
        assert secret not in file.read_bytes()


async def test_a_broadcast_lasts_until_its_encoder_left(services: Services) -> None:
    """The grace does not count while it is unknown whether the encoder returns, nor afterwards."""
    broadcasts, about = (
        Broadcasts(services.store),
        {"app": "app_1", "stream": "str_1", "playback": "ply_1", "channel": "chn_1"},
    )
    now = now_ms()

    async def lived_s(kind: type[StreamEvent], at: int, **more: int) -> int:
        await broadcasts.on_event(kind(**about, broadcast="brd_1", generation=1, at=at, **more))
        (doc,) = (await broadcasts.page("app_1", "str_1", None, Spanned())).data
        return int(public_view(doc)["live_s"])

    await lived_s(StreamStarting, now - 101_000)
    assert await lived_s(StreamLive, now - 100_000) >= 100
    assert await lived_s(StreamStalled, now - 60_000) == 40
    assert await lived_s(StreamResumed, now - 50_000) >= 100
    assert await lived_s(StreamStalled, now - 20_000) == 80
    assert await lived_s(StreamOffline, now, gone=now - 20_000) == 80
