"""Partners that hang, break, refuse and lie: what is tried again, what is not, and what the caller hears."""

import asyncio
from base64 import b64encode
from typing import Any, cast

import orjson
import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from control.integrations import calls, rules
from tests.control.integrations.conftest import Partners, endpoint
from tests.control.integrations.test_operations import (
    CITATION,
    DOWNLINK,
    EXAMPLES,
    PAYMENT,
    PICTURE,
    REPORT,
    VERIFY,
    VIOLATION,
)
from tests.support.partners import SERVERS, PartnerServer, Seen
from tests.support.partners.aims import Aims
from tests.support.partners.ips import Ips
from tests.support.partners.teller import Teller

KEY = bytes(range(32))
ENCRYPTION = {"kid": "k1", "key": b64encode(KEY).decode()}


@pytest.fixture
def documents_url() -> str:
    """Documents play no part here."""
    return ""


def failed(reply: Any, status: int, code: str, *said: str) -> None:
    body = reply.json()
    assert (reply.status_code, body["code"]) == (status, code), reply.text
    for text in said:
        assert text in body["detail"], body


# -- what is tried again


@pytest.mark.parametrize("behaviours", [["500"], ["503", "reset"], ["reset"], ["500", "500"], ["429:3"]])
async def test_a_question_is_asked_again(partners: Partners, behaviours: list[str]) -> None:
    server, path = await partners.connected("ips")
    server.behaviours = list(behaviours)
    said = await partners.done(path, "ips.verify", VERIFY)
    assert said["ok"] and said["tries"] == len(behaviours) + 1 == len(server.seen)
    assert len({seen.headers["X-Request-Id"] for seen in server.seen}) == 1
    for number, wait in enumerate(partners.waits):
        assert wait == 3.0 if "429:3" in behaviours else 0.5 * 2**number <= wait <= 1.0 * 2**number
    shown = await partners.health(path)
    assert (shown["calls"], shown["failures"], shown["state"]) == (1, 0, "ok")


async def test_after_three_tries_it_is_over(partners: Partners) -> None:
    server, path = await partners.connected("ips")
    server.behaviours = ["500"] * 9
    failed(await partners.ask(path, "ips.verify", VERIFY), 502, "partner_failed", "status 500")
    assert len(server.seen) == 3 and len(partners.waits) == 2
    shown = await partners.health(path)
    assert (shown["state"], shown["failures"], shown["breaker"]) == ("failing", 1, "closed")
    assert "status 500" in shown["last_error"] and shown["last_error_at"]


@pytest.mark.parametrize("behaviour", ["500", "503", "reset"])
@pytest.mark.parametrize(
    "operation", ["ips.violations", "aims.citations", "chirpstack.enqueue", "gtcs.reconciliation"]
)
async def test_what_may_have_been_done_is_sent_once(
    partners: Partners, operation: str, behaviour: str
) -> None:
    server, path = await partners.connected(operation.partition(".")[0])
    server.behaviours = [behaviour]
    reply = await partners.ask(path, operation, EXAMPLES[operation])
    failed(reply, 502, "partner_failed", "may have been carried out")
    assert len(server.seen) == 1 and partners.waits == []


@pytest.mark.parametrize("operation", ["ips.violations", "chirpstack.enqueue"])
async def test_what_was_not_taken_is_sent_again(partners: Partners, operation: str) -> None:
    """429, and a port where nobody listens: it certainly was not carried out."""
    server, path = await partners.connected(operation.partition(".")[0])
    server.behaviours = ["429", "429:0"]
    assert (await partners.done(path, operation, EXAMPLES[operation]))["tries"] == 3
    nobody = {"url": "http://127.0.0.1:1024", "credentials": server.credentials}
    await partners.world.done("PATCH", path, partners.headers, {"sandbox": nobody})
    partners.waits.clear()
    failed(
        await partners.ask(path, operation, EXAMPLES[operation]), 502, "partner_failed", "takes no connection"
    )
    assert len(partners.waits) == 2


async def test_a_payment_whose_answer_was_lost_is_taken_once(partners: Partners) -> None:
    """It is repeated with its key; the partner knows it again."""
    server, path = await partners.connected("teller")
    teller = cast(Teller, server)
    teller.lose_answers = 2
    said = await partners.done(path, "teller.payments", PAYMENT)
    assert said["ok"] and said["tries"] == 3
    assert teller.taken == [("park_payment_123", 475)]
    assert len({seen.headers["Idempotency-Key"] for seen in server.seen}) == 1
    assert (await partners.health(path))["operations"]["teller.payments"]["cents"] == 475


