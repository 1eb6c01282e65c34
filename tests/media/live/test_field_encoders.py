"""What encoders of the field send, each by a publisher made by hand, against real nginx-rtmp and FFmpeg."""

import asyncio
import re
import subprocess
from collections.abc import Callable
from struct import unpack_from
from typing import Any

import pytest

from media.ingest.rtmp import AUDIO, DATA, VIDEO, RtmpMessage
from tests.media.conftest import until
from tests.media.live.test_live import Viewer
from tests.support.rtmp_encoder import Encoder, film, is_header, messages
from weir.foundation.events import PublishStarted, StreamEvent

FLASH = "color=black:s=320x180:r=30,drawbox=enable='lt(mod(t,1),0.2)':color=white:t=fill"
CLICK = "aevalsrc='if(lt(mod(t,1),0.2),sin(2*PI*880*t),0)':s={rate}:c={channels}"


async def begun(stage: Any, **options: Any) -> tuple[StreamEvent, Encoder]:
    """A publish that has sent nothing yet."""
    fact = stage.stream()
    encoder = await asyncio.to_thread(Encoder, f"{stage.settings.pull_url}/{fact.playback}", **options)
    await stage.tell(PublishStarted, fact)
    broadcast = await until(lambda: stage.room.worker.broadcasts.get(fact.playback))
    await until(lambda: broadcast._source.is_publishing)
    return fact, encoder


async def shown(
    stage: Any, sent: list[RtmpMessage], **options: Any
) -> tuple[StreamEvent, str, Encoder, "asyncio.Task[None]"]:
    """(fact, master playlist, the encoder, which keeps sending) once there is a picture."""
    fact, encoder = await begun(stage, **options)
    sending = asyncio.create_task(asyncio.to_thread(encoder.play, sent))
    await stage.told("media.playable", fact)
    return fact, (await stage.get(fact, "master.m3u8"))[1].decode(), encoder, sending


def in_transit(stage: Any, fact: StreamEvent) -> Any:
    """(dropped, duplicated) frames of the present FFmpeg."""
    child = stage.room.worker.broadcasts[fact.playback]._session.child
    child.read_progress()
    return child.dropped, child.duplicated


@pytest.mark.parametrize(
    ("rate", "told"),
    [("30000/1001", "29.970"), ("60000/1001", "59.940"), ("24000/1001", "23.976"), ("25", "25.000")],
)
async def test_rates_are_exact(stage: Any, rate: str, told: str) -> None:
    """Cameras of America and Japan: no frame is dropped or doubled."""
    fact, master, _, sending = await shown(
        stage, messages(film(picture=f"testsrc2=s=320x180:r={rate}", seconds=5))
    )
    assert f"FRAME-RATE={told}" in master
    await sending
    assert in_transit(stage, fact) == (0, 0)


async def test_pixels_that_are_not_square(world: Any) -> None:
    """A PAL camera's picture is as wide as it was taken."""
    stage = await world.stage(ladder=[360])
    await stage.room.start()
    _, master, _, sending = await shown(
        stage, messages(film(picture="testsrc2=s=720x576:r=25,setsar=16/15", seconds=3))
    )
    assert "RESOLUTION=480x360" in master
    await sending


@pytest.mark.parametrize(
    ("pixels", "size", "told"), [("yuv444p", "578x324", "578x324"), ("yuv422p10le", "640x360", "640x360")]
)
async def test_pixels_with_more_colour(world: Any, pixels: str, size: str, told: str) -> None:
    """4:4:4 and 10 bit have the ladder that their size gives, and are made what players take."""
    stage = await world.stage(ladder=[324, 360])
    await stage.room.start()
    _, master, _, sending = await shown(
        stage, messages(film("-pix_fmt", pixels, picture=f"testsrc2=s={size}:r=30", seconds=3))
    )
    assert f"RESOLUTION={told}" in master
    assert 'CODECS="avc1.4' in master  # baseline, main or high of 8 bits: no 6e, 7a or f4
    await sending


