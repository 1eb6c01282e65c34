"""Bearer tokens: every forgery is refused, leeway is exact."""

import base64
import json
from typing import Any

import jwt
import pytest

from weir.foundation.errors import Unauthenticated
from weir.foundation.ids import new_id
from weir.foundation.tenancy.tokens import LEEWAY_S, SigningKey, Tokens
from weir.foundation.vault import Vault

VAULT = Vault("m" * 43)
NOW = 1_800_000_000.0
CUSTOMER = SigningKey("app_theirs", "HS256", b"c" * 43)


async def resolve(key_id: str) -> SigningKey | None:
    return CUSTOMER if key_id == "key_theirs" else None


def tokens(now: float = NOW) -> Tokens:
    return Tokens(VAULT, resolve, lambda: now)


def playback(**changes: object) -> str:
    return tokens().mint("weir:playback", 60, **{"sub": "ply_x", "app": "app_x", "sid": "s1", **changes})


async def test_a_minted_token_is_accepted_with_its_claims() -> None:
    """Reading returns what was minted."""
    claims = await tokens().playback(playback(uid="usr_1"))
    assert (claims.sub, claims.app, claims.sid, claims.uid, claims.exp) == (
        "ply_x",
        "app_x",
        "s1",
        "usr_1",
        NOW + 60,
    )


@pytest.mark.parametrize(
    ("age", "good"),
    [(60 + LEEWAY_S - 1, True), (60 + LEEWAY_S, False), (-LEEWAY_S, True), (-LEEWAY_S - 1, False)],
)
async def test_leeway_is_thirty_seconds_exactly(age: int, good: bool) -> None:
    """A token is good until 30 s after its end and from 30 s before its beginning."""
    token = playback()
    if good:
        await tokens(NOW + age).playback(token)
    else:
        with pytest.raises(Unauthenticated):
            await tokens(NOW + age).playback(token)


def _forged() -> dict[str, str]:
    good = playback()
    head, body, signature = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    payload = {
        "iss": "weir",
        "aud": "weir:playback",
        "iat": NOW,
        "exp": NOW + 60,
        "sub": "ply_x",
        "app": "app_x",
        "sid": "s1",
    }
    key = VAULT.key("weir:playback")
    return {
        "empty": "", "garbage": "x.y.z", "no signature": f"{head}.{body}.", "alg none": f"{none}.{body}.",
        "flipped signature": f"{head}.{body}.{signature[:-2]}AA", "another key": jwt.encode(payload, b"k" * 32, "HS256"),
        "user key": jwt.encode(payload, VAULT.key("weir:user"), "HS256"), "wrong algorithm": jwt.encode(payload, key * 2, "HS512"),
        "no exp": jwt.encode({k: v for k, v in payload.items() if k != "exp"}, key, "HS256"),
        "no iss": jwt.encode({k: v for k, v in payload.items() if k != "iss"}, key, "HS256"),
        "wrong aud": jwt.encode({**payload, "aud": "weir:user"}, key, "HS256"),
        "unknown iss": jwt.encode({**payload, "iss": "key_unknown"}, key, "HS256"),
        "iss not text": jwt.PyJWS().encode(json.dumps({**payload, "iss": ["weir"]}).encode(), key, "HS256"),
        "crit": jwt.encode(payload, key, "HS256", headers={"crit": ["x"], "x": 1}),
        "sid with newline": jwt.encode({**payload, "sid": "a\nb"}, key, "HS256"),
        "customer for another app": jwt.encode({**payload, "iss": "key_theirs"}, CUSTOMER.key, "HS256"),
        "too long": good + "x" * 5000,
    }  # fmt: skip


@pytest.mark.parametrize("case", _forged())
async def test_a_forged_token_is_refused(case: str) -> None:
    """No way of bending a token gets through."""
    with pytest.raises(Unauthenticated):
        await tokens().playback(_forged()[case])


