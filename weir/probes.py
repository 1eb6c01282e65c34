"""Probes: one short request to a part of the stack; returns False instead of raising."""

import asyncio
import contextlib
from pathlib import Path

ANSWER_WITHIN_S = 2.0


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: bytes, wanted: bytes
) -> bool:
    try:
        writer.write(question)
        await writer.drain()
        return wanted in await reader.read(4096)
    finally:
        writer.close()


async def _within(path: Path, question: bytes, wanted: bytes) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await _ask(*await asyncio.open_unix_connection(path), question, wanted)
    return False


async def answers_redis(path: Path, password: str) -> bool:
    return await _within(path, f"AUTH {password}\r\nPING\r\n".encode(), b"+PONG")


async def answers_http(path: Path, url: str) -> bool:
    return await _within(path, f"GET {url} HTTP/1.0\r\nHost: weir\r\n\r\n".encode(), b" 200 ")


async def answers_tcp(host: str, port: int) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_WITHIN_S):
            _, writer = await asyncio.open_connection("127.0.0.1" if host == "0.0.0.0" else host, port)
            writer.close()
            return True
    return False
