"""The threads that read an SQLite file. What waits together is read in one go and answered in one go.

A change of threads costs 150 µs on the measured machine and a point read 12 µs, so one answer at a time
would be mostly waiting: 3,700 point reads a second with 50 callers, 9,500 together.
"""

import queue
import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

from weir.foundation.documents.sqlite_queue import Waiting, WorkQueue
from weir.foundation.documents.sqlite_writer import unavailable

TOGETHER = 16  # more would delay the first of them


class Readers:
    """One thread for each of `connections`, which it owns. `ask` reads what is committed now."""

    def __init__(self, connections: Sequence[sqlite3.Connection]) -> None:
        self._queue = WorkQueue()
        self.ask = self._queue.ask
        self._threads = [
            threading.Thread(target=self._run, args=[connection], name="documents-reader", daemon=True)
            for connection in connections
        ]
        for thread in self._threads:
            thread.start()

    async def close(self) -> None:
        await self._queue.close(self._threads)

    def _run(self, connection: sqlite3.Connection) -> None:
        going = True
        while going:
            taken, going = self._together()
            self._queue.answer(taken, [_attempt(connection, *one) for one in taken])
        connection.close()

    def _together(self) -> tuple[list[Waiting], bool]:
        """What waits now, at least one, and whether to continue afterwards."""
        taken: list[Waiting] = []
        waiting = self._queue.first()
        while waiting is not None:
            taken.append(waiting)
            if len(taken) == TOGETHER:
                break
            try:
                waiting = self._queue.next()
            except queue.Empty:
                break
        return taken, waiting is not None


def _attempt(connection: sqlite3.Connection, answer: Any, work: Any) -> Any:
    """The result, or the exception that its caller gets."""
    if answer.cancelled():
        return None
    try:
        return work(connection)
    except sqlite3.Error as error:
        return unavailable(error)
    except Exception as error:  # it belongs to the caller; the thread continues
        return error
