"""The embedded stack: one supervisor and its children on one machine.

redis-server, the application, the RTMP ingest and the web server start in this order and stop in the
opposite one. A child that dies is started again with back-off. Each runs in a session of its own, so
Ctrl-C reaches only the supervisor, and with a parent-death signal, so that a supervisor killed with -9
takes its children along.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from weir import doctor, server_configs
from weir.foundation.child_process import tethered
from weir.foundation.clock import monotonic, now_ms
from weir.foundation.redis.client import redis_password
from weir.foundation.settings import Settings, child_environment
from weir.foundation.telemetry import redact
from weir.foundation.vault import Vault, open_vault
from weir.probes import answers_http, answers_redis, answers_tcp

READY_WITHIN_S = 30.0
BACK_OFF_S = (0.1, 0.5, 1.0, 2.0, 5.0)
HEALTHY_AFTER_S = 10.0
LOG_LIMIT = 10_000_000
ROTATE_CHECK_S = 30.0
LONGEST_LINE = 1_000_000
log = structlog.get_logger("stack")


class StackError(Exception):
    """The stack can't start; one sentence for the person who typed the command. The command ends with exit
    code 2."""


@dataclass(frozen=True)
class ChildSpec:
    """One child. `argv` is called before every start, so that each start gets fresh configuration; `answers`
    is its probe; a line of its output that contains `fatal` means that it must be restarted."""

    name: str
    argv: Callable[[], list[str]]
    answers: Callable[[], Awaitable[bool]]
    death_signal: str = "TERM"
    stop_within_s: float = 8.0
    fatal: str = ""


class LogFile:
    """A child's output without secrets: data folder, logs/NAME.log, and one older file NAME.log.1."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._path = folder / f"{name}.log"
        self.last = ""

    def write(self, line: str) -> None:
        self.last = redact(line)
        with contextlib.suppress(OSError):  # a full disk must not take the stack down
            if self._path.exists() and self._path.stat().st_size > LOG_LIMIT:
                self._path.replace(self._path.with_suffix(".log.1"))
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "a") as file:
                file.write(self.last + "\n")


