"""Transcoding profiles as documents, and which one a stream has. [store]"""

from typing import Any, cast

from media.ladder.rules import Profile, Rung
from weir.foundation.audit import Audit, By
from weir.foundation.clock import now_ms
from weir.foundation.documents import Page, Store
from weir.foundation.errors import Unavailable
from weir.foundation.events import DirectoryChanged
from weir.foundation.redis.bus import Bus
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import PROFILES, AppDoc, ProfileDoc


class Profiles:
    """Errors of all verbs: Unavailable."""

    def __init__(self, store: Store, bus: Bus, settings: Settings, audit: Audit) -> None:
        self._store = store
        self._bus = bus
        self._settings = settings
        self._audit = audit

    async def create(self, app: str, profile_id: str, fields: dict[str, Any], by: By) -> ProfileDoc:
        """Errors: DuplicateKey for a name that the app has already."""
        doc = cast(ProfileDoc, {"id": profile_id, "created": now_ms(), "version": 1, **fields})
        noted = self._audit.entry(app, by, "profile.created", profile_id, None, doc)
        made = await self._store.app(app).insert(PROFILES, doc, emit=[noted])
        await self._audit.write(noted, PROFILES.name, profile_id)
        return made

    async def get(self, app: str, profile_id: str) -> ProfileDoc | None:
        return await self._store.app(app).get(PROFILES, profile_id)

    async def page(self, app: str, limit: int, cursor: str | None) -> Page[ProfileDoc]:
        return await self._store.app(app).find(PROFILES, sort="created", limit=limit, cursor=cursor)

    async def change(self, doc: ProfileDoc, fields: dict[str, Any], by: By) -> ProfileDoc | None:
        """None when another change came first. Streams that are live with it follow."""
        fresh = {**fields, "version": doc["version"] + 1}
        noted = self._audit.entry(doc["app"], by, "profile.updated", doc["id"], doc, {**doc, **fresh})
        changed = await self._store.app(doc["app"]).update(
            PROFILES, doc["id"], set=fresh, expect={"version": doc["version"]}, emit=[noted]
        )
        if changed is not None:
            await self._audit.write(noted, PROFILES.name, doc["id"])
            await self._tell(doc)
        return changed

    async def remove(self, doc: ProfileDoc, by: By) -> None:
        async with self._audit.before_it(doc["app"], by, "profile.deleted", doc["id"], doc):
            await self._store.app(doc["app"]).delete(PROFILES, {"id": doc["id"]})
        await self._tell(doc)

    async def forget(self, app: str) -> None:
        """Deletes all profiles of a deleted app."""
        await self._store.operator().delete(PROFILES, {"app": app})

    async def of_stream(self, app_id: str, chosen: str | None, app: AppDoc | None) -> Profile:
        """The one that the stream has chosen, else its app's, else the installation's ladder. A deleted profile counts as none."""
        for wanted in (chosen, app.get("profile") if app else None):
            doc = await self.get(app_id, wanted) if wanted else None
            if doc is not None:
                return profile(doc)
        return Profile(tuple(Rung(height) for height in self._settings.ladder))

    async def _tell(self, doc: ProfileDoc) -> None:
        """Makes live streams read their profile again; if the fact is lost, they do at their next publish."""
        try:
            await self._bus.publish(DirectoryChanged(app=doc["app"], collection=PROFILES.name, key=doc["id"]))
        except Unavailable:
            return


def profile(doc: ProfileDoc) -> Profile:
    rungs = tuple(
        Rung(one["height"], one.get("bit_rate"), one.get("frame_rate"), one.get("preset"))
        for one in doc["rungs"]
    )
    return Profile(rungs, doc["audio_only"], doc["copy_top"])
