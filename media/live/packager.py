"""Writes parts and segments, updates playlists, and wakes blocked requests. The one place where a broadcast's
media sequence grows. [work]
"""

import asyncio
import gzip
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeVar

from media.ffmpeg.fmp4 import InitSegment
from media.ffmpeg.part_reader import EncodedPart
from media.hls import playlists
from media.hls.encryption import SegmentKeys
from media.hls.playlists import Variant, init_name, part_name, segment_name
from media.hls.segment_files import SegmentFiles
from media.hls.segment_index import SegmentIndex
from media.hls.timeline import Segment, SegmentData, Timeline
from media.ladder.delivery_options import DeliveryOptions
from media.ladder.rules import BroadcastShape
from media.live.blocking_reload import HeldReloads, Lists
from weir.foundation.clock import now_s
from weir.foundation.ids import new_secret

AHEAD_S = 5.0
PARTS_KEPT_SEGMENTS = 6
MOST_BEHIND_WINDOW = 12
PACKED = 4  # of 9: 40 µs for 6 KB
R = TypeVar("R")


class ClockJumped(Exception):
    """The encoder's timestamps jumped far ahead; FFmpeg fills such a gap with repeated frames."""


@dataclass
class EncoderRun:
    """One life of FFmpeg. `id` cannot be guessed and is part of every file name, so nothing cached from an
    earlier run is reused."""

    id: str
    generation: int
    shape: BroadcastShape
    epoch_s: float = float("inf")
    base: int = 0
    timeline: Timeline | None = None
    known: bool = False
    held: list[EncodedPart] = field(default_factory=list)
    growing: list[EncodedPart] = field(default_factory=list)

    @property
    def begun(self) -> bool:
        """Its first segment is listed."""
        return self.timeline is not None


