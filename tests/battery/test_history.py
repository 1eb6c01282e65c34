"""Fifty people on two nodes while things break: nothing acknowledged is lost, nothing is doubled, invented or
out of order, and no client has a gap."""

import asyncio
import random

from tests.battery.chat import Chat, at
from tests.battery.conftest import Figures, Scale
from tests.battery.proxy import Fault
from tests.battery.stage import Stage, eventually
from tests.support.tcp_proxy import dial


async def test_plain(stage: Stage, scale: Scale, figures: Figures) -> None:
    """Nothing breaks."""
    chat = await Chat.begin(stage, scale.writers)
    await asyncio.sleep(scale.seconds)
    told = await chat.verdict()
    assert all(person.visits == 1 for person in chat.people)
    figures(**told)


async def test_a_node_killed_again_and_again(stage: Stage, scale: Scale, figures: Figures) -> None:
    """kill -9 of one node or the other, under load: its people resume on the other one."""
    chat = await Chat.begin(stage, scale.writers)
    for number in range(scale.kills):
        node = stage.nodes[number % 2]
        await asyncio.sleep(random.uniform(0.3, 1))
        node.kill()
        await asyncio.sleep(random.uniform(0, 0.5))
        node.start()
        await node.ready()
        await chat.goes_on(30)
    told = await chat.verdict()
    assert all(person.resets == 0 for person in chat.people)
    figures(kills=scale.kills, **told)


async def test_redis_killed(stage: Stage, scale: Scale, figures: Figures) -> None:
    """While Redis is dead every send is answered `unavailable` within 2 s and none `ok`; then everything goes
    on."""
    chat = await Chat.begin(stage, scale.writers)
    await asyncio.sleep(3)
    stage.redis.kill()
    await asyncio.sleep(0.3)  # what was on its way
    acked = chat.acked
    await asyncio.sleep(scale.outage_s)
    assert chat.acked == acked
    loop = asyncio.get_running_loop()
    await stage.redis.start()
    began = loop.time()
    await eventually(lambda: chat.acked > acked, "an acknowledgement", 10)
    flowing = loop.time() - began
    await asyncio.sleep(2)
    told = await chat.verdict()
    refused = sorted(took for person in chat.people for took in person.refusals)
    assert refused[-1] <= 2.0
    assert all(person.resets == 0 for person in chat.people)
    figures(
        outage_s=scale.outage_s,
        unavailable=len(refused),
        slowest_refusal_ms=at(refused, 1),
        flowing_again_ms=round(flowing * 1000),
        **told,
    )


async def test_redis_emptied(stage: Stage, scale: Scale, figures: Figures) -> None:
    """The log is lost: every client gets `recovered: false`, none shows a gap, and later messages are
    complete."""
    chat = await Chat.begin(stage, scale.writers)
    await asyncio.sleep(3)
    await chat.end()
    await stage.redis.client.flushall()
    before = {one.cid for person in chat.people for one in person.sent}
    for person in chat.people[:2]:  # one on each node: who begins anew is shown the newest messages only
        person.speak(True)
    await eventually(
        lambda: all(person.resets == 1 for person in chat.people), "recovered: false for everybody", 20
    )
    for person in chat.people:
        person.speak(True)
    await asyncio.sleep(3)
    await chat.end()
    for person in chat.people:
        person.sent = [one for one in person.sent if one.cid not in before]
    told = await chat.verdict()
    assert all(person.resets == 1 for person in chat.people)
    figures(told_recovered_false=len(chat.people), **told)


async def test_one_node_cut_off(stage: Stage, scale: Scale, figures: Figures) -> None:
    """A node that loses Redis, without a reset, acknowledges nothing and sends its people away within 10 s;
    they resume on the other node, whose own people notice nothing."""
    chat = await Chat.begin(stage, scale.writers)
    lost = stage.nodes[0]
    await asyncio.sleep(2)
    theirs = [
        person for person in chat.people if person.line is not None and person.place.door(0) == lost.link.port
    ]
    others = [person for person in chat.people if person not in theirs]
    lost.redis.fault = Fault(hole=True)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await eventually(
        lambda: all(person.visits > 1 and person.here.is_set() for person in theirs),
        "the move to the other node",
        20,
    )
    moved = loop.time() - began
    status, _ = await stage.ask(lost, "GET", "/readyz")
    assert status == 503
    await asyncio.sleep(3)
    assert all(person.visits == 1 for person in others)
    lost.redis.fault = Fault()
    lost.redis.cut()
    await open_again(lost.port)
    told = await chat.verdict()
    figures(people=len(theirs), all_on_the_other_node_s=round(moved, 1), **told)


async def open_again(port: int) -> None:
    """Polls with a bound until a node lets people in."""
    async with asyncio.timeout(20):
        while True:
            try:
                (await dial(port)).reset()
            except OSError:
                await asyncio.sleep(0.1)
            else:
                return


async def test_slow_and_slicing_links(stage: Stage, scale: Scale, figures: Figures) -> None:
    """300 ± 200 ms each way, and bytes in slices of 37."""
    for node in stage.nodes:
        node.link.fault = Fault(latency_s=0.3, jitter_s=0.2, slice=37)
    chat = await Chat.begin(stage, scale.writers // 5, readers=5)
    await asyncio.sleep(scale.seconds / 2)
    for node in stage.nodes:
        node.link.cut()
    await chat.goes_on(30)
    figures(**await chat.verdict())


async def test_forced_reconnects(stage: Stage, scale: Scale, figures: Figures) -> None:
    """Connections are reset under load, each time to the other node or back: nothing is lost and nothing
    shown twice."""
    chat = await Chat.begin(stage, scale.writers, readers=10)
    done = 0
    while done < scale.reconnects:
        person = random.choice(chat.people)
        if person.here.is_set() and person.line is not None:
            person.line.reset()
            person.here.clear()
            done += 1
        await asyncio.sleep(0.02)
    await asyncio.sleep(1)
    told = await chat.verdict()
    assert all(person.resets == 0 for person in chat.people)
    figures(forced=done, recovered=sum(person.recovered for person in chat.people), **told)
