"""The connection to Redis: the embedded private server over its socket, or `WEIR_REDIS_URL`."""

from redis.asyncio import BlockingConnectionPool, Redis, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from weir.foundation.settings import Settings
from weir.foundation.vault import Vault


def redis_password(vault: Vault) -> str:
    """Password of the embedded server."""
    return vault.text_key("redis")


def connect_redis(settings: Settings, vault: Vault) -> "Redis":
    """A client for everything but the chat log (which has its own ordered connection). Opens lazily; no retries of its
    own, so that callers decide what a failure means. Replies are bytes."""
    retry = Retry(NoBackoff(), 0)
    if settings.redis_url:
        pool = BlockingConnectionPool.from_url(
            settings.redis_url, max_connections=50, timeout=2, socket_timeout=5, socket_connect_timeout=2, retry=retry
        )
    else:
        pool = BlockingConnectionPool(
            max_connections=50, timeout=2, connection_class=UnixDomainSocketConnection, path=str(settings.redis_socket),
            password=redis_password(vault), socket_timeout=5, retry=retry,
        )  # fmt: skip
    return Redis(connection_pool=pool)
