"""What partners send by HTTP: taken once, rejected with the path, refused, replayed."""

import asyncio
import base64
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from standardwebhooks import Webhook

from control.inbound import receiver
from control.inbound.receiver import DELIVERY_MS, LARGE
from control.inbound.store import DELIVERIES, REJECTS
from tests.control.inbound.conftest import ECHO, Desk
from weir.foundation.clock import now_ms, now_s
from weir.foundation.events import InboundEvent, InboundReading
from weir.foundation.plans import plan_table
from weir.foundation.redis.bus import BULK
from weir.foundation.redis.rate_limits import Limit


def signed(
    source: dict, body: bytes, delivery: str = "msg_1", ago: int = 0, secret: str | None = None
) -> dict[str, str]:
    at = int(now_s()) - ago
    signature = Webhook(secret or source["secret"]).sign(
        delivery, datetime.fromtimestamp(at, UTC), body.decode()
    )
    return {"webhook-id": delivery, "webhook-timestamp": str(at), "webhook-signature": signature}


async def test_a_delivery_is_taken_once(desk: Desk) -> None:
    """202 with its facts in the same write; a repeat is 200 and does nothing, whatever its body says."""
    source = await desk.source()
    status, taken = await desk.post(source, {"id": "a", "n": 1})
    assert (status, taken["events"], taken["readings"], taken["repeated"]) == (202, 1, 0, False)
    facts = await desk.facts()
    assert [(type(one), one.app) for one in facts] == [(InboundEvent, desk.app)]
    assert isinstance(facts[0], InboundEvent)
    assert (facts[0].kind, orjson.loads(facts[0].data)) == ("partner.test.echo", {"n": 1})
    assert await desk.post(source, {"id": "a", "n": 1}) == (200, {**taken, "repeated": True})
    assert await desk.post(source, {"id": "a", "n": 2}) == (200, {**taken, "repeated": True})
    assert (await desk.post(source, {"id": "b", "n": 2}))[0] == 202
    assert len(await desk.facts()) == 2


async def test_many_repeats_at_once_are_one_delivery(desk: Desk) -> None:
    source = await desk.source()
    replies = await asyncio.gather(*(desk.post(source, {"id": "a"}) for _ in range(20)))
    assert sorted(status for status, _ in replies) == [200] * 19 + [202]
    assert len(await desk.facts()) == 1


async def test_two_sources_have_ids_of_their_own(desk: Desk) -> None:
    one, other = await desk.source(), await desk.source()
    assert (await desk.post(one, {"id": "a"}))[0] == 202
    assert (await desk.post(other, {"id": "a"}))[0] == 202


async def test_standard_webhooks_from_a_signature_to_a_replay(desk: Desk) -> None:
    """The reference library's signature is taken; a changed byte, an old time and another secret are 401; the same call again, and a
    retry of the same id with a new time, do nothing."""
    mapping = {"rules": [{"event": {"type": "partner.test.echo", "data": "body"}}]}
    source = await desk.source(auth={"kind": "standard"}, mapping=mapping)
    assert source["secret"].startswith("whsec_")
    body = b'{"amount": 475}'
    headers = signed(source, body)
    assert (await desk.post(source, body, headers=headers))[0] == 202
    assert (await desk.post(source, body, headers=headers))[0] == 200
    assert (await desk.post(source, body, headers=signed(source, body, ago=60)))[0] == 200
    assert (await desk.post(source, b'{"amount": 476}', headers=headers))[0] == 401
    status, refused = await desk.post(source, body, headers=signed(source, body, "msg_2", ago=301))
    assert (status, refused["code"]) == (401, "unauthenticated")
    assert "301 s old" in refused["detail"] or "302 s old" in refused["detail"]
    other = "whsec_" + base64.b64encode(b"o" * 32).decode()
    assert (await desk.post(source, body, headers=signed(source, body, "msg_3", secret=other)))[0] == 401
    assert (await desk.post(source, body, headers={}))[0] == 401
    assert len(await desk.facts()) == 1


