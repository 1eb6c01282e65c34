"""Bearer tokens: JWT (RFC 7519, checked as RFC 8725 asks). One algorithm a key, `iss aud exp iat` always
required.

`aud` is `weir:account | weir:app | weir:user | weir:playback | weir:upload`. `iss` is `weir` or the id of
a customer's signing key, whose app must equal the claim `app`. A token that is made from another
credential names it (`by`) and ends with it (`until`); both are checked at every use. docs/security.md has
the whole table.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, TypeVar

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from weir.foundation.clock import now_s
from weir.foundation.errors import Unauthenticated
from weir.foundation.ids import derived_id, is_id, new_id
from weir.foundation.tenancy.guest_devices import DEVICE
from weir.foundation.tenancy.permissions import SIGNING, Role
from weir.foundation.texts import Line, PersonName
from weir.foundation.vault import Vault

Audience = Literal["weir:account", "weir:app", "weir:user", "weir:playback", "weir:upload"]
KINDS: dict[str, str] = {
    "weir:account": "an account's access token (POST /v1/auth/login)",
    "weir:app": "an app token (POST /v1/apps/{app}/session)",
    "weir:user": "a user token",
    "weir:playback": "a playback token",
    "weir:upload": "an upload token",
}
KEY_PREFIX = "weir_sk_"
PREVIEW_SESSION = "~preview"  # of all previews in the usage log; a `sid` has no ~
Algorithm = Literal["HS256", "EdDSA", "RS256"]
LEEWAY_S = 30
LONGEST_TOKEN_S = 86400  # withdrawals are remembered a little longer than this
MAX_TOKEN_CHARS = 4096
KNOWN_TOKENS = 10_000  # checked signatures: a viewer's player shows the same token every four seconds
USER_ID = r"^[A-Za-z0-9_.@-]{1,128}$"
GUEST_ID = "This id is one that Weir gives to guests; choose another for your user."


class Claims(BaseModel):
    """`by` is the credential that the token was made from: a key (`key_…`) or a member's account (`acc_…`).
    `until` (seconds): nothing that is made from the token may have a later `exp`. Of a customer's own
    token both follow from its key and its `exp`."""

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
    """A member of an app: `sub` is the account, `ses` the sign-in that the token was opened in."""

    app: str
    role: Role
    ses: str | None = None


class UserClaims(Claims):
    """A viewer or moderator: `roles` maps channel id to channel role. With `channel` the token is for that
    channel alone; `guest` is a person to whom the watch page gave an id; `uid` is the app's own user whose
    playback token admitted that guest, `device` the browser's device id (foundation.tenancy.guest_devices).
    `staff`: a moderator of a channel may ban in all channels of the app. `overlay`: a picture for OBS,
    which reads the channel and is nobody in it; only Weir's own tokens may say so."""

    sub: str = Field(pattern=USER_ID)
    app: str
    name: Annotated[PersonName, Field(max_length=80)] = ""
    avatar: str | None = Field(None, max_length=500, pattern=r"^https://")
    roles: dict[str, Literal["owner", "moderator", "vip", "member", "guest"]] = {}
    badges: list[Annotated[Line, Field(max_length=40)]] = Field([], max_length=20)
    places: list[str] | None = None
    sid: str | None = None
    uid: str | None = None
    channel: str | None = None
    guest: bool = False
    device: str | None = Field(None, pattern=DEVICE)
    staff: bool = False
    overlay: bool = False


class PlaybackClaims(Claims):
    """Permission to play one stream: `sub` is the playback id, `sid` the viewing session. `guest`: the watch
    page issued it to a visitor without a token, so it plays only while the stream is public."""

    app: str
    sid: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")  # used in a header and in the usage log
    uid: str | None = Field(None, max_length=128)
    guest: bool = False
    preview: bool = False

    @property
    def is_preview(self) -> bool:
        """Of a member in the studio, who is no viewer. Only Weir's own tokens may say so: it takes no seat."""
        return self.preview and self.iss == "weir"


class UploadClaims(Claims):
    """Permission to upload: `sub` is the customer's own user id. With `stream` only to that stream, `most`
    bytes a file; `uploads` files with `total` bytes in all."""

    app: str
    stream: str | None = None
    most: int | None = None
    uploads: int | None = None
    total: int | None = None