async def test_a_customer_signs_for_its_own_app_only() -> None:
    """`iss` names the key, and the key's app must be the token's."""
    payload = {
        "iss": "key_theirs",
        "aud": "weir:playback",
        "iat": NOW,
        "exp": NOW + 60,
        "sub": "ply_x",
        "app": "app_theirs",
        "sid": "s1",
    }
    claims = await tokens().playback(jwt.encode(payload, CUSTOMER.key, "HS256"))
    assert claims.app == "app_theirs"


async def test_a_customer_cannot_sign_for_the_studio() -> None:
    """Customers' keys open neither accounts nor apps."""
    payload = {
        "iss": "key_theirs",
        "aud": "weir:app",
        "iat": NOW,
        "exp": NOW + 60,
        "sub": "acc_x",
        "app": "app_theirs",
        "role": "owner",
    }
    with pytest.raises(Unauthenticated):
        await tokens().app(jwt.encode(payload, CUSTOMER.key, "HS256"))


async def test_a_user_token_lives_a_day_at_most() -> None:
    """By any signer."""
    token = tokens().mint_user("usr_1", "app_x", "Ann", 86400 * 2)
    with pytest.raises(Unauthenticated):
        await tokens().user(token)


def test_the_payload_holds_no_secret() -> None:
    """A playback token can be read by anybody: it names the stream's public id and the session, nothing else."""
    body = playback().split(".")[1]
    payload = json.loads(base64.urlsafe_b64decode(body + "=="))
    assert set(payload) == {"iss", "aud", "iat", "exp", "jti", "sub", "app", "sid"}


def signed(now: float = NOW, key: SigningKey = CUSTOMER, **claims: object) -> str:
    payload = {
        "iss": "key_theirs",
        "aud": "weir:playback",
        "iat": now,
        "exp": now + 60,
        "sub": "ply_x",
        "app": "app_theirs",
        **claims,
    }
    return jwt.encode({name: value for name, value in payload.items() if value is not None}, key.key, "HS256")


async def with_key(key: SigningKey, now: float = NOW) -> Tokens:
    async def found(key_id: str) -> SigningKey | None:
        return key

    return Tokens(VAULT, found, lambda: now)


@pytest.mark.parametrize(
    ("iat", "exp"), [(NOW, 253_402_300_799), (-(10**18), NOW + 60), (NOW, NOW + 86_400 + LEEWAY_S + 1)]
)
@pytest.mark.parametrize("audience", ["weir:playback", "weir:upload", "weir:user"])
async def test_every_token_lives_a_day_at_most(audience: str, iat: float, exp: float) -> None:
    """By any signer: a withdrawal is remembered for no longer."""
    claims: dict[str, Any] = {"sub": "ply_x", "app": "app_theirs", "sid": "s1", "iat": iat, "exp": exp}
    check = {"weir:playback": tokens().playback, "weir:upload": tokens().upload, "weir:user": tokens().user}[
        audience
    ]
    ours = tokens().mint(audience, 60, **claims)  # type: ignore[arg-type]
    for token in (ours, signed(aud=audience, **claims)) if audience != "weir:upload" else (ours,):
        with pytest.raises(Unauthenticated, match="24 hours"):
            await check(token)


async def test_a_day_is_not_too_long() -> None:
    """The longest that is taken."""
    assert (await tokens().playback(signed(exp=NOW + 86_400))).exp == NOW + 86_400


async def test_what_is_documented_is_enough_for_a_playback_token() -> None:
    """Without `sid` the session is the same for the same viewer, and for the same token without one."""
    later = {"exp": NOW + 61}
    said: dict[str, dict[str, Any]] = {
        "one": {},
        "other": later,
        "ann": {"uid": "ann"},
        "later": {"uid": "ann", **later},
        "ben": {"uid": "ben"},
    }
    tokens_of = {name: signed(**claims) for name, claims in said.items()}
    sessions = {name: (await tokens().playback(token)).sid for name, token in tokens_of.items()}
    assert sessions["ann"] == sessions["later"]
    assert len(set(sessions.values())) == 4
    assert (await tokens().playback(tokens_of["one"])).sid == sessions["one"]
    assert (await tokens().playback(signed(sid="mine"))).sid == "mine"