async def test_a_rotated_secret_stays_valid_for_its_overlap(desk: Desk) -> None:
    source = await desk.source()
    _, after = await desk.ask("POST", f"/v1/sources/{source['id']}/rotate-secret", {"overlap_s": 3600})
    assert after["secret"] not in (None, source["secret"])
    assert [one["expires"] is None for one in after["secrets"]] == [True, False]
    assert (await desk.post(source, {"id": "a"}))[0] == 202
    assert (await desk.post(after, {"id": "b"}))[0] == 202
    _, last = await desk.ask("POST", f"/v1/sources/{source['id']}/rotate-secret", {"overlap_s": 0})
    assert (await desk.post(source, {"id": "c"}))[0] == 401
    assert (await desk.post(after, {"id": "c"}))[0] == 401
    assert (await desk.post(last, {"id": "c"}))[0] == 202


async def test_what_is_not_authentic_is_not_kept_and_its_owner_sees_why(desk: Desk) -> None:
    source = await desk.source()
    for _ in range(3):
        assert (await desk.post(source, {"id": "a"}, headers={"Authorization": "Bearer wrong-token"}))[
            0
        ] == 401
    _, stats = await desk.ask("GET", f"/v1/sources/{source['id']}/stats")
    assert (stats["received"], stats["refused"], stats["rejected"]) == (0, 3, 0)
    assert (
        stats["last_refused"]["reason"] == "The token in the header authorization is not the source's secret."
    )
    handle = desk.world.services.store.app(desk.app)
    assert (await handle.count(DELIVERIES), await handle.count(REJECTS)) == (0, 0)


async def test_only_the_networks_of_a_source_may_call_it(desk: Desk) -> None:
    source = await desk.source(networks=["203.0.113.0/24"])
    assert (await desk.post(source, {"id": "a"}))[0] == 403
    async with desk.world.client("203.0.113.7") as partner:
        reply = await partner.post(
            f"/v1/inbound/{source['id']}", json={"id": "a"}, headers={"Authorization": source["secret"]}
        )
        assert reply.status_code == 202
    _, stats = await desk.ask("GET", f"/v1/sources/{source['id']}/stats")
    assert "in none of the source's networks" in stats["last_refused"]["reason"]


async def test_a_body_that_the_mapping_cannot_take_is_kept_and_replayed_when_it_is_mended(desk: Desk) -> None:
    mapping = {
        "id": "body.id",
        "rules": [{"event": {"type": "partner.test.paid", "data": {"amount": "body.sum.cents"}}}],
    }
    source = await desk.source(mapping=mapping)
    path = f"/v1/sources/{source['id']}"
    for _ in range(2):
        status, refused = await desk.post(source, {"id": "a", "sum": {"total": 5}}, query="?env=live")
        assert (status, refused["code"]) == (422, "invalid")
        assert refused["errors"] == [
            {"field": "rules.0.event.data.amount", "detail": "there is no `body.sum.cents`"}
        ]
    _, page = await desk.ask("GET", f"{path}/rejects")
    (reject,) = page["data"]
    assert orjson.loads(reject["body"]) == {"id": "a", "sum": {"total": 5}}
    assert (reject["times"], reject["query"], reject["errors"]) == (2, {"env": "live"}, refused["errors"])
    status, still = await desk.ask("POST", f"{path}/rejects/{reject['id']}/replay")
    assert (status, still["errors"]) == (422, refused["errors"])
    mapping["rules"][0]["event"]["data"]["amount"] = 'get("body.sum.cents", body.sum.total)'  # type: ignore[index]
    assert (await desk.ask("PATCH", path, {"mapping": mapping}))[0] == 200
    status, taken = await desk.ask("POST", f"{path}/rejects/{reject['id']}/replay")
    assert (status, taken["events"], taken["repeated"]) == (200, 1, False)
    assert (await desk.ask("GET", f"{path}/rejects"))[1]["data"] == []
    assert (await desk.ask("POST", f"{path}/rejects/{reject['id']}/replay"))[0] == 404
    assert (await desk.post(source, {"id": "a", "sum": {"total": 5}}))[1] == {**taken, "repeated": True}
    assert len(await desk.facts()) == 1


