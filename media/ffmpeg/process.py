"""FFmpeg as a child process: started by argv, watched, and gone when we say so – or when we die."""

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
ANSWER_BYTES = 1 << 16
MOST_LOOKS = 20
MOST_WAITING = 64 << 20  # bytes for a program that takes none: ten seconds and more of any encoder
STDERR_LINES, STDERR_CHARS = 20, 300


class OutputPipe:
    """What FFmpeg writes into one pipe, whose `room` is in bytes. It stays there until somebody asks for it."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor: int | None = descriptor
        self.room: int = fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)

    def read_nowait(self) -> bytes | None:
        """What has come; None when nothing has, empty at the end."""
        if self._descriptor is None:
            return b""
        try:
            return os.read(self._descriptor, PIPE_BYTES)
        except BlockingIOError:
            return None

    async def read(self, look_s: float = 0.0) -> bytes:
        """What has come, empty at the end. Where nothing has, it looks again each `look_s`; without, and
        after a while, the loop tells it, which takes thirteen calls of the kernel where a look takes one."""
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
    """Descriptors that an FFmpeg writes to: what it makes, and its progress."""

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
        """Reads what it has told of its progress: it waits in its pipe, since to be woken for it took 6 % of
        a stream's packager. `out_time_us` stands still while nothing is encoded, though reports may keep
        coming."""
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
        """FFmpeg that stands still tells times that flicker by a millisecond: only a time that has grown is
        progress."""
        if done_s > self.done_s:
            self.done_s = done_s
            self.progress_at = monotonic()

    def write_input(self, data: bytes) -> None:
        """Bytes for its standard input. One that takes none any more is killed: what waits would only grow."""
        if self.input is None or self.input.is_closing():
            return
        self.input.write(data)
        if self.input.get_write_buffer_size() > MOST_WAITING:
            self.kill()

    def close_input(self) -> None:
        """The end of its input: it makes what it has and ends by itself."""
        if self.input is not None:
            self.input.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def last_error(self) -> str:
        """The last line of standard error; it never holds a key, because FFmpeg knows public names only."""
        return self._said[-1] if self._said else f"exit code {self._process.returncode}"

    @property
    def starved(self) -> bool:
        """It has met the bound of its memory."""
        return any(word in line.lower() for line in self._said for word in STARVED)

    async def stop(self) -> None:
        """TERM, 2 s, TERM, 2 s, KILL to its whole group: FFmpeg that is blocked in an RTMP read ignores the
        first TERM and obeys the second. Returns when it is reaped; nothing can be read from it any more."""
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
        """Asks it to write what it has and end; `stop` sees to it that it does."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)

    def pause(self, wanted: bool) -> None:
        """Stands still, all of its threads, until it may go on."""
        if wanted is not self.paused and self._process.returncode is None:
            self.paused = wanted
            self.progress_at = monotonic()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGSTOP if wanted else signal.SIGCONT)

    def kill(self) -> None:
        """For a process that stands still and would not hear TERM; `stop` reaps it."""
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
    """Processes that want to run, the last minute's mean, per core of this machine."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


async def spawn(
    argv: Callable[[ChildPipes], list[str]], under: Sequence[str] = (), *, fed: bool = False
) -> FfmpegProcess:
    """Starts the program that `argv` names, with the words `under` before it; `fed` by its standard input.
    Errors: OSError."""
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
    """Words before a program that reads what a stranger has sent, and writes into what it has inherited."""
    return confined(read=(str(file),), memory=MOST_MEMORY, files=MOST_FILES, silent=True, nice=LAST)


def sandbox_for_pipe() -> list[str]:
    """Words before a program that is given its input and writes into what it has inherited: no file, no
    socket, and no more memory than any ladder needs."""
    return confined(silent=True, memory=LIVE_MEMORY + cores_here() * LIVE_MEMORY_A_CORE)


async def capture_output(
    argv: Sequence[str], timeout_s: float, under: Sequence[str] = (), given: bytes | None = None
) -> bytes:
    """Standard output of a short program that is `given` its standard input; empty when it fails, takes
    longer or says more than 64 KB."""
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
    """Runs a program on the files in a folder, behind everything that is live; empty when it did its work,
    else why not. `given` is a file that a stranger has sent, which it may read."""
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
                said = (said + data)[-ANSWER_BYTES:]
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
    """The program and its standard error. Each stream needs one each ten seconds, for its thumbnail; uvloop
    forks, which costs a process of our size 2.5 ms, a vfork costs .6."""
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
