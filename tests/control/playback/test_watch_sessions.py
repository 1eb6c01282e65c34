"""Watch sessions: what may be made from which token, for how long, and what ends it."""

from typing import Any

import jwt
import pytest

from control.playback.hls_access import HlsAccess
from control.playback.viewer_limit import ViewerLimit
from tests.support.control_room import Headers, World, bearer
from weir.foundation.clock import now_s
from weir.foundation.events import DirectoryChanged
from weir.foundation.ids import is_id, new_id
from weir.foundation.tenancy.collections import RECORDINGS, STREAMS
from weir.foundation.tenancy.tokens import LEEWAY_S


class Stage:
    """One app with a key that signs, and a signed stream."""

    def __init__(
        self, world: World, owner: Headers, app: str, key: dict[str, Any], stream: dict[str, Any]
    ) -> None:
        self.world, self.owner, self.app, self.key, self.stream = world, owner, app, key, stream
        self.playback = stream["playback_id"]
        self._access = HlsAccess(
            "secret",
            ViewerLimit(world.services.redis),
            settings=world.services.settings,
            tokens=world.services.tokens,
            redis=world.services.redis,
            bus=world.services.bus,
            directory=world.services.directory,
            quotas=world.services.quotas,
            door=world.services.door,
        )

    def signed(self, audience: str = "weir:playback", life_s: float = 60, **claims: Any) -> str:
        now = int(now_s())
        payload = {
            "iss": self.key["id"],
            "aud": audience,
            "app": self.app,
            "iat": now,
            "exp": now + life_s,
            "sub": self.playback,
            **claims,
        }
        return jwt.encode(payload, self.key["signing_secret"], "HS256")

    async def session(self, **body: Any) -> dict[str, Any]:
        return dict(await self.world.done("POST", f"/v1/watch/{self.playback}/session", None, body))

    async def renewed(self, token: str) -> Any:
        return await self.world.ask(
            "POST", f"/v1/watch/{self.playback}/renew", None, {"playback_token": token}
        )

    async def plays(self, token: str) -> bool:
        return await self._access.allowed(token, self.playback, "192.0.2.1") is not None

    async def change(self, **fields: Any) -> None:
        await self.world.done(
            "PATCH", f"/v1/streams/{self.stream['id']}", bearer(self.key["api_key"]), fields
        )


@pytest.fixture
async def stage(world: World) -> Stage:
    owner = await world.owner()
    app = str((await world.app(owner))["id"])
    key = await world.key(owner, app)
    stream = await world.done(
        "POST", "/v1/streams", bearer(key["api_key"]), {"title": "Show", "visibility": "signed"}
    )
    return Stage(world, owner, app, key, stream)


async def test_what_is_made_from_a_token_ends_with_it(stage: Stage) -> None:
    """The session, its renewals and its guest, signed by the customer or given by the API; the answer says
    when."""
    given = await stage.world.done(
        "POST",
        f"/v1/streams/{stage.stream['id']}/playback-tokens",
        bearer(stage.key["api_key"]),
        {"ttl_s": 60},
    )
    for token in (stage.signed(), given["token"]):
        end = jwt.decode(token, options={"verify_signature": False})["exp"]
        shown = await stage.session(token=token)
        assert shown["access_ends"] is not None
        for made in (shown["playback_token"], shown["user_token"]):
            claims = jwt.decode(made, options={"verify_signature": False})
            assert (claims["exp"], claims["until"], claims["by"]) == (end, end, stage.key["id"])
        for _ in range(2):
            shown = (await stage.renewed(shown["playback_token"])).json()
            assert jwt.decode(shown["playback_token"], options={"verify_signature": False})["exp"] == end
            assert 0 < shown["playback_ttl_s"] <= 60
        assert (await stage.renewed(token)).json()["access_ends"] == shown["access_ends"]


async def test_when_nothing_is_left_to_renew_it_is_said(stage: Stage) -> None:
    """A sentence with the next step, within the leeway of the token itself."""
    now = int(now_s())
    token = stage.signed(iat=now - 60, exp=now - 5)
    reply = await stage.renewed(token)
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    assert "ask the stream's owner" in reply.json()["detail"]
    assert (await stage.renewed(stage.signed(iat=now - 120, exp=now - LEEWAY_S - 1))).status_code == 401


