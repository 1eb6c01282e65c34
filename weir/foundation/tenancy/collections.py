"""The collections that all rooms read, and the shapes of their documents. Control writes them, media its
recordings and profiles; docs/architecture.md says who owns which. Times are milliseconds.

A field that is NotRequired is missing in documents from before it existed, or until it is first set. The
handle adds `app` to what it inserts.
"""

from typing import Any, Literal, NotRequired, TypedDict

from weir.foundation.documents import Collection, Index

StreamState = Literal["idle", "starting", "live", "interrupted"]


class AccountDoc(TypedDict):
    """A person who signs in. `era` counts passwords: sign-ins of an earlier era have ended. `void`: what was
    issued to this account before that time is refused. `leaving`: it is being deleted until then."""

    id: str
    email: str
    name: str
    operator: bool
    password: str
    created: int
    verified: NotRequired[bool]
    era: NotRequired[int]
    void: NotRequired[int]
    leaving: NotRequired[int]


class SignInDoc(TypedDict):
    """One family of refresh tokens: the `turn`-th has the hash `hash`, the one before it `spent`."""

    id: str
    account: str
    hash: str
    turn: int
    expires: int
    created: NotRequired[int]
    era: NotRequired[int]
    spent: NotRequired[str]


class Trial(TypedDict):
    plan: str
    until: int


class BeforeMessageDoc(TypedDict):
    """Who is asked before a message is stored; `sealed` is the secret that signs the questions."""

    url: str
    timeout_ms: int
    on_silence: Literal["allow", "deny"]
    sealed: str


class AppDoc(TypedDict):
    """A tenant. `owners` are accounts; `ownership` counts their changes and is odd while they are being
    changed, at most until `owners_held` (control.apps.owners); `deletion` is the time from which its data are
    deleted."""

    id: str
    account: str
    name: str
    guests: Literal["chat", "read", "none"]
    state: str
    created: int
    description: NotRequired[str]
    guest_wait_s: NotRequired[int]
    origins: NotRequired[list[str]]
    plan: NotRequired[str]
    trial: NotRequired[Trial | None]
    features: NotRequired[dict[str, bool]]
    profile: NotRequired[str | None]
    recording: NotRequired[bool | None]
    revision: NotRequired[int]
    owners: NotRequired[list[str]]
    ownership: NotRequired[int | None]
    owners_held: NotRequired[int]
    deletion: NotRequired[Any]
    before_message: NotRequired[BeforeMessageDoc | None]


class CredentialDoc(TypedDict):
    """A key of an app. `hash` of its secret where it calls the API; `signing`: the sealed HS256 secret, or a
    public key as PEM."""

    id: str
    kind: Literal["key", "signing", "public"]
    name: str
    created: int
    algorithm: Literal["HS256", "EdDSA", "RS256"]
    signing: str | None
    app: NotRequired[str]
    scopes: NotRequired[list[str]]
    expires: NotRequired[int | None]
    networks: NotRequired[list[str]]
    rate: NotRequired[int | None]
    hash: NotRequired[str]
    revoked: NotRequired[int | None]
    replaced_by: NotRequired[str | None]
    last_used: NotRequired[int | None]


class IngestConnection(TypedDict):
    """A publisher's connection: the run of nginx, its connection number, and since when."""

    boot: str
    client: str
    since: int


class StreamLinkDoc(TypedDict):
    label: str
    url: str


class PlannedDoc(TypedDict):
    """A broadcast that a stream's owner has announced."""

    starts_at: int
    title: str


class StreamDoc(TypedDict):
    """A stream: what its owner sets (absent: as the installation has it), and its state, which changes by
    compare-and-set on `transition`. `began` and `live_since` are of the present broadcast, `ended` of the
    last one; `metered` is the mark of the publish minutes. `overlay` names the present link of its overlays
    (foundation.tenancy.directory), `overlay_hash` is of the key in it."""

    id: str
    playback: str
    channel: str
    state: StreamState
    transition: int
    created: int
    key_hash: str
    key_sealed: str
    app: NotRequired[str]
    title: NotRequired[str]
    description: NotRequired[str]
    visibility: NotRequired[Literal["public", "signed"]]
    profile: NotRequired[str | None]
    recording: NotRequired[bool | None]
    latency: NotRequired[str]
    priority: NotRequired[str]
    dvr_s: NotRequired[int]
    encrypted: NotRequired[bool]
    max_viewers: NotRequired[int | None]
    reconnect_grace_s: NotRequired[float | None]
    metadata: NotRequired[dict[str, Any]]
    category: NotRequired[str]
    tags: NotRequired[list[str]]
    streamer: NotRequired[str]
    avatar: NotRequired[str]
    links: NotRequired[list[StreamLinkDoc]]
    schedule: NotRequired[list[PlannedDoc]]
    clips: NotRequired[bool]
    overlay: NotRequired[str | None]
    overlay_hash: NotRequired[str | None]
    revision: NotRequired[int]
    broadcast: NotRequired[str]
    generation: NotRequired[int]
    ingest: NotRequired[IngestConnection | None]
    began: NotRequired[int]
    interrupted: NotRequired[int]
    live_since: NotRequired[int | None]
    ended: NotRequired[int]
    sound_alone: NotRequired[bool]
    trouble: NotRequired[str | None]
    metered: NotRequired[int | None]
    previews: NotRequired[bool]
    duration_s: NotRequired[float | None]


