"""Two tenants who try everything with each other's ids: a foreign thing is exactly a missing one."""

import random
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from control.collections import FOLLOWERS, FollowerDoc
from control.inbound.store import REJECTS, RejectDoc
from control.streams.api import StreamFields
from control.webhooks.documents import DELIVERIES, DeliveryDoc
from tests.support.control_room import Headers, World, bearer, opened
from weir.foundation.http.routing import BoundRoute, Row
from weir.foundation.ids import Kind, new_id
from weir.foundation.services import Services

KINDS: dict[str, Kind] = {
    "app": "app", "stream": "str", "key": "key", "account": "acc", "invitation": "act", "playback": "ply", "channel": "chn",
    "webhook": "whk", "delivery": "dlv", "integration": "int", "source": "src", "reject": "act", "follower": "flw",
}  # fmt: skip
PUBLIC = ("/v1/watch/", "/v1/inbound/")


def delivery_of(hook: str, delivery: str) -> DeliveryDoc:
    return {
        "id": delivery, "webhook": hook, "event": new_id("evt"), "type": "stream.live", "state": "failed", "created": 1, "place": 1,
        "next_at": None, "tries": 1, "attempts": [], "body": "{}",
    }  # fmt: skip


OPERATIONS = 10_000


class Tenant:
    """One account with one app, an API key, a stream and an open invitation; `ids` are what the other may not
    see."""

    def __init__(self, world: World, account: Headers) -> None:
        self.world, self.account = world, account
        self.ids: dict[str, str] = {}
        self.key: Headers = {}
        self.marks: list[str] = []

    async def settle(self, name: str) -> "Tenant":
        world = self.world
        app = (await world.app(self.account, f"{name}-app"))["id"]
        key = await world.key(self.account, app, name=f"{name}-key")
        self.key = bearer(key["api_key"])
        stream = await world.done("POST", "/v1/streams", self.key, {"title": f"{name}-stream"})
        invited = await world.done(
            "POST",
            f"/v1/apps/{app}/invitations",
            self.account,
            {"email": f"{name}@x.example", "role": "viewer"},
        )
        hook = await world.done(
            "POST", "/v1/webhooks", self.key, {"url": f"https://{name}.example/hook", "types": ["*"]}
        )
        delivery = delivery_of(hook["id"], new_id("dlv"))
        await world.services.store.app(app).insert(DELIVERIES, delivery)
        partner = await world.done(
            "POST",
            "/v1/integrations",
            self.key,
            {"kind": "custom", "name": "x", "sandbox": {"url": "https://x.example"}},
        )
        source = await world.done("POST", "/v1/sources", self.key, {"kind": "parkpow", "name": "x"})
        reject: RejectDoc = {
            "id": new_id("act"), "source": source["id"], "large": False, "body": b"{}", "beside": b'{"query": {}, "headers": {}}', "errors": [], "at": 1,
        }  # fmt: skip
        await world.services.store.app(app).insert(REJECTS, reject)
        follower: FollowerDoc = {
            "id": new_id("flw"), "stream": stream["id"], "kind": "email", "state": "confirmed", "hash": new_id("flw"), "sealed": "",
            "created": 1, "asked": 1,
        }  # fmt: skip
        follower["sealed"] = world.services.vault.seal(f"{name}-fan@x.example", follower["id"])
        await world.services.store.app(app).insert(FOLLOWERS, follower)
        me = (await world.done("GET", "/v1/auth/me", self.account))["id"]
        self.ids = {
            "app": app, "stream": stream["id"], "key": key["id"], "account": me, "invitation": invited["id"],
            "playback": stream["playback_id"], "channel": stream["channel"], "webhook": hook["id"], "delivery": delivery["id"],
            "integration": partner["id"], "source": source["id"], "reject": reject["id"], "follower": follower["id"],
        }  # fmt: skip
        self.marks = [
            *self.ids.values(),
            f"{name}-app",
            f"{name}-key",
            f"{name}-stream",
            f"{name}@x.example",
            f"{name}-fan@x.example",
        ]
        return self


@pytest.fixture
async def tenants(services: Services) -> AsyncIterator[tuple[World, Tenant, Tenant]]:
    counts = dict.fromkeys(("sign-in", "public", "account", "member", "heavy"), 10**7)
    object.__setattr__(
        services, "settings", services.settings.model_copy(update={"sign_up": "open", "limits": counts})
    )
    async with opened(services) as world:
        await world.owner()
        mine, theirs = [
            await Tenant(world, await world.register(f"{name}@weir.example")).settle(name)
            for name in ("ann", "bob")
        ]
        yield world, mine, theirs


