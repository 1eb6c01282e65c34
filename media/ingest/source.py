"""One publish: pulled from the ingest, parsed, identified, and fed to FFmpeg. [hands]"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import structlog

from media.ffmpeg import args
from media.ffmpeg.probe import MOST_PIXELS
from media.ffmpeg.process import capture_output, sandbox_for_pipe
from media.ingest import flv, h264
from media.ingest.puller import PullRefused, RtmpPull, play
from media.ingest.rtmp import VIDEO, RtmpMessage
from media.ingest.source_feed import STILL_SIZE, Format, Frame, SourceFeed, StillPicture
from media.ingest.stream_health import StreamHealth
from media.ladder.rules import Source
from weir.foundation.clock import monotonic
from weir.foundation.errors import Unavailable
from weir.foundation.events import StreamEvent
from weir.foundation.redis.play_tickets import PlayTickets, publish_name
from weir.foundation.settings import Settings

POLL_S, AGAIN_S = 0.02, 0.1
MESSAGES_S, MESSAGES_BURST = 1_000, 10_000  # any encoder has under 300 a second; 10,000 cost 40 ms
PROBE_S, STILL_S = 6.0, 10.0
SILENT_AFTER_S = 5.0  # the ingest disconnects an encoder that sends nothing for 8 s

log = structlog.get_logger("media")


class UnusableSource(Exception):
    """What the encoder sends can't be shown; the message says why."""


class FloodedSource(UnusableSource):
    """It sends so much that it harms other streams; its publisher is disconnected."""


class MessageBudget:
    """How many messages are accepted: MESSAGES_S a second, and MESSAGES_BURST at once after a stalled
    connection."""

    def __init__(self) -> None:
        self._left = float(MESSAGES_BURST)
        self._at = 0.0

    def allows(self, now: float) -> bool:
        """Counts one message; False when it is too many."""
        self._left = min(MESSAGES_BURST, self._left + (now - self._at) * MESSAGES_S) - 1
        self._at = now
        return self._left >= 0


