"""docs/configuration.md, .env.example and docs/moderation.md, written from the code itself so that they can't drift."""

import json
from pathlib import Path
from typing import Any

from realtime.commands import FORMS
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
    return json.dumps(value) if isinstance(value, list | dict | bool) else str(value)


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


MODERATION_HEAD = """# Keeping order in a chat

Made by `make docs` from `realtime/commands.py`. Type a command into the chat, send it over the socket (`chat.command`) or by
REST: it is one grammar. USER is a name or an id, with or without `@`, in quotes when it has blanks; a name that several people
bear is answered with their ids. Durations are `30s 10m 2h 7d`. MSG and ACTION are ids (`msg_…`, `act_…`).

Roles: owner > moderator > vip > member > guest. Nobody acts on equals or betters. Every action has an id, an actor, a target,
a reason, a time and an expiry, and `/undo` takes it back. A ban acts on all nodes at once: the same atomic step that stores a
message checks it.

| command | who | what it does |
|---|---|---|
"""


def moderation() -> str:
    rows = (f"| `/{name}{' ' if form.usage else ''}{form.usage}` | {form.role} | {form.about} |" for name, form in FORMS.items())
    return MODERATION_HEAD + "\n".join(rows) + "\n"
