"""Connections as objects: their fields, secrets, environments, rights and end. On both document stores."""

import asyncio
from base64 import b64encode
from typing import Any

import orjson
import pytest

from control.collections import INTEGRATIONS
from control.integrations.operations import KINDS
from tests.control.integrations.conftest import Partners, endpoint
from tests.control.integrations.test_operations import REPORT, VERIFY
from tests.support.control_room import bearer
from tests.support.partners.server import KEY, PartnerServer
from weir.foundation.tenancy.collections import AUDIT

ENCRYPTION = {"kid": "k1", "key": b64encode(b"K" * 32).decode()}
PUBLIC = {"url": "https://partner.example/v1", "credentials": {"kind": "bearer", "token": "s3cret-token"}}


async def refused(
    partners: Partners, body: Any, field: str, *said: str, path: str = "/v1/integrations"
) -> None:
    method = "POST" if path == "/v1/integrations" else "PATCH"
    reply = await partners.world.ask(method, path, partners.headers, body)
    assert reply.status_code == 422, reply.text
    assert field in [one["field"] for one in reply.json()["errors"]], reply.json()
    for text in said:
        assert text in reply.json()["detail"], reply.json()


def endpoint_change(server: PartnerServer) -> dict[str, Any]:
    return {"sandbox": endpoint(server)}


async def test_a_connection_from_beginning_to_end(partners: Partners) -> None:
    world, headers = partners.world, partners.headers
    body = {"kind": "ips", "name": "Enforcement", "sandbox": PUBLIC, "metadata": {"city": "stamford"}}
    made = await world.ask("POST", "/v1/integrations", headers, body)
    one = made.json()
    assert made.status_code == 201 and one["id"].startswith("int_")
    assert made.headers["Location"] == f"/v1/integrations/{one['id']}"
    assert one["sandbox"]["credentials"]["kind"] == "bearer" and one["production"] is None
    assert (one["environment"], one["timeout_s"], one["test_path"]) == ("sandbox", 30.0, "/health")
    assert one["operations"] == ["ips.verify", "ips.violations"]
    path, etag = made.headers["Location"], made.headers["ETag"]
    read = await world.ask("GET", path, headers)
    assert read.json() == one and read.headers["ETag"] == etag
    changed = await world.ask(
        "PATCH", path, {**headers, "If-Match": etag}, {"name": "New", "timeout_s": 5, "metadata": None}
    )
    assert (changed.json()["name"], changed.json()["timeout_s"], changed.json()["metadata"]) == (
        "New",
        5.0,
        {},
    )
    stale = await world.ask("PATCH", path, {**headers, "If-Match": etag}, {"name": "Old"})
    assert stale.status_code == 412
    listed = await world.done("GET", "/v1/integrations?kind=ips&q=ne", headers)
    assert [found["id"] for found in listed["data"]] == [one["id"]]
    assert (await world.done("GET", "/v1/integrations?kind=gtcs", headers))["data"] == []
    assert (await world.ask("DELETE", path, headers)).status_code == 204
    assert (await world.ask("GET", path, headers)).status_code == 404


async def test_no_secret_comes_out_anywhere(partners: Partners) -> None:
    """Not in answers, not in the audit log, and in documents only sealed."""
    world, headers = partners.world, partners.headers
    secrets: dict[str, dict[str, Any]] = {
        "api_key": {"kind": "api_key", "key": "top-1"},
        "bearer": {"kind": "bearer", "token": "top-2"},
        "basic": {"kind": "basic", "username": "me", "password": "top-3"},
        "oauth2": {"kind": "oauth2", "token_url": "https://partner.example/t", "client_id": "me", "client_secret": "top-4"},
    }  # fmt: skip
    answers = []
    for credentials in secrets.values():
        body = {
            "kind": "gtcs",
            "name": "x",
            "sandbox": {"url": "https://partner.example", "credentials": credentials},
            "encryption": ENCRYPTION,
        }
        made = await world.done("POST", "/v1/integrations", headers, body)
        path = f"/v1/integrations/{made['id']}"
        again = {"sandbox": {"credentials": credentials}, "encryption": {**ENCRYPTION, "kid": "k2"}}
        answers += [
            made,
            await world.done("PATCH", path, headers, again),
            await world.done("GET", path, headers),
        ]
    answers += [
        await world.done("GET", "/v1/integrations", headers),
        await world.done("GET", "/v1/integrations/health", headers),
    ]
    docs = (await world.services.store.app(partners.app).find(INTEGRATIONS)).data
    entries = (await world.services.store.app(partners.app).find(AUDIT, limit=100)).data
    for text in (orjson.dumps([answers, docs, entries]).decode(),):
        assert "top-" not in text and ENCRYPTION["key"] not in text
    assert "token_url" in str(answers) and "'username': 'me'" in str(answers)
    assert {entry["action"] for entry in entries} >= {"integration.created", "integration.updated"}
    assert all("sealed" not in str(entry) for entry in entries)


