"""Events leave Weir at least once, under one id, whatever the receiver does."""

import asyncio
import base64
from typing import Any
from unittest.mock import AsyncMock

import orjson
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from control.composition import ControlRoom
from control.webhooks import endpoint_worker
from control.webhooks.documents import CURSORS, DELIVERIES
from control.webhooks.filters import check_filter, passes
from control.webhooks.sender import _masked
from tests.control.webhooks.conftest import Hooks, nobody
from tests.support.webhook_receiver import HANG, Received, Receiver
from weir.foundation.errors import Invalid, Unavailable
from weir.foundation.events import Event, WebhookDisabled
from weir.foundation.ingest_client import PictureClient
from weir.foundation.redis.event_log import EventLogReader
from weir.foundation.services import Services


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


async def test_a_hanging_endpoint_costs_the_others_nothing(
    hooks: Hooks, receiver: Receiver, services: Services
) -> None:
    """Beside one that never answers, all events arrive at once; the cursor passes it, and the hanging one gets
    its events when it answers again."""
    hangs = True
    receiver.answer = lambda one: (HANG if hangs and one.path.endswith("/slow") else 200, {})
    await hooks.make(receiver.url + "/slow", "custom.*", concurrency=2)
    await hooks.make(receiver.url + "/fast", "custom.*")
    sent = [await hooks.publish(n=number) for number in range(300)]
    await receiver.until(lambda got: sum(one.path.endswith("/fast") for one in got) == 300)
    assert [one.id for one in receiver.got if one.path.endswith("/fast")] == sent
    top = (await EventLogReader(services.redis).position(hooks.app)).seq
    cursor = services.store.app(hooks.app)
    while (await cursor.get(CURSORS, hooks.app) or {"seq": 0})["seq"] < top:
        await asyncio.sleep(0.05)
    hangs = False
    await receiver.until(lambda got: {one.id for one in got if one.path.endswith("/slow")} == set(sent))


async def test_order_is_kept_where_it_is_wanted(hooks: Hooks, receiver: Receiver) -> None:
    """One at a time: what fails holds up what comes after it, and nothing overtakes."""
    taken: list[str] = []

    def answer(one: Received) -> tuple[int, dict[str, str]]:
        if one.time < 3 and sum(map(ord, one.id)) % 3 == 0:
            return 500, {}
        taken.append(one.id)
        return 200, {}

    receiver.answer = answer
    await hooks.make(receiver.url, "custom.*", ordered=True)
    sent = [await hooks.publish(n=number) for number in range(40)]
    await receiver.until(lambda _: len(taken) == 40)
    assert taken == sent


async def test_a_receiver_that_is_gone_gets_nothing_more(
    hooks: Hooks, receiver: Receiver, services: Services
) -> None:
    """410 disables; the app's log says so; what waits is sent when it is enabled again."""
    gone = True
    receiver.answer = lambda _: (410 if gone else 200, {})
    made = await hooks.make(receiver.url, "custom.*")
    told: list[Event] = []
    watching = asyncio.create_task(services.bus.watch(AsyncMock(side_effect=told.append)))
    sent = [await hooks.publish(n=number) for number in range(3)]
    path = f"webhooks/{made['id']}"
    while (shown := await hooks.ask("GET", path))["enabled"]:
        await asyncio.sleep(0.05)
    assert "410" in shown["disabled_reason"]
    relay = asyncio.create_task(services.relay.run())
    while not any(isinstance(one, WebhookDisabled) and one.webhook == made["id"] for one in told):
        await asyncio.sleep(0.05)
    late = await hooks.publish(n=9)
    count = len(receiver.got)
    refused = await hooks.world.ask("POST", f"/v1/{path}/replay", hooks.token, {"state": "all"})
    assert refused.status_code == 409
    gone = False
    await hooks.ask("PATCH", path, {"enabled": True})
    await receiver.until(lambda got: {one.id for one in got[count:]} >= set(sent))
    assert late not in receiver.ids()
    since = "2026-01-01T00:00:00Z"
    again = await hooks.ask("POST", f"{path}/replay", {"since": since, "recover": True})
    assert again["recovered"] == 1
    await receiver.until(lambda _: late in receiver.ids())
    for task in (watching, relay):
        task.cancel()


