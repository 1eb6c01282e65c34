"""Answers of the API as they arrive: through the web server, which packs and routes them."""

import http.client
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from media.composition import MediaRoom
from realtime.composition import RealtimeRoom
from tests.support.running_stack import ROOT, RunningStack
from weir.foundation.http.routing import BoundRoute
from weir.foundation.services import Services

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    running = RunningStack()
    try:
        yield running.start()
    finally:
        running.stop()
        running.remove()


@pytest.fixture(scope="module")
def key(stack: RunningStack) -> str:
    setup = stack.card()["studio"].partition("#setup=")[2]
    body = {"email": "owner@weir.example", "password": PASSWORD, "setup": setup}
    account = {"Authorization": f"Bearer {stack.ask('POST', '/v1/auth/register', body)[1]['access_token']}"}
    app = stack.ask("POST", "/v1/apps", {"name": "Mine"}, account)[1]["id"]
    return str(stack.ask("POST", f"/v1/apps/{app}/keys", {"scopes": ["*"]}, account)[1]["api_key"])


def answer(
    stack: RunningStack, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    line = http.client.HTTPConnection("127.0.0.1", stack.http, timeout=20)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        sent["Content-Type"] = "application/json"
    line.request(method, path, json.dumps(body) if body is not None else None, sent)
    reply = line.getresponse()
    try:
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
    finally:
        line.close()


def test_a_packed_answer_can_be_changed_and_kept(stack: RunningStack, key: str) -> None:
    """The web server makes the ETag of what it packs a weak one; it is still good for If-Match and
    If-None-Match."""
    bearer = {"Authorization": f"Bearer {key}"}
    status, made, body = answer(stack, "POST", "/v1/streams", {"description": "x" * 2000}, **bearer)
    assert (status, made["location"]) == (201, f"/v1/streams/{json.loads(body)['id']}")
    status, told, _ = answer(stack, "GET", made["location"], Accept_Encoding="gzip", **bearer)
    assert (status, told["content-encoding"], told["etag"]) == (200, "gzip", 'W/"0"')
    status, told, body = answer(
        stack, "GET", made["location"], Accept_Encoding="gzip", If_None_Match='W/"0"', **bearer
    )
    assert (status, body) == (304, b"")
    assert answer(stack, "PATCH", made["location"], {"title": "B"}, If_Match='W/"0"', **bearer)[0] == 200
    assert answer(stack, "PATCH", made["location"], {"title": "C"}, If_Match='W/"0"', **bearer)[0] == 412


def test_every_limited_answer_tells_its_limit(stack: RunningStack, key: str) -> None:
    _, told, _ = answer(stack, "GET", "/v1/app", Authorization=f"Bearer {key}")
    assert told["ratelimit-policy"] == '"minute";q=60000;w=60'
    assert told["ratelimit"].startswith('"minute";r=59')


@pytest.mark.parametrize(
    "path",
    [
        "/v1/devices",
        "/v1/reservations",
        "/v1/usage",
        "/v1/places?metadata[a]=b",
        "/v1/places?metadata%5Ba%5D=b",
    ],
)
def test_new_addresses_reach_their_rooms(stack: RunningStack, key: str, path: str) -> None:
    assert answer(stack, "GET", path, Authorization=f"Bearer {key}")[0] == 200


def test_evidence_passes_the_web_server(stack: RunningStack, key: str) -> None:
    """A call to a partner may carry pictures; other bodies stay small."""
    bearer, picture = {"Authorization": f"Bearer {key}"}, {"operation": "x", "data": {"a": "x" * 6_000_000}}
    status, _, body = answer(stack, "POST", f"/v1/integrations/int_{'0' * 26}/calls", picture, **bearer)
    assert (status, json.loads(body)["code"]) == (404, "not_found")
    status, _, body = answer(stack, "POST", "/v1/integrations", picture, **bearer)
    assert (status, json.loads(body)["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/stream", "/v1/streams?"),
        ("/v1/streams/", "/v1/streams?"),
        ("/v1", "/v1/openapi.json"),
        ("/v1/", "openapi"),
    ],
)
def test_an_unknown_address_of_the_api_is_a_problem_with_a_hint(
    stack: RunningStack, path: str, said: str
) -> None:
    status, told, body = answer(stack, "GET", path)
    assert (status, told["content-type"], json.loads(body)["code"]) == (
        404,
        "application/problem+json",
        "not_found",
    )
    assert said in json.loads(body)["detail"]


def test_options_says_what_is_offered(stack: RunningStack) -> None:
    status, told, _ = answer(stack, "OPTIONS", "/v1/streams")
    assert (status, told["allow"]) == (204, "GET, HEAD, OPTIONS, POST")


def in_python(pattern: str) -> str:
    """An nginx expression: its groups' names and its end are written otherwise."""
    return pattern.strip('"').replace("(?<", "(?P<").replace(r"\z", r"\Z")


async def test_the_web_server_sends_each_address_to_its_room(services: Services) -> None:
    """Where rooms run apart, an address that the web server does not know of would ask the control room in
    vain."""
    template = (ROOT / "nginx-rtmp/web.conf.template").read_text()
    blocks = re.findall(
        r"^    location ~ (\S+) \{\n(?:      .*\n)*?      proxy_pass http://@TO@(\w+);", template, re.M
    )
    assert {room for _, room in blocks} == {"control", "realtime", "media"}
    for name, room in (("realtime", RealtimeRoom(services)), ("media", MediaRoom(services))):
        for route in room.routes():
            if isinstance(route, BoundRoute):
                path = re.sub(r"{\w+}", "x", route.row.path)
                assert next(room for pattern, room in blocks if re.match(in_python(pattern), path)) == name, (
                    route.row.path
                )
