"""One function names all keys of a channel."""

import re

from realtime.log.redis_keys import digest, keys_of, lease
from weir.foundation.ids import new_id
from weir.foundation.redis.event_log import BUCKETS


def test_all_keys_of_a_channel_share_one_hash_tag():
    """Each script and its shard channel stay within one slot of a cluster."""
    for _ in range(1000):
        keys = keys_of(new_id("chn"))
        names = [
            keys.shard,
            keys.meta,
            keys.log,
            keys.seen,
            keys.seen_before,
            keys.leases,
            keys.sessions,
            keys.peak,
            keys.rate("u"),
        ]
        tags = {re.match(r"\{b(\d+)\}:chn_", name)[1] for name in names}  # type: ignore[index]
        assert len(tags) == 1
        assert 0 <= int(tags.pop()) < BUCKETS
        assert len(set(names)) == len(names)


def test_digests_keep_user_and_cid_apart():
    """Twelve bytes, and shifting a character from user to cid gives another digest."""
    assert len(digest("ann", "c")) == 12
    assert digest("ann", "c") != digest("an", "nc")


def test_a_lease_names_session_and_source():
    """The source comes after the last bar; a session of any length fits."""
    assert lease("a|b", "hls") == "a|b|hls"
    assert len(lease("x" * 4000, "hls")) < 64
