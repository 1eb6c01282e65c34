"""Channels by REST: who may, what comes, and that it is the same channel as on the sockets."""

from typing import Any

import aiohttp
import pytest

from realtime.log.archive import Archive
from realtime.log.archiver import RANGES, Archiver
from tests.support.chat_nodes import House, Node, eventually
from weir.foundation.ids import body, new_id


@pytest.fixture
def channel(house: House) -> str:
    return house.directory.new_stream("app_1")["channel"]


class Api:
    """One credential at one node."""

    def __init__(self, session: aiohttp.ClientSession, node: Node, channel: str, token: str) -> None:
        self._session, self._base, self._token = session, f"{node.url}/v1/channels/{channel}", token

    async def ask(
        self, method: str, path: str = "", json: Any = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self._token}", **headers}
        async with self._session.request(method, self._base + path, json=json, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def etag(self, path: str) -> str:
        async with self._session.get(
            self._base + path, headers={"Authorization": f"Bearer {self._token}"}
        ) as answer:
            return answer.headers["ETag"]


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as made:
        yield made


def app_token(house: House, role: str, app: str = "app_1") -> str:
    house.directory.new_app(app)
    return house.tokens.mint("weir:app", 600, sub="acc_1", app=app, role=role)


def api_key(house: House, *scopes: str) -> str:
    house.directory.new_app("app_1")
    key_id, secret = new_id("key"), "s" * 43
    house.directory.credentials[key_id] = {
        "id": key_id, "app": "app_1", "hash": house.vault.lookup_hash(secret), "scopes": list(scopes),
    }  # fmt: skip
    return f"weir_sk_{body(key_id)}_{secret}"


async def test_a_backend_writes_reads_and_moderates(house: House, session, channel: str):
    """Posted messages reach sockets and history; commands, settings, members, presence and the audit log
    agree with them."""
    node = await house.node()
    api = Api(session, node, channel, api_key(house, "chat:read", "chat:moderate"))
    bob = await house.client(node, "app_1", "bob")
    await bob.join(channel)
    message = {"user": {"id": "bot", "name": "Bot"}, "text": "hello"}
    status, posted = await api.ask("POST", "/messages", message, **{"Idempotency-Key": "k1"})
    assert (status, posted["seq"]) == (201, 1)
    assert (await api.ask("POST", "/messages", message, **{"Idempotency-Key": "k1"}))[1] == posted
    told = (await eventually(lambda: bob.of("chat.message.new")))[0]
    assert (told["id"], told["user"]) == (
        posted["id"],
        {"id": "bot", "name": "Bot", "role": "member", "badges": []},
    )
    await bob.send(channel, "c1", "hi bot")
    status, page = await api.ask("GET", "/messages?limit=1")
    assert [one["text"] for one in page["data"]] == ["hi bot"]
    status, page = await api.ask("GET", f"/messages?limit=1&cursor={page['next_cursor']}")
    assert ([one["text"] for one in page["data"]], page["next_cursor"]) == (["hello"], None)
    assert (await api.ask("PATCH", "/settings", {"slow": 10, "emoteonly": True}))[1]["slow"] == 10
    assert (await bob.send(channel, "c2", "words"))["error"]["code"] == "forbidden"
    assert (await api.ask("PATCH", "/settings", {"emoteonly": False}))[1]["emoteonly"] is False
    status, banned = await api.ask("POST", "/commands", {"text": "/ban @Bob bye"})
    assert (status, banned["action"]["target"]) == (201, {"id": "bob", "name": "Bob"})
    assert (await bob.join(channel))["error"]["code"] == "banned"
    members = (await api.ask("GET", "/members"))[1]["data"]
    assert members == [
        {"id": "bob", "name": "Bob", "ban": {"action": banned["action"]["id"], "expires": None}}
    ]
    status, undone = await api.ask("POST", f"/moderation/{banned['action']['id']}/undo")
    assert (status, undone["action"]["undoes"]) == (201, banned["action"]["id"])
    assert (await bob.join(channel))["ok"]
    log = (await api.ask("GET", "/moderation?limit=2"))[1]
    assert [action["kind"] for action in log["data"]] == ["undo", "ban"]
    assert log["data"][1]["undone"] == undone["action"]["id"]
    log = (await api.ask("GET", f"/moderation?cursor={log['next_cursor']}"))[1]
    assert [action["kind"] for action in log["data"]] == ["emoteonlyoff", "emoteonly", "slow"]
    assert (await api.ask("GET", "/presence"))[1]["data"] == [{"id": "bob", "name": "Bob", "role": "member"}]
    status, shown = await api.ask("GET")
    assert (status, shown["id"], shown["viewers"], shown["settings"]["slow"]) == (200, channel, 1, 10)
    assert (await api.ask("DELETE", f"/messages/{posted['id']}"))[0] == 201
    assert [one["text"] for one in (await api.ask("GET", "/messages"))[1]["data"]] == ["hi bot"]


@pytest.mark.parametrize(
    ("method", "path", "json", "status", "code"),
    [
        ("POST", "/commands", {"text": "/ban"}, 422, "invalid"),
        ("POST", "/commands", {"text": "/nope"}, 422, "invalid"),
        ("POST", "/commands", {"text": "/me waves"}, 422, "invalid"),
        ("POST", "/commands", {"text": 5}, 422, "invalid"),
        ("POST", "/messages", {"text": "hi"}, 422, "invalid"),
        ("POST", "/messages", {"text": "é" * 3000, "user": {"id": "u"}}, 413, "too_large"),
        ("POST", "/messages", {"text": " ", "user": {"id": "u"}}, 422, "invalid"),
        ("PATCH", "/settings", {"slow": -1}, 422, "invalid"),
        ("PATCH", "/settings", {"fast": 1}, 422, "invalid"),
        ("GET", "/messages?cursor=x", None, 422, "invalid"),
        ("GET", "/messages?cursor=x.1", None, 422, "invalid"),
        ("GET", "/moderation?cursor=x", None, 422, "invalid"),
        ("GET", "/presence?cursor=x", None, 422, "invalid"),
        ("GET", f"/presence?cursor={2**64}", None, 422, "invalid"),
        ("POST", "/commands", {"text": "/announce " + "é" * 3000}, 413, "too_large"),
        ("POST", "/moderation/act_1/undo", None, 404, "not_found"),
        ("DELETE", "/messages/msg_1", None, 422, "invalid"),
    ],
)
async def test_bad_requests_are_problems(
    house: House, session, channel: str, method, path, json, status, code
):
    """Each refusal has a status, a code and a sentence."""
    api = Api(session, await house.node(), channel, app_token(house, "owner"))
    answered, problem = await api.ask(method, path, json)
    assert (answered, problem["code"]) == (status, code)
    assert problem["detail"]


async def test_rights_are_those_of_the_credential(house: House, session, channel: str):
    """No credential is 401, a missing scope 403, and another app gets the same 404 as for a missing channel;
    editors act as moderators."""
    node = await house.node()
    house.directory.new_stream("app_2")
    for token, path, status in (
        ("nonsense", "", 401), (app_token(house, "viewer"), "/moderation", 403), (app_token(house, "owner", "app_2"), "", 404),
        (api_key(house, "streams:read"), "/messages", 403), (app_token(house, "viewer"), "/messages", 200),
    ):  # fmt: skip
        assert (await Api(session, node, channel, token).ask("GET", path))[0] == status
    missing = Api(session, node, new_id("chn"), app_token(house, "owner"))
    assert (await missing.ask("GET"))[1] == (
        await Api(session, node, channel, app_token(house, "owner", "app_2")).ask("GET")
    )[1]
    mod = await house.client(node, "app_1", "mod", roles={channel: "moderator"})
    await mod.join(channel)
    editor, owner = (Api(session, node, channel, app_token(house, role)) for role in ("editor", "owner"))
    assert (await editor.ask("POST", "/commands", {"text": "/ban mod"}))[0] == 403
    assert (await owner.ask("POST", "/commands", {"text": "/ban mod"}))[0] == 201


async def test_only_moderators_read_the_shadow_banned(house: House, session, channel: str):
    """A reader without chat:moderate does not see what a shadow-banned user wrote."""
    node = await house.node()
    bob = await house.client(node, "app_1", "bob")
    owner = Api(session, node, channel, app_token(house, "owner"))
    await owner.ask("POST", "/commands", {"text": "/shadowban @id:bob"})
    assert (await bob.send(channel, "c1", "psst"))["ok"]
    viewer = Api(session, node, channel, app_token(house, "viewer"))
    assert [one["shadow"] for one in (await owner.ask("GET", "/messages"))[1]["data"]] == [True]
    assert (await viewer.ask("GET", "/messages"))[1]["data"] == []


async def test_bans_mutes_and_timeouts_are_lists(house: House, session, channel: str):
    """What is added acts on sockets at once and can be undone like a command; what is removed no longer
    applies; ids are only ids."""
    node = await house.node()
    api = Api(session, node, channel, api_key(house, "chat:read", "chat:moderate"))
    bob, decoy = await house.client(node, "app_1", "bob"), await house.client(node, "app_1", "decoy")
    for client in (bob, decoy):
        await client.join(channel)
    given: Any
    for path, given, code in (
        ("/bans", {"user": "bob", "reason": "spam and lies"}, "banned"), ("/mutes", {"user": "bob", "reason": '"quoted"'}, "muted"),
        ("/timeouts", {"user": "bob", "expires_s": 3600, "reason": "10m is too short"}, "muted"),
    ):  # fmt: skip
        status, made = await api.ask("POST", path, given)
        assert (status, made["action"]["target"]["id"]) == (201, "bob")
        assert (await bob.send(channel, f"c{path}"))["error"]["code"] == code
        listed = (await api.ask("GET", path))[1]["data"]
        assert [(one["user"]["id"], one["action"]) for one in listed] == [("bob", made["action"]["id"])]
        assert listed[0]["reason"] == given["reason"]
        assert (listed[0]["expires"] is not None) == (path == "/timeouts")
        others = {"/bans", "/mutes", "/timeouts"} - {path}
        assert [(await api.ask("GET", other))[1]["data"] for other in others] == [[], []]
        assert (await api.ask("DELETE", f"{path}/bob"))[0] == 201
        assert (await api.ask("DELETE", f"{path}/bob"))[0] == 409
        assert (await api.ask("GET", path))[1]["data"] == []
        again = (await api.ask("POST", path, given))[1]["action"]["id"]
        assert (await api.ask("POST", f"/moderation/{again}/undo"))[0] == 201
        assert (await bob.send(channel, f"d{path}"))["ok"]
    assert (await api.ask("POST", "/bans", {"user": "never-here"}))[0] == 201
    assert (await api.ask("POST", "/bans", {"user": "Decoy"}))[1]["action"]["target"]["id"] == "Decoy"
    assert (await decoy.send(channel, "still"))["ok"]
    for wrong in ({"user": 'a"b'}, {"user": ""}, {}, {"user": "a", "reason": "x" * 501}):
        assert (await api.ask("POST", "/bans", wrong))[0] == 422
    assert (await api.ask("POST", "/timeouts", {"user": "a", "expires_s": 0}))[0] == 422
    reader = Api(session, node, channel, api_key(house, "chat:read"))
    foreign = Api(session, node, channel, app_token(house, "owner", "app_2"))
    for method, path, given in (
        ("GET", "/bans", None),
        ("POST", "/bans", {"user": "bob"}),
        ("DELETE", "/bans/bob", None),
    ):
        assert (await reader.ask(method, path, given))[0] == 403
        assert (await foreign.ask(method, path, given))[0] == 404


@pytest.mark.parametrize("archived", [False, True], ids=["log", "archive"])
async def test_messages_are_found_by_author_time_and_text(
    house: House, session, channel: str, archived: bool
):
    """The newest page first; a cursor belongs to its query; one message is read by its id until it is taken
    away."""
    node = await house.node()
    api = Api(session, node, channel, api_key(house, "chat:read", "chat:moderate"))
    ids = []
    for number in range(12):
        user = {"id": "ann" if number % 3 == 0 else "bob"}
        ids.append((await api.ask("POST", "/messages", {"user": user, "text": f"Word {number}"}))[1]["id"])
    if archived:
        archive, room = Archive(node.services.store), node.room
        archiver = Archiver(
            room._connection,
            archive,
            room._services.directory,
            room._services.settings,
            room._forwarder,
            settle_ms=0,
            keep_entries=2,
            keep_ms=0,
        )
        while await archive.top(channel) < 12:  # what was stored within this millisecond is not due
            for number in range(RANGES):
                await archiver.sweep(number)

    async def texts(query: str) -> list[str]:
        status, page = await api.ask("GET", f"/messages?{query}")
        assert status == 200, page
        return [one["text"] for one in page["data"]]

    assert await texts("user=ann") == ["Word 0", "Word 3", "Word 6", "Word 9"]
    assert await texts("user=ann&q=WORD%209") == ["Word 9"]
    assert await texts("q=nowhere") == []
    _, every = await api.ask("GET", "/messages")
    since, until = every["data"][4]["at"], every["data"][8]["at"]
    between = [one["text"] for one in every["data"] if since <= one["at"] < until]
    assert await texts(f"since={since}&until={until}") == between
    for far in ("since=0001-01-01T00:00:00%2B23:59", "until=9999-12-31T23:59:59-23:59"):
        assert len(await texts(far)) == len(await texts("limit=50"))
    assert await texts("since=9999-12-31T23:59:59-23:59") == []
    _, first = await api.ask("GET", "/messages?user=ann&limit=3")
    assert [one["text"] for one in first["data"]] == ["Word 3", "Word 6", "Word 9"]
    assert await texts(f"user=ann&limit=3&cursor={first['next_cursor']}") == ["Word 0"]
    for other in ("user=bob", "user=ann&q=word", ""):
        status, refused = await api.ask("GET", f"/messages?{other}&cursor={first['next_cursor']}")
        assert (status, refused["code"]) == (422, "invalid"), other
    assert (await api.ask("GET", f"/messages/{ids[1]}"))[1]["text"] == "Word 1"
    await api.ask("DELETE", f"/messages/{ids[1]}")
    await api.ask("POST", "/bans", {"user": "ann"})
    for gone in (ids[0], ids[1], "msg_nothing"):
        status, refused = await api.ask("GET", f"/messages/{gone}")
        assert (status, refused["code"]) == (404, "not_found"), gone