async def test_the_first_key_frame_is_enough(stage: Any) -> None:
    """Key frames each ten seconds: the picture is there before the second one has been sent, and nothing
    counts as late."""
    sent = messages(film(gop=300, seconds=9))
    fact, encoder = await begun(stage)
    sending = asyncio.create_task(asyncio.to_thread(encoder.play, sent, until=9.0))
    await stage.told("media.playable", fact)
    await sending
    sample = stage.room.worker.broadcasts[fact.playback].health()
    assert sample.behind_s is not None
    assert sample.behind_s < 2


@pytest.mark.parametrize("first", [4_294_940_000, 2**32 - 3_000, 2**31 - 3_000])
async def test_times_that_begin_high_or_wrap(stage: Any, first: int) -> None:
    """An encoder that has been up for 49 days: one run, and its metadata are true."""
    sent = [one._replace(time=one.time + first) for one in messages(film(seconds=5))]
    fact, _, _, sending = await shown(stage, sent)
    await sending
    viewer = Viewer(stage, fact)
    listed = await viewer.until(lambda now: len(now.segments) > 2)
    viewer.close()
    assert {segment.discontinuity for segment in listed.segments} == {0}
    assert stage.room.worker.broadcasts[fact.playback].health().behind_s < 2


async def test_a_clock_that_is_set_back(stage: Any) -> None:
    """Restarted in mid-publish: a discontinuity, and the picture continues at once."""
    sent = messages(film(seconds=4))
    fact, encoder = await begun(stage)

    def twice() -> None:
        encoder.play(sent, until=3.0)
        encoder.play(sent)

    sending = asyncio.create_task(asyncio.to_thread(twice))
    await stage.told("media.playable", fact)
    viewer = Viewer(stage, fact)
    await viewer.until(lambda now: now.segments[-1].discontinuity == 1 and len(now.segments[-1].parts) > 1)
    await sending
    viewer.close()


def flashing(rate: int, channels: str, seconds: float) -> list[RtmpMessage]:
    return messages(film(picture=FLASH, sound=CLICK.format(rate=rate, channels=channels), seconds=seconds))


async def newest_run(stage: Any, fact: StreamEvent) -> bytes:
    """The finished segments of the run that is playing, as one file."""
    text = (await stage.get(fact, "v180.m3u8"))[1].decode()
    run = text.rpartition("#EXT-X-MAP:")[2]
    init = re.match(r'URI="([^"]+)"', run)
    assert init is not None
    names = [line for line in run.splitlines() if line.startswith("s_")]
    return b"".join([(await stage.get(fact, name))[1] for name in (init[1], *names)])


def apart_s(file: bytes) -> list[float]:
    """The delay of each click after its flash."""

    def decode(*options: str) -> bytes:
        argv = ["ffmpeg", "-nostdin", "-v", "error", "-f", "mp4", "-i", "pipe:0", *options, "pipe:1"]
        return subprocess.run(argv, input=file, capture_output=True, check=True, timeout=60).stdout

    light = decode("-map", "0:v", "-vf", "fps=30,scale=1:1,format=gray", "-f", "rawvideo")
    heard = decode("-map", "0:a", "-ac", "1", "-ar", "8000", "-f", "s16le")
    loud = [max(abs(unpack_from("<h", heard, at)[0]) for at in range(start, min(start + 80, len(heard) - 1), 2)) > 3000
            for start in range(0, len(heard) - 80, 80)]  # fmt: skip
    flashes = [number / 30 for number in range(1, len(light)) if light[number] > 128 >= light[number - 1]]
    clicks = [number * 40 / 8000 for number in range(1, len(loud)) if loud[number] and not loud[number - 1]]
    return [min((click - flash for click in clicks), key=abs) for flash in flashes if clicks]


@pytest.mark.parametrize(
    ("before", "after"), [((48000, "stereo"), (48000, "mono")), ((44100, "stereo"), (48000, "stereo"))]
)
async def test_sound_that_changes(stage: Any, before: tuple[int, str], after: tuple[int, str]) -> None:
    """Another device in mid-publish: in time with the picture from there on."""
    first, second = flashing(*before, 3), flashing(*after, 6)
    fact, encoder = await begun(stage)

    def changing() -> None:
        encoder.play(first)
        encoder.play([one for one in second if one.kind == AUDIO and is_header(one)], shift=3000)
        encoder.play([one for one in second if not is_header(one)], shift=3000)

    sending = asyncio.create_task(asyncio.to_thread(changing))
    await stage.told("media.playable", fact)
    viewer = Viewer(stage, fact)
    await viewer.until(lambda now: sum(one.discontinuity == 1 for one in now.segments) > 4)
    viewer.close()
    apart = await asyncio.to_thread(apart_s, await newest_run(stage, fact))
    await sending
    assert len(apart) > 2
    assert max(map(abs, apart)) < 0.1, apart