async def test_a_customer_can_not_say_what_its_token_was_made_from() -> None:
    """The key made it, it ends with itself, and its user is no guest of ours."""
    claims = await tokens().playback(signed(by="key_other", until=NOW + 10**6, guest=True))
    assert (claims.by, claims.until, claims.guest) == ("key_theirs", NOW + 60, False)
    user = await tokens().user(signed(aud="weir:user", sub="ann", guest=True, uid="ben", until=5))
    assert (user.by, user.until, user.guest, user.uid) == ("key_theirs", NOW + 60, False, None)
    with pytest.raises(Unauthenticated, match="guests"):
        await tokens().user(signed(aud="weir:user", sub=new_id("usr")))


@pytest.mark.parametrize(
    ("claim", "value"),
    [("sub", "<b>x</b>"), ("sub", ""), ("name", "a\x00b"), ("name", "\u202eann"), ("name", "\u200b"), ("name", "x" * 81),
     ("badges", ["a\nb"]), ("avatar", "javascript:alert(1)"), ("roles", {"chn_x": "god"})],
)  # fmt: skip
async def test_what_others_read_of_a_user_is_checked_in_its_token(claim: str, value: Any) -> None:
    """As in POST /v1/user-tokens; the refusal names the claim."""
    with pytest.raises(Unauthenticated, match=claim):
        await tokens().user(signed(aud="weir:user", **dict[str, Any]({"sub": "ann", claim: value})))


@pytest.mark.parametrize(
    ("scopes", "user", "playback"),
    [
        (None, True, True),
        (("chat:moderate",), True, False),
        (("streams:write",), False, True),
        (("streams:read",), False, False),
    ],
)
async def test_a_key_signs_what_its_scopes_would_be_given(
    scopes: tuple[str, ...] | None, user: bool, playback: bool
) -> None:
    """User tokens, their roles included, need chat:moderate; playback tokens streams:write."""
    mine = await with_key(SigningKey("app_theirs", "HS256", CUSTOMER.key, scopes))
    for check, token, may in (
        (mine.user, signed(aud="weir:user", sub="ann"), user),
        (mine.playback, signed(), playback),
    ):
        if may:
            await check(token)
        else:
            with pytest.raises(Unauthenticated, match="lacks the scope"):
                await check(token)


async def test_nothing_that_a_key_has_signed_outlives_it() -> None:
    """Its end is the token's, and that of what is made from it."""
    claims = await (
        await with_key(SigningKey("app_theirs", "HS256", CUSTOMER.key, None, int(NOW) + 20))
    ).playback(signed())
    assert (claims.exp, claims.until) == (NOW + 20, NOW + 20)


async def test_a_token_falls_with_what_it_was_made_from() -> None:
    """Asked at every use, of a token that is known already too."""
    fallen: set[str] = set()

    async def stands(by: str, app: str, issued_s: float) -> bool:
        return (by, app, issued_s) == ("key_1", "app_x", NOW) and by not in fallen

    mine = Tokens(VAULT, resolve, lambda: NOW, stands)
    token = mine.mint_playback("ply_x", "app_x", "s1", 600, by="key_1")
    assert (await mine.playback(token)).until == NOW + 600
    fallen.add("key_1")
    with pytest.raises(Unauthenticated, match="withdrawn"):
        await mine.playback(token)


async def test_what_bounds_a_token_bounds_what_is_minted_from_it() -> None:
    """`until` is the latest end."""
    claims = await tokens().playback(playback(until=int(NOW) + 10))
    assert (claims.exp, claims.until) == (NOW + 10, NOW + 10)


async def test_the_wrong_kind_of_credential_is_named() -> None:
    """A valid token of the wrong kind is answered with the kind that is required."""
    with pytest.raises(
        Unauthenticated, match=r"This is a playback token; here an app token \(.*\) or an API key is needed"
    ):
        await tokens().app(playback())
    with pytest.raises(Unauthenticated, match="This is an API key; here an account's access token"):
        await tokens().account("weir_sk_7f_secret")
    with pytest.raises(Unauthenticated, match="not valid"):
        await tokens().app(jwt.encode({"iss": "weir", "aud": "<b>", "sub": "x"}, "k" * 32, "HS256"))
