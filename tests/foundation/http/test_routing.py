"""The route table: one look-up, one document, requests done once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from pydantic import BaseModel
from starlette.applications import Starlette

from weir.foundation.errors import Conflict, Unavailable
from weir.foundation.http import openapi
from weir.foundation.http.idempotency import REPEATS
from weir.foundation.http.problems import HANDLERS
from weir.foundation.http.response_headers import APP, Envelope
from weir.foundation.http.router import Front, tabled
from weir.foundation.http.routing import Answer, Body, Call, Listed, Paging, Row, bind, shown_once
from weir.foundation.ids import new_id
from weir.foundation.services import Services
from weir.foundation.tenancy.collections import APPS

MINE, OTHERS = new_id("app"), new_id("app")


class NewThing(Body):
    name: str


class Thing(BaseModel):
    id: str
    name: str
    secret: str | None = shown_once()


class Things:
    """Rows that keep count of what they did."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.go_on, self.begun = asyncio.Event(), asyncio.Event()
        self.go_on.set()
        self.fail: Exception | None = None

    def rows(self) -> list[Row]:
        return [
            Row(
                "GET",
                "/v1/things",
                "tenant",
                self.listed,
                query=Paging,
                answer=Listed[Thing],
                scope="streams:read",
            ),
            Row(
                "POST",
                "/v1/things",
                "tenant",
                self.create,
                NewThing,
                "Make a thing.",
                answer=Thing,
                status=201,
                errors=(Conflict,),
            ),
            Row("GET", "/v1/things/{thing}", "tenant", self.one, answer=Thing, etag=True),
            Row("PATCH", "/v1/tus/{thing}", "tenant", self.patched, streamed=(), status=204),
            Row("PATCH", "/v1/things/{thing}", "tenant", self.change, NewThing, answer=Thing, etag=True),
            Row("GET", "/v1/open/{app}", "anybody", self.open),
            Row("GET", "/v1/things/all", "anybody", self.open),
            Row("POST", "/v1/enter", "anybody", self.open, cookies=True),
        ]

    async def listed(self, call: Call) -> Answer:
        return Answer({"data": [], "next_cursor": call.query.cursor})

    async def create(self, call: Call) -> Answer:
        self.begun.set()
        await self.go_on.wait()
        if self.fail is not None:
            raise self.fail
        self.made.append(call.new_id("str"))
        return Answer(
            {"id": self.made[-1], "name": call.body.name, "secret": "s3cr3t"},
            201,
            etag='"1"',
            headers={"X-Made": "yes"},
        )

    async def one(self, call: Call) -> Answer:
        return Answer({"id": "x", "name": "x"}, etag='"2"')

    async def patched(self, call: Call) -> Answer:
        return Answer(None, 204, headers={"Method": call.request.method})

    async def change(self, call: Call) -> Answer:
        call.expects('"2"')
        return Answer({"id": "x", "name": call.body.name}, etag='"3"')

    async def open(self, call: Call) -> Answer:
        call.request.scope[APP] = call.request.path_params.get("app")
        return Answer({})


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
async def http(services: Services, things: Things) -> AsyncIterator[httpx.AsyncClient]:
    apps = services.store.operator()
    await apps.insert(
        APPS,
        {
            "id": MINE,
            "account": "a",
            "name": "x",
            "guests": "chat",
            "created": 1,
            "origins": ["https://mine.test"],
        },
    )
    door = replace(services.door, origins=frozenset(["https://studio.test"]))
    table, *others = tabled([bind(row, door) for row in things.rows()])
    envelope = Envelope(Starlette(routes=others, exception_handlers=HANDLERS), ["https://studio.test"])
    envelope.directory = services.directory
    token = services.tokens.mint("weir:app", 600, sub="acc_1", app=MINE, role="owner")
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(Front(envelope, envelope, table)),
        base_url="https://weir.test",
        headers=headers,
    ) as client:
        yield client


async def post(http: httpx.AsyncClient, key: str, name: str = "a") -> httpx.Response:
    return await http.post("/v1/things", json={"name": name}, headers={"Idempotency-Key": key})