async def test_a_sealed_secret_opens_for_its_own_connection_alone(partners: Partners) -> None:
    """Copied into another document it is worth nothing."""
    _, one = await partners.connected("gtcs")
    server, two = await partners.connected("gtcs")
    store = partners.world.services.store.app(partners.app)
    stolen = await store.get(INTEGRATIONS, one.rpartition("/")[2])
    assert stolen is not None
    await store.update(INTEGRATIONS, two.rpartition("/")[2], set={"sealed": stolen["sealed"]})
    reply = await partners.ask(two, "gtcs.reconciliation", REPORT)
    assert reply.status_code == 503 and "Write them again" in reply.json()["detail"]
    assert server.seen == []


async def test_stored_credentials_do_not_follow_to_another_host(partners: Partners) -> None:
    server, path = await partners.connected("gtcs")
    other = await partners.server("gtcs")
    await refused(partners, {"sandbox": {"url": other.url}}, "sandbox.credentials", "another host", path=path)
    await refused(
        partners,
        {"sandbox": {"url": server.url.replace("http:", "https:")}},
        "sandbox.credentials",
        path=path,
    )
    assert await partners.world.done("PATCH", path, partners.headers, {"sandbox": {"url": server.url + "/"}})
    assert (await partners.done(path, "gtcs.reconciliation", REPORT))["ok"]
    await partners.world.done("PATCH", path, partners.headers, {"sandbox": endpoint(other)})
    assert (await partners.done(path, "gtcs.reconciliation", REPORT))["ok"]
    assert (len(server.seen), len(other.seen)) == (1, 1)


async def test_production_is_used_by_choice(partners: Partners) -> None:
    sandbox, path = await partners.connected("gtcs")
    production = await partners.server("gtcs")
    world, headers = partners.world, partners.headers
    await refused(partners, {"environment": "production"}, "environment", path=path)
    await world.done("PATCH", path, headers, {"production": endpoint(production)})
    assert (await partners.done(path, "gtcs.reconciliation", REPORT))["environment"] == "sandbox"
    await world.done("PATCH", path, headers, {"environment": "production"})
    assert (await partners.done(path, "gtcs.reconciliation", REPORT))["environment"] == "production"
    assert (len(sandbox.seen), len(production.seen)) == (1, 1)
    await refused(partners, {"production": None}, "environment", path=path)
    assert (await world.done("PATCH", path, headers, {"sandbox": None}))["sandbox"] is None


async def test_what_cannot_be_saved(partners: Partners) -> None:
    base = {"kind": "gtcs", "name": "x"}
    await refused(partners, base, "sandbox.url", "write yours")
    for url in (
        "http://10.0.0.1/",
        "https://169.254.169.254/",
        "https://me:pw@partner.example/",
        "ftp://x/",
        "https://localhost:6379/",
    ):
        await refused(partners, {**base, "sandbox": {"url": url}}, "sandbox.url")
    await refused(
        partners,
        {**base, "sandbox": {"url": "https://partner.example/?a=b"}},
        "sandbox.url",
        "without a query",
    )
    oauth = {"kind": "oauth2", "token_url": "https://10.1.1.1/t", "client_id": "a", "client_secret": "b"}
    await refused(
        partners,
        {**base, "sandbox": {"url": "https://p.example", "credentials": oauth}},
        "sandbox.credentials.token_url",
    )
    for header in ("Host", "Content-Length", "transfer-encoding"):
        key = {"kind": "api_key", "header": header, "key": "k"}
        await refused(
            partners,
            {**base, "sandbox": {"url": "https://p.example", "credentials": key}},
            "sandbox.credentials.header",
        )
    crlf = {"kind": "bearer", "token": "a\r\nX: y"}
    await refused(
        partners,
        {**base, "sandbox": {"url": "https://p.example", "credentials": crlf}},
        "sandbox.credentials.bearer.token",
    )
    await refused(
        partners,
        {**base, "sandbox": PUBLIC, "encryption": {"kid": "k", "key": "c2hvcnQ="}},
        "encryption.key",
        "256 bits",
    )
    await refused(partners, {**base, "sandbox": PUBLIC, "kind": "unknown"}, "kind")
    await refused(partners, {**base, "sandbox": PUBLIC, "surprise": 1}, "surprise")


