"""What the control room's answers look like: the models that openapi.json shows. Answers are dicts built by `public_view`s; the
contract test holds them against these."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from weir.foundation.http.routing import shown_once
from weir.foundation.plans import Feature, PlanName
from weir.foundation.tenancy.permissions import Role

WatchState = Literal["idle", "starting", "live", "interrupted", "recorded"]
AppState = Literal["active", "archived", "suspended", "deleting"]


class AnswerModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Account(AnswerModel):
    id: str
    email: str
    name: str
    operator: bool
    verified: bool
    created: str


class Options(AnswerModel):
    sign_up: Literal["open", "invitation"]


class SignedIn(AnswerModel):
    """The refresh token comes as the cookie `weir_refresh`. Without a token the address has to be verified first."""

    account: Account
    access_token: str | None = shown_once()
    expires_in: int | None = None


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
    """`api_key` for `Authorization: Bearer`; `signing_secret` (HS256) for tokens with `iss` = the key's id, null for a key whose scopes
    sign nothing. A signing key has no `api_key`."""

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
    """`link` lets somebody join, and does not prove the address as the mailed one does. `mailed` is false when the address has been
    sent enough of late: then hand over the link."""

    link: str | None = shown_once()
    mailed: bool


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


class Stream(AnswerModel):
    id: str
    title: str
    description: str
    playback_id: str
    channel: str
    state: Literal["idle", "starting", "live", "interrupted"]
    broadcast: str | None
    visibility: Literal["public", "signed"]
    profile: str | None
    recording: bool | None
    latency: str
    priority: str
    dvr_s: int
    encrypted: bool
    max_viewers: int | None
    reconnect_grace_s: float | None = Field(description="null: as the installation has it.")
    metadata: dict[str, str]
    trouble: str | None = Field(description="Why nothing could be made of the newest publish; null when it was well.")
    sound_alone: bool = Field(description="The newest broadcast has no picture of its own.")
    live_since: str | None
    created: str
    viewers: int | None = Field(description="null while the counts can't be read")
    server: str
    watch_url: str


class NewStreamShown(Stream):
    key: str | None = shown_once()


class StreamKey(AnswerModel):
    server: str
    key: str | None = shown_once()
    disconnected: bool | None = None


class Disconnected(AnswerModel):
    disconnected: bool


class Broadcast(AnswerModel):
    id: str
    stream: str
    started: str
    ended: str | None
    live_s: int
    peak_viewers: int | None
    viewers: int | None = Field(description="different sessions")
    minutes_watched: float
    trouble: str | None = Field(description="Why nothing could be made of a publish.")


class Token(AnswerModel):
    token: str | None = shown_once()
    sid: str | None = None
    expires_in: int
    url: str | None = None


class UserTokenShown(AnswerModel):
    token: str | None = shown_once()
    expires_in: int


class Revoked(AnswerModel):
    revoked: dict[str, str]


class Figures(AnswerModel):
    """What was used. `storage_bytes` stands: the last value of a day, and in a total that of the newest day."""

    bytes: int = Field(description="sent to viewers")
    recording_bytes: int = Field(description="of them from recordings")
    requests: int
    viewers: int = Field(description="different viewing sessions of a day")
    messages: int
    minutes_watched: float
    minutes_published: float
    storage_bytes: int


class Day(AnswerModel):
    day: str


class AnalyticsDay(Figures, Day):
    """The day first, as in the table."""


class Analytics(Figures):
    stream: str
    days: list[AnalyticsDay]


class AppUsage(Figures):
    app: str
    days: list[AnalyticsDay]


class Watched(AnswerModel):
    id: str
    playback_id: str
    title: str
    state: WatchState
    visibility: Literal["public", "signed"]
    live_since: str | None
    previews: bool | None = None
    ended: str | None = Field(description="When the newest broadcast ended.")
    sound_alone: bool = Field(description="The newest broadcast has no picture of its own.")


class WatchedStream(AnswerModel):
    """Of a signed stream everything but `playback_id` and `visibility` is null for those who show no token."""

    id: str | None
    playback_id: str
    title: str | None
    state: WatchState | None
    visibility: Literal["public", "signed"]
    live_since: str | None
    previews: bool | None = None
    ended: str | None = Field(description="When the newest broadcast ended.")
    sound_alone: bool | None = Field(description="The newest broadcast has no picture of its own.")
    recording: str | None = Field(description="After a broadcast of a public stream: the id under which its recording is watched.")
    viewers: int | None


class Person(AnswerModel):
    id: str
    name: str


class Renewed(AnswerModel):
    """`access_ends`: the token can't be renewed beyond that moment; null when it can."""

    playback_token: str
    playback_ttl_s: int
    access_ends: str | None


class WatchSession(Renewed):
    channel: str
    stream: Watched
    part_s: float
    user_token: str | None
    user: Person | None
    device: str | None = Field(description="Of a guest: to be kept and sent along, so that it is known as the same one.")
