"""The child process: pipes, watchdog, stop sequence and reaping, with real programs."""

import asyncio
import gc
import os
import signal
import sys
from pathlib import Path

import pytest
import uvloop

from media.ffmpeg import process
from media.ffmpeg.process import OutputPipe, capture_output, run_to_end, spawn
from tests.media.conftest import until
from weir.foundation.clock import monotonic

STUBBORN = """
import os, signal, sys, time
if len(sys.argv) > 3:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(int(sys.argv[1]), b"up")
time.sleep(60)
"""


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


async def said(output: OutputPipe) -> bytes:
    """All that comes, to the end."""
    found = b""
    while data := await output.read():
        found += data
    return found


async def test_each_output_has_its_own_pipe() -> None:
    """What goes into a descriptor comes out of it; the end of the program is the end of all."""
    argv = (
        "import os, sys\nfor n, fd in enumerate(sys.argv[1:3]): os.write(int(fd), bytes([65 + n]) * 200_000)"
    )
    child = await spawn(lambda pipes: [sys.executable, "-c", argv, str(pipes.output), str(pipes.progress)])
    assert await said(child.output) == b"A" * 200_000
    child.read_progress()
    assert child.done_s == 0
    assert await child.wait() == 0
    await child.stop()


async def test_only_time_that_grows_is_progress() -> None:
    """A stalled FFmpeg reports times that vary by a millisecond."""
    told = "out_time_us=1000000\nout_time_us=1001000\n"
    argv = f"import os, sys\nfor _ in range(3): os.write(int(sys.argv[1]), {told.encode()!r})"
    child = await spawn(lambda pipes: [sys.executable, "-c", argv, str(pipes.progress)])
    assert await child.wait() == 0
    child.progress_at = 0.0
    child.read_progress()
    first, child.progress_at = child.progress_at, 0.0
    child._reached(1.0)
    assert (first > 0, child.done_s, child.progress_at) == (True, 1.001, 0.0)
    await child.stop()


async def test_a_program_is_given_its_input() -> None:
    """All of it, in order, and its end."""
    argv = "import os, sys\nwhile data := sys.stdin.buffer.read1(): os.write(int(sys.argv[1]), data)"
    child = await spawn(lambda pipes: [sys.executable, "-c", argv, str(pipes.output)], fed=True)
    for number in range(100):
        child.write_input(bytes([number]) * 5000)
    child.close_input()
    assert await said(child.output) == b"".join(bytes([number]) * 5000 for number in range(100))
    assert await child.wait() == 0
    await child.stop()


async def test_a_program_that_takes_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for it does not grow for ever."""
    monkeypatch.setattr("media.ffmpeg.process.MOST_WAITING", 4 << 20)
    child = await spawn(lambda _: ["sleep", "60"], fed=True)
    for _ in range(8):
        child.write_input(bytes(1 << 20))
    assert await child.wait() == -signal.SIGKILL
    await child.stop()


@pytest.mark.parametrize("look_s", [0.0, 0.001])
async def test_an_output_waits_for_what_comes(look_s: float) -> None:
    """By polling or by notification; the end is notified, too, and a closed output has ended."""
    argv = "import os, sys, time\nfor n in range(5): time.sleep(.05); os.write(int(sys.argv[1]), bytes([65 + n]))"
    child = await spawn(lambda pipes: [sys.executable, "-c", argv, str(pipes.output)])
    assert child.output.read_nowait() is None
    found = b""
    while data := await child.output.read(look_s):
        found += data
    assert found == b"ABCDE"
    await child.stop()
    assert await child.output.read(look_s) == b""


async def test_a_child_that_ignores_term_is_killed_and_reaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """TERM, TERM, KILL to the group; no zombie (research trap: FFmpeg in an RTMP read ignores the first
    TERM)."""
    monkeypatch.setattr(process, "GRACE_S", 0.2)
    child = await spawn(
        lambda pipes: [sys.executable, "-c", STUBBORN, str(pipes.output), str(pipes.progress), "ignore"]
    )
    assert await child.output.read() == b"up"
    await child.stop()
    assert gone(child.pid)


async def test_a_grandchild_goes_with_the_group() -> None:
    """Nothing that the child started keeps running."""
    argv = ["sh", "-c", 'sleep 60 & echo $! >&"$1"; wait', "sh"]
    child = await spawn(lambda pipes: ["bash", *argv[1:], str(pipes.output)])
    grandchild = int(await child.output.read())
    await child.stop()
    for _ in range(100):
        if (
            gone(grandchild)
            or "Z" in Path(f"/proc/{grandchild}/stat").read_text().rpartition(")")[2].split()[0]
        ):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the grandchild lives")


async def test_standard_error_is_bounded() -> None:
    """A chatty child can't fill memory; its last line is the reason."""
    argv = "import sys\nfor n in range(20000): print('x' * 1000, n, file=sys.stderr)\nprint('the reason', file=sys.stderr)"
    child = await spawn(lambda pipes: [sys.executable, "-c", argv])
    await child.wait()
    await until(lambda: child.last_error == "the reason")
    await child.stop()
    assert sum(map(len, child._said)) < 10_000


