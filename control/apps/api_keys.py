"""API keys and signing keys of an app: shown once, stored hashed (or sealed, where they must be read again),
rotated, revoked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any, Literal

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from redis.asyncio import Redis

from control.apps.service import Apps
from weir.foundation.audit import Audit, By
from weir.foundation.clock import format_time, now_ms, rfc3339
from weir.foundation.documents import Page, Store
from weir.foundation.errors import Conflict, Invalid, NotFound, Unavailable
from weir.foundation.events import Revoked
from weir.foundation.ids import body, new_id, new_secret
from weir.foundation.redis.bus import Bus
from weir.foundation.redis.rate_limits import USED_KEYS
from weir.foundation.tenancy.collections import CREDENTIALS, CredentialDoc
from weir.foundation.tenancy.permissions import EVERY, SCOPES, SIGNING, signs
from weir.foundation.tenancy.tokens import KEY_PREFIX, Algorithm
from weir.foundation.vault import Vault

SMALLEST_RSA = 2048
MOST_KEYS = 200
SIGNING_SCOPES = tuple(sorted(SIGNING.values()))
FOR_EVER = 2**52
log = structlog.get_logger("control.keys")


@dataclass(frozen=True)
class KeyOptions:
    """`networks` from which the key may be used, empty for all; `rate`: its own limit of requests a minute;
    `expires` in ms."""

    name: str = ""
    scopes: Sequence[str] = ()
    expires: int | None = None
    networks: Sequence[str] = field(default=())
    rate: int | None = None


def public_view(key: CredentialDoc) -> dict[str, Any]:
    scopes = key.get("scopes", list(SIGNING_SCOPES))  # a public key from before it could have fewer
    times = {
        "expires": format_time(key.get("expires")),
        "revoked": format_time(key.get("revoked")),
        "last_used": format_time(key.get("last_used")),
    }
    return {
        "id": key["id"],
        "kind": key["kind"],
        "name": key["name"],
        "scopes": scopes,
        "algorithm": key["algorithm"],
        "networks": key.get("networks", []),
        "rate": key.get("rate"),
        "replaced_by": key.get("replaced_by"),
        **times,
        "created": rfc3339(key["created"]),
    }


class ApiKeys:
    def __init__(
        self, apps: Apps, audit: Audit, *, vault: Vault, store: Store, redis: Redis, bus: Bus
    ) -> None:
        self._vault = vault
        self._store = store
        self._redis = redis
        self._bus = bus
        self._apps = apps
        self._audit = audit
        self._all = store.operator()

    async def create(self, app_id: str, options: KeyOptions, by: By) -> tuple[CredentialDoc, str, str | None]:
        """(key, API key, signing secret if its scopes can sign), both shown only here. Errors: Invalid,
        NotFound, Conflict."""
        scopes = _checked_scopes(options.scopes, SCOPES)
        await self._apps.get_any(app_id)
        await self._room_for_one(app_id)
        key_id, secret = new_id("key"), new_secret()
        signing = new_secret() if signs(scopes) else None
        fresh: CredentialDoc = {
            "id": key_id,
            "kind": "key",
            "name": options.name,
            "scopes": scopes,
            "created": now_ms(),
            "expires": options.expires,
            "networks": [str(ip_network(one)) for one in options.networks],
            "rate": options.rate,
            "hash": self._vault.lookup_hash(secret),
            "signing": self._sealed(key_id, signing),
            "algorithm": "HS256",
        }
        return (
            await self._add(app_id, fresh, by, "key.created"),
            f"{KEY_PREFIX}{body(key_id)}_{secret}",
            signing,
        )

    def _sealed(self, key_id: str, signing: str | None) -> str | None:
        return self._vault.seal(signing, key_id) if signing is not None else None

    async def create_signing(
        self, app_id: str, options: KeyOptions, by: By
    ) -> tuple[CredentialDoc, None, str]:
        """A key that signs tokens and cannot call the API: (key, no API key, signing secret). Errors:
        Invalid, NotFound, Conflict."""
        await self._apps.get_any(app_id)
        await self._room_for_one(app_id)
        key_id, signing = new_id("key"), new_secret()
        fresh = self._signer(key_id, "signing", options, self._sealed(key_id, signing), "HS256")
        return await self._add(app_id, fresh, by, "key.created"), None, signing

    def _signer(
        self,
        key_id: str,
        kind: Literal["signing", "public"],
        options: KeyOptions,
        signing: str | None,
        algorithm: Algorithm,
    ) -> CredentialDoc:
        scopes = _checked_scopes(options.scopes, SIGNING_SCOPES)
        return {
            "id": key_id,
            "kind": kind,
            "name": options.name,
            "scopes": scopes,
            "expires": options.expires,
            "created": now_ms(),
            "signing": signing,
            "algorithm": algorithm,
        }

    async def _add(self, app_id: str, fresh: CredentialDoc, by: By, action: str) -> CredentialDoc:
        noted = self._audit.entry(app_id, by, action, fresh["id"], None, fresh)
        doc = await self._store.app(app_id).insert(CREDENTIALS, fresh, emit=[noted])
        await self._audit.write(noted, "credentials", fresh["id"])
        return doc

    async def _change(
        self, app_id: str, old: CredentialDoc, by: By, action: str, changes: dict[str, Any]
    ) -> CredentialDoc:
        """Errors: NotFound when it no longer exists."""
        noted = self._audit.entry(app_id, by, action, old["id"], old, {**old, **changes})
        after = await self._store.app(app_id).update(CREDENTIALS, old["id"], set=changes, emit=[noted])
        if after is None:
            raise NotFound("There is no such key.")
        await self._audit.write(noted, "credentials", old["id"])
        await self._apps.changed("credentials", old["id"], app_id)
        return after

    async def _room_for_one(self, app_id: str) -> None:
        if await self._store.app(app_id).count(CREDENTIALS, {}) >= MOST_KEYS:
            raise Conflict(f"An app has {MOST_KEYS} keys at most; delete revoked ones.")

    async def upload(self, app_id: str, options: KeyOptions, pem: str, by: By) -> CredentialDoc:
        """Stores a public key whose owner signs user and playback tokens; its id is their `iss`. Errors:
        Invalid, Conflict."""
        algorithm = algorithm_of(pem)
        await self._room_for_one(app_id)
        fresh = self._signer(new_id("key"), "public", options, pem, algorithm)
        return await self._add(app_id, fresh, by, "key.uploaded")

    async def list(self, app_id: str, limit: int, cursor: str | None) -> Page[CredentialDoc]:
        return await self._store.app(app_id).find(CREDENTIALS, sort="created", limit=limit, cursor=cursor)

    async def get(self, app_id: str, key_id: str) -> CredentialDoc:
        """Errors: NotFound."""
        doc = await self._store.app(app_id).get(CREDENTIALS, key_id)
        if doc is None:
            raise NotFound("There is no such key.")
        return doc

    async def rotate(
        self, app_id: str, key_id: str, overlap_s: int, by: By
    ) -> tuple[CredentialDoc, str | None, str | None]:
        """A new key with the same rights. The old one, and what it has signed, stay valid for `overlap_s`.
        Errors: NotFound; Conflict for one that is revoked, replaced already or an uploaded public key."""
        old = await self.get(app_id, key_id)
        if old["kind"] == "public" or old.get("revoked") or old.get("replaced_by"):
            raise Conflict(
                "Only an API key or a signing key that is neither revoked nor replaced can be rotated."
            )
        end = now_ms() + overlap_s * 1000
        options = KeyOptions(
            old["name"], old["scopes"], old.get("expires"), old.get("networks", ()), old.get("rate")
        )
        fresh = await (self.create_signing if old["kind"] == "signing" else self.create)(app_id, options, by)
        until = min(end, old.get("expires") or end)
        await self._change(app_id, old, by, "key.rotated", {"expires": until, "replaced_by": fresh[0]["id"]})
        return fresh

    async def revoke(self, app_id: str, key_id: str, by: By) -> CredentialDoc:
        """Revokes the key, here at once and everywhere within seconds, with all that it has signed and made.
        Errors: NotFound."""
        old = await self.get(app_id, key_id)
        after = await self._change(
            app_id, old, by, "key.revoked", {"revoked": old.get("revoked") or now_ms()}
        )
        try:
            await self._bus.publish(Revoked(app=app_id, kind="key", subject=key_id, before=FOR_EVER))
        except Unavailable:
            log.warning(
                "revocation.not_told", key=key_id
            )  # open sockets stay until their tokens end; a repeated request publishes it
        return after

    async def store_last_used(self) -> None:
        """Periodic: stores when keys were last used, in any process."""
        redis: Any = self._redis
        for raw, at in (await redis.hgetall(USED_KEYS)).items():
            key_id = raw.decode()
            await self._all.update(CREDENTIALS, key_id, set={"last_used": int(at)})
            await redis.hdel(USED_KEYS, key_id)


def _checked_scopes(asked: Sequence[str], known: Sequence[str]) -> list[str]:
    """The named scopes, or all of them for `*`. An empty list is refused: a key without scopes would get all
    of them by mistake."""
    if not asked:
        raise Invalid(f"scopes: say what the key may do: {', '.join(known)}, or {EVERY} for all of it.")
    unknown = sorted(set(asked) - {*known, EVERY})
    if unknown:
        raise Invalid(f"There is no scope {unknown[0]} for this; choose from {', '.join(known)}.")
    return list(known) if EVERY in asked else list(asked)


def algorithm_of(pem: str) -> Algorithm:
    """EdDSA or RS256, by the kind of public key. Errors: Invalid."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid(
            "public_key: this is not a public key in PEM form (-----BEGIN PUBLIC KEY-----)."
        ) from None
    if isinstance(key, Ed25519PublicKey):
        return "EdDSA"
    if isinstance(key, RSAPublicKey):
        if key.key_size < SMALLEST_RSA:
            raise Invalid(f"public_key: an RSA key needs {SMALLEST_RSA} bits at least.")
        return "RS256"
    raise Invalid("public_key: Ed25519 (EdDSA) and RSA (RS256) keys are taken.")
