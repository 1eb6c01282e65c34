"""Crowds: all clients reconnect at once, one never reads, one writes far too much."""

import asyncio
import re
from typing import Any

from realtime.log.archive import MODERATION
from tests.battery.chat import Chat, Guest, at
from tests.battery.conftest import Figures, Scale
from tests.battery.stage import NodeProcess, Stage, eventually
from tests.support.tcp_proxy import Line, enter
from weir.foundation.tenancy.collections import REVOCATIONS


async def reads(stage: Stage) -> dict[str, int]:
    """Questions that the nodes asked the document store, by collection."""
    told: dict[str, int] = {}
    for node in stage.nodes:
        _, text = await stage.ask(node, "GET", "/metrics")
        for collection, count in re.findall(
            rb'weir_document_reads_total\{collection="(\w+)"\} ([\d.]+)', text
        ):
            told[collection.decode()] = told.get(collection.decode(), 0) + int(float(count))
    return told


async def test_a_storm_of_reconnects(stage: Stage, scale: Scale, figures: Figures) -> None:
    """A thousand sockets are reset at once and all reconnect within 15 s, at least 99 % recovered, from Redis
    and memory alone."""
    chat = await Chat.begin(stage, writers=5, readers=scale.storm)
    await asyncio.sleep(2)
    before = await reads(stage)
    recovered = sum(person.recovered for person in chat.people)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for person in chat.people:
        person.here.clear()
        if person.line is not None:
            person.line.reset()
    await eventually(lambda: all(person.here.is_set() for person in chat.people), "everybody", 30)
    took = loop.time() - began
    after = await reads(stage)
    recovered = sum(person.recovered for person in chat.people) - recovered
    told = await chat.verdict()
    asked = {name: after.get(name, 0) - before.get(name, 0) for name in after}
    assert took <= 15
    assert recovered >= 0.99 * len(chat.people)
    assert asked.get("messages", 0) == 0, asked
    assert asked.get(MODERATION.name, 0) < 10, asked  # a job's
    figures(sockets=len(chat.people), all_back_s=round(took, 2), recovered=recovered, message_reads=asked.get("messages", 0),
            revocation_reads=asked.get(REVOCATIONS.name, 0), **told)  # fmt: skip


async def highest_memory(node: NodeProcess, until: "asyncio.Future[Any]") -> float:
    highest = node.memory_mb
    while not until.done():
        await asyncio.sleep(0.1)
        highest = max(highest, node.memory_mb)
    return highest


async def test_a_client_that_never_reads(stage: Stage, scale: Scale, figures: Figures) -> None:
    """It answers pings and never reads: it is closed, and has cost the node at most 5 MB."""
    node = stage.nodes[0]
    flood = Flood(stage, node, writers=4)
    await flood.run(4)  # what the node needs for this traffic anyhow
    before = node.memory_mb
    deaf = await enter(node.port, {"token": stage.token("deaf")})
    assert (await deaf.call("channel.join", {"channel": stage.channel}))["ok"]
    deaf.transport.pause_reading()

    async def ponging() -> None:
        while not deaf.transport.is_closing():
            deaf.packet("3")
            await asyncio.sleep(1)

    pongs = asyncio.create_task(ponging())
    flooding = asyncio.create_task(flood.run(20 if scale.seconds > 20 else 10))
    peak = await highest_memory(node, flooding)
    sent = await flooding
    deaf.transport.resume_reading()
    await asyncio.wait_for(deaf.closed, 10)
    pongs.cancel()
    assert "fanout.slow_reader" in node.words()
    assert peak - before <= 5, (before, peak)
    figures(
        messages=sent,
        memory_before_mb=round(before, 1),
        highest_mb=round(peak, 1),
        grown_mb=round(peak - before, 1),
    )


class Flood:
    """Messages of 4 KB, as fast as they are acknowledged, over one node."""

    def __init__(self, stage: Stage, node: NodeProcess, writers: int) -> None:
        self._stage, self._node, self._writers, self._number = stage, node, writers, 0

    async def run(self, seconds: float) -> int:
        """How many were acknowledged."""
        return sum(
            await asyncio.gather(*(self._write(f"flood{number}", seconds) for number in range(self._writers)))
        )

    async def _write(self, name: str, seconds: float) -> int:
        line = await enter(self._node.port, {"token": self._stage.token(name)})
        loop = asyncio.get_running_loop()
        until, acked = loop.time() + seconds, 0
        while loop.time() < until:
            self._number += 1
            message = {"channel": self._stage.channel, "cid": f"{name}-{self._number}", "text": "x" * 4000}
            acked += int((await line.call("chat.send", message))["ok"])
        line.disconnect()
        return acked


async def test_one_user_on_two_nodes_has_one_rate(scale: Scale, figures: Figures) -> None:
    """A thousand messages a second over two nodes: accepted are burst + rate · t, ±2 %; a bystander is not
    slowed down."""
    rate, burst, seconds = 50, 100, 20.0 if scale.seconds > 20 else 10.0
    stage = await Stage().start(CHAT_RATE_PER_S=rate, CHAT_BURST=burst)
    try:
        lines = [await enter(node.port, {"token": stage.token("greedy")}) for node in stage.nodes]
        bystander = Guest(stage, "bystander", 0, talks=True, every=0.2)
        stage.enter(bystander)
        codes: dict[str, int] = {}
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def one(line: Line, number: int) -> None:
            ack = await line.call(
                "chat.send", {"channel": stage.channel, "cid": f"c{number}", "text": "x"}, 10
            )
            code = "ok" if ack["ok"] else ack["error"]["code"]
            codes[code] = codes.get(code, 0) + 1

        sending: set[asyncio.Task[None]] = set()
        number, last = 0, began
        while loop.time() - began < seconds:
            while number < (loop.time() - began) * 1000:
                task = asyncio.create_task(one(lines[number % 2], number))
                sending.add(task)
                task.add_done_callback(sending.discard)
                number += 1
            last = loop.time()
            await asyncio.sleep(0.005)
        await asyncio.gather(*sending)
        expected = burst + rate * (last - began)
        accepted = codes.get("ok", 0)
        assert set(codes) <= {"ok", "rate_limited"}
        assert abs(accepted - expected) <= 0.02 * expected, (accepted, expected)
        await bystander.hush()
        assert bystander.unexpected == []
        figures(sent=number, accepted=accepted, expected=round(expected, 1), off_percent=round(100 * (accepted / expected - 1), 2),
                bystander_ack_p99_ms=at(sorted(bystander.delays), 0.99))  # fmt: skip
    finally:
        await stage.remove()
