"""Runs mappings in child processes of their own, so that an expression that never ends, or that wants all memory, ends its process and
nothing else.

A mapping gets CPU_S of processor time – not of the clock, so that a machine that is busy with pictures refuses nothing – and
MEMORY bytes. Measured: 60 to 90 µs an evaluation of a small body, 21 ms with 5,000 objects (210 KB); a process starts in 90 ms and
takes 33 MB; four nested macros over 1,000 elements end after 0.6 s.
"""

import asyncio
import contextlib
import os
import signal
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
import structlog

from weir.foundation.child_process import tethered
from weir.foundation.clock import monotonic
from weir.foundation.errors import Unavailable
from weir.foundation.sandbox import confined

CPU_S, MEMORY, FILES = 0.5, 512 << 20, 32
DEADLINE_S = 10.0
PROCESSES = 2
REQUESTS = 10_000
REST_S = 30.0
MOST_RESTING = 1_000
WORKER = Path(__file__).with_name("mapping_worker.py")
log = structlog.get_logger("control.inbound")


class TooCostly(Exception):
    """The mapping took more processor time or memory than it may; the message is a sentence."""


@dataclass
class _Worker:
    """`left`: how many more requests it is used for, since memory that was used once is not given back."""

    process: Process
    left: int = REQUESTS


class MappingEvaluator:
    """Errors of the verbs: TooCostly; Unavailable when no process answers.

    `subject` names whose mapping it is, with its revision: one that was stopped is not tried again for REST_S,
    since each try costs the others half a second of a process."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        self._free = asyncio.Semaphore(PROCESSES)
        self._resting: dict[str, float] = {}

    async def check(self, expressions: list[tuple[str, str]]) -> list[dict[str, Any]]:
        """What is wrong with expressions, by their path; empty when all can be compiled."""
        answer = await self._ask({"check": expressions})
        return list(answer["errors"])

    async def evaluate(self, subject: str, mapping: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """`id` and `outcomes`, or `errors`, as `mapping_worker` gives them."""
        if self._resting.get(subject, 0.0) > monotonic():
            raise TooCostly(
                f"This mapping was stopped within the last {REST_S:.0f} s because it took too much; mend it."
            )
        try:
            return await self._ask({"mapping": mapping, "data": data})
        except TooCostly:
            if len(self._resting) >= MOST_RESTING:
                self._resting.clear()
            self._resting[subject] = monotonic() + REST_S
            raise

    async def close(self) -> None:
        while self._idle:
            await _end(self._idle.pop().process)

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        written = orjson.dumps(request)
        async with self._worker() as process:
            try:
                async with asyncio.timeout(DEADLINE_S):
                    assert process.stdin is not None
                    process.stdin.write(struct.pack(">I", len(written)) + written)
                    await process.stdin.drain()
                    answer: dict[str, Any] = orjson.loads(await _read(process))
                    return answer
            except (asyncio.IncompleteReadError, ConnectionError):
                raise await _ended(process) from None
            except TimeoutError:
                raise Unavailable(
                    "The machine is too busy to evaluate the mapping; try again.", retry_after=5
                ) from None

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[Process]:
        """A process that nobody else uses; it is used again unless something went wrong."""
        async with self._free:
            worker = self._rested() or _Worker(await _start())
            worker.left -= 1
            try:
                yield worker.process
            except BaseException:
                await _end(worker.process)
                raise
            if worker.left:
                self._idle.append(worker)
            else:
                await _end(worker.process)

    def _rested(self) -> _Worker | None:
        """One that waits and is alive."""
        while self._idle:
            worker = self._idle.pop()
            if worker.process.returncode is None:
                return worker
        return None


async def _start() -> Process:
    """A process that is ready. Errors: Unavailable."""
    packages = _packages()
    argv = confined(read=(packages, str(WORKER)), memory=MEMORY, files=FILES, silent=True)
    argv += [os.path.realpath(sys.executable), "-I", "-S", str(WORKER), packages, str(CPU_S)]
    process = await asyncio.create_subprocess_exec(*tethered(argv), stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
    try:
        async with asyncio.timeout(DEADLINE_S):
            await _read(process)
    except (asyncio.IncompleteReadError, TimeoutError):
        await _end(process)
        log.error("mapping.process_not_started", code=process.returncode)
        raise Unavailable("Mappings can't be evaluated now; try again.", retry_after=10) from None
    except BaseException:
        await _end(process)
        raise
    return process


async def _read(process: Process) -> bytes:
    """Errors: IncompleteReadError when the process has ended."""
    assert process.stdout is not None
    (length,) = struct.unpack(">I", await process.stdout.readexactly(4))
    return await process.stdout.readexactly(length)


def _packages() -> str:
    """The folder of the installed packages, which the process may read."""
    found = find_spec("cel")
    assert found is not None, "the package is a dependency"
    assert found.origin is not None
    return os.path.realpath(Path(found.origin).parents[1])


async def _ended(process: Process) -> Exception:
    """Why a process has ended in the middle of its work."""
    code = await process.wait()
    if code == -signal.SIGPROF:
        return TooCostly(f"This mapping took more than {CPU_S} s of processor time with this body.")
    if code == -signal.SIGKILL:  # somebody else's doing: the kernel's, for want of memory
        return Unavailable("The mapping could not be evaluated; try again.", retry_after=1)
    log.warning("mapping.process_ended", code=code)
    if code == -signal.SIGABRT:
        return TooCostly("This mapping took too much memory with this body.")
    return TooCostly("This mapping ended its process with this body.")


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
