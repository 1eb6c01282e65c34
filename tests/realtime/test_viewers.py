"""Viewer counts: exact, once a session, zero at the end."""

import asyncio
from typing import Any

import orjson
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from realtime.log.redis_keys import keys_of
from realtime.protocol.event_schemas import form_of
from realtime.viewers import Count, LeaseTimes, ViewerCounter
from tests.support.chat_nodes import House, eventually
from weir.foundation.clock import now_ms
from weir.foundation.events import PlaybackHeartbeat, StreamLive, StreamOffline, StreamStarting
from weir.foundation.ids import new_id

SHORT = LeaseTimes(socket_s=2.0, beat_s=0.5, playback_s=1.0)


def heartbeat(channel, *sessions, at=None):
    return PlaybackHeartbeat(
        app="", sessions=[(channel, one) for one in sessions], **({"at": at} if at else {})
    )


async def test_a_session_counts_once(connection):
    """A player and two sockets of one session are one viewer, until the last of them has left."""
    occupancy, channel = ViewerCounter(connection, SHORT), new_id("chn")
    await occupancy.on_heartbeat(heartbeat(channel, "s1", "s2"))
    assert await occupancy.enter(channel, "s1", "a") == Count(2, 2)
    assert await occupancy.enter(channel, "s1", "b") == Count(2, 2)
    assert await occupancy.leave(channel, "s1", "a") == Count(2, 2)
    assert await occupancy.leave(channel, "s1", "a") == Count(2, 2)
    counts = [await occupancy.leave(channel, "s1", "b")]
    for _ in range(200):
        counts.append(await occupancy.count(channel))
        if counts[-1].viewers == 0:
            break
        await asyncio.sleep(0.02)
    assert sorted({one.viewers for one in counts}, reverse=True) in ([2, 0], [2, 1, 0])
    assert await occupancy.count(channel) == Count(0, 0)


async def test_nothing_stays_behind(connection):
    """At zero the leases, the sessions and the peak are deleted from Redis."""
    occupancy, channel = ViewerCounter(connection, SHORT), new_id("chn")
    await occupancy.enter(channel, "s", "a")
    await occupancy.leave(channel, "s", "a")
    keys = keys_of(channel)
    assert await connection.link().ask("EXISTS", keys.leases, keys.sessions, keys.peak) == 0


async def test_a_late_heartbeat_counts_nobody(connection):
    """A fact older than its lease says nothing about now; a name that is no channel is left out."""
    occupancy, channel = ViewerCounter(connection, SHORT), new_id("chn")
    await occupancy.on_heartbeat(heartbeat(channel, "s", at=now_ms() - 5000))
    await occupancy.on_heartbeat(PlaybackHeartbeat(app="", sessions=[("nonsense", "s")]))
    assert await occupancy.count(channel) == Count(0, 0)


async def test_many_viewers_are_counted_exactly(connection):
    """Batches are a matter of transport: 1,000 sessions are 1,000 viewers."""
    occupancy, channel = ViewerCounter(connection), new_id("chn")
    await occupancy.on_heartbeat(heartbeat(channel, *(f"s{n}" for n in range(1000))))
    assert await occupancy.count(channel) == Count(1000, 1000)


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.sampled_from("xyz")), max_size=30))
async def test_the_count_is_that_of_a_set(connection, steps):
    """Whatever enters and leaves in whatever order, the count is the number of sessions with a source, never
    negative."""
    occupancy, channel, model, peak = ViewerCounter(connection), new_id("chn"), set[Any](), 0
    for enters, session, source in steps:
        verb = occupancy.enter if enters else occupancy.leave
        count = await verb(channel, session, source)
        (model.add if enters else model.discard)((session, source))
        viewers = len({one for one, _ in model})
        assert count.viewers == viewers
        peak = max(peak, viewers) if viewers else 0
        assert count.peak == peak or not viewers


