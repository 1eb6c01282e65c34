"""Routes of a signed-in person's apps: the apps themselves, keys, members, invitations, the audit log."""

from datetime import date, datetime
from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from control.accounts.caller import Email, person
from control.accounts.service import Accounts
from control.apps import api_keys as key_views
from control.apps import service as app_views
from control.apps import teams as team_views
from control.apps.api_keys import ApiKeys, KeyOptions
from control.apps.models import (
    App,
    AppToken,
    AuditEntry,
    Invitation,
    InvitationFound,
    InvitationShown,
    Joined,
    Key,
    Member,
    NewKeyShown,
    Whoami,
)
from control.apps.service import MEMBER_TOKEN_S, Apps
from control.apps.teams import Teams
from control.csv_export import as_csv
from control.usage.ledger import Ledger
from control.usage.models import AnalyticsDay, AppUsage
from weir.foundation import audit as audit_views
from weir.foundation.audit import Audit, by
from weir.foundation.documents import Between
from weir.foundation.errors import Conflict, Forbidden
from weir.foundation.http.routing import Answer, Body, Call, Listed, Paging, Query, Row, content_etag
from weir.foundation.redis.rate_limits import HEAVY, INVITATIONS, SIGN_IN
from weir.foundation.tenancy.collections import AccountDoc, AppDoc, CredentialDoc
from weir.foundation.tenancy.permissions import Role, Scope, may
from weir.foundation.texts import Line, Text


def _network(text: str) -> str:
    return str(ip_network(text))


def _origin(text: str) -> str:
    scheme, _, host = text.partition("://")
    if scheme not in ("https", "http") or not host or set(host) & set("/?#* @") or not host.isascii():
        raise ValueError("an origin is https://host or https://host:port, without a path")
    return text.lower()


SigningScope = Literal["chat:moderate", "streams:write"]
Name = Annotated[Line, Field(min_length=1, max_length=80)]


class NewApp(Body):
    name: Name
    description: Text = Field("", max_length=500)


class ChangeApp(Body):
    """Only what is given changes."""

    name: Name | None = None
    description: Text | None = Field(None, max_length=500)
    guests: Literal["none", "read", "chat"] | None = None
    guest_wait_s: int | None = Field(
        None, ge=0, le=86_400, description="Seconds from when a guest came first until it may write."
    )
    origins: list[Annotated[str, Field(max_length=200), AfterValidator(_origin)]] | None = Field(
        None, max_length=20
    )


class NewKey(Body):
    """A key may do what its scopes say and nothing else; `*` means all of them."""

    name: Line = Field("", max_length=80)
    scopes: list[Scope | Literal["*"]] = Field(min_length=1, max_length=20)
    expires: AwareDatetime | None = None
    networks: list[Annotated[str, Field(max_length=50), AfterValidator(_network)]] = Field([], max_length=50)
    rate: int | None = Field(None, ge=1, le=1_000_000, description="Requests a minute of its own.")


class NewSigningKey(Body):
    """What the key may sign, by scope: `chat:moderate` user tokens, `streams:write` playback tokens, `*`
    both."""

    name: Line = Field("", max_length=80)
    scopes: list[SigningScope | Literal["*"]] = Field(min_length=1, max_length=3)
    expires: AwareDatetime | None = Field(None, description="What it has signed ends with it.")


class PublicKey(NewSigningKey):
    public_key: str = Field(min_length=1, max_length=10_000, description="PEM; Ed25519 or RSA.")


class KeyRotation(Body):
    overlap_s: int = Field(86_400, ge=0, le=30 * 86_400, description="How long the old key still works.")


class NewInvitation(Body):
    email: Email
    role: Role


class ChangeMember(Body):
    role: Role


class Acceptance(Body):
    token: str = Field(min_length=1, max_length=64)


class InvitationToken(Acceptance):
    """In the body: an address would carry the token into logs."""


class AuditQuery(Paging):
    actor: str | None = Field(None, max_length=64)
    action: str | None = Field(None, max_length=64)
    target: str | None = Field(None, max_length=64)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    format: Literal["json", "csv"] = "json"


class UsageQuery(Query):
    """Days in UTC; `until` is not included."""

    since: date | None = None
    until: date | None = None
    format: Literal["json", "csv"] = "json"


