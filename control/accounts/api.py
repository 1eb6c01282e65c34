"""Routes for people: the first owner, registration, signing in and out, passwords."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Protocol

from pydantic import Field

from control.accounts import service as views
from control.accounts.caller import Email, person
from control.accounts.models import Account, Options, SignedIn
from control.accounts.service import KNOWN, REFRESH_S, Accounts, SignInResult
from control.collections import InvitationDoc
from weir.foundation.audit import By, by
from weir.foundation.errors import Conflict, Forbidden, Unauthenticated
from weir.foundation.http.routing import Answer, Body, Call, Row
from weir.foundation.redis.rate_limits import SIGN_IN
from weir.foundation.tenancy.collections import AccountDoc
from weir.foundation.texts import Line

REFRESH_COOKIE, DEVICE_COOKIE = "weir_refresh", "weir_device"
DEVICE_S = 400 * 86_400
Password = Annotated[str, Field(min_length=10, max_length=256)]
OneTime = Annotated[str, Field(min_length=1, max_length=64)]


class Register(Body):
    """`setup` is the one-time token of the set-up link, `invitation` that of an invitation to an app."""

    email: Email
    password: Password
    name: Line = Field("", max_length=80)
    setup: str = Field("", max_length=64)
    invitation: str = Field("", max_length=64)


class Login(Body):
    email: str = Field(max_length=254)
    password: str = Field(max_length=256)


class Logout(Body):
    everywhere: bool = False


class AccountDeletion(Body):
    password: str = Field(max_length=256)


class ChangePassword(Body):
    present: str = Field(max_length=256)
    password: Password


class Forgot(Body):
    email: str = Field(max_length=254)


class Reset(Body):
    token: OneTime
    password: Password


class Verify(Body):
    token: OneTime


class Memberships(Protocol):
    """What signing up needs of control.apps.teams.Teams; apps are built on accounts, not the other way round."""

    async def find(self, token: str) -> tuple[InvitationDoc, bool]: ...

    async def accept(self, account: AccountDoc, token: str, by: By) -> str: ...

    async def accept_waiting(self, account: AccountDoc, invitation_id: str, by: By) -> None: ...

    async def delete_account(self, account: AccountDoc, session: str, password: str, by: By) -> None: ...


class AccountRoutes:
    """`claim_apps` gives the first owner the apps that were made before anybody signed up."""

    def __init__(
        self, accounts: Accounts, memberships: Memberships, claim_apps: Callable[[], Awaitable[None]]
    ) -> None:
        self._accounts = accounts
        self._memberships = memberships
        self._claim_apps = claim_apps

    def rows(self) -> list[Row]:
        base, signed_in = "/v1/auth", SignedIn
        return [
            Row("POST", base + "/register", "anybody", self.register, Register, "Make an account.", answer=signed_in, status=201,
                errors=(Forbidden, Conflict), limit=SIGN_IN, cookies=True),
            Row("GET", base + "/options", "anybody", self.options, None, "Who may sign up, and whether mails arrive.", answer=Options),
            Row("POST", base + "/login", "anybody", self.login, Login, "Sign in.", answer=signed_in, errors=(Unauthenticated,),
                limit=SIGN_IN, cookies=True),
            Row("POST", base + "/refresh", "anybody", self.refresh, None, "A new access token for the refresh cookie.", answer=signed_in,
                errors=(Unauthenticated,), cookies=True),
            Row("POST", base + "/logout", "anybody", self.logout, Logout, "Sign out, here or everywhere.", status=204, cookies=True),
            Row("GET", base + "/me", "account", self.me, None, "Who is signed in.", answer=Account),
            Row("DELETE", base + "/me", "account", self.delete, AccountDeletion, "Delete your account; you leave all apps.", status=204,
                errors=(Conflict,), cookies=True),
            Row("POST", base + "/password", "account", self.change_password, ChangePassword,
                "Change the password; all other sign-ins end.", answer=signed_in, cookies=True),
            Row("POST", base + "/password/forgot", "anybody", self.forgot, Forgot, "Mail a link that sets a new password.", status=204,
                limit=SIGN_IN, cookies=True),
            Row("POST", base + "/password/reset", "anybody", self.reset, Reset, "Set a new password by a mailed link.", answer=signed_in,
                errors=(Forbidden,), limit=SIGN_IN, cookies=True),
            Row("POST", base + "/verify", "anybody", self.verify, Verify, "Verify an e-mail address by a mailed link.", answer=signed_in,
                errors=(Forbidden,), limit=SIGN_IN, cookies=True),
        ]  # fmt: skip

    async def register(self, call: Call) -> Answer:
        body: Register = call.body
        if body.setup:
            signed_in = await self._accounts.register_first(
                body.setup, body.email, body.password, body.name, by(call)
            )
            await self._claim_apps()
            return _signed_in(signed_in, 201)
        if body.invitation:
            return await self._invited(call, body)
        return await self._entered(
            call, await self._accounts.register(body.email, body.password, body.name, by(call))
        )

    async def _entered(self, call: Call, account: AccountDoc) -> Answer:
        """A new account's own; without tokens while its mailbox must be proven first."""
        if self._accounts.must_verify:
            return Answer(
                {"account": views.public_view(account), "access_token": None, "expires_in": None}, 201
            )
        return _signed_in(await self._accounts.signed_in(account, by(call)), 201)

    async def options(self, call: Call) -> Answer:
        return Answer({"sign_up": self._accounts.sign_up, "mail": self._accounts.mail_delivers})

    async def _invited(self, call: Call, body: Register) -> Answer:
        """The mailed link proves the mailbox; the one that the inviter was shown does not. Where a mailbox
        must be proven, a person with the latter joins when that is done."""
        invitation, mailed = await self._memberships.find(body.invitation)
        if invitation["email"] != views.normalize_email(body.email):
            raise Forbidden("This invitation is for another e-mail address.")
        if mailed:
            account = await self._accounts.create(
                body.email, body.password, body.name, by(call), verified=True
            )
            if account is None:
                raise Conflict(KNOWN)
        else:
            asked = (body.email, body.password, body.name, by(call), invitation["id"])
            account = await self._accounts.register_unproven(*asked)
        if mailed or not self._accounts.must_verify:
            await self._memberships.accept(account, body.invitation, by(call))
            return _signed_in(await self._accounts.signed_in(account, by(call)), 201)
        return await self._entered(call, account)

    async def login(self, call: Call) -> Answer:
        body, device = call.body, call.request.cookies.get(DEVICE_COOKIE, "")
        return _signed_in(await self._accounts.login(body.email, body.password, by(call), device))

    async def refresh(self, call: Call) -> Answer:
        return _signed_in(await self._accounts.refresh(call.request.cookies.get(REFRESH_COOKIE, "")))

    async def logout(self, call: Call) -> Answer:
        await self._accounts.logout(
            call.request.cookies.get(REFRESH_COOKIE, ""), call.body.everywhere, by(call)
        )
        return Answer(None, 204, ((REFRESH_COOKIE, "", 0),))

    async def me(self, call: Call) -> Answer:
        return Answer(views.public_view(await person(self._accounts, call)))

    async def delete(self, call: Call) -> Answer:
        """Needs the password again. The only owner of an app gives it away or deletes it first
        (`last_owner`)."""
        account = await person(self._accounts, call)
        await self._memberships.delete_account(
            account, call.signed_in().session, call.body.password, by(call)
        )
        return Answer(None, 204, ((REFRESH_COOKIE, "", 0),))

    async def change_password(self, call: Call) -> Answer:
        account, body = await person(self._accounts, call), call.body
        session = call.signed_in().session
        return _signed_in(
            await self._accounts.change_password(account, session, body.present, body.password, by(call))
        )

    async def forgot(self, call: Call) -> Answer:
        await self._accounts.forgot(call.body.email)
        return Answer(None, 204)

    async def reset(self, call: Call) -> Answer:
        return _signed_in(await self._accounts.reset(call.body.token, call.body.password, by(call)))

    async def verify(self, call: Call) -> Answer:
        signed_in, invitation = await self._accounts.verify(call.body.token, by(call))
        if invitation is not None:
            await self._memberships.accept_waiting(signed_in.account, invitation, by(call))
        return _signed_in(signed_in)


def _signed_in(signed_in: SignInResult, status: int = 200) -> Answer:
    data = {
        "account": views.public_view(signed_in.account),
        "access_token": signed_in.access_token,
        "expires_in": views.ACCESS_S,
    }
    known = ((DEVICE_COOKIE, signed_in.device, DEVICE_S),) if signed_in.device is not None else ()
    return Answer(data, status, ((REFRESH_COOKIE, signed_in.refresh_token, REFRESH_S), *known))
