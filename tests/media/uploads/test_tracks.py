"""Uploaded files with more tracks than are shown, as FFmpeg makes them: all of them become videos."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.media.conftest import Stage
from tests.media.uploads.test_service import client, stage  # noqa: F401 - a fixture

SECONDS, WIDTH, HEIGHT = 3, 320, 180
SRT = "1\n00:00:00,000 --> 00:00:02,000\nHello\n"
ASS = """[Script Info]
ScriptType: v4.00+
[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.00,0:00:02.00,Default,,0,0,0,,Hello
"""
CHAPTERS = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=3000\ntitle=Two\n"
CODED = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac"
# Inputs 0 and 1 are picture and sound.
FILES = {
    "mov_text.mp4": f"-i s.srt -map 0 -map 1 -map 2 {CODED} -c:s mov_text",
    "srt.mkv": f"-i s.srt -map 2 -map 0 -map 1 {CODED} -c:s srt",
    "ass_and_font.mkv": f"-i s.ass -map 0 -map 1 -map 2 {CODED} -c:s ass -attach font.ttf -metadata:s:t mimetype=font/ttf",
    "webvtt.webm": "-i s.srt -map 0 -map 1 -map 2 -c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus -c:s webvtt",
    "tmcd.mov": f"-map 0 -map 1 {CODED} -timecode 01:00:00:00",
    "chapters.mp4": f"-i chapters.txt -map 0 -map 1 -map_chapters 2 {CODED}",
    "png_cover.mp4": f"-i cover.png -map 0 -map 1 -map 2 {CODED} -c:v:1 copy -disposition:v:1 attached_pic",
    "jpeg_cover.mkv": f"-map 0 -map 1 {CODED} -attach cover.jpg -metadata:s:t mimetype=image/jpeg",
    "cover_as_first_track.mkv": f"-i cover.png -map 2 -map 0 -map 1 {CODED} -c:v:0 mjpeg -pix_fmt:v:0 yuvj420p",
    "two_languages.mp4": f"-f lavfi -i sine=220:duration={SECONDS} -map 0 -map 1 -map 2 {CODED} -metadata:s:a:1 language=deu",
    "truehd_first.mkv": f"-f lavfi -i sine=220:duration={SECONDS} -map 0 -map 2 -map 1 {CODED} -c:a:0 truehd -strict -2",
}  # fmt: skip


def made(folder: Path, name: str) -> Path:
    (folder / "s.srt").write_text(SRT)
    (folder / "s.ass").write_text(ASS)
    (folder / "chapters.txt").write_text(CHAPTERS)
    (folder / "font.ttf").write_bytes(bytes(range(256)) * 8)
    for cover in ("cover.png", "cover.jpg"):
        run(folder, f"-f lavfi -i testsrc=size=600x600:duration=1 -frames:v 1 {cover}")
    inputs = f"-f lavfi -i testsrc=size={WIDTH}x{HEIGHT}:rate=25:duration={SECONDS} -f lavfi -i sine=duration={SECONDS}"
    run(folder, f"{inputs} {FILES[name]} {name}")
    return folder / name


def run(folder: Path, words: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *words.split()], cwd=folder, check=True)


@pytest.mark.parametrize("name", FILES)
async def test_what_is_not_shown_does_not_matter(stage: Stage, tmp_path: Path, name: str) -> None:
    """Picture and sound are there, whole, and of the right track."""
    me, data = client(stage), made(tmp_path, name).read_bytes()
    path, _ = await me.begin(len(data), data, title=name)
    video = await me.until(path, "ready")
    assert video["renditions"] == [HEIGHT]
    assert video["duration_s"] == pytest.approx(SECONDS, abs=0.3)
    kept = stage.settings.data / "recordings" / video["id"] / "recording.mp4"
    said = subprocess.run(
        ["ffprobe", "-v", "error", "-print_format", "json", "-show_streams", str(kept)],
        check=True,
        capture_output=True,
    )
    tracks = {one["codec_type"]: one for one in json.loads(said.stdout)["streams"]}
    assert set(tracks) == {"video", "audio"}
    assert (tracks["video"]["width"], tracks["video"]["height"]) == (WIDTH, HEIGHT)
