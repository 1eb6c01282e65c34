"""A short cache of the documents that all rooms read: accounts, sign-ins, apps, credentials, streams,
recordings, revocations.

Only the control room writes them (recordings: media). After a write it publishes `DirectoryChanged` or
`Revoked`, and every process drops its copy. If that event is lost, a process answers from its old copy for
at most CACHE_S seconds.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from weir.foundation.clock import monotonic, now_ms
from weir.foundation.documents import Collection, D, OneOf, Store
from weir.foundation.events import DirectoryChanged, Event, Revoked
from weir.foundation.tenancy.collections import (
    ACCOUNTS,
    APPS,
    CREDENTIALS,
    RECORDINGS,
    REVOCATIONS,
    SIGN_INS,
    STREAMS,
    AccountDoc,
    AppDoc,
    CredentialDoc,
    RecordingDoc,
    StreamDoc,
)
from weir.foundation.tenancy.tokens import LEEWAY_S, LONGEST_TOKEN_S, SigningKey
from weir.foundation.vault import Vault

REMEMBERED_MS = (LONGEST_TOKEN_S + 2 * LEEWAY_S) * 1000
"""A withdrawal is kept until no token from before it can be good."""

CACHE_S = 4.0
CACHE_ENTRIES = 20_000
OVERLAY = "ovl_"
"""What the name of an overlay's link begins with: `ovl_<stream's id without prefix>.<a turn>`."""
ON_AIR = ("starting", "live", "interrupted")


def revocation_id(app: str, kind: str, subject: str) -> str:
    """The app is part of the id, because customers choose the names of sessions and users."""
    return f"{app}:{kind}:{subject}"


def stored_bytes(recording: RecordingDoc) -> int:
    """The size of all files of a recording; its MP4 alone for recordings from before all files were counted;
    the announced length of an upload until it is ready. A failed one counts nothing."""
    announced = recording.get("length") if recording["state"] in ("uploading", "processing") else 0
    return int(recording.get("bytes") or recording.get("size") or announced or 0)


class Directory:
    """Every answer is a document or None; callers must not change what they get."""

    def __init__(self, store: Store, vault: Vault, clock: Callable[[], float] = monotonic) -> None:
        self._all = store.operator()
        self._vault = vault
        self._clock = clock
        self._cache: OrderedDict[tuple[str, str], tuple[float, Any]] = OrderedDict()

    async def app(self, app_id: str) -> AppDoc | None:
        return await self._cached("apps", app_id, lambda: self._all.get(APPS, app_id))

    async def credential(self, key_id: str) -> CredentialDoc | None:
        return await self._cached("credentials", key_id, lambda: self._all.get(CREDENTIALS, key_id))

    async def stream(self, stream_id: str) -> StreamDoc | None:
        return await self._cached("streams", stream_id, lambda: self._all.get(STREAMS, stream_id))

    async def stream_by_playback(self, playback: str) -> StreamDoc | None:
        return await self._cached(
            "streams", playback, lambda: self._all.find_one(STREAMS, {"playback": playback})
        )

    async def stream_by_channel(self, channel: str) -> StreamDoc | None:
        return await self._cached(
            "streams", channel, lambda: self._all.find_one(STREAMS, {"channel": channel})
        )

    async def recording(self, recording_id: str) -> RecordingDoc | None:
        return await self._cached("recordings", recording_id, lambda: self._all.get(RECORDINGS, recording_id))

    async def recording_of(self, broadcast: str) -> RecordingDoc | None:
        """The newest finished recording of a broadcast."""

        async def read() -> RecordingDoc | None:
            found = await self._all.find(
                RECORDINGS,
                {"broadcast": broadcast, "state": "ready"},
                sort="started",
                descending=True,
                limit=1,
            )
            return found.data[0] if found.data else None

        return await self._cached("recordings", broadcast, read)

    async def stored_bytes(self, app_id: str) -> int:
        """The bytes of all recordings and uploads of an app, never from the cache; a running recording counts
        when it is finished."""
        return sum([stored_bytes(one) async for one in self._every(RECORDINGS, {"app": app_id})])

    async def live_streams(self) -> list[StreamDoc]:
        """Streams that are starting, live or within their grace now, never from the cache."""
        return [stream async for stream in self._every(STREAMS, {"state": OneOf(ON_AIR)})]

    async def _every(self, collection: Collection[D], where: Mapping[str, Any]) -> AsyncIterator[D]:
        cursor: str | None = None
        while True:
            page = await self._all.find(collection, where, limit=200, cursor=cursor)
            for doc in page.data:
                yield doc
            if page.next is None:
                return
            cursor = page.next

    async def account(self, account_id: str) -> AccountDoc | None:
        return await self._cached("accounts", account_id, lambda: self._all.get(ACCOUNTS, account_id))

    async def signed_in(self, account_id: str, family: str) -> bool:
        """Whether this sign-in of the account is valid. A new password begins the account's next era: all
        sign-ins end with that one write, whatever happens to their documents."""
        session = await self._cached("sign_ins", family, lambda: self._all.get(SIGN_INS, family))
        account = await self.account(account_id)
        if (
            session is None
            or account is None
            or session["account"] != account_id
            or session["expires"] <= now_ms()
        ):
            return False
        if session.get("era", 0) > account.get("era", 0):  # the copy is from before the new password
            self._cache.pop(("accounts", account_id), None)
            account = await self.account(account_id)
        return account is not None and bool(session.get("era", 0) == account.get("era", 0))

    async def signing_key(self, key_id: str) -> SigningKey | None:
        """A customer's key for user and playback tokens; the resolver of foundation.tokens."""
        doc = await self.credential(key_id)
        if doc is None or doc.get("revoked") or not doc["signing"]:
            return None
        expires = doc.get("expires")
        if expires and expires <= now_ms():
            return None
        symmetric = doc["algorithm"] == "HS256"
        key: Any = self._vault.open(doc["signing"], key_id).encode() if symmetric else doc["signing"]
        scopes = tuple(doc["scopes"]) if "scopes" in doc else None
        return SigningKey(doc["app"], doc["algorithm"], key, scopes, expires // 1000 if expires else None)

    async def still_valid(self, by: str, app: str, issued_s: float) -> bool:
        """False when what this credential made by then is void: the key was revoked; the overlay's link was
        replaced or deleted, or its stream was; the member was removed
        or got another role; the account got a new password. An expired key makes nothing more, and what it
        made stays valid."""
        if by.startswith("key_"):
            doc = await self.credential(by)
            return doc is not None and doc["app"] == app and not doc.get("revoked")
        if by.startswith(OVERLAY):
            stream = await self.stream(f"str_{by.removeprefix(OVERLAY).partition('.')[0]}")
            return stream is not None and stream["app"] == app and stream.get("overlay") == by
        account = await self.account(by)
        if account is not None and issued_s * 1000 < account.get("void", 0):
            return False
        return not await self._revoked(revocation_id(app, "member", by), issued_s)

    async def withdrawn(self, app: str, issued_s: float, **subjects: str | None) -> bool:
        """True when rights issued at `issued_s` have been withdrawn, from any of `session=…, user=…,
        stream=…`."""
        for kind, subject in subjects.items():
            if subject is not None and await self._revoked(revocation_id(app, kind, subject), issued_s):
                return True
        return False

    async def _revoked(self, key: str, issued_s: float) -> bool:
        doc = await self._cached("revocations", key, lambda: self._all.get(REVOCATIONS, key))
        return doc is not None and issued_s * 1000 < doc["before"]

    async def on_event(self, event: Event) -> None:
        """Drops what a fact makes old; give it to Bus.watch."""
        if isinstance(event, DirectoryChanged):
            self._drop(event.collection, event.key)
        elif isinstance(event, Revoked):
            self._cache.pop(("revocations", revocation_id(event.app, event.kind, event.subject)), None)

    def _drop(self, collection: str, key: str) -> None:
        for cached in [(where, name) for where, name in self._cache if where == collection]:
            doc = self._cache[cached][1]
            if cached[1] == key or (doc is not None and doc["id"] == key):
                del self._cache[cached]

    async def _cached(self, collection: str, key: str, read: Callable[[], Awaitable[D | None]]) -> D | None:
        held = self._cache.get((collection, key))
        if held is not None and held[0] > self._clock():
            found: D | None = held[1]
            return found
        doc = await read()
        self._cache[(collection, key)] = (self._clock() + CACHE_S, doc)
        self._cache.move_to_end((collection, key))
        while len(self._cache) > CACHE_ENTRIES:
            self._cache.popitem(last=False)
        return doc
