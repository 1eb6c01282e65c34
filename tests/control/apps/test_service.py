"""Apps, keys and teams: who may what, what is shown once, what happens at the end."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from control.collections import MEMBERS
from tests.support.control_room import PASSWORD, Headers, World, bearer
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.errors import Unauthenticated
from weir.foundation.events import AppDeleted
from weir.foundation.ids import new_id
from weir.foundation.services import Services
from weir.foundation.tenancy.collections import AUDIT, CREDENTIALS, STREAMS
from weir.foundation.tenancy.permissions import LEAST, ROLES, SCOPES, may, may_change_member, scopes_of

Setting = Callable[..., None]


@pytest.fixture
async def owner(world: World) -> Headers:
    return await world.owner()


@pytest.fixture
async def app(world: World, owner: Headers) -> str:
    return str((await world.app(owner))["id"])


async def joined(world: World, owner: Headers, app: str, email: str, role: str) -> Headers:
    """A new person who came by an invitation."""
    link = (await world.done("POST", f"/v1/apps/{app}/invitations", owner, {"email": email, "role": role}))[
        "link"
    ]
    return await world.register(email, invitation=link.rpartition("=")[2])


async def test_an_app_is_changed_by_who_has_read_it(world: World, owner: Headers, app: str) -> None:
    """A change of an older state is 412; nothing else of the app changes."""
    before = await world.ask("GET", f"/v1/apps/{app}", owner)
    tag = {"If-Match": before.headers["etag"]}
    change = {"name": "New", "origins": ["https://Shop.example"], "guests": "read"}
    after = await world.ask("PATCH", f"/v1/apps/{app}", {**owner, **tag}, change)
    assert after.json() == {
        **before.json(),
        "name": "New",
        "origins": ["https://shop.example"],
        "guests": "read",
    }
    stale = await world.ask("PATCH", f"/v1/apps/{app}", {**owner, **tag}, {"name": "Newer"})
    assert (stale.status_code, stale.json()["code"]) == (412, "conflict")
    for bad in ("*", "ftp://x", "https://", "https://a/b", "https://a b"):
        assert (await world.ask("PATCH", f"/v1/apps/{app}", owner, {"origins": [bad]})).status_code == 422


async def test_a_closed_app_opens_nothing(world: World, owner: Headers, app: str) -> None:
    """Archived: its keys are dead until it is restored. Suspended: forbidden, and only the operator ends it."""
    key = bearer((await world.key(owner, app))["api_key"])
    assert (await world.ask("GET", "/v1/streams", key)).status_code == 200
    await world.done("POST", f"/v1/apps/{app}/archive", owner)
    assert (await world.ask("GET", "/v1/streams", key)).status_code == 401
    assert (await world.ask("POST", f"/v1/apps/{app}/session", owner)).status_code == 409
    await world.done("POST", f"/v1/apps/{app}/restore", owner)
    assert (await world.ask("GET", "/v1/streams", key)).status_code == 200
    await world.done("PATCH", f"/v1/operator/apps/{app}", owner, {"state": "suspended"})
    assert (await world.ask("GET", "/v1/streams", key)).status_code == 403
    assert (await world.ask("POST", f"/v1/apps/{app}/restore", owner)).status_code == 409


async def test_the_operator_sees_and_plans_all_apps(
    world: World, owner: Headers, app: str, setting: Setting
) -> None:
    """No other app learns that this exists."""
    setting(sign_up="open")
    ann = await world.register("ann@weir.example")
    assert (await world.ask("GET", "/v1/operator/apps", ann)).status_code == 404
    hers = await world.app(ann, "Hers")
    listed = await world.done("GET", "/v1/operator/apps", owner)
    assert [one["id"] for one in listed["data"]] == [hers["id"], app]
    for q, wanted in (("hERs", [hers["id"]]), (app[5:], [app]), ("nobody’s", [])):
        found = await world.done("GET", f"/v1/operator/apps?q={quote(q)}", owner)
        assert [one["id"] for one in found["data"]] == wanted
    changed = await world.done(
        "PATCH", f"/v1/operator/apps/{hers['id']}", owner, {"plan": "free", "features": {"analytics": True}}
    )
    assert (changed["plan"], changed["features"]) == ("free", {"analytics": True, "branding": False})


async def test_a_trial_is_another_plan_for_a_time(world: World, owner: Headers, app: str) -> None:
    """Its features and rates count until it ends, then the app's own again; members see when that is."""
    path, key = f"/v1/operator/apps/{app}", bearer((await world.key(owner, app))["api_key"])
    await world.done("PATCH", path, owner, {"plan": "free"})
    trial = {"plan": "pro", "until": rfc3339(now_ms() + 3_600_000)}
    assert (await world.done("PATCH", path, owner, {"trial": trial}))["trial"] == trial
    shown = await world.done("GET", f"/v1/apps/{app}", owner)
    assert (shown["plan"], shown["trial"], shown["features"]["analytics"]) == ("free", trial, True)
    assert (await world.ask("GET", "/v1/streams", key)).headers["ratelimit-limit"] == "3000"
    await world.done("PATCH", path, owner, {"trial": {**trial, "until": rfc3339(now_ms() - 1)}})
    shown = await world.done("GET", f"/v1/apps/{app}", owner)
    assert (shown["plan"], shown["trial"], shown["features"]["analytics"]) == ("free", None, False)
    assert (await world.ask("GET", "/v1/streams", key)).headers["ratelimit-limit"] == "60"


