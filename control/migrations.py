"""Migrations of stored documents. They run at start, in order, and may run twice or in two processes at once:
each step writes only what is missing.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import structlog

from control.collections import INSTALLATION, MEMBERS, MemberDoc
from weir.foundation.documents import Collection, D, Store
from weir.foundation.tenancy.collections import ACCOUNTS, APPS, RECORDINGS

log = structlog.get_logger("control.migrations")


async def _owners_are_members(store: Store) -> None:
    async for app in every(store, APPS):
        if app["account"]:
            owner: MemberDoc = {
                "id": f"{app['id']}:{app['account']}",
                "account": app["account"],
                "role": "owner",
                "created": app["created"],
            }
            await store.app(app["id"]).insert_many(MEMBERS, [owner])


async def _apps_have_a_plan(store: Store) -> None:
    """Apps from before plans existed had no limits."""
    async for app in every(store, APPS):
        if "plan" not in app:
            added: dict[str, Any] = {
                "plan": "enterprise",
                "state": app.get("state", "active"),
                "origins": [],
                "features": {},
            }
            await store.operator().update(APPS, app["id"], set=added)


async def _the_first_account_is_verified_operator(store: Store) -> None:
    """`operator` became a declared field; documents are written once so that it is indexed."""
    async for account in every(store, ACCOUNTS):
        await store.operator().update(ACCOUNTS, account["id"], set={"operator": account["operator"]})


async def _finished_recordings_are_local(store: Store) -> None:
    """The location became a field, by which recordings that must move to a bucket are found."""
    async for recording in every(store, RECORDINGS):
        if recording["state"] == "ready" and "stored" not in recording:
            await store.operator().update(RECORDINGS, recording["id"], set={"stored": "local"})


async def _owners_stand_in_their_app(store: Store) -> None:
    """So that of two owners who leave at the same time one is refused."""
    async for app in every(store, APPS):
        if "owners" not in app:
            members = [one async for one in every(store, MEMBERS, {"app": app["id"], "role": "owner"})]
            owners = {"owners": [one["account"] for one in members], "ownership": 0}
            await store.operator().update(APPS, app["id"], set=owners, expect={"ownership": None})


STEPS: tuple[Callable[[Store], Awaitable[None]], ...] = (
    _owners_are_members,
    _apps_have_a_plan,
    _the_first_account_is_verified_operator,
    _finished_recordings_are_local,
    _owners_stand_in_their_app,
)


async def every(
    store: Store, collection: Collection[D], where: Mapping[str, Any] | None = None
) -> AsyncIterator[D]:
    cursor: str | None = None
    while True:
        page = await store.operator().find(collection, where, limit=500, cursor=cursor)
        for doc in page.data:
            yield doc
        if page.next is None:
            return
        cursor = page.next


async def migrate(store: Store) -> int:
    """Runs the steps that this data has not had; returns their number."""
    done = int((await store.operator().get(INSTALLATION, "schema") or {"version": 0})["version"])
    for number, step in enumerate(STEPS[done:], done + 1):
        await step(store)
        await store.operator().update(INSTALLATION, "schema", set={"version": number}, upsert=True)
        log.info("migrated", step=number)
    return len(STEPS) - min(done, len(STEPS))
