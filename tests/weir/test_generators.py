"""What others make of the API's description: a validator finds nothing, and a client is generated without a warning."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.weir.running import ROOT, RunningStack

TOOLS = ROOT / ".setup/generators/bin"
CONFIG = "content_type_overrides:\n  image/jpeg: application/octet-stream\npost_hooks: []\n"


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The description, as a running stack gives it."""
    stack = RunningStack()
    try:
        status, document = stack.start().get("/v1/openapi.json")
        assert status == 200
        path = tmp_path_factory.mktemp("openapi") / "openapi.json"
        path.write_text(json.dumps(document))
        yield path
    finally:
        stack.stop()
        stack.remove()


def test_it_is_valid(described: Path) -> None:
    """By OpenAPI's own schema."""
    done = subprocess.run([TOOLS / "openapi-spec-validator", described], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, f"{described}: OK")


def test_a_client_is_generated_without_a_warning(described: Path) -> None:
    """Every operation with its answer: names are unique, and nothing is left out."""
    folder = described.parent
    (folder / "config.yaml").write_text(CONFIG)
    argv = [
        TOOLS / "openapi-python-client",
        "generate",
        "--path",
        described,
        "--output-path",
        folder / "client",
        "--config",
        folder / "config.yaml",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stdout + done.stderr, done.stdout + done.stderr
    operations = [one for path in json.loads(described.read_text())["paths"].values() for one in path.values()]
    made = {path.stem for path in (folder / "client").rglob("api/*/*.py") if path.stem != "__init__"}
    assert len(made) == len(operations)


def test_every_operation_says_what_it_does(described: Path) -> None:
    """A summary, a description, who may ask, and a tag that is explained."""
    document = json.loads(described.read_text())
    tags = {one["name"]: one["description"] for one in document["tags"]}
    for path, verbs in document["paths"].items():
        for verb, one in verbs.items():
            assert one["summary"] and one["description"] and "security" in one, (verb, path)
            assert all(len(tags[name]) > len(name) + 1 for name in one["tags"]), (verb, path, one["tags"])
