"""Accounts: the first owner by a one-time link, registration, sign-in, rotating refresh tokens, sign-out,
passwords.

A refresh token is used once. If a spent one is presented again, it was copied: the whole family of tokens
ends. A new password starts a new era of the account in the same write: all earlier sign-ins end, and what
was made in them is withdrawn. control.accounts.sign_in_limits counts password attempts.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from redis.asyncio import Redis

from control.accounts.mail import MailLimit, MailSender, open_sender
from control.accounts.sign_in_limits import KnownDevices, SignInAttempt, SignInAttempts, network_of
from control.collections import INSTALLATION, LINKS, LinkDoc
from weir.foundation.audit import PLATFORM, Audit, By
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.documents import Between, DuplicateKey, Store
from weir.foundation.errors import Conflict, Forbidden, Invalid, Refused, Unauthenticated, Unavailable
from weir.foundation.events import DirectoryChanged, Revoked
from weir.foundation.ids import derived_id, new_id, new_secret
from weir.foundation.redis.bus import Bus
from weir.foundation.services import Tasks
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import ACCOUNTS, REVOCATIONS, SIGN_INS, AccountDoc, SignInDoc
from weir.foundation.tenancy.directory import Directory
from weir.foundation.tenancy.tokens import Tokens
from weir.foundation.vault import Vault

ACCESS_S = 15 * 60
REFRESH_S = 7 * 86400
LINK_MS = {"reset": 3_600_000, "verify": 3 * 86_400_000}
MOST_LINKS = 3
PARALLEL_HASHES = 2
OWNER = derived_id("acc", "owner of the installation")
"""The one id that the first owner can have: of two at the same moment, one is refused by the store."""
WRONG = "The e-mail address or the password is wrong."
WRONG_OR_UNVERIFIED = "The e-mail address or the password is wrong, or the address is not verified yet: open the link in the mail then."
KNOWN = "There is an account with this e-mail address already."
SPENT_SETUP = "This set-up link has been used or replaced; `weir status` prints the present one."
SPENT_LINK = "This link has been used, replaced or is too old; ask for another."
Purpose = Literal["reset", "verify"]
LEAVING_MS = 60_000  # a process that dies while an account is deleted blocks it no longer than this
log = structlog.get_logger("control.accounts")

LETTERS = {
    "reset": (
        "Set a new password",
        "Open this link within an hour to set a new password. If you did not ask for it, do nothing.",
    ),
    "verify": (
        "Verify your address",
        "Open this link to verify your address. If you did not make an account, do nothing.",
    ),
    "known": (
        "You have an account already",
        "Someone has tried to make an account with your e-mail address, which has one. If it was you, sign in; if you have forgotten the "
        "password, ask for another at the sign-in page. If it was not you, do nothing.",
    ),
}


@dataclass(frozen=True)
class SignInResult:
    """`device` is the cookie that identifies this browser from now on; None keeps the present one."""

    account: AccountDoc
    access_token: str
    refresh_token: str
    device: str | None = None


def public_view(account: AccountDoc) -> dict[str, Any]:
    known = {key: account[key] for key in ("id", "email", "name", "operator")}
    return {**known, "verified": account.get("verified", True), "created": rfc3339(account["created"])}


def normalize_email(email: str) -> str:
    return email.strip().lower()


def is_leaving(account: AccountDoc | None) -> bool:
    """True for an account that is deleted, or is being deleted. A membership that is written while this is
    False is seen by the deletion, and one that is written later must be taken back."""
    return account is None or account.get("leaving", 0) > now_ms()


class Accounts:
    def __init__(
        self,
        audit: Audit,
        sender: MailSender | None = None,
        *,
        settings: Settings,
        vault: Vault,
        tokens: Tokens,
        store: Store,
        redis: Redis,
        bus: Bus,
        directory: Directory,
    ) -> None:
        self._settings = settings
        self._vault = vault
        self._tokens = tokens
        self._bus = bus
        self._directory = directory
        self._audit = audit
        self._all = store.operator()
        self._mail = sender or open_sender(settings)
        self._bound = MailLimit(redis)
        self._attempts = SignInAttempts(redis)
        self._devices = KnownDevices(vault)
        self._hasher = PasswordHasher(
            time_cost=2, memory_cost=19 * 1024, parallelism=1
        )  # OWASP's Argon2id minimum
        self._hashing = asyncio.Semaphore(
            PARALLEL_HASHES
        )  # a burst of log-ins must not take the memory of the machine
        self._letters = Tasks()
        self._nobody = self._hasher.hash(new_secret())

    @property
    def sign_up(self) -> str:
        """`open` or `invitation`."""
        return self._settings.sign_up

    @property
    def mail_delivers(self) -> bool:
        return self._mail.delivers

    @property
    def must_verify(self) -> bool:
        """True when an account can't sign in before its address is verified."""
        return self._settings.verify_email

    # -- the first owner

    async def setup_token(self) -> str | None:
        """A new one-time token for the set-up link; None once there is an owner. It invalidates the previous
        token."""
        if await self._owned():
            return None
        token = new_secret(32)
        await self._all.update(
            INSTALLATION, "setup", set={"hash": self._vault.lookup_hash(token)}, upsert=True
        )
        return token

    async def _owned(self) -> bool:
        return await self._all.find_one(ACCOUNTS, {"operator": True}) is not None

    async def register_first(
        self, setup_token: str, email: str, password: str, name: str, by: By
    ) -> SignInResult:
        """Creates the installation's operator and owner. The token is taken first, so it works once; it is
        restored when nothing was created. If the process dies in between, `weir up` or `weir status`
        prints the next link.

        Errors: Forbidden for a spent or wrong token, Conflict for a second first owner."""
        given = self._vault.lookup_hash(setup_token)
        if await self._all.update(INSTALLATION, "setup", set={"hash": ""}, expect={"hash": given}) is None:
            raise Forbidden(SPENT_SETUP)
        try:
            account = await self.create_owner(email, password, name, by)
        except Refused:
            await self._all.update(INSTALLATION, "setup", set={"hash": given}, expect={"hash": ""})
            raise
        return await self.signed_in(account, by)

    async def create_owner(self, email: str, password: str, name: str, by: By) -> AccountDoc:
        """Errors: Conflict when there is an operator already, or the address has an account."""
        if not await self._owned():
            account = await self.create(email, password, name, by, operator=True, verified=True)
            if account is not None:
                await self._all.update(INSTALLATION, "setup", set={"hash": ""}, upsert=True)
                return account
            if not await self._owned():
                raise Conflict(KNOWN)
        raise Conflict("There is an owner already; sign in instead.")

    async def register(self, email: str, password: str, name: str, by: By) -> AccountDoc:
        """Creates an account by open sign-up. Errors: Forbidden where sign-up is by invitation; Conflict."""
        if self.sign_up != "open":
            raise Forbidden("Accounts are made by invitation here; ask for one.")
        return await self.register_unproven(email, password, name, by)

    async def register_unproven(
        self, email: str, password: str, name: str, by: By, invitation: str | None = None
    ) -> AccountDoc:
        """Creates an account whose address is not verified; `invitation` is accepted when the mailed link is
        opened. Where addresses must be verified before the first sign-in, an address that has an account gets
        the same answer as a new one, and a mail. Elsewhere the answer itself says so. Errors: Conflict."""
        account = await self.create(email, password, name, by, verified=False)
        if account is not None and self.must_verify:
            self._post(partial(self.send_link, account, "verify", invitation))
        if account is None and not self.must_verify:
            raise Conflict(KNOWN)
        if account is None:
            self._post(partial(self._tell_owner, normalize_email(email)))
        return account or {
            "id": new_id("acc"),
            "email": normalize_email(email),
            "name": name,
            "operator": False,
            "verified": False,
            "password": "",
            "created": now_ms(),
        }

    async def create(
        self, email: str, password: str, name: str, by: By, *, operator: bool = False, verified: bool
    ) -> AccountDoc | None:
        """Creates an account; None for an address that has one, and for a second operator."""
        doc: AccountDoc = {
            "id": OWNER if operator else new_id("acc"),
            "email": normalize_email(email),
            "name": name,
            "operator": operator,
            "verified": verified,
            "password": await self._hash(password),
            "created": now_ms(),
            "era": 0,
        }
        noted = self._audit.entry(
            PLATFORM,
            By(by.actor or doc["id"], by.address, by.request),
            "account.created",
            doc["id"],
            None,
            doc,
        )
        try:
            account = await self._all.insert(ACCOUNTS, doc, emit=[noted])
        except DuplicateKey:
            return None
        await self._audit.write(noted, "accounts", account["id"])
        await self._changed("accounts", account["id"])
        return account

    async def _hash(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password)

    # -- signing in and out

    async def login(self, email: str, password: str, by: By, device: str = "") -> SignInResult:
        """`device` is the cookie of a browser that has signed in before. Errors: Unauthenticated, with the
        same words and timing for an unknown address, a wrong password and an unverified address;
        RateLimited after too many of these; Unavailable without Redis."""
        account = await self._all.find_one(ACCOUNTS, {"email": normalize_email(email)})
        known = self._devices.device_of(device, account)
        attempt = self._attempt(
            email, f"device:{known}" if known else network_of(by.address), known is not None
        )
        await self._attempts.begin(attempt)
        right = await self._right(account, password)
        if account is not None and right and self._may_enter(account):
            await self._attempts.succeeded(attempt)
            return await self.signed_in(account, by, known)
        if account is not None and right:
            self._post(partial(self.send_link, account, "verify"))
        await self._audit.count(
            PLATFORM, By("", by.address), "sign_in.failed", account["id"] if account is not None else ""
        )
        raise Unauthenticated(WRONG_OR_UNVERIFIED if self.must_verify else WRONG)

    def _attempt(self, email: str, source: str, known: bool) -> SignInAttempt:
        return SignInAttempt(self._hashed(email), source, known)

    def _hashed(self, email: str) -> str:
        return self._vault.lookup_hash(normalize_email(email))

    def _may_enter(self, account: AccountDoc) -> bool:
        return not self.must_verify or bool(account.get("verified", True))

    async def _right(self, account: AccountDoc | None, password: str) -> bool:
        async with self._hashing:
            return await asyncio.to_thread(
                self._verify, account["password"] if account else self._nobody, password
            )

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except VerifyMismatchError:
            return False

    async def signed_in(self, account: AccountDoc, by: By, device: str | None = None) -> SignInResult:
        """A new family of tokens, and the cookie that identifies this browser."""
        family, secret = new_id("ses"), new_secret()
        noted = self._audit.entry(PLATFORM, By(account["id"], by.address, by.request), "sign_in.done", family)
        session: SignInDoc = {
            "id": family,
            "account": account["id"],
            "hash": self._vault.lookup_hash(secret),
            "turn": 0,
            "era": account.get("era", 0),
            "created": now_ms(),
            "expires": now_ms() + REFRESH_S * 1000,
        }
        await self._all.insert(SIGN_INS, session, emit=[noted])
        await self._audit.write(noted, "sign_ins", family)
        return SignInResult(
            account,
            self._access(account["id"], family),
            f"{family}.0.{secret}",
            self._devices.cookie(account, device),
        )

    def _access(self, account_id: str, family: str) -> str:
        return self._tokens.mint("weir:account", ACCESS_S, sub=account_id, ses=family)

    async def refresh(self, refresh_token: str) -> SignInResult:
        """A new pair for an unspent refresh token. Errors: Unauthenticated; a spent one ends its family."""
        session, which = await self._shown(refresh_token)
        if session is None or which == "strange":
            raise Unauthenticated("Sign in again.")
        account = await self._all.get(ACCOUNTS, session["account"])
        if account is None or which == "spent" or session.get("era", 0) != account.get("era", 0):
            await self.end_sign_ins({"id": session["id"]})
            raise Unauthenticated("Sign in again.")
        fresh, turn = new_secret(), session["turn"] + 1
        rotated = {
            "hash": self._vault.lookup_hash(fresh),
            "spent": session["hash"],
            "turn": turn,
            "expires": now_ms() + REFRESH_S * 1000,
        }
        if (
            await self._all.update(
                SIGN_INS, session["id"], set=rotated, expect={"expires": session["expires"]}
            )
            is None
        ):
            raise Unauthenticated("Sign in again.")
        return SignInResult(
            account, self._access(account["id"], session["id"]), f"{session['id']}.{turn}.{fresh}"
        )

    async def _shown(
        self, refresh_token: str
    ) -> tuple[SignInDoc | None, Literal["present", "spent", "strange"]]:
        """The family of a refresh token, if it has not ended, and whether the token is its present one or the
        one before. Every access token contains the family's id, so the id alone proves nothing."""
        family, _, rest = refresh_token.partition(".")
        turn, _, secret = rest.partition(".")
        session = await self._all.get(SIGN_INS, family) if turn.isdecimal() and family else None
        if session is None or session["expires"] <= now_ms():
            return None, "strange"
        shown = self._vault.lookup_hash(secret)
        if int(turn) == session["turn"] and hmac.compare_digest(shown, session["hash"]):
            return session, "present"
        if int(turn) == session["turn"] - 1 and hmac.compare_digest(shown, session.get("spent", "")):
            return session, "spent"
        return session, "strange"

    async def logout(self, refresh_token: str, everywhere: bool, by: By) -> None:
        """Ends this family, or all families of its account with everything that was made in them. Access
        tokens and app tokens end with them."""
        session, which = await self._shown(refresh_token)
        if session is None or which == "strange":
            return
        whose = str(session["account"])
        who = By(whose, by.address, by.request)
        if everywhere:
            noted = self._audit.entry(PLATFORM, who, "account.signed_out_everywhere", whose)
            await self._new_era(whose, {}, emit=[noted])
            await self._audit.write(noted, "accounts", whose)
        else:
            async with self._audit.before_it(PLATFORM, who, "sign_in.ended", session["id"]):
                await self.end_sign_ins({"id": session["id"]})

    async def _new_era(self, account_id: str, fields: dict[str, Any], **options: Any) -> AccountDoc | None:
        """Ends all sign-ins of the account, and withdraws what its app tokens have made in any app, in one
        write."""
        moment = now_ms() + 1000  # tokens carry whole seconds
        changed = await self._all.update(
            ACCOUNTS, account_id, set={**fields, "void": moment}, inc={"era": 1}, **options
        )
        if changed is not None:
            await self._changed("accounts", account_id)
            await self._tell(Revoked(app="", kind="member", subject=account_id, before=moment))
            await self.end_sign_ins({"account": account_id}, keep=changed["era"])
        return changed

    async def end_sign_ins(self, where: dict[str, str], keep: int | None = None) -> None:
        """Deletes refresh families, except those of one era; tokens that they issued are refused from now on."""
        cursor = None
        while True:
            page = await self._all.find(SIGN_INS, where, limit=100, cursor=cursor)
            for family in page.data:
                if keep is None or family.get("era", 0) != keep:
                    await self._all.delete(SIGN_INS, {"id": family["id"]})
                    await self._changed("sign_ins", family["id"])
            if page.next is None:
                return
            cursor = page.next

    async def _changed(self, collection: str, key: str) -> None:
        """Invalidates the cached copy in every process, in this one at once."""
        fact = DirectoryChanged(app="", collection=collection, key=key)
        await self._directory.on_event(fact)
        await self._tell(fact)

    async def _tell(self, fact: DirectoryChanged | Revoked) -> None:
        try:
            await self._bus.publish(fact)
        except Unavailable:
            return  # every cache forgets by itself within seconds

    async def get(self, account_id: str) -> AccountDoc:
        """The account of a signed-in caller. Errors: Unauthenticated."""
        account = await self._all.get(ACCOUNTS, account_id)
        if account is None:
            raise Unauthenticated("Sign in again.")
        return account

    # -- passwords and addresses

    async def change_password(
        self, account: AccountDoc, session: str, present: str, fresh: str, by: By
    ) -> SignInResult:
        """Ends all other sign-ins. Errors: as check_password."""
        await self.check_password(account, session, present, "present")
        return await self._set_password(account, fresh, by, {})

    async def check_password(
        self, account: AccountDoc, session: str, password: str, field: str = "password"
    ) -> None:
        """Errors: Invalid for a wrong one; RateLimited after too many attempts in this sign-in."""
        attempt = self._attempt(account["email"], f"session:{session}", True)
        await self._attempts.begin(attempt)
        if not await self._right(account, password):
            raise Invalid(
                f"{field}: this is not your present password.", fields=[{"field": field, "detail": "wrong"}]
            )
        await self._attempts.succeeded(attempt)

    async def mark_leaving(self, account_id: str, leaving: bool) -> None:
        """While an account leaves its apps it joins and makes no other; see `is_leaving`."""
        until = now_ms() + LEAVING_MS if leaving else 0
        await self._all.update(ACCOUNTS, account_id, set={"leaving": until})

    async def delete(self, account: AccountDoc, by: By) -> None:
        """Deletes the account with all sign-ins and what was made in them. May be repeated."""
        async with self._audit.before_it(PLATFORM, by, "account.deleted", account["id"], None):
            await self._new_era(account["id"], {})
            await self._all.delete(LINKS, {"account": account["id"]})
            await self._all.delete(ACCOUNTS, {"id": account["id"]})
        await self._changed("accounts", account["id"])

    async def _set_password(
        self, account: AccountDoc, fresh: str, by: By, proven: dict[str, bool]
    ) -> SignInResult:
        noted = self._audit.entry(
            PLATFORM, By(account["id"], by.address, by.request), "account.password_changed", account["id"]
        )
        changed = await self._new_era(
            account["id"], {"password": await self._hash(fresh), **proven}, emit=[noted]
        )
        if changed is None:
            raise Unauthenticated("Sign in again.")
        await self._audit.write(noted, "accounts", account["id"])
        await self._all.delete(LINKS, {"account": account["id"]})
        return await self.signed_in(changed, by)

    async def forgot(self, email: str) -> None:
        """Mails a link that sets a new password. Neither the answer nor its timing reveals whether there is
        an account, also when the mail server does not answer."""
        account = await self._all.find_one(ACCOUNTS, {"email": normalize_email(email)})
        if account is not None:
            self._post(partial(self.send_link, account, "reset"))

    def _post(self, letter: Callable[[], Awaitable[None]]) -> None:
        """Sends a mail in the background; the answer must not depend on it."""

        async def sent() -> None:
            try:
                await letter()
            except Unavailable as refusal:
                log.warning("mail.not_sent", reason=refusal.detail)

        self._letters.start(sent(), "mail")

    async def stop(self) -> None:
        await self._letters.stop()

    async def send_link(self, account: AccountDoc, purpose: Purpose, invitation: str | None = None) -> None:
        """Mails a link that works once, within the limit of mails to an address. The two links before it stay
        valid, so that a stranger who asks for links does not invalidate them. Errors: Unavailable."""
        if not await self._bound.admits(purpose, self._hashed(account["email"])):
            return
        token = new_secret(32)
        link_id, ends = self._vault.lookup_hash(token), now_ms() + LINK_MS[purpose]
        link: LinkDoc = {
            "id": link_id,
            "account": account["id"],
            "purpose": purpose,
            "expires": ends,
            "invitation": invitation,
        }
        await self._all.insert(LINKS, link)
        about = {"account": account["id"], "purpose": purpose}
        for old in (await self._all.find(LINKS, about, sort="expires", descending=True, limit=100)).data[
            MOST_LINKS:
        ]:
            await self._all.delete(LINKS, {"id": old["id"]})
        await self._letter(account["email"], purpose, f"#{purpose}={token}")

    async def _tell_owner(self, email: str) -> None:
        """Mails the owner of an address about an attempt to create an account with it."""
        if await self._bound.admits("known", self._hashed(email)):
            await self._letter(email, "known", "")

    async def _letter(self, to: str, kind: str, fragment: str) -> None:
        subject, sentence = LETTERS[kind]
        await self._mail.send(to, subject, f"{sentence}\n\n{self._settings.base_url}/studio{fragment}")

    async def reset(self, token: str, fresh: str, by: By) -> SignInResult:
        """Sets a new password. The link verifies the address. Errors: Forbidden for a spent, old or wrong
        link."""
        account, _ = await self._opened(token, "reset")
        await self._attempts.succeeded(self._attempt(account["email"], network_of(by.address), known=False))
        return await self._set_password(account, fresh, by, {"verified": True})

    async def verify(self, token: str, by: By) -> tuple[SignInResult, str | None]:
        """Verifies the address, and returns the invitation that waited for it. Errors: Forbidden for a spent,
        old or wrong link."""
        account, link = await self._opened(token, "verify")
        return await self.signed_in(await self.mark_verified(account, by), by), link.get("invitation")

    async def mark_verified(self, account: AccountDoc, by: By) -> AccountDoc:
        """A link that was mailed to the account's address was opened."""
        if account.get("verified", True):
            return account
        noted = self._audit.entry(
            PLATFORM, By(account["id"], by.address, by.request), "account.verified", account["id"]
        )
        proven = await self._all.update(ACCOUNTS, account["id"], set={"verified": True}, emit=[noted])
        await self._audit.write(noted, "accounts", account["id"])
        return proven or account

    async def _opened(self, token: str, purpose: Purpose) -> tuple[AccountDoc, LinkDoc]:
        """(account, link) of a mailed link, which is spent by this."""
        link_id = self._vault.lookup_hash(token)
        link = await self._all.get(LINKS, link_id)
        good = link is not None and link["purpose"] == purpose and link["expires"] > now_ms()
        if link is None or not good or not await self._all.delete(LINKS, {"id": link_id}):
            raise Forbidden(SPENT_LINK)
        account = await self._all.get(ACCOUNTS, link["account"])
        if account is None:
            raise Forbidden(SPENT_LINK)
        return account, link

    async def by_email(self, email: str) -> AccountDoc | None:
        return await self._all.find_one(ACCOUNTS, {"email": normalize_email(email)})

    async def forget_expired(self) -> None:
        """Periodic: deletes expired refresh families, links and withdrawals."""
        for collection in (SIGN_INS, LINKS, REVOCATIONS):
            await self._all.delete(collection, {"expires": Between(below=now_ms())})
