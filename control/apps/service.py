"""Apps (tenants): created, changed, archived, suspended, and deleted with all their data."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog

from control.accounts.service import is_leaving
from control.apps.owners import Owners, owners_of
from control.collections import MEMBERS, OF_AN_APP, MemberDoc
from weir.foundation.audit import PLATFORM, Audit, By
from weir.foundation.clock import now_ms, now_s, rfc3339
from weir.foundation.documents import DuplicateKey, Page, Store
from weir.foundation.errors import Conflict, Forbidden, NotFound, Stale, Unavailable
from weir.foundation.events import AppDeleted, DirectoryChanged
from weir.foundation.http.listing import sieve
from weir.foundation.ids import new_id
from weir.foundation.ingest_client import IngestClient
from weir.foundation.redis.bus import Bus, Relay
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import ACCOUNTS, APPS, REVOCATIONS, AccountDoc, AppDoc
from weir.foundation.tenancy.directory import Directory, revocation_id
from weir.foundation.tenancy.permissions import LEAST, Role, may
from weir.foundation.tenancy.quotas import Quotas
from weir.foundation.tenancy.tokens import Tokens

MEMBER_TOKEN_S = 15 * 60
MISSING = "There is no such app."
MOST_WAITING = 1_000
log = structlog.get_logger("control.apps")


def _trial(app: AppDoc) -> dict[str, str] | None:
    """The running trial; None when there is none."""
    trial = app.get("trial")
    return (
        {"plan": trial["plan"], "until": rfc3339(trial["until"])}
        if trial and now_ms() < trial["until"]
        else None
    )


def etag(doc: AppDoc) -> str:
    return f'"{doc.get("revision") or 0}"'


class Apps:
    def __init__(
        self,
        audit: Audit,
        *,
        settings: Settings,
        tokens: Tokens,
        store: Store,
        bus: Bus,
        relay: Relay,
        directory: Directory,
        ingest: IngestClient,
        quotas: Quotas,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._store = store
        self._bus = bus
        self._relay = relay
        self._directory = directory
        self._ingest = ingest
        self._quotas = quotas
        self._audit = audit
        self._all = store.operator()

    def to_public(self, app: AppDoc) -> dict[str, Any]:
        """The app as its members see it; `features` are those that it has."""
        return {
            "id": app["id"],
            "name": app["name"],
            "description": app.get("description", ""),
            "guests": app["guests"],
            "guest_wait_s": app.get("guest_wait_s", 0),
            "origins": app.get("origins", []),
            "plan": app.get("plan"),
            "trial": _trial(app),
            "features": self._quotas.features(app),
            "state": app.get("state", "active"),
            "deletion": app.get("deletion"),
            "created": rfc3339(app["created"]),
        }

    def bounds(self, app: AppDoc) -> dict[str, int | None]:
        """The limits of the app's plan; None for no limit."""
        return self._quotas.plan_of(app).model_dump(exclude={"analytics", "branding"})

    async def create(
        self, account: str | None, name: str, by: By, app_id: str | None = None, description: str = ""
    ) -> AppDoc:
        """`account` owns the app; None until there is a first owner. With an id that exists already: that app
        (a repeat)."""
        fresh: AppDoc = {
            "id": app_id or new_id("app"),
            "account": account or "",
            "name": name,
            "description": description,
            "guests": "chat",
            "origins": [],
            "plan": self._settings.default_plan,
            "features": {},
            "state": "active",
            "revision": 0,
            "owners": [account] if account else [],
            "ownership": 0,
            "created": now_ms(),
        }
        if account is not None:
            # First, because no one could manage an app without an owner; a membership of no app shows nowhere.
            await self._own(fresh["id"], account)
        noted = self._audit.entry(fresh["id"], by, "app.created", fresh["id"], None, fresh)
        try:
            await self._all.insert(APPS, fresh, emit=[noted])
        except DuplicateKey:
            return await self._one(fresh["id"])
        if account is not None and is_leaving(await self._all.get(ACCOUNTS, account)):
            await self._all.delete(APPS, {"id": fresh["id"]})
            await self._all.delete(MEMBERS, {"id": f"{fresh['id']}:{account}"})
            raise Conflict("This account is being deleted.")
        await self._audit.write(noted, "apps", fresh["id"])
        await self.changed("apps", fresh["id"], fresh["id"])  # caches may hold that it does not exist
        return fresh

    async def _own(self, app_id: str, account: str) -> None:
        owner: MemberDoc = {
            "id": f"{app_id}:{account}",
            "account": account,
            "role": "owner",
            "created": now_ms(),
        }
        await self._store.app(app_id).insert_many(MEMBERS, [owner])

    async def _one(self, app_id: str) -> AppDoc:
        app = await self._all.get(APPS, app_id)
        if app is None:
            raise NotFound(MISSING)
        return app

    async def of_member(
        self, account: str, limit: int, cursor: str | None
    ) -> tuple[list[tuple[AppDoc, Role]], str | None]:
        """(app, role) of the apps that an account is a member of, oldest membership first."""
        page = await self._all.find(MEMBERS, {"account": account}, sort="created", limit=limit, cursor=cursor)
        found = [(await self._all.get(APPS, member["app"]), member["role"]) for member in page.data]
        return [(app, role) for app, role in found if app is not None], page.next

    async def adopt_orphans(self) -> None:
        """Gives apps that were created before the first sign-up to the first owner. Safe to repeat."""
        owner = await self._all.find_one(ACCOUNTS, {"operator": True})
        if owner is None:
            return
        account = owner["id"]
        for orphan in (await self._all.find(APPS, {"account": ""}, sort="created", limit=200)).data:
            await self._own(orphan["id"], account)
            await self._all.update(APPS, orphan["id"], set={"account": account, "owners": [account]})
            await self.changed("apps", orphan["id"], orphan["id"])

    def owners(self, app_id: str) -> AbstractAsyncContextManager[Owners]:
        """Holds the app's owners while one of them comes or goes. Errors: NotFound, Unavailable."""
        return owners_of(self._all, app_id)

    async def role(self, account: str, app_id: str) -> Role | None:
        member = await self._store.app(app_id).get(MEMBERS, f"{app_id}:{account}")
        return member["role"] if member is not None else None

    async def access(self, account: str, app_id: str, verb: str) -> tuple[AppDoc, Role]:
        """The app, for a member with this right. Errors: NotFound, for another account's app too; Forbidden."""
        role = await self.role(account, app_id)
        app = await self._all.get(APPS, app_id)
        if role is None or app is None:
            raise NotFound(MISSING)
        need(role, verb)
        return app, role

    async def member_token(self, account: AccountDoc, app_id: str, session: str) -> tuple[str, Role]:
        """An app token (15 min) with the member's role, which ends with the sign-in. Errors: NotFound;
        Conflict for an app that is not active."""
        app, role = await self.access(account["id"], app_id, "app.read")
        if app.get("state", "active") != "active":
            raise Conflict(f"This app is {app['state']}.")
        issued = await self._issued(account, app_id)
        claims = {"sub": account["id"], "app": app["id"], "role": role, "ses": session, "iat": issued}
        return self._tokens.mint("weir:app", MEMBER_TOKEN_S, **claims), role

    async def _issued(self, account: AccountDoc, app_id: str) -> int:
        """The present second; or the next one, if something was withdrawn from this member just now."""
        void = await self._store.app(app_id).get(REVOCATIONS, revocation_id(app_id, "member", account["id"]))
        withdrawn: int = max(account.get("void", 0), void["before"] if void is not None else 0)
        return max(int(now_s()), -(-withdrawn // 1000))

    async def update(
        self, app: AppDoc, set_: Mapping[str, Any], by: By, action: str = "app.updated"
    ) -> AppDoc:
        """Errors: Stale when another change came first."""
        revision = app.get("revision")
        changes = {**set_, "revision": (revision or 0) + 1}
        noted = self._audit.entry(app["id"], by, action, app["id"], app, {**app, **changes})
        after = await self._all.update(
            APPS, app["id"], set=changes, expect={"revision": revision}, emit=[noted]
        )
        if after is None:
            raise Stale("This has been changed at the same moment; read it again.")
        await self._audit.write(noted, "apps", app["id"])
        await self.changed("apps", app["id"], app["id"])
        return after

    async def set_state(self, app: AppDoc, state: str, by: By) -> AppDoc:
        """Errors: Conflict for an app that is being deleted."""
        if app.get("state") == "deleting":
            raise Conflict("This app is being deleted.")
        return await self.update(app, {"state": state}, by, f"app.{state}")

    async def delete(self, app: AppDoc, by: By) -> AppDoc:
        """Closes the app at once. A job deletes control's documents, and every room its own when it receives
        the fact. Repeating it changes nothing."""
        if app.get("state") == "deleting":
            return app
        begun = {
            "state": "deleting",
            "deletion": {"asked": rfc3339(now_ms()), "done": 0, "of": len(OF_AN_APP)},
        }
        noted = self._audit.entry(PLATFORM, by, "app.deleted", app["id"], app, None)
        after = await self._all.update(APPS, app["id"], set=begun, emit=[AppDeleted(app=app["id"]), noted])
        await self._audit.write(noted, "apps", app["id"])
        self._relay.nudge()
        await self.changed("apps", app["id"], app["id"])
        return after or app

    async def delete_more(self) -> None:
        """Periodic: continues every deletion; a step may be repeated. The fact for other rooms is published
        first, because its outbox is deleted with the document."""
        waiting = [one async for one in self._store.pending(limit=MOST_WAITING)]
        if len(waiting) >= MOST_WAITING:  # after a burst of webhooks, say: those of apps may be behind them
            return
        untold = {doc_id for collection, doc_id, _ in waiting if collection == "apps"}
        for app in (await self._all.find(APPS, {"state": "deleting"}, limit=20)).data:
            if app["id"] in untold:
                continue
            await self._drop_publishers(app["id"])
            for done, collection in enumerate(OF_AN_APP):
                await self._all.delete(collection, {"app": app["id"]})
                await self._all.update(APPS, app["id"], set={"deletion.done": done + 1})
            await self._all.delete(APPS, {"id": app["id"]})
            await self.changed("apps", app["id"], app["id"])
            log.info("app.gone", app=app["id"])

    async def _drop_publishers(self, app_id: str) -> None:
        for stream in await self._directory.live_streams():
            if stream["app"] == app_id:
                try:
                    await self._ingest.drop_publisher(stream["playback"])
                except Unavailable:
                    log.warning(
                        "publisher.not_dropped", playback=stream["playback"]
                    )  # its next update hook ends it

    async def list_all(
        self, state: str | None, q: str | None, limit: int, cursor: str | None
    ) -> Page[AppDoc]:
        """All apps of the installation, newest first; `q` is a part of the name or the id."""
        where = {"state": state} if state else {}
        return await self._all.find(
            APPS,
            where,
            sort="created",
            descending=True,
            limit=limit,
            cursor=cursor,
            sieve=sieve(q, ("name", "id"), None),
        )

    async def get_any(self, app_id: str) -> AppDoc:
        """Any app, for the operator. Errors: NotFound."""
        return await self._one(app_id)

    async def changed(self, collection: str, key: str, app_id: str) -> None:
        """Invalidates the cached copy in every process, in this one at once."""
        fact = DirectoryChanged(app=app_id, collection=collection, key=key)
        await self._directory.on_event(fact)
        try:
            await self._bus.publish(fact)
        except Unavailable:
            return  # every cache forgets by itself within seconds


def need(role: Role, verb: str) -> None:
    """Errors: Forbidden that names the required role."""
    if not may(role, verb):
        raise Forbidden(f"This needs the role {LEAST[verb]}; yours is {role}.")
