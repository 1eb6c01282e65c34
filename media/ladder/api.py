"""REST for transcoding profiles, with an API key or an app token. [door]"""

from typing import Any, Literal

from pydantic import BaseModel, Field
from starlette.routing import BaseRoute

from media.ladder.rules import MOST_RUNGS
from media.ladder.service import Profiles
from weir.foundation.audit import by
from weir.foundation.clock import rfc3339
from weir.foundation.errors import Conflict, NotFound, Stale
from weir.foundation.http.routing import Answer, Body, Call, Door, Listed, Paging, Row, bind
from weir.foundation.tenancy.collections import ProfileDoc
from weir.foundation.texts import Line

TAG = "profiles"
Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"]


class RungFields(Body):
    """`bit_rate` in bits a second (default: by height and frame rate), `frame_rate` the most frames a second."""

    height: int = Field(ge=64, le=2160)
    bit_rate: int | None = Field(None, ge=50_000, le=50_000_000)
    frame_rate: int | None = Field(None, ge=10, le=60)
    preset: Preset | None = None


class NewProfile(Body):
    """Rungs above the source are left out: nothing is upscaled. `copy_top` hands on a fitting source without
    encoding it again."""

    name: Line = Field(min_length=1, max_length=64)
    rungs: list[RungFields] = Field(min_length=1, max_length=MOST_RUNGS)
    audio_only: bool = False
    copy_top: bool = False


class ProfileChange(Body):
    name: Line | None = Field(None, min_length=1, max_length=64)
    rungs: list[RungFields] | None = Field(None, min_length=1, max_length=MOST_RUNGS)
    audio_only: bool | None = None
    copy_top: bool | None = None


class ShownProfile(BaseModel):
    id: str
    name: str
    rungs: list[RungFields]
    audio_only: bool
    copy_top: bool
    created: str


def shown(profile: ProfileDoc) -> dict[str, Any]:
    fields = {name: profile[name] for name in ("id", "name", "rungs", "audio_only", "copy_top")}
    return {**fields, "created": rfc3339(profile["created"])}


def etag_of(profile: ProfileDoc) -> str:
    return f'"{profile["version"]}"'


class ProfileRoutes:
    def __init__(self, profiles: Profiles, *, door: Door) -> None:
        self._door = door
        self._profiles = profiles

    def routes(self) -> list[BaseRoute]:
        return [bind(row, self._door) for row in self.rows()]

    def rows(self) -> list[Row]:
        one = "/v1/profiles/{profile}"
        return [
            Row("GET", "/v1/profiles", "tenant", self.list_profiles, summary="Transcoding profiles", query=Paging,
                answer=Listed[ShownProfile], scope="streams:read", tag=TAG),
            Row("POST", "/v1/profiles", "tenant", self.create, NewProfile, summary="Make a transcoding profile", answer=ShownProfile,
                status=201, scope="streams:write", errors=(Conflict,), tag=TAG),
            Row("GET", one, "tenant", self.get, summary="One transcoding profile", answer=ShownProfile, scope="streams:read",
                etag=True, tag=TAG),
            Row("PATCH", one, "tenant", self.change, ProfileChange, summary="Change a profile; live streams follow within seconds",
                answer=ShownProfile, scope="streams:write", errors=(Conflict,), etag=True, tag=TAG),
            Row("DELETE", one, "tenant", self.delete, summary="Delete a profile; its streams get the default ladder", status=204,
                scope="streams:write", tag=TAG),
        ]  # fmt: skip

    async def list_profiles(self, call: Call) -> Answer:
        page = await self._profiles.page(call.acting().app, call.query.limit, call.query.cursor)
        return Answer({"data": [shown(profile) for profile in page.data], "next_cursor": page.next})

    async def create(self, call: Call) -> Answer:
        made = await self._profiles.create(
            call.acting().app, call.new_id("prf"), call.body.model_dump(), by(call)
        )
        return Answer(shown(made), 201, etag=etag_of(made))

    async def get(self, call: Call) -> Answer:
        profile = await self._profile(call)
        return Answer(shown(profile), etag=etag_of(profile))

    async def change(self, call: Call) -> Answer:
        profile = await self._profile(call)
        call.expects(etag_of(profile))
        changed = await self._profiles.change(
            profile, call.body.changes({"audio_only": False, "copy_top": False}), by(call)
        )
        if changed is None:
            raise Stale("This has been changed since you read it; read it again and repeat the change.")
        return Answer(shown(changed), etag=etag_of(changed))

    async def delete(self, call: Call) -> Answer:
        await self._profiles.remove(await self._profile(call), by(call))
        return Answer(None, 204)

    async def _profile(self, call: Call) -> ProfileDoc:
        found = await self._profiles.get(call.acting().app, call.path("profile"))
        if found is None:
            raise NotFound("There is no such profile.")
        return found
