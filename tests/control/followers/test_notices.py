"""Followers are told once that a stream has begun: whoever dies, whatever the mail server does."""

import asyncio
from typing import Any

import pytest

from control.collections import FOLLOWERS, NOTICES
from control.followers.notices import Notices
from control.followers.rules import MOST_REFUSED, QUIET_MS, USEFUL_MS
from tests.control.followers.conftest import Fans
from weir.foundation.clock import now_ms
from weir.foundation.tenancy.collections import STREAMS


async def test_each_follower_gets_one_mail_a_broadcast(fans: Fans) -> None:
    """However often the fact comes and the job runs; who has confirmed later gets none."""
    addresses = await fans.many(25)
    event = await fans.begins()
    await fans.many(1, confirmed=event.at + 1)
    await fans.tell_all()
    for _ in range(3):
        await fans.notices.on_event(event)
        await fans.tell_all()
    assert fans.post.got() == dict.fromkeys(addresses, 1)
    _, subject, text, headers = fans.post.mails[0]
    assert f"/watch/{fans.stream['playback_id']}" in text
    assert "evil.example" not in subject.replace("evil example", "")
    assert len({headers["Message-ID"] for *_, headers in fans.post.mails}) == len(addresses)
    assert headers["Message-ID"].endswith("@localhost>")


async def test_a_broadcast_soon_after_another_is_none_to_tell_of(fans: Fans) -> None:
    await fans.many(2)
    now = now_ms()
    first = await fans.begins(at=now - QUIET_MS)
    await fans.tell_all()
    await fans.begins(at=first.at + QUIET_MS - 1)
    await fans.tell_all()
    assert set(fans.post.got().values()) == {1}
    await fans.begins(at=first.at + QUIET_MS + 1)
    await fans.tell_all()
    assert set(fans.post.got().values()) == {2}


async def test_nobody_follows_and_nothing_is_written(fans: Fans) -> None:
    await fans.begins()
    assert (await fans.theirs.find(NOTICES)).data == []


@pytest.mark.parametrize("how", ["ended", "another", "late", "deleted"])
async def test_what_nobody_wants_to_hear_any_more_is_not_told(fans: Fans, how: str) -> None:
    await fans.many(30)
    event = await fans.begins()
    await fans.notices.tell_more("email")
    before = len(fans.post.mails)
    assert before == 10
    if how == "ended":
        await fans.theirs.update(STREAMS, fans.stream["id"], set={"state": "idle"})
    elif how == "another":
        await fans.theirs.update(STREAMS, fans.stream["id"], set={"broadcast": "brd_other"})
    elif how == "late":
        (notice,) = await fans.waiting()
        await fans.theirs.update(NOTICES, notice["id"], set={"at": event.at - USEFUL_MS - 1})
    else:
        await fans.theirs.delete(STREAMS, {"id": fans.stream["id"]})
    await fans.tell_all()
    assert len(fans.post.mails) == before


async def test_a_process_that_dies_in_the_middle_is_followed_by_another(fans: Fans) -> None:
    """At every place within a page: each mail that the server took is sent once, and none is missing."""
    addresses = await fans.many(25)
    await fans.begins()
    for victim in ("u3@x.example", "u13@x.example", "u24@x.example"):
        while await fans.waiting():
            fans.post.hanging.clear()
            fans.post.fails = lambda address, victim=victim: "hangs" if address == victim else ""
            await fans.due_now()
            telling = asyncio.create_task(fans.notices.tell_more("email"))
            hung = asyncio.create_task(fans.post.hanging.wait())
            await asyncio.wait((telling, hung), return_when=asyncio.FIRST_COMPLETED)
            died = fans.post.hanging.is_set()
            while died and sum(
                [
                    one.get("notified") is not None
                    for one in (await fans.theirs.find(FOLLOWERS, limit=99)).data
                ]
            ) < len(fans.post.mails):
                await asyncio.sleep(0.01)
            for task in (telling, hung):
                task.cancel()
            await asyncio.wait((telling, hung))
            if died:
                break
        fans.notices = Notices(
            fans.notices._channels, fans.notices._rights, mails_per_s=10, store=fans.world.services.store
        )
    fans.post.fails = lambda _: ""
    await fans.tell_all()
    assert fans.post.got() == dict.fromkeys(addresses, 1)


