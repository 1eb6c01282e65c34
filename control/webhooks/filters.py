"""CEL filters on events: `type` and `data`. Pure.

Filters are customers' and run inside the application, so only what compares is taken: names, numbers, plain
texts, operators and a few functions that are linear in the event (500 characters over 16 KB take 8 ms at most;
nested macros over a list took seconds). Whatever else the language has – macros, `+`, `matches`, comments, raw and
triple-quoted texts – is not among these words.
"""

import re
from functools import lru_cache
from typing import Any

import cel

from weir.foundation.errors import Invalid

LONGEST = 500
FUNCTIONS = frozenset(("has", "size", "startsWith", "endsWith", "contains", "int", "double", "string"))
_WORD = re.compile(
    r"""\s*(?:
      (?P<name>[A-Za-z_][A-Za-z0-9_]*) | (?P<number>[0-9]+(?:\.[0-9]+)?) | (?P<text>'[^'"\\\n]*'|"[^'"\\\n]*")
      | (?P<sign>&&|\|\||==|!=|<=|>=|[<>!.,()\[\]?:-])
    )""",
    re.X,
)
NO_VALUE = (ValueError, TypeError, RuntimeError, LookupError, ArithmeticError)


def check_filter(expression: str) -> None:
    """Errors: Invalid for what is no expression, and for what is not offered here."""
    refusal = f"at most {LONGEST} characters" if len(expression) > LONGEST else _unknown(expression)
    if not refusal:
        try:
            cel.compile(expression)
        except ValueError as error:
            refusal = f"this is not a CEL expression: {' '.join(str(error).split())[:300]}"
    if refusal:
        raise Invalid(f"filter: {refusal}.", fields=[{"field": "filter", "detail": refusal}])


def _unknown(expression: str) -> str:
    """What is in an expression that a filter may not have; empty for nothing."""
    place, before, called = 0, "", ""
    text = expression.strip()
    while place < len(text):
        word = _WORD.match(text, place)
        if word is None:
            return f"{text[place : place + 10].split()[0]!r} is not offered in filters"
        if word["text"] and before in ("name", "text"):
            return "texts are written 'like this'"
        if word["sign"] == "(" and before == "name" and called not in FUNCTIONS | {"in"}:
            return f"{called}() is not offered in filters; these are: {', '.join(sorted(FUNCTIONS))}"
        before, called = str(word.lastgroup), word["name"] or ""
        place = word.end()
    return ""


def passes(expression: str | None, kind: str, data: dict[str, Any]) -> bool:
    """Whether an event passes. One for which the expression has no value (a field is missing) does not."""
    if not expression:
        return True
    try:
        return _program(expression).execute({"type": kind, "data": data}) is True
    except NO_VALUE:
        return False


@lru_cache(maxsize=1024)
def _program(expression: str) -> Any:
    return cel.compile(expression)
