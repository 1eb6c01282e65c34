"""Who did it: every changing request leaves an entry that says who, from where and what, and no client can
forge one."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.attack.conftest import Target
from tests.e2e.conftest import SMALL
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until

SILENT = {
    "POST /v1/auth/refresh": "the sign-in that it prolongs has its entry",
    "POST /v1/auth/password/forgot": "the entry is that of the new password",
    "POST /v1/watch/{playback}/session": "an anonymous viewer's, counted in usage",
    "POST /v1/watch/{playback}/followers": "a visitor's, who confirms by mail",
    "POST /v1/followers/confirm": "the same visitor's",
    "POST /v1/followers/unsubscribe": "the same visitor's",
    "DELETE /v1/streams/{stream}/followers/{follower}": "it has one, tested beside the followers",
    "POST /v1/overlay-sessions": "a page that reads; the making of its link has its entry",
    "POST /v1/watch/{playback}/renew": "the same viewer's",
    "POST /v1/apps/{app}/session": "the sign-in has its entry, and every act under it",
    "POST /v1/channels/{channel}/messages": "the channel's log is its record",
    "DELETE /v1/channels/{channel}/messages/{message}": "the channel's moderation log has who and why",
    "POST /v1/channels/{channel}/commands": "the same",
    "PATCH /v1/channels/{channel}/settings": "the same",
    **{f"POST /v1/channels/{{channel}}/{kind}": "the same" for kind in ("bans", "mutes", "timeouts")},
    **{
        f"DELETE /v1/channels/{{channel}}/{kind}/{{user}}": "the same"
        for kind in ("bans", "mutes", "timeouts")
    },
    "POST /v1/channels/{channel}/moderation/{act}/undo": "the same",
    "POST /v1/events": "the app's log is its record",
    "POST /v1/places/{place}/devices/{device}/readings": "the place's history is its record",
    "POST /v1/sources/preview": "it stores nothing",
    "POST /v1/inbound/{source}": "a partner's, counted by its source; what comes of it is in the app's log or its places",
    "POST /v1/invitations/lookup": "it changes nothing; the token is in the body to keep it out of logs",
    "POST /v1/streams/{stream}/preview-tokens": "a member's own look at a stream, under a sign-in that has its entry",
    "POST /v1/channels/{channel}/held/{message}/approve": "an entry an hour, tested beside the hook that holds messages",
    "DELETE /v1/channels/{channel}/held/{message}": "the same",
    "POST /v1/webhooks/{webhook}/preview": "it changes and sends nothing",
    "POST /v1/deliveries/{delivery}/replay": "the same entry as a replay of its webhook",
    "POST /v1/integrations/{integration}/test": "the partner's log is its record",
    "POST /v1/integrations/{integration}/calls": "an entry an hour for each operation, tested with the partners",
    "PATCH /v1/vod/{vod}": "the bytes of an upload, whose beginning has its entry",
}
"""Routes that change something and leave no entry, and why."""


class Acts:
    """Makes each change once, as the owner, and remembers what it should be called in the log."""

    def __init__(self, target: Target) -> None:
        self.target, self.made = target, dict[str, Any]()

    def do(
        self, route: str, action: str, body: Any = None, headers: dict[str, str] | None = None, **ids: str
    ) -> Any:
        method, _, path = route.partition(" ")
        given = headers or (
            self.target.account if path.startswith(("/v1/apps", "/v1/auth")) else self.target.opened()
        )
        status, answer = self.target.stack.ask(method, path.format(app=self.target.app, **ids), body, given)
        assert status in (200, 201, 202, 204), (route, status, answer)
        self.made[route] = action
        return answer


def entries(target: Target, path: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        status, page = target.stack.ask("GET", f"{path}?limit=200{cursor}", headers=headers)
        assert status == 200, page
        found += page["data"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """The log is asked again and again until an entry is there."""
    stack = RunningStack(**SMALL, LIMITS='{"heavy": 100000, "account": 100000}')
    try:
        yield Target(stack.start())
    finally:
        stack.remove()


@pytest.fixture(scope="module")
def acts(target: Target) -> Acts:
    """One of everything that an owner can do."""
    acts = Acts(target)
    do = acts.do
    stream = do("POST /v1/streams", "stream.created", {"title": "Show"})["id"]
    do("PATCH /v1/streams/{stream}", "stream.updated", {"title": "New"}, stream=stream)
    do("POST /v1/streams/{stream}/key/rotate", "stream.key_rotated", {}, stream=stream)
    do("POST /v1/streams/{stream}/disconnect", "stream.disconnected", stream=stream)
    do("POST /v1/streams/{stream}/playback-tokens", "playback_tokens.minted", {}, stream=stream)
    do("POST /v1/user-tokens", "user_tokens.minted", {"sub": "ann"})
    do("POST /v1/revocations", "access.revoked", {"user": "ann"})
    do("POST /v1/bans", "ban.added", {"user": "mallory"})
    do("DELETE /v1/bans/{user}", "ban.lifted", user="mallory")
    do("POST /v1/streams/{stream}/overlay", "stream.overlay_made", stream=stream)
    do("DELETE /v1/streams/{stream}/overlay", "stream.overlay_deleted", stream=stream)
    do("DELETE /v1/streams/{stream}", "stream.deleted", stream=stream)
    profile = do("POST /v1/profiles", "profile.created", {"name": "small", "rungs": [{"height": 360}]})["id"]
    do("PATCH /v1/profiles/{profile}", "profile.updated", {"name": "smaller"}, profile=profile)
    do("DELETE /v1/profiles/{profile}", "profile.deleted", profile=profile)
    place = do("POST /v1/places", "place.created", {"name": "Car park", "spaces": 3})["id"]
    do("PATCH /v1/places/{place}", "place.updated", {"name": "Garage"}, place=place)
    do("POST /v1/places/{place}/spaces", "spaces.added", {"first": 4, "count": 2}, place=place)
    do("PATCH /v1/places/{place}/spaces/{n}", "space.state", {"state": "maintenance"}, place=place, n="1")
    times = {"starts": "2099-01-01T10:00:00Z", "ends": "2099-01-01T11:00:00Z"}
    times = {name: text.replace("2099-01-01", soon()) for name, text in times.items()}
    booked = do("POST /v1/places/{place}/reservations", "reservation.created", times, place=place)["id"]
    do(
        "DELETE /v1/places/{place}/reservations/{reservation}",
        "reservation.cancelled",
        place=place,
        reservation=booked,
    )
    device = do(
        "POST /v1/places/{place}/devices", "device.created", {"serial": "s1", "space": 2}, place=place
    )["id"]
    do(
        "PATCH /v1/places/{place}/devices/{device}",
        "device.assigned",
        {"space": 3},
        place=place,
        device=device,
    )
    do("DELETE /v1/places/{place}/devices/{device}", "device.deleted", place=place, device=device)
    do("DELETE /v1/places/{place}/spaces/{n}", "space.deleted", place=place, n="5")
    sources(target, do, place)
    do("DELETE /v1/places/{place}", "place.deleted", place=place)
    do("POST /v1/upload-tokens", "upload_tokens.minted", {"user": "ann"})
    begun = do(
        "POST /v1/vod",
        "upload.started",
        None,
        {**target.opened(), "Tus-Resumable": "1.0.0", "Upload-Length": "100"},
    )["id"]
    do("PATCH /v1/recordings/{recording}", "recording.updated", {"visibility": "public"}, recording=begun)
    do("DELETE /v1/vod/{vod}", "upload.deleted", vod=begun)
    partner = do(
        "POST /v1/integrations",
        "integration.created",
        {"kind": "custom", "name": "Shop", "sandbox": {"url": "https://x.example"}},
    )["id"]
    do("PATCH /v1/integrations/{integration}", "integration.updated", {"name": "New"}, integration=partner)
    do("DELETE /v1/integrations/{integration}", "integration.deleted", integration=partner)
    do("PUT /v1/before-message", "before_message.changed", {"url": "https://hooks.example.com/before"})
    do("DELETE /v1/before-message", "before_message.changed")
    hook = do(
        "POST /v1/webhooks", "webhook.created", {"url": "https://hooks.example.com/x", "types": ["stream.*"]}
    )["id"]
    do("PATCH /v1/webhooks/{webhook}", "webhook.updated", {"description": "New"}, webhook=hook)
    do("POST /v1/webhooks/{webhook}/rotate-secret", "webhook.secret.rotated", {}, webhook=hook)
    do("POST /v1/webhooks/{webhook}/test", "webhook.tested", {}, webhook=hook)
    do("POST /v1/webhooks/{webhook}/replay", "webhook.replayed", {}, webhook=hook)
    do("DELETE /v1/webhooks/{webhook}", "webhook.deleted", webhook=hook)
    key = do("POST /v1/apps/{app}/keys", "key.created", {"scopes": ["streams:read"]})["id"]
    do("POST /v1/apps/{app}/keys/{key}/rotate", "key.rotated", {}, key=key)
    do("DELETE /v1/apps/{app}/keys/{key}", "key.revoked", key=key)
    do("PATCH /v1/apps/{app}", "app.updated", {"name": "Renamed"})
    invited = do(
        "POST /v1/apps/{app}/invitations",
        "invitation.created",
        {"email": "ann@weir.example", "role": "viewer"},
    )["id"]
    do("DELETE /v1/apps/{app}/invitations/{invitation}", "invitation.withdrawn", invitation=invited)
    return acts


def sources(target: Target, do: Any, place: str) -> None:
    """A source, a body that it rejects, and an unknown device that is adopted."""
    made = do("POST /v1/sources", "source.created", {"name": "Sensors", "kind": "generic-sensor"})
    path, headers = f"/v1/inbound/{made['id']}", {"Authorization": made["secret"]}
    assert target.stack.ask("POST", path, {"device": "s2", "state": "free"}, headers)[0] == 202
    assert target.stack.ask("POST", path, {"device": "s3", "state": "full"}, headers)[0] == 422
    (reject,) = target.stack.ask("GET", f"/v1/sources/{made['id']}/rejects", None, target.opened())[1]["data"]
    rule = {"reading": {"device": "body.device"}}
    do("PATCH /v1/sources/{source}", "source.updated", {"mapping": {"rules": [rule]}}, source=made["id"])
    replay = "POST /v1/sources/{source}/rejects/{reject}/replay"
    do(replay, "source.replayed", source=made["id"], reject=reject["id"])
    do("POST /v1/sources/{source}/rotate-secret", "source.secret_rotated", {}, source=made["id"])
    do("DELETE /v1/sources/{source}", "source.deleted", source=made["id"])
    pool = "/v1/devices/pool"
    wait_until(lambda: target.stack.ask("GET", pool, None, target.opened())[1]["data"], "an unknown device")
    do("POST /v1/devices/pool/{serial}/adopt", "device.created", {"place": place}, serial="s2")


def soon() -> str:
    return (datetime.now() + timedelta(days=3)).strftime("%Y-%m-%d")


def test_every_change_has_its_entry(target: Target, acts: Acts) -> None:
    """Each with the owner's account, the address it came from and the request it was."""
    path = f"/v1/apps/{target.app}/audit"

    def known() -> dict[str, dict[str, Any]]:
        return {entry["action"]: entry for entry in reversed(entries(target, path, target.account))}

    wait_until(
        lambda: set(acts.made.values()) <= set(known()),
        f"entries: {set(acts.made.values()) - set(known())}",
        40,
    )
    owner = target.stack.ask("GET", "/v1/auth/me", headers=target.account)[1]["id"]
    found = known()
    for action in set(acts.made.values()):
        entry = found[action]
        assert (entry["actor"], entry["address"]) == (owner, "127.0.0.1"), entry
        assert entry["request"] or entry["after"]["times"] >= 1, entry


