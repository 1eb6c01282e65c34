"""Accounts: the first owner by a one-time link, sign-in, rotating refresh tokens, sign-out.

A refresh token is used once. When a spent one comes again, somebody has copied it: the whole family is ended.
"""

import asyncio
import hmac
from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.documents import Between, Doc, DuplicateKey
from weir.foundation.errors import Conflict, Forbidden, Unauthenticated
from weir.foundation.ground import Ground
from weir.foundation.ids import new_id, new_secret

ACCESS_S = 15 * 60
REFRESH_S = 7 * 86400
PARALLEL_HASHES = 2
WRONG = "The e-mail address or the password is wrong."


@dataclass(frozen=True)
class SignedIn:
    account: Doc
    access_token: str
    refresh_token: str


def public_view(account: Doc) -> dict[str, Any]:
    return {**{key: account[key] for key in ("id", "email", "name", "operator")}, "created": rfc3339(account["created"])}


class Accounts:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._all = ground.store.operator()
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP's Argon2id minimum
        self._hashing = asyncio.Semaphore(PARALLEL_HASHES)  # a burst of log-ins must not take the memory of the machine
        self._nobody = self._hasher.hash(new_secret())

    # -- the first owner

    async def setup_token(self) -> str | None:
        """A fresh one-time token for the set-up link; None once there is an owner. The former token is dead."""
        if await self._all.count("accounts"):
            return None
        token = new_secret(32)
        await self._all.update("installation", "setup", set={"hash": self._ground.vault.lookup_hash(token)}, upsert=True)
        return token

    async def register_first(self, setup_token: str, email: str, password: str, name: str) -> SignedIn:
        """The platform's operator and owner. Errors: Forbidden for a spent or wrong token, Conflict for a second first owner."""
        setup = await self._all.get("installation", "setup")
        if not setup or not hmac.compare_digest(self._ground.vault.lookup_hash(setup_token), setup["hash"] or ""):
            raise Forbidden("This set-up link has been used or replaced; `weir status` prints the present one.")
        account = await self.create_owner(email, password, name)
        return await self._signed_in(account)

    async def create_owner(self, email: str, password: str, name: str) -> Doc:
        """Errors: Conflict when there is an account already."""
        if await self._all.count("accounts"):
            raise Conflict("There is an owner already; sign in instead.")
        account = await self._create(email, password, name, operator=True)
        await self._all.update("installation", "setup", set={"hash": ""}, upsert=True)
        return account

    async def _create(self, email: str, password: str, name: str, operator: bool) -> Doc:
        doc = {
            "id": new_id("acc"), "email": email.strip().lower(), "name": name, "operator": operator,
            "password": await self._hash(password), "created": now_ms(),
        }  # fmt: skip
        try:
            return await self._all.insert("accounts", doc)
        except DuplicateKey:
            raise Conflict("There is an account with this e-mail address already.") from None

    async def _hash(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password)

    # -- signing in and out

    async def login(self, email: str, password: str) -> SignedIn:
        """Errors: Unauthenticated, in the same words and time for an unknown address and a wrong password."""
        account = await self._all.find_one("accounts", {"email": email.strip().lower()})
        async with self._hashing:
            right = await asyncio.to_thread(self._verify, account["password"] if account else self._nobody, password)
        if not right or account is None:
            raise Unauthenticated(WRONG)
        return await self._signed_in(account)

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except VerifyMismatchError:
            return False

    async def _signed_in(self, account: Doc) -> SignedIn:
        family, secret = new_id("ses"), new_secret()
        await self._all.insert("sign_ins", {
            "id": family, "account": account["id"], "hash": self._ground.vault.lookup_hash(secret), "turn": 0,
            "created": now_ms(), "expires": now_ms() + REFRESH_S * 1000,
        })  # fmt: skip
        return SignedIn(account, self._access(account["id"], family), f"{family}.0.{secret}")

    def _access(self, account_id: str, family: str) -> str:
        return self._ground.tokens.mint("weir:account", ACCESS_S, sub=account_id, ses=family)

    async def refresh(self, refresh_token: str) -> SignedIn:
        """A new pair for an unspent refresh token. Errors: Unauthenticated; a spent one ends its family."""
        family, _, rest = refresh_token.partition(".")
        turn, _, secret = rest.partition(".")
        session = await self._all.get("sign_ins", family) if turn.isdecimal() else None
        if session is None or session["expires"] <= now_ms():
            raise Unauthenticated("Sign in again.")
        account = await self._all.get("accounts", session["account"])
        fresh = new_secret()
        right = hmac.compare_digest(self._ground.vault.lookup_hash(secret), session["hash"])
        if account is None or not right or int(turn) != session["turn"]:
            await self._all.delete("sign_ins", {"id": family})
            raise Unauthenticated("Sign in again.")
        rotated = {"hash": self._ground.vault.lookup_hash(fresh), "turn": session["turn"] + 1, "expires": now_ms() + REFRESH_S * 1000}
        if await self._all.update("sign_ins", family, set=rotated, expect={"expires": session["expires"]}) is None:
            raise Unauthenticated("Sign in again.")
        return SignedIn(account, self._access(account["id"], family), f"{family}.{rotated['turn']}.{fresh}")

    async def logout(self, refresh_token: str) -> None:
        await self._all.delete("sign_ins", {"id": refresh_token.partition(".")[0]})

    async def get(self, account_id: str) -> Doc:
        account = await self._all.get("accounts", account_id)
        if account is None:
            raise Unauthenticated("Sign in again.")
        return account

    async def forget_expired(self) -> None:
        """Periodic: refresh families whose time is over."""
        await self._all.delete("sign_ins", {"expires": Between(below=now_ms())})
