"""Sources over the API: made, changed, shown without secrets, noted, and gone with their app."""

from typing import Any

import pytest

from control.inbound.service import MOST_SOURCES
from control.inbound.store import COLLECTIONS, SOURCES, SourceDoc
from tests.control.inbound.conftest import ECHO, Desk
from tests.support.control_room import PASSWORD, Headers, bearer


async def owner_of(desk: Desk) -> Headers:
    asked = {"email": "owner@weir.example", "password": PASSWORD}
    return bearer((await desk.world.done("POST", "/v1/auth/login", None, asked))["access_token"])


async def test_a_source_is_made_read_changed_listed_and_deleted(desk: Desk) -> None:
    source = await desk.source(name="Meters")
    path = f"/v1/sources/{source['id']}"
    assert source["url"].endswith(f"/v1/inbound/{source['id']}")
    status, read = await desk.ask("GET", path)
    assert (status, read) == (200, {name: value for name, value in source.items() if name != "secret"})
    status, changed = await desk.ask("PATCH", path, {"name": "More meters", "networks": ["10.0.0.0/8"]})
    assert (status, changed["name"], changed["networks"]) == (200, "More meters", ["10.0.0.0/8"])
    _, page = await desk.ask("GET", "/v1/sources?q=more&kind=custom")
    assert [one["id"] for one in page["data"]] == [source["id"]]
    assert (await desk.ask("DELETE", path))[0] == 204
    assert (await desk.ask("GET", path))[0] == 404


async def test_a_change_of_a_state_that_is_no_more_is_refused(desk: Desk) -> None:
    source = await desk.source()
    path = f"/v1/sources/{source['id']}"
    reply = await desk.world.ask("GET", path, desk.key)
    etag = reply.headers["ETag"]
    assert (await desk.ask("PATCH", path, {"name": "One"}, **{"If-Match": etag}))[0] == 200
    status, refused = await desk.ask("PATCH", path, {"name": "Two"}, **{"If-Match": etag})
    assert (status, refused["code"]) == (412, "conflict")


async def test_a_secret_is_shown_once_and_stored_sealed_for_its_source(desk: Desk) -> None:
    source, other = await desk.source(), await desk.source()
    services = desk.world.services
    doc = await services.store.app(desk.app).get(SOURCES, source["id"])
    assert doc is not None
    assert source["secret"] not in str(doc)
    sealed = doc["secrets"][0]["sealed"]
    assert services.vault.open(sealed, source["id"]) == source["secret"]
    with pytest.raises(ValueError, match="sealed"):
        services.vault.open(sealed, other["id"])
    _, audit = await desk.ask("GET", f"/v1/apps/{desk.app}/audit")
    assert source["secret"] not in str(audit)
    assert sealed not in str(audit)
    repeated = {"Idempotency-Key": "one"}
    body = {"name": "Twice", "mapping": ECHO}
    first, second = [await desk.ask("POST", "/v1/sources", body, **repeated) for _ in range(2)]
    assert first[1]["secret"]
    assert "secret" not in second[1]
    assert first[1]["id"] == second[1]["id"]


async def test_a_partners_own_secret_is_used_and_not_shown(desk: Desk) -> None:
    source = await desk.source(secret="given-by-the-partner")
    assert source["secret"] is None
    assert (await desk.post({**source, "secret": "given-by-the-partner"}, {"id": "a"}))[0] == 202
    status, refused = await desk.ask(
        "POST",
        "/v1/sources",
        {"name": "x", "auth": {"kind": "standard"}, "secret": "not base64", "mapping": ECHO},
    )
    assert (status, refused["errors"][0]["field"]) == (422, "secret")


@pytest.mark.parametrize(("fields", "field"), [
    ({"kind": "nothing"}, "kind"),
    ({"mapping": None}, "mapping"),
    ({"mapping": {"rules": []}}, "mapping.rules"),
    ({"mapping": {"rules": [{}]}}, "mapping.rules.0"),
    ({"mapping": {"rules": [{"event": {"type": "chat.message.new"}}]}}, "mapping.rules.0.event.type"),
    ({"mapping": {"rules": [{"when": "body.x +", "event": {"type": "partner.x"}}]}}, "mapping.rules.0.when"),
    ({"mapping": {"rules": [{"event": {"type": "partner.x", "data": {"a": "1", "b": "nope(1)"}}}]}}, "mapping.rules.0.event.data.b"),
    ({"mapping": {"rules": [{"when": "x" * 1001, "event": {"type": "partner.x"}}]}}, "mapping.rules.0.when"),
    ({"mapping": {**ECHO, "headers": ["authorization"]}}, "mapping.headers"),
    ({"auth": {"kind": "hmac"}}, "auth"),
    ({"auth": {"kind": "basic"}}, "auth"),
    ({"networks": ["10.0.0.1/8"]}, "networks"),
])  # fmt: skip
async def test_what_cannot_work_is_refused_with_its_place(desk: Desk, fields: dict, field: str) -> None:
    status, refused = await desk.ask("POST", "/v1/sources", {"name": "x", "mapping": ECHO, **fields})
    assert (status, refused["code"]) == (422, "invalid")
    assert refused["errors"][0]["field"].startswith(field)