def test_no_changing_route_is_forgotten(target: Target, acts: Acts) -> None:
    """What the API's own description offers is made above, is the platform's, or is silent for a reason that
    is given here."""
    described = target.stack.get("/v1/openapi.json")[1]["paths"]
    routes = {
        f"{method.upper()} {path}"
        for path, verbs in described.items()
        for method in verbs
        if method in ("post", "patch", "delete")
    }
    elsewhere = {
        "POST /v1/auth/register", "POST /v1/auth/login", "POST /v1/auth/logout", "POST /v1/auth/password", "POST /v1/auth/password/reset",
        "POST /v1/auth/verify", "POST /v1/apps", "DELETE /v1/apps/{app}", "POST /v1/apps/{app}/archive", "POST /v1/apps/{app}/restore",
        "DELETE /v1/auth/me",
        "POST /v1/apps/{app}/keys/public", "POST /v1/apps/{app}/keys/signing", "PATCH /v1/apps/{app}/members/{account}",
        "DELETE /v1/apps/{app}/members/{account}", "POST /v1/invitations/accept", "PATCH /v1/operator/apps/{app}",
        "POST /v1/streams/{stream}/recordings", "POST /v1/recordings/{recording}/stop", "DELETE /v1/recordings/{recording}",
        "POST /v1/recordings/{recording}/playback-tokens", "POST /v1/streams/{stream}/complete",
    }  # fmt: skip
    assert routes - set(acts.made) - set(SILENT) - elsewhere == set()


