"""How live streams are doing, over HTTP, with a real encoder."""

import asyncio
import subprocess
from typing import Any

import pytest

from media.ingest.stream_health import HealthSample
from media.live import health_store
from media.live.health_store import HealthStore
from tests.media.conftest import Stage, until
from tests.media.uploads.test_service import client
from weir.foundation.events import PublishDone
from weir.foundation.services import Services
from weir.foundation.tenancy.collections import STREAMS


async def on_air(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any, str]:
    """A stream with an encoder, a member of its app, and the route of its health."""
    monkeypatch.setattr("media.worker.EVERY_S", 0.2)
    await stage.room.start()
    fact, _ = await stage.on_air(gop=60)
    somebody = client(stage, fact.app)
    doc = {
        "id": fact.stream,
        "playback": fact.playback,
        "channel": fact.channel,
        "state": "live",
        "generation": 1,
        "created": 1,
    }
    await stage.services.store.app(fact.app).insert(STREAMS, {**doc, "ingest": {"since": 1}})
    return fact, somebody, f"/v1/streams/{fact.stream}"


async def test_a_live_stream_is_measured(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its encoder sends is counted, transcoding keeps up, there is a history, and metrics; when it has
    ended, nothing is left."""
    stage = await world.stage()
    fact, somebody, path = await on_air(stage, monkeypatch)
    for _ in range(100):
        status, _, health = await somebody.ask("GET", f"{path}/health")
        assert status == 200
        if len(health["history"]) > 5 and health["keyframe_s"] and health["speed"]:
            break
        await asyncio.sleep(0.2)
    assert (health["publishing"], health["height"], health["video_codec"], health["renditions"]) == (
        True,
        180,
        "H264",
        [180],
    )
    assert health["keyframe_s"] == pytest.approx(2, abs=0.05)
    assert health["frame_rate"] == pytest.approx(30, abs=3)
    assert 20_000 < health["bitrate"] < 1_000_000
    assert abs(health["av_drift_ms"]) < 300
    assert 0.5 < health["speed"] < 2
    assert health["history"][-1]["at"] > health["history"][0]["at"]
    assert health_store._MEASURED["keyframe_s"].labels(fact.stream)._value.get() == pytest.approx(2, abs=0.05)
    assert (await client(stage).ask("GET", f"{path}/health"))[0] == 404
    stage.publishers[0].terminate()
    await stage.tell(PublishDone, fact)
    await until(lambda: not any(fact.stream in labels for labels in health_store._MEASURED["speed"]._metrics))
    assert (await somebody.ask("GET", f"{path}/health"))[2]["publishing"] is False


async def test_every_stream_has_its_own_samples(services: Services) -> None:
    """Noted all at once; each keeps its newest ones for a while, and vanishes by itself."""
    noting = HealthStore(services.redis)

    def sample(at: int, bitrate: int) -> HealthSample:
        return HealthSample(at, bitrate, 30.0, 2.0, 0, 0, 0, 1.0, 0.1, (720, 360))

    for at in range(health_store.KEPT + 3):
        await noting.write_samples(
            {("str_1", "ply_1"): sample(at, 1_000), ("str_2", "ply_2"): sample(at, 2_000)}
        )
    for playback, bitrate in (("ply_1", 1_000), ("ply_2", 2_000)):
        known = await noting.read_samples(playback)
        assert [one["at"] for one in known] == list(range(3, health_store.KEPT + 3))
        assert {one["bitrate"] for one in known} == {bitrate}
        assert 0 < await services.redis.pttl(f"weir:health:{playback}") <= health_store.LIVES_MS
    await noting.write_samples({})
    assert not any(
        "str_1" in labels or "str_2" in labels for labels in health_store._MEASURED["speed"]._metrics
    )


async def test_a_snapshot_is_drawn_once_a_segment(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask, and a newer one when there is a newer segment."""
    stage = await world.stage(thumbnail_every_s=0)
    _, somebody, path = await on_air(stage, monkeypatch)
    drawn: list[Any] = []
    work = __import__("media.live.thumbnails", fromlist=["run_to_end"]).run_to_end

    async def counted(*given: Any) -> str:
        drawn.append(given)
        return str(await work(*given))

    monkeypatch.setattr("media.live.thumbnails.run_to_end", counted)
    answers = await asyncio.gather(*(somebody.ask("GET", f"{path}/snapshot.jpg") for _ in range(20)))
    assert {status for status, _, _ in answers} == {200}
    assert len(drawn) <= 2
    _, headers, first = answers[0]
    assert headers["Content-Type"] == "image/jpeg"
    argv = ["ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", "-"]
    size = subprocess.run(argv, input=first, capture_output=True, check=True)
    assert size.stdout.decode().strip() == "320,180"
    for _ in range(100):
        newer = (await somebody.ask("GET", f"{path}/snapshot.jpg"))[2]
        if newer != first:
            break
        await asyncio.sleep(0.1)
    assert newer != first
    assert (await client(stage).ask("GET", f"{path}/snapshot.jpg"))[0] == 404
