"""Names and texts: what is accepted, and what is unreadable."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.foundation.texts import (
    _LINE,
    _TEXT,
    MOST_LINES,
    MOST_MARKS,
    cleaned_name,
    folded,
    https_url,
    message_text,
    one_line,
    person_name,
    text,
)

FINE = ["", "Ann", "Grüße, 世界", "שלום", "👩‍🚀 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "a\u200db", "é", "e\u0301", "…", "\u200eabc"]
BAD = [
    "\x00",
    "a\x07",
    "\x1b[31m",
    "a\x7fb",
    "\x9b",
    "\u202e",
    "a\u2066b",
    "\u200b",
    "\u3164\u3164",
    "\u0301",
    "\ufeff",
]


@pytest.mark.parametrize("value", FINE)
def test_what_people_write_is_taken(value: str) -> None:
    assert one_line(value) == text(value) == value


@pytest.mark.parametrize("value", BAD)
def test_a_name_that_nobody_could_read_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"characters|seen"):
        one_line(value)


def test_a_description_has_lines() -> None:
    """And no other control characters."""
    assert text("one\r\n\ttwo") == "one\r\n\ttwo"
    for value in ("one\ntwo", "\u2028"):
        with pytest.raises(ValueError, match="control"):
            one_line(value)
    with pytest.raises(ValueError, match="control"):
        text("a\x0b")


@given(st.text())
def test_the_documented_pattern_says_the_same(value: str) -> None:
    """But for names of nothing that can be seen, which no pattern says in short."""
    for check, pattern in ((one_line, _LINE), (text, _TEXT)):
        fits = re.fullmatch(pattern.encode().decode("unicode_escape"), value, re.DOTALL) is not None
        try:
            check(value)
        except ValueError as error:
            assert not fits or "seen" in str(error)
        else:
            assert fits


@pytest.mark.parametrize(
    ("given_name", "taken"),
    [
        ("Ann", "Ann"),
        ("  Ann   Lee ", "Ann Lee"),
        ("e\u0301", "é"),
        ("نور الهدى", "نور الهدى"),
        ("👩‍🚀", "👩‍🚀"),
        ("می‌خواهم", "می‌خواهم"),
        ("", ""),
    ],
)
def test_a_persons_name_is_composed_and_trimmed(given_name: str, taken: str) -> None:
    assert person_name(given_name) == cleaned_name(given_name) == taken


@pytest.mark.parametrize(
    ("bad", "kept"),
    [
        ("Ann\x00", "Ann"),
        ("\u202eecila", "ecila"),
        ("A\u200bnn", "Ann"),
        ("\ufeffAnn", "Ann"),
        ("An\u00adn", "Ann"),
        ("\u200d", ""),
        ("\u3164", ""),
        ("a" + "\u0301" * 60, person_name("a" + "\u0301" * 3)),
        ("a" + "\U0001e8d0" * 60, "a" + "\U0001e8d0" * 3),
        ("line\nend", "line end"),
        ("\x1b]0;x\x07", "]0;x"),
    ],
)
def test_a_name_that_hides_something_is_refused_or_cleaned(bad: str, kept: str) -> None:
    """Refused of an app, cleaned of a guest."""
    with pytest.raises(ValueError, match=r"characters|seen|marks"):
        person_name(bad)
    assert cleaned_name(bad) == kept


@given(st.text())
def test_whatever_is_cleaned_is_a_name(value: str) -> None:
    """And stays as it is."""
    kept = cleaned_name(value)
    assert person_name(kept) == cleaned_name(kept) == kept


def test_names_that_read_the_same_are_folded_together() -> None:
    assert len({folded(one) for one in ("Ann Lee", "ann  LEE", "Ann\u200b Lee", " Ann Lee\ufeff")}) == 1
    assert folded("e\u0301") == folded("É")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("hello\nworld", "hello\nworld"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("nul\x00 and \x1b[31mred", "nul and [31mred"),
        ("\u202ereversed", "reversed"),
        ("x" + "\u0301" * 500 + "y", "x" + "\u0301" * MOST_MARKS + "y"),
        ("👩‍🚀 שלום", "👩‍🚀 שלום"),
        ("\u202a\u2069ok", "ok"),
    ],
)
def test_what_is_said_covers_nothing(typed: str, shown: str) -> None:
    """Line ends stay; what would end, turn or cover what others read goes."""
    assert message_text(typed) == shown


@pytest.mark.parametrize(
    "nothing", ["", "  ", "\n\n", "\u200b", "\u2060\u3164", "\x00\x1b", "\u0301", "\u202e"]
)
def test_nothing_that_can_be_seen_is_not_said(nothing: str) -> None:
    with pytest.raises(ValueError, match="some text"):
        message_text(nothing)


def test_lines_are_bounded() -> None:
    assert message_text("x\n" * (MOST_LINES - 1))
    for end in ("\n", "\r\n", "\u2028"):
        with pytest.raises(ValueError, match="lines"):
            message_text(f"x{end}" * MOST_LINES)


@given(st.text())
def test_what_was_cleaned_is_clean(value: str) -> None:
    try:
        once = message_text(value)
    except ValueError:
        return
    assert message_text(once) == once


@pytest.mark.parametrize(
    "url",
    ["https://a.example", "https://a.example:8443/ü?x=1#y", "https://[2001:db8::1]/", "https://1.2.3.4/"],
)
def test_an_address_that_pages_may_show(url: str) -> None:
    assert https_url(url) == url


@pytest.mark.parametrize(
    "url",
    ["", "https://", "https:///x", "http://a.example", "HTTPS://a.example", "//a.example", "javascript:alert(1)", "https://u@a.example/",
     "https://u:p@a.example/", "https://a.example/ x", "https://a.example/\n", 'https://a.example/"', "https://a.example/<x>", "https://[x",
     "https://a.example:99999/", "https://a.example:0/", "data:text/html,x", "https://a.example\\@evil.example"],
)  # fmt: skip
def test_an_address_that_pages_may_not_show(url: str) -> None:
    with pytest.raises(ValueError, match="this is no address"):
        https_url(url)
