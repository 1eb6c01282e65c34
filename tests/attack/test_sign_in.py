"""Accounts: who can sign in, who can't, and what ends when a person leaves."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.attack.conftest import Target
from tests.support.servers import wait_until

PASSWORD = "a long password"
SECONDS = 10


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_one_set_up_link_makes_one_owner(make_target: Any) -> None:
    """Twenty at the same moment, with the command line among them: one operator, and no link is left."""
    target = make_target()
    setup = target.card["studio"].split("#setup=")[1]

    def register(number: int) -> int:
        body = {"email": f"o{number}@weir.example", "password": PASSWORD, "setup": setup}
        return int(target.ask_from("127.0.0.1", "/v1/auth/register", body)[0])

    password = target.stack.folder / "password"
    password.write_text(PASSWORD)
    words = [
        ("create", "owner", f"c{number}@weir.example", "--password-file", str(password))
        for number in range(2)
    ]
    with ThreadPoolExecutor(22) as pool:
        typed = [pool.submit(target.stack.command, *one) for one in words]
        statuses = list(pool.map(register, range(20)))
        codes = [one.result().returncode for one in typed]
    assert statuses.count(201) + codes.count(0) == 1, (statuses, codes)
    assert "#setup=" not in target.stack.command("status").stdout
    for number in range(20):
        status, answer, _ = target.login("127.0.0.1", f"o{number}@weir.example", PASSWORD)
        assert status == 401 or answer["account"]["operator"]


def test_a_spent_link_does_not_lock_the_installation(make_target: Any) -> None:
    """While there is no owner, `weir status` prints a fresh link, and only the newest one works."""
    target = make_target()
    first = target.card["studio"].split("#setup=")[1]
    printed = target.stack.command("status").stdout
    fresh = printed.split("#setup=")[1].split()[0]
    body = {"email": "owner@weir.example", "password": PASSWORD}
    assert target.stack.ask("POST", "/v1/auth/register", {**body, "setup": first})[0] == 403
    assert target.stack.ask("POST", "/v1/auth/register", {**body, "setup": fresh})[0] == 201


def signed_in(target: Target) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """(access header, app header, cookies) of another sign-in of the owner's."""
    target.account  # noqa: B018 – the owner registers
    status, answer, cookies = target.login("127.0.0.1", "owner@weir.example", PASSWORD)
    assert status == 200, answer
    access = bearer(answer["access_token"])
    token = target.stack.ask("POST", f"/v1/apps/{target.app}/session", headers=access)[1]["app_token"]
    return access, bearer(token), cookies


def test_signing_out_ends_what_the_sign_in_opened(target: Target) -> None:
    """Its app tokens at once, for every route; the person's other tokens stay valid."""
    access, app, cookies = signed_in(target)
    other = signed_in(target)[1]
    assert target.stack.ask("GET", "/v1/streams", headers=app)[0] == 200
    assert target.ask_from("127.0.0.1", "/v1/auth/logout", {}, {"Cookie": "; ".join(cookies)})[0] == 204
    for path, headers in (
        ("/v1/apps", access),
        ("/v1/auth/me", access),
        (f"/v1/apps/{target.app}", access),
        ("/v1/streams", app),
    ):
        assert target.stack.ask("GET", path, headers=headers)[0] == 401, path
    assert target.stack.ask("GET", "/v1/streams", headers=other)[0] == 200


def test_a_new_password_ends_what_a_thief_has(make_target: Any) -> None:
    """The access token for every route, the app token, the user and playback tokens that it made; the person
    can sign in again at once."""
    target = make_target()
    thief, app, _ = signed_in(target)
    stream = target.new_stream(visibility="signed")
    user = target.stack.ask(
        "POST", "/v1/user-tokens", {"sub": "thief", "roles": {stream["channel"]: "owner"}}, app
    )[1]["token"]
    play = target.stack.ask("POST", f"/v1/streams/{stream['id']}/playback-tokens", {}, app)[1]["token"]
    renewed = target.stack.ask("POST", f"/v1/watch/{stream['playback_id']}/renew", {"playback_token": play})[
        1
    ]["playback_token"]
    assert [target.plays(one, stream["playback_id"]) for one in (play, renewed)] == [True, True]
    body = {"present": PASSWORD, "password": "another password"}
    status, fresh = target.stack.ask("POST", "/v1/auth/password", body, target.account)
    assert status == 200
    for path, headers in (
        ("/v1/apps", thief),
        ("/v1/auth/me", thief),
        ("/v1/streams", app),
        (f"/v1/streams/{stream['id']}/key", app),
    ):
        assert target.stack.ask("GET", path, headers=headers)[0] == 401, path
    assert target.stack.ask("POST", "/v1/user-tokens", {"sub": "x"}, app)[0] == 401
    mine = bearer(
        target.stack.ask("POST", f"/v1/apps/{target.app}/session", headers=bearer(fresh["access_token"]))[1][
            "app_token"
        ]
    )
    assert target.stack.ask("GET", "/v1/streams", headers=mine)[0] == 200
    wait_until(
        lambda: (
            not (target.plays(play, stream["playback_id"]) or target.plays(renewed, stream["playback_id"]))
        ),
        "the end",
        SECONDS,
    )
    seated = target.stack.ask("POST", f"/v1/watch/{target.playback}/session", {"user": user})[1]
    assert seated["user"]["id"] != "thief"


