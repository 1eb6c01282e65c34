"""Webhooks while everything breaks: receivers that misbehave, the dispatcher killed, Redis killed."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from typing import Any, cast

import aiohttp

from tests.attack.conftest import Target
from tests.battery.conftest import Figures, Scale
from tests.e2e.conftest import SMALL
from tests.support.running_stack import RunningStack
from tests.support.webhook_receiver import HANG, RESET, Received, Receiver
from weir.foundation.clock import now_ms, rfc3339

ENDPOINTS = 3
WRITERS = 8
SETTINGS: dict[str, Any] = {
    **SMALL,
    "EGRESS_ALLOW": '["127.0.0.0/8"]',
    "WEBHOOK_RETRY_S": "[0, 0.3, 0.3, 0.5, 0.5, 1, 1, 2, 2, 2, 2, 2]",
    "WEBHOOK_TIMEOUT_S": 1,
    "LIMITS": '{"heavy": 1000000, "account": 1000000, "member": 1000000}',
}
WRONG = [(500, 0.1), (RESET, 0.03), (301, 0.02), (HANG, 0.004), (429, 0.001), (410, 0.0004)]


class Moody:
    """Answers at random, and knows which events it has taken."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self.taken: Counter[str] = Counter()
        self.told: Counter[int] = Counter()

    def __call__(self, one: Received) -> tuple[int, dict[str, str]]:
        mood, status = self._draw.random(), 204
        for wrong, share in WRONG:
            mood -= share
            if mood < 0:
                status = wrong
                break
        self.told[status] += 1
        if status == 204:
            self.taken[one.id] += 1
        return status, {429: {"retry-after": "7"}, 301: {"location": "/elsewhere"}}.get(status, {})


async def test_no_event_is_lost(scale: Scale, figures: Figures) -> None:
    """Each arrives at each endpoint at least once under its one id, whatever dies meanwhile."""
    count, kills = scale.mutations // 10, scale.kills
    stack = RunningStack(**SETTINGS)
    receivers = [await Receiver(answer=Moody(number)).start() for number in range(ENDPOINTS)]
    try:
        target = Target(await asyncio.to_thread(stack.start))
        key = await asyncio.to_thread(target.new_key)
        auth = {"Authorization": f"Bearer {key['api_key']}"}
        hooks = []
        for receiver in receivers:
            body = {"url": receiver.url, "types": ["custom.*"], "concurrency": 20}
            status, made = await asyncio.to_thread(stack.ask, "POST", "/v1/webhooks", body, auth)
            assert status == 201, made
            hooks.append(made["id"])
        began, since = time.monotonic(), rfc3339(now_ms())
        owner = asyncio.create_task(enable_again(stack, auth, hooks, since))
        sent = await publish_and_kill(stack, auth, count, kills)
        moods = [cast(Moody, receiver.answer) for receiver in receivers]
        for _ in range(1200):
            if all(set(sent) <= set(mood.taken) for mood in moods):
                break
            await asyncio.sleep(0.5)
        owner.cancel()
        missing = [len(set(sent) - set(mood.taken)) for mood in moods]
        figures(
            events=count,
            endpoints=ENDPOINTS,
            kills=kills,
            lost=sum(missing),
            seconds=round(time.monotonic() - began),
            repeats=sum(times - 1 for mood in moods for times in mood.taken.values()),
            answers={str(status): sum(mood.told[status] for mood in moods) for status in (204, 500, 301, 410, 429, HANG, RESET)},
        )  # fmt: skip
        assert missing == [0] * ENDPOINTS
        assert all(set(mood.taken) == set(sent) for mood in moods)
    finally:
        for receiver in receivers:
            await receiver.stop()
        await asyncio.to_thread(stack.remove)


async def enable_again(stack: RunningStack, auth: dict[str, str], hooks: list[str], since: str) -> None:
    """The owner of endpoints that answered 410: enables them, and asks for what they missed meanwhile."""
    late = set[str]()
    while True:
        for hook in hooks:
            path = f"/v1/webhooks/{hook}"
            status, now = await asyncio.to_thread(stack.ask, "GET", path, None, auth)
            if status == 200 and not now["enabled"]:
                await asyncio.to_thread(stack.ask, "PATCH", path, {"enabled": True}, auth)
                late.add(hook)
            elif status == 200 and hook in late:
                body = {"since": since, "recover": True}
                done, _ = await asyncio.to_thread(stack.ask, "POST", path + "/replay", body, auth)
                late -= {hook} if done == 200 else set()
        await asyncio.sleep(0.3)


async def publish_and_kill(stack: RunningStack, auth: dict[str, str], count: int, kills: int) -> list[str]:
    """Ids of the events that were acknowledged."""
    todo = [f"evt_battery_{number}" for number in range(count)]
    waiting, done = list(reversed(todo)), list[str]()

    async def write(session: aiohttp.ClientSession) -> None:
        while waiting:
            event = waiting.pop()
            body = {"id": event, "type": "custom.battery", "data": {"n": event}}
            while True:
                try:
                    async with session.post(stack.address + "/v1/events", json=body, headers=auth) as reply:
                        if reply.status in (200, 201):
                            done.append(str((await reply.json())["id"]))
                            break
                        await reply.read()
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await asyncio.sleep(0.1)

    async def kill() -> None:
        for number in range(kills):
            while len(done) < count * (number + 1) // (kills + 2):
                await asyncio.sleep(0.05)
            name = "redis-server" if number == kills // 2 else "weir run all"
            try:
                os.kill(await asyncio.to_thread(stack.pid_of, name), signal.SIGKILL)
            except AssertionError:
                continue  # it is being started
            while not await asyncio.to_thread(lambda: stack.ready):
                await asyncio.sleep(0.1)

    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        await asyncio.gather(kill(), *(write(session) for _ in range(WRITERS)))
    return done