async def test_the_free_plan_s_requests_are_counted(world: World, owner: Headers, app: str) -> None:
    """60 a minute by key, shown in headers, then 429; the studio's own requests are not counted with them."""
    await world.done("PATCH", f"/v1/operator/apps/{app}", owner, {"plan": "free"})
    key, member = bearer((await world.key(owner, app))["api_key"]), await world.token(owner, app)
    answers = [await world.ask("GET", "/v1/streams", key) for _ in range(63)]
    statuses = [one.status_code for one in answers]
    assert statuses[:60] == [200] * 60
    assert 429 in statuses[60:]
    assert (answers[0].headers["ratelimit-limit"], answers[0].headers["ratelimit-remaining"]) == ("60", "59")
    refused = answers[statuses.index(429)]
    assert (refused.json()["code"], refused.headers["ratelimit-remaining"]) == ("rate_limited", "0")
    assert int(refused.headers["retry-after"]) >= 1
    assert (await world.ask("GET", "/v1/streams", member)).status_code == 200


async def test_keys_are_shown_once_and_rotated_with_an_overlap(
    world: World, owner: Headers, app: str
) -> None:
    """Both work during it; a replaced key cannot be rotated again; a revoked one is dead."""
    made = await world.key(owner, app, name="server", scopes=["streams:read", "streams:write"], rate=100)
    rotated = await world.done("POST", f"/v1/apps/{app}/keys/{made['id']}/rotate", owner, {"overlap_s": 60})
    assert (rotated["scopes"], rotated["rate"], rotated["name"]) == (
        ["streams:read", "streams:write"],
        100,
        "server",
    )
    old, new = bearer(made["api_key"]), bearer(rotated["api_key"])
    assert [(await world.ask("GET", "/v1/streams", key)).status_code for key in (old, new)] == [200, 200]
    assert (await world.ask("POST", f"/v1/apps/{app}/keys/{made['id']}/rotate", owner, {})).status_code == 409
    again = await world.done("POST", f"/v1/apps/{app}/keys/{rotated['id']}/rotate", owner, {"overlap_s": 0})
    assert (await world.ask("GET", "/v1/streams", new)).status_code == 401
    await world.done("DELETE", f"/v1/apps/{app}/keys/{again['id']}", owner)
    assert (await world.ask("GET", "/v1/streams", bearer(again["api_key"]))).status_code == 401
    listed = (await world.ask("GET", f"/v1/apps/{app}/keys", owner)).text
    assert not [
        one for one in (made, rotated, again) if one["api_key"] in listed or one["signing_secret"] in listed
    ]


async def test_only_the_whole_key_opens(world: World, owner: Headers, app: str) -> None:
    """A wrong secret is refused also while the right one is in use; an uploaded public key is no API key."""
    made = await world.key(owner, app)
    public = await world.done(
        "POST",
        f"/v1/apps/{app}/keys/public",
        owner,
        {"scopes": ["*"], "public_key": pem(Ed25519PrivateKey.generate())},
    )
    wrong = [
        made["api_key"][:-1],
        made["api_key"] + "x",
        f"weir_sk_{public['id'].removeprefix('key_')}_",
        "weir_sk__",
    ]
    for _ in range(2):
        assert (await world.ask("GET", "/v1/streams", bearer(made["api_key"]))).status_code == 200
        assert [(await world.ask("GET", "/v1/streams", bearer(one))).status_code for one in wrong] == [
            401
        ] * 4


async def test_a_key_may_be_bound_to_networks(world: World, owner: Headers, app: str) -> None:
    """From elsewhere it is forbidden."""
    key = bearer((await world.key(owner, app, networks=["198.51.100.0/24", "2001:db8::/32"]))["api_key"])
    assert (await world.ask("GET", "/v1/streams", key)).status_code == 403
    for address in ("198.51.100.7", "2001:db8::5"):
        async with world.client(address) as http:
            assert (await http.get("/v1/streams", headers=key)).status_code == 200
    assert (
        await world.ask("POST", f"/v1/apps/{app}/keys", owner, {"networks": ["everywhere"]})
    ).status_code == 422


