"""Invitations and mails: which mailbox is proven, who may join, and how many mails a stranger can cause."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.attack.conftest import Target
from tests.support.servers import wait_until

PASSWORD = "a long password"


@pytest.fixture(scope="module")
def platform() -> Any:
    """Sign-up is open, and mailboxes are to be proven."""
    from tests.e2e.conftest import SMALL  # noqa: PLC0415
    from tests.support.running_stack import RunningStack  # noqa: PLC0415

    stack = RunningStack(**SMALL, SIGN_UP="open", VERIFY_EMAIL="true")
    try:
        yield Target(stack.start())
    finally:
        stack.remove()


def entered(target: Target, email: str) -> dict[str, str]:
    """A person who has opened the mailed link."""
    body = {"email": email, "password": PASSWORD}
    assert target.stack.ask("POST", "/v1/auth/register", body)[0] == 201
    wait_until(lambda: bool(target.letters(email)), "the mail")
    status, answer = target.stack.ask("POST", "/v1/auth/verify", {"token": target.link(email, "verify")})
    assert status == 200, answer
    return {"Authorization": f"Bearer {answer['access_token']}"}


def app_of(target: Target, person: dict[str, str], name: str = "Mine") -> str:
    return str(target.stack.ask("POST", "/v1/apps", {"name": name}, person)[1]["id"])


def invite(
    target: Target, person: dict[str, str], app: str, email: str, role: str = "viewer"
) -> tuple[int, dict[str, Any]]:
    return target.stack.ask("POST", f"/v1/apps/{app}/invitations", {"email": email, "role": role}, person)


def token_of(invited: dict[str, Any]) -> str:
    return str(invited["link"].rpartition("=")[2])


def test_an_inviter_proves_nobody_s_mailbox(platform: Target) -> None:
    """With the link that the API answers an account is made that can't sign in; the real person takes it over
    by mail."""
    troll = entered(platform, "troll@weir.example")
    app = app_of(platform, troll)
    _, made = invite(platform, troll, app, "ceo@victim.example")
    body = {"email": "ceo@victim.example", "password": "the troll's password", "invitation": token_of(made)}
    status, answer = platform.stack.ask("POST", "/v1/auth/register", body)
    assert (status, answer["account"]["verified"], answer["access_token"]) == (201, False, None)
    assert platform.login("127.0.0.1", "ceo@victim.example", "the troll's password")[0] == 401
    assert platform.stack.ask("POST", "/v1/auth/password/forgot", {"email": "ceo@victim.example"})[0] == 204
    wait_until(lambda: any("#reset=" in one for one in platform.letters("ceo@victim.example")), "the mail")
    body = {"token": platform.link("ceo@victim.example", "reset"), "password": "the real password"}
    status, answer = platform.stack.ask("POST", "/v1/auth/password/reset", body)
    assert (status, answer["account"]["verified"]) == (200, True)


def test_an_address_is_asked_after_in_vain(platform: Target) -> None:
    """Registering, with and without an invitation, and signing in afterwards: alike for addresses that are
    known and that are not."""
    asker = entered(platform, "asker@weir.example")
    app = app_of(platform, asker)
    entered(platform, "known@weir.example")
    seen = []
    for email in ("known@weir.example", "unknown@weir.example"):
        invited = token_of(invite(platform, asker, app, email)[1])
        answers: list[Any] = []
        for more in ({}, {"invitation": invited}):
            status, answer = platform.stack.ask(
                "POST", "/v1/auth/register", {"email": email, "password": "the asker's own", **more}
            )
            answers.append(
                (status, sorted(answer["account"]), answer["account"]["verified"], answer["access_token"])
            )
        answers.append(platform.login("127.0.60.1", email, "the asker's own")[:2])
        team = (
            platform.stack.ask("GET", f"/v1/apps/{app}/{what}", headers=asker)[1]["data"]
            for what in ("members", "invitations")
        )
        answers.append([len(one) for one in team])
        platform.stack.ask("DELETE", f"/v1/apps/{app}/invitations/{invited}", headers=asker)
        seen.append([{**one, "detail": ""} if isinstance(one, dict) else one for one in answers])
    assert seen[0][:2] == seen[1][:2]
    assert (seen[0][2][0], seen[0][2][1]["detail"]) == (seen[1][2][0], seen[1][2][1]["detail"])
    assert (seen[0][3][0], seen[1][3][0]) == (1, 1)


def test_a_mailbox_is_not_filled(platform: Target) -> None:
    """Invitations from any number of apps, and requests for links: three of a kind an hour; and each of the
    links still works."""
    flooder = entered(platform, "flooder@weir.example")
    apps = [app_of(platform, flooder, f"App {number}") for number in range(4)]
    for app in apps * 2:
        assert invite(platform, flooder, app, "victim@weir.example")[0] == 201
    assert len(platform.letters("victim@weir.example")) == 3
    entered(platform, "forgetful@weir.example")
    for _ in range(8):
        assert (
            platform.stack.ask("POST", "/v1/auth/password/forgot", {"email": "forgetful@weir.example"})[0]
            == 204
        )
    wait_until(
        lambda: sum("#reset=" in one for one in platform.letters("forgetful@weir.example")) == 3, "the mails"
    )
    first = next(one for one in platform.letters("forgetful@weir.example") if "#reset=" in one)
    body = {"token": first.split("#reset=")[1].split()[0], "password": "a fresh password"}
    assert platform.stack.ask("POST", "/v1/auth/password/reset", body)[0] == 200
    assert sum("#reset=" in one for one in platform.letters("forgetful@weir.example")) == 3


def test_a_mail_carries_nobody_s_advertisement(platform: Target) -> None:
    """An app's name is the only text of a stranger in it, and it holds no address and no line of its own."""
    seller = entered(platform, "seller@weir.example")
    assert platform.stack.ask("POST", "/v1/apps", {"name": "Win\r\nBcc: all@weir.example"}, seller)[0] == 422
    app = app_of(platform, seller, "Win at https://evil.example/now")
    invite(platform, seller, app, "reader@weir.example")
    (letter,) = platform.letters("reader@weir.example")
    assert "evil.example" not in letter
    assert letter.count("://") == 1


