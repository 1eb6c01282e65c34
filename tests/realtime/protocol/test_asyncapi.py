"""The document of the sockets agrees with what is checked and sent, and all its references lead somewhere."""

import json
import re
from typing import Any

import aiohttp
import orjson

from realtime.protocol import asyncapi
from realtime.protocol.answers import ANSWERS, EXAMPLES
from realtime.protocol.event_schemas import EVENTS
from realtime.sockets import Sockets
from tests.realtime.chat.test_api import api_key
from tests.support.chat_nodes import Client, House, Node
from weir.foundation.http import openapi
from weir.foundation.http.routing import BoundRoute


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
    """AsyncAPI 3.0: every reference resolves, each message is in its channel, each operation names messages
    of its channel."""
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
    assert told == {*asyncapi.REQUESTS, *(f"{one} ack" for one in asyncapi.REQUESTS), *EVENTS, "ack"}
    assert {one["type"] for one in document["components"]["securitySchemes"].values()} == {"apiKey", "http"}
    assert all(channel["bindings"]["ws"]["method"] == "GET" for channel in document["channels"].values())
    assert all(operation["security"] for operation in document["operations"].values())


WEIR_ID, TIME = (
    re.compile(r"\b([a-z]{3})_[0-9a-hjkmnp-tv-z]{26}\b"),
    re.compile(r"\b20\d\d-\d\d-\d\dT[\d:.]+Z"),
)


def everyday(answer: Any, epoch: str) -> Any:
    """With the ids, times and epochs of every day in the place of today's."""
    text = WEIR_ID.sub(r"\1_01jd3m8k0q4v7x2c5n9b6t1y3z", orjson.dumps(answer).decode())
    known = orjson.loads(TIME.sub("2026-11-28T09:00:00.000Z", text).replace(epoch, "q4Xv7tB2"))
    if "guest" in known:
        known["guest"]["known_s"] = 12.5
    return known


async def received(house: House) -> dict[str, Any]:
    """What a running node answers, by request."""
    node = await house.node()
    channel = house.directory.new_stream("app_1")["channel"]
    ada = await house.client(node, "app_1", "ada", roles={channel: "moderator"}, badges=["subscriber"])
    bob, here = await house.client(node, "app_1", "bob"), {"channel": channel}
    epoch = (await bob.join(channel))["epoch"]
    told: dict[str, Any] = {"chat.send": await bob.send(channel, "c1", "hello")}
    await ada.call("chat.command", channel=channel, text=f"/pin {told['chat.send']['id']}")
    told["channel.join"] = await ada.join(channel)
    told["presence.list"] = await ada.call("presence.list", **here)
    told["presence.list"]["users"].sort(key=lambda one: str(one["id"]))
    told["chat.command"] = await ada.call("chat.command", text="/timeout bob 10m spam", **here)
    told["ack"] = await bob.send(channel, "c2", "again")
    told["ack"]["error"]["retry_after"] = 599.9
    told["chat.commands"] = await bob.call("chat.commands", **here)
    told["chat.history"] = await ada.call("chat.history", limit=1, **here)
    told["chat.delete"] = await ada.call("chat.delete", id=told["chat.send"]["id"], **here)
    told["chat.original"] = await ada.call("chat.original", id=told["chat.send"]["id"], **here)
    told |= await received_by_moderators(node, ada, channel)
    for kind in ("typing.start", "typing.stop"):
        told[kind] = await ada.call(kind, **here)
    told["reaction.send"] = await ada.call("reaction.send", kind="heart", **here)
    told["channel.leave"] = await ada.call("channel.leave", **here)
    program = Client()
    house.clients.append(program)
    await program.connect(node, {"token": api_key(house, "events:read")})
    told["events.subscribe"] = await program.call("events.subscribe", types=["chat.*"])
    told["events.unsubscribe"] = await program.call("events.unsubscribe")
    followed = told["events.subscribe"]["epoch"]
    return {
        kind: everyday(answer, followed if kind == "events.subscribe" else epoch)
        for kind, answer in told.items()
    }


async def received_by_moderators(node: Node, ada: Client, channel: str) -> dict[str, Any]:
    """What only moderators' pages ask."""
    here = {"channel": channel}
    card = {"id": "bob", "name": "Bob", "role": "member", "badges": []}
    waiting = await node.room._held.hold(
        "app_1", channel, "bob", "c9", card, {"text": "see example.com"}, "a link"
    )
    told = {"held.list": await ada.call("held.list", **here)}
    told["held.decide"] = await ada.call("held.decide", id=waiting, approve=False, **here)
    read = await ada.send(channel, "c3", "welcome")
    told["chat.message"] = await ada.call("chat.message", id=read["id"], **here)
    told["moderation.actions"] = await ada.call("moderation.actions", **here)
    told["moderation.restrictions"] = await ada.call("moderation.restrictions", **here)
    told["moderation.user"] = await ada.call("moderation.user", user="bob", **here)
    return told


async def test_each_answer_is_described_by_one_that_was_received(house: House):
    """Its example is what comes, and fits its model."""
    told = await received(house)
    assert told.keys() == {*ANSWERS, "ack"} == {*asyncapi.REQUESTS, "ack"}
    assert told == EXAMPLES
    for kind, model in ANSWERS.items():
        model.model_validate(EXAMPLES[kind])


async def test_each_request_is_checked_by_what_is_documented(house: House):
    """The socket's verbs and their models are those of the document."""
    sockets: Sockets = (await house.node()).room._sockets
    assert {event: model for event, (model, _) in sockets._verbs.items()} == {
        event: model for event, (model, _) in asyncapi.REQUESTS.items()
    }


async def test_the_routes_of_this_room_are_described(house: House):
    """Each row has a summary, a scope, a tag and, unless it answers nothing, a model of its answer."""
    rows = [route.row for route in (await house.node()).room.routes() if isinstance(route, BoundRoute)]
    assert len(rows) > 30
    for row in rows:
        assert row.summary and row.scope and row.tag, row.path
        assert row.answer is not None or row.status == 204 or row.path.endswith("/spaces"), row.path
    document = openapi.document(rows, "1", "https://weir.test")
    for ref in refs(document):
        assert at(document, ref) is not None