async def test_progress_counts_only_when_media_time_moves() -> None:
    """Reports that repeat the same media time are no progress."""
    argv = (
        "import os, sys, time\nfor t in (1, 2, 2, 2):\n os.write(int(sys.argv[1]), b'out_time_us=%d\\nprogress=continue\\n' % t)\n"
        " time.sleep(.1)\ntime.sleep(60)"
    )
    child = await spawn(lambda pipes: [sys.executable, "-c", argv, str(pipes.progress)])
    began = child.progress_at
    for _ in range(100):
        await asyncio.sleep(0.05)
        child.read_progress()
        if child.progress_at > began and monotonic() - child.progress_at > 0.3:
            break
    else:
        raise AssertionError("progress never stood still")
    await child.stop()


async def test_a_missing_program_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that fails closes its pipes."""
    monkeypatch.setattr(process, "tethered", lambda argv: ["no-such-program", *argv])
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="no-such-program"):
        await spawn(lambda pipes: ["x"])
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_short_question_has_a_time_limit() -> None:
    """ffprobe may wait for ever; the question may not."""
    assert await capture_output([sys.executable, "-c", "print('yes')"], 10) == b"yes\n"
    assert await capture_output([sys.executable, "-c", "import time; time.sleep(60)"], 0.2) == b""
    assert await capture_output([sys.executable, "-c", "print('no'); raise SystemExit(1)"], 10) == b""


async def test_work_tells_why_it_was_not_done(tmp_path: Path) -> None:
    """Empty for success alone: the program's last line, its code when it said nothing, or that it is not
    there."""
    assert await run_to_end(["true"], 10, tmp_path) == ""
    assert await run_to_end(["sh", "-c", "echo why; echo 'no room' >&2; exit 1"], 10, tmp_path) == "no room"
    assert await run_to_end(["false"], 10, tmp_path) == "exit code 1"
    assert "no-such-program" in await run_to_end(["no-such-program"], 10, tmp_path)


def test_nothing_stays_open_behind_a_program(tmp_path: Path) -> None:
    """Under the loop that Weir runs on, which leaves a pipe open at its end: however a program ends, and
    however much it says."""
    much = process.ANSWER_BYTES
    endless = [sys.executable, "-c", f"print('x' * {much}, flush=True); import time; time.sleep(60)"]

    async def lives() -> None:
        ended = await spawn(lambda pipes: ["true"])
        await ended.wait()
        await ended.stop()
        stopped = await spawn(lambda pipes: ["sleep", "60"])
        await stopped.stop()
        assert await capture_output(endless, 10) == b""
        assert await capture_output([*endless[:2], f"print('x' * {2 * much})"], 10) == b""
        assert "longer than" in await run_to_end(
            ["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x >&2; exec sleep 60"], 0.5, tmp_path
        )

    async def grown() -> int:
        await lives()  # what a loop opens once is open now
        before = len(os.listdir("/proc/self/fd"))
        await lives()
        for _ in range(100):
            more = len(os.listdir("/proc/self/fd")) - before
            if more <= 0:
                break
            await asyncio.sleep(0.02)
        return more

    gc.disable()  # the collector closes them, some hours later
    try:
        assert uvloop.run(grown()) == 0
    finally:
        gc.enable()
