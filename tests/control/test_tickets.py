"""Leave to pull a stream: once, for half a minute, for the stream that it was made for."""

import pytest

from tests.support.control_room import World
from weir.foundation.errors import Unavailable
from weir.foundation.redis.client import connect_redis
from weir.foundation.redis.play_tickets import LIFE_S, PlayTickets, _key, publish_name
from weir.foundation.services import Services

FORM = "call=play&addr=127.0.0.1&clientid=7&app=live&name={}&start=0&duration=0&reset=1"


async def plays(
    world: World, services: Services, name: str, arguments: str, secret: str | None = None
) -> int:
    path = f"/internal/rtmp/play?boot=b&secret={secret or services.vault.text_key('internal')}"
    async with world.client("127.0.0.1") as ingest:
        return (await ingest.post(path, content=FORM.format(name) + arguments)).status_code


async def test_a_ticket_is_spent_by_its_first_use(world: World, services: Services) -> None:
    """Right or wrong; Redis does not have the ticket itself."""
    tickets = PlayTickets(services.redis)
    ticket = await tickets.issue("ply_1")
    assert len(ticket) >= 22
    assert ticket.encode() not in b" ".join(await services.redis.keys("*"))  # type: ignore[arg-type]
    assert 0 < await services.redis.ttl(_key(ticket)) <= LIFE_S
    assert [await plays(world, services, "ply_1", f"&ticket={ticket}") for _ in range(2)] == [204, 403]
    other = await tickets.issue("ply_2")
    assert [await plays(world, services, name, f"&ticket={other}") for name in ("ply_1", "ply_2")] == [
        403,
        403,
    ]


async def test_without_one_nobody_plays(world: World, services: Services) -> None:
    """Nor with the secret missing, nor while Redis is away."""
    ticket = await PlayTickets(services.redis).issue("ply_1")
    for arguments in ("", "&ticket=", "&ticket=x", f"&ticket=x&ticket={ticket}", f"&Ticket={ticket}"):
        assert await plays(world, services, "ply_1", arguments) == 403, arguments
    assert await plays(world, services, "ply_1", f"&ticket={ticket}", secret="wrong") == 403
    nowhere = services.settings.model_copy(update={"redis_url": "unix:///nowhere.sock"})
    services.redis.connection_pool = connect_redis(nowhere, services.vault).connection_pool
    assert await plays(world, services, "ply_1", f"&ticket={ticket}") == 403
    with pytest.raises(Unavailable):
        await PlayTickets(services.redis).issue("ply_1")


async def test_a_publish_waits_for_its_own_puller(world: World, services: Services) -> None:
    """The puller of the publish before, which comes late, is not taken for it."""
    tickets = PlayTickets(services.redis)
    late = await tickets.issue("ply_1", publish_name("brd_1", 1))
    assert await plays(world, services, "ply_1", f"&ticket={late}") == 204
    assert not await tickets.attached(publish_name("brd_1", 2), 0.05)
    assert await tickets.attached(publish_name("brd_1", 1), 0.05)
