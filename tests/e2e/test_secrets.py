"""After a session with everything in it, no secret is anywhere in clear: logs, Redis, files, arguments,
errors, metrics."""

import asyncio
import json
import os
import re
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import socketio

from tests.e2e.chatting import connect
from tests.e2e.conftest import SMALL, Show
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until
from weir.foundation.redis.client import redis_password
from weir.foundation.settings import Settings
from weir.foundation.vault import open_vault
from weir.server_configs import internal_secret

CONFIGURATION = {"redis.conf", "ingest.conf", "web.conf"}


class Arguments:
    """Every command line that any process of the stack has shown, looked at twenty times a second."""

    def __init__(self, stack: RunningStack) -> None:
        self.seen, self._stack, self._stop = set[str](), stack, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            for pid in self._stack.pids() | {self._stack.pid}:
                try:
                    self.seen.add(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
                except OSError:
                    continue

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)


def signature(token: str) -> str:
    """What makes a JWT worth stealing."""
    return token.rsplit(".", 1)[1]


class Client:
    """Sends requests, and keeps the secrets and errors of their answers."""

    def __init__(self, stack: RunningStack) -> None:
        self.secrets: dict[str, str] = {}
        self.errors: list[str] = []
        self.cookie = ""
        self._stack = stack

    def ask(
        self, method: str, path: str, body: Any = None, token: str = "", raw: bytes | None = None
    ) -> tuple[int, Any]:
        headers = {
            "Content-Type": "application/json",
            "Cookie": self.cookie,
            **({"Authorization": f"Bearer {token}"} if token else {}),
        }
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._stack.http}{path}", data, headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                cookies = [one.split(";")[0] for one in reply.headers.get_all("Set-Cookie") or ()]
                self.cookie = "; ".join(cookies) or self.cookie
                self.secrets |= {
                    f"cookie {len(self.secrets)} {one[:11]}": one.rsplit(".", 1)[-1] for one in cookies
                }
                content = reply.read()
                return reply.status, json.loads(content) if content.startswith(b"{") else content
        except urllib.error.HTTPError as error:
            content = error.read().decode(errors="replace")
            self.errors.append(f"{method} {path[:20]}… {content}")
            return error.code, content

    def must(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        status, answer = self.ask(method, path, body, token)
        assert status < 300, answer
        return answer

    def refused(self, *question: Any, **more: Any) -> None:
        status, answer = self.ask(*question, **more)
        assert 400 <= status < 500, answer
        assert '"code"' in answer, answer


@pytest.fixture
def told() -> Iterator[Show]:
    stack = RunningStack(**SMALL)
    try:
        yield Show(stack.start())
    finally:
        stack.remove()


def sign_up(show: Show, client: Client) -> str:
    """Everything that is done with an e-mail address and a password; the app's token."""
    setup, password = show.card["studio"].split("#setup=")[1], "correct-horse-battery-Staple7"
    owner = {"email": "owner@weir.example", "password": password}
    client.secrets |= {"set-up": setup, "password": password, "wrong password": "wrong-horse-battery-Staple8"}
    client.refused("POST", "/v1/auth/register", {**owner, "setup": "x" * 32})
    client.refused("POST", "/v1/auth/register", {**owner, "setup": setup, "email": "no address"})
    client.refused("POST", "/v1/auth/register", {**owner, "setup": [setup], "password": [password]})
    client.refused(
        "POST", "/v1/auth/register", raw=f'{{"password": "{password}", "setup": "{setup}"'.encode()
    )
    client.must("POST", "/v1/auth/register", {**owner, "setup": setup})
    client.refused("POST", "/v1/auth/register", {**owner, "setup": setup})
    client.refused("POST", "/v1/auth/login", {**owner, "password": "wrong-horse-battery-Staple8"})
    access = client.must("POST", "/v1/auth/login", owner)["access_token"]
    spent = client.cookie
    access_2 = client.must("POST", "/v1/auth/refresh")["access_token"]
    app = client.must("GET", "/v1/apps", token=access_2)["data"][0]["id"]
    member = str(client.must("POST", f"/v1/apps/{app}/session", token=access_2)["app_token"])
    client.cookie = spent
    client.refused("POST", "/v1/auth/refresh")
    client.secrets |= {
        "access": signature(access),
        "access 2": signature(access_2),
        "member": signature(member),
    }
    client.refused("GET", "/v1/auth/me", token=access_2)  # with the family, what it gave has ended
    access = client.must("POST", "/v1/auth/login", owner)["access_token"]
    client.secrets["access 3"] = signature(access)
    client.refused("GET", "/v1/streams", token=access)
    key = client.must("POST", f"/v1/apps/{app}/keys", {"name": "server", "scopes": ["*"]}, token=access)
    client.secrets |= {"API key": key["api_key"].rsplit("_", 1)[1], "signing secret": key["signing_secret"]}
    for path in ("/v1/streams", "/v1/streams/str_00000000000000000000000000"):
        client.ask("GET", path, token=key["api_key"])
    client.refused("GET", f"/v1/apps/{app}/keys", token=key["api_key"])
    client.must("DELETE", f"/v1/apps/{app}/keys/{key['id']}", token=access)
    client.secrets["signing key"] = client.must(
        "POST", f"/v1/apps/{app}/keys/signing", {"name": "site", "scopes": ["*"]}, token=access
    )["signing_secret"]
    wait_until(lambda: client.ask("GET", "/v1/streams", token=key["api_key"])[0] == 401, "the key's end", 10)
    invite(show, client, f"/v1/apps/{app}", access)
    access = reset(show, client, owner["email"])
    client.refused("GET", "/v1/streams", token=member)  # with the old password
    member = str(client.must("POST", f"/v1/apps/{app}/session", token=access)["app_token"])
    client.secrets |= {"access 4": signature(access), "member 2": signature(member)}
    return member


def mailed(show: Show, count: int) -> str:
    """The secret in the newest of so many mails."""
    folder = show.stack.folder / "var/mail"
    wait_until(lambda: folder.is_dir() and len(list(folder.iterdir())) == count, "a mail", 10)
    return max(folder.iterdir()).read_text().strip().rpartition("=")[2]


def invite(show: Show, client: Client, app: str, access: str) -> None:
    """A link that is refused in every way, replaced, and taken."""
    asked = {"email": "ann@weir.example", "role": "editor"}
    made = client.must("POST", app + "/invitations", asked, token=access)
    client.secrets["replaced invitation"] = made["link"].rpartition("=")[2]
    client.must("POST", app + "/invitations", asked, token=access)
    link, before = mailed(show, 2), client.secrets["replaced invitation"]
    client.secrets |= {"invitation": link, "invited password": "invited-horse-battery-Staple6"}
    person = {"email": asked["email"], "password": client.secrets["invited password"]}
    cookie = client.cookie
    client.refused("POST", "/v1/invitations/accept", {"token": link}, token=access)
    client.refused("POST", "/v1/auth/register", {**person, "invitation": before})
    client.refused("POST", "/v1/auth/register", {**person, "invitation": link, "email": "eve@weir.example"})
    client.refused("POST", "/v1/auth/register", {**person, "invitation": [link]})
    client.refused("GET", f"/v1/streams?invitation={link}")
    client.must("POST", "/v1/auth/register", {**person, "invitation": link})
    client.refused("POST", "/v1/auth/register", {**person, "invitation": link})
    client.must("GET", app + "/audit", token=access)
    client.cookie = cookie


def reset(show: Show, client: Client, email: str) -> str:
    """A link that sets a new password, once; an access token."""
    client.must("POST", "/v1/auth/password/forgot", {"email": email})
    link, fresh = mailed(show, 3), "fresh-horse-battery-Staple5"
    client.secrets |= {"reset link": link, "fresh password": fresh}
    client.refused("POST", "/v1/auth/password/reset", {"token": link, "password": "short"})
    client.refused("POST", "/v1/auth/verify", {"token": link})
    client.refused("GET", f"/v1/auth/password/reset?reset={link}")
    client.must("POST", "/v1/auth/password/forgot", {"email": email})
    again = mailed(show, 4)
    client.secrets["second reset link"] = again
    access = client.must("POST", "/v1/auth/password/reset", {"token": again, "password": fresh})[
        "access_token"
    ]
    for spent in (link, again):
        client.refused("POST", "/v1/auth/password/reset", {"token": spent, "password": fresh})
    return str(access)


def publish(show: Show, client: Client, member: str) -> None:
    """A wrong key, a key that is replaced, the right one."""
    stream = client.must("GET", "/v1/streams", token=member)["data"][0]["id"]
    rotated = client.must("POST", f"/v1/streams/{stream}/key/rotate", token=member)["key"]
    wrong = rotated[:-4] + "Zz9Z"
    client.secrets |= {name: key.rsplit("_", 1)[1] for name, key in
                       (("old key", show.card["key"]), ("key", rotated), ("wrong key", wrong))}  # fmt: skip
    for refused in (wrong, show.card["key"]):
        publisher = show.publish(refused)
        assert publisher.wait(15) != 0
        publisher.stop()
    show.card["key"] = rotated


def watch(show: Show, client: Client, member: str) -> None:
    """Tokens of all kinds, used, refused, withdrawn; and while the application is away, so that nginx
    complains."""
    stream = client.must("GET", "/v1/streams", token=member)["data"][0]["id"]
    session = show.session("Ann")
    bought = client.must("POST", f"/v1/streams/{stream}/playback-tokens", {"sid": "bought"}, token=member)[
        "token"
    ]
    speaker = client.must("POST", "/v1/user-tokens", {"sub": "bob"}, token=member)["token"]
    renewed = client.must(
        "POST", f"/v1/watch/{show.playback}/renew", {"playback_token": session["playback_token"]}
    )["playback_token"]
    tokens = {"session's playback": session["playback_token"], "session's user": session["user_token"], "bought playback": bought,
              "user": speaker, "renewed playback": renewed, "forged": bought[:-6] + "forged"}  # fmt: skip
    client.secrets |= {name: signature(token) for name, token in tokens.items()}
    for token in tokens.values():
        for name in ("master.m3u8", "v360.m3u8", "x.m4s", "../../etc", "%00"):
            client.ask("GET", f"/hls/{token}/{show.playback}/{name}")
        client.ask("GET", f"/v1/streams?token={token}", token=token)
        client.ask("POST", f"/v1/watch/{show.playback}/renew", {"playback_token": token + "x"})
    chat(show, client, session, tokens)
    client.must("POST", "/v1/revocations", {"session": "bought"}, token=member)
    wait_until(
        lambda: client.ask("GET", f"/hls/{bought}/{show.playback}/master.m3u8")[0] == 403,
        "the withdrawal",
        10,
    )
    os.kill(show.stack.pid_of("-m weir run"), signal.SIGKILL)
    for token in tokens.values():
        dotless = token.replace(".", "%2E")
        for path in (
            f"/hls/{token}/{show.playback}/master.m3u8",
            f"/hls/{dotless}/{show.playback}/v360.m3u8",
            f"/v1/streams?t={token}",
        ):
            client.ask("GET", path, token=token)
    wait_until(lambda: show.stack.ready, "the application's return")


def chat(show: Show, client: Client, session: dict[str, Any], tokens: dict[str, str]) -> None:
    """Sent, refused, and refused at connecting; what the server answers then counts as an error body."""

    async def talk() -> None:
        line = await connect(show, session, lambda *_: None)
        try:
            for event, data in (
                ("channel.join", {"channel": show.channel}), ("chat.send", {"channel": show.channel, "cid": "1", "text": "hello"}),
                ("chat.send", {"channel": show.channel, "token": session["user_token"]}), ("no.such", session),
            ):  # fmt: skip
                client.errors.append(str(await line.call(event, data)))
        finally:
            line.disconnect()
        for token in (tokens["forged"], tokens["bought playback"]):
            refused = socketio.AsyncClient(reconnection=False)
            refused.on("connect_error", lambda data: client.errors.append(str(data)))
            with pytest.raises(socketio.exceptions.ConnectionError):
                await refused.connect(
                    f"http://127.0.0.1:{show.stack.http}", auth={"token": token}, transports=["websocket"]
                )
            await refused.disconnect()

    asyncio.run(talk())


def redis_values(path: Path, password: str) -> Iterator[str]:
    """Every key with its whole value, as text."""
    server: Any = redis.Redis(unix_socket_path=str(path), password=password)
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": server.get, b"hash": server.hgetall, b"stream": server.xrange, b"set": server.smembers,
        b"zset": lambda key: server.zrange(key, 0, -1), b"list": lambda key: server.lrange(key, 0, -1),
    }  # fmt: skip
    for key in server.scan_iter(count=1000):
        yield f"{key} {read[server.type(key)](key)}"
    yield str(server.slowlog_get(1000))
    server.close()


