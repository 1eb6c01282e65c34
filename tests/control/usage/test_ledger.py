"""The ledger's columns: who fills them, what is added up and what is not, and that a dying job counts
once."""

import asyncio
import csv
import io
from pathlib import Path
from typing import Any

import pytest

from control.composition import build_services
from control.usage.ledger import Ledger
from tests.support.control_room import Headers, World, bearer
from weir.foundation.clock import day_of, month_of, now_ms
from weir.foundation.ids import new_id
from weir.foundation.services import Services
from weir.foundation.tenancy.collections import APPS, RECORDINGS, STREAMS
from weir.foundation.tenancy.message_quota import COUNTED, MessageQuota, permits_key

NOW = 1_700_000_000
DAY = "2023-11-14"


@pytest.fixture
async def owner(world: World) -> Headers:
    return await world.owner()


@pytest.fixture
async def app(world: World, owner: Headers) -> str:
    return str((await world.app(owner))["id"])


@pytest.fixture
async def stream(world: World, owner: Headers, app: str) -> dict[str, Any]:
    return dict(await world.done("POST", "/v1/streams", await world.token(owner, app), {"title": "Show"}))


async def recording(services: Services, app: str, stream: str | None, **more: Any) -> Any:
    about = {"stream": stream} if stream else {}
    doc: Any = {"id": new_id("rec"), "state": "ready", "started": 1, "title": "", **about, **more}
    return await services.store.app(app).insert(RECORDINGS, doc)


async def served(services: Services, *lines: tuple[str, str, int]) -> None:
    """(playback id, session, bytes), each at a moment of its own."""
    folder = services.settings.data / "usage"
    folder.mkdir(exist_ok=True)
    text = "".join(
        f"{NOW + at}.000\t{playback}\t{session}\t{size}\t200\n"
        for at, (playback, session, size) in enumerate(lines)
    )
    with Path(folder / "web.log").open("a") as file:
        file.write(text)
    await build_services(services).web_log.collect()


async def wrote(services: Services, app: str, stream: str, times: int) -> None:
    messages = MessageQuota(services.redis, services.quotas)
    for _ in range(times):
        async with messages.spend(app, stream) as receipt:
            receipt.stored = True
    await messages.close()


async def test_bytes_of_recordings_are_a_column_of_their_own(
    services: Services, app: str, stream: dict[str, Any]
) -> None:
    """Among the bytes of their stream, also when the stream is deleted; without a stream under the app
    itself."""
    kept, orphan, alone = [await recording(services, app, one) for one in (stream["id"], new_id("str"), None)]
    await served(
        services,
        (stream["playback_id"], "a", 10),
        (kept["id"], "b", 200),
        (orphan["id"], "b", 3_000),
        (alone["id"], "b", 40_000),
    )
    figures = await Ledger(services.store).of_stream({"id": stream["id"], "app": app})  # type: ignore[typeddict-item]
    assert (figures["bytes"], figures["recording_bytes"], figures["viewers"]) == (210, 200, 2)
    whole = await Ledger(services.store).of_app(app, None, None)
    assert (whole["bytes"], whole["recording_bytes"]) == (43_210, 43_200)


async def test_viewers_are_different_sessions(services: Services, app: str, stream: dict[str, Any]) -> None:
    """However often each asks, over several batches of the log."""
    for _ in range(3):
        await served(services, *((stream["playback_id"], f"s{number}", 1) for number in range(40)))
    figures = await Ledger(services.store).of_stream({"id": stream["id"], "app": app})  # type: ignore[typeddict-item]
    assert (figures["viewers"], figures["requests"], figures["days"][0]["day"]) == (40, 120, DAY)


