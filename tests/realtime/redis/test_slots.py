"""Keys, maps and redirections of a Redis Cluster."""

import pytest

from realtime.redis.slots import SLOTS, masters, redirection, slot_of


@pytest.mark.parametrize(
    ("key", "slot"),
    [("123456789", 12739), ("foo", 12182), ("{foo}:bar", 12182), ("x{foo}y{bar}", 12182)],
)  # fmt: skip
def test_a_key_has_its_slot(key: str, slot: int):
    """As in the specification's vectors: CRC16 of the text in the first braces, or of everything."""
    assert slot_of(key) == slot
    assert 0 <= slot < SLOTS


def test_empty_and_open_braces_are_no_tag():
    """Then the whole key counts."""
    assert slot_of("{}foo") != slot_of("{}bar")
    assert slot_of("foo{bar") != slot_of("foo{baz")


def test_a_map_names_each_slots_master():
    """A server that does not know its own host is the one that was asked."""
    reply = [
        [0, 1, [b"10.0.0.1", 7000, b"id"], [b"10.0.0.9", 7009, b"replica"]],
        [2, 2, [b"", 7001, b"id"]],
        [3, 3, [None, 7002, b"id"]],
    ]
    assert masters(reply, ("seed", 1)) == {
        0: ("10.0.0.1", 7000),
        1: ("10.0.0.1", 7000),
        2: ("seed", 7001),
        3: ("seed", 7002),
    }


def test_a_redirection_says_where():
    """For good or for one question; anything else is none."""
    assert redirection("MOVED 3999 127.0.0.1:6381", ("seed", 1)) == (True, ("127.0.0.1", 6381))
    assert redirection("ASK 3999 :6381", ("seed", 1)) == (False, ("seed", 6381))
    assert redirection("ASK 3999 [::1]:6381", ("seed", 1)) == (False, ("::1", 6381))
    assert redirection("CLUSTERDOWN The cluster is down", ("seed", 1)) is None
    assert redirection("TRYAGAIN Multiple keys request during rehashing of slot", ("seed", 1)) is None
