"""RTMP as bytes: what is written is read again, however it is cut and mixed, and nonsense is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ingest.rtmp import (
    ABORT,
    AUDIO,
    SET_CHUNK_SIZE,
    VIDEO,
    Demuxer,
    RtmpError,
    RtmpMessage,
    chunks,
    decode_amf,
    encode_amf,
)

MESSAGE = st.builds(
    RtmpMessage,
    st.sampled_from((AUDIO, VIDEO, 18, 20)),
    st.integers(0, 9),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=700),
)
VALUE = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=4),
    max_leaves=8,
)


def read(data: bytes, step: int = 1 << 20) -> list[RtmpMessage]:
    demuxer = Demuxer()
    return [message for at in range(0, len(data), step) for message in demuxer.feed(data[at : at + step])]


@given(
    st.lists(MESSAGE, max_size=8),
    st.integers(1, 300),
    st.sampled_from((3, 63, 64, 319, 320, 65599)),
    st.integers(1, 900),
)
def test_what_is_written_is_read(sent: list[RtmpMessage], chunk_size: int, channel: int, step: int) -> None:
    """In any chunk size, on any chunk stream, cut anywhere; times beyond 24 bits too."""
    head = chunks(RtmpMessage(SET_CHUNK_SIZE, 0, 0, chunk_size.to_bytes(4, "big")), 2)
    data = head + b"".join(chunks(message, channel, chunk_size) for message in sent)
    assert read(data, step)[1:] == sent


def test_messages_in_turns() -> None:
    """Chunks of two messages on two chunk streams, one after the other; short headers repeat what the one
    before said."""
    one, two = RtmpMessage(VIDEO, 1, 100, bytes(range(200))), RtmpMessage(AUDIO, 1, 90, bytes(150))
    first, second = chunks(one, 4), chunks(two, 5)
    mixed = first[: 12 + 128] + second[: 12 + 128] + first[12 + 128 :] + second[12 + 128 :]
    again = (
        b"\x84\0\0\x0a" + one.body[:128] + b"\xc4" + one.body[128:]
    )  # ten milliseconds later, the rest as before
    assert read(mixed + again) == [one, two, one._replace(time=110)]


def test_an_aborted_message_is_forgotten() -> None:
    """What comes after it on the same chunk stream is a message of its own."""
    one = RtmpMessage(VIDEO, 1, 5, bytes(200))
    half = chunks(one, 4)[: 12 + 128]
    assert read(half + chunks(RtmpMessage(ABORT, 0, 0, bytes((0, 0, 0, 4))), 2) + chunks(one, 4))[1:] == [one]


@pytest.mark.parametrize("data", [
    b"\xc5rest",  # starts without a message header
    b"\x04" + bytes(3) + b"\xff\xff\xff" + b"\x09" + bytes(4),  # 16 MB and more… the largest there is
    chunks(RtmpMessage(SET_CHUNK_SIZE, 0, 0, bytes(4)), 2),  # chunks of nothing
])  # fmt: skip
def test_nonsense_is_refused_or_waited_for(data: bytes) -> None:
    """No answer is made up, and nothing grows beyond the largest message."""
    try:
        assert read(data) == []
    except RtmpError as error:
        assert str(error)


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_any_bytes_are_survived(pieces: list[bytes]) -> None:
    """Messages, or an RtmpError."""
    demuxer = Demuxer()
    try:
        for piece in pieces:
            list(demuxer.feed(piece))
    except RtmpError as error:
        assert str(error)


@given(st.lists(VALUE, max_size=4))
def test_values_are_read_as_written(values: list[object]) -> None:
    """AMF0, nested."""
    assert decode_amf(encode_amf(*values)) == values


@given(st.binary(max_size=80))
def test_any_amf_is_survived(body: bytes) -> None:
    """Values, or an RtmpError."""
    try:
        decode_amf(body)
    except RtmpError as error:
        assert str(error)


def test_too_deep_is_refused() -> None:
    """Deeply nested objects do not exhaust the stack."""
    with pytest.raises(RtmpError, match="too deep"):
        decode_amf(b"\3\0\1a" * 500)