async def test_two_processes_never_tell_the_same_page(fans: Fans) -> None:
    addresses = await fans.many(40)
    await fans.begins()
    for _ in range(10):
        await asyncio.gather(*(fans.notices.tell_more("email") for _ in range(4)))
    await fans.tell_all()
    assert fans.post.got() == dict.fromkeys(addresses, 1)


async def test_an_address_that_is_refused_concerns_no_other(fans: Fans) -> None:
    """After three broadcasts in a row it is no follower any more."""
    addresses = await fans.many(12)
    fans.post.fails = lambda address: "refused" if address == "u5@x.example" else ""
    for round_ in range(MOST_REFUSED):
        await fans.begins(at=now_ms() + round_ * 2 * QUIET_MS)
        await fans.tell_all()
        left = await fans.theirs.count(FOLLOWERS, {"state": "confirmed"})
        assert left == (12 if round_ < MOST_REFUSED - 1 else 11)
    assert fans.post.got() == {one: MOST_REFUSED for one in addresses if one != "u5@x.example"}


async def test_an_address_that_is_busy_is_tried_again(fans: Fans) -> None:
    """The others are not told twice for it, and it ends."""
    addresses, busy = await fans.many(25), {"u5@x.example": 2, "u24@x.example": 10**9}

    def fails(address: str) -> str:
        busy[address] = busy.get(address, 0) - 1
        return "later" if busy[address] >= 0 else ""

    fans.post.fails = fails
    await fans.begins()
    await fans.tell_all()
    assert fans.post.got() == {one: 1 for one in addresses if one != "u24@x.example"}


async def test_a_mail_server_that_is_away_loses_no_follower(fans: Fans) -> None:
    """Nothing moves on while nobody takes anything; when it is back, each gets one."""
    addresses = await fans.many(25)
    fans.post.fails = lambda _: "later"
    await fans.begins()
    for _ in range(2):
        await fans.due_now()
        await fans.notices.tell_more("email")
    (notice,) = await fans.waiting()
    assert (notice["cursor"], notice["stuck"]) == (None, 2)
    assert notice["next"] > now_ms()
    fans.post.fails = lambda _: ""
    await fans.tell_all()
    assert fans.post.got() == dict.fromkeys(addresses, 1)


async def test_a_fault_of_one_message_is_not_the_others(fans: Fans) -> None:
    """Not even one of ours, such as an address that can't be opened."""
    addresses = await fans.many(5)
    (first, *_) = (await fans.theirs.find(FOLLOWERS)).data
    await fans.theirs.update(FOLLOWERS, first["id"], set={"sealed": "AAAA" * 20})
    await fans.begins()
    await fans.tell_all()
    assert sum(fans.post.got().values()) == len(addresses) - 1


async def test_pages_of_several_streams_take_turns(fans: Fans) -> None:
    """A stream with many followers holds up no other."""
    await fans.many(100)
    small = await fans.world.done("POST", "/v1/streams", fans.key, {"title": "Small"})
    await fans.begins()
    other = Fans(fans.world, fans.owner, fans.app, fans.key, small)
    other.post = fans.mails._sender = fans.post
    await other.many(3)
    await other.begins()
    for _ in range(3):
        await fans.notices.tell_more("email")
    assert sum("Small" in subject for _, subject, *_ in fans.post.mails) == 3
    assert len(fans.post.mails) < 30


@pytest.mark.parametrize("documents_url", ["sqlite"], indirect=True)
async def test_ten_thousand_followers_are_told_once_each(fans: Fans) -> None:
    addresses = await fans.many(10_000)
    fans.notices._sizes["email"] = 50
    await fans.begins()
    await fans.tell_all()
    got: Any = fans.post.got()
    assert (len(got), set(got.values())) == (len(addresses), {1})
