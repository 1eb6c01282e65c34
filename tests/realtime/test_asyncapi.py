"""The document of the sockets agrees with what is checked and sent, and all its references lead somewhere."""

import json
from typing import Any

import aiohttp

from realtime import asyncapi
from realtime.catalogue import EVENTS
from realtime.sockets import Sockets
from tests.realtime.house import House
from weir.foundation import openapi
from weir.foundation.routing import Bound


def refs(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for child in node.values() for ref in refs(child)]
    return [ref for child in node for ref in refs(child)] if isinstance(node, list) else []


def at(document: Any, ref: str) -> Any:
    for name in ref.removeprefix("#/").split("/"):
        document = document[name]
    return document


async def test_the_document_is_served_and_whole(house: House):
    """AsyncAPI 3.0: every reference resolves, each message stands in its channel, each operation names messages of its channel."""
    node = await house.node()
    async with aiohttp.ClientSession() as session, session.get(node.url + "/v1/asyncapi.json") as answer:
        document = json.loads(await answer.text())
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= document["info"].keys()
    assert all({"host", "protocol"} <= server.keys() for server in document["servers"].values())
    for ref in refs(document):
        assert at(document, ref) is not None
    for operation in document["operations"].values():
        assert operation["action"] in ("send", "receive")
        for message in operation["messages"]:
            assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")
    told = {message["name"] for message in document["components"]["messages"].values()}
    assert told == {*asyncapi.REQUESTS, *EVENTS, "ack"}


async def test_each_request_is_checked_by_what_is_documented(house: House):
    """The socket's verbs and their models are those of the document."""
    sockets: Sockets = (await house.node()).room._sockets
    assert {event: model for event, (model, _) in sockets._verbs.items()} == {
        event: model for event, (model, _) in asyncapi.REQUESTS.items()
    }


async def test_the_routes_of_this_room_are_described(house: House):
    """Each row has a summary, a scope, a tag and, unless it answers nothing, a model of its answer."""
    rows = [route.row for route in (await house.node()).room.routes() if isinstance(route, Bound)]
    assert len(rows) > 30
    for row in rows:
        assert row.summary and row.scope and row.tag, row.path
        assert row.answer is not None or row.status == 204 or row.path.endswith("/spaces"), row.path
    document = openapi.document(rows, "1", "https://weir.test")
    for ref in refs(document):
        assert at(document, ref) is not None
