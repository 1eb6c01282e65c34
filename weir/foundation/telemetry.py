"""Logs: structured, to standard error, and without secrets whatever a caller puts in."""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

import structlog

from weir.foundation.settings import Settings

_ID = "[0-9a-hjkmnp-tv-z]{26}"
_DOT = r"(?:\.|%2[eE])"  # nginx writes a request line as it came: a client may have escaped the dots
_SECRETS = re.compile(
    rf"eyJ[\w-]{{8,}}{_DOT}[\w-]+{_DOT}[\w-]+"  # a JWT
    r"|(?<=/hls/)[^/\s\"]{40,}"  # any text in the place of a playback token
    rf"|(?<={_ID}_{_ID}_)[0-9A-Za-z]{{16,}}"  # the secret part of a stream key
    rf"|(?<=ses_{_ID}\.)\d+\.[0-9A-Za-z]{{16,}}"  # a refresh token
    r"|(?<=weir_sk_)[\w]{20,}|(?<=whsec_)[\w+/=]{16,}"
    r"|(?<=secret=)[^&\s\"']+|(?<=token=)[^&\s\"']{16,}|"
    r"(?<=setup=)\w+|(?<=reset=)\w{16,}|(?<=verify=)\w{16,}|(?<=invitation=)\w{16,}|(?<=(?i:bearer) )[^\s\"',]{16,}"
)


REQUEST_ID: ContextVar[str] = ContextVar("request_id")
"""Of the HTTP request that is being answered; every log line about it has this id."""


def redact(text: str) -> str:
    """The text with every token, stream key and API key in it replaced by `[redacted]`."""
    return _SECRETS.sub("[redacted]", text)


def _with_request_id(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    request_id = REQUEST_ID.get(None)
    if request_id is not None:
        entry.setdefault("request_id", request_id)
    return entry


def _redact_event(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in entry.items():
        if isinstance(value, str):
            entry[name] = redact(value)
    return entry


def configure_logs(settings: Settings) -> None:
    """Text on a terminal, JSON elsewhere; the loggers of libraries log from `warning` on, to the same place."""
    terminal = sys.stderr.isatty() if settings.log_format == "auto" else settings.log_format == "text"
    shared: list[Any] = [
        _with_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=terminal) if terminal else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("uvicorn", "uvicorn.error", "uvicorn.access", "socketio", "engineio", "asyncio", "pymongo"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