async def test_who_refuses_our_token_is_told_to_check_it(hooks: Hooks, receiver: Receiver) -> None:
    """Five tries, whatever the schedule; then it has failed, and can be sent again."""
    receiver.answer = lambda one: (401 if one.time <= 5 else 200, {})
    made = await hooks.make(receiver.url, "custom.*", auth={"kind": "bearer", "token": "a-secret-token"})
    await hooks.publish()
    path = f"webhooks/{made['id']}/deliveries?state=failed"
    while not (failed := (await hooks.ask("GET", path))["data"]):
        await asyncio.sleep(0.05)
    assert len(receiver.got) == 5
    health = (await hooks.ask("GET", f"webhooks/{made['id']}"))["health"]
    while health["advice"] is None:
        await asyncio.sleep(0.1)
        health = (await hooks.ask("GET", f"webhooks/{made['id']}"))["health"]
    assert "check the token" in health["advice"]
    full = await hooks.ask("GET", f"deliveries/{failed[0]['id']}")
    assert "a-secret-token" not in str(full)
    await hooks.ask("POST", f"webhooks/{made['id']}/replay", {"state": "failed"})
    await receiver.until(lambda got: len(got) == 6)


async def test_a_dead_receiver_is_probed_and_not_flooded(hooks: Hooks, receiver: Receiver) -> None:
    """After ten failures in a row the breaker opens; while it is open nothing is sent, then one request alone
    tries; when it succeeds all follow."""
    dead = True
    receiver.answer = lambda _: (503 if dead else 200, {})
    made = await hooks.make(receiver.url, "custom.*", concurrency=1)
    sent = [await hooks.publish(n=number) for number in range(30)]
    await receiver.until(lambda got: len(got) >= 10)
    states = set()
    for _ in range(40):
        states.add((await hooks.ask("GET", f"webhooks/{made['id']}"))["health"]["breaker"])
        await asyncio.sleep(0.05)
    assert "open" in states
    assert len(receiver.got) < 25
    dead = False
    await receiver.until(lambda _: set(receiver.ids()) == set(sent))


async def test_events_are_gathered_into_batches(hooks: Hooks, receiver: Receiver) -> None:
    """Fewer requests, each event in one of them; a batch is repeated as it was."""
    receiver.answer = lambda one: (500 if one.time == 1 else 200, {})
    made = await hooks.make(receiver.url, "custom.*", batch={"most": 20, "wait_ms": 200})
    sent = [await hooks.publish(n=number) for number in range(50)]

    def taken() -> list[str]:
        done = [orjson.loads(one.body) for one in receiver.got if one.time > 1]
        return [event["data"]["id"] for batch in done for event in batch["data"]["events"]]

    await receiver.until(lambda _: len(taken()) >= 50)
    assert sorted(taken()) == sorted(sent)
    bodies = {one.id: {other.body for other in receiver.got if other.id == one.id} for one in receiver.got}
    assert all(len(each) == 1 for each in bodies.values())
    assert len(bodies) <= 10
    listed = (await hooks.ask("GET", f"webhooks/{made['id']}/deliveries"))["data"]
    assert sum(one["events"] for one in listed) == 50
    assert {one["type"] for one in listed} == {"webhook.batch"}


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"kind": "header", "name": "X-Api-Key", "value": "k3y-of-the-shop"}, "x-api-key", "k3y-of-the-shop"),
        ({"kind": "basic", "username": "ann", "password": "s3cret-word"}, "authorization", "Basic YW5uOnMzY3JldC13b3Jk"),
        ({"kind": "bearer", "token": "t0ken-t0ken"}, "authorization", "Bearer t0ken-t0ken"),
    ],
)  # fmt: skip
async def test_the_receiver_knows_us(
    hooks: Hooks, receiver: Receiver, auth: dict[str, str], header: str, value: str
) -> None:
    made = await hooks.make(receiver.url, "custom.*", auth=auth, headers={"X-Site": "north-1"})
    assert value.rpartition(" ")[2] not in str(await hooks.ask("GET", f"webhooks/{made['id']}"))
    tested = await hooks.ask("POST", f"webhooks/{made['id']}/test", {"type": "stream.live"})
    assert tested["delivered"]
    (got,) = receiver.got
    assert (got.headers[header], got.headers["x-site"]) == (value, "north-1")
    assert got.id == tested["event"]
    assert value not in str(tested)
    preview = await hooks.ask("POST", f"webhooks/{made['id']}/preview", {"type": "stream.live"})
    assert preview["curl"].startswith("curl -X POST")
    assert value not in str(preview)
    assert len(receiver.got) == 1


