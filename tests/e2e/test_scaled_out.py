"""The layout of docker-compose.yml without Docker: every room in a process of its own over TCP, MongoDB's
protocol, Redis over TCP, both nginx filled by the containers' entry point."""

import asyncio
import functools
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio

from tests.e2e.publisher import Publisher
from tests.support.running_stack import ROOT, RunningStack
from tests.support.servers import free_port, self_signed, wait_until
from tests.support.webhook_receiver import Receiver
from weir.foundation.settings import search_path

MONGO = Path(sys.executable).with_name("secantusd-py")
REDIS_PASSWORD = "r" * 40
SECRETS = {"WEIR_SECRET_KEY": "k" * 40, "WEIR_HOOK_SECRET": "h" * 40}
ROOMS = ("control", "realtime", "realtime", "media", "media")


class ScaledOut:
    """`ask` speaks through the web nginx, as RunningStack does. `front` are values for the web server's entry
    point."""

    def __init__(self, front: dict[str, str] | None = None, **settings: str) -> None:
        self._front = front or {}
        self.folder = Path(tempfile.mkdtemp(prefix="weir-c-"))
        self.named: dict[str, subprocess.Popen[bytes]] = {}
        self.redis, self.mongo, self.http, self.rtmp, self.stat = (free_port() for _ in range(5))
        self.ports = [free_port() for _ in ROOMS]
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}, **SECRETS, "PYTHONPATH": str(ROOT),
            "WEIR_DATA_DIR": f"{self.folder}/data", "WEIR_LIVE_DIR": f"{self.folder}/live", "WEIR_RUN_DIR": f"{self.folder}/run",
            "WEIR_REDIS_URL_FILE": f"{self.folder}/redis_url", "WEIR_MONGODB_URL": f"mongodb://127.0.0.1:{self.mongo}",
            "WEIR_INGEST_URL": f"http://127.0.0.1:{self.stat}", "WEIR_INGEST_RTMP_URL": f"rtmp://127.0.0.1:{self.rtmp}/live",
            "WEIR_PUBLIC_URL": f"http://127.0.0.1:{self.http}", "WEIR_RTMP_URL": f"rtmp://127.0.0.1:{self.rtmp}/live",
            "WEIR_LADDER": "[360]", "WEIR_X264_PRESET": "ultrafast", "WEIR_RECONNECT_GRACE_S": "4", **settings,
        }  # fmt: skip
        (self.folder / "redis_url").write_text(f"redis://:{REDIS_PASSWORD}@127.0.0.1:{self.redis}/0\n")
        (self.folder / "redis_conf").write_text(f"requirepass {REDIS_PASSWORD}\n")
        (self.folder / "hook_secret").write_text(SECRETS["WEIR_HOOK_SECRET"] + "\n")

    def run(self, name: str, *argv: str, **more: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            environment = {**self.environment, **more}
            self.named[name] = subprocess.Popen(
                argv, cwd=self.folder, env=environment, stdout=log, stderr=log
            )

    def start(self) -> "ScaledOut":
        self.run(
            "mongo",
            str(MONGO),
            "--host",
            "127.0.0.1",
            "--port",
            str(self.mongo),
            "--storage-path",
            ":memory:",
            "--cache-size",
            "128M",
        )
        self.run(
            "redis",
            "redis-server",
            f"{self.folder}/redis_conf",
            "--port",
            str(self.redis),
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--save",
            "",
        )
        self.listening(self.mongo, self.redis)
        for number, (room, port) in enumerate(zip(ROOMS, self.ports, strict=True)):
            self.run(
                f"{room}{number}",
                sys.executable,
                "-m",
                "weir",
                "run",
                room,
                "--listen",
                f"127.0.0.1:{port}",
                WEIR_ORIGIN_NAME=f"w{number}",
            )
        self.listening(*self.ports)
        control, *others = (f"127.0.0.1:{port}" for port in self.ports)
        realtime, media = others[:2], others[2:]
        shared = {
            "SECRET_FILE": f"{self.folder}/hook_secret",
            "USER_LINE": "user root;" if os.geteuid() == 0 else "",
        }
        entry = str(ROOT / "nginx-rtmp/entrypoint.sh")
        self.run(
            "ingest", entry, "ingest", **shared, RUN=f"{self.folder}/n1", HOOKS=f"http://{control}/internal/rtmp",
            RTMP_LISTEN=f"127.0.0.1:{self.rtmp}", STAT_LISTEN=f"127.0.0.1:{self.stat}", INNER_PORT=str(free_port()),
        )  # fmt: skip
        self.run(
            "web", entry, "web", **shared, RUN=f"{self.folder}/n2", CONTROL=control, REALTIME=" ".join(realtime),
            MEDIA=" ".join(media), WORKERS="1", ORIGINS=" ".join(f"w{number}={address}" for number, address in enumerate(media, 3)),
            DATA=f"{self.folder}/data", LIVE=f"{self.folder}/live", PLAYER=str(ROOT / "player/dist"), HTTP_LISTEN=f"127.0.0.1:{self.http}",
            **self._front,
        )  # fmt: skip
        self.listening(self.rtmp, self.stat, self.http)
        return self

    def listening(self, *ports: int) -> None:
        for port in ports:
            wait_until(lambda port=port: _open(port), f"port {port}: {self.words()}", 60)

    def words(self) -> str:
        return "\n".join(
            f"{log.name}: {log.read_text(errors='replace')[-300:]}" for log in self.folder.glob("*.log")
        )

    def weir(self, *words: str) -> Any:
        command = [sys.executable, "-m", "weir", *words]
        done = subprocess.run(
            command,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
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


def asked(
    port: int,
    method: str,
    path: str,
    body: Any = None,
    source: str = "127.0.0.1",
    tls: bool = False,
    **headers: Any,
) -> Any:
    """The answer, with `.body` and its JSON in `.data`, to a client with this source address. Header names
    with _ for -."""
    trust = ssl._create_unverified_context()
    kind = (
        functools.partial(http.client.HTTPSConnection, context=trust) if tls else http.client.HTTPConnection
    )
    line = kind("127.0.0.1", port, timeout=15, source_address=(source, 0))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    line.request(
        method,
        path,
        json.dumps(body) if body is not None else None,
        {"Content-Type": "application/json", **named},
    )
    answer = line.getresponse()
    answer.body = answer.read()  # type: ignore[attr-defined]
    answer.data = json.loads(answer.body) if answer.body[:1] in (b"{", b"[") else None  # type: ignore[attr-defined]
    line.close()
    return answer


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def make_layout() -> Iterator[Callable[..., ScaledOut]]:
    if not MONGO.exists():
        pytest.skip("secantusd-py has no wheel for this platform")
    made: list[ScaledOut] = []

    def make(*given: Any, **settings: Any) -> ScaledOut:
        made.append(ScaledOut(*given, **settings))
        return made[-1]

    yield make
    for one in made:
        one.remove()


@pytest.fixture
def layout(make_layout: Callable[..., ScaledOut]) -> ScaledOut:
    return make_layout()


def test_a_show_over_many_processes(layout: ScaledOut) -> None:
    """App and stream by command line, publish, play under a token, chat between two realtime processes,
    count, end."""
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


async def test_a_webhook_brings_a_picture_from_another_process(make_layout: Callable[..., ScaledOut]) -> None:
    """Control has no stream of its own: it asks the web server, which knows the worker that has it."""
    layout = make_layout(WEIR_EGRESS_ALLOW='["127.0.0.0/8"]')
    layout.environment["WEIR_WEB_URL"] = f"http://127.0.0.1:{layout.http}"
    receiver = await Receiver().start()
    await asyncio.to_thread(layout.start)
    app = await asyncio.to_thread(layout.weir, "create", "app", "Acme")
    stream = await asyncio.to_thread(layout.weir, "create", "stream", app["id"], "--title", "Show")
    key = await asyncio.to_thread(layout.weir, "create", "key", app["id"], "webhooks:write")
    body = {"url": receiver.url, "types": ["stream.live"], "image": {"type": "full"}}
    made = await asyncio.to_thread(
        lambda: asked(layout.http, "POST", "/v1/webhooks", body, Authorization=f"Bearer {key['api_key']}")
    )
    assert made.status == 201, made.body
    publisher = await asyncio.to_thread(Publisher, f"{stream['server']}/{stream['key']}")
    try:
        await receiver.until(len, tries=3000)
    finally:
        await asyncio.to_thread(publisher.stop)
        await receiver.stop()
    assert receiver.got[0].headers["content-type"].startswith("multipart/form-data")
    assert b"\xff\xd8\xff" in receiver.got[0].body, "a JPEG"


def test_the_streams_of_a_dead_media_worker_move_to_another(layout: ScaledOut) -> None:
    """kill -9 of the worker that has it: within ten seconds the other one has the stream, the media sequence
    continues, and the same viewer's token still plays; the web server asks the worker that has it, for a
    snapshot too."""
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
        return (
            subprocess.run(
                argv,
                env={**os.environ, "REDISCLI_AUTH": REDIS_PASSWORD},
                capture_output=True,
                text=True,
                check=True,
            )
            .stdout.strip()
            .partition(" ")[2]
        )

    def newest() -> int:
        """The highest media sequence number that is listed whole; 0 while there is no answer."""
        status, body = web.get(f"/hls/{token}/{playback}/v360.m3u8")
        return (
            max(map(int, re.findall(rb"\ns_[A-Za-z0-9]+_v360_(\d+)\.m4s", body)), default=0)
            if status == 200
            else 0
        )

    try:
        wait_until(
            lambda: web.get(f"/v1/watch/{playback}")[1]["state"] == "live",
            f"the live stream: {layout.words()}",
            60,
        )
        token = web.ask("POST", f"/v1/watch/{playback}/session", {})[1]["playback_token"]
        wait_until(lambda: newest() > 0, "the playlist", 20)
        snapshots = [
            web.ask("GET", f"/v1/streams/{stream['id']}/snapshot.jpg", headers=key)[0] for _ in range(4)
        ]
        assert snapshots == [200] * 4
        first, before = owner(), newest()
        layout.named[f"media{first[1:]}"].kill()
        wait_until(
            lambda: web.get(f"/hls/{token}/{playback}/v360.m3u8")[0] != 200, "a playlist that nobody has"
        )
        wait_until(lambda: owner() not in ("", first), "another worker's lease", 12)
        wait_until(lambda: newest() > before + 1, f"the next segments: {layout.words()}", 30)
        body = web.get(f"/hls/{token}/{playback}/v360.m3u8")[1]
        assert body.count(b"#EXT-X-DISCONTINUITY\n") == 1
        part = re.findall(rb'#EXT-X-PART:.*URI="([^"]+)"', body)[-1].decode()
        assert web.get(f"/hls/{token}/{playback}/{part}")[0] == 200
        said = (layout.folder / "web.log").read_text()
        assert "GET /hls/[redacted]/" in said, "what nginx says of the worker that died"
        assert token not in said
    finally:
        publisher.stop()


def owner(layout: ScaledOut) -> dict[str, Any]:
    """An operator, who owns the apps that there are: the header of an account token."""
    (layout.folder / "password").write_text("a long password")
    layout.weir("create", "owner", "owner@weir.example", "--password-file", f"{layout.folder}/password")
    body = {"email": "owner@weir.example", "password": "a long password"}
    return {
        "Authorization": f"Bearer {asked(layout.http, 'POST', '/v1/auth/login', body).data['access_token']}"
    }


def test_every_client_has_its_own_address(make_layout: Callable[..., ScaledOut]) -> None:
    """Over TCP too: a client that is refused again and again blocks only itself, keys are bound to their
    clients' networks, the audit log has the address. No client can choose its address: not at the web server,
    not at a room's own port."""
    layout = make_layout().start()
    stranger, customer, other = "127.0.0.2", "127.0.0.3", "127.0.0.4"
    app, account = layout.weir("create", "app", "Acme")["id"], owner(layout)
    asks = functools.partial(asked, layout.http)
    made = asks(
        "POST", f"/v1/apps/{app}/keys", {"scopes": ["*"], "networks": [f"{customer}/32"]}, customer, **account
    )
    assert made.status == 201
    key: dict[str, Any] = {"Authorization": f"Bearer {made.data['api_key']}"}
    entry = asks("GET", f"/v1/apps/{app}/audit?limit=1", **account).data["data"][0]
    assert (entry["action"], entry["address"]) == ("key.created", customer)
    assert [
        asks("GET", "/v1/streams", source=source, **key).status for source in (customer, other, stranger)
    ] == [200, 403, 403]
    forged: dict[str, Any] = {
        "X_Forwarded_For": customer,
        "X_Real_IP": customer,
        "Forwarded": f"for={customer}",
        **key,
    }
    assert asks("GET", "/v1/streams", source=other, **forged).status == 403
    assert asked(layout.ports[0], "GET", "/v1/streams", source=other, **forged).status == 403, (
        "at the room itself"
    )
    assert asked(layout.ports[0], "GET", "/v1/streams", source="127.0.0.1", **forged).status == 200, (
        "as the web server"
    )
    guess = functools.partial(asks, "GET", "/v1/streams", source=stranger, Authorization="Bearer weir_sk_x_y")
    for _ in range(900):
        guess()
    wait_until(lambda: b"blocked" in guess().body, "the stranger's block", 20)
    for source, status in ((customer, 200), (other, 403)):
        assert asks("GET", "/v1/streams", source=source, **key).status == status
    assert (
        asks(
            "POST", "/v1/auth/login", {"email": "owner@weir.example", "password": "a long password"}, other
        ).status
        == 200
    )


PROXIES = """
daemon off; pid {folder}/proxy.pid; error_log stderr warn; {user}
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/p1; proxy_temp_path {folder}/p2;
  fastcgi_temp_path {folder}/p3; uwsgi_temp_path {folder}/p4; scgi_temp_path {folder}/p5;
  proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  server {{
    listen 127.0.0.1:{outer} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};
    location / {{ proxy_bind 127.0.0.9; proxy_set_header X-Forwarded-Proto https; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header Host $http_host; proxy_pass http://127.0.0.1:{inner}; }}
  }}
  server {{
    listen 127.0.0.1:{inner};
    location / {{ proxy_bind 127.0.0.8; proxy_pass http://127.0.0.1:{web}; }}
  }}
}}
"""


def test_behind_two_proxies_that_end_tls(make_layout: Callable[..., ScaledOut]) -> None:
    """The visitor's address comes through both, the cookie is for TLS only, redirects stay where the visitor
    is."""
    layout = make_layout(
        {"TRUSTED_PROXIES": "127.0.0.8/32 127.0.0.9/32", "METRICS_ALLOW": "127.0.0.1/32"}
    ).start()
    app, account = layout.weir("create", "app", "Acme")["id"], owner(layout)
    certificate, key = self_signed(layout.folder)
    outer, inner = free_port(), free_port()
    (layout.folder / "proxy.conf").write_text(PROXIES.format(
        folder=layout.folder, certificate=certificate, key=key, outer=outer, inner=inner, web=layout.http,
        user="user root;" if os.geteuid() == 0 else "",
    ))  # fmt: skip
    layout.run(
        "proxy",
        "nginx",
        "-e",
        "stderr",
        "-p",
        str(layout.folder),
        "-c",
        f"{layout.folder}/proxy.conf",
        PATH=search_path(),
    )
    layout.listening(outer, inner)
    body = {"email": "owner@weir.example", "password": "a long password"}
    signed_in = asked(
        outer, "POST", "/v1/auth/login", body, "127.0.0.3", tls=True, X_Forwarded_For="203.0.113.1"
    )
    assert signed_in.status == 200
    assert "; secure" in signed_in.headers["set-cookie"].lower()
    assert signed_in.headers["strict-transport-security"] == "max-age=31536000"
    start = asked(outer, "GET", "/", tls=True)
    assert (start.status, start.headers["location"], start.headers["strict-transport-security"]) == (
        302,
        "/studio",
        "max-age=31536000",
    )
    made = asked(
        outer,
        "POST",
        f"/v1/apps/{app}/keys",
        {"scopes": ["*"]},
        "127.0.0.3",
        tls=True,
        X_Forwarded_For="203.0.113.1",
        **account,
    )
    assert made.status == 201
    entry = asked(layout.http, "GET", f"/v1/apps/{app}/audit?limit=1", **account).data["data"][0]
    assert (entry["action"], entry["address"]) == ("key.created", "127.0.0.3")
    plain = asked(
        layout.http,
        "POST",
        "/v1/auth/login",
        body,
        "127.0.0.4",
        X_Forwarded_Proto="https",
        X_Forwarded_For="203.0.113.1",
    )
    assert "; secure" not in plain.headers["set-cookie"].lower(), "whoever comes past the proxies"
    assert [asked(port, "GET", "/metrics", tls=port == outer).status for port in (outer, layout.http)] == [
        404,
        200,
    ]


def test_polling_clients_talk_over_two_processes(make_layout: Callable[..., ScaledOut]) -> None:
    """Each stays with the process that has its session, whichever that is; what one writes reaches the
    others."""
    layout = make_layout(WEIR_SOCKET_POLLING="true").start()
    app = layout.weir("create", "app", "Acme")
    stream = layout.weir("create", "stream", app["id"], "--title", "Show")
    web = RunningStack(folder=layout.folder)
    web.http = layout.http

    async def poll(number: int, seen: list[str]) -> socketio.AsyncClient:
        connector = aiohttp.TCPConnector(local_addr=(f"127.0.0.{10 + number}", 0))
        client = socketio.AsyncClient(http_session=aiohttp.ClientSession(connector=connector))
        client.on("chat.message.new", lambda event: seen.append(event["text"]))
        session = web.ask("POST", f"/v1/watch/{stream['playback_id']}/session", {})[1]
        await client.connect(
            f"http://127.0.0.1:{layout.http}", auth={"token": session["user_token"]}, transports=["polling"]
        )
        assert (await client.call("channel.join", {"channel": stream["channel"]}))["ok"]
        return client

    async def main() -> list[list[str]]:
        seen: list[list[str]] = [[] for _ in range(8)]
        clients = [await poll(number, one) for number, one in enumerate(seen)]
        for number, client in enumerate(clients):
            sent = await client.call(
                "chat.send",
                {"channel": stream["channel"], "cid": f"c{number}", "text": f"message {number}"},
                timeout=20,
            )
            assert sent["ok"], sent
        async with asyncio.timeout(20):
            while any(len(one) < 8 for one in seen):
                await asyncio.sleep(0.05)
        for client in clients:
            await client.disconnect()
        return seen

    assert asyncio.run(main()) == [[f"message {number}" for number in range(8)]] * 8
    at_nodes = [asked(port, "GET", "/metrics").body.decode() for port in layout.ports[1:3]]
    stored = [
        float(re.findall(r'weir_channel_entries_total{type="chat.message.new"} ([0-9.]+)', text)[0])
        for text in at_nodes
    ]
    assert sum(stored) == 8
    assert min(stored) > 0, "both have had some of them"


async def talk(layout: ScaledOut, web: RunningStack, stream: dict[str, str]) -> list[list[str]]:
    """Two people on two nodes write in turn; what each was shown, in order."""
    seen: list[list[str]] = [[], []]
    clients = [socketio.AsyncClient(), socketio.AsyncClient()]
    for client, port, shown in zip(clients, layout.ports[1:3], seen, strict=True):
        client.on("chat.message.new", lambda event, shown=shown: shown.append(event["text"]))
        session = web.ask("POST", f"/v1/watch/{stream['playback_id']}/session", {})[1]
        await client.connect(
            f"http://127.0.0.1:{port}", auth={"token": session["user_token"]}, transports=["websocket"]
        )
        assert (await client.call("channel.join", {"channel": stream["channel"]}))["ok"]
    for number in range(20):
        sent = await clients[number % 2].call(
            "chat.send",
            {"channel": stream["channel"], "cid": f"c{number}", "text": f"message {number}"},
            timeout=20,
        )
        assert sent["ok"], sent
        await asyncio.sleep(0.3)  # the pace of a conversation, over several polls
    deadline = time.monotonic() + 20
    while any(len(shown) < 20 for shown in seen) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    for client in clients:
        await client.disconnect()
    return seen