async def test_a_key_tells_when_it_was_last_used(
    world: World, owner: Headers, app: str, services: Services
) -> None:
    """Within half a minute, by way of Redis: every process takes keys, only control writes them."""
    made = await world.key(owner, app)
    await world.ask("GET", "/v1/streams", bearer(made["api_key"]))
    await services.door.limits.last_used(services.door.auth.used)
    await world.room._keys.store_last_used()
    (listed,) = (await world.done("GET", f"/v1/apps/{app}/keys", owner))["data"]
    assert listed["last_used"] is not None


def pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


async def test_public_keys_are_ed25519_or_rsa(world: World, owner: Headers, app: str) -> None:
    """Other kinds, short ones and private ones are refused."""
    for key, algorithm in (
        (Ed25519PrivateKey.generate(), "EdDSA"),
        (generate_private_key(65537, 2048), "RS256"),
    ):
        made = await world.done(
            "POST", f"/v1/apps/{app}/keys/public", owner, {"scopes": ["*"], "public_key": pem(key)}
        )
        assert (made["algorithm"], made["kind"]) == (algorithm, "public")
    for bad in (
        pem(generate_private_key(65537, 1024)),
        pem(generate_ec(SECP256R1())),
        "-----BEGIN PUBLIC KEY-----\nx",
        "x",
    ):
        assert (
            await world.ask(
                "POST", f"/v1/apps/{app}/keys/public", owner, {"scopes": ["*"], "public_key": bad}
            )
        ).status_code == 422


# -- teams


def test_the_whole_table_of_permissions() -> None:
    """Written out once more by hand: a changed cell is a decision, not an accident."""
    shown = {verb: "".join(role[0] if may(role, verb) else "-" for role in ROLES) for verb in LEAST}
    assert shown == {
        "streams:read": "veao", "chat:read": "veao", "events:read": "veao", "usage:read": "veao",
        "streams:write": "-eao", "chat:moderate": "-eao", "events:write": "-eao", "places:write": "-eao", "vod:write": "-eao",
        "webhooks:read": "-eao", "integrations:read": "-eao", "webhooks:write": "--ao", "integrations:write": "--ao",
        "followers:write": "--ao", "app.read": "veao", "members.read": "veao",
        "app.update": "--ao", "keys.read": "--ao", "keys.write": "--ao", "members.write": "--ao", "audit.read": "--ao",
        "app.delete": "---o", "owners.write": "---o",
    }  # fmt: skip
    assert scopes_of("owner") == SCOPES
    assert not [verb for verb in LEAST if may(None, verb)]
    changes = {(a, m, t) for a in ROLES for m in ROLES for t in (*ROLES, None) if may_change_member(a, m, t)}
    assert changes == {
        (actor, member, to)
        for actor in ("admin", "owner") for member in ROLES for to in (*ROLES, None)
        if actor == "owner" or "owner" not in (member, to)
    }  # fmt: skip


async def test_every_role_at_every_door_of_an_app(world: World, owner: Headers, app: str) -> None:
    """The table holds at the routes: who may gets through (or is refused for another reason), others are
    forbidden."""
    people = {role: await joined(world, owner, app, f"the-{role}@weir.example", role) for role in ROLES}
    doors = [
        ("app.read", "GET", "", None), ("keys.read", "GET", "/keys", None), ("keys.write", "POST", "/keys", {"scopes": ["*"]}),
        ("keys.write", "DELETE", f"/keys/{new_id('key')}", None), ("members.read", "GET", "/members", None),
        ("members.write", "GET", "/invitations", None), ("audit.read", "GET", "/audit", None), ("app.update", "PATCH", "", {"name": "x"}),
        ("members.write", "DELETE", f"/members/{new_id('acc')}", None), ("app.delete", "POST", "/archive", None),
        ("app.delete", "POST", "/restore", None),
    ]  # fmt: skip
    for role, headers in people.items():
        for verb, method, path, body in doors:
            status = (await world.ask(method, f"/v1/apps/{app}{path}", headers, body)).status_code
            assert (status == 403) is not may(role, verb), (role, method, path, status)
        scopes = {scope for scope in SCOPES if may(role, scope)}
        writing = await world.ask("POST", "/v1/streams", await world.token(headers, app), {})
        assert (writing.status_code == 201) is ("streams:write" in scopes)


