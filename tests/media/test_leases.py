"""One worker a stream."""

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis

from media import leases
from media.leases import StreamLeases


async def test_a_stream_has_one_holder(servers: tuple[Path, int]) -> None:
    """The second worker is refused until the first releases it; only the holder can release it."""
    redis = Redis(unix_socket_path=str(servers[0] / "redis.sock"))
    one, other = StreamLeases(redis, "one:80"), StreamLeases(redis, "")
    assert await one.acquire("ply_lease")
    assert await one.acquire("ply_lease")
    assert not await other.acquire("ply_lease")
    await other.release("ply_lease")
    assert await other.is_held("ply_lease")
    assert (await redis.get("weir:media:ply_lease")).endswith(b" one:80")  # type: ignore[union-attr, arg-type]
    await one.release("ply_lease")
    assert await other.acquire("ply_lease")
    await other.release("ply_lease")
    await redis.aclose()


async def test_a_dead_holder_loses_it(servers: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that is not renewed runs out, and the old holder can't renew it afterwards."""
    monkeypatch.setattr(leases, "LEASE_MS", 30)
    redis = Redis(unix_socket_path=str(servers[0] / "redis.sock"))
    dead, alive = StreamLeases(redis, ""), StreamLeases(redis, "")
    assert await dead.acquire("ply_dead")
    for _ in range(200):
        if not await alive.is_held("ply_dead"):
            break
        await asyncio.sleep(0.01)
    monkeypatch.setattr(leases, "LEASE_MS", 5000)
    assert await alive.acquire("ply_dead")
    assert not await dead.renew("ply_dead")
    await alive.release("ply_dead")
    await redis.aclose()


async def test_a_sole_worker_goes_on_at_once(servers: tuple[Path, int]) -> None:
    """The embedded stack has one media room: a restarted one need not wait for its predecessor's lease to run
    out."""
    redis = Redis(unix_socket_path=str(servers[0] / "redis.sock"))
    killed, next_life, stranger = (
        StreamLeases(redis, "", sole=True),
        StreamLeases(redis, "", sole=True),
        StreamLeases(redis, ""),
    )
    assert await killed.acquire("ply_sole")
    assert not await stranger.acquire("ply_sole")
    assert await next_life.acquire("ply_sole")
    await next_life.release("ply_sole")
    await redis.aclose()
