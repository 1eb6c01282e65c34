"""Limits on a real Redis: exact over processes, with the time to wait, open or closed without Redis."""

import asyncio
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.foundation.errors import RateLimited, Unavailable
from weir.foundation.plans import PLANS, Plan, plan_of, plan_table
from weir.foundation.redis.rate_limits import Limit, Limits, subject_of
from weir.foundation.services import Services

SLOW = Limit("slow", 60, 86_400)


async def spend(limits: Limits, limit: Limit, subject: str, most: int = 1000) -> int:
    """Permits until the first refusal."""
    for count in range(most):
        try:
            await limits.consume(limit, subject)
        except RateLimited:
            return count
    return most


class Reordered:
    """A Redis whose answers come in any order, here the last first."""

    def __init__(self, redis: Any) -> None:
        self._redis, self._asked = redis, 0

    async def eval(self, *arguments: Any) -> Any:
        self._asked += 1
        delay_s = max(0.0, 0.1 - 0.001 * self._asked)
        reply = await self._redis.eval(*arguments)
        await asyncio.sleep(delay_s)
        return reply


async def test_many_at_once_get_what_there_is(services: Services) -> None:
    """Requests that come together wait for one answer of Redis. If each asked, they would take more in advance
    than there is, and those that got nothing would be refused although permits are here."""
    redis: Any = Reordered(services.redis)
    limits, wide = Limits(redis), Limit("wide", 1200, 86_400)
    asked = [limits.consume(wide, "a") for _ in range(100)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [one for one in answers if isinstance(one, RateLimited)] == []
    assert await spend(limits, wide, "a", 2000) == 1100


async def test_a_burst_gets_exactly_its_permits(services: Services) -> None:
    """Then it is refused with the time to wait; another subject has its own."""
    limits = Limits(services.redis)
    assert await spend(limits, SLOW, "a") == 60
    with pytest.raises(RateLimited) as refused:
        await limits.consume(SLOW, "a")
    assert 1000 < (refused.value.retry_after or 0) <= 1440
    assert await spend(limits, SLOW, "b") == 60


async def test_processes_share_a_limit(services: Services) -> None:
    """Three of them together give out what one would."""
    nodes = [Limits(services.redis) for _ in range(3)]
    given = await asyncio.gather(*(spend(node, Limit("big", 1000, 86_400), "a") for node in nodes))
    assert sum(given) == 1000


async def test_permits_come_back_evenly(services: Services) -> None:
    """One each interval, not all at the end of a window."""
    limits = Limits(services.redis)
    quick = Limit("quick", 5, 1)
    assert await spend(limits, quick, "a") >= 5
    await asyncio.sleep(0.25)  # one permit is added each 0.2 s, by Redis's clock
    await limits.consume(quick, "a")


async def test_one_who_asks_slowly_takes_no_advance(services: Services) -> None:
    """Permits that a process has for a caller are missing in the others, so only the fast ones get more than
    one."""
    now = 0.0
    clock: Callable[[], float] = lambda: now
    limits = Limits(services.redis, clock=clock)
    for _ in range(5):
        now += 2
        assert (await limits.consume(SLOW, "a")).held == 0
    for _ in range(3):
        standing = await limits.consume(SLOW, "a")
    assert standing.step > 1


async def test_without_redis_closed_limits_refuse_and_others_pass(services: Services) -> None:
    """Sign-in fails closed; a request that needs no Redis is answered."""
    await services.redis.aclose()
    services.redis.connection_pool.connection_kwargs["path"] = "/nowhere.sock"
    limits = Limits(services.redis)
    assert (await limits.consume(SLOW, "a")).remaining == 0
    with pytest.raises(Unavailable):
        await limits.consume(Limit("shut", 60, 60, closed=True), "a")


async def test_who_offends_again_and_again_is_blocked(services: Services) -> None:
    """On every process, for a while that doubles; others are not."""
    one, two = Limits(services.redis, 10), Limits(services.redis, 10)
    for blocked_s in (60, 120):
        for _ in range(10):
            one.offended("192.0.2.1")
        one.offended("192.0.2.2")
        await one.exchange()
        await two.exchange()
        with pytest.raises(RateLimited) as refused:
            two.check_address("192.0.2.1")
        assert blocked_s - 5 < (refused.value.retry_after or 0) <= blocked_s
        two.check_address("192.0.2.2")
        await services.redis.delete("weir:blocked")


def test_an_operator_changes_single_numbers_of_a_plan() -> None:
    """The rest of the table stays; what does not exist is refused at start."""
    table = plan_table({"free": {"streams": 5}})
    assert (table["free"].streams, table["free"].requests_per_minute, table["pro"]) == (5, 60, PLANS["pro"])
    wrong: Any
    for wrong in ({"gold": {}}, {"free": {"colour": 1}}):
        with pytest.raises(ValueError):
            plan_table(wrong)


def test_the_page_on_limits_says_what_the_table_says() -> None:
    """Every line and column of it, and every field of a plan has a line."""
    page = (Path(__file__).parents[3] / "docs" / "limits.md").read_text()
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith("|")
    ]
    start = lines.index(["", *PLANS])
    shown = {cells[0]: cells[1:] for cells in lines[start + 2 :] if len(cells) == 1 + len(PLANS)}
    names = {
        "concurrent_viewers": "viewers at once", "publish_minutes": "publish minutes a month", "messages": "messages a month",
        "storage_gb": "storage, GB", "requests_per_minute": "requests a minute", "requests_per_hour": "requests an hour",
    }  # fmt: skip

    def cell(value: int | bool | None) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "–" if value is None else f"{value:,}"

    fields = list(Plan.model_fields)
    assert shown == {
        names.get(name, name): [cell(getattr(plan, name)) for plan in PLANS.values()] for name in fields
    }


@given(st.integers(0, 2**45), st.integers(0, 2**45))
def test_a_trial_counts_until_its_very_end(now: int, until: int) -> None:
    """Without one, and from its last millisecond on, the app's own plan."""
    assert plan_of({"plan": "free", "trial": {"plan": "pro", "until": until}}, now) == (
        "pro" if now < until else "free"
    )
    assert (
        plan_of({"plan": "free"}, now),
        plan_of({}, now),
        plan_of({"plan": None, "trial": None}, now),
    ) == ("free", "", "")


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_addresses_of_one_network_are_one_subject(address: IPv6Address, within: int) -> None:
    """Of IPv6 a /64, of IPv4 each; IPv4 that is written as IPv6 is IPv4."""
    if address.ipv4_mapped is None:
        neighbour = IPv6Address((int(address) >> 64 << 64) + within)
        if neighbour.ipv4_mapped is None:
            assert (
                subject_of(str(neighbour))
                == subject_of(str(address))
                == str(IPv6Network((int(address) >> 64 << 64, 64)))
            )
        assert subject_of(str(IPv6Address(int(address) ^ 1 << 64))) != subject_of(str(address))
    assert [subject_of(one) for one in ("192.0.2.1", "::ffff:192.0.2.1", "", "not: an address")] == [
        "192.0.2.1",
        "192.0.2.1",
        "",
        "not: an address",
    ]


async def test_who_reaches_the_bound_within_a_second_is_blocked_at_once(services: Services) -> None:
    """Not only after the next count in Redis."""
    limits = Limits(services.redis, 10)
    for number in range(10):
        limits.check_address("2001:db8::1")
        limits.offended(f"2001:db8::{number}")
    with pytest.raises(RateLimited):
        limits.check_address("2001:db8::ffff")
    limits.check_address("2001:db8:0:1::1")
