"""Sounds and subtitles of uploaded films, made by FFmpeg: what there is to choose from, in the playlists and
in the files."""

import asyncio
import json
import re
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from media.ffmpeg.languages import name_of, tag_of
from media.ffmpeg.probe import parse_probe
from tests.media.conftest import Stage
from tests.media.uploads.test_service import client, stage  # noqa: F401 - a fixture

SECONDS = 5
SRT = "1\n00:00:01,000 --> 00:00:03,000\n{}\n"


def film(seconds: int) -> list[str]:
    """Inputs: a picture and two tones."""
    tones = [
        word for hertz in (440, 880) for word in ("-f", "lavfi", "-i", f"sine={hertz}:duration={seconds}")
    ]
    return ["-f", "lavfi", "-i", f"testsrc=size=320x180:rate=25:duration={seconds}", *tones]


CODED = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
NAMED = [
    "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=ger", "-metadata:s:a:1", "title=Der \"Ton\"\n#EXT-X-ENDLIST",
    "-metadata:s:s:0", "language=fre", "-metadata:s:s:1", "language=jpn", "-disposition:s:1", "forced",
]  # fmt: skip


def two_of_each(folder: Path, name: str, text_codec: str, seconds: int = SECONDS) -> bytes:
    """Two sounds (440 Hz English, 880 Hz German) and two texts (French, forced Japanese)."""
    for number, said in enumerate(("Bonjour", "こんにちは")):
        (folder / f"{number}.srt").write_text(SRT.format(said))
    maps = [word for number in range(5) for word in ("-map", str(number))]
    argv = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "error",
        *film(seconds),
        "-i",
        "0.srt",
        "-i",
        "1.srt",
        *maps,
        *CODED,
        "-c:s",
        text_codec,
        *NAMED,
        name,
    ]
    subprocess.run(argv, cwd=folder, check=True, timeout=60)
    return (folder / name).read_bytes()


async def shown(stage: Stage, data: bytes, name: str) -> tuple[Path, str]:
    """(the video's folder, its master playlist), once it is ready."""
    me = client(stage)
    path, _ = await me.begin(len(data), data, filename=name)
    video = await me.until(path, "ready")
    assert video["duration_s"] == pytest.approx(SECONDS, abs=0.3)
    folder = stage.settings.data / "recordings" / video["id"]
    return folder, (folder / "master.m3u8").read_text()


def choices(master: str) -> list[dict[str, str]]:
    found = [line for line in master.splitlines() if line.startswith("#EXT-X-MEDIA:")]
    return [
        {name: value.strip('"') for name, value in re.findall(r'([A-Z-]+)=("[^"]*"|[^,]*)', line)}
        for line in found
    ]


def kinds(playlist: Path) -> set[str]:
    argv = [
        "ffprobe",
        "-v",
        "error",
        "-allowed_extensions",
        "ALL",
        "-print_format",
        "json",
        "-show_streams",
        str(playlist),
    ]
    return {
        one["codec_type"]
        for one in json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)["streams"]
    }


def pitch(playlist: Path) -> int:
    """Hz of a tone, by how often it crosses zero."""
    argv = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "error",
        "-i",
        str(playlist),
        "-ac",
        "1",
        "-ar",
        "8000",
        "-f",
        "s8",
        "-",
    ]
    wave = subprocess.run(argv, capture_output=True, check=True).stdout[8000:24000]
    return sum(before > 127 >= after for before, after in pairwise(wave)) // 2


@pytest.mark.parametrize(("name", "text_codec"), [("a.mkv", "srt"), ("a.mp4", "mov_text"), ("b.mkv", "ass")])
async def test_sounds_and_texts_can_be_chosen(
    stage: Stage, tmp_path: Path, name: str, text_codec: str
) -> None:
    """With language and name, each what it says; pictures then have no sound of their own, and the MP4 has
    both."""
    folder, master = await shown(
        stage, await asyncio.to_thread(two_of_each, tmp_path, name, text_codec), name
    )
    english, german, french, japanese = choices(master)
    assert (english["TYPE"], english["LANGUAGE"], english["NAME"], english["DEFAULT"]) == (
        "AUDIO",
        "en",
        "English",
        "YES",
    )
    assert (german["TYPE"], german["LANGUAGE"], german["DEFAULT"]) == ("AUDIO", "de", "NO")
    assert german["NAME"] == ("Der Ton#EXT-X-ENDLIST" if name.endswith("mkv") else "German")
    assert (french["TYPE"], french["LANGUAGE"], french["NAME"], french["DEFAULT"]) == (
        "SUBTITLES",
        "fr",
        "French",
        "NO",
    )
    assert (japanese["LANGUAGE"], japanese["FORCED"]) == ("ja", "YES")
    assert 'AUDIO="sounds",SUBTITLES="texts"' in master
    assert [pitch(folder / one["URI"]) for one in (english, german)] == pytest.approx([440, 880], abs=20)
    assert "Bonjour" in (folder / french["URI"]).with_suffix(".vtt").read_text()
    assert "こんにちは" in (folder / japanese["URI"]).with_suffix(".vtt").read_text()
    assert kinds(folder / "v180.m3u8") == {"video"}
    assert kinds(folder / "recording.mp4") == {"video", "audio"}
    for playlist in folder.glob("*.m3u8"):
        for file in re.findall(r'(?:URI="|^)([\w-]+\.(?:mp4|vtt|m3u8))', playlist.read_text(), re.M):
            assert (folder / file).exists(), (playlist.name, file)
    assert not (folder / "v180_0.mp4").exists(), "kept twice"


