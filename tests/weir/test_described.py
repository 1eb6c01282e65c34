"""The document of the API against the API: schemathesis asks every operation of all rooms, with both
credentials."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.running_stack import RunningStack, alive, children_of
from tests.support.servers import wait_until

PASSWORD = "correct horse battery"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,allow_header_conformance"
# What would end the credentials under which the rest is asked.
ENDING = r"/v1/auth/(logout|password)|/v1/apps/\{app\}/(archive|session)$|/v1/operator/apps/\{app\}$|/members/\{account\}$"
CONFIG = """
[auth.openapi.account]
bearer = "{account}"

[auth.openapi.app]
bearer = "{key}"

[parameters]
"path.app" = "{app}"
"path.stream" = "{stream}"
"path.channel" = "{channel}"
"path.playback" = "{playback}"

[[operations]]
include-path = "/oembed"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", "501"]

[[operations]]
include-method = "DELETE"
include-path = "/v1/apps/{{app}}"
enabled = false

[[operations]]
include-method = "DELETE"
include-path = "/v1/streams/{{stream}}"
enabled = false
"""


def unhurried(stack: RunningStack) -> None:
    """The web server lets one address ask as often as it can."""
    path, master = stack.run / "web.conf", stack.pid_of("web.conf")
    written, before = path.read_text(), children_of(master)
    assert "rate=100r/s" in written
    path.write_text(written.replace("rate=100r/s", "rate=10000r/s"))
    os.kill(master, signal.SIGHUP)
    wait_until(lambda: not alive(before), "the end of the workers with the old bound")


@pytest.fixture
def stack() -> Iterator[RunningStack]:
    running = RunningStack(
        LIMITS='{"account": 1000000, "member": 1000000, "public": 1000000, "heavy": 1000000}', BLOCK_AFTER=0
    )
    try:
        unhurried(running.start())
        yield running
    finally:
        running.stop()
        running.remove()


def prepared(stack: RunningStack) -> dict[str, str]:
    """An owner with an app, a key and a stream."""

    def done(method: str, path: str, body: Any, bearer: str = "") -> Any:
        status, answer = stack.ask(
            method, path, body, {"Authorization": f"Bearer {bearer}"} if bearer else None
        )
        assert status in (200, 201), (path, status, answer)
        return answer

    setup = stack.card()["studio"].partition("#setup=")[2]
    body = {"email": "owner@weir.example", "password": PASSWORD, "setup": setup}
    account = done("POST", "/v1/auth/register", body)["access_token"]
    app = done("POST", "/v1/apps", {"name": "Mine"}, account)["id"]
    key = done("POST", f"/v1/apps/{app}/keys", {"scopes": ["*"]}, account)["api_key"]
    stream = done("POST", "/v1/streams", {"title": "Show"}, key)
    return {"account": account, "app": app, "key": key, "stream": stream["id"], "channel": stream["channel"],
            "playback": stream["playback_id"]}  # fmt: skip


def test_every_answer_is_a_documented_one(stack: RunningStack, tmp_path: Path) -> None:
    """No server error, no undocumented status, form or field, whatever is asked."""
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(**prepared(stack)))
    run = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", f"--config-file={config}", "run", f"http://127.0.0.1:{stack.http}/v1/openapi.json",
         f"--url=http://127.0.0.1:{stack.http}", f"--checks={CHECKS}", f"--exclude-path-regex={ENDING}", "--phases=coverage,fuzzing",
         "--max-examples=12", "--continue-on-failure", "--seed=1", "--max-failures=30",
         "--no-color", "--suppress-health-check=all"],
        cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2000:]
