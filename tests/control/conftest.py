"""Worlds for the control room's tests."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.contract.conftest import secantus_url
from tests.support.control_room import World, opened
from weir.foundation.services import Services

__all__ = ["secantus_url"]


@pytest.fixture
async def world(services: Services) -> AsyncIterator[World]:
    async with opened(services) as world:
        yield world


@pytest.fixture
def setting(services: Services) -> Callable[..., None]:
    """Changes settings of the running services."""

    def change(**values: Any) -> None:
        services.settings.__dict__.update(values)

    return change


@pytest.fixture(params=["sqlite", "motor"])
def documents_url(request: pytest.FixtureRequest) -> str:
    """The room behaves alike on both stores."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("secantus_url"))
