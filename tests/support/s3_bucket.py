"""An S3-compatible store in memory that checks signatures and checksums, and misbehaves on demand."""

import asyncio
import base64
import contextlib
import hashlib
import re
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from aiohttp import web

from media.recordings.sigv4 import Signer

SIGNER = Signer("access", "secret", "us-east-1")


class FakeBucket:
    """`trouble`: answers still to be spoiled, in order: `500`, `torn`, `etag`. `away`: nothing is answered
    but 503. `pause_s`: how long it thinks about what it was given; `asked` counts that, `seen` the parts
    that it has taken, by number."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.trouble: list[str] = []
        self.away, self.pause_s, self.asked = False, 0.0, 0
        self.seen: Counter[str] = Counter()
        self.address = ""
        self._runner = web.AppRunner(self._app(), shutdown_timeout=0.1)

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/b{name:.*}", self._answer)
        return app

    async def __aenter__(self) -> "FakeBucket":
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def settings(self) -> dict[str, str]:
        """Of a stack that keeps its recordings here."""
        return {
            "STORAGE": "s3",
            "S3_ENDPOINT": self.address,
            "S3_BUCKET": "b",
            "S3_ACCESS_KEY": "access",
            "S3_SECRET_KEY": "secret",
        }

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.away:
            return web.Response(status=503)
        given = request.method in ("PUT", "POST")
        self.asked += given
        body = await request.read()
        if not _signed(request, body):
            return web.Response(status=403)
        await asyncio.sleep(self.pause_s if given else 0)
        sort = self.trouble.pop(0) if self.trouble and given else ""
        if sort == "500":
            return web.Response(status=500)
        if sort == "torn" and request.transport:
            request.transport.abort()
        answer = self._do(
            request.method, request.match_info["name"].removeprefix("/"), dict(request.query), body, request
        )
        if sort == "etag":
            answer.headers["etag"] = '"0"'
        return answer

    def _do(
        self, method: str, name: str, query: dict[str, str], body: bytes, request: web.Request
    ) -> web.Response:
        tag = hashlib.md5(body).hexdigest()
        upload = query.get("uploadId", "")
        if "uploads" in query:
            upload = f"u{len(self.seen)}{len(self.parts)}"
            self.parts[upload] = {}
            return web.Response(text=f"<R xmlns='s3'><UploadId>{upload}</UploadId></R>")
        if upload and upload not in self.parts:
            return web.Response(status=404)
        if "partNumber" in query:
            self.seen[query["partNumber"]] += 1
            self.parts[upload][int(query["partNumber"])] = body
            return web.Response(headers={"etag": f'"{tag}"'})
        if upload and method == "POST":
            parts = self.parts.pop(upload)
            listed = [parts[int(one)] for one in re.findall(rb"<PartNumber>(\d+)<", body)]
            mark = hashlib.md5(b"".join(hashlib.md5(one).digest() for one in listed)).hexdigest()
            self.objects[name] = (b"".join(listed), f"{mark}-{len(listed)}")
            return web.Response()
        if upload:
            return web.Response()
        if "list-type" in query:
            found = [one for one in sorted(self.objects) if one.startswith(query["prefix"])]
            return web.Response(
                text="<R xmlns='s3'>"
                + "".join(f"<Contents><Key>{one}</Key></Contents>" for one in found)
                + "</R>"
            )
        if method == "PUT":
            self.objects[name] = (body, tag)
            return web.Response(headers={"etag": f'"{tag}"'})
        if method == "DELETE":
            self.objects.pop(name, None)
            return web.Response(status=204)
        if name not in self.objects:
            return web.Response(status=404)
        data, tag = self.objects[name]
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if span:
            first, last = int(span[1]), int(span[2])
            return web.Response(
                status=206,
                body=data[first : last + 1],
                headers={"content-range": f"bytes {first}-{last}/{len(data)}"},
            )
        return web.Response(body=data, headers={"etag": f'"{tag}"'})


def _signed(request: web.Request, body: bytes) -> bool:
    names = re.findall(r"SignedHeaders=([^,]+)", request.headers.get("authorization", ""))
    if not names or request.headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
        return False
    if (
        "content-md5" in request.headers
        and base64.b64decode(request.headers["content-md5"]) != hashlib.md5(body).digest()
    ):
        return False
    at = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    more = {
        one: request.headers[one]
        for one in names[0].split(";")
        if one not in ("host", "x-amz-date", "x-amz-content-sha256")
    }
    wanted = SIGNER.headers(
        request.method,
        request.headers["host"],
        request.rel_url.raw_path,
        dict(request.query),
        more,
        hashlib.sha256(body).hexdigest(),
        at,
    )
    return wanted["authorization"] == request.headers["authorization"]


@contextlib.contextmanager
def bucket_beside() -> Iterator[FakeBucket]:
    """On a loop of its own, for a test that waits for other processes."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    fake = FakeBucket()
    asyncio.run_coroutine_threadsafe(fake.__aenter__(), loop).result(10)
    yield fake
    asyncio.run_coroutine_threadsafe(fake.__aexit__(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
