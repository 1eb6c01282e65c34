"""Who follows, and that nobody is written to who has not said so."""

from typing import Any

import pytest

from control.collections import FOLLOWERS
from tests.control.followers.conftest import Browser, Fans
from tests.support.control_room import bearer
from weir.foundation.clock import DAY_MS
from weir.foundation.ids import new_id
from weir.foundation.tenancy.collections import APPS, AUDIT

ANN = "ann@x.example"


async def aged(fans: Fans, **fields: Any) -> None:
    """Changes the only follower's document."""
    (doc,) = (await fans.theirs.find(FOLLOWERS)).data
    await fans.theirs.update(FOLLOWERS, doc["id"], set=fields)


async def count(fans: Fans) -> int:
    return int((await fans.world.done("GET", f"/v1/streams/{fans.stream['id']}", fans.key))["followers"])


async def test_one_follows_by_a_mail_and_a_button(fans: Fans) -> None:
    """Programs that check mails open every link: that alone confirms nothing."""
    reply = await fans.ask(email="Ann@X.example")
    assert (reply.status_code, reply.json()) == (202, {"kind": "email", "unsubscribe": None})
    assert (fans.post.mails, await count(fans)) == ([], 0)
    await fans.followers.ask_more()
    await fans.followers.ask_more()
    ((to, subject, text, headers),) = fans.post.mails
    assert (to, headers["Auto-Submitted"]) == (ANN, "auto-generated")
    assert "https://evil" not in subject + text
    link = fans.post.link(ANN)
    shown = await fans.world.http.get(link)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert '<form method="post">' in shown.text
    assert await count(fans) == 0
    for _ in range(2):
        assert (await fans.world.http.post(link)).status_code == 200
    assert await count(fans) == 1
    (listed,) = (await fans.world.done("GET", f"/v1/streams/{fans.stream['id']}/followers", fans.key))["data"]
    assert (listed["email"], listed["state"], listed["kind"], listed["endpoint"]) == (
        ANN,
        "confirmed",
        "email",
        None,
    )


async def test_an_answer_says_nothing_of_who_is_known(fans: Fans) -> None:
    """Unknown, asked, confirmed, left: the same bytes, and one mail a day at most."""
    answers = [await fans.ask(email=ANN)]
    await fans.followers.ask_more()
    answers.append(await fans.ask(email=ANN))
    await fans.world.http.post(fans.post.link(ANN))
    answers.append(await fans.ask(email=ANN, address="192.0.2.10"))
    follower = (await fans.theirs.find(FOLLOWERS)).data[0]["id"]
    end = fans.followers._links.token("unsubscribe", follower)
    assert (await fans.world.http.post(f"/v1/followers/unsubscribe?token={end}")).status_code == 200
    answers.append(await fans.ask(email=ANN, address="192.0.2.11"))
    await fans.followers.ask_more()
    assert len({(one.status_code, one.content) for one in answers}) == 1
    assert fans.post.got() == {ANN: 1}
    assert await count(fans) == 0


async def test_who_has_left_may_be_asked_again_a_day_later(fans: Fans) -> None:
    await fans.follow(ANN)
    follower = (await fans.theirs.find(FOLLOWERS)).data[0]["id"]
    end = fans.followers._links.token("unsubscribe", follower)
    await fans.world.http.post(f"/v1/followers/unsubscribe?token={end}")
    left: Any = (await fans.theirs.find(FOLLOWERS)).data[0]
    assert (left["state"], left["sealed"]) == ("left", "")
    await aged(fans, mailed=left["mailed"] - DAY_MS)
    await fans.ask(email=ANN)
    await fans.followers.ask_more()
    assert fans.post.got() == {ANN: 2}
    assert (await fans.world.http.post(fans.post.link(ANN))).status_code == 200
    assert await count(fans) == 1


async def test_a_mailbox_is_not_filled_by_many_streams(fans: Fans) -> None:
    """Three mails an hour to an address, from whichever streams and networks, and the answers don't tell."""
    for number in range(5):
        stream = await fans.world.done("POST", "/v1/streams", fans.key, {})
        reply = await fans.ask(f"/v1/watch/{stream['playback_id']}/followers", f"192.0.2.{number}", email=ANN)
        assert reply.status_code == 202
    await fans.followers.ask_more()
    assert fans.post.got() == {ANN: 3}


async def test_one_network_asks_so_often(fans: Fans) -> None:
    statuses = [(await fans.ask(email=f"u{number}@x.example")).status_code for number in range(40)]
    assert statuses.count(202) == 30
    assert statuses[-1] == 429
    assert (await fans.ask(email=ANN, address="192.0.2.77")).status_code == 202


