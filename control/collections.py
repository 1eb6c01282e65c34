"""The control room's own collections. Those that all rooms read are declared in
weir.foundation.tenancy.directory.
"""

from weir.foundation.documents import Collection, Index
from weir.foundation.http.idempotency import REPEATS
from weir.foundation.tenancy.quotas import USED_UP

LINKS = Collection(
    "links",
    {"account": "str", "purpose": "str", "expires": "int"},
    (Index(("account", "purpose")), Index(("expires",))),
    tenant=False,
)
INSTALLATION = Collection("installation", {"hash": "str"}, (), tenant=False)
MEMBERS = Collection(
    "members",
    {"account": "str", "role": "str", "created": "int"},
    (Index(("account", "created")), Index(("app", "created"))),
)
INVITATIONS = Collection(
    "invitations",
    {"email": "str", "hash": "str", "mailed_hash": "str", "created": "int", "expires": "int"},
    (
        Index(("hash",), unique=True),
        Index(("mailed_hash",), unique=True),
        Index(("app", "created")),
        Index(("expires",)),
    ),
)
BROADCASTS = Collection(
    "broadcasts",
    {"stream": "str", "started": "int", "ended": "int"},
    (
        Index(("app", "stream", "started")),
        Index(("app", "started")),
        Index(("app", "stream", "ended", "started")),
    ),
)
USAGE = Collection(
    "usage",
    {"stream": "str", "day": "str", "web_batch": "str", "chat_batch": "str"},
    (Index(("app", "day")), Index(("stream", "day"), unique=True), Index(("day",))),
)
COLLECTIONS = (LINKS, INSTALLATION, MEMBERS, INVITATIONS, BROADCASTS, USAGE, REPEATS, USED_UP)
OF_AN_APP = (
    "credentials",
    "members",
    "invitations",
    "broadcasts",
    "usage",
    "revocations",
    "used_up",
    "audit",
    "streams",
)
"""What goes with an app, in this order."""
