"""The breaker's states by themselves, and shared by processes on a real Redis."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.foundation.redis.breaker import Breaker
from weir.foundation.redis.breaker_rules import CLOSED, BreakerRules, BreakerState, asked, failed, succeeded
from weir.foundation.redis.client import connect_redis
from weir.foundation.services import Services

RULES = BreakerRules(failures=5, rest_ms=1000, longest_rest_ms=4000, probe_ms=500)
AT_ONCE = BreakerRules(rest_ms=0)  # the rest is over when it begins


def opened(at: int = 0) -> BreakerState:
    state = CLOSED
    for _ in range(RULES.failures):
        assert asked(state, at, "x", RULES)[1]
        state = failed(state, at, "x", RULES)
    return state


def test_five_failures_in_a_row_open_it() -> None:
    state = CLOSED
    for _ in range(4):
        state = failed(state, 0, "a", RULES)
    assert state.state == "closed" and succeeded(state, "b") == CLOSED
    state = failed(state, 0, "a", RULES)
    assert (state.state, state.until) == ("open", 1000)


def test_after_the_rest_one_probe_decides() -> None:
    state = opened()
    assert asked(state, 999, "a", RULES) == (state, False)
    state, may = asked(state, 1000, "a", RULES)
    assert may and state.state == "half_open"
    assert asked(state, 1000, "b", RULES) == (state, False)
    assert failed(state, 1000, "late", RULES) == state == succeeded(state, "late")
    assert succeeded(state, "a") == CLOSED
    again = failed(state, 1100, "a", RULES)
    assert (again.state, again.until) == ("open", 1100 + 2000)


def test_the_rest_doubles_up_to_its_bound() -> None:
    state, at, rests = opened(), 0, []
    for n in range(30):
        at = state.until
        state, _ = asked(state, at, str(n), RULES)
        state = failed(state, at, str(n), RULES)
        rests.append(state.until - at)
    assert rests[:3] == [2000, 4000, 4000] and set(rests[2:]) == {4000}


def test_a_lost_probe_is_replaced() -> None:
    state, _ = asked(opened(), 1000, "dies", RULES)
    assert not asked(state, 1499, "b", RULES)[1]
    state, may = asked(state, 1500, "b", RULES)
    assert may and succeeded(state, "dies") == state and succeeded(state, "b") == CLOSED


@given(
    st.lists(st.tuples(st.sampled_from("asf"), st.sampled_from("xyz"), st.integers(0, 3000)), max_size=200)
)
def test_it_never_lets_two_probes_through_nor_shuts_for_good(steps: list[tuple[str, str, int]]) -> None:
    state, at, running = CLOSED, 0, dict[str, int]()
    for what, who, later in steps:
        at += later
        if what == "a":
            half = state.state != "closed"
            state, may = asked(state, at, who, RULES)
            if half and may:
                assert not running or max(running.values()) + RULES.probe_ms <= at
                running = {who: at}
        elif what == "s":
            state = succeeded(state, who)
        else:
            state = failed(state, at, who, RULES)
        if state.state != "half_open":
            running = {}
        assert (state.state == "half_open") == bool(state.probe)
        assert asked(state, at + RULES.longest_rest_ms, "anybody", RULES)[1]


# -- on Redis


async def fail(breaker: Breaker, subject: str, times: int) -> None:
    for _ in range(times):
        await breaker.tell(subject, await breaker.ask(subject), ok=False)


async def test_processes_share_it(services: Services) -> None:
    other = connect_redis(services.settings, services.vault)
    one, two = Breaker(services.redis, "test"), Breaker(other, "test")
    await fail(one, "a", 3)
    await fail(two, "a", 2)
    for breaker in (one, two):
        refused = await breaker.ask("a")
        assert not refused.allowed and 0 < refused.retry_after_s <= 30
        assert (await breaker.ask("b")).allowed
    assert [state.state for state in await one.states(["a", "b"])] == ["open", "closed"]
    await two.reset("a")
    assert (await one.ask("a")).allowed
    await other.aclose()


async def test_of_many_that_ask_at_once_one_is_the_probe(services: Services) -> None:
    others = [connect_redis(services.settings, services.vault) for _ in range(4)]
    breakers = [Breaker(redis, "test", AT_ONCE) for redis in others]
    await fail(breakers[0], "a", 5)
    permits = await asyncio.gather(*(breakers[n % 4].ask("a") for n in range(40)))
    (probe,) = [permit for permit in permits if permit.allowed]
    assert not (await breakers[1].ask("a")).allowed
    await breakers[2].tell("a", replace(probe, caller="another"), ok=True)
    assert not (await breakers[1].ask("a")).allowed
    await breakers[3].tell("a", probe, ok=True)
    assert await breakers[0].states(["a"]) == [CLOSED]
    for redis in others:
        await redis.aclose()


async def test_failures_of_all_processes_count(services: Services) -> None:
    """However they meet: of 40 at once none is lost."""
    breaker = Breaker(services.redis, "test", BreakerRules(failures=40))
    permits = await asyncio.gather(*(breaker.ask("a") for _ in range(40)))
    await asyncio.gather(*(breaker.tell("a", permit, ok=False) for permit in permits[:12]))
    assert [state.failures for state in await breaker.states(["a"])] == [12]


async def test_without_redis_calls_pass(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    breaker = Breaker(services.redis, "test")
    await fail(breaker, "a", 5)

    async def away(*_arguments: object) -> None:
        raise ConnectionError("away")

    monkeypatch.setattr(services.redis, "eval", away)
    permit = await breaker.ask("a")
    assert permit.allowed
    await breaker.tell("a", permit, ok=False)
