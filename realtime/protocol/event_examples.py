"""An example of each event that an app's log holds, made from its schema. [decision]"""

from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from realtime.protocol.event_schemas import EVENTS, Told, data_of

ID = "01jd3m8k0q7v9x2y4z6a8b0c2d"
WORDS: dict[str, Any] = {
    "stream": f"str_{ID}", "playback": f"ply_{ID}", "channel": f"chn_{ID}", "broadcast": f"brd_{ID}", "recording": f"rec_{ID}",
    "vod": f"vod_{ID}", "place": f"plc_{ID}", "source": f"plc_{ID}", "reservation": f"rsv_{ID}", "device": f"dev_{ID}",
    "webhook": f"whk_{ID}", "action": f"act_{ID}", "message": f"msg_{ID}", "session": f"ses_{ID}", "id": f"usr_{ID}",
    "url": "https://example.com/hook", "text": "Hello", "name": "Ann", "cid": "c1", "role": "member", "reason": "An example.",
    "file": "thumb.jpg", "starts": "2026-01-01T12:00:00.000Z", "ends": "2026-01-01T13:00:00.000Z", "at": "2026-01-01T12:00:00.000Z",
    "expires": "2026-01-01T13:00:00.000Z", "state": "occupied", "before": "free", "cause": "arrive", "kind": "ban", "epoch": "3kTMd91x",
    "quota": "messages", "duration_s": 61.5, "size": 48_211_334, "height": 720, "number": 7, "space": 3, "total": 40, "occupied": 12,
    "available": 28, "count": 1, "limit": 50_000, "seq": 42, "code": "storage_full", "user": f"usr_{ID}",
}  # fmt: skip
"""What a field of this name holds."""


def event_kinds() -> dict[str, tuple[str, dict[str, Any]]]:
    """By type, what it means and an example's data, of all events that have a place in an app's log."""
    found = {
        kind: (schema.about, _example(schema.model, data_of(schema)))
        for kind, schema in EVENTS.items()
        if not schema.ephemeral and "<" not in kind
    }
    custom = {"data": {"plate_number": "TEST123", "test": True}, "stream": WORDS["stream"]}
    return {**found, "custom.example": ("Published by the app itself.", custom)}


def _example(model: type[Told], fields: list[tuple[str, bool]]) -> dict[str, Any]:
    """Fields that are always there, and those that filters name."""
    shown = {
        name: _value(name, model.model_fields[name].annotation)
        for name, always in fields
        if always or name in ("stream", "place")
    }
    about_channel = {"stream", "user", "message", "users", "counts", "settings", "text"} & shown.keys()
    return {"channel": WORDS["channel"], **shown} if about_channel else shown


def _value(name: str, kind: Any) -> Any:
    """A value of a field's type; by its name where that says more."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _value(name, next(one for one in get_args(kind) if one is not type(None)))
    if origin is Literal:
        return get_args(kind)[0]
    if origin in (list, dict):
        return origin()
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {
            inner: _value(inner, one.annotation)
            for inner, one in kind.model_fields.items()
            if one.is_required()
        }
    plain = {int: 1, float: 1.0, bool: True, str: "example"}
    known = WORDS.get(name)
    return known if isinstance(known, kind) or (kind is float and known is not None) else plain[kind]
