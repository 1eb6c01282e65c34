"""The studio's preview: open to every member, and no viewer."""

from typing import Any

import pytest

from control.usage.web_log import parse
from tests.control.playback.test_watch_sessions import Stage, stage
from tests.support.control_room import bearer
from weir.foundation.tenancy.tokens import PREVIEW_SESSION

__all__ = ["stage"]


async def member(stage: Stage, role: str) -> dict[str, str]:
    minted = stage.world.services.tokens.mint("weir:app", 600, sub="acc_1", app=stage.app, role=role)
    return bearer(minted)


async def preview(stage: Stage, role: str = "viewer") -> str:
    path = f"/v1/streams/{stage.stream['id']}/preview-tokens"
    return str((await stage.world.done("POST", path, await member(stage, role)))["token"])


@pytest.mark.parametrize("visibility", ["public", "signed"])
async def test_a_member_looks_at_a_stream_uncounted(stage: Stage, visibility: str) -> None:
    """Also with the role viewer, of a signed and of a full stream; a session made from it and its renewal stay
    previews, and others still find the last seat."""
    await stage.change(visibility=visibility, max_viewers=1)
    opened = await stage.session(token=await preview(stage))
    renewed = (await stage.renewed(opened["playback_token"])).json()
    for token in (opened["playback_token"], renewed["playback_token"]):
        assert await stage.plays(token)
    assert stage._access._seen == {}
    assert await stage.plays(stage.signed(sid="ses_1"))
    assert not await stage.plays(stage.signed(sid="ses_2"))
    assert await stage.plays(opened["playback_token"])
    assert list(stage._access._seen.values()) == [{(stage.stream["channel"], "ses_1")}]


async def test_only_weir_s_own_tokens_are_previews(stage: Stage) -> None:
    """A key gets none, and one that a customer has signed takes a seat whatever it says."""
    path = f"/v1/streams/{stage.stream['id']}/preview-tokens"
    refused: Any = await stage.world.ask("POST", path, bearer(stage.key["api_key"]))
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    await stage.change(max_viewers=1)
    assert await stage.plays(stage.signed(sid="ses_1", preview=True))
    assert not await stage.plays(stage.signed(sid="ses_2", preview=True))


def test_a_preview_s_bytes_count_and_its_minutes_do_not() -> None:
    """In the usage log."""
    lines = [f"1800000000.0\tply_1\t{one}\t100\t200\n".encode() for one in ("ses_1", PREVIEW_SESSION)]
    (sent,) = parse(lines).values()
    assert (sent.bytes, sent.requests) == (200, 2)
    assert {session for session, _ in sent.buckets} == {"ses_1"}
