"""The audit log when a process dies at the worst moment, and an app's owners when two of them act at once."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from control.collections import INSTALLATION, MEMBERS
from control.migrations import migrate
from tests.control.apps.test_service import joined
from tests.control.streams.test_api import FakeIngest
from tests.support.control_room import PASSWORD, Headers, World
from weir.foundation.audit import PLATFORM, Audit
from weir.foundation.documents import Collection
from weir.foundation.errors import Conflict, Unavailable
from weir.foundation.services import Services
from weir.foundation.tenancy.collections import APPS, AUDIT, STREAMS


@pytest.fixture
async def owner(world: World) -> Headers:
    return await world.owner()


@pytest.fixture
async def app(world: World, owner: Headers) -> str:
    return str((await world.app(owner))["id"])


async def next_process(world: World) -> None:
    """What the relay and the consumer of any process do with what a dead one has left."""
    async for collection, doc_id, events in world.services.store.pending():
        for event in events:
            await world.room._heard(event)
            await world.room._heard(event)  # the bus may deliver it twice
        await world.services.store.settle(collection, doc_id, [event.id for event in events])


async def entries(services: Services, app: str, action: str) -> Any:
    return (await services.store.app(app).find(AUDIT, {"action": action})).data


Change = Callable[[World, Headers, str], Awaitable[Any]]


async def stream_of(world: World, owner: Headers, app: str) -> tuple[Headers, str]:
    token = await world.token(owner, app)
    return token, f"/v1/streams/{(await world.done('POST', '/v1/streams', token, {}))['id']}"


def posted(path: str, body: Any) -> Change:
    return lambda world, owner, app: world.ask("POST", path.format(app=app), owner, body)


CHANGES: dict[str, Change] = {
    "app.updated": lambda world, owner, app: world.ask("PATCH", f"/v1/apps/{app}", owner, {"name": "New"}),
    "app.archived": posted("/v1/apps/{app}/archive", None),
    "key.created": posted("/v1/apps/{app}/keys", {"scopes": ["*"]}),
    "invitation.created": posted(
        "/v1/apps/{app}/invitations", {"email": "ann@weir.example", "role": "viewer"}
    ),
}


@pytest.mark.parametrize("action", CHANGES)
async def test_an_entry_outlives_the_process_that_made_the_change(
    world: World, owner: Headers, app: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It died between the change and the entry; the next one finds it with the change, and writes it once."""

    async def died(*_arguments: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(Audit, "write", died)
        assert (await CHANGES[action](world, owner, app)).status_code == 500
    assert await entries(world.services, app, action) == []
    await next_process(world)
    await next_process(world)
    (entry,) = await entries(world.services, app, action)
    assert entry["actor"].startswith("acc_")
    assert entry["request"]


CHILD = """
import asyncio, os, signal, sys
from weir.foundation.audit import Audit
from control.composition import build_local_admin
from weir.app import open_services
from weir.foundation.settings import load

async def killed(*arguments): os.kill(os.getpid(), signal.SIGKILL)

async def main():
    Audit.write = killed
    async with open_services(load(None)) as services:
        await build_local_admin(services).create_app("Killed")

asyncio.run(main())
"""


async def test_an_entry_outlives_kill_9(world: World, services: Services) -> None:
    """A process of its own, killed right after the write of its change."""
    settings = services.settings
    given = {
        "DATA_DIR": str(settings.data),
        "RUN_DIR": str(settings.run),
        "MONGODB_URL": settings.mongodb_url,
    }
    environment = {
        f"WEIR_{name}": value
        for name, value in {**given, "MONGODB_DATABASE": settings.mongodb_database}.items()
    }
    child = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", CHILD], env={**os.environ, **environment}, timeout=60
    )
    assert child.returncode == -signal.SIGKILL
    (app,) = (await services.store.operator().find(APPS)).data
    assert await entries(services, app["id"], "app.created") == []
    await next_process(world)
    (entry,) = await entries(services, app["id"], "app.created")
    assert (entry["actor"], entry["after"]["name"]) == ("command line", "Killed")