async def test_a_broadcasts_audience_is_told_at_its_end(house: House):
    """Peak and different sessions, from before the beginning to the end, once; other broadcasts and later
    viewers add nothing."""
    node = await house.node(SHORT)
    stream, told = house.directory.new_stream("app_1"), []
    channel, occupancy = stream["channel"], node.room._viewer_counter

    async def note(event):
        if event.type == "viewers.counted":
            told.append(event)

    ready = asyncio.Event()
    watching = asyncio.create_task(node.services.bus.watch(note, ready))
    await ready.wait()
    facts = {name: stream[name] for name in ("app", "playback", "channel")} | {
        "stream": stream["id"],
        "generation": 1,
    }
    early, late = sorted(new_id("brd") for _ in range(2))
    await occupancy.enter(channel, "s1", "a")
    ann = await house.client(node, "app_1", "ann")
    await ann.join(channel)
    await node.services.bus.publish(
        StreamStarting(**facts, broadcast=late), StreamLive(**facts, broadcast=late)
    )
    await eventually(lambda: ann.of("stream.live"))
    for session in ("s2", "s3"):
        await occupancy.enter(channel, session, "a")
    await occupancy.leave(channel, "s3", "a")
    await occupancy.enter(channel, "s2", "b")
    await node.room.consumer.on_event(StreamLive(**facts, broadcast=early))  # delivered late
    await node.services.bus.publish(StreamOffline(**facts, broadcast=late))
    counted = (await eventually(lambda: told))[0]
    assert (counted.stream, counted.broadcast, counted.peak, counted.total) == (stream["id"], late, 4, 4)
    await occupancy.enter(channel, "s9", "a")
    await node.room.consumer.on_event(StreamOffline(**facts, broadcast=late))  # delivered again
    again = (await eventually(lambda: told[1:]))[0]
    assert (again.id, again.peak, again.total) == (counted.id, 4, 4)
    await node.room.consumer.on_event(StreamOffline(**facts, broadcast=early))
    assert len(told) == 2
    watching.cancel()


async def test_two_one_zero(house: House):
    """Two viewers, one closes the page, then the other; the channel's members get the count, and the end is
    zero."""
    node = await house.node(SHORT)
    stream = house.directory.new_stream("app_1")
    channel = stream["channel"]
    playback = house.tokens.mint_playback(stream["playback"], "app_1", "session-1", 600)
    ann = await house.client(node, "app_1", "ann", playback=playback)
    bob = await house.client(node, "app_1", "bob")
    assert (await ann.join(channel))["viewers"] == 1
    assert (await bob.join(channel))["viewers"] == 2
    await node.services.bus.publish(heartbeat(channel, "session-1"))
    await eventually(lambda: [one["count"] for one in ann.of("viewer.count.update")][-1:] == [2])
    assert await node.room.viewers(channel) == 2
    await bob.call("channel.leave", channel=channel)
    await eventually(lambda: [one["count"] for one in ann.of("viewer.count.update")][-1:] == [1])
    update = ann.of("viewer.count.update")[-1]
    assert (update["channel"], update["peak"]) == (channel, 2)
    assert not {"seq", "epoch"} & update.keys()
    await ann.io.disconnect()
    for _ in range(200):
        if await node.room.viewers(channel) == 0:
            break
        await asyncio.sleep(0.02)
    assert await node.room.viewers(channel) == 0


async def test_a_crashed_nodes_viewers_are_gone_with_their_leases(house: House):
    """The leases of a dead node expire by themselves; viewers of other nodes stay."""
    alive, dying = await house.node(SHORT), await house.node(SHORT)
    channel = house.directory.new_stream("app_1")["channel"]
    ann, bob = await house.client(alive, "app_1", "ann"), await house.client(dying, "app_1", "bob")
    await ann.join(channel)
    await bob.join(channel)
    assert await alive.room.viewers(channel) == 2
    await eventually(lambda: [one["count"] for one in ann.of("viewer.count.update")][-1:] == [2])
    await dying.crash()
    await eventually(lambda: [one["count"] for one in ann.of("viewer.count.update")][-2:] == [2, 1])
    await asyncio.sleep(SHORT.socket_s)  # a whole lease passes, and the living one has been renewed
    assert await alive.room.viewers(channel) == 1


