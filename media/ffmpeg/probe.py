"""What ffprobe says of an uploaded file, and whether that can be shown. [decision]

Whoever uploads chooses every byte of it. So few containers are read, none of which names other files, and
few codecs; the rest is refused before anything is decoded. Of a file's tracks one picture is shown, with
its sounds and texts to choose from; what else it has (subtitles that are pictures, fonts, time codes,
covers) stays unread, but ffprobe gives up at a track whose decoder it may not open.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from media.ffmpeg.languages import name_of, tag_of
from media.ladder.rules import Source

FORMATS = (
    "mov",
    "matroska",
    "webm",
    "mpegts",
    "mpeg",
    "avi",
    "flv",
    "ogg",
    "asf",
    "mp3",
    "wav",
    "flac",
    "aac",
    "gif",
)
VIDEO = (
    "h264",
    "hevc",
    "vp8",
    "vp9",
    "libvpx",
    "libvpx-vp9",
    "libdav1d",
    "av1",
    "mpeg4",
    "mpeg2video",
    "mpeg1video",
    "prores",
    "mjpeg",
    "theora",
    "flv",
    "h263",
    "msmpeg4",
    "msmpeg4v2",
    "wmv1",
    "wmv2",
    "wmv3",
    "vc1",
    "dnxhd",
    "gif",
)
AUDIO = (
    "aac",
    "mp3",
    "mp3float",
    "mp2",
    "mp2float",
    "ac3",
    "eac3",
    "opus",
    "libopus",
    "vorbis",
    "flac",
    "alac",
    "wmav1",
    "wmav2",
    "pcm_s16le",
    "pcm_s16be",
    "pcm_s24le",
    "pcm_s24be",
    "pcm_s32le",
    "pcm_s32be",
    "pcm_f32le",
    "pcm_u8",
    "pcm_alaw",
    "pcm_mulaw",
    "pcm_bluray",
    "pcm_dvd",
    "adpcm_ima_wav",
    "adpcm_ms",
    "amrnb",
    "amrwb",
    "dca",
)
# Of tracks that are not shown.
SUBTITLES = (
    "ass",
    "cc_dec",
    "dvbsub",
    "dvdsub",
    "jacosub",
    "libzvbi_teletextdec",
    "microdvd",
    "mov_text",
    "mpl2",
    "pgssub",
    "pjs",
    "realtext",
    "sami",
    "srt",
    "ssa",
    "stl",
    "subrip",
    "subviewer",
    "subviewer1",
    "text",
    "vplayer",
    "webvtt",
    "xsub",
)
TEXTS = ("ass", "mov_text", "ssa", "subrip", "srt", "text", "webvtt")  # of these, those that are words
STILLS = ("mjpeg", "png", "gif", "bmp", "tiff", "webp")
OTHER_SOUNDS = ("mlp", "truehd", "wmapro", "wmavoice")
PICTURES, SOUNDS = (
    frozenset({*VIDEO, "flv1"}),
    frozenset({*AUDIO, "dts", "amr_nb", "amr_wb"}),
)  # a codec's name may be another than its decoder's
MOST_STREAMS = 128
MOST_SOUNDS, MOST_TEXTS, LONGEST_NAME = 8, 32, 60
MOST_PIXELS = 8192 * 4320
LONGEST_S = 12 * 3600.0
LEAST_SIDE = 16
LEAST_STANDING_S = 1.0
MOST_FRAMES, MOST_UNEVEN = 61.0, 2.5
BLACK, BESIDE_SOUND = (640, 360), 30

Code = Literal["unreadable", "no_video", "too_large", "too_long", "damaged", "transcoder_failed"]


class UnusableFile(Exception):
    """Why an uploaded file can't be shown: a stable code and a sentence."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class FileTrack:
    """One to choose, by its number in the file. `language` is a BCP 47 tag or empty, `name` is unlike those
    of its kind."""

    number: int
    language: str
    name: str
    shown: bool = False
    forced: bool = False


@dataclass(frozen=True)
class MediaFile:
    """`duration_s` is None where the container does not say. `stretch` is how much wider than high a pixel
    is. `picture` and `sound` are the numbers of the tracks that are shown; no picture is a black one.
    `sounds` are all of them where there are several, `texts` its subtitles. The last frame is shown for
    `stands_s`: a still picture with an hour of sound, or a cover."""

    source: Source
    duration_s: float | None
    stretch: float = 1.0
    picture: int | None = 0
    sound: int | None = None
    stands_s: float = 0.0
    sounds: tuple[FileTrack, ...] = ()
    texts: tuple[FileTrack, ...] = ()


