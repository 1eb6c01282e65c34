"""Accounts: how they come to be, sign in, stay signed in, and lose a password."""

import asyncio
from collections.abc import Callable

import pytest

from control.accounts.mail import MOST_MAILS, open_sender
from control.accounts.sign_in_limits import FREE, MANY, SignInAttempt, SignInAttempts, network_of
from tests.support.control_room import PASSWORD, World, bearer
from weir.foundation.audit import COMMAND_LINE
from weir.foundation.errors import Refused
from weir.foundation.redis.client import connect_redis
from weir.foundation.services import Services
from weir.foundation.tenancy.collections import ACCOUNTS

Setting = Callable[..., None]


async def login(world: World, email: str, password: str = PASSWORD) -> tuple[int, dict[str, object]]:
    reply = await world.ask("POST", "/v1/auth/login", body={"email": email, "password": password})
    return reply.status_code, reply.json()


async def test_sign_up_is_by_invitation_unless_it_is_open(world: World, setting: Setting) -> None:
    """Open: an account; again the same address: a conflict; it is no operator, even if it comes first."""
    body = {"email": "ann@weir.example", "password": PASSWORD}
    assert (await world.ask("POST", "/v1/auth/register", body=body)).status_code == 403
    setting(sign_up="open")
    made = await world.done("POST", "/v1/auth/register", body=body)
    assert (made["account"]["operator"], made["account"]["id"][:4]) == (False, "acc_")
    again = await world.ask("POST", "/v1/auth/register", body={**body, "email": "Ann@Weir.example"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    me = await world.done("GET", "/v1/auth/me", bearer(made["access_token"]))
    assert me["id"] == made["account"]["id"]
    assert (await world.owner()) is not None


async def test_wrong_passwords_wait_in_their_network(world: World) -> None:
    """Known or not, alike; the right password does not open it before its time there, and does at once from
    elsewhere."""
    await world.owner()
    answers = []
    for email in ("owner@weir.example", "nobody@weir.example"):
        answers.append([await login(world, email, "wrong password") for _ in range(FREE + 1)])
        assert [status for status, _ in answers[-1]] == [401] * FREE + [429]
    assert [{**body, "detail": ""} for _, body in answers[0]] == [
        {**body, "detail": ""} for _, body in answers[1]
    ]
    assert (await login(world, "owner@weir.example"))[0] == 429
    body = {"email": "owner@weir.example", "password": PASSWORD}
    async with world.client("198.51.100.7") as elsewhere:
        assert (await elsewhere.post("/v1/auth/login", json=body)).status_code == 200
    async with world.client("192.0.2.77") as beside:
        assert (await beside.post("/v1/auth/login", json=body)).status_code == 429
    async with asyncio.timeout(10):
        while (await login(world, "owner@weir.example"))[0] == 429:
            await asyncio.sleep(0.1)
    assert (await login(world, "owner@weir.example"))[0] == 200


async def test_guesses_at_the_same_moment_are_counted_before_they_are_checked(world: World) -> None:
    """Twenty-five at once: five are checked."""
    await world.owner()
    answers = await asyncio.gather(
        *(login(world, "owner@weir.example", f"wrong password {number}") for number in range(25))
    )
    assert sorted(status for status, _ in answers) == [401] * FREE + [429] * 20


async def test_a_known_browser_is_not_locked_with_its_network(world: World) -> None:
    """Its cookie has tries of its own, opens no other account, and ends with a new password."""
    owner, setting = await world.owner(), {"email": "owner@weir.example", "password": PASSWORD}
    async with world.client() as known:
        assert (await known.post("/v1/auth/login", json=setting)).status_code == 200
        cookie = known.cookies["weir_device"]
        for _ in range(FREE + 1):
            await login(world, "owner@weir.example", "wrong password")
        assert (await known.post("/v1/auth/login", json=setting)).status_code == 200
        assert known.cookies["weir_device"] == cookie
        wrong = [
            await known.post("/v1/auth/login", json={**setting, "password": "wrong password"})
            for _ in range(FREE + 1)
        ]
        assert [one.status_code for one in wrong] == [401] * FREE + [429]
        await world.done(
            "POST", "/v1/auth/password", owner, {"present": PASSWORD, "password": "another password"}
        )
        late = await known.post("/v1/auth/login", json={**setting, "password": "another password"})
        assert (late.status_code, "weir_device" in late.cookies) == (429, False)


async def test_an_account_that_is_tried_from_everywhere_leaves_one_try(world: World) -> None:
    """Never none: the first of a network is always checked."""
    await world.owner()
    for number in range(MANY + 1):
        account = world.services.vault.lookup_hash("owner@weir.example")
        await SignInAttempts(world.services.redis).begin(
            SignInAttempt(account, f"10.0.{number}.0/24", known=False)
        )
    async with world.client("203.0.113.1") as guessing:
        body = {"email": "owner@weir.example", "password": "wrong password"}
        assert [(await guessing.post("/v1/auth/login", json=body)).status_code for _ in range(2)] == [
            401,
            429,
        ]
    async with world.client("203.0.114.1") as right:
        assert (await right.post("/v1/auth/login", json={**body, "password": PASSWORD})).status_code == 200


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.9", "192.0.2.0/24"), ("::ffff:192.0.2.200", "192.0.2.0/24"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("", "local"),
        ("nonsense", "local"),
    ],
)  # fmt: skip
def test_a_network_is_what_sits_behind_one_line(address: str, network: str) -> None:
    assert network_of(address) == network


