"""Members on python-engineio's own path: polling clients, upgrades, TLS and compression. [hands]

What is sent is in the socket's queue when the call returns; a task of the library writes it.
"""

import asyncio
from typing import Any

import engineio.packet
import structlog
from engineio.async_socket import AsyncSocket
from engineio.exceptions import EngineIOError

from realtime.fanout.fast_socket import MOST_BEHIND, MOST_BEHIND_BYTES

FEW = 16
log = structlog.get_logger("realtime.fanout")


def put(socket: Any, message: bytes) -> None:
    """Queues one Engine.IO message, `2[…]`."""
    socket.queue.put_nowait(engineio.packet.Packet(engineio.packet.MESSAGE, message.decode()))


def reads(socket: Any) -> bool:
    """False for a socket that ends, or has more than 256 packets or 1 MB unread."""
    return not (socket.closed or socket.closing or _overfull(socket.queue))


def _overfull(queue: "asyncio.Queue[Any]") -> bool:
    """The size is computed only where more than a few packets wait."""
    waiting = queue.qsize()
    if waiting <= FEW:
        return False
    packets = queue._queue  # type: ignore[attr-defined]
    return (
        waiting >= MOST_BEHIND
        or sum(len(one.data) for one in packets if one is not None and one.data) > MOST_BEHIND_BYTES
    )


def drop(socket: Any, environ: dict[str, Any] | None) -> asyncio.Future[None]:
    """Ends a connection that does not read, and frees its queue. The client reconnects and resumes from where
    it was."""
    log.warning("fanout.slow_reader", connection=socket.sid)
    while not socket.queue.empty():
        socket.queue.get_nowait()
        socket.queue.task_done()
    line = environ["asgi.scope"].get("weir.line") if environ else None
    if line is not None:
        line.abort()
    ending: asyncio.Future[None] = asyncio.ensure_future(socket.close(wait=False, abort=True))
    return ending


async def take(socket: Any, environ: dict[str, Any]) -> None:
    """A polling client's POST. What is no payload, or too large, ends the session and is answered 400 at
    once: the library would answer 200 after a traceback, or wait until the client has read the close
    packet. A client that posts requests and never fetches the answers is ended too. Where the POST ends
    the session, a waiting GET is answered, instead of being held for another interval and timeout.

    Errors: EngineIOError."""
    try:
        await AsyncSocket.handle_post_request(socket, environ)
        if _overfull(socket.queue):
            raise EngineIOError("answers are not fetched")
    except (EngineIOError, ValueError, LookupError) as error:
        await socket.close(wait=False, abort=True)
        raise EngineIOError(str(error)) from None
    finally:
        if socket.closed:
            socket.queue.put_nowait(None)
