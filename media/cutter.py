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


@dataclass(frozen=True)
class Cut:
    """A finished part: `segment` and `part` count from 0 within the run, `end_s` is media time from the run's start;
    `last` closes its segment."""

    segment: int
    part: int
    frames: int
    independent: bool
    last: bool
    end_s: float
    data: bytes


class Cutter:
    """Takes the fragments of one rendition in order. Errors: BoxError when the encoder does not keep to the cadence."""

    def __init__(self, init: Init, cadence: Cadence) -> None:
        self._video, self._cadence = init.video.id, cadence
        self._ticks = {track.id: _ticks(track, cadence) for track in init.tracks}
        self._before = dict.fromkeys(self._ticks, 0)
        self._waiting: dict[int, list[Sample]] = {track: [] for track in self._ticks}
        self._segment = self._part = self._sequence = 0

    def add(self, runs: list[Run]) -> Iterator[Cut]:
        for run in runs:
            for sample in run.samples:
                if run.track == self._video and self._segment_frames() == 0 and not sample.key:
                    raise BoxError("moof: a segment begins without a keyframe")
                self._waiting[run.track].append(replace(sample, duration=self._ticks[run.track]))
                if run.track == self._video and self._complete():
                    yield self._cut()

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
        cut = Cut(self._segment, self._part, len(frames), frames[0].key, last, end_s, fragment(self._sequence, runs))
        self._segment, self._part = (self._segment + 1, 0) if last else (self._segment, self._part + 1)
        return cut


def _ticks(track: Track, cadence: Cadence) -> int:
    ticks = track.timescale / cadence.rate
    if track.kind == "audio":
        return AAC_FRAME
    if ticks.denominator != 1:
        raise BoxError(f"mdhd: a timescale of {track.timescale} does not divide by {cadence.rate} frames a second")
    return ticks.numerator