async def test_everybody_is_counted_as_a_metric(connection):
    """Over all streams on air, each session once a stream; none in a process that does not run the job."""
    occupancy, channels = ViewerCounter(connection), [new_id("chn") for _ in range(3)]
    for number, channel in enumerate(channels):
        await occupancy.on_heartbeat(heartbeat(channel, *(f"s{one}" for one in range(number + 1))))

    async def on_air():
        return [{"channel": channel} for channel in channels[1:]]

    job = occupancy.jobs(on_air)[0]
    await job.run()
    assert REGISTRY.get_sample_value("weir_viewers") == 5
    job.let_go()
    assert REGISTRY.get_sample_value("weir_viewers") == 0


async def moves(node, app: str = "app_1") -> list[tuple[str, str | None, int]]:
    """The events that followers of the app got about viewers: type, session, count."""
    _, entries = await node.room._apps.oldest(app)
    told = [orjson.loads(entry.body) for entry in entries if entry.type.startswith("+viewer.")]
    for one in told:
        form_of(one["type"]).model.model_validate(one)  # type: ignore[union-attr]
    return [(one["type"], one.get("session"), one["count"]) for one in told]


async def eventually_moves(node, count: int) -> list[tuple[str, str | None, int]]:
    for _ in range(1500):
        if len(found := await moves(node)) >= count:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(await moves(node))


async def test_who_comes_and_goes_is_told_once(house: House):
    """A session with a socket and a player is one viewer; to followers of the app, from the first one on, on
    whichever node."""
    one, other = await house.node(SHORT), await house.node(SHORT)
    stream = house.directory.new_stream("app_1")
    channel = stream["channel"]
    await one.room._apps.mark_followed("app_1")
    ann = await house.client(one, "app_1", "ann", sid="s-ann")
    await ann.join(channel)
    await other.room._viewer_counter.on_heartbeat(heartbeat(channel, "s-ann", "s-player"))
    again = await house.client(other, "app_1", "ann", sid="s-ann")
    await again.join(channel)
    assert sorted(await eventually_moves(one, 2)) == [
        ("viewer.joined", "s-ann", 1),
        ("viewer.joined", "s-player", 1),
    ]
    await ann.io.disconnect()
    await again.io.disconnect()
    assert sorted((await eventually_moves(one, 4))[2:]) == [
        ("viewer.left", "s-ann", 1),
        ("viewer.left", "s-player", 1),
    ]


async def test_many_at_once_are_one_event(house: House):
    node = await house.node(SHORT)
    channel = house.directory.new_stream("app_1")["channel"]
    await node.room._apps.mark_followed("app_1")
    await node.room._viewer_counter.on_heartbeat(heartbeat(channel, *(f"s{number}" for number in range(300))))
    told = await eventually_moves(node, 1)
    assert sum(count for _, _, count in told) == 300
    assert all(session is None for _, session, count in told if count > 1)
    left = [one for one in await eventually_moves(node, len(told) + 1) if one[0] == "viewer.left"]
    assert sum(count for _, _, count in left) <= 300


async def test_a_killed_node_leaves_nobody_untold(house: House):
    """It dies between counting and publishing: another one publishes, each once, and its own viewers leave
    when their leases expire."""
    dead, other = await house.node(SHORT), await house.node(SHORT)
    channel = house.directory.new_stream("app_1")["channel"]
    await other.room._apps.mark_followed("app_1")
    await dead.crash()
    await dead.room._tasks.stop()
    dead_connection = asyncio.create_task(dead.room._connection.run())
    await dead.room._connection.up(5)
    await dead.room._viewer_counter.enter(channel, "s1", "socket")
    await asyncio.gather(other.room._viewer_counter.sweep(), other.room._viewer_counter.sweep())
    assert await eventually_moves(other, 2) == [("viewer.joined", "s1", 1), ("viewer.left", "s1", 1)]
    dead_connection.cancel()


async def test_nobody_is_written_down_while_nobody_follows(house: House):
    node = await house.node(SHORT)
    channel = house.directory.new_stream("app_1")["channel"]
    await node.room._viewer_counter.enter(channel, "s1", "socket")
    await node.room._viewer_counter.leave(channel, "s1", "socket")
    assert (
        await node.room._connection.link().ask("EXISTS", keys_of(channel).moves, keys_of(channel).followed)
        == 0
    )
