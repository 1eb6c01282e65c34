"""Who is let in to a machine that gets full."""

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from media.ladder.admission import SHARES, LadderDemand, RunningLadder, rungs_to_drop
from media.ladder.rules import Profile, Rung, Source, choose_cadence, ladder
from tests.media.conftest import until
from weir.foundation.events import PublishStarted, StreamOffline


def wanted(
    height: int = 1080, rungs: tuple[int, ...] = (1080, 720, 480, 360), preset: str = "superfast"
) -> LadderDemand:
    source, profile = Source(height * 16 // 9, height, 30, True), Profile(tuple(Rung(one) for one in rungs))
    rhythm = choose_cadence(source, profile, None, 2)
    return LadderDemand(source, ladder(source, profile, rhythm), float(rhythm.rate), preset)


def test_the_estimate_is_near_to_what_was_measured() -> None:
    """Of a 1080p30 source with superfast: 1.16 cores for four rungs, .79 for three, .46 for two."""
    measured = {4: 1.16, 3: 0.79, 2: 0.46}
    for rungs, cores in measured.items():
        assert abs(wanted().cores(4 - rungs) - cores) < 0.2, rungs


ladders = st.builds(
    wanted, st.sampled_from([360, 720, 1080]), st.sets(st.sampled_from([1080, 720, 480, 360, 240]), min_size=1).map(tuple),
    st.sampled_from(["ultrafast", "superfast", "slower"]),
)  # fmt: skip
others = st.lists(st.builds(RunningLadder, st.floats(0.01, 4), st.booleans()), max_size=4)
machines, priorities = st.floats(0.1, 16), st.sampled_from(list(SHARES))


def outs(left_out: int | None, of: LadderDemand) -> int:
    return len(of.renditions) if left_out is None else left_out


@given(ladders, others, machines, priorities)
def test_nobody_on_air_is_pushed_beyond_the_machine(
    new: LadderDemand, running: list[RunningLadder], cores: float, priority: str
) -> None:
    """What is admitted fits with the others by estimate; alone the lowest rung is always admitted, however
    small the machine."""
    left_out = rungs_to_drop(new, running, cores, priority)
    if not running:
        assert left_out is not None
        assert new.cores(left_out) <= cores or left_out == len(new.renditions) - 1
    elif left_out is not None:
        assert new.cores(left_out) + sum(one.cores for one in running) <= cores * SHARES[priority] + 1e-9
        assert not any(one.strained for one in running) or (priority, left_out) == (
            "high",
            len(new.renditions) - 1,
        )


@given(ladders, others, machines, priorities, st.floats(0.1, 4))
def test_more_room_never_hurts(
    new: LadderDemand, running: list[RunningLadder], cores: float, priority: str, more: float
) -> None:
    """Of the machine, by priority, or by one stream less (as long as some are left)."""
    now = outs(rungs_to_drop(new, running, cores, priority), new)
    assert outs(rungs_to_drop(new, running, cores + more, priority), new) <= now
    assert outs(rungs_to_drop(new, running, cores, "high"), new) <= now
    assume(len(running) > 1)
    assert outs(rungs_to_drop(new, running[1:], cores, priority), new) <= now


async def test_a_full_machine(world: Any) -> None:
    """The first stream has its whole ladder, the second its lowest rung, the third is refused with a reason,
    an important one is admitted; the first ones' media continue through all of it, and there is room again
    when they have ended."""
    stage = await world.stage(ladder=[180, 90], media_cores=0.036)
    await stage.room.start()
    first, _ = await stage.on_air()
    second, encoder = await stage.on_air()
    assert stage.room.worker.broadcasts[first.playback].packager.names == ["v180", "v90"]
    assert stage.room.worker.broadcasts[second.playback].packager.names == ["v90"]
    reduced = [e for e in stage.heard if e.type == "health.quality.drop"]
    assert [(e.playback, e.height, e.reason) for e in reduced] == [(second.playback, 180, "admission")]
    third = stage.stream()
    stage.publish(third)
    await stage.tell(PublishStarted, third)
    failed = await stage.told("media.failed", third)
    assert failed.reason.startswith("This machine carries no further stream now.")
    important, other = await stage.on_air({"priority": "high"})
    assert stage.room.worker.broadcasts[important.playback].packager.names == ["v90"]
    assert stage.room.worker.broadcasts[third.playback].trouble == failed.reason
    for fact in (first, important):
        timeline = stage.room.worker.broadcasts[fact.playback].packager.timeline
        grown = timeline.next_msn
        await until(lambda timeline=timeline, grown=grown: timeline.next_msn > grown)
        assert not any(segment.discontinuity for segment in timeline.segments)
    for fact, publisher in ((second, encoder), (important, other)):
        publisher.kill()
        await stage.tell(StreamOffline, fact)
    await until(
        lambda: all(stage.room.worker.broadcasts[fact.playback].finished for fact in (second, important))
    )
    last, _ = await stage.on_air()
    assert stage.room.worker.broadcasts[last.playback].packager.names == ["v90"]
