"""Files of recordings that were moved to a bucket, by byte ranges, as raw ASGI. [door]

`GET /recorded/<recording id>/<file>`; who may see it has been decided before (nginx asks the control
room). The bytes go through here and not by a redirect: playlists name their segments relative to their own
address, which the viewer's token is part of, and neither the page's content policy nor the bucket's CORS
has to know about the other.
"""

import re

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from media.recordings.s3 import Bucket
from weir.foundation.errors import Unavailable
from weir.foundation.ids import is_id

FILE = re.compile(r"[A-Za-z0-9_-]{1,120}\.(?:m3u8|mp4|jpg|vtt)")
KINDS = {"m3u8": "application/vnd.apple.mpegurl", "mp4": "video/mp4", "jpg": "image/jpeg", "vtt": "text/vtt"}
PASSED = ("content-length", "content-range", "accept-ranges", "etag")


class BucketOrigin:
    """Without a bucket every file is missing."""

    def __init__(self, bucket: Bucket | None) -> None:
        self._bucket = bucket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await (await self._answer(scope))(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        recording, _, name = path.removeprefix("/").partition("/")
        known = (is_id("rec", recording) or is_id("vod", recording)) and FILE.fullmatch(name)
        if self._bucket is None or scope["method"] not in ("GET", "HEAD") or not known:
            return Response(status_code=404)
        span = dict(scope["headers"]).get(b"range", b"").decode("latin-1") or None
        try:
            status, headers, body = await self._bucket.read(scope["method"], f"{recording}/{name}", span)
        except Unavailable:
            return Response(status_code=503, headers={"retry-after": "1"})
        if status not in (200, 206):
            async for _ in body:
                pass
            return Response(status_code=status)
        passed = {one: headers[one] for one in PASSED if one in headers}
        return StreamingResponse(body, status, passed, media_type=KINDS[name.rpartition(".")[2]])
