"""Apps (tenants) and their API keys."""

from collections.abc import Sequence
from typing import Any

from weir.foundation.auth import KEY_PREFIX, SCOPES
from weir.foundation.clock import now_ms, rfc3339, shown_time
from weir.foundation.documents import Doc
from weir.foundation.errors import Invalid, NotFound, Unavailable
from weir.foundation.events import DirectoryChanged
from weir.foundation.ground import Ground
from weir.foundation.ids import body, new_id, new_secret

MEMBER_TOKEN_S = 15 * 60


def public_view(app: Doc) -> dict[str, Any]:
    return {"id": app["id"], "name": app["name"], "guests": app["guests"], "created": rfc3339(app["created"])}


def key_view(key: Doc) -> dict[str, Any]:
    times = {name: shown_time(key.get(name)) for name in ("created", "expires", "revoked")}
    return {**{name: key[name] for name in ("id", "name", "scopes")}, **times}


class Apps:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._all = ground.store.operator()

    async def create(self, account: str | None, name: str) -> Doc:
        """`account` owns it; None until the first owner arrives."""
        return await self._all.insert("apps", {
            "id": new_id("app"), "account": account or "", "name": name, "guests": "chat", "created": now_ms(),
        })  # fmt: skip

    async def owned_by(self, account: str) -> list[Doc]:
        return (await self._all.find("apps", {"account": account}, sort="created", limit=200)).data

    async def adopt_orphans(self, account: str) -> None:
        """Gives the apps made before anybody signed up to the first owner."""
        for orphan in (await self._all.find("apps", {"account": ""}, sort="created", limit=200)).data:
            await self._all.update("apps", orphan["id"], set={"account": account})
            await self._changed("apps", orphan["id"], orphan["id"])

    async def owned(self, account: str, app_id: str) -> Doc:
        """Errors: NotFound, also for somebody else's app."""
        app = await self._all.get("apps", app_id)
        if app is None or app["account"] != account:
            raise NotFound("There is no such app.")
        return app

    async def member_token(self, account: str, app_id: str) -> str:
        """An app token (15 min) with the member's role. Errors: NotFound."""
        app = await self.owned(account, app_id)
        return self._ground.tokens.mint("weir:app", MEMBER_TOKEN_S, sub=account, app=app["id"], role="owner")

    async def create_key(self, app_id: str, name: str, scopes: Sequence[str], expires: int | None = None) -> tuple[Doc, str, str]:
        """(key, API key, signing secret), both shown this once. No scopes means all. Errors: Invalid, NotFound."""
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown:
            raise Invalid(f"There is no scope {unknown[0]}; choose from {', '.join(SCOPES)}.")
        if await self._all.get("apps", app_id) is None:
            raise NotFound("There is no such app.")
        key_id, secret, signing = new_id("key"), new_secret(), new_secret()
        doc = await self._ground.store.app(app_id).insert("credentials", {
            "id": key_id, "kind": "key", "name": name, "scopes": list(scopes or SCOPES), "created": now_ms(), "expires": expires,
            "hash": self._ground.vault.lookup_hash(secret), "signing": self._ground.vault.seal(signing, key_id), "algorithm": "HS256",
        })  # fmt: skip
        return doc, f"{KEY_PREFIX}{body(key_id)}_{secret}", signing

    async def keys(self, app_id: str) -> list[Doc]:
        return (await self._ground.store.app(app_id).find("credentials", {"kind": "key"}, sort="created", limit=200)).data

    async def revoke_key(self, app_id: str, key_id: str) -> Doc:
        """Errors: NotFound."""
        doc = await self._ground.store.app(app_id).update("credentials", key_id, set={"revoked": now_ms()})
        if doc is None:
            raise NotFound("There is no such key.")
        await self._changed("credentials", key_id, app_id)
        return doc

    async def _changed(self, collection: str, key: str, app_id: str) -> None:
        try:
            await self._ground.bus.publish(DirectoryChanged(app=app_id, collection=collection, key=key))
        except Unavailable:
            return  # every cache forgets by itself within seconds
