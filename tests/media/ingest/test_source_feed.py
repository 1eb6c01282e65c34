"""What a feed gives FFmpeg, of what an encoder sends: without I/O, by its boxes."""

from struct import unpack_from
from typing import Any

import pytest

from media.ingest.fmp4_writer import PICTURE, SOUND
from media.ingest.rtmp import AUDIO, DATA, VIDEO, RtmpMessage, encode_amf
from media.ingest.source_feed import (
    LARGEST_METADATA,
    MOST_CHANGES,
    MOST_IN_GOP,
    SILENCE,
    SourceFeed,
    StillPicture,
)
from tests.support.rtmp_encoder import film, is_header, messages

SENT = messages(film(seconds=4, gop=30))
SILENT = messages(film(seconds=4, gop=30, sound=""))


class Given:
    """One run's input. `frames` are (track, time in ms, key)."""

    def __init__(self) -> None:
        self.data, self.ended = b"", 0

    def end(self) -> None:
        self.ended += 1

    def write(self, data: bytes) -> None:
        self.data += data

    @property
    def frames(self) -> list[tuple[int, int, bool]]:
        found, at = [], 0
        while at < len(self.data):
            size, kind = unpack_from(">I4s", self.data, at)
            if kind == b"moof":
                track, (time,), (flags,) = (
                    self.data[at + 47],
                    unpack_from(">Q", self.data, at + 64),
                    unpack_from(">I", self.data, at + 96),
                )
                found.append((track, time, not flags & 0x10000))
            at += size
        return found

    def times(self, track: int) -> list[int]:
        return [time for one, time, _ in self.frames if one == track]


def fed(feed: SourceFeed, what: list[RtmpMessage], began: float = 0.0) -> None:
    """As it would come."""
    for message in what:
        feed.add_message(message, began + message.time / 1000)


def running(feed: SourceFeed) -> Given:
    given = Given()
    assert feed.begin_run(given.write, given.end)
    return given


def test_a_run_begins_at_the_newest_key_frame() -> None:
    """With everything since, at time 0; what comes follows, and the sound is with it."""
    feed = SourceFeed()
    fed(feed, [one for one in SENT if one.time < 1500])
    given = running(feed)
    assert given.times(PICTURE)[0] == 0
    assert len(given.times(PICTURE)) == 15
    fed(feed, [one for one in SENT if one.time >= 1500])
    assert len(given.times(PICTURE)) == 90
    assert given.times(PICTURE) == sorted(given.times(PICTURE))
    assert len(given.times(SOUND)) == pytest.approx(3 * 48000 / 1024, abs=2)
    assert feed.fed_s == pytest.approx(3, abs=0.1)
    assert given.ended == 0


def test_what_is_known_of_the_source() -> None:
    """From its first key frame on."""
    feed = SourceFeed()
    assert feed.source(0) is None
    fed(feed, SENT[:8])
    source = feed.source(0.1)
    assert source is not None
    assert (source.width, source.height, source.frame_rate, source.audio, source.alone) == (
        640,
        360,
        30,
        True,
        False,
    )


def test_silence_stands_for_sound() -> None:
    """As long as the picture is; sound of the same kind continues in the same run, another kind begins the
    next at a key frame."""
    feed = SourceFeed()
    fed(feed, [one for one in SILENT if one.time < 1500])
    given = running(feed)
    assert feed.source(9.0).audio is False  # type: ignore[union-attr]
    assert len(given.times(SOUND)) == pytest.approx(0.5 * 48000 / 1024, abs=2)
    feed.add_message(RtmpMessage(AUDIO, 1, 1500, b"\xaf\0" + SILENCE.config), 1.5)
    feed.add_message(RtmpMessage(AUDIO, 1, 1520, b"\xaf\1abc"), 1.5)
    assert given.times(SOUND)[-1] == 520
    feed.add_message(RtmpMessage(AUDIO, 1, 1540, b"\xaf\0\x12\x08"), 1.5)
    fed(feed, [one for one in SILENT if one.time >= 1500])
    assert given.ended == 1
    assert running(feed).times(PICTURE)[0] == 0


@pytest.mark.parametrize("shift", [2**32 - 2000, 2**31 - 2000, 2**24 - 2000])
def test_times_that_wrap(shift: int) -> None:
    """One run, whose time continues."""
    feed, sent = SourceFeed(), [one._replace(time=(one.time + shift) & 0xFFFFFFFF) for one in SENT]
    for number, one in enumerate(sent[:20]):
        feed.add_message(one, number / 50)
    given = running(feed)
    for number, one in enumerate(sent[20:]):
        feed.add_message(one, number / 50)
    assert given.ended == 0
    assert given.times(PICTURE)[-1] == pytest.approx(3967, abs=2)


def test_a_clock_that_is_set_ends_the_run() -> None:
    """The next one begins at the next key frame, in another era, with picture and sound together."""
    feed = SourceFeed()
    fed(feed, [one for one in SENT if one.time < 3500])
    given, (era, _) = running(feed), feed.zero or (0, 0)
    fed(feed, SENT[2:], began=3.5)
    assert given.ended == 1
    again = running(feed)
    assert feed.zero is not None
    assert feed.zero[0] == era + 1
    assert again.times(PICTURE)[0] == 0
    assert again.times(SOUND)[0] < 50