async def test_oauth2_tokens_are_fetched_and_renewed(hooks: Hooks, receiver: Receiver) -> None:
    """One token for many deliveries; a refused one is replaced once."""
    given = iter(range(1, 100))
    valid = {"Bearer token-1"}

    def answer(one: Received) -> tuple[int, dict[str, str]]:
        return (200 if one.headers["authorization"] in valid else 401), {}

    receiver.answer = answer
    receiver.tokens = lambda: f"token-{next(given)}"
    auth = {
        "kind": "oauth2",
        "token_url": receiver.url.replace("/hook", "/token"),
        "client_id": "weir",
        "client_secret": "very secret",
        "scope": "events",
    }
    await hooks.make(receiver.url, "custom.*", auth=auth)
    first = [await hooks.publish(n=number) for number in range(5)]
    await receiver.until(
        lambda _: {one.id for one in receiver.got if one.headers["authorization"] in valid} >= set(first)
    )
    valid.clear()
    valid.add("Bearer token-2")
    last = await hooks.publish(n=6)
    await receiver.until(
        lambda got: (
            [one.headers["authorization"] for one in got if one.id == last]
            == ["Bearer token-1", "Bearer token-2"]
        )
    )


async def test_bodies_are_encrypted_and_signed_by_key(hooks: Hooks, receiver: Receiver) -> None:
    """Ed25519: the public key verifies what was sent; AES-256-GCM: the key that was shown once opens it, with
    the webhook-id as associated data."""
    made = await hooks.make(receiver.url, "custom.*", signature="ed25519", encrypted=True)
    assert made["secret"] is None
    sent = await hooks.publish(n=1)
    await receiver.until(len)
    (got,) = receiver.got
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(made["public_key"].removeprefix("whpk_")))
    version, _, signed = got.headers["webhook-signature"].partition(",")
    assert version == "v1a"
    public.verify(
        base64.b64decode(signed), f"{got.id}.{got.headers['webhook-timestamp']}.".encode() + got.body
    )
    sealed = orjson.loads(got.body)
    assert (sealed["v"], sealed["alg"], sealed["kid"]) == (1, "A256GCM", made["kid"])
    key = AESGCM(base64.b64decode(made["encryption_key"]))
    nonce, text = base64.b64decode(sealed["nonce"]), base64.b64decode(sealed["ciphertext"])
    assert orjson.loads(key.decrypt(nonce, text, got.id.encode()))["data"]["id"] == sent
    with pytest.raises(InvalidTag):
        key.decrypt(nonce, text, b"evt_other")