async def test_messages_move_to_the_ledger_once(
    services: Services, app: str, stream: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever dies between; what is counted meanwhile comes with the next batch; a deleted app's are
    dropped."""
    other = (
        await services.store.app(app).insert(
            STREAMS, {"id": new_id("str"), "playback": new_id("ply"), "channel": new_id("chn")}
        )
    )["id"]
    await wrote(services, app, stream["id"], 3)
    await wrote(services, app, other, 4)
    await wrote(services, new_id("app"), new_id("str"), 9)
    control = build_services(services)
    counted, ledger, added = control.meters, control.ledger, 0
    honest = ledger.add

    async def dies_after_one(*arguments: Any, **options: Any) -> None:
        nonlocal added
        if added == 1:
            raise RuntimeError("killed")
        added += 1
        await honest(*arguments, **options)

    monkeypatch.setattr(ledger, "add", dies_after_one)
    with pytest.raises(RuntimeError):
        await counted.drain_messages()
    monkeypatch.undo()
    await wrote(services, app, stream["id"], 100)
    for _ in range(3):
        await build_services(services).meters.drain_messages()
    assert (await ledger.of_stream({"id": stream["id"], "app": app}))["messages"] == 103  # type: ignore[typeddict-item]
    assert (await ledger.of_app(app, None, None))["messages"] == 107
    assert not await services.redis.exists(COUNTED, f"{COUNTED}:taken")


async def test_the_month_s_messages_outlive_redis(
    services: Services, app: str, stream: dict[str, Any]
) -> None:
    """A bounded app's permits are set to what the ledger knows."""
    await services.store.operator().update(APPS, app, set={"plan": "free"})
    services.directory._cache.clear()
    await wrote(services, app, stream["id"], 5)
    await build_services(services).meters.drain_messages()
    await services.redis.flushall()
    await wrote(services, app, stream["id"], 1)
    await build_services(services).meters.drain_messages()
    assert int(await services.redis.get(permits_key(app, month_of(now_ms()))) or 0) == 6


async def test_what_is_stored_stands(services: Services, app: str, stream: dict[str, Any]) -> None:
    """The last value of a day; it goes down with what is deleted, and is not added up over days."""
    counted, ledger = build_services(services).meters, Ledger(services.store)
    await ledger.set_stored("2023-01-01", {(app, stream["id"]): 7_000})
    first, _ = (
        await recording(services, app, stream["id"], bytes=500),
        await recording(services, app, None, length=30, state="uploading"),
    )
    await counted.measure_storage()
    await counted.measure_storage()
    assert (await ledger.of_app(app, None, None))["storage_bytes"] == 530
    await services.store.operator().delete(RECORDINGS, {"id": first["id"]})
    await counted.measure_storage()
    whole = await ledger.of_app(app, None, None)
    assert (whole["storage_bytes"], [day["storage_bytes"] for day in whole["days"]]) == (30, [7_000, 30])


async def test_two_hands_of_one_row_lose_nothing(
    services: Services, app: str, stream: dict[str, Any]
) -> None:
    """Each batch counts once, also where two jobs have it at the same moment."""
    ledger = Ledger(services.store)
    batches = [("web", "1"), ("web", "1"), ("chat", "1"), ("chat", "1")]
    await asyncio.gather(
        *(ledger.add(app, stream["id"], DAY, source, batch, {"messages": 1}) for source, batch in batches)
    )
    assert (await ledger.of_app(app, None, None))["messages"] == 2


async def test_both_tables_show_every_column(
    world: World, services: Services, owner: Headers, app: str, stream: dict[str, Any]
) -> None:
    """JSON and CSV, by app and by stream, say the same."""
    await served(
        services,
        (stream["playback_id"], "a", 10),
        ((await recording(services, app, stream["id"], bytes=9))["id"], "a", 5),
    )
    await wrote(services, app, stream["id"], 2)
    await build_services(services).meters.drain_messages()
    await build_services(services).meters.measure_storage()
    key = bearer((await world.key(owner, app))["api_key"])
    for path, who in ((f"/v1/apps/{app}/usage", owner), (f"/v1/streams/{stream['id']}/analytics", key)):
        shown = await world.done("GET", path, who)
        wanted = {
            "bytes": 15,
            "recording_bytes": 5,
            "requests": 2,
            "viewers": 1,
            "messages": 2,
            "storage_bytes": 9,
        }
        assert {name: shown[name] for name in wanted} == wanted
        table = (await world.ask("GET", f"{path}?format=csv", who)).text
        rows = list(csv.DictReader(io.StringIO(table)))
        assert table.startswith("day,bytes,recording_bytes")
        assert [row["day"] for row in rows] == [DAY, day_of(now_ms())]
        assert [{name: float(value) for name, value in row.items() if name != "day"} for row in rows] == [
            {name: float(value) for name, value in day.items() if name != "day"} for day in shown["days"]
        ]
        for span, days in (
            (f"until={day_of(now_ms())}", [DAY]),
            (f"since={day_of(now_ms())}", [day_of(now_ms())]),
        ):
            assert [one["day"] for one in (await world.done("GET", f"{path}?{span}", who))["days"]] == days


async def test_analytics_are_a_feature_of_the_plan(
    world: World, owner: Headers, app: str, stream: dict[str, Any]
) -> None:
    """Free has none unless the operator says so; the app shows which it has, and its usage is always
    shown."""
    key = bearer((await world.key(owner, app))["api_key"])
    path = f"/v1/streams/{stream['id']}/analytics"
    await world.done("PATCH", f"/v1/operator/apps/{app}", owner, {"plan": "free"})
    refused = await world.ask("GET", path, key)
    assert (refused.status_code, refused.json()["code"]) == (403, "quota_exceeded")
    assert (await world.done("GET", f"/v1/apps/{app}", owner))["features"] == {
        "analytics": False,
        "branding": False,
    }
    await world.done("PATCH", f"/v1/operator/apps/{app}", owner, {"features": {"analytics": True}})
    assert (await world.ask("GET", path, key)).status_code == 200
    assert (await world.done("GET", f"/v1/apps/{app}", owner))["features"] == {
        "analytics": True,
        "branding": False,
    }
    assert (await world.ask("GET", f"/v1/apps/{app}/usage", owner)).status_code == 200
