"""Names to addresses, without a name server that hangs taking the time of others."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakValueDictionary

from aiohttp.abc import AbstractResolver, ResolveResult

from weir.foundation.clock import monotonic

DNS_CACHE_S = 30
DNS_THREADS = 64
DNS_PER_DOMAIN = 8  # lookups at once: a name server that hangs must not take every thread
ADDRESSES_PER_NAME = 16


class Resolver(AbstractResolver):
    """The system's resolver in threads of its own: the event loop's few are also waited for by everything
    else. A name that fails is not asked for again for 30 s (aiohttp keeps only answers)."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(DNS_THREADS, "egress-dns")
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._failed: dict[str, float] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if self._failed.get(host, 0.0) > monotonic():
            raise OSError(socket.EAI_NONAME, "the name was not found a moment ago")
        domain = ".".join(host.rstrip(".").split(".")[-2:])
        turn = self._turns.setdefault(domain, asyncio.Semaphore(DNS_PER_DOMAIN))
        async with turn:
            try:
                infos = await asyncio.get_running_loop().run_in_executor(
                    self._threads, look_up, host, port, family
                )
            except (OSError, UnicodeError) as error:
                self._remember_failed(host)
                raise OSError(socket.EAI_NONAME, "the name was not found") from error
        return [
            ResolveResult(
                hostname=host, host=str(where[0]), port=port, family=found, proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found, _, protocol, _, where in infos[:ADDRESSES_PER_NAME]
        ]  # fmt: skip

    def _remember_failed(self, host: str) -> None:
        if len(self._failed) >= 1000:
            now = monotonic()
            self._failed = {name: until for name, until in self._failed.items() if until > now}
        if len(self._failed) < 1000:
            self._failed[host] = monotonic() + DNS_CACHE_S

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def look_up(host: str, port: int, family: int) -> list[Any]:
    return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
