"""The battery: long runs against two real nodes, each with its figures. `make battery`, or `make battery
ARGS="--short"`."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.battery.stage import Stage

Figures = Callable[..., None]
told: list[tuple[str, dict[str, Any]]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--short", action="store_true", help="Three minutes in place of ten: fewer people, shorter runs."
    )
    parser.addoption("--figures", type=Path, help="Also write the figures to this file, as JSON.")


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    writers: int
    seconds: float
    kills: int
    reconnects: int
    storm: int
    mutations: int
    outage_s: float
    grace_s: int
    recorder_kills: int
    soak_s: float


@pytest.fixture(scope="session")
def scale(request: pytest.FixtureRequest) -> Scale:
    if request.config.getoption("--short"):
        return Scale(
            writers=20, seconds=8, kills=3, reconnects=100, storm=200, mutations=5_000, outage_s=3, grace_s=6, recorder_kills=4,
            soak_s=180,
        )  # fmt: skip
    return Scale(
        writers=50, seconds=60, kills=20, reconnects=1_000, storm=1_000, mutations=100_000, outage_s=8, grace_s=60, recorder_kills=10,
        soak_s=1800,
    )  # fmt: skip


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    try:
        yield await made.start()
    finally:
        await made.remove()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Notes what a scenario measured."""

    def note(**values: Any) -> None:
        told.append((request.node.name.removeprefix("test_"), values))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, values in told:
        said = " · ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items())
        terminalreporter.write_line(f"{name.replace('_', ' ')}: {said}")
    path = config.getoption("--figures")
    if path:
        path.write_text(json.dumps(dict(told), indent=2) + "\n")