async def test_a_film_with_very_many_tracks(stage: Stage, tmp_path: Path) -> None:
    """ffprobe says much about each; the first of them can be chosen."""
    file, lines = tmp_path / "many.mkv", tmp_path / "a.srt"
    lines.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    argv = [
        *("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=15:duration=5"),
        *("-f", "lavfi", "-i", "sine=duration=5", "-i", str(lines), "-map", "0:v"),
        *(["-map", "1:a"] * 12 + ["-map", "2:s"] * 70),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-c:s", "srt"),
        *(part for n in range(70) for part in (f"-metadata:s:s:{n}", f"title={'A long title ' * 20}")),
        str(file),
    ]
    await asyncio.to_thread(subprocess.run, argv, check=True)
    _, master = await shown(stage, file.read_bytes(), "many.mkv")
    assert (master.count("TYPE=AUDIO"), master.count("TYPE=SUBTITLES")) == (8, 32)


async def test_a_broken_text_is_left_out(stage: Stage, tmp_path: Path) -> None:
    """Its track is nonsense: the film plays, with the other text."""
    data = await asyncio.to_thread(two_of_each, tmp_path, "a.mkv", "ass")
    (folder, master) = await shown(
        stage,
        data.replace(b"Bonjour", b"\xff\xfe\x00\x80\xc3\x28\xff").replace(b"[Script Info]", b"\xff" * 13, 1),
        "a.mkv",
    )
    assert [one["LANGUAGE"] for one in choices(master) if one["TYPE"] == "AUDIO"] == ["en", "de"]
    assert "ja" in [one["LANGUAGE"] for one in choices(master)]
    assert kinds(folder / "v180.m3u8") == {"video"}


async def test_a_film_with_one_sound_stays_as_it_is(stage: Stage, tmp_path: Path) -> None:
    """Pictures with sound, and nothing to choose."""
    argv = ["ffmpeg", "-nostdin", "-v", "error", *film(SECONDS), "-map", "0", "-map", "1", *CODED, "a.mp4"]
    await asyncio.to_thread(subprocess.run, argv, cwd=tmp_path, check=True)
    folder, master = await shown(stage, (tmp_path / "a.mp4").read_bytes(), "a.mp4")
    assert choices(master) == []
    assert kinds(folder / "v180.m3u8") == {"video", "audio"}


def told(*streams: dict[str, Any]) -> bytes:
    picture = {
        "codec_type": "video",
        "codec_name": "h264",
        "width": 640,
        "height": 360,
        "avg_frame_rate": "25/1",
    }
    return json.dumps({"streams": [picture, *streams], "format": {"duration": "9"}}).encode()


def test_names_are_plain_and_unlike_each_other() -> None:
    """The uploader chooses them; a playlist's line ends at a quote or a line end."""
    sounds = [
        {"codec_type": "audio", "codec_name": "aac", "tags": {"language": language, "title": title}}
        for language, title in (
            ("deu", ""),
            ("ger", ""),
            ("und", ""),
            ("eng", 'a"\r\nb' + "x" * 900),
            ("../x", "\u202e"),
        )
    ]
    names = [(one.language, one.name) for one in parse_probe(told(*sounds)).sounds]
    assert names == [
        ("de", "German"),
        ("de", "German (2)"),
        ("", "Track 3"),
        ("en", ("ab" + "x" * 900)[:60]),
        ("", "Track 5"),
    ]


@pytest.mark.parametrize(
    ("said", "tag", "name"),
    [
        ("ger", "de", "German"),
        ("zho", "zh", "Chinese"),
        ("pt-br", "pt-BR", "Portuguese"),
        ("en", "en", "English"),
        ("und", "", ""),
        ("tlh", "tlh", ""),
    ],
)
def test_languages(said: str, tag: str, name: str) -> None:
    """As containers name them and as players do."""
    assert tag_of(said) == tag
    assert name_of(tag) == name
