"""Where parts and segments end, and when each frame is shown: by counting, the same in every rendition of one encoder run.

FFmpeg 5.1 ends a one-frame fragment at the next packet of either track and guesses the frame's duration from that: at
30 frames/s with 44.1 kHz sound, times of single frames were up to 33 ms off. The frames themselves are exact (constant rate
by the fps filter, AAC frames of 1024 samples), so they are numbered here and FFmpeg's times are not used.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from media.boxes import BoxError, Init, Run, Sample, Track, fragment
from media.ladder import Cadence

AAC_FRAME = 1024
MOST_DRIFT_S = 0.1


@dataclass(frozen=True)
class Cut:
    """A finished part: `segment` and `part` count from 0 within the run, `end_s` is media time from the run's start;
    `last` closes its segment. `sound` is the same part without its picture, where that is wanted."""

    segment: int
    part: int
    frames: int
    independent: bool
    last: bool
    end_s: float
    data: bytes
    sound: bytes = b""


class Cutter:
    """Takes the fragments of one rendition in order. Frames of a `copied` one are counted as well, and their times checked.
    Errors: BoxError when the encoder does not keep to the cadence."""

    def __init__(self, init: Init, cadence: Cadence, *, sound: bool = False, copied: bool = False) -> None:
        self._video, self._cadence, self._sound, self._copied = init.video.id, cadence, sound, copied
        self._drift_ticks = init.video.timescale * MOST_DRIFT_S
        self._began: int | None = None
        self._ticks = {track.id: _ticks(track, cadence) for track in init.tracks}
        self._before = dict.fromkeys(self._ticks, 0)
        self._waiting: dict[int, list[Sample]] = {track: [] for track in self._ticks}
        self._segment = self._part = self._sequence = 0

    def add(self, runs: list[Run]) -> Iterator[Cut]:
        for run in runs:
            if self._copied and run.track == self._video:
                self._check(run)
            for sample in run.samples:
                if run.track == self._video and self._segment_frames() == 0 and not sample.key:
                    raise BoxError("moof: a segment begins without a keyframe")
                self._waiting[run.track].append(Sample(self._ticks[run.track], sample.flags, sample.shift, sample.data))
                if run.track == self._video and self._complete():
                    yield self._cut()

    def _check(self, run: Run) -> None:
        """An encoder that leaves frames out would draw picture and sound apart, since frames are counted here."""
        self._began = run.time if self._began is None else self._began
        counted = (self._before[self._video] + len(self._waiting[self._video])) * self._ticks[self._video]
        if abs(run.time - self._began - counted) > self._drift_ticks:
            raise BoxError("tfdt: the encoder's frames do not come at a steady rate")

    def rest(self) -> Iterator[Cut]:
        """What is left when the run has ended; it closes its segment, so that a short part is the last of one."""
        if self._waiting[self._video]:
            yield replace(self._cut(), last=True)

    def _segment_frames(self) -> int:
        """Frames of the present segment so far."""
        return self._before[self._video] + len(self._waiting[self._video]) - self._segment * self._cadence.segment_frames

    def _complete(self) -> bool:
        return len(self._waiting[self._video]) == self._cadence.part_frames or self._segment_frames() == self._cadence.segment_frames

    def _cut(self) -> Cut:
        frames = self._waiting[self._video]
        self._sequence += 1
        runs = [Run(track, self._before[track] * self._ticks[track], tuple(held)) for track, held in self._waiting.items() if held]
        for track, held in self._waiting.items():
            self._before[track] += len(held)
        self._waiting = {track: [] for track in self._waiting}
        end_s = float(self._before[self._video] / self._cadence.rate)
        last = self._segment_frames() == self._cadence.segment_frames
        sound = fragment(self._sequence, [run for run in runs if run.track != self._video]) if self._sound else b""
        cut = Cut(self._segment, self._part, len(frames), frames[0].key, last, end_s, fragment(self._sequence, runs), sound)
        self._segment, self._part = (self._segment + 1, 0) if last else (self._segment, self._part + 1)
        return cut


def _ticks(track: Track, cadence: Cadence) -> int:
    ticks = track.timescale / cadence.rate
    if track.kind == "audio":
        return AAC_FRAME
    if ticks.denominator != 1:
        raise BoxError(f"mdhd: a timescale of {track.timescale} does not divide by {cadence.rate} frames a second")
    return ticks.numerator
