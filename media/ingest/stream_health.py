"""How an encoder and its transcoder are doing, from every frame and from FFmpeg's own progress. [decision]

Everything here is counted: nginx knows rates only as means of ten seconds.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

WINDOW_S = 6.0
PACED_S, LEAST_PACED_S = 20.0, 4.0  # FFmpeg reports its progress in steps of half a second
VIDEO, AUDIO = 1, 2  # media.ingest.fmp4_writer.PICTURE and SOUND


@dataclass(frozen=True)
class HealthSample:
    """`bitrate` in bits a second, `keyframe_s` between the last two key frames, `dropped_frames` and
    `duplicated_frames` of this FFmpeg so far, `av_drift_ms` how far the sound is ahead of the picture,
    `speed` 1 when transcoding keeps up, `behind_s` seconds of input that are not transcoded yet. None
    where nothing is known (yet)."""

    at: int
    bitrate: int
    frame_rate: float
    keyframe_s: float | None
    av_drift_ms: int | None
    dropped_frames: int
    duplicated_frames: int
    speed: float | None
    behind_s: float | None
    renditions: tuple[int, ...]
    left_out: tuple[int, ...] = ()

    def to_public(self) -> dict[str, Any]:
        return asdict(self)


class _Packet(NamedTuple):
    at: float
    track: int
    time_ms: int
    size: int
    key: bool


class StreamHealth:
    """Of one publish. Times in seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._packets: deque[_Packet] = deque()
        self._keys: deque[int] = deque(maxlen=2)
        self._progress: deque[tuple[float, float]] = deque()

    def frame(self, track: int, time_ms: int, size: int, key: bool, now: float) -> None:
        """Counts a frame of the encoder."""
        self._packets.append(_Packet(now, track, time_ms, size, key))
        if track == VIDEO and key:
            self._keys.append(time_ms)
        self._forget(now)

    def began(self) -> None:
        """Another FFmpeg started: progress of the previous one does not count."""
        self._progress.clear()

    def done(self, done_s: float, now: float) -> None:
        """How much media FFmpeg has made."""
        self._progress.append((now, done_s))
        while now - self._progress[0][0] > PACED_S:
            self._progress.popleft()

    def sample(
        self,
        now: float,
        at: int,
        *,
        sent_s: float,
        dropped: int,
        duplicated: int,
        heights: tuple[int, ...],
        left_out: int,
    ) -> HealthSample:
        """`sent_s` is the encoder's media time as the ingest knows it, 0 when it does not; of the ladder's
        `heights` the first ones may be `left_out`."""
        self._forget(now)
        done_s = self._progress[-1][1] if self._progress else 0.0
        keyframe_s = (self._keys[1] - self._keys[0]) / 1000 if len(self._keys) == self._keys.maxlen else None
        return HealthSample(
            at,
            self._bitrate(),
            self._frame_rate(),
            keyframe_s,
            self._drift_ms(),
            dropped,
            duplicated,
            self._speed(),
            round(max(0.0, sent_s - done_s), 2) if sent_s and done_s else None,
            heights[left_out:],
            heights[:left_out],
        )

    def _forget(self, now: float) -> None:
        while self._packets and now - self._packets[0].at > WINDOW_S:
            self._packets.popleft()

    def _bitrate(self) -> int:
        """Bits a second by the packets' own times, since they are read in bursts. The last packet's bytes
        belong to the time after it."""
        span_ms = self._span_ms(self._packets)
        return (
            round(sum(packet.size for packet in list(self._packets)[:-1]) * 8000 / span_ms)
            if span_ms > 0
            else 0
        )

    def _frame_rate(self) -> float:
        pictures = [packet for packet in self._packets if packet.track == VIDEO]
        span_ms = self._span_ms(pictures)
        return round((len(pictures) - 1) * 1000 / span_ms, 2) if span_ms > 0 else 0.0

    @staticmethod
    def _span_ms(packets: Collection[_Packet]) -> int:
        return max(one.time_ms for one in packets) - min(one.time_ms for one in packets) if packets else 0

    def _drift_ms(self) -> int | None:
        """Packets of both tracks come in turns; how far apart in time the newest of each are, over the
        window."""
        newest: dict[int, int] = {}
        apart = []
        for packet in self._packets:
            newest[packet.track] = packet.time_ms
            if len(newest) > 1:
                apart.append(newest.get(AUDIO, 0) - newest.get(VIDEO, 0))
        return round(sum(apart) / len(apart)) if apart else None

    def _speed(self) -> float | None:
        if not self._progress or self._progress[-1][0] - self._progress[0][0] < LEAST_PACED_S:
            return None
        (began, first), (ended, last) = self._progress[0], self._progress[-1]
        return round((last - first) / (ended - began), 2)
