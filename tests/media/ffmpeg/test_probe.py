"""What is taken of what strangers send."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ffmpeg.probe import MediaFile, UnusableFile, parse_probe

VIDEO: dict[str, Any] = {
    "codec_type": "video",
    "codec_name": "h264",
    "width": 1280,
    "height": 720,
    "avg_frame_rate": "30000/1001",
}

SOUND: dict[str, Any] = {"codec_type": "audio", "codec_name": "aac"}


def said(*streams: dict[str, Any], duration: str | None = "61.5") -> bytes:
    return json.dumps(
        {"streams": list(streams), "format": {"duration": duration} if duration else {}}
    ).encode()


def test_a_film() -> None:
    """Size, frame rate, duration and whether there is sound."""
    film = parse_probe(said(VIDEO, SOUND))
    assert (film.source.width, film.source.height, film.source.audio, film.duration_s) == (
        1280,
        720,
        True,
        61.5,
    )
    assert film.source.frame_rate == pytest.approx(29.97, abs=0.001)


def test_how_a_picture_is_meant_to_be_seen() -> None:
    """A phone's turned picture is upright, pixels that are no squares become some, and a duration may be
    unknown."""
    turned = parse_probe(said({**VIDEO, "side_data_list": [{"rotation": -90}]}, duration=None))
    assert (turned.source.width, turned.source.height, turned.duration_s) == (720, 1280, None)
    wide = parse_probe(said({**VIDEO, "width": 720, "height": 576, "sample_aspect_ratio": "64:45"}))
    assert (wide.source.width, wide.source.height) == (1024, 576)


def test_of_many_tracks_one_picture_and_one_sound_are_shown() -> None:
    """The first that can be; covers, subtitles, fonts, time codes and sounds that are not read are passed
    over."""
    cover, other = (
        {**VIDEO, "codec_name": "mjpeg", "width": 4000, "height": 4000},
        {**VIDEO, "disposition": {"attached_pic": 1}},
    )
    rest = [
        {"codec_type": kind, "codec_name": name}
        for kind, name in (("subtitle", "ass"), ("attachment", "ttf"), ("data", "bin_data"))
    ]
    film = parse_probe(
        said(
            rest[0],
            cover,
            other,
            {**SOUND, "codec_name": "truehd"},
            VIDEO,
            *rest,
            {**SOUND, "codec_name": "dts"},
            SOUND,
        )
    )
    assert (film.picture, film.sound, film.source.width) == (4, 8, 1280)
    alone = parse_probe(said(cover))
    assert (alone.picture, alone.sound, alone.source.audio) == (0, None, False)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "unreadable"), (b"{", "unreadable"), (said(), "unreadable"),
        (said({"codec_type": "data", "codec_name": "bin_data"}), "no_video"),
        (said({**VIDEO, "disposition": {"attached_pic": 1}}), "no_video"), (said({**VIDEO, "width": 0}), "no_video"),
        (said({**VIDEO, "width": 20000, "height": 20000}), "too_large"), (said(VIDEO, duration="90000"), "too_long"),
        (said({**VIDEO, "codec_name": "png"}), "no_video"), (said(VIDEO, {**SOUND, "codec_name": "truehd"}), "unreadable"),
    ],
)  # fmt: skip
def test_refusals_have_stable_codes(answer: bytes, code: str) -> None:
    """And a sentence."""
    with pytest.raises(UnusableFile) as refusal:
        parse_probe(answer)
    assert refusal.value.code == code
    assert refusal.value.reason.endswith(".")


odd = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["1/0", "0/0", "nan", "30/1", "1:0"]),
)


@given(odd, odd, odd, odd)
def test_odd_numbers_are_survived(rate: Any, aspect: Any, rotation: Any, duration: Any) -> None:
    """Whatever a file claims, the answer is a film that can be planned for, or a refusal."""
    about = {
        **VIDEO,
        "avg_frame_rate": rate,
        "sample_aspect_ratio": str(aspect),
        "side_data_list": [{"rotation": rotation}],
    }
    try:
        film = parse_probe(json.dumps({"streams": [about], "format": {"duration": duration}}).encode())
    except UnusableFile as refusal:
        assert refusal.code == "too_long"
    else:
        assert isinstance(film, MediaFile)
        assert film.source.frame_rate >= 0
        assert min(film.source.width, film.source.height) >= 2