def test_nobody_is_kept_out_by_a_stranger(target: Target) -> None:
    """An attacker's address hammers; the right password works from the owner's all the while, and is locked
    at the attacker's."""
    target.account  # noqa: B018 – the owner registers
    answers = [
        target.login("127.0.7.1", "owner@weir.example", f"wrong password {number}")[0] for number in range(12)
    ]
    assert (answers[:5], set(answers[5:]) <= {401, 429}, 429 in answers) == ([401] * 5, True, True)
    status, answer, cookies = target.login("127.0.5.1", "owner@weir.example", PASSWORD)
    assert status == 200, answer
    assert target.login("127.0.7.2", "owner@weir.example", PASSWORD)[0] == 429
    device = [one for one in cookies if one.startswith("weir_device=")]
    assert target.login("127.0.7.3", "owner@weir.example", PASSWORD, *device)[0] == 200
    assert target.login("127.0.7.4", "owner@weir.example", PASSWORD, device[0][:-4] + "0000")[0] == 429


def test_parallel_guesses_are_counted_before_they_are_checked(target: Target) -> None:
    """Of twenty-five at the same moment five are checked; an address without an account is answered alike."""
    target.account  # noqa: B018 – the owner registers
    for address, email in (("127.0.21.1", "owner@weir.example"), ("127.0.22.1", "nobody@weir.example")):

        def guess(number: int, address: str = address, email: str = email) -> int:
            return int(target.login(address, email, f"wrong password {number}")[0])

        with ThreadPoolExecutor(25) as pool:
            statuses = list(pool.map(guess, range(25)))
        assert (statuses.count(401), statuses.count(429)) == (5, 20)


def test_an_account_tells_nobody_that_it_is_there(target: Target) -> None:
    """Word for word the same answers to wrong passwords."""
    target.account  # noqa: B018 – the owner registers
    said = {target.login(f"127.0.{40 + number}.1", email, "wrong password")[1]["detail"]
            for number, email in enumerate(("owner@weir.example", "nobody2@weir.example"))}  # fmt: skip
    assert len(said) == 1


@pytest.mark.parametrize("secret", ["wrong", "", "0" * 43])
def test_the_id_of_a_sign_in_ends_nothing(target: Target, secret: str) -> None:
    """It is in every access token."""
    access, _, _ = signed_in(target)
    family = target.claims(access["Authorization"].split()[1])["ses"]
    for path, body in (("/v1/auth/refresh", {}), ("/v1/auth/logout", {"everywhere": True})):
        target.ask_from("127.0.0.1", path, body, {"Cookie": f"weir_refresh={family}.0.{secret}"})
    assert target.stack.ask("GET", "/v1/auth/me", headers=access)[0] == 200


def test_a_copied_refresh_token_ends_the_sign_in(target: Target) -> None:
    """An attacker has it: both holders are signed out, with what they opened."""
    access, app, cookies = signed_in(target)
    status, _, fresh = target.ask_from("127.0.0.1", "/v1/auth/refresh", {}, {"Cookie": "; ".join(cookies)})
    assert status == 200
    assert target.ask_from("127.0.0.1", "/v1/auth/refresh", {}, {"Cookie": "; ".join(cookies)})[0] == 401
    assert target.ask_from("127.0.0.1", "/v1/auth/refresh", {}, {"Cookie": "; ".join(fresh)})[0] == 401
    for path, headers in (("/v1/auth/me", access), ("/v1/streams", app)):
        assert target.stack.ask("GET", path, headers=headers)[0] == 401