async def test_a_query_may_have_any_names(desk: Desk) -> None:
    """Also those that no document may have."""
    mapping = {"rules": [{"event": {"type": "partner.x.y", "data": {"n": "body.n", "q": "query"}}}]}
    source = await desk.source(mapping=mapping)
    query = "?$set=1&=2&%00=3&a.b=4&%ff=5"
    assert (await desk.post(source, {}, query))[0] == 422
    _, page = await desk.ask("GET", f"/v1/sources/{source['id']}/rejects")
    assert page["data"][0]["query"].keys() >= {"$set", "a.b"}
    path = f"/v1/sources/{source['id']}/rejects/{page['data'][0]['id']}/replay"
    assert (await desk.ask("POST", path))[0] == 422
    assert (await desk.post(source, {"n": 1, "$id": {"": 1}}, query))[0] == 202
    fact = (await desk.facts())[0]
    assert isinstance(fact, InboundEvent)
    assert orjson.loads(fact.data)["q"]["$set"] == "1"


async def test_a_reject_that_its_sender_repeats_with_success_is_no_reject_any_more(desk: Desk) -> None:
    source = await desk.source(
        mapping={"id": "body.id", "rules": [{"event": {"type": "partner.x.y", "data": {"n": "body.n"}}}]}
    )
    assert (await desk.post(source, {"id": "a"}))[0] == 422
    mended = {"id": "body.id", "rules": [{"event": {"type": "partner.x.y", "data": {"n": 'get("body.n")'}}}]}
    await desk.ask("PATCH", f"/v1/sources/{source['id']}", {"mapping": mended})
    assert (await desk.post(source, {"id": "a"}))[0] == 202
    assert (await desk.ask("GET", f"/v1/sources/{source['id']}/rejects"))[1]["data"] == []


@pytest.mark.parametrize("body", [b"", b"not json", b"[1", b"\xff\xfe", b'{"a":' * 100 + b"1" + b"}" * 100])
async def test_a_body_that_is_no_json_is_rejected_and_shown(desk: Desk, body: bytes) -> None:
    source = await desk.source()
    status, refused = await desk.post(source, body)
    assert (status, refused["errors"][0]["field"]) == (422, "body")
    _, page = await desk.ask("GET", f"/v1/sources/{source['id']}/rejects")
    assert page["data"][0]["body"] == body.decode("utf-8", "replace")


async def test_a_form_is_signed_as_it_is_sent_and_kept_as_its_json(desk: Desk) -> None:
    """As Plate Recognizer's Stream sends what it has seen."""
    _, presets = await desk.ask("GET", "/v1/sources/presets")
    sample = next(one["sample"] for one in presets["data"] if one["kind"] == "parkpow")
    source = await desk.world.done("POST", "/v1/sources", desk.key, {"name": "Gate", "kind": "parkpow"})
    headers = {
        "Authorization": f"Token {source['secret']}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    assert (await desk.post(source, urlencode({"json": orjson.dumps(sample)}).encode(), headers=headers))[
        0
    ] == 202
    (fact,) = await desk.facts()
    assert isinstance(fact, InboundEvent)
    assert orjson.loads(fact.data)["plate"] == "abc123"
    wrong = orjson.dumps({"data": {"results": 7}})
    assert (await desk.post(source, urlencode({"json": wrong}).encode(), headers=headers))[0] == 422
    _, page = await desk.ask("GET", f"/v1/sources/{source['id']}/rejects")
    assert page["data"][0]["body"] == wrong.decode()


async def test_a_body_has_256_kb_at_most(desk: Desk) -> None:
    source = await desk.source()
    room = 256 * 1024 - len(b'{"id":"a","x":""}')
    assert (await desk.post(source, b'{"id":"a","x":"' + b"x" * room + b'"}'))[0] == 202
    assert (await desk.post(source, b'{"id":"b","x":"' + b"x" * (room + 1) + b'"}'))[0] == 413
    headers = {"Authorization": source["secret"], "Content-Encoding": "gzip"}
    assert (await desk.post(source, b"x", headers=headers))[0] == 415