async def test_without_redis_nobody_signs_in(world: World, services: Services) -> None:
    """Authentication fails closed."""
    await world.owner()
    nowhere = services.settings.model_copy(update={"redis_url": "unix:///nowhere.sock"})
    services.redis.connection_pool = connect_redis(nowhere, services.vault).connection_pool
    status, body = await login(world, "owner@weir.example")
    assert (status, body["code"]) == (503, "unavailable")


async def test_signing_out_ends_access_too(world: World) -> None:
    """Here, or everywhere; other people's tokens stay valid."""
    await world.owner()
    clients = [world.client() for _ in range(3)]
    tokens = []
    for http in clients:
        reply = await http.post("/v1/auth/login", json={"email": "owner@weir.example", "password": PASSWORD})
        tokens.append(bearer(reply.json()["access_token"]))

    async def alive() -> list[bool]:
        return [(await world.ask("GET", "/v1/auth/me", token)).status_code == 200 for token in tokens]

    assert (await clients[0].post("/v1/auth/logout")).status_code == 204
    assert await alive() == [False, True, True]
    assert (await clients[1].post("/v1/auth/logout", json={"everywhere": True})).status_code == 204
    assert await alive() == [False, False, False]
    assert (await clients[2].post("/v1/auth/refresh")).status_code == 401


async def test_changing_the_password_ends_other_sign_ins(world: World) -> None:
    """The present password is needed; the old one is dead afterwards."""
    owner = await world.owner()
    wrong = await world.ask(
        "POST", "/v1/auth/password", owner, {"present": "wrong", "password": "another password"}
    )
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "present")
    fresh = await world.done(
        "POST", "/v1/auth/password", owner, {"present": PASSWORD, "password": "another password"}
    )
    assert (await world.ask("GET", "/v1/auth/me", owner)).status_code == 401
    assert (await world.ask("GET", "/v1/auth/me", bearer(fresh["access_token"]))).status_code == 200
    assert (await login(world, "owner@weir.example"))[0] == 401
    assert (await login(world, "owner@weir.example", "another password"))[0] == 200


async def test_a_forgotten_password_is_reset_by_a_link(world: World) -> None:
    """Each link works once, the ones before it stay good until one is used, unknown addresses get the same
    answer and no mail."""
    owner = await world.owner()
    for count, email in enumerate(("nobody@weir.example", "owner@weir.example", "owner@weir.example")):
        assert (await world.ask("POST", "/v1/auth/password/forgot", body={"email": email})).status_code == 204
        await world.letters.arrived(count)
    first, second = (text.rpartition("=")[2] for _, text in world.letters.sent)
    fresh = {"password": "quite another one"}
    assert (
        await world.ask("POST", "/v1/auth/password/reset", body={"token": first, **fresh})
    ).status_code == 200
    assert (
        await world.ask("POST", "/v1/auth/password/reset", body={"token": second, **fresh})
    ).status_code == 403
    assert (
        await world.ask("POST", "/v1/auth/password/reset", body={"token": first, **fresh})
    ).status_code == 403
    assert (await world.ask("GET", "/v1/auth/me", owner)).status_code == 401
    assert (await login(world, "owner@weir.example", "quite another one"))[0] == 200


