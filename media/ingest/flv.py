"""What the bodies of RTMP's video and audio messages hold: FLV tags (Adobe's FLV specification 10.1, annex E)
and the FourCC forms of Enhanced RTMP v1. [decision]"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

KEY_FRAME, COMMAND_FRAME = 1, 5
AVC, HEVC, AV1 = "avc1", "hvc1", "av01"
AAC, MP3 = "mp4a", "mp3"
_VIDEO_IDS = {2: "Sorenson H.263", 3: "Screen video", 4: "VP6", 5: "VP6", 7: AVC, 12: HEVC}
_AUDIO_IDS = {
    0: "PCM",
    1: "ADPCM",
    2: MP3,
    3: "PCM",
    4: "Nellymoser",
    5: "Nellymoser",
    6: "Nellymoser",
    7: "G.711",
    8: "G.711",
    10: AAC,
    11: "Speex",
    14: MP3,
}
_FOURCCS = {
    b"avc1": AVC,
    b"hvc1": HEVC,
    b"av01": AV1,
    b"vp09": "VP9",
    b"mp4a": AAC,
    b".mp3": MP3,
    b"Opus": "Opus",
    b"fLaC": "FLAC",
}
RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_MP3_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}

Part = Literal["header", "frame", "other"]


class Picture(NamedTuple):
    """`codec` is ours to decode, or the name of one that is not. `shift` is presentation − decoding, ms. A
    `header` is a decoder configuration record."""

    codec: str
    part: Part
    key: bool
    shift: int
    data: bytes


class Sound(NamedTuple):
    codec: str
    part: Part
    data: bytes


@dataclass(frozen=True)
class Voice:
    """How sound is to be decoded: `config` is an AudioSpecificConfig, empty for MP3; `rate` in Hz."""

    codec: str
    rate: int
    channels: int
    config: bytes


def tags(file: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(kind, time in ms, body) of each tag of an FLV file; one that is cut off ends it."""
    at = 13
    while at + 11 <= len(file):
        size = int.from_bytes(file[at + 1 : at + 4], "big")
        if at + 11 + size > len(file):
            return
        yield (
            file[at],
            int.from_bytes(file[at + 4 : at + 7], "big") | file[at + 7] << 24,
            file[at + 11 : at + 11 + size],
        )
        at += 15 + size


def picture(body: bytes) -> Picture | None:
    """None for what is too short to say anything."""
    if len(body) < 5:
        return None
    if body[0] & 0x80:
        return _enhanced(body)
    frame, codec = body[0] >> 4, _VIDEO_IDS.get(body[0] & 15, f"video codec {body[0] & 15}")
    if codec not in (AVC, HEVC):
        return Picture(codec, "frame", frame == KEY_FRAME, 0, body[1:])
    if frame == COMMAND_FRAME or body[1] > 1:
        return Picture(codec, "other", False, 0, b"")
    return Picture(
        codec, "header" if body[1] == 0 else "frame", frame == KEY_FRAME, _signed24(body, 2), body[5:]
    )


def _enhanced(body: bytes) -> Picture:
    frame, packet = body[0] >> 4 & 7, body[0] & 15
    codec = _FOURCCS.get(body[1:5], f"video codec {body[1:5].decode('ascii', 'replace')}")
    if frame == COMMAND_FRAME or packet not in (0, 1, 3):
        return Picture(codec, "other", False, 0, b"")
    if packet == 0:
        return Picture(codec, "header", frame == KEY_FRAME, 0, body[5:])
    if packet == 1 and codec in (AVC, HEVC) and len(body) >= 8:
        return Picture(codec, "frame", frame == KEY_FRAME, _signed24(body, 5), body[8:])
    return Picture(codec, "frame", frame == KEY_FRAME, 0, body[5:])


def sound(body: bytes) -> Sound | None:
    if len(body) < 2:
        return None
    kind = body[0] >> 4
    if kind == 9:  # Enhanced RTMP
        if len(body) < 5:
            return None
        codec, packet = (
            _FOURCCS.get(body[1:5], f"sound codec {body[1:5].decode('ascii', 'replace')}"),
            body[0] & 15,
        )
        return Sound(codec, ("header", "frame")[packet] if packet < 2 else "other", body[5:])
    codec = _AUDIO_IDS.get(kind, f"sound codec {kind}")
    if codec == AAC:
        return Sound(codec, "header" if body[1] == 0 else "frame", body[2:])
    return Sound(codec, "frame", body[1:])


def voice_of_aac(config: bytes) -> Voice | None:
    """What an AudioSpecificConfig (14496-3 §1.6.2.1) says; None for one that can't be read."""
    if len(config) < 2:
        return None
    bits = int.from_bytes(config[:8].ljust(8, b"\0"), "big")

    def take(at: int, count: int) -> int:
        return bits >> (64 - at - count) & ((1 << count) - 1)

    at = 5 if take(0, 5) != 31 else 11
    index, at = take(at, 4), at + 4
    if index == 15:
        rate, at = take(at, 24), at + 24
    elif index < len(RATES):
        rate = RATES[index]
    else:
        return None
    channels = (0, 1, 2, 3, 4, 5, 6, 8)[take(at, 4)] if take(at, 4) < 8 else 0
    return Voice(AAC, rate, channels or 2, config) if rate else None


def voice_of_mp3(frame: bytes) -> Voice | None:
    """By the frame's own header (11172-3 §2.4.2.3)."""
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        return None
    rates, index = _MP3_RATES.get(frame[1] >> 3 & 3), frame[2] >> 2 & 3
    if rates is None or index == 3:
        return None
    return Voice(MP3, rates[index], 1 if frame[3] >> 6 == 3 else 2, b"")


def _signed24(body: bytes, at: int) -> int:
    value = int.from_bytes(body[at : at + 3], "big")
    return value - (1 << 24) if value & 0x800000 else value
