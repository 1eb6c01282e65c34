"""The plan of a broadcast's renditions: made once, changed by its owner and by what the machine carries."""

from dataclasses import replace

import pytest

from media.ladder.admission import LadderDemand
from media.ladder.delivery_options import DeliveryOptions
from media.ladder.plan import LadderPlan, NoCapacity
from media.ladder.rules import Profile, Rung, Source

SOURCE = Source(1920, 1080, 30.0, audio=True)
PROFILE = Profile(tuple(Rung(height) for height in (1080, 720, 360)))
DELIVERY = DeliveryOptions(1 / 3, 2.0, 12, 0)


def carries_all(_demand: LadderDemand) -> int | None:
    return 0


def made() -> LadderPlan:
    return LadderPlan(DELIVERY, PROFILE, "ultrafast")


def heights(shape: object) -> list[int]:
    return [one.height for one in shape.pictured]  # type: ignore[attr-defined]


def test_a_restart_keeps_the_plan() -> None:
    """The machine is not asked again for what is on air already."""
    plan = made()
    shape, left_out = plan.next(SOURCE, None, carries_all)
    assert (heights(shape), left_out) == ([1080, 720, 360], ())
    again, left_out = plan.next(SOURCE, shape, lambda _: None)
    assert (again, left_out) == (shape, ())


def test_a_machine_that_is_full_refuses_a_new_broadcast_and_none_on_air() -> None:
    plan = made()
    with pytest.raises(NoCapacity):
        plan.next(SOURCE, None, lambda _: None)
    assert plan.pictures == ()
    shape, _ = plan.next(SOURCE, None, carries_all)
    assert plan.change_profile(replace(PROFILE, rungs=PROFILE.rungs[1:]))
    shape, left_out = plan.next(SOURCE, shape, lambda _: None)
    assert heights(shape) == [360]
    assert [one.height for one in left_out] == [720]


def test_what_is_dropped_comes_back_in_reverse_order() -> None:
    plan = made()
    shape, _ = plan.next(SOURCE, None, lambda _: 1)
    assert (heights(shape), plan.reduced) == ([720, 360], False), "what it never had is no loss"
    assert plan.drop().height == 720
    assert plan.reduced
    assert heights(plan.next(SOURCE, shape, carries_all)[0]) == [360]
    assert (plan.restore().height, plan.restore().height, plan.dropped) == (720, 1080, 0)
    assert not plan.reduced


def test_nothing_is_taken_back_that_other_streams_need() -> None:
    plan = made()
    plan.next(SOURCE, None, carries_all)
    assert plan.may_restore(lambda _: None), "nothing is left out: there is nothing to ask"
    plan.drop()
    assert not plan.may_restore(lambda _: 1)
    assert plan.may_restore(carries_all)


def test_the_same_profile_is_no_change() -> None:
    plan = made()
    plan.next(SOURCE, None, carries_all)
    assert not plan.change_profile(PROFILE)
    assert plan.pictures


def test_a_source_that_loses_its_picture_gets_another_plan() -> None:
    plan = made()
    shape, _ = plan.next(SOURCE, None, carries_all)
    alone, _ = plan.next(replace(SOURCE, alone=True), shape, carries_all)
    assert plan.alone
    assert heights(alone) != heights(shape)
