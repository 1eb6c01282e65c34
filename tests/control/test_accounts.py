"""Accounts: how they come to be, sign in, stay signed in, and lose a password."""

from collections.abc import Callable

from control.accounts import FREE_FAILURES
from control.mail import open_sender
from tests.control.world import PASSWORD, World, bearer
from weir.foundation.ground import Ground
from weir.foundation.redis import connect_redis

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


async def test_wrong_passwords_lock_an_address(world: World, ground: Ground) -> None:
    """Known or not, alike; the right password does not open it before its time, and waiting does."""
    await world.owner()
    answers = []
    for email in ("owner@weir.example", "nobody@weir.example"):
        answers.append([await login(world, email, "wrong password") for _ in range(FREE_FAILURES + 1)])
        assert [status for status, _ in answers[-1]] == [401] * FREE_FAILURES + [429]
    assert [body["code"] for _, body in answers[0]] == [body["code"] for _, body in answers[1]]
    assert (await login(world, "owner@weir.example"))[0] == 429
    lock = f"weir:locked:{ground.vault.lookup_hash('owner@weir.example')}"
    assert 0 < await ground.redis.ttl(lock) <= 1
    await ground.redis.delete(lock)
    assert (await login(world, "owner@weir.example"))[0] == 200


async def test_without_redis_nobody_signs_in(world: World, ground: Ground) -> None:
    """Authentication fails closed."""
    await world.owner()
    nowhere = ground.settings.model_copy(update={"redis_url": "unix:///nowhere.sock"})
    ground.redis.connection_pool = connect_redis(nowhere, ground.vault).connection_pool
    status, body = await login(world, "owner@weir.example")
    assert (status, body["code"]) == (503, "unavailable")


async def test_signing_out_ends_access_too(world: World) -> None:
    """Here, or everywhere; what other people have goes on."""
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
    wrong = await world.ask("POST", "/v1/auth/password", owner, {"present": "wrong", "password": "another password"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "present")
    fresh = await world.done("POST", "/v1/auth/password", owner, {"present": PASSWORD, "password": "another password"})
    assert (await world.ask("GET", "/v1/auth/me", owner)).status_code == 401
    assert (await world.ask("GET", "/v1/auth/me", bearer(fresh["access_token"]))).status_code == 200
    assert (await login(world, "owner@weir.example"))[0] == 401
    assert (await login(world, "owner@weir.example", "another password"))[0] == 200


async def test_a_forgotten_password_is_reset_by_a_link(world: World) -> None:
    """The link works once, a second one kills the first, unknown addresses get the same answer and no mail."""
    owner = await world.owner()
    for count, email in enumerate(("nobody@weir.example", "owner@weir.example", "owner@weir.example")):
        assert (await world.ask("POST", "/v1/auth/password/forgot", body={"email": email})).status_code == 204
        await world.letters.arrived(count)
    first, second = (text.rpartition("=")[2] for _, text in world.letters.sent)
    fresh = {"password": "quite another one"}
    assert (await world.ask("POST", "/v1/auth/password/reset", body={"token": first, **fresh})).status_code == 403
    assert (await world.ask("POST", "/v1/auth/password/reset", body={"token": second, **fresh})).status_code == 200
    assert (await world.ask("POST", "/v1/auth/password/reset", body={"token": second, **fresh})).status_code == 403
    assert (await world.ask("GET", "/v1/auth/me", owner)).status_code == 401
    assert (await login(world, "owner@weir.example", "quite another one"))[0] == 200


async def test_an_address_is_verified_where_that_is_set(world: World, setting: Setting) -> None:
    """No tokens before the mailed link was opened."""
    setting(sign_up="open", verify_email=True)
    made = await world.done("POST", "/v1/auth/register", body={"email": "ann@weir.example", "password": PASSWORD})
    assert made["access_token"] is None
    assert (await login(world, "ann@weir.example"))[0] == 403
    opened = await world.done("POST", "/v1/auth/verify", body={"token": world.letters.token("ann@weir.example")})
    assert opened["account"]["verified"] is True
    assert (await login(world, "ann@weir.example"))[0] == 200


async def test_mails_become_files_without_a_mail_server(world: World, ground: Ground) -> None:
    """Private ones in the data folder."""
    await open_sender(ground.settings).send("a@b.example", "Hello", "text")
    (file,) = (ground.settings.data / "mail").iterdir()
    assert file.read_text() == "To: a@b.example\nSubject: Hello\n\ntext\n"
    assert file.stat().st_mode & 0o077 == 0
