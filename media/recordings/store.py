"""Recordings, and uploaded videos among them, as documents: `recording | uploading → processing → ready |
failed`, each step a compare-and-set with its fact in the same write.

Fields: `stream playback channel broadcast generation title state transition started ended duration_s size
width height heights sprite bytes reason attempts stored` (`local | s3`); times in ms, `size` of the MP4,
`bytes` of all files, `heights` of the renditions. Those with `source: upload` have no broadcast but
`length` (bytes), `expires`, `metadata`, `user`, `progress` (percent), `code`. [store]
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from weir.foundation.clock import now_ms
from weir.foundation.documents import Between, DuplicateKey, OneOf, Page, Store
from weir.foundation.errors import Unavailable
from weir.foundation.events import (
    AuditNoted,
    DirectoryChanged,
    Event,
    RecordingFailed,
    RecordingReady,
    RecordingStarted,
    RecordingStopped,
    StreamEvent,
    VodFailed,
    VodProgress,
    VodReady,
)
from weir.foundation.http.listing import Searched
from weir.foundation.ids import derived_id
from weir.foundation.redis.bus import Bus, Relay
from weir.foundation.tenancy.collections import RECORDINGS, RecordingDoc

UPLOAD: Literal["upload"] = "upload"
NOTED = "noted"
"""The field with an app's metadata; an upload's `metadata` are those of the tus protocol."""


@dataclass(frozen=True)
class FinishedRecording:
    """Results of a finished recording. `size` of the MP4, `bytes` of all its files; `heights` of the
    renditions, highest first; `sprite`: previews exist."""

    duration_s: float
    size: int
    width: int
    height: int
    heights: tuple[int, ...]
    sprite: bool
    bytes: int


class RecordingStore:
    """Errors of all verbs: Unavailable."""

    def __init__(self, store: Store, bus: Bus, relay: Relay) -> None:
        self._store = store
        self._all = store.operator()
        self._bus = bus
        self._relay = relay

    async def create(self, recording: str, fact: StreamEvent, title: str, note: Sequence[Event] = ()) -> None:
        """`note` are facts to store in the same write. Safe to repeat."""
        doc: RecordingDoc = {
            "id": recording,
            "stream": fact.stream,
            "playback": fact.playback,
            "channel": fact.channel,
            "broadcast": fact.broadcast,
            "generation": fact.generation,
            "title": title,
            "state": "recording",
            "transition": 0,
            "started": now_ms(),
            "attempts": 0,
        }
        if await self._all.get(RECORDINGS, recording) is None:
            await self._store.app(fact.app).insert(
                RECORDINGS, doc, emit=[_told(RecordingStarted, {**doc, "app": fact.app}), *note]
            )
            self._relay.nudge()

    async def expect(
        self, app: str, video: str, about: Mapping[str, Any], note: Sequence[Event] = ()
    ) -> RecordingDoc:
        """Creates a video that will be uploaded. Safe to repeat."""
        given = {name: value for name, value in about.items() if value is not None}
        doc: RecordingDoc = {
            "id": video,
            "source": UPLOAD,
            "state": "uploading",
            "transition": 0,
            "started": now_ms(),
            "attempts": 0,
            "progress": None,
            **cast(RecordingDoc, given),
        }
        with contextlib.suppress(DuplicateKey):
            return await self._store.app(app).insert(RECORDINGS, doc, emit=note)
        found = await self.get(app, video)
        assert found is not None
        return found

    async def unfinished(self, app: str) -> list[RecordingDoc]:
        """Incomplete uploads of an app."""
        return (await self._store.app(app).find(RECORDINGS, {"state": "uploading"}, limit=1000)).data

    async def started_by_user(self, app: str, user: str, since: int) -> list[RecordingDoc]:
        """Uploads that a user has started since then, in any state; deleted ones do not count."""
        where = {"user": user, "started": Between(since, None)}
        return (await self._store.app(app).find(RECORDINGS, where, limit=1000)).data

    async def prolong(self, doc: RecordingDoc, expires: int) -> None:
        await self._all.update(RECORDINGS, doc["id"], set={"expires": expires})

    async def mark_arrived(self, doc: RecordingDoc) -> RecordingDoc | None:
        """The upload is complete; None when that was known."""
        return await self._to(doc, "processing", {"ended": now_ms()})

    async def progress(self, doc: RecordingDoc, percent: int | None, done_s: float) -> bool:
        """False when the video is gone."""
        if await self._all.update(RECORDINGS, doc["id"], set={"progress": percent}) is None:
            return False
        with contextlib.suppress(Unavailable):  # the next one comes in two seconds
            await self._bus.publish(VodProgress(**_of_video(doc), percent=percent, done_s=round(done_s, 1)))
        return True

    async def hold(self, doc: RecordingDoc, held: bool) -> None:
        """Whether live streams need the machine now."""
        with contextlib.suppress(Unavailable):  # it is shown, nothing depends on it
            await self._all.update(RECORDINGS, doc["id"], set={"held": held})

    async def waiting(self, *docs: RecordingDoc) -> dict[str, int]:
        """How many uploads are processed before each of these that waits, in the transcoder's order."""
        if not any(_in_line(doc) for doc in docs):
            return {}
        line = [doc for doc in await self.in_states("processing") if doc.get("source") == UPLOAD]
        begun = [doc["id"] for doc in line if not _in_line(doc)]
        order = begun + [doc["id"] for doc in line if _in_line(doc)]
        wanted = {doc["id"] for doc in docs if _in_line(doc)}
        return {video: place for place, video in enumerate(order) if video in wanted}

    async def refused(self, doc: RecordingDoc, code: Any, reason: str) -> bool:
        """False when another change came first: the video may be ready by now."""
        event = VodFailed(
            id=derived_id("evt", doc["id"], "failed"), **_of_video(doc), code=code, reason=reason
        )
        failed = {"code": code, "reason": reason, "progress": None, "held": False}
        return await self._to(doc, "failed", failed, [event]) is not None

    async def get(self, app: str, recording: str) -> RecordingDoc | None:
        return await self._store.app(app).get(RECORDINGS, recording)

    async def page(self, app: str, asked: Searched) -> Page[RecordingDoc]:
        """Errors: Invalid for a foreign cursor."""
        where = {**asked.where("stream", "state"), "started": asked.span()}
        return await self._store.app(app).find(
            RECORDINGS,
            where,
            sort="started",
            descending=asked.descending,
            limit=asked.limit,
            cursor=asked.cursor,
            sieve=asked.sieve("title", noted_in=NOTED),
        )

    async def of_broadcast(self, broadcast: str) -> list[RecordingDoc]:
        """Oldest first."""
        return (await self._all.find(RECORDINGS, {"broadcast": broadcast}, sort="started", limit=200)).data

    async def in_states(self, *states: str) -> list[RecordingDoc]:
        return (await self._all.find(RECORDINGS, {"state": OneOf(states)}, limit=1000)).data

    async def started_before(self, before_ms: int) -> list[RecordingDoc]:
        """Finished recordings (no uploads), oldest first, up to 200."""
        page = await self._all.find(RECORDINGS, {"state": OneOf(["ready", "failed"])}, limit=200)
        return [doc for doc in page.data if doc["started"] < before_ms and doc.get("source") != UPLOAD]

    async def to_be_moved(self) -> list[RecordingDoc]:
        """Finished ones whose files are still in the data folder, up to 200."""
        return (await self._all.find(RECORDINGS, {"state": "ready", "stored": "local"}, limit=200)).data

    async def mark_moved(self, doc: RecordingDoc) -> bool:
        """Its files are in the bucket; False when it was deleted meanwhile."""
        return await self._to(doc, "ready", {"stored": "s3"}) is not None

    async def change(
        self, doc: RecordingDoc, fields: Mapping[str, Any], note: AuditNoted
    ) -> RecordingDoc | None:
        """None when another change came first."""
        revision = doc.get("revision")
        done = await self._all.update(
            RECORDINGS,
            doc["id"],
            set={**fields, "revision": (revision or 0) + 1},
            expect={"revision": revision},
            emit=[note, _changed(doc)],
        )
        self._relay.nudge()
        return done

    async def stop(self, doc: RecordingDoc, ended: int) -> RecordingDoc | None:
        """Its segments are complete, the last one up to `ended`; None when it had been stopped already."""
        return await self._to(doc, "processing", {"ended": ended})

    async def request_stop(self, doc: RecordingDoc, note: Sequence[Event] = ()) -> None:
        """Asks the worker that records to stop."""
        await self._all.update(
            RECORDINGS, doc["id"], set={"asked": now_ms()}, emit=[_told(RecordingStopped, doc), *note]
        )
        self._relay.nudge()

    async def mark_ready(self, doc: RecordingDoc, made: FinishedRecording) -> None:
        about: dict[str, Any] = {"duration_s": round(made.duration_s, 3), "size": made.size}
        if doc.get("source") == UPLOAD:
            event: Event = VodReady(id=derived_id("evt", doc["id"], "ready"), **_of_video(doc), **about)
        else:
            event = _told(RecordingReady, doc, **about)
        shown = {
            "duration_s": made.duration_s,
            "size": made.size,
            "width": made.width,
            "height": made.height,
            "heights": list(made.heights),
            "sprite": made.sprite,
            "bytes": made.bytes,
            "stored": "local",
            "held": False,
        }
        await self._to(doc, "ready", shown, [event])

    async def mark_failed(self, doc: RecordingDoc, reason: str) -> None:
        await self._to(doc, "failed", {"reason": reason}, [_told(RecordingFailed, doc, reason=reason)])

    async def count_attempt(self, doc: RecordingDoc) -> int:
        """Counts an attempt at finishing; returns the number of attempts so far."""
        found = await self._all.update(RECORDINGS, doc["id"], inc={"attempts": 1})
        return int(found["attempts"]) if found else 0

    async def forget(self, doc: RecordingDoc) -> bool:
        """Deletes an incomplete upload; False when it is complete or gone."""
        return await self._all.delete(RECORDINGS, {"id": doc["id"], "state": "uploading"}) == 1

    async def remove(self, doc: RecordingDoc) -> None:
        await self._all.delete(RECORDINGS, {"id": doc["id"]})
        with contextlib.suppress(Unavailable):  # caches forget by themselves after a few seconds
            await self._bus.publish(_changed(doc))

    async def _to(
        self, doc: RecordingDoc, state: str, shown: dict[str, Any], tell: Sequence[Event] = ()
    ) -> RecordingDoc | None:
        done = await self._all.update(
            RECORDINGS,
            doc["id"],
            set={**shown, "state": state, "transition": doc["transition"] + 1},
            expect={"transition": doc["transition"]},
            emit=[*tell, _changed(doc)],
        )
        self._relay.nudge()
        return done


def _in_line(doc: RecordingDoc) -> bool:
    """An upload that has arrived and is not begun."""
    return doc.get("source") == UPLOAD and doc["state"] == "processing" and doc.get("progress") is None


def _of_video(doc: RecordingDoc) -> dict[str, Any]:
    return {"app": doc["app"], "vod": doc["id"], "stream": doc.get("stream"), "user": doc.get("user")}


def _changed(doc: RecordingDoc) -> DirectoryChanged:
    return DirectoryChanged(app=doc["app"], collection=RECORDINGS.name, key=doc["id"])


def _told(kind: type[Any], doc: RecordingDoc, **more: Any) -> Event:
    """The id is derived, so that the same fact published twice is one event."""
    about = {name: doc[name] for name in ("app", "stream", "playback", "channel", "broadcast", "generation")}
    event: Event = kind(id=derived_id("evt", doc["id"], kind.__name__), recording=doc["id"], **about, **more)
    return event
