"""Names and texts that people choose and other people read. Pure.

Refused: control characters (a NUL ends a text for some readers, an escape moves a terminal's cursor), the
marks that turn the direction of what follows (U+202A–202E, U+2066–2069: a name would change how the rest of
its line reads), and names of nothing that can be seen. A person's name has no characters without a width
either, but the joiners that scripts and emoji need, and at most MOST_MARKS marks on one letter: more would
cover the lines around it. All of this is removed from messages.
"""

import re
import unicodedata
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

_TURNING = "\\u202a-\\u202e\\u2066-\\u2069"
_LINE = f"^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029{_TURNING}]*$"
_TEXT = f"^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f{_TURNING}]*$"
_HTTPS = r"^https://[^\s<>\"'`\\@]+$"
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BREAKS = frozenset("\n\r\t")
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and signs that are drawn as nothing
_UNSEEN = frozenset(("Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp"))
MOST_MARKS = 3
MOST_LINES = 20
_JOINERS = frozenset(
    ("\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080)))
)  # the last ones spell the flags of regions


def _is_mark(character: str) -> bool:
    """True when it combines with the character before it."""
    return unicodedata.category(character) in ("Mn", "Me")


_BASIC = "".join(f"\\u{code:04x}" for code in range(0x10000) if _is_mark(chr(code)))
_EXCESS = re.compile(f"[{_BASIC}]{{{MOST_MARKS + 1},}}")
_RARE = re.compile(f"[\U000101fd-\U0001efff\U000e0100-\U000e01ef]{{{MOST_MARKS + 1},}}")
"""Beyond the basic plane a class of all marks would cost 0.7 us a character, so runs are looked at more
closely."""
_NOISE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
_ENDS = re.compile("\r\n?|[\u2028\u2029]")
_PLAIN = re.compile("[\t\n\x20-\x7e]*[!-~][\t\n\x20-\x7e]*")


def _check(text: str, allowed: frozenset[str]) -> None:
    for character in text:
        if character in _TURNS:
            raise ValueError("characters that turn the direction of writing are not taken")
        if unicodedata.category(character) in ("Cc", "Zl", "Zp") and character not in allowed:
            raise ValueError("control characters are not taken")


def one_line(text: str) -> str:
    """Errors: ValueError."""
    _check(text, frozenset())
    if text and all(one in _BLANK or unicodedata.category(one) in _UNSEEN for one in text):
        raise ValueError("nothing of this can be seen")
    return text


def text(text: str) -> str:
    """Errors: ValueError."""
    _check(text, _BREAKS | {"\u2028", "\u2029"})
    return text


def person_name(text: str) -> str:
    """A person's name, composed (NFC), without surrounding blanks and with single ones inside. Errors:
    ValueError."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    one_line(text)
    if any(unicodedata.category(one) == "Cf" and one not in _JOINERS for one in text):
        raise ValueError("characters that can't be seen are not taken")
    if _bounded(text) != text:
        raise ValueError(f"a letter may have {MOST_MARKS} marks")
    return unicodedata.normalize("NFC", " ".join(text.split()))


def cleaned_name(text: str) -> str:
    """The nearest valid name to `text`; empty where nothing is left."""
    kept = "".join(one for one in text if one.isprintable() or one in _JOINERS or one.isspace())
    kept = _bounded("".join(" " if one.isspace() else one for one in kept))
    try:
        return person_name(kept)
    except ValueError:
        return ""


def message_text(text: str) -> str:
    """A message, without what could cover, reverse or end what others read. Line ends stay. Errors:
    ValueError for a text without visible characters, and for more than MOST_LINES lines."""
    if not _PLAIN.fullmatch(text):
        text = _bounded(_NOISE.sub("", _ENDS.sub("\n", text)))
        if all(one in _BLANK or unicodedata.category(one) in _UNSEEN for one in text):
            raise ValueError("a message needs some text")
    if text.count("\n") >= MOST_LINES:
        raise ValueError(f"a message may have {MOST_LINES} lines")
    return text


def _bounded(text: str) -> str:
    """With at most MOST_MARKS marks on one letter."""
    return _RARE.sub(lambda run: _few(run[0]), _EXCESS.sub(lambda run: run[0][:MOST_MARKS], text))


def _few(text: str) -> str:
    kept, row = list[str](), 0
    for one in text:
        row = row + 1 if _is_mark(one) else 0
        if row <= MOST_MARKS:
            kept.append(one)
    return "".join(kept)


def https_url(text: str) -> str:
    """The address of something on the web, as a page may link to it. Errors: ValueError."""
    try:
        parts = urlsplit(text)
        named = parts.scheme == "https" and parts.hostname and parts.port != 0
    except ValueError:
        named = False
    if not named or parts.username is not None or not re.fullmatch(_HTTPS, text):
        raise ValueError("this is no address that begins with https:// and names a host")
    return text


def folded(name: str) -> str:
    """The same value for names that look the same: regardless of case, blanks, and how letters are composed."""
    kept = "".join(one for one in name if unicodedata.category(one) != "Cf") if not name.isascii() else name
    return unicodedata.normalize("NFC", " ".join(kept.casefold().split()))


Line = Annotated[str, AfterValidator(one_line), Field(json_schema_extra={"pattern": _LINE})]
"""A title: one line."""

PersonName = Annotated[str, AfterValidator(person_name), Field(json_schema_extra={"pattern": _LINE})]
"""What a person is called."""

Text = Annotated[str, AfterValidator(text), Field(json_schema_extra={"pattern": _TEXT})]
"""A description: line breaks and tabs are taken."""

HttpsUrl = Annotated[
    str, AfterValidator(https_url), Field(max_length=500, json_schema_extra={"pattern": _HTTPS})
]
"""An address that pages of ours may show to visitors: https, a host, nobody's password."""

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Metadata = Annotated[dict[_Name, Annotated[Text, Field(max_length=500)]], Field(max_length=20)]
"""What an app notes with an object of ours, for itself: up to 20 texts by name. Lists are filtered by it."""
