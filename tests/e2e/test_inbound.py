"""Webhooks and uplinks on a running stack: the guide as it is written, from an uplink to a subscriber, and through a death."""

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
import socketio

from tests.support.running_stack import ROOT, RunningStack
from tests.weir.test_described import unhurried

POSTS, AT_ONCE = 2_000, 40


@pytest.fixture
def stack() -> Iterator[RunningStack]:
    running = RunningStack(
        LADDER="[360]", RECORDING="false", BLOCK_AFTER=0,
        LIMITS='{"public": 1000000, "inbound": 1000000, "source": 1000000}',
    )  # fmt: skip
    try:
        running.start()
        yield running
    finally:
        running.stop()
        running.remove()


def key_of(stack: RunningStack) -> str:
    def done(path: str, body: Any, bearer: str = "") -> Any:
        status, answer = stack.ask(
            "POST", path, body, {"Authorization": f"Bearer {bearer}"} if bearer else None
        )
        assert status in (200, 201), (path, status, answer)
        return answer

    setup = stack.card()["studio"].partition("#setup=")[2]
    account = done(
        "/v1/auth/register",
        {"email": "owner@weir.example", "password": "correct horse battery", "setup": setup},
    )["access_token"]
    app = done("/v1/apps", {"name": "Mine"}, account)["id"]
    return str(done(f"/v1/apps/{app}/keys", {"scopes": ["*"]}, account)["api_key"])


def asked(stack: RunningStack, key: str, method: str, path: str, body: Any = None) -> Any:
    status, answer = stack.ask(method, path, body, {"Authorization": f"Bearer {key}"})
    assert status < 300, (path, status, answer)
    return answer


def test_the_guide_works_as_it_is_written(stack: RunningStack) -> None:
    """Every block, in one shell, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/guides/inbound.md").read_text(), re.S | re.M)
    assert len(blocks) >= 8
    run = subprocess.run(
        ["bash", "-c", "set -euo pipefail\n" + "\n".join(blocks)],
        env={**stack.environment(), "WEIR": f"http://127.0.0.1:{stack.http}", "KEY": key_of(stack)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]


async def test_an_uplink_reaches_a_subscriber(stack: RunningStack) -> None:
    """ChirpStack's call → the space is occupied → a Socket.IO client of the app hears it."""
    key = key_of(stack)
    place = asked(stack, key, "POST", "/v1/places", {"name": "Garage", "spaces": 3})["id"]
    asked(stack, key, "POST", f"/v1/places/{place}/devices", {"serial": "70B3D57ED005A1F3", "space": 2})
    source = asked(stack, key, "POST", "/v1/sources", {"name": "LoRaWAN", "kind": "chirpstack"})
    client, heard = socketio.AsyncClient(reconnection=False), asyncio.Event()
    events: list[dict[str, Any]] = []

    async def took(event: str, data: dict[str, Any]) -> None:
        if event == "space.state.changed":
            events.append(data)
            heard.set()

    client.on("*", took)
    await client.connect(f"http://127.0.0.1:{stack.http}", auth={"token": key}, transports=["websocket"])
    try:
        assert (await client.call("events.subscribe", {"types": ["space.*"]}))["ok"]
        body = {"deduplicationId": "d-1", "time": "2026-11-20T09:34:15.775023242+00:00", "object": {"occupied": 1.0},
                "deviceInfo": {"devEui": "70b3d57ed005a1f3", "deviceName": "Bay 2"}}  # fmt: skip
        status, taken = stack.ask(
            "POST",
            f"/v1/inbound/{source['id']}?event=up",
            body,
            {"Authorization": f"Bearer {source['secret']}"},
        )
        assert (status, taken["readings"]) == (202, 1)
        await asyncio.wait_for(heard.wait(), 30)
    finally:
        await client.disconnect()
    assert [(one["place"], one["space"], one["before"], one["state"], one["cause"]) for one in events] == [
        (place, 2, "free", "occupied", "arrive")
    ]


async def test_what_was_answered_202_survives_a_kill(stack: RunningStack) -> None:
    """2,000 posts while the application is killed in the middle, each sent again until it is answered, as partners do: every one is
    in the app's log once. One that was stored and not answered is a repeat."""
    unhurried(stack)
    key = key_of(stack)
    rule = {"event": {"type": "partner.burst.n", "data": {"n": "body.n"}}}
    mapping = {"id": "string(body.n)", "rules": [rule]}
    asked_for = {"name": "Burst", "auth": {"kind": "token"}, "mapping": mapping}
    source = asked(stack, key, "POST", "/v1/sources", asked_for)
    answers, failures, killed = dict[int, int](), list[int](), list[int]()
    numbers = iter(range(POSTS))
    url, headers = f"{stack.address}/v1/inbound/{source['id']}", {"Authorization": source["secret"]}

    async def post(session: aiohttp.ClientSession, n: int) -> int:
        try:
            async with session.post(url, json={"n": n}, headers=headers) as answer:
                return answer.status
        except aiohttp.ClientError:
            return 0

    async def partner(session: aiohttp.ClientSession) -> None:
        for n in numbers:
            while (status := await post(session, n)) not in (200, 202):
                assert status in (0, 502, 503), status
                failures.append(n)
                await asyncio.sleep(0.05)
            answers[n] = status
            if len(answers) >= POSTS // 4 and not killed:
                killed.append(stack.pid_of("weir run"))
                os.kill(killed[0], signal.SIGKILL)

    async with aiohttp.ClientSession() as session, asyncio.timeout(240):
        await asyncio.gather(*(partner(session) for _ in range(AT_ONCE)))
    assert killed
    assert failures, "the kill came between two posts"
    assert len(answers) == POSTS
    found = await read_log(stack, key, set(answers))
    assert sorted(found) == list(range(POSTS))


async def read_log(stack: RunningStack, key: str, wanted: set[int]) -> list[int]:
    """All of the log, once everything wanted is in it."""
    found: list[int] = []
    for _ in range(600):
        found, cursor = [], ""
        while True:
            status, page = await asyncio.to_thread(
                stack.ask,
                "GET",
                f"/v1/events?types=partner.burst.*&limit=200{cursor}",
                None,
                {"Authorization": f"Bearer {key}"},
            )
            if status != 200:
                break
            found += [one["data"]["n"] for one in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        if wanted <= set(found):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"{len(wanted - set(found))} of {len(wanted)} are not in the log")
