"""Where Redis is, from one setting."""

from weir.foundation.redis.client import cluster_seeds


def test_a_cluster_is_named_by_its_servers():
    """Several hosts, one password; the credentials come from the first one's URL."""
    url, seeds = cluster_seeds("rediss+cluster://user:p%40w@one:7000,two,[::1]:7002/")
    assert url == "rediss://user:p%40w@one:7000"
    assert seeds == (("one", 7000), ("two", 6379), ("::1", 7002))
    assert cluster_seeds("redis+cluster://127.0.0.1:7000") == (
        "redis://127.0.0.1:7000",
        (("127.0.0.1", 7000),),
    )


def test_a_single_server_is_no_cluster():
    assert cluster_seeds("redis://db:6380/2") == ("redis://db:6380/2", ())