def where(secrets: dict[str, str], texts: Iterable[tuple[str, str | bytes]]) -> list[str]:
    """Sentences: which secret is where."""
    found = []
    for place, text in texts:
        data = text if isinstance(text, bytes) else text.encode()
        found += [f"{name} stands in {place}" for name, secret in secrets.items() if secret.encode() in data]
    return found


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                yield str(path.relative_to(folder.parent)), path.read_bytes()
        except FileNotFoundError:
            continue


def test_no_secret_stands_in_clear(told: Show) -> None:
    """Keys, passwords, tokens and mailed links of a whole session are in no log, no value of Redis, no file,
    no command line, no error and no metric; the internal secret and the password of Redis are in the
    generated configuration alone, the links in the mails that are files where there is no mail server."""
    show, stack, client = told, told.stack, Client(told.stack)
    arguments = Arguments(stack)
    member = sign_up(show, client)
    publish(show, client, member)
    publisher = show.publish()
    try:
        show.wait_state("live")
        watch(show, client, member)
    finally:
        publisher.stop()
    settings = Settings(data_dir=stack.folder / "var", _env_file=None)
    vault = open_vault(settings)
    own = {"Redis' password": redis_password(vault), "internal secret": internal_secret(vault, settings)}
    master = {"master secret": (stack.folder / "var/secret").read_text().strip()}
    assert min(map(len, client.secrets.values())) >= 20
    show.text(show.url(token=show.token("last")))
    usage = stack.folder / "var/usage/web.log"
    wait_until(lambda: "\tlast\t" in usage.read_text(), "the usage log, which is written each second")
    arguments.close()
    everything = client.secrets | own | master
    public = [
        ("errors", "\n".join(client.errors)),
        ("metrics", str(stack.get("/metrics")[1])),
        ("stderr", stack.err.read_text()),
    ]
    public += [("arguments", line) for line in arguments.seen]
    public += [("Redis", value) for value in redis_values(stack.run / "redis.sock", own["Redis' password"])]
    assert len(client.errors) > 40 and len(arguments.seen) > 6 and len(public) > 15
    assert where(everything, public) == []
    stored = [(name, data) for part in ("var", "live") for name, data in files(stack.folder / part)
              if name != "var/secret" and not name.startswith("var/mail/")]  # fmt: skip
    names = {name for name, _ in stored}
    assert {"var/logs/web.log", "var/logs/app.log", "var/weir.db"} <= names, names
    assert any(name.endswith(".aof") for name in names) and any(name.endswith(".m4s") for name in names)
    assert any(name.startswith("live/decisions/") for name in names), "what nginx keeps of decisions"
    assert where(everything, stored) == []
    assert where(client.secrets | master, files(stack.run)) == []
    assert {
        place for place in where(own, files(stack.run)) if place.rsplit("/", 1)[1] not in CONFIGURATION
    } == set()
    assert_refusals_reached_the_log(stack)