def test_the_operator_reads_what_concerns_the_installation(target: Target) -> None:
    """Accounts, sign-ins and failed ones, with the address: only the operator may read them, and an app's log
    has none of it."""
    account = target.account
    for password in ("wrong password", "a long password"):
        target.stack.ask("POST", "/v1/auth/login", {"email": "owner@weir.example", "password": password})

    def actions() -> set[str]:
        return {entry["action"] for entry in entries(target, "/v1/operator/audit", account)}

    wait_until(
        lambda: {"account.created", "sign_in.failed", "sign_in.done"} <= actions(),
        "the operator's entries",
        40,
    )
    assert not actions() & {
        entry["action"] for entry in entries(target, f"/v1/apps/{target.app}/audit", account)
    }
    assert target.stack.ask("GET", "/v1/operator/audit", headers=target.opened())[0] == 401
    assert target.stack.get("/v1/operator/audit")[0] == 401


def test_an_entry_shows_no_secret(target: Target, acts: Acts) -> None:
    """Neither keys nor tokens nor hashes, whatever was changed."""
    text = str(entries(target, f"/v1/apps/{target.app}/audit", target.account))
    for word in ("weir_sk_", "hash", "sealed", "signing"):
        assert word not in text.lower(), word
    assert not re.search(r"eyJ[\w-]+\.", text), "a token"
