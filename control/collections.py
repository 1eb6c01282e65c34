"""The control room's own collections and the shapes of their documents. Those that all rooms read are in
weir.foundation.tenancy.collections. Times are milliseconds.
"""

from typing import Any, Literal, NotRequired, TypedDict

from control.inbound.store import COLLECTIONS as OF_INBOUND
from control.webhooks.documents import COLLECTIONS as OF_WEBHOOKS
from weir.foundation.documents import Collection, Index
from weir.foundation.http.idempotency import REPEATS
from weir.foundation.tenancy.collections import AUDIT, CREDENTIALS, REVOCATIONS, STREAMS
from weir.foundation.tenancy.permissions import Role
from weir.foundation.tenancy.quotas import USED_UP


class LinkDoc(TypedDict):
    """A mailed link that works once; its id is the hash of the secret in it."""

    id: str
    account: str
    purpose: str
    expires: int
    invitation: NotRequired[str | None]


class InstallationDoc(TypedDict):
    """Few documents with an id each: `setup` (`hash` of the set-up link's secret, empty when it is used),
    `schema` (`version` of the newest migration that has run), `usage_position` (the file and the batch of the
    web log that is being read)."""

    id: str
    hash: NotRequired[str]
    version: NotRequired[int]
    inode: NotRequired[int]
    at: NotRequired[int]
    to: NotRequired[int]


class MemberDoc(TypedDict):
    """A person's role in an app; the id is `app:account`."""

    id: str
    account: str
    role: Role
    created: int
    app: NotRequired[str]


class InvitationDoc(TypedDict):
    """`hash` is of the secret in the link that the inviter sees, `mailed_hash` of the mailed one."""

    id: str
    email: str
    role: Role
    hash: str
    mailed_hash: str
    created: int
    expires: int
    by: NotRequired[str]
    app: NotRequired[str]


class BroadcastDoc(TypedDict):
    """One broadcast of a stream, written from its events: when it started, was playable (`live`), lost its
    encoder (`away`), got it back (`back`) and ended. `batch` is the last batch of the web log that is in
    `watched_s`."""

    id: str
    stream: str
    started: int
    app: NotRequired[str]
    live: NotRequired[int]
    away: NotRequired[int]
    back: NotRequired[int]
    ended: NotRequired[int]
    trouble: NotRequired[str]
    peak: NotRequired[int]
    total: NotRequired[int]
    watched_s: NotRequired[int]
    batch: NotRequired[str]


class UsageDoc(TypedDict):
    """What a stream used on one day (YYYY-MM-DD, UTC); `web_batch` and `chat_batch` are the last batches that
    are in it."""

    id: str
    stream: str
    day: str
    app: NotRequired[str]
    bytes: NotRequired[int]
    requests: NotRequired[int]
    messages: NotRequired[int]
    watched_s: NotRequired[int]
    published_s: NotRequired[int]
    storage_bytes: NotRequired[int]
    web_batch: NotRequired[str]
    chat_batch: NotRequired[str]


class EndpointDoc(TypedDict):
    """Where a partner is reached: `known_by` are credentials without their secrets, written at `set`."""

    url: str
    known_by: dict[str, Any]
    set: int


class IntegrationDoc(TypedDict):
    """A connection to a partner. `endpoints`: by environment, `sandbox` and `production`. `sealed`: their
    secrets and that of `encryption`, each bound to `id:name`."""

    id: str
    kind: Any
    name: str
    environment: str
    endpoints: dict[str, EndpointDoc]
    encryption: dict[str, str] | None
    sealed: dict[str, str]
    timeout_s: float
    test_path: str | None
    metadata: dict[str, str]
    created: int
    revision: int
    app: NotRequired[str]


