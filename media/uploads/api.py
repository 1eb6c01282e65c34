"""Uploads of videos by the tus protocol, with an API key, an app token or an upload token. [door]"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import BaseModel, Field
from starlette.routing import BaseRoute

from media.recordings.models import Recording, shown
from media.recordings.service import Recordings
from media.uploads import tus
from media.uploads.service import MOST_OF_A_TOKEN, UploadGrant, UploadRequest, Uploads
from weir.foundation.audit import Audit, by
from weir.foundation.clock import rfc3339
from weir.foundation.documents import Store
from weir.foundation.errors import (
    Busy,
    Conflict,
    Damaged,
    Invalid,
    Malformed,
    NotFound,
    QuotaExceeded,
    Refused,
    Stale,
    StorageFull,
    TooLarge,
    WrongType,
)
from weir.foundation.http.routing import Answer, Body, Call, Door, Row, bind, shown_once
from weir.foundation.settings import Settings
from weir.foundation.tenancy.auth import UPLOADS
from weir.foundation.tenancy.collections import STREAMS, RecordingDoc
from weir.foundation.tenancy.tokens import Tokens
from weir.foundation.texts import one_line

TAG = "uploads"
LONGEST_TITLE = 200
NAMED_BY = ("upload-length", "upload-metadata")
SPOKEN = {"Tus-Resumable": tus.VERSION}


class NewUploadToken(Body):
    """`user` is the customer's own id of who uploads; uploads of one user are out of another's sight.
    `max_size` is of one file, `max_total` of all that are begun with the token, in bytes (default: the
    largest that one upload may have)."""

    user: str = Field(min_length=1, max_length=128)
    stream: str | None = Field(None, max_length=64)
    max_size: int | None = Field(None, ge=1)
    max_uploads: int = Field(MOST_OF_A_TOKEN, ge=1, le=1000)
    max_total: int | None = Field(None, ge=1)
    ttl_s: int = Field(3600, ge=60, le=86400)


class UploadToken(BaseModel):
    """`url` is where a tus client begins, with the token as bearer."""

    token: str | None = shown_once()
    expires_in: int
    url: str


class Upload(Recording):
    """`offset` of `length` bytes have arrived and are safe; `url` is where the upload continues until it
    `expires`."""

    url: str
    offset: int
    length: int
    expires: str | None


class VodRoutes:
    def __init__(
        self,
        uploads: Uploads,
        recordings: Recordings,
        *,
        settings: Settings,
        tokens: Tokens,
        store: Store,
        audit: Audit,
        door: Door,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._store = store
        self._audit = audit
        self._door = door
        self._uploads = uploads
        self._recordings = recordings

    def routes(self) -> list[BaseRoute]:
        return [bind(row, self._door) for row in self.rows()]

    def rows(self) -> list[Row]:
        all_, one = "/v1/vod", "/v1/vod/{vod}"
        taking = (Malformed, Stale, TooLarge, WrongType, Busy, Damaged, StorageFull)
        return [
            Row("OPTIONS", all_, "anybody", self.options, summary="What is spoken of the tus protocol", status=204, tag=TAG, streamed=()),
            Row("POST", all_, "uploader", _spoken(self.create), summary="Begin an upload (tus creation, with or without bytes)",
                answer=Upload, status=201, scope=UPLOADS, errors=(*taking, NotFound, QuotaExceeded), tag=TAG, streamed=NAMED_BY),
            Row("GET", one, "uploader", _spoken(self.get), summary="How far an upload is; HEAD gives the tus headers alone", answer=Upload,
                scope=UPLOADS, tag=TAG),
            Row("PATCH", one, "uploader", _spoken(self.append), summary="Send bytes from an offset on", status=204, scope=UPLOADS,
                errors=(*taking, Conflict), tag=TAG, streamed=()),
            Row("DELETE", one, "uploader", _spoken(self.delete), summary="End an upload, or delete the video and its files", status=204,
                scope=UPLOADS, tag=TAG, streamed=()),
            Row("POST", "/v1/upload-tokens", "tenant", self.token, NewUploadToken, "A token with which one user may upload",
                answer=UploadToken, status=201, scope=UPLOADS, errors=(NotFound,), tag=TAG),
        ]  # fmt: skip

    async def options(self, call: Call) -> Answer:
        about = {
            "Tus-Version": tus.VERSION,
            "Tus-Extension": ",".join(tus.EXTENSIONS),
            "Tus-Max-Size": str(self._uploads.most),
        }
        return Answer(
            None, 204, headers={**SPOKEN, **about, "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS)}
        )

    async def create(self, call: Call) -> Answer:
        """`Upload-Metadata` may name `stream` (id; its viewers may see the video) and `title`; without one, a
        file's name is the title."""
        asked = call.request.headers
        _check_version(call)
        length, given = (
            tus.number(asked.get("upload-length"), "Upload-Length"),
            asked.get("upload-metadata", ""),
        )
        about = tus.metadata(given)
        if length == 0:
            raise Invalid("An empty file is no video.")
        body = _body_sent(call)
        claims = call.acting().upload
        stream = about.get("stream") or (claims.stream if claims else None)
        if claims is not None and claims.stream is not None and stream != claims.stream:
            raise NotFound("There is no such stream.")
        leave = (
            UploadGrant(claims.sub, claims.iat * 1000, claims.most, claims.uploads, claims.total)
            if claims
            else None
        )
        wanted = UploadRequest(length, _title(about), given, stream, leave)
        doc = await self._uploads.create(call.acting().app, call.new_id("vod"), wanted, by(call))
        offset = await self._uploads.offset(doc)
        if body:
            offset = await self._uploads.append(doc, offset, call.request.stream(), _checksum(call))
        return Answer(
            await self._shown(doc, offset),
            201,
            headers={"Location": self._url(doc), **_progress(doc, offset)},
        )

    async def get(self, call: Call) -> Answer:
        doc = await self._upload(call)
        offset = await self._uploads.offset(doc)
        about = {
            "Upload-Length": str(doc["length"]),
            "Upload-Metadata": doc["metadata"],
            "Cache-Control": "no-store",
        }
        return Answer(await self._shown(doc, offset), headers={**about, **_progress(doc, offset)})

    async def append(self, call: Call) -> Answer:
        _check_version(call)
        if not _body_sent(call):
            raise WrongType(f"The body is {tus.BODY}.")
        at = tus.number(call.request.headers.get("upload-offset"), "Upload-Offset")
        doc = await self._upload(call)
        return Answer(
            None,
            204,
            headers=_progress(
                doc, await self._uploads.append(doc, at, call.request.stream(), _checksum(call))
            ),
        )

    async def delete(self, call: Call) -> Answer:
        doc = await self._upload(call)
        await self._recordings.remove(doc["app"], doc["id"], by(call))
        return Answer(None, 204)

    async def token(self, call: Call) -> Answer:
        app, body = call.acting().app, call.body
        if body.stream is not None and await self._store.app(app).get(STREAMS, body.stream) is None:
            raise NotFound("There is no such stream.")
        claims: dict[str, Any] = {
            "sub": body.user,
            "app": app,
            "stream": body.stream,
            "most": body.max_size,
            "uploads": body.max_uploads,
            "total": body.max_total,
        }
        await self._audit.count(app, by(call), "upload_tokens.minted", body.user)
        claims |= call.acting().origin
        token = self._tokens.mint("weir:upload", body.ttl_s, **claims)
        return Answer(
            {"token": token, "expires_in": body.ttl_s, "url": f"{self._settings.base_url}/v1/vod"},
            201,
        )

    async def _shown(self, doc: RecordingDoc, offset: int) -> dict[str, Any]:
        expires = rfc3339(doc["expires"]) if doc["state"] == "uploading" else None
        before = await self._recordings.uploads_before(doc)
        return {
            **shown(doc, before),
            "url": self._url(doc),
            "offset": offset,
            "length": doc["length"],
            "expires": expires,
        }

    def _url(self, doc: RecordingDoc) -> str:
        return f"{self._settings.base_url}/v1/vod/{doc['id']}"

    async def _upload(self, call: Call) -> RecordingDoc:
        """A user's own only. Errors: NotFound."""
        acting = call.acting()
        return await self._uploads.get(
            acting.app, call.path("vod"), user=acting.upload.sub if acting.upload is not None else None
        )


