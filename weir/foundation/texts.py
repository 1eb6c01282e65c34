"""Names and texts that people choose and other people read. Pure.

Refused: control characters (a NUL ends a text for some readers, an escape moves a terminal's cursor), the marks that turn the
direction of what follows (U+202A–202E, U+2066–2069: a name would change how the rest of its line reads), and names of nothing that
can be seen.
"""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

_TURNING = "\\u202a-\\u202e\\u2066-\\u2069"
_LINE = f"^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029{_TURNING}]*$"
_TEXT = f"^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f{_TURNING}]*$"
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BREAKS = frozenset("\n\r\t")
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and signs that are drawn as nothing
_UNSEEN = frozenset(("Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp"))


def _check(text: str, allowed: frozenset[str]) -> None:
    for character in text:
        if character in _TURNS:
            raise ValueError("characters that turn the direction of writing are not taken")
        if unicodedata.category(character) in ("Cc", "Zl", "Zp") and character not in allowed:
            raise ValueError("control characters are not taken")


def line(text: str) -> str:
    """Errors: ValueError."""
    _check(text, frozenset())
    if text and all(one in _BLANK or unicodedata.category(one) in _UNSEEN for one in text):
        raise ValueError("nothing of this can be seen")
    return text


def text(text: str) -> str:
    """Errors: ValueError."""
    _check(text, _BREAKS | {"\u2028", "\u2029"})
    return text


def folded(name: str) -> str:
    """Names that are the same to whoever reads them: whatever their case, their blanks, and how their letters are composed."""
    return unicodedata.normalize("NFC", " ".join(name.casefold().split()))


Line = Annotated[str, AfterValidator(line), Field(json_schema_extra={"pattern": _LINE})]
"""A name or title: one line."""

Text = Annotated[str, AfterValidator(text), Field(json_schema_extra={"pattern": _TEXT})]
"""A description: line breaks and tabs are taken."""
