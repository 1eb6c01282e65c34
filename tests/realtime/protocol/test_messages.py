"""Requests are checked strictly, and errors name the field."""

import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol.envelope import (
    PAGE_BYTES,
    PAGE_EVENTS,
    Entry,
    cursor,
    envelope,
    page,
    parse_cursor,
    parse_entry,
    tail,
)
from realtime.protocol.messages import History, Join, Send, check, deeper_than
from weir.foundation.errors import Invalid, Refused
from weir.foundation.ids import new_id

CHANNEL = new_id("chn")
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(PLAIN, lambda one: st.lists(one) | st.dictionaries(st.text(), one))
SEND = {"channel": CHANNEL, "cid": "c", "text": "hi"}


@pytest.mark.parametrize(
    ("model", "data", "code", "named"),
    [
        (Join, None, "invalid", "object"),
        (Join, [CHANNEL], "invalid", "object"),
        (Join, {}, "invalid", "channel"),
        (Join, {"channel": "chn_short"}, "invalid", "channel"),
        (Join, {"channel": 7}, "invalid", "channel"),
        (Join, {"channel": CHANNEL, "seq": -1}, "invalid", "seq"),
        (Join, {"channel": CHANNEL, "seq": "1"}, "invalid", "seq"),
        (Join, {"channel": CHANNEL, "seq": 2**60}, "invalid", "seq"),
        (Join, {"channel": CHANNEL, "epok": "x"}, "invalid", "epok"),
        (Send, {**SEND, "cid": ""}, "invalid", "cid"),
        (Send, {**SEND, "cid": "x" * 37}, "invalid", "cid"),
        (Send, {**SEND, "text": " \n"}, "invalid", "text"),
        (Send, {**SEND, "text": ["hi"]}, "invalid", "text"),
        (Send, {**SEND, "text": "é" * 2049}, "too_large", "text"),
        (Send, {**SEND, "reply_to": "msg_1"}, "invalid", "reply_to"),
        (Send, {**SEND, "picture_time": 1.5}, "invalid", "picture_time"),
        (History, {"channel": CHANNEL, "limit": 0}, "invalid", "limit"),
        (History, {"channel": CHANNEL, "limit": 201}, "invalid", "limit"),
    ],
)
def test_a_bad_request_is_refused_by_name(model, data, code, named):
    """The refusal has a stable code and names the field."""
    with pytest.raises(Refused) as refused:
        check(model, data)
    assert refused.value.code == code
    assert named in refused.value.detail


def test_the_longest_text_is_taken():
    """A text of exactly 4 KB and a cid of 36 characters pass."""
    assert check(Send, {**SEND, "text": "é" * 2048, "cid": "x" * 36}).text == "é" * 2048


@given(JSON)
def test_any_json_is_taken_or_refused(data):
    """No JSON value makes the check fail in another way than by a refusal."""
    for model in (Join, Send, History):
        with contextlib.suppress(Refused):
            check(model, data)


def test_depth_is_bounded():
    """Sixteen levels pass, seventeen do not, a thousand do no harm."""
    value: object = 1
    for depth in range(1, 1001):
        value = [value] if depth % 2 else {"k": value}
        assert deeper_than(value, 16) == (depth > 16)


@given(st.text(alphabet="abcXYZ019", min_size=1, max_size=8), st.integers(0, 2**53))
def test_a_cursor_comes_back(epoch, seq):
    """What a cursor says is what was put into it."""
    assert parse_cursor(cursor(epoch, seq)) == (epoch, seq)


@given(st.text(max_size=40))
def test_a_foreign_cursor_is_invalid(text):
    """Any other text is refused or read as a position, never a failure."""
    with contextlib.suppress(Invalid):
        parse_cursor(text)


@given(st.lists(st.integers(1, 80_000), max_size=250))
def test_a_page_is_bounded_and_never_empty(sizes):
    """A page has at most 200 events and 256 KB, but at least one event, and is the beginning of what there
    is."""
    entries = [Entry(number, number - 1, "e", "t", b"x" * size) for number, size in enumerate(sizes, 1)]
    cut = page(entries)
    assert cut == entries[: len(cut)]
    assert len(cut) <= PAGE_EVENTS
    assert sum(len(entry.body) for entry in cut) <= PAGE_BYTES or len(cut) == 1
    assert bool(cut) == bool(entries)


@given(st.text(max_size=50), st.integers(1, 2**53), st.integers(0, 2**53))
def test_an_entry_is_read_as_written(text, seq, prev):
    """The log's text form keeps head and envelope apart whatever the message says."""
    body = b'{"seq":1,' + tail("msg_1", "chat.message.new", "chn_1", {"text": text, "reply_to": None})
    entry = parse_entry(b"%d %d ep chat.message.new " % (seq, prev) + body)
    assert (entry.seq, entry.prev, entry.epoch, entry.type) == (seq, prev, "ep", "chat.message.new")
    assert orjson.loads(entry.body) == {
        "seq": 1,
        "id": "msg_1",
        "type": "chat.message.new",
        "channel": "chn_1",
        "text": text,
    }


def test_an_ephemeral_envelope_has_no_seq():
    """Times are RFC 3339 with milliseconds."""
    assert orjson.loads(envelope("evt_1", "viewer.count.update", 1_700_000_000_123, count=1)) == {
        "id": "evt_1", "type": "viewer.count.update", "at": "2023-11-14T22:13:20.123Z", "count": 1,
    }  # fmt: skip
