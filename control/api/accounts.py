"""Routes for people: the first owner, signing in, apps and their keys."""

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from control import accounts as views
from control import apps as app_views
from control.accounts import REFRESH_S, Accounts, SignedIn
from control.apps import MEMBER_TOKEN_S, Apps
from weir.foundation.routing import Answer, Body, Call, Row

REFRESH_COOKIE = "weir_refresh"


def _address(text: str) -> str:
    name, _, domain = text.partition("@")
    if not name or "." not in domain.strip(".") or any(character.isspace() for character in text):
        raise ValueError("this is not an e-mail address")
    return text


Email = Annotated[str, Field(max_length=254), AfterValidator(_address)]
Password = Annotated[str, Field(min_length=10, max_length=256)]
Name = Annotated[str, Field(min_length=1, max_length=80)]


class Register(Body):
    email: Email
    password: Password
    name: str = Field("", max_length=80)
    setup: str = Field("", max_length=64)


class Login(Body):
    email: str = Field(max_length=254)
    password: str = Field(max_length=256)


class NewApp(Body):
    name: Name


class NewKey(Body):
    name: str = Field("", max_length=80)
    scopes: list[str] = Field([], max_length=20)
    expires: AwareDatetime | None = None


class AccountRoutes:
    def __init__(self, accounts: Accounts, apps: Apps) -> None:
        self._accounts, self._apps = accounts, apps

    def rows(self) -> list[Row]:
        return [
            Row("POST", "/v1/auth/register", "anybody", self.register, Register),
            Row("POST", "/v1/auth/login", "anybody", self.login, Login),
            Row("POST", "/v1/auth/refresh", "anybody", self.refresh),
            Row("POST", "/v1/auth/logout", "anybody", self.logout),
            Row("GET", "/v1/auth/me", "account", self.me),
            Row("GET", "/v1/apps", "account", self.list_apps),
            Row("POST", "/v1/apps", "account", self.create_app, NewApp),
            Row("POST", "/v1/apps/{app}/session", "account", self.app_session),
            Row("GET", "/v1/apps/{app}/keys", "account", self.list_keys),
            Row("POST", "/v1/apps/{app}/keys", "account", self.create_key, NewKey),
            Row("DELETE", "/v1/apps/{app}/keys/{key}", "account", self.revoke_key),
        ]

    async def register(self, call: Call) -> Answer:
        body: Register = call.body
        signed_in = await self._accounts.register_first(body.setup, body.email, body.password, body.name)
        await self._apps.adopt_orphans(signed_in.account["id"])
        return self._signed_in(signed_in, 201)

    async def login(self, call: Call) -> Answer:
        body: Login = call.body
        return self._signed_in(await self._accounts.login(body.email, body.password))

    async def refresh(self, call: Call) -> Answer:
        return self._signed_in(await self._accounts.refresh(call.request.cookies.get(REFRESH_COOKIE, "")))

    async def logout(self, call: Call) -> Answer:
        await self._accounts.logout(call.request.cookies.get(REFRESH_COOKIE, ""))
        return Answer(None, 204, ((REFRESH_COOKIE, "", 0),))

    def _signed_in(self, signed_in: SignedIn, status: int = 200) -> Answer:
        data = {"account": views.public_view(signed_in.account), "access_token": signed_in.access_token, "expires_in": views.ACCESS_S}
        return Answer(data, status, ((REFRESH_COOKIE, signed_in.refresh_token, REFRESH_S),))

    async def me(self, call: Call) -> Answer:
        return Answer(views.public_view(await self._accounts.get(call.signed_in().id)))

    async def list_apps(self, call: Call) -> Answer:
        return Answer({"data": [app_views.public_view(app) for app in await self._apps.owned_by(call.signed_in().id)], "next_cursor": None})

    async def create_app(self, call: Call) -> Answer:
        return Answer(app_views.public_view(await self._apps.create(call.signed_in().id, call.body.name)), 201)

    async def app_session(self, call: Call) -> Answer:
        token = await self._apps.member_token(call.signed_in().id, call.path("app"))
        return Answer({"app_token": token, "expires_in": MEMBER_TOKEN_S}, 201)

    async def list_keys(self, call: Call) -> Answer:
        app = await self._apps.owned(call.signed_in().id, call.path("app"))
        return Answer({"data": [app_views.key_view(key) for key in await self._apps.keys(app["id"])], "next_cursor": None})

    async def create_key(self, call: Call) -> Answer:
        app, body = await self._apps.owned(call.signed_in().id, call.path("app")), call.body
        expires = int(body.expires.timestamp() * 1000) if body.expires else None
        key, secret, signing = await self._apps.create_key(app["id"], body.name, body.scopes, expires)
        return Answer({**app_views.key_view(key), "api_key": secret, "signing_secret": signing}, 201)

    async def revoke_key(self, call: Call) -> Answer:
        app = await self._apps.owned(call.signed_in().id, call.path("app"))
        return Answer(app_views.key_view(await self._apps.revoke_key(app["id"], call.path("key"))))
