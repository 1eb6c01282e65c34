"""REST for how a live stream is doing, and for a picture of it now. [door]"""

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel, Field
from redis.exceptions import RedisError
from starlette.routing import BaseRoute

from media.live.health_store import HealthStore
from weir.foundation.clock import format_time, rfc3339
from weir.foundation.documents import Store
from weir.foundation.errors import NotFound, Unavailable
from weir.foundation.http.routing import Answer, Call, Door, Row, bind
from weir.foundation.ingest_client import IngestClient
from weir.foundation.tenancy.collections import STREAMS, StreamDoc

TAG = "streams"
INGEST = ("bitrate", "width", "height", "frame_rate", "video_codec", "audio_codec", "sample_rate")
MEASURED = ("keyframe_s", "av_drift_ms", "dropped_frames", "duplicated_frames", "speed", "behind_s")
Snapshot = Callable[[str], Awaitable[bytes | None]]


class Moment(BaseModel):
    """One measurement, of the six seconds before `at`."""

    at: str
    bitrate: int = Field(description="bit/s")
    frame_rate: float
    keyframe_s: float | None
    av_drift_ms: int | None = Field(description="How far the sound is ahead of the picture.")
    dropped_frames: int
    duplicated_frames: int
    speed: float | None = Field(description="Of transcoding; 1 keeps up.")
    behind_s: float | None
    renditions: list[int]


class Health(BaseModel):
    """What the encoder sends and how transcoding keeps up, now; null while there is no publisher. `history`:
    the last two minutes, oldest first."""

    state: str
    publishing: bool
    since: str | None
    bitrate: int | None = Field(description="bit/s")
    width: int | None
    height: int | None
    frame_rate: float | None
    video_codec: str | None
    audio_codec: str | None
    sample_rate: int | None
    generation: int | None = Field(description="publishes of this broadcast, from 1")
    keyframe_s: float | None = Field(description="Seconds between the encoder's last two key frames.")
    av_drift_ms: int | None = Field(description="How far the sound is ahead of the picture.")
    dropped_frames: int | None
    duplicated_frames: int | None
    speed: float | None = Field(description="Of transcoding; 1 keeps up.")
    behind_s: float | None
    renditions: list[int] = Field(description="Heights that are made now.")
    left_out: list[int] = Field(description="Heights that the machine can't carry now.")
    trouble: str | None = Field(description="Why nothing is made of what arrives.")
    history: list[Moment]


class HealthRoutes:
    """`snapshot` gives a JPEG of a playback id's stream, None when this worker has none."""

    def __init__(
        self, monitor: HealthStore, snapshot: Snapshot, *, store: Store, ingest: IngestClient, door: Door
    ) -> None:
        self._store = store
        self._ingest = ingest
        self._door = door
        self._health_store = monitor
        self._snapshot = snapshot

    def routes(self) -> list[BaseRoute]:
        return [bind(row, self._door) for row in self.rows()]

    def rows(self) -> list[Row]:
        one = "/v1/streams/{stream}"
        return [
            Row("GET", one + "/health", "tenant", self.health, summary="How the encoder and the transcoder are doing", answer=Health,
                scope="streams:read", tag=TAG),
            Row("GET", one + "/snapshot.jpg", "tenant", self.picture, summary="A picture of a live stream, at most some seconds old",
                scope="streams:read", media="image/jpeg", tag=TAG),
        ]  # fmt: skip

    async def health(self, call: Call) -> Answer:
        """Errors: Unavailable."""
        stream = await self._stream(call)
        ingest = stream.get("ingest")
        seen = (await self._ingest.published()).get(stream["playback"]) if ingest else None
        samples, trouble = await self._measured(stream["playback"]) if seen else ([], None)
        newest = samples[-1] if samples else {}
        told = {name: getattr(seen, name) or None if seen else None for name in INGEST}
        told |= {name: newest[name] for name in ("bitrate", "frame_rate") if newest.get(name)}
        history = [
            {**{name: one[name] for name in Moment.model_fields}, "at": rfc3339(one["at"])} for one in samples
        ]
        return Answer(
            {
                "state": stream["state"],
                "publishing": seen is not None,
                "since": format_time(ingest["since"]) if ingest else None,
                **told,
                "generation": stream.get("generation") if stream["state"] != "idle" else None,
                **{name: newest.get(name) for name in MEASURED},
                "renditions": newest.get("renditions", []),
                "left_out": newest.get("left_out", []),
                "trouble": trouble,
                "history": history,
            }
        )

    async def picture(self, call: Call) -> Answer:
        stream = await self._stream(call)
        picture = await self._snapshot(stream["playback"])
        if picture is None:
            raise NotFound("There is no picture of this stream now.")
        return Answer(picture, media_type="image/jpeg")

    async def _measured(self, playback: str) -> tuple[list[dict[str, Any]], str | None]:
        try:
            return await self._health_store.read_samples(playback), await self._health_store.read_trouble(
                playback
            )
        except (RedisError, OSError):
            raise Unavailable("Measurements can't be read now.", retry_after=1) from None

    async def _stream(self, call: Call) -> StreamDoc:
        found = await self._store.app(call.acting().app).get(STREAMS, call.path("stream"))
        if found is None:
            raise NotFound("There is no such stream.")
        return found