async def test_a_public_session_is_renewed_while_the_stream_is_public(stage: Stage) -> None:
    """Its tokens have no end but their own; when the stream becomes signed they neither play nor are renewed."""
    await stage.change(visibility="public")
    shown = await stage.session(name="Ann")
    assert shown["access_ends"] is None
    renewed = (await stage.renewed(shown["playback_token"])).json()
    assert (renewed["playback_ttl_s"], renewed["access_ends"]) == (
        stage.world.services.settings.playback_token_ttl_s,
        None,
    )
    assert await stage.plays(renewed["playback_token"])
    await stage.change(visibility="signed")
    assert not await stage.plays(renewed["playback_token"])
    assert (await stage.renewed(renewed["playback_token"])).status_code == 403
    assert (
        await stage.world.ask(
            "POST", f"/v1/watch/{stage.playback}/session", None, {"token": renewed["playback_token"]}
        )
    ).status_code == 403


async def test_all_that_a_revoked_key_has_made_is_refused(stage: Stage) -> None:
    """What it signed, what it asked for, and what was renewed from either."""
    given = await stage.world.done(
        "POST", f"/v1/streams/{stage.stream['id']}/playback-tokens", bearer(stage.key["api_key"]), {}
    )
    tokens = [given["token"], stage.signed()]
    tokens += [(await stage.session(token=token))["playback_token"] for token in tokens]
    tokens += [(await stage.renewed(token)).json()["playback_token"] for token in tokens]
    assert [await stage.plays(token) for token in tokens] == [True] * 8
    await stage.world.done("DELETE", f"/v1/apps/{stage.app}/keys/{stage.key['id']}", stage.owner)
    assert [await stage.plays(token) for token in tokens] == [False] * 8
    assert [(await stage.renewed(token)).status_code for token in tokens] == [401] * 8


async def test_a_replaced_key_signs_no_more_and_what_it_asked_for_lives_on(stage: Stage) -> None:
    """A rotation is no revocation."""
    given = await stage.world.done(
        "POST", f"/v1/streams/{stage.stream['id']}/playback-tokens", bearer(stage.key["api_key"]), {}
    )
    signed = stage.signed()
    made = (await stage.session(token=signed))["playback_token"]
    assert [await stage.plays(token) for token in (given["token"], signed)] == [True, True]
    await stage.world.done(
        "POST", f"/v1/apps/{stage.app}/keys/{stage.key['id']}/rotate", stage.owner, {"overlap_s": 0}
    )
    assert [await stage.plays(token) for token in (given["token"], signed, made)] == [True, False, True]


async def test_only_guests_of_ours_come_back(stage: Stage) -> None:
    """Not the app's own users, in whatever way they got their tokens; and no guest gets their ids."""
    await stage.change(visibility="public")
    asked = {"sub": "vip-alice", "name": "Alice"}
    given = (await stage.world.done("POST", "/v1/user-tokens", bearer(stage.key["api_key"]), asked))["token"]
    for token in (given, stage.signed("weir:user", sub="vip-alice", guest=True)):
        taken = await stage.session(resume=token, name="Somebody Else")
        assert is_id("usr", taken["user"]["id"])
        assert (await stage.session(user=token))["user"]["id"] == "vip-alice"
    guest = await stage.session(name="Ann")
    back = await stage.session(resume=guest["user_token"])
    assert back["user"] == guest["user"]
    claims = await stage.world.services.tokens.user(back["user_token"])
    assert (claims.guest, claims.channel, claims.roles) == (
        True,
        stage.stream["channel"],
        {stage.stream["channel"]: "member"},
    )
    assert (await stage.session(user=guest["user_token"]))["user"]["id"] != guest["user"]["id"]
    refused = await stage.world.ask(
        "POST", "/v1/user-tokens", bearer(stage.key["api_key"]), {"sub": guest["user"]["id"]}
    )
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "sub")


async def test_a_device_is_known_at_one_app_only(stage: Stage) -> None:
    """A page's device of another app is a new one here, so old ones can't be collected elsewhere."""
    await stage.change(visibility="public")
    kept = (await stage.session())["device"]
    again = await stage.session(device=kept)
    assert again["device"] == kept
    other = await stage.world.app(stage.owner, "Other")
    key = bearer((await stage.world.key(stage.owner, other["id"]))["api_key"])
    stream = await stage.world.done("POST", "/v1/streams", key, {"title": "Elsewhere"})
    path = f"/v1/watch/{stream['playback_id']}/session"
    elsewhere = await stage.world.done("POST", path, None, {"device": kept})
    assert elsewhere["device"].partition(".")[0] != kept.partition(".")[0]
    assert (await stage.session(device=elsewhere["device"]))["device"] != elsewhere["device"]
    assert (await stage.session(device="dev_\u00e9."))["device"]


