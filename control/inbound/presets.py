"""Ready-made mappings, each with what its vendor sends. One JSON file each in `presets/`."""

from importlib.resources import files
from typing import Any, TypedDict

import orjson


class PresetDoc(TypedDict):
    """`auth` is how the vendor signs, as `SourceAuth.stored` gives it; `sample` with `query` and `headers` is what it sends."""

    title: str
    note: str
    auth: dict[str, Any]
    mapping: dict[str, Any]
    sample: Any
    query: dict[str, str]
    headers: dict[str, str]


def _loaded() -> dict[str, PresetDoc]:
    folder = files(__package__) / "presets"
    paths = sorted((one for one in folder.iterdir() if one.name.endswith(".json")), key=lambda one: one.name)
    return {path.name.removesuffix(".json"): orjson.loads(path.read_bytes()) for path in paths}


PRESETS = _loaded()
