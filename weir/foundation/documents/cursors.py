"""Cursors: the position where a page ended, opaque to callers and valid for the same query only."""

import base64
import binascii
import json
from hashlib import blake2b
from typing import Any

from weir.foundation.documents import Between, Doc, OneOf
from weir.foundation.documents.schema import Order, Spec, Where, check_value, typed_at
from weir.foundation.errors import Invalid

After = tuple[Any, str]
"""The last document of a page: (value of its sort field or None, id)."""


def cursor_after(doc: Doc, spec: Spec, where: Where, order: Order) -> str:
    text = json.dumps(
        [_query_mark(spec, where, order), typed_at(doc, order.by, spec.kinds[order.by]), doc["id"]]
    )
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def opened(cursor: str, spec: Spec, where: Where, order: Order) -> After:
    """Errors: errors.Invalid for what is not a cursor of this query."""
    try:
        mark, value, doc_id = json.loads(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        )
        check_value([value, doc_id])
        fits = value is None or typed_at({"at": value}, "at", spec.kinds[order.by]) is not None
        if mark == _query_mark(spec, where, order) and type(doc_id) is str and fits:
            return value, doc_id
    except (ValueError, TypeError, binascii.Error, RecursionError):
        pass
    raise Invalid("This cursor does not belong to this query.")


def _query_mark(spec: Spec, where: Where, order: Order) -> str:
    asked = sorted((path, _plain(wanted)) for path, wanted in where)
    return blake2b(repr((spec.name, asked, order)).encode(), digest_size=8).hexdigest()


def _plain(wanted: Any) -> str:
    if isinstance(wanted, OneOf):
        return repr(sorted(map(repr, wanted.values)))
    return repr((wanted.at_least, wanted.below)) if isinstance(wanted, Between) else repr(wanted)