@dataclass(frozen=True)
class SigningKey:
    """A customer's key: HS256 secret bytes, or an uploaded public key in PEM. `scopes` None: everything that
    can be signed. `ends` (seconds): nothing that it has signed is good for longer."""

    app: str
    algorithm: Algorithm
    key: bytes | str
    scopes: tuple[str, ...] | None = None
    ends: int | None = None


class KeyResolver(Protocol):
    async def __call__(self, key_id: str) -> SigningKey | None: ...


Stands = Callable[[str, str, float], Awaitable[bool]]
"""(credential, app, issued in seconds) -> False when what was made from it by then has ended
(foundation.directory)."""


async def no_customer_keys(key_id: str) -> SigningKey | None:
    return None


async def all_stand(by: str, app: str, issued_s: float) -> bool:
    return True


_MODELS: dict[Audience, type[Claims]] = {
    "weir:account": AccountClaims,
    "weir:app": AppClaims,
    "weir:user": UserClaims,
    "weir:playback": PlaybackClaims,
    "weir:upload": UploadClaims,
}


class Tokens:
    """Mints and checks tokens. `resolve` finds customers' signing keys, `stands` returns whether a credential
    is still valid."""

    def __init__(
        self,
        vault: Vault,
        resolve: KeyResolver = no_customer_keys,
        clock: Callable[[], float] = now_s,
        stands: Stands = all_stand,
    ) -> None:
        self._keys = {audience: vault.key(audience) for audience in _MODELS}
        self._resolve = resolve
        self._stands = stands
        self._clock = clock
        self._known: OrderedDict[tuple[Audience, str], Claims] = OrderedDict()

    def mint(self, audience: Audience, ttl_s: int, **claims: Any) -> str:
        """With `by`, what is made from this token ends with it. An `until` that is given bounds the token
        itself too."""
        issued = int(self._clock())
        full = {
            "iss": "weir",
            "aud": audience,
            "iat": issued,
            "exp": issued + ttl_s,
            "jti": new_id("ses"),
            **claims,
        }
        if claims.get("until") is not None:
            full["exp"] = min(full["exp"], claims["until"])
        elif claims.get("by") is not None:
            full["until"] = full["exp"]
        return jwt.encode(
            {name: value for name, value in full.items() if value is not None}, self._keys[audience], "HS256"
        )

    def mint_playback(
        self, playback: str, app: str, sid: str, ttl_s: int, uid: str | None = None, **claims: Any
    ) -> str:
        return self.mint("weir:playback", ttl_s, sub=playback, app=app, sid=sid, uid=uid, **claims)

    def mint_user(self, uid: str, app: str, name: str, ttl_s: int, **claims: Any) -> str:
        return self.mint("weir:user", ttl_s, sub=uid, app=app, name=name, **claims)

    async def account(self, token: str) -> AccountClaims:
        return await self._check(token, "weir:account", AccountClaims)

    async def app(self, token: str) -> AppClaims:
        return await self._check(token, "weir:app", AppClaims)

    async def user(self, token: str) -> UserClaims:
        return await self._check(token, "weir:user", UserClaims)

    async def playback(self, token: str) -> PlaybackClaims:
        return await self._check(token, "weir:playback", PlaybackClaims)

    async def upload(self, token: str) -> UploadClaims:
        return await self._check(token, "weir:upload", UploadClaims)

    def claims_to_be(self, token: str, audience: Audience) -> bool:
        """The audience that a token states, to choose a check below; proves nothing."""
        try:
            return bool(jwt.decode(token, options={"verify_signature": False}).get("aud") == audience)
        except jwt.PyJWTError:
            return False

    async def _check(self, token: str, audience: Audience, model: type[C]) -> C:
        """Errors: Unauthenticated, one sentence, the same for forged and unknown. What the holder of the
        right key has done wrong is named: a claim that is not taken, a life that is too long or over, a
        scope that the key lacks."""
        if not token or len(token) > MAX_TOKEN_CHARS:
            raise Unauthenticated("A token is needed.")
        known = self._known.get((audience, token))
        claims = known if isinstance(known, model) else await self._read(token, audience, model)
        if claims.by is not None and not await self._stands(
            claims.by, getattr(claims, "app", ""), claims.iat
        ):
            raise Unauthenticated("What this token was made from has been withdrawn.")
        return self._in_time(claims)

    async def _read(self, token: str, audience: Audience, model: type[C]) -> C:
        issuer, signing = await self._signer(token, audience)
        key, algorithm = (
            (self._keys[audience], "HS256") if signing is None else (signing.key, signing.algorithm)
        )
        try:
            payload = jwt.decode(
                token,
                key,
                [algorithm],
                audience=audience,
                options={
                    "require": ["iss", "aud", "exp", "iat", "sub"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.PyJWTError:
            raise Unauthenticated("This token is not valid.") from None
        if signing is not None:
            return _bounded(_valid(model, _of_customer(payload, token, audience, signing)), issuer, signing)
        claims = self._known[(audience, token)] = _valid(
            model, payload
        )  # a customer's key may be withdrawn, ours is not
        if len(self._known) > KNOWN_TOKENS:
            self._known.popitem(last=False)
        return claims

    def _in_time(self, claims: C) -> C:
        now = self._clock()
        if claims.exp + LEEWAY_S <= now or max(claims.iat, claims.nbf) - LEEWAY_S > now:
            raise Unauthenticated("This token has expired or is not valid yet.")
        return claims

    async def _signer(self, token: str, audience: Audience) -> tuple[str, SigningKey | None]:
        """The signer by `iss`: a customer's key, or None for our own. The token's own `alg` has no influence."""
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            detail = (
                _wrong_kind("an API key", audience)
                if token.startswith(KEY_PREFIX)
                else "This token is not valid."
            )
            raise Unauthenticated(detail) from None
        issuer, meant = claims.get("iss"), claims.get("aud")
        if meant != audience and isinstance(meant, str) and meant in KINDS:
            raise Unauthenticated(_wrong_kind(KINDS[meant], audience))
        if issuer == "weir":
            return issuer, None
        if (
            not isinstance(issuer, str)
            or audience not in SIGNING
            or (signing := await self._resolve(issuer)) is None
        ):
            raise Unauthenticated("This token is not valid.")
        return issuer, signing


def _wrong_kind(given: str, audience: Audience) -> str:
    also = " or an API key" if audience == "weir:app" else ""
    return f"This is {given}; here {KINDS[audience]}{also} is needed."


def _of_customer(
    payload: dict[str, Any], token: str, audience: Audience, signing: SigningKey
) -> dict[str, Any]:
    """What a customer's key may say. A playback token without `sid` gets one that is the same for the same
    viewer, so that seats and usage count right. Errors: Unauthenticated."""
    if payload.get("app") != signing.app:
        raise Unauthenticated("This token is not valid.")
    if signing.scopes is not None and SIGNING[audience] not in signing.scopes:
        raise Unauthenticated(f"The key that signed this token lacks the scope {SIGNING[audience]}.")
    if audience == "weir:user" and is_id("usr", str(payload["sub"])):
        raise Unauthenticated(GUEST_ID)
    if audience == "weir:playback" and payload.get("sid") is None:
        viewer = (
            (str(payload["iss"]), str(payload["sub"]), str(payload["uid"]))
            if payload.get("uid") is not None
            else (token,)
        )
        payload = {**payload, "sid": derived_id("ses", *viewer)}
    ours = (
        ("by", "until", "guest")
        if audience == "weir:playback"
        else ("by", "until", "guest", "uid", "device", "overlay")
    )
    return {name: value for name, value in payload.items() if name not in ours}


def _valid(model: type[C], payload: dict[str, Any]) -> C:
    """Errors: Unauthenticated that names the claim."""
    try:
        claims = model.model_validate(payload)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        detail = first["msg"].removeprefix("Value error, ")
        raise Unauthenticated(
            f"This token is not valid: its claim {'.'.join(map(str, first['loc']))}: {detail}."
        ) from None
    if claims.exp - claims.iat > LONGEST_TOKEN_S + LEEWAY_S:
        raise Unauthenticated("This token is not valid: a token may live 24 hours at most.")
    return claims


def _bounded(claims: C, issuer: str, signing: SigningKey) -> C:
    """Nothing that a key has signed lives longer than the key."""
    ends = claims.exp if signing.ends is None else min(claims.exp, signing.ends)
    return claims.model_copy(update={"by": issuer, "until": ends, "exp": ends})
