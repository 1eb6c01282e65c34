"""Names and texts: what is taken, and what nobody could read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.foundation.texts import _LINE, _TEXT, line, text

FINE = ["", "Ann", "Grüße, 世界", "שלום", "👩‍🚀 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "a\u200db", "é", "e\u0301", "…", "\u200eabc"]
BAD = ["\x00", "a\x07", "\x1b[31m", "a\x7fb", "\x9b", "\u202e", "a\u2066b", "\u200b", "\u3164\u3164", "\u0301", "\ufeff"]


@pytest.mark.parametrize("value", FINE)
def test_what_people_write_is_taken(value: str) -> None:
    assert line(value) == text(value) == value


@pytest.mark.parametrize("value", BAD)
def test_a_name_that_nobody_could_read_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"characters|seen"):
        line(value)


def test_a_description_has_lines() -> None:
    """And no other control characters."""
    assert text("one\r\n\ttwo") == "one\r\n\ttwo"
    for value in ("one\ntwo", "\u2028"):
        with pytest.raises(ValueError, match="control"):
            line(value)
    with pytest.raises(ValueError, match="control"):
        text("a\x0b")


@given(st.text())
def test_the_documented_pattern_says_the_same(value: str) -> None:
    """But for names of nothing that can be seen, which no pattern says in short."""
    for check, pattern in ((line, _LINE), (text, _TEXT)):
        fits = re.fullmatch(pattern.encode().decode("unicode_escape"), value, re.DOTALL) is not None
        try:
            check(value)
        except ValueError as error:
            assert not fits or "seen" in str(error)
        else:
            assert fits
