"""Events leave Weir at least once, under one id, whatever the receiver does."""

import asyncio

import orjson
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.control.webhooks.conftest import Hooks
from tests.support.webhook_receiver import Receiver


async def test_an_event_arrives_signed(hooks: Hooks, receiver: Receiver) -> None:
    """The reference library accepts it; with one byte changed it does not."""
    made = await hooks.make(receiver.url, "custom.*")
    sent = await hooks.publish(plate_number="TEST123")
    await receiver.until(len)
    (got,) = receiver.got
    said = Webhook(made["secret"]).verify(got.body, got.headers)
    assert said["type"] == "custom.plate"
    assert (said["data"]["id"], said["data"]["data"]["plate_number"]) == (sent, "TEST123")
    assert got.id == sent
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(got.body.replace(b"TEST123", b"TEST124"), got.headers)


async def test_only_what_is_wanted(hooks: Hooks, receiver: Receiver) -> None:
    await hooks.make(receiver.url + "/filter", "custom.*", filter="data.data.speed > 50")
    await hooks.make(receiver.url + "/stream", "custom.*", streams=["str_1"])
    await hooks.make(receiver.url + "/other", "stream.*")
    await hooks.make(receiver.url + "/all", "*")
    slow = await hooks.publish("custom.car", speed=30)
    fast = await hooks.publish("custom.car", speed=80)
    ours = await hooks.publish("custom.car", stream="str_1")
    await receiver.until(lambda got: len([one for one in got if one.path.endswith("/all")]) == 3)
    await receiver.until(lambda got: len(got) == 5)
    paths = {
        path: [one.id for one in receiver.got if one.path.endswith(path)]
        for path in ("/filter", "/stream", "/other", "/all")
    }
    assert paths == {"/filter": [fast], "/stream": [ours], "/other": [], "/all": [slow, fast, ours]}


async def test_it_is_tried_again_under_the_same_id(hooks: Hooks, receiver: Receiver) -> None:
    """500, then 429 with Retry-After, then 200; the log of deliveries shows three attempts; a replay arrives
    under the same id."""
    answers = {1: (500, {}), 2: (429, {"retry-after": "1"}), 3: (200, {})}
    receiver.answer = lambda one: answers.get(one.time, (200, {}))
    made = await hooks.make(receiver.url, "custom.*")
    sent = await hooks.publish()
    await receiver.until(lambda got: len(got) == 3)
    assert receiver.ids() == [sent] * 3
    assert receiver.got[2].at - receiver.got[1].at >= 1
    path = f"webhooks/{made['id']}/deliveries?state=delivered"
    while not (listed := (await hooks.ask("GET", path))["data"]):
        await asyncio.sleep(0.02)
    full = await hooks.ask("GET", f"deliveries/{listed[0]['id']}")
    assert [one["status"] for one in full["attempts"]] == [500, 429, 200]
    assert orjson.loads(full["body"])["data"]["id"] == sent
    await hooks.ask("POST", f"deliveries/{listed[0]['id']}/replay")
    await receiver.until(lambda got: len(got) == 4)
    assert receiver.ids() == [sent] * 4
