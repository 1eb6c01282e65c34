"""Resolves the bearer of an HTTP request to an account or a tenant, the same way in every room.

An account token opens only the accounts' own routes; an app token (of a member) or an API key opens one
app's routes. The tenant follows from the credential alone.
"""

import hmac
import os
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import ip_address, ip_network
from typing import Any, Literal

from weir.foundation.clock import now_ms, now_s
from weir.foundation.errors import Forbidden, Unauthenticated
from weir.foundation.plans import plan_of
from weir.foundation.tenancy.collections import CredentialDoc
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.permissions import scopes_of
from weir.foundation.tenancy.tokens import KEY_PREFIX, Tokens, UploadClaims
from weir.foundation.vault import Vault

MOST_RIGHT = 20_000
UPLOADS = "vod:write"


@dataclass(frozen=True)
class SignedInAccount:
    """A person signed in to the studio; `session` is the refresh family."""

    id: str
    session: str


@dataclass
class Tenant:
    """A caller that acts for one app: `actor` is an account or key id, `role` a member's role in the app,
    None for others; `plan` the app's, `rate` a key's own limit of requests a minute. A `user` is an end
    user of the app, with the grant in `upload`. `issued` (seconds) is when a member's app token was made."""

    app: str
    actor: str
    kind: Literal["member", "key", "user"]
    scopes: tuple[str, ...]
    role: str | None = None
    plan: str = ""
    rate: int | None = None
    upload: UploadClaims | None = None
    issued: int = 0

    @property
    def origin(self) -> dict[str, Any]:
        """The claims of a token that this caller requests: its maker, and never a second earlier than the
        caller's own token, because a withdrawal may cover that second."""
        return {"by": self.actor, **({"iat": self.issued} if self.issued > now_s() else {})}

    def need(self, scope: str) -> None:
        """Errors: Forbidden that names the missing scope."""
        if scope not in self.scopes:
            raise Forbidden(f"This credential lacks the scope {scope}.")


def bearer(header: str | None) -> str:
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send a token or an API key in the Authorization header: Bearer …")
    return token.strip()


class Authenticator:
    def __init__(self, tokens: Tokens, directory: Directory, vault: Vault) -> None:
        self._tokens = tokens
        self._directory = directory
        self._vault = vault
        self.used: dict[str, int] = {}  # key id -> when; Door.tell_used takes them out
        self._right: dict[str, tuple[CredentialDoc, bytes]] = {}
        self._fresh = os.urandom(32)

    async def account(self, header: str | None) -> SignedInAccount:
        """Errors: Unauthenticated, also for a sign-in that has ended."""
        claims = await self._tokens.account(bearer(header))
        await self._check_sign_in(claims.sub, claims.ses)
        return SignedInAccount(claims.sub, claims.ses)

    async def _check_sign_in(self, account: str, family: str) -> None:
        if not await self._directory.signed_in(account, family):
            raise Unauthenticated("Sign in again.")

    async def tenant(self, header: str | None, address: str = "") -> Tenant:
        """Errors: Unauthenticated; Forbidden for a suspended app."""
        token = bearer(header)
        if token.startswith(KEY_PREFIX):
            return await self._key(token, address)
        claims = await self._tokens.app(token)
        if claims.ses is not None:
            await self._check_sign_in(claims.sub, claims.ses)
        if not await self._directory.still_valid(claims.sub, claims.app, claims.iat):
            raise Unauthenticated("This membership has changed; open the app anew.")
        plan = await self._plan(claims.app)
        return Tenant(
            claims.app, claims.sub, "member", scopes_of(claims.role), claims.role, plan, issued=claims.iat
        )

    async def uploader(self, header: str | None, address: str = "") -> Tenant:
        """A tenant, or the bearer of an upload token, which permits nothing else. Errors: as `tenant`."""
        token = bearer(header)
        if not self._tokens.claims_to_be(token, "weir:upload"):
            return await self.tenant(header, address)
        claims = await self._tokens.upload(token)
        if await self._directory.withdrawn(claims.app, claims.iat, user=claims.sub):
            raise Unauthenticated("This token has been withdrawn.")
        return Tenant(
            claims.app, claims.sub, "user", (UPLOADS,), None, await self._plan(claims.app), upload=claims
        )

    async def _plan(self, app_id: str) -> str:
        app = await self._directory.app(app_id)
        state = app.get("state", "active") if app is not None else "deleting"
        if app is None or state in ("archived", "deleting"):
            raise Unauthenticated("This app is closed.")
        if state == "suspended":
            raise Forbidden("This app has been suspended by the platform's operator.")
        return plan_of(app, now_ms())

    async def _key(self, token: str, address: str) -> Tenant:
        """`weir_sk_<key id without prefix>_<secret>`; unknown, wrong, expired and revoked keys get one
        answer."""
        body, _, secret = token.removeprefix(KEY_PREFIX).partition("_")
        doc = await self._directory.credential(f"key_{body}")
        if not self._fits(secret, doc) or doc is None or doc.get("revoked"):
            raise Unauthenticated("This API key is not valid.")
        expires = doc.get("expires")
        if expires and expires <= now_ms():
            raise Unauthenticated("This API key is not valid.")
        if doc.get("networks") and not _inside(address, doc["networks"]):
            raise Forbidden("This API key may not be used from this address.")
        self.used[doc["id"]] = now_ms()
        return Tenant(
            doc["app"],
            doc["id"],
            "key",
            tuple(doc["scopes"]),
            None,
            await self._plan(doc["app"]),
            doc.get("rate"),
        )

    def _fits(self, secret: str, doc: CredentialDoc | None) -> bool:
        """A secret that was verified for this very copy of the key's document needs no second HMAC (1 µs
        instead of 3.5): the copy is dropped with every change of the key, and after four seconds."""
        mark = blake2b(secret.encode(), digest_size=32, key=self._fresh).digest()
        held = self._right.get(doc["id"]) if doc else None
        if held is not None and held[0] is doc and hmac.compare_digest(held[1], mark):
            return True
        if (
            not hmac.compare_digest(self._vault.lookup_hash(secret), doc.get("hash", "") if doc else "")
            or doc is None
        ):
            return False
        if len(self._right) >= MOST_RIGHT:
            self._right.clear()
        self._right[doc["id"]] = (doc, mark)
        return True


def _inside(address: str, networks: list[str]) -> bool:
    try:
        asked = ip_address(address)
    except ValueError:
        return False
    return any(asked in ip_network(one) for one in networks)
