"""Files as people have them, made by FFmpeg here: each becomes a video that is as long, as wide and as fast
as it was meant."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.media.conftest import Stage
from tests.media.uploads.test_service import client, stage

__all__ = ["stage"]
PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25")
SOUND = ("-f", "lavfi", "-i", "sine=440:r=44100")
COVER = ("-f", "lavfi", "-t", "0.04", "-i", "color=red:s=400x400:r=25")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def made(folder: Path, name: str, *options: str) -> bytes:
    path = folder / name
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *options, str(path)], check=True, timeout=120)
    return path.read_bytes()


async def uploaded(stage: Stage, data: bytes, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the video, its renditions' tracks by kind), once it is ready."""
    me = client(stage)
    path, _ = await me.begin(len(data), data, filename=name)
    video = await me.until(path, "ready")
    file = stage.settings.data / "recordings" / video["id"] / "recording.mp4"
    argv = ["ffprobe", "-v", "error", "-count_frames", "-print_format", "json", "-show_streams", str(file)]
    told = json.loads((await asyncio.to_thread(subprocess.run, argv, capture_output=True, check=True)).stdout)
    return video, {one["codec_type"]: one for one in told["streams"]}


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.wav", "pcm_s16le"), ("a.flac", "flac")]
)
async def test_sound_alone(stage: Stage, tmp_path: Path, name: str, codec: str) -> None:
    """A podcast: as long as it is, with a black picture, with a rendition of the sound."""
    video, tracks = await uploaded(stage, made(tmp_path, name, *SOUND, "-t", "5", "-c:a", codec), name)
    assert video["duration_s"] == pytest.approx(5, abs=0.2)
    assert (video["renditions"], tracks["video"]["height"]) == ([360], 360)
    assert int(tracks["audio"]["nb_read_frames"]) == pytest.approx(5 * 48000 / 1024, abs=6)


async def test_sound_with_a_cover(stage: Stage, tmp_path: Path) -> None:
    """The cover is the picture, for the whole length."""
    attached = ("-map", "0:a", "-map", "1:v", "-c:v", "mjpeg", "-disposition:v", "attached_pic")
    data = made(tmp_path, "a.m4a", *SOUND, *COVER, "-t", "5", *attached, "-c:a", "aac")
    video, tracks = await uploaded(stage, data, "a.m4a")
    assert video["duration_s"] == pytest.approx(5, abs=0.2)
    assert tracks["video"]["width"] == tracks["video"]["height"]


async def test_a_film_with_a_cover(stage: Stage, tmp_path: Path) -> None:
    """The film is shown, not the cover in front of it."""
    options = (
        "-map",
        "1:v",
        "-map",
        "0:v",
        "-map",
        "2:a",
        "-c:v:0",
        "mjpeg",
        "-c:v:1",
        "libx264",
        "-pix_fmt:v:1",
        "yuv420p",
    )
    data = made(
        tmp_path, "a.mp4", *PICTURE, *COVER, *SOUND, "-t", "4", *options, "-disposition:v:0", "attached_pic"
    )
    video, tracks = await uploaded(stage, data, "a.mp4")
    assert (tracks["video"]["width"], tracks["video"]["height"]) == (320, 180)
    assert video["duration_s"] == pytest.approx(4, abs=0.2)


async def test_a_still_picture_with_long_sound(stage: Stage, tmp_path: Path) -> None:
    """The whole sound, under the picture."""
    data = made(
        tmp_path,
        "a.mkv",
        "-t",
        "0.2",
        *PICTURE,
        *SOUND,
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-t",
        "8",
        *H264,
        "-c:a",
        "aac",
    )
    video, tracks = await uploaded(stage, data, "a.mkv")
    assert video["duration_s"] == pytest.approx(8, abs=0.3)
    assert int(tracks["audio"]["nb_read_frames"]) == pytest.approx(8 * 48000 / 1024, abs=20)


