"""FFmpeg as a child process: started by argv, terminated on request, and killed with its parent. [hands]"""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
from asyncio.subprocess import DEVNULL, PIPE
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from weir.foundation.child_process import tethered
from weir.foundation.clock import monotonic
from weir.foundation.sandbox import confined

BEHIND, LAST = 10, 19  # how nice
MOST_MEMORY, MOST_FILES = 8 << 30, 256
# Of address space. 8192×4320 in high dynamic range with six rungs takes 4.4 GB on two cores, 4K takes 2.1;
# each core's threads add .14.
LIVE_MEMORY, LIVE_MEMORY_A_CORE = 6 << 30, 256 << 20
STARVED = ("cannot allocate memory", "malloc of size", "out of memory", "failed to allocate")
GRACE_S = 2.0
PIPE_BYTES = 1 << 20
ANSWER_BYTES = 1_048_576  # ffprobe says 1.3 KB of a track, and more where names are long
KEPT_ERRORS_BYTES = 1 << 16
MOST_LOOKS = 20
MOST_WAITING = 64 << 20  # bytes for a program that takes none: ten seconds and more of any encoder
STDERR_LINES, STDERR_CHARS = 20, 300


class OutputPipe:
    """What FFmpeg writes into one pipe. `room` is the pipe's capacity in bytes; data stays in the pipe until
    it is read."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor: int | None = descriptor
        self.room: int = fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)

    def read_nowait(self) -> bytes | None:
        """The bytes in the pipe; None when there are none, empty at the end."""
        if self._descriptor is None:
            return b""
        try:
            return os.read(self._descriptor, PIPE_BYTES)
        except BlockingIOError:
            return None

    async def read(self, look_s: float = 0.0) -> bytes:
        """The bytes in the pipe, empty at the end. While there are none it polls each `look_s` seconds.
        Without `look_s`, and after some time, the event loop watches the descriptor, which takes thirteen
        system calls where a poll takes one."""
        looks = MOST_LOOKS if look_s else 0
        while (data := self.read_nowait()) is None:
            if looks:
                looks -= 1
                await asyncio.sleep(look_s)
            else:
                await self._filled()
        return data

    async def _filled(self) -> None:
        loop, descriptor, filled = asyncio.get_running_loop(), self._descriptor, asyncio.Event()
        assert descriptor is not None
        loop.add_reader(descriptor, filled.set)
        try:
            await filled.wait()
        finally:
            loop.remove_reader(descriptor)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class ChildPipes(NamedTuple):
    """Descriptors that FFmpeg writes to: its output and its progress."""

    output: int
    progress: int


class FfmpegProcess:
    """One FFmpeg. `output` gives what it makes. As of the last `look`: `progress_at` when its output was last
    seen to have grown (monotonic), `done_s` how much media there is of it, `dropped` and `duplicated`
    frames that were left out or shown twice."""

    def __init__(self, process: asyncio.subprocess.Process, output: OutputPipe, progress: OutputPipe) -> None:
        self.output = output
        self._progress = progress
        self.progress_at = monotonic()
        self.done_s = 0.0
        self.dropped = self.duplicated = 0
        self.paused = False
        self.input: asyncio.WriteTransport | None = None
        self._torn = b""
        self._process = process
        self._said: deque[str] = deque(maxlen=STDERR_LINES)
        assert process.stderr is not None
        self._listener = asyncio.create_task(self._listen(process.stderr))

    def read_progress(self) -> None:
        """Reads FFmpeg's progress reports from their pipe. They are polled, because being woken for each took
        6 % of a stream's packager. Called at least once a part while parts arrive."""
        while data := self._progress.read_nowait():
            *lines, self._torn = (self._torn + data).split(b"\n")
            for line in lines:
                name, _, value = line.partition(b"=")
                if name == b"out_time_us":
                    with contextlib.suppress(ValueError):  # N/A before the first frame
                        self._reached(int(value) / 1_000_000)
                elif name == b"drop_frames":
                    self.dropped = int(value)
                elif name == b"dup_frames":
                    self.duplicated = int(value)

    def _reached(self, done_s: float) -> None:
        """A stalled FFmpeg reports times that vary by a millisecond. Only a time that grows is progress."""
        if done_s > self.done_s:
            self.done_s = done_s
            self.progress_at = monotonic()

    def write_input(self, data: bytes) -> None:
        """Writes to FFmpeg's standard input. A process that stops reading is killed, because the queue would
        only grow."""
        if self.input is None or self.input.is_closing():
            return
        self.input.write(data)
        if self.input.get_write_buffer_size() > MOST_WAITING:
            self.kill()

    def close_input(self) -> None:
        """Closes the standard input: FFmpeg processes what it has and exits."""
        if self.input is not None:
            self.input.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def last_error(self) -> str:
        """The last line of standard error. It never contains a key, because FFmpeg knows public names only."""
        return self._said[-1] if self._said else f"exit code {self._process.returncode}"

    @property
    def starved(self) -> bool:
        """True when FFmpeg has reached its memory limit."""
        return any(word in line.lower() for line in self._said for word in STARVED)

    async def stop(self) -> None:
        """Sends TERM, waits 2 s, sends TERM, waits 2 s, sends KILL to the whole group: FFmpeg that is blocked
        in a read ignores the first TERM and obeys the second. Returns when the process is reaped; its
        output cannot be read any more."""
        self.pause(False)
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self._process.returncode is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), GRACE_S)
        await self._process.wait()
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)
        self.close_input()
        for output in (self.output, self._progress):
            output.close()

    def terminate(self) -> None:
        """Sends TERM: FFmpeg writes what it has and exits. `stop` makes sure that it does."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)

    def pause(self, wanted: bool) -> None:
        """Stops all threads of the process, or continues them."""
        if wanted is not self.paused and self._process.returncode is None:
            self.paused = wanted
            self.progress_at = monotonic()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGSTOP if wanted else signal.SIGCONT)

    def kill(self) -> None:
        """Sends KILL, for a process that is stopped and would not handle TERM. `stop` reaps it."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> int:
        return await self._process.wait()

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        while data := await stderr.read(4096):
            self._said += [
                line[:STDERR_CHARS] for line in data.decode("utf-8", "replace").splitlines() if line.strip()
            ]