def parse_probe(said: bytes) -> MediaFile:
    """`said` is ffprobe's JSON, empty when it failed. Errors: UnusableFile."""
    try:
        told: dict[str, Any] = json.loads(said) if said else {}
    except ValueError:
        told = {}
    streams: list[dict[str, Any]] = told.get("streams", [])
    if not streams:
        raise UnusableFile("unreadable", "This is not a video file that can be read.")
    picture, sound = _shown(streams), _heard(streams)
    whole_s = _number(told.get("format", {}).get("duration"))
    if picture is None and sound is not None:
        return _heard_alone(streams, sound, whole_s)
    width, height = (int(picture.get(side) or 0) for side in ("width", "height")) if picture else (0, 0)
    if picture is None or min(width, height) < LEAST_SIDE:
        raise UnusableFile("no_video", "There is no picture in this file.")
    if width * height > MOST_PIXELS:
        raise UnusableFile("too_large", f"The picture has {width}×{height} pixels; 8192×4320 is the most.")
    duration_s = whole_s or _length(picture) or None
    if duration_s is not None and duration_s > LONGEST_S:
        raise UnusableFile("too_long", f"The video is longer than {LONGEST_S / 3600:.0f} hours.")
    stretch = _ratio(picture.get("sample_aspect_ratio", "1:1").replace(":", "/")) or 1.0
    stretch = stretch if 0.1 < stretch < 10 else 1.0
    width = max(2, round(width * stretch))
    if _turned(picture):
        width, height = height, width
    number = None if sound is None else streams.index(sound)  # all tracks are listed, in their order
    stands_s = (
        whole_s - _length(picture)
        if sound is not None and 0 < _length(picture) < whole_s - LEAST_STANDING_S
        else 0.0
    )
    source = Source(
        width,
        height,
        _rate(picture),
        sound is not None,
        interlaced=picture.get("field_order") in ("tt", "bb", "tb", "bt"),
        high=picture.get("color_transfer") in ("smpte2084", "arib-std-b67"),
    )
    sounds = _tracks(streams, "audio", SOUNDS, number)[:MOST_SOUNDS]
    texts = _tracks(streams, "subtitle", frozenset(TEXTS), None)[:MOST_TEXTS]
    return MediaFile(
        source,
        duration_s,
        stretch,
        streams.index(picture),
        number,
        stands_s,
        sounds if len(sounds) > 1 and stands_s == 0 else (),
        texts,
    )


def _tracks(
    streams: list[dict[str, Any]], kind: str, codecs: frozenset[str], shown: int | None
) -> tuple[FileTrack, ...]:
    found: list[FileTrack] = []
    for number, stream in enumerate(streams):
        if stream.get("codec_type") != kind or stream.get("codec_name") not in codecs:
            continue
        tags = {
            name.lower(): value for name, value in stream.get("tags", {}).items() if isinstance(value, str)
        }
        language, forced = tag_of(tags.get("language", "")), bool(stream.get("disposition", {}).get("forced"))
        name = _plain(tags.get("title", "")) or name_of(language) or language or f"Track {len(found) + 1}"
        while any(one.name == name for one in found):
            name = f"{name[:LONGEST_NAME]} ({len(found) + 1})"
        found.append(FileTrack(number, language, name, number == shown, forced))
    return tuple(found)


def _plain(name: str) -> str:
    """The text as it may be between quotes in a playlist."""
    return "".join(one for one in name if one.isprintable() and one != '"').strip()[:LONGEST_NAME]


def _heard_alone(streams: list[dict[str, Any]], sound: dict[str, Any], whole_s: float) -> MediaFile:
    """Music and podcasts: sound with a cover, or with a black picture."""
    if whole_s > LONGEST_S:
        raise UnusableFile("too_long", f"The sound is longer than {LONGEST_S / 3600:.0f} hours.")
    cover = next((one for one in streams if _cover(one) and one.get("codec_name") in STILLS), None)
    width, height = (int(cover.get(side) or 0) for side in ("width", "height")) if cover else (0, 0)
    if cover is None or whole_s == 0 or min(width, height) < LEAST_SIDE or width * height > MOST_PIXELS:
        return MediaFile(
            Source(*BLACK, BESIDE_SOUND, True, alone=True), whole_s or None, 1.0, None, streams.index(sound)
        )
    source = Source(width, height, BESIDE_SOUND, True, alone=True)
    return MediaFile(source, whole_s, 1.0, streams.index(cover), streams.index(sound), whole_s)


def _rate(picture: dict[str, Any]) -> float:
    """Phones drop frames in the dark: the highest rate counts, not the mean. A container may give its clock
    as such a rate; then it is none."""
    mean, best = (
        max(0.0, _ratio(picture.get("avg_frame_rate"))),
        max(0.0, _ratio(picture.get("r_frame_rate"))),
    )
    return best if mean < best <= MOST_FRAMES and best < mean * MOST_UNEVEN else mean or best


def _length(stream: dict[str, Any]) -> float:
    """Seconds of one track. In Matroska they are h:m:s in a tag, and the other figure is the whole file's."""
    tags = {name.lower(): value for name, value in stream.get("tags", {}).items() if isinstance(value, str)}
    hours, _, rest = tags.get("duration", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    return _number(hours) * 3600 + _number(minutes) * 60 + _number(seconds) or _number(stream.get("duration"))


def _shown(streams: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The default track, else the longest; one that may be a cover only if there is no other."""
    pictures = [
        one
        for one in streams
        if one.get("codec_type") == "video" and one.get("codec_name") in PICTURES and not _cover(one)
    ]
    moving = [one for one in pictures if one["codec_name"] not in STILLS] or pictures
    return max(
        moving, key=lambda one: (bool(one.get("disposition", {}).get("default")), _length(one)), default=None
    )


def _heard(streams: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first sound track that can be read. Errors: UnusableFile when there are others only."""
    sounds = [one for one in streams if one.get("codec_type") == "audio"]
    found = next((one for one in sounds if one.get("codec_name") in SOUNDS), None)
    if sounds and found is None:
        raise UnusableFile(
            "unreadable",
            f"The sound of this file is in a form that is not read ({sounds[0].get('codec_name', 'unknown')}).",
        )
    return found


def _cover(stream: dict[str, Any]) -> bool:
    """A picture of the album, as music has it."""
    return bool(stream.get("disposition", {}).get("attached_pic"))


def _turned(picture: dict[str, Any]) -> bool:
    """A phone held upright marks a picture that is stored lying; FFmpeg rotates it first."""
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
