"""What the routes of apps, keys, members and invitations answer."""

from typing import Any, Literal

from pydantic import Field

from control.models import AnswerModel
from weir.foundation.http.routing import shown_once
from weir.foundation.plans import Feature, PlanName
from weir.foundation.tenancy.permissions import Role

AppState = Literal["active", "archived", "suspended", "deleting"]


class Deletion(AnswerModel):
    asked: str
    done: int
    of: int


class Trial(AnswerModel):
    """The app has this plan in place of its own until then."""

    plan: PlanName
    until: str


class App(AnswerModel):
    id: str
    name: str
    description: str
    guests: Literal["none", "read", "chat"]
    guest_wait_s: int
    origins: list[str]
    plan: str | None
    trial: Trial | None = None
    features: dict[Feature, bool]
    state: AppState
    deletion: Deletion | None
    created: str
    role: Role | None = None
    account: str | None = None


class AppToken(AnswerModel):
    app_token: str | None = shown_once()
    role: Role
    expires_in: int


class Key(AnswerModel):
    id: str
    kind: Literal["key", "signing", "public"]
    name: str
    scopes: list[str]
    algorithm: str
    networks: list[str]
    rate: int | None
    replaced_by: str | None
    expires: str | None
    revoked: str | None
    last_used: str | None
    created: str


class NewKeyShown(Key):
    """`api_key` for `Authorization: Bearer`; `signing_secret` (HS256) for tokens with `iss` = the key's id,
    null for a key whose scopes sign nothing. A signing key has no `api_key`."""

    api_key: str | None = shown_once()
    signing_secret: str | None = shown_once()


class Member(AnswerModel):
    account: str
    email: str | None = Field(description="null for readers who may not change members, but for their own")
    name: str
    role: Role
    since: str


class ThisApp(AnswerModel):
    id: str
    name: str
    state: AppState
    plan: str | None
    features: dict[Feature, bool]


class Credential(AnswerModel):
    """Of a member `role` says more; what concerns keys alone is null then."""

    id: str
    kind: Literal["key", "member"]
    role: Role | None
    scopes: list[str]
    name: str | None
    expires: str | None
    networks: list[str] | None
    rate: int | None = Field(description="Requests a minute of the key's own.")


class Bounds(AnswerModel):
    """Of the app's plan; null is no bound. Minutes and messages are of a calendar month."""

    requests_per_minute: int
    requests_per_hour: int | None
    streams: int | None
    concurrent_viewers: int | None
    publish_minutes: int | None
    messages: int | None
    storage_gb: int | None
    members: int | None
    places: int | None
    spaces: int | None
    devices: int | None
    followers: int | None


class Whoami(AnswerModel):
    app: ThisApp
    credential: Credential
    limits: Bounds


class Invitation(AnswerModel):
    id: str
    email: str
    role: Role
    created: str
    expires: str


class InvitationShown(Invitation):
    """`link` lets a person join, and does not prove the address as the mailed one does. `mailed` is false
    when the address has been sent enough of late: then hand over the link."""

    link: str | None = shown_once()
    mailed: bool


class InvitationFound(AnswerModel):
    app_name: str
    email: str = Field(description="The address that may take it.")
    role: Role
    invited_by: str | None = Field(description="The inviter's name, null when it has none.")
    expires: str


class Joined(AnswerModel):
    app: str


class AuditEntry(AnswerModel):
    id: str
    at: str
    actor: str
    address: str
    request: str
    action: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
