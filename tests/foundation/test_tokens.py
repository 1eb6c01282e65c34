"""Bearer tokens: every forgery is refused, leeway is exact."""

import base64
import json

import jwt
import pytest

from weir.foundation.errors import Unauthenticated
from weir.foundation.tokens import LEEWAY_S, SigningKey, Tokens
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
    """What was minted comes back."""
    claims = await tokens().playback(playback(uid="usr_1"))
    assert (claims.sub, claims.app, claims.sid, claims.uid, claims.exp) == ("ply_x", "app_x", "s1", "usr_1", NOW + 60)


@pytest.mark.parametrize(("age", "good"), [(60 + LEEWAY_S - 1, True), (60 + LEEWAY_S, False), (-LEEWAY_S, True), (-LEEWAY_S - 1, False)])
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
    payload = {"iss": "weir", "aud": "weir:playback", "iat": NOW, "exp": NOW + 60, "sub": "ply_x", "app": "app_x", "sid": "s1"}
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
    payload = {"iss": "key_theirs", "aud": "weir:playback", "iat": NOW, "exp": NOW + 60, "sub": "ply_x", "app": "app_theirs", "sid": "s1"}
    claims = await tokens().playback(jwt.encode(payload, CUSTOMER.key, "HS256"))
    assert claims.app == "app_theirs"


async def test_a_customer_cannot_sign_for_the_studio() -> None:
    """Customers' keys open neither accounts nor apps."""
    payload = {"iss": "key_theirs", "aud": "weir:app", "iat": NOW, "exp": NOW + 60, "sub": "acc_x", "app": "app_theirs", "role": "owner"}
    with pytest.raises(Unauthenticated):
        await tokens().app(jwt.encode(payload, CUSTOMER.key, "HS256"))


async def test_a_user_token_lives_a_day_at_most() -> None:
    """Whoever signed it."""
    token = tokens().mint_user("usr_1", "app_x", "Ann", 86400 * 2)
    with pytest.raises(Unauthenticated):
        await tokens().user(token)


def test_the_payload_holds_no_secret() -> None:
    """A playback token can be read by anybody: it names the stream's public id and the session, nothing else."""
    body = playback().split(".")[1]
    payload = json.loads(base64.urlsafe_b64decode(body + "=="))
    assert set(payload) == {"iss", "aud", "iat", "exp", "jti", "sub", "app", "sid"}
