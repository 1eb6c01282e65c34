"""Documents as BSON bytes, the form both stores keep: exact types, and twice as fast to page through as JSON
text."""

from typing import Any

import bson
from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.int64 import Int64

from weir.foundation.documents import Doc

LARGEST_BYTES = 16 * 1024 * 1024


class _PlainInt(TypeDecoder):
    """Decodes large integers as int, not as bson's subclass of it."""

    bson_type = Int64

    def transform_bson(self, value: Any) -> int:
        return int(value)


CODEC: CodecOptions[Doc] = CodecOptions(type_registry=TypeRegistry([_PlainInt()]))


def encode(doc: Doc) -> bytes:
    """Errors: ValueError above 16 MiB, MongoDB's limit, so that no installation holds what another can't."""
    raw = bson.encode(doc)
    if len(raw) > LARGEST_BYTES:
        raise ValueError(f"a document may have {LARGEST_BYTES} bytes, this one has {len(raw)}")
    return raw


def decode(raw: bytes) -> Doc:
    return bson.decode(raw, CODEC)