async def test_unsubscribing_is_one_click(fans: Fans) -> None:
    """RFC 8058: a form by POST, without a session; opening the link alone ends nothing; repeats are fine."""
    await fans.follow(ANN)
    await fans.begins()
    await fans.tell_all()
    _, _, _, headers = fans.post.mails[-1]
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = fans.post.link(ANN, "unsubscribe")
    assert headers["List-Unsubscribe"].endswith(f"{path}>")
    assert (await fans.world.http.get(path)).status_code == 200
    assert await count(fans) == 1
    for _ in range(2):
        reply = await fans.world.http.post(path, data={"List-Unsubscribe": "One-Click"})
        assert reply.status_code == 200
    assert await count(fans) == 0
    await fans.begins(at=2**42)
    await fans.tell_all()
    assert fans.post.got()[ANN] == 2


@pytest.mark.parametrize("purpose", ["confirm", "unsubscribe"])
async def test_links_are_good_for_one_purpose(fans: Fans, purpose: Any) -> None:
    await fans.ask(email=ANN)
    follower = (await fans.theirs.find(FOLLOWERS)).data[0]["id"]
    other: Any = "unsubscribe" if purpose == "confirm" else "confirm"
    links = fans.followers._links
    good = links.token(purpose, follower)
    for wrong in (links.token(other, follower), good[:-1], good + "0", good[:27], "x", "", f"{good[:27]}ü"):
        for method in ("GET", "POST"):
            reply = await fans.world.http.request(method, f"/v1/followers/{purpose}", params={"token": wrong})
            assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


async def test_a_link_that_confirms_ends(fans: Fans) -> None:
    await fans.ask(email=ANN)
    await fans.followers.ask_more()
    await aged(fans, expires=1)
    assert (await fans.world.http.post(fans.post.link(ANN))).status_code == 404
    await fans.followers.forget()
    assert (await fans.theirs.find(FOLLOWERS)).data == []


async def test_a_mail_that_asks_is_tried_again(fans: Fans) -> None:
    """Some times; an address that is refused not."""
    fans.post.fails = lambda address: "refused" if address == ANN else "later"
    await fans.ask(email=ANN)
    await fans.ask(email="bob@x.example")
    for _ in range(10):
        await fans.followers.ask_more()
        for doc in (await fans.theirs.find(FOLLOWERS)).data:
            if doc["due"] is not None:
                await fans.theirs.update(FOLLOWERS, doc["id"], set={"due": 1})
        if (tried := (await fans.theirs.find(FOLLOWERS, {"due": None})).data) and len(tried) == 2:
            break
    assert len(tried) == 2
    assert fans.post.mails == []


async def test_addresses_are_sealed_and_for_admins(fans: Fans) -> None:
    """Neither documents nor the audit log hold one in clear; a member below admin may not list them."""
    await fans.follow(ANN)
    (doc,) = (await fans.theirs.find(FOLLOWERS)).data
    assert "ann" not in repr(doc)
    path = f"/v1/streams/{fans.stream['id']}/followers"
    editor = fans.world.services.tokens.mint("weir:app", 60, sub="acc_1", app=fans.app, role="editor")
    assert (await fans.world.ask("GET", path, bearer(editor))).status_code == 403
    assert (await fans.world.ask("DELETE", f"{path}/{doc['id']}", bearer(editor))).status_code == 403
    assert (await fans.world.ask("DELETE", f"{path}/{new_id('flw')}", fans.key)).status_code == 404
    await fans.world.done("DELETE", f"{path}/{doc['id']}", fans.key)
    assert (await fans.world.done("GET", path, fans.key))["data"] == []
    entries = (await fans.theirs.find(AUDIT, {"action": "follower.deleted"})).data
    assert [one["target"] for one in entries] == [doc["id"]]
    assert "ann" not in repr(entries)


async def test_another_app_sees_no_follower(fans: Fans) -> None:
    await fans.follow(ANN)
    other = str((await fans.world.app(fans.owner))["id"])
    key = bearer((await fans.world.key(fans.owner, other))["api_key"])
    (doc,) = (await fans.theirs.find(FOLLOWERS)).data
    path = f"/v1/streams/{fans.stream['id']}/followers"
    assert (await fans.world.ask("GET", path, key)).status_code == 404
    mine = await fans.world.done("POST", "/v1/streams", key, {})
    reply = await fans.world.ask("DELETE", f"/v1/streams/{mine['id']}/followers/{doc['id']}", key)
    assert reply.status_code == 404