async def test_an_invitation_is_for_one_person_and_works_once(
    world: World, owner: Headers, app: str, setting: Setting
) -> None:
    """Another address, a second use, a withdrawn one: forbidden; a member is invited no second time."""
    setting(sign_up="open")
    ann, bob = await world.register("ann@weir.example"), await world.register("bob@weir.example")
    await world.done(
        "POST", f"/v1/apps/{app}/invitations", owner, {"email": "Ann@weir.example", "role": "editor"}
    )
    token = {"token": world.letters.token("ann@weir.example")}
    assert (await world.ask("POST", "/v1/invitations/accept", bob, token)).status_code == 403
    assert (await world.ask("GET", f"/v1/apps/{app}", ann)).status_code == 404
    assert (await world.done("POST", "/v1/invitations/accept", ann, token)) == {"app": app}
    assert (await world.ask("POST", "/v1/invitations/accept", ann, token)).status_code == 403
    assert (await world.done("GET", f"/v1/apps/{app}", ann))["role"] == "editor"
    body = {"email": "ann@weir.example", "role": "viewer"}
    assert (await world.ask("POST", f"/v1/apps/{app}/invitations", owner, body)).status_code == 409
    made = await world.done(
        "POST", f"/v1/apps/{app}/invitations", owner, {"email": "bob@weir.example", "role": "viewer"}
    )
    await world.done("DELETE", f"/v1/apps/{app}/invitations/{made['id']}", owner)
    assert (
        await world.ask("POST", "/v1/invitations/accept", bob, {"token": made["link"].rpartition("=")[2]})
    ).status_code == 403


async def test_a_link_that_was_not_mailed_proves_no_mailbox(world: World, owner: Headers, app: str) -> None:
    """The inviter has it. It lets a person join, with an address that counts as unproven; the mailed one
    proves it."""
    for email, mailed in (("ann@weir.example", False), ("ben@weir.example", True)):
        made = await world.done(
            "POST", f"/v1/apps/{app}/invitations", owner, {"email": email, "role": "viewer"}
        )
        shown, sent = made["link"].rpartition("=")[2], world.letters.token(email)
        assert (made["mailed"], shown != sent) == (True, True)
        headers = await world.register(email, invitation=sent if mailed else shown)
        assert (await world.done("GET", "/v1/auth/me", headers))["verified"] is mailed
        assert (await world.done("GET", f"/v1/apps/{app}", headers))["role"] == "viewer"


async def test_who_must_prove_a_mailbox_joins_afterwards(
    world: World, owner: Headers, app: str, setting: Setting
) -> None:
    """With the link that the inviter has: no tokens and no membership before the mailed link is opened, and
    the same answer for an address that has an account; an unproven account of before may not accept with
    it, but with the mailed one."""
    setting(sign_up="open")
    old = await world.register("old@weir.example")
    setting(verify_email=True)
    links = {}
    for email in ("new@weir.example", "old@weir.example"):
        made = await world.done(
            "POST", f"/v1/apps/{app}/invitations", owner, {"email": email, "role": "viewer"}
        )
        links[email] = {"token": made["link"].rpartition("=")[2]}
        body = {"email": email, "password": "another password", "invitation": links[email]["token"]}
        answer = await world.ask("POST", "/v1/auth/register", body=body)
        assert (answer.status_code, answer.json()["access_token"], answer.json()["account"]["verified"]) == (
            201,
            None,
            False,
        )
    assert len((await world.done("GET", f"/v1/apps/{app}/invitations", owner))["data"]) == 2
    assert len((await world.done("GET", f"/v1/apps/{app}/members", owner))["data"]) == 1
    assert (
        await world.ask("POST", "/v1/invitations/accept", old, links["old@weir.example"])
    ).status_code == 403
    invited = next(
        text for to, text in world.letters.sent if to == "old@weir.example" and "#invitation=" in text
    )
    await world.done("POST", "/v1/invitations/accept", old, {"token": invited.rpartition("=")[2]})
    assert (await world.done("GET", "/v1/auth/me", old))["verified"] is True
    await world.letters.arrived(4)
    verify = next(text for to, text in world.letters.sent if to == "new@weir.example" and "#verify=" in text)
    opened = await world.done("POST", "/v1/auth/verify", body={"token": verify.rpartition("=")[2]})
    assert (await world.done("GET", f"/v1/apps/{app}", bearer(opened["access_token"])))["role"] == "viewer"


