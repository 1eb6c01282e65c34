"""Golden command lines: a change of FFmpeg's arguments is seen, and meant."""

from dataclasses import replace
from pathlib import Path

from media.ffmpeg.args import probe, probe_file, transcode, transcode_file
from media.ffmpeg.probe import MediaFile
from media.ladder.rules import Rendition, Source, cadence

ENCODER = (
    "-f mp4 -ac 2 -af aresample=async=1:first_pts=0 -ar 48000 -b:a 128000 -b:v:0 2600000 -b:v:1 800000 -bufsize:v:0 2600000 "
    "-bufsize:v:1 800000 -c:a aac -c:v:0 libx264 -c:v:1 libx264 -flush_packets 1 -force_key_frames:v:0 expr:not(mod(n,60)) "
    "-force_key_frames:v:1 expr:not(mod(n,60)) -g:v:0 60 -g:v:1 60 -keyint_min:v:0 60 -keyint_min:v:1 60 "
    "-max_interleave_delta 500000 -maxrate:v:0 2600000 -maxrate:v:1 800000 -movflags +empty_moov+default_base_moof+frag_every_frame "
    "-preset:v:0 superfast -preset:v:1 superfast -sc_threshold:v:0 0 -sc_threshold:v:1 0 -tune:v:0 zerolatency "
    "-tune:v:1 zerolatency -video_track_timescale 30000 -x264-params:v:0 repeat-headers=1 -x264-params:v:1 repeat-headers=1"
)
INPUT = "ffmpeg -f mp4 -flags low_delay -fpsprobesize 0 -max_pixels 35389440 -probesize 2000000 -protocol_whitelist pipe -i pipe:0"
HD = Source(1280, 720, 30, audio=True)
END = "-nostdin -hide_banner -nostats -loglevel error -stats_period 0.5 -progress pipe:9"


def fit(size: str, labels: list[str]) -> str:
    a, b, c, d, e = labels
    return (
        f"[{a}]scale={size}:force_divisible_by=2:force_original_aspect_ratio=decrease[{b}];[{b}]pad={size}:-1:-1[{c}];"
        f"[{c}]setsar=1[{d}];[{d}]format=yuv420p[{e}]"
    )


def test_two_renditions_share_one_decode() -> None:
    """One input, one split, fixed sizes with bars, all in one pipe with the sound once."""
    renditions = [Rendition(720, (1280, 720), 2_600_000), Rendition(360, (640, 360), 800_000)]
    argv = transcode(HD, renditions, cadence(30, 1 / 3, 2), preset="superfast", output=7, progress=9)
    graph = (
        "[0:v]fps=fps=30:start_time=0[s0];[s0]split=2[s1][s2];"
        + fit("1280:720", ["s1", "s3", "s4", "s5", "s6"]) + ";" + fit("640:360", ["s2", "s7", "s8", "s9", "s10"])
    )  # fmt: skip
    assert " ".join(argv) == " ".join([
        INPUT, "-filter_complex", graph, "-map [s6] -map [s10] -map 0:a:0", ENCODER, "pipe:7", END,
    ])  # fmt: skip


def test_a_copied_top_and_a_halved_rung() -> None:
    """What the encoder sent is handed on; a slower rung drops every second frame before it is scaled and has
    half the group."""
    renditions = [
        Rendition(720, (1280, 720), 2_600_000, copied=True),
        Rendition(360, (640, 360), 800_000, every=2, preset="veryfast"),
    ]
    argv = transcode(HD, renditions, cadence(60, 1 / 3, 2), preset="superfast", output=7, progress=9)
    text = " ".join(argv)
    assert "-map 0:v:0 -map [s6] -map 0:a:0 -f mp4" in text
    assert "-c:v:0 copy -c:v:1 libx264" in text
    assert "-b:v:0" not in text
    assert "[0:v]fps=fps=60:start_time=0[s0];[s0]split=1[s1];[s1]fps=fps=30:start_time=0" in text
    assert "-g:v:1 60" in text
    assert "-preset:v:1 veryfast" in text


def test_exact_rates_and_what_a_source_needs() -> None:
    """NTSC stays NTSC; wide pixels become square ones, fields whole frames, and high dynamic range ordinary
    colours, each where it is needed alone."""

    def filters(source: Source) -> str:
        argv = transcode(
            source,
            [Rendition(360, (640, 360), 800_000)],
            cadence(29.97, 1 / 3, 2),
            preset="p",
            output=7,
            progress=9,
        )
        assert argv[argv.index("-video_track_timescale") + 1] == "30000"
        return argv[argv.index("-filter_complex") + 1]

    assert filters(HD).startswith("[0:v]fps=fps=30000/1001:start_time=0[s0]")
    assert filters(replace(HD, square=False)).startswith("[0:v]scale=trunc(iw*sar/2)*2:ih[s0];[s0]fps=")
    assert filters(replace(HD, interlaced=True)).startswith(
        "[0:v]bwdif=deint=interlaced:mode=send_frame[s0];[s0]fps="
    )
    assert "tonemap=" in filters(replace(HD, high=True))


def test_live_input_names_nothing() -> None:
    """What an encoder sends comes by a pipe: it can't make FFmpeg open a file or an address."""
    for argv in (
        probe(),
        transcode(
            HD, [Rendition(360, (640, 360), 1)], cadence(30, 1 / 3, 2), preset="p", output=1, progress=2
        ),
    ):
        assert argv[argv.index("-protocol_whitelist") + 1] == "pipe"
        assert argv[argv.index("-f") + 1] == "mp4"
        assert "pipe:0" in argv


def test_uploaded_files_name_no_others() -> None:
    """Each command reads only that file, with few containers and codecs; lists of files are not among
    them."""
    film = MediaFile(Source(720, 576, 25.0, True), 60.0, stretch=64 / 45, picture=1, sound=3)
    argv = transcode_file(
        Path("/d/video"),
        film,
        [Rendition(360, (640, 360), 800_000)],
        cadence(25, None, 2),
        from_s=12.0,
        preset="fast",
        output=7,
        progress=9,
    )
    for line in (argv, probe_file(Path("/d/video"))):
        assert line[line.index("-protocol_whitelist") + 1] == "file"
        formats = line[line.index("-format_whitelist") + 1].split(",")
        assert "mov" in formats
        assert not {"hls", "concat", "dash", "image2", "lavfi"} & set(formats)
    assert {"h264", "aac"} <= set(argv[argv.index("-codec_whitelist") + 1].split(","))
    looked = probe_file(Path("/d/video"))
    for kind, codec in (("v", "h264"), ("v", "png"), ("a", "aac"), ("s", "mov_text")):
        assert codec in looked[looked.index(f"-codec_whitelist:{kind}") + 1].split(",")
    assert [argv[at + 1] for at, word in enumerate(argv) if word == "-map"][1:] == ["0:3"]
    assert argv.index("-ss") < argv.index("-i")
    assert argv[argv.index("-filter_complex") + 1].startswith(
        "[0:1]scale=720:576[s0];[s0]fps=fps=25:start_time=0"
    )
    assert not {"-tune:v:0", "-b:v:0"} & set(argv)
    assert argv[argv.index("-map_chapters") + 1] == "-1"
    assert argv[argv.index("-crf:v:0") + 1 :][0] == "22"