async def test_the_way_to_sign_may_change_but_not_its_kind(desk: Desk) -> None:
    source = await desk.source()
    path = f"/v1/sources/{source['id']}"
    assert (await desk.ask("PATCH", path, {"auth": {"kind": "token", "header": "x-key"}}))[1]["auth"][
        "header"
    ] == "x-key"
    assert (await desk.post(source, {"id": "a"}))[0] == 401
    assert (await desk.post(source, {"id": "a"}, headers={"X-Key": source["secret"]}))[0] == 202
    assert (await desk.ask("PATCH", path, {"auth": {"kind": "standard"}}))[0] == 422


async def test_a_preview_shows_what_would_come_and_stores_nothing(desk: Desk) -> None:
    mapping = {"id": "body.id", "rules": [
        {"event": {"type": "partner.x.paid", "data": {"n": "body.n"}}},
        {"reading": {"device": "body.d", "state": "body.s", "at": "1700000000"}}]}  # fmt: skip
    asked = {"mapping": mapping, "sample": {"id": "a", "n": 1, "d": "AA", "s": "occupied"}}
    status, shown = await desk.ask("POST", "/v1/sources/preview", asked)
    assert (status, shown["errors"], shown["id"]) == (200, [], "a")
    assert shown["events"] == [{"type": "partner.x.paid", "data": {"n": 1}}]
    assert shown["readings"][0] | {"values": {}} == {
        "device": "AA", "state": "occupied", "at": "2023-11-14T22:13:20.000Z", "space": None, "battery": None, "rssi": None, "values": {},
    }  # fmt: skip
    status, shown = await desk.ask(
        "POST", "/v1/sources/preview", {**asked, "sample": {"id": "a", "d": "AA", "s": "full"}}
    )
    assert status == 200
    assert [one["field"] for one in shown["errors"]] == ["rules.0.event.data.n"]
    status, shown = await desk.ask(
        "POST", "/v1/sources/preview", {**asked, "sample": {"n": 1, "id": "a", "d": "AA", "s": "full"}}
    )
    assert shown["errors"] == [
        {"field": "rules.1.reading.state", "detail": "'full' is neither free, occupied nor unknown"}
    ]
    rules = [
        {"when": "(", "event": {"type": "partner.x"}},
        {"event": {"type": "partner.x", "data": {"a": "b.c"}}},
    ]
    status, shown = await desk.ask("POST", "/v1/sources/preview", {"mapping": {"rules": rules}})
    assert (status, [one["field"] for one in shown["errors"]]) == (
        200,
        ["rules.0.when", "rules.1.event.data.a"],
    )
    assert (await desk.ask("POST", "/v1/sources/preview", {"kind": "custom", "sample": {}}))[0] == 422
    _, shown = await desk.ask(
        "POST", "/v1/sources/preview", {"kind": "parkeon", "sample": {"meterId": "M", "status": {}}}
    )
    assert [one["device"] for one in shown["readings"]] == ["M"]
    for collection in COLLECTIONS:
        assert await desk.world.services.store.app(desk.app).count(collection) == 0


async def test_another_app_sees_no_source_of_this_one(desk: Desk) -> None:
    source = await desk.source()
    owner = await owner_of(desk)
    other = bearer((await desk.world.key(owner, (await desk.world.app(owner, "Other"))["id"]))["api_key"])
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate-secret"), ("GET", "/stats"), ("GET", "/rejects"),
                         ("POST", "/rejects/dlv_0/replay")):  # fmt: skip
        body: Any = {} if method in ("PATCH", "POST") else None
        assert (
            await desk.world.ask(method, f"/v1/sources/{source['id']}{path}", other, body)
        ).status_code == 404
    assert (await desk.world.done("GET", "/v1/sources", other))["data"] == []


async def test_scopes(desk: Desk) -> None:
    owner = await owner_of(desk)
    reader = bearer((await desk.world.key(owner, desk.app, scopes=["integrations:read"]))["api_key"])
    assert (await desk.world.ask("GET", "/v1/sources", reader)).status_code == 200
    assert (
        await desk.world.ask("POST", "/v1/sources", reader, {"name": "x", "mapping": ECHO})
    ).status_code == 403


async def test_an_app_has_so_many_sources(desk: Desk) -> None:
    handle = desk.world.services.store.app(desk.app)
    first = await desk.source()
    doc = await handle.get(SOURCES, first["id"])
    assert doc is not None
    copies: list[SourceDoc] = [{**doc, "id": f"{doc['id']}{n}"} for n in range(MOST_SOURCES - 1)]
    await handle.insert_many(SOURCES, copies)
    status, refused = await desk.ask("POST", "/v1/sources", {"name": "x", "mapping": ECHO})
    assert (status, refused["code"]) == (403, "quota_exceeded")


async def test_sources_go_with_their_app(desk: Desk) -> None:
    source = await desk.source(
        mapping={"rules": [{"event": {"type": "partner.x.y", "data": {"n": "body.n"}}}]}
    )
    await desk.post(source, {"n": 1})
    await desk.post(source, {})
    await desk.post(source, {}, headers={})
    await desk.world.room._counts.write()
    handle = desk.world.services.store.app(desk.app)
    assert all([await handle.count(one) for one in COLLECTIONS])
    await desk.world.done("DELETE", f"/v1/apps/{desk.app}", await owner_of(desk))
    assert (await desk.post(source, {"n": 2}))[0] == 404
    store = desk.world.services.store
    async for collection, doc, events in store.pending(1000):  # as the relay does
        await store.settle(collection, doc, [one.id for one in events])
    await desk.world.room._apps.delete_more()
    assert not any([await handle.count(one) for one in COLLECTIONS])