class RecordingDoc(TypedDict):
    """A recording of a broadcast, or an upload (`source`). An upload has `length` and `expires` until it is
    complete, its `metadata` are those of the tus protocol and `noted` the app's; `stored` says where the
    files are. `size` is the MP4's, `bytes` that of all files;
    `held`: live streams need the machine first."""

    id: str
    state: Literal["uploading", "recording", "processing", "ready", "failed"]
    transition: int
    started: int
    attempts: int
    title: NotRequired[str]
    app: NotRequired[str]
    stream: NotRequired[str]
    playback: NotRequired[str]
    channel: NotRequired[str]
    broadcast: NotRequired[str]
    generation: NotRequired[int]
    source: NotRequired[Literal["upload"]]
    user: NotRequired[str]
    length: NotRequired[int]
    metadata: NotRequired[Any]
    expires: NotRequired[int]
    progress: NotRequired[int | None]
    held: NotRequired[bool]
    ended: NotRequired[int]
    asked: NotRequired[int]
    stored: NotRequired[Literal["local", "s3"]]
    description: NotRequired[str]
    noted: NotRequired[dict[str, Any]]
    visibility: NotRequired[Literal["public", "signed"] | None]
    revision: NotRequired[int]
    duration_s: NotRequired[float]
    size: NotRequired[int]
    bytes: NotRequired[int]
    width: NotRequired[int]
    height: NotRequired[int]
    heights: NotRequired[list[int]]
    sprite: NotRequired[bool]
    code: NotRequired[str]
    reason: NotRequired[str]


class RungDoc(TypedDict):
    height: int
    bit_rate: NotRequired[int | None]
    frame_rate: NotRequired[int | None]
    preset: NotRequired[str | None]


class ProfileDoc(TypedDict):
    """A ladder that an app has defined."""

    id: str
    created: int
    version: int
    name: str
    rungs: list[RungDoc]
    audio_only: bool
    copy_top: bool
    app: NotRequired[str]


class RevocationDoc(TypedDict):
    """What was issued to a subject before this time is refused. The id is `revocation_id`'s."""

    id: str
    before: int
    expires: int
    app: NotRequired[str]


class AuditDoc(TypedDict):
    """An entry of the audit log; `times` where an hour's acts are one entry."""

    id: str
    at: int
    actor: str
    address: str
    request: str
    action: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    app: NotRequired[str]


ACCOUNTS = Collection[AccountDoc](
    "accounts",
    {"email": "str", "created": "int", "operator": "bool"},
    (Index(("email",), unique=True), Index(("operator",))),
    tenant=False,
)
SIGN_INS = Collection[SignInDoc](
    "sign_ins", {"account": "str", "expires": "int"}, (Index(("account",)), Index(("expires",))), tenant=False
)
APPS = Collection[AppDoc](
    "apps",
    {
        "created": "int",
        "account": "str",
        "state": "str",
        "plan": "str",
        "revision": "int",
        "ownership": "int",
    },
    (Index(("account", "created")), Index(("state",)), Index(("created",))),
    tenant=False,
)
CREDENTIALS = Collection[CredentialDoc](
    "credentials",
    {"kind": "str", "created": "int"},
    (Index(("app", "created")), Index(("app", "kind", "created"))),
)
STREAMS = Collection[StreamDoc](
    "streams",
    {
        "playback": "str",
        "channel": "str",
        "state": "str",
        "transition": "int",
        "created": "int",
        "revision": "int",
        "metered": "int",
    },
    (
        Index(("playback",), unique=True),
        Index(("channel",), unique=True),
        Index(("app", "created")),
        Index(("app", "state", "created")),
        Index(("state",)),
    ),
)
RECORDINGS = Collection[RecordingDoc](
    "recordings",
    {
        "stream": "str",
        "broadcast": "str",
        "user": "str",
        "state": "str",
        "started": "int",
        "transition": "int",
        "stored": "str",
        "revision": "int",
    },
    (
        Index(("app", "started")),
        Index(("app", "stream", "started")),
        Index(("app", "state", "started")),
        Index(("app", "stream", "state", "started")),
        Index(("app", "user", "started")),
        Index(("state",)),
        Index(("broadcast", "started")),
    ),
)
PROFILES = Collection[ProfileDoc](
    "profiles",
    {"created": "int", "name": "str", "version": "int"},
    (Index(("app", "created")), Index(("app", "name"), unique=True)),
)
REVOCATIONS = Collection[RevocationDoc]("revocations", {"expires": "int"}, (Index(("expires",)),))
AUDIT = Collection[AuditDoc](
    "audit",
    {"at": "int", "actor": "str", "action": "str", "target": "str"},
    (
        Index(("app", "at")),
        Index(("app", "actor", "at")),
        Index(("app", "action", "at")),
        Index(("app", "target", "at")),
        Index(("at",)),
    ),
)
COLLECTIONS: tuple[Collection[Any], ...] = (
    ACCOUNTS,
    SIGN_INS,
    APPS,
    CREDENTIALS,
    STREAMS,
    RECORDINGS,
    PROFILES,
    REVOCATIONS,
    AUDIT,
)
