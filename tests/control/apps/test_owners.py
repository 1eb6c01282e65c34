"""Who owns an app stays true, whatever its members do at once."""

import asyncio
from collections.abc import Callable

import pytest

from control.apps import owners
from control.apps.owners import owners_of
from control.collections import MEMBERS
from tests.control.apps.test_service import joined
from tests.support.control_room import PASSWORD, Headers, World
from weir.foundation.errors import Unavailable
from weir.foundation.tenancy.collections import ACCOUNTS, APPS

ROUNDS = 12


@pytest.fixture
async def owner(world: World, setting: Callable[..., None]) -> Headers:
    setting(default_plan="enterprise")
    return await world.owner()


@pytest.fixture
async def app(world: World, owner: Headers) -> str:
    return str((await world.app(owner))["id"])


async def me(world: World, who: Headers) -> str:
    return str((await world.done("GET", "/v1/auth/me", who))["id"])


async def check_owners(world: World, app: str) -> None:
    """The list in the app names its owners and no other account, and each of them has an account."""
    everything = world.services.store.operator()
    members = (await world.services.store.app(app).find(MEMBERS, limit=200)).data
    listed = (await everything.get(APPS, app) or {"owners": []})["owners"]
    assert set(listed) == {one["account"] for one in members if one["role"] == "owner"} != set()
    for one in members:
        assert await everything.get(ACCOUNTS, one["account"]) is not None


async def test_a_member_who_leaves_while_they_are_made_owner(world: World, owner: Headers, app: str) -> None:
    """Whichever comes first; the app's only other owner may then leave or not, but one owner always
    remains."""
    first = await me(world, owner)
    for n in range(ROUNDS):
        ann = await joined(world, owner, app, f"ann{n}@weir.example", "viewer")
        her = await me(world, ann)
        path = f"/v1/apps/{app}/members/{her}"
        await asyncio.gather(
            world.ask("PATCH", path, owner, {"role": "owner"}), world.ask("DELETE", path, ann)
        )
        await check_owners(world, app)
        left = await world.ask("DELETE", f"/v1/apps/{app}/members/{first}", owner)
        assert left.status_code == 409, n
        await world.ask("DELETE", path, ann)


async def test_one_of_several_changes_by_the_same_etag(world: World, owner: Headers, app: str) -> None:
    ann = await me(world, await joined(world, owner, app, "ann@weir.example", "viewer"))
    path = f"/v1/apps/{app}/members/{ann}"
    for roles in (("editor", "admin"), ("viewer",), ("editor", "admin"), ("viewer",)):
        tag = {"If-Match": (await world.ask("GET", path, owner)).headers["etag"]}
        answers = await asyncio.gather(
            *(world.ask("PATCH", path, {**owner, **tag}, {"role": role}) for role in roles * 3)
        )
        assert [one.status_code for one in answers].count(200) == 1
        assert {one.status_code for one in answers} == {200, 412}


async def test_an_account_that_goes_while_it_joins(world: World, owner: Headers, app: str) -> None:
    """The membership goes with it, or is refused; of an app that it makes at that moment nothing stays."""
    for n in range(ROUNDS):
        email = f"ann{n}@weir.example"
        ann = await joined(world, owner, app, email, "viewer")
        other = (await world.app(owner))["id"]
        link = (
            await world.done(
                "POST", f"/v1/apps/{other}/invitations", owner, {"email": email, "role": "owner"}
            )
        )["link"]
        gone, accepted, made = await asyncio.gather(
            world.ask("DELETE", "/v1/auth/me", ann, {"password": PASSWORD}),
            world.ask("POST", "/v1/invitations/accept", ann, {"token": link.rpartition("=")[2]}),
            world.ask("POST", "/v1/apps", ann, {"name": "Hers"}),
        )
        everything = world.services.store.operator()
        for one in (await everything.find(APPS, limit=200)).data:
            if one["state"] == "active":
                await check_owners(world, one["id"])
        assert gone.status_code in (204, 409), (gone.text, accepted.status_code, made.status_code)


async def test_a_refused_deletion_leaves_the_account_as_it_was(
    world: World, owner: Headers, app: str
) -> None:
    ann = await joined(world, owner, app, "ann@weir.example", "viewer")
    await world.app(ann)
    refused = await world.ask("DELETE", "/v1/auth/me", ann, {"password": PASSWORD})
    assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
    assert (await world.ask("POST", "/v1/apps", ann, {"name": "Another"})).status_code == 201


async def test_owners_are_let_go_by_a_holder_that_died(
    world: World, owner: Headers, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one waits until its lock expires; what the dead one writes afterwards is refused."""
    handle = world.services.store.operator()
    with monkeypatch.context() as patched:
        patched.setattr(owners, "HOLD_MS", 60)
        dead = owners_of(handle, app)
        held = await dead.__aenter__()
    async with owners_of(handle, app) as next_one:
        await next_one.add("acc_ann")
        with pytest.raises(Unavailable):
            await held.add("acc_bob")
    assert "acc_ann" in (await handle.get(APPS, app) or {"owners": []})["owners"]
    await dead.__aexit__(None, None, None)
    async with owners_of(handle, app) as again:
        await again.remove("acc_ann")


async def test_an_owners_invitation_outlives_a_failed_attempt(
    world: World, owner: Headers, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another change holds the app's owners, accepting is refused and can be repeated."""
    other = (await world.app(owner))["id"]
    ann = await joined(world, owner, other, "ann@weir.example", "viewer")
    link = (
        await world.done(
            "POST", f"/v1/apps/{app}/invitations", owner, {"email": "ann@weir.example", "role": "owner"}
        )
    )["link"]
    accept = ("POST", "/v1/invitations/accept", ann, {"token": link.rpartition("=")[2]})
    async with owners_of(world.services.store.operator(), app):
        monkeypatch.setattr(owners, "WAIT_S", 0.05)
        assert (await world.ask(*accept)).status_code == 503
    assert (await world.ask(*accept)).status_code == 201
    await check_owners(world, app)


async def test_a_dead_holder_is_outwaited() -> None:
    assert owners.WAIT_S * 1000 > owners.HOLD_MS
