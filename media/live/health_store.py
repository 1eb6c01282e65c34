"""Measurements of live streams in Redis, for every process, and as metrics. [hands]

`weir:health:<playback id>` is a list of samples as JSON, newest first, one each two seconds; it expires
when nothing is measured any more.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from prometheus_client import Gauge
from redis.asyncio import Redis

from media.ingest.stream_health import HealthSample

EVERY_S, KEPT, LIVES_MS = 2.0, 60, 20_000
# One call: as a pipeline of three commands a stream it was a twentieth of a stream's packager.
_NOTE = """
for number, key in ipairs(KEYS) do
  redis.call('LPUSH', key, ARGV[number + 2])
  redis.call('LTRIM', key, 0, ARGV[1] - 1)
  redis.call('PEXPIRE', key, ARGV[2])
end
"""
_MEASURED = {
    "bitrate": Gauge("weir_stream_bits_per_second", "What the encoder sends.", ["stream"]),
    "frame_rate": Gauge("weir_stream_frames_per_second", "What the encoder sends.", ["stream"]),
    "keyframe_s": Gauge(
        "weir_stream_keyframe_interval_seconds", "Between the encoder's last two key frames.", ["stream"]
    ),
    "av_drift_ms": Gauge(
        "weir_stream_av_drift_milliseconds", "How far the sound is ahead of the picture.", ["stream"]
    ),
    "dropped_frames": Gauge(
        "weir_stream_dropped_frames", "Frames that the present FFmpeg has left out.", ["stream"]
    ),
    "duplicated_frames": Gauge(
        "weir_stream_duplicated_frames", "Frames that the present FFmpeg has shown twice.", ["stream"]
    ),
    "speed": Gauge("weir_stream_transcoding_speed", "1 when transcoding keeps up.", ["stream"]),
    "behind_s": Gauge("weir_stream_transcoding_behind_seconds", "What has come and is not made.", ["stream"]),
}


class HealthStore:
    """Errors of its verbs: redis.exceptions.RedisError, OSError."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis
        self._shown: set[str] = set()

    async def write_samples(self, samples: Mapping[tuple[str, str], HealthSample]) -> None:
        """Stores samples of all streams of this worker, by (stream id, playback id)."""
        for stream in self._shown - {stream for stream, _ in samples}:
            for gauge in _MEASURED.values():
                gauge.remove(stream)
        self._shown = {stream for stream, _ in samples}
        for (stream, _), sample in samples.items():
            for name, gauge in _MEASURED.items():
                gauge.labels(stream).set(getattr(sample, name) or 0)
        if not samples:
            return
        keys, shown = (
            [_key(playback) for _, playback in samples],
            [orjson.dumps(sample.to_public()) for sample in samples.values()],
        )
        await self._redis.eval(_NOTE, len(keys), *keys, KEPT, LIVES_MS, *shown)

    async def write_trouble(self, words: Mapping[str, str]) -> None:
        """Stores why nothing is made of a publish, by playback id; it expires unless it is written again."""
        for playback, sentence in words.items():
            await self._redis.set(f"{_key(playback)}:trouble", sentence, px=LIVES_MS)

    async def read_trouble(self, playback: str) -> str | None:
        sentence = await self._redis.get(f"{_key(playback)}:trouble")
        return sentence.decode() if sentence else None

    async def read_samples(self, playback: str) -> list[dict[str, Any]]:
        """Oldest first; none when nothing is measured."""
        return [orjson.loads(one) for one in reversed(await self._redis.lrange(_key(playback), 0, -1))]


def _key(playback: str) -> str:
    return f"weir:health:{playback}"
