"""Starting and stopping the room."""

import asyncio
from typing import Any

import pytest


@pytest.mark.parametrize("after_s", [0, 0.001, 0.005, 0.02])
async def test_a_room_that_has_just_started_stops(world: Any, after_s: float) -> None:
    """A stop in the middle of connecting is not lost."""
    stage = await world.stage()
    await stage.room.start()
    await asyncio.sleep(after_s)
    await asyncio.wait_for(stage.room.stop(), 10)


async def test_before_its_first_look_a_room_denies_no_stream(world: Any) -> None:
    """A restarted process answers 503 until it knows which streams are on air, 404 for the others from then
    on."""
    stage = await world.stage()
    fact = stage.stream()
    assert (await stage.get(fact, "master.m3u8"))[0] == 503
    await stage.room.start()
    async with asyncio.timeout(10):
        while (await stage.get(fact, "master.m3u8"))[0] == 503:
            await asyncio.sleep(0.02)
    assert (await stage.get(fact, "master.m3u8"))[0] == 404
