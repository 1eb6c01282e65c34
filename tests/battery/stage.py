"""Two nodes of Weir over one Redis, as processes of their own, with a fault proxy on every link."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
from redis.asyncio import Redis

from tests.battery.proxy import FaultProxy
from tests.e2e.chatting import Person
from tests.support.running_stack import ROOT
from tests.support.servers import free_port
from weir.foundation.ids import new_id
from weir.foundation.tenancy.tokens import Tokens
from weir.foundation.vault import Vault

SECRET = "battery-" + "k" * 40
NODES = 2


async def eventually(true: Callable[[], Any], what: str, seconds: float = 20) -> None:
    """Polls with a bound; AssertionError names what never came."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not true():
        assert loop.time() < until, f"{what} did not come within {seconds:.0f} s"
        await asyncio.sleep(0.05)


class RedisProcess:
    """Durable, on a port."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port(), folder / "redis"
        self._folder.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self.client = Redis(port=self.port)

    async def start(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--logfile", "log",
             "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction"],
        )  # fmt: skip
        for _ in range(400):
            try:
                await self.client.ping()
            except Exception:  # not there, or still loading
                await asyncio.sleep(0.05)
            else:
                return
        raise AssertionError("redis-server did not come")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class NodeProcess:
    """`weir run all` on a port of its own; clients reach it through `link`, and it reaches Redis through
    `redis`."""

    def __init__(self, name: str, environment: dict[str, str], log: Path) -> None:
        self.name, self.port, self.log = name, free_port(), log
        self.link, self.redis = FaultProxy(self.port), FaultProxy(0)
        self._environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {**self._environment, "WEIR_REDIS_URL": f"redis://127.0.0.1:{self.redis.port}/0"}
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "weir", "run", "all", "--listen", f"127.0.0.1:{self.port}"]
            self.process = subprocess.Popen(
                command, cwd=self.log.parent, env=environment, stdout=log, stderr=log
            )

    async def ready(self) -> None:
        await eventually(lambda: self._answers, f"node {self.name}:\n{self.words()[-2000:]}", 40)

    @property
    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
            self.process = None

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def memory_mb(self) -> float:
        """Resident, now."""
        assert self.process is not None
        told = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", told)[1]) / 1024  # type: ignore[index]

    def words(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tracebacks(self) -> int:
        return self.words().count("Traceback (most recent call last)")


class Stage:
    """`channel` is the one that `Person` chats in; `spread` says whose port a person's next visit goes to."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="weir-b-"))
        self.redis = RedisProcess(self.folder)
        self.channel = self.app = ""
        self.tokens = Tokens(Vault(SECRET))
        self._lives: list[asyncio.Task[None]] = []
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
        self._environment = {
            **kept, "PYTHONPATH": str(ROOT), "WEIR_DATA_DIR": f"{self.folder}/var", "WEIR_LIVE_DIR": f"{self.folder}/live",
            "WEIR_RUN_DIR": f"{self.folder}/run", "WEIR_SECRET_KEY": SECRET, "WEIR_CHAT_RATE_PER_S": "1000", "WEIR_CHAT_BURST": "1000",
            "WEIR_SOCKET_REQUESTS_PER_S": "10000", "WEIR_LOG_FORMAT": "json", "WEIR_INGEST_URL": "http://127.0.0.1:9",
        }  # fmt: skip
        self.nodes = [
            NodeProcess(f"n{number}", self._environment, self.folder / f"n{number}.log")
            for number in range(NODES)
        ]

    async def start(self, **settings: Any) -> "Stage":
        self._environment.update({f"WEIR_{name}": str(value) for name, value in settings.items()})
        await self.redis.start()
        for node in self.nodes:
            node.redis.target = self.redis.port
            await node.redis.start()
            await node.link.start()
            node._environment.update(self._environment)
            node.start()
        for node in self.nodes:
            await node.ready()
        self.app = (await self.weir("create", "app", "Battery"))["id"]
        await self.new_channel()
        return self

    async def new_channel(self) -> None:
        """Of a new stream; the next persons chat there."""
        self.channel = str((await self.weir("create", "stream", self.app, "--title", "Show"))["channel"])

    async def remove(self) -> None:
        await self.leave()
        for node in self.nodes:
            node.stop()
            await node.link.stop()
            await node.redis.stop()
        self.redis.kill()
        await self.redis.client.aclose()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def weir(self, *words: str) -> Any:
        """A command's JSON."""
        return await asyncio.to_thread(self._weir, *words)

    def _weir(self, *words: str) -> Any:
        environment = {**self._environment, "WEIR_REDIS_URL": f"redis://127.0.0.1:{self.redis.port}/0"}
        command = [sys.executable, "-m", "weir", *words]
        done = subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    # -- people

    def session(self, name: str | None = None) -> dict[str, Any]:
        """As the watch route gives one."""
        uid = name or new_id("usr")
        return {"user_token": self.token(uid), "playback_token": None}

    def token(self, uid: str, app: str = "", role: str = "member", channel: str = "") -> str:
        return self.tokens.mint_user(uid, app or self.app, uid, 3600, roles={channel or self.channel: role})

    def door(self, visit: int) -> int:
        """One node after the other, beginning anywhere."""
        return self.nodes[visit % NODES].link.port

    def enter(self, person: Person) -> Person:
        self._lives.append(asyncio.create_task(person.live()))
        return person

    async def leave(self) -> None:
        for life in self._lives:
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        self._lives.clear()

    # -- REST

    async def ask(
        self, node: NodeProcess, method: str, path: str, body: Any = None, token: str = ""
    ) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"http://127.0.0.1:{node.port}{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.read()
