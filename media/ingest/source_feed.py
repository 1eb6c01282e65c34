"""One encoder's messages made usable for FFmpeg: times that only grow, from the newest key frame on, always
with sound. [decision]

A run starts at the newest key frame that has arrived, so nothing waits for the next one. It ends where the
decoder would have to change: another parameter set, other sound, a clock that was set; what arrives then
is kept for the next run. Where an encoder sends no sound, silence is inserted: players and recordings keep
one shape when sound starts later. A publish without a picture gets a still one.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from media.ingest import flv, fmp4_writer, h264
from media.ingest.flv import Picture, Voice
from media.ingest.frame_rate import PLENTY, frame_rate
from media.ingest.rtmp import AUDIO, DATA, VIDEO, RtmpError, RtmpMessage, decode_amf
from media.ladder.rules import Source

MOST_BACK_MS, MOST_AHEAD_MS = 2_000, 10_000
APART_MS, ALIGNED_AFTER_S = 5_000, 3.0
SOUND_WITHIN_S, SOUND_SAID_WITHIN_S, SOUND_ALONE_S, PICTURE_SAID_WITHIN_S = 0.4, 1.0, 1.0, 4.0
LONGEST_GOP_MS, LARGEST_GOP, MOST_IN_GOP = (
    30_000,
    96 << 20,
    8_000,
)  # 30 s of 120 pictures and 94 sounds a second are 6,420
LARGEST_METADATA = 1 << 16
MOST_CHANGES, CHANGES_S = 20, 10.0
SILENCE = Voice(flv.AAC, 48_000, 2, b"\x11\x90")
SILENT_FRAME = b"\x21\x10\x04\x60\x8c\x1c"  # 1,024 samples of nothing, stereo
STILL_RATE, STILL_SIZE = 30, (640, 360)
TRANSCODED = (flv.AVC, flv.HEVC, flv.AV1)
HEARD = (flv.AAC, flv.MP3)


class Frame(NamedTuple):
    """`time` in ms of the feed's own clock, which never goes back."""

    track: int
    time: int
    data: bytes
    key: bool
    shift: int


@dataclass(frozen=True)
class Format:
    """What a decoder has to know. `voice` None is no sound."""

    codec: str
    config: bytes
    voice: Voice | None = None


@dataclass(frozen=True)
class StillPicture:
    """A picture for publishes without one: a key frame of H.264 and its configuration, in STILL_SIZE."""

    config: bytes
    data: bytes