@pytest.mark.parametrize("how", ["removed", "demoted", "new password"])
async def test_nobody_lets_friends_in_behind_the_own_end(
    world: World, owner: Headers, app: str, how: str
) -> None:
    """An invitation is good while its inviter may give that role, and was the one who gave it."""
    ann = await joined(world, owner, app, "ann@weir.example", "admin")
    me = (await world.done("GET", "/v1/auth/me", ann))["id"]
    made = await world.done(
        "POST", f"/v1/apps/{app}/invitations", ann, {"email": "friend@weir.example", "role": "admin"}
    )
    if how == "removed":
        await world.done("DELETE", f"/v1/apps/{app}/members/{me}", owner)
    elif how == "demoted":
        await world.done("PATCH", f"/v1/apps/{app}/members/{me}", owner, {"role": "editor"})
    else:
        await world.done(
            "POST", "/v1/auth/password", ann, {"present": PASSWORD, "password": "another password"}
        )
    body = {
        "email": "friend@weir.example",
        "password": PASSWORD,
        "invitation": made["link"].rpartition("=")[2],
    }
    assert (await world.ask("POST", "/v1/auth/register", body=body)).status_code == 403
    members = (await world.done("GET", f"/v1/apps/{app}/members", owner))["data"]
    assert "friend@weir.example" not in [one["email"] for one in members]


async def test_a_mailbox_is_not_filled_with_invitations(world: World, owner: Headers, app: str) -> None:
    """Three an hour, from all apps together; further ones say that none was sent, and their links work."""
    other = str((await world.app(owner, "Other"))["id"])
    made = [await world.done("POST", f"/v1/apps/{one}/invitations", owner, {"email": "ann@weir.example", "role": "viewer"})
            for one in (app, app, app, other)]  # fmt: skip
    assert [one["mailed"] for one in made] == [True, True, True, False]
    assert len(world.letters.sent) == 3
    await world.register("ann@weir.example", invitation=made[3]["link"].rpartition("=")[2])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Acme Inc.", "“Acme Inc.”"), ("Win at https://evil.example/now", "“Win at https evil example now”"),
        ("www.evil.example", "“www evil example”"), ("a@evil.example", "“a evil example”"), ("evil。example", "“evil example”"),
        ("x" * 80, "“" + "x" * 60 + "…”"),
    ],
)  # fmt: skip
async def test_an_app_s_name_is_no_link_in_a_mail(
    world: World, owner: Headers, name: str, shown: str
) -> None:
    """Anybody may make an app where sign-up is open."""
    app = str((await world.app(owner, name))["id"])
    await world.done(
        "POST", f"/v1/apps/{app}/invitations", owner, {"email": "ann@weir.example", "role": "viewer"}
    )
    (_, text) = world.letters.sent[-1]
    assert f"to work on {shown} as viewer" in text
    assert text.count("://") == 1


async def test_addresses_are_for_those_who_change_members(world: World, owner: Headers, app: str) -> None:
    """Others see names and roles, and their own address."""
    viewer = await joined(world, owner, app, "ann@weir.example", "viewer")
    admin = await joined(world, owner, app, "ben@weir.example", "admin")
    everybody = {"owner@weir.example", "ann@weir.example", "ben@weir.example"}
    for reader, seen in ((viewer, {None, "ann@weir.example"}), (admin, everybody), (owner, everybody)):
        assert {
            one["email"] for one in (await world.done("GET", f"/v1/apps/{app}/members", reader))["data"]
        } == seen


async def test_an_app_token_ends_with_its_sign_in(world: World, owner: Headers, app: str) -> None:
    """Signing out ends those of that sign-in, a new password all; what they made falls with the latter, and a
    fresh one works at once."""
    ann = await joined(world, owner, app, "ann@weir.example", "editor")
    login = {"email": "ann@weir.example", "password": PASSWORD}
    async with world.client() as second:
        other = bearer((await second.post("/v1/auth/login", json=login)).json()["access_token"])
        mine, its = await world.token(ann, app), await world.token(other, app)
        made = (await world.done("POST", "/v1/user-tokens", mine, {"sub": "ben"}))["token"]
        await second.post("/v1/auth/logout")
    assert [(await world.ask("GET", "/v1/streams", one)).status_code for one in (mine, its)] == [200, 401]
    for path in ("/v1/apps", f"/v1/apps/{app}", "/v1/auth/me"):
        assert (await world.ask("GET", path, other)).status_code == 401
    await world.services.tokens.user(made)
    fresh = await world.done(
        "POST", "/v1/auth/password", ann, {"present": PASSWORD, "password": "another password"}
    )
    assert (await world.ask("GET", "/v1/streams", mine)).status_code == 401
    assert (await world.ask("GET", "/v1/apps", ann)).status_code == 401
    with pytest.raises(Unauthenticated):
        await world.services.tokens.user(made)
    again = await world.token(bearer(fresh["access_token"]), app)
    assert (await world.ask("GET", "/v1/streams", again)).status_code == 200
    await world.services.tokens.user(
        (await world.done("POST", "/v1/user-tokens", again, {"sub": "ben"}))["token"]
    )


