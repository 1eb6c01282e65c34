"""The room on a Redis Cluster: the same promises over many masters, while slots move and masters die."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from redis.exceptions import ClusterError

from realtime.log.redis_keys import keys_of
from realtime.redis.slots import slot_of
from tests.realtime.app_events.test_app_events import (
    program,
    stream,  # noqa: F401
)
from tests.realtime.app_events.test_app_events import test_a_program_follows_its_apps_events as test_app_log  # noqa: F401
from tests.realtime.chat.test_moderation import test_a_ban_acts_on_the_other_node_at_once as test_ban  # noqa: F401
from tests.realtime.chat.test_moderation import (
    test_a_ban_while_offline_restores_nothing as test_ban_while_offline,  # noqa: F401
)
from tests.realtime.chat.test_moderation import test_a_deleted_message_is_gone_everywhere as test_deletion  # noqa: F401
from tests.realtime.chat.test_moderation import two  # noqa: F401
from tests.realtime.chat.test_presence import test_a_user_is_present_once_with_many_tabs as test_presence  # noqa: F401
from tests.realtime.chat.test_presence import test_reactions_are_counted_and_coalesced as test_reactions  # noqa: F401
from tests.realtime.chat.test_service import (
    test_a_returning_client_gets_exactly_what_it_missed as test_resume,  # noqa: F401
)
from tests.realtime.chat.test_service import (
    test_facts_about_a_stream_stand_in_the_channels_sequence_once as test_facts_from_the_bus,  # noqa: F401
)
from tests.realtime.chat.test_service import test_two_nodes_show_one_order as test_one_order  # noqa: F401
from tests.realtime.talk import Talk
from tests.realtime.test_sockets import test_a_revocation_closes_open_sockets as test_revocation  # noqa: F401
from tests.realtime.test_viewers import (
    test_a_crashed_nodes_viewers_are_gone_with_their_leases as test_crashed_node,  # noqa: F401
)
from tests.realtime.test_viewers import test_two_one_zero as test_occupancy  # noqa: F401
from tests.support.chat_nodes import House, eventually
from tests.support.cluster import RedisCluster
from weir.doctor import examine
from weir.foundation.redis.client import SharedCluster, connect_redis, disconnect
from weir.foundation.settings import Settings
from weir.foundation.vault import Vault

PATIENCE_S = 60


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    folder = Path(tempfile.mkdtemp(prefix="weir-cl-"))
    made = RedisCluster(folder, "p" * 16)
    try:
        made.start()
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def redis_server(cluster: RedisCluster) -> RedisCluster:
    """In the place of the single server."""
    return cluster


@pytest.fixture
def settings(folder: Path, cluster: RedisCluster) -> Settings:
    return Settings(
        data_dir=folder / "var", run_dir=folder, redis_url=cluster.url, chat_rate_per_s=100_000, chat_burst=100_000,
        socket_requests_per_s=100_000, _env_file=None,
    )  # fmt: skip


@pytest.fixture
def channel(house: House) -> str:
    return house.directory.new_stream("app_1")["channel"]


async def talkers(house: House, channel: str) -> Talk:
    """One on each of two nodes."""
    clients = [await house.client(await house.node(), "app_1", f"u{number}") for number in range(2)]
    for client in clients:
        assert (await client.join(channel))["ok"]
    return Talk(clients, channel)


async def test_channels_lie_on_all_masters(house: House, cluster: RedisCluster):
    """A channel on each master is written and subscribed on that master."""
    node = await house.node()
    client = await house.client(node, "app_1")
    drawn = (house.directory.new_stream("app_1")["channel"] for _ in range(1000))
    channels = list(
        {cluster.owner(slot_of(keys_of(channel).meta)).port: channel for channel in drawn}.values()
    )
    assert len(channels) == len(cluster.nodes)
    for channel in channels:
        assert (await client.join(channel))["ok"]
        assert (await client.send(channel, "c"))["ok"]
    await eventually(lambda: len(client.of("chat.message.new")) == len(channels))


async def test_a_slot_moves_while_people_talk(house: House, channel: str, cluster: RedisCluster):
    """A channel's keys go to another master and back: nothing acknowledged is lost, doubled or out of order
    on either node."""
    talk = await talkers(house, channel)
    slot = slot_of(keys_of(channel).meta)
    source = cluster.owner(slot)
    target = next(node for node in cluster.nodes if node is not source)
    for one, other in ((source, target), (target, source)):
        await talk.goes_on()
        await asyncio.to_thread(cluster.move, slot, one, other)
        await talk.goes_on()
    shown = await talk.end()
    assert len(shown) > 10
    assert talk.codes <= {"unavailable"}


async def test_the_app_s_own_master_is_dead(house: House, cluster: RedisCluster):
    """Channels on the other masters continue, and users who are banned from the whole app are refused
    there."""
    victim = cluster.owner(slot_of(keys_of("app_1").meta))
    others = (house.directory.new_stream("app_1")["channel"] for _ in range(1000))
    elsewhere = next(one for one in others if cluster.owner(slot_of(keys_of(one).meta)) is not victim)
    node = await house.node()
    boss = await house.client(node, "app_1", "boss", roles={elsewhere: "moderator"}, staff=True)
    guest = await house.client(node, "app_1", "ann")
    for client in (boss, guest):
        assert (await client.join(elsewhere))["ok"]
    banned = await boss.call("chat.command", channel=elsewhere, text="/ban @id:bob everywhere")
    assert banned["ok"], banned
    victim.kill()
    try:
        assert (await guest.send(elsewhere, "c"))["ok"]
        with pytest.raises(Exception, match="One or more namespaces failed"):
            await house.client(node, "app_1", "bob")
        assert "banned" in house.clients[-1].refused[0]["message"]
    finally:
        await asyncio.to_thread(victim.start)
        await asyncio.to_thread(cluster.settled)


async def test_a_dead_master_is_told_and_comes_back(house: House, channel: str, cluster: RedisCluster):
    """While a channel's master is dead sends are `unavailable`, channels elsewhere continue; then everything
    is there again."""
    talk = await talkers(house, channel)
    victim = cluster.owner(slot_of(keys_of(channel).meta))
    others = (house.directory.new_stream("app_1")["channel"] for _ in range(1000))
    elsewhere = next(one for one in others if cluster.owner(slot_of(keys_of(one).meta)) is not victim)
    bystander = await house.client(house.nodes[0], "app_1", "bystander")
    assert (await bystander.join(elsewhere))["ok"]
    await talk.goes_on()
    victim.kill()
    await eventually(lambda: "unavailable" in talk.codes)
    assert (await bystander.send(elsewhere, "c"))["ok"]
    await eventually(lambda: bystander.of("chat.message.new"))
    await asyncio.to_thread(victim.start)
    await talk.goes_on(20)
    await asyncio.to_thread(cluster.settled)
    shown = await talk.end()
    assert talk.codes == {"unavailable"}
    returned = await bystander.join(channel, epoch=shown[0][0], seq=shown[0][1])
    assert returned["recovered"]


@pytest.mark.parametrize("moved", [True, False])
async def test_what_one_task_meets_breaks_no_others_command(
    settings: Settings, vault: Vault, cluster: RedisCluster, moved: bool
):
    """A command that waits on the master itself continues while another finds its slot moved, or without a
    server."""
    redis = connect_redis(settings, vault)
    await cast(SharedCluster, redis).initialize()
    for node in cast(SharedCluster, redis).get_nodes():
        node.connection_kwargs["socket_timeout"] = (
            PATIENCE_S  # the other command takes seconds on a busy machine
        )
    waiting = asyncio.ensure_future(redis.blpop(["{elsewhere}"], timeout=PATIENCE_S))
    slot = slot_of("{lost}")
    source = cluster.owner(slot)
    other = next(node for node in cluster.nodes if node is not source)
    await eventually(
        lambda: "blocked_clients:1" in cluster.owner(slot_of("{elsewhere}")).ask("INFO", "clients")
    )
    try:
        if moved:
            await asyncio.to_thread(cluster.move, slot, source, other)
            assert await redis.get("{lost}") is None
        else:
            source.ask("CLUSTER", "DELSLOTS", str(slot))
            with pytest.raises(ClusterError):  # of the slot, or of redirections to its former master
                await redis.get("{lost}")
        await redis.rpush("{elsewhere}", "came")
        assert await waiting == (b"{elsewhere}", b"came")
    finally:
        if moved:
            await asyncio.to_thread(cluster.move, slot, other, source)
        else:
            source.ask("CLUSTER", "ADDSLOTS", str(slot))
        await asyncio.to_thread(cluster.settled)
        await disconnect(redis)


def test_the_doctor_asks_each_server(settings: Settings, cluster: RedisCluster):
    """All that the URL names, and a URL of the wrong kind is refused."""
    told = [check for check in examine(settings) if check.name.startswith("redis ")]
    assert [(check.name, check.state) for check in told] == [
        (f"redis 127.0.0.1:{node.port}", "ok") for node in cluster.nodes
    ]
    single = f"redis://:{cluster.password}@127.0.0.1:{cluster.nodes[0].port}"
    wrong = next(
        check for check in examine(settings.model_copy(update={"redis_url": single})) if check.name == "redis"
    )
    assert (wrong.state, wrong.needed) == ("missing", False)
    assert "redis+cluster://" in wrong.detail


async def test_an_apps_programs_follow_channels_of_all_masters(house: House):
    """The app's log lies on one master, what is carried into it on all."""
    node = await house.node()
    channels = [house.directory.new_stream("app_1")["channel"] for _ in range(12)]
    follower = await program(house, node)
    assert (await follower.call("events.subscribe", types=["chat.message.new"]))["ok"]
    ann = await house.client(node, "app_1", "ann")
    for number, channel in enumerate(channels):
        assert (await ann.send(channel, f"c{number}"))["ok"]
    await eventually(lambda: len(follower.of("chat.message.new")) == 12)
    assert {event["channel"] for event in follower.of("chat.message.new")} == set(channels)
