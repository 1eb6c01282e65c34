"""Streams: created, published to, interrupted, ended. Every change is a compare-and-set on the transition
number, with its facts in the same write.
"""

import asyncio
import contextlib
import hmac
from collections.abc import Mapping
from typing import Any, TypedDict, cast

import structlog
from prometheus_client import Counter, Gauge

from control.collections import BROADCASTS, FOLLOWERS, NOTICES
from control.models import shown_schedule
from control.streams import rules
from control.streams.rules import Publisher, Transition
from control.usage.publish_minutes import PublishMinutes
from weir.foundation.audit import Audit, By
from weir.foundation.clock import format_time, monotonic, now_ms, rfc3339
from weir.foundation.documents import Store
from weir.foundation.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded, Stale, Unavailable
from weir.foundation.events import DirectoryChanged, Event, MediaFailed, Playable, Revoked
from weir.foundation.ids import body, new_id, new_secret
from weir.foundation.ingest_client import SHARED_S, IngestClient
from weir.foundation.redis.bus import Bus, Relay
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import PROFILES, STREAMS, StreamDoc
from weir.foundation.tenancy.directory import ON_AIR, Directory
from weir.foundation.tenancy.quotas import Quotas
from weir.foundation.vault import Vault

STILL_AFTER_S = 2.0
SETTLED_AFTER_MS = 3_000
INGEST_LOST_MS = 10_000
TRIES = 5
STREAMS_ON_AIR = Gauge("weir_streams", "Streams on air, by state.", ["state"])
PUBLISHES = Counter("weir_publishes", "Publish attempts, by outcome.", ["outcome"])
log = structlog.get_logger("control.streams")


# What a stream's owner sets; rooms read them from the document. None means "as the installation has it".
DEFAULTS: dict[str, Any] = {
    "title": "",
    "description": "",
    "visibility": "public",
    "profile": None,
    "recording": None,
    "latency": "normal",
    "priority": "normal",
    "dvr_s": 0,
    "encrypted": False,
    "max_viewers": None,
    "reconnect_grace_s": None,
    "metadata": {},
    "category": "",
    "tags": [],
    "streamer": "",
    "avatar": "",
    "links": [],
    "schedule": [],
    "clips": True,
}


def public_view(stream: StreamDoc) -> dict[str, Any]:
    """A stream as its app sees it, without secrets."""
    return {
        "id": stream["id"],
        "playback_id": stream["playback"],
        "channel": stream["channel"],
        "state": stream["state"],
        "broadcast": stream.get("broadcast") if stream["state"] != "idle" else None,
        **{name: stream.get(name, default) for name, default in DEFAULTS.items()},
        "schedule": shown_schedule(stream.get("schedule", [])),
        "trouble": stream.get("trouble"),
        "sound_alone": stream.get("sound_alone", False),
        "live_since": format_time(stream.get("live_since")),
        "overlay": stream.get("overlay") is not None,
        "created": rfc3339(stream["created"]),
    }


def etag(stream: StreamDoc) -> str:
    return f'"{stream.get("revision") or 0}"'


class _StreamKey(TypedDict):
    key_hash: str
    key_sealed: str


