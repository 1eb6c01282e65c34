"""A bucket of an S3-compatible store: multipart uploads that survive process crashes, and reads by range.
[hands]

During an upload there is a file `<file>.upload`, one JSON object a line: the upload's id, then each part
that the store has accepted. Each part and then the whole object are checked by size and ETag, which is an
MD5 unless the bucket encrypts with KMS keys.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import aiohttp
from yarl import URL

from media.hls.segment_files import append_line, read_lines
from media.recordings.sigv4 import Signer, encoded
from weir.foundation.clock import now_s
from weir.foundation.errors import Unavailable
from weir.foundation.settings import Settings

PART, MOST_PARTS = 16 << 20, 9000
ATTEMPTS, AGAIN_S = 5, 0.2
CHUNK = 1 << 18
UPLOAD = ".upload"
GONE = 404


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Bucket:
    """Errors of every verb: Unavailable when the store refuses, or does not answer after some attempts."""

    def __init__(self, settings: Settings, *, part: int = PART) -> None:
        self._base = f"{settings.s3_endpoint.rstrip('/')}/{settings.s3_bucket}"
        self._prefix = settings.s3_prefix
        self._part = part
        self._signer = Signer(settings.s3_access_key, settings.s3_secret_key, settings.s3_region)
        self._session: aiohttp.ClientSession | None = None

    async def put(self, name: str, path: Path) -> None:
        """Returns when the store has the whole file and confirms it. Safe to repeat. Errors: Unavailable,
        OSError."""
        size = (await asyncio.to_thread(path.stat)).st_size
        part = max(self._part, -(-size // MOST_PARTS))
        tag = await asyncio.to_thread(_tag, path, part)
        if await self._has(name, size, tag):
            return
        if size <= part:
            await self._taken("PUT", name, {}, await asyncio.to_thread(path.read_bytes))
        else:
            await self._by_parts(name, path, size, part)
        if not await self._has(name, size, tag):
            raise Unavailable("The bucket has not kept a file as it was sent.")

    async def read(
        self, method: str, name: str, span: str | None
    ) -> tuple[int, Mapping[str, str], AsyncIterator[bytes]]:
        """GET or HEAD: status (200, 206, 404, 416), headers and body of an object; `span` is the value of a
        Range header."""
        reply = await self._ask(method, name, {}, b"", {"range": span} if span else {})
        if reply.status not in (200, 206, GONE, 416):
            reply.release()
            raise Unavailable("The bucket refuses.")
        return reply.status, reply.headers, _body(reply)

    async def names(self, prefix: str) -> list[str]:
        """Names of up to 1000 objects with this prefix."""
        found = await self._call("GET", "", {"list-type": "2", "prefix": self._prefix + prefix})
        if found.status != 200:
            raise Unavailable("The bucket refuses to be listed.")
        return [
            (one.text or "").removeprefix(self._prefix)
            for one in _xml(found.body).iterfind(".//{*}Contents/{*}Key")
        ]

    async def delete(self, prefix: str) -> None:
        """Deletes all objects with this prefix."""
        while names := await self.names(prefix):
            for name in names:
                if (await self._call("DELETE", name, {})).status not in (200, 204, GONE):
                    raise Unavailable("The bucket refuses to delete.")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _has(self, name: str, size: int, tag: str) -> bool:
        found = await self._call("HEAD", name, {})
        if found.status not in (200, GONE):
            raise Unavailable(f"The bucket answers {found.status}.")
        return found.status == 200 and (found.headers.get("content-length", "0"), _plain(found.headers)) == (
            str(size),
            tag,
        )

    async def _by_parts(self, name: str, path: Path, size: int, part: int) -> None:
        state = path.with_name(path.name + UPLOAD)
        rows = list(read_lines(state))
        if not rows or rows[0].get("size") != size or rows[0].get("part") != part:
            state.unlink(missing_ok=True)
            begun = await self._call("POST", name, {"uploads": ""})
            rows = [
                {
                    "upload": _xml(begun.body).findtext("{*}UploadId") if begun.status == 200 else None,
                    "size": size,
                    "part": part,
                }
            ]
            if not rows[0]["upload"] or not append_line(state, rows[0], sync=True):
                raise Unavailable("The bucket, or the disk, takes no upload.")
        upload: str = rows[0]["upload"]
        tags: dict[int, str] = {row["number"]: row["tag"] for row in rows[1:]}
        try:
            for number in range(1, -(-size // part) + 1):
                if number not in tags:
                    body = await asyncio.to_thread(_slice, path, (number - 1) * part, part)
                    tags[number] = await self._taken(
                        "PUT", name, {"partNumber": str(number), "uploadId": upload}, body
                    )
                    append_line(state, {"number": number, "tag": tags[number]}, sync=True)
            listed = "".join(
                f"<Part><PartNumber>{one}</PartNumber><ETag>{tags[one]}</ETag></Part>" for one in sorted(tags)
            )
            whole = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
            await self._call(
                "POST", name, {"uploadId": upload}, whole
            )  # what it has led to, the check of the object says
        except Unavailable:
            if await self._forgotten(name, upload):
                state.unlink(missing_ok=True)
            raise
        state.unlink(missing_ok=True)

    async def _forgotten(self, name: str, upload: str) -> bool:
        with contextlib.suppress(Unavailable):
            return (await self._call("GET", name, {"uploadId": upload})).status == GONE
        return False

    async def _taken(self, method: str, name: str, query: Mapping[str, str], body: bytes) -> str:
        """Sends, compares, and returns the ETag."""
        digest = hashlib.md5(body, usedforsecurity=False)
        reply = await self._call(
            method, name, query, body, {"content-md5": base64.b64encode(digest.digest()).decode()}
        )
        if reply.status != 200 or _plain(reply.headers) != digest.hexdigest():
            raise Unavailable(f"The bucket answers {reply.status} to a part, or has another checksum.")
        return digest.hexdigest()

    async def _call(
        self,
        method: str,
        name: str,
        query: Mapping[str, str],
        body: bytes = b"",
        more: Mapping[str, str] | None = None,
    ) -> Reply:
        for attempt in range(ATTEMPTS):
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError, Unavailable):
                async with await self._ask(method, name, query, body, more or {}) as reply:
                    content = await reply.read()
                    if reply.status < 500 and reply.status != 429:
                        return Reply(reply.status, reply.headers, content)
            await asyncio.sleep(AGAIN_S * 2**attempt)
        raise Unavailable("The bucket does not answer.")

    async def _ask(
        self, method: str, name: str, query: Mapping[str, str], body: bytes, more: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=60)
            self._session = aiohttp.ClientSession(
                timeout=timeout, auto_decompress=False, skip_auto_headers=("accept-encoding",)
            )
        address = urlsplit(self._base + (f"/{self._prefix}{name}" if name else ""))
        path = quote(address.path, safe="/-_.~")
        digest = hashlib.sha256(body).hexdigest()
        headers = self._signer.headers(method, address.netloc, path, query, more, digest, now_s())
        url = URL(
            f"{address.scheme}://{address.netloc}{path}" + (f"?{encoded(query)}" if query else ""),
            encoded=True,
        )
        try:
            return await self._session.request(
                method, url, data=body or None, headers=headers, allow_redirects=False
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable("The bucket does not answer.", retry_after=1) from error


async def _body(reply: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async with reply:
        async for chunk in reply.content.iter_chunked(CHUNK):
            yield chunk


def _plain(headers: Mapping[str, str]) -> str:
    return headers.get("etag", "").strip('"')


def _xml(body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)  # noqa: S314 – from the store that the operator has chosen
    except ElementTree.ParseError as error:
        raise Unavailable("The bucket answers nonsense.") from error


def _slice(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        return os.pread(file.fileno(), length, offset)


def _tag(path: Path, part: int) -> str:
    """The ETag that S3 computes for this content: its MD5, or that of its parts' MD5s."""
    with path.open("rb") as file:
        digests = [hashlib.md5(body, usedforsecurity=False) for body in iter(lambda: file.read(part), b"")]
    if len(digests) <= 1:
        return (digests or [hashlib.md5(usedforsecurity=False)])[0].hexdigest()
    return f"{hashlib.md5(b''.join(one.digest() for one in digests), usedforsecurity=False).hexdigest()}-{len(digests)}"