async def test_a_variable_rate(stage: Stage, tmp_path: Path) -> None:
    """A phone in the dark: 30 frames a second at best, a third of them missing. It moves as it was taken."""
    uneven = ("-vf", "select='not(eq(mod(n,3),2))'", "-fps_mode", "vfr")
    data = made(tmp_path, "a.mp4", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30", "-t", "4", *uneven, *H264)
    _, tracks = await uploaded(stage, data, "a.mp4")
    assert tracks["video"]["r_frame_rate"] == "30/1"


async def test_high_dynamic_range(stage: Stage, tmp_path: Path) -> None:
    """PQ and BT.2020 become ordinary colours, and are marked as such."""
    marks = (
        "-pix_fmt",
        "yuv420p10le",
        "-color_primaries",
        "bt2020",
        "-color_trc",
        "smpte2084",
        "-colorspace",
        "bt2020nc",
    )
    data = made(
        tmp_path,
        "a.mp4",
        *PICTURE,
        "-t",
        "2",
        "-c:v",
        "libx265",
        "-x265-params",
        "log-level=error",
        "-pix_fmt",
        "yuv420p10le",
        *marks,
    )
    _, tracks = await uploaded(stage, data, "a.mp4")
    assert tracks["video"]["pix_fmt"] == "yuv420p"
    assert tracks["video"].get("color_transfer", "bt709") == "bt709"


async def test_interlaced(stage: Stage, tmp_path: Path) -> None:
    """Fields become whole frames: what moved is no comb."""
    fields = ("-vf", "tinterlace=interleave_top,fieldorder=tff", "-flags", "+ildct+ilme")
    picture = ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=50")
    data = made(
        tmp_path, "a.ts", *picture, "-t", "3", *fields, "-c:v", "mpeg2video", "-b:v", "4M", "-f", "mpegts"
    )
    video, _ = await uploaded(stage, data, "a.ts")
    file = stage.settings.data / "recordings" / video["id"] / "recording.mp4"
    argv = [
        "ffmpeg",
        "-nostdin",
        "-hide_banner",
        "-i",
        str(file),
        "-vf",
        "extractplanes=y,idet",
        "-an",
        "-f",
        "null",
        "-",
    ]
    said = (await asyncio.to_thread(subprocess.run, argv, capture_output=True, check=True, text=True)).stderr
    counted = said.rpartition("Multi frame detection:")[2].split()
    assert int(counted[5]) > int(counted[1]) + int(counted[3]), said  # TFF: n BFF: n Progressive: n


@pytest.mark.parametrize("codec", ["pcm_mulaw", "pcm_alaw", "pcm_s32le", "adpcm_ima_wav"])
async def test_sound_of_cameras(stage: Stage, tmp_path: Path, codec: str) -> None:
    """Made what players take."""
    name = "a.mkv" if codec != "adpcm_ima_wav" else "a.avi"
    _, tracks = await uploaded(
        stage, made(tmp_path, name, *PICTURE, *SOUND, "-t", "3", *H264, "-c:a", codec), name
    )
    assert tracks["audio"]["codec_name"] == "aac"


async def test_of_several_pictures_the_one_that_is_meant(stage: Stage, tmp_path: Path) -> None:
    """Marked as the one to be seen first, not the first in the file."""
    other = ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=25")
    marked = ("-map", "1:v", "-map", "0:v", "-disposition:v:0", "0", "-disposition:v:1", "default")
    _, tracks = await uploaded(
        stage, made(tmp_path, "a.mkv", *PICTURE, *other, "-t", "3", *marked, *H264), "a.mkv"
    )
    assert tracks["video"]["width"] == 320


async def test_an_animated_picture(stage: Stage, tmp_path: Path) -> None:
    """A GIF is a video."""
    video, _ = await uploaded(
        stage, made(tmp_path, "a.gif", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=10", "-t", "3"), "a.gif"
    )
    assert video["duration_s"] == pytest.approx(3, abs=0.3)
