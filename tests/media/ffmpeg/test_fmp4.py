"""The fragmented MP4 parser and writer, on what FFmpeg really writes and on invalid data."""

import contextlib
import subprocess
from itertools import pairwise
from pathlib import Path
from struct import pack
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.ffmpeg import fmp4
from media.ffmpeg.fmp4 import (
    NON_SYNC,
    BoxError,
    Fmp4Parser,
    InitSegment,
    MediaSample,
    SampleRun,
    fragment,
    timed_run,
)

FLAGS = "+empty_moov+default_base_moof"


def encoded(movflags: str, *, audio: bool = True, extra: tuple[str, ...] = ()) -> bytes:
    sound = ["-f", "lavfi", "-i", "sine=sample_rate=48000"] if audio else []
    argv = [
        "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x90:rate=10", *sound, "-t", "1", "-c:v", "libx264", "-preset",
        "ultrafast", "-pix_fmt", "yuv420p", "-g", "5", *extra, *(["-c:a", "aac"] if audio else []), "-f", "mp4", "-movflags", movflags, "-",
    ]  # fmt: skip
    return subprocess.run(argv, capture_output=True, check=True, timeout=30).stdout


EVERY_FRAME = encoded(FLAGS + "+frag_every_frame")
BY_KEYFRAME = encoded(FLAGS + "+frag_keyframe", extra=("-bf", "2"))
SILENT = encoded(FLAGS + "+frag_keyframe", audio=False)


def parsed(stream: bytes, cuts: tuple[int, ...] = ()) -> list[InitSegment | SampleRun]:
    parser, found = Fmp4Parser(), list[InitSegment | SampleRun]()
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for start, end in pairwise(edges):
        for item in parser.feed(stream[start:end]):
            found += [item] if isinstance(item, InitSegment) else item
    return found


def runs_of(stream: bytes) -> list[SampleRun]:
    return cast(list[SampleRun], parsed(stream)[1:])


def test_the_initialisation_segment_names_its_codecs() -> None:
    """CODECS of the master playlist come from avcC and esds, never from what was asked for (research trap: no
    audio)."""
    init = parsed(EVERY_FRAME)[0]
    assert isinstance(init, InitSegment)
    assert init.codecs.startswith("avc1.42c0")
    assert init.codecs.endswith(",mp4a.40.2")
    assert init.pictures[0].size == (160, 90)
    silent = parsed(SILENT)[0]
    assert isinstance(silent, InitSegment)
    assert "mp4a" not in silent.codecs


def test_fragments_carry_every_sample() -> None:
    """Durations add up, keyframes are where the encoder put them, B-frames keep their shift."""
    video = [sample for run in runs_of(BY_KEYFRAME) if run.track == 1 for sample in run.samples]
    assert len(video) == 10
    assert [index for index, sample in enumerate(video) if sample.key] == [0, 5]
    assert any(sample.shift for sample in video)


@given(st.lists(st.integers(0, 1 << 20), max_size=12))
@settings(max_examples=60, deadline=None)
def test_slicing_changes_nothing(cuts: list[int]) -> None:
    """Pipes cut the stream anywhere; the result is the same."""
    assert parsed(EVERY_FRAME, tuple(cuts)) == parsed(EVERY_FRAME)


def test_byte_by_byte_is_the_same() -> None:
    """The smallest slices of all."""
    assert parsed(SILENT, tuple(range(len(SILENT)))) == parsed(SILENT)


@given(st.binary(min_size=8, max_size=200))
@settings(max_examples=200, deadline=None)
def test_garbage_is_refused_or_waited_out(data: bytes) -> None:
    """Nothing but BoxError comes out of bytes that are no MP4."""
    with contextlib.suppress(BoxError):
        parsed(data)


@given(st.integers(0, len(BY_KEYFRAME) - 1), st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_a_flipped_byte_never_crashes_the_parser(at: int, flip: int) -> None:
    """A damaged stream gives other content or a BoxError, no other exception and no endless memory."""
    damaged = bytearray(BY_KEYFRAME)
    damaged[at] ^= flip
    with contextlib.suppress(BoxError):
        parsed(bytes(damaged))


@pytest.mark.parametrize(
    "junk", [b"HTTP/1.1 200 OK\r\n", b"\0\0\0\0moov", b"\xff\xff\xff\xffmdat", b"\0\0\0\x08mdat"]
)
def test_junk_is_named(junk: bytes) -> None:
    """A clear error says which box was wrong."""
    with pytest.raises(BoxError, match=r"[a-zA-Z]{4}"):
        parsed(junk)


SAMPLES = st.builds(
    MediaSample, duration=st.integers(0, 1 << 20), flags=st.sampled_from([0x02000000, 0x01000000 | NON_SYNC]),
    shift=st.sampled_from([0, 0, 512, -512]), data=st.binary(max_size=40),
)  # fmt: skip
RUNS = st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 20), st.lists(SAMPLES, min_size=1, max_size=8))


