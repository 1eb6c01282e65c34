"""Fragmented MP4 (ISO/IEC 14496-12) as FFmpeg writes it: read as it arrives, written again one fragment a part.

FFmpeg sends one fragment per frame; joined, a part carries one moof of 12 bytes a sample instead of one of 108 bytes
(66 kb/s less on each rendition at 30 frames/s with sound), and players parse one box where there were 26.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct, pack, unpack_from
from struct import error as Truncated  # noqa: N812 – what it means here

LARGEST_BOX = 32 << 20
TOP_LEVEL = frozenset((b"ftyp", b"moov", b"moof", b"mdat", b"styp", b"sidx", b"free", b"skip", b"prft", b"emsg", b"mfra"))
NON_SYNC = 0x10000
# moof of one sample as FFmpeg writes it: tfhd with three defaults, tfdt of 64 bits, trun with at most the first sample's flags.
_LONE = Struct(">28x4sI4sIIIIII4sIQI4sIIi")
_LONE_HEADS = (b"traf", 28, b"tfhd", 0x020038, 20, b"tfdt", 0x01000000, b"trun", 1)


class BoxError(ValueError):
    """The bytes are not the fragmented MP4 that we asked for; the message names the box."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`duration` and `shift` (presentation − decoding) in ticks of the track; flags as in 14496-12 §8.8.3.1."""

    duration: int
    flags: int
    shift: int
    data: bytes

    @property
    def key(self) -> bool:
        return not self.flags & NON_SYNC


@dataclass(frozen=True)
class Track:
    """`kind` is video or audio; `codec` as in RFC 6381, e.g. avc1.64001f or mp4a.40.2; size is (0, 0) for audio."""

    id: int
    kind: str
    timescale: int
    codec: str
    size: tuple[int, int]
    defaults: tuple[int, int, int]  # duration, size, flags


@dataclass(frozen=True)
class Init:
    """ftyp + moov, the bytes of an initialisation segment."""

    data: bytes
    tracks: tuple[Track, ...]

    @property
    def codecs(self) -> str:
        return ",".join(track.codec for track in self.tracks)

    @property
    def video(self) -> Track:
        return next(track for track in self.tracks if track.kind == "video")

    def sound(self) -> "Init":
        """The initialisation segment of the same sound without the picture."""
        (size,) = unpack_from(">I", self.data)
        moov = self.data[size:]
        kept = b"".join(_without(kind, child, self.video.id) for kind, child in _children(moov))
        return Init(self.data[:size] + _box(b"moov", kept), tuple(track for track in self.tracks if track.kind != "video"))


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive samples of one track; `time` is the first one's decode time in ticks."""

    track: int
    time: int
    samples: tuple[Sample, ...]

    @property
    def end(self) -> int:
        return self.time + sum(sample.duration for sample in self.samples)