async def test_kinds_with_a_usual_address_need_none(partners: Partners) -> None:
    made = await partners.world.done(
        "POST", "/v1/integrations", partners.headers, {"kind": "teller", "name": "Teller"}
    )
    assert made["sandbox"]["url"] == "https://sandbox.teller.io"
    assert made["sandbox"]["credentials"]["kind"] == "none"


async def test_a_repeated_creation_makes_one(partners: Partners) -> None:
    body = {"kind": "gtcs", "name": "x", "sandbox": PUBLIC}
    headers = {**partners.headers, "Idempotency-Key": "make-1"}
    one, two = [await partners.world.ask("POST", "/v1/integrations", headers, body) for _ in range(2)]
    assert one.json()["id"] == two.json()["id"] and two.headers["Idempotency-Replayed"] == "true"


async def test_of_two_changes_at_once_one_is_refused_or_both_hold(partners: Partners) -> None:
    _, path = await partners.connected("gtcs")
    world, headers = partners.world, partners.headers
    replies = await asyncio.gather(
        *(world.ask("PATCH", path, headers, {"metadata": {f"m{n}": "x"}}) for n in range(5))
    )
    assert {reply.status_code for reply in replies} <= {200, 412}
    good = [reply.json()["metadata"] for reply in replies if reply.status_code == 200]
    assert (await world.done("GET", path, headers))["metadata"] in good


async def test_rights(partners: Partners) -> None:
    """Reading and writing are scopes of their own, and another app's connections do not exist."""
    world = partners.world
    owner = await world.ask(
        "POST", "/v1/auth/login", None, {"email": "owner@weir.example", "password": "correct horse battery"}
    )
    account = bearer(owner.json()["access_token"])
    _, path = await partners.connected("ips")
    reader = bearer((await world.key(account, partners.app, scopes=["integrations:read"]))["api_key"])
    writer = bearer((await world.key(account, partners.app, scopes=["integrations:write"]))["api_key"])
    other = await world.token(account, (await world.app(account, "Other"))["id"])
    assert (await world.ask("GET", path, reader)).status_code == 200
    assert (await world.ask("GET", "/v1/integrations/health", reader)).status_code == 200
    asked = {"operation": "ips.verify", "data": VERIFY}
    for method, address, body in (
        ("PATCH", path, {"name": "x"}), ("DELETE", path, None), ("POST", path + "/test", None), ("POST", path + "/calls", asked),
        ("POST", "/v1/integrations", {"kind": "teller", "name": "x"}),
    ):  # fmt: skip
        assert (await world.ask(method, address, reader, body)).status_code == 403, address
        assert (await world.ask(method, address, None, body)).status_code == 401
        if address != "/v1/integrations":
            assert (await world.ask(method, address, other, body)).status_code == 404
    assert (await world.ask("GET", path, other)).status_code == 404
    assert (await world.done("GET", "/v1/integrations/health", other))["integrations"] == []
    assert (await world.ask("POST", path + "/calls", writer, asked)).status_code == 200
    assert (await world.ask("GET", path, writer)).status_code == 403


