"""The control room's own collections. Those that all rooms read are declared in weir.foundation.directory."""

from weir.foundation.documents import Collection, Index
from weir.foundation.idempotency import REPEATS

ACCOUNTS = Collection("accounts", {"email": "str", "created": "int"}, (Index(("email",), unique=True),), tenant=False)
SIGN_INS = Collection("sign_ins", {"account": "str", "expires": "int"}, (Index(("account",)), Index(("expires",))), tenant=False)
INSTALLATION = Collection("installation", {}, (), tenant=False)
USAGE = Collection("usage", {"stream": "str", "day": "str"}, (Index(("app", "day")), Index(("stream", "day"), unique=True)))
COLLECTIONS = (ACCOUNTS, SIGN_INS, INSTALLATION, USAGE, REPEATS)