class PublishSource:
    """One publish. Its `health` counts every frame."""

    def __init__(self, settings: Settings, tickets: PlayTickets, fact: StreamEvent) -> None:
        self._url = settings.pull_url
        self._tickets = tickets
        self._playback = fact.playback
        self._publish = publish_name(fact.broadcast, fact.generation)
        self.health = StreamHealth()
        self.feed = SourceFeed(self._frame)
        self._opening = asyncio.Lock()
        self._closed = False
        self._pull: RtmpPull | None = None
        self._come = False  # any frame, over the present connection
        self._connected_at = 0.0
        self._silence_told = False
        self._pace = MessageBudget()
        self._flooded = False
        self._probed: tuple[Format | None, Source] | None = None
        self._still: StillPicture | None = None

    @property
    def is_publishing(self) -> bool:
        """True while the ingest delivers the stream."""
        return self._pull is not None

    async def source(self, appears_within_s: float, silent: Callable[[], None]) -> Source | None:
        """What the encoder sends, as soon as it can be used; None when there is no publisher, or it was
        closed. `silent` is called once in a publish, when it is connected and no frame comes. Errors:
        UnusableSource.

        A client library may continue after a cancellation, so `close` ends this too, and its caller waits
        for it."""
        until = monotonic() + appears_within_s
        while not self._closed or self._flooded:
            if self._flooded:
                raise FloodedSource(
                    "The encoder sends far more messages a second than pictures and sound need. Restart it."
                )
            if not await self.open():
                if monotonic() >= until:
                    return None
                await asyncio.sleep(AGAIN_S)
                continue
            if self.feed.trouble is not None:
                raise UnusableSource(self.feed.trouble)
            source = self.feed.source(monotonic())
            if source is not None:
                return _bearable(await self._measured(source))
            if self._is_silent() and not self._silence_told:
                self._silence_told = True
                silent()
            await asyncio.sleep(POLL_S)
        return None

    def _is_silent(self) -> bool:
        return not self._come and monotonic() - self._connected_at >= SILENT_AFTER_S

    async def open(self) -> bool:
        """Connects if it is not connected, and keeps messages from now on; False when that failed."""
        async with self._opening:
            if self._pull is None and not self._closed:
                await self._connect()
            return self._pull is not None

    async def _connect(self) -> None:
        try:
            ticket = await self._tickets.issue(self._playback, self._publish)
            self.feed.forget()
            self._come, self._connected_at = False, monotonic()
            self._pull = await play(self._url, f"{self._playback}?ticket={ticket}", self._heard, self._ended)
        except (PullRefused, Unavailable, OSError):
            return
        if self._closed:
            self.close()

    def _heard(self, message: RtmpMessage) -> None:
        """Each message costs this process, which serves other streams too: one that floods is ignored from
        then on."""
        now = monotonic()
        if not self._pace.allows(now):
            if not self._flooded:
                self._flooded = True
                log.warning("encoder.flooded", playback=self._playback)
                self.close()
            return
        self.feed.add_message(message, now)

    def _frame(self, frame: Frame, now: float) -> None:
        self._come = True
        self.health.frame(frame.track, frame.time, len(frame.data), frame.key, now)

    def _ended(self) -> None:
        self._pull = None
        self.feed.stop()
        self.feed.forget()

    async def _measured(self, source: Source) -> Source:
        """ffprobe reads the parameter sets of other codecs than H.264, in the frames that have arrived."""
        if source.width:
            return source
        form = self.feed.form
        if self._probed is None or self._probed[0] != form:
            said = await capture_output(args.probe(), PROBE_S, sandbox_for_pipe(), self.feed.opening)
            streams: list[dict[str, Any]] = json.loads(said).get("streams", []) if said else []
            video = next(
                (one for one in streams if one.get("codec_type") == "video" and one.get("width")), None
            )
            if video is None:
                raise UnusableSource(
                    "The encoder's picture can't be decoded here. Choose H.264 in its settings."
                )
            self._probed = form, _source(video, source)
        return replace(self._probed[1], frame_rate=source.frame_rate, audio=source.audio)

    async def still(self) -> StillPicture:
        """A still picture for publishes without one. Errors: UnusableSource."""
        if self._still is None:
            pictures = [
                flv.picture(body)
                for kind, _, body in flv.tags(await capture_output(args.still(STILL_SIZE), STILL_S))
                if kind == VIDEO
            ]
            found = {one.part: one.data for one in pictures if one is not None and one.data}
            if "header" not in found or "frame" not in found:
                raise UnusableSource("There is no picture to show with the sound.")
            self._still = StillPicture(found["header"], found["frame"])
        return self._still

    def begin_run(
        self, write: Callable[[bytes], None], end: Callable[[], None], still: StillPicture | None
    ) -> bool:
        return self.feed.begin_run(write, end, still)

    def close(self) -> None:
        self._closed = True
        if self._pull is not None:
            self._pull.close()
        self.feed.stop()


def _bearable(source: Source) -> Source:
    """Errors: UnusableSource."""
    if source.width * source.height > MOST_PIXELS:
        raise UnusableSource(
            f"The picture has {source.width}×{source.height} pixels; 8192×4320 is the most. Send a smaller one."
        )
    return source


def _source(video: dict[str, Any], source: Source) -> Source:
    """As ffprobe describes a picture. `source` has the rest."""
    aspect = Fraction(1)
    with contextlib.suppress(ValueError, ZeroDivisionError):
        aspect = h264.stretch(Fraction(str(video.get("sample_aspect_ratio", "1:1")).replace(":", "/")))
    return replace(
        source,
        width=round(int(video["width"]) * aspect),
        height=int(video["height"]),
        square=aspect == 1,
        plain=False,
        interlaced=video.get("field_order", "progressive") not in ("progressive", "unknown"),
        high=video.get("color_transfer") in ("smpte2084", "arib-std-b67"),
    )
