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