def rows(world: World) -> list[Row]:
    return [route.row for route in world.room.routes() if isinstance(route, BoundRoute)]


def body_of(row: Row, ids: dict[str, str]) -> Any:
    """A body that passes validation, so that the answer is about the ids."""
    if row.body is None:
        return None
    known = {
        "name": "x", "role": "viewer", "email": "new@x.example", "token": "x", "user": "u", "scopes": ["*"], "stream": ids["stream"],
        "public_key": "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----", "playback_token": "x",
        "url": "https://x.example/hook", "types": ["*"], "operation": "custom.get",
    }  # fmt: skip
    fields = row.body.model_fields
    return {
        name: known[name]
        for name, one in fields.items()
        if name in known and (one.is_required() or row.path == "/v1/revocations")
    }


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda found: ids[found[1]], path)


async def test_a_foreign_id_answers_byte_for_byte_like_a_missing_one(
    tenants: tuple[World, Tenant, Tenant],
) -> None:
    """Every operation of the room that has an id in its path or body, with both credentials."""
    world, mine, theirs = tenants
    tried = 0
    for row in rows(world):
        if row.path.startswith(PUBLIC) or ("{" not in row.path and row.path != "/v1/revocations"):
            continue
        missing = {name: new_id(kind) for name, kind in KINDS.items()}
        # In one's own app, too: a foreign key or member under it. Else the app itself is the foreign one.
        nested = {"app": mine.ids["app"]} if re.search(r"{app}.*{", row.path) else {}
        for own in ({}, nested) if nested else ({},):
            headers = mine.account if row.who == "account" else mine.key
            foreign, absent = [
                await world.ask(row.method, filled(row.path, {**ids, **own}), headers, body_of(row, ids))
                for ids in (theirs.ids, missing)
            ]
            assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content), (
                row.method,
                row.path,
            )
            assert foreign.status_code == 404, (row.method, row.path, foreign.status_code, foreign.text)
            tried += 1
    assert tried >= 30
    for path, headers in (
        (f"/v1/apps/{theirs.ids['app']}", theirs.account),
        (f"/v1/streams/{theirs.ids['stream']}", theirs.key),
    ):
        assert (await world.ask("GET", path, headers)).status_code == 200


async def test_ten_thousand_operations_leak_nothing(tenants: tuple[World, Tenant, Tenant]) -> None:
    """Two tenants ask at random, with own, foreign, missing and nonsense ids: no answer holds anything of the
    other's, and at the end each has what it had."""
    world, mine, theirs = tenants
    draw = random.Random(7)
    ending = (
        "DELETE",
        "/archive",
        "/logout",
        "/password",
        "/register",
        "/rotate",
        "/session",
        "/keys",
        "/test",
    )
    usable = [
        row for row in rows(world) if not any(one in f"{row.method} {row.path}" for one in (*ending, *PUBLIC))
    ]
    for number in range(
        OPERATIONS if not world.services.settings.mongodb_url else OPERATIONS // 10
    ):  # the same code over a slower store
        actor, other = (mine, theirs) if number % 2 else (theirs, mine)
        row = draw.choice(usable)
        ids = {
            name: draw.choice((actor.ids[name], other.ids[name], other.ids[name], new_id(kind), "x"))
            for name, kind in KINDS.items()
        }
        body = body_of(row, ids)
        if row.body is StreamFields:
            body = {"title": actor.marks[-2]}
        if row.path.endswith("/invitations") and row.method == "POST":
            continue
        path = filled(row.path, ids)
        reply = await world.ask(row.method, path, actor.account if row.who == "account" else actor.key, body)
        assert reply.status_code != 500, (row.method, path, reply.text)
        said = {value for name, value in ids.items() if f"{{{name}}}" in row.path} | {
            value for value in (body or {}).values() if isinstance(value, str)
        }
        leaked = [mark for mark in other.marks if mark in reply.text and mark not in said]
        assert not leaked, (row.method, path, reply.text)
    for one, name in ((mine, "ann"), (theirs, "bob")):
        assert (await world.done("GET", f"/v1/streams/{one.ids['stream']}", one.key))["id"] == one.ids[
            "stream"
        ]
        assert (
            len((await world.done("GET", f"/v1/apps/{one.ids['app']}/members", one.account))["data"]) == 1
        ), name