async def test_an_address_is_sent_so_many_mails_an_hour(world: World) -> None:
    """For any requester, with the same answer; each of them works, and no address is in Redis."""
    await world.owner()
    for _ in range(MOST_MAILS + 3):
        assert (
            await world.ask("POST", "/v1/auth/password/forgot", body={"email": "owner@weir.example"})
        ).status_code == 204
    await world.letters.arrived(MOST_MAILS)
    async with asyncio.timeout(10):
        while world.room._accounts._letters._running:
            await asyncio.sleep(0.01)
    assert len(world.letters.sent) == MOST_MAILS
    body = {"token": world.letters.sent[0][1].rpartition("=")[2], "password": "quite another one"}
    assert (await world.ask("POST", "/v1/auth/password/reset", body=body)).status_code == 200
    assert not [key async for key in world.services.redis.scan_iter() if b"example" in key]


async def test_an_address_is_verified_where_that_is_set(world: World, setting: Setting) -> None:
    """No tokens before the mailed link was opened. An address that has an account is answered alike, and so
    is a sign-in afterwards; its owner gets a mail."""
    setting(sign_up="open", verify_email=True)
    await world.owner()
    answers = []
    for email in ("ann@weir.example", "owner@weir.example"):
        reply = await world.ask(
            "POST", "/v1/auth/register", body={"email": email, "password": "the stranger's own"}
        )
        shown = reply.json()
        account = {
            **shown["account"],
            "id": len(shown["account"]["id"]),
            "created": len(shown["account"]["created"]),
            "email": "",
        }
        answers.append(
            (
                reply.status_code,
                {**shown, "account": account},
                await login(world, email, "the stranger's own"),
            )
        )
    assert answers[0] == answers[1]
    assert (answers[0][0], answers[0][1]["access_token"], answers[0][2][0]) == (201, None, 401)
    await world.letters.arrived(2)
    assert "tried to make an account" in next(
        text for to, text in world.letters.sent if to == "owner@weir.example"
    )
    opened = await world.done(
        "POST", "/v1/auth/verify", body={"token": world.letters.token("ann@weir.example")}
    )
    assert opened["account"]["verified"] is True
    assert (await login(world, "ann@weir.example", "the stranger's own"))[0] == 200
    assert (await login(world, "owner@weir.example"))[0] == 200


async def test_an_account_from_before_addresses_were_verified_gets_its_link(
    world: World, setting: Setting
) -> None:
    """With the right password only."""
    setting(sign_up="open")
    made = await world.done(
        "POST", "/v1/auth/register", body={"email": "ann@weir.example", "password": PASSWORD}
    )
    assert made["account"]["verified"] is False
    setting(sign_up="open", verify_email=True)
    assert (await login(world, "ann@weir.example", "wrong password"))[0] == 401
    assert (await login(world, "ann@weir.example"))[0] == 401
    await world.letters.arrived(1)
    await world.done("POST", "/v1/auth/verify", body={"token": world.letters.token("ann@weir.example")})
    assert (await login(world, "ann@weir.example"))[0] == 200


async def test_the_id_of_a_sign_in_ends_nothing(world: World) -> None:
    """It is in every access token. Only the refresh token itself signs out, and a spent one ends the
    family."""
    await world.owner()
    async with world.client() as http:
        token = (
            await http.post("/v1/auth/login", json={"email": "owner@weir.example", "password": PASSWORD})
        ).json()["access_token"]
        mine, family = http.cookies["weir_refresh"], http.cookies["weir_refresh"].split(".")[0]
        for cookie in (
            f"{family}.0.wrong",
            f"{family}.1.{mine.split('.')[2]}",
            f"{family}.-1.x",
            f"{family}.0.",
            family,
        ):
            for path in ("/v1/auth/refresh", "/v1/auth/logout"):
                async with world.client() as stranger:
                    await stranger.post(
                        path,
                        headers={"Cookie": f"weir_refresh={cookie}"},
                        json={"everywhere": True} if "out" in path else None,
                    )
            assert (await world.ask("GET", "/v1/auth/me", bearer(token))).status_code == 200, cookie
        assert (await http.post("/v1/auth/refresh")).status_code == 200
        async with world.client() as thief:
            assert (
                await thief.post("/v1/auth/refresh", headers={"Cookie": f"weir_refresh={mine}"})
            ).status_code == 401
        assert (await http.post("/v1/auth/refresh")).status_code == 401


async def test_of_many_owners_at_once_one_is_made(world: World) -> None:
    """By one set-up link and by the command line together; the address of an account spends no link."""
    token = await world.room._accounts.setup_token()
    accounts = world.room._accounts

    async def first(number: int) -> bool:
        body = {"email": f"o{number}@weir.example", "password": PASSWORD, "setup": token}
        return (await world.ask("POST", "/v1/auth/register", body=body)).status_code == 201

    async def typed(number: int) -> bool:
        try:
            await accounts.create_owner(f"c{number}@weir.example", PASSWORD, "", COMMAND_LINE)
        except Refused:
            return False
        return True

    made = await asyncio.gather(*(one(number) for number in range(4) for one in (first, typed)))
    assert made.count(True) == 1
    assert await world.services.store.operator().count(ACCOUNTS, {"operator": True}) == 1
    assert await accounts.setup_token() is None