class Streams:
    def __init__(
        self,
        minutes: PublishMinutes,
        audit: Audit,
        *,
        settings: Settings,
        vault: Vault,
        store: Store,
        bus: Bus,
        relay: Relay,
        directory: Directory,
        ingest: IngestClient,
        quotas: Quotas,
    ) -> None:
        self._settings = settings
        self._vault = vault
        self._store = store
        self._bus = bus
        self._relay = relay
        self._directory = directory
        self._ingest = ingest
        self._quotas = quotas
        self._audit = audit
        self._minutes = minutes
        self._all = store.operator()
        self._ingest_seen = now_ms()

    # -- verbs of the API

    async def create(
        self, app: str, fields: Mapping[str, Any], by: By, stream_id: str | None = None
    ) -> tuple[StreamDoc, str]:
        """A new stream and its key; with an id that exists already, that stream (a repeat). Errors:
        QuotaExceeded."""
        stream_id, secret = stream_id or new_id("str"), new_secret(32)
        given = {name: value for name, value in {**DEFAULTS, **fields}.items() if value is not None}
        doc: StreamDoc = {
            **cast(StreamDoc, given),
            "id": stream_id,
            "playback": new_id("ply"),
            "channel": new_id("chn"),
            "state": "idle",
            "transition": 0,
            "revision": 0,
            "created": now_ms(),
            **self._sealed(stream_id, secret),
        }
        handle = self._store.app(app)
        if await handle.get(STREAMS, stream_id) is not None:
            return await self.get(app, stream_id), await self.key(app, stream_id)
        noted = self._audit.entry(app, by, "stream.created", stream_id, None, doc)
        async with self._quotas.room_for(app, "streams", lambda: handle.count(STREAMS)):
            stored = await handle.insert(STREAMS, doc, emit=[noted])
        await self._audit.write(noted, "streams", stream_id)
        await self._changed(stored)
        return stored, self._key(stored, secret)

    async def check_profile(self, app: str, profile: str | None) -> None:
        """Errors: Invalid for a profile that the app does not have, another app's too."""
        if profile is not None and await self._store.app(app).get(PROFILES, profile) is None:
            raise Invalid(
                "profile: there is no such profile.",
                fields=[{"field": "profile", "detail": "there is no such profile"}],
            )

    async def update(self, stream: StreamDoc, fields: Mapping[str, Any], by: By) -> StreamDoc:
        """Changes settings; media uses them from the next broadcast on. Errors: Stale when another change
        came first."""
        revision = stream.get("revision")
        changes = {**fields, "revision": (revision or 0) + 1}
        noted = self._audit.entry(
            stream["app"], by, "stream.updated", stream["id"], stream, {**stream, **changes}
        )
        after = await self._store.app(stream["app"]).update(
            STREAMS, stream["id"], set=changes, expect={"revision": revision}, emit=[noted]
        )
        if after is None:
            raise Stale("This has been changed at the same moment; read it again.")
        await self._audit.write(noted, "streams", stream["id"])
        await self._changed(after)
        return after

    async def delete(self, stream: StreamDoc, by: By) -> None:
        """Errors: Conflict while it is on air."""
        handle = self._store.app(stream["app"])
        async with self._audit.before_it(stream["app"], by, "stream.deleted", stream["id"], stream):
            if stream["state"] != "idle" or not await handle.delete(
                STREAMS, {"id": stream["id"], "state": "idle"}
            ):
                raise Conflict("This stream is on air; end it first.")
        for theirs in (BROADCASTS, FOLLOWERS, NOTICES):
            await handle.delete(theirs, {"stream": stream["id"]})
        await self._changed(stream)
        await self._end_overlays(stream)

    async def _end_overlays(self, stream: StreamDoc) -> None:
        """Ends their connections. If this is lost, they end with their tokens: none is renewed any more."""
        overlay = stream.get("overlay")
        if overlay is not None:
            ended = Revoked(app=stream["app"], kind="key", subject=overlay, before=now_ms() + 1000)
            with contextlib.suppress(Unavailable):
                await self._bus.publish(ended)

    async def get(self, app: str, stream_id: str) -> StreamDoc:
        """Errors: NotFound, for another app's stream too."""
        found = await self._store.app(app).get(STREAMS, stream_id)
        if found is None:
            raise NotFound("There is no such stream.")
        return found

    async def key(self, app: str, stream_id: str) -> str:
        """The stream key, decrypted for its owner."""
        doc = await self.get(app, stream_id)
        return self._key(doc, self._vault.open(doc["key_sealed"], stream_id))

    async def rotate_key(self, app: str, stream_id: str, by: By, cut: bool = False) -> tuple[str, bool]:
        """(new key, whether a publisher was disconnected). The old key is refused for new publishes at once;
        a running publish continues unless `cut`. Errors: NotFound; Unavailable when it has to be cut and
        the ingest does not answer."""
        await self.get(app, stream_id)
        secret, noted = new_secret(32), self._audit.entry(app, by, "stream.key_rotated", stream_id)
        doc = await self._store.app(app).update(
            STREAMS, stream_id, set=self._sealed(stream_id, secret), emit=[noted]
        )
        if doc is None:
            raise NotFound("There is no such stream.")
        await self._audit.write(noted, "streams", stream_id)
        await self._changed(doc)
        return self._key(doc, secret), cut and await self._ingest.drop_publisher(doc["playback"])

    async def disconnect(self, app: str, stream_id: str, by: By) -> bool:
        """Disconnects the present publisher; True when there was one."""
        playback = (await self.get(app, stream_id))["playback"]
        async with self._audit.before_it(app, by, "stream.disconnected", stream_id):
            return await self._ingest.drop_publisher(playback)

    def _sealed(self, stream_id: str, secret: str) -> _StreamKey:
        return {
            "key_hash": self._vault.lookup_hash(secret),
            "key_sealed": self._vault.seal(secret, stream_id),
        }

    def _key(self, doc: StreamDoc, secret: str) -> str:
        return f"{body(doc['app'])}_{body(doc['id'])}_{secret}"

    async def _changed(self, doc: StreamDoc) -> None:
        fact = DirectoryChanged(app=doc["app"], collection="streams", key=doc["id"])
        await self._directory.on_event(fact)
        try:
            await self._bus.publish(fact)
        except Unavailable:
            log.warning(
                "directory.not_told", stream=doc["id"]
            )  # caches forget by themselves after a few seconds

    async def complete(self, stream: StreamDoc, by: By) -> StreamDoc:
        """Ends the broadcast and disconnects its encoder. A new connection starts another broadcast. Errors:
        Conflict when nothing is on air."""
        for _ in range(TRIES):
            change = rules.complete(stream, now_ms())
            if change is None:
                raise Conflict("This stream is not on air.")
            async with self._audit.before_it(stream["app"], by, "stream.completed", stream["id"]):
                done = await self._apply(stream, change)
            if done is not None:
                log.info("broadcast.completed", stream=done["id"], broadcast=done["broadcast"])
                with contextlib.suppress(Unavailable):  # its next update hook ends it
                    await self._ingest.drop_publisher(done["playback"])
                return done
            stream = await self.get(stream["app"], stream["id"])
        raise Unavailable("The stream is changing too fast; try again.")

    # -- verbs of the ingest

    async def publish(self, name: str, publisher: Publisher) -> StreamDoc:
        """Admits an encoder and returns its stream. Errors: Forbidden (wrong key), Conflict (another encoder
        is live)."""
        stream = await self._by_key(name)
        await self._check_open(stream["app"])
        await self._minutes.check_publish(stream["app"])
        present = rules.publisher_of(stream)
        if (
            present is not None
            and present != publisher
            and present.boot == publisher.boot
            and await self._bytes_flow(stream["playback"])
        ):
            raise Conflict("Another encoder is publishing with this key.")
        if present is not None:
            await self._drop_dead(stream["playback"])
        broadcast = new_id("brd")
        for _ in range(TRIES):
            done = await self._apply(stream, rules.publish(stream, publisher, broadcast, now_ms()))
            if done is not None:
                log.info(
                    "publish.accepted",
                    stream=done["id"],
                    broadcast=done["broadcast"],
                    generation=done["generation"],
                )
                return done
            stream = await self._by_key(name)
            if rules.publisher_of(stream) not in (None, present):
                raise Conflict("Another encoder is publishing with this key.")
        raise Unavailable("The stream is changing too fast; try again.")

    async def _check_open(self, app_id: str) -> None:
        """Errors: Forbidden for an app that is archived, suspended or being deleted."""
        app = await self._directory.app(app_id)
        if app is not None and app.get("state", "active") != "active":
            raise Forbidden(f"This app is {app['state']}.")

    async def _by_key(self, name: str) -> StreamDoc:
        key = rules.parse_stream_key(name)
        stream = await self._store.app(key.app).get(STREAMS, key.stream) if key else None
        wanted = stream["key_hash"] if stream else ""
        if (
            key is None
            or stream is None
            or not hmac.compare_digest(self._vault.lookup_hash(key.secret), wanted)
        ):
            raise Forbidden("This stream key is not valid.")
        return stream

    async def _bytes_flow(self, playback: str) -> bool:
        """True as soon as the present publisher's byte count grows; False when it has not grown for 2 s or
        the publisher has left."""
        first: int | None = None
        deadline = monotonic() + STILL_AFTER_S
        while True:
            seen = (await self._ingest.published()).get(playback)
            if seen is None:
                return False
            if first is not None and seen.bytes_in > first:
                return True
            first = seen.bytes_in if first is None else first
            if monotonic() > deadline:
                return False
            await asyncio.sleep(0.2)

    async def _drop_dead(self, playback: str) -> None:
        try:
            await self._ingest.drop_publisher(playback)
        except Unavailable:
            log.warning("publisher.not_dropped", playback=playback)

    async def publisher_left(self, name: str, publisher: Publisher) -> None:
        """The encoder disconnected. A report about another than the present publisher changes nothing (a
        refused second publisher is reported under the same name)."""
        key = rules.parse_stream_key(name)
        stream = await self._all.get(STREAMS, key.stream) if key else None
        while stream is not None and rules.publisher_of(stream) == publisher:
            if await self._apply(stream, rules.publisher_left(stream, now_ms())):
                await self._minutes.measure(stream, now_ms())
                log.info("publish.done", stream=stream["id"])
                return
            stream = await self._all.get(STREAMS, stream["id"])

    async def may_continue(self, name: str, publisher: Publisher) -> bool:
        """False for a publisher that has been replaced, whose stream was deleted, or whose app was closed."""
        key = rules.parse_stream_key(name)
        stream = await self._all.get(STREAMS, key.stream) if key else None
        if stream is None or rules.publisher_of(stream) != publisher:
            return False
        try:
            await self._check_open(stream["app"])
            await self._minutes.check_publish(stream["app"])
        except (Forbidden, QuotaExceeded):
            return False
        return True

    # -- facts and time

    async def on_event(self, event: Event) -> None:
        """Handles facts from media."""
        if not isinstance(event, Playable | MediaFailed):
            return
        for _ in range(TRIES):
            stream = await self._all.get(STREAMS, event.stream)
            if stream is None:
                return
            if isinstance(event, Playable):
                change = rules.playable(
                    stream, event.broadcast, event.generation, now_ms(), event.sound_alone
                )
            else:
                change = rules.failed(
                    stream, event.broadcast, event.generation, event.reason, now_ms(), event.silent
                )
            if change is None:
                return
            if await self._apply(stream, change):
                if isinstance(event, MediaFailed) and event.flooded:
                    await self._drop_dead(stream["playback"])
                return
        raise Unavailable("The stream is changing too fast.")

    async def end_overdue(self) -> None:
        """Ends broadcasts whose grace has expired."""
        on_air = await self._directory.live_streams()
        for state in ON_AIR:
            STREAMS_ON_AIR.labels(state).set(sum(stream["state"] == state for stream in on_air))
        for stream in on_air:
            own = stream.get("reconnect_grace_s")
            grace_s = self._settings.reconnect_grace_s if own is None else own
            change = rules.grace_over(stream, int(grace_s * 1000), now_ms())
            if change is not None and await self._apply(stream, change):
                log.info("broadcast.ended", stream=stream["id"], broadcast=stream["broadcast"])

    def release(self) -> None:
        """Sets the metrics of this process to zero: another process runs `end_overdue` now."""
        for state in ON_AIR:
            STREAMS_ON_AIR.labels(state).set(0)

    async def reconcile(self) -> None:
        """Follows the ingest's own list where it differs from the documents: a killed nginx sends no hook."""
        try:
            present = set(await self._ingest.published(SHARED_S))
            self._ingest_seen = now_ms()
        except Unavailable:
            if now_ms() - self._ingest_seen < INGEST_LOST_MS:
                return
            present = set()
        for stream in await self._directory.live_streams():
            ingest = stream.get("ingest")
            if ingest and stream["playback"] not in present and now_ms() - ingest["since"] > SETTLED_AFTER_MS:
                log.warning("publish.vanished", stream=stream["id"])
                await self._apply(stream, rules.publisher_left(stream, now_ms()))

    async def _apply(self, stream: StreamDoc, change: Transition) -> StreamDoc | None:
        """Writes the transition and its facts in one step; None when another change came first."""
        done = await self._all.update(
            STREAMS, stream["id"], set=change.set, expect=change.expect, emit=change.tell
        )
        if done is not None:
            self._relay.nudge()
            await self._changed(done)
        return done