class AppRoutes:
    def __init__(
        self, accounts: Accounts, apps: Apps, keys: ApiKeys, teams: Teams, audit: Audit, ledger: Ledger
    ) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._apps = apps
        self._keys = keys
        self._teams = teams
        self._audit = audit

    def rows(self) -> list[Row]:
        one, key = "/v1/apps/{app}", "/v1/apps/{app}/keys"
        return [
            Row("GET", "/v1/apps", "account", self.list_apps, None, "Your apps.", Paging, Listed[App]),
            Row("POST", "/v1/apps", "account", self.create_app, NewApp, "Make an app.", answer=App, status=201),
            Row("GET", one, "account", self.get_app, None, "An app.", answer=App, etag=True),
            Row("PATCH", one, "account", self.change_app, ChangeApp, "Change an app.", answer=App, etag=True, errors=(Conflict,)),
            Row("DELETE", one, "account", self.delete_app, None, "Delete an app with all that is its own, in the background.",
                answer=App, status=202),
            Row("POST", one + "/archive", "account", self.archive, None, "Close an app, keeping its data.", answer=App),
            Row("POST", one + "/restore", "account", self.restore, None, "Open an archived app again.", answer=App),
            Row("POST", one + "/session", "account", self.session, None, "An app token with your role.", answer=AppToken,
                status=201),
            Row("GET", key, "account", self.list_keys, None, "Keys, without secrets.", Paging, Listed[Key], tag="keys"),
            Row("POST", key, "account", self.create_key, NewKey, "Make an API key; it is shown this once.", answer=NewKeyShown,
                status=201, tag="keys"),
            Row("POST", key + "/signing", "account", self.create_signing_key, NewSigningKey,
                "Make a secret that signs your tokens; it is shown this once.", answer=NewKeyShown, status=201, tag="keys",
                at=key + "/{id}"),
            Row("POST", key + "/public", "account", self.upload_key, PublicKey, "Upload a public key that signs your tokens.",
                answer=Key, status=201, tag="keys", at=key + "/{id}"),
            Row("POST", key + "/{key}/rotate", "account", self.rotate_key, KeyRotation, "Replace an API or signing key, with an overlap.",
                answer=NewKeyShown, status=201, tag="keys", at=key + "/{id}"),
            Row("DELETE", key + "/{key}", "account", self.revoke_key, None, "Revoke a key.", answer=Key, tag="keys"),
            Row("GET", one + "/members", "account", self.list_members, None, "Members.", Paging, Listed[Member], tag="teams"),
            Row("GET", one + "/members/{account}", "account", self.get_member, None, "A member.", answer=Member, tag="teams",
                etag=True),
            Row("PATCH", one + "/members/{account}", "account", self.change_member, ChangeMember, "Change a member's role.",
                answer=Member, errors=(Conflict,), tag="teams", etag=True),
            Row("DELETE", one + "/members/{account}", "account", self.remove_member, None, "Remove a member, or leave.", status=204,
                errors=(Conflict,), tag="teams"),
            Row("GET", one + "/invitations", "account", self.list_invitations, None, "Open invitations.", Paging,
                Listed[Invitation], tag="teams"),
            Row("POST", one + "/invitations", "account", self.invite, NewInvitation, "Invite a member by mail.",
                answer=InvitationShown, status=201, tag="teams", limit=INVITATIONS),
            Row("DELETE", one + "/invitations/{invitation}", "account", self.withdraw, None, "Withdraw an invitation.", status=204,
                tag="teams"),
            Row("POST", "/v1/invitations/accept", "account", self.accept, Acceptance, "Accept an invitation.", answer=Joined,
                status=201, tag="teams", at=one),
            Row("POST", "/v1/invitations/lookup", "anybody", self.look_up, InvitationToken, "What an invitation says, to who has its link",
                answer=InvitationFound, errors=(Forbidden,), limit=SIGN_IN, tag="teams"),
            Row("GET", one + "/usage", "account", self.usage, None, "What the app has used, by day.", UsageQuery, AppUsage,
                csv=True, limit=HEAVY, tag="usage"),
            Row("GET", "/v1/usage", "tenant", self.own_usage, None, "What the key's app has used, by day.", UsageQuery, AppUsage,
                scope="usage:read", csv=True, limit=HEAVY, tag="usage"),
            Row("GET", "/v1/app", "tenant", self.whoami, None, "Which app this is, and what the credential may do.",
                answer=Whoami, tag="apps"),
            Row("GET", one + "/audit", "account", self.audit, None, "Who changed what, newest first.", AuditQuery,
                Listed[AuditEntry], csv=True, limit=HEAVY, tag="audit"),
        ]  # fmt: skip

    async def _access(self, call: Call, verb: str) -> tuple[AppDoc, Role, AccountDoc]:
        """(app, role, account). Errors: NotFound; Forbidden."""
        account = await person(self._accounts, call)
        app, role = await self._apps.access(account["id"], call.path("app"), verb)
        return app, role, account

    # -- apps

    def _app(self, app: AppDoc, role: str, status: int = 200) -> Answer:
        return Answer({**self._apps.to_public(app), "role": role}, status, etag=app_views.etag(app))

    async def list_apps(self, call: Call) -> Answer:
        found, following = await self._apps.of_member(
            call.signed_in().id, call.query.limit, call.query.cursor
        )
        return Answer(
            {
                "data": [{**self._apps.to_public(app), "role": role} for app, role in found],
                "next_cursor": following,
            }
        )

    async def create_app(self, call: Call) -> Answer:
        account, body = await person(self._accounts, call), call.body
        app = await self._apps.create(
            account["id"], body.name, by(call), call.new_id("app"), body.description
        )
        return self._app(app, "owner", 201)

    async def get_app(self, call: Call) -> Answer:
        app, role, _ = await self._access(call, "app.read")
        return self._app(app, role)

    async def change_app(self, call: Call) -> Answer:
        app, role, _ = await self._access(call, "app.update")
        call.expects(app_views.etag(app))
        changes = call.body.changes({"description": "", "guests": "chat", "guest_wait_s": 0, "origins": []})
        return self._app(await self._apps.update(app, changes, by(call)) if changes else app, role)

    async def archive(self, call: Call) -> Answer:
        app, role, _ = await self._access(call, "app.delete")
        if app.get("state") == "suspended":
            raise Conflict("This app has been suspended by the platform's operator.")
        return self._app(await self._apps.set_state(app, "archived", by(call)), role)

    async def restore(self, call: Call) -> Answer:
        app, role, _ = await self._access(call, "app.delete")
        if app.get("state") == "suspended":
            raise Conflict("This app has been suspended by the platform's operator.")
        return self._app(await self._apps.set_state(app, "active", by(call)), role)

    async def delete_app(self, call: Call) -> Answer:
        app, role, _ = await self._access(call, "app.delete")
        return self._app(await self._apps.delete(app, by(call)), role, 202)

    async def session(self, call: Call) -> Answer:
        account = await person(self._accounts, call)
        token, role = await self._apps.member_token(account, call.path("app"), call.signed_in().session)
        return Answer({"app_token": token, "role": role, "expires_in": MEMBER_TOKEN_S}, 201)

    # -- keys

    async def list_keys(self, call: Call) -> Answer:
        app, _, _ = await self._access(call, "keys.read")
        page = await self._keys.list(app["id"], call.query.limit, call.query.cursor)
        return Answer({"data": [key_views.public_view(key) for key in page.data], "next_cursor": page.next})

    async def create_key(self, call: Call) -> Answer:
        app, _, _ = await self._access(call, "keys.write")
        body: NewKey = call.body
        options = KeyOptions(body.name, body.scopes, _moment(body.expires), body.networks, body.rate)
        return _new_key(*await self._keys.create(app["id"], options, by(call)))

    async def create_signing_key(self, call: Call) -> Answer:
        app, _, _ = await self._access(call, "keys.write")
        body: NewSigningKey = call.body
        options = KeyOptions(body.name, body.scopes, _moment(body.expires))
        return _new_key(*await self._keys.create_signing(app["id"], options, by(call)))

    async def upload_key(self, call: Call) -> Answer:
        app, _, _ = await self._access(call, "keys.write")
        body: PublicKey = call.body
        options = KeyOptions(body.name, body.scopes, _moment(body.expires))
        return Answer(
            key_views.public_view(await self._keys.upload(app["id"], options, body.public_key, by(call))), 201
        )

    async def rotate_key(self, call: Call) -> Answer:
        app, _, _ = await self._access(call, "keys.write")
        return _new_key(*await self._keys.rotate(app["id"], call.path("key"), call.body.overlap_s, by(call)))

    async def revoke_key(self, call: Call) -> Answer:
        app, _, _ = await self._access(call, "keys.write")
        return Answer(key_views.public_view(await self._keys.revoke(app["id"], call.path("key"), by(call))))

    # -- teams

    async def list_members(self, call: Call) -> Answer:
        app, role, account = await self._access(call, "members.read")
        addresses = may(role, "members.write")
        data, following = await self._teams.members(
            app["id"], account["id"], addresses, call.query.limit, call.query.cursor
        )
        return Answer({"data": data, "next_cursor": following})

    async def get_member(self, call: Call) -> Answer:
        app, role, account = await self._access(call, "members.read")
        mine = account["id"] == call.path("account")
        shown = await self._teams.member(app["id"], call.path("account"), mine or may(role, "members.write"))
        return Answer(shown, etag=_member_etag(shown))

    async def change_member(self, call: Call) -> Answer:
        app, role, _ = await self._access(call, "members.write")
        present = await self._teams.member(app["id"], call.path("account"))
        call.expects(_member_etag(present))
        after = await self._teams.set_role(
            app["id"], role, call.path("account"), call.body.role, by(call), present["role"]
        )
        return Answer(after, etag=_member_etag(after))

    async def remove_member(self, call: Call) -> Answer:
        leaving = call.path("account") == call.signed_in().id
        app, role, _ = await self._access(call, "app.read" if leaving else "members.write")
        await self._teams.remove(app["id"], role, call.path("account"), by(call))
        return Answer(None, 204)

    async def list_invitations(self, call: Call) -> Answer:
        app, _, _ = await self._access(call, "members.write")
        page = await self._teams.invitations(app["id"], call.query.limit, call.query.cursor)
        return Answer(
            {"data": [team_views.invitation_view(one) for one in page.data], "next_cursor": page.next}
        )

    async def invite(self, call: Call) -> Answer:
        app, role, _ = await self._access(call, "members.write")
        invitation, link, mailed = await self._teams.invite(
            app, role, call.body.email, call.body.role, by(call)
        )
        return Answer({**team_views.invitation_view(invitation), "link": link, "mailed": mailed}, 201)

    async def withdraw(self, call: Call) -> Answer:
        app, _, _ = await self._access(call, "members.write")
        await self._teams.withdraw(app["id"], call.path("invitation"), by(call))
        return Answer(None, 204)

    async def accept(self, call: Call) -> Answer:
        account = await person(self._accounts, call)
        return Answer({"app": await self._teams.accept(account, call.body.token, by(call))}, 201)

    async def look_up(self, call: Call) -> Answer:
        """Nothing changes. An invitation that can't be taken is `invitation_spent`, whatever the reason."""
        return Answer(await self._teams.shown(call.body.token))

    async def usage(self, call: Call) -> Answer:
        app, _, _ = await self._access(call, "app.read")
        since, until = (one.isoformat() if one else None for one in (call.query.since, call.query.until))
        shown = await self._ledger.of_app(app["id"], since, until)
        return as_csv(shown["days"], AnalyticsDay, None) if call.query.format == "csv" else Answer(shown)

    async def own_usage(self, call: Call) -> Answer:
        since, until = (one.isoformat() if one else None for one in (call.query.since, call.query.until))
        shown = await self._ledger.of_app(call.acting().app, since, until)
        return as_csv(shown["days"], AnalyticsDay, None) if call.query.format == "csv" else Answer(shown)

    async def whoami(self, call: Call) -> Answer:
        """For every API key and app token, whatever its scopes."""
        tenant = call.acting()
        app = await self._apps.get_any(tenant.app)
        key = (
            key_views.public_view(await self._keys.get(tenant.app, tenant.actor))
            if tenant.kind == "key"
            else {}
        )
        known = {name: key.get(name) for name in ("name", "expires", "networks", "rate")}
        credential = {
            "id": tenant.actor,
            "kind": tenant.kind,
            "role": tenant.role,
            "scopes": list(tenant.scopes),
            **known,
        }
        shown = self._apps.to_public(app)
        about = {name: shown[name] for name in ("id", "name", "state", "plan", "features")}
        return Answer({"app": about, "credential": credential, "limits": self._apps.bounds(app)})

    # -- audit

    async def audit(self, call: Call) -> Answer:
        app, _, _ = await self._access(call, "audit.read")
        return await audit_page(self._audit, app["id"], call.query)


async def audit_page(audit: Audit, app: str, query: AuditQuery) -> Answer:
    where: dict[str, Any] = query.model_dump(include={"actor", "action", "target"}, exclude_none=True)
    since, until = (int(one.timestamp() * 1000) if one else None for one in (query.since, query.until))
    page = await audit.page(app, {**where, "at": Between(since, until)}, query.limit, query.cursor)
    data = [audit_views.public_view(entry) for entry in page.data]
    if query.format == "csv":
        return as_csv(data, AuditEntry, page.next)
    return Answer({"data": data, "next_cursor": page.next})


def _member_etag(shown: dict[str, Any]) -> str:
    """Alike for readers who are shown the address and those who are not."""
    return content_etag([shown["account"], shown["role"], shown["name"]])


def _moment(given: datetime | None) -> int | None:
    return int(given.timestamp() * 1000) if given is not None else None


def _new_key(key: CredentialDoc, secret: str | None, signing: str | None) -> Answer:
    return Answer({**key_views.public_view(key), "api_key": secret, "signing_secret": signing}, 201)
