"""Fragmented MP4 (ISO/IEC 14496-12) as FFmpeg writes it: read as it arrives, written again one fragment a part.

FFmpeg sends one fragment per frame; joined, a part carries one moof of 12 bytes a sample instead of one of 108 bytes
(66 kb/s less on each rendition at 30 frames/s with sound), and players parse one box where there were 26.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from struct import Struct, pack, unpack_from
from struct import error as Truncated  # noqa: N812 – what it means here
from typing import NamedTuple

LARGEST_BOX = 32 << 20
TOP_LEVEL = frozenset((b"ftyp", b"moov", b"moof", b"mdat", b"styp", b"sidx", b"free", b"skip", b"prft", b"emsg", b"mfra"))
NON_SYNC = 0x10000
PICTURE, SOUND = 1, 2
_HEAD = Struct(">I4s")
# traf as FFmpeg writes nearly all: tfhd with three defaults, tfdt of 64 bits, trun with the first sample's flags and sizes at most.
_PLAIN = Struct(">I4sI4sIIIIII4sIQI4sIIi")
_PLAIN_HEADS = (b"traf", 28, b"tfhd", 0x020038, 20, b"tfdt", 0x01000000, b"trun")
_PLAIN_RUNS = frozenset((0x1, 0x5, 0x201, 0x205))


class BoxError(ValueError):
    """The bytes are not the fragmented MP4 that we asked for; the message names the box."""


class Sample(NamedTuple):
    """`duration` and `shift` (presentation − decoding) in ticks of the track; flags as in 14496-12 §8.8.3.1."""

    duration: int
    flags: int
    shift: int
    data: bytes | memoryview

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
    def pictures(self) -> tuple[Track, ...]:
        return tuple(track for track in self.tracks if track.kind == "video")

    def only(self, picture: Track | None) -> "Init":
        """The initialisation segment of one picture, or of none, with the sound. Tracks get the same ids in all of them."""
        ids = {track.id: SOUND for track in self.tracks if track.kind != "video"} | ({picture.id: PICTURE} if picture else {})
        (size,) = unpack_from(">I", self.data)
        kept = b"".join(_of_tracks(kind, child, ids) for kind, child in _children(self.data[size:]))
        tracks = tuple(replace(track, id=ids[track.id]) for track in self.tracks if track.id in ids)
        return Init(self.data[:size] + _box(b"moov", kept), tracks)


class Run(NamedTuple):
    """Consecutive samples of one track; `time` is the first one's decode time in ticks."""

    track: int
    time: int
    samples: tuple[Sample, ...]