def test_a_clock_that_steps_back_again_and_again_is_set() -> None:
    """Each step is small enough for an encoder that reorders; together they end the run."""
    feed = SourceFeed()
    fed(feed, SENT)
    first, last = running(feed), SENT[-1].time
    key = next(one for one in SENT if one.kind == VIDEO and not is_header(one))
    for step in range(1, 3):
        feed.add_message(key._replace(time=(last - 1500 * step) & 0xFFFFFFFF), 10.0 + step)
    assert first.ended == 1


def test_sound_alone_whose_clock_steps_back_plays_on() -> None:
    """Its times stay within two seconds of the furthest."""
    feed, sounds = SourceFeed(), [one for one in SENT if one.kind == AUDIO]
    fed(feed, sounds)
    given, last = Given(), sounds[-1].time
    assert feed.begin_run(given.write, given.end, StillPicture(b"", b""))
    for step in range(1, 9):
        feed.add_message(sounds[-1]._replace(time=(last - 1500 * step) & 0xFFFFFFFF), 10.0 + step)
    times = given.times(SOUND)
    assert times[-1] >= max(times) - 2000 > times[0]


def test_a_renewed_run_misses_nothing() -> None:
    """It ends in front of a key frame, at which the next one begins."""
    feed = SourceFeed()
    fed(feed, [one for one in SENT if one.time < 1500])
    first = running(feed)
    feed.renew()
    fed(feed, [one for one in SENT if 1500 <= one.time < 2100])
    assert first.ended == 1
    second = running(feed)
    fed(feed, [one for one in SENT if one.time >= 2100])
    assert len(first.times(PICTURE)) + len(second.times(PICTURE)) == 90


def test_sound_alone() -> None:
    """After a second it is taken as such, with a still picture as long as the sound; one that announces a
    picture is waited for."""
    sound = [one for one in SENT if one.kind == AUDIO]
    for said, patience in ((None, 1.0), ({"videocodecid": 7.0}, 4.0)):
        feed = SourceFeed()
        if said is not None:
            feed.add_message(RtmpMessage(DATA, 1, 0, encode_amf("onMetaData", said)), 0)
        fed(feed, [one for one in sound if one.time < 1500])
        assert feed.source(patience - 0.1) is None
        source = feed.source(patience + 0.1)
        assert source is not None
        assert source.alone
    given = Given()
    assert feed.begin_run(given.write, given.end, StillPicture(b"config", b"picture"))
    fed(feed, [one for one in sound if one.time >= 1500])
    assert len(given.times(PICTURE)) == pytest.approx(len(given.times(SOUND)) * 1024 / 48000 * 30, abs=2)
    fed(feed, [one for one in SENT if one.kind == VIDEO], began=4)
    assert given.ended == 1
    assert feed.source(9.0).alone is False  # type: ignore[union-attr]


def test_nothing_begins_without_a_key_frame() -> None:
    """Neither before the first one has come, nor from one that has been shown."""
    feed, given = SourceFeed(), Given()
    fed(feed, [one for one in SENT if one.time >= 100][:40])
    assert not feed.begin_run(given.write, given.end)
    feed = SourceFeed()
    fed(feed, SENT)
    feed.forget()
    assert not feed.begin_run(given.write, given.end)
    assert (given.data, given.ended) == (b"", 0)


def test_an_endless_group_is_not_kept(monkeypatch: Any) -> None:
    """An encoder that never sends another key frame: what is shown continues, and memory does not grow."""
    monkeypatch.setattr("media.ingest.source_feed.LONGEST_GOP_MS", 1000)
    feed = SourceFeed()
    fed(feed, messages(film(seconds=2, gop=300))[:20])
    given = running(feed)
    fed(feed, messages(film(seconds=4, gop=300))[20:])
    assert len(given.times(PICTURE)) == 120
    assert len(feed._gop) == 0


def test_frames_of_no_time_fill_no_memory() -> None:
    """A group of pictures has so many frames, whatever their times and sizes; the run continues."""
    feed = SourceFeed()
    fed(feed, [one for one in SILENT if one.time < 500])
    given = running(feed)
    for _ in range(MOST_IN_GOP + 100):
        feed.add_message(RtmpMessage(VIDEO, 1, 500, b"\x27\1\0\0\0x"), 0.5)
    assert feed.opening == b""
    assert given.ended == 0


def test_endless_metadata_is_not_read() -> None:
    """Four megabytes of nothing would keep every stream of the process waiting for half a second."""
    feed, endless = SourceFeed(), {f"{number}": "x" * 1000 for number in range(LARGEST_METADATA // 1000 + 1)}
    feed.add_message(
        RtmpMessage(DATA, 1, 0, encode_amf("@setDataFrame", "onMetaData", {"framerate": 25.0, **endless})), 0
    )
    assert feed.metadata == {}
    feed.add_message(
        RtmpMessage(DATA, 1, 0, encode_amf("@setDataFrame", "onMetaData", {"framerate": 25.0})), 0
    )
    assert feed.metadata == {"framerate": 25.0}


def test_a_picture_that_is_described_anew_again_and_again() -> None:
    """Twenty times in ten seconds an encoder may; in an hour, as often as it likes."""
    feed, (header,) = SourceFeed(), [one for one in SILENT if is_header(one)]
    for number in range(MOST_CHANGES + 1):
        feed.add_message(header._replace(body=header.body + bytes(number)), number)
    assert feed.trouble is None
    for number in range(MOST_CHANGES + 1):
        feed.add_message(header._replace(body=header.body + bytes(100 + number)), 100 + number / 10)
    assert feed.trouble is not None