async def test_a_repeated_post_is_done_once(http: httpx.AsyncClient, things: Things) -> None:
    """The second answer is the first without its secret, and says that it is a repeat."""
    first, again = await post(http, "k"), await post(http, "k")
    assert (first.status_code, again.status_code, len(things.made)) == (201, 201, 1)
    assert again.json() == {"id": first.json()["id"], "name": "a"}
    for name, value in (("etag", '"1"'), ("location", f"/v1/things/{first.json()['id']}"), ("x-made", "yes")):
        assert (first.headers[name], again.headers[name]) == (value, value)
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (
        None,
        "true",
    )


async def test_a_key_stands_for_one_request(http: httpx.AsyncClient, things: Things) -> None:
    """With another body it is refused; another tenant's same key is another key; an endless key is refused."""
    await post(http, "k")
    other = await post(http, "k", "b")
    assert (other.status_code, other.json()["code"], len(things.made)) == (422, "idempotency_mismatch", 1)
    assert (await post(http, "x" * 400)).status_code == 422


async def test_of_two_at_once_one_is_done(http: httpx.AsyncClient, things: Things) -> None:
    """The other gets Retry-After, and then gets the first one's answer."""
    things.go_on.clear()
    running = asyncio.create_task(post(http, "k"))
    await asyncio.wait_for(things.begun.wait(), 10)
    early = await post(http, "k")
    assert (early.status_code, early.json()["code"]) == (409, "idempotency_in_progress")
    things.go_on.set()
    assert (await running).status_code == 201
    assert early.headers["retry-after"] == "1"
    assert ((await post(http, "k")).status_code, len(things.made)) == (201, 1)


@pytest.mark.parametrize(("error", "same_id"), [(Conflict("no"), False), (Unavailable("perhaps"), True)])
async def test_a_refused_request_frees_its_key(
    http: httpx.AsyncClient, things: Things, error: Exception, same_id: bool
) -> None:
    """After a refusal the corrected request may use it; after an unknown outcome the same one, for the same
    object."""
    things.fail = error
    assert (await post(http, "k", "a" if same_id else "wrong")).status_code in (409, 503)
    things.fail = None
    assert (await post(http, "k")).status_code == 201


async def test_a_dead_process_s_attempt_is_taken_over_with_the_same_id(services: Services) -> None:
    """So what it may have made is not made a second time."""
    repeats = services.door.repeats
    assert repeats is not None
    first = await repeats.begin("app:k", "POST", "/v1/things", b"{}")
    with pytest.raises(Conflict):
        await repeats.begin("app:k", "POST", "/v1/things", b"{}")
    await services.store.operator().update(REPEATS, first.id, set={"started": 1})
    assert (await repeats.begin("app:k", "POST", "/v1/things", b"{}")).seed == first.seed


async def test_a_change_of_an_old_state_is_stale(http: httpx.AsyncClient) -> None:
    """412 for another ETag; the present one, a star and none go through, and the answer carries the next."""
    for given, status in (('"1"', 412), ('"2"', 200), ('"1", "2"', 200), ("*", 200), (None, 200)):
        reply = await http.patch(
            "/v1/things/x", json={"name": "b"}, headers={"If-Match": given} if given else {}
        )
        assert (reply.status_code, reply.headers.get("etag")) == (status, '"3"' if status == 200 else None)


async def test_an_answer_that_is_known_is_not_sent_again(http: httpx.AsyncClient) -> None:
    """304 for the present ETag, also for the weak one that a web server makes of it, and the change after it
    is taken."""
    for given, status in (
        ('"2"', 304),
        ('W/"2"', 304),
        ('"1", "2"', 304),
        ("*", 304),
        ('"1"', 200),
        (None, 200),
    ):
        reply = await http.get("/v1/things/x", headers={"If-None-Match": given} if given else {})
        assert (reply.status_code, reply.headers["etag"], bool(reply.content)) == (
            status,
            '"2"',
            status == 200,
        ), given
    assert (
        await http.patch("/v1/things/x", json={"name": "b"}, headers={"If-Match": 'W/"2"'})
    ).status_code == 200