@given(st.lists(st.lists(RUNS, min_size=1, max_size=2), min_size=1, max_size=5), st.booleans())
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read_again(
    parts: list[list[tuple[int, int, list[MediaSample]]]], shifted: bool
) -> None:
    """Writer and parser agree on every sample, time, flag and byte; all samples of a run last as long as it
    says."""
    init = EVERY_FRAME[: EVERY_FRAME.index(b"moof") - 4]
    stream, wanted = [init], []
    for number, runs in enumerate(parts, 1):
        told = [(track, time, duration, [one if shifted else one._replace(shift=0) for one in samples])
                for track, (time, duration, samples) in enumerate(runs, 1)]  # fmt: skip
        stream.append(fragment(number, [timed_run(*one) for one in told]))
        wanted += [
            SampleRun(track, time, tuple(one._replace(duration=duration) for one in samples))
            for track, time, duration, samples in told
        ]
    assert runs_of(b"".join(stream)) == wanted


def test_a_part_says_no_more_of_a_frame_than_its_size() -> None:
    """Four bytes each and the first one's flags, where the first is a key frame and the others are alike."""
    samples = [
        MediaSample(0, 0x02000000, 0, b"key"),
        *[MediaSample(0, 0x01000000 | NON_SYNC, 0, b"frame")] * 9,
    ]
    assert len(fragment(1, [timed_run(1, 0, 1000, samples)])) == 24 + 72 + 4 + 4 * 10 + 8 + len(
        b"key"
    ) + 9 * len(b"frame")


def test_joined_parts_play(tmp_path: Path) -> None:
    """One box of many samples decodes to the same pictures as many boxes of one."""
    found = parsed(EVERY_FRAME)
    init, runs = found[0], runs_of(EVERY_FRAME)
    assert isinstance(init, InitSegment)
    rates = (init.tracks[0].timescale // 10, 1024)
    merged = [timed_run(track, 0, duration, [sample for run in runs if run.track == track for sample in run.samples])
              for track, duration in enumerate(rates, 1)]  # fmt: skip
    (tmp_path / "one.mp4").write_bytes(init.data + fragment(1, merged))
    (tmp_path / "many.mp4").write_bytes(EVERY_FRAME)
    hashes = [
        subprocess.run(
            [
                "ffmpeg",
                "-v",
                "error",
                "-i",
                str(tmp_path / name),
                "-map",
                "0:v",
                "-vsync",
                "passthrough",
                "-f",
                "framehash",
                "-",
            ],
            capture_output=True,
            check=True,
            timeout=30,
        ).stdout.split(b"\n")
        for name in ("one.mp4", "many.mp4")
    ]
    pictures = [
        [line.rpartition(b",")[2] for line in lines if line and not line.startswith(b"#")] for lines in hashes
    ]
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) == 10


@given(
    st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**40), st.binary(min_size=1, max_size=40), st.integers(0, 130),
)  # fmt: skip
@settings(max_examples=300)
def test_the_short_way_reads_what_the_long_one_does(
    duration: int, flags: int, time: int, data: bytes, broken: int
) -> None:
    """A lone sample as FFmpeg writes it; with any byte changed the short way finds the same, or leaves it."""
    tfhd = pack(">I4s5I", 28, b"tfhd", 0x020038, 1, duration, len(data), flags)
    trun = pack(">I4sIIi", 20, b"trun", 1, 1, 108)
    moof = (
        pack(">I4sI4sIII4s", 100, b"moof", 16, b"mfhd", 0, 1, 76, b"traf")
        + tfhd
        + pack(">I4sIQ", 20, b"tfdt", 0x01000000, time)
        + trun
    )
    whole = moof + pack(">I4s", 8 + len(data), b"mdat") + data
    tracks = {1: fmp4.Track(1, "video", 30000, "avc1", (2, 2), (0, 0, 0))}
    assert fmp4._lone(whole, 0, memoryview(whole), tracks) == SampleRun(
        1, time, (MediaSample(duration, flags, 0, data),)
    )
    assert all(
        fmp4._lone(whole[:end], 0, memoryview(whole)[:end], tracks) is None for end in (107, len(whole) - 1)
    )
    damaged = bytearray(whole)
    damaged[broken % len(whole)] ^= 1
    found = fmp4._lone(bytes(damaged), 0, memoryview(bytes(damaged)), tracks)
    if found is not None:
        parser = Fmp4Parser()
        parser._tracks = tracks
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fmp4, "_lone", lambda *_: None)
            assert list(parser.feed(bytes(damaged))) == [[found]]


def test_each_picture_gets_an_initialisation_of_its_own() -> None:
    """Renditions come as tracks of one file; each leaves as a file of its own, with the same track numbers in
    all of them."""
    argv = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x90:rate=10", "-f", "lavfi", "-i", "sine=sample_rate=48000",
            "-filter_complex", "[0:v]split[a][b];[b]scale=80:46[c]", "-map", "[a]", "-map", "[c]", "-map", "1:a", "-t", "1",
            "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "mp4", "-movflags", FLAGS + "+frag_keyframe", "-"]  # fmt: skip
    whole = parsed(subprocess.run(argv, capture_output=True, check=True, timeout=30).stdout)[0]
    assert isinstance(whole, InitSegment)
    assert [picture.size for picture in whole.pictures] == [(160, 90), (80, 46)]
    for picture, kinds in (
        (whole.pictures[0], ["video", "audio"]),
        (whole.pictures[1], ["video", "audio"]),
        (None, ["audio"]),
    ):
        one = whole.only(picture)
        assert parsed(one.data) == [one] if picture else b"avc1" not in one.data
        assert [(track.id, track.kind) for track in one.tracks] == [
            ({"video": 1, "audio": 2}[kind], kind) for kind in kinds
        ]
        assert one.data.count(b"trak") == one.data.count(b"trex") == len(kinds)