async def test_of_rejects_the_newest_are_kept(desk: Desk, monkeypatch) -> None:
    """Of large ones fewer."""
    monkeypatch.setattr(receiver, "MOST_REJECTS", 5)
    monkeypatch.setattr(receiver, "MOST_LARGE", 2)
    source = await desk.source(
        mapping={"rules": [{"event": {"type": "partner.x.y", "data": {"n": "body.n"}}}]}
    )
    for n in range(8):
        assert (await desk.post(source, {"m": n}))[0] == 422
    for n in range(4):
        assert (await desk.post(source, {"big": n, "x": "x" * LARGE}))[0] == 422
    _, page = await desk.ask("GET", f"/v1/sources/{source['id']}/rejects")
    bodies = [orjson.loads(one["body"]) for one in page["data"]]
    assert [one.get("big") for one in bodies if "big" in one] == [3, 2]
    assert [one["m"] for one in bodies if "m" in one] == [7, 6, 5, 4, 3]


async def test_a_source_that_sends_too_much_waits(desk: Desk, monkeypatch) -> None:
    monkeypatch.setattr(desk.world.room._inbound, "_limit", Limit("source", 3, 60))
    source = await desk.source()
    replies = [await desk.world.http.post(f"/v1/inbound/{source['id']}", json={"id": str(n)},
               headers={"Authorization": source["secret"]}) for n in range(4)]  # fmt: skip
    assert [one.status_code for one in replies] == [202, 202, 202, 429]
    assert int(replies[-1].headers["Retry-After"]) >= 1
    assert (await desk.post(source, {"id": "x"}, headers={"Authorization": "wrong-token"}))[0] == 401


async def test_all_sources_of_an_app_have_the_rate_of_its_plan(desk: Desk) -> None:
    plans = plan_table({"enterprise": {"requests_per_minute": 3}})
    desk.world.services.quotas._plans = plans
    one, other = await desk.source(), await desk.source()
    assert [(await desk.post(one, {"id": str(n)}))[0] for n in range(2)] == [202, 202]
    assert [(await desk.post(other, {"id": str(n)}))[0] for n in range(2)] == [202, 429]


async def test_readings_become_facts_with_the_sensors_time(desk: Desk) -> None:
    mapping = {"each": "body.list", "rules": [{"reading": {
        "device": "item.d", "state": "item.s", "at": "item.t", "battery": 'get("item.b")', "space": 'get("item.n")', "values": {"v": "item.v"}}}]}  # fmt: skip
    source = await desk.source(mapping=mapping)
    sent = [
        {"d": "AA01", "s": True, "t": 1_700_000_000, "v": 1.5},
        {"d": 7, "s": "vacant", "t": "2026-01-01T00:00:00.5Z", "b": 80, "n": 3, "v": "x"},
    ]
    status, taken = await desk.post(source, {"list": sent})
    assert (status, taken["events"], taken["readings"]) == (202, 0, 2)
    facts = [one for one in await desk.facts() if isinstance(one, InboundReading)]
    assert [(one.serial, one.state, one.reported, one.battery, one.space, one.values) for one in facts] == [
        ("AA01", "occupied", 1_700_000_000_000, None, None, {"v": 1.5}),
        ("7", "free", 1_767_225_600_500, 80.0, 3, {"v": "x"}),
    ]
    assert len({one.id for one in facts}) == 2


async def test_a_mapping_sees_the_headers_that_it_names_and_never_the_secret(desk: Desk) -> None:
    mapping = {
        "headers": ["x-event", "x-key"],
        "rules": [{"event": {"type": "partner.x.y", "data": {"h": "headers"}}}],
    }
    source = await desk.source(mapping=mapping, auth={"kind": "token", "header": "x-key"})
    headers = {"X-Key": source["secret"], "X-Event": "paid", "X-Other": "no"}
    assert (await desk.post(source, {}, headers=headers))[0] == 202
    fact = (await desk.facts())[0]
    assert isinstance(fact, InboundEvent)
    assert orjson.loads(fact.data) == {"h": {"x-event": "paid"}}