def test_nobody_is_let_in_by_somebody_who_is_out(platform: Target) -> None:
    """A removed admin's open invitations, to a second address of its own, are spent."""
    owner, admin = entered(platform, "boss@weir.example"), entered(platform, "admin@weir.example")
    app = app_of(platform, owner)
    invite(platform, owner, app, "admin@weir.example", "admin")
    status, _ = platform.stack.ask(
        "POST", "/v1/invitations/accept", {"token": platform.link("admin@weir.example", "invitation")}, admin
    )
    assert status == 201
    second = entered(platform, "second@weir.example")
    _, made = invite(platform, admin, app, "second@weir.example", "admin")
    me = platform.stack.ask("GET", "/v1/auth/me", headers=admin)[1]["id"]
    assert platform.stack.ask("DELETE", f"/v1/apps/{app}/members/{me}", headers=owner)[0] == 204
    for token in (token_of(made), platform.link("second@weir.example", "invitation")):
        assert platform.stack.ask("POST", "/v1/invitations/accept", {"token": token}, second)[0] == 403
    assert platform.stack.ask("GET", f"/v1/apps/{app}", headers=second)[0] == 404


def test_an_invitation_is_accepted_once_or_withdrawn(platform: Target) -> None:
    """Twelve acceptances and a withdrawal at the same moment: one of them wins, and the others get no
    access."""
    owner, guest = entered(platform, "host@weir.example"), entered(platform, "late@weir.example")
    app = app_of(platform, owner)
    for _ in range(5):
        _, made = invite(platform, owner, app, "late@weir.example")
        token = token_of(made)
        tries: list[Any] = [("POST", "/v1/invitations/accept", {"token": token}, guest)] * 12
        tries.insert(6, ("DELETE", f"/v1/apps/{app}/invitations/{made['id']}", None, owner))
        with ThreadPoolExecutor(13) as pool:
            statuses = list(pool.map(lambda one: platform.stack.ask(*one)[0], tries))
        withdrawn = statuses.pop(6) == 204
        joined = platform.stack.ask("GET", f"/v1/apps/{app}", headers=guest)[0] == 200
        assert (statuses.count(201), joined) == ((0, False) if withdrawn else (1, True)), statuses
        me = platform.stack.ask("GET", "/v1/auth/me", headers=guest)[1]["id"]
        platform.stack.ask("DELETE", f"/v1/apps/{app}/members/{me}", headers=guest)


def test_an_invitation_to_another_address_stays_another_s(platform: Target) -> None:
    """Capitals, blanks and letters that look alike make no other address out of one, and open none."""
    owner, mallory = entered(platform, "inviter@weir.example"), entered(platform, "mallory@weir.example")
    app = app_of(platform, owner)
    _, made = invite(platform, owner, app, "Mallor\u0443@weir.example")
    assert platform.stack.ask("POST", "/v1/invitations/accept", {"token": token_of(made)}, mallory)[0] == 403
    _, made = invite(platform, owner, app, "someone@weir.example")
    for email in ("mallory@weir.example", "someone@weir.example\u200b", "someone@weir.example.evil.example"):
        body = {"email": email, "password": PASSWORD, "invitation": token_of(made)}
        assert platform.stack.ask("POST", "/v1/auth/register", body)[0] in (403, 422)
