"""Streams: created, published to, interrupted, ended. Every change is a compare-and-set on the transition number, with
the facts it tells in the same write."""

import asyncio
import hmac
from typing import Any

import structlog

from control import policies
from control.policies import Change, Publisher
from weir.foundation.clock import monotonic, now_ms, rfc3339, shown_time
from weir.foundation.documents import Doc
from weir.foundation.errors import Conflict, Forbidden, NotFound, Unavailable
from weir.foundation.events import DirectoryChanged, Event, MediaFailed, Playable
from weir.foundation.ground import Ground
from weir.foundation.ids import body, new_id, new_secret

STILL_AFTER_S = 2.0
SETTLED_AFTER_MS = 3_000
INGEST_LOST_MS = 10_000
TRIES = 5
log = structlog.get_logger("streams")


def public_view(stream: Doc) -> dict[str, Any]:
    """A stream as its app sees it, without any secret."""
    return {
        "id": stream["id"], "title": stream["title"], "playback_id": stream["playback"], "channel": stream["channel"],
        "state": stream["state"], "broadcast": stream.get("broadcast") if stream["state"] != "idle" else None,
        "visibility": stream["visibility"], "live_since": shown_time(stream.get("live_since")), "created": rfc3339(stream["created"]),
    }  # fmt: skip