async def test_sound_that_begins_late(stage: Any) -> None:
    """Unannounced, four seconds in: it joins, in time with the picture."""
    sent = flashing(48000, "stereo", 9)
    early, late = (
        [one for one in sent if one.kind != AUDIO or one.time >= 4000],
        [one for one in sent if one.kind == AUDIO and is_header(one)],
    )
    fact, encoder = await begun(stage)

    def joining() -> None:
        encoder.play([one for one in early if one.time < 4000 and one.kind != DATA])
        encoder.play(late, shift=4000)
        encoder.play([one for one in early if one.time >= 4000])

    sending = asyncio.create_task(asyncio.to_thread(joining))
    await stage.told("media.playable", fact)
    await sending
    viewer = Viewer(stage, fact)
    await viewer.until(lambda now: len(now.segments) > 6)
    viewer.close()
    apart = await asyncio.to_thread(apart_s, await newest_run(stage, fact))
    assert len(apart) > 2
    assert max(map(abs, apart)) < 0.1, apart


async def test_the_phone_is_turned(stage: Any) -> None:
    """Another size on the same connection, long after the start: a discontinuity at the very key frame, and
    no frame is missing."""
    wide, tall = messages(film(seconds=6)), messages(film(picture="testsrc2=s=360x640:r=30", seconds=3))
    fact, encoder = await begun(stage)

    def turned() -> None:
        encoder.play(wide)
        encoder.play(tall, shift=6000)

    sending = asyncio.create_task(asyncio.to_thread(turned))
    await stage.told("media.playable", fact)
    viewer = Viewer(stage, fact)
    listed = await viewer.until(
        lambda now: now.segments[-1].discontinuity == 1 and now.segments[-1].date_ms and len(now.segments) > 5
    )
    await sending
    viewer.close()
    before, after = [
        next(one for one in row if one.discontinuity == number)
        for row, number in ((listed.segments[::-1], 0), (listed.segments, 1))
    ]
    assert before.date_ms is not None
    assert after.date_ms is not None
    assert after.date_ms - (before.date_ms + before.duration * 1000) < 150


@pytest.mark.parametrize("channel", [17, 64, 100, 127])
async def test_chunk_streams_of_high_numbers(servers: Any, stage: Any, channel: int) -> None:
    """Some encoders number them so."""
    _, _, encoder, sending = await shown(
        stage, messages(film(seconds=3)), channels={VIDEO: channel, AUDIO: channel - 1, DATA: 5}
    )
    await sending
    encoder.close()


@pytest.mark.parametrize(
    "said",
    [{"framerate": 1.0}, {}, {"framerate": 25.0, "width": 1920.0, "height": 1080.0}, {"framerate": "NaN"}],
)
async def test_metadata_that_is_wrong(stage: Any, said: dict[str, Any]) -> None:
    """What the picture itself says wins."""
    sent = [
        one
        for one in messages(film("-x264-params", "force-cfr=1", picture="testsrc2=s=360x640:r=30", seconds=3))
        if one.kind != DATA
    ]
    fact, encoder = await begun(stage)

    def wrong() -> None:
        encoder.play(sent, until=0.5)
        encoder.metadata(**said)
        encoder.play([one for one in sent if one.time >= 500])

    sending = asyncio.create_task(asyncio.to_thread(wrong))
    await stage.told("media.playable", fact)
    await sending
    master = (await stage.get(fact, "master.m3u8"))[1].decode()
    assert "FRAME-RATE=30.000" in master
    assert re.search(r"RESOLUTION=(\d+)x(\d+)", master).groups() == ("180", "320")  # type: ignore[union-attr]


