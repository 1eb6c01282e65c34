"""The layout of docker-compose.yml without Docker: every room in a process of its own over TCP, MongoDB's protocol, Redis over
TCP, both nginx filled by the containers' entry point."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.e2e.publisher import Publisher
from tests.servers import free_port, wait_until
from tests.weir.running import ROOT, RunningStack

MONGO = Path(sys.executable).with_name("secantusd-py")
SECRETS = {"WEIR_SECRET_KEY": "k" * 40, "WEIR_HOOK_SECRET": "h" * 40}
ROOMS = ("control", "realtime", "realtime", "media", "media")


class ScaledOut:
    """`ask` speaks through the web nginx, as RunningStack does."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="weir-c-"))
        self.named: dict[str, subprocess.Popen[bytes]] = {}
        self.redis, self.mongo, self.http, self.rtmp, self.stat = (free_port() for _ in range(5))
        self.ports = [free_port() for _ in ROOMS]
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}, **SECRETS, "PYTHONPATH": str(ROOT),
            "WEIR_DATA_DIR": f"{self.folder}/data", "WEIR_LIVE_DIR": f"{self.folder}/live", "WEIR_RUN_DIR": f"{self.folder}/run",
            "WEIR_REDIS_URL": f"redis://127.0.0.1:{self.redis}/0", "WEIR_MONGODB_URL": f"mongodb://127.0.0.1:{self.mongo}",
            "WEIR_INGEST_URL": f"http://127.0.0.1:{self.stat}", "WEIR_INGEST_RTMP_URL": f"rtmp://127.0.0.1:{self.rtmp}/live",
            "WEIR_PUBLIC_URL": f"http://127.0.0.1:{self.http}", "WEIR_RTMP_URL": f"rtmp://127.0.0.1:{self.rtmp}/live",
            "WEIR_LADDER": "[360]", "WEIR_X264_PRESET": "ultrafast", "WEIR_RECONNECT_GRACE_S": "4",
        }  # fmt: skip

    def run(self, name: str, *argv: str, **more: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            environment = {**self.environment, **more}
            self.named[name] = subprocess.Popen(argv, cwd=self.folder, env=environment, stdout=log, stderr=log)

    def start(self) -> "ScaledOut":
        self.run(
            "mongo", str(MONGO), "--host", "127.0.0.1", "--port", str(self.mongo), "--storage-path", ":memory:", "--cache-size", "128M"
        )
        self.run("redis", "redis-server", "--port", str(self.redis), "--appendonly", "yes", "--appendfsync", "always", "--save", "")
        self.listening(self.mongo, self.redis)
        for number, (room, port) in enumerate(zip(ROOMS, self.ports, strict=True)):
            self.run(
                f"{room}{number}", sys.executable, "-m", "weir", "run", room, "--listen", f"127.0.0.1:{port}", WEIR_ORIGIN_NAME=f"w{number}"
            )
        self.listening(*self.ports)
        control, realtime, _, *media = (f"127.0.0.1:{port}" for port in self.ports)
        shared = {"SECRET": SECRETS["WEIR_HOOK_SECRET"], "USER_LINE": "user root;" if os.geteuid() == 0 else ""}
        entry = str(ROOT / "nginx-rtmp/entrypoint.sh")
        self.run(
            "ingest", entry, "ingest", **shared, RUN=f"{self.folder}/n1", HOOKS=f"http://{control}/internal/rtmp",
            RTMP_LISTEN=f"127.0.0.1:{self.rtmp}", STAT_LISTEN=f"127.0.0.1:{self.stat}",
        )  # fmt: skip
        self.run(
            "web", entry, "web", **shared, RUN=f"{self.folder}/n2", CONTROL=control, REALTIME=realtime, MEDIA=" ".join(media), WORKERS="1",
            ORIGINS=" ".join(f"w{number}={address}" for number, address in enumerate(media, 3)),
            DATA=f"{self.folder}/data", LIVE=f"{self.folder}/live", PLAYER=str(ROOT / "player/dist"), HTTP_LISTEN=f"127.0.0.1:{self.http}",
        )  # fmt: skip
        self.listening(self.rtmp, self.stat, self.http)
        return self

    def listening(self, *ports: int) -> None:
        for port in ports:
            wait_until(lambda port=port: _open(port), f"port {port}: {self.words()}", 60)  # type: ignore[misc]

    def words(self) -> str:
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-300:]}" for log in self.folder.glob("*.log"))

    def weir(self, *words: str) -> Any:
        command = [sys.executable, "-m", "weir", *words]
        done = subprocess.run(command, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def remove(self) -> None:
        for process in reversed(self.named.values()):
            process.send_signal(signal.SIGTERM)
        for process in self.named.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def layout() -> Iterator[ScaledOut]:
    if not MONGO.exists():
        pytest.skip("secantusd-py has no wheel for this platform")
    made = ScaledOut()
    yield made
    made.remove()


def test_a_show_over_many_processes(layout: ScaledOut) -> None:
    """App and stream by command line, publish, play under a token, chat between two realtime processes, count, end."""
    layout.start()
    app = layout.weir("create", "app", "Acme")
    stream = layout.weir("create", "stream", app["id"], "--title", "Show")
    web = RunningStack(folder=layout.folder)
    web.http = layout.http
    publisher = Publisher(f"{stream['server']}/{stream['key']}")
    try:
        watch = f"/v1/watch/{stream['playback_id']}"
        wait_until(lambda: web.get(watch)[1]["state"] == "live", f"the live stream: {layout.words()}", 60)
        session = web.ask("POST", f"{watch}/session", {})[1]
        status, master = web.get(f"/hls/{session['playback_token']}/{stream['playback_id']}/master.m3u8")
        assert status == 200
        assert b"360" in master
        assert web.get(f"/hls/x/{stream['playback_id']}/master.m3u8")[0] == 403
        seen = asyncio.run(talk(layout, web, stream))
        assert seen[0] == seen[1] == [f"message {number}" for number in range(20)]
        wait_until(lambda: web.get(watch)[1]["viewers"] == 0, "an empty house", 20)
    finally:
        publisher.stop()
    wait_until(lambda: web.get(watch)[1]["state"] == "idle", "the end of the broadcast", 30)


def test_the_streams_of_a_dead_media_worker_move_to_another(layout: ScaledOut) -> None:
    """kill -9 of the worker that has it: within ten seconds the other one has the stream, the media sequence goes on, and the
    same viewer's token plays on; the web server asks whoever has it, for a snapshot too."""
    layout.start()
    app = layout.weir("create", "app", "Acme")
    stream = layout.weir("create", "stream", app["id"], "--title", "Show")
    key = {"Authorization": f"Bearer {layout.weir('create', 'key', app['id'], 'streams:read')['api_key']}"}
    web = RunningStack(folder=layout.folder)
    web.http = layout.http
    publisher = Publisher(f"{stream['server']}/{stream['key']}")
    playback = stream["playback_id"]

    def owner() -> str:
        argv = ["redis-cli", "-p", str(layout.redis), "GET", f"weir:media:{playback}"]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip().partition(" ")[2]

    def newest() -> int:
        """The highest media sequence number that is listed whole; 0 while there is no answer."""
        status, body = web.get(f"/hls/{token}/{playback}/v360.m3u8")
        return max(map(int, re.findall(rb"\ns_[A-Za-z0-9]+_v360_(\d+)\.m4s", body)), default=0) if status == 200 else 0

    try:
        wait_until(lambda: web.get(f"/v1/watch/{playback}")[1]["state"] == "live", f"the live stream: {layout.words()}", 60)
        token = web.ask("POST", f"/v1/watch/{playback}/session", {})[1]["playback_token"]
        wait_until(lambda: newest() > 0, "the playlist", 20)
        snapshots = [web.ask("GET", f"/v1/streams/{stream['id']}/snapshot.jpg", headers=key)[0] for _ in range(4)]
        assert snapshots == [200] * 4
        first, before = owner(), newest()
        layout.named[f"media{first[1:]}"].kill()
        wait_until(lambda: owner() not in ("", first), "another worker's lease", 12)
        wait_until(lambda: newest() > before + 1, f"the next segments: {layout.words()}", 30)
        body = web.get(f"/hls/{token}/{playback}/v360.m3u8")[1]
        assert body.count(b"#EXT-X-DISCONTINUITY\n") == 1
        part = re.findall(rb'#EXT-X-PART:.*URI="([^"]+)"', body)[-1].decode()
        assert web.get(f"/hls/{token}/{playback}/{part}")[0] == 200
    finally:
        publisher.stop()


async def talk(layout: ScaledOut, web: RunningStack, stream: dict[str, str]) -> list[list[str]]:
    """Two people on two nodes write in turn; what each was shown, in order."""
    seen: list[list[str]] = [[], []]
    clients = [socketio.AsyncClient(), socketio.AsyncClient()]
    for client, port, shown in zip(clients, layout.ports[1:3], seen, strict=True):
        client.on("chat.message.new", lambda event, shown=shown: shown.append(event["text"]))  # type: ignore[misc]
        session = web.ask("POST", f"/v1/watch/{stream['playback_id']}/session", {})[1]
        await client.connect(f"http://127.0.0.1:{port}", auth={"token": session["user_token"]}, transports=["websocket"])
        assert (await client.call("channel.join", {"channel": stream["channel"]}))["ok"]
    for number in range(20):
        sent = await clients[number % 2].call(
            "chat.send", {"channel": stream["channel"], "cid": f"c{number}", "text": f"message {number}"}, timeout=20
        )
        assert sent["ok"], sent
        await asyncio.sleep(0.3)
    deadline = time.monotonic() + 20
    while any(len(shown) < 20 for shown in seen) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    for client in clients:
        await client.disconnect()
    return seen