async def test_what_a_network_does_not_let_through_is_posted(http: httpx.AsyncClient) -> None:
    """X-HTTP-Method-Override, for uploads alone."""
    for path, method, status in (
        ("/v1/tus/x", "PATCH", 204),
        ("/v1/tus/x", "DELETE", 405),
        ("/v1/things/x", "PATCH", 405),
    ):
        reply = await http.post(path, headers={"X-HTTP-Method-Override": method})
        assert (reply.status_code, reply.headers.get("method")) == (
            status,
            "PATCH" if status == 204 else None,
        )
    assert (await http.post("/v1/tus/x")).status_code == 405


async def test_query_strings_are_checked(http: httpx.AsyncClient) -> None:
    """Bounds, types and unknown names, each named in the refusal."""
    for query in ("limit=0", "limit=201", "limit=x", "colour=red"):
        reply = await http.get(f"/v1/things?{query}")
        assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, query.split("=")[0])
    assert (await http.get("/v1/things?limit=3&cursor=c")).json()["next_cursor"] == "c"


async def test_unknown_methods_and_paths(http: httpx.AsyncClient) -> None:
    """405 says what is offered; a fixed segment goes before a parameter; HEAD is GET."""
    refused = await http.put("/v1/things", json={})
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    asked = await http.options("/v1/things")
    assert (asked.status_code, asked.headers["allow"], asked.content) == (
        204,
        "GET, HEAD, OPTIONS, POST",
        b"",
    )
    for path, meant in (
        ("/v1/thing", "/v1/things?"),
        ("/v1/things/", "/v1/things?"),
        ("/v1/opn/x", "/v1/open/{app}?"),
        ("/v1/no", "openapi"),
    ):
        nothing = await http.get(path)
        assert (nothing.status_code, nothing.json()["code"]) == (404, "not_found")
        assert meant in nothing.json()["detail"]
        assert nothing.headers["x-request-id"]
    assert (await http.get("/v1/things/all")).status_code == 200
    assert (await http.head("/v1/things/all")).status_code == 200


async def test_requests_are_counted_by_route(http: httpx.AsyncClient) -> None:
    """By method, the row's path and the class of the status; what no row answers is one line."""

    def counted(method: str, route: str, status: str) -> float:
        return (
            REGISTRY.get_sample_value(
                "weir_requests_total", {"method": method, "route": route, "status": status}
            )
            or 0
        )

    lines = [("PATCH", "/v1/things/{thing}", "2xx"), ("GET", "/v1/things", "4xx"), ("", "other", "4xx")]
    before = [counted(*line) for line in lines]
    await http.patch("/v1/things/x", json={"name": "b"})
    await http.get("/v1/things?limit=0")
    await http.get(f"/v1/{new_id('str')}")
    assert [counted(*line) for line in lines] == [count + 1 for count in before]


async def test_every_answer_carries_its_request_id(http: httpx.AsyncClient) -> None:
    """The client's own when it is one, else a fresh one; refusals too."""
    mine = await http.get("/v1/things/all", headers={"X-Request-Id": "trace-12345"})
    assert mine.headers["x-request-id"] == "trace-12345"
    odd = await http.get("/v1/nothing", headers={"X-Request-Id": "a b\x7f"})
    assert odd.headers["x-request-id"] not in ("", "a b\x7f")


@pytest.mark.parametrize(
    ("path", "origin", "readable"),
    [
        ("/v1/things", "https://mine.test", True), ("/v1/things", "https://studio.test", True), ("/v1/things", "https://evil.test", False),
        ("/v1/open/{mine}", "https://mine.test", True), ("/v1/open/{other}", "https://mine.test", False),
        ("/v1/things/all", "https://mine.test", False), ("/v1/things/all", "https://studio.test", True),
    ],
)  # fmt: skip
async def test_only_an_apps_own_pages_read_its_answers(
    http: httpx.AsyncClient, path: str, origin: str, readable: bool
) -> None:
    """CORS by app; cookies never count across origins."""
    reply = await http.get(path.format(mine=MINE, other=OTHERS), headers={"Origin": origin})
    assert reply.headers.get("access-control-allow-origin") == (origin if readable else None)
    assert "access-control-allow-credentials" not in reply.headers


