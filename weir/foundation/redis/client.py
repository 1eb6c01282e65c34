"""The connection to Redis: the embedded private server over its socket, or `WEIR_REDIS_URL`, which may name a
cluster."""

from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster, UnixDomainSocketConnection
from redis.asyncio.cluster import ClusterNode, ClusterPipeline
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException

from weir.foundation.settings import Settings
from weir.foundation.vault import Vault

CLUSTER = "+cluster://"
# AttributeError: of a connection that one task's failure closes while another opens it (redis-py 8.1).
FAILURES = (RedisClusterException, AttributeError)


def redis_password(vault: Vault) -> str:
    """Password of the embedded server."""
    return vault.text_key("redis")


def cluster_seeds(url: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    """`redis+cluster://user:password@one:7000,two:7000` as the URL of the first server and all (host, port);
    no seeds for a single server's URL."""
    if CLUSTER not in url:
        return url, ()
    scheme, _, rest = url.partition(CLUSTER)
    credentials, at, hosts = rest.rstrip("/").rpartition("@")
    each = [parse_url(f"redis://{host}") for host in hosts.split(",")]
    seeds = tuple((str(one["host"]), int(one.get("port", 6379))) for one in each)
    return f"{scheme}://{credentials}{at}{hosts.split(',')[0]}", seeds


def connect_redis(settings: Settings, vault: Vault) -> "Redis":
    """A client for everything but the chat log (which has its own ordered connection). Opens lazily; no
    retries of its own, so that callers decide what a failure means. Replies are bytes; a command has one
    key."""
    retry = Retry(NoBackoff(), 0)
    url, seeds = cluster_seeds(settings.redis_url)
    if seeds:
        given: dict[str, Any] = dict(parse_url(url))
        nodes = [ClusterNode(host, port) for host, port in seeds]
        cluster = SharedCluster(
            startup_nodes=nodes,
            username=given.get("username"),
            password=given.get("password"),
            ssl=url.startswith("rediss:"),
            socket_timeout=5,
            socket_connect_timeout=2,
            retry=Retry(NoBackoff(), 1),
            reinitialize_steps=0,
            require_full_coverage=False,
        )
        return cast(Redis, cluster)  # the same verbs
    if url:
        pool = BlockingConnectionPool.from_url(
            url, max_connections=50, timeout=2, socket_timeout=5, socket_connect_timeout=2, retry=retry
        )
    else:
        pool = BlockingConnectionPool(
            max_connections=50,
            timeout=2,
            connection_class=UnixDomainSocketConnection,
            path=str(settings.redis_socket),
            password=redis_password(vault),
            socket_timeout=5,
            retry=retry,
        )
    return Redis(connection_pool=pool)


async def disconnect(redis: "Redis") -> None:
    """Closes all connections."""
    if isinstance(redis, SharedCluster):
        for held in ("nodes_cache", "startup_nodes"):
            await redis.nodes_manager.aclose(held)
    else:
        await redis.aclose()


class SharedCluster(RedisCluster):
    """redis-py's client of a cluster, made for many tasks at once: its errors are Redis errors (some of its
    own are not, and callers would not see them as what they are, a store that is away), and what one task
    meets does not break the others' commands. A slot that moved is noted alone (`reinitialize_steps=0`);
    slots without a server delay only their own commands."""

    async def aclose(self) -> None:
        """redis-py calls this in mid-work to learn the cluster's map anew, and would close what other tasks
        wait on."""
        self._initialize = True

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:
        try:
            return await super().execute_command(*arguments, **options)
        except FAILURES as error:
            raise RedisConnectionError(str(error)) from error

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> "SharedPipeline":
        return SharedPipeline(self, transaction)  # type: ignore[abstract]  # the base's constructor sets its attribute


class SharedPipeline(ClusterPipeline):
    async def execute(self, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:
        try:
            return list(await super().execute(raise_on_error, allow_redirections))
        except FAILURES as error:
            raise RedisConnectionError(str(error)) from error
