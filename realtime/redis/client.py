"""The Redis client of the chat log: one server or the masters of a cluster, each over one ordered link.
[hands]

What it is made of:

    link           bytes, order and answers of one connection
    server         one server: connects, notices silence and demotion, connects again
    cluster        many: each command to the master of its slot, redirections, fail-over
    subscriptions  shard channels, each on the server that has its slot
"""

from collections.abc import Callable

from realtime.redis.cluster import ClusterNodes
from realtime.redis.connection import INCARNATION, Push, RedisLink, load_script
from realtime.redis.node import RedisAddress, RedisNode, address_of

__all__ = ["INCARNATION", "RedisAddress", "RedisConnection", "address_of", "connect", "load_script"]

RedisConnection = RedisNode | ClusterNodes


def connect(
    address: RedisAddress,
    *,
    on_push: Push | None = None,
    on_up: Callable[[RedisLink], None] | None = None,
    on_down: Callable[[RedisLink], None] | None = None,
    on_map: Callable[[], None] | None = None,
) -> RedisConnection:
    """To be run in a task; `on_map` is for a cluster."""
    if address.seeds:
        return ClusterNodes(address, on_push=on_push, on_up=on_up, on_down=on_down, on_map=on_map)
    return RedisNode(address, on_push=on_push, on_up=on_up, on_down=on_down)