async def test_what_a_demoted_member_made_is_refused(world: World, owner: Headers, app: str) -> None:
    """User, playback and upload tokens; what the new role makes is good."""
    ann = await joined(world, owner, app, "ann@weir.example", "editor")
    me = (await world.done("GET", "/v1/auth/me", ann))["id"]
    token = await world.token(ann, app)
    stream = await world.done("POST", "/v1/streams", token, {"title": "x"})
    user = (await world.done("POST", "/v1/user-tokens", token, {"sub": "ben"}))["token"]
    playback = (await world.done("POST", f"/v1/streams/{stream['id']}/playback-tokens", token, {}))["token"]
    tokens = world.services.tokens
    await tokens.user(user), await tokens.playback(playback)
    await world.done("PATCH", f"/v1/apps/{app}/members/{me}", owner, {"role": "viewer"})
    for check, made in ((tokens.user, user), (tokens.playback, playback)):
        with pytest.raises(Unauthenticated):
            await check(made)
    await world.done("PATCH", f"/v1/apps/{app}/members/{me}", owner, {"role": "editor"})
    await tokens.user(
        (await world.done("POST", "/v1/user-tokens", await world.token(ann, app), {"sub": "ben"}))["token"]
    )


async def test_a_key_says_what_it_may_do(world: World, owner: Headers, app: str) -> None:
    """Nothing said is no key for everything; a star is."""
    said: Any
    for kind in ("", "/signing", "/public"):
        for said in ({}, {"scopes": []}, {"scopes": ["everything"]}):
            reply = await world.ask(
                "POST",
                f"/v1/apps/{app}/keys{kind}",
                owner,
                {**said, **({"public_key": "x"} if kind == "/public" else {})},
            )
            assert (reply.status_code, reply.json()["errors"][0]["field"].split(".")[0]) == (422, "scopes"), (
                kind,
                said,
            )
    assert (await world.key(owner, app, scopes=["*"]))["scopes"] == list(SCOPES)


async def test_a_credential_says_who_it_is(world: World, owner: Headers, app: str) -> None:
    """With any scope: the app, the key, its scopes and the plan's bounds; an app token names its role."""
    made = await world.key(owner, app, name="meter", scopes=["usage:read"], rate=100)
    shown = await world.done("GET", "/v1/app", bearer(made["api_key"]))
    assert (shown["app"]["id"], shown["app"]["state"]) == (app, "active")
    expected = {
        "id": made["id"],
        "kind": "key",
        "role": None,
        "scopes": ["usage:read"],
        "name": "meter",
        "rate": 100,
    }
    assert {name: shown["credential"][name] for name in expected} == expected
    assert shown["limits"]["requests_per_minute"] == 60_000
    assert (await world.done("GET", "/v1/app", await world.token(owner, app)))["credential"][
        "role"
    ] == "owner"
    usage = await world.done("GET", "/v1/usage", bearer(made["api_key"]))
    assert usage == await world.done("GET", f"/v1/apps/{app}/usage", owner)
    reading = await world.key(owner, app, scopes=["streams:read"])
    assert (await world.ask("GET", "/v1/usage", bearer(reading["api_key"]))).status_code == 403
    assert (await world.done("GET", "/v1/app", bearer(reading["api_key"])))["credential"]["id"] == reading[
        "id"
    ]


async def test_what_is_made_says_where_it_is(world: World, owner: Headers) -> None:
    """Location on 201, and there it is."""
    made = await world.ask("POST", "/v1/apps", owner, {"name": "Mine"})
    app = made.json()["id"]
    assert made.headers["location"] == f"/v1/apps/{app}"
    key = await world.ask("POST", f"/v1/apps/{app}/keys", owner, {"scopes": ["*"]})
    signing = await world.ask("POST", f"/v1/apps/{app}/keys/signing", owner, {"scopes": ["*"]})
    stream = await world.ask("POST", "/v1/streams", bearer(key.json()["api_key"]), {})
    assert stream.headers["location"] == f"/v1/streams/{stream.json()['id']}"
    for one in (key, signing):
        assert one.headers["location"] == f"/v1/apps/{app}/keys/{one.json()['id']}"
        assert (await world.ask("DELETE", one.headers["location"], owner)).status_code == 200


