"""The REST routes, the hooks and the playback routes over ASGI, on real stores."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from control.composition import ControlRoom
from weir.foundation.clock import now_ms
from weir.foundation.http.problems import HANDLERS
from weir.foundation.ids import new_id
from weir.foundation.services import Services
from weir.foundation.tenancy.collections import APPS, REVOCATIONS
from weir.foundation.tenancy.directory import revocation_id

PASSWORD = "correct horse battery"


async def nobody(_channel: str) -> int:
    return 0


@pytest.fixture
async def http(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=ControlRoom(services, nobody, {}).routes(), exception_handlers=HANDLERS)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://weir.test") as client:
        yield client


@pytest.fixture
def secret(services: Services) -> str:
    return services.vault.text_key("internal")


async def card(http: httpx.AsyncClient, secret: str) -> dict[str, Any]:
    return dict((await http.post("/internal/card", headers={"X-Internal-Secret": secret}, json={})).json())


async def signed_up(http: httpx.AsyncClient, secret: str) -> dict[str, str]:
    setup = (await card(http, secret))["studio_url"].split("#setup=")[1]
    reply = await http.post(
        "/v1/auth/register",
        json={"email": "a@b.example", "password": PASSWORD, "name": "Ann", "setup": setup},
    )
    assert reply.status_code == 201, reply.text
    return {"Authorization": f"Bearer {reply.json()['access_token']}"}


async def app_token(http: httpx.AsyncClient, secret: str) -> dict[str, str]:
    account = await signed_up(http, secret)
    app = (await http.get("/v1/apps", headers=account)).json()["data"][0]
    reply = await http.post(f"/v1/apps/{app['id']}/session", headers=account)
    return {"Authorization": f"Bearer {reply.json()['app_token']}"}


async def test_the_first_owner_comes_by_the_one_time_link(http: httpx.AsyncClient, secret: str) -> None:
    """The link works once, gives the waiting app to its owner, and is deleted afterwards."""
    account = await signed_up(http, secret)
    assert (await http.get("/v1/auth/me", headers=account)).json()["operator"] is True
    assert len((await http.get("/v1/apps", headers=account)).json()["data"]) == 1
    assert "#setup" not in (await card(http, secret))["studio_url"]
    again = await http.post(
        "/v1/auth/register", json={"email": "x@b.example", "password": PASSWORD, "setup": "0" * 32}
    )
    assert (again.status_code, again.json()["code"]) == (403, "forbidden")


async def test_signing_in_and_staying_signed_in(http: httpx.AsyncClient, secret: str) -> None:
    """Wrong password and unknown address answer alike; a spent refresh token ends the family."""
    await signed_up(http, secret)
    wrong = [
        (await http.post("/v1/auth/login", json={"email": email, "password": password})).json()
        for email, password in (("a@b.example", "wrong-password"), ("nobody@b.example", PASSWORD))
    ]
    assert wrong[0] == wrong[1]
    assert wrong[0]["code"] == "unauthenticated"
    http.cookies.clear()
    assert (
        await http.post("/v1/auth/login", json={"email": "A@B.example", "password": PASSWORD})
    ).status_code == 200
    spent = http.cookies["weir_refresh"]
    assert (await http.post("/v1/auth/refresh")).status_code == 200
    fresh = http.cookies["weir_refresh"]
    assert fresh != spent
    http.cookies.clear()
    assert (
        await http.post("/v1/auth/refresh", headers={"Cookie": f"weir_refresh={spent}"})
    ).status_code == 401
    assert (
        await http.post("/v1/auth/refresh", headers={"Cookie": f"weir_refresh={fresh}"})
    ).status_code == 401


async def test_a_stream_by_api_with_a_key(http: httpx.AsyncClient, secret: str) -> None:
    """An API key makes a stream; the list shows no secret; without the scope it is forbidden."""
    account = await signed_up(http, secret)
    app = (await http.post("/v1/apps", headers=account, json={"name": "Mine"})).json()
    made = (
        await http.post(
            f"/v1/apps/{app['id']}/keys", headers=account, json={"scopes": ["streams:write", "streams:read"]}
        )
    ).json()
    key = {"Authorization": f"Bearer {made['api_key']}"}
    stream = (await http.post("/v1/streams", headers=key, json={"title": "Show"})).json()
    assert stream["key"].count("_") == 2
    listed = (await http.get("/v1/streams", headers=key)).json()["data"]
    assert [one["id"] for one in listed] == [stream["id"]]
    assert stream["key"] not in str(listed)
    assert made["api_key"] not in (await http.get(f"/v1/apps/{app['id']}/keys", headers=account)).text
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stream["created"])
    old = {"scopes": ["streams:read"], "expires": "2020-01-01T00:00:00Z"}
    expired = (await http.post(f"/v1/apps/{app['id']}/keys", headers=account, json=old)).json()
    assert (
        await http.get("/v1/streams", headers={"Authorization": f"Bearer {expired['api_key']}"})
    ).status_code == 401
    lacking = (
        await http.post(f"/v1/apps/{app['id']}/keys", headers=account, json={"scopes": ["events:read"]})
    ).json()
    refused = await http.get("/v1/streams", headers={"Authorization": f"Bearer {lacking['api_key']}"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    await http.delete(f"/v1/apps/{app['id']}/keys/{made['id']}", headers=account)


async def test_a_foreign_app_is_a_missing_app(
    http: httpx.AsyncClient, secret: str, services: Services
) -> None:
    """Byte for byte the same answer."""
    account = await signed_up(http, secret)
    foreign = await services.store.operator().insert(
        APPS, {"id": new_id("app"), "account": "acc_other", "name": "x", "guests": "chat", "created": 1}
    )
    answers = [
        (await http.post(f"/v1/apps/{app}/session", headers=account))
        for app in (foreign["id"], new_id("app"))
    ]
    assert answers[0].status_code == 404
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize(
    ("path", "content", "status", "code"),
    [
        ("/v1/auth/login", b"{not json", 422, "invalid"),
        ("/v1/auth/login", b'{"email": 5, "password": []}', 422, "invalid"),
        ("/v1/auth/login", b'{"email":"a","password":"b","extra":1}', 422, "invalid"),
        ("/v1/auth/login", b"[" * 60_000, 422, "invalid"),
        ("/v1/auth/login", b"x" * 70_000, 413, "too_large"),
        ("/v1/auth/refresh", b"", 401, "unauthenticated"),
        ("/v1/streams", b"{}", 401, "unauthenticated"),
        ("/v1/nothing", b"", 404, "not_found"),
    ],
)
async def test_bad_requests_get_a_problem_with_a_code(
    http: httpx.AsyncClient, path: str, content: bytes, status: int, code: str
) -> None:
    """Never a traceback, never another form."""
    reply = await http.post(path, content=content, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["code"], reply.headers["content-type"]) == (
        status,
        code,
        "application/problem+json",
    )


async def test_a_watch_session_opens_playback_and_chat(
    http: httpx.AsyncClient, secret: str, services: Services
) -> None:
    """Any browser gets its tokens; a person who returns keeps id and name, with a new session."""
    playback = (await card(http, secret))["playback_id"]
    first = (await http.post(f"/v1/watch/{playback}/session", json={"name": "Ann"})).json()
    again = (await http.post(f"/v1/watch/{playback}/session", json={"resume": first["user_token"]})).json()
    assert again["user"] == first["user"]
    claims = [await services.tokens.playback(one["playback_token"]) for one in (first, again)]
    assert claims[0].sid != claims[1].sid
    missing = await http.post(f"/v1/watch/{new_id('ply')}/session", json={})
    assert missing.status_code == 404


async def test_a_person_of_the_app_sits_on_the_watch_page(
    http: httpx.AsyncClient, secret: str, services: Services
) -> None:
    """A user token of the app gives its own name and roles; a forged, foreign or withdrawn one a guest's,
    with another id."""
    shown = await card(http, secret)
    app, channel, address = shown["app"], shown["channel"], f"/v1/watch/{shown['playback_id']}/session"
    token = services.tokens.mint_user("ann", app, "Ann", 600, roles={channel: "owner"})
    seated = (await http.post(address, json={"user": token, "name": "Bob"})).json()
    assert (seated["user"], seated["user_token"]) == ({"id": "ann", "name": "Ann"}, token)
    assert (await services.tokens.playback(seated["playback_token"])).uid == "ann"
    foreign = services.tokens.mint_user("ann", new_id("app"), "Ann", 600, roles={channel: "owner"})
    await services.store.app(app).update(
        REVOCATIONS,
        revocation_id(app, "user", "ben"),
        set={"before": now_ms() + 60_000, "expires": now_ms() + 60_000},
        upsert=True,
    )
    for other in (token[:-3] + "AAA", foreign, services.tokens.mint_user("ben", app, "Ben", 600)):
        guest = (await http.post(address, json={"user": other})).json()
        claims = await services.tokens.user(guest["user_token"])
        assert (claims.sub not in ("ann", "ben"), claims.roles) == (True, {channel: "member"})


async def ask(
    http: httpx.AsyncClient, secret: str, token: str, playback: str, address: str = "192.0.2.1"
) -> httpx.Response:
    headers = {
        "X-Internal-Secret": secret,
        "X-Playback-Token": token,
        "X-Playback-Id": playback,
        "X-Forwarded-For": address,
    }
    return await http.get("/internal/hls_access", headers=headers)


async def test_the_playback_door(http: httpx.AsyncClient, secret: str, services: Services) -> None:
    """Right token yes; forged, expired, foreign, missing, unasked-for no."""
    shown = await card(http, secret)
    playback, app = shown["playback_id"], shown["app"]
    good = services.tokens.mint_playback(playback, app, "s1", 600)
    yes = await ask(http, secret, good, playback)
    assert (yes.status_code, yes.headers["x-weir-session"], yes.headers["x-accel-expires"]) == (
        204,
        "s1",
        "4",
    )
    for token, name in (
        (good[:-3] + "AAA", playback), (good, new_id("ply")), ("", playback),
        (services.tokens.mint_playback(playback, app, "s1", -60), playback),
        (services.tokens.mint_playback(playback, new_id("app"), "s1", 600), playback),
        (services.tokens.mint_user("u", app, "n", 600), playback),
        (good, "../../etc/passwd"),
    ):  # fmt: skip
        assert (await ask(http, secret, token, name)).status_code == 403
    assert (await ask(http, "wrong", good, playback)).status_code == 403


async def test_revocation_shuts_the_playback_door(
    http: httpx.AsyncClient, secret: str, services: Services
) -> None:
    """By session; another session stays valid."""
    token = await app_token(http, secret)
    shown = await card(http, secret)
    mine, other = (
        services.tokens.mint_playback(shown["playback_id"], shown["app"], sid, 600) for sid in ("s1", "s2")
    )
    assert (await ask(http, secret, mine, shown["playback_id"])).status_code == 204
    await http.post("/v1/revocations", headers=token, json={"session": "s1"})
    services.directory._cache.clear()  # a process that gets the fact drops its copy at once; here none listens to the bus
    assert (await ask(http, secret, mine, shown["playback_id"])).status_code == 403
    assert (await ask(http, secret, other, shown["playback_id"])).status_code == 204


async def test_a_shared_session_is_refused(http: httpx.AsyncClient, secret: str, services: Services) -> None:
    """A fifth address within a minute on one session."""
    shown = await card(http, secret)
    token = services.tokens.mint_playback(shown["playback_id"], shown["app"], "s9", 600)
    answers = [
        (await ask(http, secret, token, shown["playback_id"], f"192.0.2.{n}")).status_code
        for n in range(1, 6)
    ]
    assert answers == [204, 204, 204, 204, 403]


HOOK = {"app": "live", "clientid": "7", "call": "publish"}


@pytest.mark.parametrize(
    "form",
    [
        "", "name=", "name=x", f"name={'a' * 5000}&clientid=1", "name=../../x&clientid=1", "name=%ff%fe&clientid=1", "clientid=1",
        "name=x&clientid=-1", "name=x&clientid=abc", "&".join(f"f{n}=1" for n in range(500)), "x" * 40_000,
        "name=a\r\nLocation:%20b&clientid=1",
    ],
)  # fmt: skip
async def test_malformed_hooks_are_refused(http: httpx.AsyncClient, secret: str, form: str) -> None:
    """403 and nothing else happens."""
    reply = await http.post(f"/internal/rtmp/publish?boot=b&secret={secret}", content=form.encode())
    assert reply.status_code == 403


async def test_a_hook_takes_the_first_of_doubled_fields(http: httpx.AsyncClient, secret: str) -> None:
    """An encoder's own query arguments come last and can't replace nginx's fields; without the secret nothing
    opens."""
    key = (await card(http, secret))["stream_key"]
    form = f"app=live&clientid=7&call=publish&name={key}&name=other&clientid=99&secret=x"
    assert (await http.post("/internal/rtmp/publish?boot=b&secret=wrong", content=form)).status_code == 403
    reply = await http.post(f"/internal/rtmp/publish?boot=b&secret={secret}", content=form)
    assert (reply.status_code, reply.headers["location"]) == (302, (await card(http, secret))["playback_id"])
    update = await http.post(f"/internal/rtmp/update?boot=b&secret={secret}", content=form)
    assert update.status_code == 204
    stale = await http.post(f"/internal/rtmp/update?boot=old&secret={secret}", content=form)
    assert stale.status_code == 403
