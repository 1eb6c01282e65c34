"""What ffprobe says of an uploaded file, and whether that can be shown. [decision]

Whoever uploads chooses every byte of it. So few containers are read, none of which names other files, and few codecs; the
rest is refused before anything is decoded. Of a file's tracks one picture and one sound are shown; what else it has (subtitles, fonts,
time codes, covers, further languages) stays unread, but ffprobe gives up at a track whose decoder it may not open.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from media.ladder import Source

FORMATS = ("mov", "matroska", "webm", "mpegts", "mpeg", "avi", "flv", "ogg", "asf")
VIDEO = ("h264", "hevc", "vp8", "vp9", "libvpx", "libvpx-vp9", "libdav1d", "av1", "mpeg4", "mpeg2video", "mpeg1video", "prores", "mjpeg",
         "theora", "flv", "h263", "msmpeg4", "msmpeg4v2", "wmv1", "wmv2", "wmv3", "vc1", "dnxhd")  # fmt: skip
AUDIO = ("aac", "mp3", "mp3float", "mp2", "mp2float", "ac3", "eac3", "opus", "libopus", "vorbis", "flac", "alac", "wmav1", "wmav2",
         "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_f32le", "pcm_u8", "dca")  # fmt: skip
# Of tracks that are not shown.
SUBTITLES = ("ass", "cc_dec", "dvbsub", "dvdsub", "jacosub", "libzvbi_teletextdec", "microdvd", "mov_text", "mpl2", "pgssub", "pjs",
             "realtext", "sami", "srt", "ssa", "stl", "subrip", "subviewer", "subviewer1", "text", "vplayer", "webvtt", "xsub")  # fmt: skip
STILLS = ("mjpeg", "png", "gif", "bmp", "tiff", "webp")
OTHER_SOUNDS = ("adpcm_ima_wav", "adpcm_ms", "amrnb", "amrwb", "mlp", "pcm_alaw", "pcm_bluray", "pcm_dvd", "pcm_mulaw", "pcm_s32be",
                "pcm_s32le", "truehd", "wmapro", "wmavoice")  # fmt: skip
PICTURES, SOUNDS = frozenset({*VIDEO, "flv1"}), frozenset({*AUDIO, "dts"})  # a codec's name may be another than its decoder's
MOST_STREAMS = 128
MOST_PIXELS = 8192 * 4320
LONGEST_S = 12 * 3600.0
LEAST_SIDE = 16

Code = Literal["unreadable", "no_video", "too_large", "too_long", "damaged", "transcoder_failed"]


class Refusal(Exception):
    """Why an uploaded file can't be shown: a stable code and a sentence."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True)
class Film:
    """`duration_s` is None where the container does not say. `stretch` is how much wider than high a pixel is. `picture` and `sound`
    are the numbers of the tracks that are shown."""

    source: Source
    duration_s: float | None
    stretch: float = 1.0
    picture: int = 0
    sound: int | None = None


def inspected(said: bytes) -> Film:
    """`said` is ffprobe's JSON, empty when it failed. Errors: Refusal."""
    try:
        told: dict[str, Any] = json.loads(said) if said else {}
    except ValueError:
        told = {}
    streams: list[dict[str, Any]] = told.get("streams", [])
    if not streams:
        raise Refusal("unreadable", "This is not a video file that can be read.")
    picture = _shown(streams)
    width, height = (int(picture.get(side) or 0) for side in ("width", "height")) if picture else (0, 0)
    if picture is None or min(width, height) < LEAST_SIDE:
        raise Refusal("no_video", "There is no picture in this file.")
    if width * height > MOST_PIXELS:
        raise Refusal("too_large", f"The picture has {width}×{height} pixels; 8192×4320 is the most.")
    duration_s = _number(told.get("format", {}).get("duration")) or _number(picture.get("duration")) or None
    if duration_s is not None and duration_s > LONGEST_S:
        raise Refusal("too_long", f"The video is longer than {LONGEST_S / 3600:.0f} hours.")
    stretch = _ratio(picture.get("sample_aspect_ratio", "1:1").replace(":", "/")) or 1.0
    stretch = stretch if 0.1 < stretch < 10 else 1.0
    width = max(2, round(width * stretch))
    if _turned(picture):
        width, height = height, width
    sound = _heard(streams)
    rate = max(0.0, _ratio(picture.get("avg_frame_rate")) or _ratio(picture.get("r_frame_rate")))
    number = None if sound is None else streams.index(sound)  # all tracks are listed, in their order
    return Film(Source(width, height, rate, sound is not None), duration_s, stretch, streams.index(picture), number)


def _shown(streams: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first picture; one that may be a cover only where there is no other."""
    pictures = [one for one in streams if one.get("codec_type") == "video" and one.get("codec_name") in PICTURES and not _cover(one)]
    return next((one for one in pictures if one["codec_name"] not in STILLS), pictures[0] if pictures else None)


def _heard(streams: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first sound that is read. Errors: Refusal where the file has other sounds alone."""
    sounds = [one for one in streams if one.get("codec_type") == "audio"]
    found = next((one for one in sounds if one.get("codec_name") in SOUNDS), None)
    if sounds and found is None:
        raise Refusal("unreadable", f"The sound of this file is in a form that is not read ({sounds[0].get('codec_name', 'unknown')}).")
    return found


def _cover(stream: dict[str, Any]) -> bool:
    """A picture of the album, as music has it."""
    return bool(stream.get("disposition", {}).get("attached_pic"))


def _turned(picture: dict[str, Any]) -> bool:
    """A phone held upright says so beside a picture that lies; FFmpeg turns it before anything else."""
    return any(round(_number(one.get("rotation"))) % 180 == 90 for one in picture.get("side_data_list", []))


def _ratio(text: Any) -> float:
    above, _, below = str(text or "").partition("/")
    return _number(above) / _number(below or 1) if _number(below or 1) else 0.0


def _number(text: Any) -> float:
    try:
        found = float(text)
    except (TypeError, ValueError):
        return 0.0
    return found if 0 <= abs(found) < 1e9 else 0.0
