"""An encoder's frames as fragmented MP4, which is how FFmpeg is given them: a header once a run, one fragment
a frame. [decision]

Times are milliseconds, as RTMP has them, from the run's first key frame on.
"""

from struct import Struct, pack

from media.ingest import flv
from media.ingest.flv import Voice

PICTURE, SOUND = 1, 2
KEY, INTER = 0x02000000, 0x01010000  # sample_depends_on: on no other; on others, no sync sample
_CONFIG = {flv.AVC: b"avcC", flv.HEVC: b"hvcC", flv.AV1: b"av1C"}
_MATRIX = pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_FRAME = Struct(">I4sI4sIII4sI4sIIII4sIQI4sIIiIIiI4s")
_OBJECT_TYPES = {flv.AAC: 0x40, flv.MP3: 0x6B}


def header(codec: str, config: bytes, size: tuple[int, int], voice: Voice) -> bytes:
    """ftyp and moov of one picture and one sound track. `config` is the codec's decoder configuration record."""
    tracks = _track(PICTURE, b"vide", _picture(codec, config, size), size) + _track(
        SOUND, b"soun", _sound(voice), (0, 0)
    )
    defaults = _box(
        b"mvex", *(_full(b"trex", 0, 0, pack(">5I", one, 1, 0, 0, 0)) for one in (PICTURE, SOUND))
    )
    movie = _full(
        b"mvhd",
        0,
        0,
        pack(">4I", 0, 0, 1000, 0),
        pack(">IH10x", 0x10000, 0x100),
        _MATRIX,
        bytes(24),
        pack(">I", 3),
    )
    return _box(b"ftyp", b"isom", pack(">I", 512), b"isomiso6mp41") + _box(b"moov", movie, tracks, defaults)


def frame(track: int, time: int, duration: int, data: bytes, *, key: bool = True, shift: int = 0) -> bytes:
    """One frame as a fragment; `time` is when it is decoded."""
    size = len(data)
    head = _FRAME.pack(
        104,
        b"moof",
        16,
        b"mfhd",
        0,
        0,
        80,
        b"traf",
        20,
        b"tfhd",
        0x020008,
        track,
        duration,
        20,
        b"tfdt",
        0x01000000,
        time,
        32,
        b"trun",
        0x01000E01,
        1,
        112,
        size,
        KEY if key else INTER,
        shift,
        size + 8,
        b"mdat",
    )
    return head + data


def _picture(codec: str, config: bytes, size: tuple[int, int]) -> bytes:
    return _box(
        codec.encode(),
        bytes(6),
        pack(">H16x", 1),
        pack(">2H", *size),
        pack(">2I4xH", 0x480000, 0x480000, 1),
        bytes(32),
        pack(">Hh", 24, -1),
        _box(_CONFIG[codec], config),
    )


def _sound(voice: Voice) -> bytes:
    specific = _descriptor(5, voice.config) if voice.config else b""
    decoder = _descriptor(4, bytes((_OBJECT_TYPES[voice.codec], 0x15)), bytes(11), specific)
    esds = _full(b"esds", 0, 0, _descriptor(3, pack(">HB", SOUND, 0), decoder, _descriptor(6, b"\2")))
    return _box(
        b"mp4a",
        bytes(6),
        pack(">H8x", 1),
        pack(">2H4xI", voice.channels, 16, min(voice.rate, 65535) << 16),
        esds,
    )


def _track(number: int, kind: bytes, entry: bytes, size: tuple[int, int]) -> bytes:
    loudness = 0x100 if number == SOUND else 0
    head = _full(
        b"tkhd",
        0,
        3,
        pack(">5I", 0, 0, number, 0, 0),
        bytes(12),
        pack(">H2x", loudness),
        _MATRIX,
        pack(">2I", size[0] << 16, size[1] << 16),
    )
    media_head = _full(b"mdhd", 0, 0, pack(">4I", 0, 0, 1000, 0), pack(">2H", 0x55C4, 0))
    handler = _full(b"hdlr", 0, 0, pack(">I4s12x", 0, kind), b"\0")
    kind_head = _full(b"smhd", 0, 0, bytes(4)) if number == SOUND else _full(b"vmhd", 0, 1, bytes(8))
    data = _box(b"dinf", _full(b"dref", 0, 0, pack(">I", 1), _full(b"url ", 0, 1)))
    none = bytes(4)
    table = _box(
        b"stbl",
        _full(b"stsd", 0, 0, pack(">I", 1), entry),
        _full(b"stts", 0, 0, none),
        _full(b"stsc", 0, 0, none),
        _full(b"stsz", 0, 0, none, none),
        _full(b"stco", 0, 0, none),
    )
    return _box(b"trak", head, _box(b"mdia", media_head, handler, _box(b"minf", kind_head, data, table)))


def _descriptor(tag: int, *content: bytes) -> bytes:
    """Of 14496-1 §8.3.3, its length in four bytes."""
    size = sum(map(len, content))
    return bytes(
        (tag, size >> 21 & 0x7F | 0x80, size >> 14 & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size & 0x7F)
    ) + b"".join(content)


def _full(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    return _box(kind, pack(">I", version << 24 | flags), *content)


def _box(kind: bytes, *content: bytes) -> bytes:
    return pack(">I4s", 8 + sum(map(len, content)), kind) + b"".join(content)