async def test_two_secrets_sign_while_one_is_rotated(hooks: Hooks, receiver: Receiver) -> None:
    made = await hooks.make(receiver.url, "custom.*")
    fresh = await hooks.ask("POST", f"webhooks/{made['id']}/rotate-secret", {"overlap_s": 60})
    await hooks.publish()
    await receiver.until(len)
    (got,) = receiver.got
    for secret in (made["secret"], fresh["secret"]):
        Webhook(secret).verify(got.body, got.headers)
    gone = await hooks.ask("POST", f"webhooks/{made['id']}/rotate-secret", {"overlap_s": 0})
    await hooks.ask("POST", f"webhooks/{made['id']}/test", {})
    Webhook(gone["secret"]).verify(receiver.got[-1].body, receiver.got[-1].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(fresh["secret"]).verify(receiver.got[-1].body, receiver.got[-1].headers)


async def test_another_process_goes_on(hooks: Hooks, receiver: Receiver, services: Services) -> None:
    """A dispatcher that dies in the middle leaves its lease; the next one sends what it had not, and repeats
    at most what was not recorded."""
    await hooks.make(receiver.url, "custom.*")
    before = [await hooks.publish(n=number) for number in range(20)]
    await receiver.until(lambda got: len(got) >= 10)
    hooks.die()
    after = [await hooks.publish(n=number) for number in range(20)]
    await services.redis.delete(f"weir:webhooks:{hooks.app}")  # in place of ten seconds
    next_one = ControlRoom(services, nobody, {})._webhooks.dispatcher
    running = asyncio.create_task(next_one.run())
    await receiver.until(lambda _: set(receiver.ids()) >= {*before, *after})
    running.cancel()
    assert set(receiver.ids()) == {*before, *after}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"url": "http://169.254.169.254/latest"}, "private"),
        ({"url": "ftp://example.com"}, "https"),
        ({"types": ["stream.lives"]}, "stream.lives"),
        ({"filter": "data.list.all(x, x > 1)"}, "filter"),
        ({"filter": "data."}, "CEL"),
        ({"headers": {"Webhook-Id": "x"}}, "webhook-id"),
        ({"headers": {"Host": "x"}}, "host"),
        ({"auth": {"kind": "bearer"}}, "token"),
        ({"auth": {"kind": "none", "token": "x"}}, "token"),
        ({"auth": {"kind": "oauth2", "token_url": "http://10.0.0.1/t", "client_id": "a", "client_secret": "b"}}, "private"),
        ({"image": {"crop": {"left": 0.5, "top": 0, "width": 0.6, "height": 1}}}, "crop"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused(hooks: Hooks, change: dict[str, Any], word: str) -> None:
    body = {"url": "https://hooks.example.com/x", "types": ["*"], **change}
    reply = await hooks.world.ask("POST", "/v1/webhooks", hooks.token, body)
    assert reply.status_code == 422, reply.text
    assert word.lower() in reply.text.lower()


async def test_in_order_a_slow_answer_delays_the_next_by_itself_alone(
    hooks: Hooks, receiver: Receiver
) -> None:
    """The first takes longer than a delivery waits in memory; the next follows at its success, not at the
    time at which the first would have been tried again."""
    slow = asyncio.Event()
    receiver.before = lambda one: slow.wait() if len(receiver.got) == 1 else None
    await hooks.make(receiver.url, "custom.*", ordered=True)
    sent = [await hooks.publish(n=number) for number in range(3)]
    await receiver.until(len)
    dispatch = hooks.services.dispatcher._apps[hooks.app]
    (worker,) = dispatch._workers.values()
    while not worker._has_stored or not worker._holding:
        await asyncio.sleep(0.02)
    slow.set()
    looks = 0
    while len(receiver.got) < 3:
        await asyncio.sleep(0.05)
        looks += 1
        assert looks < 100, "the look that comes each ten seconds would be needed"
    assert receiver.ids() == sent


async def test_what_is_recovered_keeps_its_order_and_repeats_no_batch(
    hooks: Hooks, receiver: Receiver
) -> None:
    ordered = await hooks.make(receiver.url + "/ordered", "custom.*", ordered=True, enabled=False)
    batched = await hooks.make(receiver.url + "/batch", "custom.*", batch={"most": 5, "wait_ms": 100})
    sent = [await hooks.publish(n=number) for number in range(60)]

    def at(path: str) -> list[Received]:
        return [one for one in receiver.got if one.path.endswith(path)]

    await receiver.until(lambda _: len(at("/batch")) >= 12)
    while (await hooks.ask("GET", f"webhooks/{batched['id']}/stats"))["delivered"] < 12:
        await asyncio.sleep(0.05)
    since = {"since": "2026-01-01T00:00:00Z", "recover": True}
    again = await hooks.ask("POST", f"webhooks/{batched['id']}/replay", since)
    assert again["recovered"] == 0
    await hooks.ask("PATCH", f"webhooks/{ordered['id']}", {"enabled": True})
    again = await hooks.ask("POST", f"webhooks/{ordered['id']}/replay", since)
    assert again["recovered"] == 60
    await receiver.until(lambda _: len(at("/ordered")) >= 60)
    assert [one.id for one in at("/ordered")] == sent


async def test_a_deleted_webhook_leaves_nothing(hooks: Hooks, receiver: Receiver, services: Services) -> None:
    """Also what was under way at a receiver that hangs."""
    receiver.answer = lambda _: (HANG, {})
    made = await hooks.make(receiver.url, "custom.*")
    for number in range(15):
        await hooks.publish(n=number)
    await receiver.until(lambda got: len(got) >= 10)
    assert (await hooks.world.ask("DELETE", f"/v1/webhooks/{made['id']}", hooks.token)).status_code == 204
    while hooks.services.dispatcher._apps:
        await asyncio.sleep(0.05)
    left = await services.store.operator().find(DELIVERIES, {"webhook": made["id"], "state": "pending"})
    assert left.data == []


async def test_a_batch_has_a_bound_in_bytes(hooks: Hooks, receiver: Receiver) -> None:
    await hooks.make(receiver.url, "custom.*", batch={"most": 500, "wait_ms": 500})
    sent = [await hooks.publish(text="x" * 15_000, n=number) for number in range(20)]

    def taken() -> list[str]:
        return [
            event["data"]["id"] for one in receiver.got for event in orjson.loads(one.body)["data"]["events"]
        ]

    await receiver.until(lambda _: len(taken()) >= 20)
    assert sorted(taken()) == sorted(sent)
    assert max(len(one.body) for one in receiver.got) < 70_000


@pytest.mark.parametrize(
    "filter_",
    [
        "data.l.//\nall(a, true)", 'r"\\" == "" || data.l.all(a, true) || "" == "x"', '"""a""" == type', "data.l.all (a, a > 1)",
        "data.l + data.l == []", '"a".matches("(\\\\w{100}){100}")', "data.l.map(a, a)", "type.foo()", "b'x' == type", "[1].exists(x, true)",
        "dyn(type) == 1", "data.l.transformList(a, b, a)",
    ],
)  # fmt: skip
def test_a_filter_compares_and_nothing_else(filter_: str) -> None:
    with pytest.raises(Invalid):
        check_filter(filter_)


@pytest.mark.parametrize(
    ("filter_", "passes_"),
    [
        ("data.n > 5 && type.startsWith('custom.')", True), ("data.tags.size() == 2", True), ("'a' in data.tags", True),
        ("has(data.nope)", False), ("data.nope == 1", False), ("(data.n - 6) == 0", False), ("data.name == \"Ann\"", True),
        ("data.n >= 7 ? true : false", True), ("!(data.n < 7.5)", False),
    ],
)  # fmt: skip
def test_filters_say_what_passes(filter_: str, passes_: bool) -> None:
    check_filter(filter_)
    data = {"n": 7, "tags": ["a", "b"], "name": "Ann"}
    assert passes(filter_, "custom.x", data) is passes_


def test_a_credential_shows_its_scheme_and_no_more() -> None:
    for value, shown in (
        ("Bearer abcdefghijklmnop1234", "Bearer ****1234"),
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic ****"),
        ("correct-horse-SECRETVALUE-0123456789 v2", "****9 v2"),
        ("short", "****"),
        ("k 0123456789abcdef", "****cdef"),
    ):
        assert _masked(value) == shown


async def test_pictures_are_of_the_apps_own_streams(hooks: Hooks, services: Services) -> None:
    """A published event may name anything as its stream, and use any id."""
    client = PictureClient(services.settings)
    for odd in ("../../metrics?", "x/../../../metrics?", "..%2fmetrics", "str_1/../../..", "", "str_"):
        assert await client.snapshot(odd, "token") is None
    assert client._session is None, "nothing was asked"
    deliveries = hooks.services.deliveries
    await deliveries.keep_picture(hooks.app, "order-1", b"jpeg")
    assert await deliveries.picture(hooks.app, "order-1") == b"jpeg"
    assert await deliveries.picture("app_other", "order-1") is None


async def test_a_fault_of_one_delivery_holds_up_no_cursor(
    hooks: Hooks, receiver: Receiver, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is away while a picture is looked for, or something unforeseen happens: it is sent later."""
    monkeypatch.setattr(endpoint_worker, "UNAVAILABLE_MS", 100)
    monkeypatch.setattr(endpoint_worker, "FAULT_MS", 100)
    faults = AsyncMock(side_effect=[Unavailable("away"), RuntimeError("unforeseen"), None, None])
    monkeypatch.setattr(hooks.services.deliveries, "picture", faults)
    await hooks.make(receiver.url, "custom.*", image={"type": "full"}, concurrency=1)
    sent = {await hooks.publish(n=number) for number in range(2)}
    await receiver.until(lambda _: set(receiver.ids()) == sent)
    top = (await EventLogReader(services.redis).position(hooks.app)).seq
    while (await services.store.app(hooks.app).get(CURSORS, hooks.app) or {"seq": 0})["seq"] < top:
        await asyncio.sleep(0.05)