class FollowerDoc(TypedDict):
    """Who wants to know when a stream begins. `sealed`: the e-mail address, or a browser's push subscription
    as JSON, bound to `id`; `hash` is of either with the stream. `due`: when its confirmation is to be mailed,
    None when nothing is; `tried` counts. `mailed`: when it was. `expires`: a follower that is no longer
    wanted is kept until then without its address, so that a mail a day stays the most. `notified`: the
    newest broadcast that it was told of; `refused` counts refusals in a row."""

    id: str
    stream: str
    kind: Literal["email", "push"]
    state: Literal["pending", "confirmed", "left"]
    hash: str
    sealed: str
    created: int
    asked: int
    app: NotRequired[str]
    due: NotRequired[int | None]
    tried: NotRequired[int]
    mailed: NotRequired[int | None]
    confirmed: NotRequired[int | None]
    expires: NotRequired[int | None]
    notified: NotRequired[str | None]
    refused: NotRequired[int]


class NoticeDoc(TypedDict):
    """The followers of a stream are being told of a broadcast. `next`: when it goes on, None when it is over;
    `cursor`: where in their list; `again`: some could not be told in this round. `stuck` counts tries in
    which nobody could be."""

    id: str
    stream: str
    broadcast: str
    kind: Literal["email", "push"]
    at: int
    next: int | None
    round: int
    stuck: int
    again: bool
    cursor: str | None
    sent: int
    app: NotRequired[str]


LINKS = Collection[LinkDoc](
    "links",
    {"account": "str", "purpose": "str", "expires": "int"},
    (Index(("account", "purpose")), Index(("expires",))),
    tenant=False,
)
INSTALLATION = Collection[InstallationDoc]("installation", {"hash": "str"}, (), tenant=False)
MEMBERS = Collection[MemberDoc](
    "members",
    {"account": "str", "role": "str", "created": "int"},
    (Index(("account", "created")), Index(("app", "created"))),
)
INVITATIONS = Collection[InvitationDoc](
    "invitations",
    {"email": "str", "hash": "str", "mailed_hash": "str", "created": "int", "expires": "int"},
    (
        Index(("hash",), unique=True),
        Index(("mailed_hash",), unique=True),
        Index(("app", "created")),
        Index(("expires",)),
    ),
)
BROADCASTS = Collection[BroadcastDoc](
    "broadcasts",
    {"stream": "str", "started": "int", "ended": "int"},
    (
        Index(("app", "stream", "started")),
        Index(("app", "started")),
        Index(("app", "stream", "ended", "started")),
    ),
)
USAGE = Collection[UsageDoc](
    "usage",
    {"stream": "str", "day": "str", "web_batch": "str", "chat_batch": "str"},
    (Index(("app", "day")), Index(("stream", "day"), unique=True), Index(("day",))),
)
INTEGRATIONS = Collection[IntegrationDoc](
    "integrations",
    {"kind": "str", "environment": "str", "created": "int", "revision": "int"},
    (Index(("app", "created")),),
)
FOLLOWERS = Collection[FollowerDoc](
    "followers",
    {
        "stream": "str",
        "kind": "str",
        "state": "str",
        "hash": "str",
        "created": "int",
        "due": "int",
        "expires": "int",
    },
    (
        Index(("hash",), unique=True),
        Index(("app", "stream", "created")),
        Index(("app", "stream", "state", "created")),
        Index(("app", "state")),
        Index(("stream", "kind", "state")),
        Index(("due",)),
        Index(("expires",)),
    ),
)
NOTICES = Collection[NoticeDoc](
    "notices",
    {"stream": "str", "broadcast": "str", "kind": "str", "at": "int", "next": "int"},
    (Index(("kind", "next")), Index(("app", "stream", "at")), Index(("at",))),
)
COLLECTIONS: tuple[Collection[Any], ...] = (
    LINKS,
    INSTALLATION,
    MEMBERS,
    INVITATIONS,
    BROADCASTS,
    USAGE,
    INTEGRATIONS,
    FOLLOWERS,
    NOTICES,
    REPEATS,
    USED_UP,
    *OF_INBOUND,
    *OF_WEBHOOKS,
)
OF_AN_APP: tuple[Collection[Any], ...] = (
    CREDENTIALS,
    MEMBERS,
    INVITATIONS,
    BROADCASTS,
    USAGE,
    INTEGRATIONS,
    FOLLOWERS,
    NOTICES,
    REVOCATIONS,
    USED_UP,
    *OF_INBOUND,
    *OF_WEBHOOKS,
    AUDIT,
    STREAMS,
)
"""What is deleted with an app, in this order."""