async def test_a_withdrawn_user_is_withdrawn_on_the_watch_page_too(stage: Stage) -> None:
    """The page's tokens name the app's user, not only the guest that they made of it."""
    shown = await stage.session(token=stage.signed(uid="alice"))
    assert await stage.plays(shown["playback_token"])
    user = await stage.world.services.tokens.user(shown["user_token"])
    assert (user.uid, is_id("usr", user.sub)) == ("alice", True)
    await stage.world.done("POST", "/v1/revocations", bearer(stage.key["api_key"]), {"user": "alice"})
    assert not await stage.plays(shown["playback_token"])


async def test_a_signed_stream_says_nothing_to_strangers(stage: Stage) -> None:
    """Not even whether it is full; with a token as before."""
    await stage.change(max_viewers=1)
    shown = await stage.world.done("GET", f"/v1/watch/{stage.playback}")
    assert {name: value for name, value in shown.items() if value is not None} == {
        "playback_id": stage.playback,
        "visibility": "signed",
    }
    known = await stage.world.done("GET", f"/v1/watch/{stage.playback}", bearer(stage.signed()))
    assert (known["id"], known["title"], known["viewers"]) == (stage.stream["id"], "Show", 0)
    foreign = await stage.world.done(
        "GET", f"/v1/watch/{stage.playback}", bearer(stage.signed(sub=new_id("ply")))
    )
    assert foreign == shown
    assert await ViewerLimit(stage.world.services.redis).claim(stage.stream["channel"], "somebody", 1)
    reply = await stage.world.ask("POST", f"/v1/watch/{stage.playback}/session", None, {})
    assert reply.json()["code"] == "forbidden"


async def test_a_public_stream_offers_the_recording_of_its_last_broadcast(stage: Stage) -> None:
    """The newest that is finished, and while nothing is on air; of a signed one, whose recordings need tokens
    of their own, none."""
    store = stage.world.services.store.app(stage.app)
    kept = (("brd_old", "ready"), ("brd_new", "ready"), ("brd_new", "ready"), ("brd_new", "recording"))
    for number, (broadcast, state) in enumerate(kept):
        doc = {
            "id": f"rec_{number}",
            "stream": stage.stream["id"],
            "broadcast": broadcast,
            "state": state,
            "started": number,
        }
        await store.insert(RECORDINGS, doc)
    await store.update(STREAMS, stage.stream["id"], set={"broadcast": "brd_new", "ended": 1_790_000_000_000})

    async def offered() -> Any:
        shown = await stage.world.done("GET", f"/v1/watch/{stage.playback}", None)
        return shown["ended"], shown["recording"]

    assert await offered() == (None, None)
    await stage.change(visibility="public")
    assert await offered() == ("2026-09-21T14:13:20.000Z", "rec_2")
    await store.update(STREAMS, stage.stream["id"], set={"state": "live"})
    await stage.world.services.directory.on_event(
        DirectoryChanged(app=stage.app, collection="streams", key=stage.stream["id"])
    )
    assert (await offered())[1] is None


@pytest.mark.parametrize(
    "of_stream", ["public", "signed", None], ids=["public stream", "signed stream", "no stream"]
)
@pytest.mark.parametrize("own", ["public", "signed", None], ids=["public", "signed", "as its stream"])
async def test_a_recording_is_watched_by_those_whom_its_visibility_lets(
    stage: Stage, own: str | None, of_stream: str | None
) -> None:
    """A session, a session's token at the web server and its renewal decide alike; a token of the app's plays
    in any case."""
    recording = new_id("rec" if of_stream else "vod")
    doc = {
        "id": recording,
        "state": "ready",
        "started": 1,
        "title": "Was",
        "visibility": own,
        "broadcast": "brd_1",
    }
    if of_stream is not None:
        await stage.change(visibility=of_stream)
        doc["stream"] = stage.stream["id"]
        update = {"broadcast": "brd_1", "ended": 1_790_000_000_000}
        await stage.world.services.store.app(stage.app).update(STREAMS, stage.stream["id"], set=update)
    await stage.world.services.store.app(stage.app).insert(RECORDINGS, doc)
    anybody = (own or of_stream) == "public"
    if of_stream is not None:
        headers = bearer(stage.signed())
        shown = await stage.world.done("GET", f"/v1/watch/{stage.playback}", headers)
        assert shown["recording"] == (recording if anybody else None)
    stage.playback = recording
    reply = await stage.world.ask("POST", f"/v1/watch/{recording}/session", None, {})
    assert reply.status_code == (201 if anybody else 403), reply.text
    guest = stage.world.services.tokens.mint_playback(recording, stage.app, "ses_1", 600, None, guest=True)
    assert await stage.plays(guest) is anybody
    assert (await stage.renewed(guest)).status_code == (200 if anybody else 403)
    assert await stage.plays(stage.signed())