async def test_a_test_is_cheap_and_closes_the_breaker(partners: Partners) -> None:
    server, path = await partners.connected("gtcs")
    world, headers = partners.world, partners.headers
    server.behaviours = ["500"] * 5
    for _ in range(5):
        await partners.ask(path, "gtcs.reconciliation", REPORT)
    assert (await partners.health(path))["breaker"] == "open"
    server.behaviours = ["500"]
    bad = await world.done("POST", path + "/test", headers)
    assert (bad["ok"], bad["status"]) == (False, 500) and "status 500" in bad["detail"]
    assert (await partners.health(path))["breaker"] == "open"
    good = await world.done("POST", path + "/test", headers)
    assert (good["ok"], good["status"], good["environment"]) == (True, 200, "sandbox")
    shown = await partners.health(path)
    assert (shown["breaker"], shown["state"], shown["calls"]) == ("closed", "ok", 5)
    await world.done(
        "PATCH", path, headers, {"sandbox": {"credentials": {"kind": "bearer", "token": "wrong"}}}
    )
    wrong = await world.done("POST", path + "/test", headers)
    assert not wrong["ok"] and "credentials" in wrong["detail"]
    await world.done("PATCH", path, headers, {**endpoint_change(server), "test_path": "/nothing"})
    missing = await world.done("POST", path + "/test", headers)
    assert not missing["ok"] and "test_path" in missing["detail"]


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_can_be_tested(partners: Partners, kind: str) -> None:
    _, path = await partners.connected(kind)
    said = await partners.world.done("POST", path + "/test", partners.headers)
    assert said["ok"], said


async def test_health_of_all_at_once(partners: Partners) -> None:
    server, failing = await partners.connected("gtcs")
    _, well = await partners.connected("ips")
    await partners.connected("duncan")
    server.behaviours = ["500"]
    await partners.ask(failing, "gtcs.reconciliation", REPORT)
    await partners.done(well, "ips.verify", VERIFY)
    shown = await partners.world.done("GET", "/v1/integrations/health", partners.headers)
    assert shown["status"] == "degraded" and shown["timestamp"].endswith("Z")
    assert [one["state"] for one in shown["integrations"]] == ["failing", "ok", "unused"]
    assert shown["integrations"][1]["mean_ms"] is not None and shown["integrations"][2]["mean_ms"] is None
    await partners.done(failing, "gtcs.reconciliation", REPORT)
    shown = await partners.world.done("GET", "/v1/integrations/health", partners.headers)
    assert shown["status"] == "ok" and shown["integrations"][0]["last_error"]


async def test_kinds_are_described_with_their_fields(partners: Partners) -> None:
    shown = (await partners.world.done("GET", "/v1/integrations/kinds", partners.headers))["data"]
    assert [one["kind"] for one in shown] == list(KINDS)
    payment = next(one for kind in shown for one in kind["operations"] if one["name"] == "teller.payments")
    assert payment["repeatable"] is True and "paymentId" in payment["data"]["properties"]
    assert payment["data"]["properties"]["amount"]["type"] == "integer"


async def test_calls_are_in_the_audit_log_and_deleted_things_leave_nothing(partners: Partners) -> None:
    world = partners.world
    _, path = await partners.connected("ips")
    for _ in range(3):
        await partners.done(path, "ips.verify", VERIFY)
    await world.services.audit.write_counts()
    store, one = world.services.store.app(partners.app), path.rpartition("/")[2]
    (entry,) = (await store.find(AUDIT, {"action": "integration.called.ips.verify"})).data
    assert entry["target"] == one and (entry["after"] or {})["times"] == 3
    assert await world.services.redis.exists(f"weir:partner:{one}")
    await world.ask("DELETE", path, partners.headers)
    assert not await world.services.redis.exists(f"weir:partner:{one}")
    (gone,) = (await store.find(AUDIT, {"action": "integration.deleted"})).data
    assert gone["target"] == one and KEY not in str(gone)


async def test_a_deleted_app_takes_its_connections_along(partners: Partners) -> None:
    world = partners.world
    await partners.connected("ips")
    login = await world.ask(
        "POST", "/v1/auth/login", None, {"email": "owner@weir.example", "password": "correct horse battery"}
    )
    assert (
        await world.ask("DELETE", f"/v1/apps/{partners.app}", bearer(login.json()["access_token"]))
    ).status_code < 300
    async for collection, doc_id, events in world.services.store.pending():
        await world.services.store.settle(collection, doc_id, [event.id for event in events])
    await world.room._apps.delete_more()
    assert (await world.services.store.operator().find(INTEGRATIONS)).data == []


async def test_there_is_a_bound(partners: Partners, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control.integrations.service.MOST", 2)
    for _ in range(2):
        await partners.connected("ips")
    reply = await partners.world.ask(
        "POST", "/v1/integrations", partners.headers, {"kind": "teller", "name": "x"}
    )
    assert reply.status_code == 409 and "2 integrations" in reply.json()["detail"]
