"""Accounts: the first owner by a one-time link, registration, sign-in, rotating refresh tokens, sign-out, passwords.

A refresh token is used once. When a spent one comes again, somebody has copied it: the whole family is ended.
Wrong passwords in a row lock an address – known or not – for 1, 2, 4 … s up to 15 minutes; the counts live in Redis, and
without Redis nobody signs in.
"""

import asyncio
import hmac
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from redis.exceptions import RedisError

from control.mail import Sender, open_sender
from weir.foundation.audit import PLATFORM, Audit, By
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.documents import Between, Doc, DuplicateKey
from weir.foundation.errors import Conflict, Forbidden, Invalid, RateLimited, Unauthenticated, Unavailable
from weir.foundation.ground import Ground, Tasks
from weir.foundation.ids import new_id, new_secret

ACCESS_S = 15 * 60
REFRESH_S = 7 * 86400
LINK_MS = {"reset": 3_600_000, "verify": 3 * 86_400_000}
PARALLEL_HASHES = 2
FREE_FAILURES = 5
LONGEST_LOCK_S = 900
WRONG = "The e-mail address or the password is wrong."
Purpose = Literal["reset", "verify"]
log = structlog.get_logger("control.accounts")


@dataclass(frozen=True)
class SignedIn:
    account: Doc
    access_token: str
    refresh_token: str


def public_view(account: Doc) -> dict[str, Any]:
    known = {key: account[key] for key in ("id", "email", "name", "operator")}
    return {**known, "verified": account.get("verified", True), "created": rfc3339(account["created"])}


def plain(email: str) -> str:
    return email.strip().lower()


