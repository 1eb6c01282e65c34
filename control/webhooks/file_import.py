"""Endpoints from a file of the operator's: INI with `[webhooks]` and a `[[name]]` for each. [work]

    [webhooks]
    [[parkpow]]
    preset = parkpow
    header = Authorization: Token ${PARKPOW_TOKEN}
    image = yes
    image_type = car

The file is read at each start and when it changes. A section that is changed changes its endpoint, one that is
new makes one, one that is gone disables it; what is changed by the API stays until its section changes.
"""

import hashlib
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog
from configobj import ConfigObj, ConfigObjError
from pydantic import ValidationError

from control.webhooks.documents import WEBHOOKS, WebhookDoc
from control.webhooks.models import ChangeWebhook, NewWebhook
from control.webhooks.service import Webhooks
from weir.foundation.audit import COMMAND_LINE
from weir.foundation.documents import Store
from weir.foundation.errors import Invalid, Refused
from weir.foundation.ids import new_id
from weir.foundation.settings import Settings, SettingsError, expanded
from weir.foundation.tenancy.collections import APPS

LARGEST = 256 * 1024
PRESETS: dict[str, dict[str, str]] = {
    "parkpow": {
        "url": "https://app.parkpow.com/api/v1/webhook-receiver/",
        "types": "custom.*, partner.*, stream.*",
        "image": "yes",
        "image_type": "car",
    }
}
KEYS = frozenset(
    ("preset", "url", "header", "headers", "image", "image_type", "types", "events", "filter", "description", "app", "ordered",
     "concurrency", "rate", "enabled")
)  # fmt: skip
LEFT = "It is no longer in the configuration file."
YES, NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0", "")
log = structlog.get_logger("webhooks")


@dataclass(frozen=True)
class Section:
    """`app` is empty for the installation's first app; `digest` is of what is written, before `${…}`."""

    name: str
    app: str
    fields: dict[str, Any]
    digest: str


