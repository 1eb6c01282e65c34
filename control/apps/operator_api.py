"""Routes of the platform's operator: all apps, their plans and states."""

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from control.accounts.caller import person
from control.accounts.service import Accounts
from control.apps import service as app_views
from control.apps.api import AuditQuery, audit_page
from control.apps.models import App, AppState, AuditEntry
from control.apps.service import Apps
from weir.foundation.audit import PLATFORM, Audit, by
from weir.foundation.errors import Conflict, NotFound
from weir.foundation.http.routing import Answer, Body, Call, Listed, Paging, Row
from weir.foundation.plans import Feature, PlanName
from weir.foundation.redis.rate_limits import HEAVY
from weir.foundation.tenancy.collections import AccountDoc, AppDoc


class NewTrial(Body):
    """A plan to try out; a moment that has passed ends it."""

    plan: PlanName
    until: AwareDatetime


class Plans(Body):
    """Only what is given changes. `features` are those that the app has whatever its plan says, e.g.
    `{"analytics": true}`."""

    plan: PlanName | None = None
    trial: NewTrial | None = None
    features: dict[Feature, bool] | None = None
    state: Literal["active", "suspended"] | None = None


class AppsQuery(Paging):
    """`q` is a part of the name or the id."""

    q: str | None = Field(None, min_length=1, max_length=100)
    state: AppState | None = None


class OperatorRoutes:
    def __init__(self, accounts: Accounts, apps: Apps, audit: Audit) -> None:
        self._accounts = accounts
        self._apps = apps
        self._audit = audit

    def rows(self) -> list[Row]:
        base = "/v1/operator/apps"
        return [
            Row("GET", base, "account", self.list_apps, None, "All apps of the installation.", AppsQuery, Listed[App],
                errors=(NotFound,)),
            Row("GET", base + "/{app}", "account", self.get, None, "Any app.", answer=App, etag=True),
            Row("PATCH", base + "/{app}", "account", self.change, Plans, "Suspend, resume or re-plan an app.", answer=App,
                etag=True, errors=(Conflict,)),
            Row("GET", "/v1/operator/audit", "account", self.audit, None, "What concerns accounts and the installation, newest first.",
                AuditQuery, Listed[AuditEntry], csv=True, limit=HEAVY, errors=(NotFound,)),
        ]  # fmt: skip

    async def _operator(self, call: Call) -> AccountDoc:
        """Errors: NotFound for everybody else."""
        account = await person(self._accounts, call)
        if not account["operator"]:
            raise NotFound("There is nothing here.")
        return account

    async def list_apps(self, call: Call) -> Answer:
        await self._operator(call)
        page = await self._apps.list_all(call.query.state, call.query.q, call.query.limit, call.query.cursor)
        return Answer({"data": [self._shown(app) for app in page.data], "next_cursor": page.next})

    def _shown(self, app: AppDoc) -> dict[str, Any]:
        return {**self._apps.to_public(app), "account": app["account"]}

    async def audit(self, call: Call) -> Answer:
        await self._operator(call)
        return await audit_page(self._audit, PLATFORM, call.query)

    async def get(self, call: Call) -> Answer:
        await self._operator(call)
        app = await self._apps.get_any(call.path("app"))
        return Answer(self._shown(app), etag=app_views.etag(app))

    async def change(self, call: Call) -> Answer:
        await self._operator(call)
        app, body = await self._apps.get_any(call.path("app")), call.body
        call.expects(app_views.etag(app))
        if app.get("state") == "deleting":
            raise Conflict("This app is being deleted.")
        changes = body.changes({"trial": None, "features": {}})
        if body.trial is not None:
            changes["trial"] = {"plan": body.trial.plan, "until": int(body.trial.until.timestamp() * 1000)}
        after = await self._apps.update(app, changes, by(call), "app.replanned") if changes else app
        return Answer(self._shown(after), etag=app_views.etag(after))