class Accounts:
    def __init__(self, ground: Ground, audit: Audit, sender: Sender | None = None) -> None:
        self._ground, self._audit = ground, audit
        self._all = ground.store.operator()
        self._mail = sender or open_sender(ground.settings)
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP's Argon2id minimum
        self._hashing = asyncio.Semaphore(PARALLEL_HASHES)  # a burst of log-ins must not take the memory of the machine
        self._letters = Tasks()
        self._nobody = self._hasher.hash(new_secret())

    @property
    def sign_up(self) -> str:
        """`open` or `invitation`."""
        return self._ground.settings.sign_up

    # -- the first owner

    async def setup_token(self) -> str | None:
        """A fresh one-time token for the set-up link; None once there is an owner. The former token is dead."""
        if await self._owned():
            return None
        token = new_secret(32)
        await self._all.update("installation", "setup", set={"hash": self._ground.vault.lookup_hash(token)}, upsert=True)
        return token

    async def _owned(self) -> bool:
        return await self._all.find_one("accounts", {"operator": True}) is not None

    async def register_first(self, setup_token: str, email: str, password: str, name: str, by: By) -> SignedIn:
        """The platform's operator and owner. Errors: Forbidden for a spent or wrong token, Conflict for a second first owner."""
        setup = await self._all.get("installation", "setup")
        if not setup or not hmac.compare_digest(self._ground.vault.lookup_hash(setup_token), setup["hash"] or ""):
            raise Forbidden("This set-up link has been used or replaced; `weir status` prints the present one.")
        return await self.signed_in(await self.create_owner(email, password, name, by))

    async def create_owner(self, email: str, password: str, name: str, by: By) -> Doc:
        """Errors: Conflict when there is an operator already."""
        if await self._owned():
            raise Conflict("There is an owner already; sign in instead.")
        account = await self.create(email, password, name, by, operator=True, verified=True)
        await self._all.update("installation", "setup", set={"hash": ""}, upsert=True)
        return account

    async def register(self, email: str, password: str, name: str, by: By) -> Doc:
        """An account by open sign-up. Errors: Forbidden where sign-up is by invitation; Conflict."""
        if self.sign_up != "open":
            raise Forbidden("Accounts are made by invitation here; ask for one.")
        account = await self.create(email, password, name, by, verified=not self._ground.settings.verify_email)
        if not account["verified"]:
            await self.send_link(account, "verify")
        return account

    async def create(self, email: str, password: str, name: str, by: By, *, operator: bool = False, verified: bool = True) -> Doc:
        """Errors: Conflict for an address that has an account."""
        doc: Doc = {
            "id": new_id("acc"), "email": plain(email), "name": name, "operator": operator, "verified": verified,
            "password": await self._hash(password), "created": now_ms(),
        }  # fmt: skip
        noted = self._audit.entry(PLATFORM, By(by.actor or doc["id"], by.address, by.request), "account.created", doc["id"], None, doc)
        try:
            account = await self._all.insert("accounts", doc, emit=[noted])
        except DuplicateKey:
            raise Conflict("There is an account with this e-mail address already.") from None
        await self._audit.write(noted, "accounts", account["id"])
        return account

    async def _hash(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password)

    # -- signing in and out

    async def login(self, email: str, password: str) -> SignedIn:
        """Errors: Unauthenticated, in the same words and time for an unknown address and a wrong password; RateLimited while
        the address is locked; Forbidden while it is not verified; Unavailable without Redis."""
        lock = self._ground.vault.lookup_hash(plain(email))
        await self._check_lock(lock)
        account = await self._all.find_one("accounts", {"email": plain(email)})
        if not await self._right(account, password) or account is None:
            await self._failed(lock)
            raise Unauthenticated(WRONG)
        await self._ground.redis.delete(f"weir:failures:{lock}")
        if not account.get("verified", True):
            raise Forbidden("Open the link that was mailed to you first.")
        return await self.signed_in(account)

    async def _check_lock(self, lock: str) -> None:
        try:
            left_ms = await self._ground.redis.pttl(f"weir:locked:{lock}")
        except (RedisError, OSError) as error:
            raise Unavailable("Nobody can sign in at the moment; try again soon.") from error
        if left_ms > 0:
            raise RateLimited("Too many wrong passwords; wait a while.", retry_after=left_ms / 1000)

    async def _failed(self, lock: str) -> None:
        redis = self._ground.redis
        failures = int(await redis.incr(f"weir:failures:{lock}"))
        await redis.expire(f"weir:failures:{lock}", 86_400)
        if failures >= FREE_FAILURES:
            await redis.set(f"weir:locked:{lock}", "1", ex=min(LONGEST_LOCK_S, 2 ** (failures - FREE_FAILURES)))

    async def _right(self, account: Doc | None, password: str) -> bool:
        async with self._hashing:
            return await asyncio.to_thread(self._verify, account["password"] if account else self._nobody, password)

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except VerifyMismatchError:
            return False

    async def signed_in(self, account: Doc) -> SignedIn:
        """A new family of tokens."""
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
        session = await self._all.get("sign_ins", family) if turn.isdecimal() and family else None
        if session is None or session["expires"] <= now_ms():
            raise Unauthenticated("Sign in again.")
        account = await self._all.get("accounts", session["account"])
        fresh = new_secret()
        right = hmac.compare_digest(self._ground.vault.lookup_hash(secret), session["hash"])
        if account is None or not right or int(turn) != session["turn"]:
            await self.end({"id": family})
            raise Unauthenticated("Sign in again.")
        rotated = {"hash": self._ground.vault.lookup_hash(fresh), "turn": session["turn"] + 1, "expires": now_ms() + REFRESH_S * 1000}
        if await self._all.update("sign_ins", family, set=rotated, expect={"expires": session["expires"]}) is None:
            raise Unauthenticated("Sign in again.")
        return SignedIn(account, self._access(account["id"], family), f"{family}.{rotated['turn']}.{fresh}")

    async def logout(self, refresh_token: str, everywhere: bool) -> None:
        """Ends this family, or all of its account; access tokens end with them."""
        family = refresh_token.partition(".")[0]
        session = await self._all.get("sign_ins", family) if family else None
        if session is not None:
            await self.end({"account": session["account"]} if everywhere else {"id": family})

    async def end(self, where: dict[str, str]) -> None:
        """Refresh families; the access tokens that they gave are no longer taken."""
        while families := (await self._all.find("sign_ins", where, limit=100)).data:
            for family in families:
                await self._all.delete("sign_ins", {"id": family["id"]})

    async def session(self, account_id: str, family: str) -> Doc:
        """The account of an access token whose family lives. Errors: Unauthenticated."""
        session, account = await self._all.get("sign_ins", family), await self._all.get("accounts", account_id)
        if session is None or account is None or session["account"] != account_id:
            raise Unauthenticated("Sign in again.")
        return account

    # -- passwords and addresses

    async def change_password(self, account: Doc, present: str, fresh: str, by: By) -> SignedIn:
        """Ends all other sign-ins. Errors: Invalid for a wrong present one (it counts towards the lock)."""
        lock = self._ground.vault.lookup_hash(account["email"])
        await self._check_lock(lock)
        if not await self._right(account, present):
            await self._failed(lock)
            raise Invalid("present: this is not your present password.", fields=[{"field": "present", "detail": "wrong"}])
        return await self._set_password(account, fresh, by)

    async def _set_password(self, account: Doc, fresh: str, by: By) -> SignedIn:
        noted = self._audit.entry(PLATFORM, By(account["id"], by.address, by.request), "account.password_changed", account["id"])
        changed = await self._all.update(
            "accounts", account["id"], set={"password": await self._hash(fresh), "verified": True}, emit=[noted]
        )
        if changed is None:
            raise Unauthenticated("Sign in again.")
        await self._audit.write(noted, "accounts", account["id"])
        await self.end({"account": account["id"]})
        await self._all.delete("links", {"account": account["id"]})
        return await self.signed_in(changed)

    async def forgot(self, email: str) -> None:
        """Mails a link that sets a new password; says nothing about whether there is such an account, also not by how long it
        takes or by a mail server that does not answer."""
        account = await self._all.find_one("accounts", {"email": plain(email)})
        if account is not None:
            self._letters.start(self._reset_link(account), "reset link")

    async def _reset_link(self, account: Doc) -> None:
        try:
            await self.send_link(account, "reset")
        except Unavailable as refusal:
            log.warning("reset_link.not_sent", account=account["id"], reason=refusal.detail)

    async def stop(self) -> None:
        await self._letters.stop()

    async def send_link(self, account: Doc, purpose: Purpose) -> None:
        """A fresh link, good once; earlier ones of the same purpose are dead."""
        token = new_secret(32)
        await self._all.delete("links", {"account": account["id"], "purpose": purpose})
        link_id, ends = self._ground.vault.lookup_hash(token), now_ms() + LINK_MS[purpose]
        await self._all.insert("links", {"id": link_id, "account": account["id"], "purpose": purpose, "expires": ends})
        subject, sentence = {
            "reset": ("Set a new password", "Open this link within an hour to set a new password. If you did not ask for it, do nothing."),
            "verify": ("Verify your address", "Open this link to verify your address."),
        }[purpose]
        await self._mail.send(account["email"], subject, f"{sentence}\n\n{self._ground.settings.base_url}/studio#{purpose}={token}")

    async def reset(self, token: str, fresh: str, by: By) -> SignedIn:
        """Errors: Forbidden for a spent, old or wrong link."""
        account = await self._opened(token, "reset")
        for name in ("failures", "locked"):
            await self._ground.redis.delete(f"weir:{name}:{self._ground.vault.lookup_hash(account['email'])}")
        return await self._set_password(account, fresh, by)

    async def verify(self, token: str) -> SignedIn:
        """Errors: Forbidden for a spent, old or wrong link."""
        account = await self._opened(token, "verify")
        verified = await self._all.update("accounts", account["id"], set={"verified": True})
        return await self.signed_in(verified or account)

    async def _opened(self, token: str, purpose: Purpose) -> Doc:
        link_id = self._ground.vault.lookup_hash(token)
        link = await self._all.get("links", link_id)
        good = link is not None and link["purpose"] == purpose and link["expires"] > now_ms()
        if link is None or not good or not await self._all.delete("links", {"id": link_id}):
            raise Forbidden("This link has been used, replaced or is too old; ask for another.")
        account = await self._all.get("accounts", link["account"])
        if account is None:
            raise Forbidden("This link has been used, replaced or is too old; ask for another.")
        return account

    async def by_email(self, email: str) -> Doc | None:
        return await self._all.find_one("accounts", {"email": plain(email)})

    async def forget_expired(self) -> None:
        """Periodic: refresh families, links and withdrawals whose time is over."""
        for collection in ("sign_ins", "links", "revocations"):
            await self._all.delete(collection, {"expires": Between(below=now_ms())})