async def test_a_set_up_that_fails_spends_no_link(world: World, setting: Setting) -> None:
    """Neither when the address is taken, nor when the process dies after the link: the next one is
    printed."""
    setting(sign_up="open")
    await world.register("ann@weir.example")
    token = await world.room._accounts.setup_token()
    body = {"email": "ann@weir.example", "password": PASSWORD, "setup": token}
    assert (await world.ask("POST", "/v1/auth/register", body=body)).status_code == 409
    assert (
        await world.ask("POST", "/v1/auth/register", body={**body, "email": "owner@weir.example"})
    ).status_code == 201
    everything = world.services.store.operator()
    await everything.delete(ACCOUNTS, {"operator": True})  # as if it had died before the account was made
    assert (await world.ask("POST", "/v1/auth/register", body=body)).status_code == 403
    again = await world.room._accounts.setup_token()
    assert (
        await world.ask(
            "POST", "/v1/auth/register", body={**body, "email": "o2@weir.example", "setup": again}
        )
    ).status_code == 201


async def test_a_new_password_ends_sign_ins_also_when_the_process_dies_behind_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account's own document says so; and a sign-in with the old password that was under way gives
    nothing that lives."""
    owner = await world.owner()
    accounts = world.room._accounts
    me = await world.done("GET", "/v1/auth/me", owner)
    before = await accounts.get(me["id"])

    async def dies(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(accounts, "end_sign_ins", dies)
    with pytest.raises(RuntimeError):
        await accounts.change_password(before, "ses", PASSWORD, "another password", COMMAND_LINE)
    assert (await world.ask("GET", "/v1/auth/me", owner)).status_code == 401
    late = await accounts.signed_in(before, COMMAND_LINE)
    assert (await world.ask("GET", "/v1/auth/me", bearer(late.access_token))).status_code == 401


async def test_mails_become_files_without_a_mail_server(world: World, services: Services) -> None:
    """Private ones in the data folder."""
    await open_sender(services.settings).send("a@b.example", "Hello", "text")
    (file,) = (services.settings.data / "mail").iterdir()
    assert file.read_text() == "To: a@b.example\nSubject: Hello\n\ntext\n"
    assert file.stat().st_mode & 0o077 == 0


async def test_somebody_deletes_their_account(world: World, setting: Setting) -> None:
    """Needs the password again, and no app of which it is the only owner; every sign-in and app token ends,
    the memberships go."""
    setting(sign_up="open")
    owner, ann, bob = (
        await world.owner(),
        await world.register("ann@weir.example"),
        await world.register("bob@weir.example"),
    )
    app = await world.app(ann, "Harbour")
    asked = {"password": PASSWORD}
    wrong = await world.ask("DELETE", "/v1/auth/me", ann, {"password": "no"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "password")
    alone = await world.ask("DELETE", "/v1/auth/me", ann, asked)
    assert (alone.status_code, alone.json()["code"]) == (409, "last_owner")
    assert "Harbour" in alone.json()["detail"]
    link = (
        await world.done(
            "POST", f"/v1/apps/{app['id']}/invitations", ann, {"email": "bob@weir.example", "role": "owner"}
        )
    )["link"]
    await world.done("POST", "/v1/invitations/accept", bob, {"token": link.rpartition("=")[2]})
    token = await world.token(ann, app["id"])
    assert (await world.ask("GET", "/v1/streams", token)).status_code == 200
    gone = await world.ask("DELETE", "/v1/auth/me", ann, asked)
    assert gone.status_code == 204, gone.text
    assert "weir_refresh=" in gone.headers["set-cookie"]
    assert (await world.ask("GET", "/v1/auth/me", ann)).status_code == 401
    assert (await world.ask("GET", "/v1/streams", token)).status_code == 401
    assert (await login(world, "ann@weir.example"))[0] == 401
    members = (await world.done("GET", f"/v1/apps/{app['id']}/members", bob))["data"]
    assert [one["email"] for one in members] == ["bob@weir.example"]
    assert await world.register("ann@weir.example")
    assert (await world.ask("DELETE", "/v1/auth/me", owner, asked)).json()["code"] == "conflict"