def _spoken(work: Callable[[Call], Awaitable[Answer]]) -> Callable[[Call], Awaitable[Answer]]:
    """Every answer says which version of the protocol it is in, refusals too."""

    async def speaking(call: Call) -> Answer:
        try:
            answer = await work(call)
        except Refused as refusal:
            refusal.headers = {
                **SPOKEN,
                **({"Tus-Version": tus.VERSION} if isinstance(refusal, Stale) else {}),
            }
            raise
        answer.headers = {**answer.headers, **SPOKEN}
        return answer

    return speaking


def _title(about: Mapping[str, str]) -> str:
    """Errors: Invalid."""
    given = (about.get("title") or about.get("filename") or about.get("name") or "").strip()[:LONGEST_TITLE]
    try:
        return one_line(given)
    except ValueError as error:
        raise Invalid(f"Upload-Metadata: title: {error}.") from None


def _check_version(call: Call) -> None:
    if call.request.headers.get("tus-resumable") != tus.VERSION:
        raise Stale(f"Tus-Resumable: version {tus.VERSION} of the protocol is spoken here.")


def _body_sent(call: Call) -> bool:
    """Errors: WrongType for a body that is no part of a file."""
    headers = call.request.headers
    kind = headers.get("content-type")
    if kind == tus.BODY:
        return True
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise WrongType(f"The body is {tus.BODY}.")
    return False


def _checksum(call: Call) -> tus.Checksum | None:
    header = call.request.headers.get("upload-checksum")
    return tus.Checksum(header) if header else None


def _progress(doc: RecordingDoc, offset: int) -> dict[str, str]:
    whole = offset == doc["length"]
    return (
        {"Upload-Offset": str(offset)}
        if whole
        else {"Upload-Offset": str(offset), "Upload-Expires": tus.moment(doc["expires"])}
    )
