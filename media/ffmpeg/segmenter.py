"""Where parts and segments end, and when each frame is shown: by counting, the same in every rendition of one
encoder run.

FFmpeg 5.1 ends a one-frame fragment at the next packet of any track and guesses the frame's duration from
that: at 30 frames/s with 44.1 kHz sound, times of single frames were up to 33 ms off. The frames
themselves are exact (constant rate by the fps filter, AAC frames of 1024 samples), so they are numbered
here and FFmpeg's times are not used.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from media.ffmpeg.fmp4 import (
    PICTURE,
    SOUND,
    BoxError,
    InitSegment,
    MediaSample,
    SampleRun,
    TimedRun,
    Track,
    fragment,
    timed_run,
)
from media.ladder.rules import Cadence, Rendition, sound_of

AAC_FRAME = 1024
MOST_DRIFT_S = 0.1


@dataclass(frozen=True)
class CutPart:
    """A finished part of every rendition: `segment` and `part` count from 0 within the run, `frames` are the
    cadence's, `end_s` is media time from the run's start; `last` closes its segment. `bodies` are the
    renditions', in the ladder's order."""

    segment: int
    part: int
    frames: int
    independent: bool
    last: bool
    end_s: float
    bodies: tuple[bytes, ...]


class _Picture:
    """Frames of one rendition, every `every`-th one of the cadence."""

    def __init__(self, track: Track, rendition: Rendition, cadence: Cadence) -> None:
        self.every = rendition.every
        self.ticks = _ticks(track, cadence.divided(rendition.every))
        self._segment_frames = cadence.segment_frames // rendition.every
        self._drift_ticks = track.timescale * MOST_DRIFT_S if rendition.copied else math.inf
        self._began: int | None = None
        self._before = 0
        self.waiting: list[MediaSample] = []

    @property
    def available(self) -> int:
        """Frames of the cadence that have arrived."""
        return len(self.waiting) * self.every

    def add(self, run: SampleRun) -> int:
        """Adds samples; returns how many frames of the cadence are available."""
        number = self._before + len(self.waiting)
        self._check(run.time, number)
        for sample in run.samples:
            if number % self._segment_frames == 0 and not sample.key:
                raise BoxError("moof: a segment begins without a keyframe")
            self.waiting.append(sample)
            number += 1
        return self.available

    def _check(self, time: int, number: int) -> None:
        """Frames are counted here, so an encoder that drops frames would make picture and sound drift apart."""
        self._began = time if self._began is None else self._began
        if abs(time - self._began - number * self.ticks) > self._drift_ticks:
            raise BoxError("tfdt: the encoder's frames do not come at a steady rate")

    def pop(self, count: int) -> TimedRun:
        run = timed_run(PICTURE, self._before * self.ticks, self.ticks, self.waiting[:count])
        del self.waiting[:count]
        self._before += count
        return run


class Segmenter:
    """Takes the fragments of one run in order. Frames of a copied rendition are counted as well, and their
    times checked. Errors: BoxError when the encoder does not keep to the cadence."""

    def __init__(self, init: InitSegment, renditions: Sequence[Rendition], cadence: Cadence) -> None:
        pictured = [rendition for rendition in renditions if rendition.height]
        if len(init.pictures) != len(pictured):
            raise BoxError(f"moov: {len(init.pictures)} video tracks instead of {len(pictured)}")
        self._cadence = cadence
        self._sound_alone = sound_of(renditions)
        pairs = zip(init.pictures, pictured, strict=True)
        self._pictures = {track.id: _Picture(track, rendition, cadence) for track, rendition in pairs}
        self._wanted = cadence.part_frames
        self._step = math.lcm(*(picture.every for picture in self._pictures.values()))
        self._sound: list[MediaSample] = []
        self._segment = self._part = self._sequence = self._before = self._sound_before = 0

    def add(self, runs: Sequence[SampleRun]) -> Iterator[CutPart]:
        """A part ends when each rendition has its frames; sound that has arrived by then belongs to it."""
        for run in runs:
            picture = self._pictures.get(run.track)
            if picture is None:
                self._sound += run.samples
            elif picture.add(run) >= self._wanted:
                while self._come() >= self._wanted:
                    yield self._cut(self._wanted)

    def flush(self) -> Iterator[CutPart]:
        """What all renditions have when the run has ended. It closes the segment, so that a short part is the
        last of one."""
        frames = self._come() // self._step * self._step
        if frames:
            yield replace(self._cut(frames), last=True)

    def _come(self) -> int:
        """Frames of the cadence that every rendition has."""
        return min(picture.available for picture in self._pictures.values())

    def _cut(self, frames: int) -> CutPart:
        self._sequence += 1
        sound = (
            [timed_run(SOUND, self._sound_before * AAC_FRAME, AAC_FRAME, self._sound)] if self._sound else []
        )
        independent = all(picture.waiting[0].key for picture in self._pictures.values())
        pictures = [picture.pop(frames // picture.every) for picture in self._pictures.values()]
        self._before += frames
        self._sound_before += len(self._sound)
        self._sound = []
        alone = [fragment(self._sequence, sound)] if self._sound_alone else []
        bodies = (*(fragment(self._sequence, [picture, *sound]) for picture in pictures), *alone)
        last = self._before == (self._segment + 1) * self._cadence.segment_frames
        end_s = float(self._before / self._cadence.rate)
        cut = CutPart(self._segment, self._part, frames, independent, last, end_s, bodies)
        self._segment, self._part = (self._segment + 1, 0) if last else (self._segment, self._part + 1)
        self._wanted = min(
            self._cadence.part_frames, (self._segment + 1) * self._cadence.segment_frames - self._before
        )
        return cut


def _ticks(track: Track, cadence: Cadence) -> int:
    ticks = track.timescale / cadence.rate
    if ticks.denominator != 1:
        raise BoxError(
            f"mdhd: a timescale of {track.timescale} does not divide by {cadence.rate} frames a second"
        )
    return ticks.numerator