class Streams:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._all = ground.store.operator()
        self._ingest_seen = now_ms()

    # -- verbs of the API

    async def create(self, app: str, title: str, visibility: str = "public") -> tuple[Doc, str]:
        """A new stream and its key."""
        stream_id, secret = new_id("str"), new_secret(32)
        doc = {
            "id": stream_id, "title": title, "visibility": visibility, "playback": new_id("ply"), "channel": new_id("chn"),
            "state": "idle", "transition": 0, "created": now_ms(), **self._sealed(stream_id, secret),
        }  # fmt: skip
        stored = await self._ground.store.app(app).insert("streams", doc)
        await self._changed(stored)
        return stored, self._key(stored, secret)

    async def get(self, app: str, stream_id: str) -> Doc:
        """Errors: NotFound, for another app's stream too."""
        found = await self._ground.store.app(app).get("streams", stream_id)
        if found is None:
            raise NotFound("There is no such stream.")
        return found

    async def key(self, app: str, stream_id: str) -> str:
        """The stream key, readable again for its owner."""
        doc = await self.get(app, stream_id)
        return self._key(doc, self._ground.vault.open(doc["key_sealed"], stream_id))

    async def rotate_key(self, app: str, stream_id: str) -> str:
        """A new key; the old one is dead for new publishes at once, a running one goes on."""
        await self.get(app, stream_id)
        secret = new_secret(32)
        doc = await self._ground.store.app(app).update("streams", stream_id, set=self._sealed(stream_id, secret))
        assert doc is not None
        await self._changed(doc)
        return self._key(doc, secret)

    async def disconnect(self, app: str, stream_id: str) -> bool:
        """Drops the present publisher; True when there was one."""
        return await self._ground.ingest.drop_publisher((await self.get(app, stream_id))["playback"])

    def _sealed(self, stream_id: str, secret: str) -> dict[str, str]:
        return {"key_hash": self._ground.vault.lookup_hash(secret), "key_sealed": self._ground.vault.seal(secret, stream_id)}

    def _key(self, doc: Doc, secret: str) -> str:
        return f"{body(doc['app'])}_{body(doc['id'])}_{secret}"

    async def _changed(self, doc: Doc) -> None:
        try:
            await self._ground.bus.publish(DirectoryChanged(app=doc["app"], collection="streams", key=doc["id"]))
        except Unavailable:
            log.warning("directory.not_told", stream=doc["id"])  # caches forget by themselves after a few seconds

    # -- verbs of the ingest

    async def publish(self, name: str, publisher: Publisher) -> str:
        """Lets an encoder in and returns the public name. Errors: Forbidden (wrong key), Conflict (somebody is live)."""
        stream = await self._by_key(name)
        present = policies.publisher_of(stream)
        if present is not None and present != publisher and present.boot == publisher.boot and await self._bytes_flow(stream["playback"]):
            raise Conflict("Somebody is publishing with this key already.")
        if present is not None:
            await self._drop_dead(stream["playback"])
        broadcast = new_id("brd")
        for _ in range(TRIES):
            done = await self._apply(stream, policies.publish(stream, publisher, broadcast, now_ms()))
            if done is not None:
                log.info("publish.accepted", stream=done["id"], broadcast=done["broadcast"], generation=done["generation"])
                return str(done["playback"])
            stream = await self._by_key(name)
            if policies.publisher_of(stream) not in (None, present):
                raise Conflict("Somebody is publishing with this key already.")
        raise Unavailable("The stream is changing too fast; try again.")

    async def _by_key(self, name: str) -> Doc:
        key = policies.parse_stream_key(name)
        stream = await self._ground.store.app(key.app).get("streams", key.stream) if key else None
        wanted = stream["key_hash"] if stream else ""
        if key is None or stream is None or not hmac.compare_digest(self._ground.vault.lookup_hash(key.secret), wanted):
            raise Forbidden("This stream key is not valid.")
        return stream

    async def _bytes_flow(self, playback: str) -> bool:
        """True as soon as the present publisher's byte count grows; False when it stands still for 2 s or it is gone."""
        first: int | None = None
        deadline = monotonic() + STILL_AFTER_S
        while True:
            seen = (await self._ground.ingest.published()).get(playback)
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
            await self._ground.ingest.drop_publisher(playback)
        except Unavailable:
            log.warning("publisher.not_dropped", playback=playback)

    async def gone(self, name: str, publisher: Publisher) -> None:
        """The encoder has left. A report about anybody but the present publisher changes nothing (a refused second
        publisher is reported under the same name)."""
        key = policies.parse_stream_key(name)
        stream = await self._all.get("streams", key.stream) if key else None
        while stream is not None and policies.publisher_of(stream) == publisher:
            if await self._apply(stream, policies.gone(stream, now_ms())):
                log.info("publish.done", stream=stream["id"])
                return
            stream = await self._all.get("streams", stream["id"])

    async def may_go_on(self, name: str, publisher: Publisher) -> bool:
        """False for a publisher that has been replaced or whose stream has been deleted."""
        key = policies.parse_stream_key(name)
        stream = await self._all.get("streams", key.stream) if key else None
        return stream is not None and policies.publisher_of(stream) == publisher

    # -- facts and time

    async def heard(self, event: Event) -> None:
        """Facts from media."""
        if not isinstance(event, Playable | MediaFailed):
            return
        for _ in range(TRIES):
            stream = await self._all.get("streams", event.stream)
            if stream is None:
                return
            if isinstance(event, Playable):
                change = policies.playable(stream, event.broadcast, event.generation, now_ms())
            else:
                change = policies.failed(stream, event.broadcast, event.generation, event.reason, now_ms())
            if change is None or await self._apply(stream, change):
                return
        raise Unavailable("The stream is changing too fast.")

    async def end_overdue(self) -> None:
        """Ends broadcasts whose grace is over."""
        grace_ms = int(self._ground.settings.reconnect_grace_s * 1000)
        for stream in await self._ground.directory.live_streams():
            change = policies.grace_over(stream, grace_ms, now_ms())
            if change is not None and await self._apply(stream, change):
                log.info("broadcast.ended", stream=stream["id"], broadcast=stream["broadcast"])

    async def reconcile(self) -> None:
        """Believes the ingest's own list where it disagrees with us: a killed nginx sends no hook."""
        try:
            present = set(await self._ground.ingest.published())
            self._ingest_seen = now_ms()
        except Unavailable:
            if now_ms() - self._ingest_seen < INGEST_LOST_MS:
                return
            present = set()
        for stream in await self._ground.directory.live_streams():
            ingest = stream.get("ingest")
            if ingest and stream["playback"] not in present and now_ms() - ingest["since"] > SETTLED_AFTER_MS:
                log.warning("publish.vanished", stream=stream["id"])
                await self._apply(stream, policies.gone(stream, now_ms()))

    async def _apply(self, stream: Doc, change: Change) -> Doc | None:
        """Writes the change and its facts in one step; None when somebody was faster."""
        done = await self._all.update("streams", stream["id"], set=change.set, expect=change.expect, emit=change.tell)
        if done is not None:
            self._ground.relay.nudge()
            await self._changed(done)
        return done
