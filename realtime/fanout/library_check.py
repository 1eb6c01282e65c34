"""Checks that the libraries are those that the fast path was written for, once, when a server is created.
[hands]

The versions are pinned exactly; this recognises an installation that has others. What the fast path
replaces or relies on is compared by its source text, so a change that keeps every name is recognised too,
and costs speed instead of messages.
"""

import inspect
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import engineio
import structlog
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

STANDS_ON: tuple[tuple[Callable[..., Any], str], ...] = (
    (WebSocketsSansIOProtocol.__init__, "f90916a5"),
    (WebSocketsSansIOProtocol.connection_lost, "5b1997de"),
    (WebSocketsSansIOProtocol.resume_writing, "83658160"),
    (WebSocketsSansIOProtocol.pause_writing, "3b26cc6f"),
    (WebSocketsSansIOProtocol.eof_received, "3a667110"),
    (WebSocketsSansIOProtocol.shutdown, "9130bc11"),
    (WebSocketsSansIOProtocol.handle_connect, "8cd32ee8"),
    (WebSocketsSansIOProtocol.handle_close, "4c37177b"),
    (WebSocketsSansIOProtocol.data_received, "d19e0ece"),
    (WebSocketsSansIOProtocol.handle_events, "9ed1bb68"),
    (WebSocketsSansIOProtocol.handle_ping, "3c826a05"),
    (WebSocketsSansIOProtocol.handle_pong, "6175a831"),
    (WebSocketsSansIOProtocol.handle_cont, "91f1e643"),
    (WebSocketsSansIOProtocol.send_receive_event_to_app, "1c01b363"),
    (WebSocketsSansIOProtocol.handle_parser_exception, "ec6151d5"),
    (WebSocketsSansIOProtocol.run_asgi, "3d4df437"),
    (WebSocketsSansIOProtocol.send, "f2346f2f"),
    (WebSocketsSansIOProtocol.receive, "a020abd9"),
    (engineio.AsyncServer.handle_request, "7a15541b"),
    (engineio.AsyncServer._handle_connect, "ba3448cc"),
    (engineio.AsyncServer._trigger_event, "78f18489"),
    (engineio.AsyncServer.disconnect, "62357f5d"),
    (engineio.AsyncServer.send, "34003a85"),
    (engineio.AsyncServer.shutdown, "55f9e4c2"),
    (engineio.AsyncServer._service_task, "19fdbff5"),
    (engineio.AsyncServer._get_socket, "2e78b6a7"),
)
log = structlog.get_logger("realtime.fanout")


def fingerprint(function: Callable[..., Any]) -> str:
    """Eight hexadecimal digits of a function's source text. Errors: OSError where the source is not
    installed."""
    return blake2b(inspect.getsource(function).encode(), digest_size=4).hexdigest()


def fits() -> bool:
    """False, with a warning that names what has changed, when the stock path must be used."""
    changed = [function.__qualname__ for function, expected in STANDS_ON if not _same(function, expected)]
    if changed:
        log.warning(
            "fanout.fast_path_off",
            changed=changed,
            effect="a delivery costs several times more CPU; nothing else changes",
        )
    return not changed


def _same(function: Callable[..., Any], expected: str) -> bool:
    try:
        return fingerprint(function) == expected
    except (OSError, TypeError):
        return False
