"""Work for threads that own SQLite connections: bounded, answered in groups, and never a hang for who asked."""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from weir.foundation.documents import StoreUnavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]
Waiting = tuple["asyncio.Future[Any]", Work]

WAITING = 4096  # operations in the queue; beyond that, callers are refused
ANSWER_S = 30.0  # a disk that hangs must not hang its callers


class WorkQueue:
    """Between the loop that asks and the threads that take. None in the queue orders one thread to stop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: queue.Queue[Waiting | None] = queue.Queue(WAITING)
        self._closed = False

    async def ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `work` on a thread's connection. Errors: what `work` raises; StoreUnavailable."""
        if self._closed:
            raise StoreUnavailable("The document store is closed.")
        answer: asyncio.Future[T] = self._loop.create_future()
        try:
            self._queue.put_nowait((answer, work))
        except queue.Full:
            raise StoreUnavailable("Too much is waiting for the document store.") from None
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError:
            raise StoreUnavailable("The disk of the document store does not answer.") from None

    def first(self) -> Waiting | None:
        """Waits for work. A thread calls this."""
        return self._queue.get()

    def next(self) -> Waiting | None:
        """Work that waits already. Errors: queue.Empty."""
        return self._queue.get_nowait()

    def answer(self, taken: Sequence[Waiting], outcomes: Sequence[Any]) -> None:
        """Gives each caller its result, or the exception that is its outcome; one wake-up of the loop for
        all."""
        with contextlib.suppress(RuntimeError):  # the loop has ended; no task waits
            self._loop.call_soon_threadsafe(_answer, taken, outcomes)

    async def close(self, threads: Sequence[threading.Thread]) -> None:
        """Refuses what comes from now on, and ends the threads after what waits."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._stop, threads)

    def _stop(self, threads: Sequence[threading.Thread]) -> None:
        for _ in threads:
            with contextlib.suppress(queue.Full):
                self._queue.put(None, timeout=ANSWER_S)
        for thread in threads:
            thread.join(ANSWER_S)


def _answer(taken: Sequence[Waiting], outcomes: Sequence[Any]) -> None:
    for (answer, _), outcome in zip(taken, outcomes, strict=True):
        if answer.done():
            continue  # the caller has given up
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