async def test_a_repeated_request_gets_the_first_answer(partners: Partners) -> None:
    """The caller's Idempotency-Key holds here too: the partner is not called again."""
    server, path = await partners.connected("ips")
    first = await partners.ask(path, "ips.violations", VIOLATION, Idempotency_Key="v-1")
    again = await partners.ask(path, "ips.violations", VIOLATION, Idempotency_Key="v-1")
    assert first.json() == again.json() and again.headers["Idempotency-Replayed"] == "true"
    assert len(server.seen) == 1


async def test_a_request_of_unknown_outcome_keeps_its_names(partners: Partners) -> None:
    """The answer was lost. The caller repeats with the same Idempotency-Key, and the partner can tell that it is
    the same violation."""
    server, path = await partners.connected("ips")
    server.behaviours = ["500"]
    failed(
        await partners.ask(path, "ips.violations", VIOLATION, Idempotency_Key="v-1"), 502, "partner_failed"
    )
    assert (await partners.done(path, "ips.violations", VIOLATION, Idempotency_Key="v-1"))["ok"]
    one, two = server.seen
    assert one.json["violationId"] == two.json["violationId"] in cast(Ips, server).violations


async def test_a_wait_that_is_too_long_is_left_to_the_caller(partners: Partners) -> None:
    server, path = await partners.connected("ips")
    server.behaviours = ["429:120"]
    reply = await partners.ask(path, "ips.verify", VERIFY)
    failed(reply, 503, "unavailable", "429")
    assert reply.headers["Retry-After"] == "120"
    assert len(server.seen) == 1 and partners.waits == []


# -- silence


async def test_who_hangs_is_left_after_the_timeout(partners: Partners) -> None:
    server, path = await partners.connected("gtcs", timeout_s=1)
    server.behaviours = ["hang"]
    reply = await partners.ask(path, "gtcs.reconciliation", REPORT)
    failed(reply, 504, "partner_failed", "within 1 s", "may have been carried out")
    assert len(server.seen) == 1
    assert "within 1 s" in (await partners.health(path))["last_error"]


async def test_a_question_into_silence_is_asked_again(partners: Partners) -> None:
    server, path = await partners.connected("ips", timeout_s=1)
    server.behaviours = ["hang", "hang"]
    assert (await partners.done(path, "ips.verify", VERIFY))["tries"] == 3