async def test_a_mapping_that_takes_too_much_rejects_its_body_and_others_go_on(desk: Desk) -> None:
    endless = "body.l.map(a, body.l.map(b, body.l.map(c, a)))"
    source = await desk.source(
        mapping={"rules": [{"event": {"type": "partner.x.y", "data": {"v": endless}}}]}
    )
    other = await desk.source()
    replies = await asyncio.gather(
        desk.post(source, {"l": list(range(3000))}), *(desk.post(other, {"id": str(n)}) for n in range(10))
    )
    assert [status for status, _ in replies] == [422] + [202] * 10
    assert "processor time" in replies[0][1]["errors"][0]["detail"]
    assert len((await desk.ask("GET", f"/v1/sources/{source['id']}/rejects"))[1]["data"]) == 1


async def test_a_closed_source_and_a_closed_app_take_nothing(desk: Desk) -> None:
    source = await desk.source()
    assert (await desk.ask("PATCH", f"/v1/sources/{source['id']}", {"enabled": False}))[0] == 200
    assert (await desk.post(source, {"id": "a"}))[0] == 403
    assert (await desk.ask("PATCH", f"/v1/sources/{source['id']}", {"enabled": True}))[0] == 200
    assert (await desk.post(source, {"id": "a"}))[0] == 202
    assert (await desk.ask("DELETE", f"/v1/sources/{source['id']}"))[0] == 204
    assert (await desk.post(source, {"id": "b"}))[0] == 404
    assert (await desk.post({"id": "src_" + "0" * 26, "secret": "x"}, {"id": "b"}))[0] == 404


async def test_deliveries_are_forgotten_after_a_day_and_never_with_facts_that_wait(desk: Desk) -> None:
    source, room, store = await desk.source(), desk.world.room, desk.world.services.store
    _, taken = await desk.post(source, {"id": "a"})
    handle = store.app(desk.app)
    await handle.update(DELIVERIES, taken["id"], set={"at": now_ms() - DELIVERY_MS - 1})
    facts = await desk.facts()
    old = [one.model_copy(update={"at": now_ms() - DELIVERY_MS}) for one in facts]
    await store.settle(DELIVERIES.name, taken["id"], [one.id for one in facts])
    await handle.update(DELIVERIES, taken["id"], set={"events": 1}, emit=old)
    await room._inbound.forget()
    assert await handle.count(DELIVERIES) == 1
    await store.settle(DELIVERIES.name, taken["id"], [one.id for one in old])
    await room._inbound.forget()
    assert await handle.count(DELIVERIES) == 0
    assert (await desk.post(source, {"id": "a"}))[0] == 202


async def test_an_hour_counts_what_came(desk: Desk) -> None:
    source = await desk.source(
        mapping={**ECHO, "rules": [{"event": {"type": "partner.x.y", "data": {"n": "body.n"}}}]}
    )
    for body in ({"id": "a", "n": 1}, {"id": "a", "n": 1}, {"id": "b", "n": 1}, {"id": "c"}):
        await desk.post(source, body)
    await desk.world.room._counts.write()
    _, stats = await desk.ask("GET", f"/v1/sources/{source['id']}/stats")
    assert {name: stats[name] for name in ("received", "repeated", "rejected", "refused")} == {
        "received": 2, "repeated": 1, "rejected": 1, "refused": 0,
    }  # fmt: skip
    assert stats["last_received"] is not None
    assert stats["last_refused"] is None


