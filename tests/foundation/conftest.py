"""The event loop of tests whose subject is sockets."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Outgoing HTTP is tested on the loop that serves: it connects and resolves in its own way."""
    if item.path.stem == "test_egress":
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}
