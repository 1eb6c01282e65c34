"""One ordered, pipelined connection to one Redis process. [hands]

All commands of one loop tick leave in one write and replies come back in that order: 27 µs of a node's CPU
a message, against 122 for redis-py's pool (2 cores, loopback). A TCP connection belongs to one Redis
process, so the incarnation read right after connecting holds for everything sent on it. What is unanswered
when the link breaks, or after ANSWER_S of silence, fails as `unavailable`: it may have happened or not.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha1
from typing import Any, cast

import hiredis
import structlog

from weir.foundation.errors import Unavailable
from weir.foundation.redis.scripts import script_bytes

ANSWER_S = 1.5
MOST_UNANSWERED = 20_000
MESSAGE, LEFT = b"smessage", b"sunsubscribe"
STORAGE_FULL = ("OOM", "MISCONF")
WRONG_SERVER = ("READONLY", "MOVED", "LOADING", "MASTERDOWN", "NOAUTH")
INCARNATION = b"<incarnation>"
"""Stands in a command for the incarnation of whichever Redis process the command is sent to; known by
identity."""

Argument = str | bytes | int
Push = Callable[["RedisLink", list[bytes]], None]
log = structlog.get_logger("realtime.redis")


@dataclass(frozen=True)
class Script:
    source: bytes
    sha: str


def load_script(name: str) -> Script:
    """The Lua script realtime/log/lua/NAME.lua."""
    source = script_bytes("realtime.log", name)
    return Script(source, sha1(source, usedforsecurity=False).hexdigest())  # the name that EVALSHA asks for


def encode(arguments: tuple[Argument, ...], incarnation: str = "") -> bytes:
    """One command in RESP."""
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        given = incarnation if argument is INCARNATION else argument
        raw = given if isinstance(given, bytes) else str(given).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(parts)


def lost() -> Unavailable:
    return Unavailable("The message log did not answer; send again with the same cid.", retry_after=1)


class RedisLink(asyncio.Protocol):
    """One TCP or unix connection. `incarnation` names the Redis process and its history; empty until it is
    read. `on_push` gets what Redis pushes: messages of subscriptions, and the end of those whose slot has
    moved away. `heard` is the time of the last bytes received, in the loop's seconds."""

    def __init__(self, on_push: Push | None = None) -> None:
        self.incarnation = ""
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.heard = self._loop.time()
        self._reader = hiredis.Reader()
        self._unanswered: deque[tuple[asyncio.Future[Any], float, bytes]] = deque()
        self._outgoing: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._on_push = on_push

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def connection_lost(self, exc: Exception | None) -> None:
        unanswered, self._unanswered = self._unanswered, deque()
        for future, _, _ in unanswered:
            if not future.done():
                future.set_exception(lost())
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        self.heard = self._loop.time()
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                self._take(reply)
        except (hiredis.ProtocolError, IndexError):
            self.abort()  # bytes that are no answer to anything we asked

    def _take(self, reply: Any) -> None:
        if self._on_push is not None and isinstance(reply, list) and reply and self._unasked(reply):
            self._on_push(self, reply)
            return
        future, _, _ = self._unanswered.popleft()
        if future.done():
            return
        if isinstance(reply, hiredis.ReplyError):
            future.set_exception(reply)
        else:
            future.set_result(reply)

    def _unasked(self, reply: list[Any]) -> bool:
        """A subscription ends as the answer to SUNSUBSCRIBE, or by itself when its slot moves to another
        master."""
        return reply[0] == MESSAGE or (
            reply[0] == LEFT and not (self._unanswered and self._unanswered[0][2] == reply[1])
        )

    def command(self, *arguments: Argument) -> "asyncio.Future[Any]":
        """Sends; the future has the reply. Errors: Unavailable, hiredis.ReplyError."""
        if self.closed.done() or len(self._unanswered) >= MOST_UNANSWERED:
            raise lost()
        return self._send(arguments)

    def subscribe(self, shard: str) -> "asyncio.Future[Any]":
        """Subscribes to a shard channel; the future has Redis' confirmation. No bound: all are renewed at
        once on a new link."""
        return self._send(("SSUBSCRIBE", shard))

    def unsubscribe(self, shard: str) -> None:
        ignore(self._send(("SUNSUBSCRIBE", shard), shard.encode()))

    def _send(self, arguments: tuple[Argument, ...], left: bytes = b"") -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = self._loop.create_future()
        if self.closed.done():
            future.set_exception(lost())
            return future
        self._unanswered.append((future, self._loop.time(), left))
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(encode(arguments, self.incarnation))
        return future

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if self._transport is not None and not self.closed.done():
            self._transport.write(b"".join(outgoing))

    def silent(self) -> bool:
        """True when the oldest question has waited too long: a stopped server, a black hole."""
        return bool(self._unanswered) and self._loop.time() - self._unanswered[0][1] > ANSWER_S

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def run(self, script: Script, keys: tuple[str, ...], *arguments: Argument) -> Any:
        """Runs a script, loading it where this Redis does not have it yet. Errors: Unavailable."""
        try:
            return await self.evaluate(script, keys, arguments)
        except hiredis.ReplyError as error:
            raise self.meaning(error) from error

    async def evaluate(
        self, script: Script, keys: tuple[str, ...], arguments: tuple[Argument, ...], asking: bool = False
    ) -> Any:
        """The same; `asking` for a slot that is on its way to this master. Errors: Unavailable,
        hiredis.ReplyError."""
        try:
            self._asking(asking)
            return await self.command("EVALSHA", script.sha, len(keys), *keys, *arguments)
        except hiredis.ReplyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        await self.command("SCRIPT", "LOAD", script.source)
        self._asking(asking)
        return await self.command("EVALSHA", script.sha, len(keys), *keys, *arguments)

    async def ask(self, *arguments: Argument) -> Any:
        """One command's reply. Errors: Unavailable."""
        try:
            return await self.command(*arguments)
        except hiredis.ReplyError as error:
            raise self.meaning(error) from error

    async def inquire(self, arguments: tuple[Argument, ...], asking: bool = False) -> Any:
        """The same; `asking` as in `evaluate`. Errors: Unavailable, hiredis.ReplyError."""
        self._asking(asking)
        return await self.command(*arguments)

    def _asking(self, asking: bool) -> None:
        """Holds for the one command sent right after it."""
        if asking:
            ignore(self.command("ASKING"))

    def meaning(self, error: Exception) -> Unavailable:
        """What a refusal by Redis means to a caller; a link to the wrong server is given up."""
        text = str(error)
        log.error("redis.refused", error=text)
        if any(word in text for word in STORAGE_FULL):
            return Unavailable("The message log has no room.", code="storage_full")
        if text.startswith(WRONG_SERVER):
            self.abort()
        return lost()


def ignore(reply: "asyncio.Future[Any]") -> None:
    """Nobody waits for this reply."""
    reply.add_done_callback(lambda done: done.cancelled() or done.exception())
