"""The states of a space: one table, bookings that never overlap, readings that settle alike in any order."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from realtime.places.rules import CAUSES, REPORTED, STATES, TABLE, Draft, newer
from weir.foundation.errors import Refused

READINGS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from("abc"), st.sampled_from(["free", "occupied", "unknown"])),
    max_size=12,
)


def test_the_table_is_total():
    """Every state says what every cause does, with a booking and without; a booking makes nothing else of a
    space."""
    for state in STATES:
        assert set(TABLE[state]) == set(CAUSES)
        for cause in CAUSES:
            without, held = TABLE[state][cause]
            assert without in STATES and without != "reserved"
            assert held == ("reserved" if without in ("free", "unknown") else without)


@given(readings=READINGS, order=st.randoms(use_true_random=False))
def test_readings_settle_alike_in_any_order(readings, order):
    """Repeated and out of order, the newest by the sensor's own time and id is what holds."""
    unique = {(at, name): state for at, name, state in readings}
    once = [(at, name, state) for (at, name), state in unique.items()]
    shuffled = [*once, *once]
    order.shuffle(shuffled)
    draft = Draft("free", [], 0)
    for at, name, state in shuffled:
        applied = draft.report(state, {"id": name, "at": at})
        assert applied is False or draft.reading == {"id": name, "at": at}
    if once:
        at, name, state = max(once)
        assert (draft.reading, draft.state) == ({"id": name, "at": at}, state)
        assert not newer({"id": name, "at": at}, draft.reading)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("report"), st.sampled_from(sorted(REPORTED))),
        st.tuples(st.just("book"), st.integers(0, 60), st.integers(1, 20), st.sampled_from([None, 3])),
        st.tuples(st.just("cancel"), st.integers(0, 10)),
        st.tuples(st.just("wait"), st.integers(1, 15)),
    ),
    max_size=40,
)


@given(steps=STEPS)
def test_whatever_happens_the_rules_hold(steps):
    """No two bookings overlap; a space with a current, unused booking is reserved unless occupied or closed;
    each booking ends in one way; each published transition begins where the one before ended; a draft has a
    next time if it has a booking."""
    draft, made, ended = Draft("free", [], 0), set(), []
    told = "free"
    for number, (step, *given_) in enumerate(steps):
        draft.events = []
        try:
            if step == "report":
                draft.report(*given_)
            elif step == "book":
                start, length, no_show = given_
                starts = draft.now + start - 5
                possible = draft.free_between(starts, starts + length)
                draft.book({"id": str(number), "starts": starts, "ends": starts + length, "no_show": no_show})
                assert possible
                made.add(str(number))
            elif step == "cancel":
                draft.cancel(str(given_[0]))
            else:
                draft.now += given_[0]
        except Refused:
            assert draft.events == []
        draft.advance()  # as the job does
        for kind, data in draft.events:
            if kind == "space.state.changed":
                assert data["before"] == told
                told = data["state"]
            elif kind != "reservation.created":
                ended.append(data["reservation"])
        assert told == draft.state
        assert all(one["ends"] <= other["starts"] for one, other in pairwise(draft.bookings))
        held = any(one["starts"] <= draft.now < one["ends"] and not one["used"] for one in draft.bookings)
        assert (draft.state == "reserved") == (held and draft.state not in ("occupied", "maintenance"))
        assert (draft.due() is None) == (not draft.bookings)
        assert (due := draft.due()) is None or due > draft.now
    assert len(ended) == len(set(ended))
    assert set(ended) <= made
