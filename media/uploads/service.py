"""Uploaded videos: received byte by byte, over broken connections and process crashes, until they are
complete. [work]
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

import structlog
from starlette.requests import ClientDisconnect

from media.recordings.store import UPLOAD, RecordingStore
from media.uploads.staging import MB, StagingWriter, UploadStaging, has_room, staged_uploads
from media.uploads.tus import Checksum
from weir.foundation.audit import Audit, By
from weir.foundation.clock import now_ms
from weir.foundation.documents import Store
from weir.foundation.errors import Conflict, Damaged, NotFound, QuotaExceeded, StorageFull, TooLarge
from weir.foundation.redis.periodic import Job
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import RECORDINGS, STREAMS, RecordingDoc
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.quotas import Quotas

SWEEP_S = 60.0
HOUR_MS, NOTED_MS = 3_600_000, 600_000
MOST_UNFINISHED, MOST_OF_USERS, MOST_OF_A_USER = 100, 80, 5
USERS_SHARE = (
    0.5  # of the storage that the app's plan has, for what its users have announced and not yet sent
)
MOST_OF_A_TOKEN = 20
IDLE_S = 3600.0
GATHERED, KEPT_EVERY = 1 << 20, 1 << 24
log = structlog.get_logger("media")


@dataclass(frozen=True)
class UploadRequest:
    """An upload to create: `length` bytes, for a stream or for none. `leave` is the grant of the app's user
    who sends it."""

    length: int
    title: str
    metadata: str
    stream: str | None = None
    leave: "UploadGrant | None" = None


@dataclass(frozen=True)
class UploadGrant:
    """What an upload token, issued at `issued` ms, allows a `user` (the customer's own id): `uploads` files
    of `most` bytes each and `total` in all."""

    user: str
    issued: int
    most: int | None = None
    uploads: int | None = None
    total: int | None = None


class Uploads:
    """`arrived` is called when an upload is complete. Errors of all verbs: Unavailable, OSError."""

    def __init__(
        self,
        recording_store: RecordingStore,
        arrived: Callable[[], None],
        *,
        settings: Settings,
        store: Store,
        directory: Directory,
        audit: Audit,
        quotas: Quotas,
    ) -> None:
        self._store = store
        self._directory = directory
        self._audit = audit
        self._quotas = quotas
        self._settings = settings
        self._recording_store = recording_store
        self._arrived = arrived
        self._beginning: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def jobs(self) -> list[Job]:
        return [Job("uploads", SWEEP_S, self.sweep)]

    @property
    def most(self) -> int:
        """Most bytes of one upload."""
        return self._settings.max_upload_mb * MB

    async def get(self, app: str, video: str, user: str | None) -> RecordingDoc:
        """An upload of this app, of its `user` alone where one is given. Errors: NotFound."""
        found = await self._recording_store.get(app, video)
        if found is None or not of_upload(found) or (user is not None and found.get("user") != user):
            raise NotFound("There is no such upload.")
        return found

    async def create(self, app: str, video: str, wanted: UploadRequest, by: By) -> RecordingDoc:
        """Errors: TooLarge, StorageFull, QuotaExceeded, NotFound for another app's stream."""
        most = min(self.most, wanted.leave.most or self.most) if wanted.leave else self.most
        if wanted.length > most:
            raise TooLarge(f"An upload may have {most} bytes at most.")
        if not has_room(self._settings, wanted.length):
            raise StorageFull("There is no room for this video now.", retry_after=60)
        stream: dict[str, str] = {}
        if wanted.stream is not None:
            found = await self._store.app(app).get(STREAMS, wanted.stream)
            if found is None:
                raise NotFound("There is no such stream.")
            stream = {"stream": found["id"], "playback": found["playback"], "channel": found["channel"]}
        user = wanted.leave.user if wanted.leave else None
        about = {"title": wanted.title, "length": wanted.length, "metadata": wanted.metadata, "user": user}
        noted = self._audit.entry(app, by, "upload.started", video, None, {**about, **stream})
        async with self._beginning.setdefault(app, asyncio.Lock()):
            if wanted.leave is not None:
                await self._check_leave(app, video, wanted.length, wanted.leave)
            await self._check_under_way(app, video, wanted.length, user)
            async with self._quotas.storage_for(app, wanted.length):
                await asyncio.to_thread(UploadStaging(self._settings, video).open)
                doc = await self._recording_store.expect(
                    app, video, {**about, **stream, "expires": self._expiry()}, [noted]
                )
        await self._audit.write(noted, RECORDINGS.name, video)
        return doc

    async def _check_leave(self, app: str, video: str, length: int, leave: UploadGrant) -> None:
        """Counts what was started with this token, and with any other of its user's since. Errors:
        QuotaExceeded."""
        begun = [
            doc
            for doc in await self._recording_store.started_by_user(app, leave.user, leave.issued)
            if doc["id"] != video
        ]
        uploads, total = leave.uploads or MOST_OF_A_TOKEN, leave.total or self.most
        if len(begun) >= uploads:
            raise QuotaExceeded(
                f"This token is for {uploads} uploads, which have been begun: delete one, or ask the app for another token."
            )
        if sum(doc["length"] for doc in begun) + length > total:
            raise QuotaExceeded(
                f"This token is for {total} bytes in all: delete an upload, or ask the app for another token."
            )

    async def _check_under_way(self, app: str, video: str, length: int, user: str | None) -> None:
        """Users share a part of what an app may have in progress, so none of them blocks the app's own
        uploads. Idle uploads make room. Errors: QuotaExceeded."""
        docs = [doc for doc in await self._recording_store.unfinished(app) if doc["id"] != video]
        if user is not None:
            of_users = [doc for doc in docs if doc.get("user") is not None]
            own = [doc for doc in of_users if doc["user"] == user]
            if len(own) >= MOST_OF_A_USER and not await self._forget_idle(own):
                raise QuotaExceeded(
                    f"{MOST_OF_A_USER} of your uploads are under way: finish or delete one. One that gets no bytes for an hour makes room."
                )
            if len(of_users) >= MOST_OF_USERS and not await self._forget_idle(of_users):
                raise QuotaExceeded(
                    f"{MOST_OF_USERS} uploads by users of this app are under way; try again when some have finished."
                )
            storage_gb = (await self._quotas.plan(app)).storage_gb
            announced = sum(doc["length"] for doc in of_users) + length
            if (
                storage_gb is not None
                and announced > storage_gb * 10**9 * USERS_SHARE
                and not await self._forget_idle(of_users)
            ):
                raise QuotaExceeded(
                    "What users of this app have announced takes half of its storage; try again when some have finished."
                )
        if len(docs) >= MOST_UNFINISHED:
            raise QuotaExceeded(f"{MOST_UNFINISHED} uploads are under way already; finish or delete some.")

    async def _forget_idle(self, docs: list[RecordingDoc]) -> bool:
        """Deletes the upload that has been idle longest, if it has been for an hour."""
        staged_by_id = {doc["id"]: UploadStaging(self._settings, doc["id"]) for doc in docs}
        now = now_ms()
        idle = await asyncio.to_thread(
            lambda: {name: staged.idle_s(now) for name, staged in staged_by_id.items()}
        )
        longest = max(docs, key=lambda doc: idle[doc["id"]], default=None)
        if longest is None or idle[longest["id"]] < IDLE_S:
            return False
        if not await self._recording_store.forget(longest):
            return False
        log.info("upload.idle", video=longest["id"])
        await asyncio.to_thread(staged_by_id[longest["id"]].remove)
        return True

    async def offset(self, doc: RecordingDoc) -> int:
        """How many bytes are synced. Errors: NotFound when it is gone."""
        if doc["state"] != "uploading":
            return int(doc["length"])
        staged = UploadStaging(self._settings, doc["id"])
        if not await asyncio.to_thread(lambda: staged.here):
            raise NotFound("There is no such upload.")
        return await asyncio.to_thread(staged.offset)

    async def append(
        self, doc: RecordingDoc, at: int, body: AsyncIterator[bytes], checksum: Checksum | None
    ) -> int:
        """Appends bytes from offset `at` on; returns how many are synced now. A body that breaks off keeps
        what has arrived, unless it has a checksum for the whole. Errors: Conflict for another offset,
        Busy, Damaged, TooLarge, StorageFull, NotFound."""
        safe = await self.offset(doc)
        if doc["state"] != "uploading" or at != safe:
            raise Conflict(f"The upload continues at byte {safe}.")
        try:
            with UploadStaging(self._settings, doc["id"]).writing() as writer:
                if writer.offset != at:
                    raise Conflict(f"The upload continues at byte {writer.offset}.")
                await self._take(writer, body, doc["length"], checksum)
                safe = writer.offset
        except FileNotFoundError:
            raise NotFound("There is no such upload.") from None
        if safe == doc["length"]:
            await self._whole(doc)
        elif doc["expires"] - self._expiry() < -NOTED_MS:
            await self._recording_store.prolong(doc, self._expiry())
        return safe

    async def _take(
        self, writer: StagingWriter, body: AsyncIterator[bytes], length: int, checksum: Checksum | None
    ) -> None:
        held: list[bytes] = []
        size, broken = 0, False
        try:
            async for chunk in body:
                held.append(chunk)
                size += len(chunk)
                if writer.position + size > length:
                    raise TooLarge("More bytes than the upload was announced with.")
                if size >= GATHERED:
                    await asyncio.to_thread(_write, writer, b"".join(held), checksum)
                    held, size = [], 0
        except ClientDisconnect:
            broken = True
        if not (broken and checksum is not None):
            await asyncio.to_thread(_write, writer, b"".join(held), checksum, last=True)

    async def _whole(self, doc: RecordingDoc) -> None:
        if await self._recording_store.mark_arrived(doc) is not None:
            log.info("upload.arrived", video=doc["id"], size=doc["length"])
            self._arrived()

    async def sweep(self) -> None:
        """Deletes expired uploads, and continues those whose process died after their last byte."""
        for doc in await self._recording_store.in_states("uploading"):
            staged = UploadStaging(self._settings, doc["id"])
            if await asyncio.to_thread(staged.offset) == doc["length"]:
                await self._whole(doc)
            elif doc["expires"] < now_ms():
                await self._recording_store.remove(doc)
                await asyncio.to_thread(staged.remove)

    async def clear_leftovers(self) -> None:
        """Deletes bytes of uploads that were deleted, or finished, while their process died."""
        for video in staged_uploads(self._settings):
            doc = await self._directory.recording(video)
            if doc is None or doc["state"] in ("ready", "failed"):
                await asyncio.to_thread(UploadStaging(self._settings, video).remove)

    def _expiry(self) -> int:
        return now_ms() + round(self._settings.upload_expires_h * HOUR_MS)


def _write(writer: StagingWriter, data: bytes, checksum: Checksum | None, *, last: bool = False) -> None:
    writer.write(data)
    if checksum is not None:
        checksum.add(data)
        if last and not checksum.kept:
            writer.undo()
            raise Damaged("The body is not what its checksum says; send it again.")
    if last or (checksum is None and writer.position - writer.offset >= KEPT_EVERY):
        writer.sync()


def of_upload(doc: RecordingDoc | None) -> bool:
    return doc is not None and doc.get("source") == UPLOAD
