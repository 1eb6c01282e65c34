"""An app's own systems learn what happens from webhooks, through the whole stack."""

import asyncio
import io
from collections.abc import AsyncIterator
from email import message_from_bytes
from typing import Any

import orjson
import pytest
from PIL import Image
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from bench.barcode import read_code
from tests.e2e.conftest import SMALL, TALKATIVE, Show
from tests.e2e.test_moderation import Guest
from tests.support.running_stack import RunningStack
from tests.support.webhook_receiver import Received, Receiver

SETTINGS: dict[str, Any] = {
    **SMALL,
    **TALKATIVE,
    "RECONNECT_GRACE_S": 8,
    "EGRESS_ALLOW": '["127.0.0.0/8"]',
    "WEBHOOK_RETRY_S": "[0, 0.5, 0.5, 0.5, 1, 1]",
}


class Shop:
    """An app with a receiver of its own."""

    def __init__(self, show: Show, receiver: Receiver) -> None:
        self.show, self.receiver = show, receiver
        token = show.tokens.mint("weir:app", 3600, sub="acc_test", app=show.app, role="owner")
        self._auth = {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        status, answer = await asyncio.to_thread(self.show.stack.ask, method, f"/v1/{path}", body, self._auth)
        assert status in (200, 201), answer
        return dict(answer)

    async def hook(self, path: str, *types: str, **more: Any) -> dict[str, Any]:
        return await self.ask(
            "POST", "webhooks", {"url": self.receiver.url + path, "types": list(types), **more}
        )

    def at(self, path: str) -> list[Received]:
        return [one for one in self.receiver.got if one.path.endswith(path)]

    def kinds(self, path: str) -> list[str]:
        return [str(orjson.loads(one.body)["type"]) for one in self.at(path)]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    stack = RunningStack(**SETTINGS)
    receiver = await Receiver().start()
    try:
        yield Shop(Show(await asyncio.to_thread(stack.start)), receiver)
    finally:
        await receiver.stop()
        await asyncio.to_thread(stack.remove)


async def test_a_broadcast_reaches_a_receiver(shop: Shop) -> None:
    """Test, life of a broadcast with a drop, chat and recording: each once, signed; the live event with a
    picture of the stream; a failing receiver gets the same id until it takes it."""
    show, receiver = shop.show, shop.receiver
    made = await shop.hook("/all", "stream.*", "recording.*", "chat.message.new")
    tested = await shop.ask("POST", f"webhooks/{made['id']}/test", {"type": "stream.live"})
    assert tested["delivered"]
    (example,) = shop.at("/all")
    secret = Webhook(made["secret"])
    assert secret.verify(example.body, example.headers)["data"]["test"]
    with pytest.raises(WebhookVerificationError):
        secret.verify(example.body[:-1] + b" ", example.headers)
    await shop.hook("/picture", "stream.live", image={"type": "car"})
    await shop.hook("/cut", "stream.live", image={"crop": {"left": 0, "top": 0, "width": 0.5, "height": 1}})
    answers = {1: (500, {}), 2: (429, {"retry-after": "7"})}
    await shop.hook("/failing", "stream.live")
    receiver.answer = lambda one: (
        answers.get(one.time, (200, {})) if one.path.endswith("/failing") else (200, {})
    )

    publisher = await asyncio.to_thread(show.publish)
    try:
        await receiver.until(lambda _: "stream.live" in shop.kinds("/all")[1:])
        await receiver.until(lambda _: len(shop.at("/failing")) == 3)
        assert len({one.id for one in shop.at("/failing")}) == 1
        assert shop.at("/failing")[2].at - shop.at("/failing")[1].at >= 7
        await check_picture(shop)
        ann = Guest(show, "Ann", "member")
        assert (await ann.enter())["ok"]
        for number in range(45):
            assert (await ann.say(f"hello {number}"))["ok"]
        await receiver.until(lambda _: shop.kinds("/all").count("chat.message.new") == 45)
        await ann.io.disconnect()
        await asyncio.to_thread(publisher.stop)
        await receiver.until(lambda _: "stream.stalled" in shop.kinds("/all"))
        publisher = await asyncio.to_thread(show.publish)
        await receiver.until(lambda _: "stream.resumed" in shop.kinds("/all"))
    finally:
        await asyncio.to_thread(publisher.stop)
    await receiver.until(lambda _: "recording.ready" in shop.kinds("/all"), tries=3000)
    kinds = shop.kinds("/all")[1:]
    for once in ("stream.starting", "stream.live", "stream.offline", "recording.started", "recording.ready"):
        assert kinds.count(once) == 1, (once, kinds)
    assert len({one.id for one in shop.at("/all")}) == len(shop.at("/all"))
    for one in shop.at("/all"):
        secret.verify(one.body, one.headers)
    listed = await shop.ask("GET", f"webhooks/{made['id']}/deliveries?limit=100")
    assert {one["state"] for one in listed["data"]} == {"delivered"}
    stats = await shop.ask("GET", f"webhooks/{made['id']}/stats")
    assert (stats["success_rate"], stats["pending"]) == (1.0, 0)


async def check_picture(shop: Shop) -> None:
    """The form has the event, the label and a JPEG that shows the stream's own picture."""
    await shop.receiver.until(lambda _: shop.at("/picture") and shop.at("/cut"))
    found = parts(shop.at("/picture")[0])
    assert orjson.loads(found["json"])["type"] == "stream.live"
    assert found["image_type"] == b"car"
    with Image.open(io.BytesIO(found["image"]), formats=["JPEG"]) as picture:
        whole = picture.size
        grey = picture.convert("L")
        assert read_code(grey.tobytes(), *grey.size) is not None
    with Image.open(io.BytesIO(parts(shop.at("/cut")[0])["image"]), formats=["JPEG"]) as cut:
        assert cut.size == (round(whole[0] / 2), whole[1])


def parts(one: Received) -> dict[str, bytes]:
    head = f"content-type: {one.headers['content-type']}\r\n\r\n".encode()
    return {
        str(part.get_param("name", header="content-disposition")): bytes(part.get_payload(decode=True))
        for part in message_from_bytes(head + one.body).walk()
        if not part.is_multipart()
    }
