"""docs/configuration.md and .env.example, written from the settings themselves so that they can't drift."""

import json
from pathlib import Path
from typing import Any

from weir.foundation.settings import PREFIX, Settings

HEAD = """# Configuration

Made by `weir settings`; change `weir/foundation/settings.py`, not this file.

A setting comes from, first wins: a command-line option · the environment variable · the environment variable with `_FILE`
behind it (its value is the path of a file that holds the value, for secrets) · `--config FILE` (TOML, lower-case names
without `WEIR_`) · a file `.env` in the working folder · the default.

| setting | default | meaning |
|---|---|---|
"""
ENV_HEAD = """# Every setting of Weir with its default. Copy to .env and take away the # of what you change.
# Made by `weir settings --env`.
"""


def _default(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, Path):
        inside = value.is_absolute()
        return "player/dist" if inside else str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return json.dumps(value) if isinstance(value, list | bool) else str(value)


def configuration() -> str:
    rows = (
        f"| `{PREFIX}{name.upper()}` | {f'`{_default(one.default)}`' if _default(one.default) else '–'} | {one.description} |"
        for name, one in Settings.model_fields.items()
    )
    return HEAD + "\n".join(rows) + "\n"


def env_example() -> str:
    return ENV_HEAD + "".join(
        f"\n# {one.description}\n#{PREFIX}{name.upper()}={_default(one.default)}\n" for name, one in Settings.model_fields.items()
    )