def assert_refusals_reached_the_log(stack: RunningStack) -> None:
    """An empty log would hold no secret either: the playback tokens were there, and were taken out."""
    web = (stack.folder / "var/logs/web.log").read_text()
    assert re.search(r"GET /hls/\[redacted\]/ply_\w+/master\.m3u8", web), web[-2000:]


def test_the_demo_encoder_hides_its_key() -> None:
    """`weir demo` publishes with the real key, which is in no command line; its private file is deleted at
    the end."""
    stack = RunningStack(**SMALL)
    try:
        stack.begin("demo")
        arguments = Arguments(stack)
        wait_until(lambda: "Ctrl-C" in stack.out.read_text() or stack.ended, "the demo's card", 60)
        assert not stack.ended, stack.err.read_text()
        key = stack.card()["key"].rsplit("_", 1)[1]
        presets = [
            path
            for path in stack.run.rglob("*")
            if path.is_file() and key in path.read_text(errors="replace")
        ]
        assert all(path.stat().st_mode & 0o077 == 0 for path in presets)
        assert stack.stop() == 0
        arguments.close()
        assert any("libx264" in line and "testsrc2" in line for line in arguments.seen)
        assert where({"key": key}, [("arguments", line) for line in arguments.seen]) == []
        assert where({"key": key}, [*files(stack.run), *files(stack.folder / "var")]) == []
    finally:
        stack.remove()