def read_sections(path: Path) -> list[Section]:
    """The endpoints of a file. Errors: SettingsError with a sentence that names the file and what to do."""
    try:
        mode, text = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: it can't be read: {error.strerror}.") from None
    if len(text) > LARGEST:
        raise SettingsError(f"{path}: it is larger than {LARGEST // 1024} KB.")
    try:
        parsed = ConfigObj(text.decode().splitlines(), interpolation=False, list_values=False)
    except (ConfigObjError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None
    found = parsed.get("webhooks", {})
    if not isinstance(found, Mapping):
        raise SettingsError(f"{path}: [webhooks] must be a section with a [[name]] for each endpoint.")
    if mode & (stat.S_IRGRP | stat.S_IROTH) and _has_secrets(found):
        raise SettingsError(f"{path} holds a token and others can read it. Type: chmod 600 {path}")
    return [_section(path, name, values) for name, values in found.items()]


def _has_secrets(sections: Mapping[str, Any]) -> bool:
    """Whether a header is written out; one that comes from the environment is no secret of the file."""
    return any(
        value and "${" not in value
        for values in sections.values()
        if isinstance(values, Mapping)
        for key, value in values.items()
        if key in ("header", "headers")
    )


def _section(path: Path, name: str, values: Any) -> Section:
    if not isinstance(values, Mapping):
        raise SettingsError(f"{path}: {name} under [webhooks] must be a section: [[{name}]].")
    if unknown := set(values) - KEYS:
        raise SettingsError(
            f"{path}: [[{name}]] has the unknown key {min(unknown)}; known are {', '.join(sorted(KEYS))}."
        )
    preset = values.get("preset", "")
    if preset and preset not in PRESETS:
        raise SettingsError(
            f"{path}: [[{name}]] names the unknown preset {preset}; known: {', '.join(PRESETS)}."
        )
    raw = {**PRESETS.get(preset, {}), **values}
    try:
        known = {key: expanded(value) for key, value in raw.items()}
        fields = _fields(known)
        NewWebhook.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(one) for one in first["loc"])
        raise SettingsError(f"{path}: [[{name}]] {where}: {first['msg']}.") from None
    except (SettingsError, ValueError) as error:
        raise SettingsError(f"{path}: [[{name}]] {error}") from None
    digest = hashlib.sha256(orjson.dumps(known, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Section(name, known.get("app", ""), fields, digest)


def _fields(known: Mapping[str, str]) -> dict[str, Any]:
    """As POST /v1/webhooks takes them."""
    types = [
        one.strip() for one in (known.get("types") or known.get("events") or "*").split(",") if one.strip()
    ]
    fields: dict[str, Any] = {"url": known.get("url", ""), "types": types}
    headers = dict(_header(one) for one in (known.get("header"), known.get("headers")) if one)
    authorization = headers.pop("authorization", None)
    if authorization is not None:
        fields["auth"] = {"kind": "header", "name": "Authorization", "value": authorization}
    if headers:
        fields["headers"] = headers
    if _is_on("image", known.get("image", "")):
        fields["image"] = {"type": known.get("image_type") or "full"}
    for key in ("filter", "description"):
        if known.get(key):
            fields[key] = known[key]
    for key in ("concurrency", "rate"):
        if known.get(key):
            fields[key] = int(known[key])
    for key in ("ordered", "enabled"):
        if key in known:
            fields[key] = _is_on(key, known[key])
    return fields


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not value.strip():
        raise ValueError(f"header: write it as Name: value, not {name[:20]!r}.")
    return name.strip().lower(), value.strip()


def _is_on(key: str, value: str) -> bool:
    if value.lower() in YES:
        return True
    if value.lower() in NO:
        return False
    raise ValueError(f"{key}: write yes or no.")


class WebhookFile:
    """Keeps endpoints as the operator's file has them."""

    def __init__(self, webhooks: Webhooks, *, store: Store, settings: Settings) -> None:
        self._webhooks = webhooks
        self._all = store.operator()
        self._settings = settings
        self._applied: tuple[str, int] | None = None
        self._told = ""

    async def follow(self) -> None:
        """Periodic: applies the file when it is new or has changed."""
        path = self._settings.webhook_config
        if path is None:
            return
        try:
            seen = str(path), path.stat().st_mtime_ns
            if seen == self._applied:
                return
            done = await self.apply(read_sections(path))
            if done is not None:
                self._applied = seen
                log.info("webhooks.file_applied", file=str(path), endpoints=done)
        except (SettingsError, Refused, OSError) as error:
            if str(error) != self._told:
                log.error("webhooks.file_refused", reason=str(error))
            self._told = str(error)

    async def apply(self, sections: list[Section], *, only: bool = False) -> int | None:
        """How many endpoints the file has; None when there is no app yet. With `only`
        those that it does not have stay as they are. Errors: Invalid, Conflict, Unavailable."""
        first = await self._first_app()
        wanted: dict[tuple[str, str], Section] = {}
        for section in sections:
            app = section.app or first
            if app is None:
                return None
            if await self._all.get(APPS, app) is None:
                raise Invalid(f"[[{section.name}]]: there is no app {app}.")
            wanted[(app, section.name)] = section
        for (app, name), section in wanted.items():
            await self._put(app, name, section)
        for doc in [] if only else (await self._all.find(WEBHOOKS, {}, limit=10_000)).data:
            if doc.get("name") and (doc["app"], doc["name"]) not in wanted and doc["enabled"]:
                await self._webhooks.disable(doc, LEFT)
        return len(wanted)

    async def _first_app(self) -> str | None:
        page = await self._all.find(APPS, {}, sort="created", limit=1)
        return page.data[0]["id"] if page.data else None

    async def _put(self, app: str, name: str, section: Section) -> None:
        known: WebhookDoc | None = await self._all.find_one(WEBHOOKS, {"app": app, "name": name})
        if known is None:
            fields = NewWebhook.model_validate(section.fields).model_dump()
            fields["file"] = section.digest
            await self._webhooks.create(app, new_id("whk"), fields, COMMAND_LINE, name)
        elif known.get("file") != section.digest:
            fresh = ChangeWebhook.model_validate(
                {**section.fields, "enabled": section.fields.get("enabled", True)}
            )
            given = fresh.model_dump(exclude_unset=True)
            emptied = {"headers": {}, "auth": {"kind": "none"}, "image": None, "filter": None}
            await self._webhooks.change(known, {**emptied, **given, "file": section.digest}, COMMAND_LINE)