async def test_a_list_has_pages_and_states(fans: Fans) -> None:
    await fans.many(5)
    await fans.ask(email=ANN)
    path = f"/v1/streams/{fans.stream['id']}/followers"
    page = await fans.world.done("GET", f"{path}?limit=2&state=confirmed", fans.key)
    rest = await fans.world.done(
        "GET", f"{path}?limit=9&state=confirmed&cursor={page['next_cursor']}", fans.key
    )
    assert (len(page["data"]), len(rest["data"]), rest["next_cursor"]) == (2, 3, None)
    pending = await fans.world.done("GET", f"{path}?state=pending", fans.key)
    assert [one["email"] for one in pending["data"]] == [ANN]
    assert (await fans.world.ask("GET", f"{path}?state=left", fans.key)).status_code == 422


async def test_a_signed_stream_is_followed_with_its_token(fans: Fans) -> None:
    """Not with one of another stream, of another app or of the public page; its title is in no mail."""
    await fans.world.done("PATCH", f"/v1/streams/{fans.stream['id']}", fans.key, {"visibility": "signed"})
    mint, playback = fans.world.services.tokens.mint_playback, fans.stream["playback_id"]
    for token in (
        "", "x", mint(new_id("ply"), fans.app, "s", 60), mint(playback, new_id("app"), "s", 60), mint(playback, fans.app, "s", 60, guest=True),
    ):  # fmt: skip
        reply = await fans.ask(email=ANN, token=token)
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    assert (await fans.ask(email=ANN, token=mint(playback, fans.app, "s", 60))).status_code == 202
    await fans.followers.ask_more()
    assert "Show" not in repr(fans.post.mails)


@pytest.mark.parametrize("how", ["stream", "app", "suspended", "unknown"])
async def test_what_is_closed_or_gone_is_not_followed(fans: Fans, how: str) -> None:
    """With the stream its followers go; what is still due is not mailed."""
    await fans.ask(email=ANN)
    if how == "stream":
        await fans.world.done("DELETE", f"/v1/streams/{fans.stream['id']}", fans.key)
    elif how in ("app", "suspended"):
        state = {"state": "deleting" if how == "app" else how}
        await fans.world.services.store.operator().update(APPS, fans.app, set=state)
        fans.world.services.directory._cache.clear()
    else:
        fans.path = f"/v1/watch/{new_id('ply')}/followers"
    assert (await fans.ask(email="bob@x.example")).status_code == 404
    if how != "unknown":
        await fans.followers.ask_more()
        assert fans.post.mails == []
        assert (await fans.theirs.find(FOLLOWERS)).data == []


async def test_followers_of_a_stream_that_is_gone_are_swept(fans: Fans) -> None:
    """Their process may have died between both deletions."""
    await fans.many(3, stream=new_id("str"))
    kept = len(await fans.many(2))
    await fans.followers.forget()
    assert await fans.theirs.count(FOLLOWERS, {"state": "confirmed"}) == kept


async def test_the_plan_bounds_followers(fans: Fans) -> None:
    await fans.world.services.store.operator().update(APPS, fans.app, set={"plan": "free"})
    fans.world.services.directory._cache.clear()
    await fans.many(500)
    await fans.ask(email=ANN)
    await fans.followers.ask_more()
    reply = await fans.world.http.post(fans.post.link(ANN))
    assert (reply.status_code, reply.json()["code"]) == (403, "quota_exceeded")
    assert (await fans.ask(push=Browser().given)).json()["code"] == "quota_exceeded"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"email": ""}, {"email": "x"}, {"email": "a@b.example,c@d.example"}, {"email": "a@b.example\r\nBcc: c@d.example"},
        {"email": "a b@c.example"}, {"email": "<a@b.example>"}, {"email": "a@b@c.example"}, {"email": "ä@b.example"}, {"email": "a@b"},
        {"email": "a@" + "b" * 255 + ".example"}, {"email": 5}, {"push": {}}, {"push": {"endpoint": "https://p.example"}},
        {"push": {**Browser().given, "endpoint": "http://p.example"}}, {"push": {**Browser().given, "endpoint": "https://u:p@p.example"}},
        {"push": {**Browser().given, "keys": {"p256dh": "AAAA", "auth": "AAAA"}}},
        {"push": {**Browser().given, "keys": {**Browser().given["keys"], "auth": "AAAA"}}},  # type: ignore[dict-item]
        {"push": Browser().given, "email": "a@b.example"}, {"email": "a@b.example", "more": 1},
    ],
)  # fmt: skip
async def test_what_is_no_address_is_refused(fans: Fans, body: Any) -> None:
    reply = await fans.ask(**body)
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid")
    assert (await fans.theirs.find(FOLLOWERS)).data == []


async def test_without_mail_only_push_is_offered(fans: Fans) -> None:
    fans.post.delivers = False
    reply = await fans.ask(email=ANN)
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
    shown = await fans.world.done("GET", f"/v1/watch/{fans.stream['playback_id']}")
    assert shown["follow"] == {"email": False, "push": True}
