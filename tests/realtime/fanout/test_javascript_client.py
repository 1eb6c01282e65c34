"""The official JavaScript client (socket.io-client from npm, as the player has it) against two nodes."""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.chat_nodes import House

ROOT = Path(__file__).resolve().parents[3]
PLAYER = ROOT / "player"
NODE = shutil.which(
    "node", path=f"{ROOT / '.setup/node/bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
)


@pytest.mark.skipif(
    NODE is None or not (PLAYER / "node_modules/socket.io-client").exists(),
    reason="Node or the player's packages are missing",
)
async def test_join_chat_command_and_resume(house: House):
    """What it sends is shown on both nodes in one order, commands answer, and after a broken connection it
    gets exactly what it missed, on its node and on the other."""
    one, two = await house.node(), await house.node()
    channel = house.directory.new_stream("app_1")["channel"]
    told = await run(
        player=str(PLAYER), one=one.url, two=two.url, channel=channel, forged="x",
        ann=house.tokens.mint_user("ann", "app_1", "Ann", 600),
        mod=house.tokens.mint_user("mod", "app_1", "Mod", 600, roles={channel: "moderator"}),
    )  # fmt: skip
    away = [f"away {number}" for number in range(5)]
    assert told["refused"] == "unauthenticated"
    assert told["joined"] == [[True, "member"], [True, "moderator"]]
    assert told["shown"] == [[f"text {number} ☕" for number in range(6)]] * 2
    assert "/me text" in told["help"]
    assert told["forbidden"] == "forbidden"
    assert told["slow"]["id"].startswith("act_")
    assert told["off"] is True
    assert told["unknown"] == "not_found"
    assert told["resumed"] == told["moved"] == [True, away]
    assert told["after"] == [["last"], ["last"]]


async def run(**given: str) -> dict:
    assert NODE is not None
    script = str(Path(__file__).with_name("client.mjs"))
    process = await asyncio.create_subprocess_exec(
        NODE, script, json.dumps(given), stdout=asyncio.subprocess.PIPE
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 0
    return json.loads(out)
