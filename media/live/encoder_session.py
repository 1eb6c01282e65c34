"""One FFmpeg of a live broadcast, from its start to its end: its child process, its run, and what is known of its progress. [work]"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from media.ffmpeg.process import FfmpegProcess
from media.ingest.source import PublishSource
from media.ladder.overload import distance_s
from media.live.packager import EncoderRun
from weir.foundation.clock import monotonic

WATCH_S, STALLED_S, AGAIN_S = 2.0, 6.0, 1.0
RENEWED_WITHIN_S = 4.0
SLOW_S = (
    0.75  # a transcoder that is only slow reports progress each half second; a stalled one is not overloaded
)


@dataclass
class EncoderSession:
    """`made` is (media time in seconds that has come out, when). `input_ended`: the feed has closed this FFmpeg's input. `renewed`: it was
    asked to end so that another ladder can begin."""

    child: FfmpegProcess
    run: EncoderRun
    source: PublishSource
    made: tuple[float, float] | None = None
    input_ended: bool = False
    renewed: bool = False
    ended: bool = False

    def end_input(self) -> None:
        self.input_ended = True
        self.child.close_input()

    def part_made(self, end_s: float) -> None:
        self.made = end_s, monotonic()
        self.child.read_progress()

    def behind_s(self) -> float | None:
        """How far what came out is behind what went in, seconds; None while nothing has come out."""
        if self.made is None:
            return None
        feed = self.source.feed
        return distance_s(feed.fed_s, feed.fed_at, *self.made)

    def renew(self) -> None:
        """Ends this FFmpeg at the next key frame, so that nothing is missing; after RENEWED_WITHIN_S at the latest."""
        self.renewed = True
        self.source.feed.renew()
        asyncio.get_running_loop().call_later(
            RENEWED_WITHIN_S, lambda: None if self.ended else self.child.terminate()
        )

    async def watch(self, progressing: Callable[[], None]) -> bool:
        """Kills FFmpeg and returns True when it stalls while it gets frames. An encoder that sends nothing
        does not count as a stall. Calls `progressing` each WATCH_S while it works. Runs until cancelled
        otherwise."""
        fed_s: float | None = None
        feed = self.source.feed
        while True:
            await asyncio.sleep(WATCH_S if fed_s is None else AGAIN_S)
            self.child.read_progress()
            self.source.health.done(self.child.done_s, monotonic())
            still_s = monotonic() - self.child.progress_at
            if still_s < STALLED_S:
                fed_s = None
                if still_s < SLOW_S and self.made is not None:
                    progressing()
            elif fed_s is not None and feed.fed_s > fed_s:
                self.child.kill()
                return True
            else:
                fed_s = feed.fed_s