async def test_preflight_names_what_may_be_sent(http: httpx.AsyncClient) -> None:
    """It has no credential, so it is answered alike for every page."""
    asked = {"Origin": "https://any.test", "Access-Control-Request-Method": "PATCH"}
    reply = await http.options("/v1/things/x", headers=asked)
    assert reply.status_code == 204
    assert "PATCH" in reply.headers["access-control-allow-methods"]
    assert "idempotency-key" in reply.headers["access-control-allow-headers"].lower()


def test_the_document_says_what_the_rows_say(things: Things) -> None:
    """Bodies, answers, queries, credentials and refusals come from the same rows that serve."""
    document: dict[str, Any] = openapi.document(things.rows(), "1", "https://weir.test")
    create = document["paths"]["/v1/things"]["post"]
    assert create["summary"] == "Make a thing."
    assert create["security"] == [{"app": []}]
    assert create["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/NewThing"
    }
    assert set(create["responses"]) == {"201", "401", "409", "413", "415", "422", "429", "503"}
    listed = document["paths"]["/v1/things"]["get"]
    assert [one["name"] for one in listed["parameters"]] == ["limit", "cursor"]
    assert "403" in listed["responses"]
    change = document["paths"]["/v1/things/{thing}"]["patch"]
    assert {"404", "412"} <= set(change["responses"])
    assert [one["name"] for one in change["parameters"]] == ["thing", "If-Match"]
    assert document["components"]["schemas"]["Thing"]["properties"]["secret"]["x-shown-once"] is True


def test_two_rows_can_not_stand_for_one_request(services: Services, things: Things) -> None:
    """A doubled row is a bug that shows at start."""
    bound = [bind(row, services.door) for row in things.rows()]
    with pytest.raises(ValueError, match="twice"):
        tabled([*bound, bound[0]])


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        ("application/json", True), ("Application/JSON; charset=utf-8", True), ("application/merge-patch+json", True),
        ("text/plain", False), ("application/x-www-form-urlencoded", False), ("multipart/form-data; boundary=x", False), ("", False),
        ("text/plain; application/json", False), ("application/jsonx", False),
    ],
)  # fmt: skip
async def test_a_body_is_json_and_says_so(http: httpx.AsyncClient, kind: str, taken: bool) -> None:
    """A form of a stranger's page could be read as JSON. An empty body needs no type."""
    body = b'{"name": "a"}'
    reply = await http.patch("/v1/things/x", content=body, headers={"Content-Type": kind} if kind else {})
    assert (reply.status_code, reply.json().get("code")) == ((200, None) if taken else (415, "invalid"))
    packed = await http.patch(
        "/v1/things/x", content=body, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}
    )
    assert packed.status_code == 415
    assert (
        await http.post("/v1/enter", content=body, headers={"Content-Type": "text/plain"})
    ).status_code == 415
    assert (
        await http.post("/v1/enter", content=b"", headers={"Content-Type": "text/plain"})
    ).status_code == 200


@pytest.mark.parametrize(
    ("headers", "may"),
    [
        ({}, True), ({"Origin": "https://weir.test"}, True), ({"Sec-Fetch-Site": "same-origin"}, True), ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "https://studio.test", "Sec-Fetch-Site": "cross-site"}, True),
        ({"Origin": "https://evil.test"}, False), ({"Origin": "null"}, False), ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False), ({"Origin": "https://weir.test.evil.test"}, False),
        ({"Origin": "https://weir.test:81"}, False),
        ({"Origin": "https://mine.test"}, False), ({"Origin": "https://weir.test", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "weir.test"}, False), ({"Origin": "https://evil.test@weir.test"}, False), ({"Origin": ""}, False),
    ],
)  # fmt: skip
async def test_only_our_own_pages_sign_people_in(
    http: httpx.AsyncClient, headers: dict[str, str], may: bool
) -> None:
    """Those of the installation's origins too; an app's own origins read answers and do no more."""
    reply = await http.post("/v1/enter", headers=headers)
    assert reply.status_code == (200 if may else 403)
