"""Bearer tokens: JWT (RFC 7519, checked as RFC 8725 asks). One algorithm a key, `iss aud exp iat` always required.

`aud` is `weir:account | weir:app | weir:user | weir:playback | weir:upload`. `iss` is `weir` or the id of a customer's signing key,
whose app must equal the claim `app`.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from weir.foundation.clock import now_s
from weir.foundation.errors import Unauthenticated
from weir.foundation.ids import new_id
from weir.foundation.permissions import Role
from weir.foundation.vault import Vault

Audience = Literal["weir:account", "weir:app", "weir:user", "weir:playback", "weir:upload"]
Algorithm = Literal["HS256", "EdDSA", "RS256"]
LEEWAY_S = 30
LONGEST_USER_TOKEN_S = 86400
MAX_TOKEN_CHARS = 4096
KNOWN_TOKENS = 10_000  # checked signatures: a viewer's player shows the same token every four seconds


class Claims(BaseModel):
    """`by` is the credential that Weir made the token from: a key (`key_…`) or a member's account (`acc_…`). `until` (seconds): nothing
    that is made from the token may have a later `exp`."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    iss: str
    sub: str
    iat: int
    exp: int
    nbf: int = 0
    by: str | None = None
    until: int | None = None


C = TypeVar("C", bound=Claims)


class AccountClaims(Claims):
    """Who is signed in to the studio. `ses` is the refresh family, so signing out ends it."""

    ses: str


class AppClaims(Claims):
    """A member of an app: `sub` is the account."""

    app: str
    role: Role


class UserClaims(Claims):
    """A viewer or moderator: `roles` maps channel id to channel role. With `channel` the token is for that channel alone; `guest` is
    somebody whom the watch page let in without a token of the app's."""

    app: str
    name: str = ""
    avatar: str | None = None
    roles: dict[str, Literal["owner", "moderator", "vip", "member", "guest"]] = {}
    badges: list[str] = []
    places: list[str] | None = None
    sid: str | None = None
    channel: str | None = None
    guest: bool = False


class PlaybackClaims(Claims):
    """Leave to play one stream: `sub` is the playback id, `sid` the viewing session."""

    app: str
    sid: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")  # stands in a header and in the usage log
    uid: str | None = None


class UploadClaims(Claims):
    """Leave to upload: `sub` is the customer's own user id. With `stream` only to that stream, `most` bytes a file; `uploads` files
    with `total` bytes in all."""

    app: str
    stream: str | None = None
    most: int | None = None
    uploads: int | None = None
    total: int | None = None


@dataclass(frozen=True)
class SigningKey:
    """A customer's key: HS256 secret bytes, or an uploaded public key in PEM."""

    app: str
    algorithm: Algorithm
    key: bytes | str


class KeyResolver(Protocol):
    async def __call__(self, key_id: str) -> SigningKey | None: ...


async def no_customer_keys(key_id: str) -> SigningKey | None:
    return None


_MODELS: dict[Audience, type[Claims]] = {
    "weir:account": AccountClaims, "weir:app": AppClaims, "weir:user": UserClaims, "weir:playback": PlaybackClaims,
    "weir:upload": UploadClaims,
}  # fmt: skip


class Tokens:
    """Mints and checks tokens. `resolve` finds customers' signing keys (foundation.directory)."""

    def __init__(self, vault: Vault, resolve: KeyResolver = no_customer_keys, clock: Callable[[], float] = now_s) -> None:
        self._keys = {audience: vault.key(audience) for audience in _MODELS}
        self._resolve = resolve
        self._clock = clock
        self._known: OrderedDict[tuple[Audience, str], Claims] = OrderedDict()

    def mint(self, audience: Audience, ttl_s: int, **claims: Any) -> str:
        issued = int(self._clock())
        full = {"iss": "weir", "aud": audience, "iat": issued, "exp": issued + ttl_s, "jti": new_id("ses"), **claims}
        return jwt.encode(full, self._keys[audience], "HS256")

    def mint_playback(self, playback: str, app: str, sid: str, ttl_s: int, uid: str | None = None) -> str:
        return self.mint("weir:playback", ttl_s, sub=playback, app=app, sid=sid, **({"uid": uid} if uid else {}))

    def mint_user(self, uid: str, app: str, name: str, ttl_s: int, **claims: Any) -> str:
        return self.mint("weir:user", ttl_s, sub=uid, app=app, name=name, **claims)

    async def account(self, token: str) -> AccountClaims:
        return await self._check(token, "weir:account", AccountClaims)

    async def app(self, token: str) -> AppClaims:
        return await self._check(token, "weir:app", AppClaims)

    async def user(self, token: str) -> UserClaims:
        claims = await self._check(token, "weir:user", UserClaims)
        if claims.exp - claims.iat > LONGEST_USER_TOKEN_S + LEEWAY_S:
            raise Unauthenticated("A user token may live 24 hours at most.")
        return claims

    async def playback(self, token: str) -> PlaybackClaims:
        return await self._check(token, "weir:playback", PlaybackClaims)

    async def upload(self, token: str) -> UploadClaims:
        return await self._check(token, "weir:upload", UploadClaims)

    def claims_to_be(self, token: str, audience: Audience) -> bool:
        """Which of the checks below may be tried; proves nothing."""
        try:
            return bool(jwt.decode(token, options={"verify_signature": False}).get("aud") == audience)
        except jwt.PyJWTError:
            return False

    async def _check(self, token: str, audience: Audience, model: type[C]) -> C:
        """Errors: Unauthenticated, one sentence, the same for forged and unknown; expiry is named."""
        if not token or len(token) > MAX_TOKEN_CHARS:
            raise Unauthenticated("A token is needed.")
        known = self._known.get((audience, token))
        if isinstance(known, model):
            return self._in_time(known)
        key, algorithm, app = await self._key_for(token, audience)
        try:
            payload = jwt.decode(
                token, key, [algorithm], audience=audience,
                options={"require": ["iss", "aud", "exp", "iat", "sub"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )  # fmt: skip
            claims = model.model_validate(payload)
        except (jwt.PyJWTError, ValidationError):
            raise Unauthenticated("This token is not valid.") from None
        if app is not None and payload.get("app") != app:
            raise Unauthenticated("This token is not valid.")
        if app is None:  # a customer's key may be withdrawn, ours is not
            self._known[(audience, token)] = claims
            if len(self._known) > KNOWN_TOKENS:
                self._known.popitem(last=False)
        return self._in_time(claims)

    def _in_time(self, claims: C) -> C:
        now = self._clock()
        if claims.exp + LEEWAY_S <= now or max(claims.iat, claims.nbf) - LEEWAY_S > now:
            raise Unauthenticated("This token has expired or is not valid yet.")
        return claims

    async def _key_for(self, token: str, audience: Audience) -> tuple[bytes | str, Algorithm, str | None]:
        """The one key and algorithm that may have signed this, chosen by `iss`; the token's own `alg` chooses nothing."""
        try:
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except jwt.PyJWTError:
            raise Unauthenticated("This token is not valid.") from None
        if issuer == "weir":
            return self._keys[audience], "HS256", None
        signing = await self._resolve(issuer) if isinstance(issuer, str) and audience in ("weir:user", "weir:playback") else None
        if signing is None:
            raise Unauthenticated("This token is not valid.")
        return signing.key, signing.algorithm, signing.app
