"""REST for the picture of a stream or recording. [door]"""

from pydantic import Field
from starlette.routing import BaseRoute

from media.posters.service import Posters
from weir.foundation.errors import Forbidden, NotFound
from weir.foundation.http.routing import Answer, Call, Door, Query, Row, bind
from weir.foundation.redis.rate_limits import POSTERS

LIVE_S, RECORDED_S = 10, 300


class PosterQuery(Query):
    token: str = Field("", max_length=4096, description="A playback token, for what is signed.")


class PosterRoutes:
    def __init__(self, posters: Posters, *, door: Door) -> None:
        self._posters = posters
        self._door = door

    def routes(self) -> list[BaseRoute]:
        return [bind(row, self._door) for row in self.rows()]

    def rows(self) -> list[Row]:
        return [
            Row("GET", "/v1/watch/{playback}/poster.jpg", "anybody", self.poster,
                summary="A picture of a stream or recording, at most some seconds old", query=PosterQuery, media="image/jpeg",
                errors=(NotFound, Forbidden), tag="watch", limit=POSTERS),
        ]  # fmt: skip

    async def poster(self, call: Call) -> Answer:
        """`X-Accel-Expires` is for our web server, which keeps what everybody may see."""
        poster = await self._posters.of(call.path("playback"), call.query.token)
        scope, seconds = "private" if poster.signed else "public", LIVE_S if poster.live else RECORDED_S
        kept = 0 if poster.signed else LIVE_S
        headers = {"Cache-Control": f"{scope}, max-age={seconds}", "X-Accel-Expires": str(kept)}
        return Answer(poster.jpeg, headers=headers, media_type="image/jpeg")
