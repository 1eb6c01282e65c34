"""FFmpeg's command lines. The only user of ffmpeg-python, and of nothing in it but `compile`: the process is
ours.

One decode, one split, one fragmented MP4 with a track per rendition and the sound, once, into a pipe. Each
fragment is one frame of one track, so that the packager alone decides where a part ends: with
`-frag_duration` an audio packet can end a fragment one frame early, and a part longer than PART-TARGET
costs every player seconds of hold-back. It would also cost time: FFmpeg ends a fragment at the next packet
of any track, with `-frag_duration` only at the next of a track that has one in it, 30 ms later.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ffmpeg

from media.ffmpeg.probe import (
    AUDIO,
    FORMATS,
    MOST_PIXELS,
    MOST_STREAMS,
    OTHER_SOUNDS,
    STILLS,
    SUBTITLES,
    VIDEO,
    MediaFile,
)
from media.ladder.rules import AUDIO_BIT_RATE, Cadence, Rendition, Source

_QUIET = (
    "ffmpeg",
    "-nostdin",
    "-hide_banner",
    "-nostats",
    "-loglevel",
    "error",
    "-y",
    "-protocol_whitelist",
    "file",
)
FRAGMENTS = "+empty_moov+default_base_moof+frag_every_frame"
# Live input comes as media.ingest.fmp4_writer writes it. Its header says all, so FFmpeg need not look for
# frame rates: the first frame is out after .1 s, with probing after .7. No `-fflags nobuffer`: it throws away
# what was read while probing, the only key frame among it.
_FED = {
    "format": "mp4",
    "protocol_whitelist": "pipe",
    "fpsprobesize": 0,
    "probesize": 2_000_000,
    "max_pixels": MOST_PIXELS,
}
_FILM = {"crf": 22, "bf": 0}
# Pictures of high dynamic range on ordinary screens.
_TONES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("zscale", {"t": "linear", "npl": 100}),
    ("format", {"pix_fmts": "gbrpf32le"}),
    ("zscale", {"p": "bt709"}),
    ("tonemap", {"tonemap": "hable", "desat": 0}),
    ("zscale", {"t": "bt709", "m": "bt709", "r": "tv"}),
)


def transcode(
    source: Source,
    renditions: Sequence[Rendition],
    cadence: Cadence,
    *,
    preset: str,
    output: int,
    progress: int,
) -> list[str]:
    """argv of one FFmpeg: `source` at standard input, rendition i (each with a picture) as track i of a
    fragmented MP4 into the file descriptor `output`, progress into another.

    Sound is the last track. All tracks start at 0, whatever the encoder sent first.
    """
    given = ffmpeg.input("pipe:0", flags="low_delay", **_FED)
    encoded = [rendition for rendition in renditions if not rendition.copied]
    video = _squared(given.video, source)
    frames = (
        video.filter("fps", fps=str(cadence.rate), start_time=0).filter_multi_output("split", len(encoded))
        if encoded
        else []
    )
    tracks: list[Any] = []
    options: dict[str, Any] = {}
    for number, rendition in enumerate(renditions):
        rhythm = cadence.divided(rendition.every)
        if rendition.copied:
            tracks.append(given["v:0"])
            options |= _numbered(number, {"c": "copy"})
        else:
            tracks.append(_scaled(frames[encoded.index(rendition)], rendition, rhythm))
            options |= _numbered(
                number, {**_encoding(rendition, rhythm, rendition.preset or preset), **_marks(source)}
            )
    return _argv(
        [ffmpeg.output(*tracks, given["a:0"], f"pipe:{output}", **options, **_muxing(cadence))], progress
    )


def _squared(frames: Any, source: Source) -> Any:
    """Filters for square pixels, progressive frames and ordinary colours, only where the source needs them."""
    if source.interlaced:
        frames = frames.filter("bwdif", mode="send_frame", deint="interlaced")
    if source.high:
        for name, options in _TONES:
            frames = frames.filter(name, **options)
    return frames if source.square else frames.filter("scale", "trunc(iw*sar/2)*2", "ih")


def _marks(source: Source) -> dict[str, Any]:
    """The colours that `_TONES` produces: the scaler after it drops the matrix."""
    return {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"} if source.high else {}


def transcode_file(
    file: Path,
    media_file: MediaFile,
    renditions: Sequence[Rendition],
    cadence: Cadence,
    *,
    from_s: float,
    preset: str,
    output: int,
    progress: int,
) -> list[str]:
    """argv of one FFmpeg: an uploaded file in, from `from_s` on, a fragmented MP4 as above into `output`, as
    fast as it goes.

    The file may be anything: `inspection` says what is read of it. No B-frames, so that every frame is
    shown where it is counted.
    """
    standing = media_file.stands_s > 0  # then there may be no frame after `from_s`
    given = {"ss": f"{from_s:.6f}"} if from_s and not standing else {}
    careful = {**_careful(), "codec_whitelist": ",".join([*VIDEO, *AUDIO]), "max_pixels": MOST_PIXELS}
    source = ffmpeg.input(str(file), **careful, **given)
    sound = [source[str(media_file.sound)]] if media_file.sound is not None else []
    if media_file.picture is None:
        width, height = media_file.source.width, media_file.source.height
        video = ffmpeg.input(f"color=c=black:s={width}x{height}:r={cadence.rate}", format="lavfi").video
    else:
        video = _squared(source[str(media_file.picture)], replace(media_file.source, square=True))
    if media_file.stretch != 1.0:
        video = video.filter("scale", media_file.source.width, media_file.source.height)
    if standing:
        video = video.filter("tpad", stop_mode="clone", stop_duration=f"{media_file.stands_s:.3f}")
    video = video.filter("fps", fps=str(cadence.rate), start_time=0)
    if standing and from_s:
        video = video.filter("trim", start=f"{from_s:.6f}").filter("setpts", "PTS-STARTPTS")
        sound = [
            one.filter("atrim", start=f"{from_s:.6f}").filter("asetpts", "PTS-STARTPTS") for one in sound
        ]
    frames = video.filter_multi_output("split", len(renditions))
    tracks: list[Any] = []
    options: dict[str, Any] = {"map_chapters": -1}  # they would be one more track
    if media_file.picture is None or standing:
        options["shortest"] = None
    for number, rendition in enumerate(renditions):
        rhythm = cadence.divided(rendition.every)
        encoding = {
            **_encoding(rendition, rhythm, rendition.preset or preset),
            **_FILM,
            "bufsize": 2 * rendition.bit_rate,
        }
        encoding |= _marks(media_file.source)
        del encoding["tune"], encoding["b"]
        tracks.append(_scaled(frames[number], rendition, rhythm))
        options |= _numbered(number, encoding)
    return _argv([ffmpeg.output(*tracks, *sound, f"pipe:{output}", **options, **_muxing(cadence))], progress)


def probe_file(file: Path) -> list[str]:
    """argv of an ffprobe that prints an uploaded file's streams and format as JSON. It opens a decoder for
    each track it knows one for."""
    opened = {"v": (*VIDEO, *STILLS), "a": (*AUDIO, *OTHER_SOUNDS), "s": SUBTITLES}
    lists = {f"codec_whitelist:{kind}": ",".join(names) for kind, names in opened.items()}
    careful = [word for name, value in {**_careful(), **lists}.items() for word in (f"-{name}", str(value))]
    return [
        "ffprobe",
        "-v",
        "error",
        *careful,
        "-print_format",
        "json",
        "-show_streams",
        "-show_format",
        str(file),
    ]


def _careful() -> dict[str, Any]:
    return {"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS), "max_streams": MOST_STREAMS}


def _argv(written: Sequence[Any], progress: int) -> list[str]:
    end = [
        "-nostdin",
        "-hide_banner",
        "-nostats",
        "-loglevel",
        "error",
        "-stats_period",
        "0.5",
        "-progress",
        f"pipe:{progress}",
    ]
    argv: list[str] = ffmpeg.merge_outputs(*written).global_args(*end).compile()
    return argv


def probe() -> list[str]:
    """argv of an ffprobe that prints as JSON which streams its standard input has, as
    media.ingest.fmp4_writer writes it."""
    return [
        "ffprobe",
        "-v",
        "error",
        "-protocol_whitelist",
        "pipe",
        "-f",
        "mp4",
        "-print_format",
        "json",
        "-show_streams",
        "pipe:0",
    ]


def still(size: tuple[int, int]) -> list[str]:
    """argv: writes one black key frame as FLV to standard output."""
    picture = f"color=c=black:s={size[0]}x{size[1]}:r=1"
    return [
        "ffmpeg",
        "-nostdin",
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        picture,
        "-frames:v",
        "1",
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
        "-bf",
        "0",
        "-f",
        "flv",
        "pipe:1",
    ]


def join(parts: Path, into: Path, sound: Path | None = None, sound_at_s: float = 0.0) -> list[str]:
    """argv: concatenates the MP4 files that the list `parts` names into one with its index at the front.
    Copies.

    FFmpeg takes the tracks from the first file: where that one has no sound, `sound` lists those from the
    first that has, at its time."""
    heard = (
        ["-itsoffset", f"{sound_at_s:.6f}", "-f", "concat", "-i", str(sound), "-map", "0:v", "-map", "1:a"]
        if sound
        else []
    )
    return [
        *_QUIET,
        "-f",
        "concat",
        "-i",
        str(parts),
        *heard,
        "-c",
        "copy",
        "-movflags",
        "+faststart",
        "-f",
        "mp4",
        str(into),
    ]


def sound_of(file: Path, track: int, segment_s: float, folder: Path, name: str) -> list[str]:
    """argv: extracts one sound of an uploaded file as a rendition of its own, `name`.m3u8 over `name`.mp4."""
    return [
        *_stranger(file),
        "-map",
        f"0:{track}",
        "-c:a",
        "aac",
        "-b:a",
        str(AUDIO_BIT_RATE),
        "-ar",
        "48000",
        "-ac",
        "2",
        "-af",
        "aresample=async=1:first_pts=0",
        *_alone(segment_s, folder, name),
    ]


def text_of(file: Path, track: int, into: Path) -> list[str]:
    """argv: converts one subtitle track of an uploaded file to WebVTT."""
    return [*_stranger(file), "-map", f"0:{track}", "-c:s", "webvtt", "-f", "webvtt", str(into)]


def picture_of(parts: Path, segment_s: float, folder: Path, name: str) -> list[str]:
    """argv: copies the picture alone from the MP4 files that the list `parts` names."""
    return [
        *_QUIET,
        "-f",
        "concat",
        "-i",
        str(parts),
        "-map",
        "0:v",
        "-c",
        "copy",
        *_alone(segment_s, folder, name),
    ]


def _stranger(file: Path) -> list[str]:
    opened = {**_careful(), "codec_whitelist": ",".join([*VIDEO, *AUDIO, *SUBTITLES])}
    return [
        *_QUIET[:-2],
        *(word for name, value in opened.items() for word in (f"-{name}", str(value))),
        "-i",
        str(file),
    ]


def _alone(segment_s: float, folder: Path, name: str) -> list[str]:
    """Options of an output: a rendition as a list of byte ranges over one file."""
    return [
        "-f",
        "hls",
        "-hls_time",
        f"{segment_s:.3f}",
        "-hls_playlist_type",
        "vod",
        "-hls_segment_type",
        "fmp4",
        "-hls_flags",
        "single_file",
        "-hls_segment_filename",
        str(folder / f"{name}.mp4"),
        str(folder / f"{name}.m3u8"),
    ]


def poster(source: Path, at_s: float, picture: Path) -> list[str]:
    """argv: writes the key frame at or after `at_s` as a JPEG, at most 720 high."""
    scaled = "scale=-2:'min(720,ih)'"
    return [
        *_QUIET,
        "-skip_frame",
        "nokey",
        "-ss",
        f"{at_s:.3f}",
        "-i",
        str(source),
        "-frames:v",
        "1",
        "-vf",
        scaled,
        "-q:v",
        "4",
        "-f",
        "image2",
        "-update",
        "1",
        str(picture),
    ]


def previews(
    source: Path, every_s: int, size: tuple[int, int], tiles: tuple[int, int], sheets: Path
) -> list[str]:
    """argv: writes sheets of small pictures, one every `every_s`. Only key frames are decoded: 8.6 times
    cheaper, and `fps` fills gaps."""
    (width, height), (columns, rows) = size, tiles
    tiled = f"fps=1/{every_s}:start_time=0:round=up,scale={width}:{height},tile={columns}x{rows}"
    return [
        *_QUIET,
        "-skip_frame",
        "nokey",
        "-i",
        str(source),
        "-an",
        "-vf",
        tiled,
        "-q:v",
        "5",
        "-start_number",
        "0",
        "-f",
        "image2",
        str(sheets),
    ]


def _scaled(frames: Any, rendition: Rendition, cadence: Cadence) -> Any:
    """Fixed width and height with bars: a source that changes shape in mid-publish must not change the
    encoder's."""
    width, height = rendition.size
    if rendition.every > 1:
        frames = frames.filter("fps", fps=str(cadence.rate), start_time=0)
    fitted = frames.filter(
        "scale", width, height, force_original_aspect_ratio="decrease", force_divisible_by=2
    )
    return fitted.filter("pad", width, height, -1, -1).filter("setsar", 1).filter("format", "yuv420p")


