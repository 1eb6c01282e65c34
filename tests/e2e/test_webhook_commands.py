"""`weir webhooks`, `weir listen` and `weir trigger` against a running stack."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from tests.e2e.conftest import SMALL, Show
from tests.support.running_stack import RunningStack
from tests.support.webhook_receiver import Receiver


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    made = RunningStack(**{**SMALL, "EGRESS_ALLOW": '["127.0.0.0/8"]', "WEBHOOK_RETRY_S": "[0, 0.5]"})
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = await Receiver().start()
    yield made
    await made.stop()


async def said(stack: RunningStack, *words: str, code: int = 0) -> str:
    done = await asyncio.to_thread(stack.command, *words)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done.stdout + done.stderr


async def test_from_the_first_webhook_to_its_statistics(stack: RunningStack, receiver: Receiver) -> None:
    assert "weir webhooks add" in await said(stack, "webhooks", "list")
    made = await said(
        stack, "webhooks", "add", receiver.url, "--event", "stream.*", "--event", "custom.*", "--header",
        "Authorization: Token abcdef123456", "--description", "The shop",
    )  # fmt: skip
    secret = next(word for word in made.split() if word.startswith("whsec_"))
    answers: dict[int, tuple[int, dict[str, str]]] = {1: (201, {}), 2: (401, {}), 3: (429, {})}
    receiver.answer = lambda one: answers.get(len(receiver.got), (200, {}))
    assert "a record was made" in await said(stack, "webhooks", "test", "shop")
    assert "check the token" in await said(stack, "webhooks", "test", "shop", code=1)
    assert "too many requests" in await said(
        stack, "webhooks", "test", "shop", "--type", "stream.offline", code=1
    )
    Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)
    assert receiver.got[0].headers["authorization"] == "Token abcdef123456"
    event = (
        await said(stack, "trigger", "custom.plate.seen", "--data", '{"plate_number": "TEST123"}')
    ).split()[0]
    await receiver.until(lambda got: event in [one.id for one in got])
    assert "200" in await said(stack, "trigger", "stream.live")
    assert "No webhook wants" in await said(stack, "trigger", "chat.cleared", code=2)
    while not (logged := json.loads(await said(stack, "webhooks", "logs", "shop", "--json"))):
        await asyncio.sleep(0.1)
    assert (logged[0]["event"], logged[0]["state"]) == (event, "delivered")
    assert "custom.plate.seen" in await said(stack, "webhooks", "logs", "shop")
    (stats,) = json.loads(await said(stack, "webhooks", "stats", "shop", "--json")).values()
    assert stats["delivered"] == 1
    assert "100.0%" in await said(stack, "webhooks", "stats")
    count = len(receiver.got)
    await said(stack, "webhooks", "replay", "shop", "--delivery", logged[0]["id"])
    await receiver.until(lambda got: event in [one.id for one in got[count:]])
    assert "There is no webhook nowhere" in await said(stack, "webhooks", "logs", "nowhere", code=2)


async def test_a_file_is_imported(stack: RunningStack, receiver: Receiver, tmp_path: Path) -> None:
    """Refused while others can read its token; then it makes a webhook, once."""
    file = tmp_path / "config.ini"
    file.write_text(
        f"[webhooks]\n[[parking]]\nurl = {receiver.url}\nheader = Authorization: Token abc\nevents = custom.*\n"
    )
    file.chmod(0o644)
    assert f"chmod 600 {file}" in await said(stack, "webhooks", "import", str(file), code=2)
    file.chmod(0o600)
    for _ in range(2):
        assert "1 webhook as in" in await said(stack, "webhooks", "import", str(file))
    assert (await said(stack, "webhooks", "list")).count("parking") == 1
    assert "200" in await said(stack, "webhooks", "test", "parking")


async def test_events_are_heard_and_forwarded(
    stack: RunningStack, receiver: Receiver, tmp_path: Path
) -> None:
    """From elsewhere with a key, too; what is forwarded is signed with the secret that was shown."""
    show = Show(stack)
    account = await asyncio.to_thread(show.owner)
    _, key = await asyncio.to_thread(
        stack.ask, "POST", f"/v1/apps/{show.app}/keys", {"scopes": ["events:read"]}, account
    )
    (tmp_path / "key").write_text(key["api_key"])
    out, err = tmp_path / "out", tmp_path / "err"
    words = ["listen", "--event", "custom.*", "--forward", receiver.url, "--json", "--url", stack.address]
    with out.open("w") as told, err.open("w") as noted:
        listening = subprocess.Popen(
            [sys.executable, "-m", "weir", *words, "--key-file", str(tmp_path / "key")], stdout=told, stderr=noted,
            env=stack.environment(), cwd=stack.folder,
        )  # fmt: skip
    try:
        while "whsec_" not in err.read_text():
            assert listening.poll() is None, err.read_text()
            await asyncio.sleep(0.05)
        event = (await said(stack, "trigger", "custom.hello")).split()[0]
        await receiver.until(lambda got: event in [one.id for one in got])
        secret = next(word for word in err.read_text().split() if word.startswith("whsec_"))
        Webhook(secret).verify(receiver.got[-1].body, receiver.got[-1].headers)
        while event not in out.read_text():
            await asyncio.sleep(0.05)
    finally:
        listening.terminate()
        listening.wait()