class SupervisedProcess:
    """A running part: started, probed, restarted, stopped."""

    def __init__(self, part: ChildSpec, settings: Settings) -> None:
        self.part = part
        self._settings = settings
        self._log = LogFile(settings.data / "logs", part.name)
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._failures = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Starts the process and waits until it answers. Errors: StackError with the last line that it wrote."""
        await self._spawn()
        await self._answering()
        if self.pid is None:
            raise StackError(f"{self.part.name} ended at once: {self._log.last or 'it said nothing'}")
        if not await self.part.answers():
            raise StackError(
                f"{self.part.name} does not answer after {READY_WITHIN_S:.0f} s; see {self._settings.data}/logs."
            )
        self._keep(self._watch())

    async def _answering(self) -> None:
        """Returns when the part answers, has ended, or after READY_WITHIN_S."""
        deadline = monotonic() + READY_WITHIN_S
        while self.pid is not None and not await self.part.answers() and monotonic() < deadline:
            await asyncio.sleep(0.03)

    async def _spawn(self) -> None:
        """The output goes through a pipe of our own: asyncio's would hide a dead nginx master for as long as
        its worker, which inherited it, lives."""
        read_end, write_end = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *tethered(self.part.argv(), self.part.death_signal),
                start_new_session=True,
                env=child_environment(self._settings),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                umask=0o077,
            )
        finally:
            os.close(write_end)
        self._keep(self._drain(read_end))

    def _keep(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, read_end: int) -> None:
        reader = asyncio.StreamReader()
        with os.fdopen(read_end, "rb") as pipe:
            await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), pipe
            )
            rest = b""
            while chunk := await reader.read(65536):
                *lines, rest = (rest + chunk).split(
                    b"\n"
                )  # whole lines only: half a secret would not be known as one
                if len(rest) > LONGEST_LINE:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    self._log.write(line.decode(errors="replace"))
                    if self.part.fatal and self.part.fatal.encode() in line and not self._stopping:
                        self._end_group(signal.SIGTERM, master_only=True)
            if rest:
                self._log.write(rest.decode(errors="replace"))

    async def _watch(self) -> None:
        while not self._stopping:
            assert self._process is not None
            began = monotonic()
            code = await self._process.wait()
            if self._stopping:
                return
            self._failures = 0 if monotonic() - began > HEALTHY_AFTER_S else self._failures + 1
            wait = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
            self._end_group(signal.SIGKILL)  # children of a dead master would keep its port
            log.warning("child.died", part=self.part.name, how=_how(code), again_in_s=wait)
            await asyncio.sleep(wait)
            async with self._changing:
                if self._stopping:
                    return
                await self._spawn()
            await self._answering()
            if not self._stopping:
                log.info(
                    "child.started_again" if self.pid else "child.ended_again",
                    part=self.part.name,
                    pid=self.pid,
                )

    async def stop(self) -> None:
        """Sends TERM, then KILL to the whole group when the time has passed. Returns when no process is
        left."""
        self._stopping = True
        async with self._changing:  # waits for a new start that is under way, or its process would stay
            if self._process is None:
                return
            self._end_group(signal.SIGTERM, master_only=True)
            try:
                await asyncio.wait_for(self._process.wait(), self.part.stop_within_s)
            except TimeoutError:
                log.warning("child.hangs", part=self.part.name, action="killed")
            self._end_group(signal.SIGKILL)
            await self._process.wait()
        for task in list(self._tasks):
            task.cancel()

    def _end_group(self, how: signal.Signals, master_only: bool = False) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if master_only:
                os.kill(self._process.pid, how)
            else:
                os.killpg(self._process.pid, how)


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


class Supervisor:
    """`start()` returns when every part answers; `stop()` when no process is left."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.vault: Vault | None = None
        self._children: list[SupervisedProcess] = []
        self._lock: int | None = None
        self._rotation: asyncio.Task[None] | None = None

    async def start(self, told: Callable[[str], None] = lambda _step: None) -> None:
        """Starts every part in order. `told` is called with each step, to show progress. Errors: StackError,
        after what had started was stopped again."""
        prepare(self.settings)
        self._lock = _lock(self.settings.data)
        failed = doctor.first_failure(self.settings)
        if failed:
            raise StackError(failed)
        self.vault = open_vault(self.settings)
        try:
            for part in parts(self.settings, self.vault):
                told(part.name)
                child = SupervisedProcess(part, self.settings)
                self._children.append(child)
                await child.start()
            self._rotation = asyncio.create_task(self._look_after_web())
        except BaseException:
            await self.stop()
            raise

    async def _look_after_web(self) -> None:
        """Runs until cancelled: gives nginx a new usage log before the old one grows large (the ledger
        removes what it has read), and lets it read a certificate that was renewed."""
        log_file, seen = self.settings.data / "usage" / "web.log", self._certified()
        while True:
            await asyncio.sleep(ROTATE_CHECK_S)
            if log_file.exists() and log_file.stat().st_size > LOG_LIMIT:
                log_file.rename(log_file.with_name(f"web.log.{now_ms():015d}"))
                self._signal_web(signal.SIGUSR1)
            if (now := self._certified()) != seen:
                seen = now
                log.info("certificate.renewed")
                self._signal_web(signal.SIGHUP)

    def _certified(self) -> list[int]:
        """When the certificate's files were last changed; one that is missing for a moment counts as changed."""
        files = (self.settings.tls_certificate, self.settings.tls_key)
        return [file.stat().st_mtime_ns if file.exists() else 0 for file in files if file is not None]

    def _signal_web(self, what: signal.Signals) -> None:
        for child in self._children:
            if child.part.name == "web" and child.pid:
                os.kill(child.pid, what)

    def pids(self) -> dict[str, int]:
        return {child.part.name: child.pid for child in self._children if child.pid}

    async def stop(self) -> None:
        if self._rotation is not None:
            self._rotation.cancel()
        for child in reversed(self._children):
            await child.stop()
        self._children.clear()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def prepare(settings: Settings) -> None:
    """The folders, private to their owner. Errors: StackError that names the folder."""
    for folder in (settings.data, settings.run, settings.live):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder is not settings.data and folder.stat().st_uid != os.geteuid():
                raise StackError(
                    f"{folder} belongs to another user; set WEIR_RUN_DIR and WEIR_LIVE_DIR to folders of your own."
                )
            (folder / ".probe").touch()
            (folder / ".probe").unlink()
        except OSError as error:
            raise StackError(
                f"Weir cannot write to the folder {folder}: {error.strerror}. Choose another with WEIR_DATA_DIR."
            ) from None
    if len(str(settings.app_socket)) > 100:
        raise StackError(
            f"The path {settings.run} is too long for a socket; set WEIR_RUN_DIR to a shorter folder."
        )


def _lock(data: Path) -> int:
    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StackError(
            f"Weir is already running on the folder {data}; stop it, or choose another with WEIR_DATA_DIR."
        ) from None
    return descriptor


def parts(settings: Settings, vault: Vault) -> list[ChildSpec]:
    """The children in the order of their start."""

    def nginx(name: str, write: Callable[[Settings, Vault], Path]) -> Callable[[], list[str]]:
        return lambda: ["nginx", "-e", "stderr", "-p", str(settings.run), "-c", str(write(settings, vault))]

    def application() -> list[str]:
        settings.app_socket.unlink(missing_ok=True)
        return [sys.executable, "-m", "weir", "run", "all", "--listen", f"unix:{settings.app_socket}"]

    redis = ChildSpec(
        "redis",
        lambda: ["redis-server", str(server_configs.write_redis(settings, vault))],
        lambda: answers_redis(settings.redis_socket, redis_password(vault)),
    )
    app = ChildSpec(
        "app",
        application,
        lambda: answers_http(settings.app_socket, "/readyz"),
        death_signal="KILL",
        stop_within_s=15,
    )
    ingest = ChildSpec(
        "ingest",
        nginx("ingest", server_configs.write_ingest),
        lambda: answers_http(settings.ingest_socket, "/stat"),
        fatal="exited on signal",  # its only worker: all publishes have ended, and its master would count them for ever
    )
    web = ChildSpec(
        "web",
        nginx("web", server_configs.write_web),
        lambda: answers_tcp(settings.http_host, settings.http_port),
    )
    return [redis, app, ingest, web]
