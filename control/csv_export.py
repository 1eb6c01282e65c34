"""Answers as CSV (RFC 4180)."""

import csv
import io
from typing import Any

import orjson

from control import models
from weir.foundation.http.routing import Answer


def as_csv(rows: list[dict[str, Any]], shape: type[models.AnswerModel], following: str | None) -> Answer:
    """A page as a table; the next page's cursor is in the header `Next-Cursor`. A cell that a spreadsheet
    would read as a formula starts with a quote."""
    text = io.StringIO()
    table = csv.DictWriter(text, list(shape.model_fields))
    table.writeheader()
    for row in rows:
        table.writerow({name: _cell(value) for name, value in row.items()})
    return Answer(
        text.getvalue(),
        headers={"Next-Cursor": following} if following else {},
        media_type="text/csv; charset=utf-8",
    )


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