def boxed(
    codec: str, picture: str = "testsrc2=s=320x180:r=30", pixels: tuple[str, ...] = ("-pix_fmt", "yuv420p")
) -> tuple[bytes, list[tuple[int, bool, bytes]]]:
    """(decoder configuration, frames as (ms, key, data)) of a film that FFmpeg makes as a fragmented MP4."""
    options = (
        ("-x265-params", "log-level=error:bframes=0", "-tag:v", "hvc1")
        if codec == "libx265"
        else ("-cpu-used", "8")
    )
    argv = [
        "ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", picture, "-t", "4", "-c:v", codec, "-g", "30", *options,
        "-bf", "0", *pixels, "-f", "mp4", "-movflags", "+empty_moov+delay_moov+default_base_moof+frag_every_frame", "pipe:1",
    ]  # fmt: skip
    file = subprocess.run(argv, capture_output=True, check=True, timeout=120).stdout
    name = b"hvcC" if codec == "libx265" else b"av1C"
    at = file.index(name)
    config = file[at + 4 : at - 4 + int.from_bytes(file[at - 4 : at], "big")]
    frames, at = list[Any](), 0
    while at < len(file):
        size, kind = unpack_from(">I4s", file, at)
        if kind == b"mdat":
            frames.append((len(frames) * 1000 // 30, len(frames) % 30 == 0, file[at + 8 : at + size]))
        at += size
    return config, frames


def as_number(frames: list[tuple[int, bool, bytes]], config: bytes) -> list[RtmpMessage]:
    """By the codec id 12, as encoders in China have it."""
    head = [RtmpMessage(VIDEO, 1, 0, b"\x1c\0\0\0\0" + config)]
    return head + [
        RtmpMessage(VIDEO, 1, at, bytes((0x1C if key else 0x2C, 1, 0, 0, 0)) + data)
        for at, key, data in frames
    ]


def as_letters(name: bytes) -> Callable[[list[tuple[int, bool, bytes]], bytes], list[RtmpMessage]]:
    """By four letters, as Enhanced RTMP has it."""

    def made(frames: list[tuple[int, bool, bytes]], config: bytes) -> list[RtmpMessage]:
        head = [RtmpMessage(VIDEO, 1, 0, b"\x90" + name + config)]
        return head + [
            RtmpMessage(VIDEO, 1, at, bytes((0x93 if key else 0xA3,)) + name + data)
            for at, key, data in frames
        ]

    return made


@pytest.mark.parametrize(
    ("codec", "form"),
    [("libx265", as_number), ("libx265", as_letters(b"hvc1")), ("libaom-av1", as_letters(b"av01"))],
)
async def test_newer_codecs_are_taken(stage: Any, codec: str, form: Callable[..., list[RtmpMessage]]) -> None:
    """HEVC in both of the forms that encoders know, AV1 by its letters."""
    config, frames = await asyncio.to_thread(boxed, codec)
    _, master, _, sending = await shown(stage, form(frames, config))
    assert "RESOLUTION=320x180" in master
    assert 'CODECS="avc1.' in master
    await sending


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
async def test_high_dynamic_range_becomes_ordinary(stage: Any, transfer: str) -> None:
    """PQ and HLG of ten bits, as HEVC by Enhanced RTMP: eight bits that are marked as what they are, and a
    red that is as red as it was before (shown as they came, its green would be two thirds of its red)."""
    to = f"zscale=tin=bt709:min=bt709:pin=bt709:rin=tv:t={transfer}:m=2020_ncl:p=2020:r=tv:npl=203,format=yuv420p10le"
    wide = (
        "-pix_fmt",
        "yuv420p10le",
        "-color_primaries",
        "bt2020",
        "-color_trc",
        transfer,
        "-colorspace",
        "bt2020nc",
    )
    config, frames = await asyncio.to_thread(
        boxed, "libx265", f"color=c=0xC02020:s=320x180:r=30,format=yuv420p,{to}", wide
    )
    fact, _, _, sending = await shown(stage, as_letters(b"hvc1")(frames, config))
    await sending
    run = await newest_run(stage, fact)
    argv = [
        "ffprobe",
        "-v",
        "error",
        "-show_entries",
        "stream=pix_fmt,color_transfer,color_primaries,color_space",
        "-of",
        "csv=p=0",
        "-",
    ]
    told = (
        subprocess.run([*argv, "-select_streams", "v"], input=run, capture_output=True, check=True)
        .stdout.decode()
        .strip()
    )
    assert told == "yuv420p,bt709,bt709,bt709"
    argv = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "error",
        "-i",
        "pipe:0",
        "-frames:v",
        "1",
        "-vf",
        "scale=1:1,format=rgb24",
        "-f",
        "rawvideo",
        "-",
    ]
    red, green, blue = subprocess.run(argv, input=run, capture_output=True, check=True).stdout
    print(f"{transfer}: {red} {green} {blue}")
    assert red > 120
    assert max(green, blue) < red / 2


async def test_an_interlaced_picture_is_whole(stage: Any) -> None:
    """A camera's fields: what moved is no comb."""
    fields = ("-vf", "tinterlace=interleave_top,setfield=tff", "-flags", "+ildct+ilme", "-x264opts", "tff=1")
    sent = messages(film(*fields, picture="testsrc2=s=320x180:r=50", seconds=4, gop=25))
    fact, master, _, sending = await shown(stage, sent)
    assert "FRAME-RATE=25.000" in master
    await sending
    argv = [
        "ffmpeg",
        "-nostdin",
        "-hide_banner",
        "-i",
        "pipe:0",
        "-vf",
        "extractplanes=y,idet",
        "-an",
        "-f",
        "null",
        "-",
    ]
    said = subprocess.run(
        argv, input=await newest_run(stage, fact), capture_output=True, check=True
    ).stderr.decode()
    counted = said.rpartition("Multi frame detection:")[2].split()
    assert int(counted[5]) > int(counted[1]) + int(counted[3]), said  # TFF: n BFF: n Progressive: n


async def test_a_codec_that_cannot_be_shown_is_named(stage: Any) -> None:
    """At once, with what to choose instead."""
    fact, encoder = await begun(stage)
    await asyncio.to_thread(
        encoder.play, [RtmpMessage(VIDEO, 1, number * 33, b"\x14" + bytes(200)) for number in range(10)]
    )
    failed = await stage.told("media.failed", fact)
    assert "VP6" in failed.reason
    assert "H.264" in failed.reason


async def test_a_sound_codec_that_cannot_be_heard_leaves_the_picture(stage: Any) -> None:
    """Speex, say: the picture is shown, with silence."""
    sent = [
        one if one.kind != AUDIO else one._replace(body=b"\xb2" + bytes(40))
        for one in messages(film(seconds=3))
    ]
    _, master, _, sending = await shown(stage, sent)
    assert "mp4a" in master
    await sending


@pytest.mark.parametrize("size", ["64x36", "16x16", "2x2"])
async def test_a_very_small_picture(stage: Any, size: str) -> None:
    """Shown, or refused with a reason; nothing in between."""
    _, encoder = await begun(stage)
    sending = asyncio.create_task(
        asyncio.to_thread(encoder.play, messages(film(picture=f"testsrc2=s={size}:r=30", seconds=3)))
    )
    told = await until(
        lambda: next(
            (e for e in stage.heard if getattr(e, "type", "") in ("media.playable", "media.failed")), None
        )
    )
    await sending
    assert told.type == "media.playable" or told.reason


NONSENSE = {
    VIDEO: (b"\x17", b"\x17\0", b"\x17\0\0\0\0\1", b"\x27\1", b"\x90hvc1", b"\x93hvc1", b"\xff" * 40),
    AUDIO: (b"\xaf", b"\xaf\0\xff\xff\xff", b"\xaf\1", b"\x9f", b"\x90mp4a", b"\xff" * 10),
}


async def test_nonsense_among_the_frames(stage: Any) -> None:
    """In video and sound messages: it does no harm, and the stream is shown when it makes sense."""
    nonsense = [RtmpMessage(kind, 1, 0, body) for kind, bodies in NONSENSE.items() for body in bodies]
    _, _, _, sending = await shown(stage, [*nonsense, *messages(film(seconds=6))])
    await sending