async def test_what_leaves_no_document_is_noted_before(
    world: World, owner: Headers, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion without an entry is worse than an entry of one that was not done; a refused one leaves
    none."""
    token, stream = await stream_of(world, owner, app)
    honest = world.services.store.app(app).__class__.delete

    async def dies_at_streams(handle: Any, collection: Collection[Any], where: Any) -> int:
        if collection is STREAMS:
            raise RuntimeError("killed")
        return int(await honest(handle, collection, where))

    with monkeypatch.context() as patched:
        patched.setattr(world.services.store.app(app).__class__, "delete", dies_at_streams)
        assert (await world.ask("DELETE", stream, token)).status_code == 500
    assert len(await entries(world.services, app, "stream.deleted")) == 1
    assert (await world.ask("DELETE", stream, token)).status_code == 204
    assert len(await entries(world.services, app, "stream.deleted")) == 2
    assert (await world.ask("DELETE", f"/v1/apps/{app}/invitations/act_none", owner)).status_code == 404
    assert await entries(world.services, app, "invitation.withdrawn") == []


async def test_a_refusal_of_unknown_outcome_keeps_the_entry(world: World, owner: Headers, app: str) -> None:
    """The ingest that did not answer may have dropped the publisher."""
    token, stream = await stream_of(world, owner, app)
    FakeIngest(world.services)
    for refusal, kept in ((Unavailable("no answer"), 1), (Conflict("no"), 1)):

        async def refuse(_name: str, refusal: Exception = refusal) -> bool:
            raise refusal

        world.services.ingest.drop_publisher = refuse  # type: ignore[assignment]
        await world.ask("POST", stream + "/disconnect", token)
        assert len(await entries(world.services, app, "stream.disconnected")) == kept


async def test_a_deleted_app_s_rooms_hear_of_it_before_it_is_gone(
    world: World, owner: Headers, app: str
) -> None:
    """The outbox of its document would go with it."""
    await world.done("DELETE", f"/v1/apps/{app}", owner)
    await world.room._apps.delete_more()
    assert await world.services.store.operator().get(APPS, app) is not None
    await next_process(world)
    await world.room._apps.delete_more()
    assert await world.services.store.operator().get(APPS, app) is None
    assert len(await entries(world.services, PLATFORM, "app.deleted")) == 1


async def test_two_owners_who_remove_each_other_leave_one(world: World, owner: Headers) -> None:
    """Removed, demoted or leaving, over two processes: one of the two stays the owner."""
    other = World(world.services)
    ids = {}
    first = str((await world.app(owner))["id"])
    ann = await joined(world, owner, first, "ann@weir.example", "owner")
    for who in (owner, ann):
        ids[id(who)] = (await world.done("GET", "/v1/auth/me", who))["id"]
    attempts: list[Callable[[World, Headers, Headers, str], Awaitable[Any]]] = [
        lambda at, me, you, app: at.ask("DELETE", f"/v1/apps/{app}/members/{ids[id(you)]}", me),
        lambda at, me, you, app: at.ask(
            "PATCH", f"/v1/apps/{app}/members/{ids[id(you)]}", me, {"role": "viewer"}
        ),
        lambda at, me, you, app: at.ask("DELETE", f"/v1/apps/{app}/members/{ids[id(me)]}", me),
    ]
    async with other.http:
        for attempt in attempts * 3:
            app = str((await world.app(owner))["id"])
            await invited(world, owner, app, ann)
            answers = await asyncio.gather(attempt(world, owner, ann, app), attempt(other, ann, owner, app))
            owners = (await world.services.store.app(app).find(MEMBERS, {"role": "owner"})).data
            assert len(owners) == 1, [answer.text for answer in answers]
            assert sorted(answer.status_code < 300 for answer in answers) == [False, True]


async def invited(world: World, owner: Headers, app: str, who: Headers) -> None:
    """A person who has an account becomes an owner."""
    email = (await world.done("GET", "/v1/auth/me", who))["email"]
    link = (
        await world.done("POST", f"/v1/apps/{app}/invitations", owner, {"email": email, "role": "owner"})
    )["link"]
    await world.done("POST", "/v1/invitations/accept", who, {"token": link.rpartition("=")[2]})


async def test_the_last_owner_may_go_when_another_has_come(world: World, owner: Headers, app: str) -> None:
    """By a promotion too, and in an app from before its document listed the owners."""
    installation = world.services.store.operator()
    before = await installation.get(APPS, app)
    assert before is not None
    await installation.delete(APPS, {"id": app})
    await installation.insert(
        APPS, {name: value for name, value in before.items() if name not in ("owners", "ownership")}
    )
    await installation.delete(INSTALLATION, {"id": "schema"})
    for _ in range(2):
        await migrate(world.services.store)
    me = (await world.done("GET", "/v1/auth/me", owner))["id"]
    assert (await world.ask("DELETE", f"/v1/apps/{app}/members/{me}", owner)).status_code == 409
    ann = await joined(world, owner, app, "ann@weir.example", "viewer")
    her = (await world.done("GET", "/v1/auth/me", ann))["id"]
    await world.done("PATCH", f"/v1/apps/{app}/members/{her}", owner, {"role": "owner"})
    assert (await world.ask("DELETE", f"/v1/apps/{app}/members/{me}", owner)).status_code == 204
    assert (await world.ask("DELETE", f"/v1/apps/{app}/members/{her}", ann)).status_code == 409
    assert PASSWORD not in str(await entries(world.services, app, "member.role"))