class Parser:
    """Bytes in any slicing in; one Init, then the runs of each fragment out. Samples are views of what was fed, not copies."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._come, self._wanted = 0, _HEAD.size
        self._ftyp = b""
        self._moof: bytes | None = None
        self._tracks: dict[int, Track] = {}

    def feed(self, data: bytes) -> Iterator[Init | list[Run]]:
        """Errors: BoxError; the parser is of no use afterwards."""
        self._held.append(data)
        self._come += len(data)
        if self._come < self._wanted:
            return
        data = b"".join(self._held)
        at, view = 0, memoryview(data)
        while (size := self._box_at(data, at)) <= len(data) - at:
            try:
                found = self._take(data[at + 4 : at + 8], view[at : at + size])
            except (Truncated, IndexError, StopIteration) as error:
                raise BoxError(f"{_name(data[at : at + 8])}: cut short") from error
            at += size
            if found is not None:
                yield found
        self._held, self._come, self._wanted = [data[at:]], len(data) - at, size

    def _box_at(self, data: bytes, at: int) -> int:
        """The size of the box that begins there, or of its head where not even that has come."""
        if len(data) - at < _HEAD.size:
            return _HEAD.size
        size: int
        size, kind = _HEAD.unpack_from(data, at)
        if kind not in TOP_LEVEL:
            raise BoxError(f"{kind!r} is no box of a fragmented MP4")
        if not _HEAD.size <= size <= LARGEST_BOX:
            raise BoxError(f"{kind.decode()}: {size} bytes")
        return size

    def _take(self, kind: bytes, box: memoryview) -> Init | list[Run] | None:
        if kind == b"mdat":
            if self._moof is None:
                raise BoxError("mdat: no moof before it")
            moof, self._moof = self._moof, None
            return list(_runs(moof, box, self._tracks))
        if kind == b"moof":
            self._moof = bytes(box)
        elif kind == b"ftyp":
            self._ftyp = bytes(box)
        elif kind == b"moov":
            moov = bytes(box)
            init = Init(self._ftyp + moov, tuple(_tracks(moov)))
            if not init.pictures:
                raise BoxError("moov: a video track is needed")
            self._tracks = {track.id: track for track in init.tracks}
            return init
        return None


def _of_tracks(kind: bytes, child: bytes, ids: dict[int, int]) -> bytes:
    """A child of moov as it is when only the tracks `ids` are left, by their new ids."""
    if kind == b"trak":
        tkhd = _child(child, b"tkhd")
        renamed = _renamed(tkhd, 28 if tkhd[8] else 20, ids)
        return child.replace(tkhd, renamed, 1) if renamed else b""
    if kind == b"mvex":
        return _box(b"mvex", b"".join(_renamed(box, 12, ids) if name == b"trex" else box for name, box in _children(child)))
    return child


def _renamed(box: bytes, at: int, ids: dict[int, int]) -> bytes:
    """With the new id of the track that the box speaks of; empty when that one is left out."""
    new = ids.get(unpack_from(">I", box, at)[0])
    return box[:at] + pack(">I", new) + box[at + 4 :] if new else b""


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


def _runs(moof: bytes, mdat: memoryview, tracks: dict[int, Track]) -> Iterator[Run]:
    at = 8
    while at < len(moof):
        size, kind = _HEAD.unpack_from(moof, at)
        if size < 8 or at + size > len(moof):
            raise BoxError(f"moof: a child of {size} bytes does not fit")
        if kind == b"traf":
            yield _plain(moof, at, mdat, tracks) or _run(moof[at : at + size], mdat, len(moof), tracks)
        at += size


def _plain(moof: bytes, at: int, mdat: memoryview, tracks: dict[int, Track]) -> Run | None:
    """The short way for nearly every traf there is: 2 µs instead of 9. None when it looks different in anything."""
    if len(moof) < at + _PLAIN.size:
        return None
    (traf_size, traf, tfhd_size, tfhd, tfhd_bits, track, duration, size, flags, tfdt_size, tfdt, tfdt_bits, time, trun_size, trun,
     trun_bits, count, offset) = _PLAIN.unpack_from(moof, at)  # fmt: skip
    heads = (traf, tfhd_size, tfhd, tfhd_bits, tfdt_size, tfdt, tfdt_bits, trun)
    if heads != _PLAIN_HEADS or trun_bits not in _PLAIN_RUNS or track not in tracks:
        return None
    first, end, rows = flags, at + _PLAIN.size, count if trun_bits & 0x200 else 0
    if trun_bits & 4 and len(moof) >= end + 4:
        (first,), end = unpack_from(">I", moof, end), end + 4
    if traf_size != 56 + trun_size or trun_size != end - at - 56 + 4 * rows or at + traf_size > len(moof) or not 0 < count <= 256:
        return None
    sizes = unpack_from(f">{count}I", moof, end) if rows else (size,) * count
    begins = offset - len(moof)
    if begins < 8 or begins + sum(sizes) > len(mdat):
        return None
    samples = []
    for one in sizes:
        samples.append(Sample(duration, first, 0, mdat[begins : begins + one]))
        begins, first = begins + one, flags
    return Run(track, time, tuple(samples))


def _run(traf: bytes, mdat: memoryview, moof_size: int, tracks: dict[int, Track]) -> Run:
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
    samples = [sample for kind, trun in _children(traf) if kind == b"trun" for sample in _samples(trun, defaults, mdat, moof_size)]
    return Run(track_id, time, tuple(samples))


def _samples(trun: bytes, defaults: Sequence[int], mdat: memoryview, moof_size: int) -> Iterator[Sample]:
    bits, count = unpack_from(">2I", trun, 8)
    bits &= 0xFFFFFF
    if not bits & 1 or count * 4 * (bits & 0xF00).bit_count() > len(trun):
        raise BoxError("trun: no data offset, or more samples than bytes")
    (offset,) = unpack_from(">i", trun, 16)
    offset -= moof_size
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
        if offset < 8 or offset + size > len(mdat):
            raise BoxError("trun: a sample lies outside its mdat")
        yield Sample(duration, flags, shift, mdat[offset : offset + size])
        offset += size


def fragment(sequence: int, runs: Sequence[Run]) -> bytes:
    """One moof + mdat; at most one run a track (CMAF, 23000-19 §7.3.2.3)."""
    shifted = [any(sample.shift for sample in run.samples) for run in runs]
    size = 24 + sum(64 + len(run.samples) * (16 if shift else 12) for run, shift in zip(runs, shifted, strict=True))
    boxes, data, offset = [pack(">I4sI4sII", size, b"moof", 16, b"mfhd", 0, sequence)], [], size + 8
    for run, shift in zip(runs, shifted, strict=True):
        boxes.append(_traf(run, offset, shift))
        data += [sample.data for sample in run.samples]
        offset += sum(len(sample.data) for sample in run.samples)
    return b"".join([*boxes, pack(">I4s", offset - size, b"mdat"), *data])


def _traf(run: Run, offset: int, shifted: bool) -> bytes:
    count = len(run.samples)
    rows: list[int] = []
    for duration, flags, shift, data in run.samples:
        rows += (duration, len(data), flags, shift & 0xFFFFFFFF) if shifted else (duration, len(data), flags)
    trun_size = 20 + 4 * len(rows)
    return pack(
        f">I4sI4sIII4sIQI4sIIi{len(rows)}I", 44 + trun_size, b"traf", 16, b"tfhd", 0x020000, run.track, 20, b"tfdt", 0x01000000, run.time,
        trun_size, b"trun", 0x01000701 | (0x800 if shifted else 0), count, offset, *rows,
    )  # fmt: skip