def cores_here() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def load_per_core() -> float:
    """Runnable processes per core of this machine, mean of the last minute."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


async def spawn(
    argv: Callable[[ChildPipes], list[str]], under: Sequence[str] = (), *, fed: bool = False
) -> FfmpegProcess:
    """Starts `argv` with the words `under` before it. `fed`: it reads from a pipe of ours. Errors: OSError."""
    pipes = [os.pipe() for _ in ChildPipes._fields]
    written = ChildPipes(*(write for _, write in pipes))
    theirs, ours = os.pipe() if fed else (DEVNULL, -1)
    try:
        for write in written:
            with contextlib.suppress(
                OSError
            ):  # beyond the user's share of pipe memory the small default has to do
                fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        process = await asyncio.create_subprocess_exec(
            *tethered([*under, *argv(written)]),
            stdin=theirs,
            stdout=DEVNULL,
            stderr=PIPE,
            pass_fds=written,
            start_new_session=True,
        )
    except BaseException:
        for read, _ in pipes:
            os.close(read)
        if fed:
            os.close(ours)
        raise
    finally:
        for write in written:
            os.close(write)
        if fed:
            os.close(theirs)
    child = FfmpegProcess(process, *(OutputPipe(read) for read, _ in pipes))
    if fed:
        with contextlib.suppress(OSError):
            fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        child.input, _ = await asyncio.get_running_loop().connect_write_pipe(
            asyncio.BaseProtocol, os.fdopen(ours, "wb", 0)
        )
    return child


def sandbox_for_file(file: Path) -> list[str]:
    """Words to put before a program that reads a stranger's file and writes to inherited descriptors."""
    return confined(read=(str(file),), memory=MOST_MEMORY, files=MOST_FILES, silent=True, nice=LAST)


def sandbox_for_pipe() -> list[str]:
    """Words to put before a program that reads standard input and writes to inherited descriptors: no files,
    no sockets, and a memory limit above what any ladder needs."""
    return confined(silent=True, memory=LIVE_MEMORY + cores_here() * LIVE_MEMORY_A_CORE)


async def capture_output(
    argv: Sequence[str], timeout_s: float, under: Sequence[str] = (), given: bytes | None = None
) -> bytes:
    """Standard output of a short program. `given` is its standard input. Empty when it fails, exceeds
    `timeout_s`, or prints more than 1 MB."""
    process = await asyncio.create_subprocess_exec(
        *tethered([*under, *argv]),
        stdin=DEVNULL if given is None else PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        if process.stdin is not None and given is not None:
            process.stdin.write(given)
            process.stdin.close()
        await asyncio.wait_for(process.stdout.readexactly(ANSWER_BYTES), timeout_s)
        return b""
    except asyncio.IncompleteReadError as end:
        return end.partial if await process.wait() == 0 else b""
    except TimeoutError:
        return b""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()  # a pipe that is not read to its end stays open


async def run_to_end(argv: Sequence[str], timeout_s: float, folder: Path, given: Path | None = None) -> str:
    """Runs a program on the files in a folder at low priority. Empty on success, else the reason. `given` is
    a stranger's file that it may read."""
    bounds = (
        confined(read=(str(given),), write=(str(folder),), memory=MOST_MEMORY, files=MOST_FILES, nice=LAST)
        if given
        else None
    )
    process, words = _begun([*(bounds or confined(write=(str(folder),), nice=BEHIND)), *argv])
    said = b""
    try:
        async with asyncio.timeout(timeout_s):
            while data := await words.read():
                said = (said + data)[-KEPT_ERRORS_BYTES:]
            code = await asyncio.to_thread(process.wait)
        lines = said.decode("utf-8", "replace").strip().splitlines()
        return "" if code == 0 else (lines[-1][:STDERR_CHARS] if lines else f"exit code {code}")
    except TimeoutError:
        return f"It took longer than {timeout_s:.0f} s."
    finally:
        words.close()
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.to_thread(process.wait)


def _begun(argv: Sequence[str]) -> tuple[subprocess.Popen[bytes], OutputPipe]:
    """The process and its standard error. Each stream runs one each ten seconds for its thumbnail. uvloop
    forks, which costs 2.5 ms for a process of our size; vfork costs .6 ms."""
    read, write = os.pipe()
    try:
        return subprocess.Popen(
            tethered(argv), stdin=DEVNULL, stdout=DEVNULL, stderr=write, start_new_session=True
        ), OutputPipe(read)
    except BaseException:
        os.close(read)
        raise
    finally:
        os.close(write)