async def test_a_call_ends_before_its_time_is_over(
    partners: Partners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all tries: less than the web server waits for."""
    server, path = await partners.connected("ips", timeout_s=30)
    monkeypatch.setattr(rules, "WHOLE_CALL_S", 1.2)
    server.behaviours = ["hang"] * 3
    failed(await partners.ask(path, "ips.verify", VERIFY), 504, "partner_failed")
    assert len(server.seen) == 1
    assert calls.LEAST_TRY_S < rules.WHOLE_CALL_S


async def test_a_hanging_partner_does_not_hold_up_another(partners: Partners) -> None:
    slow, slow_path = await partners.connected("ips")
    _, path = await partners.connected("teller")
    slow.behaviours = ["hang"] * 30
    waiting = [asyncio.create_task(partners.ask(slow_path, "ips.verify", VERIFY)) for _ in range(30)]
    await slow.hanging.wait()
    for number in range(10):
        assert (await partners.done(path, "teller.payments", {**PAYMENT, "paymentId": f"p{number}"}))["ok"]
    assert [task.result().text for task in waiting if task.done()] == []
    slow.freed.set()
    assert {(await task).status_code for task in waiting} == {200}


async def test_calls_in_progress_are_bounded_for_each_app(partners: Partners) -> None:
    """Before their bodies are read: large ones count for several. Another app has its own."""
    server, path = await partners.connected("aims")
    server.behaviours = ["hang"] * 9
    movie = {"type": "VIDEO", "base64Data": "A" * 4_000_000, "mimeType": "video/mp4"}
    large = {**CITATION, "evidence": [movie]}
    waiting = [asyncio.create_task(partners.ask(path, "aims.citations", large)) for _ in range(2)]
    await arrived(server, 2)
    refused = await partners.ask(path, "aims.citations", large)
    failed(refused, 503, "unavailable", "in progress")
    assert refused.headers["Retry-After"] == "1"
    small = asyncio.create_task(partners.ask(path, "aims.lookup", EXAMPLES["aims.lookup"]))
    await arrived(server, 3)
    server.freed.set()
    assert {(await task).status_code for task in (*waiting, small)} == {200}
    assert (await partners.done(path, "aims.citations", large))["ok"]


async def arrived(server: PartnerServer, count: int) -> None:
    """Until so many requests are there."""
    async with asyncio.timeout(20):
        while len(server.seen) < count:
            await asyncio.sleep(0.01)


# -- answers that are none


@pytest.mark.parametrize("behaviour", ["garbage", "huge"])
async def test_an_answer_that_cannot_be_read_is_no_success(partners: Partners, behaviour: str) -> None:
    server, path = await partners.connected("ips")
    server.behaviours = [behaviour]
    reply = await partners.ask(path, "ips.violations", VIOLATION)
    failed(reply, 502, "partner_failed", "accepted the request", "may have been carried out")
    assert len(server.seen) == 1 and len(reply.content) < 1000


async def test_json_that_is_nested_too_deeply_is_refused_on_both_sides(partners: Partners) -> None:
    """It can be read, but not written again."""
    deep: Any = orjson.loads("[" * 300 + "]" * 300)
    server, path = await partners.connected("custom")
    text = '{"operation": "custom.request", "data": {"method": "POST", "body": %s}}' % ("[" * 300 + "]" * 300)
    headers = {**partners.headers, "Content-Type": "application/json"}
    reply = await partners.world.http.post(f"{path}/calls", headers=headers, content=text)
    assert (reply.status_code, server.seen) == (422, [])
    server.answered_with = b"[" * 300 + b"]" * 300
    failed(await partners.ask(path, "custom.request", {}), 502, "partner_failed", "accepted the request")
    assert len(deep) == 1


async def test_an_empty_answer_is_one(partners: Partners) -> None:
    server, path = await partners.connected("chirpstack")
    server.behaviours = ["empty"]
    said = await partners.done(path, "chirpstack.enqueue", DOWNLINK)
    assert (said["ok"], said["status"], said["answer"]) == (True, 204, None)


async def test_the_partners_own_no_comes_back(partners: Partners) -> None:
    server, path = await partners.connected("teller")
    declined = {**PAYMENT, "paymentMethod": {"type": "CREDIT_CARD", "token": "declined"}}
    said = await partners.done(path, "teller.payments", declined)
    assert (said["ok"], said["status"], said["answer"]) == (False, 402, {"error": "card declined"})
    assert len(server.seen) == 1
    shown = await partners.health(path)
    assert (shown["state"], shown["failures"]) == ("ok", 0)
    assert shown["operations"]["teller.payments"]["cents"] == 0


async def test_a_redirect_is_not_followed(partners: Partners) -> None:
    server, path = await partners.connected("ips")
    server.behaviours = ["302"]
    failed(await partners.ask(path, "ips.verify", VERIFY), 502, "partner_failed", "moved", "302")
    assert len(server.seen) == 1


# -- tokens


async def test_a_token_that_was_taken_back_is_replaced(partners: Partners) -> None:
    server, path = await partners.connected("aims")
    aims = cast(Aims, server)
    for number in range(3):
        await partners.done(path, "aims.citations", {**CITATION, "citationNumber": str(number)})
    assert aims.tokens == 1
    aims.revoke()
    said = await partners.done(path, "aims.citations", CITATION)
    assert said["ok"] and said["tries"] == 1 and aims.tokens == 2
    assert partners.waits == []


async def test_a_partner_that_refuses_every_token_is_asked_twice(partners: Partners) -> None:
    server, path = await partners.connected("aims")
    server.behaviours = ["401"] * 5
    reply = await partners.ask(path, "aims.lookup", EXAMPLES["aims.lookup"])
    failed(reply, 502, "partner_failed", "credentials", "401")
    assert len(server.seen) == 2 and cast(Aims, server).tokens == 2


# -- the breaker


async def test_five_failures_open_the_breaker_and_a_probe_closes_it(partners: Partners) -> None:
    server, path = await partners.connected("gtcs")
    server.behaviours = ["500"] * 5
    for _ in range(5):
        failed(await partners.ask(path, "gtcs.reconciliation", REPORT), 502, "partner_failed")
    held = await partners.ask(path, "gtcs.reconciliation", REPORT)
    failed(held, 503, "unavailable", "not called for a while")
    assert 1 <= int(held.headers["Retry-After"]) <= 30
    assert len(server.seen) == 5
    shown = await partners.health(path)
    assert (shown["breaker"], shown["state"], shown["calls"], shown["failures"]) == ("open", "failing", 6, 6)
    await rest_is_over(partners, path)
    assert (await partners.done(path, "gtcs.reconciliation", REPORT))["ok"]
    assert (await partners.health(path))["breaker"] == "closed"


async def rest_is_over(partners: Partners, path: str) -> None:
    """As if half a minute had passed."""
    redis: Any = partners.world.services.redis
    (key,) = [key async for key in redis.scan_iter(f"weir:breaker:integration:{path.rpartition('/')[2]}:*")]
    state, failures, opened, _until, probe = orjson.loads(await redis.get(key))
    await redis.set(key, orjson.dumps([state, failures, opened, 1, probe]))


async def test_of_many_calls_after_the_rest_one_goes(partners: Partners) -> None:
    server, path = await partners.connected("gtcs")
    server.behaviours = ["500"] * 5 + ["hang"]
    for _ in range(5):
        await partners.ask(path, "gtcs.reconciliation", REPORT)
    await rest_is_over(partners, path)
    waiting = [asyncio.create_task(partners.ask(path, "gtcs.reconciliation", REPORT)) for _ in range(8)]
    await server.hanging.wait()
    pending = set(waiting)
    while len(pending) > 1:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        assert {task.result().status_code for task in done} == {503}
    server.freed.set()
    assert (await pending.pop()).status_code == 200
    assert len(server.seen) == 6


async def test_a_no_of_the_partner_does_not_open_it(partners: Partners) -> None:
    server, path = await partners.connected("ips")
    server.behaviours = ["404"] * 8
    for _ in range(8):
        said = await partners.done(path, "ips.verify", VERIFY)
        assert (said["ok"], said["status"]) == (False, 404)
    assert (await partners.health(path))["breaker"] == "closed"


async def test_environments_have_breakers_of_their_own(partners: Partners) -> None:
    server, path = await partners.connected("gtcs")
    server.behaviours = ["500"] * 5
    for _ in range(5):
        await partners.ask(path, "gtcs.reconciliation", REPORT)
    production = await partners.server("gtcs")
    change = {"environment": "production", "production": endpoint(production)}
    await partners.world.done("PATCH", path, partners.headers, change)
    said = await partners.done(path, "gtcs.reconciliation", REPORT)
    assert said["environment"] == "production" and len(production.seen) == 1


# -- encryption


@pytest.mark.parametrize("kind", ["ips", "aims", "parkpow"])
async def test_bodies_are_sealed_for_the_partner(partners: Partners, kind: str) -> None:
    """Both ways; pictures are inside, in base64."""
    server, path = await partners.connected(kind, encryption=ENCRYPTION)
    server.encryption = "k1", KEY
    operation, data = {
        "ips": ("ips.verify", VERIFY),
        "aims": ("aims.citations", CITATION),
        "parkpow": ("parkpow.snapshot", {"plate_number": "ABC-1234", "image": b64encode(PICTURE).decode()}),
    }[kind]
    said = await partners.done(path, operation, data)
    assert said["ok"] and "ciphertext" not in said["answer"]
    (seen,) = server.seen
    assert seen.parts == [] and ("licensePlate" in seen.json or "plate_number" in seen.json)
    if kind == "aims":
        assert seen.json["evidence"][0]["base64Data"] == b64encode(PICTURE).decode()


async def test_an_answer_with_another_key_is_not_taken(partners: Partners) -> None:
    server, path = await partners.connected("ips", encryption=ENCRYPTION)
    server.encryption = "k1", bytes(32)

    async def read(request: web.Request, seen: Seen) -> None:
        seen.json = {**VERIFY, "requestId": "r", "timestamp": "t"}

    server._read = read
    failed(await partners.ask(path, "ips.verify", VERIFY), 502, "partner_failed", "cannot be opened")


# -- what is counted


async def test_metrics_have_bounded_labels(partners: Partners) -> None:
    def count(outcome: str) -> float:
        labels = {"kind": "gtcs", "operation": "gtcs.reconciliation", "outcome": outcome}
        return REGISTRY.get_sample_value("weir_partner_calls_total", labels) or 0.0

    outcomes = ("ok", "failed", "throttled", "refused")
    before = {outcome: count(outcome) for outcome in outcomes}
    server, path = await partners.connected("gtcs")
    server.behaviours = ["", "500", "429:999", "422"]
    for _ in range(4):
        await partners.ask(path, "gtcs.reconciliation", REPORT)
    assert {outcome: count(outcome) - before[outcome] for outcome in outcomes} == dict.fromkeys(outcomes, 1.0)


async def test_a_call_goes_on_when_redis_does_not_count(
    partners: Partners, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, path = await partners.connected("ips")
    redis = partners.world.services.redis

    async def away(*_arguments: object) -> None:
        raise ConnectionError("away")

    real = redis.eval

    async def some(script: str, *arguments: Any) -> Any:
        return await (away() if "compare-and-swap" in script else real(script, *arguments))

    monkeypatch.setattr(redis, "eval", some)
    assert (await partners.done(path, "ips.verify", VERIFY))["ok"]
    assert len(server.seen) == 1


def test_sandboxes_know_their_kinds() -> None:
    assert {kind: server.__name__.lower() for kind, server in SERVERS.items()} == {
        kind: kind for kind in SERVERS
    }
