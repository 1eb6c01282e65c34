"""The link of a stream's overlays, and sessions that are opened with it."""

import hmac
from collections.abc import Mapping
from typing import Any

from control.playback.watch_sessions import WatchSessions
from weir.foundation.audit import Audit, By
from weir.foundation.clock import now_ms
from weir.foundation.documents import Store
from weir.foundation.errors import NotFound, Unauthenticated
from weir.foundation.events import DirectoryChanged, Revoked
from weir.foundation.ids import body, new_secret
from weir.foundation.redis.bus import Relay
from weir.foundation.tenancy.collections import STREAMS, StreamDoc
from weir.foundation.tenancy.directory import OVERLAY, Directory
from weir.foundation.tenancy.playback_rights import PlaybackRights
from weir.foundation.tenancy.tokens import Tokens
from weir.foundation.vault import Vault

TOKEN_S = 600
ENDED = "This overlay's link has been replaced or deleted; ask the stream's owner for another."


class Overlays:
    def __init__(
        self,
        audit: Audit,
        watch: WatchSessions,
        rights: PlaybackRights,
        *,
        vault: Vault,
        tokens: Tokens,
        store: Store,
        relay: Relay,
        directory: Directory,
    ) -> None:
        self._audit = audit
        self._watch = watch
        self._rights = rights
        self._vault = vault
        self._tokens = tokens
        self._store = store
        self._relay = relay
        self._directory = directory

    async def make(self, stream: StreamDoc, by: By) -> str:
        """A new key, shown only here; the one before has ended. Errors: NotFound."""
        key = f"{body(stream['id'])}_{new_secret(32)}"
        named = {
            "overlay": f"{OVERLAY}{body(stream['id'])}.{new_secret(10)}",
            "overlay_hash": self._vault.lookup_hash(key),
        }
        await self._change(stream, named, by, "stream.overlay_made")
        return key

    async def end(self, stream: StreamDoc, by: By) -> None:
        """Errors: NotFound when there is none."""
        if stream.get("overlay") is None:
            raise NotFound("This stream has no link for overlays.")
        await self._change(stream, {"overlay": None, "overlay_hash": None}, by, "stream.overlay_deleted")

    async def _change(self, stream: StreamDoc, named: Mapping[str, Any], by: By, action: str) -> None:
        """What ends connections of the old key is in the same write, so it can't be lost."""
        app, old = stream["app"], stream.get("overlay")
        noted = self._audit.entry(app, by, action, stream["id"])
        changed = DirectoryChanged(app=app, collection=STREAMS.name, key=stream["id"])
        ended = [Revoked(app=app, kind="key", subject=old, before=now_ms() + 1000)] if old else []
        after = await self._store.app(app).update(
            STREAMS, stream["id"], set=named, emit=[noted, changed, *ended]
        )
        if after is None:
            raise NotFound("There is no such stream.")
        await self._directory.on_event(changed)
        self._relay.nudge()
        await self._audit.write(noted, STREAMS.name, stream["id"])

    async def session(self, key: str) -> tuple[StreamDoc, dict[str, Any]]:
        """The stream, and what its overlay needs. Errors: Unauthenticated for a key that is not the present
        one of a stream that is served."""
        named, _, _ = key.partition("_")
        stream = await self._directory.stream(f"str_{named}")
        wanted = (stream.get("overlay_hash") if stream else None) or ""
        fits = hmac.compare_digest(self._vault.lookup_hash(key), wanted)
        if stream is None or not fits or not await self._rights.is_served(stream):
            raise Unauthenticated(ENDED)
        channel, overlay = stream["channel"], stream["overlay"]
        token = self._tokens.mint(
            "weir:user",
            TOKEN_S,
            sub=overlay,
            by=overlay,
            app=stream["app"],
            name="Overlay",
            roles={channel: "guest"},
            channel=channel,
            overlay=True,
        )
        told = {"channel": channel, "user_token": token, "expires_in": TOKEN_S}
        return stream, {"stream": self._watch.view(stream), **told}