async def test_nothing_is_taken_while_what_was_taken_is_not_applied(desk: Desk, monkeypatch) -> None:
    """Neither while facts fill the memory of Redis, nor while outboxes wait, is there a 202."""
    source, redis = await desk.source(), desk.world.services.redis
    monkeypatch.setattr(receiver, "LOOK_S", 0.0)
    monkeypatch.setattr(receiver, "MOST_UNREAD", 3)
    entries = [await redis.xadd(BULK, {"e": str(n)}) for n in range(4)]
    assert (await desk.post(source, {"id": "a"}))[0] == 503
    await redis.xdel(BULK, entries[0])
    assert (await desk.post(source, {"id": "a"}))[0] == 202
    monkeypatch.setattr(receiver, "MOST_UNSENT_S", -1.0)
    status, refused = await desk.post(source, {"id": "b"})
    assert (status, refused["code"]) == (503, "unavailable")
    monkeypatch.setattr(receiver, "MOST_UNSENT_S", 20.0)
    assert (await desk.post(source, {"id": "b"}))[0] == 202


def mac(secret: str, body: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.digest(secret.encode(), body, algorithm)


def stamped(secret: str, body: bytes) -> dict[str, str]:
    at = int(now_s())
    return {"Stripe-Signature": f"t={at},v1={mac(secret, b'%d.%b' % (at, body)).hex()}"}


SIGNERS: dict[str, tuple[dict[str, Any], Callable[[str, bytes], dict[str, str]]]] = {
    "timestamped": (
        {"kind": "timestamped", "header": "stripe-signature"},
        stamped,
    ),
    "github": (
        {"kind": "hmac", "header": "x-hub-signature-256", "prefix": "sha256="},
        lambda secret, body: {"X-Hub-Signature-256": f"sha256={mac(secret, body).hex()}"},
    ),
    "base64": (
        {"kind": "hmac", "header": "x-sign", "encoding": "base64", "algorithm": "sha512"},
        lambda secret, body: {"X-Sign": base64.b64encode(mac(secret, body, "sha512")).decode()},
    ),
    "header": ({"kind": "token", "header": "x-api-key"}, lambda secret, _body: {"X-Api-Key": secret}),
    "basic": (
        {"kind": "basic", "username": "meter"},
        lambda secret, _body: {"Authorization": "Basic " + base64.b64encode(f"meter:{secret}".encode()).decode()},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNERS)
async def test_each_way_to_sign_opens_its_source_and_no_other(desk: Desk, name: str) -> None:
    auth, sign = SIGNERS[name]
    mapping = {"rules": [{"event": {"type": "partner.test.echo", "data": "body"}}]}
    source, other = (
        await desk.source(auth=auth, mapping=mapping),
        await desk.source(auth=auth, mapping=mapping),
    )
    headers = sign(source["secret"], b'{"a":1}')
    assert (await desk.post(source, b'{"a":1}', headers=headers))[0] == 202
    assert (await desk.post(other, b'{"a":1}', headers=headers))[0] == 401
    assert (await desk.post(source, b'{"a":1}', headers={}))[0] == 401
    if name in ("timestamped", "github", "base64"):
        assert (await desk.post(source, b'{"a":2}', headers=headers))[0] == 401
    again = (await desk.post(source, b'{"a":1}', headers=headers))[0]
    assert again == (200 if name == "timestamped" else 202), (
        "only a signed time makes a call without an id known"
    )


async def test_a_presets_source_signs_as_its_vendor_does(desk: Desk) -> None:
    _, presets = await desk.ask("GET", "/v1/sources/presets")
    preset = next(one for one in presets["data"] if one["kind"] == "ips")
    source = await desk.world.done(
        "POST", "/v1/sources", desk.key, {"name": "IPS", "kind": "ips", "secret": "given-by-ips"}
    )
    assert (source["auth"], source["mapping"], source["secret"]) == (preset["auth"], None, None)
    body = orjson.dumps(preset["sample"])
    headers = {"X-IPS-Signature": mac("given-by-ips", body).hex()}
    status, taken = await desk.post(source, body, headers=headers)
    assert (status, taken["events"]) == (202, 1)
    assert (await desk.post(source, body, headers=headers))[1]["repeated"] is True
    (fact,) = await desk.facts()
    assert isinstance(fact, InboundEvent)
    assert fact.kind == "partner.ips.violation.created"