class FeedRun:
    """One FFmpeg's input. `write` takes bytes; `end` is called once, when no more will follow."""

    def __init__(
        self, form: Format, voice: Voice, zero: int, write: Callable[[bytes], None], end: Callable[[], None]
    ) -> None:
        self.form = form
        self.voice = voice
        self.zero = zero
        self.write = write
        self.end = end
        self.silent = form.voice is None
        self.sounds = self.stills = 0
        self.fed_ms = 0
        self._before = {fmp4_writer.PICTURE: 0, fmp4_writer.SOUND: 0}

    def frame(self, frame: Frame) -> None:
        time = frame.time - self.zero
        if time < 0:
            return
        duration = max(1, min(1000, time - self._before[frame.track]))
        self._before[frame.track] = time
        self.fed_ms = max(self.fed_ms, time)
        self.write(
            fmp4_writer.frame(frame.track, time, duration, frame.data, key=frame.key, shift=frame.shift)
        )

    def silence(self, until: int) -> None:
        """Up to this time of the feed's clock."""
        while (time := self.sounds * 1024 * 1000 // SILENCE.rate) <= until - self.zero:
            self.write(fmp4_writer.frame(fmp4_writer.SOUND, time, 21, SILENT_FRAME))
            self.sounds += 1

    def still(self, until: int, still: StillPicture) -> None:
        while (time := self.stills * 1000 // STILL_RATE) <= until - self.zero:
            self.write(fmp4_writer.frame(fmp4_writer.PICTURE, time, 1000 // STILL_RATE, still.data))
            self.stills += 1


class SourceFeed:
    """Takes every message in order, with the time of its arrival (s, never going back). `trouble` is the
    reason why nothing can be made of it."""

    def __init__(self, observe: Callable[[Frame, float], None] = lambda _frame, _now: None) -> None:
        """`observe` is called with every frame."""
        self._observe = observe
        self.metadata: Mapping[str, Any] = {}
        self.trouble: str | None = None
        self.fed_at = 0.0
        self.form: Format | None = None
        self._sps: h264.Sps | None = None
        self._voice: Voice | None = None
        self._unheard: str | None = None
        self._clock = _Clock()
        self._changed: deque[float] = deque(maxlen=MOST_CHANGES + 1)
        self._gop: list[Frame] = []
        self._gop_size = 0
        self._times: list[int] = []
        self._pictured_at: float | None = None
        self._sounded_at: float | None = None
        self._run: FeedRun | None = None
        self._renew = False
        self._still: StillPicture | None = None

    # -- what is known

    @property
    def unheard(self) -> str | None:
        """The name of a sound codec that cannot be used; the picture continues without sound."""
        return self._unheard

    def ready(self, now: float) -> bool:
        """True when it can be used: a key frame has arrived, its rate is known, and whether there is sound.
        Or there is sound alone."""
        return self.source(now) is not None

    def source(self, now: float) -> Source | None:
        if self._pictured_at is None or not self._gop:
            return self._alone(now)
        rate = self.rate
        if rate is None or not self._sound_known(now):
            return None
        return self._pictured(rate)

    def _pictured(self, rate: float) -> Source:
        sps = self._sps
        if sps is None:
            return Source(0, 0, rate, self._voice is not None)
        width = sps.width * sps.aspect
        return Source(
            round(width),
            sps.height,
            rate,
            self._voice is not None,
            square=sps.aspect == 1,
            plain=sps.plain,
            interlaced=sps.fields,
        )

    def _alone(self, now: float) -> Source | None:
        if (
            self._sounded_at is None
            or self._voice is None
            or self._pictured_at is not None
            or self.form is not None
        ):
            return None
        patience = (
            PICTURE_SAID_WITHIN_S
            if self.metadata.get("videocodecid") or self.metadata.get("width")
            else SOUND_ALONE_S
        )
        if now - self._sounded_at < patience:
            return None
        return Source(*STILL_SIZE, STILL_RATE, True, alone=True)

    @property
    def rate(self) -> float | None:
        """Frames a second, once it is known."""
        said = [float(self._sps.rate)] if self._sps is not None and self._sps.rate is not None else []
        declared = self.metadata.get("framerate") or self.metadata.get("videoframerate")
        if isinstance(declared, float):
            said.append(declared)
        return frame_rate(said, self._times)

    def _sound_known(self, now: float) -> bool:
        if self._voice is not None or self._unheard is not None:
            return True
        assert self._pictured_at is not None
        if self.metadata and not self.metadata.get("audiocodecid"):
            return True
        return now - self._pictured_at >= (
            SOUND_SAID_WITHIN_S if self.metadata.get("audiocodecid") else SOUND_WITHIN_S
        )

    @property
    def opening(self) -> bytes:
        """The frames since the newest key frame, as a file; empty before one."""
        if self.form is None or not self._gop:
            return b""
        parts = [fmp4_writer.header(self.form.codec, self.form.config, self._coded_size(), SILENCE)]
        run = FeedRun(self.form, SILENCE, self._gop[0].time, parts.append, lambda: None)
        for frame in self._gop:
            self._give(run, frame)
        return b"".join(parts)

    @property
    def zero(self) -> tuple[int, int] | None:
        """(era, ms) at which the present run starts on the encoder's clock; each time the clock is set
        another era starts."""
        return (self._clock.era, self._run.zero) if self._run is not None else None

    @property
    def fed_s(self) -> float:
        """Seconds of media that the present run was given."""
        return self._run.fed_ms / 1000 if self._run is not None else 0.0

    # -- runs

    def begin_run(
        self, write: Callable[[bytes], None], end: Callable[[], None], still: StillPicture | None = None
    ) -> bool:
        """Starts a run from the newest key frame; False when there is none."""
        self.stop()
        if not self._gop or (self.form is None and still is None):
            return False
        self._still = still if self.form is None else None
        form = self.form or Format(flv.AVC, still.config if still else b"")
        form = replace(form, voice=self._voice)
        self._run = FeedRun(form, self._voice or SILENCE, self._gop[0].time, write, end)
        self._renew = False
        write(fmp4_writer.header(form.codec, form.config, self._coded_size(), self._run.voice))
        for frame in self._gop:
            self._give(self._run, frame)
        return True

    def _coded_size(self) -> tuple[int, int]:
        return (self._sps.width, self._sps.height) if self._sps is not None else STILL_SIZE

    def renew(self) -> None:
        """Ends the present run before the next key frame, so that the next run can start there without a gap."""
        self._renew = True

    def forget(self) -> None:
        """Drops what has arrived: the next run starts at the next key frame."""
        self._gop = []
        self._gop_size = 0

    def stop(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.end()

    # -- what comes

    def add_message(self, message: RtmpMessage, now: float) -> None:
        if message.kind == VIDEO:
            self._take_picture(message, now)
        elif message.kind == AUDIO:
            self._take_sound(message, now)
        elif message.kind == DATA:
            self._take_data(message)

    def _take_data(self, message: RtmpMessage) -> None:
        if len(message.body) > LARGEST_METADATA:  # four megabytes of it take half a second
            return
        try:
            values = decode_amf(message.body)
        except RtmpError:
            return
        if values[:1] == ["@setDataFrame"]:
            values = values[1:]
        if len(values) > 1 and values[0] == "onMetaData" and isinstance(values[1], dict):
            self.metadata = values[1]

    def _take_picture(self, message: RtmpMessage, now: float) -> None:
        picture = flv.picture(message.body)
        if picture is None or picture.part == "other" or not picture.data:
            return
        if picture.codec not in TRANSCODED:
            self.trouble = (
                f"The encoder sends {picture.codec}, which can't be shown. "
                "Choose H.264 (x264, NVENC, QuickSync …) in its settings."
            )
        elif picture.part == "header":
            self._reconfigured(picture, now)
        elif self.form is not None:
            self._take_frame(message.time, picture, now)

    def _reconfigured(self, picture: Picture, now: float) -> None:
        if self.form is not None and (self.form.codec, self.form.config) == (picture.codec, picture.data):
            return
        self._changed.append(now)
        if len(self._changed) > MOST_CHANGES and now - self._changed[0] < CHANGES_S:
            self.trouble = "The encoder describes its picture anew again and again. Restart it."
            self.stop()
            return
        try:
            self._sps = h264.sps_of(picture.data) if picture.codec == flv.AVC else None
        except ValueError:
            self.trouble = "The encoder's description of its picture can't be read. Restart it, or choose another H.264 encoder."
            return
        self.trouble = None
        self.form = Format(picture.codec, picture.data)
        self._times.clear()
        self.forget()
        self.stop()

    def _take_frame(self, raw: int, picture: Picture, now: float) -> None:
        time = self._clock.picture(raw)
        if time is None:  # the clock was set
            self.stop()
            self.forget()
            self._times.clear()
            time = self._clock.begin(raw)
        if picture.key:
            if self._renew or (self._run is not None and self._run.form.voice != self._voice):
                self._renew = False
                self.stop()
            self.forget()
            self._pictured_at = now if self._pictured_at is None else self._pictured_at
        elif not self._gop and self._run is None:
            return
        if len(self._times) < PLENTY:
            self._times.append(time)
        self._add(Frame(fmp4_writer.PICTURE, time, picture.data, picture.key, picture.shift), now)

    def _take_sound(self, message: RtmpMessage, now: float) -> None:
        sound = flv.sound(message.body)
        if sound is None or sound.part == "other" or not sound.data:
            return
        if sound.codec not in HEARD:
            self._unheard = sound.codec
            return
        if sound.codec == flv.MP3 or sound.part == "header":
            voice = flv.voice_of_mp3(sound.data) if sound.codec == flv.MP3 else flv.voice_of_aac(sound.data)
            if voice is None:
                return
            self._speaks(voice)
            if sound.part == "header":
                return
        if self._voice is None:
            return
        self._sounded_at = now if self._sounded_at is None else self._sounded_at
        time = self._clock.sound(message.time, now, pictured=self.form is not None)
        if time is None:
            return
        if self.form is None:  # so far it has sound alone
            self._gop = (
                [frame for frame in self._gop if time - frame.time < 1000] if self._run is None else []
            )
            self._gop_size = 0
        if self._gop or self._run is not None or self.form is None:
            self._add(Frame(fmp4_writer.SOUND, time, sound.data, True, 0), now)

    def _speaks(self, voice: Voice) -> None:
        if voice == self._voice:
            return
        self._voice = voice
        self._unheard = None
        self._gop = [frame for frame in self._gop if frame.track == fmp4_writer.PICTURE]
        if self._run is None:
            return
        if self.form is None:
            self.stop()
            self.forget()
        elif self._run.silent and voice == SILENCE:
            self._run.silent, self._run.form = False, replace(self._run.form, voice=voice)

    def _add(self, frame: Frame, now: float) -> None:
        self._observe(frame, now)
        begins = frame.key if frame.track == fmp4_writer.PICTURE else self.form is None
        if self._gop or begins:
            self._gop.append(frame)
            self._gop_size += len(frame.data)
            too_long = frame.time - self._gop[0].time > LONGEST_GOP_MS or len(self._gop) > MOST_IN_GOP
            if too_long or self._gop_size > LARGEST_GOP:
                self.forget()
        if self._run is not None:
            self.fed_at = now
            self._give(self._run, frame)

    def _give(self, run: FeedRun, frame: Frame) -> None:
        if frame.track == fmp4_writer.PICTURE:
            run.frame(frame)
            if run.silent:
                run.silence(frame.time)
        elif not run.silent and run.form.voice == self._voice:
            run.frame(frame)
            if self._still is not None:
                run.still(frame.time, self._still)


class _Clock:
    """The encoder's 32-bit milliseconds as a time that never goes back. Picture and sound share a clock;
    whichever arrives first notices that it was set, and waits for the other."""

    def __init__(self) -> None:
        self._now: int | None = None
        self._furthest = self._raw = 0
        self._lost_at: float | None = None
        self._shift = self.era = 0

    def picture(self, raw: int) -> int | None:
        """None when the clock was set; then call `begin`."""
        if self._now is None:
            return self.begin(raw)
        step = _signed(raw - self._raw)
        if not -MOST_BACK_MS <= step <= MOST_AHEAD_MS or self._now + step < self._furthest - MOST_BACK_MS:
            return None
        self._raw, self._now = raw, self._now + step
        self._furthest = max(self._furthest, self._now)
        return self._now

    def begin(self, raw: int) -> int:
        """Starts again, a little after the last time."""
        self._now = self._furthest = self._furthest + 1000
        self._raw = raw
        self._shift = 0
        self._lost_at = None
        self.era += 1
        return self._now

    def sound(self, raw: int, now: float, *, pictured: bool) -> int | None:
        """By the picture's clock. None while it is far from it: it may follow in a moment; else it has a
        clock of its own, and what comes together is taken to belong together."""
        if not pictured or self._now is None:
            time = self.picture(raw)
            return self.begin(raw) if time is None else time
        apart = _signed(raw - self._raw)
        if abs(apart) <= APART_MS:
            self._shift = 0
            self._lost_at = None
            return self._now + apart
        if self._lost_at is None:
            self._lost_at = now
        if self._shift and abs(apart - self._shift) <= APART_MS:
            return self._now + apart - self._shift
        if now - self._lost_at < ALIGNED_AFTER_S:
            return None
        self._shift = apart
        return self._now


def _signed(difference: int) -> int:
    """Of two 32-bit times, the shorter way round."""
    return (difference + 0x80000000 & 0xFFFFFFFF) - 0x80000000
