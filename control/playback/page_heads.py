"""Answers nginx: the tags that it puts into the head of a watch page. nginx keeps the answer some seconds and
serves the page without it when none comes. [door]"""

import hmac

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.playback.hls_access import headers_of
from control.playback.link_previews import page_head
from weir.foundation.errors import NotFound
from weir.foundation.settings import Settings
from weir.foundation.tenancy.playback_rights import PlaybackRights

KEPT_S = 10


class PageHeads:
    def __init__(self, secret: str, rights: PlaybackRights, *, settings: Settings) -> None:
        self._secret = secret.encode()
        self._rights = rights
        self._settings = settings

    def routes(self) -> list[BaseRoute]:
        return [Route("/internal/page_head", self.head)]

    async def head(self, request: Request) -> Response:
        """Empty for what is signed, unknown or closed: none of these can be told from another."""
        headers = headers_of(request.scope)
        if headers is None or not hmac.compare_digest(headers.get(b"x-internal-secret", b""), self._secret):
            return Response(status_code=403, headers={"Connection": "close"})
        playback = headers.get(b"x-playback-id", b"").decode("latin-1")
        return Response(
            await self._tags(playback), media_type="text/html", headers={"X-Accel-Expires": str(KEPT_S)}
        )

    async def _tags(self, playback: str) -> str:
        try:
            stream = await self._rights.stream(playback)
        except NotFound:
            return ""
        if stream["visibility"] == "signed" or not await self._rights.is_served(stream):
            return ""
        return page_head(stream, self._settings.base_url)