class Parser:
    """Bytes in any slicing in; one Init, then the runs of each fragment out."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._ftyp = b""
        self._moof: bytes | None = None
        self._tracks: dict[int, Track] = {}

    def feed(self, data: bytes) -> Iterator[Init | list[Run]]:
        """Errors: BoxError; the parser is of no use afterwards."""
        self._held += data
        while (size := self._whole_box()) is not None:
            box = bytes(self._held[:size])
            del self._held[:size]
            try:
                found = self._take(box)
            except (Truncated, IndexError, StopIteration) as error:
                raise BoxError(f"{_name(box)}: cut short") from error
            if found is not None:
                yield found

    def _whole_box(self) -> int | None:
        if len(self._held) < 8:
            return None
        size, kind = unpack_from(">I4s", self._held)
        if kind not in TOP_LEVEL:
            raise BoxError(f"{kind!r} is no box of a fragmented MP4")
        if not 8 <= size <= LARGEST_BOX:
            raise BoxError(f"{kind.decode()}: {size} bytes")
        return size if len(self._held) >= size else None

    def _take(self, box: bytes) -> Init | list[Run] | None:
        kind = box[4:8]
        if kind == b"ftyp":
            self._ftyp = box
        elif kind == b"moov":
            init = Init(self._ftyp + box, tuple(_tracks(box)))
            if [track.kind for track in init.tracks].count("video") != 1:
                raise BoxError("moov: exactly one video track is needed")
            self._tracks = {track.id: track for track in init.tracks}
            return init
        elif kind == b"moof":
            self._moof = box
        elif kind == b"mdat":
            if self._moof is None:
                raise BoxError("mdat: no moof before it")
            moof, self._moof = self._moof, None
            lone = _lone(moof, box, self._tracks)
            return [lone] if lone is not None else list(_runs(moof, moof + box, self._tracks))
        return None


def _without(kind: bytes, child: bytes, track: int) -> bytes:
    """A child of moov without what speaks of one track."""
    if kind == b"trak":
        tkhd = _child(child, b"tkhd")
        return b"" if unpack_from(">I", tkhd, 28 if tkhd[8] else 20)[0] == track else child
    if kind == b"mvex":
        kept = [box for name, box in _children(child) if name != b"trex" or unpack_from(">I", box, 12)[0] != track]
        return _box(b"mvex", b"".join(kept))
    return child


def _box(kind: bytes, content: bytes) -> bytes:
    return pack(">I4s", 8 + len(content), kind) + content


def _name(box: bytes) -> str:
    return box[4:8].decode("ascii", "replace")


def _children(box: bytes, start: int = 8) -> Iterator[tuple[bytes, bytes]]:
    """(kind, whole box) of each child. Errors: BoxError."""
    at = start
    while at < len(box):
        size, kind = unpack_from(">I4s", box, at)
        if size < 8 or at + size > len(box):
            raise BoxError(f"{_name(box)}: a child of {size} bytes does not fit")
        yield kind, box[at : at + size]
        at += size


def _child(box: bytes, *path: bytes) -> bytes:
    for kind in path:
        box = next((child for name, child in _children(box) if name == kind), b"")
        if not box:
            raise BoxError(f"{kind.decode()}: missing")
    return box


def _tracks(moov: bytes) -> Iterator[Track]:
    defaults = {}
    for kind, trex in _children(_child(moov, b"mvex")):
        if kind == b"trex":
            track_id, _, duration, size, flags = unpack_from(">5I", trex, 12)
            defaults[track_id] = (duration, size, flags)
    for kind, trak in _children(moov):
        if kind == b"trak":
            yield _track(trak, defaults)


def _track(trak: bytes, defaults: dict[int, tuple[int, int, int]]) -> Track:
    tkhd, mdhd = _child(trak, b"tkhd"), _child(trak, b"mdia", b"mdhd")
    (track_id,) = unpack_from(">I", tkhd, 28 if tkhd[8] else 20)
    (timescale,) = unpack_from(">I", mdhd, 28 if mdhd[8] else 20)
    stsd = _child(trak, b"mdia", b"minf", b"stbl", b"stsd")
    kind, entry = next(_children(stsd, 16))
    if timescale == 0 or track_id not in defaults:
        raise BoxError("trak: no timescale or no trex")
    if kind == b"avc1":
        configuration = dict(_children(entry, 86)).get(b"avcC")
        if configuration is None:
            raise BoxError("avc1: no avcC")
        size = unpack_from(">2H", entry, 32)
        return Track(track_id, "video", timescale, f"avc1.{configuration[9:12].hex()}", (size[0], size[1]), defaults[track_id])
    if kind == b"mp4a":
        return Track(track_id, "audio", timescale, _aac(dict(_children(entry, 36)).get(b"esds", b"")), (0, 0), defaults[track_id])
    raise BoxError(f"stsd: codec {kind!r} is not ours")


def _aac(esds: bytes) -> str:
    """RFC 6381: mp4a.<object type indication>.<audio object type>, from the descriptors of 14496-1 §7.2.6."""
    at, found = 12, ""
    while at < len(esds):
        tag, at = esds[at], at + 1
        while esds[at] & 0x80:
            at += 1
        at += 1
        if tag == 3:
            at += 3
        elif tag == 4:
            found, at = f"mp4a.{esds[at]:02x}", at + 13
        elif tag == 5:
            return f"{found}.{esds[at] >> 3}"
        else:
            break
    raise BoxError("esds: no audio configuration")


def _lone(moof: bytes, mdat: bytes, tracks: dict[int, Track]) -> Run | None:
    """The short way for nearly every fragment there is: 3 µs instead of 9. None when it looks different in anything."""
    if len(moof) < _LONE.size:
        return None
    (traf, tfhd_size, tfhd, tfhd_bits, track, duration, size, flags, tfdt_size, tfdt, tfdt_bits, time, trun_size, trun, trun_bits,
     count, offset) = _LONE.unpack_from(moof)  # fmt: skip
    heads = (traf, tfhd_size, tfhd, tfhd_bits, tfdt_size, tfdt, tfdt_bits, trun, count)
    if heads != _LONE_HEADS or (trun_size, trun_bits) not in ((20, 1), (24, 5)) or len(moof) != 80 + trun_size:
        return None
    if track not in tracks or offset != len(moof) + 8 or size > len(mdat) - 8:
        return None
    if trun_bits == 5:
        (flags,) = unpack_from(">I", moof, 100)
    return Run(track, time, (Sample(duration, flags, 0, mdat[8 : 8 + size]),))


def _runs(moof: bytes, fragment: bytes, tracks: dict[int, Track]) -> Iterator[Run]:
    for kind, traf in _children(moof):
        if kind == b"traf":
            yield _run(traf, fragment, len(moof), tracks)


def _run(traf: bytes, fragment: bytes, moof_size: int, tracks: dict[int, Track]) -> Run:
    tfhd, tfdt = _child(traf, b"tfhd"), _child(traf, b"tfdt")
    bits, track_id = unpack_from(">2I", tfhd, 8)
    if track_id not in tracks or bits & 1:
        raise BoxError("tfhd: unknown track, or data offsets that do not start at the moof")
    defaults, at = list(tracks[track_id].defaults), 16 + (4 if bits & 2 else 0)
    for index, bit in enumerate((8, 0x10, 0x20)):
        if bits & bit:
            (defaults[index],) = unpack_from(">I", tfhd, at)
            at += 4
    (time,) = unpack_from(">Q" if tfdt[8] else ">I", tfdt, 12)
    samples = [sample for kind, trun in _children(traf) if kind == b"trun" for sample in _samples(trun, defaults, fragment, moof_size)]
    return Run(track_id, time, tuple(samples))


def _samples(trun: bytes, defaults: Sequence[int], fragment: bytes, moof_size: int) -> Iterator[Sample]:
    bits, count = unpack_from(">2I", trun, 8)
    bits &= 0xFFFFFF
    if not bits & 1 or count * 4 * (bits & 0xF00).bit_count() > len(trun):
        raise BoxError("trun: no data offset, or more samples than bytes")
    (offset,) = unpack_from(">i", trun, 16)
    at, first_flags = 20, None
    if bits & 4:
        (first_flags,), at = unpack_from(">I", trun, at), at + 4
    for number in range(count):
        values = list(defaults)
        for index, bit in enumerate((0x100, 0x200, 0x400)):
            if bits & bit:
                (values[index],), at = unpack_from(">I", trun, at), at + 4
        shift = 0
        if bits & 0x800:
            (shift,), at = unpack_from(">i", trun, at), at + 4
        duration, size, flags = values
        if number == 0 and first_flags is not None:
            flags = first_flags
        if offset < moof_size + 8 or offset + size > len(fragment):
            raise BoxError("trun: a sample lies outside its mdat")
        yield Sample(duration, flags, shift, fragment[offset : offset + size])
        offset += size


def fragment(sequence: int, runs: Sequence[Run]) -> bytes:
    """One moof + mdat; at most one run a track (CMAF, 23000-19 §7.3.2.3)."""
    size = 24 + sum(_traf_size(run.samples) for run in runs)
    trafs, data = [], b""
    for run in runs:
        trafs.append(_traf(run, size + 8 + len(data)))
        data += b"".join(sample.data for sample in run.samples)
    moof = pack(">I4sI4sII", size, b"moof", 16, b"mfhd", 0, sequence) + b"".join(trafs)
    return moof + pack(">I4s", 8 + len(data), b"mdat") + data


def _traf_size(samples: Sequence[Sample]) -> int:
    return 8 + 16 + 20 + 20 + len(samples) * (16 if any(sample.shift for sample in samples) else 12)


def _traf(run: Run, offset: int) -> bytes:
    shifted = any(sample.shift for sample in run.samples)
    tfhd = pack(">I4sII", 16, b"tfhd", 0x020000, run.track)
    tfdt = pack(">I4sIQ", 20, b"tfdt", 0x01000000, run.time)
    rows = b"".join(
        pack(">3I", one.duration, len(one.data), one.flags) + (pack(">i", one.shift) if shifted else b"") for one in run.samples
    )
    trun = pack(">I4sIIi", 20 + len(rows), b"trun", 0x01000701 | (0x800 if shifted else 0), len(run.samples), offset) + rows
    return pack(">I4s", _traf_size(run.samples), b"traf") + tfhd + tfdt + trun