class Packager:
    """Playlists and files of one broadcast. `master` is empty until it is playable. `keep` receives every
    whole segment and must not block."""

    def __init__(
        self,
        files: SegmentFiles,
        broadcast: str,
        delivery: DeliveryOptions,
        secret: bytes,
        keep: Callable[[BroadcastShape, SegmentData], None] = lambda *_: None,
        held: Callable[[Lists], HeldReloads] | None = None,
        base: str = "",
    ) -> None:
        """`base` is the address under which segments and parts are found by name alone; each segment then has
        a name that cannot be guessed."""
        self._base = base
        self.master = b""
        self.timeline: Timeline | None = None
        self.shape: BroadcastShape | None = None
        self._keys: SegmentKeys | None = None
        self._files = files
        self._broadcast = broadcast
        self._window = delivery.window
        self._secret = secret
        self._keep = keep
        self._held = held(self._lists) if held else None
        self._rendered: dict[tuple[str, bool], bytes] = {}
        self._packed: dict[bytes, bytes] = {}
        self._history = SegmentIndex(files, broadcast)
        self._announced: tuple[BroadcastShape, tuple[str, ...]] | None = None
        self._closed = False
        self._waiters: dict[tuple[int, int | None], list[asyncio.Future[bool]]] = {}
        # Grows with time: a sequence that begins anew, on any machine, has higher numbers than the old
        # one.
        self._first_msn = int(now_s() / delivery.segment_s)

    def begin_run(self, generation: int, shape: BroadcastShape) -> EncoderRun:
        """A new run: one life of FFmpeg that makes renditions of this shape."""
        self._adopt(shape)
        return EncoderRun(new_secret(22), generation, shape)

    def _adopt(self, shape: BroadcastShape) -> None:
        self.shape = shape
        self._keys = SegmentKeys(self._secret, self._broadcast, shape.rotation) if shape.rotation else None

    def open(self) -> None:
        """Continues where a previous process stopped if its files belong to the same broadcast; deletes them
        otherwise. Errors: OSError."""
        past = self._history.read(self._window)
        if past is None:
            self._files.remove()
        self._files.open()
        if past is not None:
            self._adopt(past.shape)
            if past.segments:
                past.segments.extend(self._salvaged(past.shape, past.segments[-1]))
            self._files.drop_parts()
            self.timeline = Timeline(
                past.shape.cadence,
                self._window,
                self._first_msn,
                past.segments,
                past.discontinuities,
                self._stem,
            )
            self._announced = (past.shape, past.codecs)
            self._render_master(past.shape, past.codecs)
            if self._held is not None:
                self._held.release_all()
            self._render()

    def _salvaged(self, shape: BroadcastShape, last: Segment) -> Iterator[Segment]:
        """The segment that was growing when its process was killed. Players have its parts, so its number is
        used."""
        msn, parts = last.msn + 1, 0
        stem = self._stem(last.run, msn)
        data: list[list[bytes]] = [[] for _ in last.names]
        while all(found := [self._files.read(part_name(stem, name, msn, parts)) for name in last.names]):
            for column, one in zip(data, found, strict=True):
                column.append(one or b"")
            parts += 1
        if not parts:
            return
        frames = min(parts * shape.cadence.part_frames, shape.cadence.segment_frames)
        duration_s = float(frames / shape.cadence.rate)
        segment = Segment(msn, last.run, last.end_ms, False, last.names, duration_s, complete=True, stem=stem)
        for name, column in zip(last.names, data, strict=True):
            clear = b"".join(self._keys.decrypt(msn, part) if self._keys else part for part in column)
            self._files.write_segment(segment_name(stem, name, msn), self._sealed(msn, clear))
        self._history.add(segment, 0)
        yield segment

    async def add_part(self, run: EncoderRun, piece: EncodedPart) -> bool:
        """Adds a part of every rendition. True when it makes the run playable. Errors: OSError, ClockJumped.

        A run's first segment is held until it is complete: only then is the time of its first frame known.
        The first parts are late (probing, start of the encoder: 1.2–1.7 s), so the least late part of the
        segment decides."""
        now = now_s()
        if run.timeline is None and run.known and self._goes_on(run.shape):
            self._begin(run, piece)
        if run.timeline is not None:
            if run.epoch_s + piece.cut.end_s > now + AHEAD_S:
                raise ClockJumped("The encoder's clock has jumped.")
            await self._release(run, run.timeline, piece)
            return False
        run.held.append(piece)
        run.epoch_s = min(run.epoch_s, now - piece.cut.end_s)
        if not self._whole(run):
            return False
        timeline = self._begin(run, piece)
        for held in run.held:
            await self._release(run, timeline, held)
        run.held.clear()
        return True

    def end_run(self, run: EncoderRun) -> None:
        """Closes the segment that was started, however short. Errors: OSError."""
        if run.timeline is None:
            return
        segment = run.timeline.end_run()
        try:
            if segment is not None:
                bodies = self._write_segments(run, segment.msn, run.growing)
                self._note(run, run.timeline, run.growing[0].inits, bodies)
        finally:
            self._render()

    def finish(self) -> None:
        """Adds ENDLIST and answers all blocked requests."""
        if self.timeline is not None:
            self.timeline.end()
            self._render()

    async def reached(self, msn: int, part: int | None, timeout_s: float) -> bool:
        """Waits until that part (without `part`: that whole segment) is listed, or nothing more will come.
        False after the timeout of the first request for it, or when this worker stops."""
        if self._answered(msn, part) or self._closed:
            return not self._closed
        loop = asyncio.get_running_loop()
        waiting = self._waiters.get((msn, part))
        if waiting is None:
            waiting = self._waiters[msn, part] = []
            loop.call_later(timeout_s, self._release_waiters, (msn, part), waiting, False)
        waiter: asyncio.Future[bool] = loop.create_future()
        waiting.append(waiter)
        return await waiter

    def close(self) -> None:
        """Answers all blocked requests: a server cannot stop while requests are held."""
        self._closed = True
        for key, waiting in list(self._waiters.items()):
            self._release_waiters(key, waiting, False)

    def _release_waiters(
        self, key: tuple[int, int | None], waiting: "list[asyncio.Future[bool]]", come: bool
    ) -> None:
        """Answers all requests for one position at once, with one timer: a timer and a shield for each cost a
        fifth of a playlist's CPU."""
        if self._waiters.get(key) is waiting:
            del self._waiters[key]
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_result(come)

    def _answered(self, msn: int, part: int | None) -> bool:
        return self.timeline is not None and (self.timeline.ended or self.timeline.reached(msn, part))

    def _goes_on(self, shape: BroadcastShape) -> bool:
        """True when players have the same renditions already, so one part is enough to continue."""
        announced = self._announced is not None and self._announced[0].names == shape.names
        return announced and self.timeline is not None and self.timeline.playable

    def _whole(self, run: EncoderRun) -> bool:
        """True when the run's first segment is complete. A run that ends before that is not listed."""
        return sum(piece.cut.frames for piece in run.held) == run.shape.cadence.segment_frames

    def _begin(self, run: EncoderRun, piece: EncodedPart) -> Timeline:
        """Lists a run's renditions, from its first complete segment on."""
        shape, codecs = run.shape, tuple(init.codecs for init in piece.inits)
        for name, init in zip(shape.names, piece.inits, strict=True):
            self._files.write_segment(init_name(run.id, name), init.data)
        if self._announced != (shape, codecs):
            self._announced = (shape, codecs)
            self._history.start(shape, codecs)
            self._render_master(shape, codecs)
        if self.timeline is None:
            self.timeline = Timeline(shape.cadence, self._window, self._first_msn, stem=self._stem)
        run.timeline, run.base = self.timeline, self.timeline.next_msn
        self.timeline.begin_run(run.id, run.epoch_s * 1000, shape.names)
        return self.timeline

    async def _release(self, run: EncoderRun, timeline: Timeline, piece: EncodedPart) -> None:
        """Writes the files, then the playlist that names them, then wakes the requests that wait for them."""
        cut, msn = piece.cut, run.base + piece.cut.segment
        if run.shape.cadence.low_latency:
            stem = self._stem(run.id, msn)
            for name, one in zip(run.shape.names, cut.bodies, strict=True):
                self._files.write_part(part_name(stem, name, msn, cut.part), self._sealed(msn, one))
        bodies: tuple[tuple[bytes, ...], ...] = ()
        if cut.last:
            bodies = await _undisturbed(
                asyncio.to_thread(self._write_segments, run, msn, [*run.growing, piece])
            )
            run.growing.clear()
        else:
            run.growing.append(piece)
        timeline.add(cut.segment, float(cut.frames / run.shape.cadence.rate), cut.independent, cut.last)
        if cut.last:
            self._note(run, timeline, piece.inits, bodies)
        self._render()

    def _write_segments(
        self, run: EncoderRun, msn: int, parts: list[EncodedPart]
    ) -> tuple[tuple[bytes, ...], ...]:
        """Writes the segment of every rendition. Returns them unencrypted, as their parts."""
        bodies = tuple(zip(*(piece.cut.bodies for piece in parts), strict=True))
        stem = self._stem(run.id, msn)
        for name, body in zip(run.shape.names, bodies, strict=True):
            self._files.write_segment(
                segment_name(stem, name, msn), *([self._sealed(msn, b"".join(body))] if self._keys else body)
            )
        return bodies

    def _stem(self, run: str, msn: int) -> str:
        """The prefix of a segment's names. With `base` a name alone gives access, so the prefix is different
        for each segment and does not reveal the next one. It is derived, so that the next process finds the
        files of this one."""
        if not self._base:
            return run
        key = self._secret[:64]
        return blake2b(
            f"{self._broadcast}/{run}/{msn}".encode(), digest_size=16, key=key, person=b"weir media name"
        ).hexdigest()

    def _sealed(self, msn: int, data: bytes) -> bytes:
        return self._keys.encrypt(msn, data) if self._keys else data

    def _note(
        self,
        run: EncoderRun,
        timeline: Timeline,
        inits: tuple[InitSegment, ...],
        bodies: tuple[tuple[bytes, ...], ...],
    ) -> None:
        """Indexes a complete segment and deletes files that no playlist in use can name."""
        segment = timeline.segments[-1]
        self._history.add(segment, run.generation)
        self._keep(run.shape, SegmentData(segment, inits, bodies))
        timeline.trim()
        in_use = timeline.segments[0].msn - min(self._window, MOST_BEHIND_WINDOW)
        self._history.forget(in_use, segment.msn - PARTS_KEPT_SEGMENTS)

    def _render_master(self, shape: BroadcastShape, codecs: tuple[str, ...]) -> None:
        variants = [Variant(rendition, one) for rendition, one in zip(shape.renditions, codecs, strict=True)]
        self.master = playlists.master(variants, float(shape.cadence.rate)).encode()

    @property
    def names(self) -> list[str]:
        """Names of the renditions that are listed now."""
        return self._announced[0].names if self._announced else []

    def media(self, name: str, *, delta: bool = False) -> bytes:
        """A rendition's playlist. It is rendered once a part, at the first request: rendering it for each
        player would cost .15 ms."""
        if self.timeline is None:
            return b""
        text = self._rendered.get((name, delta))
        if text is None:
            others = [other for other in self.names if other != name]
            text = self._rendered[name, delta] = playlists.media(
                self.timeline, name, others, self._keys, delta=delta, base=self._base
            ).encode()
        return text

    def packed(self, text: bytes) -> bytes:
        """A playlist as gzip, compressed once for all players: 0.7 KB in place of 6."""
        found = self._packed.get(text)
        if found is None:
            found = self._packed[text] = gzip.compress(text, PACKED, mtime=0)
        return found

    def key(self, name: str) -> bytes | None:
        """The key of this file name; None when no segment that is listed or comes next is encrypted with it."""
        number = self._keys.of_name(name) if self._keys else None
        if number is None or self._keys is None or self.timeline is None or not self.timeline.segments:
            return None
        oldest = self.timeline.segments[0].msn - MOST_BEHIND_WINDOW
        known = self._keys.number(oldest) <= number <= self._keys.number(self.timeline.segments[-1].msn + 1)
        return self._keys.key(number) if known else None

    def _lists(self) -> dict[str, bytes]:
        return {name: self.media(name) for name in self.names}

    def _render(self) -> None:
        """Drops rendered playlists and answers the requests that wait for what is listed now."""
        self._rendered.clear()
        self._packed.clear()
        if self._held is not None and self.timeline is not None:
            self._held.advance(None if self.timeline.ended else self.timeline.hint)
        for key in [key for key in self._waiters if self._answered(*key)]:
            self._release_waiters(key, self._waiters[key], True)


async def _undisturbed(work: Coroutine[None, None, R]) -> R:
    """Awaits `work` to its end although the caller is cancelled: two threads must not write one file."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