async def test_the_limits_are_told_in_both_forms(world: World, owner: Headers, app: str) -> None:
    """Those of the drafts up to -06 and since -08; the seconds are those until all is back, also in a
    refusal."""
    key = bearer((await world.key(owner, app, rate=3))["api_key"])
    answers = [await world.ask("GET", "/v1/streams", key) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    for left, one in zip((2, 1, 0, 0), answers, strict=True):
        assert one.headers["ratelimit-policy"] == '"key";q=3;w=60'
        assert one.headers["ratelimit"] == f'"key";r={left};t={one.headers["ratelimit-reset"]}'
    assert int(answers[3].headers["ratelimit-reset"]) > int(answers[3].headers["retry-after"])


async def test_a_member_is_read_and_changed_as_it_was_read(
    world: World, owner: Headers, app: str, setting: Setting
) -> None:
    setting(sign_up="open")
    me = (await world.done("GET", "/v1/auth/me", owner))["id"]
    path = f"/v1/apps/{app}/members/{me}"
    reply = await world.ask("GET", path, owner)
    assert (reply.status_code, reply.json()["role"]) == (200, "owner")
    assert (
        await world.ask("GET", path, {**owner, "If-None-Match": reply.headers["etag"]})
    ).status_code == 304
    stale = await world.ask("PATCH", path, {**owner, "If-Match": '"old"'}, {"role": "owner"})
    assert (stale.status_code, stale.json()["code"]) == (412, "conflict")
    assert (
        await world.ask("PATCH", path, {**owner, "If-Match": reply.headers["etag"]}, {"role": "owner"})
    ).status_code == 200


async def test_a_key_has_a_signing_secret_only_where_it_may_sign(
    world: World, owner: Headers, app: str
) -> None:
    """And a signing key opens nothing; it is replaced like another."""
    assert (await world.key(owner, app, scopes=["streams:read", "events:read"]))["signing_secret"] is None
    assert (await world.key(owner, app, scopes=["chat:moderate"]))["signing_secret"]
    path = f"/v1/apps/{app}/keys"
    made = await world.done("POST", f"{path}/signing", owner, {"name": "site", "scopes": ["streams:write"]})
    assert (made["kind"], made["scopes"], made["api_key"], made["algorithm"]) == (
        "signing",
        ["streams:write"],
        None,
        "HS256",
    )
    for secret in (made["signing_secret"], ""):
        key = bearer(f"weir_sk_{made['id'].removeprefix('key_')}_{secret}")
        assert (await world.ask("GET", "/v1/streams", key)).status_code == 401
    rotated = await world.done("POST", f"{path}/{made['id']}/rotate", owner, {"overlap_s": 60})
    assert (rotated["kind"], rotated["scopes"], rotated["signing_secret"] != made["signing_secret"]) == (
        "signing",
        ["streams:write"],
        True,
    )
    assert (
        await world.ask("POST", f"{path}/signing", owner, {"scopes": ["streams:read"]})
    ).status_code == 422
    listed = await world.ask("GET", path, owner)
    assert made["signing_secret"] not in listed.text
    assert {one["kind"] for one in listed.json()["data"]} == {"key", "signing"}


async def test_who_leaves_or_is_demoted_loses_what_was_given(world: World, owner: Headers, app: str) -> None:
    """App tokens of the old role are void at once; the last owner stays."""
    ann = await joined(world, owner, app, "ann@weir.example", "editor")
    me = (await world.done("GET", "/v1/auth/me", ann))["id"]
    token = await world.token(ann, app)
    assert (await world.ask("POST", "/v1/streams", token, {})).status_code == 201
    await world.done("PATCH", f"/v1/apps/{app}/members/{me}", owner, {"role": "viewer"})
    assert (await world.ask("POST", "/v1/streams", token, {})).status_code == 401
    await world.done("DELETE", f"/v1/apps/{app}/members/{me}", ann)
    assert (await world.ask("GET", f"/v1/apps/{app}", ann)).status_code == 404
    boss = (await world.done("GET", "/v1/auth/me", owner))["id"]
    assert (await world.ask("DELETE", f"/v1/apps/{app}/members/{boss}", owner)).status_code == 409


async def test_a_plan_bounds_the_team(world: World, owner: Headers, app: str) -> None:
    """Free has three with its open invitations, also when six are sent at once; one that is withdrawn makes
    room."""
    await world.done("PATCH", f"/v1/operator/apps/{app}", owner, {"plan": "free"})
    path, bodies = (
        f"/v1/apps/{app}/invitations",
        [{"email": f"{name}@weir.example", "role": "viewer"} for name in "abcdef"],
    )
    answers = await asyncio.gather(*(world.ask("POST", path, owner, body) for body in bodies))
    assert sorted(one.status_code for one in answers) == [201] * 2 + [403] * 4
    assert {one.json()["code"] for one in answers if one.status_code == 403} == {"quota_exceeded"}
    made = next(one.json()["id"] for one in answers if one.status_code == 201)
    await world.done("DELETE", f"{path}/{made}", owner)
    await world.done("POST", path, owner, bodies[0])


async def test_a_deleted_app_goes_with_all_that_is_its_own(
    world: World, owner: Headers, app: str, services: Services
) -> None:
    """Closed at once, published to all rooms, then deleted; another app's data stays."""
    other = str((await world.app(owner, "Other"))["id"])
    keys = [bearer((await world.key(owner, one))["api_key"]) for one in (app, other)]
    for key in keys:
        await world.done("POST", "/v1/streams", key, {"title": "x"})
    assert (await world.done("DELETE", f"/v1/apps/{app}", owner))["state"] == "deleting"
    assert (await world.ask("GET", "/v1/streams", keys[0])).status_code == 401
    told = [event async for _, _, events in services.store.pending() for event in events]
    assert [event.app for event in told if isinstance(event, AppDeleted)] == [app]
    await services.store.settle("apps", app, [event.id for event in told])
    await world.room._apps.delete_more()
    assert (await world.ask("GET", f"/v1/apps/{app}", owner)).status_code == 404
    for collection in (STREAMS, CREDENTIALS, MEMBERS, AUDIT):
        assert await services.store.app(app).count(collection) == 0
    assert len((await world.done("GET", "/v1/streams", keys[1]))["data"]) == 1


async def test_the_audit_log_tells_who_changed_what(world: World, owner: Headers, app: str) -> None:
    """Before and after without secrets; filtered, paged, and as a table."""
    me = (await world.done("GET", "/v1/auth/me", owner))["id"]
    await world.done("PATCH", f"/v1/apps/{app}", {**owner, "X-Request-Id": "trace-12345"}, {"name": "=New"})
    made = await world.key(owner, app)
    entries = (await world.done("GET", f"/v1/apps/{app}/audit", owner))["data"]
    assert [one["action"] for one in entries] == ["key.created", "app.updated", "app.created"]
    change = entries[1]
    assert (change["actor"], change["address"], change["request"]) == (me, "192.0.2.9", "trace-12345")
    assert (change["before"]["name"], change["after"]["name"]) == ("Mine", "=New")
    text = str(entries)
    assert made["api_key"].rpartition("_")[2] not in text
    assert "hash" not in entries[0]["after"]
    assert "signing" not in entries[0]["after"]
    only = await world.done(
        "GET", f"/v1/apps/{app}/audit?action=app.updated&since=2020-01-01T00:00:00Z", owner
    )
    assert [one["id"] for one in only["data"]] == [change["id"]]
    table = await world.ask("GET", f"/v1/apps/{app}/audit?format=csv&limit=2", owner)
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.splitlines()[0] == "id,at,actor,address,request,action,target,before,after"
    assert len(table.text.splitlines()) == 3
    assert "next-cursor" in table.headers


async def test_a_repeated_create_makes_one_app(world: World, owner: Headers) -> None:
    """At once or later."""
    headers = {**owner, "Idempotency-Key": "k"}
    replies = await asyncio.gather(
        *(world.ask("POST", "/v1/apps", headers, {"name": "One"}) for _ in range(5))
    )
    assert {reply.status_code for reply in replies} <= {201, 409}
    assert (await world.ask("POST", "/v1/apps", headers, {"name": "One"})).headers[
        "idempotency-replayed"
    ] == "true"
    assert [one["name"] for one in (await world.done("GET", "/v1/apps", owner))["data"]] == ["One"]


async def test_an_invitation_says_what_it_is_before_it_is_taken(
    world: World, owner: Headers, app: str
) -> None:
    """App, inviter, address and role for who has the link; nothing changes by it, and one that can't be taken
    has a code of its own."""
    invite = ("POST", f"/v1/apps/{app}/invitations", owner, {"email": "ann@weir.example", "role": "editor"})
    token = (await world.done(*invite))["link"].rpartition("=")[2]
    for _ in range(2):
        found = await world.done("POST", "/v1/invitations/lookup", {}, {"token": token})
        assert {name: found[name] for name in ("app_name", "email", "role")} == {
            "app_name": (await world.done("GET", f"/v1/apps/{app}", owner))["name"],
            "email": "ann@weir.example",
            "role": "editor",
        }
    await world.register("ann@weir.example", invitation=token)
    for spent in (token, "unknown"):
        reply = await world.ask("POST", "/v1/invitations/lookup", {}, {"token": spent})
        assert (reply.status_code, reply.json()["code"]) == (403, "invitation_spent")