def _encoding(rendition: Rendition, cadence: Cadence, preset: str) -> dict[str, Any]:
    """Keyframes by frame number, not by time: `gte(t, n*2)` drifts off the group of pictures at 29.97
    frames/s. Each brings its parameters: FFmpeg's HLS reader, which mpv uses, never reads a second
    initialisation segment, so a run with another size or preset would not play."""
    frames = cadence.segment_frames
    return {
        "c": "libx264",
        "preset": preset,
        "tune": "zerolatency",
        "g": frames,
        "keyint_min": frames,
        "sc_threshold": 0,
        "force_key_frames": f"expr:not(mod(n,{frames}))",
        "b": rendition.bit_rate,
        "maxrate": rendition.bit_rate,
        "bufsize": rendition.bit_rate,
        "x264-params": "repeat-headers=1",
    }


def _numbered(track: int, options: dict[str, Any]) -> dict[str, Any]:
    """Of one picture among several."""
    return {f"{name}:v:{track}": value for name, value in options.items()}


def _muxing(cadence: Cadence) -> dict[str, Any]:
    return {
        "video_track_timescale": cadence.rate.numerator * (1000 if cadence.rate.denominator == 1 else 1),
        "c:a": "aac",
        "b:a": AUDIO_BIT_RATE,
        "ar": 48000,
        "ac": 2,
        "af": "aresample=async=1:first_pts=0",
        "f": "mp4",
        "movflags": FRAGMENTS,
        "flush_packets": 1,
        "max_interleave_delta": 500_000,
    }
